//! What NDIS, the client and the device hold a call manager to: the rules, checked as its actions are carried out.

use cxndk::co::machine::call::{Action, Call, Creator, Purpose};
use cxndk::co::machine::leg::Stage;
use cxndk::nt::Status;

use crate::world::Leg;

/// What the client knows of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    Adding,
    There,
    Dropping,
}

/// See the module's page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Contract {
    pub creator: Creator,
    /// NDIS has the VC.
    pub known: bool,
    pub active: bool,
    pub activating: Option<Purpose>,
    /// NDIS said that it takes time.
    pub activation_pends: bool,
    /// Requests that pend.
    pub make: bool,
    pub close: bool,
    pub modify: bool,
    /// The client was asked about a peer's call, has decided, and how.
    pub offered: bool,
    pub decided: bool,
    pub accepted: bool,
    /// The client knows that its call stands.
    pub is_connected: bool,
    /// The client knows that it has ended.
    pub told: bool,
    /// The peer has to hear what became of its change.
    pub taking: bool,
    pub parties: Vec<(u8, Party)>,
    pub deleted: bool,
}

/// That something holds.
///
/// # Errors
/// The rule, if it does not.
pub fn check(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.into()) }
}

impl Contract {
    pub const fn new(creator: Creator) -> Self {
        Self {
            creator,
            known: matches!(creator, Creator::Client),
            active: false,
            activating: None,
            activation_pends: false,
            make: false,
            close: false,
            modify: false,
            offered: false,
            decided: false,
            accepted: false,
            is_connected: false,
            told: false,
            taking: false,
            parties: Vec::new(),
            deleted: false,
        }
    }

    /// A client's VC without a call.
    pub const fn is_idle(&self) -> bool {
        !self.make && !self.close && !self.is_connected && !self.deleted
    }

    /// There is a call that the client can close.
    pub const fn may_close(&self) -> bool {
        (self.make || self.accepted || self.is_connected) && !self.close && !self.deleted
    }

    pub fn party(&self, id: u8) -> Option<Party> {
        let found = self.parties.iter().find(|(party, _)| *party == id);
        found.map(|(_, party)| *party)
    }

    pub fn set_party(&mut self, id: u8, to: Party) {
        let found = self.parties.iter_mut().find(|(party, _)| *party == id);
        found.into_iter().for_each(|(_, party)| *party = to);
    }

    pub fn decide(&mut self, accepted: bool) {
        (self.decided, self.accepted) = (true, accepted);
    }

    pub fn activated(&mut self, status: Status) {
        (self.activating, self.activation_pends) = (None, false);
        self.active |= status == Status::SUCCESS;
    }

    /// What a step gives out, `closing` or not as it does.
    pub fn gives_out(actions: &[Action], closing: bool) -> Result<(), String> {
        let (_, before) = actions.split_last().unwrap_or((&Action::Forget, &[]));
        check(
            !before.iter().any(|action| comes_back(*action)),
            "the action that the next step waits for is the last",
        )?;
        let tells = |action: &Action| matches!(action, Action::TellEnd(_) | Action::TellDrop(_));
        check(
            !(closing && actions.iter().any(tells)),
            "CLOSE-33: nobody is told of an end that he has asked for",
        )
    }

    /// An action is about to be carried out.
    pub fn before(&mut self, action: Action, legs: &[Leg]) -> Result<(), String> {
        check(!self.deleted, "VC-12: nothing is done about a VC that is gone")?;
        check(
            self.known || matches!(action, Action::Introduce | Action::Leave | Action::Forget),
            "INC-02: NDIS hears only of what it knows",
        )?;
        match action {
            Action::Activate(purpose) => self.before_activation(purpose),
            Action::Introduce => check(!self.known, "VC-04: a VC is made once"),
            Action::MakeRoom => check(
                self.make && self.active,
                "MAKE-05: room is made for a call that is active",
            ),
            Action::Answer => check(
                self.accepted && self.active,
                "INC-07: what was accepted is answered",
            ),
            Action::Offer => {
                check(
                    self.active && !self.offered,
                    "INC-01, VC-20: a call is offered once, on an active VC",
                )?;
                self.offered = true;
                Ok(())
            }
            Action::Undo { active } => self.before_undo(active, legs),
            Action::AbortSends => check(self.close, "CLOSE-34: sends are aborted for a close"),
            Action::Made | Action::NotMade(_) => self.before_answer_to_make(action, legs),
            Action::Connected => {
                let good = self.accepted && self.active && !self.is_connected;
                self.is_connected = true;
                check(
                    good,
                    "INC-07, INC-11: a call is connected once, accepted and active",
                )
            }
            Action::TellEnd(_) => {
                let good = (self.is_connected || self.accepted) && !self.told;
                self.told = true;
                check(good, "CLOSE-30, INC-08: a call that is known ends once")
            }
            Action::TellDrop(_) => check(
                self.is_connected && !self.parties.is_empty(),
                "PARTY-10: a party drops out",
            ),
            Action::Closed => self.before_closed(legs),
            Action::Delete => {
                let good = self.creator == Creator::Manager && !self.active && !self.close;
                self.deleted = true;
                check(
                    good,
                    "VC-07, VC-09, CLOSE-10: its maker deletes a VC that is inactive and closed",
                )
            }
            Action::Forget => {
                self.deleted = true;
                check(!self.known, "VC-10: a VC that NDIS knows is not just forgotten")
            }
            Action::Ask | Action::EndChange(_) | Action::TakeChange | Action::AnswerChange(_) => {
                self.before_change(action)
            }
            Action::Leave | Action::CountFailure => Ok(()),
        }
    }

    fn before_activation(&mut self, purpose: Purpose) -> Result<(), String> {
        check(self.activating.is_none(), "VC-22: one activation at a time")?;
        let again = matches!(purpose, Purpose::Modify | Purpose::PeersChange);
        check(
            again == self.active,
            "VC-20, VC-21: a VC is activated once, and anew for each change",
        )?;
        self.activating = Some(purpose);
        Ok(())
    }

    /// Everything is given back, and the VC deactivated.
    fn before_undo(&mut self, active: bool, legs: &[Leg]) -> Result<(), String> {
        check(
            active == self.active,
            "CLOSE-13, CLOSE-08: what is active is deactivated",
        )?;
        check(
            self.activating.is_none(),
            "CLOSE-08: an activation ends before the call does",
        )?;
        let down = |leg: &Leg| leg.machine.stage() == Stage::Down && (leg.released || !leg.linked);
        check(legs.iter().all(down), "CLOSE-08: connections are torn down first")?;
        check(
            !legs.iter().any(|leg| leg.lent),
            "VC-25: received packets are back before deactivation",
        )?;
        self.active = false;
        Ok(())
    }

    fn before_answer_to_make(&mut self, action: Action, legs: &[Leg]) -> Result<(), String> {
        check(self.make, "MAKE-06: a make is answered once")?;
        let failed = matches!(action, Action::NotMade(status) if is_failure(status));
        check(
            action == Action::Made || failed,
            "GEN-02: what was not made has failed",
        )?;
        self.make = false;
        if action == Action::Made {
            check(
                self.active,
                "MAKE-05, VC-20: the VC is active before the call is made",
            )?;
            let ready = legs
                .first()
                .is_some_and(|leg| leg.machine.stage() == Stage::Ready);
            check(ready, "MAKE-05: a call that is made has its connection")?;
            self.is_connected = true;
            self.parties
                .iter_mut()
                .for_each(|(_, party)| *party = Party::There);
            return Ok(());
        }
        self.parties.clear();
        check(
            !self.active,
            "MAKE-08: the VC of a call that was not made is not active",
        )?;
        check(legs.is_empty(), "MAKE-08: nothing of it is left")
    }

    fn before_closed(&mut self, legs: &[Leg]) -> Result<(), String> {
        check(self.close, "CLOSE-09: a close is answered once")?;
        check(!self.make, "MAKE-13: the make ends before the close")?;
        check(!self.modify, "GEN-02: the change ends before the close")?;
        let pends = |(_, party): &(u8, Party)| matches!(party, Party::Adding | Party::Dropping);
        check(
            !self.parties.iter().any(pends),
            "GEN-02: parties are added and dropped before the close",
        )?;
        check(
            !self.active,
            "CLOSE-08, CLOSE-13: a call that is closed has an inactive VC",
        )?;
        check(legs.is_empty(), "CLOSE-07: no leg is left")?;
        let (creator, deleted) = (self.creator, self.deleted);
        *self = Self {
            known: true,
            deleted,
            ..Self::new(creator)
        };
        Ok(())
    }

    fn before_change(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Ask => check(self.modify && self.is_connected, "QOS-02: a change is asked for"),
            Action::EndChange(status) => {
                let pended = core::mem::take(&mut self.modify);
                check(
                    pended || (self.close && status != Status::SUCCESS),
                    "QOS-05: a change is answered once",
                )
            }
            Action::TakeChange => {
                self.taking = true;
                check(
                    self.is_connected && self.active,
                    "QOS-07: a change is taken on a VC that is active",
                )
            }
            Action::AnswerChange(yes) => {
                let taken = core::mem::take(&mut self.taking);
                check(!yes || taken, "QOS-09: yes is said after the client knows")
            }
            _ => Ok(()),
        }
    }

    /// `AddParty` ends.
    pub fn added(&mut self, id: u8, status: Status) -> Result<(), String> {
        check(
            self.party(id) == Some(Party::Adding),
            "PARTY-03: AddParty is answered once",
        )?;
        check(
            status == Status::SUCCESS || is_failure(status),
            "GEN-02: a completion does not pend",
        )?;
        self.set_party(id, Party::There);
        if status != Status::SUCCESS {
            self.parties.retain(|(party, _)| *party != id);
        }
        check(!self.deleted, "PARTY-03: before the VC goes")
    }

    /// `DropParty` ends.
    pub fn dropped(&mut self, id: u8, lent: bool) -> Result<(), String> {
        check(
            self.party(id) == Some(Party::Dropping),
            "PARTY-09: DropParty is answered once",
        )?;
        self.parties.retain(|(party, _)| *party != id);
        check(!lent, "VC-25: its packets are back")
    }

    /// Everything that was asked for was answered.
    pub fn nothing_pends(&self, call: Call) -> Result<(), String> {
        let pends = self.make || self.close || self.modify || self.taking || self.activating.is_some();
        let pends = pends || !self.parties.is_empty() || (self.offered && !self.deleted);
        check(
            !pends,
            &format!("GEN-02: everything is answered, but {self:?} in {call:?}"),
        )
    }
}

/// Neither a success nor something that pends.
fn is_failure(status: Status) -> bool {
    !status.is_success()
}

/// Whether what comes of an action is the next event.
const fn comes_back(action: Action) -> bool {
    matches!(
        action,
        Action::Activate(_)
            | Action::Introduce
            | Action::MakeRoom
            | Action::Answer
            | Action::Ask
            | Action::Undo { .. }
            | Action::TakeChange
    )
}
