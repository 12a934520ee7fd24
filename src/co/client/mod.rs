//! The driver's own CoNDIS client: on request it calls itself over the adapter's loopback and reports.
//!
//! | module, low to high | what lives there |
//! |---|---|
//! | [`report`], [`pattern`] | what a program asks and gets; what messages contain |
//! | [`side`], [`run`] | one side of the call; what a run shares with its handlers |
//! | `ask` | what the script asks NDIS for |
//! | `edge`, `protocol` | what NDIS calls: of a CoNDIS client, of a protocol driver |
//! | `script` | what a run does, and how it undoes it from anywhere |
//! | [`control`] | the control device, and one run at a time |
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
