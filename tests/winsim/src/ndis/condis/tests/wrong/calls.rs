//! Call managers that are wrong about VCs, calls and parties.

use std::collections::BTreeSet;
use std::ptr;

use cxndk::sys::ndis::NDIS_STATUS_FAILURE;

use super::super::flows::{make, take};
use super::super::{INCOMING, OUTGOING, Wrong, act, at, client, manager, pair, run, until};
use super::{assert_caught, call, incoming};
use crate::ndis::driver;
use crate::ndis::tests::halted_with;
use crate::sim::{self, HostId};

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
    assert_caught(Wrong::ReportsCloseInClose, "CLOSE-33", || {
        at("close_call", || {
            sim::sleep(20 * sim::MICROSECOND);
            manager::report_close(OUTGOING);
        });
        call();
    });
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
    assert_caught(Wrong::DropsLate, "PARTY-10", || {
        make(1);
        act(client::add);
        until("added 0x0");
        at("drop_party", || {
            sim::sleep(20 * sim::MICROSECOND);
            manager::report_drop(0);
        });
        act(|| client::drop_party(0));
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

/// Proves MAKE-06, MAKE-13, CLOSE-09, CLOSE-34, PARTY-03: completions that do not fit what was asked.
#[test]
fn completions_that_do_not_fit_are_caught() {
    assert_caught(Wrong::MakesForeignParty, "MAKE-06", call);
    assert_caught(Wrong::ClosesBeforeMade, "MAKE-13", || {
        act(client::create);
        act(|| client::make(0));
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
    });
    assert_caught(Wrong::ClosesForeignParty, "CLOSE-09", call);
    assert_caught(Wrong::ClosesWithReceives, "CLOSE-34", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
    });
    assert_caught(Wrong::AddsWithoutContext, "PARTY-03", || {
        make(1);
        act(client::add);
        until("added 0x0");
    });
}

/// Proves QOS-03, QOS-07: changes that were not activated.
#[test]
fn changes_that_are_not_activated_are_caught() {
    assert_caught(Wrong::ModifiesWithoutActivation, "QOS-03", || {
        make(0);
        act(|| client::modify(OUTGOING));
        until("modified 0x0");
    });
    assert_caught(Wrong::ChangesWithoutActivation, "QOS-07", || {
        make(0);
        act(|| manager::change(OUTGOING));
    });
}

/// Proves VC-04: a place for the handle that does not hold NULL, a family of another adapter.
#[test]
fn vcs_that_are_made_wrongly_are_caught() {
    assert_caught(Wrong::ManagerNotNull, "VC-04", || act(manager::create_incoming));
    assert_caught(Wrong::CreatesOnOtherAdapter, "VC-04", || {
        let _other = halted_with();
        let other = driver::adapters_of(HostId(1))[0].handle;
        pair().adapter.set(other as usize);
        act(manager::create_incoming);
    });
}

/// Proves VC-22, MAKE-05, INC-01, VC-20: an activation that pends is waited for; the seed decides whether it pends.
#[test]
fn what_happens_before_an_activation_is_complete_is_caught() {
    let rules = |scenario: fn()| {
        let caught = |seed| run(seed, Some(Wrong::UsesBeforeActivation), false, scenario).err();
        let rules = (0..40).filter_map(caught).map(|failure| failure.rule);
        rules.collect::<BTreeSet<_>>()
    };
    let made = rules(|| {
        act(client::create);
        act(|| client::make(0));
        until("made 0x0");
    });
    assert!(made.contains("MAKE-05"), "{made:?}");
    let offered = rules(|| {
        act(client::register_sap);
        until("sap");
        act(|| {
            manager::create_incoming();
            manager::offer();
        });
    });
    assert!(offered.contains("INC-01"), "{offered:?}");
    let deactivated = rules(|| {
        act(|| {
            manager::create_incoming();
            manager::deactivate_vc(INCOMING);
        });
    });
    assert!(deactivated.contains("VC-22"), "{deactivated:?}");
    let deleted = rules(|| {
        act(|| {
            manager::create_incoming();
            manager::delete(INCOMING);
        });
    });
    assert!(deleted.contains("VC-22"), "{deleted:?}");
    let again = rules(|| {
        act(|| {
            manager::create_incoming();
            manager::activate_vc(INCOMING);
        });
    });
    assert!(again.contains("VC-20"), "{again:?}");
}

/// Proves GEN-02: calls that are closed while other requests about them are out, and completions that are another miniport's.
#[test]
fn requests_that_are_never_completed_are_caught() {
    assert_caught(Wrong::HoldsModify, "GEN-02", || {
        make(0);
        act(|| client::modify(OUTGOING));
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
    });
    assert_caught(Wrong::HoldsParty, "GEN-02", || {
        make(1);
        act(client::add);
        act(|| client::close(OUTGOING, client::party(0)));
        until("closed 0x0");
    });
    for what in [Wrong::ActivatesAsMiniport, Wrong::DeactivatesAsMiniport] {
        assert_caught(what, "GEN-02", || act(|| manager::complete_as_miniport(OUTGOING)));
    }
}

/// Proves INC-01: a SAP of one family, a VC of another.
#[test]
fn an_offer_between_families_is_caught() {
    assert_caught(Wrong::OffersOfOtherFamily, "INC-01", || {
        act(client::register_sap);
        until("sap");
        act(client::open_family);
        sim::sleep(sim::MILLISECOND);
        act(manager::create_incoming);
        act(manager::offer);
    });
}
