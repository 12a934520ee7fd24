//! What a VC's worker does: one step after another, until nothing more can be done now.
//!
//! It runs at `PASSIVE_LEVEL`, never twice at a time for a VC, and it alone tells NDIS what became of calls. It holds no lock when
//! it does.

use super::{
    close_data::CloseData,
    leg::{Leg, Stage},
    params,
    services::count,
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
    pub(super) fn run(&self, passive: Passive<'_>) {
        loop {
            let mut moved = false;
            let mut index = 0;
            while let Some(leg) = self.leg(index) {
                moved |= Leg::advance(&leg, passive);
                leg.channel.deliver();
                index += 1;
            }
            moved |= self.step(passive);
            if !moved {
                return;
            }
        }
    }

    /// Whether anything was done.
    fn step(&self, passive: Passive<'_>) -> bool {
        let state = self.inner.lock().state;
        match state {
            State::Idle | State::Deleted => false,
            State::Making => self.step_making(passive),
            State::Arriving => self.step_arriving(passive),
            State::Offered => self.step_offered(passive),
            State::Accepting => self.step_accepting(passive),
            State::Connected => self.step_connected(passive),
            State::Broken => self.start_closing(),
            State::Closing => self.step_closing(passive),
        }
    }

    /// A client's call is being set up.
    fn step_making(&self, passive: Passive<'_>) -> bool {
        let Some(leg) = self.leg(0) else { return false };
        let aborted = self.inner.lock().close.is_some();
        match leg.stage() {
            Stage::Failed(status) => {
                self.inner.lock().failure.get_or_insert(status);
                leg.leave(CloseData::EMPTY, passive);
                true
            }
            Stage::Down => {
                let over = self.is_activation_over();
                if over {
                    self.make_failed(&leg);
                }
                over
            }
            _ if aborted => {
                // The make completes first, then the close (MAKE-13).
                self.inner
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
            Stage::Ready => self.make_done(&leg, passive),
            _ => false,
        }
    }

    /// The connection stands: the VC becomes active, then the client gets to know (MAKE-05).
    fn make_done(&self, leg: &Ref<Leg>, passive: Passive<'_>) -> bool {
        let Some((params, rounded)) = self.inner.lock().make else {
            return false;
        };
        let Some(status) = self.activate(params) else {
            return false;
        };
        let opened = if status == Status::SUCCESS {
            self.inner.lock().active = true;
            self.prepare_sends(passive).and_then(|()| leg.begin_sending())
        } else {
            Err(status)
        };
        if let Err(status) = opened {
            self.inner.lock().failure = Some(status);
            leg.leave(CloseData::EMPTY, passive);
            return true;
        }
        let call = {
            let mut inner = self.inner.lock();
            inner.state = State::Connected;
            inner.make = None;
            if let Some(call) = inner.call.as_mut() {
                call.flow.transmit = call.flow.transmit.min(leg.takes());
            }
            inner.call
        };
        if let Some(call) = call {
            let lowered = call.flow != leg.call().flow;
            self.circuit.sends.lock().set_longest(call.flow.transmit);
            if rounded || lowered {
                // SAFETY: the client's parameters, ours until the call below, understood when they came.
                unsafe { params::write_back(params, &call) };
            }
        }
        count(&self.services().counters().calls);
        leg.progress.lock().stage = Stage::Up;
        let context = Leg::party_context(leg);
        upcall::call_made(Status::SUCCESS, self.handle(), leg.party(), context, params);
        leg.channel.open();
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
        count(&self.services().counters().call_failures);
        {
            let mut inner = self.inner.lock();
            inner.state = if inner.close.is_some() {
                State::Closing
            } else {
                State::Idle
            };
        }
        Leg::forget_party(leg);
        if let Some((params, _)) = params {
            let null = core::ptr::null_mut();
            upcall::call_made(status, self.handle(), leg.party(), null, params);
        }
    }

    /// NDIS and the client get to know a peer's call (INC-01, INC-02).
    fn step_arriving(&self, passive: Passive<'_>) -> bool {
        if self.handle().is_null() && !self.introduce(passive) {
            return false;
        }
        let offer = {
            let mut inner = self.inner.lock();
            inner.offer.as_mut().map(super::params::OwnParams::lend)
        };
        let Some(offer) = offer else { return false };
        let Some(status) = self.activate(offer) else {
            return false;
        };
        if status != Status::SUCCESS {
            self.withdraw(passive);
            return true;
        }
        let sap = {
            let mut inner = self.inner.lock();
            inner.active = true;
            inner.state = State::Offered;
            inner.sap.take()
        };
        let Some(sap) = sap else { return false };
        let answer = upcall::incoming_call(sap.handle(), self.handle(), offer);
        drop(sap);
        if answer != Status::PENDING {
            // SAFETY: our own parameters, which the client may have changed.
            let changes = unsafe { params::changes(offer) };
            self.decided(answer, changes);
        }
        true
    }

    /// Whether NDIS has the VC now.
    fn introduce(&self, passive: Passive<'_>) -> bool {
        let context = self.context();
        let Ok(handle) = upcall::create_vc(self.services().ndis(), self.family_handle(), context) else {
            self.take_down_all(passive);
            self.forget();
            return false;
        };
        self.circuit.set_handle(handle);
        true
    }

    /// A peer's call that the client does not get, or does not want: the peer hears it, the VC goes (INC-09).
    fn withdraw(&self, passive: Passive<'_>) {
        self.take_down_all(passive);
        let active = core::mem::take(&mut self.inner.lock().active);
        if active {
            upcall::deactivate_vc(self.handle());
        }
        count(&self.services().counters().call_failures);
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
    fn step_offered(&self, passive: Passive<'_>) -> bool {
        let Some(Decision { status, changes }) = self.inner.lock().decision.take() else {
            return false;
        };
        if status != Status::SUCCESS {
            self.withdraw(passive);
            return true;
        }
        let accepted = match changes {
            None => Ok(()),
            Some(changed) => changed.and_then(|changed| self.apply(changed)),
        };
        let accepted = accepted.and_then(|()| {
            let leg = self.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
            self.inner.lock().state = State::Accepting;
            self.prepare_sends(passive)?;
            Leg::accept(&leg, passive)
        });
        if let Err(status) = accepted {
            self.break_off(status, passive);
        }
        true
    }

    /// Takes over what the client wants smaller.
    fn apply(&self, changed: super::format::Call) -> Result<(), Status> {
        let mut inner = self.inner.lock();
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
        self.replace_leg(call)
    }

    /// Puts a leg of other depths in the place of a peer's request.
    fn replace_leg(&self, call: super::format::Call) -> Result<(), Status> {
        let old = self.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
        let (connection, endpoint) = old.take_ends().ok_or(Status::CONNECTION_ABORTED)?;
        let leg = match Leg::incoming(&self.circuit, call, connection.clone(), endpoint) {
            Ok(leg) => leg,
            Err(status) => {
                // The peer may have given up: then there is nothing to reject.
                let _ = connection.reject(RejectReason::NO_RESOURCES, &[]);
                return Err(status);
            }
        };
        if let Some(place) = self.inner.lock().legs.first_mut() {
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
        count(&self.services().counters().call_failures);
        if tell {
            upcall::incoming_close(status, self.handle(), &mut []);
        }
    }

    /// The peer is answered and gets ready.
    fn step_accepting(&self, passive: Passive<'_>) -> bool {
        let Some(leg) = self.leg(0) else { return false };
        match leg.stage() {
            _ if self.inner.lock().close.is_some() => self.start_closing(),
            Stage::Ready => {
                self.inner.lock().state = State::Connected;
                leg.progress.lock().stage = Stage::Up;
                count(&self.services().counters().calls);
                upcall::call_connected(self.handle());
                leg.channel.open();
                true
            }
            Stage::Failed(status) => {
                self.break_off(status, passive);
                true
            }
            _ => false,
        }
    }

    /// Data flows; parties come and go.
    fn step_connected(&self, passive: Passive<'_>) -> bool {
        if self.start_closing() {
            return true;
        }
        let mut moved = false;
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            let (done, gone) = self.step_party(&leg, passive);
            moved |= done;
            if gone {
                self.remove_leg(&leg);
            } else {
                index += 1;
            }
        }
        moved | self.step_quality()
    }

    /// One leg of a call that stands: whether anything was done, and whether the leg is gone.
    fn step_party(&self, leg: &Ref<Leg>, passive: Passive<'_>) -> (bool, bool) {
        let (adding, dropping) = {
            let progress = leg.progress.lock();
            (progress.adding, progress.dropping)
        };
        if let Some(params) = adding {
            return self.step_adding(leg, params, passive);
        }
        if dropping {
            return Self::step_dropping(leg, passive);
        }
        if let Stage::Lost(status) = leg.stage()
            && leg.is_drained()
            && !core::mem::replace(&mut leg.progress.lock().told, true)
        {
            self.tell_lost(leg, status);
            return (true, false);
        }
        (false, false)
    }

    fn step_adding(&self, leg: &Ref<Leg>, params: Params, passive: Passive<'_>) -> (bool, bool) {
        let failure = match leg.stage() {
            Stage::Ready if leg.takes() < leg.call().flow.transmit => Some(Status::NOT_SUPPORTED),
            Stage::Ready => leg.begin_sending().err(),
            Stage::Failed(status) | Stage::Lost(status) => Some(status),
            _ => return (false, false),
        };
        leg.progress.lock().adding = None;
        let Some(status) = failure else {
            leg.progress.lock().stage = Stage::Up;
            let context = Leg::party_context(leg);
            upcall::party_added(Status::SUCCESS, leg.party(), context, params);
            leg.channel.open();
            return (true, false);
        };
        leg.leave(CloseData::EMPTY, passive);
        Leg::forget_party(leg);
        count(&self.services().counters().call_failures);
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
        Leg::forget_party(leg);
        (true, true)
    }

    /// The peer of a leg has left: one of many drops out, the last one closes the call (PARTY-10, CLOSE-30).
    fn tell_lost(&self, leg: &Leg, status: Status) {
        let mut words = leg.channel.receives.lock().close_data();
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

    /// Makes room for messages of the call.
    fn prepare_sends(&self, passive: Passive<'_>) -> Result<(), Status> {
        let call = self.inner.lock().call.ok_or(Status::CONNECTION_ABORTED)?;
        let bytes = u32::from(call.send_depth) * HEAD as u32 + call.message_size;
        let heads = self.services().device().shared_memory(bytes, passive)?;
        let key = self.services().pd().local_key();
        let mut sends = self.circuit.sends.lock();
        Ok(sends.prepare(call.send_depth, heads, key, call.flow.transmit)?)
    }
}
