//! Network Direct consumers and CoNDIS clients: what lies above the driver on a simulated host.

pub mod condis;
pub mod copy;
pub mod ndk;
pub mod node;
pub mod signal;
pub mod smb2;
pub mod smbd;
