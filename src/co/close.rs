//! How a call ends: the client's close, and what has to end before it.

use super::{
    close_data::CloseData,
    leg::Leg,
    upcall::{self, Handle},
    vc::{Creator, State, Vc},
};
use crate::nt::{NonPaged, Passive, Status, Vec};

impl Vc {
    /// Begins the close that the client asked for, if it did.
    pub(super) fn start_closing(&self) -> bool {
        let mut inner = self.inner.lock();
        if inner.close.is_none() {
            return false;
        }
        inner.state = State::Closing;
        true
    }

    /// The client closes: everything ends, then it gets to know (CLOSE-08).
    pub(super) fn step_closing(&self, passive: Passive<'_>) -> bool {
        self.circuit.abort_sends();
        if !self.is_activation_over() {
            return false;
        }
        self.end_requests(passive);
        let words = self
            .inner
            .lock()
            .close
            .as_ref()
            .map_or(CloseData::EMPTY, |close| close.words);
        let (mut moved, mut gone) = (false, true);
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            let before = leg.stage();
            leg.leave(words, passive);
            moved |= leg.stage() != before;
            gone &= leg.is_gone();
            index += 1;
        }
        if !gone || !self.circuit.sends.lock().is_idle() {
            return moved;
        }
        self.finish_closing();
        // Whatever the client asked for from inside its handler is looked at again.
        self.creator() == Creator::Client
    }

    /// Requests that pend when the client closes end before the close does.
    fn end_requests(&self, passive: Passive<'_>) {
        let modify = self.inner.lock().modify.take();
        if let Some(modify) = modify {
            upcall::qos_modified(Status::UNSUCCESSFUL, self.handle(), modify.params);
        }
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            let adding = leg.progress.lock().adding.take();
            if let Some(params) = adding {
                leg.leave(CloseData::EMPTY, passive);
                Leg::forget_party(&leg);
                let null = core::ptr::null_mut();
                upcall::party_added(Status::NDIS_REQUEST_ABORTED, leg.party(), null, params);
                self.remove_leg(&leg);
                continue;
            }
            index += 1;
        }
    }

    fn finish_closing(&self) {
        let (close, legs, active) = {
            let mut inner = self.inner.lock();
            let legs = core::mem::replace(&mut inner.legs, Vec::new_in(NonPaged));
            let active = core::mem::take(&mut inner.active);
            (inner.close.take(), legs, active)
        };
        self.forget_call();
        if active {
            upcall::deactivate_vc(self.handle());
        }
        let closing = close.as_ref().map_or(Handle::NULL, |close| close.party);
        for leg in &legs {
            if leg.progress.lock().dropping {
                upcall::party_dropped(leg.party());
            }
            Leg::forget_party(leg);
        }
        drop(legs);
        {
            let mut inner = self.inner.lock();
            inner.told = false;
            // From here on the client may use or delete its VC.
            inner.state = State::Idle;
        }
        upcall::call_closed(Status::SUCCESS, self.handle(), closing);
        if self.creator() == Creator::Manager {
            upcall::delete_vc(self.handle());
            self.forget();
        }
    }

    /// What the call kept.
    pub(super) fn forget_call(&self) {
        let (heads, old) = {
            let mut sends = self.circuit.sends.lock();
            let heads = sends.reset();
            (heads, core::mem::take(&mut *sends))
        };
        let (legs, offer, change) = {
            let mut inner = self.inner.lock();
            inner.call = None;
            inner.decision = None;
            inner.activating = false;
            inner.activation = None;
            let legs = core::mem::replace(&mut inner.legs, Vec::new_in(NonPaged));
            (legs, inner.offer.take(), inner.change.take())
        };
        drop((heads, old, legs, offer, change));
    }
}
