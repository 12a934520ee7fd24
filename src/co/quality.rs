//! Changes of a call's quality of service: the longest messages of both directions.
//!
//! The side that wants a change asks its peers and waits for their answers. When both sides ask at once, the caller's change
//! stands and the other is refused.

use super::{
    format::{Call, Flow},
    leg::{Leg, Stage},
    link::Control,
    params::{self, OwnParams},
    upcall,
    vc::{Creator, Inner, Vc},
    wire::{Head, Kind},
};
use crate::nt::Status;

impl Vc {
    /// Goes on with changes of either side. Only the worker; whether anything was done.
    pub(super) fn step_quality(&self) -> bool {
        let waits = self.inner.lock().change.is_some();
        let moved = if waits { false } else { self.take_changes() };
        let waits = self.inner.lock().change.is_some();
        if waits {
            return self.step_change() || moved;
        }
        self.step_modify() || moved
    }

    /// Looks whether a peer asks.
    fn take_changes(&self) -> bool {
        let mut moved = false;
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            let asked = leg.channel.receives.lock().take_change();
            let Some(flow) = asked else { continue };
            moved = true;
            let taken = self.consider(flow.mirrored());
            if !taken {
                answer(&leg, false);
            }
        }
        moved
    }

    /// Whether a peer's change can be offered to the client.
    fn consider(&self, flow: Flow) -> bool {
        let wanted = {
            let inner = self.inner.lock();
            changed_call(&inner, flow, self.creator())
        };
        let Some(call) = wanted else { return false };
        let Ok(own) = OwnParams::try_new(&call) else {
            return false;
        };
        self.inner.lock().change = Some((own, call));
        true
    }

    /// Activates the VC with what the peer wants, then tells the client, then answers (QOS-07, QOS-09).
    fn step_change(&self) -> bool {
        let lent = {
            let mut inner = self.inner.lock();
            inner.change.as_mut().map(|(own, _)| own.lend())
        };
        let Some(lent) = lent else { return false };
        let Some(status) = self.activate(lent) else {
            return false;
        };
        let change = {
            let mut inner = self.inner.lock();
            let change = inner.change.take();
            if let (Some((_, call)), Status::SUCCESS) = (&change, status) {
                inner.call = Some(*call);
            }
            change
        };
        let Some((own, call)) = change else { return false };
        if status == Status::SUCCESS {
            self.circuit.sends.lock().set_longest(call.flow.transmit);
            upcall::incoming_qos(self.handle(), lent);
        }
        let kept = status == Status::SUCCESS && self.inner.lock().close.is_none();
        if let Some(leg) = self.leg(0) {
            answer(&leg, kept);
        }
        drop(own);
        true
    }

    /// Goes on with the client's change (QOS-03, QOS-04).
    fn step_modify(&self) -> bool {
        let asked = match &self.inner.lock().modify {
            None => return false,
            Some(modify) => modify.asked,
        };
        if !asked {
            self.ask();
            return true;
        }
        self.take_answers();
        let (params, refused) = {
            let inner = self.inner.lock();
            match &inner.modify {
                // What NDIS is activating stands, whoever leaves meanwhile.
                Some(modify) if modify.waiting == 0 => (modify.params, modify.refused && !inner.activating),
                _ => return false,
            }
        };
        let status = if refused {
            Status::UNSUCCESSFUL
        } else {
            match self.activate(params) {
                None => return false,
                Some(Status::SUCCESS) => Status::SUCCESS,
                Some(_) => Status::UNSUCCESSFUL,
            }
        };
        self.end_modify(status);
        true
    }

    fn ask(&self) {
        let flow = {
            let mut inner = self.inner.lock();
            let Some(modify) = inner.modify.as_mut() else {
                return;
            };
            modify.asked = true;
            modify.call.flow
        };
        let head = Head {
            kind: Kind::Change(flow),
            length: 0,
        };
        let (mut waiting, mut refused) = (0, false);
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            // An answer to an earlier change is none to self.
            leg.channel.receives.lock().take_answer();
            if leg.stage() == Stage::Up && leg.channel.send_control(Control::Change, &head, &[]) {
                waiting += 1;
            } else {
                refused = true;
            }
        }
        let mut inner = self.inner.lock();
        if let Some(modify) = inner.modify.as_mut() {
            modify.waiting = waiting;
            modify.refused = refused || waiting == 0;
        }
    }

    fn take_answers(&self) {
        let (mut answers, mut refused, mut lost) = (0, false, false);
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            match leg.channel.receives.lock().take_answer() {
                Some(accepted) => {
                    answers += 1;
                    refused |= !accepted;
                }
                None => lost |= leg.stage() != Stage::Up,
            }
        }
        let mut inner = self.inner.lock();
        if let Some(modify) = inner.modify.as_mut() {
            modify.refused |= refused;
            modify.waiting = modify.waiting.saturating_sub(answers);
            if lost {
                // Who has left does not answer.
                modify.refused = true;
                modify.waiting = 0;
            }
        }
    }

    fn end_modify(&self, status: Status) {
        let modify = {
            let mut inner = self.inner.lock();
            let modify = inner.modify.take();
            if let (Some(modify), Status::SUCCESS) = (&modify, status) {
                inner.call = Some(modify.call);
            }
            modify
        };
        let Some(modify) = modify else { return };
        if status == Status::SUCCESS {
            self.circuit.sends.lock().set_longest(modify.call.flow.transmit);
            if modify.rounded {
                // SAFETY: the client's parameters, ours until the call below, understood when they came.
                unsafe { params::write_back(modify.params, &modify.call) };
            }
        }
        upcall::qos_modified(status, self.handle(), modify.params);
    }
}

/// The call as the peer wants it, unless that cannot be.
fn changed_call(inner: &Inner, flow: Flow, creator: Creator) -> Option<Call> {
    let call = inner.call?;
    let fits = flow.transmit.max(flow.receive) <= call.message_size;
    let alone = inner.legs.len() == 1 && inner.close.is_none() && !inner.activating;
    let ours_stands = creator == Creator::Client && inner.modify.is_some();
    (fits && alone && !ours_stands).then_some(Call { flow, ..call })
}

fn answer(leg: &Leg, accepted: bool) {
    let head = Head {
        kind: Kind::Answer { accepted },
        length: 0,
    };
    if leg.stage() == Stage::Up {
        leg.channel.send_control(Control::Answer, &head, &[]);
    }
}
