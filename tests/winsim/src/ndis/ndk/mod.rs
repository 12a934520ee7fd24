//! The NDK edge: opening adapters for consumers as NDIS does, and the verifier between provider and consumer.
//!
//! The verifier takes the place that the layer above NDK has: it replaces the dispatch pointer of every object that is
//! handed out and fills its reserved pointers (LIFE-04, LIFE-06), so that consumers call it through ordinary NDK dispatch,
//! and the provider calls it back. A breach ends the run with `VRF-47`, `VRF-48` or `VRF-49` and, in the message, the
//! rule of ndk.md.
//!
//! | rule | where | caught in test |
//! |---|---|---|
//! | LIFE-01 ... LIFE-07 | `track::adopt` | `tests::objects` |
//! | LIFE-04, LIFE-06 | `Object::check_reserved` | `tests::objects` |
//! | LIFE-10, LIFE-11, LIFE-12 | `request::end`, `request::on_request` | `tests::completions` |
//! | LIFE-16, LIFE-20, LIFE-38, LIFE-62 | `track::Callback::enter` | `tests::completions`, `tests::closes` |
//! | LIFE-30, LIFE-32 ... LIFE-36, LIFE-51 ... LIFE-53 | `request::end_close`, `request::on_closed` | `tests::closes` |
//! | LIFE-61, LIFE-64, ADAPTER-04 ... ADAPTER-09, ADAPTER-26 | `edge` | `tests::opens` |
//! | CREATE-01 ... CREATE-04 | `request::end`, `request::on_created` | `tests::completions` |
//! | the requests on queue pairs, their memory and results | [`ledger`] | see there |
//! | CQ-01, CQ-03, CQ-10, CQ-14, CQ-19, CQ-22 | `shims::cq`, `request::on_cq` | `tests::queues` |

pub mod edge;
mod ledger;
mod request;
mod shims;
#[cfg(test)]
mod tests;
mod track;

use std::cell::Cell;

use crate::sim;

pub use ledger::forgive;
pub use ledger::memory::{KeyInspector, KeyRights};
pub use request::cq_notification;

/// What the verifier counted in a run.
#[derive(Default)]
struct Counts {
    inline: Cell<u64>,
    pended: Cell<u64>,
    completed: Cell<u64>,
    callbacks: Cell<u64>,
}

/// Closes and callbacks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloseCounts {
    /// Closes that returned SUCCESS.
    pub inline: u64,
    /// Closes that returned PENDING.
    pub pended: u64,
    /// Close completions that have returned.
    pub completed: u64,
    /// Callbacks of any kind into consumers.
    pub callbacks: u64,
}

/// What the verifier counted so far.
pub fn counts() -> CloseCounts {
    let counts = sim::local::<Counts>();
    CloseCounts {
        inline: counts.inline.get(),
        pended: counts.pended.get(),
        completed: counts.completed.get(),
        callbacks: counts.callbacks.get(),
    }
}

/// NDK objects that are not closed, by kind and number: leaks, at the end of a run.
pub fn live_objects() -> Vec<String> {
    track::live_objects()
}
