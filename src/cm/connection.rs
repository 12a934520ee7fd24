//! One connection, as its consumer holds it.

use core::{fmt, net::SocketAddr};

use super::{
    ConnectionEvents, Illegal,
    backlog::Place,
    clock::now_ms,
    error::CmError,
    gsi::GsiAddress,
    key::{KEYS, Key},
    local::AddressInUse,
    machine::{Machine, News, State, Step},
    mad::{CommId, Failover, Mad, Message, Rej, RejectReason, Rep, Req},
    mtu,
    params::{Answer, MAX_CALLEE_DATA, QpParameters, ReadLimits, Rejection, Reply},
    resolve::{Route, gid},
    timeouts::{TARGET_ACK_DELAY, active_ack_timeout, passive_ack_timeout},
};
use crate::{
    hw::{Psn, Qpn, qp::udp_source_port},
    nt::{Ref, SpinLock},
};

/// RNR retries that this side asks of the peer: endless, for consumers that post receives late.
pub(super) const RNR_RETRY: u8 = 7;

/// What became of a call of [`Connection::disconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The peer had asked already and has its answer now; nothing more will come.
    Done,
    /// The peer was asked; [`ConnectionEvents::disconnected`] follows.
    Pending,
    /// The connection was lost before; nothing more will come.
    Aborted,
}

/// Which side of the connection this is, with what the request said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Active,
    Passive,
}

/// What connections ask of the agent that keeps them, at `<= DISPATCH_LEVEL` and without a connection's lock.
pub(super) trait Keeper: Send + Sync {
    /// A number for a packet, an id or an exchange.
    fn random(&self) -> u32;

    /// An id that no connection has.
    fn fresh_id(&self) -> CommId;

    /// Sends a message; lost if QP1 is gone or busy, as on the wire.
    fn send(&self, to: &GsiAddress, mad: &Mad);

    /// The connection has learnt who its peer is, or goes by another id.
    fn learn(&self, connection: &Connection);

    /// The connection waits for something else, or not any more: [`Connection::expire`] is called when its time has come.
    fn schedule(&self, connection: &Connection);

    /// The connection is over, its ids are free.
    fn forget(&self, connection: &Connection);
}

/// One connection, from its request on. Every method may be called at `<= DISPATCH_LEVEL`.
pub struct Connection {
    keeper: Ref<dyn Keeper>,
    side: Side,
    /// The consumer holds the endpoint (CONN-40 to CONN-43): its port is free when that lets go, whatever still waits here.
    local: SocketAddr,
    remote: SocketAddr,
    route: Route,
    to: GsiAddress,
    _address: AddressInUse,
    state: SpinLock<Inner>,
}

pub(super) struct Inner {
    pub(super) machine: Machine,
    events: Option<Ref<dyn ConnectionEvents>>,
    req: Req,
    /// First packet number that this side expects: chosen by us, told to the peer.
    receive_psn: Psn,
    rep: Option<Rep>,
    /// Passive: the place in the listener's backlog, until the consumer decides.
    place: Option<Place>,
}

/// What a new [`Connection`] is made of.
pub(super) struct Parts {
    pub(super) keeper: Ref<dyn Keeper>,
    pub(super) side: Side,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) route: Route,
    pub(super) to: GsiAddress,
    pub(super) machine: Machine,
    pub(super) events: Option<Ref<dyn ConnectionEvents>>,
    pub(super) req: Req,
    pub(super) receive_psn: Psn,
    pub(super) place: Option<Place>,
    pub(super) address: AddressInUse,
}

impl Connection {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            keeper: parts.keeper,
            side: parts.side,
            local: parts.local,
            remote: parts.remote,
            route: parts.route,
            to: parts.to,
            _address: parts.address,
            state: SpinLock::new(Inner {
                machine: parts.machine,
                events: parts.events,
                req: parts.req,
                receive_psn: parts.receive_psn,
                rep: None,
                place: parts.place,
            }),
        }
    }

    /// This side's address and port.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's address and port.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// What goes into the queue pair. Active: after `replied`. Passive: before [`Self::reply`]; `own` are the limits that the reply
    /// will name (ignored on the active side, where the request named them).
    ///
    /// # Errors
    /// Not in one of those states any more.
    pub fn parameters(&self, own: ReadLimits) -> Result<QpParameters, Illegal> {
        let inner = self.state.lock();
        match (self.side, inner.machine.state(), &inner.rep) {
            (Side::Active, State::RepReceived, Some(rep)) => Ok(self.active_parameters(&inner, rep)),
            (Side::Passive, State::ReqReceived, _) => Ok(self.passive_parameters(&inner, own)),
            _ => Err(Illegal),
        }
    }

    /// Passive: accepts. The queue pair is in RTR, so that it tells of the peer's first packet
    /// ([`Self::communication_established`]), and goes to RTS when `established` has come. One event of [`ConnectionEvents`] tells how it went.
    ///
    /// # Errors
    /// The peer gave up meanwhile, or too much private data; `events` is not used then.
    pub fn reply(&self, answer: &Answer<'_>, events: Ref<dyn ConnectionEvents>) -> Result<(), CmError> {
        let private_data = padded(answer.private_data, MAX_CALLEE_DATA)?;
        let now = now_ms();
        let mut inner = self.state.lock();
        let limits = answer.limits.agreed_with(peer_limits(&inner.req));
        let rep = Rep {
            // The machine knows the ids.
            local_comm_id: CommId::NONE,
            remote_comm_id: CommId::NONE,
            local_q_key: 0,
            local_qpn: super::mad::Qpn::new(answer.qpn.raw()),
            local_eecn: 0,
            starting_psn: super::mad::Psn::new(inner.receive_psn.raw()),
            vendor_id: 0,
            responder_resources: limits.inbound,
            initiator_depth: limits.outbound,
            target_ack_delay: TARGET_ACK_DELAY,
            failover: Failover::Accepted,
            flow_control: false,
            rnr_retry_count: RNR_RETRY,
            srq: false,
            local_ca_guid: 0,
            private_data,
        };
        let step = inner.machine.reply(rep, now)?;
        inner.events = Some(events);
        inner.place = None;
        self.finish(inner, &step, None);
        Ok(())
    }

    /// Active, after `replied`, with the queue pair in RTS: tells the peer (RTU). The connection is established.
    ///
    /// # Errors
    /// The peer gave up meanwhile.
    pub fn ready_to_use(&self) -> Result<(), Illegal> {
        let mut inner = self.state.lock();
        let step = inner.machine.ready()?;
        self.finish(inner, &step, None);
        Ok(())
    }

    /// Rejects: a request (passive) or a reply (active) (CONN-30, CONN-31). There are no more events.
    ///
    /// # Errors
    /// The peer gave up meanwhile, or too much private data.
    pub fn reject(&self, reason: RejectReason, private_data: &[u8]) -> Result<(), CmError> {
        let private_data = padded(private_data, MAX_CALLEE_DATA)?;
        let now = now_ms();
        let mut inner = self.state.lock();
        inner.place = None;
        let step = inner.machine.reject(reason, private_data, now)?;
        self.finish(inner, &step, None);
        Ok(())
    }

    /// The device saw the peer's first packet: as good as an RTU. Ignored in other states.
    pub fn communication_established(&self) {
        let mut inner = self.state.lock();
        let step = inner.machine.first_packet();
        self.finish(inner, &step, None);
    }

    /// Asks the peer to end the connection, or grants what it asked for (CONN-61, CONN-72).
    ///
    /// # Errors
    /// The connection never was established, or `disconnect` was called before (CONN-77).
    pub fn disconnect(&self) -> Result<Disconnect, Illegal> {
        let now = now_ms();
        let mut inner = self.state.lock();
        if inner.machine.is_past() {
            return Ok(Disconnect::Aborted);
        }
        let step = inner.machine.disconnect(now)?;
        let pending = inner.machine.state() == State::DreqSent;
        self.finish(inner, &step, None);
        Ok(if pending {
            Disconnect::Pending
        } else {
            Disconnect::Done
        })
    }

    /// The consumer is not interested any more: ends the connection in the way that its state asks for, without waiting
    /// for the peer. An event that is on its way on another processor may still arrive; none is started after this.
    pub fn abandon(&self) {
        let now = now_ms();
        let mut inner = self.state.lock();
        let events = inner.events.take();
        inner.place = None;
        let step = inner.machine.abandon(now);
        self.finish(inner, &step, None);
        // Outside of the lock: the consumer's object may go with it.
        drop(events);
    }

    /// Does the first step of an active connection.
    pub(super) fn begin(&self, step: &Step) {
        let inner = self.state.lock();
        self.finish(inner, step, None);
    }

    /// Whether this is a live connection between the two.
    pub(super) fn joins(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.local == local && self.remote == remote && self.with(Machine::is_live)
    }

    /// What it can be found by, as far as it is known: what the peer's are it says in its first message.
    pub(super) fn keys(&self) -> [Option<Key>; KEYS] {
        let (id, peer, queue_pair) = self.with(|m| {
            let known = m.remote() != CommId::NONE;
            let guid = m.remote_guid();
            (
                Key::Id(m.local()),
                known.then(|| Key::Peer(m.remote(), guid)),
                known.then(|| Key::QueuePair(m.remote_qpn(), guid)),
            )
        });
        let ends = Key::Ends(self.local, self.remote);
        [Some(id), peer, queue_pair, Some(ends)]
    }

    /// When it waits for something next, in milliseconds of the agent's clock.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.with(Machine::deadline)
    }

    /// Whether the request is the one that made this connection, or a copy of it. A peer that started over may use an id again, but not
    /// with the same queue pair and packet number.
    pub(super) fn is_request_of(&self, req: &Req) -> bool {
        let inner = self.state.lock();
        let same = |known: &Req| {
            (known.local_comm_id, known.local_ca_guid) == (req.local_comm_id, req.local_ca_guid)
                && (known.local_qpn, known.starting_psn) == (req.local_qpn, req.starting_psn)
        };
        self.side == Side::Passive && same(&inner.req)
    }

    /// Whether the rejection takes back the request that made this connection: it names the peer's node.
    pub(super) fn is_given_up_by(&self, rej: &Rej) -> bool {
        self.with(|m| m.remote() == rej.local_comm_id && m.remote_guid() == rej.named_guid())
    }

    /// Whether the peer may call the connection `id`: it has not said yet, or said that.
    pub(super) fn may_be_called(&self, id: CommId) -> bool {
        self.with(|m| m.remote() == CommId::NONE || m.remote() == id || id == CommId::NONE)
    }

    /// A message of the peer.
    pub(super) fn receive(&self, mad: &Mad, now: u64) {
        let mut inner = self.state.lock();
        let step = inner.machine.receive(mad, now);
        if let (Message::Rep(rep), Some(News::Replied)) = (&mad.message, step.news) {
            inner.rep = Some(*rep);
        }
        let rej = if let Message::Rej(rej) = &mad.message {
            Some(rej)
        } else {
            None
        };
        self.finish(inner, &step, rej);
        self.start_over(now);
    }

    /// Looks whether time is over.
    pub(super) fn expire(&self, now: u64) {
        self.start_over(now);
        let mut inner = self.state.lock();
        let step = inner.machine.expire(now);
        self.finish(inner, &step, None);
    }

    /// The connection is lost: the peer started over, or the adapter stops.
    pub(super) fn lose(&self, now: u64) {
        let mut inner = self.state.lock();
        let step = inner.machine.lose(now);
        self.finish(inner, &step, None);
    }

    /// The agent has stopped: nothing will be sent or received any more.
    pub(super) fn kill(&self) {
        let events = {
            let mut inner = self.state.lock();
            inner.machine.kill();
            inner.events.take()
        };
        drop(events);
    }

    /// This side's id: another one after the connection started over.
    pub(super) fn id(&self) -> CommId {
        self.with(Machine::local)
    }

    /// Sends another request in place of one that was refused for a reason that this one avoids.
    fn start_over(&self, now: u64) {
        if self.with(|machine| machine.wants_another(now)).is_none() {
            return;
        }
        // The tables are not asked under this connection's lock.
        let (id, receive_psn) = (self.keeper.fresh_id(), self.keeper.random() & 0x00ff_ffff);
        let transaction = transaction(self.keeper.random(), id);
        let mut inner = self.state.lock();
        let Some(path_mtu) = inner.machine.wants_another(now) else {
            return;
        };
        inner.receive_psn = Psn::new(receive_psn);
        inner.req = Req {
            local_comm_id: id,
            starting_psn: super::mad::Psn::new(receive_psn),
            path_mtu,
            ..inner.req
        };
        let req = inner.req;
        let step = inner
            .machine
            .start_over(&req, transaction, now)
            .unwrap_or(Step::NOTHING);
        drop(inner);
        // Before the peer can answer.
        self.keeper.learn(self);
        let inner = self.state.lock();
        // The consumer may have given up meanwhile.
        if inner.machine.state() == State::ReqSent {
            self.finish(inner, &step, None);
        }
    }

    /// Looks into the state machine.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Machine) -> T) -> T {
        look(&self.state.lock().machine)
    }

    /// Does what a step asks for, after letting go of the lock.
    fn finish(&self, mut inner: crate::nt::SpinGuard<'_, Inner>, step: &Step, rej: Option<&Rej>) {
        let state = inner.machine.state();
        let over = matches!(state, State::Idle | State::Timewait);
        let events = if over {
            inner.events.take()
        } else {
            inner.events.clone()
        };
        let reply = inner.rep.as_ref().map(|rep| Self::summary(&inner.req, rep));
        drop(inner);
        if let Some(mad) = &step.send {
            self.keeper.send(&self.to, mad);
        }
        if state == State::Idle {
            self.keeper.forget(self);
        } else {
            self.keeper.schedule(self);
        }
        if let (Some(news), Some(events)) = (step.news, &events) {
            tell(&**events, news, reply.as_ref(), rej);
        }
    }

    fn summary(req: &Req, rep: &Rep) -> Reply {
        let mut private_data = [0; MAX_CALLEE_DATA];
        copy(&mut private_data, &rep.private_data);
        Reply {
            limits: active_limits(req, rep),
            private_data,
        }
    }

    fn active_parameters(&self, inner: &Inner, rep: &Rep) -> QpParameters {
        QpParameters {
            limits: active_limits(&inner.req, rep),
            remote_qpn: Qpn::new(rep.local_qpn.get()),
            send_psn: Psn::new(rep.starting_psn.get()),
            ack_timeout: active_ack_timeout(rep.target_ack_delay),
            rnr_retry_count: rep.rnr_retry_count,
            ..self.common_parameters(inner)
        }
    }

    fn passive_parameters(&self, inner: &Inner, own: ReadLimits) -> QpParameters {
        QpParameters {
            limits: own.agreed_with(peer_limits(&inner.req)),
            ..self.common_parameters(inner)
        }
    }

    /// What both sides take from the request.
    fn common_parameters(&self, inner: &Inner) -> QpParameters {
        let req = &inner.req;
        QpParameters {
            gid_index: self.to.source,
            remote_gid: gid(self.route.remote),
            remote_mac: self.route.mac,
            hop_limit: self.route.hop_limit,
            traffic_class: req.primary.traffic_class,
            udp_source_port: udp_source_port(
                req.primary.flow_label,
                Qpn::new(req.local_qpn.get()),
                Qpn::new(req.local_qpn.get()),
            ),
            remote_qpn: Qpn::new(req.local_qpn.get()),
            path_mtu: mtu::of_code(req.path_mtu),
            receive_psn: inner.receive_psn,
            send_psn: Psn::new(req.starting_psn.get()),
            limits: ReadLimits::default(),
            ack_timeout: passive_ack_timeout(req.primary.ack_timeout),
            retry_count: req.retry_count,
            rnr_retry_count: req.rnr_retry_count,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

fn tell(events: &dyn ConnectionEvents, news: News, reply: Option<&Reply>, rej: Option<&Rej>) {
    match news {
        News::Replied => {
            if let Some(reply) = reply {
                events.replied(reply);
            }
        }
        News::Rejected => {
            if let Some(rej) = rej {
                events.rejected(&Rejection {
                    reason: rej.reason,
                    private_data: rej.private_data,
                });
            }
        }
        News::Established => events.established(),
        News::EstablishedThenDisconnectRequested => {
            events.established();
            events.disconnect_requested();
        }
        News::DisconnectRequested => events.disconnect_requested(),
        News::Disconnected(outcome) => events.disconnected(outcome),
        News::TimedOut => events.timed_out(),
        News::Aborted => events.aborted(),
    }
}

/// A name for the exchange that a request begins.
pub(super) fn transaction(random: u32, id: CommId) -> u64 {
    u64::from(random) << 32 | u64::from(id.0)
}

/// The peer's limits as its request names them, seen from the peer.
pub(super) fn peer_limits(req: &Req) -> ReadLimits {
    ReadLimits {
        inbound: req.responder_resources,
        outbound: req.initiator_depth,
    }
}

/// What holds on the active side: a peer may answer more than was asked for, and is clamped (CONN-11).
fn active_limits(req: &Req, rep: &Rep) -> ReadLimits {
    let own = ReadLimits {
        inbound: req.responder_resources,
        outbound: req.initiator_depth,
    };
    own.agreed_with(ReadLimits {
        inbound: rep.responder_resources,
        outbound: rep.initiator_depth,
    })
}

/// `data` with zeros after it.
pub(super) fn padded<const N: usize>(data: &[u8], limit: usize) -> Result<[u8; N], CmError> {
    if data.len() > limit.min(N) {
        return Err(CmError::DataTooLong);
    }
    let mut out = [0; N];
    copy(&mut out, data);
    Ok(out)
}

fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
