//! cng.sys: the system's random numbers, which the seed of the run decides.

use std::ffi::c_void;

use crate::sim::{self, Stream, faults};

use super::context::{Level, enter};

const STATUS_SUCCESS: i32 = 0;
const STATUS_UNSUCCESSFUL: i32 = 0xC000_0001_u32 as i32;
const STATUS_INVALID_HANDLE: i32 = 0xC000_0008_u32 as i32;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
/// `BCRYPT_USE_SYSTEM_PREFERRED_RNG`.
const SYSTEM_PREFERRED: u32 = 2;

/// `BCryptGenRandom` with the system's preferred generator, which is for `PASSIVE_LEVEL` (VRF-32). There are no algorithm handles, so
/// that without the flag every handle is a wrong one.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn BCryptGenRandom(
    algorithm: *mut c_void,
    buffer: *mut u8,
    length: u32,
    flags: u32,
) -> i32 {
    enter("BCryptGenRandom", Level::Passive);
    if flags & SYSTEM_PREFERRED == 0 {
        return STATUS_INVALID_HANDLE;
    }
    if !algorithm.is_null() || buffer.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if faults::fire("BCryptGenRandom") {
        return STATUS_UNSUCCESSFUL;
    }
    let mut bytes = vec![0; length as usize];
    sim::fill(Stream::Entropy, &mut bytes);
    // SAFETY: the caller's buffer has room for them.
    unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    STATUS_SUCCESS
}
