//! The wire: RoCEv2 packets, links between two ports with bandwidth, latency and faults, and captures of what passes.

pub mod capture;
pub mod headers;
pub mod icrc;
pub mod link;
pub mod opcode;
pub mod packet;

pub use capture::Capture;
pub use headers::{Aeth, AtomicEth, Bth, Deth, Ethernet, Extended, Mac, Network, Reth};
pub use link::{Counters, Faults, Link, LinkConfig, Port};
pub use opcode::{Layout, Opcode, Position};
pub use packet::{Headers, MIN_FRAME, Packet, PacketError, ROCE_PORT};
