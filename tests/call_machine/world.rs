//! A VC's call and everybody about it: the machines of call and legs with a worker that carries out what they say, step by step; NDIS and
//! a client that ask for what they may at any time; peers to whom anything may happen; and a device that may fail.

use std::collections::VecDeque;

use cxndk::co::machine::call::{Action, Call, Creator, Event, Machine};
use cxndk::co::machine::leg::{self, Happened, Stage};
use cxndk::nt::Status;

use crate::contract::{Contract, Party, check};
use crate::moves::{Move, Outcome, Size, Todo};

/// What a failure is called here.
pub const FAILURE: Status = Status::INSUFFICIENT_RESOURCES;

/// A leg as the worker has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Leg {
    pub id: u8,
    pub machine: leg::Machine,
    pub happened: Happened,
    /// There is hardware.
    pub linked: bool,
    /// It was given back.
    pub released: bool,
    /// Its close data is on its way.
    pub saying: bool,
    /// The client gets what arrives.
    pub open: bool,
    /// The client has a packet.
    pub lent: bool,
    /// It has been asked for a change, and has to answer.
    pub asked: bool,
    /// The peer's call manager wants a change, or has answered one.
    pub wants: bool,
    pub answer: Option<bool>,
}

/// See the module's page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub size: Size,
    pub call: Machine,
    pub legs: Vec<Leg>,
    pub todo: VecDeque<Todo>,
    pub contract: Contract,
    next_id: u8,
    calls: u8,
}

impl World {
    pub fn new(size: Size) -> Self {
        let mut world = Self {
            size,
            call: Machine::new(size.creator),
            legs: Vec::new(),
            todo: VecDeque::new(),
            contract: Contract::new(size.creator),
            next_id: 0,
            calls: 0,
        };
        if size.creator == Creator::Manager {
            world.add_leg(leg::Machine::incoming());
        }
        world
    }

    fn add_leg(&mut self, machine: leg::Machine) -> u8 {
        let id = self.next_id;
        self.next_id += 1;
        self.legs.push(Leg {
            id,
            machine,
            happened: Happened::empty(),
            linked: false,
            released: false,
            saying: false,
            asked: false,
            open: false,
            lent: false,
            wants: false,
            answer: None,
        });
        id
    }

    fn leg(&self, id: u8) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    pub fn leg_mut(&mut self, id: u8) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    /// What is due, as the worker looks for it.
    pub fn due(&self) -> Option<Todo> {
        for leg in &self.legs {
            let seen = leg::Seen {
                stands: self.call.stands(),
                drained: !leg.lent,
                returned: !leg.lent,
            };
            let due = leg.machine.due(leg.happened);
            if let Some(event) = due.or_else(|| leg.machine.party_due(seen)) {
                return Some(Todo::LegEvent(leg.id, event));
            }
        }
        let first = self.legs.first().map(|leg| leg.machine.stage());
        let is_quiet = || {
            self.legs
                .iter()
                .all(|leg| leg.machine.stage() == Stage::Down && !leg.lent)
        };
        let due = self.call.due(first, is_quiet);
        due.map(|event| Todo::CallEvent(event, None))
            .or_else(|| self.peers_say())
    }

    fn peers_say(&self) -> Option<Todo> {
        if self.call.hears_changes()
            && let Some(leg) = self.legs.iter().find(|leg| leg.wants)
        {
            let possible = self.legs.len() == 1;
            return Some(Todo::CallEvent(Event::PeerWants { possible }, Some(leg.id)));
        }
        if !self.call.hears_answers() {
            return None;
        }
        if let Some((leg, accepted)) = self
            .legs
            .iter()
            .find_map(|leg| leg.answer.map(|answer| (leg, answer)))
        {
            return Some(Todo::CallEvent(Event::Answered { accepted }, Some(leg.id)));
        }
        let deserted = self.legs.iter().any(|leg| leg.machine.stage() != Stage::Up);
        deserted.then_some(Todo::CallEvent(Event::Deserted, None))
    }

    /// How what the worker does next can come out.
    fn outcomes(&self) -> &'static [Outcome] {
        const SURE: &[Outcome] = &[Outcome::Well];
        const EITHER: &[Outcome] = &[Outcome::Well, Outcome::Badly];
        const ANY: &[Outcome] = &[Outcome::Well, Outcome::Badly, Outcome::Later];
        match self.todo.front() {
            Some(Todo::Call(Action::Activate(_) | Action::Offer, _)) => ANY,
            Some(Todo::Call(Action::Introduce | Action::MakeRoom | Action::Ask, _)) => EITHER,
            Some(Todo::Leg(_, action)) if can_fail(*action) => EITHER,
            Some(_) => SURE,
            None if self.due().is_some() => SURE,
            None => &[],
        }
    }

    /// Everything that may happen next.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves: Vec<_> = self.outcomes().iter().copied().map(Move::Work).collect();
        if self.contract.deleted {
            return moves;
        }
        self.client_moves(&mut moves);
        if self.contract.activating.is_some() && self.contract.activation_pends {
            moves.extend([Status::SUCCESS, FAILURE].map(Move::Activated));
        }
        for leg in self.legs.iter().filter(|leg| leg.machine.stage() != Stage::Down) {
            for what in [
                Happened::REPLIED,
                Happened::REJECTED,
                Happened::ESTABLISHED,
                Happened::PEER_LEFT,
                Happened::ABORTED,
                Happened::SAID,
            ] {
                let may = what != Happened::SAID || leg.saying;
                if leg.linked && may && !leg.happened.contains(what) {
                    moves.push(Move::Happens(leg.id, what));
                }
            }
            if self.size.changes && leg.linked && !leg.wants {
                moves.push(Move::Wants(leg.id));
            }
            if self.size.changes && leg.linked && leg.answer.is_none() {
                moves.extend([true, false].map(|yes| Move::Answers(leg.id, yes)));
            }
            if self.size.packets && leg.open && !leg.lent {
                moves.push(Move::Lend(leg.id));
            }
        }
        moves.extend(
            self.legs
                .iter()
                .filter(|leg| leg.lent)
                .map(|leg| Move::Return(leg.id)),
        );
        moves
    }

    /// What the client may ask for.
    fn client_moves(&self, moves: &mut Vec<Move>) {
        let contract = &self.contract;
        if contract.is_idle() && self.size.creator == Creator::Client {
            moves.push(Move::Delete);
            if self.calls < self.size.calls {
                moves.push(Move::Make);
            }
        }
        if contract.offered && !contract.decided {
            moves.extend([true, false].map(Move::Decide));
        }
        if contract.may_close() {
            moves.push(Move::Close);
        }
        if !contract.is_connected || contract.close {
            return;
        }
        if self.size.changes && !contract.modify {
            moves.push(Move::Modify);
        }
        let made = self.legs.len() < usize::from(self.size.parties) && self.next_id < 4;
        if made && contract.parties.iter().all(|(_, party)| *party != Party::Adding) {
            moves.push(Move::Add);
        }
        // The last party goes with the call (PARTY-08).
        if contract.parties.len() > 1 {
            let there = contract
                .parties
                .iter()
                .filter(|(_, party)| *party == Party::There);
            moves.extend(there.map(|(id, _)| Move::Drop(*id)));
        }
    }

    /// One thing happens.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn take(&mut self, what: Move) -> Result<(), String> {
        match what {
            Move::Work(outcome) => self.work(outcome)?,
            Move::Make => {
                check(self.call.make().is_ok(), "MAKE-03: an idle VC takes a call")?;
                self.calls += 1;
                let id = self.add_leg(leg::Machine::outgoing(false));
                let party = (self.size.parties > 0).then_some((id, Party::Adding));
                self.contract.parties.extend(party);
                self.contract.make = true;
            }
            Move::Delete => {
                check(self.call.delete().is_ok(), "VC-11: an idle VC is deleted")?;
                self.contract.deleted = true;
            }
            Move::Add => {
                if self.call.add_party().is_ok() {
                    let id = self.add_leg(leg::Machine::outgoing(true));
                    self.contract.parties.push((id, Party::Adding));
                }
            }
            Move::Drop(id) => {
                let dropped = self.leg_mut(id).is_some_and(|leg| leg.machine.drop_party(true));
                if dropped {
                    self.contract.set_party(id, Party::Dropping);
                }
            }
            Move::Close => self.close()?,
            Move::Modify => {
                if self.call.modify().is_ok() {
                    self.contract.modify = true;
                }
            }
            Move::Decide(accepted) => {
                let taken = self.call.decide(accepted).is_ok();
                check(taken, "INC-06: the decision is heard")?;
                self.contract.decide(accepted);
            }
            Move::Activated(status) => {
                let taken = self.call.activated(status).is_ok();
                check(taken, "VC-22: the end of an activation is heard")?;
                self.contract.activated(status);
            }
            other => self.peer_moves(other),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let kept = |leg: &&Leg| !leg.machine.is_dropping();
        let parties = self.legs.iter().filter(kept).count();
        let admitted = self.call.close(parties).is_ok();
        // A make that has failed is about to say so: there is nothing to close.
        let failed = self.contract.make && self.call.call() == Call::Idle;
        check(
            admitted == (parties <= 1 && !failed),
            "CLOSE-04: a close is refused for the other parties alone",
        )?;
        self.contract.close |= admitted;
        Ok(())
    }

    fn peer_moves(&mut self, what: Move) {
        match what {
            Move::Happens(id, what) => self.with(id, |leg| leg.happened |= what),
            Move::Lend(id) => self.with(id, |leg| leg.lent = true),
            Move::Return(id) => self.with(id, |leg| leg.lent = false),
            Move::Wants(id) => self.with(id, |leg| leg.wants = true),
            Move::Answers(id, yes) => self.with(id, |leg| leg.answer = Some(yes)),
            _ => {}
        }
    }

    fn with(&mut self, id: u8, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.leg_mut(id) {
            change(leg);
        }
    }

    /// The worker goes on with what it is about, or with what is due.
    pub fn work(&mut self, outcome: Outcome) -> Result<(), String> {
        let Some(todo) = self.todo.pop_front().or_else(|| self.due()) else {
            return Ok(());
        };
        match todo {
            Todo::CallEvent(event, from) => self.step(event, from),
            Todo::LegEvent(id, event) => self.step_leg(id, event),
            Todo::Leg(id, action) => self.perform_leg(id, action, outcome),
            Todo::Call(action, from) => self.perform(action, from, outcome),
            Todo::Answered => {
                let failed = match self.legs.first().map(|leg| leg.machine.stage()) {
                    Some(Stage::Failed(status)) => Err(status),
                    _ => Ok(()),
                };
                self.step(Event::Done(failed), None)
            }
        }
    }

    /// A step of the call's machine; its actions come before everything else.
    fn step(&mut self, event: Event, from: Option<u8>) -> Result<(), String> {
        match (event, from) {
            (Event::PeerWants { .. }, Some(id)) => self.with(id, |leg| leg.wants = false),
            (Event::Answered { .. }, Some(id)) => {
                self.with(id, |leg| (leg.answer, leg.asked) = (None, false));
            }
            _ => {}
        }
        let closing = self.call.is_closing();
        let actions: Vec<_> = self.call.step(event).into_iter().collect();
        Contract::gives_out(&actions, closing)?;
        for action in actions.into_iter().rev() {
            self.todo.push_front(Todo::Call(action, from));
        }
        Ok(())
    }

    fn step_leg(&mut self, id: u8, event: leg::Event) -> Result<(), String> {
        let Some(leg) = self.leg_mut(id) else {
            return Ok(());
        };
        let actions: Vec<_> = leg.machine.step(event).into_iter().collect();
        let (_, before) = actions.split_last().unwrap_or((&leg::Action::Shut, &[]));
        let waits = before.iter().any(|action| can_fail(*action));
        check(!waits, "the action that the next step waits for is the last")?;
        for action in actions.into_iter().rev() {
            self.todo.push_front(Todo::Leg(id, action));
        }
        Ok(())
    }

    fn perform_leg(&mut self, id: u8, action: leg::Action, outcome: Outcome) -> Result<(), String> {
        use leg::Action as L;
        let Some(leg) = self.leg(id) else {
            return Err(format!("{action:?} of a leg that is gone"));
        };
        check(
            !leg.released || !uses_hardware(action),
            "CLOSE-08: nothing uses a connection that was given back",
        )?;
        match action {
            L::Connect | L::Answer => self.with(id, |leg| leg.linked = true),
            L::Release => {
                check(!leg.released, "CLOSE-08: a connection is given back once")?;
                self.with(id, |leg| leg.released = true);
            }
            L::Say => self.with(id, |leg| leg.saying = outcome == Outcome::Well),
            L::Deliver => self.with(id, |leg| leg.open = true),
            L::Shut => self.with(id, |leg| leg.open = false),
            L::Added(status) => {
                self.contract.added(id, status)?;
                if status != Status::SUCCESS {
                    self.remove(id);
                }
            }
            L::Dropped => {
                self.contract.dropped(id, leg.lent)?;
                self.remove(id);
            }
            L::Tell(status) => {
                let last = !self.legs.iter().any(|leg| leg.machine.stage() == Stage::Up);
                self.todo
                    .push_front(Todo::CallEvent(Event::PeerGone { last, status }, Some(id)));
            }
            _ => {}
        }
        if can_fail(action) {
            let done = if outcome == Outcome::Well {
                Ok(())
            } else {
                Err(FAILURE)
            };
            self.todo.push_front(Todo::LegEvent(id, leg::Event::Done(done)));
        }
        Ok(())
    }

    fn remove(&mut self, id: u8) {
        self.legs.retain(|leg| leg.id != id);
    }

    fn then(&mut self, event: Event) {
        self.todo.push_front(Todo::CallEvent(event, None));
    }

    fn perform(&mut self, action: Action, from: Option<u8>, outcome: Outcome) -> Result<(), String> {
        self.contract.before(action, &self.legs)?;
        let done = if outcome == Outcome::Well {
            Ok(())
        } else {
            Err(FAILURE)
        };
        match action {
            Action::Activate(_) => match (outcome, done) {
                (Outcome::Later, _) => self.contract.activation_pends = true,
                (_, done) => {
                    let status = done.err().unwrap_or(Status::SUCCESS);
                    self.contract.activated(status);
                    self.then(Event::Activated(status));
                }
            },
            Action::Introduce => {
                self.contract.known = done.is_ok();
                self.then(Event::Done(done));
            }
            Action::MakeRoom => self.then(Event::Done(done)),
            Action::Answer => {
                let first = self.legs.first().map(|leg| leg.id);
                self.todo.push_front(Todo::Answered);
                let accept = first.map(|id| Todo::LegEvent(id, leg::Event::Accept));
                accept.into_iter().for_each(|todo| self.todo.push_front(todo));
            }
            Action::Offer if outcome != Outcome::Later => {
                let accepted = outcome == Outcome::Well;
                self.take(Move::Decide(accepted))?;
            }
            Action::Leave => {
                let speaks = self.contract.close;
                for leg in self.legs.iter().rev() {
                    let leave = leg::Event::Leave { speaks };
                    self.todo.push_front(Todo::LegEvent(leg.id, leave));
                }
            }
            Action::Undo { .. } => {
                self.legs.clear();
                self.then(Event::Undone);
            }
            Action::Made | Action::Connected => self.open_first(),
            Action::Ask => {
                let up = |leg: &&Leg| leg.machine.stage() == Stage::Up && done.is_ok();
                let answers = self.legs.iter().filter(up).count() as u32;
                let refused = answers as usize != self.legs.len();
                for leg in &mut self.legs {
                    leg.answer = None;
                    leg.asked = leg.machine.stage() == Stage::Up && done.is_ok();
                }
                self.then(Event::Asked { answers, refused });
            }
            Action::TakeChange => self.then(Event::Done(Ok(()))),
            Action::AnswerChange(_) => {
                check(from.is_some() || !self.legs.is_empty(), "QOS-09: somebody asked")?
            }
            Action::Closed if self.size.creator == Creator::Client => self.next_id = 0,
            Action::Delete | Action::Forget => self.legs.clear(),
            _ => {}
        }
        Ok(())
    }

    /// The client has its call: its first leg is up, and delivers.
    fn open_first(&mut self) {
        if let Some(first) = self.legs.first_mut() {
            let actions = first.machine.step(leg::Event::Open);
            debug_assert_eq!(actions.into_iter().count(), 0);
            first.open = true;
        }
    }
}

/// Whether what comes of an action is the next event.
const fn can_fail(action: leg::Action) -> bool {
    use leg::Action as L;
    matches!(
        action,
        L::Connect | L::Complete | L::Answer | L::GetReadyToSend | L::BeginSending | L::Say | L::Disconnect
    )
}

const fn uses_hardware(action: leg::Action) -> bool {
    can_fail(action)
        || matches!(
            action,
            leg::Action::Grant | leg::Action::Abandon | leg::Action::Refuse { .. }
        )
}
