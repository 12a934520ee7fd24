//! What a kernel image needs besides imports: the part of wdk-panic.

use crate::ntddk;

/// The code with which a panic stops the machine: `RPNC`.
const BUG_CHECK: u32 = u32::from_be_bytes(*b"RPNC");

/// Stops the machine; the parameters say where: address and length of the file's name, line, column.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let (file, length, line, column) = info.location().map_or((0, 0, 0, 0), |place| {
        let file = place.file();
        (
            file.as_ptr() as u64,
            file.len() as u64,
            place.line(),
            place.column(),
        )
    });
    // SAFETY: callable anywhere; does not return.
    unsafe { ntddk::KeBugCheckEx(BUG_CHECK, file, length, line.into(), column.into()) }
}

/// The compiler refers to it when floating point is in use.
#[unsafe(no_mangle)]
static _fltused: i32 = 0;
