//! What the parts of one agent share: tables of connections and listeners, ids, QP1, the clock.

use core::net::{IpAddr, SocketAddr};

use super::{
    Connection, Listener,
    error::CmError,
    gsi::{Datagram, Gsi, GsiAddress},
    mad::{CommId, Mad, Message, Rej, RejectReason},
    mtu::PathMtu,
    ports::PortTable,
    random::Random,
    resolve::{self, Route, address, gid},
};
use crate::{
    hw::{
        Device, GidIndex,
        cq::{CompletionTarget, CqFault},
        gids::GidKey,
    },
    nt::{
        NdisHandle, NoMemory, NonPaged, Passive, Ref, Slot, SpinLock, Timer, Vec, WorkItem, net,
        pool::{take_at, try_push, try_with_capacity},
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
    luid: u64,
    guid: u64,
    gsi: Slot<Gsi>,
    tables: SpinLock<Tables>,
    /// Addresses that have an entry in the port's table for as long as the agent runs.
    gids: SpinLock<Vec<(IpAddr, GidIndex)>>,
    /// What has to be answered at `PASSIVE_LEVEL`, because the way to the peer must be found first.
    backlog: SpinLock<Vec<Datagram>>,
    work: WorkItem<Self>,
    timer: Timer<Self>,
    /// When the timer is due, in milliseconds.
    due: SpinLock<Option<u64>>,
}

#[derive(Debug)]
struct Tables {
    connections: Vec<Ref<Connection>>,
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
    ) -> Result<Ref<Self>, NoMemory> {
        let mac = device.mac();
        let mut random = Random::new(mac);
        Ref::try_new(Self {
            mtu,
            ports: PortTable::try_new(random.next() as u16)?,
            luid,
            guid: node_guid(mac.0),
            gsi: Slot::new(),
            tables: SpinLock::new(Tables {
                connections: Vec::new_in(NonPaged),
                listeners: Vec::new_in(NonPaged),
                random,
                stopped: false,
            }),
            gids: SpinLock::new(Vec::new_in(NonPaged)),
            backlog: SpinLock::new(try_with_capacity(BACKLOG)?),
            work: WorkItem::try_new(ndis, Self::answer)?,
            timer: Timer::try_new(ndis, Self::expired)?,
            due: SpinLock::new(None),
            device,
        })
    }

    /// Takes QP1 into use.
    pub(super) fn start(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), CmError> {
        let bell = Ref::try_new(Bell(this.clone()))?;
        let gsi = Gsi::start(&this.device, passive)?;
        this.gsi.set(gsi.clone());
        if let Err(error) = gsi.listen(crate::dyn_ref!(bell => dyn CompletionTarget), passive) {
            this.stop(passive);
            return Err(error.into());
        }
        Ok(())
    }

    /// Ends everything. Connections that still have a consumer are aborted.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        self.tables.lock().stopped = true;
        let now = self.now();
        self.each_connection(|connection| connection.lose(now));
        if let Some(gsi) = self.gsi.take() {
            gsi.stop(passive);
        }
        self.work.drain(passive);
        // Who is about to arm the timer and has not seen the mark holds this lock.
        drop(self.due.lock());
        self.timer.drain(passive);
        let (connections, listeners) = {
            let mut tables = self.tables.lock();
            let connections = core::mem::replace(&mut tables.connections, Vec::new_in(NonPaged));
            (
                connections,
                core::mem::replace(&mut tables.listeners, Vec::new_in(NonPaged)),
            )
        };
        connections.iter().for_each(|connection| connection.kill());
        drop((connections, listeners));
        let gids = core::mem::replace(&mut *self.gids.lock(), Vec::new_in(NonPaged));
        for (_, index) in &gids {
            self.device.release_gid(*index, passive);
        }
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

    /// Has connections look at the clock at `deadline`, if not earlier.
    pub(super) fn wake_at(this: &Ref<Self>, deadline: u64) {
        let mut due = this.due.lock();
        if due.is_some_and(|due| due <= deadline) || this.tables.lock().stopped {
            return;
        }
        *due = Some(deadline);
        let after = deadline.saturating_sub(this.now()).clamp(1, u64::from(u32::MAX));
        this.timer.arm(after as u32, this.clone());
    }

    fn expired(this: &Ref<Self>) {
        *this.due.lock() = None;
        let now = this.now();
        let mut next = None;
        this.each_connection(|connection| {
            let deadline = connection.expire(now);
            next = [next, deadline].into_iter().flatten().min();
        });
        if let Some(next) = next {
            Self::wake_at(this, next);
        }
    }

    /// Visits every connection without the lock. Backwards, because who is forgotten gives its place to the last.
    fn each_connection(&self, mut visit: impl FnMut(&Ref<Connection>)) {
        let mut index = self.tables.lock().connections.len();
        while index > 0 {
            index -= 1;
            let connection = self.tables.lock().connections.get(index).cloned();
            if let Some(connection) = connection {
                visit(&connection);
            }
        }
    }

    fn find(&self, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        self.tables
            .lock()
            .connections
            .iter()
            .find(|connection| wanted(connection))
            .cloned()
    }

    /// A number for a packet or an id.
    pub(super) fn random(&self) -> u32 {
        (self.tables.lock().random.next() >> 32) as u32
    }

    /// An id that no connection has.
    pub(super) fn fresh_id(&self) -> CommId {
        loop {
            let id = CommId(self.random());
            if id != CommId::NONE && self.find(|connection| connection.id() == id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn add(&self, connection: Ref<Connection>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        Ok(try_push(&mut tables.connections, connection)?)
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
        if tables.connections.iter().any(|other| other.joins(local, remote)) {
            return Err(CmError::AlreadyConnected);
        }
        Ok(try_push(&mut tables.connections, connection)?)
    }

    /// The connection is over, its ids are free.
    pub(super) fn forget(&self, id: CommId) {
        let gone = {
            let mut tables = self.tables.lock();
            let index = tables
                .connections
                .iter()
                .position(|connection| connection.id() == id);
            index.and_then(|index| take_at(&mut tables.connections, index))
        };
        // Outside of the lock: consumers' objects may go with it.
        drop(gone);
    }

    pub(super) fn add_listener(&self, listener: Ref<Listener>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        Ok(try_push(&mut tables.listeners, listener)?)
    }

    pub(super) fn remove_listener(&self, listener: &Listener) {
        let gone = {
            let mut tables = self.tables.lock();
            let index = tables
                .listeners
                .iter()
                .position(|known| core::ptr::eq(&raw const **known, listener));
            index.and_then(|index| take_at(&mut tables.listeners, index))
        };
        drop(gone);
    }

    pub(super) fn listener(&self, local: SocketAddr) -> Option<Ref<Listener>> {
        let tables = self.tables.lock();
        tables
            .listeners
            .iter()
            .find(|listener| listener.local() == local && !listener.is_paused())
            .cloned()
    }

    /// Whether the address is one of the adapter's (CONN-07).
    pub(super) fn is_local(&self, local: IpAddr, passive: Passive<'_>) -> bool {
        resolve::is_local(self.luid, local, passive)
    }

    /// Gives every address of the adapter an entry in the port's table, as far as that can be had.
    pub(super) fn take_addresses(&self, passive: Passive<'_>) {
        // Without a table of addresses there are none; an address without an entry is missed when it is needed.
        let _ = net::unicast_addresses(self.luid, passive, |local| {
            let _ = self.gid_index(local, passive);
            true
        });
    }

    /// The way to a peer. May wait for the neighbour.
    pub(super) fn resolve(
        &self,
        local: IpAddr,
        remote: IpAddr,
        passive: Passive<'_>,
    ) -> Result<Route, CmError> {
        resolve::resolve(self.luid, self.device.mac(), local, remote, passive)
    }

    /// The entry of a local address in the port's table.
    pub(super) fn gid_index(&self, local: IpAddr, passive: Passive<'_>) -> Result<GidIndex, CmError> {
        let known = |gids: &Vec<(IpAddr, GidIndex)>| {
            gids.iter().find(|(ip, _)| *ip == local).map(|(_, index)| *index)
        };
        if let Some(index) = known(&self.gids.lock()) {
            return Ok(index);
        }
        let key = GidKey {
            gid: gid(local),
            mac: self.device.mac(),
            vlan: None,
        };
        let index = self.device.acquire_gid(key, passive)?;
        let mut gids = self.gids.lock();
        let kept = match known(&gids) {
            // Somebody else was faster: the entry is the same, and counted twice.
            Some(_) => Err(()),
            None => try_push(&mut gids, (local, index)).map_err(|_| ()),
        };
        drop(gids);
        if kept.is_err() {
            self.device.release_gid(index, passive);
            return known(&self.gids.lock()).ok_or(CmError::NoMemory);
        }
        Ok(index)
    }

    /// Where datagrams to the end of `route` go.
    pub(super) fn gsi_address(&self, route: &Route, passive: Passive<'_>) -> Result<GsiAddress, CmError> {
        Ok(GsiAddress {
            source: self.gid_index(route.local, passive)?,
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
        self.find(|connection| {
            if connection.remote().ip() != from {
                return false;
            }
            match message {
                Message::Req(req) => connection.is_request_of(req),
                Message::Rej(rej) if rej.reason == RejectReason::TIMEOUT => connection.is_given_up_by(rej),
                _ => connection.id() == message.remote_comm_id() && connection.may_be_called(theirs),
            }
        })
    }

    /// The connection that a request with another id for the same queue pair makes stale.
    pub(super) fn stale_connection(&self, guid: u64, qpn: super::mad::Qpn) -> Option<Ref<Connection>> {
        self.find(|connection| {
            connection.with(|m| m.remote_guid() == guid && m.remote_qpn() == qpn && m.is_live())
        })
    }

    /// Answers what waits.
    fn answer(this: &Ref<Self>, passive: Passive<'_>) {
        loop {
            let datagram = take_at(&mut this.backlog.lock(), 0);
            let Some(datagram) = datagram else { break };
            super::request::answer(this, &datagram, passive);
        }
    }

    /// Rejects a request that got no connection. Without a way to the peer it gets no answer.
    pub(super) fn reject(&self, datagram: &Datagram, rej: Rej, passive: Passive<'_>) {
        self.answer_with(datagram, Message::Rej(rej), passive);
    }

    /// Sends a message back to where a datagram came from.
    pub(super) fn answer_with(&self, datagram: &Datagram, message: Message, passive: Passive<'_>) {
        let (local, remote) = (address(datagram.destination), address(datagram.source));
        let to = self
            .resolve(local, remote, passive)
            .and_then(|route| self.gsi_address(&route, passive));
        if let Ok(to) = to {
            self.send(&to, &Mad::new(datagram.mad.header.transaction_id, message));
        }
    }
}

/// The node's GUID: the EUI-64 of its address.
fn node_guid([vendor @ .., x, y, z]: [u8; 6]) -> u64 {
    let [first, second, third] = vendor;
    u64::from_be_bytes([first ^ 2, second, third, 0xff, 0xfe, x, y, z])
}
