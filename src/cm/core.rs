//! What the parts of one agent share: tables of connections and listeners, ids, QP1, the clock.

use core::{
    cmp::Ordering,
    net::{IpAddr, SocketAddr},
};

use super::{
    Connection, Listener,
    error::CmError,
    gsi::{Datagram, Gsi, GsiAddress},
    local::LocalAddresses,
    machine::Machine,
    mad::{CommId, Mad, Message, RejectReason, Req},
    mtu::PathMtu,
    ports::PortTable,
    questions::{ASKERS, Neighbour, Questions},
    random::Random,
    resolve::{self, Route, Way, address, gid},
    table::{Connections, Key},
};
use crate::{
    hw::{
        Device,
        cq::{CompletionTarget, CqFault},
    },
    nt::{
        AddressWatch, NdisHandle, NoMemory, NonPaged, Passive, Ref, Slot, SpinLock, Timer, Vec, WorkItem,
        pool::{take_at, try_with_capacity},
        time::Instant,
    },
};

/// Datagrams that wait for the work item; more are dropped, as on the wire, and come again.
const BACKLOG: usize = 64;
/// The clock's units in a millisecond.
const TICKS_PER_MS: u64 = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) device: Ref<Device>,
    pub(super) mtu: PathMtu,
    pub(super) ports: Ref<PortTable>,
    pub(super) local: LocalAddresses,
    guid: u64,
    gsi: Slot<Gsi>,
    tables: SpinLock<Tables>,
    watch: SpinLock<Option<AddressWatch<Self>>>,
    addresses: WorkItem<Self>,
    /// What has to be answered at `PASSIVE_LEVEL`, because the way to the peer must be found first.
    backlog: SpinLock<Vec<Datagram>>,
    work: WorkItem<Self>,
    /// What has to be answered and whose way back has to be asked for.
    questions: Questions,
    askers: [WorkItem<Self>; ASKERS],
    timer: Timer<Self>,
    /// When the timer is due, in milliseconds.
    due: SpinLock<Option<u64>>,
}

#[derive(Debug)]
struct Tables {
    connections: Connections,
    /// By address and port, of which each has one listener at most.
    listeners: Vec<Ref<Listener>>,
    random: Random,
    stopped: bool,
}

/// Tells the agent that QP1 has something.
struct Bell(Ref<Core>);

impl CompletionTarget for Bell {
    fn completed(&self) {
        if let Some(gsi) = self.0.gsi.get() {
            gsi.poll(|datagram| Core::arrived(&self.0, datagram));
        }
    }

    fn failed(&self, _: CqFault) {
        // Nothing arrives any more: connections under way end by their timers.
    }

    fn device_lost(&self) {
        // As above.
    }
}

impl Core {
    /// Everything but QP1.
    pub(super) fn try_new(
        device: Ref<Device>,
        ndis: NdisHandle,
        luid: u64,
        mtu: PathMtu,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, CmError> {
        let mac = device.mac();
        let mut random = Random::new(passive)?;
        Ok(Ref::try_new(Self {
            mtu,
            ports: PortTable::try_new(random.next() as u16)?,
            local: LocalAddresses::new(device.clone(), luid),
            guid: node_guid(mac.0),
            gsi: Slot::new(),
            tables: SpinLock::new(Tables {
                connections: Connections::new(random.next()),
                listeners: Vec::new_in(NonPaged),
                random,
                stopped: false,
            }),
            watch: SpinLock::new(None),
            addresses: WorkItem::try_new(ndis, |this: &Ref<Self>, passive| this.local.follow(passive))?,
            backlog: SpinLock::new(try_with_capacity(BACKLOG)?),
            work: WorkItem::try_new(ndis, Self::answer)?,
            questions: Questions::try_new()?,
            askers: [
                WorkItem::try_new(ndis, Self::run_errands::<0>)?,
                WorkItem::try_new(ndis, Self::run_errands::<1>)?,
                WorkItem::try_new(ndis, Self::run_errands::<2>)?,
                WorkItem::try_new(ndis, Self::run_errands::<3>)?,
                WorkItem::try_new(ndis, Self::run_errands::<4>)?,
                WorkItem::try_new(ndis, Self::run_errands::<5>)?,
                WorkItem::try_new(ndis, Self::run_errands::<6>)?,
                WorkItem::try_new(ndis, Self::run_errands::<7>)?,
            ],
            timer: Timer::try_new(ndis, Self::expired)?,
            due: SpinLock::new(None),
            device,
        })?)
    }

    /// Takes QP1 and the adapter's addresses into use: peers that ask for a port where nobody listens are told so from now on.
    pub(super) fn start(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), CmError> {
        let started = Self::try_start(this, passive);
        if started.is_err() {
            this.stop(passive);
        }
        started
    }

    fn try_start(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), CmError> {
        let bell = Ref::try_new(Bell(this.clone()))?;
        let gsi = Gsi::start(&this.device, passive)?;
        this.gsi.set(gsi.clone());
        gsi.listen(crate::dyn_ref!(bell => dyn CompletionTarget), passive)?;
        let changed = |this: &Ref<Self>| {
            this.addresses.queue(this.clone());
        };
        let watch = AddressWatch::start(this.clone(), changed, passive)?;
        *this.watch.lock() = Some(watch);
        Ok(())
    }

    /// Ends everything. Connections that still have a consumer are aborted.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        self.tables.lock().stopped = true;
        let watch = self.watch.lock().take();
        if let Some(watch) = watch {
            watch.cancel(passive);
        }
        self.local.stop();
        self.addresses.drain(passive);
        let now = self.now();
        self.each_connection(|connection| connection.lose(now));
        if let Some(gsi) = self.gsi.take() {
            gsi.stop(passive);
        }
        self.work.drain(passive);
        self.questions.stop();
        // Bounded by the time that it takes to find out that a neighbour is not there.
        self.askers.iter().for_each(|asker| asker.drain(passive));
        // Who is about to arm the timer and has not seen the mark holds this lock.
        drop(self.due.lock());
        self.timer.drain(passive);
        let (connections, listeners) = {
            let mut tables = self.tables.lock();
            (
                tables.connections.take(),
                core::mem::replace(&mut tables.listeners, Vec::new_in(NonPaged)),
            )
        };
        (0..connections.limit())
            .filter_map(|at| connections.get(at))
            .for_each(|connection| connection.kill());
        drop((connections, listeners));
        self.local.release(passive);
    }

    /// Milliseconds of the kernel's clock.
    pub(super) fn now(&self) -> u64 {
        let _ = self;
        Instant::now().ticks() / TICKS_PER_MS
    }

    pub(super) const fn guid(&self) -> u64 {
        self.guid
    }

    /// Sends a message; lost if QP1 is gone or busy, as on the wire.
    pub(super) fn send(&self, to: &GsiAddress, mad: &Mad) {
        if let Some(gsi) = self.gsi.get() {
            gsi.send(to, mad);
        }
    }

    /// Notes when a connection waits for something next, and has the timer come then.
    pub(super) fn schedule(this: &Ref<Self>, connection: &Connection) {
        let earliest = {
            let mut tables = this.tables.lock();
            tables.connections.schedule(connection);
            tables.connections.earliest()
        };
        if let Some(earliest) = earliest {
            Self::wake_at(this, earliest);
        }
    }

    /// Has the timer come at `deadline`, if not earlier.
    fn wake_at(this: &Ref<Self>, deadline: u64) {
        let mut due = this.due.lock();
        if due.is_some_and(|due| due <= deadline) || this.tables.lock().stopped {
            return;
        }
        *due = Some(deadline);
        let after = deadline.saturating_sub(this.now()).clamp(1, u64::from(u32::MAX));
        this.timer.arm(after as u32, this.clone());
    }

    /// Wakes those whose time has come; those that it makes wait again have a time to come.
    fn expired(this: &Ref<Self>) {
        *this.due.lock() = None;
        let (now, waiting) = (this.now(), this.tables.lock().connections.waiting());
        // Each once: one that is to come again at once comes with the next tick.
        for _ in 0..waiting {
            let Some(connection) = this.due_connection(now) else {
                break;
            };
            connection.expire(now);
        }
        let earliest = this.tables.lock().connections.earliest();
        if let Some(earliest) = earliest {
            Self::wake_at(this, earliest);
        }
    }

    fn due_connection(&self, now: u64) -> Option<Ref<Connection>> {
        self.tables.lock().connections.pop_due(now)
    }

    /// Visits every connection without the lock.
    fn each_connection(&self, mut visit: impl FnMut(&Ref<Connection>)) {
        let limit = self.tables.lock().connections.limit();
        for at in 0..limit {
            let connection = self.tables.lock().connections.get(at);
            if let Some(connection) = connection {
                visit(&connection);
            }
        }
    }

    fn find(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        self.tables.lock().connections.find(key, wanted)
    }

    /// A number for a packet or an id.
    pub(super) fn random(&self) -> u32 {
        (self.tables.lock().random.next() >> 32) as u32
    }

    /// An id that no connection has.
    pub(super) fn fresh_id(&self) -> CommId {
        loop {
            let id = CommId(self.random());
            if id != CommId::NONE && self.find(&Key::Id(id), |other| other.id() == id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn add(&self, connection: Ref<Connection>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        Ok(tables.connections.add(connection)?)
    }

    /// Adds what becomes the only live connection between two addresses and ports (CONN-05).
    pub(super) fn add_only(
        &self,
        connection: Ref<Connection>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        let joins = |other: &Connection| other.joins(local, remote);
        if tables
            .connections
            .find(&Key::Ends(local, remote), joins)
            .is_some()
        {
            return Err(CmError::AlreadyConnected);
        }
        Ok(tables.connections.add(connection)?)
    }

    /// A connection has learnt who its peer is, or goes by another id.
    pub(super) fn learn(&self, connection: &Connection) {
        self.tables.lock().connections.learn(connection);
    }

    /// The connection is over, its ids are free.
    pub(super) fn forget(&self, connection: &Connection) {
        let gone = self.tables.lock().connections.remove(connection);
        // Outside of the lock: consumers' objects may go with it.
        drop(gone);
    }

    pub(super) fn add_listener(&self, listener: Ref<Listener>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        let place = tables.place_of(listener.local());
        // Its endpoint is nobody else's (CONN-07).
        let at = place.err().ok_or(CmError::PortInUse)?;
        tables.listeners.try_reserve(1).map_err(NoMemory::from)?;
        tables.listeners.insert(at, listener);
        Ok(())
    }

    pub(super) fn remove_listener(&self, listener: &Listener) {
        let gone = {
            let mut tables = self.tables.lock();
            let at = tables.place_of(listener.local()).ok();
            let ours = |at: &usize| {
                let known = tables.listeners.get(*at);
                known.is_some_and(|known| core::ptr::eq(&raw const **known, listener))
            };
            let at = at.filter(ours);
            at.and_then(|at| take_at(&mut tables.listeners, at))
        };
        drop(gone);
    }

    pub(super) fn listener(&self, local: SocketAddr) -> Option<Ref<Listener>> {
        let tables = self.tables.lock();
        let at = tables.place_of(local).ok()?;
        let listener = tables.listeners.get(at)?;
        (!listener.is_paused()).then(|| listener.clone())
    }

    /// The way back to where a datagram came from. Does not wait.
    pub(super) fn way_back(&self, datagram: &Datagram, passive: Passive<'_>) -> Result<Way, CmError> {
        let (local, remote) = (address(datagram.destination), address(datagram.source));
        resolve::look_up(self.local.interface(), self.device.mac(), local, remote, passive)
    }

    /// The way to a peer. May wait for the neighbour.
    pub(super) fn resolve(
        &self,
        local: IpAddr,
        remote: IpAddr,
        passive: Passive<'_>,
    ) -> Result<Route, CmError> {
        resolve::resolve(self.local.interface(), self.device.mac(), local, remote, passive)
    }

    /// Keeps the entry of a local address in the port's table until the result is dropped.
    pub(super) fn hold_address(
        this: &Ref<Self>,
        ip: IpAddr,
        passive: Passive<'_>,
    ) -> Result<AddressInUse, CmError> {
        this.local.index(ip, passive)?;
        if !this.local.hold(ip) {
            return Err(CmError::InvalidAddress);
        }
        Ok(AddressInUse {
            core: this.clone(),
            ip,
        })
    }

    /// Where datagrams to the end of `route` go.
    pub(super) fn gsi_address(&self, route: &Route, passive: Passive<'_>) -> Result<GsiAddress, CmError> {
        Ok(GsiAddress {
            source: self.local.index(route.local, passive)?,
            destination: gid(route.remote),
            mac: route.mac,
            hop_limit: route.hop_limit,
        })
    }

    /// A datagram arrived.
    fn arrived(this: &Ref<Self>, datagram: &Datagram) {
        let now = this.now();
        if let Some(connection) = this.connection_of(datagram) {
            connection.receive(&datagram.mad, now);
            if matches!(datagram.mad.message, Message::Rep(_)) {
                this.learn(&connection);
            }
        } else if matches!(datagram.mad.message, Message::Req(_) | Message::Dreq(_)) {
            // Who asks gets an answer, but the way to the peer is not known yet.
            let mut backlog = this.backlog.lock();
            if backlog.len() < BACKLOG {
                backlog.push(*datagram);
                drop(backlog);
                this.work.queue(this.clone());
            }
        }
    }

    /// The connection that a message belongs to (roce-wire 4.2, 4.8).
    pub(super) fn connection_of(&self, datagram: &Datagram) -> Option<Ref<Connection>> {
        let message = &datagram.mad.message;
        let (from, theirs) = (address(datagram.source), message.local_comm_id());
        let its = |connection: &Connection| connection.remote().ip() == from;
        match message {
            Message::Req(req) => {
                let key = Key::Peer(req.local_comm_id, req.local_ca_guid);
                self.find(&key, |connection| {
                    its(connection) && connection.is_request_of(req)
                })
            }
            Message::Rej(rej) if rej.reason == RejectReason::TIMEOUT => {
                let key = Key::Peer(rej.local_comm_id, rej.named_guid());
                self.find(&key, |connection| {
                    its(connection) && connection.is_given_up_by(rej)
                })
            }
            _ => {
                let id = message.remote_comm_id();
                self.find(&Key::Id(id), |connection| {
                    its(connection) && connection.id() == id && connection.may_be_called(theirs)
                })
            }
        }
    }

    /// The connection that a new request makes stale: it is for the same queue pair of the same node, or under the same id.
    pub(super) fn stale_connection(&self, req: &Req) -> Option<Ref<Connection>> {
        let (guid, qpn, id) = (req.local_ca_guid, req.local_qpn, req.local_comm_id);
        let of_node = |m: &Machine| m.remote_guid() == guid && m.is_live();
        let queue_pair = self.find(&Key::QueuePair(qpn, guid), |connection| {
            connection.with(|m| of_node(m) && m.remote_qpn() == qpn)
        });
        queue_pair.or_else(|| {
            self.find(&Key::Peer(id, guid), |connection| {
                connection.with(|m| of_node(m) && m.remote() == id)
            })
        })
    }

    /// Answers what waits, without waiting itself.
    fn answer(this: &Ref<Self>, passive: Passive<'_>) {
        loop {
            let datagram = take_at(&mut this.backlog.lock(), 0);
            let Some(datagram) = datagram else { break };
            super::request::answer(this, &datagram, passive);
        }
    }

    /// Has a neighbour asked, and the datagram answered when it has said something.
    pub(super) fn ask(this: &Ref<Self>, neighbour: Neighbour, datagram: &Datagram, wanted: bool) {
        let asker = this.questions.add(neighbour, datagram, wanted);
        if let Some(asker) = asker.and_then(|asker| this.askers.get(asker)) {
            asker.queue(this.clone());
        }
    }

    /// One of the askers: asks neighbours as long as there are questions.
    fn run_errands<const ASKER: usize>(this: &Ref<Self>, passive: Passive<'_>) {
        while let Some(errand) = this.questions.next(ASKER) {
            let Neighbour { local, hop } = errand.neighbour;
            let answer = resolve::ask(this.local.interface(), local, hop, passive);
            while let Some(datagram) = this.questions.waited(&errand) {
                // Nobody there: nobody is told.
                if let Ok(mac) = answer {
                    let route = Route::new(local, address(datagram.source), mac);
                    super::request::answer_over(this, &datagram, &route, passive);
                }
            }
        }
    }

    /// Sends a message back to where a datagram came from.
    pub(super) fn answer_with(
        &self,
        datagram: &Datagram,
        message: Message,
        route: &Route,
        passive: Passive<'_>,
    ) {
        if let Ok(to) = self.gsi_address(route, passive) {
            self.send(&to, &Mad::new(datagram.mad.header.transaction_id, message));
        }
    }
}

/// A local address in use by a connection, whose entry in the port's table stays.
pub(super) struct AddressInUse {
    core: Ref<Core>,
    ip: IpAddr,
}

impl Drop for AddressInUse {
    fn drop(&mut self) {
        // Queued under the lock under which the mark of the stop was not seen.
        self.core.local.let_go(self.ip, || {
            self.core.addresses.queue(self.core.clone());
        });
    }
}

impl Tables {
    /// Where the listener of an address and port is, or would have to be.
    fn place_of(&self, local: SocketAddr) -> Result<usize, usize> {
        let order = |listener: &Ref<Listener>| -> Ordering {
            let known = listener.local();
            (known.ip(), known.port()).cmp(&(local.ip(), local.port()))
        };
        self.listeners.binary_search_by(order)
    }
}

/// The node's GUID: the EUI-64 of its address.
fn node_guid([vendor @ .., x, y, z]: [u8; 6]) -> u64 {
    let [first, second, third] = vendor;
    u64::from_be_bytes([first ^ 2, second, third, 0xff, 0xfe, x, y, z])
}
