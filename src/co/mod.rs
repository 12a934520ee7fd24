//! The CoNDIS call manager: virtual circuits that are reliable connections.
//!
//! | module | what lives there |
//! |---|---|
//! | [`manager`] | what the adapter starts, asks and stops |
//! | [`format`], [`params`] | what clients write into SAPs and call parameters; reading and lending them |
//! | [`family`], [`sap`], [`vc`] | the objects that NDIS knows: opens of the address family, SAPs, VCs |
//! | [`call`], [`close`], [`quality`] | what a VC's worker does with its call |
//! | [`leg`], [`link`] | one connection of a VC; its hardware |
//! | [`send`], [`sends`], [`receive`] | the data path |
//! | [`wire`] | what two call managers tell each other |
//! | [`edge`], [`upcall`] | what NDIS calls; what NDIS is told |
//! | [`client`] | the driver's own client, for its self-test |
//!
//! Rules named like CLOSE-08 are those of the project's CoNDIS reference.

pub mod call;
pub mod client;
pub mod close;
pub mod edge;
pub mod family;
pub mod format;
pub mod leg;
pub mod link;
pub mod manager;
pub mod params;
pub mod quality;
pub mod receive;
pub mod sap;
pub mod send;
pub mod sends;
pub mod upcall;
pub mod vc;
pub mod wire;

pub use self::manager::{Manager, Parts};
