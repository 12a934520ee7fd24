//! A deterministic simulation of Windows hosts and of ConnectX adapters in which the unmodified driver runs.
//!
//! | module | what it stands for |
//! |---|---|
//! | [`sim`] | executor of stackful coroutines, virtual clock, seeded choices, fault plan |
//! | [`nt`] | ntoskrnl exports and the verifier |
//! | [`ndis`] | ndis.sys exports: miniport edge and NDK edge |
//! | [`netio`] | netio.sys exports: addresses, routes, neighbours |
//! | [`pci`] | configuration space, BARs, MSI-X, DMA remapping |
//! | [`connectx`] | the device model |
//! | [`wire`] | links, packets, capture |
//! | [`consumers`] | NDK consumers: SMB Direct, perf |

pub mod cli;
pub mod connectx;
pub mod consumers;
pub mod cost;
pub mod ndis;
pub mod netio;
pub mod nt;
pub mod pci;
pub mod probe;
pub mod sim;
pub mod wire;
pub mod world;
