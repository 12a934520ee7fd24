//! CoNDIS: what NDIS does between a miniport call manager and the clients of its adapter, and the rules that it holds both to.
//!
//! Every handle names one [`object`] for as long as the contract says, and is never given twice. A request of either side goes
//! through to the other at the caller's IRQL and on its stack; what the other returns at once goes back as the result of the
//! request or, as the seed says, by the client's completion handler, there or in a thread of its own (GEN-01).
//!
//! | rule | who | where |
//! |---|---|---|
//! | VRF-36 | both | [`enter`]: every export names its level |
//! | VRF-38 | both | [`enter`]: no call with a spin lock held |
//! | VRF-50 (GEN-03, SAP-08, AF-12, PARTY-06, CLOSE-19, CLOSE-20, VC-12) | both | `object`: a handle past its end |
//! | VRF-51, GEN-02, GEN-04 | call manager | `request`: one completion for what pends, none else |
//! | REG-03, REG-04, REG-05, REG-08, REG-09, REG-10 | both | `registration`, `family` |
//! | INIT-08 of the miniport contract, AF-01, AF-02, AF-09, AF-12 ... AF-14, AF-20, AF-22 ... AF-24 | both | `family` |
//! | SAP-08, SAP-10 | both | `sap`, `incoming` |
//! | VC-01, VC-04, VC-07 ... VC-09, VC-20, VC-22, VC-24, VC-25 | both | `vc` |
//! | MAKE-01, MAKE-04 ... MAKE-06, MAKE-08, MAKE-13 | both | `make` |
//! | INC-01, INC-04, INC-07, INC-11 | both | `incoming`, `data` |
//! | CLOSE-01 ... CLOSE-04, CLOSE-08, CLOSE-09, CLOSE-21, CLOSE-22, CLOSE-30 ... CLOSE-34 | both | `close`, `data`, `make` |
//! | QOS-01, QOS-03, QOS-07 | both | `quality` |
//! | PARTY-01, PARTY-03, PARTY-08 ... PARTY-10 | both | `party` |
//! | OID-02, OID-05 ... OID-07, OID-09, OID-21 ... OID-23, VRF-06 | both | `oid`, `status` |
//! | DATA-01, DATA-04, DATA-05, DATA-08 ... DATA-12, VRF-40, VRF-43 | both | `data` |
//! | HALT-01, HALT-07, VRF-37 | both | [`expect_none`], [`expect_no_data`], `protocol` |
//!
//! Where the contract leaves open what NDIS does, the seed decides: whether a result at once is a result or a completion (GEN-01), whether
//! an activation pends (VC-22), and whether the client hears what crosses its close (CLOSE-33). A call that is dispatched on a SAP whose
//! deregistration pends is refused without the client (SAP-10). There are no call managers apart from miniports (AF-04).

/// Calls a handler of the call manager of an adapter.
macro_rules! to_manager {
    ($adapter:expr, $handler:ident($($argument:expr),* $(,)?)) => {{
        let handlers = $adapter.driver.calls.get();
        let handler = handlers.manager.and_then(|m| m.$handler).expect("checked at registration");
        // SAFETY: the driver registered the handler; the arguments are those of the contract.
        super::upcall(stringify!($handler), || unsafe { handler($($argument),*) })
    }};
}

/// Calls a handler of the client of a binding.
macro_rules! to_client {
    ($binding:expr, $handler:ident($($argument:expr),* $(,)?)) => {{
        let handlers = $binding.protocol.client.get();
        let handler = handlers.and_then(|c| c.$handler).expect("checked at registration");
        // SAFETY: the protocol driver registered the handler; the arguments are those of the contract.
        super::upcall(stringify!($handler), || unsafe { handler($($argument),*) })
    }};
}

mod close;
mod data;
mod family;
mod incoming;
mod journal;
mod make;
mod object;
mod oid;
mod party;
mod quality;
mod registration;
mod request;
mod sap;
mod status;
#[cfg(test)]
pub(super) mod tests;
mod vc;

use std::cell::Cell;

use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_PENDING};

pub use self::journal::calls_on;

pub(super) use self::data::{expect_lent, expect_level, return_of_vcs};
pub(super) use self::family::{announce, expect_closed, families_of_binding};
pub(super) use self::object::{Family, Party, Sap, Vc, forget_families as forget_registrations};
pub(super) use self::registration::{Handlers, check_client, check_protocol};

use super::adapter::AdapterState;
use super::kernel::{self, Level};
use crate::nt;
use crate::sim::{self, HostId, Stream};

/// What every export of CoNDIS begins with: the IRQL is right (VRF-36), and no lock is held that the other side could want too
/// (VRF-38).
pub(super) fn enter(ddi: &'static str, level: Level) {
    let allowed = match level {
        Level::Passive => sim::irql() == sim::PASSIVE_LEVEL,
        _ => sim::irql() <= sim::DISPATCH_LEVEL,
    };
    if !allowed {
        sim::fail(
            "VRF-36",
            format!("{ddi} at IRQL {}, allowed: {level:?}", sim::irql()),
        );
    }
    if kernel::locks_held() > 0 {
        sim::fail(
            "VRF-38",
            format!("{ddi} with {} spin locks held", kernel::locks_held()),
        );
    }
    journal::note(ddi);
    kernel::enter(ddi, level);
}

/// Rules of which a scenario wants to see what the call manager does with a client that breaks them.
#[derive(Default)]
struct Tolerated(Cell<&'static [&'static str]>);

/// Lets clients break these rules from now on, as NDIS does, which leaves them to the call manager: VC-08, AF-12, CLOSE-02, MAKE-01,
/// PARTY-01, DATA-01, CLOSE-31 and CLOSE-32 are such.
pub fn tolerate(rules: &'static [&'static str]) {
    sim::local::<Tolerated>().0.set(rules);
}

/// A client broke a rule: the end of the run, unless the scenario wants to see more.
fn client_broke(rule: &'static str, message: String) {
    if !sim::local::<Tolerated>().0.get().contains(&rule) {
        sim::fail(rule, message);
    }
}

/// Calls a handler of a driver at the running IRQL; it comes back with the same.
fn upcall<R>(name: &'static str, handler: impl FnOnce() -> R) -> R {
    sim::trace(name, u64::from(sim::irql()), 0);
    journal::note(name);
    nt::call_driver(name, sim::irql(), handler)
}

/// Gives a result that the call manager had at once to the client: as the result of its request, or by its completion handler.
fn settle(host: HostId, status: NDIS_STATUS, complete: impl FnOnce(NDIS_STATUS) + 'static) -> NDIS_STATUS {
    match sim::choose(Stream::Ndis, 3) {
        0 => return status,
        1 => complete(status),
        _ => kernel::worker(host, "CoNDIS completion", move || complete(status)),
    }
    NDIS_STATUS_PENDING
}

/// HALT-07: nothing of CoNDIS is left on the adapter.
pub(super) fn expect_none(adapter: &AdapterState, when: &str) {
    object::forget_families(adapter);
    if let Some(left) = object::first_of(adapter).or_else(|| oid::first_of(adapter)) {
        sim::fail(
            "HALT-07",
            format!("{}: {left} is left after {when}", adapter.name),
        );
    }
}

/// PAUSE-02: no packet is under way when the adapter is Paused.
pub(super) fn expect_no_data(adapter: &AdapterState) {
    for vc in object::vcs_of(adapter) {
        let (sends, lent) = (vc.sends.borrow().len(), vc.lent.borrow().len());
        if sends + lent > 0 {
            sim::fail(
                "VRF-37",
                format!(
                    "{}: {sends} sends and {lent} receives of {vc} are under way in Paused",
                    adapter.name
                ),
            );
        }
    }
}
