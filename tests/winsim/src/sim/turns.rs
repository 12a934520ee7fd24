//! The smallest steps of a run: every event and every turn of a context, counted. The same seed gives the same ones.

use std::cell::Cell;

use super::executor::with;
use super::{TaskId, contexts};

/// Steps since the run began, and who waits for one.
#[derive(Default)]
pub(super) struct Turns {
    count: Cell<u64>,
    waiter: Cell<Option<(u64, TaskId)>>,
}

impl Turns {
    /// Counts the step that begins, and wakes who waits for it. How many there were.
    pub(super) fn begin(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        if let Some((turn, waiter)) = self.waiter.get()
            && turn <= self.count.get()
        {
            self.waiter.set(None);
            contexts::unpark(waiter);
        }
        self.count.get()
    }
}

/// How many steps there were.
pub fn turns() -> u64 {
    with(|sim| sim.turns.count.get())
}

/// Lets the running context wait until there were so many steps; one context at a time can. Waiting does not change the steps.
///
/// # Panics
/// Outside of a context, and when another one waits.
pub fn wait_for_turn(turn: u64) {
    let me = contexts::current().expect("a context waits");
    if turn <= turns() {
        return;
    }
    let before = with(|sim| sim.turns.waiter.replace(Some((turn, me))));
    assert!(before.is_none(), "one context waits for a step");
    while turns() < turn {
        contexts::park_for("a step of the run");
    }
}
