//! What happens to a connector: the consumer's calls, what the network says, and the work in between.

use core::net::SocketAddr;

use super::{
    callback::{DisconnectEvent, RequestCompletion},
    connector::{ACCEPT, Answered, COMPLETE, Connector, ESTABLISH, OVER, PrivateData, State},
    endpoint::SharedEndpoint,
    limits,
    object::{Object, Pending},
    qp::{Owner, Qp},
    services::count,
    task,
};
use crate::{
    cm::{
        Answer, ConnectRequest, Connection, ConnectionEvents, Disconnect, Endpoint, MAX_CALLEE_DATA, Outcome,
        ReadLimits, Rejection, Reply, mad::RejectReason,
    },
    dyn_ref,
    nt::{Passive, Ref, Status},
};

/// Where a connect comes from.
pub enum Source {
    /// An address, and a port or 0.
    Address(SocketAddr),
    /// A shared endpoint.
    Shared(Ref<Object<SharedEndpoint>>),
}

/// What `NdkConnect` and `NdkConnectWithSharedEndpoint` ask for.
pub struct ConnectCall {
    /// The queue pair.
    pub qp: Ref<Object<Qp>>,
    /// Where from.
    pub source: Source,
    /// Where to.
    pub remote: SocketAddr,
    /// What the consumer wants; capped silently (CONN-10).
    pub limits: ReadLimits,
    /// For the peer.
    pub data: PrivateData,
}

/// What `NdkAccept` asks for.
pub struct AcceptCall {
    /// The queue pair.
    pub qp: Ref<Object<Qp>>,
    /// What the consumer wants; capped silently (CONN-10).
    pub limits: ReadLimits,
    /// For the peer.
    pub data: PrivateData,
    /// Whom to tell that the peer has left.
    pub event: DisconnectEvent,
}

impl Object<Connector> {
    /// `NdkConnect` and `NdkConnectWithSharedEndpoint`. `<= DISPATCH_LEVEL`.
    pub fn connect(this: &Ref<Self>, mut call: ConnectCall, completion: RequestCompletion) -> Status {
        call.limits = limits::cap(this.kind().services.info(), call.limits);
        if let Err(status) = Self::take_qp(this, &call.qp, State::Idle, State::Connecting) {
            return status;
        }
        this.with_antecedents(|antecedents| {
            antecedents.qp = Some(Object::hold(&call.qp));
            if let Source::Shared(shared) = &call.source {
                antecedents.shared = Some(Object::hold(shared));
            }
        });
        {
            let mut inner = this.kind().inner.lock();
            inner.own = call.limits;
            inner.pending = Some(Pending::new(this, completion));
        }
        let hold = Self::hold(this);
        let spawned = task::spawn(this.identity().ndis, move |passive| {
            Connector::connect_now(hold.object(), &call, passive);
            drop(hold);
        });
        if spawned.is_ok() {
            return Status::PENDING;
        }
        Self::untake_qp(this, State::Connecting, State::Idle);
        Status::INSUFFICIENT_RESOURCES
    }

    /// `NdkCompleteConnect` (CONN-14, CONN-15). `<= DISPATCH_LEVEL`.
    pub fn complete_connect(
        this: &Ref<Self>,
        event: DisconnectEvent,
        completion: RequestCompletion,
    ) -> Status {
        {
            let mut inner = this.kind().inner.lock();
            if inner.state != State::PeerAccepted {
                return Status::CONNECTION_INVALID;
            }
            inner.state = State::Completing;
            inner.event = Some(event);
            inner.pending = Some(Pending::new(this, completion));
        }
        Self::schedule(this, COMPLETE);
        Status::PENDING
    }

    /// `NdkAccept` (CONN-27, CONN-28). `<= DISPATCH_LEVEL`.
    pub fn accept(this: &Ref<Self>, call: &AcceptCall, completion: RequestCompletion) -> Status {
        if let Err(status) = Self::take_qp(this, &call.qp, State::Incoming, State::Accepting) {
            return status;
        }
        this.with_antecedents(|antecedents| antecedents.qp = Some(Object::hold(&call.qp)));
        {
            let mut inner = this.kind().inner.lock();
            inner.own = limits::cap(this.kind().services.info(), call.limits);
            inner.answer = call.data;
            inner.event = Some(call.event);
            inner.pending = Some(Pending::new(this, completion));
        }
        Self::schedule(this, ACCEPT);
        Status::PENDING
    }

    /// `NdkReject` (CONN-30, CONN-31). `<= DISPATCH_LEVEL`, inline.
    pub fn reject(this: &Ref<Self>, data: &[u8]) -> Status {
        if data.len() > MAX_CALLEE_DATA {
            return Status::INVALID_BUFFER_SIZE;
        }
        let (connection, qp) = {
            let mut inner = this.kind().inner.lock();
            if !matches!(inner.state, State::Incoming | State::PeerAccepted) {
                return Status::CONNECTION_INVALID;
            }
            inner.state = State::Dead;
            (inner.connection.clone(), inner.qp.clone())
        };
        if let Some(qp) = qp {
            qp.kind().release();
        }
        let rejected = connection.map_or(Err(Status::CONNECTION_ABORTED), |connection| {
            connection
                .reject(RejectReason::CONSUMER, data)
                .map_err(|_| Status::CONNECTION_ABORTED)
        });
        Status::from(rejected)
    }

    /// `NdkDisconnect` (CONN-60, CONN-61, CONN-72). `<= DISPATCH_LEVEL`.
    pub fn disconnect(this: &Ref<Self>, completion: RequestCompletion) -> Status {
        let connection = {
            let mut inner = this.kind().inner.lock();
            if !matches!(inner.state, State::Connected | State::PeerGone) {
                return Status::CONNECTION_INVALID;
            }
            this.kind().leave(&mut inner, State::Disconnecting);
            inner.event = None;
            inner.outcome = if inner.broken {
                Status::CONNECTION_ABORTED
            } else {
                Status::SUCCESS
            };
            inner.pending = Some(Pending::new(this, completion));
            inner.connection.clone()
        };
        // Pending: `disconnected` follows. Otherwise the peer has its answer, or there is nobody to ask any more.
        if !connection.is_some_and(|connection| connection.disconnect() == Ok(Disconnect::Pending)) {
            Self::schedule(this, OVER);
        }
        Status::PENDING
    }

    /// Changes the state for a call that brings a queue pair, and claims that.
    fn take_qp(this: &Ref<Self>, qp: &Ref<Object<Qp>>, from: State, to: State) -> Result<(), Status> {
        {
            let mut inner = this.kind().inner.lock();
            if inner.state != from {
                // A connector is used once (CONN-68).
                return Err(Status::CONNECTION_INVALID);
            }
            inner.state = to;
        }
        let claimed = qp.kind().claim(dyn_ref!(this.clone() => dyn Owner));
        let mut inner = this.kind().inner.lock();
        if claimed.is_ok() {
            inner.qp = Some(qp.clone());
        } else {
            inner.state = from;
        }
        claimed
    }

    /// Takes [`Self::take_qp`] back: the request was not accepted.
    fn untake_qp(this: &Ref<Self>, from: State, to: State) {
        let (pending, qp) = {
            let mut inner = this.kind().inner.lock();
            if inner.state == from {
                inner.state = to;
            }
            (inner.pending.take(), inner.qp.take())
        };
        if let Some(qp) = qp {
            qp.kind().release();
        }
        let holds = this.with_antecedents(|antecedents| (antecedents.qp.take(), antecedents.shared.take()));
        drop(holds);
        // Not completed: the caller returns the error.
        drop(pending);
    }
}

impl Connector {
    /// Resolves the way and sends the request.
    fn connect_now(this: &Ref<Object<Self>>, call: &ConnectCall, passive: Passive<'_>) {
        let connector = this.kind();
        let (endpoint, connection) = match connector.request(this, call, passive) {
            Ok(both) => both,
            Err(status) => return Self::fail(this, status),
        };
        let early = {
            let mut inner = connector.inner.lock();
            if inner.state == State::Connecting {
                // As connection management calls it: a link-local one with its zone.
                inner.remote = Some(connection.remote());
                inner.connection = Some(connection);
                inner.endpoint = Some(endpoint);
                inner.early.take()
            } else {
                // Closed meanwhile; the request was completed then.
                drop(inner);
                return connection.abandon();
            }
        };
        if let Some(answer) = early {
            Self::answered(this, answer);
        }
    }

    fn request(
        &self,
        this: &Ref<Object<Self>>,
        call: &ConnectCall,
        passive: Passive<'_>,
    ) -> Result<(Ref<Endpoint>, Ref<Connection>), Status> {
        let agent = self.services.agent();
        let endpoint = match &call.source {
            Source::Address(local) => agent.endpoint(*local, passive)?,
            Source::Shared(shared) => shared.kind().endpoint().ok_or(Status::INVALID_ADDRESS)?,
        };
        let request = ConnectRequest {
            endpoint: &endpoint,
            remote: call.remote,
            qpn: call.qp.kind().number().ok_or(Status::INTERNAL_ERROR)?,
            limits: call.limits,
            private_data: call.data.as_slice(),
        };
        let events = dyn_ref!(this.clone() => dyn ConnectionEvents);
        let connection = agent.connect(&request, events, passive)?;
        Ok((endpoint, connection))
    }

    /// The peer answered a connect, or nobody did.
    fn answered(this: &Ref<Object<Self>>, answer: Answered) {
        let pending = {
            let mut inner = this.kind().inner.lock();
            if inner.state != State::Connecting {
                return;
            }
            if inner.connection.is_none() {
                // It came before `connect` had returned, which will look here.
                inner.early = Some(answer);
                return;
            }
            match answer {
                Answered::Replied(reply) => {
                    inner.state = State::PeerAccepted;
                    inner.shown = reply.limits;
                    inner.received = PrivateData::all(reply.private_data);
                    inner.pending.take()
                }
                Answered::Rejected(rejection) => {
                    // The consumer may read it after the refusal (CONN-32).
                    inner.received = PrivateData::all(rejection.private_data);
                    None
                }
                Answered::Failed(_) => None,
            }
        };
        match answer {
            Answered::Replied(_) => {
                if let Some(pending) = pending {
                    pending.complete(Status::SUCCESS);
                }
            }
            Answered::Rejected(rejection) if rejection.reason == RejectReason::STALE_CONNECTION => {
                // Somebody listens, but still knows this queue pair: another one, or this one later, may be taken.
                Self::fail(this, Status::CONNECTION_ABORTED);
            }
            Answered::Rejected(_) => Self::fail(this, Status::CONNECTION_REFUSED),
            Answered::Failed(status) => Self::fail(this, status),
        }
    }

    /// Active: the queue pair becomes ready, then the peer is told.
    pub(super) fn complete_now(this: &Ref<Object<Self>>, passive: Passive<'_>) {
        let ready = Self::ready_to_receive(this, passive).and_then(|(connection, qp)| {
            if let Err(status) = qp.kind().ready_to_send(passive) {
                qp.kind().step_back(passive);
                return Err(status);
            }
            connection.ready_to_use().map_err(|_| Status::CONNECTION_ABORTED)
        });
        match ready {
            Ok(()) => Self::established(this),
            Err(status) => Self::give_up(this, status),
        }
    }

    /// Passive: the queue pair becomes ready to receive, then the peer gets its reply. `established` or another event follows: the
    /// queue pair waits for the peer's first packet in the state in which the device tells of it, should the peer's RTU get lost.
    pub(super) fn accept_now(this: &Ref<Object<Self>>, passive: Passive<'_>) {
        let replied = Self::ready_to_receive(this, passive).and_then(|(connection, _)| {
            let (own, data, qpn) = {
                let inner = this.kind().inner.lock();
                (
                    inner.own,
                    inner.answer,
                    inner.qp.as_ref().and_then(|qp| qp.kind().number()),
                )
            };
            let qpn = qpn.ok_or(Status::CONNECTION_ABORTED)?;
            let answer = Answer {
                qpn,
                limits: own,
                private_data: data.as_slice(),
            };
            let events = dyn_ref!(this.clone() => dyn ConnectionEvents);
            connection.reply(&answer, events).map_err(Status::from)
        });
        if let Err(status) = replied {
            Self::give_up(this, status);
        }
    }

    /// Passive: the peer is ready, so that this side may send.
    pub(super) fn establish_now(this: &Ref<Object<Self>>, passive: Passive<'_>) {
        let qp = {
            let inner = this.kind().inner.lock();
            inner.qp.clone().filter(|_| inner.state == State::Accepting)
        };
        // Closed meanwhile, or failed.
        let Some(qp) = qp else { return };
        match qp.kind().ready_to_send(passive) {
            Ok(()) => Self::established(this),
            Err(status) => Self::give_up(this, status),
        }
    }

    /// Readies the queue pair for what the peer of the connection that is being made sends.
    fn ready_to_receive(
        this: &Ref<Object<Self>>,
        passive: Passive<'_>,
    ) -> Result<(Ref<Connection>, Ref<Object<Qp>>), Status> {
        let (connection, qp, own) = {
            let inner = this.kind().inner.lock();
            (inner.connection.clone(), inner.qp.clone(), inner.own)
        };
        let connection = connection.ok_or(Status::CONNECTION_ABORTED)?;
        let qp = qp.ok_or(Status::CONNECTION_ABORTED)?;
        let parameters = connection
            .parameters(own)
            .map_err(|_| Status::CONNECTION_ABORTED)?;
        qp.kind().ready_to_receive(&parameters, passive)?;
        Ok((connection, qp))
    }

    /// This side cannot go on: the peer is told.
    fn give_up(this: &Ref<Object<Self>>, status: Status) {
        let connection = this.kind().inner.lock().connection.clone();
        if let Some(connection) = connection {
            connection.abandon();
        }
        Self::fail(this, status);
    }

    /// The connection is there: `CompleteConnect` or Accept completes. If the peer has left already, that is told next.
    fn established(this: &Ref<Object<Self>>) {
        let connector = this.kind();
        let pending = {
            let mut inner = connector.inner.lock();
            let counter = match inner.state {
                State::Completing => &connector.services.counters().connect,
                State::Accepting => &connector.services.counters().accept,
                _ => return,
            };
            count(counter);
            connector.leave(&mut inner, State::Connected);
            inner.pending.take()
        };
        if let Some(pending) = pending {
            pending.complete(Status::SUCCESS);
        }
        let gone = core::mem::take(&mut connector.inner.lock().gone_early);
        if gone {
            Self::peer_left(this, false);
        }
    }

    /// The peer has left (`broken`: without a word): the consumer is told, once (CONN-63, CONN-65, CONN-75).
    fn peer_left(this: &Ref<Object<Self>>, broken: bool) {
        let connector = this.kind();
        let event = {
            let mut inner = connector.inner.lock();
            match inner.state {
                State::Connected => {}
                State::Completing | State::Accepting => {
                    inner.gone_early = true;
                    inner.broken |= broken;
                    return;
                }
                _ => return,
            }
            connector.leave(&mut inner, State::PeerGone);
            inner.broken |= broken;
            inner.event.take()
        };
        if broken {
            count(&connector.services.counters().connection_error);
        }
        // Held until the callback has returned, and not taken once the close began.
        let hold = Object::event(this);
        if let (Some(event), Some(_)) = (event, &hold) {
            event.call();
        }
        drop(hold);
    }

    /// The queue pair failed: flushes it, tells the consumer and asks the peer to end the connection.
    pub(super) fn lost_now(this: &Ref<Object<Self>>, passive: Passive<'_>) {
        let (connection, qp) = {
            let inner = this.kind().inner.lock();
            (inner.connection.clone(), inner.qp.clone())
        };
        if let Some(qp) = qp {
            qp.kind().flush_now(passive);
        }
        Self::peer_left(this, true);
        if let Some(connection) = connection {
            // Not established any more: there is nobody to tell.
            let _ = connection.disconnect();
        }
    }

    /// The exchange is over: no more of the consumer's memory is touched, then Disconnect completes (CONN-61, CONN-62).
    pub(super) fn over_now(this: &Ref<Object<Self>>, passive: Passive<'_>) {
        let connector = this.kind();
        let qp = connector.inner.lock().qp.clone();
        if let Some(qp) = qp {
            qp.kind().flush_now(passive);
        }
        let (pending, outcome) = {
            let mut inner = connector.inner.lock();
            if inner.state != State::Disconnecting {
                return;
            }
            inner.state = State::Dead;
            (inner.pending.take(), inner.outcome)
        };
        if let Some(pending) = pending {
            pending.complete(outcome);
        }
    }

    /// Something ended the attempt or the connection from outside.
    fn ended_with(this: &Ref<Object<Self>>, status: Status) {
        let state = this.kind().inner.lock().state;
        match state {
            State::Connecting => Self::answered(this, Answered::Failed(status)),
            State::Accepting => Self::fail(this, status),
            State::Disconnecting => {
                this.kind().inner.lock().outcome = status;
                Object::schedule(this, OVER);
            }
            State::Connected => {
                Self::peer_left(this, true);
                let qp = this.kind().inner.lock().qp.clone();
                if let Some(qp) = qp {
                    Object::flush(&qp);
                }
            }
            State::Completing => Self::peer_left(this, true),
            // CompleteConnect, Accept or Reject will find out.
            State::PeerAccepted | State::Incoming | State::Idle | State::PeerGone | State::Dead => {}
        }
    }
}

impl ConnectionEvents for Object<Connector> {
    fn replied(&self, reply: &Reply) {
        if let Some(this) = self.myself() {
            Connector::answered(&this, Answered::Replied(*reply));
        }
    }

    fn rejected(&self, rejection: &Rejection) {
        let Some(this) = self.myself() else { return };
        let connecting = self.kind().inner.lock().state == State::Connecting;
        if connecting {
            Connector::answered(&this, Answered::Rejected(*rejection));
        } else {
            Connector::ended_with(&this, Status::CONNECTION_ABORTED);
        }
    }

    fn established(&self) {
        if let Some(this) = self.myself() {
            Self::schedule(&this, ESTABLISH);
        }
    }

    fn timed_out(&self) {
        if let Some(this) = self.myself() {
            Connector::ended_with(&this, Status::IO_TIMEOUT);
        }
    }

    fn disconnect_requested(&self) {
        if let Some(this) = self.myself() {
            Connector::peer_left(&this, false);
        }
    }

    fn disconnected(&self, outcome: Outcome) {
        let Some(this) = self.myself() else { return };
        let status = match outcome {
            Outcome::Graceful => Status::SUCCESS,
            Outcome::TimedOut => Status::IO_TIMEOUT,
            Outcome::Aborted => Status::CONNECTION_ABORTED,
        };
        let disconnecting = {
            let mut inner = self.kind().inner.lock();
            inner.outcome = status;
            inner.state == State::Disconnecting
        };
        if disconnecting {
            Self::schedule(&this, OVER);
        }
    }

    fn aborted(&self) {
        if let Some(this) = self.myself() {
            Connector::ended_with(&this, Status::CONNECTION_ABORTED);
        }
    }
}
