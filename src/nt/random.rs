//! Random bytes of the system's own generator.

use super::{Passive, Status};
use crate::sys::cng;

/// Bytes that nobody can predict, different after each start of the system.
///
/// # Errors
/// The status of `BCryptGenRandom`.
pub fn bytes<const N: usize>(_: Passive<'_>) -> Result<[u8; N], Status> {
    let mut bytes = [0; N];
    // SAFETY: PASSIVE_LEVEL, a buffer of that length, no handle as the flag asks for.
    let status = unsafe {
        cng::BCryptGenRandom(
            core::ptr::null_mut(),
            bytes.as_mut_ptr(),
            N as u32,
            cng::BCRYPT_USE_SYSTEM_PREFERRED_RNG,
        )
    };
    Status(status).ok()?;
    Ok(bytes)
}
