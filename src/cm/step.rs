//! Where a connection stands, and what a step of its state machine brings about.

use super::{events::Outcome, mad::Mad};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Over: ids may be used again.
    Idle,
    /// Active: the request is on its way.
    ReqSent,
    /// Active: the request was refused for a reason that another one avoids, which will be sent.
    StartingOver,
    /// Active: the peer accepted, the consumer has to get ready.
    RepReceived,
    /// Passive: the consumer has to decide.
    ReqReceived,
    /// Passive: the reply is on its way.
    RepSent,
    /// Both may send.
    Established,
    /// This side asked for the end.
    DreqSent,
    /// The peer asked for the end; the consumer has to agree.
    DreqReceived,
    /// Ended; ids rest until no packet of the connection can be under way.
    Timewait,
}

/// What a step means for the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The peer accepted.
    Replied,
    /// The peer rejected.
    Rejected,
    /// The peer is ready.
    Established,
    /// The peer was ready, and is leaving.
    EstablishedThenDisconnectRequested,
    /// The peer is leaving.
    DisconnectRequested,
    /// What the consumer asked for has ended.
    Disconnected(Outcome),
    /// Nobody answered.
    TimedOut,
    /// The connection is lost.
    Aborted,
}

/// What to do after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// A message to send.
    pub send: Option<Mad>,
    /// Something to tell.
    pub news: Option<News>,
}

impl Step {
    /// Nothing to do.
    pub(super) const NOTHING: Self = Self {
        send: None,
        news: None,
    };

    /// A message, and no news.
    pub(super) const fn send(mad: &Mad) -> Self {
        Self {
            send: Some(*mad),
            news: None,
        }
    }

    /// News, and no message.
    pub(super) const fn tell(news: News) -> Self {
        Self {
            send: None,
            news: Some(news),
        }
    }
}
