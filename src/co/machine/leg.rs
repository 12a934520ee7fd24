//! The state machine of one leg: of its connection, and of the party that it may be. Pure code.
//!
//! | stage | event | next stage | actions |
//! |---|---|---|---|
//! | `Start` | begin | `Connecting` | connect |
//! | `Connecting` | done | `Connecting` | |
//! | | failed | `Failed` | release |
//! | | replied | `Completing` | complete |
//! | | over | `Failed` | abandon, release |
//! | `Offered` | accept | `Answering` | answer |
//! | `Answering` | done | `Replying` | |
//! | | failed | `Failed` | refuse, release |
//! | `Replying` | established | `Completing` | get ready to send |
//! | | over | `Failed` | abandon, release |
//! | `Completing` | done | `Ready` | |
//! | | failed | `Failed` | abandon, release |
//! | `Ready` | open: the client knows of its call | `Up` | |
//! | | join: a party of a call that stands | `Joining` | begin sending |
//! | `Joining` | done | `Up` | added, deliver |
//! | | failed | `Down` | shut, abandon, release, added: failed |
//! | `Up` | over: the peer left | `Lost` | grant, release |
//! | | over otherwise | `Lost` | abandon, release |
//! | `Lost` | drained | `Lost`, told | tell |
//! | `Leaving` | said, over; failed | `Disconnecting` | disconnect |
//! | `Disconnecting` | done | `Disconnecting` | |
//! | | over; failed | `Down` | release |
//! | `Failed` | join | `Down` | shut, added: failed |
//! | `Down` | returned, of a party that is dropped | `Down`, gone | dropped |
//!
//! This side leaves when it closes the call, drops the party or gives the leg up:
//!
//! | stage | next stage | actions |
//! |---|---|---|
//! | `Up`, with close data | `Leaving` | shut, say |
//! | `Up` | `Disconnecting` | shut, disconnect |
//! | `Offered` | `Down` | shut, refuse, release |
//! | `Start`, `Connecting`, `Completing`, `Answering`, `Replying`, `Ready`, `Joining` | `Down` | shut, abandon, release |
//! | `Failed`, `Lost` | `Down` | shut |
//! | `Leaving`, `Disconnecting`, `Down` | the same | |
//!
//! A party that is being added is then not added: "added: aborted" is the last action. What the tables lack is ignored.

use bitflags::bitflags;

use super::actions;
use crate::nt::Status;

bitflags! {
    /// What has happened on a connection so far. It stays true.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Happened: u32 {
        /// The peer accepted.
        const REPLIED = 1;
        /// The peer rejected.
        const REJECTED = 2;
        /// The peer is ready.
        const ESTABLISHED = 4;
        /// Nobody answered.
        const TIMED_OUT = 8;
        /// The peer is leaving.
        const PEER_LEFT = 16;
        /// What this side asked for has ended.
        const DISCONNECTED = 32;
        /// The connection, or the device, is lost.
        const ABORTED = 64;
        /// The queue pair or its completion queue failed, or the peer sent nonsense.
        const BROKE = 128;
        /// The close data of this side has arrived, or cannot.
        const SAID = 256;
        /// A message of the peer's call manager.
        const SIGNAL = 512;
        /// The connection is over, however.
        const OVER = 2 | 8 | 16 | 32 | 64 | 128;
    }
}

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The client asks for it.
    Start,
    /// The request is on its way.
    Connecting,
    /// A peer's request arrived.
    Offered,
    /// The client accepted: the hardware is made and the peer answered.
    Answering,
    /// The answer is on its way.
    Replying,
    /// Both sides know: the queue pair gets ready.
    Completing,
    /// The connection is there, the client does not know yet.
    Ready,
    /// Its party gets the client's messages from now on.
    Joining,
    /// The client knows.
    Up,
    /// This side leaves, its client's close data is on its way.
    Leaving,
    /// The peer was asked to let go.
    Disconnecting,
    /// It never came up.
    Failed(Status),
    /// The peer left, or the connection broke.
    Lost {
        /// Why.
        status: Status,
        /// The client knows.
        told: bool,
    },
    /// Everything is given back to the device.
    Down,
}

/// What the client wants of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Nothing, or there is no party of its own.
    None,
    /// `AddParty` pends.
    Adding,
    /// `DropParty` pends.
    Dropping {
        /// The client has something to say.
        speaks: bool,
    },
    /// It was not added, or was dropped.
    Gone,
}

/// What moves a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It may begin.
    Begin,
    /// The peer accepted.
    Replied,
    /// The peer is ready.
    Established,
    /// The connection is over.
    Over(Happened),
    /// The close data arrived.
    Said,
    /// What was to be done is done, or failed.
    Done(Result<(), Status>),
    /// The client accepted the peer's request.
    Accept,
    /// The client gets to know of its call.
    Open,
    /// The call stands: the party that is being added is there, or failed.
    Join,
    /// This side leaves.
    Leave {
        /// There is something to say.
        speaks: bool,
    },
    /// The client has got everything that arrived before the connection was lost.
    Drained,
    /// The client has no packet of the leg.
    Returned,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes the hardware and sends the request: done or failed.
    Connect,
    /// Readies the queue pair by the peer's reply and tells the peer: done or failed.
    Complete,
    /// Makes the hardware and sends the reply: done or failed.
    Answer,
    /// Readies the queue pair: done or failed.
    GetReadyToSend,
    /// Its peer gets the client's messages from now on: done or failed.
    BeginSending,
    /// The client gets what arrives.
    Deliver,
    /// The client gets nothing more.
    Shut,
    /// Sends the close data: failed if it cannot be sent.
    Say,
    /// Asks the peer to let go: done if that takes time, failed if there is nothing to wait for.
    Disconnect,
    /// Grants the peer the end that it asks for.
    Grant,
    /// Rejects the peer's request: its own reason, or for want of memory.
    Refuse {
        /// The client did not want it.
        by_client: bool,
    },
    /// No more events come of the connection.
    Abandon,
    /// Gives everything back to the device.
    Release,
    /// Tells the client that the peer has left.
    Tell(Status),
    /// Completes `AddParty`; the party is gone unless this is a success.
    Added(Status),
    /// Completes `DropParty`; the party is gone.
    Dropped,
}

/// What a step gives out.
pub type Actions = actions::Actions<Action, 4>;

/// What the worker sees of a leg beside what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The call stands: parties come and go.
    pub stands: bool,
    /// The client has got everything that arrived, or cannot now.
    pub drained: bool,
    /// The client has no packet.
    pub returned: bool,
}

/// The state machine of one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    stage: Stage,
    request: Request,
}

impl Machine {
    /// A leg that this side makes; one that `AddParty` makes answers it.
    pub const fn outgoing(adds_party: bool) -> Self {
        let request = if adds_party {
            Request::Adding
        } else {
            Request::None
        };
        Self {
            stage: Stage::Start,
            request,
        }
    }

    /// A leg of a peer's request.
    pub const fn incoming() -> Self {
        Self {
            stage: Stage::Offered,
            request: Request::None,
        }
    }

    /// Where it stands.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// What the client wants of the party.
    pub const fn request(&self) -> Request {
        self.request
    }

    /// Whether the client drops the party.
    pub const fn is_dropping(&self) -> bool {
        matches!(self.request, Request::Dropping { .. })
    }

    /// The client drops the party, perhaps with something to say; whether that is admitted: it has one, and has not dropped it.
    pub fn drop_party(&mut self, speaks: bool) -> bool {
        let has = matches!(self.stage, Stage::Up | Stage::Lost { .. });
        let admitted = has && self.request == Request::None;
        if admitted {
            self.request = Request::Dropping { speaks };
        }
        admitted
    }

    /// Another leg takes the connection over.
    pub const fn replace(&mut self) {
        self.stage = Stage::Down;
    }

    /// What happened on the connection that this stage waits for.
    pub const fn due(&self, happened: Happened) -> Option<Event> {
        let over = happened.intersects(Happened::OVER);
        match self.stage {
            Stage::Start => Some(Event::Begin),
            Stage::Connecting | Stage::Replying | Stage::Up if over => Some(Event::Over(happened)),
            Stage::Connecting if happened.contains(Happened::REPLIED) => Some(Event::Replied),
            Stage::Replying if happened.contains(Happened::ESTABLISHED) => Some(Event::Established),
            Stage::Leaving if over || happened.contains(Happened::SAID) => Some(Event::Said),
            // A queue pair that breaks says nothing of the peer.
            Stage::Disconnecting if happened.intersects(Happened::OVER.difference(Happened::BROKE)) => {
                Some(Event::Over(happened))
            }
            _ => None,
        }
    }

    /// What is due of the party: when nothing of the connection is.
    pub const fn party_due(&self, seen: Seen) -> Option<Event> {
        match (self.request, self.stage) {
            (Request::Adding, Stage::Ready | Stage::Failed(_)) if seen.stands => Some(Event::Join),
            (Request::Dropping { .. }, Stage::Down) if seen.returned => Some(Event::Returned),
            (Request::Dropping { .. }, Stage::Leaving | Stage::Disconnecting | Stage::Down) => None,
            (Request::Dropping { speaks }, _) if seen.stands => Some(Event::Leave { speaks }),
            (Request::None, Stage::Lost { told: false, .. }) if seen.stands && seen.drained => {
                Some(Event::Drained)
            }
            _ => None,
        }
    }

    /// See the module's page.
    pub fn step(&mut self, event: Event) -> Actions {
        use Action as A;
        use Stage as S;
        match (self.stage, event) {
            (S::Start, Event::Begin) => self.to(S::Connecting, [A::Connect]),
            (S::Connecting, Event::Done(Err(status))) => self.to(S::Failed(status), [A::Release]),
            (S::Connecting, Event::Replied) => self.to(S::Completing, [A::Complete]),
            (S::Connecting | S::Replying, Event::Over(how)) => self.fail(why_failed(how)),
            (S::Offered, Event::Accept) => self.to(S::Answering, [A::Answer]),
            (S::Answering, Event::Done(Ok(()))) => self.to(S::Replying, []),
            (S::Answering, Event::Done(Err(status))) => {
                self.to(S::Failed(status), [A::Refuse { by_client: false }, A::Release])
            }
            (S::Replying, Event::Established) => self.to(S::Completing, [A::GetReadyToSend]),
            (S::Completing, Event::Done(Ok(()))) => self.to(S::Ready, []),
            (S::Completing, Event::Done(Err(status))) => self.fail(status),
            (S::Ready, Event::Open) => self.to(S::Up, []),
            (S::Ready, Event::Join) => self.to(S::Joining, [A::BeginSending]),
            (S::Up, Event::Over(how)) => self.lose(how),
            (S::Leaving, Event::Said | Event::Done(Err(_))) => self.to(S::Disconnecting, [A::Disconnect]),
            (S::Disconnecting, Event::Over(_) | Event::Done(Err(_))) => self.to(S::Down, [A::Release]),
            (_, Event::Leave { speaks }) => self.leave(speaks),
            _ => self.step_party(event),
        }
    }

    fn step_party(&mut self, event: Event) -> Actions {
        match (self.stage, event) {
            (Stage::Joining, Event::Done(Ok(()))) => {
                self.request = Request::None;
                self.to(Stage::Up, [Action::Added(Status::SUCCESS), Action::Deliver])
            }
            (Stage::Joining, Event::Done(Err(status))) | (Stage::Failed(status), Event::Join) => {
                self.give_up(status)
            }
            (Stage::Lost { status, told: false }, Event::Drained) => {
                self.to(Stage::Lost { status, told: true }, [Action::Tell(status)])
            }
            (Stage::Down, Event::Returned) if self.is_dropping() => {
                self.request = Request::Gone;
                Actions::of([Action::Dropped])
            }
            _ => Actions::NONE,
        }
    }

    fn to<const M: usize>(&mut self, stage: Stage, actions: [Action; M]) -> Actions {
        self.stage = stage;
        Actions::of(actions)
    }

    fn fail(&mut self, status: Status) -> Actions {
        self.to(Stage::Failed(status), [Action::Abandon, Action::Release])
    }

    fn lose(&mut self, how: Happened) -> Actions {
        let (status, told) = (Status::CONNECTION_ABORTED, false);
        if how.contains(Happened::PEER_LEFT) {
            let status = Status::SUCCESS;
            return self.to(Stage::Lost { status, told }, [Action::Grant, Action::Release]);
        }
        self.to(Stage::Lost { status, told }, [Action::Abandon, Action::Release])
    }

    fn leave(&mut self, speaks: bool) -> Actions {
        if self.request == Request::Adding {
            return self.give_up(Status::NDIS_REQUEST_ABORTED);
        }
        match self.stage {
            Stage::Up if speaks => self.to(Stage::Leaving, [Action::Shut, Action::Say]),
            Stage::Up => self.to(Stage::Disconnecting, [Action::Shut, Action::Disconnect]),
            Stage::Leaving | Stage::Disconnecting | Stage::Down => Actions::NONE,
            _ => self.go_down(),
        }
    }

    /// The party is not added.
    fn give_up(&mut self, status: Status) -> Actions {
        self.request = Request::Gone;
        self.go_down().and(Action::Added(status))
    }

    /// From a stage in which the client does not know of the connection, or knows that it is gone.
    fn go_down(&mut self) -> Actions {
        let refuse = Action::Refuse { by_client: true };
        match self.stage {
            Stage::Failed(_) | Stage::Lost { .. } | Stage::Down => self.to(Stage::Down, [Action::Shut]),
            Stage::Offered => self.to(Stage::Down, [Action::Shut, refuse, Action::Release]),
            _ => self.to(Stage::Down, [Action::Shut, Action::Abandon, Action::Release]),
        }
    }
}

/// Why a connection did not come up.
const fn why_failed(how: Happened) -> Status {
    if how.contains(Happened::REJECTED) {
        Status::CONNECTION_REFUSED
    } else if how.contains(Happened::TIMED_OUT) {
        Status::IO_TIMEOUT
    } else {
        Status::CONNECTION_ABORTED
    }
}
