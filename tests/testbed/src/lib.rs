//! Simulated Windows hosts with ConnectX adapters in which the unmodified driver runs: worlds, consumers, the command line.
//!
//! | module | what it is |
//! |---|---|
//! | [`world`] | hosts with a ConnectX each, the driver loaded, a link between them |
//! | [`slot`], [`environment`] | where the device model and the simulated host meet |
//! | [`driver_source`] | the driver that runs: linked in, or an image |
//! | [`consumers`] | NDK and CoNDIS clients: SMB Direct, copies, calls |
//! | [`cost`] | what calls of the data path cost |
//! | [`cli`] | the commands |
//!
//! What it is built from is here too, under the names that scenarios use: [`winsim`] ([`sim`], [`pci`], [`nt`], [`netio`], [`ndis`], [`probe`]),
//! [`connectx_model`] as [`connectx`], [`roce_wire`] as [`wire`].

#![cfg(not(windows))]
pub mod cli;
pub mod consumers;
pub mod cost;
pub mod driver_source;
pub mod environment;
pub mod slot;
pub mod world;

pub use connectx_model as connectx;
pub use roce_wire as wire;
pub use winsim::{ndis, netio, nt, pci, probe, sim};
