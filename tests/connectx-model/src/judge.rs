//! What the device holds against its driver: memory taken away too early, objects left behind, doorbells that tell other things
//! than host memory does.

use std::cell::RefCell;

use cxndk::hw::layout::{HwCqDoorbell, HwWqeCtrlSeg, opcode as op};

use super::completion_queue::Cq;
use super::ether::{Sq, WorkQueue};
use super::event_queue::Eq;
use super::faults::CommandFault;
use super::ids::{Cqn, Eqn, MkeyIndex, Qpn, Uarn};
use super::memory::overlap;
use super::pages::Holder;
use super::qp::{Qp, State};
use super::{Device, Phase};
use intervals::Intervals;

/// A look at host memory was possible.
const SEEN: u64 = 1 << 63;
/// The head of the WQE is what the doorbell says.
const SAME: u64 = 1 << 32;
/// Bytes of a doorbell record.
const RECORD: u64 = 8;

impl Device {
    /// What of the device still names some of the `length` bytes at `bus`.
    pub fn names(&self, bus: u64, length: u64) -> Option<String> {
        if self.lied.get() {
            return None;
        }
        match self.phase.get() {
            Phase::Initialized => self.page_at(bus, length).or_else(|| self.object_at(bus, length)),
            Phase::Enabled => self.page_at(bus, length),
            // Firmware that starts or is dead has let go of everything.
            Phase::Booting | Phase::Ready | Phase::Commands | Phase::Failed => None,
        }
    }

    fn page_at(&self, bus: u64, length: u64) -> Option<String> {
        self.pages
            .owns(bus, length)
            .then(|| "a page that was given to the device".to_owned())
    }

    fn object_at(&self, bus: u64, length: u64) -> Option<String> {
        let mut named = self.named.0.borrow_mut();
        let found: Vec<_> = named.overlapping(bus, bus + length).collect();
        for (start, end, holder) in found {
            if self.still_names(holder, bus, length) {
                return Some(format!("{holder:?}"));
            }
            named.remove(start, end, holder);
        }
        None
    }

    fn still_names(&self, holder: Holder, bus: u64, length: u64) -> bool {
        let record = |at: u64| overlap((at, at + RECORD), (bus, bus + length));
        match holder {
            Holder::Qp(number) => self.qp(Qpn(number)).is_some_and(|qp| {
                let at = record_of(&qp);
                qp.buffer.is_at(bus, length) || at.is_some_and(record)
            }),
            Holder::Cq(number) => self
                .cq(Cqn(number))
                .is_some_and(|cq| cq.ring.borrow().buffer.is_at(bus, length) || record(cq.doorbell_record)),
            Holder::Eq(number) => {
                let eqs = self.eqs.borrow();
                eqs.get(&Eqn(number as u8))
                    .is_some_and(|eq| eq.is_at(bus, length))
            }
            Holder::Sq(number) => {
                let sqs = self.ether.sqs.borrow();
                let sq = sqs.get(&Qpn(number));
                sq.is_some_and(|sq| sq.ring.buffer.is_at(bus, length) || record(sq.ring.record))
            }
            Holder::Rq(number) => {
                let rqs = self.ether.rqs.borrow();
                let rq = rqs.get(&Qpn(number));
                rq.is_some_and(|rq| rq.ring.buffer.is_at(bus, length) || record(rq.ring.record))
            }
            Holder::Mkey(number) => {
                let key = self.mkeys.get(MkeyIndex(number));
                key.is_some_and(|key| key.borrow().reaches(bus, length))
            }
        }
    }

    /// A queue pair was made.
    pub(super) fn note_qp(&self, qp: &Qp) {
        let record = record_of(qp).map(|at| (at, at + RECORD));
        let runs = qp.buffer.runs().into_iter().chain(record);
        self.named.add(Holder::Qp(qp.number.0), runs);
    }

    /// A completion queue was made, or has got a new ring.
    pub(super) fn note_cq(&self, cq: &Cq) {
        let record = (cq.doorbell_record, cq.doorbell_record + RECORD);
        let runs = cq.ring.borrow().buffer.runs();
        self.named
            .add(Holder::Cq(cq.number.0), runs.into_iter().chain([record]));
    }

    /// The ring of a send or receive queue was made.
    pub(super) fn note_ring(&self, holder: Holder, ring: &WorkQueue) {
        let record = (ring.record, ring.record + RECORD);
        self.named
            .add(holder, ring.buffer.runs().into_iter().chain([record]));
    }

    /// An event queue was made.
    pub(super) fn note_eq(&self, eq: &Eq) {
        self.named.add(Holder::Eq(u32::from(eq.number.0)), eq.runs());
    }

    /// A key was made or updated.
    pub(super) fn note_key(&self, index: MkeyIndex) {
        if let Some(key) = self.mkeys.get(index) {
            self.named.add(Holder::Mkey(index.0), key.borrow().runs());
        }
    }

    /// What the driver has not destroyed although it could, at the end of its life with the device. To take the bus away from a device
    /// that works is no excuse; a health counter that stands still is one.
    pub fn left_behind(&self) -> Vec<String> {
        if self.refused.get() || self.is_health_frozen() {
            return Vec::new();
        }
        match self.phase.get() {
            Phase::Initialized => self.living_objects(),
            Phase::Enabled | Phase::Commands | Phase::Ready => self.leftovers(),
            Phase::Booting | Phase::Failed => Vec::new(),
        }
    }

    /// A doorbell is being stored: what the device would find in host memory if it arrived at once. It is called in the middle of
    /// the driver, so it only looks. 0 if there is nothing to look at.
    pub(super) fn glance(&self, at: DoorbellAt, bytes: &[u8]) -> u64 {
        let Some(doorbell) = bytes.first_chunk::<8>() else {
            return 0;
        };
        if self.phase.get() != Phase::Initialized {
            return 0;
        }
        let found = match at {
            DoorbellAt::Send => self.glance_at_send_queue(doorbell),
            DoorbellAt::Arm => self.glance_at_arm_record(doorbell),
        };
        found.map_or(0, |found| SEEN | found)
    }

    fn glance_at_send_queue(&self, doorbell: &[u8; 8]) -> Option<u64> {
        let (qpn, index, _) = words(doorbell);
        if let Some(sq) = self.ether.sqs.try_borrow().ok()?.get(&qpn) {
            return self.glance_at_ring(sq, index, doorbell);
        }
        let qps = self.qps.try_borrow().ok()?;
        let qp = qps.get(&qpn)?;
        let attributes = qp.attributes.try_borrow().ok()?;
        let block = u64::from(u32::from(index) & attributes.send_blocks.checked_sub(1)?);
        let mut record = [0; 4];
        self.peek(attributes.doorbell_record + 4, &mut record)?;
        let mut head = [0; 8];
        self.peek(qp.buffer.bus(qp.send_offset + block * 64)?, &mut head)?;
        let same = if head == *doorbell { SAME } else { 0 };
        Some(same | u64::from(u32::from_be_bytes(record) & 0xffff))
    }

    fn glance_at_ring(&self, sq: &Sq, index: u16, doorbell: &[u8; 8]) -> Option<u64> {
        let ring = &sq.ring;
        let mut record = [0; 4];
        self.peek(ring.record + 4, &mut record)?;
        let at = u64::from(index) & ((1 << ring.log_size) - 1);
        let mut head = [0; 8];
        self.peek(ring.buffer.bus(at << ring.log_stride)?, &mut head)?;
        let same = if head == *doorbell { SAME } else { 0 };
        Some(same | u64::from(u32::from_be_bytes(record) & 0xffff))
    }

    fn glance_at_arm_record(&self, doorbell: &[u8; 8]) -> Option<u64> {
        let cqn = Cqn(HwCqDoorbell::from_bytes(doorbell)?.cqn());
        let cqs = self.cqs.try_borrow().ok()?;
        let mut record = [0; 4];
        self.peek(cqs.get(&cqn)?.doorbell_record + 4, &mut record)?;
        Some(u64::from(u32::from_be_bytes(record)))
    }

    /// Reads host memory if it can be reached, and says nothing if not.
    fn peek(&self, bus: u64, into: &mut [u8]) -> Option<()> {
        self.platform.peek(bus, into)
    }

    /// The send doorbell of `qp` was rung with these words: the record counts the WQE that they are the head of, and did so when
    /// they were stored (connectx.md 9, 17). A queue pair in error is only to look, and anyone may ring for that.
    pub(super) fn judge_doorbell(&self, qp: &Qp, doorbell: &[u8; 8], seen: u64) {
        if qp.state.get() == State::ReadyToSend {
            self.judge_words(qp.attributes.borrow().send_blocks, doorbell, seen);
        }
    }

    /// The same of a ring with so many blocks.
    pub(super) fn judge_words(&self, blocks: u32, doorbell: &[u8; 8], seen: u64) {
        if seen & SEEN == 0 {
            return;
        }
        let (qpn, index, opcode) = words(doorbell);
        let record = seen as u16;
        let counted = u32::from(record.wrapping_sub(index));
        if counted == 0 || counted > blocks {
            let text = format!("{qpn:?} rung for WQE {index:#x} while its doorbell record said {record:#x}");
            self.driver_error("connectx.md 9: doorbell record", &text);
        } else if seen & SAME == 0 {
            let text =
                format!("{qpn:?} rung for WQE {index:#x} with opcode {opcode:#x}, which is not its head");
            self.driver_error("connectx.md 10: doorbell", &text);
        }
    }

    /// The arm value that the doorbell record had when the arm doorbell was stored.
    pub(super) const fn arm_seen(seen: u64) -> Option<u32> {
        if seen & SEEN == 0 { None } else { Some(seen as u32) }
    }

    /// A doorbell that reaches nothing. A driver that was told lies may ring anywhere.
    pub(super) fn stray_doorbell(&self, uar: Uarn, what: &str) {
        if self.refused.get() {
            return;
        }
        let text = format!("a doorbell through {uar:?}: {what}");
        self.driver_error("connectx.md 1: UAR", &text);
    }
}

/// The doorbell record of a queue pair that posts anything.
fn record_of(qp: &Qp) -> Option<u64> {
    let attributes = qp.attributes.borrow();
    let posts = attributes.receive_entries != 0 || attributes.send_blocks != 0;
    posts.then_some(attributes.doorbell_record)
}

/// Which memory objects were once told to use. What is destroyed or changed stays in it until somebody looks: the object has the
/// last word.
#[derive(Default)]
pub(super) struct Named(RefCell<Intervals<Holder>>);

impl Named {
    fn add(&self, holder: Holder, ranges: impl IntoIterator<Item = (u64, u64)>) {
        let mut known = self.0.borrow_mut();
        for (start, end) in ranges {
            known.insert(start, end, holder);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.0.take();
    }
}

/// After that the driver cannot be sure what is there, or to destroy what is.
pub(super) const fn excuses(opcode: u16, fault: &CommandFault) -> bool {
    match fault {
        CommandFault::Status(..) => matches!(
            opcode,
            op::DESTROY_EQ
                | op::DESTROY_CQ
                | op::DESTROY_QP
                | op::DESTROY_MKEY
                | op::DEALLOC_PD
                | op::DEALLOC_UAR
                | op::DEALLOC_TRANSPORT_DOMAIN
                | op::DEALLOC_XRCD
                | op::DEALLOC_Q_COUNTER
                | op::TEARDOWN_HCA
        ),
        CommandFault::LostEvent => false,
        CommandFault::Delivery(_)
        | CommandFault::Silence
        | CommandFault::Late(_)
        | CommandFault::Lie(_)
        | CommandFault::Death => true,
    }
}

/// The doorbells that a look is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoorbellAt {
    /// A register of a send queue.
    Send,
    /// The arm register of completion queues.
    Arm,
}

/// Queue pair, WQE index and opcode of the words of a send doorbell, which are those of a control segment.
fn words(doorbell: &[u8; 8]) -> (Qpn, u16, u32) {
    let mut segment = HwWqeCtrlSeg::new();
    segment.as_bytes_mut()[..8].copy_from_slice(doorbell);
    (
        Qpn(segment.qp_or_sq()),
        segment.wqe_index() as u16,
        segment.opcode(),
    )
}
