//! One connection of a VC: to the peer of a call, or to one party of a multipoint call.
//!
//! | stage | entered when | left when |
//! |---|---|---|
//! | start | the client asks | the request is sent; it fails |
//! | connecting | the request is sent | the peer replies, rejects, is silent |
//! | offered | a peer's request arrived | the client accepts or not |
//! | replying | the client accepted | the peer is ready, or gone |
//! | ready | the connection is there | the call manager opens it |
//! | up | the client knows | either side leaves, the connection breaks |
//! | leaving | this side leaves, its client's last words are on their way | they arrived |
//! | disconnecting | the peer was asked to let go | it did, or is silent |
//! | failed | it never came up | this side leaves |
//! | lost | the peer left, or the connection broke | this side leaves |
//! | down | everything is given back to the device | - |
//!
//! Only the VC's worker changes the stage. What happens meanwhile becomes news and wakes it.

use core::ffi::c_void;

use super::{
    channel::{Channel, news},
    circuit::Circuit,
    close_data::CloseData,
    format::Call,
    link::{Control, Link},
    upcall::{Handle, Params},
    wire::{Head, Hello, Kind},
};
use crate::{
    cm::{
        Answer, ConnectRequest, Connection, ConnectionEvents, Disconnect, Endpoint, Outcome, ReadLimits,
        Rejection, Reply, mad::RejectReason,
    },
    dyn_ref,
    hw::{CompletionTarget, QpEvent, QpTarget},
    nt::{Passive, Ref, SpinLock, Status},
};

/// See the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the module's page is their table")]
pub enum Stage {
    Start,
    Connecting,
    Offered,
    Replying,
    Ready,
    Up,
    Leaving,
    Disconnecting,
    Failed(Status),
    Lost(Status),
    Down,
}

/// What the worker knows of a leg.
pub struct Progress {
    pub(super) stage: Stage,
    connection: Option<Ref<Connection>>,
    endpoint: Option<Ref<Endpoint>>,
    reply: Option<Reply>,
    /// Bytes of the longest message that the peer takes.
    takes: u32,
    /// What the client wants to say when it leaves.
    words: CloseData,
    /// The request that this leg came with pends: `AddParty`.
    pub(super) adding: Option<Params>,
    /// The client wants to drop the party; the drop pends.
    pub(super) dropping: bool,
    /// The client was told that the peer left.
    pub(super) told: bool,
    /// The party's context was freed.
    pub(super) forgotten: bool,
}

/// One connection of a VC.
pub struct Leg {
    party: Handle,
    call: Call,
    pub(super) progress: SpinLock<Progress>,
    pub(super) channel: Ref<Channel>,
}

impl Leg {
    /// A leg that shall reach `call.remote`.
    ///
    /// # Errors
    /// No memory.
    pub fn outgoing(
        circuit: &Ref<Circuit>,
        party: Handle,
        call: Call,
        adding: Option<Params>,
    ) -> Result<Ref<Self>, Status> {
        Self::make(circuit, party, call, Stage::Start, (None, None), adding)
    }

    /// A leg of a peer's request.
    ///
    /// # Errors
    /// No memory.
    pub fn incoming(
        circuit: &Ref<Circuit>,
        call: Call,
        connection: Ref<Connection>,
        endpoint: Ref<Endpoint>,
    ) -> Result<Ref<Self>, Status> {
        let ends = (Some(connection), Some(endpoint));
        Self::make(circuit, Handle::NULL, call, Stage::Offered, ends, None)
    }

    fn make(
        circuit: &Ref<Circuit>,
        party: Handle,
        call: Call,
        stage: Stage,
        (connection, endpoint): (Option<Ref<Connection>>, Option<Ref<Endpoint>>),
        adding: Option<Params>,
    ) -> Result<Ref<Self>, Status> {
        let channel = Channel::try_new(circuit, call.receive_depth)?;
        Ok(Ref::try_new(Self {
            party,
            call,
            progress: SpinLock::new(Progress {
                stage,
                connection,
                endpoint,
                reply: None,
                takes: call.flow.transmit,
                words: CloseData::EMPTY,
                adding,
                dropping: false,
                told: false,
                forgotten: false,
            }),
            channel,
        })?)
    }

    /// What it shares with the other legs of the VC.
    pub fn circuit(&self) -> &Ref<Circuit> {
        self.channel.circuit()
    }

    /// NDIS's handle of the party; none in a point-to-point call.
    pub const fn party(&self) -> Handle {
        self.party
    }

    /// What the leg was made with.
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// The hardware, once there is some.
    pub fn link(&self) -> Option<&Ref<Link>> {
        self.channel.link()
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.progress.lock().stage
    }

    /// The context by which NDIS knows a party: stands for a reference until [`Self::forget_context`].
    pub fn context(this: &Ref<Self>) -> *mut c_void {
        Ref::into_raw(this.clone()).cast_mut().cast()
    }

    /// The context of the leg's party, which a reference of its own stands for from here on; NULL in a point-to-point call.
    pub(super) fn give_party_context(this: &Ref<Self>) -> *mut c_void {
        if this.party.is_null() {
            core::ptr::null_mut()
        } else {
            Self::context(this)
        }
    }

    /// The context of the leg's party; NULL in a point-to-point call.
    pub(super) fn party_context(this: &Ref<Self>) -> *mut c_void {
        if this.party.is_null() {
            core::ptr::null_mut()
        } else {
            Ref::as_ptr(this).cast_mut().cast()
        }
    }

    /// Frees the context of the leg's party, once (CLOSE-07).
    pub(super) fn forget_party(this: &Ref<Self>) {
        if this.party.is_null() || core::mem::replace(&mut this.progress.lock().forgotten, true) {
            return;
        }
        // SAFETY: given away when the party was made; forgotten once.
        unsafe { Self::forget_context(Self::party_context(this)) };
    }

    /// Whether the client may be told that the peer has left: everything before that was delivered.
    pub(super) fn is_drained(&self) -> bool {
        matches!(self.stage(), Stage::Lost(_)) && self.channel.is_drained()
    }

    /// Takes back the reference that [`Self::context`] gave away.
    ///
    /// # Safety
    /// `context` came from there and nobody uses it any more.
    pub unsafe fn forget_context(context: *mut c_void) {
        // SAFETY: the caller's promise.
        drop(unsafe { Ref::from_raw(context.cast::<Self>().cast_const()) });
    }

    /// `ProtocolCmDropParty` (PARTY-07): PENDING. `<= DISPATCH_LEVEL`.
    pub fn drop_party(&self, words: CloseData) -> Status {
        self.set_words(words);
        self.progress.lock().dropping = true;
        Circuit::wake(self.circuit());
        Status::PENDING
    }

    fn tell(&self, news: u32) {
        self.channel.tell(news);
    }

    fn has(&self, news: u32) -> bool {
        self.channel.has(news)
    }

    /// The device is gone.
    pub(super) fn device_lost(&self) {
        self.tell(news::ABORTED);
    }

    fn set(&self, stage: Stage) {
        self.progress.lock().stage = stage;
    }

    fn connection(&self) -> Option<Ref<Connection>> {
        self.progress.lock().connection.clone()
    }

    /// Goes on as far as it can; whether the stage changed. Only the VC's worker.
    pub(super) fn advance(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let before = this.stage();
        match before {
            Stage::Start => Self::start(this, passive),
            Stage::Connecting | Stage::Replying if this.has(news::OVER) => this.fail(passive),
            Stage::Connecting if this.has(news::REPLIED) => this.complete(passive),
            Stage::Replying if this.has(news::ESTABLISHED) => {
                this.come_up(this.ready_to_send(passive), passive);
            }
            Stage::Up if this.has(news::OVER) => this.lose(passive),
            Stage::Leaving if this.has(news::OVER | news::WORDS_SENT) => this.disconnect(passive),
            Stage::Disconnecting if this.has(news::OVER & !news::BROKE) => this.go_down(Stage::Down, passive),
            _ => {}
        }
        this.stage() != before
    }

    /// Sends the request.
    fn start(this: &Ref<Self>, passive: Passive<'_>) {
        if let Err(status) = Self::try_start(this, passive) {
            this.go_down(Stage::Failed(status), passive);
        }
    }

    fn try_start(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Status> {
        let agent = this.circuit().services().agent();
        let endpoint = agent.endpoint(this.call.local, passive)?;
        let link = Self::make_link(this, passive)?;
        let hello = this.hello();
        let request = ConnectRequest {
            endpoint: &endpoint,
            remote: this.call.remote,
            qpn: link.number(),
            limits: ReadLimits::default(),
            private_data: &hello.request(&this.call.private_data),
        };
        this.set(Stage::Connecting);
        let events = dyn_ref!(this.clone() => dyn ConnectionEvents);
        let connection = agent.connect(&request, events, passive)?;
        let mut progress = this.progress.lock();
        progress.connection = Some(connection);
        progress.endpoint = Some(endpoint);
        Ok(())
    }

    const fn hello(&self) -> Hello {
        Hello {
            message_size: self.call.message_size,
            takes: self.call.flow.receive,
        }
    }

    fn make_link(this: &Ref<Self>, passive: Passive<'_>) -> Result<Ref<Link>, Status> {
        let link = Link::try_new(this.circuit().services(), &this.call, passive)?;
        this.channel.set_link(link.clone());
        link.cq()
            .attach(dyn_ref!(this.channel.clone() => dyn CompletionTarget));
        link.qp().attach(dyn_ref!(this.clone() => dyn QpTarget));
        link.qp().to_init(passive)?;
        this.channel.fill(&link);
        Ok(link)
    }

    /// The peer accepted: the queue pair becomes ready, then the peer is told.
    fn complete(&self, passive: Passive<'_>) {
        let done = self.connected_link(passive).and_then(|connection| {
            let reply = self.progress.lock().reply;
            let reply = reply.ok_or(Status::CONNECTION_ABORTED)?;
            // A peer that is no call manager of this version cannot be talked to.
            let (hello, _) = Hello::parse(&reply.private_data).map_err(|_| Status::NOT_SUPPORTED)?;
            self.progress.lock().takes = hello.takes;
            self.ready_to_send(passive)?;
            connection.ready_to_use().map_err(|_| Status::CONNECTION_ABORTED)
        });
        self.come_up(done, passive);
    }

    fn ready_to_send(&self, passive: Passive<'_>) -> Result<(), Status> {
        let link = self.link().ok_or(Status::INTERNAL_ERROR)?;
        link.ready_to_send(passive)
    }

    fn come_up(&self, done: Result<(), Status>, passive: Passive<'_>) {
        match done {
            Ok(()) => self.set(Stage::Ready),
            Err(status) => {
                self.abandon();
                self.go_down(Stage::Failed(status), passive);
            }
        }
    }

    fn connected_link(&self, passive: Passive<'_>) -> Result<Ref<Connection>, Status> {
        let connection = self.connection().ok_or(Status::CONNECTION_ABORTED)?;
        let parameters = connection
            .parameters(ReadLimits::default())
            .map_err(|_| Status::CONNECTION_ABORTED)?;
        let link = self.link().ok_or(Status::INTERNAL_ERROR)?;
        link.ready_to_receive(&parameters, passive)?;
        Ok(connection)
    }

    /// The client accepted a peer's request: answers it.
    ///
    /// # Errors
    /// The device refused, or the peer has gone; the leg failed then.
    pub(super) fn accept(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Status> {
        let accepted = Self::make_link(this, passive).and_then(|link| {
            this.begin_sending()?;
            let connection = this.connected_link(passive)?;
            let answer = Answer {
                qpn: link.number(),
                limits: ReadLimits::default(),
                private_data: &this.hello().reply(),
            };
            this.set(Stage::Replying);
            let events = dyn_ref!(this.clone() => dyn ConnectionEvents);
            Ok(connection.reply(&answer, events)?)
        });
        if let Err(status) = accepted {
            this.refuse(RejectReason::NO_RESOURCES);
            this.go_down(Stage::Failed(status), passive);
        }
        accepted
    }

    /// Rejects a peer's request.
    pub(super) fn refuse(&self, reason: RejectReason) {
        if let Some(connection) = self.connection() {
            // The peer may have given up: then there is nothing to reject.
            let _ = connection.reject(reason, &[]);
        }
    }

    /// The connection did not come up.
    fn fail(&self, passive: Passive<'_>) {
        let status = if self.has(news::REJECTED) {
            Status::CONNECTION_REFUSED
        } else if self.has(news::TIMED_OUT) {
            Status::IO_TIMEOUT
        } else {
            Status::CONNECTION_ABORTED
        };
        self.abandon();
        self.go_down(Stage::Failed(status), passive);
    }

    /// The peer left, or the connection broke.
    fn lose(&self, passive: Passive<'_>) {
        let left = self.has(news::PEER_LEFT);
        if left {
            if let Some(connection) = self.connection() {
                // Grants what the peer asked for; there is nothing to wait for.
                let _ = connection.disconnect();
            }
        } else {
            self.abandon();
        }
        let status = if left {
            Status::SUCCESS
        } else {
            Status::CONNECTION_ABORTED
        };
        self.go_down(Stage::Lost(status), passive);
    }

    /// Its peer gets the client's messages from now on.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn begin_sending(&self) -> Result<(), Status> {
        let link = self.link().ok_or(Status::INTERNAL_ERROR)?;
        Ok(self.circuit().sends.lock().open(link.clone())?)
    }

    /// This side leaves, with `words` for the peer. Only the VC's worker; again is nothing.
    pub(super) fn leave(&self, mut words: CloseData, passive: Passive<'_>) {
        self.channel.receives.lock().shut();
        match self.stage() {
            Stage::Up => {
                let said = !words.as_mut_slice().is_empty() && self.say(&mut words);
                if said {
                    self.set(Stage::Leaving);
                } else {
                    self.disconnect(passive);
                }
            }
            Stage::Leaving | Stage::Disconnecting | Stage::Down => {}
            Stage::Offered => {
                self.refuse(RejectReason::CONSUMER);
                self.go_down(Stage::Down, passive);
            }
            _ => {
                self.abandon();
                self.go_down(Stage::Down, passive);
            }
        }
    }

    fn say(&self, words: &mut CloseData) -> bool {
        let data = words.as_mut_slice();
        let head = Head {
            kind: Kind::Close,
            length: data.len() as u32,
        };
        self.channel.send_control(Control::Close, &head, data)
    }

    fn disconnect(&self, passive: Passive<'_>) {
        if self.circuit().services().device().is_dead() {
            self.abandon();
            return self.go_down(Stage::Down, passive);
        }
        let asked = self
            .connection()
            .is_some_and(|connection| connection.disconnect() == Ok(Disconnect::Pending));
        if asked {
            self.set(Stage::Disconnecting);
        } else {
            self.go_down(Stage::Down, passive);
        }
    }

    /// No more events come of the connection.
    fn abandon(&self) {
        if let Some(connection) = self.connection() {
            connection.abandon();
        }
    }

    /// Gives everything back to the device: no message is sent or received any more. What arrived before can still be delivered.
    fn go_down(&self, stage: Stage, passive: Passive<'_>) {
        if matches!(self.stage(), Stage::Failed(_) | Stage::Lost(_) | Stage::Down) {
            // Nothing is left to give back.
            return self.set(stage);
        }
        if let Some(link) = self.link() {
            self.circuit().stop_sending(link);
            let done = link.stop(passive);
            self.circuit().release_heads(done);
            self.channel.finish();
            link.end(passive);
        }
        let (connection, endpoint) = {
            let mut progress = self.progress.lock();
            progress.stage = stage;
            (progress.connection.take(), progress.endpoint.take())
        };
        drop((connection, endpoint));
    }

    /// What the client wants the peer to hear at the end.
    pub(super) fn set_words(&self, words: CloseData) {
        self.progress.lock().words = words;
    }

    /// See [`Self::set_words`].
    pub(super) fn words(&self) -> CloseData {
        self.progress.lock().words
    }

    /// Whether nothing refers to its buffers any more.
    pub(super) fn is_gone(&self) -> bool {
        self.stage() == Stage::Down && self.channel.receives.lock().is_idle()
    }

    /// Takes connection and address away, for another leg in this one's place.
    pub(super) fn take_ends(&self) -> Option<(Ref<Connection>, Ref<Endpoint>)> {
        let mut progress = self.progress.lock();
        progress.stage = Stage::Down;
        progress.connection.take().zip(progress.endpoint.take())
    }

    /// Bytes of the longest message that the peer takes.
    pub(super) fn takes(&self) -> u32 {
        self.progress.lock().takes
    }
}

impl ConnectionEvents for Leg {
    fn replied(&self, reply: &Reply) {
        self.progress.lock().reply = Some(*reply);
        self.tell(news::REPLIED);
    }

    fn rejected(&self, _: &Rejection) {
        self.tell(news::REJECTED);
    }

    fn established(&self) {
        self.tell(news::ESTABLISHED);
    }

    fn timed_out(&self) {
        self.tell(news::TIMED_OUT);
    }

    fn disconnect_requested(&self) {
        self.tell(news::PEER_LEFT);
    }

    fn disconnected(&self, _: Outcome) {
        self.tell(news::DISCONNECTED);
    }

    fn aborted(&self) {
        self.tell(news::ABORTED);
    }
}

impl QpTarget for Leg {
    fn event(&self, event: QpEvent) {
        match event {
            QpEvent::CommunicationEstablished => {
                if let Some(connection) = self.connection() {
                    connection.communication_established();
                }
            }
            QpEvent::InvalidRequest | QpEvent::AccessError | QpEvent::Catastrophic => self.tell(news::BROKE),
            QpEvent::SendQueueDrained | QpEvent::LastWqe | QpEvent::Path => {}
        }
    }
}
