//! A condition that contexts wait for.

use std::cell::{Cell, RefCell};

use crate::sim;

/// Rule id of a consumer that waits in vain.
const WAITS: &str = "WAITS";

/// Something that happens once and stays so.
#[derive(Default)]
pub struct Signal {
    happened: Cell<bool>,
    waiters: RefCell<Vec<sim::TaskId>>,
}

impl Signal {
    /// It has happened; wakes who waits.
    pub fn set(&self) {
        self.happened.set(true);
        for waiter in self.waiters.take() {
            sim::unpark(waiter);
        }
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.happened.get()
    }

    /// Wakes the running context when it happens, or at once if it has.
    ///
    /// # Panics
    ///
    /// In an event, which cannot wait.
    pub fn watch(&self) {
        let me = sim::current().expect("only a context waits");
        if self.is_set() {
            sim::unpark(me);
        } else {
            self.waiters.borrow_mut().push(me);
        }
    }

    /// Waits until it has happened; a run in which it does not happen ends with `WAITS`.
    ///
    /// # Panics
    ///
    /// In an event, which cannot wait.
    pub fn wait(&self, what: &'static str) {
        let _deadline = sim::Deadline::new(WAITS, sim::LONGEST, move || what.to_owned());
        while !self.is_set() {
            self.watch();
            sim::park_for(what);
        }
    }
}
