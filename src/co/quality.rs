//! Changes of a call's quality of service: the longest messages of both directions. What the state machine decides is carried out here.

use super::{
    format::{Call, Flow},
    leg::Leg,
    link::Control,
    machine::{call::Event, leg::Stage},
    params::{self, OwnParams},
    upcall,
    vc::Vc,
    wire::{Head, Kind},
};
use crate::nt::{Ref, Status};

impl Vc {
    /// What a peer's call manager said that the call listens to now.
    pub(super) fn peers_say(&self) -> Option<(Event, Option<Ref<Leg>>)> {
        let (changes, answers) = {
            let inner = self.inner.lock();
            (inner.machine.hears_changes(), inner.machine.hears_answers())
        };
        if !changes && !answers {
            return None;
        }
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            let wants = if changes {
                leg.channel.receives.lock().take_change()
            } else {
                None
            };
            if let Some(flow) = wants {
                let possible = self.keep_change(flow.mirrored());
                return Some((Event::PeerWants { possible }, Some(leg)));
            }
        }
        if answers { self.answer_of_a_peer() } else { None }
    }

    fn answer_of_a_peer(&self) -> Option<(Event, Option<Ref<Leg>>)> {
        let mut deserted = None;
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            let answer = leg.channel.receives.lock().take_answer();
            if let Some(accepted) = answer {
                return Some((Event::Answered { accepted }, Some(leg)));
            }
            if leg.stage() != Stage::Up {
                // A peer that has left does not answer.
                deserted = Some((Event::Deserted, Some(leg)));
            }
        }
        deserted
    }

    /// Whether a peer's change is possible: then it is kept.
    fn keep_change(&self, flow: Flow) -> bool {
        let wanted = {
            let inner = self.inner.lock();
            inner
                .call
                .filter(|call| inner.legs.len() == 1 && flow.transmit.max(flow.receive) <= call.message_size)
        };
        let Some(call) = wanted else { return false };
        let call = Call { flow, ..call };
        let Ok(own) = OwnParams::try_new(&call) else {
            return false;
        };
        self.inner.lock().change = Some((own, call));
        true
    }

    /// The VC is active with what the peer wants: the client is told (QOS-07).
    pub(super) fn take_change(&self) {
        let taken = {
            let mut inner = self.inner.lock();
            let taken = inner.change.as_mut().map(|(own, call)| (own.lend(), *call));
            if let Some((_, call)) = taken {
                inner.call = Some(call);
            }
            taken
        };
        if let Some((lent, call)) = taken {
            self.circuit.sends.lock().set_longest(call.flow.transmit);
            upcall::incoming_qos(self.handle(), lent);
        }
    }

    /// The peer is told what became of its change (QOS-09).
    pub(super) fn answer_change(&self, from: Option<&Ref<Leg>>, accepted: bool) {
        let change = self.inner.lock().change.take();
        drop(change);
        let head = Head {
            kind: Kind::Answer { accepted },
            length: 0,
        };
        let leg = from.cloned().or_else(|| self.leg(0));
        if let Some(leg) = leg.filter(|leg| leg.stage() == Stage::Up) {
            leg.channel.send_control(Control::Answer, &head, &[]);
        }
    }

    /// Asks all peers for the client's change.
    pub(super) fn ask(&self) -> Event {
        let (mut answers, mut refused) = (0, false);
        let flow = self.inner.lock().modify.as_ref().map(|modify| modify.call.flow);
        let Some(flow) = flow else {
            return Event::Asked { answers, refused };
        };
        let head = Head {
            kind: Kind::Change(flow),
            length: 0,
        };
        let mut index = 0;
        while let Some(leg) = self.leg(index) {
            index += 1;
            // An answer to an earlier change is none to this.
            leg.channel.receives.lock().take_answer();
            if leg.stage() == Stage::Up && leg.channel.send_control(Control::Change, &head, &[]) {
                answers += 1;
            } else {
                refused = true;
            }
        }
        Event::Asked { answers, refused }
    }

    /// The client's change is made, or is not (QOS-05).
    pub(super) fn end_change(&self, status: Status) {
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
