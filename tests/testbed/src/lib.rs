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

#![cfg(not(windows))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_ptr_alignment,
    clippy::not_unsafe_ptr_arg_deref,
    clippy::volatile_composites,
    reason = "a simulated kernel works on the raw memory of the driver throughout"
)]
#![allow(
    clippy::type_complexity,
    clippy::use_self,
    clippy::wrong_self_convention,
    clippy::single_match_else,
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    clippy::let_and_return,
    clippy::box_collection,
    clippy::unnecessary_box_returns,
    clippy::format_push_string,
    clippy::redundant_clone,
    clippy::needless_collect,
    clippy::items_after_statements,
    clippy::or_fun_call,
    clippy::unused_self,
    reason = "style that the code of the testbed does without"
)]

pub mod cli;
pub mod connectx;
pub mod consumers;
pub mod cost;
pub mod driver_source;
pub mod ndis;
pub mod netio;
pub mod nt;
pub mod pci;
pub mod probe;
pub mod sim;
pub mod wire;
pub mod world;
