//! Requests that reach no connection: a new connection for a listener, or an answer that says why not.

use core::net::SocketAddr;

use super::{
    Connection, Incoming, Listener,
    backlog::Place,
    clock::now_ms,
    connection::{Keeper, Parts, Side, peer_limits},
    error::CmError,
    gsi::Datagram,
    local::LocalAddresses,
    machine::Machine,
    mad::{
        ARI_SIZE, CommId, Confirm, Dreq, IpCmHeader, Message, Rej, RejectReason, Rejected, Req,
        TransportService,
    },
    params::MAX_CALLER_DATA,
    resolve::{Route, address},
    shared::Shared,
    timeouts::DECISION_MS,
};
use crate::{
    dyn_ref,
    hw::{Mtu, Psn},
    nt::{Passive, Ref},
};

/// Where the consumer's part of a request's private data begins.
const CONSUMER_DATA: usize = 36;

/// Answers a request for communication or for its release that no connection took, over `route`, the way back.
pub(super) fn answer(shared: &Ref<Shared>, datagram: &Datagram, route: &Route, passive: Passive<'_>) {
    // Another copy of it may have made a connection meanwhile.
    if let Some(connection) = shared.registry.connection_of(datagram) {
        connection.receive(&datagram.mad, now_ms());
        return;
    }
    match &datagram.mad.message {
        Message::Req(req) => {
            if let Err(refusal) = accept(shared, datagram, req, route, passive) {
                shared.answer_with(datagram, Message::Rej(refusal.into_rej(req)), route, passive);
            }
        }
        Message::Dreq(dreq) => shared.answer_with(datagram, Message::Drep(unknown(dreq)), route, passive),
        _ => {}
    }
}

/// Whether a listener waits for the request.
pub(super) fn is_wanted(shared: &Shared, datagram: &Datagram) -> bool {
    let Message::Req(req) = &datagram.mad.message else {
        return false;
    };
    ends(shared, datagram, req).is_ok_and(|(local, _)| shared.listeners.find(local).is_some())
}

/// A connection that is not known is released (roce-wire 4.8).
const fn unknown(dreq: &Dreq) -> Confirm {
    Confirm::new(dreq.remote_comm_id, dreq.local_comm_id)
}

/// Why a request is refused at once.
struct Refusal {
    reason: RejectReason,
    /// Additional information: the MTU that can be had.
    mtu: Option<Mtu>,
}

impl Refusal {
    const fn new(reason: RejectReason) -> Self {
        Self { reason, mtu: None }
    }

    fn into_rej(self, req: &Req) -> Rej {
        let mut ari = [0; ARI_SIZE];
        if let (Some(mtu), [first, ..]) = (self.mtu, &mut ari) {
            *first = mtu as u8;
        }
        Rej {
            local_comm_id: CommId::NONE,
            remote_comm_id: req.local_comm_id,
            message: Rejected::Req,
            reason: self.reason,
            ari_length: u8::from(self.mtu.is_some()),
            ari,
            private_data: [0; 148],
        }
    }
}

impl From<CmError> for Refusal {
    fn from(_: CmError) -> Self {
        Self::new(RejectReason::NO_RESOURCES)
    }
}

fn accept(
    shared: &Ref<Shared>,
    datagram: &Datagram,
    req: &Req,
    route: &Route,
    passive: Passive<'_>,
) -> Result<(), Refusal> {
    let (local, remote) = ends(shared, datagram, req)?;
    if req.transport != TransportService::Rc {
        return Err(Refusal::new(RejectReason::INVALID_TRANSPORT));
    }
    let listener = shared
        .listeners
        .find(local)
        .ok_or_else(|| Refusal::new(RejectReason::INVALID_SERVICE_ID))?;
    shared.mtu.judge(req).map_err(|mtu| Refusal {
        reason: RejectReason::INVALID_PATH_MTU,
        mtu: Some(mtu),
    })?;
    if let Some(stale) = shared.registry.stale_connection(req) {
        stale.lose(now_ms());
        return Err(Refusal::new(RejectReason::STALE_CONNECTION));
    }
    let place = listener.place()?;
    let connection = passive_connection(shared, datagram, req, (local, remote), (route, place), passive)?;
    shared.registry.add(connection.clone())?;
    shared.schedule(&connection);
    offer(&listener, &connection, req, remote);
    Ok(())
}

/// Addresses and ports of both ends; the request must come from where it says, and ask for where it went.
fn ends(shared: &Shared, datagram: &Datagram, req: &Req) -> Result<(SocketAddr, SocketAddr), Refusal> {
    let port = req
        .service_id
        .tcp_port()
        .ok_or_else(|| Refusal::new(RejectReason::INVALID_SERVICE_ID))?;
    let header = IpCmHeader::parse(&req.private_data).map_err(|_| Refusal::new(RejectReason::CONSUMER))?;
    let honest =
        header.destination == address(datagram.destination) && header.source == address(datagram.source);
    if !honest {
        return Err(Refusal::new(RejectReason::CONSUMER));
    }
    Ok((
        shared.local.on_link(header.destination, port),
        shared.local.on_link(header.source, header.source_port),
    ))
}

fn passive_connection(
    shared: &Ref<Shared>,
    datagram: &Datagram,
    req: &Req,
    (local, remote): (SocketAddr, SocketAddr),
    (route, place): (&Route, Place),
    passive: Passive<'_>,
) -> Result<Ref<Connection>, CmError> {
    let address = LocalAddresses::hold(&shared.local, local.ip(), passive)?;
    let to = shared.gsi_address(route, passive)?;
    let transaction = datagram.mad.header.transaction_id;
    let mut machine = Machine::passive(req, transaction, shared.fresh_id(), shared.guid());
    machine.decide_by(now_ms().saturating_add(DECISION_MS));
    Ok(Ref::try_new(Connection::new(Parts {
        keeper: dyn_ref!(shared.clone() => dyn Keeper),
        side: Side::Passive,
        local,
        remote,
        route: *route,
        to,
        machine,
        events: None,
        req: *req,
        receive_psn: Psn::new(shared.random() & 0x00ff_ffff),
        place: Some(place),
        address,
    }))?)
}

/// Offers the connection to the listener's consumer; what it does not take is rejected.
fn offer(listener: &Listener, connection: &Ref<Connection>, req: &Req, remote: SocketAddr) {
    let peer = peer_limits(req);
    let mut private_data = [0; MAX_CALLER_DATA];
    for (to, from) in private_data
        .iter_mut()
        .zip(req.private_data.iter().skip(CONSUMER_DATA))
    {
        *to = *from;
    }
    let incoming = Incoming {
        connection: connection.clone(),
        endpoint: listener.endpoint().clone(),
        remote,
        limits: super::ReadLimits {
            inbound: peer.outbound,
            outbound: peer.inbound,
        },
        private_data,
    };
    if let Err(reason) = listener.events.requested(incoming) {
        // The peer may have given up: then there is nothing to reject.
        let _ = connection.reject(reason, &[]);
    }
}
