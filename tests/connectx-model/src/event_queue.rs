//! Event queues: EQEs, arming, interrupts (connectx.md section 7).

use std::cell::Cell;

use cxndk::hw::layout;

use super::ids::{Cqn, Eqn, Qpn, Uarn};
use super::init_segment::Health;
use super::memory::PagedBuffer;
use super::qp::QpEvent;
use super::{Device, Phase};

/// Longest time between an EQE and its interrupt, in nanoseconds.
const MAX_INTERRUPT_LATENCY_NS: u64 = 1_000;

/// What an EQE tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// 0x00: a completion queue fired. Goes to the queue's own EQ.
    Completion(Cqn),
    /// An affiliated event of a queue pair.
    Qp(Qpn, QpEvent),
    /// 0x04: a completion queue is in error.
    CqError { cqn: Cqn, syndrome: u8 },
    /// 0x08: fatal.
    Internal,
    /// 0x09: link up or down.
    Port { subtype: u8 },
    /// 0x0a: commands are done, by entry.
    Commands(u32),
    /// 0x0b: pages wanted (positive) or offered back.
    PageRequest(i32),
}

impl Event {
    const fn kind(self) -> u8 {
        match self {
            Self::Completion(_) => 0x00,
            Self::Qp(_, event) => event as u8,
            Self::CqError { .. } => 0x04,
            Self::Internal => 0x08,
            Self::Port { .. } => 0x09,
            Self::Commands(_) => 0x0a,
            Self::PageRequest(_) => 0x0b,
        }
    }

    /// The EQE without its owner bit.
    fn encode(self) -> [u8; 64] {
        let mut eqe = layout::HwEqe::new();
        eqe.set_event_type(u32::from(self.kind()));
        let data = match self {
            Self::Completion(cqn) => *layout::HwEqeDataComp::new().set_cqn(cqn.0).as_bytes(),
            Self::Qp(qpn, _) => *layout::HwEqeDataQpSrq::new().set_qp_srq_number(qpn.0).as_bytes(),
            Self::CqError { cqn, syndrome } => *layout::HwEqeDataCqError::new()
                .set_cqn(cqn.0)
                .set_syndrome(u32::from(syndrome))
                .as_bytes(),
            Self::Internal => [0; 28],
            Self::Port { subtype } => {
                eqe.set_event_sub_type(u32::from(subtype));
                *layout::HwEqeDataPort::new().set_port_num(1).as_bytes()
            }
            Self::Commands(vector) => *layout::HwEqeDataCmd::new().set_vector(vector).as_bytes(),
            Self::PageRequest(count) => *layout::HwEqeDataPageRequest::new()
                .set_num_pages(count as u32)
                .as_bytes(),
        };
        eqe.set_event_data(&data);
        *eqe.as_bytes()
    }
}

/// An event queue.
pub struct Eq {
    /// Its number.
    pub number: Eqn,
    pub(super) uar: Uarn,
    /// Events that it takes: bit n is type n.
    pub(super) mask: [u64; 4],
    pub(super) context: layout::Eqc,
    buffer: PagedBuffer,
    log_size: u32,
    vector: u16,
    ignore_overrun: bool,
    always_armed: bool,
    producer: Cell<u32>,
    consumer: Cell<u32>,
    /// An interrupt is due as soon as there is something beyond this index.
    armed: Cell<Option<u32>>,
    failed: Cell<bool>,
}

impl Eq {
    /// A queue as `CREATE_EQ` describes it.
    pub(super) fn new(number: Eqn, context: &layout::Eqc, mask: [u64; 4], buffer: PagedBuffer) -> Self {
        Self {
            number,
            uar: Uarn(context.uar_page()),
            mask,
            buffer,
            log_size: context.log_eq_size(),
            vector: context.intr() as u16,
            ignore_overrun: context.oi() != 0,
            always_armed: context.st() == 0xb,
            producer: Cell::new(0),
            consumer: Cell::new(0),
            armed: Cell::new((context.st() == 9).then_some(0)),
            failed: Cell::new(false),
            context: *context,
        }
    }

    fn takes(&self, kind: u8) -> bool {
        kind != 0 && self.mask[usize::from(kind >> 6)] >> (kind & 63) & 1 != 0
    }

    const fn distance(from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & 0x00ff_ffff
    }

    /// EQEs that the driver has not consumed.
    pub fn fill(&self) -> u32 {
        Self::distance(self.consumer.get(), self.producer.get())
    }

    /// The bus addresses of its ring, in runs.
    pub(super) fn runs(&self) -> Vec<(u64, u64)> {
        self.buffer.runs()
    }

    /// Some of the `length` bytes at bus address `bus` are in its ring.
    pub(super) fn is_at(&self, bus: u64, length: u64) -> bool {
        self.buffer.is_at(bus, length)
    }

    /// The MSI-X vector that it interrupts on.
    pub const fn vector(&self) -> u16 {
        self.vector
    }

    /// The context with the running counters filled in, for `QUERY_EQ`.
    pub(super) fn query(&self) -> layout::Eqc {
        let mut context = self.context;
        let state = match (self.always_armed, self.armed.get()) {
            (true, _) => 0xb,
            (false, Some(_)) => 9,
            (false, None) => 0xa,
        };
        context
            .set_st(state)
            .set_status(if self.failed.get() { 0xa } else { 0 });
        context
            .set_consumer_counter(self.consumer.get())
            .set_producer_counter(self.producer.get());
        context
    }
}

impl Device {
    /// Sends an affiliated asynchronous event of a queue pair.
    pub fn raise_qp_event(&self, qpn: Qpn, event: QpEvent) {
        self.raise_event(Event::Qp(qpn, event));
    }

    /// Writes `event` to the queue whose mask has it. Lost if there is none.
    pub(super) fn raise_event(&self, event: Event) {
        if let Some(eqn) = self.event_target(event.kind()) {
            self.post_eqe(eqn, event);
        }
    }

    fn event_target(&self, kind: u8) -> Option<Eqn> {
        self.eqs
            .borrow()
            .values()
            .find(|eq| eq.takes(kind))
            .map(|eq| eq.number)
    }

    /// Some queue takes events of this type.
    pub(super) fn has_event_target(&self, event: Event) -> bool {
        self.event_target(event.kind()).is_some()
    }

    pub(super) fn post_eqe(&self, eqn: Eqn, event: Event) {
        let Some(eq) = self.eqs.borrow().get(&eqn).cloned() else {
            return;
        };
        if eq.failed.get() || self.phase.get() != Phase::Initialized {
            return;
        }
        if eq.fill() >= 1 << eq.log_size && !eq.ignore_overrun {
            eq.failed.set(true);
            self.die(if matches!(event, Event::Completion(_)) {
                Health::EqError
            } else {
                Health::EqOverrun
            });
            return;
        }
        let index = eq.producer.get();
        let mut bytes = event.encode();
        bytes[63] |= (index >> eq.log_size & 1) as u8;
        let slot = u64::from(index & ((1 << eq.log_size) - 1));
        if eq.buffer.write(self, slot * 64, &bytes).is_err() {
            eq.failed.set(true);
            self.die(Health::EqError);
            return;
        }
        eq.producer.set((index + 1) & 0x00ff_ffff);
        self.counters.tally(|sums| sums.events += 1);
        self.consider_interrupt(&eq);
    }

    /// The consumer index doorbells: UAR + 0x40 arms, UAR + 0x48 does not.
    pub(super) fn eq_doorbell(&self, uar: Uarn, doorbell: layout::HwEqDoorbell, arm: bool) {
        let eqn = Eqn(doorbell.eqn() as u8);
        let found = self.eqs.borrow().get(&eqn).cloned();
        let Some(eq) = found.filter(|eq| eq.uar == uar) else {
            return self.stray_doorbell(uar, &format!("{eqn:?} is not there"));
        };
        let index = doorbell.consumer_index();
        if Eq::distance(eq.consumer.get(), index) > eq.fill() {
            self.driver_error(
                "connectx.md 7: EQ consumer index",
                &format!("{eqn:?} set to {index:#x}, never produced"),
            );
            return;
        }
        eq.consumer.set(index);
        if arm {
            eq.armed.set(Some(index));
            self.consider_interrupt(&eq);
        }
    }

    /// One message an arm, if there is something beyond the armed index.
    fn consider_interrupt(&self, eq: &Eq) {
        let due = eq.always_armed || eq.armed.get().is_some_and(|index| index != eq.producer.get());
        if !due {
            return;
        }
        eq.armed.set(None);
        let (device, number, vector) = (self.me(), eq.number, eq.vector);
        let latency = self.environment().choose(MAX_INTERRUPT_LATENCY_NS);
        self.after(latency, move || {
            if device.eqs.borrow().contains_key(&number) {
                device.interrupt(vector);
            }
        });
    }
}
