//! The Ethernet side of the function: send and receive queues, what they hang on, and which frames reach them (connectx-ethernet).
//!
//! | part | what it does |
//! |---|---|
//! | [`frame`] | parses frames, computes and checks checksums |
//! | [`steering`] | flow tables: from a frame to TIRs |
//! | [`target`] | TIS, TIR and receive queue tables; the hash that spreads frames |
//! | [`queue`] | rings in host memory and their states |
//! | [`send`] | executes the elements of send queues; [`segment`] cuts large sends |
//! | [`receive`] | frames into receive queues |

mod frame;
mod queue;
mod receive;
mod segment;
mod send;
mod steering;
mod target;
mod toeplitz;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ids::{Cqn, Pdn, Qpn, Uarn};

pub(crate) use queue::{QueueState, Rq, Sq, WorkQueue};
pub(crate) use steering::{Destination, Steering};
pub(crate) use target::{Hash, Spread, Target, Tir, Tis};

/// Frames of the Ethernet side, by kind of destination, and what became of some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EtherCounters {
    /// Frames and bytes sent to one station.
    pub sent_unicast: (u64, u64),
    /// The same, to groups.
    pub sent_multicast: (u64, u64),
    /// The same, to all.
    pub sent_broadcast: (u64, u64),
    /// Frames and bytes that arrived for one station, before steering.
    pub received_unicast: (u64, u64),
    /// The same, for groups.
    pub received_multicast: (u64, u64),
    /// The same, for all.
    pub received_broadcast: (u64, u64),
    /// Frames that the driver sent and that are longer than the port's MTU.
    pub too_long_to_send: u64,
    /// Frames shorter than Ethernet's least, given by the driver to a device that does not pad.
    pub runts_to_send: u64,
    /// Frames shorter than Ethernet's least that arrived.
    pub undersized: u64,
    /// Frames longer than the port's MTU that arrived.
    pub oversized: u64,
    /// Frames that no flow table entry took.
    pub unsteered: u64,
    /// Frames that found a queue without elements.
    pub out_of_buffer: u64,
    /// Frames that were longer than the element that they found.
    pub too_long_for_element: u64,
}

/// All objects of the Ethernet side.
#[derive(Default)]
pub(crate) struct Ether {
    pub(crate) sqs: RefCell<BTreeMap<Qpn, Rc<Sq>>>,
    pub(crate) rqs: RefCell<BTreeMap<Qpn, Rc<Rq>>>,
    pub(crate) tiss: RefCell<BTreeMap<u32, Tis>>,
    pub(crate) tirs: RefCell<BTreeMap<u32, Tir>>,
    /// Receive queue tables.
    pub(crate) tables: RefCell<BTreeMap<u32, Spread>>,
    pub(crate) steering: RefCell<Steering>,
    pub(crate) counters: Cell<EtherCounters>,
}

impl Ether {
    /// The function was reset.
    pub(crate) fn forget(&self) {
        self.sqs.borrow_mut().clear();
        self.rqs.borrow_mut().clear();
        self.tiss.borrow_mut().clear();
        self.tirs.borrow_mut().clear();
        self.tables.borrow_mut().clear();
        self.steering.take();
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut EtherCounters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }

    /// A table or a TIR leads to the queue.
    pub(crate) fn uses_rq(&self, queue: Qpn) -> bool {
        let tables = self.tables.borrow();
        let tirs = self.tirs.borrow();
        tables.values().any(|spread| spread.queues.contains(&queue))
            || tirs.values().any(|tir| tir.target == Target::Direct(queue))
    }

    /// A queue completes there.
    pub(crate) fn uses_cq(&self, queue: Cqn) -> bool {
        self.sqs.borrow().values().any(|sq| sq.cq == queue)
            || self.rqs.borrow().values().any(|rq| rq.cq == queue)
    }

    /// A queue is of the protection domain.
    pub(crate) fn uses_pd(&self, pd: Pdn) -> bool {
        self.sqs.borrow().values().any(|sq| sq.ring.pd == pd)
            || self.rqs.borrow().values().any(|rq| rq.ring.pd == pd)
    }

    /// A queue is rung through the page.
    pub(crate) fn uses_uar(&self, uar: Uarn) -> bool {
        self.sqs.borrow().values().any(|sq| sq.uar == uar)
    }

    /// A TIS or TIR is of the transport domain.
    pub(crate) fn uses_domain(&self, domain: u32) -> bool {
        self.tiss.borrow().values().any(|tis| tis.domain == domain)
            || self.tirs.borrow().values().any(|tir| tir.domain == domain)
    }

    /// A queue counts in the set.
    pub(crate) fn uses_counters(&self, set: u8) -> bool {
        let rqs = self.rqs.borrow();
        rqs.values()
            .any(|rq| rq.context.borrow().counter_set_id() == u32::from(set))
    }

    /// What there is, a line each.
    pub(crate) fn living(&self) -> Vec<String> {
        let mut lines = self.steering.borrow().living();
        let numbers = |name: &str, numbers: Vec<u32>| -> Vec<String> {
            numbers
                .into_iter()
                .map(|number| format!("{name} {number:#x}"))
                .collect()
        };
        lines.extend(numbers("TIR", self.tirs.borrow().keys().copied().collect()));
        lines.extend(numbers("RQT", self.tables.borrow().keys().copied().collect()));
        lines.extend(numbers("RQ", self.rqs.borrow().keys().map(|rq| rq.0).collect()));
        lines.extend(numbers("SQ", self.sqs.borrow().keys().map(|sq| sq.0).collect()));
        lines.extend(numbers("TIS", self.tiss.borrow().keys().copied().collect()));
        lines
    }
}
