//! The wire: RoCEv2 packets, links between two ports with bandwidth, latency and faults, and captures of what passes.

pub mod headers;
pub mod icrc;
pub mod opcode;
pub mod packet;

pub use headers::{Aeth, AtomicEth, Bth, Deth, Ethernet, Extended, Mac, Network, Reth};
pub use opcode::{Layout, Opcode, Position};
pub use packet::{Headers, MIN_FRAME, Packet, PacketError, ROCE_PORT};
