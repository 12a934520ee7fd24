//! The CoNDIS call manager: virtual circuits that are reliable connections.
//!
//! | module, low to high | what lives there |
//! |---|---|
//! | [`format`] | what clients write into SAPs and call parameters, and say at the end |
//! | [`wire`] | what two call managers tell each other |
//! | [`upcall`], [`params`] | what NDIS is told; reading and lending call parameters |
//! | [`services`] | what every part works with |
//! | [`link`] | the hardware of one connection |
//! | [`sends`], [`circuit`], [`send`] | the send side of a VC, and what else its legs share |
//! | [`receives`], [`channel`] | the receive side of one connection |
//! | [`machine`] | the state machines of calls and legs, pure code |
//! | [`leg`] | one connection of a VC, with a peer or a party |
//! | [`family`], [`sap`], [`vc`] | the objects that NDIS knows: opens of the address family, SAPs, VCs |
//! | [`worker`], [`quality`] | what a VC's worker does for its call |
//! | [`arrival`] | a peer's call |
//! | [`manager`], [`edge`] | what the adapter starts, asks and stops; what NDIS calls |
//! | [`client`] | the driver's own client, for its self-test |
//!
//! Rules named like CLOSE-08 are those of `docs/rules/condis.md`.

pub mod arrival;
pub mod channel;
pub mod circuit;
pub mod client;
pub mod edge;
pub mod family;
pub mod format;
pub mod leg;
pub mod link;
pub mod machine;
pub mod manager;
pub mod params;
pub mod quality;
pub mod receives;
pub mod sap;
pub mod send;
pub mod sends;
pub mod services;
pub mod upcall;
pub mod vc;
pub mod wire;
pub mod worker;

pub use self::manager::Manager;
