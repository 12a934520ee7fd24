//! The wire: RoCEv2 packets, links between two ports with bandwidth, latency and faults, and captures of what passes.
//!
//! Links ask an [`Environment`] for time and chance; [`Timeline`] is one for whoever has no simulation of their own.

#![cfg(not(windows))]

pub mod capture;
pub mod environment;
pub mod headers;
pub mod icrc;
pub mod link;
pub mod opcode;
pub mod packet;
pub mod switch;
pub mod timeline;

pub use capture::Capture;
pub use environment::{Environment, EventId, Surroundings};
pub use headers::{Aeth, AtomicEth, Bth, Deth, Ethernet, Extended, Mac, Network, Reth};
pub use link::{Counters, Faults, Link, LinkConfig, Port};
pub use opcode::{Layout, Opcode, Position};
pub use packet::{Headers, MIN_FRAME, Packet, PacketError, ROCE_PORT};
pub use switch::{Switch, SwitchConfig, SwitchCounters};
pub use timeline::Timeline;
