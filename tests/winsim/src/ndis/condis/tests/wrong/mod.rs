//! Every rule with a small wrong call manager or a small wrong client that it catches.

mod bindings;
mod calls;
mod packets;
mod requests;

use std::ptr;

use cxndk::sys::ndis::{NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING};

use super::flows::{make, take};
use super::{INCOMING, OUTGOING, Wrong, act, caught, client, manager, pair, until, wrong};
use crate::ndis::tests::halted_with;
use crate::ndis::{StartError, kernel};
use crate::nt::{KeAcquireSpinLockRaiseToDpc, KeInitializeSpinLock, KeReleaseSpinLock};
use crate::sim;

fn assert_caught(what: Wrong, rule: &str, scenario: fn()) {
    assert_eq!(caught(what, scenario), rule, "{what:?}");
}

/// A call that is made and closed.
fn call() {
    make(0);
    act(|| client::close(OUTGOING, ptr::null_mut()));
    until("closed 0x0");
    client_deletes();
}

fn client_deletes() {
    act(|| client::delete(OUTGOING));
}

/// A call that comes in and is closed by the client.
fn incoming() {
    take();
    act(|| client::close(INCOMING, ptr::null_mut()));
    until("vc gone");
}

/// Proves REG-03, REG-04, REG-05, REG-08, REG-09, CLOSE-11: handlers that are missing (the one for completed closes among them) or shared.
#[test]
fn incomplete_registrations_are_caught() {
    assert_caught(Wrong::NoMiniportHandler, "REG-03", || {});
    assert_caught(Wrong::MiniportCreatesVcs, "REG-03", || {});
    assert_caught(Wrong::NoProtocolHandler, "REG-09", || {});
    assert_caught(Wrong::NoHandler, "REG-04", || {});
    assert_caught(Wrong::OneEntry, "REG-05", || {});
    assert_caught(Wrong::NoClientHandler, "REG-08", || {});
}

/// Proves VRF-36, DATA-08: the wrong IRQL, a lie about the level.
#[test]
fn calls_at_a_wrong_level_are_caught() {
    assert_caught(Wrong::RegistersAtDispatch, "VRF-36", || {});
    assert_caught(Wrong::OpensAtDispatch, "VRF-36", || {});
    assert_caught(Wrong::AtDirql, "VRF-36", || {
        act(|| {
            let old = kernel::raise(5);
            client::create();
            kernel::lower(old);
        });
    });
    assert_caught(Wrong::LiesAboutLevel, "DATA-08", || {
        make(0);
        act(client::send);
    });
}

/// Proves AF-02, REG-10: a family of a miniport without the handlers, or that says it is not connection-oriented, is refused.
#[test]
fn a_family_of_no_call_manager_is_refused() {
    for what in [Wrong::NotConnectionOriented, Wrong::NoCallManager] {
        let refused = sim::run(7, move || {
            pair().wrong.set(Some(what));
            pair().on.set(true);
            let (_, adapter) = halted_with();
            adapter.start().err()
        });
        let refused = refused.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(
            matches!(refused, Some(StartError::Status { status, .. }) if status == NDIS_STATUS_FAILURE),
            "{what:?}: {refused:?}"
        );
    }
}

/// Proves VRF-38: a call of either side with a spin lock held.
#[test]
fn calls_under_a_lock_are_caught() {
    assert_caught(Wrong::UnderLock, "VRF-38", || {
        make(0);
        act(|| under_lock(client::send));
    });
    assert_caught(Wrong::UnderLock, "VRF-38", || {
        make(0);
        act(|| under_lock(|| manager::indicate(OUTGOING, 1, manager::outgoing())));
    });
    assert_caught(Wrong::UnderLock, "VRF-38", || {
        act(|| under_lock(manager::indicate_status))
    });
}

fn under_lock(f: impl FnOnce()) {
    let mut lock = 0;
    // SAFETY: a place for a lock.
    unsafe { KeInitializeSpinLock(&raw mut lock) };
    // SAFETY: a live lock.
    let old = unsafe { KeAcquireSpinLockRaiseToDpc(&raw mut lock) };
    f();
    // SAFETY: as above.
    unsafe { KeReleaseSpinLock(&raw mut lock, old) };
}

/// Proves AF-01 and the check of INIT-08: a family that is registered after Initialize, or before the last step of it.
#[test]
fn an_untimely_registration_is_caught() {
    assert_caught(Wrong::RegistersEarly, "INIT-08", || {});
    assert_caught(Wrong::RegistersLate, "AF-01", || {
        act(|| manager::register_family(pair().adapter.get() as *mut _));
    });
}

/// Proves VRF-51, GEN-02, GEN-04, VC-06, VC-11: completions twice, with PENDING, beside a return, unasked; creates and deletes that pend.
#[test]
fn wrong_completions_are_caught() {
    for what in [Wrong::CompletesPending, Wrong::CompletesAndReturns] {
        assert_caught(what, "GEN-02", call);
    }
    assert_caught(Wrong::CompletesTwice, "GEN-02", call);
    assert_caught(Wrong::CompletesUnasked, "GEN-02", || {
        make(0);
        act(manager::complete_unasked);
    });
    assert_caught(Wrong::CreatePends, "GEN-04", || act(client::create));
    assert_caught(Wrong::DeletePends, "GEN-04", || {
        act(client::create);
        client_deletes();
    });
    assert_caught(Wrong::CreatePendsClient, "GEN-04", || {
        act(manager::create_incoming)
    });
    assert_caught(Wrong::DeletePendsClient, "GEN-04", incoming);
}

/// Proves AF-12, AF-14, HALT-01, OID-22: families that are closed in use, or left; a status of nobody.
#[test]
fn wrong_ends_of_families_are_caught() {
    assert_caught(Wrong::ClosesFamilyWithVc, "AF-12", || act(client::create));
    assert_caught(Wrong::ClosesFamilyInUse, "AF-14", || {
        act(client::register_sap);
        until("sap");
    });
    assert_caught(Wrong::AdapterClosedWithFamily, "HALT-01", || {
        act(client::deregister)
    });
    assert_caught(Wrong::ForeignStatus, "OID-22", || act(manager::indicate_status));
}

/// Proves AF-22: a client that says it has closed and has not.
#[test]
fn a_client_that_ignores_the_notice_is_caught() {
    assert_caught(Wrong::NotClosedAtNotice, "AF-22", || {
        assert_eq!(act(manager::notify_close), NDIS_STATUS_PENDING);
        until("notified 0x0");
    });
}

/// Proves DATA-01, CLOSE-01, CLOSE-02, CLOSE-03, CLOSE-33: a client that sends when it must not, or ends a call wrongly.
#[test]
fn clients_that_send_or_close_wrongly_are_caught() {
    assert_caught(Wrong::SendsEarly, "DATA-01", || {
        act(client::create);
        act(client::send);
    });
    assert_caught(Wrong::SendsOtherSource, "DATA-01", || {
        make(0);
        act(client::send);
    });
    assert_caught(Wrong::SendsAfterClose, "DATA-01", || {
        make(0);
        act(|| client::close(OUTGOING, ptr::null_mut()));
        act(client::send);
    });
    assert_caught(Wrong::ClosesWithSends, "CLOSE-01", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        act(|| client::close(OUTGOING, ptr::null_mut()));
    });
    assert_caught(Wrong::ClosesTwice, "CLOSE-33", || {
        make(0);
        act(|| {
            client::close(OUTGOING, ptr::null_mut());
            client::close(OUTGOING, ptr::null_mut());
        });
    });
    assert_caught(Wrong::ClosesIdle, "CLOSE-02", || {
        act(client::create);
        act(|| client::close(OUTGOING, ptr::null_mut()));
    });
    assert_caught(Wrong::ClosesForeignCallsParty, "CLOSE-03", || {
        make(1);
        take();
        act(|| client::close(INCOMING, client::party(0)));
    });
    assert_caught(Wrong::DropsAfterClose, "CLOSE-03", || {
        make(1);
        act(|| {
            client::close(OUTGOING, client::party(0));
            client::drop_party(0);
        });
    });
    assert_caught(Wrong::ClosesWithoutParty, "CLOSE-03", || {
        make(1);
        act(|| client::close(OUTGOING, ptr::null_mut()));
    });
}

/// Proves CLOSE-31, CLOSE-32, DATA-12, MAKE-01, VC-01, VC-08, QOS-01, PARTY-01, INC-04: what else a client does with calls and packets when it must not.
#[test]
fn wrong_clients_are_caught() {
    assert_caught(Wrong::DeletesConnected, "VC-08", || {
        make(0);
        client_deletes();
    });
    assert_caught(Wrong::SendsToldOfClose, "CLOSE-31", || {
        make(0);
        act(|| manager::report_close(OUTGOING));
        sim::sleep(sim::MICROSECOND);
        act(client::send);
    });
    assert_caught(Wrong::MakesAfterFailure, "CLOSE-32", || {
        make(0);
        act(|| manager::report_failure(OUTGOING));
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
        act(|| client::make(0));
    });
    assert_caught(Wrong::MakesTwice, "MAKE-01", || {
        make(0);
        act(|| client::make(0));
    });
    assert_caught(Wrong::NotNull, "VC-01", || act(client::create));
    assert_caught(Wrong::ModifiesIdle, "QOS-01", || {
        act(client::create);
        act(|| client::modify(OUTGOING));
    });
    assert_caught(Wrong::ModifiesTwice, "QOS-01", || {
        make(0);
        act(|| {
            client::modify(OUTGOING);
            client::modify(OUTGOING);
        });
    });
    assert_caught(Wrong::AddsToPointToPoint, "PARTY-01", || {
        make(0);
        act(client::add);
    });
    assert_caught(Wrong::ReturnsTwice, "DATA-12", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        let list = pair().kept.borrow()[0];
        act(move || client::give_back(list));
        act(move || client::give_back(list));
    });
    for what in [Wrong::AnswersTwice, Wrong::AnswersPending] {
        assert_caught(what, "INC-04", || {
            take();
            let pending = wrong(Wrong::AnswersPending);
            act(move || client::decide(if pending { NDIS_STATUS_PENDING } else { 0 }));
        });
    }
}

/// Proves VRF-50, GEN-03, VC-12, AF-12, SAP-08, SAP-10, PARTY-06, CLOSE-20: handles that are used past their end.
#[test]
fn dead_handles_are_caught() {
    assert_caught(Wrong::UsesDeleted, "VRF-50", || {
        act(client::create);
        client_deletes();
        client_deletes();
    });
    assert_caught(Wrong::UsesClosedManagers, "VRF-50", incoming);
    assert_caught(Wrong::DeletesManagers, "VC-07", || {
        take();
        act(|| client::delete(INCOMING));
    });
    assert_caught(Wrong::UsesDroppedParty, "VRF-50", || {
        make(1);
        act(client::add);
        until("added 0x0");
        act(|| {
            client::drop_party(0);
            client::drop_party(0);
        });
    });
    assert_caught(Wrong::UsesClosedFamily, "VRF-50", || {
        act(|| {
            client::close_family();
            client::create();
        });
    });
    assert_caught(Wrong::OffersDeregistered, "VRF-50", || {
        act(client::register_sap);
        until("sap");
        act(manager::create_incoming);
        act(client::deregister_sap);
        until("sap gone");
        act(manager::offer);
    });
    assert_caught(Wrong::UsesDeregisteredSap, "VRF-50", || {
        act(client::register_sap);
        until("sap");
        act(client::deregister_sap);
        until("sap gone");
        act(client::deregister_sap);
    });
}
