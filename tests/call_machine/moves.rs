//! What may happen in a world, and what its worker has to do.

use cxndk::co::machine::call::{Action, Creator, Event};
use cxndk::co::machine::leg::{self, Happened};
use cxndk::nt::Status;

/// How large a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    pub creator: Creator,
    /// The call has parties, up to so many; 0 in a point-to-point call.
    pub parties: u8,
    /// The quality of service changes.
    pub changes: bool,
    /// Clients hold packets.
    pub packets: bool,
    /// So many calls one after another.
    pub calls: u8,
}

/// What the worker has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    Call(Action, Option<u8>),
    CallEvent(Event, Option<u8>),
    Leg(u8, leg::Action),
    LegEvent(u8, leg::Event),
    /// How the answer to the peer went.
    Answered,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The worker goes on; where there is a choice, it comes out like this.
    Work(Outcome),
    Make,
    Delete,
    Add,
    Drop(u8),
    Close,
    Modify,
    Decide(bool),
    Activated(Status),
    Happens(u8, Happened),
    Lend(u8),
    Return(u8),
    Wants(u8),
    Answers(u8, bool),
}

/// How something comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Well,
    Badly,
    Later,
}
