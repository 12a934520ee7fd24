//! IP helper: addresses, routes, neighbours.

pub mod address;
pub mod enums;
pub mod import;

pub use address::*;
pub use enums::*;
pub use import::*;
