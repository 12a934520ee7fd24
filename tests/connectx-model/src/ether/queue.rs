//! Rings of send and receive queues, and the states of both (connectx-ethernet 1.4, 1.5).

use std::cell::{Cell, RefCell};

use cxndk::hw::layout::{Rqc, Sqc, Wq};

use crate::ids::{Cqn, Pdn, Qpn, Uarn};
use crate::memory::PagedBuffer;
use crate::{Accessor, Device, DmaFault};

/// Where a queue is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// Doorbells are ignored; nothing arrives.
    Reset = 0,
    /// At work.
    Ready = 1,
    /// An error has stopped it.
    Error = 3,
}

impl QueueState {
    /// The state of this code.
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Reset),
            1 => Some(Self::Ready),
            3 => Some(Self::Error),
            _ => None,
        }
    }

    /// Whether a command may bring a queue from here to there.
    pub const fn may_become(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::Reset, Self::Reset | Self::Ready)
                | (Self::Ready, Self::Ready | Self::Error | Self::Reset)
                | (Self::Error, Self::Error | Self::Reset)
        )
    }
}

/// A ring of elements in host memory, with its doorbell record.
#[derive(Debug)]
pub struct WorkQueue {
    /// Its pages.
    pub buffer: PagedBuffer,
    /// log2 of its elements.
    pub log_size: u32,
    /// log2 of the bytes of an element.
    pub log_stride: u32,
    /// The protection domain of what its elements name.
    pub pd: Pdn,
    /// Bus address of its doorbell record: dword 0 counts receives, dword 1 sends.
    pub record: u64,
    /// Elements that the device has taken.
    pub consumed: Cell<u16>,
}

impl WorkQueue {
    /// The ring that `wq` describes in `buffer`.
    pub fn new(wq: &Wq, buffer: PagedBuffer) -> Self {
        Self {
            buffer,
            log_size: wq.log_wq_sz(),
            log_stride: wq.log_wq_stride(),
            pd: Pdn(wq.pd()),
            record: wq.dbr_addr(),
            consumed: Cell::new(0),
        }
    }

    /// Bytes of the ring that `wq` describes.
    pub const fn bytes(wq: &Wq) -> u64 {
        1 << (wq.log_wq_sz() + wq.log_wq_stride())
    }

    /// Counter of elements that the driver has posted.
    pub fn posted(&self, device: &Device, dword: u64) -> Result<u16, DmaFault> {
        let mut record = [0; 4];
        device.dma_read(self.record + 4 * dword, &mut record)?;
        Ok(u32::from_be_bytes(record) as u16)
    }

    /// So many elements are used up.
    pub fn take(&self, count: u16) {
        self.consumed.set(self.consumed.get().wrapping_add(count));
    }

    /// The bytes of `count` elements from the one with this counter on.
    pub fn elements(&self, device: &Device, counter: u16, count: u16) -> Result<Vec<u8>, DmaFault> {
        let stride = 1_usize << self.log_stride;
        let mut bytes = vec![0; stride * usize::from(count)];
        for (number, element) in (0_u16..).zip(bytes.chunks_exact_mut(stride)) {
            let index = u64::from(counter.wrapping_add(number)) & ((1 << self.log_size) - 1);
            self.buffer.read(device, index << self.log_stride, element)?;
        }
        Ok(bytes)
    }

    /// In whose name `queue` reaches memory.
    pub const fn accessor(&self, queue: Qpn) -> Accessor {
        Accessor {
            pd: self.pd,
            qpn: queue,
            reserved_lkey: false,
        }
    }
}

/// A send queue.
pub struct Sq {
    /// Its number.
    pub number: Qpn,
    /// Its state.
    pub state: Cell<QueueState>,
    /// Where it completes.
    pub cq: Cqn,
    /// Its TIS.
    pub tis: u32,
    /// The page that it is rung through.
    pub uar: Uarn,
    /// The ring.
    pub ring: WorkQueue,
    /// The context as it was given.
    pub context: RefCell<Sqc>,
    /// It is about to look at its ring.
    pub awake: Cell<bool>,
}

/// A receive queue.
pub struct Rq {
    /// Its number.
    pub number: Qpn,
    /// Its state.
    pub state: Cell<QueueState>,
    /// Where it completes.
    pub cq: Cqn,
    /// The ring.
    pub ring: WorkQueue,
    /// The context as it was given.
    pub context: RefCell<Rqc>,
}
