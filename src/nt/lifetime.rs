//! The lock-free word that decides when an NDK or CoNDIS object may finish closing.
//!
//! The word counts what holds the object and remembers whether its consumer has closed it. While the object is open,
//! the consumer's own handle is one of the holds, so the count reaches zero only after a close, and it does so
//! exactly once: the caller that is told [`Release::Last`] owns the end of the object.
//!
//! | hold | taken | given back |
//! |---|---|---|
//! | the consumer's handle | at creation | by [`Lifetime::close`] |
//! | a pending request | when the request is accepted | after its completion callback has returned |
//! | a callback in progress | before the event callback is called | after it has returned |
//! | a successor | when the relation begins | after the successor's close callback has returned |
//!
//! The file stands alone on purpose: the model checker includes it with its own atomics in `sync`.

use super::sync::{AtomicUsize, Ordering, fence};

/// Set once the consumer has closed the object; the bits below count the holds.
const CLOSING: usize = 1 << (usize::BITS - 1);

/// Counts what holds an object and elects the one that finishes its close.
#[derive(Debug)]
pub struct Lifetime {
    word: AtomicUsize,
}

/// What giving back a hold amounted to.
#[must_use = "the last release has to finish the close"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Nothing holds the object any more and it is closed: the caller finishes the close. Returned exactly once.
    Last,
    /// Something still holds the object; whoever lets go last will finish.
    Held,
}

impl Lifetime {
    /// An open object, held by its consumer alone.
    pub fn new() -> Self {
        Self {
            word: AtomicUsize::new(1),
        }
    }

    /// Takes a hold for a caller that knows the object to be held already: one that is inside a call of the consumer,
    /// or that has a hold of its own.
    pub fn hold(&self) {
        let before = self.word.fetch_add(1, Ordering::Relaxed);
        debug_assert!(before & !CLOSING != 0, "a hold cannot revive an object");
    }

    /// Takes a hold unless the object is closing. Events use it: none starts after close has begun.
    pub fn hold_if_open(&self) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        while seen & CLOSING == 0 {
            match self
                .word
                .compare_exchange_weak(seen, seen + 1, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Marks the object as closing and gives back the consumer's hold.
    ///
    /// What the caller wrote before (how to report the end of the close) is visible to the one that gets
    /// [`Release::Last`], here or in [`Self::release`].
    pub fn close(&self) -> Release {
        // Adding CLOSING and subtracting one hold is one step, so no release can see one without the other.
        let before = self.word.fetch_add(CLOSING - 1, Ordering::Release);
        debug_assert!(before & CLOSING == 0, "an object is closed once");
        outcome(before == 1)
    }

    /// Gives back a hold.
    pub fn release(&self) -> Release {
        let before = self.word.fetch_sub(1, Ordering::Release);
        debug_assert!(before & !CLOSING != 0, "a hold is given back once");
        outcome(before == CLOSING | 1)
    }

    /// Whether the consumer has closed the object.
    pub fn is_closing(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSING != 0
    }

    /// The number of holds, for inspection.
    pub fn holds(&self) -> usize {
        self.word.load(Ordering::Relaxed) & !CLOSING
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::new()
    }
}

fn outcome(last: bool) -> Release {
    if last {
        // Orders everything done under any hold (each release is a Release) before the end of the object.
        fence(Ordering::Acquire);
        Release::Last
    } else {
        Release::Held
    }
}
