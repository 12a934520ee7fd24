//! Simulated ndis.sys: what a miniport imports, and what NDIS does with a miniport.
//!
//! [`Driver::load`] runs a `DriverEntry` on a host; [`Driver::add_device`] brings it a PCI function with the keywords of an
//! INF; [`Adapter`] drives it through the states of miniport.md section 2 and sends it OID requests and frames;
//! [`Adapter::open_ndk`] opens its Network Direct provider for a consumer, through the verifier of [`ndk`]. All of it is
//! called from any context of [`crate::sim`] and runs in one of the host, at `PASSIVE_LEVEL`.
//!
//! Every DDI that allocates or registers is a fault point of [`crate::sim::faults`] under its own name, and
//! `"shared memory completion"` is one for the result of `NdisMAllocateSharedMemoryAsyncEx`.
//!
//! What is enforced here. What is not listed is enforced by [`crate::nt`] or in [`condis`], or concerns imports and handlers that
//! the driver lacks (VRF-11, VRF-21, VRF-25):
//!
//! | rule | where | caught in test |
//! |---|---|---|
//! | VRF-01, VRF-03 ... VRF-07, VRF-44 | `oid` | `tests::oids` |
//! | VRF-02 | `oid`: a completion from a work item is a completion | `tests::oids` |
//! | VRF-08, VRF-09, VRF-37 ... VRF-40, SEND-03, SEND-04, SEND-08, OFL-07 | `send` | `tests::sends` |
//! | RECV-01, RECV-04 ... RECV-08, OFL-03, SEND-08, SEND-12, VRF-38 ... VRF-40, VRF-43 | `receive`, `wants` | `tests::frames`, `tests::interrupts` |
//! | RECV-02, RECV-03, VRF-37, VRF-39 | `lent` | `tests::frames` |
//! | DMA-03 ... DMA-06, VRF-34, VRF-45 | `sg_list`, `send` | `tests::maps` |
//! | SEND-08, SEND-12, DATA-12, VRF-37, VRF-38 | `protocol`, `lent` | `tests::listeners` |
//! | VRF-10, STATE-01, STATE-03 | `flow`, `pnp` | `tests::states` |
//! | VRF-12 | `pnp`: [`Adapter::check_mandatory_oids`] | `tests::oids` |
//! | VRF-13 ... VRF-15, VRF-17, VRF-19, VRF-42 | `adapter` | `tests::leaks` |
//! | VRF-16, INT-01, INT-02, INT-09 | `interrupt` | `tests::interrupts` |
//! | VRF-18 | `timer` | `tests::leaks` |
//! | RESTART-01, RESTART-03 | `restart` | `tests::states` |
//! | DRV-04, DRV-05, DRV-08, DRV-12 | `driver` | `tests::states` |
//! | DMA-01, DMA-11 | `dma`, `flow`, `adapter` | `tests::states`, `tests::leaks` |
//! | VRF-20 | `event`, `timer` | `tests::leaks` |
//! | VRF-22, VRF-28, DMA-07, INIT-03 | `dma`, `flow` | `tests::leaks` |
//! | VRF-23, VRF-26 | `status` | `tests::states` |
//! | VRF-24, VRF-41, INIT-01, INIT-02, ATTR-01 ... ATTR-05 | `resource`, `attributes`, `flow` | `tests::states` |
//! | VRF-32, VRF-33, VRF-35 | `kernel`: every export names its level | `tests::states` |
//! | VRF-45 | `dma`: nothing is left at the deregistration of DMA | `tests::leaks` |
//! | VRF-46 | [`registry::Registry::fuzz`] | tests of the driver |
//! | PROTO-DEVICE, VRF-42 | `control_device` | `tests::devices` |
//! | VRF-47, VRF-48, VRF-49 | [`ndk`] | `ndk::tests` |
//!
//! Packets, their pools and MDLs (VRF-19, VRF-20, VRF-37, VRF-39, VRF-42 and DATA-05 of the CoNDIS contract) are in `packet`, and caught in
//! `packet::tests`. CoNDIS is in [`condis`], protocol drivers above adapters are in `protocol`.

mod adapter;
mod assigned;
mod attributes;
pub mod condis;
mod configuration;
mod control_device;
mod dma;
mod driver;
mod event;
mod flow;
pub mod inf;
mod interrupt;
mod kernel;
mod lent;
pub mod ndk;
mod oid;
mod outgoing;
mod packet;
mod personality;
mod placement;
mod pnp;
mod protocol;
mod receive;
pub mod registry;
mod resource;
mod restart;
mod send;
mod sg_list;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod timer;
mod traffic;
mod transition;
mod wants;
mod work;

pub use adapter::State;
pub use attributes::General;
pub use control_device::{ControlHandle, ControlRequest};
pub use interrupt::{DEVICE_IRQL, WaitingMessage, interrupts_served};
pub use ndk::edge::{NdkAdapter, NdkEvent, open_ndk_of_interface};
pub use oid::OidError;
pub use outgoing::{LargeSend, Outgoing};
pub use personality::{
    DpcObjects, FailedStart, InterruptAnswer, LastProtocol, Personality, PowerEvent, ResourceList,
    SendsAtPause,
};
pub use placement::MESSAGE_POLICY;
pub use pnp::{Adapter, Device, Driver, StartError};
pub use receive::{Listener, Received};
pub use send::Completion;
pub use status::{Indication, LogEntry};
pub use table::STALE_HANDLE;
