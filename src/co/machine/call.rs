//! The state machine of a VC's call. Pure code.
//!
//! The call's own leg is its first; those of further parties answer for themselves (see [`super::leg`]).
//!
//! | state | event | next state | actions |
//! |---|---|---|---|
//! | `Idle` | (made) | `Making` connecting | |
//! | | (deleted) | `Deleted` | |
//! | `Making` connecting | ready | activating | activate |
//! | | failed | undoing | leave, undo |
//! | | close | undoing | leave, undo |
//! | `Making` activating | activated | opening | make room |
//! | | not activated | undoing | leave, undo |
//! | | close | aborting | leave |
//! | `Making` opening | done | `Connected` | made |
//! | | failed | undoing | leave, undo and deactivate |
//! | `Making` aborting | activated | undoing | undo and deactivate |
//! | | not activated | undoing | undo |
//! | `Making` undoing | undone | `Idle` | not made |
//! | | undone, close | `Closing` leaving | not made |
//! | `Arriving` | begin | `Arriving` introducing | introduce |
//! | `Arriving` introducing | done | activating | activate |
//! | | failed | `Deleted` | leave, forget |
//! | `Arriving` activating | activated | `Offered` | offer |
//! | | not activated | `Withdrawing` | leave, undo |
//! | `Offered` | accepted | `Accepting` answering | answer |
//! | | rejected | `Withdrawing` | leave, undo and deactivate |
//! | `Withdrawing` | undone | `Deleted` | delete |
//! | `Accepting` answering | done | `Accepting` | |
//! | | failed | `Broken` | leave, tell of the end |
//! | `Accepting` | ready | `Connected` | connected |
//! | | failed | `Broken` | leave, tell of the end |
//! | | close | `Closing` leaving | abort sends, end the change, leave |
//! | `Connected` | close | `Closing` leaving | abort sends, end the change, leave |
//! | | close, NDIS activates | `Closing` activating | abort sends |
//! | | a peer is gone, others are not | `Connected` | tell of a drop |
//! | | the last peer is gone | `Connected`, told | tell of the end |
//! | `Broken` | close | `Closing` leaving | abort sends, end the change, leave |
//! | `Closing` activating | activated or not | leaving | end the change, leave |
//! | `Closing` leaving | quiet | undoing | undo and deactivate what is active |
//! | `Closing` undoing | undone, the client's VC | `Idle` | closed |
//! | | undone, a VC of ours | `Deleted` | closed, delete |
//!
//! A call that does not come about is counted. Nobody is told of an end who has asked for a close meanwhile (CLOSE-33). In `Connected` the
//! quality of service may change: see [`super::change`]. What the table lacks is ignored.

pub use super::step::{Action, Actions, Creator, Event, Purpose};

use super::{
    change::{Beside, Changes, Ours, Peers},
    leg::Stage,
};
use crate::nt::Status;

/// The state of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// There is none.
    Idle,
    /// The client makes one.
    Making(Making),
    /// A peer makes one, of which NDIS and the client do not know yet.
    Arriving(Arriving),
    /// The client thinks about a peer's call.
    Offered,
    /// A peer's call that the client does not get, or does not want.
    Withdrawing,
    /// The client accepted a peer's call, the peer gets ready.
    Accepting {
        /// It is being answered.
        answering: bool,
    },
    /// Data flows.
    Connected {
        /// The client knows that the last peer is gone (CLOSE-30).
        told: bool,
        /// Changes of the quality of service.
        changes: Changes,
    },
    /// A peer's call that could not be kept after the client accepted it: the client closes it.
    Broken,
    /// The client closes the call.
    Closing {
        /// What it waits for.
        step: Closing,
        /// NDIS has the VC active.
        active: bool,
    },
    /// Nobody knows the VC any more.
    Deleted,
}

/// How far a client's call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Making {
    /// Its leg connects.
    Connecting,
    /// NDIS activates the VC.
    Activating,
    /// Room for messages is made.
    Opening,
    /// It failed, and NDIS still activates the VC.
    Aborting(Status),
    /// It failed, and everything is given back.
    Undoing(Status),
}

/// How far a peer's call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arriving {
    /// Its request arrived.
    Heard,
    /// NDIS makes the VC.
    Introducing,
    /// NDIS activates the VC.
    Activating,
}

/// What a close waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// NDIS, which activates the VC.
    Activating,
    /// The legs, and packets wherever they are.
    Leaving,
    /// Everything is given back.
    Undoing,
}

/// Requests and answers that wait for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    close: bool,
    modify: bool,
    activated: Option<Status>,
    decided: Option<bool>,
}

impl Waiting {
    const NOTHING: Self = Self {
        close: false,
        modify: false,
        activated: None,
        decided: None,
    };
}

/// Not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused;

/// The state machine of a VC's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    call: Call,
    creator: Creator,
    waiting: Waiting,
}

impl Machine {
    /// A client's VC without a call, or ours with a peer's.
    pub const fn new(creator: Creator) -> Self {
        let call = match creator {
            Creator::Client => Call::Idle,
            Creator::Manager => Call::Arriving(Arriving::Heard),
        };
        Self {
            call,
            creator,
            waiting: Waiting::NOTHING,
        }
    }

    /// The state.
    pub const fn call(&self) -> Call {
        self.call
    }

    /// Who made the VC.
    pub const fn creator(&self) -> Creator {
        self.creator
    }

    /// Whether parties come and go, and the client hears of it.
    pub const fn stands(&self) -> bool {
        matches!(self.call, Call::Connected { .. })
    }

    /// Whether the client has asked for the end.
    pub const fn is_closing(&self) -> bool {
        self.waiting.close
    }

    /// Whether NDIS has been asked to activate the VC and has not answered.
    const fn is_activating(&self) -> bool {
        match self.call {
            Call::Making(Making::Activating | Making::Aborting(_)) | Call::Arriving(Arriving::Activating) => {
                true
            }
            Call::Connected { changes, .. } => changes.is_activating(),
            Call::Closing { step, .. } => matches!(step, Closing::Activating),
            _ => false,
        }
    }

    /// `ProtocolCmMakeCall` on a VC without a call.
    ///
    /// # Errors
    /// It has one.
    pub fn make(&mut self) -> Result<(), Refused> {
        self.leave_idle(Call::Making(Making::Connecting))
    }

    /// `ProtocolCmDeleteVc` of a VC without a call.
    ///
    /// # Errors
    /// It has one.
    pub fn delete(&mut self) -> Result<(), Refused> {
        self.leave_idle(Call::Deleted)
    }

    fn leave_idle(&mut self, call: Call) -> Result<(), Refused> {
        if self.call != Call::Idle {
            return Err(Refused);
        }
        self.call = call;
        Ok(())
    }

    /// `ProtocolCmAddParty` to a call that stands.
    ///
    /// # Errors
    /// There is none.
    pub const fn add_party(&self) -> Result<(), Refused> {
        if self.stands() && !self.waiting.close {
            Ok(())
        } else {
            Err(Refused)
        }
    }

    /// `ProtocolCmCloseCall`, with so many parties that the client has not dropped (CLOSE-04).
    ///
    /// # Errors
    /// There is no call that the client can close, or it does so already, or there are other parties.
    pub fn close(&mut self, parties: usize) -> Result<(), Refused> {
        let open = match self.call {
            Call::Making(_) | Call::Accepting { .. } | Call::Connected { .. } | Call::Broken => true,
            // It has accepted, and the worker has not looked yet.
            Call::Offered => self.waiting.decided == Some(true),
            _ => false,
        };
        if !open || self.waiting.close || parties > 1 {
            return Err(Refused);
        }
        self.waiting.close = true;
        Ok(())
    }

    /// Whether the client may ask for another quality of service: the call stands, and no change of the client's pends.
    pub fn may_change(&self) -> bool {
        let free = self.changes().is_some_and(|changes| changes.ours == Ours::None);
        free && !self.waiting.close && !self.waiting.modify
    }

    /// `ProtocolCmModifyCallQoS`.
    ///
    /// # Errors
    /// See [`Self::may_change`].
    pub fn modify(&mut self) -> Result<(), Refused> {
        if !self.may_change() {
            return Err(Refused);
        }
        self.waiting.modify = true;
        Ok(())
    }

    /// The client's decision about a peer's call.
    ///
    /// # Errors
    /// It has not been asked, or has decided.
    pub fn decide(&mut self, accepted: bool) -> Result<(), Refused> {
        if self.call != Call::Offered || self.waiting.decided.is_some() {
            return Err(Refused);
        }
        self.waiting.decided = Some(accepted);
        Ok(())
    }

    /// `ProtocolCmActivateVcComplete`.
    ///
    /// # Errors
    /// NDIS activates nothing (E-03).
    pub fn activated(&mut self, status: Status) -> Result<(), Refused> {
        if !self.is_activating() {
            return Err(Refused);
        }
        self.waiting.activated = Some(status);
        Ok(())
    }

    const fn changes(&self) -> Option<Changes> {
        match self.call {
            Call::Connected { changes, .. } => Some(changes),
            _ => None,
        }
    }

    /// Whether a change that a peer asks for is looked at.
    pub fn hears_changes(&self) -> bool {
        self.changes().is_some_and(|changes| changes.peers == Peers::None)
    }

    /// Whether answers of peers are waited for.
    pub fn hears_answers(&self) -> bool {
        self.changes().is_some_and(Changes::hears_answers)
    }

    /// What this state waits for and what is there: a request, an answer, the first leg, or quiet.
    pub fn due(&self, first: Option<Stage>, is_quiet: impl FnOnce() -> bool) -> Option<Event> {
        let Waiting {
            close,
            modify,
            activated,
            decided,
        } = self.waiting;
        let close = close.then_some(Event::Close);
        let activated = activated.map(Event::Activated);
        let failed = match first {
            Some(Stage::Failed(status)) => Some(Event::Failed(status)),
            _ => None,
        };
        let ready = (first == Some(Stage::Ready)).then_some(Event::Ready);
        match self.call {
            Call::Making(Making::Connecting) => failed.or(close).or(ready),
            Call::Making(Making::Activating) => close.or(activated),
            Call::Making(Making::Aborting(_))
            | Call::Arriving(Arriving::Activating)
            | Call::Closing {
                step: Closing::Activating,
                ..
            } => activated,
            Call::Arriving(Arriving::Heard) => Some(Event::Begin),
            Call::Offered => decided.map(|accepted| Event::Decided { accepted }),
            Call::Accepting { answering: false } => close.or(ready).or(failed),
            Call::Connected { .. } => close.or(activated).or_else(|| modify.then_some(Event::Modify)),
            Call::Broken => close,
            Call::Closing {
                step: Closing::Leaving,
                ..
            } => is_quiet().then_some(Event::Quiet),
            _ => None,
        }
    }

    /// See the module's page.
    pub fn step(&mut self, event: Event) -> Actions {
        match event {
            Event::Activated(_) => self.waiting.activated = None,
            Event::Decided { .. } => self.waiting.decided = None,
            Event::Modify => self.waiting.modify = false,
            _ => {}
        }
        match self.call {
            Call::Making(making) => self.step_making(making, event),
            Call::Arriving(arriving) => self.step_arriving(arriving, event),
            Call::Offered => self.step_offered(event),
            Call::Withdrawing if event == Event::Undone => self.to(Call::Deleted, [Action::Delete]),
            Call::Accepting { answering } => self.step_accepting(answering, event),
            Call::Connected { told, changes } => self.step_connected(told, changes, event),
            Call::Broken if event == Event::Close => self.close_now(),
            Call::Closing { step, active } => self.step_closing(step, active, event),
            _ => Actions::NONE,
        }
    }

    fn to<const M: usize>(&mut self, call: Call, actions: [Action; M]) -> Actions {
        self.call = call;
        Actions::of(actions)
    }

    fn step_making(&mut self, making: Making, event: Event) -> Actions {
        let to = Call::Making;
        let aborted = Status::NDIS_REQUEST_ABORTED;
        let activate = Action::Activate(Purpose::Make);
        match (making, event) {
            (Making::Connecting, Event::Ready) => self.to(to(Making::Activating), [activate]),
            (Making::Connecting, Event::Close) => self.give_up(aborted, false),
            // The make completes first, then the close (MAKE-13).
            (Making::Activating, Event::Close) => self.to(to(Making::Aborting(aborted)), [Action::Leave]),
            (Making::Activating, Event::Activated(Status::SUCCESS)) => {
                self.to(to(Making::Opening), [Action::MakeRoom])
            }
            (Making::Connecting, Event::Failed(status)) | (Making::Activating, Event::Activated(status)) => {
                self.give_up(status, false)
            }
            (Making::Opening, Event::Done(Ok(()))) => self.to(CONNECTED, [Action::Made]),
            (Making::Opening, Event::Done(Err(status))) => self.give_up(status, true),
            (Making::Aborting(why), Event::Activated(status)) => {
                // What NDIS has activated meanwhile has to be undone like anything else (MAKE-08).
                let active = status == Status::SUCCESS;
                self.to(to(Making::Undoing(why)), [Action::Undo { active }])
            }
            (Making::Undoing(why), Event::Undone) if self.waiting.close => {
                self.to(leaving(false), [Action::NotMade(why)])
            }
            (Making::Undoing(why), Event::Undone) => self.to(Call::Idle, [Action::NotMade(why)]),
            _ => Actions::NONE,
        }
    }

    fn give_up(&mut self, status: Status, active: bool) -> Actions {
        let undoing = Call::Making(Making::Undoing(status));
        self.to(undoing, [Action::Leave, Action::Undo { active }])
    }

    fn step_arriving(&mut self, arriving: Arriving, event: Event) -> Actions {
        let to = Call::Arriving;
        let activate = Action::Activate(Purpose::Offer);
        match (arriving, event) {
            (Arriving::Heard, Event::Begin) => self.to(to(Arriving::Introducing), [Action::Introduce]),
            (Arriving::Introducing, Event::Done(Ok(()))) => self.to(to(Arriving::Activating), [activate]),
            (Arriving::Introducing, Event::Done(Err(_))) => {
                self.to(Call::Deleted, [Action::Leave, Action::Forget])
            }
            (Arriving::Activating, Event::Activated(Status::SUCCESS)) => {
                self.to(Call::Offered, [Action::Offer])
            }
            (Arriving::Activating, Event::Activated(_)) => self.withdraw(false),
            _ => Actions::NONE,
        }
    }

    fn withdraw(&mut self, active: bool) -> Actions {
        self.to(
            Call::Withdrawing,
            [Action::Leave, Action::CountFailure, Action::Undo { active }],
        )
    }

    fn step_offered(&mut self, event: Event) -> Actions {
        match event {
            Event::Decided { accepted: true } => {
                self.to(Call::Accepting { answering: true }, [Action::Answer])
            }
            Event::Decided { accepted: false } => self.withdraw(true),
            _ => Actions::NONE,
        }
    }

    fn step_accepting(&mut self, answering: bool, event: Event) -> Actions {
        match (answering, event) {
            (true, Event::Done(Ok(()))) => self.to(Call::Accepting { answering: false }, []),
            (true, Event::Done(Err(status))) | (false, Event::Failed(status)) => self.break_off(status),
            (false, Event::Ready) => self.to(CONNECTED, [Action::Connected]),
            (false, Event::Close) => self.close_now(),
            _ => Actions::NONE,
        }
    }

    /// The client accepted, but the call cannot be kept: it has to close (INC-08), unless it does so already (CLOSE-33).
    fn break_off(&mut self, status: Status) -> Actions {
        let tell = !self.waiting.close;
        let actions = self.to(Call::Broken, [Action::Leave, Action::CountFailure]);
        if tell {
            actions.and(Action::TellEnd(status))
        } else {
            actions
        }
    }

    fn step_connected(&mut self, told: bool, changes: Changes, event: Event) -> Actions {
        match event {
            Event::Close => self.close_now(),
            Event::PeerGone { .. } if self.waiting.close => Actions::NONE,
            Event::PeerGone { last: false, status } => Actions::of([Action::TellDrop(status)]),
            Event::PeerGone { last: true, status } if !told => {
                self.to(Call::Connected { told: true, changes }, [Action::TellEnd(status)])
            }
            _ => {
                let beside = Beside {
                    creator: self.creator,
                    closing: self.waiting.close,
                    wanted: self.waiting.modify,
                };
                let (changes, actions) = changes.step(event, beside);
                self.call = Call::Connected { told, changes };
                actions
            }
        }
    }

    /// The client closes: everything ends, then it gets to know (CLOSE-08).
    fn close_now(&mut self) -> Actions {
        if self.is_activating() {
            let (step, active) = (Closing::Activating, true);
            return self.to(Call::Closing { step, active }, [Action::AbortSends]);
        }
        let end = Action::EndChange(Status::UNSUCCESSFUL);
        self.to(leaving(true), [Action::AbortSends, end, Action::Leave])
    }

    fn step_closing(&mut self, step: Closing, active: bool, event: Event) -> Actions {
        let end = Action::EndChange(Status::UNSUCCESSFUL);
        match (step, event) {
            (Closing::Activating, Event::Activated(_)) => self.to(leaving(active), [end, Action::Leave]),
            (Closing::Leaving, Event::Quiet) => {
                let step = Closing::Undoing;
                self.to(Call::Closing { step, active }, [Action::Undo { active }])
            }
            (Closing::Undoing, Event::Undone) => {
                self.waiting = Waiting::NOTHING;
                // From here on the client may use or delete its VC.
                match self.creator {
                    Creator::Client => self.to(Call::Idle, [Action::Closed]),
                    Creator::Manager => self.to(Call::Deleted, [Action::Closed, Action::Delete]),
                }
            }
            _ => Actions::NONE,
        }
    }
}

/// A call as it begins to stand.
const CONNECTED: Call = Call::Connected {
    told: false,
    changes: Changes::NONE,
};

const fn leaving(active: bool) -> Call {
    let step = Closing::Leaving;
    Call::Closing { step, active }
}
