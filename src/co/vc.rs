//! Virtual circuits: what clients and NDIS ask of them. What comes of it is in [`super::worker`].
//!
//! The call's state machine admits or refuses each request, and an admitted one wakes the VC's worker: so each has one end.

use core::ffi::c_void;

use super::{
    circuit::{Circuit, Owner},
    family::{Family, FamilyHold, Roster},
    format::{Call, CloseData, Flow, MIN_RECEIVES, PrivateData},
    leg::Leg,
    machine::call::{Creator, Machine, Refused},
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
        NonPaged, Ref, SpinLock, Status, Vec, pool,
        sync::{AtomicPtr, Ordering},
    },
};

/// Messages on their way, and receive buffers, of a call that a peer made, unless the client wants others.
const DEFAULT_DEPTH: u16 = 32;

/// The client's call that pends.
pub(super) struct Make {
    pub(super) params: Params,
    /// The parameters had to be rounded.
    pub(super) rounded: bool,
    pub(super) party: Handle,
}

/// A close that pends.
pub(super) struct Close {
    pub(super) party: Handle,
    pub(super) close_data: CloseData,
}

/// A change of the quality of service that pends.
pub(super) struct Modify {
    pub(super) params: Params,
    pub(super) call: Call,
    pub(super) rounded: bool,
}

/// The VC's call, and what belongs to requests that pend.
pub(super) struct Inner {
    pub(super) machine: Machine,
    /// The call's own leg first.
    pub(super) legs: Vec<Ref<Leg>>,
    pub(super) call: Option<Call>,
    pub(super) make: Option<Make>,
    pub(super) close: Option<Close>,
    /// Until the client has been asked.
    pub(super) sap: Option<SapHold>,
    pub(super) offer: Option<OwnParams>,
    /// What the client wants changed of an offer; an error: what cannot be.
    pub(super) changes: Option<Result<Call, Status>>,
    pub(super) modify: Option<Modify>,
    /// What the peer wants.
    pub(super) change: Option<(OwnParams, Call)>,
}

/// A virtual circuit.
pub struct Vc {
    roster: Ref<Roster>,
    family: SpinLock<Option<FamilyHold>>,
    pub(super) inner: SpinLock<Inner>,
    /// What NDIS knows it by: the reference's own address.
    address: AtomicPtr<Self>,
    pub(super) circuit: Ref<Circuit>,
}

impl Vc {
    fn make(family: FamilyHold, creator: Creator, handle: Handle) -> Result<Ref<Self>, Status> {
        let roster = family.roster().clone();
        let inner = Inner {
            machine: Machine::new(creator),
            legs: Vec::new_in(NonPaged),
            call: None,
            make: None,
            close: None,
            sap: None,
            offer: None,
            changes: None,
            modify: None,
            change: None,
        };
        let circuit = Circuit::try_new(&roster.services, handle)?;
        let this = Ref::try_new(Self {
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
        Self::make(Family::hold(family), Creator::Client, handle)
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
        let this = Self::make(sap.family(), Creator::Manager, Handle::NULL)?;
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

    /// What NDIS knows it by, until it is deleted.
    pub fn context(&self) -> *mut c_void {
        self.address.load(Ordering::Acquire).cast()
    }

    /// What it works with.
    pub(super) fn services(&self) -> &Services {
        self.circuit.services()
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

    /// Wakes the worker. `<= DISPATCH_LEVEL`.
    pub(super) fn wake(&self) {
        Circuit::wake(&self.circuit);
    }

    /// `ProtocolCmDeleteVc` (VC-11). `<= DISPATCH_LEVEL`.
    pub fn delete(&self) -> Status {
        let deleted = self.inner.lock().machine.delete();
        if deleted.is_err() {
            return Status::NDIS_NOT_ACCEPTED;
        }
        self.forget();
        Status::SUCCESS
    }

    /// Nobody calls it by its context any more.
    pub(super) fn forget(&self) {
        self.roster.circuits.remove(&self.circuit);
        let (legs, sap) = {
            let mut inner = self.inner.lock();
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
            inner.legs.try_reserve(1).map_err(crate::nt::NoMemory::from)?;
            inner.machine.make().map_err(|Refused| Status::UNSUCCESSFUL)?;
            let context = Leg::give_context(&leg);
            inner.legs.push(leg);
            inner.call = Some(call);
            inner.make = Some(Make {
                params,
                rounded,
                party,
            });
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
                .filter(|_| inner.machine.add_party().is_ok() && is_multipoint(&inner));
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
            inner
                .machine
                .add_party()
                .map_err(|Refused| Status::UNSUCCESSFUL)?;
            inner.legs.try_reserve(1).map_err(crate::nt::NoMemory::from)?;
            let context = Leg::give_context(&leg);
            inner.legs.push(leg);
            context
        };
        self.wake();
        Ok(context)
    }

    /// `ProtocolCmCloseCall` (CLOSE-04, CLOSE-05). `<= DISPATCH_LEVEL`.
    pub fn close_call(&self, party: Handle, close_data: CloseData) -> Status {
        {
            let mut inner = self.inner.lock();
            let kept = |leg: &&Ref<Leg>| !leg.is_dropping();
            let parties = inner.legs.iter().filter(kept).count();
            if inner.machine.close(parties).is_err() {
                return Status::UNSUCCESSFUL;
            }
            inner.close = Some(Close { party, close_data });
        }
        self.wake();
        Status::PENDING
    }

    /// What the client says as it closes.
    pub(super) fn close_data(&self) -> CloseData {
        let inner = self.inner.lock();
        inner
            .close
            .as_ref()
            .map_or(CloseData::EMPTY, |close| close.close_data)
    }

    /// `ProtocolCmIncomingCallComplete`, or the dispatch said so itself (INC-06). `<= DISPATCH_LEVEL`.
    pub fn decided(&self, status: Status, changes: Option<Result<Call, Status>>) {
        {
            let mut inner = self.inner.lock();
            if inner.machine.decide(status == Status::SUCCESS).is_err() {
                return;
            }
            inner.changes = changes;
        }
        self.wake();
    }

    /// `ProtocolCmActivateVcComplete` (VC-22). `<= DISPATCH_LEVEL`.
    pub fn activated(&self, status: Status) {
        let expected = self.inner.lock().machine.activated(status);
        if expected.is_ok() {
            self.wake();
        }
    }

    /// `ProtocolCmModifyCallQoS` (QOS-02): PENDING, or why not. `<= DISPATCH_LEVEL`.
    pub fn modify(&self, call: Call, rounded: bool, params: Params) -> Status {
        {
            let mut inner = self.inner.lock();
            let Some(current) = inner.call.filter(|_| inner.machine.may_change()) else {
                return Status::UNSUCCESSFUL;
            };
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
            if inner.machine.modify().is_err() {
                return Status::UNSUCCESSFUL;
            }
            inner.modify = Some(Modify {
                params,
                call: Call {
                    flow: call.flow,
                    ..current
                },
                rounded,
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
}

fn is_multipoint(inner: &Inner) -> bool {
    inner.legs.first().is_some_and(|leg| !leg.party().is_null())
}

/// A peer's request as call parameters of this side.
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
