//! A pause or restart that the driver completes later.

use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_FAILURE};

use super::adapter::{AdapterState, State};
use crate::sim::{self, SECOND};

/// Longest that a miniport may take for a pause or restart; a limit of the testbed.
const LONGEST_TRANSITION: u64 = 60 * SECOND;

impl AdapterState {
    /// Waits for the pending pause or restart; its result.
    pub(super) fn await_transition(&self, what: &str) -> NDIS_STATUS {
        let deadline = sim::now() + LONGEST_TRANSITION;
        loop {
            if let Some(result) = self.transition.result.take() {
                self.transition.pending.set(false);
                return result;
            }
            if sim::now() >= deadline {
                sim::fail(
                    "PAUSE-02",
                    format!("{what} of {} is not completed after 60 s", self.name),
                );
            }
            self.transition.waiter.set(sim::current());
            sim::park_until("a pause or restart", deadline);
        }
    }

    /// The driver completes a pending pause or restart.
    pub(super) fn complete_transition(&self, ddi: &str, from: State, status: NDIS_STATUS) {
        self.expect("STATE-01", ddi, &[from]);
        if !self.transition.pending.get() || self.transition.result.get().is_some() {
            sim::fail(
                "PAUSE-01",
                format!("{ddi} on {} without a pending request", self.name),
            );
        }
        if status == cxndk::sys::ndis::NDIS_STATUS_PENDING {
            self.transition.result.set(Some(NDIS_STATUS_FAILURE));
            sim::fail("VRF-03", format!("{ddi} on {} with PENDING", self.name));
        }
        self.transition.result.set(Some(status));
        self.transition.waiter.take().into_iter().for_each(sim::unpark);
    }
}
