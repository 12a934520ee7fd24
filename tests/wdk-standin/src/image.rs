//! What a kernel image needs besides imports: the part of wdk-alloc and wdk-panic.

use core::alloc::{GlobalAlloc, Layout};

use crate::{_POOL_TYPE, ntddk};

/// Tag of allocations through `alloc`: `RsSt`.
const TAG: u32 = u32::from_le_bytes(*b"RsSt");
/// `KERNEL_SECURITY_CHECK_FAILURE`: an invariant does not hold.
const BUG_CHECK: u32 = 0x139;

struct Pool;

// SAFETY: blocks come from the pool, which aligns to 16 bytes; anything beyond is refused.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > 16 {
            return core::ptr::null_mut();
        }
        // SAFETY: the size is not 0, as the caller promises; called at <= DISPATCH_LEVEL.
        unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, layout.size() as u64, TAG) }.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: `alloc` gave the block.
        unsafe { ntddk::ExFreePoolWithTag(block.cast(), TAG) }
    }
}

#[global_allocator]
static POOL: Pool = Pool;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: callable anywhere; does not return.
    unsafe { ntddk::KeBugCheckEx(BUG_CHECK, 0, 0, 0, 0) }
}

/// The compiler refers to it when floating point is in use.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
