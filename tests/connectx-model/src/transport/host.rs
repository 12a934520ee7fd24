//! What the protocol engine asks of the rest of the device. The state machines see nothing else, so tests can drive them.

use crate::{AccessFault, Accessor, Counter, CqeSpec, Cqn, GidEntry, Key, QpEvent, Qpn, Right, UmrFault};

/// Why host memory could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The memory key does not allow it.
    #[error("{0}")]
    Access(#[from] AccessFault),
    /// A key update was refused.
    #[error("{0}")]
    Update(#[from] UmrFault),
    /// The platform refused the DMA access.
    #[error("the platform refused the DMA access")]
    Dma,
}

/// Bytes behind a memory key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: Key,
    /// First address, in the key's address space.
    pub address: u64,
}

impl Place {
    /// `bytes` further on.
    pub const fn plus(self, bytes: u64) -> Self {
        Self {
            key: self.key,
            address: self.address.wrapping_add(bytes),
        }
    }
}

/// The segments of a UMR WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUpdate {
    /// UMR control segment.
    pub control: [u8; 48],
    /// Memory key context segment.
    pub context: [u8; 64],
}

/// The rest of the device, seen from the engine.
pub trait Host {
    /// Building block `index` (a running counter) of the send ring of `qp`.
    ///
    /// # Errors
    /// The ring is not mapped for the device.
    fn send_block(&self, qp: Qpn, index: u16) -> Result<[u8; 64], Fault>;

    /// Receive WQE `index` (a running counter) of `qp`.
    ///
    /// # Errors
    /// The ring is not mapped for the device.
    fn receive_wqe(&self, qp: Qpn, index: u16) -> Result<Vec<u8>, Fault>;

    /// Dword 1 of the doorbell record: counter of posted send blocks.
    ///
    /// # Errors
    /// The record is not mapped for the device.
    fn posted_sends(&self, qp: Qpn) -> Result<u16, Fault>;

    /// Dword 0 of the doorbell record: counter of posted receive WQEs.
    ///
    /// # Errors
    /// The record is not mapped for the device.
    fn posted_receives(&self, qp: Qpn) -> Result<u16, Fault>;

    /// Checks that `by` may do `right` to `length` bytes at `place`.
    ///
    /// # Errors
    /// It may not.
    fn check(&self, by: Accessor, place: Place, length: u64, right: Right) -> Result<(), Fault>;

    /// Reads the bytes at `place`.
    ///
    /// # Errors
    /// Not allowed, or not mapped for the device.
    fn read(&self, by: Accessor, place: Place, right: Right, into: &mut [u8]) -> Result<(), Fault>;

    /// Writes the bytes at `place`.
    ///
    /// # Errors
    /// Not allowed, or not mapped for the device.
    fn write(&self, by: Accessor, place: Place, right: Right, from: &[u8]) -> Result<(), Fault>;

    /// Changes `key` as a UMR WQE posted on `qp` asks: `control` and `context` segment, and the translation entries.
    ///
    /// # Errors
    /// The key, its state, or the list does not allow it.
    fn update_key(&self, qp: Qpn, key: Key, update: &KeyUpdate, list: &[u8]) -> Result<(), Fault>;

    /// The peer of `by` asks that `key` be invalidated.
    ///
    /// # Errors
    /// It may not be.
    fn invalidate(&self, by: Accessor, key: Key) -> Result<(), Fault>;

    /// Writes a completion. `false` when the queue has overrun or is broken; the queue pair must fail then.
    fn complete(&self, queue: Cqn, completion: CqeSpec) -> bool;

    /// The driver did what no use of a queue pair has a reason for.
    fn mistake(&self, qp: Qpn, what: &str);

    /// Raises an affiliated asynchronous event.
    fn raise(&self, qp: Qpn, event: QpEvent);

    /// `qp` is in the error state from now on, or only its send queue is.
    fn failed(&self, qp: Qpn, send_queue_only: bool);

    /// Adds one to an event counter of the set that `qp` uses.
    fn count(&self, qp: Qpn, counter: Counter);

    /// Own address `index`.
    fn address(&self, index: u8) -> Option<GidEntry>;

    /// The own address with that GID.
    fn address_of(&self, gid: &[u8; 16]) -> Option<GidEntry>;

    /// Sends a whole Ethernet frame.
    fn send(&self, frame: Vec<u8>);
}
