//! Cryptography Next Generation: random numbers (`bcrypt.h`).

use core::ffi::c_void;

use wdk_sys::NTSTATUS;

/// `BCRYPT_USE_SYSTEM_PREFERRED_RNG`: no algorithm handle; `PASSIVE_LEVEL` only.
pub const BCRYPT_USE_SYSTEM_PREFERRED_RNG: u32 = 0x0000_0002;

#[cfg_attr(windows, link(name = "cng.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "win64" {
    /// `BCryptGenRandom`.
    pub fn BCryptGenRandom(
        algorithm: *mut c_void,
        buffer: *mut u8,
        buffer_length: u32,
        flags: u32,
    ) -> NTSTATUS;
}
