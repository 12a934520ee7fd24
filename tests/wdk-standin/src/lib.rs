//! What wdk-sys gives a WDM driver, under wdk-sys's names, for hosts without a WDK.
//!
//! Only what the driver uses is here. Types stand at the crate root and kernel functions in [`ntddk`], as in wdk-sys;
//! layouts are those of the 10.0.16299 x64 headers. The one difference: functions and callbacks are spelled
//! `extern "win64"`, which is the C convention of x64 Windows, so that a simulated kernel on another host can be called
//! by the linked driver and by its image alike.
#![no_std]
#![expect(
    non_snake_case,
    non_camel_case_types,
    non_upper_case_globals,
    reason = "the names are those that bindgen makes of the WDK headers"
)]

// A shared object of the driver needs a panic handler; the host's standard library has one.
#[cfg(not(windows))]
extern crate std;

mod dma;
#[cfg(windows)]
mod image;
pub mod ntddk;
mod types;

pub use dma::*;
pub use types::*;
