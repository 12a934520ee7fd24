//! Network Direct kernel provider interface (ndkpi.h, NDKPI 2.0).

pub mod callback;
pub mod constant;
pub mod dispatch;
pub mod object;

pub use super::ndis::ndk::*;
pub use super::ndis::{GROUP_AFFINITY, NDIS_HANDLE, NDIS_STATUS};
pub use super::netio::SOCKADDR;

pub use callback::*;
pub use constant::*;
pub use dispatch::*;
pub use object::*;
