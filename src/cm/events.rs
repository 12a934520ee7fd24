//! What connection management tells the consumer of a connection.
//!
//! Every method is called at `<= DISPATCH_LEVEL`, without any lock of this floor held, and may call back into it.

use super::params::{Rejection, Reply};

/// How a connection ended that this side had asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer answered, or asked for the same at the same time (CONN-73).
    Graceful,
    /// The peer never answered.
    TimedOut,
    /// The adapter stopped, or the peer no longer knows the connection.
    Aborted,
}

/// News of one connection.
///
/// Of `replied`, `rejected`, `timed_out` and `aborted` at most one comes for a connect; of `established`, `rejected`, `timed_out` and
/// `aborted` at most one for a reply. Later, `disconnect_requested` or `aborted` comes at most once and not after the
/// consumer's `disconnect`, which is answered by exactly one `disconnected` if it returned [`super::Disconnect::Pending`].
pub trait ConnectionEvents: Send + Sync {
    /// Active: the peer accepted (REP). Goes on with [`super::Connection::parameters`] and `ready_to_use`.
    fn replied(&self, reply: &Reply);

    /// The peer rejected: the request (active) or, after this side's reply, the connection (passive).
    fn rejected(&self, rejection: &Rejection);

    /// Passive: the peer's queue pair is ready (RTU), or its first packet said so.
    fn established(&self);

    /// Nobody answered the request (active) or the reply (passive), however often it was sent.
    fn timed_out(&self);

    /// The peer wants to disconnect (DREQ). Answered by [`super::Connection::disconnect`].
    fn disconnect_requested(&self);

    /// What `disconnect` started has ended.
    fn disconnected(&self, outcome: Outcome);

    /// The connection is gone without a graceful exchange: the peer rejected it late or started over, or the adapter
    /// stops.
    fn aborted(&self);
}
