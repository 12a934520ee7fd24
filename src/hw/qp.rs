//! Queue pairs: reliable connections, and the general services queue pair.

use super::{
    command::{Command, Commander},
    commands::qp::{CreateQp, DestroyQp, Init2Rtr, QpToError, QpToReset, Rst2Init, Rtr2Rts},
    cq::Cq,
    device::Device,
    error::HwError,
    layout::Qpc,
    pd::Pd,
    receive_queue::{self, ReceiveQueue},
    send_queue::{self, PageLists, SendQueue, page_lists},
    target::QpTarget,
    types::{Cqn, Qpn, ceil_log2, floor_log2},
    wqe,
};
use crate::nt::{
    Once, Passive, Ref, SharedMemory, SpinLock,
    ring::{Circle, Record, Ring},
    sync::{AtomicBool, Ordering::AcqRel},
};

pub use super::{
    qp_attributes::{QpKind, ReadyToReceive, ReadyToSend, udp_source_port},
    target::QpEvent,
};

/// Bytes set apart for the doorbell record, one cache line.
const RECORD: u32 = 64;
/// log2 of the longest message: lengths of pieces have 31 bits.
const LOG_MAX_MESSAGE: u32 = 30;
/// Bytes of a send queue block.
const BLOCK: u32 = 64;
/// The longest list of pieces that the interface's receive elements hold here.
const MAX_RECEIVE_SGES: u32 = 32;
/// The most pieces of a request of the send queue here, which fit nine blocks.
const MAX_SEND_SGES: u32 = 32;
/// log2 of the elements of a queue: a 16-bit counter tells them apart.
const LOG_MAX_ELEMENTS: u32 = 15;

/// How to make a queue pair.
#[derive(Clone, Copy, Debug)]
pub struct QpParams<'a> {
    /// What it is for.
    pub kind: QpKind,
    /// Its protection domain.
    pub pd: &'a Pd,
    /// Where sends complete.
    pub send_cq: &'a Cq,
    /// Where receives complete; may be the same.
    pub receive_cq: &'a Cq,
    /// Requests of the send queue that may be outstanding.
    pub send_depth: u32,
    /// Make the queue pair also when the device's longest send queue does not hold `send_depth` of the longest requests: then
    /// requests are refused as [`send_queue::PostError::Full`] earlier, if they are long.
    pub may_crowd: bool,
    /// Pieces of a request of the send queue.
    pub send_sges: u32,
    /// Bytes of inline data, [`wqe::MAX_INLINE`] at most.
    pub inline_bytes: u32,
    /// Pages of a fast registration; 0 when none will be posted. Lists of that length come with [`Qp::enable_page_lists`].
    pub fast_register_pages: u32,
    /// Receives that may be outstanding.
    pub receive_depth: u32,
    /// Pieces of a receive.
    pub receive_sges: u32,
    /// What completions carry as `user_index`, 24 bits.
    pub user_index: u32,
}

/// How the requests of a queue pair end, once [`Qp::end_requests`] has returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// By completions of the device, which reaches no consumer's memory for them any more.
    ByDevice,
    /// In software: the device has forgotten them.
    InSoftware,
    /// With the device, which is dead: its completion queues are told.
    WithDevice,
}

/// Layout of a queue pair's memory: receive ring, send ring, doorbell record, page lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QpShape {
    /// log2 of the receives.
    pub log_receives: u32,
    /// log2 of the 16-byte segments of a receive.
    pub log_receive_segments: u32,
    /// log2 of the send queue's blocks.
    pub log_blocks: u32,
    /// Blocks of the longest request.
    pub blocks_per_request: u32,
    /// log2 of the entries of a page list.
    pub log_list_entries: u32,
    /// log2 of the page lists.
    pub log_lists: u32,
}

impl QpShape {
    /// The shape for these depths and limits.
    ///
    /// # Errors
    /// [`HwError::Limit`] when they are beyond the interface or `log_max_blocks`.
    pub fn new(params: &QpParams<'_>, log_max_blocks: u32) -> Result<Self, HwError> {
        if params.send_sges > MAX_SEND_SGES || params.receive_sges > MAX_RECEIVE_SGES {
            return Err(HwError::Limit("scatter/gather entries"));
        }
        if params.inline_bytes > wqe::MAX_INLINE {
            return Err(HwError::Limit("inline data"));
        }
        let log_list_entries = ceil_log2(params.fast_register_pages);
        if log_list_entries > page_lists::MAX_LOG_ENTRIES {
            return Err(HwError::Limit("pages of a fast registration"));
        }
        let blocks = send_queue::blocks_per_request(params.kind, params.send_sges, params.inline_bytes);
        let (depth, receives) = (params.send_depth.max(1), params.receive_depth.max(1));
        let (log_depth, log_receives) = (ceil_log2(depth), ceil_log2(receives));
        let log_most = log_max_blocks.min(LOG_MAX_ELEMENTS);
        if log_depth > log_most || log_receives > log_most {
            return Err(HwError::Limit("queue depth"));
        }
        let log_wanted = ceil_log2(depth * blocks);
        if log_wanted > log_most && !params.may_crowd {
            return Err(HwError::Limit("queue depth"));
        }
        Ok(Self {
            log_receives: log_receives.max(2),
            log_receive_segments: ceil_log2(params.receive_sges.max(1)),
            log_blocks: log_wanted.min(log_most),
            blocks_per_request: blocks,
            log_list_entries,
            log_lists: log_depth,
        })
    }

    /// Where the send ring begins.
    pub const fn send_offset(&self) -> u32 {
        16 << (self.log_receives + self.log_receive_segments)
    }

    /// Bytes of both rings.
    pub const fn ring_bytes(&self) -> u32 {
        self.send_offset() + (BLOCK << self.log_blocks)
    }

    /// Bytes of all page lists.
    pub const fn list_bytes(&self) -> u32 {
        8 << (self.log_lists + self.log_list_entries)
    }
}

/// A queue pair. Transitions are serialised by the caller; the queues have their own rules.
#[derive(Debug)]
pub struct Qp {
    device: Ref<Device>,
    memory: Ref<SharedMemory>,
    shape: QpShape,
    /// Page lists are given to the send queue.
    giving: SpinLock<()>,
    send: SendQueue,
    receive: ReceiveQueue,
    kind: QpKind,
    /// What it was made with.
    context: Qpc,
    qpn: Qpn,
    alive: AtomicBool,
}

impl Qp {
    /// Makes a queue pair in the reset state.
    ///
    /// # Errors
    /// [`HwError::Limit`], [`HwError::NoMemory`], the command's.
    pub fn create(
        device: &Ref<Device>,
        params: &QpParams<'_>,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let shape = QpShape::new(params, device.caps().log_max_qp_blocks)?;
        let memory = device.shared_pages(shape.ring_bytes() + RECORD, passive)?;
        let send_slots = Circle::try_new(shape.log_blocks)?;
        let receive_contexts = Circle::try_new(shape.log_receives)?;
        let uar = device.uars().deal()?;
        let doorbell = uar.send_doorbell()?;
        let context = context(params, &shape, &memory, uar.index().raw());
        let made = {
            let pages = memory.pages(shape.ring_bytes());
            device.commander().execute(&CreateQp { context, pages }, passive)
        };
        let qpn = device.made(made, &memory)?;
        if let Err(error) = device.queues().add_qp(device.events(), qpn) {
            device.release(&memory, destroy(device.commander(), qpn, passive));
            return Err(error);
        }
        let max_message = 1 << device.caps().log_max_message.min(LOG_MAX_MESSAGE);
        let send = SendQueue::new(send_queue::Parts {
            ring: Ring::new(&memory, shape.send_offset(), shape.log_blocks + 2),
            slots: send_slots,
            record: Record::new(&memory, shape.ring_bytes() + 4),
            doorbell,
            lists: Once::new(),
            qpn,
            blocks: 1 << shape.log_blocks,
            limit: (1 << shape.log_blocks) - shape.blocks_per_request as u16,
            max_sges: params.send_sges,
            max_inline: params.inline_bytes,
            max_message,
            local_key: params.pd.local_key(),
            umr_reporting: send_queue::umr_reporting(device.caps().umr_fence),
        });
        let receive = ReceiveQueue::new(receive_queue::Parts {
            ring: Ring::new(&memory, 0, shape.log_receives + shape.log_receive_segments),
            contexts: receive_contexts,
            record: Record::new(&memory, shape.ring_bytes()),
            size: 1 << shape.log_receives,
            log_segments: shape.log_receive_segments,
            max_sges: params.receive_sges.max(1),
            max_message,
            terminator: device.terminate_key(),
        });
        let (device, kind, alive) = (device.clone(), params.kind, AtomicBool::new(true));
        Ok(Self {
            device,
            memory,
            shape,
            giving: SpinLock::new(()),
            send,
            receive,
            kind,
            context,
            qpn,
            alive,
        })
    }

    /// Makes room for the pages of fast registrations that are too many for a request; again is nothing. Callers may be many.
    ///
    /// # Errors
    /// [`HwError::NoMemory`].
    pub fn enable_page_lists(&self, passive: Passive<'_>) -> Result<(), HwError> {
        if self.send.page_list_memory().is_some() {
            return Ok(());
        }
        let memory = self.device.shared_pages(self.shape.list_bytes(), passive)?;
        let lists = page_lists(&memory, &self.shape)?;
        let second = {
            // Whoever comes second finds the lists of the first in use when the lock is theirs.
            let _one = self.giving.lock();
            self.send.give_page_lists(lists)
        };
        drop(second);
        Ok(())
    }

    /// Names who is told about events.
    pub fn attach(&self, target: Ref<dyn QpTarget>) {
        self.device.events().attach_qp(self.qpn, target);
    }

    /// Its number.
    pub const fn number(&self) -> Qpn {
        self.qpn
    }

    /// The send queue.
    #[inline]
    pub const fn send(&self) -> &SendQueue {
        &self.send
    }

    /// The receive queue.
    #[inline]
    pub const fn receive(&self) -> &ReceiveQueue {
        &self.receive
    }

    /// Reset to init: receives may be posted from here on.
    ///
    /// # Errors
    /// The command's.
    pub fn to_init(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let command = Rst2Init {
            qpn: self.qpn,
            gsi: self.kind == QpKind::Gsi,
            context: self.context,
        };
        Ok(self.device.commander().execute(&command, passive)?)
    }

    /// Init to ready-to-receive, reliable connections.
    ///
    /// # Errors
    /// The command's.
    pub fn to_ready_to_receive(
        &self,
        attributes: &ReadyToReceive,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let caps = self.device.caps();
        let log_max_message = caps.log_max_message;
        let log_responder =
            ceil_log2(u32::from(attributes.responder_resources)).min(caps.log_max_responder_reads);
        let command = Init2Rtr::connected(self.qpn, attributes, log_max_message, log_responder);
        Ok(self.device.commander().execute(&command, passive)?)
    }

    /// Ready-to-receive to ready-to-send, reliable connections.
    ///
    /// # Errors
    /// The command's.
    pub fn to_ready_to_send(&self, attributes: &ReadyToSend, passive: Passive<'_>) -> Result<(), HwError> {
        let log_max = self.device.caps().log_max_initiator_reads;
        // The device counts in powers of two: fewer reads than the peer serves at a time, never more.
        let log_initiator = floor_log2(u32::from(attributes.initiator_depth)).min(log_max);
        let command = Rtr2Rts::connected(self.qpn, attributes, log_initiator);
        Ok(self.device.commander().execute(&command, passive)?)
    }

    /// Init over ready-to-receive to ready-to-send, datagram queue pairs.
    ///
    /// # Errors
    /// The command's.
    pub fn start_datagrams(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let commander = self.device.commander();
        commander.execute(&Init2Rtr::datagram(self.qpn), passive)?;
        Ok(commander.execute(&Rtr2Rts::datagram(self.qpn), passive)?)
    }

    /// Ends everything that is outstanding; the device reaches no memory for it any more when this returns. Legal from every state.
    ///
    /// By the error state, in which the device completes everything with the flush error, in order. A device that refuses that again and
    /// again is asked to reset the queue pair; one that refuses this too is given up, since nothing else ends its DMA.
    pub fn end_requests(&self, passive: Passive<'_>) -> End {
        let commander = self.device.commander();
        let qpn = self.qpn;
        if commander.dispose(&QpToError { qpn }, passive) {
            return End::ByDevice;
        }
        if commander.dispose(&QpToReset { qpn }, passive) {
            return End::InSoftware;
        }
        self.device.give_up(QpToError::OPCODE, passive);
        End::WithDevice
    }

    /// To the reset state: the device forgets both queues, and so do we. Completions that are in the completion queues already
    /// must have been polled or must be ignored by the caller. Legal from every state.
    ///
    /// # Errors
    /// The command's.
    pub fn to_reset(&self, passive: Passive<'_>) -> Result<(), HwError> {
        self.device
            .commander()
            .execute(&QpToReset { qpn: self.qpn }, passive)?;
        self.send.reset();
        self.receive.reset();
        Ok(())
    }

    /// Back to init, for a queue pair of a connection that was given up before the peer could send: receives that were posted stay.
    /// The device begins with the first one again, so that none may have been used.
    ///
    /// # Errors
    /// The command's; the queue pair is of no use then but to be moved to the error state.
    pub fn back_to_init(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let reset = QpToReset { qpn: self.qpn };
        self.device.commander().execute(&reset, passive)?;
        self.to_init(passive)
    }

    /// Destroys the queue pair. The device is done with all of its memory and that of its requests when this returns: a device that will
    /// not destroy it is given up. Once; again is nothing.
    ///
    /// `forget` is called when no completion and no event of it comes any more, and before the device has its number back, which it
    /// gives out again as it likes: whoever knows the queue pair by its number forgets it there.
    ///
    /// Returns whether the device is done. If not, it is dead and nothing cuts it off: memory of outstanding requests must outlive it, see
    /// [`Device::release`].
    pub fn destroy(&self, passive: Passive<'_>, forget: impl FnOnce()) -> bool {
        if !self.alive.swap(false, AcqRel) {
            return true;
        }
        let commander = self.device.commander();
        // Its failure shows in the destroy command too.
        let _ = commander.execute(&QpToReset { qpn: self.qpn }, passive);
        self.device
            .queues()
            .forget_qp(self.device.events(), self.qpn, passive);
        forget();
        let done = destroy(commander, self.qpn, passive) || self.device.give_up(DestroyQp::OPCODE, passive);
        self.device.release(&self.memory, done);
        if let Some(lists) = self.send.page_list_memory() {
            self.device.release(lists, done);
        }
        done
    }
}

/// Whether the device said that it is destroyed.
fn destroy(commander: &Commander, qpn: Qpn, passive: Passive<'_>) -> bool {
    commander.dispose(&DestroyQp { qpn }, passive)
}

fn page_lists(memory: &Ref<SharedMemory>, shape: &QpShape) -> Result<PageLists, HwError> {
    let words = Ring::new(memory, 0, shape.log_list_entries + shape.log_lists);
    let log_pages = (shape.log_list_entries + shape.log_lists).saturating_sub(page_lists::MAX_LOG_ENTRIES);
    let mut addresses = memory.pages(shape.list_bytes());
    let pages = Circle::try_from_fn(log_pages, || addresses.next().unwrap_or_default())?;
    Ok(PageLists::new(
        words,
        shape.log_list_entries,
        1 << shape.log_lists,
        pages,
    ))
}

/// The context that a queue pair is made with.
fn context(params: &QpParams<'_>, shape: &QpShape, memory: &SharedMemory, uar_page: u32) -> Qpc {
    /// `st` codes.
    const RC: u32 = 0;
    const QP1: u32 = 8;
    /// Path migration state of a queue pair that does not migrate.
    const MIGRATED: u32 = 3;

    let st = if params.kind == QpKind::Gsi { QP1 } else { RC };
    let mut context = Qpc::new();
    context
        .set_st(st)
        .set_pm_state(MIGRATED)
        .set_pd(params.pd.number().raw())
        .set_log_rq_size(shape.log_receives)
        .set_log_rq_stride(shape.log_receive_segments)
        .set_log_sq_size(shape.log_blocks)
        .set_rlky(1)
        .set_fre(1)
        .set_uar_page(uar_page)
        .set_user_index(params.user_index)
        .set_cqn_snd(number(params.send_cq))
        .set_cqn_rcv(number(params.receive_cq))
        .set_dbr_addr(memory.bus_address(shape.ring_bytes()).0);
    context
}

const fn number(cq: &Cq) -> u32 {
    let cqn: Cqn = cq.number();
    cqn.raw()
}
