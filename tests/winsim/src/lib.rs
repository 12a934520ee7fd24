//! A deterministic simulation of Windows hosts in which unmodified kernel drivers run, linked in or as images.
//!
//! | module | what it stands for |
//! |---|---|
//! | [`sim`] | executor of stackful coroutines, virtual clock, seeded choices, fault plan |
//! | [`pci`] | configuration space, BARs, MSI-X, DMA remapping |
//! | [`nt`] | ntoskrnl exports and the verifier |
//! | [`netio`] | netio.sys exports: addresses, routes, neighbours |
//! | [`ndis`] | ndis.sys exports: miniport edge, CoNDIS and NDK edge |
//! | [`wsk`] | Winsock Kernel as far as it opens Network Direct |
//! | [`probe`] | what a call into a driver costs |
//!
//! Each uses those above it alone. Nothing here knows any device or driver; of cxndk only the types of its `sys` are used, which are those
//! of ndis.h and ndkpi.h.

#![cfg(not(windows))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a simulated kernel works on the raw memory of the driver throughout"
)]

pub mod ndis;
pub mod netio;
pub mod nt;
pub mod pci;
pub mod probe;
pub mod sim;
pub mod wsk;
