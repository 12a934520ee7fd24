//! One connection of a VC: to the peer of a call, or to one party of a multipoint call. Carries out what its state machine says.

use core::ffi::c_void;

use super::{
    channel::Channel,
    circuit::Circuit,
    format::{Call, CloseData},
    link::{Control, Link},
    machine::leg::{Action, Actions, Event, Happened, Machine, Seen, Stage},
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

/// Where a leg stands, and what it has for that.
struct Progress {
    machine: Machine,
    connection: Option<Ref<Connection>>,
    endpoint: Option<Ref<Endpoint>>,
    reply: Option<Reply>,
    /// Bytes of the longest message that the peer takes.
    takes: u32,
    /// What the client wants to say when the leg leaves.
    close_data: CloseData,
    /// The parameters of the `AddParty` that pends.
    adding: Option<Params>,
    /// NDIS knows the party by its context, which a reference stands for.
    is_known: bool,
}

/// One connection of a VC.
pub struct Leg {
    party: Handle,
    call: Call,
    progress: SpinLock<Progress>,
    pub(super) channel: Ref<Channel>,
}

impl Leg {
    /// A leg that shall reach `call.remote`, for a party that is being added or for a call.
    ///
    /// # Errors
    /// No memory.
    pub fn outgoing(
        circuit: &Ref<Circuit>,
        party: Handle,
        call: Call,
        adding: Option<Params>,
    ) -> Result<Ref<Self>, Status> {
        let machine = Machine::outgoing(adding.is_some());
        Self::make(circuit, party, call, machine, (None, None), adding)
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
        Self::make(circuit, Handle::NULL, call, Machine::incoming(), ends, None)
    }

    fn make(
        circuit: &Ref<Circuit>,
        party: Handle,
        call: Call,
        machine: Machine,
        (connection, endpoint): (Option<Ref<Connection>>, Option<Ref<Endpoint>>),
        adding: Option<Params>,
    ) -> Result<Ref<Self>, Status> {
        let channel = Channel::try_new(circuit, call.receive_depth)?;
        Ok(Ref::try_new(Self {
            party,
            call,
            progress: SpinLock::new(Progress {
                machine,
                connection,
                endpoint,
                reply: None,
                takes: call.flow.transmit,
                close_data: CloseData::EMPTY,
                adding,
                is_known: false,
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

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.progress.lock().machine.stage()
    }

    /// Whether the client drops its party.
    pub(super) fn is_dropping(&self) -> bool {
        self.progress.lock().machine.is_dropping()
    }

    /// Bytes of the longest message that the peer takes.
    pub(super) fn takes(&self) -> u32 {
        self.progress.lock().takes
    }

    /// The context by which NDIS knows the party; NULL in a point-to-point call.
    pub(super) fn context(this: &Ref<Self>) -> *mut c_void {
        if this.party.is_null() {
            return core::ptr::null_mut();
        }
        Ref::as_ptr(this).cast_mut().cast()
    }

    /// As [`Self::context`], which a reference stands for from here on.
    pub(super) fn give_context(this: &Ref<Self>) -> *mut c_void {
        if this.party.is_null() {
            return core::ptr::null_mut();
        }
        this.progress.lock().is_known = true;
        Ref::into_raw(this.clone()).cast_mut().cast()
    }

    /// Nobody names the party any more (CLOSE-07).
    pub(super) fn forget_context(this: &Ref<Self>) {
        if core::mem::take(&mut this.progress.lock().is_known) {
            // SAFETY: `give_context` gave it away, and it is taken back once.
            drop(unsafe { Ref::from_raw(Ref::as_ptr(this)) });
        }
    }

    /// `ProtocolCmDropParty` (PARTY-07): PENDING, or there is no party that could be dropped. `<= DISPATCH_LEVEL`.
    pub fn drop_party(&self, close_data: CloseData) -> Status {
        {
            let mut progress = self.progress.lock();
            if !progress.machine.drop_party(!close_data.is_empty()) {
                return Status::UNSUCCESSFUL;
            }
            progress.close_data = close_data;
        }
        Circuit::wake(self.circuit());
        Status::PENDING
    }

    /// The device is gone.
    pub(super) fn device_lost(&self) {
        self.channel.tell(Happened::ABORTED);
    }

    /// The event that is due: of the connection first, then of the party; `stands` says whether the call does. Delivers messages between
    /// the two. Only for the VC's worker.
    pub(super) fn due(&self, stands: bool) -> Option<Event> {
        let due = self.progress.lock().machine.due(self.channel.happened());
        if due.is_some() {
            return due;
        }
        self.channel.deliver();
        let stage = self.stage();
        let drained = matches!(stage, Stage::Lost { .. }) && self.channel.is_drained();
        let returned = self.is_gone();
        let progress = self.progress.lock();
        progress.machine.party_due(Seen {
            stands,
            drained,
            returned,
        })
    }

    /// One step of its machine. Only for the VC's worker.
    pub(super) fn step(&self, event: Event) -> Actions {
        self.progress.lock().machine.step(event)
    }

    /// This side leaves with what the client says: the event to step with.
    pub(super) fn leave(&self, close_data: CloseData) -> Event {
        let mut progress = self.progress.lock();
        if !progress.machine.is_dropping() {
            progress.close_data = close_data;
        }
        let speaks = !progress.close_data.is_empty();
        Event::Leave { speaks }
    }

    /// Carries out an action that concerns the connection alone; what came of it.
    pub(super) fn perform(this: &Ref<Self>, action: Action, passive: Passive<'_>) -> Option<Event> {
        let done = match action {
            Action::Connect => Self::connect(this, passive),
            Action::Complete => this.complete(passive),
            Action::Answer => Self::answer(this, passive),
            Action::GetReadyToSend => this.get_ready_to_send(passive),
            Action::BeginSending => this.begin_sending_party(),
            Action::Say => this.say(),
            Action::Disconnect => this.disconnect(),
            other => {
                this.end(other, passive);
                return None;
            }
        };
        Some(Event::Done(done))
    }

    /// Those that cannot fail.
    fn end(&self, action: Action, passive: Passive<'_>) {
        match action {
            Action::Deliver => self.channel.open(),
            Action::Shut => self.channel.receives.lock().shut(),
            Action::Grant => {
                if let Some(connection) = self.connection() {
                    // Grants what the peer asked for; there is nothing to wait for.
                    let _ = connection.disconnect();
                }
            }
            Action::Refuse { by_client: true } => self.refuse(RejectReason::CONSUMER),
            Action::Refuse { by_client: false } => self.refuse(RejectReason::NO_RESOURCES),
            Action::Abandon => self.abandon(),
            Action::Release => self.release(passive),
            _ => {}
        }
    }

    fn connection(&self) -> Option<Ref<Connection>> {
        self.progress.lock().connection.clone()
    }

    /// Sends the request.
    fn connect(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Status> {
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

    fn link(&self) -> Result<&Ref<Link>, Status> {
        self.channel.link().ok_or(Status::INTERNAL_ERROR)
    }

    /// The peer accepted: the queue pair becomes ready, then the peer is told.
    fn complete(&self, passive: Passive<'_>) -> Result<(), Status> {
        let connection = self.ready_to_receive(passive)?;
        let reply = self.progress.lock().reply;
        let reply = reply.ok_or(Status::CONNECTION_ABORTED)?;
        // A peer that is no call manager of this version cannot be talked to.
        let (hello, _) = Hello::parse(&reply.private_data).map_err(|_| Status::NOT_SUPPORTED)?;
        self.progress.lock().takes = hello.takes;
        self.get_ready_to_send(passive)?;
        connection.ready_to_use().map_err(|_| Status::CONNECTION_ABORTED)
    }

    fn ready_to_receive(&self, passive: Passive<'_>) -> Result<Ref<Connection>, Status> {
        let connection = self.connection().ok_or(Status::CONNECTION_ABORTED)?;
        let parameters = connection
            .parameters(ReadLimits::default())
            .map_err(|_| Status::CONNECTION_ABORTED)?;
        self.link()?.ready_to_receive(&parameters, passive)?;
        Ok(connection)
    }

    fn get_ready_to_send(&self, passive: Passive<'_>) -> Result<(), Status> {
        self.link()?.ready_to_send(passive)
    }

    /// Answers a peer's request.
    fn answer(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Status> {
        let link = Self::make_link(this, passive)?;
        this.begin_sending()?;
        let connection = this.ready_to_receive(passive)?;
        let answer = Answer {
            qpn: link.number(),
            limits: ReadLimits::default(),
            private_data: &this.hello().reply(),
        };
        let events = dyn_ref!(this.clone() => dyn ConnectionEvents);
        Ok(connection.reply(&answer, events)?)
    }

    fn refuse(&self, reason: RejectReason) {
        if let Some(connection) = self.connection() {
            // The peer may have given up: then there is nothing to reject.
            let _ = connection.reject(reason, &[]);
        }
    }

    /// Its peer gets the client's messages from now on.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn begin_sending(&self) -> Result<(), Status> {
        let link = self.link()?;
        Ok(self.circuit().sends.lock().open(link.clone())?)
    }

    fn begin_sending_party(&self) -> Result<(), Status> {
        if self.takes() < self.call.flow.transmit {
            return Err(Status::NOT_SUPPORTED);
        }
        self.begin_sending()
    }

    /// Sends the close data.
    fn say(&self) -> Result<(), Status> {
        let mut close_data = self.progress.lock().close_data;
        let data = close_data.as_mut_slice();
        let head = Head {
            kind: Kind::Close,
            length: data.len() as u32,
        };
        let said = self.channel.send_control(Control::Close, &head, data);
        said.then_some(()).ok_or(Status::CONNECTION_ABORTED)
    }

    /// Asks the peer to let go.
    fn disconnect(&self) -> Result<(), Status> {
        if self.circuit().services().device().is_dead() {
            self.abandon();
            return Err(Status::CONNECTION_ABORTED);
        }
        let connection = self.connection().ok_or(Status::CONNECTION_ABORTED)?;
        if connection.disconnect() == Ok(Disconnect::Pending) {
            Ok(())
        } else {
            Err(Status::CONNECTION_ABORTED)
        }
    }

    fn abandon(&self) {
        if let Some(connection) = self.connection() {
            connection.abandon();
        }
    }

    /// Gives everything back to the device: no message is sent or received any more. What arrived before can still be delivered.
    fn release(&self, passive: Passive<'_>) {
        if let Some(link) = self.channel.link() {
            self.circuit().stop_sending(link);
            let done = link.stop(passive);
            self.circuit().release_heads(done);
            self.channel.finish();
            link.end(passive);
        }
        drop(self.take_ends());
    }

    fn take_ends(&self) -> (Option<Ref<Connection>>, Option<Ref<Endpoint>>) {
        let mut progress = self.progress.lock();
        (progress.connection.take(), progress.endpoint.take())
    }

    /// Takes connection and address away, for another leg in this one's place.
    pub(super) fn replace(&self) -> Option<(Ref<Connection>, Ref<Endpoint>)> {
        self.progress.lock().machine.replace();
        let (connection, endpoint) = self.take_ends();
        connection.zip(endpoint)
    }

    /// The parameters of the `AddParty` that ends.
    pub(super) fn take_adding(&self) -> Option<Params> {
        self.progress.lock().adding.take()
    }

    /// Whether nothing refers to its buffers any more.
    pub(super) fn is_gone(&self) -> bool {
        self.stage() == Stage::Down && self.channel.receives.lock().is_idle()
    }
}

impl ConnectionEvents for Leg {
    fn replied(&self, reply: &Reply) {
        self.progress.lock().reply = Some(*reply);
        self.channel.tell(Happened::REPLIED);
    }

    fn rejected(&self, _: &Rejection) {
        self.channel.tell(Happened::REJECTED);
    }

    fn established(&self) {
        self.channel.tell(Happened::ESTABLISHED);
    }

    fn timed_out(&self) {
        self.channel.tell(Happened::TIMED_OUT);
    }

    fn disconnect_requested(&self) {
        self.channel.tell(Happened::PEER_LEFT);
    }

    fn disconnected(&self, _: Outcome) {
        self.channel.tell(Happened::DISCONNECTED);
    }

    fn aborted(&self) {
        self.channel.tell(Happened::ABORTED);
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
            QpEvent::InvalidRequest | QpEvent::AccessError | QpEvent::Catastrophic => {
                self.channel.tell(Happened::BROKE);
            }
            QpEvent::SendQueueDrained | QpEvent::LastWqe | QpEvent::Path => {}
        }
    }
}
