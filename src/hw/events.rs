//! Where the device's events go: from numbers to objects.

use super::{
    command::Commander,
    error::HwError,
    fatal::Fatal,
    init_segment::Registers,
    numbers::Numbers,
    pages::Pages,
    platform::DeviceEvents,
    target::{CompletionTarget, CqFault, PortWatch, QpEvent, QpTarget},
    types::{Cqn, Qpn},
};
use crate::nt::{
    EventLog, NdisHandle, Passive, Ref, SpinLock, pci,
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    time::Instant,
};

/// An event, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A completion queue that was armed has something.
    Completion(Cqn),
    /// A completion queue broke.
    CqError(Cqn, CqFault),
    /// Something happened to a queue pair.
    Qp(Qpn, QpEvent),
    /// Commands are done: a bit for each entry.
    Commands(u32),
    /// The device wants pages, or gives some back when negative; of which function.
    PageRequest(u16, i32),
    /// The port changed: up, down, or something else about it.
    Port(Option<bool>),
    /// The device is dead.
    InternalError,
    /// Of no use to this driver; its type.
    Other(u8),
}

/// Event types; also bits of an event queue's mask.
pub mod event_type {
    #![expect(missing_docs, reason = "the names are those of the interface")]
    pub const COMPLETION: u8 = 0x00;
    pub const PATH_MIGRATED: u8 = 0x01;
    pub const COMMUNICATION_ESTABLISHED: u8 = 0x02;
    pub const SEND_QUEUE_DRAINED: u8 = 0x03;
    pub const CQ_ERROR: u8 = 0x04;
    pub const WQ_CATASTROPHIC: u8 = 0x05;
    pub const PATH_MIGRATION_FAILED: u8 = 0x07;
    pub const INTERNAL_ERROR: u8 = 0x08;
    pub const PORT_CHANGE: u8 = 0x09;
    pub const COMMAND: u8 = 0x0a;
    pub const PAGE_REQUEST: u8 = 0x0b;
    pub const WQ_INVALID_REQUEST: u8 = 0x10;
    pub const WQ_ACCESS_ERROR: u8 = 0x11;
    pub const LAST_WQE: u8 = 0x13;
}

/// Port change subtypes.
const PORT_DOWN: u8 = 1;
const PORT_ACTIVE: u8 = 4;
/// CQ error syndrome of an overrun.
const CQ_OVERRUN: u8 = 1;

impl Event {
    /// From type, subtype, and the four 64-bit words of an element from byte 0x20 on.
    pub const fn decode(kind: u8, subtype: u8, data: [u64; 4]) -> Self {
        use event_type as t;
        let number = (data[3] >> 32) as u32;
        let qp = match kind {
            t::COMPLETION => return Self::Completion(Cqn::new(number)),
            t::CQ_ERROR => {
                let fault = match (data[1] >> 32) as u8 {
                    CQ_OVERRUN => CqFault::Overrun,
                    other => CqFault::Other(other),
                };
                return Self::CqError(Cqn::new((data[0] >> 32) as u32), fault);
            }
            t::COMMAND => return Self::Commands((data[0] >> 32) as u32),
            t::PAGE_REQUEST => {
                return Self::PageRequest((data[0] >> 32) as u16, (data[0] as u32).cast_signed());
            }
            t::PORT_CHANGE => {
                return Self::Port(match subtype {
                    PORT_DOWN => Some(false),
                    PORT_ACTIVE => Some(true),
                    _ => None,
                });
            }
            t::INTERNAL_ERROR => return Self::InternalError,
            t::COMMUNICATION_ESTABLISHED => QpEvent::CommunicationEstablished,
            t::SEND_QUEUE_DRAINED => QpEvent::SendQueueDrained,
            t::LAST_WQE => QpEvent::LastWqe,
            t::WQ_INVALID_REQUEST => QpEvent::InvalidRequest,
            t::WQ_ACCESS_ERROR => QpEvent::AccessError,
            t::WQ_CATASTROPHIC => QpEvent::Catastrophic,
            t::PATH_MIGRATED | t::PATH_MIGRATION_FAILED => QpEvent::Path,
            other => return Self::Other(other),
        };
        Self::Qp(Qpn::new(number), qp)
    }
}

/// A completion queue as the queue of news knows it.
struct CqPlace {
    cqn: Cqn,
    /// Events before this position are of a queue that had the number before.
    since: u64,
    target: Option<Ref<dyn CompletionTarget>>,
}

/// A queue pair as the queue of news knows it.
struct QpPlace {
    /// As of [`CqPlace`].
    since: u64,
    target: Option<Ref<dyn QpTarget>>,
}

/// Longest that whoever needs a dead device cut off tries to do it, and the time between the tries.
const CUT_OFF_TIMEOUT_MS: u64 = 3_000;
const CUT_OFF_PAUSE_MS: u32 = 10;

/// The tables of a device, and whom it tells its own news.
///
/// A device dies in this order: it is dead, and no command is begun any more ([`Self::is_dead`]); it is cut off from memory, and nothing
/// that it knows of is reached by it any more ([`Self::is_cut_off`]); what is outstanding is cancelled in software, and everybody is told.
/// When it cannot be cut off, the last comes nevertheless, but memory stays where it is.
pub struct Events {
    commander: Ref<Commander>,
    pages: Ref<Pages>,
    registers: Ref<Registers>,
    ndis: NdisHandle,
    log: EventLog,
    /// All completion queues: for what is not a completion.
    cqs: SpinLock<Numbers<CqPlace>>,
    qps: SpinLock<Numbers<QpPlace>>,
    news: SpinLock<Option<Ref<dyn DeviceEvents>>>,
    /// Asks the device about its port, at `PASSIVE_LEVEL`.
    port: SpinLock<Option<Ref<dyn PortWatch>>>,
    failed: AtomicBool,
    /// It is dead, and reaches no memory any more.
    cut: AtomicBool,
    /// It is dead, and everybody was told or is just being told.
    over: AtomicBool,
    /// Nobody is to be told of its end.
    quiet: AtomicBool,
    /// Events of objects that do not exist.
    strays: AtomicU32,
}

impl core::fmt::Debug for Events {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Events")
            .field("strays", &self.strays)
            .finish_non_exhaustive()
    }
}

impl Events {
    pub(super) const fn new(
        commander: Ref<Commander>,
        pages: Ref<Pages>,
        registers: Ref<Registers>,
        ndis: NdisHandle,
        log: EventLog,
    ) -> Self {
        Self {
            commander,
            pages,
            registers,
            ndis,
            log,
            cqs: SpinLock::new(Numbers::new()),
            qps: SpinLock::new(Numbers::new()),
            news: SpinLock::new(None),
            port: SpinLock::new(None),
            failed: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            over: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            strays: AtomicU32::new(0),
        }
    }

    /// Whom to tell news of the device.
    pub(super) fn tell(&self, news: Option<Ref<dyn DeviceEvents>>, port: Option<Ref<dyn PortWatch>>) {
        let news = core::mem::replace(&mut *self.news.lock(), news);
        let port = core::mem::replace(&mut *self.port.lock(), port);
        drop((news, port));
    }

    /// Who is told news of the device.
    pub(super) fn news(&self) -> Option<Ref<dyn DeviceEvents>> {
        self.news.lock().clone()
    }

    /// The device is dead: the event log gets to know, and it is cut off. `<= DISPATCH_LEVEL`.
    pub(super) fn fail(&self, fatal: Fatal) {
        if self.failed.swap(true, AcqRel) {
            return;
        }
        self.commander.kill();
        fatal.write(self.log);
        self.cut_off(false);
    }

    /// Cuts the dead device off from memory, and tells everybody when it is, or when this is the `last` try. By the bus, which does not
    /// depend on the firmware; should the bus refuse, by asking the firmware.
    pub(super) fn cut_off(&self, last: bool) {
        let cut = pci::set_bus_master(self.ndis, false) || self.registers.is_disabled();
        if cut {
            self.cut.store(true, Release);
        } else {
            self.registers.ask_to_disable();
            if !last {
                return;
            }
        }
        if self.over.swap(true, AcqRel) || self.quiet.load(Acquire) {
            return;
        }
        self.tell_queues();
        if let Some(news) = self.news() {
            news.failed();
        }
    }

    /// The device is dead; waits until it is cut off. Whether it is: `false` when it may reach memory for all that anybody can do.
    pub(super) fn fail_and_wait(&self, fatal: Fatal, passive: Passive<'_>) -> bool {
        self.fail(fatal);
        let deadline = Instant::now().plus_ms(CUT_OFF_TIMEOUT_MS);
        while !self.is_cut_off() && !self.is_over() {
            passive.sleep_ms(CUT_OFF_PAUSE_MS);
            self.cut_off(Instant::now() >= deadline);
        }
        self.is_cut_off()
    }

    /// No answer came to a command.
    pub(super) fn silent(&self, opcode: u16) {
        self.fail(if self.registers.is_gone() {
            Fatal::Gone
        } else {
            Fatal::Silent(opcode)
        });
    }

    /// The system goes down: no command is begun any more, and nobody is told of anything. Whoever waited for a command and gives memory
    /// back waits until the device is cut off.
    pub(super) fn shut_down(&self) {
        self.quiet.store(true, Release);
        self.failed.store(true, Release);
        self.commander.kill();
    }

    /// Whether the device is dead and reaches no memory any more.
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut.load(Acquire)
    }

    /// Whether the device is dead and everybody was told.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Acquire)
    }

    /// Whether the health counter stands still.
    pub(super) fn note_stale(&self, stale: bool) {
        self.commander.note_stale(stale);
    }

    /// Has the device asked something that it cannot get wrong: the state of its port.
    pub(super) fn ask_for_life(&self) {
        self.port_changed();
    }

    /// Tells every completion queue that the device is dead. Queues that come meanwhile find out when they are used.
    fn tell_queues(&self) {
        let mut next = 0;
        while let Some((cqn, target)) = self.first_cq_from(next) {
            if let Some(target) = target {
                target.device_lost();
            }
            next = cqn.raw() + 1;
        }
    }

    /// Whether the device is dead.
    pub(super) fn is_dead(&self) -> bool {
        self.commander.is_dead()
    }

    /// Events so far that belong to no object: the device lies, or was late.
    pub fn strays(&self) -> u32 {
        self.strays.load(Relaxed)
    }

    /// The first completion queue from this number on, and who is told.
    fn first_cq_from(&self, number: u32) -> Option<(Cqn, Option<Ref<dyn CompletionTarget>>)> {
        let places = self.cqs.lock();
        let place = places.first_from(number)?;
        Some((place.cqn, place.target.clone()))
    }

    /// Adds a completion queue; events from position `since` on are its own.
    pub(super) fn add_cq(&self, cqn: Cqn, since: u64) -> Result<(), HwError> {
        let target = None;
        self.cqs.lock().insert(cqn.raw(), CqPlace { cqn, since, target })
    }

    /// Names who is told news of a completion queue.
    pub(super) fn attach_cq(&self, cqn: Cqn, target: Ref<dyn CompletionTarget>) {
        let mut places = self.cqs.lock();
        let place = places.get_mut(cqn.raw());
        let before = place.and_then(|place| place.target.replace(target));
        drop(places);
        drop(before);
    }

    /// News of this number are nobody's from now on.
    pub(super) fn remove_cq(&self, cqn: Cqn) {
        let place = self.cqs.lock().remove(cqn.raw());
        drop(place);
    }

    /// Adds a queue pair; events from position `since` on are its own.
    pub(super) fn add_qp(&self, qpn: Qpn, since: u64) -> Result<(), HwError> {
        let place = QpPlace { since, target: None };
        self.qps.lock().insert(qpn.raw(), place)
    }

    pub(super) fn attach_qp(&self, qpn: Qpn, target: Ref<dyn QpTarget>) {
        let mut places = self.qps.lock();
        let place = places.get_mut(qpn.raw());
        let before = place.and_then(|place| place.target.replace(target));
        drop(places);
        drop(before);
    }

    pub(super) fn remove_qp(&self, qpn: Qpn) {
        let place = self.qps.lock().remove(qpn.raw());
        drop(place);
    }

    /// Hands an event, which is no completion, to whom it concerns; `at` is its position in its queue. At `DISPATCH_LEVEL`; no lock is
    /// held while it does.
    pub(super) fn dispatch(&self, event: Event, at: u64) {
        match event {
            // A completion in a queue that takes none: the device lies.
            Event::Completion(_) => self.stray(),
            Event::CqError(cqn, fault) => self.to_cq(cqn, fault, at),
            Event::Qp(qpn, event) => self.to_qp(qpn, event, at),
            Event::Commands(vector) => self.commander.completed(vector),
            Event::PageRequest(function, count) => Pages::request(&self.pages, function, count),
            Event::Port(_) => self.port_changed(),
            Event::InternalError => self.fail(Fatal::InternalError),
            Event::Other(_) => {}
        }
    }

    fn port_changed(&self) {
        let watch = self.port.lock().clone();
        if let Some(watch) = watch {
            watch.changed();
        }
    }

    fn to_cq(&self, cqn: Cqn, fault: CqFault, at: u64) {
        let target = {
            let places = self.cqs.lock();
            let place = places.get(cqn.raw()).filter(|place| place.since <= at);
            place.map(|place| place.target.clone())
        };
        match target {
            Some(Some(target)) => target.failed(fault),
            Some(None) => {}
            None => self.stray(),
        }
    }

    fn to_qp(&self, qpn: Qpn, event: QpEvent, at: u64) {
        let target = {
            let places = self.qps.lock();
            let place = places.get(qpn.raw()).filter(|place| place.since <= at);
            place.map(|place| place.target.clone())
        };
        match target {
            Some(Some(target)) => target.event(event),
            Some(None) => {}
            None => self.stray(),
        }
    }

    pub(super) fn stray(&self) {
        self.strays.fetch_add(1, Relaxed);
    }
}
