//! Changes of a call's quality of service, as part of its state machine. Pure code.
//!
//! The side that wants a change asks its peers and waits for their answers. When both sides ask at once, the caller's change
//! stands and the other is refused.
//!
//! A change is the client's (`ours`) or the peer's (`peers`); the peer's goes first where one of the client's waits for answers.
//!
//! | change | event | next | actions |
//! |---|---|---|---|
//! | | modify | ours: asking | ask |
//! | ours: asking | asked | waiting, or as refused | |
//! | ours: waiting | answered yes, the last | activating | activate |
//! | | answered no, the last; deserted | | end the change: refused |
//! | ours: activating | activated or not | | end the change |
//! | | the peer wants another | peers: activating | activate |
//! | | the peer wants what cannot be | | answer no |
//! | peers: activating | activated | peers: offering | take the change |
//! | | not activated | | answer no |
//! | peers: offering | done | | answer yes, or no if the client closes |
//!
//! What the table lacks is ignored.

use super::step::{Action, Actions, Creator, Event, Purpose};
use crate::nt::Status;

/// How far a change is that the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ours {
    /// There is none.
    None,
    /// The peers are being asked.
    Asking,
    /// The peers have to answer.
    Waiting {
        /// So many of them.
        answers: u32,
        /// Somebody does not want it, or cannot be asked.
        refused: bool,
    },
    /// NDIS activates the VC anew.
    Activating,
}

/// How far a change is that the peer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peers {
    /// There is none.
    None,
    /// NDIS activates the VC anew.
    Activating,
    /// The client gets to know.
    Offering,
}

/// The changes of a call that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Changes {
    /// The client's.
    pub ours: Ours,
    /// The peer's.
    pub peers: Peers,
}

/// What matters beside the changes that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Beside {
    pub(super) creator: Creator,
    /// The client closes the call.
    pub(super) closing: bool,
    /// The client wants a change that has not begun.
    pub(super) wanted: bool,
}

impl Changes {
    /// None.
    pub const NONE: Self = Self {
        ours: Ours::None,
        peers: Peers::None,
    };

    /// Whether NDIS activates the VC anew.
    pub const fn is_activating(self) -> bool {
        matches!(self.ours, Ours::Activating) || matches!(self.peers, Peers::Activating)
    }

    /// Whether answers of peers are waited for.
    pub const fn hears_answers(self) -> bool {
        matches!(self.ours, Ours::Waiting { .. }) && matches!(self.peers, Peers::None)
    }

    /// See the module's page.
    pub(super) fn step(self, event: Event, beside: Beside) -> (Self, Actions) {
        match (self.peers, event) {
            (Peers::None, Event::PeerWants { possible }) => {
                if possible && self.may_take(beside) {
                    return self.with(Peers::Activating, Action::Activate(Purpose::PeersChange));
                }
                self.with(Peers::None, Action::AnswerChange(false))
            }
            (Peers::Activating, Event::Activated(Status::SUCCESS)) => {
                self.with(Peers::Offering, Action::TakeChange)
            }
            (Peers::Activating, Event::Activated(_)) => self.with(Peers::None, Action::AnswerChange(false)),
            // A client that does not want it closes the call (QOS-08).
            (Peers::Offering, Event::Done(_)) => {
                self.with(Peers::None, Action::AnswerChange(!beside.closing))
            }
            _ => {
                let (ours, actions) = step_ours(self.ours, event);
                (Self { ours, ..self }, actions)
            }
        }
    }

    fn with(self, peers: Peers, action: Action) -> (Self, Actions) {
        (Self { peers, ..self }, Actions::of([action]))
    }

    /// Whether a peer's change can be had besides what goes on.
    fn may_take(self, beside: Beside) -> bool {
        let pends = self.ours != Ours::None || beside.wanted;
        let ours_stands = beside.creator == Creator::Client && pends;
        !beside.closing && !self.is_activating() && !ours_stands
    }
}

/// The client's change (QOS-03, QOS-04).
fn step_ours(ours: Ours, event: Event) -> (Ours, Actions) {
    let end = |status| (Ours::None, Actions::of([Action::EndChange(status)]));
    let refused = end(Status::UNSUCCESSFUL);
    match (ours, event) {
        (Ours::None, Event::Modify) => (Ours::Asking, Actions::of([Action::Ask])),
        (Ours::Asking, Event::Asked { answers: 0, .. }) | (Ours::Waiting { .. }, Event::Deserted) => refused,
        (Ours::Asking, Event::Asked { answers, refused }) => {
            (Ours::Waiting { answers, refused }, Actions::NONE)
        }
        (
            Ours::Waiting {
                answers,
                refused: before,
            },
            Event::Answered { accepted },
        ) => {
            let now = before || !accepted;
            match (answers.saturating_sub(1), now) {
                (0, true) => refused,
                (0, false) => {
                    let activate = Action::Activate(Purpose::Modify);
                    (Ours::Activating, Actions::of([activate]))
                }
                (answers, refused) => (Ours::Waiting { answers, refused }, Actions::NONE),
            }
        }
        (Ours::Activating, Event::Activated(Status::SUCCESS)) => end(Status::SUCCESS),
        (Ours::Activating, Event::Activated(_)) => refused,
        _ => (ours, Actions::NONE),
    }
}
