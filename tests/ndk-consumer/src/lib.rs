//! A third party's kernel driver, built as `ndk_consumer.sys`: it finds Network Direct through Winsock Kernel, as Windows
//! offers it to everybody, and moves data with a peer of its kind.
//!
//! It knows nothing of the provider: what it uses of the WDK it declares itself ([`abi`]), and it calls documented kernel
//! functions only. Its service key says what to do ([`settings`]); what came of it, it writes back there.
//!
//! | module | what it does |
//! |---|---|
//! | [`driver`] | DriverEntry, the thread, DriverUnload |
//! | [`settings`] | the service key |
//! | [`adapter`] | WSK registration, the NDK adapter |
//! | [`request`] | calls that complete later, made to wait |
//! | [`buffer`] | memory that both sides reach |
//! | [`queue`] | one queue pair with its completion queue |
//! | [`exchange`] | what listener and connector do |
#![no_std]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a call through an object's table is one step, and the objects are the driver's own"
)]
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_safety_doc,
    reason = "every error is the status of the kernel function that failed; callbacks have the contract of their type"
)]
#![allow(
    clippy::struct_field_names,
    reason = "an adapter holds what NDK calls adapter"
)]

// A shared object needs a panic handler; a host's standard library has one.
#[cfg(not(windows))]
extern crate std;

pub mod abi;
pub mod adapter;
pub mod buffer;
pub mod driver;
pub mod exchange;
#[cfg(windows)]
mod image;
pub mod queue;
pub mod request;
pub mod settings;
