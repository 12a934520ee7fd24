//! A model of a ConnectX (a ConnectX-5, 15b3:1017, where nothing else is said): PCI function, command interface, queues, memory keys, port.
//!
//! It implements what `connectx.md` says of the device. The transport engine, which executes work queue elements and
//! speaks RoCEv2, lives in [`transport`]; [`Device`] is the seam between the two.
//!
//! What the engine may use:
//!
//! | need | call |
//! |---|---|
//! | a queue pair | [`Device::qp`], fields and methods of [`qp::Qp`] |
//! | memory behind a key | [`Device::mkeys`] `.access(..)`, then [`memory::gather`] or [`memory::scatter`] |
//! | a key update | [`Device::umr`], [`mkey::MkeyTable::invalidate_remotely`] |
//! | a completion | [`Device::post_cqe`] |
//! | an asynchronous event | [`Device::raise_qp_event`] |
//! | a queue pair that must fail | [`Device::qp_error`] |
//! | own addresses | [`Device::gids`] |
//! | a frame out | [`Device::send_frame`] |
//! | event counts | [`Device::count`] |
//! | time | [`Device::environment`], [`Device::after`] with [`Device::me`] or a `Weak` of it in the closure |
//!
//! None of these calls back into the engine before it returns, so the engine may hold borrows of its own state.

#![cfg(not(windows))]

mod capabilities;
mod command;
mod completion_queue;
pub mod config_space;
mod counters;
mod cqe;
mod ether;
mod event_queue;
mod faults;
mod function;
mod generation;
mod gid;
mod ids;
mod init_segment;
mod judge;
mod mac;
mod memory;
mod mkey;
mod numbers;
mod pages;
pub mod platform;
mod port;
mod qp;
pub mod transport;
mod uar;
mod umr;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

pub use capabilities::Capabilities;
pub use completion_queue::{Cq, CqOverflow};
pub use config_space::ConfigSpace;
pub use counters::{Counter, Statistics};
pub use cqe::{CqeKind, CqeSpec, Datagram, EtherFrame, Received, Syndrome};
pub use ether::EtherCounters;
pub use event_queue::Eq;
pub use faults::{CommandFault, FaultPlan, Matching};
pub use function::UNSEEN;
pub use generation::Generation;
pub use gid::{GidEntry, GidTable};
pub use ids::{Cqn, Eqn, Key, MkeyIndex, Pdn, Qpn, Reuse, Uarn};
pub use init_segment::Health;
pub use memory::{PagedBuffer, Segment, SegmentList, gather, scatter};
pub use mkey::{ANY_QP, AccessFault, Mkey, MkeyTable, Right, Rights, Translation};
pub use platform::{DmaFault, Platform};
pub use qp::{Accessor, Attributes, Path, Qp, QpEvent, Service, State, TERMINATE_LKEY};
pub use umr::{UmrFault, UmrRequest};

use roce_wire::environment::MILLISECOND;
use roce_wire::{EventId, Surroundings};

/// What a device is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shown in histories.
    pub name: String,
    /// Which chip it is.
    pub generation: Generation,
    /// Permanent MAC address of the port.
    pub mac: [u8; 6],
    /// What the device says it can do, before the driver changes it.
    pub capabilities: Capabilities,
    /// Command queue: log2 of the number of entries, and of their distance in bytes.
    pub log_entries: u32,
    /// See `log_entries`.
    pub log_stride: u32,
    /// Pages asked for at boot and at initialization.
    pub boot_pages: u32,
    /// See `boot_pages`.
    pub init_pages: u32,
    /// How long after power-on the firmware needs before it is ready, in nanoseconds.
    pub boot_ns: u64,
    /// MSI-X vectors.
    pub vectors: usize,
    /// Command timeout that the initialization segment tells; then the DTOR register exists.
    pub command_timeout_ms: Option<u32>,
    /// Speed of the port in Gbit/s: 10, 25, 40, 50 or 100.
    pub gigabits: u32,
    /// When numbers of destroyed objects come back.
    pub reuse: Reuse,
}

impl Config {
    /// A healthy ConnectX-5 with one 100 Gbit/s port.
    pub fn new(name: impl Into<String>, mac: [u8; 6]) -> Self {
        Self {
            name: name.into(),
            generation: Generation::ConnectX5,
            mac,
            capabilities: Capabilities::default(),
            log_entries: 5,
            log_stride: 6,
            boot_pages: 16,
            init_pages: 300,
            boot_ns: 5 * MILLISECOND,
            vectors: 64,
            command_timeout_ms: None,
            gigabits: 100,
            reuse: Reuse::Late,
        }
    }
}

/// How far the driver has brought the function up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Firmware is starting; the command queue is not served.
    Booting,
    /// Waits for the command queue's address.
    Ready,
    /// Serves `ENABLE_HCA` and queries that need no function.
    Commands,
    /// `ENABLE_HCA` was accepted.
    Enabled,
    /// `INIT_HCA` was accepted: objects may be made.
    Initialized,
    /// Dead; only a reset helps.
    Failed,
}

fn node_description(name: &str) -> [u8; 64] {
    let mut text = [0; 64];
    let length = name.len().min(63);
    text[..length].copy_from_slice(&name.as_bytes()[..length]);
    text
}

/// One ConnectX function. Always behind an [`Rc`]; made by [`Device::new`].
pub struct Device {
    me: Weak<Self>,
    config: Config,
    phase: Cell<Phase>,
    platform: Rc<dyn Platform>,
    configuration: ConfigSpace,
    bus_errors_tolerated: Cell<bool>,
    halves: uar::HalfDoorbells,
    driver_version: RefCell<String>,
    leftovers: RefCell<Vec<String>>,
    /// The plan of faults had the firmware refuse, swallow or falsify a command: the driver cannot know what is there, nor
    /// destroy it.
    refused: Cell<bool>,
    /// It had the firmware answer with lies: the driver may know its objects by other numbers.
    lied: Cell<bool>,
    named: judge::Named,
    /// A completion queue that overruns is no mistake of the driver's.
    overruns_allowed: Cell<bool>,
    node_description: RefCell<[u8; 64]>,
    big_endian_host: Cell<bool>,
    /// PTYS admin modes; 0 for all that the port can do.
    link_modes: Cell<u32>,
    registers: init_segment::Registers,
    commands: command::Queue,
    pages: pages::Pages,
    caps: RefCell<Capabilities>,
    issi: Cell<u32>,
    numbers: numbers::Numbers,
    eqs: RefCell<BTreeMap<Eqn, Rc<Eq>>>,
    cqs: RefCell<BTreeMap<Cqn, Rc<Cq>>>,
    qps: RefCell<BTreeMap<Qpn, Rc<Qp>>>,
    /// Memory keys.
    pub mkeys: MkeyTable,
    /// RoCE addresses of the port.
    pub gids: GidTable,
    /// State of the transport engine that belongs to no queue pair.
    pub engine: RefCell<transport::EngineState>,
    counters: counters::Counters,
    ether: ether::Ether,
    port: port::Port,
    /// What goes wrong, and when.
    pub faults: RefCell<FaultPlan>,
}

impl Device {
    /// A device in its slot, without power yet ([`Self::power_on`]), and without a cable ([`Self::plug`]).
    ///
    /// # Panics
    /// If `config` asks for a number of vectors that MSI-X does not have.
    pub fn new(config: Config, platform: Rc<dyn Platform>) -> Rc<Self> {
        let gid_slots = config.capabilities.roce.roce_address_table_size() as usize;
        Rc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            phase: Cell::new(Phase::Booting),
            platform,
            configuration: ConfigSpace::new(config.generation, config.vectors),
            bus_errors_tolerated: Cell::new(false),
            halves: uar::HalfDoorbells::default(),
            driver_version: RefCell::default(),
            leftovers: RefCell::default(),
            refused: Cell::new(false),
            lied: Cell::new(false),
            named: judge::Named::default(),
            overruns_allowed: Cell::new(false),
            node_description: RefCell::new(node_description(&config.name)),
            big_endian_host: Cell::new(false),
            link_modes: Cell::new(0),
            registers: init_segment::Registers::default(),
            commands: command::Queue::default(),
            pages: pages::Pages::default(),
            caps: RefCell::new(config.capabilities.clone()),
            issi: Cell::new(0),
            numbers: numbers::Numbers::new(config.reuse),
            eqs: RefCell::default(),
            cqs: RefCell::default(),
            qps: RefCell::default(),
            mkeys: MkeyTable::default(),
            gids: GidTable::new(gid_slots),
            engine: RefCell::default(),
            counters: counters::Counters::default(),
            ether: ether::Ether::default(),
            port: port::Port::new(&config),
            faults: RefCell::default(),
            config,
        })
    }

    /// A counted reference to this device, for events.
    ///
    /// # Panics
    /// Never: a device always lives in an [`Rc`].
    pub fn me(&self) -> Rc<Self> {
        // PANIC: `self` is borrowed from an Rc, so the count is not zero.
        self.me.upgrade().expect("a device lives in an Rc")
    }

    /// Time, actions and chance.
    pub(crate) fn environment(&self) -> &Surroundings {
        self.platform.environment()
    }

    /// Has `action` run in so many nanoseconds.
    pub(crate) fn after(&self, delay: u64, action: impl FnOnce() + 'static) -> EventId {
        self.environment().after(delay, Box::new(action))
    }

    /// The name given in [`Config`].
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How far bring-up has come.
    pub const fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The queue pair with that number, in any state.
    pub fn qp(&self, number: Qpn) -> Option<Rc<Qp>> {
        self.qps.borrow().get(&number).cloned()
    }

    /// All queue pairs, by number.
    pub fn all_qps(&self) -> Vec<Rc<Qp>> {
        self.qps.borrow().values().cloned().collect()
    }

    /// The completion queue with that number.
    pub fn cq(&self, number: Cqn) -> Option<Rc<Cq>> {
        self.cqs.borrow().get(&number).cloned()
    }

    /// All completion queues, by number.
    pub fn all_cqs(&self) -> Vec<Rc<Cq>> {
        self.cqs.borrow().values().cloned().collect()
    }

    /// RoCE is on in the NIC vport context: packets are sent and taken.
    pub fn roce_enabled(&self) -> bool {
        self.phase.get() == Phase::Initialized && self.port.roce_enabled()
    }

    /// `qp` met an error: it goes to [`State::Error`] (send queue errors of datagram services to
    /// [`State::SendQueueError`] if `send_queue_only`), and a moment later the engine is told by
    /// [`transport::qp_transition`], which flushes.
    pub fn qp_error(&self, qp: &Rc<Qp>, send_queue_only: bool) {
        let old = qp.state.get();
        let new = if send_queue_only {
            State::SendQueueError
        } else {
            State::Error
        };
        if old == new || matches!(old, State::Reset | State::Error) {
            return;
        }
        qp.enter(new);
        let (device, qp) = (self.me(), Rc::clone(qp));
        self.after(0, move || {
            if device.is_current(&qp) && qp.state.get() == new {
                transport::qp_transition(&device, &qp, old);
            }
        });
    }

    /// `qp` is the object that its number names now.
    pub fn is_current(&self, qp: &Rc<Qp>) -> bool {
        self.qps
            .borrow()
            .get(&qp.number)
            .is_some_and(|now| Rc::ptr_eq(now, qp))
    }

    /// Adds one to a counter of the set that `qp` uses (and to the device's total).
    pub fn count(&self, qp: &Qp, counter: Counter) {
        self.counters.count(qp.attributes.borrow().counter_set, counter);
    }
}

impl Device {
    /// The driver did what the interface forbids and hardware would not forgive: ends the run.
    pub(crate) fn driver_error(&self, rule: &'static str, what: &str) {
        let text = format!("{}: {what}", self.config.name);
        self.platform.violation(rule, text);
    }

    /// Completion queues may overrun without an end of the run: for tests of what comes of it.
    pub fn allow_overruns(&self) {
        self.overruns_allowed.set(true);
    }

    fn forget_objects(&self) {
        for cq in self.cqs.borrow().values() {
            self.quiesce_cq(cq);
        }
        self.qps.borrow_mut().clear();
        self.cqs.borrow_mut().clear();
        self.eqs.borrow_mut().clear();
        self.mkeys.clear();
        self.named.clear();
        self.gids.clear();
        self.counters.reset();
        self.ether.forget();
        self.numbers.forget();
        self.pages.forget_objects();
    }

    /// What was done over the life of the device.
    pub fn statistics(&self) -> Statistics {
        self.counters.statistics()
    }

    /// No queue of any kind has the number.
    pub(crate) fn is_free_queue(&self, number: Qpn) -> bool {
        !self.qps.borrow().contains_key(&number)
            && !self.ether.sqs.borrow().contains_key(&number)
            && !self.ether.rqs.borrow().contains_key(&number)
    }

    /// What was counted of Ethernet frames.
    pub fn ether_counters(&self) -> EtherCounters {
        self.ether.counters.get()
    }

    /// How often `counter` was counted, over all counter sets.
    pub fn counted(&self, counter: Counter) -> u32 {
        self.counters.total(counter)
    }
}
