//! NDIS 6: types, constants and imports.

pub mod attributes;
pub mod callback;
pub mod constant;
pub mod driver;
pub mod enums;
pub mod header;
pub mod import;
pub mod interrupt;
pub mod nbl;
pub mod ndk;
pub mod offload;
pub mod oid;
pub mod oids;
pub mod status;

pub use super::ndkpi::*;
pub use super::netio::*;

/// `NDIS_HANDLE`: opaque.
pub type NDIS_HANDLE = *mut core::ffi::c_void;
/// `NDIS_STATUS`; its values are NTSTATUS values.
pub type NDIS_STATUS = i32;

pub use attributes::*;
pub use callback::*;
pub use constant::*;
pub use driver::*;
pub use enums::*;
pub use header::*;
pub use import::*;
pub use interrupt::*;
pub use nbl::*;
pub use ndk::*;
pub use offload::*;
pub use oid::*;
pub use oids::*;
pub use status::*;
