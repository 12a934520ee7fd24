//! How calls, bindings and adapters end, as section 14 of condis.md has it.

use std::ptr;

use super::flows::{end_incoming, leave, make, passes, take};
use super::{INCOMING, OUTGOING, act, at, client, log, manager, start, unload, until};
use crate::sim;
use crate::sim::faults::{self, Plan, When};

/// Proves INC-08: the client took the call with parameters that cannot be; it is told to close instead of that the call is connected.
#[test]
fn a_call_with_bad_parameters_is_closed_before_it_is_connected() {
    passes(|| {
        act(client::register_sap);
        until("sap");
        act(manager::create_incoming);
        at("connect", || manager::report_close(INCOMING));
        act(manager::offer);
        until("peer closed");
        assert!(!log().iter().any(|line| line == "connected"));
        end_incoming();
        leave();
    });
}

/// Proves VC-28, CLOSE-10, CLOSE-22: the call manager keeps its VC, activates it again, and offers another call on it.
#[test]
fn the_call_manager_uses_its_vc_again() {
    passes(|| {
        take();
        at("closed", || {});
        act(|| client::close(INCOMING, ptr::null_mut()));
        until("closed 0x0");
        // The client's handler, which says so, may not have returned yet.
        sim::sleep(sim::MILLISECOND);
        log();
        // The client knows before the call manager's NdisMCmCloseCallComplete has returned, and only then the VC is free.
        crate::sim::sleep(crate::sim::MILLISECOND);
        act(|| {
            manager::activate_vc(INCOMING);
            manager::offer();
        });
        until("connected");
        end_incoming();
        leave();
    });
}

/// Proves PARTY-10, PARTY-11, PARTY-13, CLOSE-31: one party after the other leaves; the last of them ends the call.
#[test]
fn a_multipoint_call_ends_with_the_last_party_that_leaves() {
    passes(|| {
        make(1);
        act(client::add);
        until("added 0x0");
        act(|| manager::report_drop(0));
        until("peer 0 left");
        act(|| client::drop_party(0));
        until("dropped 0 0x0");
        act(|| manager::report_close(OUTGOING));
        until("peer closed");
        act(|| client::close(OUTGOING, client::party(1)));
        until("closed 0x0");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
    });
}

/// Proves CLOSE-32: the network fails; the client closes and gives its VC up.
#[test]
fn a_call_whose_network_failed_is_given_up() {
    passes(|| {
        make(0);
        act(|| manager::report_failure(OUTGOING));
        until("peer closed");
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
        log();
        make(0);
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0x0");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
    });
}

/// What a client with a call and a SAP does before it closes its family.
fn give_all_up() {
    client::close(OUTGOING, ptr::null_mut());
    until("closed 0x0");
    assert_eq!(client::delete(OUTGOING), 0);
    client::deregister_sap();
    until("sap gone");
}

/// A call and a SAP.
fn have_all() {
    make(0);
    act(client::register_sap);
    until("sap");
    at("leave", give_all_up);
}

/// Both ways of the call manager to answer, at many seeds.
fn runs(scenario: fn(u64, bool)) {
    for seed in 0..20 {
        for pends in [false, true] {
            sim::run(seed, move || scenario(seed, pends)).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }
}

/// Proves HALT-01, AF-25: an adapter that stops takes the client off it, calls and all; when it starts again the client is told of the family
/// again.
#[test]
fn a_client_leaves_an_adapter_that_stops_and_comes_back() {
    runs(|seed, pends| {
        let (driver, adapter) = start(seed, None, pends);
        have_all();
        adapter.stop();
        log();
        adapter.start().expect("the adapter starts again");
        until("open");
        have_all();
        act(client::deregister);
        adapter.stop();
        unload(driver, adapter);
    });
}

/// The close of an adapter waits for the requests of its binding.
#[test]
fn an_adapter_is_closed_after_the_last_answer() {
    runs(|seed, pends| {
        let (driver, adapter) = start(seed, None, pends);
        act(client::close_family);
        until("family closed");
        act(|| client::ask(false));
        adapter.stop();
        assert!(log().iter().any(|line| line == "answered 0x0"));
        act(client::deregister);
        unload(driver, adapter);
    });
}

/// Proves AF-20, AF-21, AF-22, AF-23, AF-24, HALT-03, HALT-04: the miniport gives notice in its Halt, the client closes all it has, and Halt
/// goes on.
#[test]
fn a_client_leaves_at_the_notice_of_a_miniport_that_halts() {
    runs(|seed, pends| {
        let (driver, adapter) = start(seed, None, pends);
        have_all();
        at("halt", || {
            assert_eq!(manager::notify_close(), cxndk::sys::ndis::NDIS_STATUS_PENDING);
            until("notified 0x0");
        });
        adapter.pause();
        adapter.halt_bound(0);
        act(client::deregister);
        unload(driver, adapter);
    });
}

/// Every service that a client asks for can find no memory; the client hears it, and nothing is left.
#[test]
fn every_service_of_a_client_can_fail() {
    const RESOURCES: &str = "0xc000009a";
    runs(|seed, pends| {
        let (driver, adapter) = start(seed, None, pends);
        let fails = |point: &'static str, f: fn(), what: &str| {
            faults::set(Some(Plan::new().fail(point, When::Nth(1))));
            act(f);
            until(&format!("{what} {RESOURCES}"));
            faults::set(None);
        };
        fails("NdisClRegisterSap", client::register_sap, "sap");
        fails("NdisCoCreateVc", client::create, "created");
        act(client::create);
        fails("NdisClMakeCall", || client::make(0), "made");
        act(|| client::make(1));
        until("made 0x0");
        fails("NdisClAddParty", client::add, "added");
        act(|| client::close(OUTGOING, client::party(0)));
        until("closed 0x0");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
        act(client::close_family);
        until("family closed");
        fails("NdisClOpenAddressFamilyEx", client::open_family, "open");
        adapter.stop();
        faults::set(Some(Plan::new().fail("NdisOpenAdapterEx", When::Nth(1))));
        log();
        adapter.start().expect("the adapter starts without the client");
        assert!(log().is_empty());
        faults::set(None);
        act(client::deregister);
        adapter.stop();
        unload(driver, adapter);
    });
}
