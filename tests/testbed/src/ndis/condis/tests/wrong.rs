//! Every rule with a small wrong call manager or a small wrong client that it catches.

use std::ptr;

use cxndk::sys::ndis::{NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING};

use super::flows::{make, take};
use super::{INCOMING, OUTGOING, Wrong, act, caught, client, manager, pair, until, wrong};
use crate::ndis::kernel;

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

/// Proves REG-04, REG-05, REG-08, CLOSE-11: handlers that are missing (the one for completed closes among them) or shared.
#[test]
fn incomplete_registrations_are_caught() {
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

/// Proves AF-01: a family that is registered after Initialize.
#[test]
fn a_late_registration_is_caught() {
    assert_caught(Wrong::RegistersLate, "AF-01", || {
        act(|| manager::register_family(pair().adapter.get() as *mut _));
    });
}

/// Proves VRF-51, GEN-02, GEN-04: completions twice, with PENDING, beside a return, unasked; a create that pends.
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
}

/// Proves MAKE-04, MAKE-05, MAKE-08, VC-20: calls that are made in a wrong way.
#[test]
fn wrong_ways_to_make_a_call_are_caught() {
    assert_caught(Wrong::MakesInactive, "MAKE-05", call);
    assert_caught(Wrong::PartyContextOfNobody, "MAKE-04", || {
        pair().pends.set(false);
        call();
    });
    assert_caught(Wrong::FailsActive, "MAKE-08", || {
        pair().answer.set(NDIS_STATUS_FAILURE);
        act(client::create);
        act(|| client::make(0));
        until("made 0xc0000001");
    });
    assert_caught(Wrong::ActivatesIdle, "VC-20", || {
        act(client::create);
        act(|| manager::activate_vc(OUTGOING));
    });
}

/// Proves CLOSE-04, CLOSE-08, CLOSE-21, CLOSE-22, CLOSE-30, CLOSE-33, PARTY-10: calls that end in a wrong way.
#[test]
fn wrong_ways_to_end_a_call_are_caught() {
    assert_caught(Wrong::ClosesActive, "CLOSE-08", call);
    assert_caught(Wrong::ReportsCloseInClose, "CLOSE-33", call);
    assert_caught(Wrong::ReportsCloseTwice, "CLOSE-30", || {
        make(0);
        act(|| manager::report_close(OUTGOING));
        act(|| manager::report_close(OUTGOING));
    });
    assert_caught(Wrong::ClosesTwoParties, "CLOSE-04", || {
        make(1);
        act(client::add);
        until("added 0x0");
        act(|| client::close(OUTGOING, client::party(0)));
        until("closed 0x0");
    });
    assert_caught(Wrong::DropsLastParty, "PARTY-10", || {
        make(1);
        act(|| manager::report_drop(0));
    });
    assert_caught(Wrong::DeletesInHandler, "CLOSE-21", incoming);
    assert_caught(Wrong::DispatchesInHandler, "CLOSE-22", incoming);
}

/// Proves VC-07, VC-09, INC-01, INC-07: VCs that the call manager deletes, offers and connects when it must not.
#[test]
fn wrong_uses_of_vcs_are_caught() {
    assert_caught(Wrong::DeletesActive, "VC-09", || {
        act(manager::create_incoming);
        act(|| manager::delete(INCOMING));
    });
    assert_caught(Wrong::DeletesClients, "VC-07", || {
        act(client::create);
        act(|| manager::delete(OUTGOING));
    });
    assert_caught(Wrong::OffersInactive, "INC-01", take);
    assert_caught(Wrong::ConnectsUnasked, "INC-07", || {
        make(0);
        act(|| manager::connect(OUTGOING));
    });
}

/// Proves VC-24, VC-25, INC-11, DATA-04, DATA-09, VRF-43: packets at a wrong time, miscounted, of another VC, twice.
#[test]
fn wrong_packets_of_the_miniport_are_caught() {
    assert_caught(Wrong::DeactivatesWithSends, "VC-25", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        act(|| manager::deactivate_vc(OUTGOING));
    });
    assert_caught(Wrong::DeactivatesWithReceives, "VC-25", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        act(|| manager::deactivate_vc(OUTGOING));
    });
    for what in [Wrong::SendTwice, Wrong::SendPending] {
        assert_caught(what, "DATA-04", || {
            make(0);
            act(client::send);
        });
    }
    assert_caught(Wrong::IndicatesEarly, "INC-11", call);
    assert_caught(Wrong::IndicatesInactive, "VC-24", || {
        make(0);
        act(|| manager::deactivate_vc(OUTGOING));
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
    });
    assert_caught(Wrong::IndicatesMiscounted, "VRF-43", || {
        make(0);
        act(|| manager::indicate(OUTGOING, 2, manager::outgoing()));
    });
    assert_caught(Wrong::IndicatesForeign, "DATA-09", || {
        make(0);
        act(|| manager::indicate(OUTGOING, 1, ptr::null_mut()));
    });
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

/// Proves DATA-01, DATA-12, CLOSE-01, CLOSE-02, CLOSE-03, CLOSE-33, MAKE-01, VC-01, VC-08, QOS-01, PARTY-01, INC-04: what a client
/// does with calls and packets when it must not.
#[test]
fn wrong_clients_are_caught() {
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
    assert_caught(Wrong::ClosesWithoutParty, "CLOSE-03", || {
        make(1);
        act(|| client::close(OUTGOING, ptr::null_mut()));
    });
    assert_caught(Wrong::DeletesConnected, "VC-08", || {
        make(0);
        client_deletes();
    });
    assert_caught(Wrong::MakesTwice, "MAKE-01", || {
        make(0);
        act(|| client::make(0));
    });
    assert_caught(Wrong::NotNull, "VC-01", || act(client::create));
    assert_caught(Wrong::ModifiesIdle, "QOS-01", || {
        act(client::create);
        act(client::modify);
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

/// Proves VRF-50, GEN-03, VC-12, AF-12, SAP-08, PARTY-06, CLOSE-20: handles that are used past their end.
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
    assert_caught(Wrong::UsesDeregisteredSap, "VRF-50", || {
        act(client::register_sap);
        until("sap");
        act(client::deregister_sap);
        until("sap gone");
        act(client::deregister_sap);
    });
}
