//! What the driver and its judge take from the same place is held against what is published: device structures, opcodes, Windows' types.
//!
//! Else a wrong offset would be wrong on both sides, and no scenario would notice.

mod device;
mod notation;
mod windows;
