//! Network Direct consumers: what lies above the driver on a simulated host.

pub mod copy;
pub mod ndk;
pub mod node;
pub mod signal;
pub mod smb2;
pub mod smbd;
