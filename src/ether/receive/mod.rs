//! Receiving: frames from receive queues to NDIS (rules RECV-01 to RECV-10).
//!
//! | module | what lives there |
//! |---|---|
//! | [`buffers`] | the memory of frames and the packets over it |
//! | [`lent`] | what is with NDIS, and the pause that waits for it |
//! | [`queue`] | one queue: posting, completions, indication |
//! | [`verdict`] | what the device found in a frame |

pub mod buffers;
mod lent;
pub mod queue;
pub mod verdict;

use self::{
    lent::Lent,
    queue::{ReceiveQueue, Reception, Shared, queue_of},
    verdict::Beside,
};
use super::scale::{Assignment, MOST_QUEUES, Processor, Scale};
use crate::{
    hw::{
        HwError,
        ether::{Domain, ReceiveTable, ReceiveTarget, Spread},
    },
    nt::{
        NdisHandle, Passive, Ref, Vec,
        packet::{Packet, Packets},
        pool,
        sync::Ordering::Relaxed,
    },
};

/// Whether a packet that came back is a frame. Its first word is the number of a queue; that of a call's packet is an address.
pub fn is_ether(packet: &Packet) -> bool {
    packet.word(0) < MOST_QUEUES
}

/// All receive queues of an adapter, and the target that leads to them.
#[derive(Debug)]
pub struct Receive {
    queues: Vec<Ref<ReceiveQueue>>,
    /// The first queue's.
    target: ReceiveTarget,
    /// What frames are spread over.
    table: ReceiveTable,
    lent: Ref<Lent>,
}

impl Receive {
    /// Makes `count` queues, at least one, closed, and a table that may have `most_entries` entries.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        domain: &Domain,
        ndis: NdisHandle,
        (count, most_entries): (u32, u32),
        reception: Reception,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let count = count.clamp(1, MOST_QUEUES as u32);
        let shared = Shared {
            ndis,
            lent: Ref::try_new(Lent::new(ndis))?,
        };
        let mut queues: Vec<Ref<ReceiveQueue>> = pool::try_with_capacity(count as usize)?;
        for number in 0..count {
            match ReceiveQueue::create(domain, &shared, (number, number), reception, passive) {
                Ok(queue) => queues.push(queue),
                Err(error) => {
                    destroy(&queues, passive);
                    return Err(error);
                }
            }
        }
        let first = queues.first().map(|queue| queue.rqn()).ok_or(HwError::NoMemory)?;
        let target = ReceiveTarget::create(domain, Spread::Direct(first), passive)
            .inspect_err(|_| destroy(&queues, passive))?;
        let table = ReceiveTable::create(domain.device(), most_entries, [first].into_iter(), passive)
            .inspect_err(|_| {
                target.destroy(passive);
                destroy(&queues, passive);
            })?;
        Ok(Self {
            queues,
            target,
            table,
            lent: shared.lent,
        })
    }

    /// Where flow tables send frames.
    pub const fn target(&self) -> &ReceiveTarget {
        &self.target
    }

    /// Queues that there are.
    pub fn count(&self) -> usize {
        self.queues.len()
    }

    /// What frames are spread over.
    pub const fn table(&self) -> &ReceiveTable {
        &self.table
    }

    /// Spreads over the processors of a table, from the next frame on (rules RSS-07, RSS-12).
    ///
    /// # Errors
    /// The command's; then frames are spread as before.
    pub fn spread(&self, scale: &Scale, passive: Passive<'_>) -> Result<(), HwError> {
        let vector = |queue: usize| queue as u32;
        let first = self.queues.first().ok_or(HwError::NoMemory)?;
        let device = first.device();
        let misfit = |queue: usize, processor: Processor| device.misfit(vector(queue), processor.set());
        let assignment = Assignment::of(scale.table(), self.queues.len(), misfit);
        for (processor, queue) in assignment.assigned() {
            if let Some(queue) = self.queues.get(queue) {
                queue.indicate_on(Some(processor));
            }
        }
        let entries = scale.table().iter();
        let numbers = entries.map(|processor| {
            let queue = self.queues.get(assignment.queue_of(*processor));
            queue.unwrap_or(first).rqn()
        });
        self.table.change(numbers, passive)
    }

    /// Frames are indicated wherever they come, and hashes not told.
    pub fn gather(&self) {
        self.queues.iter().for_each(|queue| queue.indicate_on(None));
    }

    /// Looks at the queues of a message that told that there is something, at `DISPATCH_LEVEL`; indicates `most` frames at most of each,
    /// but for those that `elsewhere` sees to on their own processor.
    /// `true` when there may be more: come again.
    #[inline]
    pub fn serve(&self, message: u32, most: u32, elsewhere: impl Fn(Processor) -> bool) -> bool {
        let mut more = false;
        for queue in &self.queues {
            if queue.message() == message
                && queue.is_signalled()
                && !queue.processor().is_some_and(&elsewhere)
            {
                more |= queue.serve(most);
            }
        }
        more
    }

    /// Names the message of each queue that told that there is something that nobody has looked at.
    pub fn each_signal(&self, mut tell: impl FnMut(u32)) {
        for queue in self.queues.iter().filter(|queue| queue.is_signalled()) {
            tell(queue.message());
        }
    }

    /// `MiniportReturnNetBufferLists`: packets of any queues, in any order (rule RECV-03). `<= DISPATCH_LEVEL`.
    pub fn give_back(&self, packets: Packets) {
        if let [only] = &self.queues[..] {
            return only.give_back(packets);
        }
        let parts = packets.deal::<MOST_QUEUES>(queue_of);
        for (queue, part) in self.queues.iter().zip(parts) {
            if !part.is_empty() {
                queue.give_back(part);
            }
        }
    }

    /// Frames are indicated from now on.
    pub fn open(&self) {
        self.queues.iter().for_each(|queue| queue.open());
    }

    /// No frame is indicated any more when this returns. Whether all packets are back from NDIS: if not, the last one completes the pause.
    pub fn close(&self, passive: Passive<'_>) -> bool {
        self.queues.iter().for_each(|queue| queue.close(passive));
        self.lent.pause()
    }

    /// What is told beside frames from now on.
    pub fn tell_beside(&self, beside: Beside) {
        self.queues.iter().for_each(|queue| queue.tell_beside(beside));
    }

    /// Frames that were not indicated: bad ones, and those that nobody could take.
    pub fn dropped(&self) -> (u64, u64) {
        let each = self.queues.iter().map(|queue| queue.dropped());
        each.fold((0, 0), |(bad, discarded), dropped| {
            (
                bad + dropped.bad.load(Relaxed),
                discarded + dropped.discarded.load(Relaxed),
            )
        })
    }

    /// Destroys target and queues, which are closed and to which no table leads.
    pub fn destroy(&self, passive: Passive<'_>) {
        self.table.destroy(passive);
        self.target.destroy(passive);
        destroy(&self.queues, passive);
    }
}

fn destroy(queues: &[Ref<ReceiveQueue>], passive: Passive<'_>) {
    queues.iter().rev().for_each(|queue| queue.destroy(passive));
}
