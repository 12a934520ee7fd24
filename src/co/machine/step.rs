//! What moves the state machine of a call, and what it gives out.

use super::actions;
use crate::nt::Status;

/// Who made the VC and so deletes it (VC-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Creator {
    /// `NdisCoCreateVc`.
    Client,
    /// `NdisMCmCreateVc`.
    Manager,
}

/// What moves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It may begin.
    Begin,
    /// The first leg's connection is there.
    Ready,
    /// The first leg's connection did not come up.
    Failed(Status),
    /// NDIS has activated the VC, or has not.
    Activated(Status),
    /// The client has decided about a peer's call.
    Decided {
        /// It takes the call.
        accepted: bool,
    },
    /// The client closes.
    Close,
    /// What was to be done is done, or failed.
    Done(Result<(), Status>),
    /// Everything is given back.
    Undone,
    /// All legs are down, and nobody has a packet of the other's.
    Quiet,
    /// The client was to hear that a peer is gone.
    PeerGone {
        /// There is no other.
        last: bool,
        /// Why.
        status: Status,
    },
    /// The client wants another quality of service.
    Modify,
    /// The peers were asked.
    Asked {
        /// So many of them.
        answers: u32,
        /// Not all.
        refused: bool,
    },
    /// A peer answered.
    Answered {
        /// It takes the change.
        accepted: bool,
    },
    /// A peer that was asked will not answer.
    Deserted,
    /// A peer wants another quality of service.
    PeerWants {
        /// It can be had: the call has one peer, the messages fit, there is memory.
        possible: bool,
    },
}

/// What NDIS activates the VC for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The client's call.
    Make,
    /// A peer's call.
    Offer,
    /// The client's change.
    Modify,
    /// The peer's change.
    PeersChange,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Has NDIS activate the VC: activated, now or later.
    Activate(Purpose),
    /// Has NDIS make the VC: done or failed.
    Introduce,
    /// Makes room for messages, and takes them: done or failed.
    MakeRoom,
    /// Takes over what the client changed and answers the peer: done or failed.
    Answer,
    /// Offers the peer's call to the client.
    Offer,
    /// All legs leave.
    Leave,
    /// Gives back what the call has, and has NDIS deactivate the VC if it is active: undone.
    Undo {
        /// It is.
        active: bool,
    },
    /// No packet is taken any more; those that wait come back.
    AbortSends,
    /// Completes the client's call.
    Made,
    /// Completes the client's call, which failed.
    NotMade(Status),
    /// Tells the client that the peer's call is connected.
    Connected,
    /// Counts a call, or a peer's, that was not established.
    CountFailure,
    /// Tells the client that its call has ended.
    TellEnd(Status),
    /// Tells the client that a peer has dropped out.
    TellDrop(Status),
    /// Completes the close.
    Closed,
    /// Has NDIS delete the VC, and forgets it.
    Delete,
    /// Forgets a VC that NDIS does not know.
    Forget,
    /// Asks all peers for the client's change: asked.
    Ask,
    /// Completes the client's change, if there is one.
    EndChange(Status),
    /// Takes the peer's change over and tells the client: done.
    TakeChange,
    /// Answers the peer that wants a change.
    AnswerChange(bool),
}

/// What a step gives out.
pub type Actions = actions::Actions<Action, 4>;
