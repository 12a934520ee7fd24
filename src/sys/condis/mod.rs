//! CoNDIS (ndis.h): connection-oriented miniports, call managers and clients; protocol drivers; control devices.

pub mod binding;
pub mod call;
pub mod callback;
pub mod characteristics;
pub mod constant;
pub mod device;
pub mod import_client;
pub mod import_manager;
pub mod import_packet;

pub use binding::*;
pub use call::*;
pub use callback::*;
pub use characteristics::*;
pub use constant::*;
pub use device::*;
pub use import_client::*;
pub use import_manager::*;
pub use import_packet::*;
