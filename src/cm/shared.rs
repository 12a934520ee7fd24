//! What all that an agent does needs: the device and QP1, the adapter's addresses and the way to others, who is there and who listens.

use core::net::IpAddr;

use super::{
    Connection,
    connection::Keeper,
    error::CmError,
    gsi::{Datagram, Gsi, GsiAddress},
    listener::Listeners,
    local::LocalAddresses,
    mad::{CommId, Mad, Message},
    mtu::PathMtu,
    ports::PortTable,
    random::Random,
    registry::Registry,
    resolve::{self, Route, Way, address, gid},
};
use crate::{
    hw::Device,
    nt::{NdisHandle, Passive, Ref, Slot, SpinLock},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) device: Ref<Device>,
    pub(super) mtu: PathMtu,
    pub(super) ports: Ref<PortTable>,
    pub(super) local: Ref<LocalAddresses>,
    pub(super) registry: Ref<Registry>,
    pub(super) listeners: Ref<Listeners>,
    pub(super) gsi: Slot<Gsi>,
    random: SpinLock<Random>,
    guid: u64,
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
        let mut random = Random::new(passive)?;
        Ok(Ref::try_new(Self {
            mtu,
            ports: PortTable::try_new(random.next() as u16)?,
            local: LocalAddresses::try_new(device.clone(), ndis, luid)?,
            registry: Registry::try_new(ndis, random.next())?,
            listeners: Ref::try_new(Listeners::new())?,
            gsi: Slot::new(),
            guid: node_guid(device.mac().0),
            random: SpinLock::new(random),
            device,
        })?)
    }

    pub(super) const fn guid(&self) -> u64 {
        self.guid
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

    /// Where datagrams to the end of `route` go.
    pub(super) fn gsi_address(&self, route: &Route, passive: Passive<'_>) -> Result<GsiAddress, CmError> {
        Ok(GsiAddress {
            source: self.local.index(route.local, passive)?,
            destination: gid(route.remote),
            mac: route.mac,
            hop_limit: route.hop_limit,
        })
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

impl Keeper for Shared {
    fn random(&self) -> u32 {
        (self.random.lock().next() >> 32) as u32
    }

    fn fresh_id(&self) -> CommId {
        loop {
            let id = CommId(self.random());
            if id != CommId::NONE && !self.registry.has(id) {
                return id;
            }
        }
    }

    fn send(&self, to: &GsiAddress, mad: &Mad) {
        if let Some(gsi) = self.gsi.get() {
            gsi.send(to, mad);
        }
    }

    fn learn(&self, connection: &Connection) {
        self.registry.learn(connection);
    }

    fn schedule(&self, connection: &Connection) {
        Registry::schedule(&self.registry, connection);
    }

    fn forget(&self, connection: &Connection) {
        self.registry.forget(connection);
    }
}

/// The node's GUID: the EUI-64 of its address.
fn node_guid([vendor @ .., x, y, z]: [u8; 6]) -> u64 {
    let [first, second, third] = vendor;
    u64::from_be_bytes([first ^ 2, second, third, 0xff, 0xfe, x, y, z])
}
