//! What a VC's worker does: it takes the events that are due, one after another, and carries out what the state machines say.
//!
//! It runs at `PASSIVE_LEVEL`, never twice at a time for a VC, and it alone tells NDIS what became of calls. It holds no lock when
//! it does.

use super::{
    circuit::Owner,
    leg::Leg,
    machine::{
        call::{Action, Event, Purpose},
        leg::{self, Stage},
    },
    params,
    services::count,
    upcall::{self, Handle, Params},
    vc::Vc,
    wire::HEAD,
};
use crate::{
    cm::mad::RejectReason,
    nt::{NonPaged, Passive, Ref, Status, Vec},
};

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
    /// The work item: goes on until neither a leg nor the call has an event that is due.
    fn run(&self, passive: Passive<'_>) {
        let mut index = 0;
        loop {
            while let Some(leg) = self.leg(index) {
                let stands = self.inner.lock().machine.stands();
                match leg.due(stands) {
                    Some(event) => self.step_leg(&leg, event, passive),
                    None => index += 1,
                }
            }
            let Some((event, leg)) = self.due() else {
                return;
            };
            self.step(event, leg.as_ref(), passive);
            index = 0;
        }
    }

    /// The event of the call that is due, and the leg that it comes from.
    fn due(&self) -> Option<(Event, Option<Ref<Leg>>)> {
        let due = {
            let inner = self.inner.lock();
            let first = inner.legs.first().map(|leg| leg.stage());
            let is_quiet =
                || inner.legs.iter().all(|leg| leg.is_gone()) && self.circuit.sends.lock().is_idle();
            inner.machine.due(first, is_quiet)
        };
        due.map(|event| (event, None)).or_else(|| self.peers_say())
    }

    /// Steps the call's machine, and again with what comes of its actions. `from` is the leg that the event comes from.
    fn step(&self, event: Event, from: Option<&Ref<Leg>>, passive: Passive<'_>) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let actions = self.inner.lock().machine.step(event);
            for action in actions {
                let came = self.perform(action, from, passive);
                next = next.or(came);
            }
        }
    }

    /// Steps a leg's machine, and again with what comes of its actions.
    fn step_leg(&self, leg: &Ref<Leg>, event: leg::Event, passive: Passive<'_>) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for action in leg.step(event) {
                let came = match action {
                    leg::Action::Tell(status) => {
                        self.peer_gone(leg, status, passive);
                        None
                    }
                    leg::Action::Added(status) => {
                        self.added(leg, status);
                        None
                    }
                    leg::Action::Dropped => {
                        self.dropped(leg);
                        None
                    }
                    own => Leg::perform(leg, own, passive),
                };
                next = next.or(came);
            }
        }
    }

    /// Carries out an action; what came of it.
    fn perform(&self, action: Action, from: Option<&Ref<Leg>>, passive: Passive<'_>) -> Option<Event> {
        match action {
            Action::Activate(purpose) => return self.activate(purpose),
            Action::Introduce => return Some(Event::Done(self.introduce())),
            Action::MakeRoom => return Some(Event::Done(self.make_room(passive))),
            Action::Answer => return Some(Event::Done(self.answer(passive))),
            Action::Ask => return Some(self.ask()),
            Action::Undo { active } => {
                self.undo(active);
                return Some(Event::Undone);
            }
            Action::TakeChange => {
                self.take_change();
                return Some(Event::Done(Ok(())));
            }
            Action::Offer => self.offer(),
            Action::Leave => self.leave(passive),
            Action::AbortSends => self.circuit.abort_sends(),
            Action::Made => self.made(passive),
            Action::NotMade(status) => self.not_made(status),
            Action::Connected => self.connected(passive),
            Action::CountFailure => count(&self.services().counters().call_failures),
            Action::TellEnd(status) => self.tell_end(from, status),
            Action::TellDrop(status) => tell_drop(from, status),
            Action::Closed => self.closed(),
            Action::Delete => {
                upcall::delete_vc(self.handle());
                self.forget();
            }
            Action::Forget => self.forget(),
            Action::EndChange(status) => self.end_change(status),
            Action::AnswerChange(accepted) => self.answer_change(from, accepted),
        }
        None
    }

    /// Has NDIS activate the VC (VC-20, VC-22).
    fn activate(&self, purpose: Purpose) -> Option<Event> {
        let status = self
            .parameters(purpose)
            .map_or(Status::INTERNAL_ERROR, |parameters| {
                upcall::activate_vc(self.handle(), parameters)
            });
        (status != Status::PENDING).then_some(Event::Activated(status))
    }

    fn parameters(&self, purpose: Purpose) -> Option<Params> {
        let mut inner = self.inner.lock();
        match purpose {
            Purpose::Make => inner.make.as_ref().map(|make| make.params),
            Purpose::Offer => inner.offer.as_mut().map(params::OwnParams::lend),
            Purpose::Modify => inner.modify.as_ref().map(|modify| modify.params),
            Purpose::PeersChange => inner.change.as_mut().map(|(own, _)| own.lend()),
        }
    }

    /// NDIS and the client are told of a peer's call (INC-01, INC-02).
    fn introduce(&self) -> Result<(), Status> {
        let handle = upcall::create_vc(self.services().ndis(), self.family_handle(), self.context())?;
        self.circuit.set_handle(handle);
        Ok(())
    }

    fn offer(&self) {
        let (sap, offer) = {
            let mut inner = self.inner.lock();
            (
                inner.sap.take(),
                inner.offer.as_mut().map(params::OwnParams::lend),
            )
        };
        let (Some(sap), Some(offer)) = (sap, offer) else {
            return;
        };
        let answer = upcall::incoming_call(sap.handle(), self.handle(), offer);
        drop(sap);
        if answer != Status::PENDING {
            // SAFETY: our own parameters, which the client may have changed.
            let changes = unsafe { params::changes(offer) };
            self.decided(answer, changes);
        }
    }

    /// Makes room for messages of the call, and takes them.
    fn make_room(&self, passive: Passive<'_>) -> Result<(), Status> {
        let leg = self.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
        self.prepare_sends(passive)?;
        leg.begin_sending()
    }

    fn prepare_sends(&self, passive: Passive<'_>) -> Result<(), Status> {
        let call = self.call().ok_or(Status::CONNECTION_ABORTED)?;
        let bytes = u32::from(call.send_depth) * HEAD as u32 + call.message_size;
        let heads = self.services().device().shared_memory(bytes, passive)?;
        let key = self.services().pd().local_key();
        let mut sends = self.circuit.sends.lock();
        Ok(sends.prepare(call.send_depth, heads, key, call.flow.transmit)?)
    }

    /// The client takes a peer's call, perhaps with changes.
    fn answer(&self, passive: Passive<'_>) -> Result<(), Status> {
        let changes = self.inner.lock().changes.take();
        if let Some(changed) = changes {
            self.apply(changed?)?;
        }
        self.prepare_sends(passive)?;
        let leg = self.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
        self.step_leg(&leg, leg::Event::Accept, passive);
        match leg.stage() {
            Stage::Failed(status) => Err(status),
            _ => Ok(()),
        }
    }

    /// Applies what the client made smaller.
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

    /// Replaces the leg of a peer's request by one of other depths.
    fn replace_leg(&self, call: super::format::Call) -> Result<(), Status> {
        let old = self.leg(0).ok_or(Status::CONNECTION_ABORTED)?;
        let (connection, endpoint) = old.replace().ok_or(Status::CONNECTION_ABORTED)?;
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

    /// All legs leave, with what the client says if it closes.
    fn leave(&self, passive: Passive<'_>) {
        let close_data = self.close_data();
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            self.step_leg(&leg, leg.leave(close_data), passive);
            let stays = self.leg(index).is_some_and(|other| Ref::ptr_eq(&other, &leg));
            index += usize::from(stays);
        }
    }

    /// Gives back what the call has.
    fn undo(&self, active: bool) {
        let (heads, old) = {
            let mut sends = self.circuit.sends.lock();
            let heads = sends.reset();
            (heads, core::mem::take(&mut *sends))
        };
        let (legs, offer, change) = {
            let mut inner = self.inner.lock();
            inner.call = None;
            inner.changes = None;
            let legs = core::mem::replace(&mut inner.legs, Vec::new_in(NonPaged));
            (legs, inner.offer.take(), inner.change.take())
        };
        if active {
            upcall::deactivate_vc(self.handle());
        }
        legs.iter().for_each(Leg::forget_context);
        drop((heads, old, legs, offer, change));
    }

    /// The client's call stands (MAKE-05): the client is told, also of what is less than it asked for (MAKE-09).
    fn made(&self, passive: Passive<'_>) {
        let (Some(leg), Some(make)) = (self.leg(0), self.inner.lock().make.take()) else {
            return;
        };
        let call = {
            let mut inner = self.inner.lock();
            if let Some(call) = inner.call.as_mut() {
                call.flow.transmit = call.flow.transmit.min(leg.takes());
            }
            inner.call
        };
        if let Some(call) = call {
            let lowered = call.flow != leg.call().flow;
            self.circuit.sends.lock().set_longest(call.flow.transmit);
            if make.rounded || lowered {
                // SAFETY: the client's parameters, ours until the call below, understood when they came.
                unsafe { params::write_back(make.params, &call) };
            }
        }
        count(&self.services().counters().calls);
        self.step_leg(&leg, leg::Event::Open, passive);
        let context = Leg::context(&leg);
        upcall::call_made(Status::SUCCESS, self.handle(), leg.party(), context, make.params);
        leg.channel.open();
    }

    /// The client's call did not come about (MAKE-07, MAKE-08).
    fn not_made(&self, status: Status) {
        count(&self.services().counters().call_failures);
        let make = self.inner.lock().make.take();
        if let Some(make) = make {
            let null = core::ptr::null_mut();
            upcall::call_made(status, self.handle(), make.party, null, make.params);
        }
    }

    /// A peer's call stands (INC-07).
    fn connected(&self, passive: Passive<'_>) {
        let Some(leg) = self.leg(0) else { return };
        count(&self.services().counters().calls);
        self.step_leg(&leg, leg::Event::Open, passive);
        upcall::call_connected(self.handle());
        leg.channel.open();
    }

    /// The close is over (CLOSE-09, CLOSE-10).
    fn closed(&self) {
        let close = self.inner.lock().close.take();
        let party = close.as_ref().map_or(Handle::NULL, |close| close.party);
        upcall::call_closed(Status::SUCCESS, self.handle(), party);
    }

    /// The peer of a leg has left: one of many drops out, the last one ends the call (PARTY-10, CLOSE-30).
    fn peer_gone(&self, leg: &Ref<Leg>, status: Status, passive: Passive<'_>) {
        let last = {
            let inner = self.inner.lock();
            !inner.legs.iter().any(|leg| leg.stage() == Stage::Up)
        };
        self.step(Event::PeerGone { last, status }, Some(leg), passive);
    }

    /// Tells the client of the end, with what the peer's client said if it was a peer that left.
    fn tell_end(&self, from: Option<&Ref<Leg>>, status: Status) {
        let said = from.map(|leg| leg.channel.receives.lock().close_data());
        let mut said = said.unwrap_or(super::format::CloseData::EMPTY);
        upcall::incoming_close(status, self.handle(), said.as_mut_slice());
    }

    /// `AddParty` is over (PARTY-03).
    fn added(&self, leg: &Ref<Leg>, status: Status) {
        let Some(params) = leg.take_adding() else { return };
        if status == Status::SUCCESS {
            return upcall::party_added(status, leg.party(), Leg::context(leg), params);
        }
        Leg::forget_context(leg);
        count(&self.services().counters().call_failures);
        upcall::party_added(status, leg.party(), core::ptr::null_mut(), params);
        self.remove_leg(leg);
    }

    /// `DropParty` is over. The context is the call manager's to free (PARTY-07); nobody names it afterwards.
    fn dropped(&self, leg: &Ref<Leg>) {
        upcall::party_dropped(leg.party());
        Leg::forget_context(leg);
        self.remove_leg(leg);
    }

    fn remove_leg(&self, leg: &Ref<Leg>) {
        let removed = {
            let mut inner = self.inner.lock();
            let place = inner.legs.iter().position(|other| Ref::ptr_eq(other, leg));
            place.map(|place| inner.legs.remove(place))
        };
        drop(removed);
    }
}

/// Tells the client of a drop, with what the peer's client said.
fn tell_drop(from: Option<&Ref<Leg>>, status: Status) {
    let Some(leg) = from else { return };
    let mut said = leg.channel.receives.lock().close_data();
    upcall::incoming_drop(status, leg.party(), said.as_mut_slice());
}
