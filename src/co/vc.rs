//! Virtual circuits: what clients and NDIS ask of them. What comes of it is in [`super::call`].
//!
//! | state | meaning |
//! |---|---|
//! | idle | no call |
//! | making | the client's call is being set up |
//! | arriving, offered, accepting | a peer's call: NDIS gets to know, the client thinks, the peer is answered |
//! | connected | data flows |
//! | broken | a peer's call that could not be kept after the client accepted it: the client closes it |
//! | closing | the client closes the call |
//! | deleted | nobody knows the VC any more |
//!
//! Handlers note what is asked for and wake the VC's worker, which alone changes the state of a call: so each request has one end.

use core::ffi::c_void;

use super::{
    circuit::{Circuit, Owner},
    close_data::CloseData,
    family::{Family, FamilyHold, Roster},
    format::{Call, Flow, MIN_RECEIVES, PrivateData},
    leg::{Leg, Stage},
    params::OwnParams,
    sap::SapHold,
    services::Services,
    upcall::{Handle, Params},
    wire::Hello,
};
use crate::{
    cm::Incoming,
    dyn_ref,
    nt::{
        NonPaged, Passive, Ref, SpinLock, Status, Vec, pool,
        sync::{AtomicPtr, Ordering},
    },
};

/// Messages on their way, and receive buffers, of a call that a peer made, unless the client wants others.
const DEFAULT_DEPTH: u16 = 32;

/// See the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the module's page is their table")]
pub enum State {
    Idle,
    Making,
    Arriving,
    Offered,
    Accepting,
    Connected,
    Broken,
    Closing,
    Deleted,
}

/// Who made the VC and so deletes it (VC-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creator {
    /// `NdisCoCreateVc`.
    Client,
    /// `NdisMCmCreateVc`.
    Manager,
}

/// A close that pends.
pub(super) struct Close {
    pub(super) party: Handle,
    pub(super) words: CloseData,
}

/// A change of the quality of service that pends.
pub(super) struct Modify {
    pub(super) params: Params,
    pub(super) call: Call,
    pub(super) rounded: bool,
    pub(super) asked: bool,
    pub(super) waiting: u32,
    pub(super) refused: bool,
}

/// The client's answer to an offer.
pub(super) struct Decision {
    pub(super) status: Status,
    /// What it wants changed; `None`: nothing. An error: what cannot be.
    pub(super) changes: Option<Result<Call, Status>>,
}

/// The state of the VC's call.
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) active: bool,
    pub(super) legs: Vec<Ref<Leg>>,
    pub(super) call: Option<Call>,
    pub(super) make: Option<(Params, bool)>,
    pub(super) failure: Option<Status>,
    pub(super) close: Option<Close>,
    /// The client was told that the peer closed (CLOSE-30).
    pub(super) told: bool,
    pub(super) sap: Option<SapHold>,
    pub(super) offer: Option<OwnParams>,
    pub(super) decision: Option<Decision>,
    pub(super) modify: Option<Modify>,
    pub(super) change: Option<(OwnParams, Call)>,
    pub(super) activating: bool,
    pub(super) activation: Option<Status>,
}

/// A virtual circuit.
pub struct Vc {
    creator: Creator,
    roster: Ref<Roster>,
    family: SpinLock<Option<FamilyHold>>,
    pub(super) inner: SpinLock<Inner>,
    /// What NDIS calls it by: the reference's own address.
    address: AtomicPtr<Self>,
    pub(super) circuit: Ref<Circuit>,
}

impl Owner for Vc {
    fn work(&self, passive: Passive<'_>) {
        self.run(passive);
    }

    fn device_lost(&self) {
        let inner = self.inner.lock();
        for leg in &inner.legs {
            leg.device_lost();
        }
    }

    fn has_nothing_lent(&self) -> bool {
        let inner = self.inner.lock();
        inner.legs.iter().all(|leg| leg.channel.receives.lock().is_idle())
    }
}

impl Vc {
    fn make(family: FamilyHold, creator: Creator, handle: Handle, state: State) -> Result<Ref<Self>, Status> {
        let roster = family.roster().clone();
        let inner = Inner {
            state,
            active: false,
            legs: Vec::new_in(NonPaged),
            call: None,
            make: None,
            failure: None,
            close: None,
            told: false,
            sap: None,
            offer: None,
            decision: None,
            modify: None,
            change: None,
            activating: false,
            activation: None,
        };
        let circuit = Circuit::try_new(&roster.services, handle)?;
        let this = Ref::try_new(Self {
            creator,
            roster: roster.clone(),
            family: SpinLock::new(Some(family)),
            inner: SpinLock::new(inner),
            address: AtomicPtr::new(core::ptr::null_mut()),
            circuit: circuit.clone(),
        })?;
        this.address
            .store(Ref::as_ptr(&this).cast_mut(), Ordering::Release);
        roster.circuits.add(circuit.clone())?;
        circuit.set_owner(dyn_ref!(this.clone() => dyn Owner));
        Ok(this)
    }

    /// `ProtocolCmCreateVc` (VC-03). `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// No memory.
    pub fn create(family: &Ref<Family>, handle: Handle) -> Result<Ref<Self>, Status> {
        Self::make(Family::hold(family), Creator::Client, handle, State::Idle)
    }

    /// A peer asks for a call on a SAP. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// No memory; the request is rejected then.
    pub fn incoming(
        sap: SapHold,
        incoming: Incoming,
        hello: &Hello,
        private_data: PrivateData,
    ) -> Result<(), Status> {
        let call = offered(&incoming, hello, private_data);
        let this = Self::make(sap.family(), Creator::Manager, Handle::NULL, State::Arriving)?;
        let prepared = OwnParams::try_new(&call).map_err(Status::from).and_then(|offer| {
            let leg = Leg::incoming(&this.circuit, call, incoming.connection, incoming.endpoint)?;
            let mut inner = this.inner.lock();
            pool::try_push(&mut inner.legs, leg)?;
            inner.call = Some(call);
            inner.offer = Some(offer);
            inner.sap = Some(sap);
            Ok(())
        });
        match prepared {
            Ok(()) => this.wake(),
            Err(_) => this.forget(),
        }
        prepared
    }

    /// What NDIS calls it by, until it is deleted.
    pub fn context(&self) -> *mut c_void {
        self.address.load(Ordering::Acquire).cast()
    }

    /// What it works with.
    pub(super) fn services(&self) -> &Services {
        self.circuit.services()
    }

    /// Who made it.
    pub const fn creator(&self) -> Creator {
        self.creator
    }

    /// NDIS's handle.
    pub fn handle(&self) -> Handle {
        self.circuit.handle()
    }

    /// NDIS's handle of the family.
    pub(super) fn family_handle(&self) -> Handle {
        self.family
            .lock()
            .as_ref()
            .map_or(Handle::NULL, |family| family.handle())
    }

    /// Has the worker look. `<= DISPATCH_LEVEL`.
    pub(super) fn wake(&self) {
        Circuit::wake(&self.circuit);
    }

    /// `ProtocolCmDeleteVc` (VC-11). `<= DISPATCH_LEVEL`.
    pub fn delete(&self) -> Status {
        {
            let mut inner = self.inner.lock();
            if inner.state != State::Idle {
                return Status::NDIS_NOT_ACCEPTED;
            }
            inner.state = State::Deleted;
        }
        self.forget();
        Status::SUCCESS
    }

    /// Nobody calls it by its context any more.
    pub(super) fn forget(&self) {
        self.roster.circuits.remove(&self.circuit);
        let (legs, sap) = {
            let mut inner = self.inner.lock();
            inner.state = State::Deleted;
            let legs = core::mem::replace(&mut inner.legs, Vec::new_in(NonPaged));
            (legs, inner.sap.take())
        };
        let family = self.family.lock().take();
        drop((legs, sap, family));
        self.circuit.leave();
    }

    /// `ProtocolCmMakeCall` (MAKE-03, MAKE-04). The context of the party, or NULL. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// The VC has a call; no memory.
    pub fn make_call(
        &self,
        call: Call,
        rounded: bool,
        params: Params,
        party: Handle,
    ) -> Result<*mut c_void, Status> {
        let leg = Leg::outgoing(&self.circuit, party, call, None)?;
        let context = {
            let mut inner = self.inner.lock();
            if inner.state != State::Idle {
                return Err(Status::UNSUCCESSFUL);
            }
            inner.legs.try_reserve(1).map_err(crate::nt::NoMemory::from)?;
            let context = Leg::give_party_context(&leg);
            inner.legs.push(leg);
            inner.state = State::Making;
            inner.call = Some(call);
            inner.make = Some((params, rounded));
            inner.failure = None;
            inner.told = false;
            context
        };
        self.wake();
        Ok(context)
    }

    /// `ProtocolCmAddParty` (PARTY-02, PARTY-04). The party's context. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// The VC has no multipoint call; the messages are not the VC's; no memory.
    pub fn add_party(&self, mut call: Call, params: Params, party: Handle) -> Result<*mut c_void, Status> {
        {
            let inner = self.inner.lock();
            let current = inner
                .call
                .filter(|_| inner.state == State::Connected && is_multipoint(&inner));
            let current = current.ok_or(Status::UNSUCCESSFUL)?;
            if call.message_size != current.message_size || call.flow != current.flow {
                return Err(Status::NOT_SUPPORTED);
            }
            // All parties get the same messages: as many on their way as the VC has places for.
            call.send_depth = current.send_depth;
        }
        let leg = Leg::outgoing(&self.circuit, party, call, Some(params))?;
        let context = {
            let mut inner = self.inner.lock();
            if inner.state != State::Connected {
                return Err(Status::UNSUCCESSFUL);
            }
            inner.legs.try_reserve(1).map_err(crate::nt::NoMemory::from)?;
            let context = Leg::give_party_context(&leg);
            inner.legs.push(leg);
            context
        };
        self.wake();
        Ok(context)
    }

    /// `ProtocolCmCloseCall` (CLOSE-04, CLOSE-05). `<= DISPATCH_LEVEL`.
    pub fn close_call(&self, party: Handle, words: CloseData) -> Status {
        {
            let mut inner = self.inner.lock();
            let open = matches!(
                inner.state,
                State::Making | State::Accepting | State::Connected | State::Broken
            );
            let others = inner
                .legs
                .iter()
                .filter(|leg| !leg.progress.lock().dropping)
                .count();
            if !open || inner.close.is_some() || others > 1 {
                return Status::UNSUCCESSFUL;
            }
            inner.close = Some(Close { party, words });
        }
        self.wake();
        Status::PENDING
    }

    /// `ProtocolCmIncomingCallComplete`, or the dispatch said so itself (INC-06). `<= DISPATCH_LEVEL`.
    pub fn decided(&self, status: Status, changes: Option<Result<Call, Status>>) {
        {
            let mut inner = self.inner.lock();
            if inner.state != State::Offered || inner.decision.is_some() {
                return;
            }
            inner.decision = Some(Decision { status, changes });
        }
        self.wake();
    }

    /// `ProtocolCmActivateVcComplete` (VC-22). `<= DISPATCH_LEVEL`.
    pub fn activated(&self, status: Status) {
        {
            let mut inner = self.inner.lock();
            if !inner.activating {
                return;
            }
            inner.activation = Some(status);
        }
        self.wake();
    }

    /// `ProtocolCmModifyCallQoS` (QOS-02): PENDING, or why not. `<= DISPATCH_LEVEL`.
    pub fn modify(&self, call: Call, rounded: bool, params: Params) -> Status {
        {
            let mut inner = self.inner.lock();
            let Some(current) = inner
                .call
                .filter(|_| inner.state == State::Connected && inner.close.is_none())
            else {
                return Status::UNSUCCESSFUL;
            };
            if inner.modify.is_some() {
                return Status::UNSUCCESSFUL;
            }
            // Only the flows can change while the connection stands.
            let same = Call {
                flow: current.flow,
                private_data: current.private_data,
                local: current.local,
                remote: current.remote,
                ..call
            } == current;
            if !same {
                return Status::NDIS_INVALID_DATA;
            }
            inner.modify = Some(Modify {
                params,
                call: Call {
                    flow: call.flow,
                    ..current
                },
                rounded,
                asked: false,
                waiting: 0,
                refused: false,
            });
        }
        self.wake();
        Status::PENDING
    }

    /// Packets that the client gave and that are not given back.
    pub fn outstanding(&self) -> u64 {
        self.circuit.outstanding()
    }

    /// The call's parameters, while there is one.
    pub fn call(&self) -> Option<Call> {
        self.inner.lock().call
    }

    /// The leg at `index`.
    pub(super) fn leg(&self, index: usize) -> Option<Ref<Leg>> {
        self.inner.lock().legs.get(index).cloned()
    }

    /// Legs whose peers have not left.
    pub(super) fn live_legs(inner: &Inner) -> usize {
        inner.legs.iter().filter(|leg| leg.stage() == Stage::Up).count()
    }
}

fn is_multipoint(inner: &Inner) -> bool {
    inner.legs.first().is_some_and(|leg| !leg.party().is_null())
}

/// What a peer's request comes to for this side.
fn offered(incoming: &Incoming, hello: &Hello, private_data: PrivateData) -> Call {
    let memory = super::format::MAX_RECEIVE_MEMORY / u64::from(hello.message_size);
    let depth = u16::try_from(memory)
        .unwrap_or(u16::MAX)
        .clamp(MIN_RECEIVES, DEFAULT_DEPTH);
    Call {
        local: incoming.endpoint.local(),
        remote: incoming.remote,
        message_size: hello.message_size,
        send_depth: depth,
        receive_depth: depth,
        flow: Flow {
            transmit: hello.takes,
            receive: hello.message_size,
        },
        private_data,
    }
}
