//! The ConnectX device.

pub mod layout;
