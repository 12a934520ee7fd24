//! What a VC's worker does: one step after another, until nothing more can be done now.
//!
//! It runs at `PASSIVE_LEVEL`, never twice at a time for a VC, and it alone tells NDIS what became of calls. It holds no lock when
//! it does.

use super::{
    close::forget_party,
    format::Flow,
    leg::{CloseData, Leg, Stage},
    manager::count,
    params,
    upcall::{self, Params},
    vc::{Decision, State, Vc},
    wire::HEAD,
};
use crate::{
    cm::mad::RejectReason,
    nt::{Passive, Ref, Status},
};

impl Vc {
    /// The work item.
    pub(super) fn run(this: &Ref<Self>, passive: Passive<'_>) {
        loop {
            let mut moved = false;
            let mut index = 0;
            while let Some(leg) = this.leg(index) {
                moved |= Leg::advance(&leg, passive);
                leg.deliver();
                index += 1;
            }
            moved |= Self::step(this, passive);
            if !moved {
                return;
            }
        }
    }

    /// Whether anything was done.
    fn step(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let state = this.inner.lock().state;
        match state {
            State::Idle | State::Deleted => false,
            State::Making => Self::step_making(this, passive),
            State::Arriving => Self::step_arriving(this, passive),
            State::Offered => Self::step_offered(this, passive),
            State::Accepting => Self::step_accepting(this, passive),
            State::Connected => Self::step_connected(this, passive),
            State::Broken => this.start_closing(),
            State::Closing => Self::step_closing(this, passive),
        }
    }

    /// A client's call is being set up.
    fn step_making(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let Some(leg) = this.leg(0) else { return false };
        let aborted = this.inner.lock().close.is_some();
        match leg.stage() {
            Stage::Failed(status) => {
                this.inner.lock().failure.get_or_insert(status);
                leg.leave(CloseData::EMPTY, passive);
                true
            }
            Stage::Down => {
                let over = this.is_activation_over();
                if over {
                    this.make_failed(&leg);
                }
                over
            }
            _ if aborted => {
                // The make completes first, then the close (MAKE-13).
                this.inner
                    .lock()
                    .failure
                    .get_or_insert(Status::NDIS_REQUEST_ABORTED);
                leg.leave(CloseData::EMPTY, passive);
                true
            }
            Stage::Lost(_) => {
                leg.leave(CloseData::EMPTY, passive);
                true
            }
            Stage::Ready => Self::make_done(this, &leg, passive),
            _ => false,
        }
    }

    /// The connection stands: the VC becomes active, then the client gets to know (MAKE-05).
    fn make_done(this: &Ref<Self>, leg: &Ref<Leg>, passive: Passive<'_>) -> bool {
        let Some((params, rounded)) = this.inner.lock().make else {
            return false;
        };
        let Some(status) = this.activate(params) else {
            return false;
        };
        let opened = if status == Status::SUCCESS {
            this.inner.lock().active = true;
            this.open_sends(leg, passive)
        } else {
            Err(status)
        };
        if let Err(status) = opened {
            this.inner.lock().failure = Some(status);
            leg.leave(CloseData::EMPTY, passive);
            return true;
        }
        let call = {
            let mut inner = this.inner.lock();
            inner.state = State::Connected;
            inner.make = None;
            if let Some(call) = inner.call.as_mut() {
                call.flow.transmit = call.flow.transmit.min(leg.takes());
            }
            inner.call
        };
        if let Some(call) = call {
            let lowered = call.flow != leg.call().flow;
            this.sends.lock().set_longest(call.flow.transmit);
            if rounded || lowered {
                // SAFETY: the client's parameters, ours until the call below, understood when they came.
                unsafe { params::write_back(params, &call) };
            }
        }
        count(&this.manager().counters().calls);
        leg.progress.lock().stage = Stage::Up;
        let context = party_context(leg);
        upcall::call_made(Status::SUCCESS, this.handle(), leg.party(), context, params);
        leg.open();
        true
    }

    /// The call did not come about (MAKE-07, MAKE-08).
    fn make_failed(&self, leg: &Ref<Leg>) {
        let (params, active, status) = {
            let mut inner = self.inner.lock();
            let status = inner.failure.take().unwrap_or(Status::CONNECTION_ABORTED);
            (inner.make.take(), core::mem::take(&mut inner.active), status)
        };
        if active {
            upcall::deactivate_vc(self.handle());
        }
        self.forget_call();
        count(&self.manager().counters().call_failures);
        {
            let mut inner = self.inner.lock();
            inner.state = if inner.close.is_some() {
                State::Closing
            } else {
                State::Idle
            };
        }
        forget_party(leg);
        if let Some((params, _)) = params {
            let null = core::ptr::null_mut();
            upcall::call_made(status, self.handle(), leg.party(), null, params);
        }
    }

    /// NDIS and the client get to know a peer's call (INC-01, INC-02).
    fn step_arriving(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        if this.handle().is_null() && !Self::introduce(this, passive) {
            return false;
        }
        let offer = {
            let mut inner = this.inner.lock();
            inner.offer.as_mut().map(super::params::OwnParams::lend)
        };
        let Some(offer) = offer else { return false };
        let Some(status) = this.activate(offer) else {
            return false;
        };
        if status != Status::SUCCESS {
            this.withdraw(passive);
            return true;
        }
        let sap = {
            let mut inner = this.inner.lock();
            inner.active = true;
            inner.state = State::Offered;
            inner.sap.take()
        };
        let Some(sap) = sap else { return false };
        let answer = upcall::incoming_call(sap.handle(), this.handle(), offer);
        drop(sap);
        if answer != Status::PENDING {
            // SAFETY: our own parameters, which the client may have changed.
            let changes = unsafe { changes(offer) };
            Self::decided(this, answer, changes);
        }
        true
    }

    /// Whether NDIS has the VC now.
    fn introduce(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let context = Self::context(this);
        let Ok(handle) = upcall::create_vc(this.manager().ndis(), this.family_handle(), context) else {
            this.take_down_all(passive);
            this.forget();
            return false;
        };
        this.set_handle(handle);
        true
    }

    /// A peer's call that the client does not get, or does not want: the peer hears it, the VC goes (INC-09).
    fn withdraw(&self, passive: Passive<'_>) {
        self.take_down_all(passive);
        let active = core::mem::take(&mut self.inner.lock().active);
        if active {
            upcall::deactivate_vc(self.handle());
        }
        count(&self.manager().counters().call_failures);
        upcall::delete_vc(self.handle());
        self.forget();
    }

    fn take_down_all(&self, passive: Passive<'_>) {
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            leg.leave(CloseData::EMPTY, passive);
            index += 1;
        }
    }

    /// The client thinks about a peer's call.
    fn step_offered(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let Some(Decision { status, changes }) = this.inner.lock().decision.take() else {
            return false;
        };
        if status != Status::SUCCESS {
            this.withdraw(passive);
            return true;
        }
        let accepted = match changes {
            None => Ok(()),
            Some(changed) => changed.and_then(|changed| Self::apply(this, changed)),
        };
        let accepted = accepted.and_then(|()| {
            let leg = this.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
            this.inner.lock().state = State::Accepting;
            this.open_sends(&leg, passive)?;
            Leg::accept(&leg, passive)
        });
        if let Err(status) = accepted {
            this.break_off(status, passive);
        }
        true
    }

    /// Takes over what the client wants smaller.
    fn apply(this: &Ref<Self>, changed: super::format::Call) -> Result<(), Status> {
        let mut inner = this.inner.lock();
        let current = inner.call.ok_or(Status::CONNECTION_ABORTED)?;
        let fits =
            changed.message_size == current.message_size && changed.flow.transmit <= current.flow.transmit;
        if !fits {
            return Err(Status::NDIS_INVALID_DATA);
        }
        let call = super::format::Call {
            flow: changed.flow,
            send_depth: changed.send_depth,
            receive_depth: changed.receive_depth,
            ..current
        };
        inner.call = Some(call);
        drop(inner);
        Self::replace_leg(this, call)
    }

    /// Puts a leg of other depths in the place of a peer's request.
    fn replace_leg(this: &Ref<Self>, call: super::format::Call) -> Result<(), Status> {
        let old = this.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
        let (connection, endpoint) = old.take_ends().ok_or(Status::CONNECTION_ABORTED)?;
        let leg = match Leg::incoming(this, call, connection.clone(), endpoint) {
            Ok(leg) => leg,
            Err(status) => {
                // The peer may have given up: then there is nothing to reject.
                let _ = connection.reject(RejectReason::NO_RESOURCES, &[]);
                return Err(status);
            }
        };
        if let Some(place) = this.inner.lock().legs.first_mut() {
            *place = leg;
        }
        Ok(())
    }

    /// The client accepted, but the call cannot be kept: it has to close (INC-08).
    fn break_off(&self, status: Status, passive: Passive<'_>) {
        self.take_down_all(passive);
        let tell = {
            let mut inner = self.inner.lock();
            inner.state = State::Broken;
            inner.close.is_none() && !core::mem::replace(&mut inner.told, true)
        };
        count(&self.manager().counters().call_failures);
        if tell {
            upcall::incoming_close(status, self.handle(), &mut []);
        }
    }

    /// The peer is answered and gets ready.
    fn step_accepting(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        let Some(leg) = this.leg(0) else { return false };
        match leg.stage() {
            _ if this.inner.lock().close.is_some() => this.start_closing(),
            Stage::Ready => {
                this.inner.lock().state = State::Connected;
                leg.progress.lock().stage = Stage::Up;
                count(&this.manager().counters().calls);
                upcall::call_connected(this.handle());
                leg.open();
                true
            }
            Stage::Failed(status) => {
                this.break_off(status, passive);
                true
            }
            _ => false,
        }
    }

    /// Data flows; parties come and go.
    fn step_connected(this: &Ref<Self>, passive: Passive<'_>) -> bool {
        if this.start_closing() {
            return true;
        }
        let mut moved = false;
        let mut index = 0;
        while let Some(leg) = this.leg(index) {
            let (done, gone) = Self::step_party(this, &leg, passive);
            moved |= done;
            if gone {
                this.remove_leg(&leg);
            } else {
                index += 1;
            }
        }
        moved | Self::step_quality(this)
    }

    /// One leg of a call that stands: whether anything was done, and whether the leg is gone.
    fn step_party(this: &Ref<Self>, leg: &Ref<Leg>, passive: Passive<'_>) -> (bool, bool) {
        let (adding, dropping) = {
            let progress = leg.progress.lock();
            (progress.adding, progress.dropping)
        };
        if let Some(params) = adding {
            return Self::step_adding(this, leg, params, passive);
        }
        if dropping {
            return Self::step_dropping(leg, passive);
        }
        if let Stage::Lost(status) = leg.stage()
            && leg.is_drained()
            && !core::mem::replace(&mut leg.progress.lock().told, true)
        {
            this.tell_lost(leg, status);
            return (true, false);
        }
        (false, false)
    }

    fn step_adding(this: &Ref<Self>, leg: &Ref<Leg>, params: Params, passive: Passive<'_>) -> (bool, bool) {
        let failure = match leg.stage() {
            Stage::Ready if leg.takes() < leg.call().flow.transmit => Some(Status::NOT_SUPPORTED),
            Stage::Ready => match this.sends.lock().open(leg.clone()) {
                Ok(()) => None,
                Err(no_memory) => Some(no_memory.into()),
            },
            Stage::Failed(status) | Stage::Lost(status) => Some(status),
            _ => return (false, false),
        };
        leg.progress.lock().adding = None;
        let Some(status) = failure else {
            leg.progress.lock().stage = Stage::Up;
            let context = party_context(leg);
            upcall::party_added(Status::SUCCESS, leg.party(), context, params);
            leg.open();
            return (true, false);
        };
        leg.leave(CloseData::EMPTY, passive);
        forget_party(leg);
        count(&this.manager().counters().call_failures);
        upcall::party_added(status, leg.party(), core::ptr::null_mut(), params);
        (true, true)
    }

    fn step_dropping(leg: &Ref<Leg>, passive: Passive<'_>) -> (bool, bool) {
        let before = leg.stage();
        leg.leave(leg.words(), passive);
        if !leg.is_gone() {
            return (leg.stage() != before, false);
        }
        // The context is the call manager's to free (PARTY-07); nobody names it after the drop has ended.
        upcall::party_dropped(leg.party());
        forget_party(leg);
        (true, true)
    }

    /// The peer of a leg has left: one of many drops out, the last one closes the call (PARTY-10, CLOSE-30).
    fn tell_lost(&self, leg: &Leg, status: Status) {
        let mut words = leg.receives.lock().words();
        let drop_only = {
            let mut inner = self.inner.lock();
            let drop_only = Self::live_legs(&inner) > 0;
            if inner.close.is_some() || (!drop_only && core::mem::replace(&mut inner.told, true)) {
                return;
            }
            drop_only
        };
        if drop_only {
            upcall::incoming_drop(status, leg.party(), words.as_mut_slice());
        } else {
            upcall::incoming_close(status, self.handle(), words.as_mut_slice());
        }
    }

    pub(super) fn remove_leg(&self, leg: &Ref<Leg>) {
        let removed = {
            let mut inner = self.inner.lock();
            let place = inner.legs.iter().position(|other| Ref::ptr_eq(other, leg));
            place.map(|place| inner.legs.remove(place))
        };
        drop(removed);
    }

    /// Has NDIS activate the VC with `params`; `None` while that pends (VC-22).
    pub(super) fn activate(&self, params: Params) -> Option<Status> {
        {
            let mut inner = self.inner.lock();
            if let Some(status) = inner.activation.take() {
                inner.activating = false;
                return Some(status);
            }
            if inner.activating {
                return None;
            }
            inner.activating = true;
        }
        let status = upcall::activate_vc(self.handle(), params);
        if status == Status::PENDING {
            return None;
        }
        let mut inner = self.inner.lock();
        inner.activating = false;
        inner.activation = None;
        Some(status)
    }

    /// Whether NDIS does not have an activation any more, nor its parameters. One that has succeeded meanwhile has to be undone like
    /// any other (MAKE-08, CLOSE-08).
    pub(super) fn is_activation_over(&self) -> bool {
        let mut inner = self.inner.lock();
        if inner.activating {
            let Some(status) = inner.activation.take() else {
                return false;
            };
            inner.activating = false;
            inner.active |= status == Status::SUCCESS;
        }
        true
    }

    /// Makes room for messages of the call and takes them for `leg`.
    fn open_sends(&self, leg: &Ref<Leg>, passive: Passive<'_>) -> Result<(), Status> {
        let call = self.inner.lock().call.ok_or(Status::CONNECTION_ABORTED)?;
        let bytes = u32::from(call.send_depth) * HEAD as u32 + call.message_size;
        let heads = self.manager().device().shared_memory(bytes, passive)?;
        let key = self.manager().pd().local_key();
        let mut sends = self.sends.lock();
        sends.prepare(call.send_depth, heads, key, call.flow.transmit)?;
        Ok(sends.open(leg.clone())?)
    }
}

/// The context of a leg's party; NULL in a point-to-point call.
pub(super) fn party_context(leg: &Ref<Leg>) -> *mut core::ffi::c_void {
    if leg.party().is_null() {
        core::ptr::null_mut()
    } else {
        Ref::as_ptr(leg).cast_mut().cast()
    }
}

/// What the client changed in parameters that were offered to it.
///
/// # Safety
/// `params` are the ones that were offered.
pub unsafe fn changes(params: Params) -> Option<Result<super::format::Call, Status>> {
    // SAFETY: the caller's promise.
    let changed = unsafe { params::is_changed(params.as_raw()) };
    if !changed {
        return None;
    }
    // SAFETY: the caller's promise.
    let call = unsafe { params::read_call(params.as_raw()) };
    Some(
        call.map(|(call, _)| call)
            .map_err(super::format::FormatError::in_call),
    )
}

/// A flow as the other side sees it.
pub(super) const fn mirrored(flow: Flow) -> Flow {
    Flow {
        transmit: flow.receive,
        receive: flow.transmit,
    }
}
