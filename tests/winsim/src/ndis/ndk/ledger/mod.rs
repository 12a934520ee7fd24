//! The ledger between provider and consumer: every accepted request until its completion is fetched, every region and mapping with what
//! uses it, and how far each connection has come.
//!
//! The provider gets contexts of the ledger in place of the consumer's, so that each completion is known for what it is.
//!
//! | rule | where | caught in test |
//! |---|---|---|
//! | QP-01 | `pair::Posting` | `tests::requests` |
//! | QP-06, QP-07, QP-09, QP-14, QP-20, QP-40, QP-60, QP-64, CREATE-16, CQ-04, CQ-09, LEDGER-04 | `pair`, `results` | `tests::results` |
//! | CQ-36 | `pair::Queue::accepted` | `tests::requests` |
//! | MR-78, MR-79, LEDGER-01, LEDGER-02, LEDGER-03 | `memory` | `tests::memory` |
//! | CONN-55 | `Stage` | `tests::requests` |
//!
//! The rules of its own are listed with their sources in `docs/rules/ndk.md`.

pub(super) mod memory;
pub(super) mod pair;
pub(super) mod results;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::track::{Kind, Object, breach};
use crate::sim;

/// What the ledger keeps of one object; each kind uses its part.
#[derive(Default)]
pub(super) struct Books {
    /// CQ: how many results it was made for.
    pub(super) depth: Cell<u32>,
    /// CQ: accepted requests whose results may still come to it.
    pub(super) due: Cell<u32>,
    /// MR: accepted requests that name its token.
    pub(super) uses: Cell<u32>,
    /// MR: what it was registered with.
    pub(super) memory: memory::Registered,
    /// QP: its two queues.
    pub(super) pair: OnceCell<Rc<pair::Pair>>,
    /// Connector: how far it is.
    pub(super) stage: Cell<Stage>,
}

/// How far a connection is, as far as its consumer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Neither asked for nor answered for good.
    #[default]
    Open,
    /// Complete-connect or accept was called: the time of `NdkGetConnectionData` is over (CONN-55).
    Settled,
}

impl Stage {
    /// `NdkGetConnectionData` of this connector.
    pub(super) fn expect_open(connector: &Object) {
        if connector.books.stage.get() != Self::Open {
            misuse(
                "CONN-55",
                format!("NdkGetConnectionData of {connector} after it was accepted or its connect completed"),
            );
        }
    }
}

/// The queue pairs that a connector connects no longer carry out what is posted to them.
pub(super) fn quiet_pairs_of(connector: &Object) {
    for parent in connector.parents.borrow().iter() {
        if parent.kind == Kind::Qp
            && let Some(pair) = parent.books.pair.get()
        {
            pair.quiet();
        }
    }
}

/// Consumers' faults that a scenario commits on purpose.
#[derive(Default)]
struct Forgiven(RefCell<BTreeSet<&'static str>>);

/// Lets the consumers of this run break a rule of consumers, to see that the provider contains it.
pub fn forgive(rule: &'static str) {
    sim::local::<Forgiven>().0.borrow_mut().insert(rule);
}

/// A fault of a consumer, which ends the run unless it is on purpose.
pub(super) fn misuse(rule: &'static str, message: String) {
    if !sim::local::<Forgiven>().0.borrow().contains(rule) {
        breach("VRF-48", rule, message);
    }
}
