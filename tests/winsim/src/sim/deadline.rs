//! Verdicts on what takes too long: whoever waits says by when, which rule is broken otherwise, and what is still open then.

use std::cell::RefCell;

use super::events::EventId;
use super::executor::{self, with};
use super::{SECOND, failure};

/// Longest that anything may take that a driver has to end by itself, in virtual time: longer than a device's command that is never
/// answered and all that follows from it, shorter than anybody's patience.
pub const LONGEST: u64 = 600 * SECOND;

/// Ends the run with the rule when it is not dropped before its time has come.
#[must_use = "it is called off when it is dropped"]
pub struct Deadline(EventId);

impl Deadline {
    /// `rule` is broken if this is not dropped within `limit` nanoseconds of virtual time.
    pub fn new(rule: &'static str, limit: u64, what: impl FnOnce() -> String + 'static) -> Self {
        Self(executor::after(limit, move || {
            let seconds = limit / SECOND;
            failure::fail(rule, format!("{} has not ended after {seconds} s", what()));
        }))
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if executor::is_running() {
            executor::cancel(self.0);
        }
    }
}

/// Says what is open, a line each.
pub type Witness = fn() -> Vec<String>;

/// Who can say what is open.
#[derive(Default)]
pub(super) struct Witnesses(RefCell<Vec<Witness>>);

impl Witnesses {
    /// What is open, in the words of all.
    pub(super) fn testimony(&self) -> Vec<String> {
        let witnesses = self.0.try_borrow().map(|all| all.clone()).unwrap_or_default();
        witnesses.iter().flat_map(|witness| witness()).collect()
    }
}

/// Has `witness` asked what is open, and what holds it, when a run ends badly. It must not end the run itself.
pub fn on_failure(witness: Witness) {
    with(|sim| {
        let mut witnesses = sim.witnesses.0.borrow_mut();
        if !witnesses
            .iter()
            .any(|other| std::ptr::fn_addr_eq(*other, witness))
        {
            witnesses.push(witness);
        }
    });
}
