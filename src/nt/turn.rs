//! [`Turn`]: one processor at a time looks at a queue whose device sends messages, and no message is lost.
//!
//! | state \ step | somebody enters | whoever is in there leaves |
//! |---|---|---|
//! | idle | in work, theirs | - |
//! | in work | in work, called | idle |
//! | in work, called | in work, called | in work: one more look |
//!
//! A message that comes while another processor is in there may be the answer to that processor's arm, after which it would never look
//! again: so it leaves word, and whoever is in there looks once more before leaving.

use super::sync::{AtomicUsize, Ordering};

/// Somebody is in there.
const BUSY: usize = 1;
/// Somebody else wanted in meanwhile.
const CALLED: usize = 2;
/// The bits above count the turns that are over.
const OVER: usize = 4;

/// A queue that a device fills, and that sends one message for each arm.
pub trait Source {
    /// Handles elements, `most` at most. How many there were.
    fn pass(&self, most: u32) -> u32;

    /// Tells the device how far the passes came, without asking for a message.
    fn advance(&self);

    /// Tells the device how far the passes came, and asks for a message once there is more, or at once if there is.
    fn arm(&self);
}

/// Whose turn it is. Any IRQL; nobody waits.
#[derive(Debug)]
pub struct Turn {
    word: AtomicUsize,
}

/// A turn that was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay(usize);

impl Turn {
    /// Nobody's.
    pub fn new() -> Self {
        Self {
            word: AtomicUsize::new(0),
        }
    }

    /// Handles elements of `source`, `budget` (1 at least) at most. `true` when there may be more and nothing is armed: the caller has to
    /// come again. After `false` the queue is armed, or somebody else sees to it.
    pub fn take(&self, source: &impl Source, budget: u32) -> bool {
        if !self.enter() {
            return false;
        }
        let mut left = budget;
        loop {
            let handled = source.pass(left);
            left = left.saturating_sub(handled);
            let more = left == 0;
            if more {
                source.advance();
            } else {
                source.arm();
            }
            if self.leave(more) {
                return more;
            }
            // Each look costs something, so that messages without elements cannot keep us for ever.
            left -= 1;
            if left == 0 {
                self.leave(true);
                return true;
            }
        }
    }

    /// Whether the turn is the caller's. If not, word is left for whoever has it.
    fn enter(&self) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let ours = seen & BUSY == 0;
            let next = seen | if ours { BUSY } else { CALLED };
            match self
                .word
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return ours,
                Err(now) => seen = now,
            }
        }
    }

    /// Whether the turn is over: not if somebody left word, unless `more` says that the caller comes again anyway.
    fn leave(&self, more: bool) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let over = more || seen & CALLED == 0;
            let next = if over {
                (seen & !(BUSY | CALLED)).wrapping_add(OVER)
            } else {
                seen & !CALLED
            };
            match self
                .word
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return over,
                Err(now) => seen = now,
            }
        }
    }

    /// The turn that is under way, if one is. What was done before is seen by all later turns.
    pub fn under_way(&self) -> Option<UnderWay> {
        // Not a load: that might come before the stores of the caller, and a turn that begins in between would see neither those nor
        // be seen. An exchange takes its place among those of `enter`, and whoever enters later acquires what it releases.
        let word = self.word.fetch_or(0, Ordering::AcqRel);
        (word & BUSY != 0).then_some(UnderWay(word / OVER))
    }

    /// Whether that turn is over, with all that it did.
    pub fn is_over(&self, turn: UnderWay) -> bool {
        self.under_way() != Some(turn)
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}
