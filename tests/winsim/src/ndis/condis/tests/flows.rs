//! The flows of condis.md section 14, between the tiny call manager and the tiny client.

use std::ptr;

use cxndk::sys::condis::{CO_ADDRESS_FAMILY_INFINIBAND, CO_ADDRESS_FAMILY_Q2931};
use cxndk::sys::ndis::{
    NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING,
};

use super::{INCOMING, OUTGOING, act, adapter, client, log, manager, pair, run, times, until, until_times};

/// Every flow at several seeds, with a call manager that answers at once and with one that pends.
pub(super) fn passes(scenario: fn()) {
    for seed in 0..20 {
        for pends in [false, true] {
            run(seed, None, pends, scenario).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }
}

/// The client makes a VC and a call on it.
pub(super) fn make(parties: usize) {
    act(client::create);
    act(move || client::make(parties));
    until("made 0x0");
}

/// The client closes its call and deletes the VC.
pub(super) fn end() {
    act(|| client::close(OUTGOING, ptr::null_mut()));
    until("closed 0x0");
    assert_eq!(act(|| client::delete(OUTGOING)), 0);
}

/// A call comes in on a new SAP, and is offered.
pub(super) fn ring() {
    act(client::register_sap);
    until("sap");
    act(manager::create_incoming);
    act(manager::offer);
}

/// A call comes in and is connected.
pub(super) fn take() {
    ring();
    until("connected");
}

/// The client closes the call that came in, and the call manager's VC goes.
pub(super) fn end_incoming() {
    let (closed, deleted) = (times("closed 0x0"), times("manager deleted"));
    act(|| client::close(INCOMING, ptr::null_mut()));
    until_times("closed 0x0", closed + 1);
    if !pair().pends.get() {
        act(manager::delete_incoming);
    }
    until_times("manager deleted", deleted + 1);
}

/// The client gives its SAP up.
pub(super) fn leave() {
    act(client::deregister_sap);
    until("sap gone");
}

/// Waits for a close; what its completion handler was given, if it was called and the close was not done at once.
fn closed_as(what: &str) {
    until("closed 0x0");
    let pair = pair();
    let log = pair.log.borrow();
    match log.iter().find(|line| line.starts_with("close of")) {
        Some(line) => assert_eq!(line, what),
        None => assert!(
            !pair.pends.get(),
            "a close that pends is completed by the handler"
        ),
    }
}

/// Proves AF-03, AF-06, AF-10, GEN-01: the client hears of the family, opens it, and closes it.
#[test]
fn a_client_opens_and_closes_the_family() {
    passes(|| {});
}

/// Proves AF-04: a protocol driver does not become the call manager of a family that the miniport manages.
#[test]
fn the_miniport_stays_the_one_call_manager_of_its_family() {
    passes(|| {
        assert_eq!(
            act(|| client::manage(CO_ADDRESS_FAMILY_INFINIBAND)),
            NDIS_STATUS_FAILURE
        );
        assert_eq!(
            act(|| client::manage(CO_ADDRESS_FAMILY_Q2931)),
            NDIS_STATUS_NOT_SUPPORTED
        );
    });
}

/// Proves MAKE-01, VC-02, CLOSE-02, CLOSE-12, CLOSE-13, CLOSE-15, CLOSE-16, CLOSE-17, CLOSE-18: made, closed, made again on the same VC.
#[test]
fn a_call_is_made_and_its_vc_used_again() {
    passes(|| {
        make(0);
        act(|| client::close(OUTGOING, ptr::null_mut()));
        closed_as("close of outgoing with 0x0");
        log();
        act(|| client::make(0));
        until("made 0x0");
        end();
    });
}

/// Proves MAKE-08, MAKE-10: a call that fails leaves a VC that can be deleted.
#[test]
fn a_call_fails_and_its_vc_is_deleted() {
    passes(|| {
        pair().answer.set(NDIS_STATUS_FAILURE);
        act(client::create);
        act(|| client::make(0));
        until("made 0xc0000001");
        pair().answer.set(0);
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
    });
}

/// Proves CLOSE-14, CLOSE-25: the status of a close that fails is passed on, and the call stays.
#[test]
fn a_close_that_fails_leaves_the_call() {
    passes(|| {
        make(0);
        pair().answer.set(NDIS_STATUS_FAILURE);
        act(|| client::close(OUTGOING, ptr::null_mut()));
        until("closed 0xc0000001");
        pair().answer.set(0);
        act(client::send);
        until("sent");
        end();
    });
}

/// Proves VC-05, INC-03, INC-06, CLOSE-15, CLOSE-16, CLOSE-21: a call comes in, is taken at once, and ends by the client; its VC is deleted
/// by the call manager.
#[test]
fn an_incoming_call_is_taken_and_closed() {
    passes(|| {
        take();
        act(|| client::close(INCOMING, ptr::null_mut()));
        closed_as("close of incoming with 0x0");
        if !pair().pends.get() {
            act(manager::delete_incoming);
        }
        until("manager deleted");
        leave();
    });
}

/// Proves INC-04, INC-06: the client takes the call later.
#[test]
fn an_incoming_call_is_taken_later() {
    passes(|| {
        pair().decision.set(NDIS_STATUS_PENDING);
        ring();
        act(|| client::decide(0));
        until("connected");
        end_incoming();
        leave();
    });
}

/// Proves INC-09: the client refuses, and the call manager deletes its VC without a close.
#[test]
fn an_incoming_call_is_refused() {
    passes(|| {
        pair().decision.set(NDIS_STATUS_FAILURE);
        ring();
        until("manager deleted");
        leave();
    });
}

/// Proves CLOSE-30, CLOSE-31: the peer closes, and the client answers.
#[test]
fn the_peer_closes_and_the_client_answers() {
    passes(|| {
        make(0);
        act(|| manager::report_close(OUTGOING));
        until("peer closed");
        end();
    });
}

/// Proves QOS-03, QOS-05, QOS-07: parameters are changed from both sides.
#[test]
fn parameters_are_changed_from_both_sides() {
    passes(|| {
        make(0);
        act(|| client::modify(OUTGOING));
        until("modified 0x0");
        act(|| manager::change(OUTGOING));
        until("changed");
        end();
    });
}

/// Proves PARTY-08, PARTY-10, PARTY-13, CLOSE-16: parties come and go, the last cannot be dropped, and the call closes with it.
#[test]
fn a_multipoint_call_is_closed_with_its_last_party() {
    passes(|| {
        make(1);
        act(client::add);
        until("added 0x0");
        act(|| manager::report_drop(0));
        until("peer 0 left");
        act(|| client::drop_party(0));
        until("dropped 0 0x0");
        act(|| client::drop_party(1));
        until("dropped 1 0xc0000001");
        log();
        act(|| client::close(OUTGOING, client::party(1)));
        closed_as("close of outgoing with party 1");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
    });
}

/// Proves AF-13, AF-15: a close of the family that the call manager does not accept is made again later.
#[test]
fn a_family_that_is_not_closed_stays_open() {
    passes(|| {
        pair().answer.set(NDIS_STATUS_NOT_ACCEPTED);
        act(client::close_family);
        until("family closed 0x10003");
        pair().answer.set(0);
        make(0);
        end();
    });
}

/// Proves DATA-11: the client gives packets of two VCs back in one chain.
#[test]
fn packets_of_two_vcs_come_back_in_one_chain() {
    passes(|| {
        pair().keeps.set(true);
        make(0);
        take();
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        act(|| manager::indicate(INCOMING, 1, manager::incoming()));
        act(client::give_all_back);
        assert_eq!(log().iter().filter(|line| *line == "returned").count(), 2);
        end_incoming();
        log();
        leave();
        end();
    });
}

/// Proves VRF-40, HALT-02 of the CoNDIS contract: a packet that is sent to a paused adapter comes back, and the call goes on afterwards.
#[test]
fn a_call_stands_while_the_adapter_is_paused() {
    passes(|| {
        make(0);
        adapter().pause();
        act(client::send);
        until("sent 0xc023002a");
        adapter().restart().expect("the adapter runs again");
        act(client::send);
        until("sent");
        end();
    });
}

/// Proves DATA-04, OID-20: packets go both ways and come back; a status goes to the client.
#[test]
fn packets_come_back_and_statuses_arrive() {
    passes(|| {
        make(0);
        act(client::send);
        until("sent");
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        until("received");
        act(manager::indicate_status);
        until("status");
        end();
    });
}
