//! Completion queues: writing CQEs, arming, moderation, overflow, resize (connectx.md section 8).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout;

use super::cqe::CqeSpec;
use super::event_queue::Event;
use super::ids::{Cqn, Eqn, Uarn};
use super::memory::PagedBuffer;
use super::{Device, Phase};
use crate::platform::DmaFault;
use roce_wire::EventId;
use roce_wire::environment::MICROSECOND;

/// Opcode of the CQE that ends the old ring of a resized queue.
const OPCODE_RESIZE: u8 = 5;

/// Why a completion could not be written. The queue is in error and its queue pairs are about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("completion queue {0:?} is full, gone or unreachable")]
pub struct CqOverflow(pub Cqn);

/// What the driver asked to be told (connectx.md section 8, device states).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    /// An event was sent, or none was ever asked for.
    Fired,
    /// The next solicited completion or error beyond the index.
    Solicited(u32),
    /// The next completion beyond the index.
    Any(u32),
}

/// The ring that completions go to.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) buffer: PagedBuffer,
    pub(super) log_size: u32,
}

/// A completion queue.
pub struct Cq {
    /// Its number.
    pub number: Cqn,
    pub(super) eq: Cell<Eqn>,
    pub(super) uar: Uarn,
    pub(super) context: RefCell<layout::Cqc>,
    pub(super) ring: RefCell<Ring>,
    /// Bytes of a CQE: 64 or 128.
    pub(super) cqe_bytes: u64,
    pub(super) doorbell_record: u64,
    pub(super) ignore_overrun: Cell<bool>,
    /// Running 24-bit counters, kept wider.
    pub(super) producer: Cell<u32>,
    /// Last consumer index read from the doorbell record.
    consumer: Cell<u32>,
    pub(super) arm: Cell<Arm>,
    /// Events sent so far: what a fresh arm has to name, modulo 4.
    events: Cell<u32>,
    /// Index after the newest completion that wakes a solicited arm.
    last_solicited: Cell<Option<u32>>,
    pub(super) failed: Cell<bool>,
    /// Moderation: microseconds, completions.
    pub(super) period_us: Cell<u32>,
    pub(super) max_count: Cell<u32>,
    held_back: Cell<u32>,
    timer: Cell<Option<EventId>>,
}

/// Distance from `from` to `to` of 24-bit counters.
const fn ahead(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from) & 0x00ff_ffff
}

/// `index` lies before `end`: counters are compared over half of their range.
const fn before(index: u32, end: u32) -> bool {
    let distance = ahead(index, end);
    distance != 0 && distance < 0x0080_0000
}

impl Cq {
    /// A queue as `CREATE_CQ` describes it, not armed.
    pub(super) fn new(number: Cqn, context: &layout::Cqc, buffer: PagedBuffer) -> Self {
        Self {
            number,
            eq: Cell::new(Eqn(context.c_eqn_or_apu_element() as u8)),
            uar: Uarn(context.uar_page()),
            ring: RefCell::new(Ring {
                buffer,
                log_size: context.log_cq_size(),
            }),
            cqe_bytes: if context.cqe_sz() == 0 { 64 } else { 128 },
            doorbell_record: context.dbr_addr(),
            ignore_overrun: Cell::new(context.oi() != 0),
            producer: Cell::new(0),
            consumer: Cell::new(0),
            arm: Cell::new(Arm::Fired),
            events: Cell::new(0),
            last_solicited: Cell::new(None),
            failed: Cell::new(false),
            period_us: Cell::new(context.cq_period()),
            max_count: Cell::new(context.cq_max_count()),
            held_back: Cell::new(0),
            timer: Cell::new(None),
            context: RefCell::new(*context),
        }
    }

    /// CQEs that the driver has not consumed yet.
    pub fn fill(&self) -> u32 {
        ahead(self.consumer.get(), self.producer.get())
    }

    /// The queue overran or its memory is gone: nothing is written any more.
    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    fn refresh_consumer(&self, device: &Device) -> Result<(), DmaFault> {
        let mut index = [0; 4];
        device.dma_read(self.doorbell_record, &mut index)?;
        self.consumer.set(u32::from_be_bytes(index) & 0x00ff_ffff);
        Ok(())
    }

    /// Whether one more CQE fits; asks the doorbell record only if the last known index says no.
    pub(super) fn has_room(&self, device: &Device) -> Result<bool, DmaFault> {
        let size = 1 << self.ring.borrow().log_size;
        if self.fill() < size {
            return Ok(true);
        }
        self.refresh_consumer(device)?;
        Ok(self.fill() < size)
    }

    fn put(&self, device: &Device, bytes: &[u8; 64]) -> Result<(), DmaFault> {
        let ring = self.ring.borrow();
        let slot = u64::from(self.producer.get() & ((1 << ring.log_size) - 1));
        // The last 64 bytes of a slot are the CQE proper.
        ring.buffer
            .write(device, (slot + 1) * self.cqe_bytes - 64, bytes)?;
        self.producer.set((self.producer.get() + 1) & 0x00ff_ffff);
        Ok(())
    }

    fn owner(&self) -> bool {
        self.producer.get() >> self.ring.borrow().log_size & 1 != 0
    }

    /// What is there beyond the armed index asks for an event.
    fn satisfied(&self) -> bool {
        match self.arm.get() {
            Arm::Fired => false,
            Arm::Any(index) => before(index, self.producer.get()),
            Arm::Solicited(index) => self.last_solicited.get().is_some_and(|last| before(index, last)),
        }
    }
}

impl Device {
    /// Writes a completion and sends the event that it causes. Counts as done even if the driver has not looked yet.
    ///
    /// # Errors
    /// The queue does not exist, is in error, or overflows now. In the last case a CQ error event was raised, and all
    /// queue pairs on it go to error a moment later (as by [`Device::qp_error`]).
    pub fn post_cqe(&self, number: Cqn, spec: &CqeSpec) -> Result<(), CqOverflow> {
        let overflow = CqOverflow(number);
        let cq = self.cq(number).ok_or(overflow)?;
        if cq.failed.get() || self.phase.get() != Phase::Initialized {
            return Err(overflow);
        }
        let written = match cq.has_room(self) {
            Ok(room) if room || cq.ignore_overrun.get() => {
                cq.put(self, &spec.encode(cq.owner(), self.timer_ticks()))
            }
            Ok(_) => {
                if !self.overruns_allowed.get() {
                    let text = format!(
                        "{number:?} holds {} completions, and there is one more",
                        cq.fill()
                    );
                    self.driver_error("connectx.md 8: CQ overrun", &text);
                }
                self.fail_cq(&cq, 1);
                return Err(overflow);
            }
            Err(fault) => Err(fault),
        };
        if written.is_err() {
            self.fail_cq(&cq, 2);
            return Err(overflow);
        }
        self.counters.tally(|sums| sums.completions += 1);
        if spec.wakes_solicited() {
            cq.last_solicited.set(Some(cq.producer.get()));
        }
        self.consider_event(&cq, true);
        Ok(())
    }

    /// Planned misbehaviour: the queue meets an access violation now, as if its memory were gone. An event says so, and its queue
    /// pairs go to error.
    pub fn break_cq(&self, cq: &Cq) {
        self.fail_cq(cq, 2);
    }

    /// The arm doorbell: be64 of `{sn, cmd, ci}` and CQ number, through UAR `uar` (UAR + 0x20). `record` is what the doorbell record
    /// said when the doorbell was stored, if that is known.
    pub(super) fn arm_cq(&self, uar: Uarn, doorbell: layout::HwCqDoorbell, record: Option<u32>) {
        let number = Cqn(doorbell.cqn());
        let Some(cq) = self.cq(number).filter(|cq| cq.uar == uar) else {
            return self.stray_doorbell(uar, &format!("{number:?} is not there"));
        };
        if cq.failed.get() {
            return;
        }
        self.check_arm_words(&cq, doorbell, record);
        // An arm that was overtaken by an event is stale: the driver is about to be told, and will arm again.
        if doorbell.cmd_sn() != cq.events.get() & 3 {
            return;
        }
        self.check_arm_record(&cq, doorbell);
        let index = doorbell.consumer_index();
        let solicited_only = doorbell.cmd() != 0;
        // A request for any completion stands until it is served; asking for less does not take it back.
        let arm = match cq.arm.get() {
            Arm::Any(_) => Arm::Any(index),
            _ if solicited_only => Arm::Solicited(index),
            _ => Arm::Any(index),
        };
        cq.arm.set(arm);
        self.consider_event(&cq, false);
    }

    /// Only the fields are set, the index was produced, and the number is the one of the next event or, of an arm that events
    /// overtook, one before. The doorbell record said the same when the doorbell was stored: nobody else arms the queue meanwhile
    /// (CQ-01).
    fn check_arm_words(&self, cq: &Cq, doorbell: layout::HwCqDoorbell, record: Option<u32>) {
        let [a, b, c, d, ..] = *doorbell.as_bytes();
        let recorded = record.is_none_or(|record| record.to_be_bytes() == [a, b, c, d]);
        let mut fields = layout::HwCqDoorbell::new();
        fields
            .set_cmd_sn(doorbell.cmd_sn())
            .set_cmd(doorbell.cmd())
            .set_consumer_index(doorbell.consumer_index())
            .set_cqn(doorbell.cqn());
        let ahead_of_events = doorbell.cmd_sn() == (cq.events.get() + 1) & 3;
        let produced = !before(cq.producer.get(), doorbell.consumer_index());
        if fields.as_bytes() != doorbell.as_bytes() || ahead_of_events || !produced || !recorded {
            let text = format!(
                "{:?} armed with {:02x?} at event {}, producer {:#x}, record {record:x?}",
                cq.number,
                doorbell.as_bytes(),
                cq.events.get(),
                cq.producer.get()
            );
            self.driver_error("connectx.md 8: CQ arm", &text);
        }
    }

    /// Record and doorbell must carry the same value, and the record comes first (connectx.md section 19, item 6). The
    /// record may have moved on: a second arm with the same number, whose doorbell is still on its way.
    fn check_arm_record(&self, cq: &Cq, doorbell: layout::HwCqDoorbell) {
        let mut bytes = [0; 8];
        if self.dma_read(cq.doorbell_record, &mut bytes).is_err() {
            self.fail_cq(cq, 2);
            return;
        }
        let Some(record) = layout::HwCqDbRecord::from_bytes(&bytes) else {
            return;
        };
        let newer = ahead(doorbell.consumer_index(), record.arm_consumer_index()) < 0x0080_0000;
        if record.arm_cmd_sn() != doorbell.cmd_sn() || !newer {
            let text = format!(
                "{:?} armed with a value that is not in its doorbell record",
                cq.number
            );
            self.driver_error("connectx.md 8: CQ arm", &text);
        }
    }

    /// Sends the completion event if the arm asks for it, at once or after moderation.
    fn consider_event(&self, cq: &Rc<Cq>, fresh: bool) {
        if !cq.satisfied() {
            return;
        }
        let (period, count) = (cq.period_us.get(), cq.max_count.get());
        if period == 0 && count == 0 {
            self.fire_cq(cq);
            return;
        }
        cq.held_back.set(cq.held_back.get() + u32::from(fresh));
        if count != 0 && cq.held_back.get() >= count {
            self.fire_cq(cq);
        } else if cq.timer.get().is_none() && period != 0 {
            let (device, held) = (self.me(), Rc::clone(cq));
            let timer = self.after(u64::from(period) * MICROSECOND, move || {
                held.timer.set(None);
                if device.cq(held.number).is_some_and(|now| Rc::ptr_eq(&now, &held)) && held.satisfied() {
                    device.fire_cq(&held);
                }
            });
            cq.timer.set(Some(timer));
        }
    }

    fn fire_cq(&self, cq: &Cq) {
        if let Some(timer) = cq.timer.take() {
            self.environment().cancel(timer);
        }
        cq.held_back.set(0);
        cq.arm.set(Arm::Fired);
        cq.events.set(cq.events.get().wrapping_add(1));
        self.post_eqe(cq.eq.get(), Event::Completion(cq.number));
    }

    /// Overrun (syndrome 1) or access violation (2): event, and the end of all queue pairs on it.
    fn fail_cq(&self, cq: &Cq, syndrome: u8) {
        if cq.failed.replace(true) {
            return;
        }
        cq.context.borrow_mut().set_status(9);
        self.raise_event(Event::CqError {
            cqn: cq.number,
            syndrome,
        });
        for qp in self.all_qps() {
            let uses = {
                let attributes = qp.attributes.borrow();
                attributes.send_cq == cq.number || attributes.receive_cq == cq.number
            };
            if uses {
                self.qp_error(&qp, false);
            }
        }
    }

    /// Ends the old ring with a RESIZE CQE and goes on in the new one. `false` if what is unread does not fit.
    pub(super) fn resize_cq(&self, cq: &Cq, new: Ring) -> Result<bool, DmaFault> {
        cq.refresh_consumer(self)?;
        // The driver copies what is unread, and the resize CQE takes no slot of the new ring.
        if cq.fill() > 1 << new.log_size || !cq.has_room(self)? {
            return Ok(false);
        }
        let mut bytes = [0; 64];
        bytes[63] = OPCODE_RESIZE << 4 | u8::from(cq.owner());
        cq.put(self, &bytes)?;
        cq.ring.replace(new);
        self.note_cq(cq);
        Ok(true)
    }

    /// Stops what a destroyed queue has under way.
    pub(super) fn quiesce_cq(&self, cq: &Cq) {
        if let Some(timer) = cq.timer.take() {
            self.environment().cancel(timer);
        }
        cq.arm.set(Arm::Fired);
    }

    /// The context with the running counters filled in, for `QUERY_CQ`.
    pub(super) fn cq_context(cq: &Cq) -> layout::Cqc {
        let mut context = *cq.context.borrow();
        context.set_st(match cq.arm.get() {
            Arm::Fired => 0xa,
            Arm::Solicited(_) => 6,
            Arm::Any(_) => 9,
        });
        context.set_consumer_counter(cq.consumer.get());
        context.set_producer_counter(cq.producer.get());
        context.set_cq_period(cq.period_us.get());
        context.set_cq_max_count(cq.max_count.get());
        context
    }
}
