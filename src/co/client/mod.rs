//! The driver's own CoNDIS client: on request it calls itself over the adapter's loopback and reports.
//!
//! | module | what lives there |
//! |---|---|
//! | [`report`] | what a program asks and gets |
//! | [`control`] | the control device, and one run at a time |
//! | [`run`] | what a run shares with its handlers |
//! | `script` | what a run does, and how it undoes it from anywhere |
//! | `ask` | what the script asks NDIS for |
//! | `protocol`, `edge` | what NDIS calls: of a protocol driver, of a CoNDIS client |
//! | [`side`], [`pattern`] | the two sides of the call; what messages contain |
//!
//! The client has no more of the call manager than any other client has: both talk through NDIS alone.

mod ask;
pub mod control;
mod edge;
pub mod pattern;
mod protocol;
pub mod report;
pub mod run;
mod script;
pub mod side;

pub use self::control::SelfTest;
