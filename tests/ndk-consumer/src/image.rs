//! What a kernel image needs besides its own code.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    /// `KERNEL_SECURITY_CHECK_FAILURE`: an invariant does not hold.
    const BUG_CHECK: u32 = 0x139;
    // SAFETY: callable anywhere; does not return.
    unsafe { crate::abi::KeBugCheckEx(BUG_CHECK, 0, 0, 0, 0) }
}

/// The compiler refers to it when floating point is in use.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
