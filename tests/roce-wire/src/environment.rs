//! What the parts of a simulation have around them: time, a way to act later, and chance.

use std::rc::Rc;

/// One microsecond, in nanoseconds.
pub const MICROSECOND: u64 = 1_000;
/// One millisecond, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
/// One second, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Names an action that waits for its time; what it holds is its environment's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub u64);

/// What a link or a device asks for and does not have itself. Everything happens on one thread: whoever pumps the environment calls
/// the actions.
///
/// [`Timeline`](crate::Timeline) is an environment of its own for whoever has none.
pub trait Environment {
    /// Nanoseconds since the beginning. Does not go back.
    fn now(&self) -> u64;

    /// Has `action` run at `time`, or as soon as possible if that is past, after the actions that were asked for before and are due
    /// no later. It never runs inside this call.
    fn at(&self, time: u64, action: Box<dyn FnOnce()>) -> EventId;

    /// Takes an action back. Nothing happens if it has run or was taken back before.
    fn cancel(&self, event: EventId);

    /// A number in `0..bound`; 0, without a draw, for a bound of 0 or 1.
    fn choose(&self, bound: u64) -> u64;

    /// [`Self::at`], so many nanoseconds from now.
    fn after(&self, delay: u64, action: Box<dyn FnOnce()>) -> EventId {
        self.at(self.now().saturating_add(delay), action)
    }

    /// Whether something with this many chances in a million happens; no draw if it has none.
    fn chance(&self, per_million: u32) -> bool {
        per_million > 0 && self.choose(1_000_000) < u64::from(per_million)
    }
}

/// An environment as its users hold it.
pub type Surroundings = Rc<dyn Environment>;
