//! What wdk gives a WDM driver, under wdk's names, for hosts without a WDK: output to the debugger, and what a status means.
//!
//! Only what the driver uses is here.
#![no_std]

mod print;

pub use print::_print;
pub use wdk_standin::NT_SUCCESS as nt_success;
