//! One adapter's connection management.

use core::net::SocketAddr;

use super::{
    Connection, ConnectionEvents, Listener, ListenerEvents,
    arrivals::Arrivals,
    clock::now_ms,
    connection::{Keeper, Parts, RNR_RETRY, Side, padded, transaction},
    error::CmError,
    local::LocalAddresses,
    machine::Machine,
    mad::{IpCmHeader, Path, Req, ServiceId, TransportService},
    mtu::{PathMtu, TAKES_COUNTER_OFFERS},
    params::{ConnectRequest, MAX_CALLER_DATA},
    ports::{Endpoint, PortTable},
    resolve::{Route, gid},
    shared::Shared,
    timeouts::{MAX_CM_RETRIES, PACKET_LIFE, RESPONSE_TIMEOUT, RETRY_COUNT, TARGET_ACK_DELAY, ack_timeout},
};
use crate::{
    dyn_ref,
    hw::{Device, Psn},
    nt::{NdisHandle, Passive, Ref},
};

/// The LID of a port that has none: Ethernet.
const NO_LID: u16 = 0xffff;
/// The default partition.
const P_KEY: u16 = 0xffff;

/// One adapter's connection management: QP1, timers, and the tables of connections, listeners and ports.
#[derive(Debug)]
pub struct Agent {
    shared: Ref<Shared>,
    arrivals: Ref<Arrivals>,
}

impl Agent {
    /// Takes QP1 and the adapter's addresses into use, as they come and go. `luid` is the adapter's `NET_LUID`, by which netio knows it; `mtu` is what connections use.
    ///
    /// # Errors
    /// No memory, the device or the system refused; everything was undone.
    pub fn start(
        device: Ref<Device>,
        ndis: NdisHandle,
        luid: u64,
        mtu: PathMtu,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, CmError> {
        let shared = Shared::try_new(device, ndis, luid, mtu, passive)?;
        let arrivals = Arrivals::try_new(shared.clone(), ndis)?;
        let agent = Ref::try_new(Self { shared, arrivals })?;
        let started = agent.try_start(passive);
        if let Err(error) = started {
            agent.stop(passive);
            return Err(error);
        }
        Ok(agent)
    }

    fn try_start(&self, passive: Passive<'_>) -> Result<(), CmError> {
        Arrivals::start(&self.arrivals, passive)?;
        LocalAddresses::watch(&self.shared.local, passive)
    }

    /// Ends everything: connections that still have a consumer are aborted. Nothing of this floor uses the device afterwards.
    pub fn stop(&self, passive: Passive<'_>) {
        let shared = &self.shared;
        shared.registry.stop();
        shared.listeners.stop();
        shared.local.stop(passive);
        let now = now_ms();
        shared.registry.each(|connection| connection.lose(now));
        self.arrivals.stop(passive);
        shared.registry.clear(passive);
        shared.listeners.clear();
        shared.local.release(passive);
    }

    /// Takes a local address and port (CONN-06, CONN-07, CONN-20, CONN-21). Port 0 takes a free one of 49152-65535.
    ///
    /// # Errors
    /// [`CmError::InvalidAddress`], [`CmError::PortInUse`], [`CmError::PortsExhausted`], [`CmError::NoMemory`].
    pub fn endpoint(&self, local: SocketAddr, passive: Passive<'_>) -> Result<Ref<Endpoint>, CmError> {
        let addresses = &self.shared.local;
        if !addresses.has(local.ip(), passive) {
            return Err(CmError::InvalidAddress);
        }
        let local = addresses.named(local).ok_or(CmError::InvalidAddress)?;
        PortTable::reserve(&self.shared.ports, local)
    }

    /// Resolves the way to the peer and sends a request. One event tells how it went.
    ///
    /// # Errors
    /// See [`CmError`]; there are no events then.
    pub fn connect(
        &self,
        request: &ConnectRequest<'_>,
        events: Ref<dyn ConnectionEvents>,
        passive: Passive<'_>,
    ) -> Result<Ref<Connection>, CmError> {
        let shared = &self.shared;
        let consumer: [u8; MAX_CALLER_DATA] = padded(request.private_data, MAX_CALLER_DATA)?;
        let local = request.endpoint.local();
        // Another zone is another network.
        let remote = shared.local.named(request.remote).ok_or(CmError::NoRoute)?;
        let address = LocalAddresses::hold(&shared.local, local.ip(), passive)?;
        let route = shared.resolve(local.ip(), remote.ip(), passive)?;
        let to = shared.gsi_address(&route, passive)?;
        let receive_psn = Psn::new(shared.random() & 0x00ff_ffff);
        let req = self.req(request, (local, remote), &consumer, &route, receive_psn);
        let transaction = transaction(shared.random(), req.local_comm_id);
        let (machine, step) = Machine::active(&req, transaction, now_ms());
        let connection = Ref::try_new(Connection::new(Parts {
            keeper: dyn_ref!(shared.clone() => dyn Keeper),
            side: Side::Active,
            local,
            remote,
            route,
            to,
            machine,
            events: Some(events),
            req,
            receive_psn,
            place: None,
            address,
        }))?;
        shared.registry.add_only(connection.clone(), local, remote)?;
        connection.begin(&step);
        Ok(connection)
    }

    fn req(
        &self,
        request: &ConnectRequest<'_>,
        (local, remote): (SocketAddr, SocketAddr),
        consumer: &[u8],
        route: &Route,
        receive_psn: Psn,
    ) -> Req {
        let header = IpCmHeader {
            source_port: local.port(),
            source: local.ip(),
            destination: remote.ip(),
        };
        Req {
            local_comm_id: self.shared.fresh_id(),
            vendor_id: 0,
            service_id: ServiceId::tcp(remote.port()),
            local_ca_guid: self.shared.guid(),
            local_q_key: TAKES_COUNTER_OFFERS,
            local_qpn: super::mad::Qpn::new(request.qpn.raw()),
            responder_resources: request.limits.inbound,
            local_eecn: 0,
            initiator_depth: request.limits.outbound,
            remote_eecn: 0,
            remote_response_timeout: RESPONSE_TIMEOUT,
            transport: TransportService::Rc,
            flow_control: false,
            starting_psn: super::mad::Psn::new(receive_psn.raw()),
            local_response_timeout: RESPONSE_TIMEOUT,
            retry_count: RETRY_COUNT,
            p_key: P_KEY,
            path_mtu: self.shared.mtu.own as u8,
            rdc_exists: false,
            rnr_retry_count: RNR_RETRY,
            max_cm_retries: MAX_CM_RETRIES,
            srq: false,
            extended_transport: 0,
            primary: path(local, remote, route),
            alternate: Path::default(),
            private_data: header.encode(consumer),
        }
    }

    /// Listens.
    ///
    /// # Errors
    /// See [`CmError`].
    pub fn listen(
        &self,
        endpoint: Ref<Endpoint>,
        events: Ref<dyn ListenerEvents>,
        passive: Passive<'_>,
    ) -> Result<Ref<Listener>, CmError> {
        // The address answers from now on.
        self.shared.local.index(endpoint.local().ip(), passive)?;
        Listener::open(&self.shared.listeners, endpoint, events)
    }
}

fn path(local: SocketAddr, remote: SocketAddr, route: &Route) -> Path {
    // Both directions derive their UDP source port from it, as Linux does.
    let flow = u32::from(local.port())
        .wrapping_mul(31)
        .wrapping_add(u32::from(remote.port()));
    Path {
        local_lid: NO_LID,
        remote_lid: NO_LID,
        local_gid: gid(local.ip()).0,
        remote_gid: gid(remote.ip()).0,
        flow_label: flow & 0xf_ffff,
        packet_rate: 0,
        traffic_class: 0,
        hop_limit: route.hop_limit,
        service_level: 0,
        subnet_local: false,
        ack_timeout: ack_timeout(TARGET_ACK_DELAY, PACKET_LIFE),
    }
}
