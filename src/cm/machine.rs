//! The state machine of one connection: messages, calls and time in; messages and news out. Pure code.
//!
//! Follows IBTA volume 1, 12.9 as Linux implements it. "sends again" repeats the last REQ, REP or DREQ when its time is over, as
//! often as [`Machine`] was told; then the connection has timed out.
//!
//! | state | message or call | next state | sends | news |
//! |---|---|---|---|---|
//! | `ReqSent` | REP | `RepReceived` | | replied |
//! | | MRA of REQ | `ReqSent` with a longer wait | | |
//! | | REJ 26 that names a smaller MTU, REJ 10 | `StartingOver` | | |
//! | | other REJ | `Idle`, `Timewait` if stale | | rejected |
//! | | time is over | `ReqSent`, at last `Idle` | REQ again | timed out |
//! | | abandon | `Idle` | REJ 4 with own GUID | |
//! | `StartingOver` | start over | `ReqSent` | REQ with other ids | |
//! | | abandon | `Idle` | | |
//! | `RepReceived` | REP again | `RepReceived` | MRA | |
//! | | ready | `Established` | RTU | |
//! | | REJ | `Timewait` | | |
//! | | DREQ | `Timewait` | DREP | |
//! | | reject, abandon | `Timewait` | REJ | |
//! | `ReqReceived` | REQ again | `ReqReceived` | MRA | |
//! | | reply | `RepSent` | REP | |
//! | | REJ | `Idle` | | |
//! | | reject, abandon | `Idle` | REJ | |
//! | | nobody decides in time | `Idle` | REJ 28 | |
//! | `RepSent` | RTU, first packet | `Established` | | established |
//! | | DREQ (the RTU was lost) | `DreqReceived` | | established, disconnect requested |
//! | | MRA of REP | `RepSent` with a longer wait | | |
//! | | REJ | `Idle`, `Timewait` if stale | | rejected |
//! | | time is over | `RepSent`, at last `Timewait` | REP again | timed out |
//! | | abandon | `Timewait` | REJ 28 | |
//! | `Established` | REP again | `Established` | RTU | |
//! | | DREQ | `DreqReceived` | | disconnect requested |
//! | | REJ | `Timewait` | | aborted |
//! | | disconnect, abandon | `DreqSent` | DREQ | |
//! | | the peer starts over | `DreqSent` | DREQ | aborted |
//! | `DreqSent` | DREP | `Timewait` | | disconnected |
//! | | DREQ (crossing) | `Timewait` | DREP | disconnected |
//! | | REJ | `Timewait` | | disconnected: aborted |
//! | | time is over | `DreqSent`, at last `Timewait` | DREQ again | disconnected: timed out |
//! | `DreqReceived` | disconnect, abandon | `Timewait` | DREP | |
//! | `Timewait` | DREQ | `Timewait` | DREP | |
//! | | REQ again | `Timewait` | REJ 10 | |
//! | | time is over | `Idle` | | |
//!
//! What the table lacks is ignored as a message and an [`Illegal`] as a call.

pub use super::step::{News, State, Step};

use super::{
    error::Illegal,
    events::Outcome,
    mad::{
        ARI_SIZE, CommId, Confirm, Dreq, Mad, Message, Mra, Mraed, Qpn, Rej, RejectReason, Rejected, Rep, Req,
    },
    mtu,
    timeouts::{RESPONSE_TIMEOUT, SERVICE_TIMEOUT, answer_ms, cm_retries, patience_ms, rest_ms},
};

/// How often a request that finds a stale connection at the peer is followed by another.
const STALE_RETRIES: u8 = 3;

/// The state machine of one connection. Times are milliseconds of any one clock.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    local: CommId,
    remote: CommId,
    own_guid: u64,
    remote_guid: u64,
    local_qpn: Qpn,
    remote_qpn: Qpn,
    /// Of the exchange of REQ, REP and RTU.
    transaction: u64,
    /// Of the peer's DREQ.
    release_transaction: u64,
    /// What is sent again when time is over.
    pending: Option<Mad>,
    retries: u8,
    retries_left: u8,
    /// The peer has asked for patience since the message was sent last.
    patient: bool,
    /// Of the request, or of the one that follows it.
    path_mtu: u8,
    /// How often a request that finds a stale connection is followed by another.
    stale_left: u8,
    wait_ms: u64,
    rest_ms: u64,
    deadline: Option<u64>,
    was_established: bool,
}

impl Machine {
    /// The active side. `transaction` names the exchange; the message to send is the request itself.
    pub fn active(req: &Req, transaction: u64, now: u64) -> (Self, Step) {
        let mad = Mad::new(transaction, Message::Req(*req));
        let mut machine = Self {
            state: State::ReqSent,
            local: req.local_comm_id,
            remote: CommId::NONE,
            own_guid: req.local_ca_guid,
            remote_guid: 0,
            local_qpn: req.local_qpn,
            remote_qpn: Qpn::default(),
            transaction,
            release_transaction: 0,
            pending: None,
            retries: req.max_cm_retries,
            retries_left: 0,
            patient: false,
            path_mtu: req.path_mtu,
            stale_left: STALE_RETRIES,
            wait_ms: answer_ms(req.remote_response_timeout),
            rest_ms: rest_ms(req.primary.ack_timeout),
            deadline: None,
            was_established: false,
        };
        let step = machine.send_until_answered(State::ReqSent, &mad, now);
        (machine, step)
    }

    /// The passive side, which received `req` and calls itself `local` of node `own_guid`.
    pub fn passive(req: &Req, transaction: u64, local: CommId, own_guid: u64) -> Self {
        Self {
            state: State::ReqReceived,
            local,
            remote: req.local_comm_id,
            own_guid,
            remote_guid: req.local_ca_guid,
            local_qpn: Qpn::default(),
            remote_qpn: req.local_qpn,
            transaction,
            release_transaction: 0,
            pending: None,
            retries: cm_retries(req.max_cm_retries),
            retries_left: 0,
            patient: false,
            path_mtu: req.path_mtu,
            stale_left: 0,
            wait_ms: answer_ms(req.local_response_timeout),
            rest_ms: rest_ms(req.primary.ack_timeout),
            deadline: None,
            was_established: false,
        }
    }

    /// Passive: a decision after this time comes too late.
    pub const fn decide_by(&mut self, deadline: u64) {
        if matches!(self.state, State::ReqReceived) {
            self.deadline = Some(deadline);
        }
    }

    /// Where the connection stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// This side's id.
    pub const fn local(&self) -> CommId {
        self.local
    }

    /// The peer's id, if known.
    pub const fn remote(&self) -> CommId {
        self.remote
    }

    /// The peer's node, 0 if not known.
    pub const fn remote_guid(&self) -> u64 {
        self.remote_guid
    }

    /// The peer's queue pair, 0 if not known.
    pub const fn remote_qpn(&self) -> Qpn {
        self.remote_qpn
    }

    /// Active: the path MTU of the request that shall follow the refused one, once its time has come.
    pub fn wants_another(&self, now: u64) -> Option<u8> {
        let due = self.deadline.is_some_and(|deadline| deadline <= now);
        (self.state == State::StartingOver && due).then_some(self.path_mtu)
    }

    /// Active: sends `req` in place of the refused one.
    ///
    /// # Errors
    /// No request was refused.
    pub fn start_over(&mut self, req: &Req, transaction: u64, now: u64) -> Result<Step, Illegal> {
        if self.state != State::StartingOver {
            return Err(Illegal);
        }
        self.local = req.local_comm_id;
        self.transaction = transaction;
        let mad = Mad::new(transaction, Message::Req(*req));
        Ok(self.send_until_answered(State::ReqSent, &mad, now))
    }

    /// When [`Self::expire`] wants to be called.
    pub const fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// A message whose ids are those of this connection.
    pub fn receive(&mut self, mad: &Mad, now: u64) -> Step {
        match &mad.message {
            Message::Req(_) => self.on_req_again(),
            Message::Mra(mra) => self.on_mra(mra, now),
            Message::Rej(rej) => self.on_rej(rej, now),
            Message::Rep(rep) => self.on_rep(rep),
            Message::Rtu(_) => self.on_rtu(),
            Message::Dreq(dreq) => self.on_dreq(dreq, mad.header.transaction_id, now),
            Message::Drep(_) => self.on_drep(now),
        }
    }

    /// Time has passed [`Self::deadline`].
    pub fn expire(&mut self, now: u64) -> Step {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Step::NOTHING;
        }
        if self.state == State::Timewait {
            self.finish(State::Idle, now);
            return Step::NOTHING;
        }
        if let (Some(pending), true) = (self.pending, self.retries_left > 0) {
            self.retries_left -= 1;
            self.patient = false;
            self.deadline = Some(now.saturating_add(self.wait_ms));
            return Step::send(&pending);
        }
        match self.state {
            State::ReqSent => self.end(State::Idle, now, News::TimedOut),
            State::RepSent => self.end(State::Timewait, now, News::TimedOut),
            State::DreqSent => self.end(State::Timewait, now, News::Disconnected(Outcome::TimedOut)),
            State::ReqReceived => self.abandon(now),
            _ => {
                self.deadline = None;
                Step::NOTHING
            }
        }
    }

    /// Passive: accepts with `rep`, whose ids this fills in.
    ///
    /// # Errors
    /// There is no request to accept.
    pub fn reply(&mut self, mut rep: Rep, now: u64) -> Result<Step, Illegal> {
        if self.state != State::ReqReceived {
            return Err(Illegal);
        }
        rep.local_comm_id = self.local;
        rep.remote_comm_id = self.remote;
        rep.local_ca_guid = self.own_guid;
        self.local_qpn = rep.local_qpn;
        let mad = Mad::new(self.transaction, Message::Rep(rep));
        Ok(self.send_until_answered(State::RepSent, &mad, now))
    }

    /// Active: the queue pair is ready.
    ///
    /// # Errors
    /// There is no reply, or it was taken back.
    pub fn ready(&mut self) -> Result<Step, Illegal> {
        if self.state != State::RepReceived {
            return Err(Illegal);
        }
        self.establish();
        Ok(Step::send(&self.rtu()))
    }

    /// The queue pair saw the peer's first packet.
    pub fn first_packet(&mut self) -> Step {
        self.on_rtu()
    }

    /// Rejects a request or a reply.
    ///
    /// # Errors
    /// There is nothing to reject.
    pub fn reject(
        &mut self,
        reason: RejectReason,
        private_data: [u8; 148],
        now: u64,
    ) -> Result<Step, Illegal> {
        let (message, next) = match self.state {
            State::ReqReceived => (Rejected::Req, State::Idle),
            State::RepReceived => (Rejected::Rep, State::Timewait),
            _ => return Err(Illegal),
        };
        let mut rej = self.rej(message, reason);
        rej.private_data = private_data;
        self.finish(next, now);
        Ok(Step::send(&Mad::new(self.transaction, Message::Rej(rej))))
    }

    /// The consumer wants to end the connection. The peer's DREP follows, or has been sent.
    ///
    /// # Errors
    /// It is not established.
    pub fn disconnect(&mut self, now: u64) -> Result<Step, Illegal> {
        match self.state {
            State::Established => Ok(self.ask_for_release(now)),
            State::DreqReceived => {
                self.finish(State::Timewait, now);
                Ok(Step::send(&self.drep()))
            }
            _ => Err(Illegal),
        }
    }

    /// Whether the connection is neither over nor resting.
    pub const fn is_live(&self) -> bool {
        !matches!(self.state, State::Timewait | State::Idle)
    }

    /// Whether the connection had been established and is lost or ended.
    pub const fn is_past(&self) -> bool {
        self.was_established && matches!(self.state, State::Timewait | State::Idle)
    }

    /// The consumer is not interested any more.
    pub fn abandon(&mut self, now: u64) -> Step {
        let rejected = |machine: &Self, message| {
            let rej = machine.rej(message, RejectReason::CONSUMER);
            Step::send(&Mad::new(machine.transaction, Message::Rej(rej)))
        };
        match self.state {
            State::ReqSent => {
                let mut rej = self.rej(Rejected::Other, RejectReason::TIMEOUT);
                // The peer finds what it may have by this node and its id for the connection.
                rej.remote_comm_id = CommId::NONE;
                let (guid, _) = rej.ari.split_at_mut(8);
                guid.copy_from_slice(&self.own_guid.to_be_bytes());
                rej.ari_length = 8;
                self.finish(State::Idle, now);
                Step::send(&Mad::new(self.transaction, Message::Rej(rej)))
            }
            State::RepReceived => {
                self.finish(State::Timewait, now);
                rejected(self, Rejected::Rep)
            }
            State::ReqReceived => {
                self.finish(State::Idle, now);
                rejected(self, Rejected::Req)
            }
            State::RepSent => {
                self.finish(State::Timewait, now);
                rejected(self, Rejected::Other)
            }
            State::Established | State::DreqReceived => self.disconnect(now).unwrap_or(Step::NOTHING),
            State::StartingOver => self.end_silently(State::Idle, now),
            State::DreqSent | State::Timewait | State::Idle => Step::NOTHING,
        }
    }

    /// The peer started over with the same queue pair, or the adapter stops: the connection is lost.
    pub fn lose(&mut self, now: u64) -> Step {
        let news = match self.state {
            State::DreqSent => Some(News::Disconnected(Outcome::Aborted)),
            State::ReqSent | State::StartingOver | State::RepSent | State::Established => Some(News::Aborted),
            State::Idle | State::RepReceived | State::ReqReceived | State::DreqReceived | State::Timewait => {
                None
            }
        };
        if self.state == State::DreqSent {
            self.finish(State::Timewait, now);
            return Step { send: None, news };
        }
        Step {
            news,
            ..self.abandon(now)
        }
    }

    /// Nothing will be sent or received any more.
    pub fn kill(&mut self) {
        self.state = State::Idle;
        self.pending = None;
        self.deadline = None;
    }

    fn on_req_again(&self) -> Step {
        match self.state {
            State::ReqReceived => Step::send(&self.mra(Mraed::Req)),
            State::Timewait => {
                let rej = self.rej(Rejected::Req, RejectReason::STALE_CONNECTION);
                Step::send(&Mad::new(self.transaction, Message::Rej(rej)))
            }
            _ => Step::NOTHING,
        }
    }

    fn on_mra(&mut self, mra: &Mra, now: u64) -> Step {
        let expected = matches!(
            (self.state, mra.message),
            (State::ReqSent, Mraed::Req) | (State::RepSent, Mraed::Rep)
        );
        // Once for each message: a peer that asks without being asked does not hold the connection for ever.
        if expected && !self.patient {
            self.patient = true;
            let longer = now.saturating_add(patience_ms(mra.service_timeout));
            self.deadline = self.deadline.max(Some(longer));
        }
        Step::NOTHING
    }

    fn on_rej(&mut self, rej: &Rej, now: u64) -> Step {
        let stale = rej.reason == RejectReason::STALE_CONNECTION;
        let before = if stale { State::Timewait } else { State::Idle };
        if self.state == State::ReqSent
            && let Some((path_mtu, pause_ms)) = self.second_chance(rej)
        {
            self.path_mtu = path_mtu;
            self.stale_left -= u8::from(stale);
            self.finish(State::StartingOver, now);
            self.deadline = Some(now.saturating_add(pause_ms));
            return Step::NOTHING;
        }
        match self.state {
            State::ReqSent | State::RepSent => self.end(before, now, News::Rejected),
            State::ReqReceived => self.end_silently(State::Idle, now),
            State::RepReceived => self.end_silently(State::Timewait, now),
            State::Established => self.end(State::Timewait, now, News::Aborted),
            State::DreqSent => self.end(State::Timewait, now, News::Disconnected(Outcome::Aborted)),
            State::StartingOver | State::DreqReceived | State::Timewait | State::Idle => Step::NOTHING,
        }
    }

    /// The path MTU of another request, and after how many milliseconds, if the peer may take that one.
    fn second_chance(&self, rej: &Rej) -> Option<(u8, u64)> {
        match rej.reason {
            RejectReason::INVALID_PATH_MTU => {
                let mtu = mtu::counter_offer(rej).filter(|mtu| *mtu < self.path_mtu)?;
                Some((mtu, 0))
            }
            // The peer lets go of a connection that it still has with this queue pair, of an earlier life of this node. It is told
            // by its transport or by the answer to its DREQ.
            RejectReason::STALE_CONNECTION if self.stale_left > 0 => {
                Some((self.path_mtu, answer_ms(RESPONSE_TIMEOUT)))
            }
            _ => None,
        }
    }

    fn on_rep(&mut self, rep: &Rep) -> Step {
        match self.state {
            State::ReqSent => {
                self.remote = rep.local_comm_id;
                self.remote_guid = rep.local_ca_guid;
                self.remote_qpn = rep.local_qpn;
                self.state = State::RepReceived;
                self.pending = None;
                self.deadline = None;
                Step::tell(News::Replied)
            }
            State::RepReceived => Step::send(&self.mra(Mraed::Rep)),
            State::Established => Step::send(&self.rtu()),
            _ => Step::NOTHING,
        }
    }

    fn on_rtu(&mut self) -> Step {
        if self.state != State::RepSent {
            return Step::NOTHING;
        }
        self.establish();
        Step::tell(News::Established)
    }

    fn on_dreq(&mut self, dreq: &Dreq, transaction: u64, now: u64) -> Step {
        if dreq.remote_qpn != self.local_qpn {
            return Step::NOTHING;
        }
        self.release_transaction = transaction;
        match self.state {
            State::Established => {
                self.state = State::DreqReceived;
                Step::tell(News::DisconnectRequested)
            }
            State::RepSent => {
                self.establish();
                self.state = State::DreqReceived;
                Step::tell(News::EstablishedThenDisconnectRequested)
            }
            State::DreqSent => {
                self.finish(State::Timewait, now);
                Step {
                    send: Some(self.drep()),
                    news: Some(News::Disconnected(Outcome::Graceful)),
                }
            }
            State::RepReceived => {
                self.finish(State::Timewait, now);
                Step::send(&self.drep())
            }
            State::Timewait => Step::send(&self.drep()),
            State::ReqSent | State::StartingOver | State::ReqReceived | State::DreqReceived | State::Idle => {
                Step::NOTHING
            }
        }
    }

    fn on_drep(&mut self, now: u64) -> Step {
        if self.state != State::DreqSent {
            return Step::NOTHING;
        }
        self.end(State::Timewait, now, News::Disconnected(Outcome::Graceful))
    }

    fn establish(&mut self) {
        self.state = State::Established;
        self.was_established = true;
        self.pending = None;
        self.deadline = None;
    }

    fn ask_for_release(&mut self, now: u64) -> Step {
        let dreq = Dreq {
            local_comm_id: self.local,
            remote_comm_id: self.remote,
            remote_qpn: self.remote_qpn,
            private_data: [0; 220],
        };
        let mad = Mad::new(self.transaction, Message::Dreq(dreq));
        self.send_until_answered(State::DreqSent, &mad, now)
    }

    fn send_until_answered(&mut self, state: State, mad: &Mad, now: u64) -> Step {
        self.state = state;
        self.pending = Some(*mad);
        self.retries_left = self.retries;
        self.patient = false;
        self.deadline = Some(now.saturating_add(self.wait_ms));
        Step::send(mad)
    }

    fn end(&mut self, state: State, now: u64, news: News) -> Step {
        self.finish(state, now);
        Step::tell(news)
    }

    fn end_silently(&mut self, state: State, now: u64) -> Step {
        self.finish(state, now);
        Step::NOTHING
    }

    fn finish(&mut self, state: State, now: u64) {
        self.state = state;
        self.pending = None;
        self.deadline = (state == State::Timewait).then(|| now.saturating_add(self.rest_ms));
    }

    fn rtu(&self) -> Mad {
        let rtu = Confirm::new(self.local, self.remote);
        Mad::new(self.transaction, Message::Rtu(rtu))
    }

    fn drep(&self) -> Mad {
        let drep = Confirm::new(self.local, self.remote);
        Mad::new(self.release_transaction, Message::Drep(drep))
    }

    fn mra(&self, message: Mraed) -> Mad {
        let mra = Mra {
            local_comm_id: self.local,
            remote_comm_id: self.remote,
            message,
            service_timeout: SERVICE_TIMEOUT,
            private_data: [0; 222],
        };
        Mad::new(self.transaction, Message::Mra(mra))
    }

    fn rej(&self, message: Rejected, reason: RejectReason) -> Rej {
        Rej {
            local_comm_id: self.local,
            remote_comm_id: self.remote,
            message,
            reason,
            ari_length: 0,
            ari: [0; ARI_SIZE],
            private_data: [0; 148],
        }
    }
}
