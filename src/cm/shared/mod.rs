//! What the parts of one agent share: QP1 and what arrives there ([`answers`]), who is there ([`tables`]), when to look again ([`clock`]).

mod answers;
mod clock;
mod tables;

use core::net::IpAddr;

use super::{
    Connection,
    error::CmError,
    gsi::{Datagram, Gsi, GsiAddress},
    local::LocalAddresses,
    mad::Mad,
    mtu::PathMtu,
    ports::PortTable,
    questions::{ASKERS, Questions},
    random::Random,
    resolve::{self, Route, Way, address, gid},
};
use crate::{
    hw::{
        Device,
        cq::{CompletionTarget, CqFault},
    },
    nt::{
        AddressWatch, NdisHandle, Passive, Ref, Slot, SpinLock, Timer, Vec, WorkItem,
        pool::try_with_capacity, time::Instant,
    },
};
use tables::Tables;

/// Datagrams that wait for the work item; more are dropped, as on the wire, and come again.
const BACKLOG: usize = 64;
/// The clock's units in a millisecond.
const TICKS_PER_MS: u64 = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
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

/// Tells the agent that QP1 has something.
struct Bell(Ref<Shared>);

impl CompletionTarget for Bell {
    fn completed(&self) {
        if let Some(gsi) = self.0.gsi.get() {
            gsi.poll(|datagram| Shared::arrived(&self.0, datagram));
        }
    }

    fn failed(&self, _: CqFault) {
        // Nothing arrives any more: connections under way end by their timers.
    }

    fn device_lost(&self) {
        // As above.
    }
}

impl Shared {
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
            tables: SpinLock::new(Tables::new(random)),
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
        let (connections, listeners) = self.tables.lock().take();
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

    /// A number for a packet or an id.
    pub(super) fn random(&self) -> u32 {
        (self.tables.lock().random.next() >> 32) as u32
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
}

/// A local address in use by a connection, whose entry in the port's table stays.
pub(super) struct AddressInUse {
    core: Ref<Shared>,
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

/// The node's GUID: the EUI-64 of its address.
fn node_guid([vendor @ .., x, y, z]: [u8; 6]) -> u64 {
    let [first, second, third] = vendor;
    u64::from_be_bytes([first ^ 2, second, third, 0xff, 0xfe, x, y, z])
}
