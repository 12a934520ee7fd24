//! Layouts of what the device reads and writes, shared by the driver and the device model.
//!
//! Each structure is an array of big-endian bytes with one line per field, numbered as the PRM numbers bits:
//! `bits f, set_f: 0x0c[28:24]` is bits 28..24 of the big-endian dword at byte 0x0c. Names are those of the published
//! interface layouts. Trailing arrays (page lists, memory translation entries) begin at `SIZE`.

#[macro_use]
mod define;

pub mod caps;
pub mod counter;
pub mod ether_caps;
pub mod ether_queue;
pub mod ether_target;
pub mod hca;
pub mod init_seg;
pub mod mkey;
pub mod opcode;
pub mod qp;
pub mod queue;
pub mod reg;
pub mod resource;
pub mod steering;
pub mod vport;
pub mod wqe;

pub use caps::*;
pub use counter::*;
pub use ether_caps::*;
pub use ether_queue::*;
pub use ether_target::*;
pub use hca::*;
pub use init_seg::*;
pub use mkey::*;
pub use qp::*;
pub use queue::*;
pub use reg::*;
pub use resource::*;
pub use steering::*;
pub use vport::*;
pub use wqe::*;
