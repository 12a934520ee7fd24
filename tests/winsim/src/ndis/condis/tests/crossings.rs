//! What call manager and client do at the same moment.

use std::collections::BTreeSet;
use std::ptr;

use cxndk::sys::ndis::NDIS_STATUS_PENDING;

use super::flows::{end, end_incoming, leave, make, passes, ring, take};
use super::{INCOMING, OUTGOING, act, at, client, log, manager, pair, run, until};

/// Runs `scenario` at many seeds; whether the client heard of `news`, over all of them.
fn heard(news: &'static str, scenario: fn()) -> BTreeSet<bool> {
    let mut heard = BTreeSet::new();
    for seed in 0..40 {
        let result = run(seed, None, true, scenario);
        result.unwrap_or_else(|failure| panic!("{failure}"));
        let again = crate::sim::run(seed, move || {
            let (..) = super::start(seed, None, true);
            scenario();
            log().iter().any(|line| line == news)
        });
        heard.insert(again.unwrap_or_else(|failure| panic!("{failure}")));
    }
    heard
}

/// Proves CLOSE-33: peer and client close at once; the client may or may not hear of the other's close, and there is one close.
#[test]
fn closes_that_cross_are_one() {
    let both = heard("peer closed", || {
        make(0);
        at("close_call", || manager::report_close(OUTGOING));
        end();
    });
    assert_eq!(both, BTreeSet::from([false, true]));
}

/// As the closes, for a call that becomes connected and for parameters that the peer changes.
#[test]
fn other_news_that_cross_a_close_may_be_lost() {
    let connected = heard("connected", || {
        at("connect", || {});
        ring();
        at("close_call", || manager::connect(INCOMING));
        act(|| client::close(INCOMING, ptr::null_mut()));
        until("manager deleted");
        leave();
    });
    assert_eq!(connected, BTreeSet::from([false, true]));
    let changed = heard("changed", || {
        make(0);
        at("close_call", || manager::change(OUTGOING));
        end();
    });
    assert_eq!(changed, BTreeSet::from([false, true]));
}

/// Proves PARTY-10, PARTY-12: a party leaves while the client drops it.
#[test]
fn a_party_that_leaves_while_it_is_dropped_is_dropped_once() {
    let both = heard("peer 0 left", || {
        make(1);
        act(client::add);
        until("added 0x0");
        at("drop_party", || manager::report_drop(0));
        act(|| client::drop_party(0));
        until("dropped 0 0x0");
        act(|| client::close(OUTGOING, client::party(1)));
        until("closed 0x0");
        assert_eq!(act(|| client::delete(OUTGOING)), 0);
    });
    assert_eq!(both, BTreeSet::from([false, true]));
}

/// Proves SAP-06: a call arrives before the registration of its SAP is complete.
#[test]
fn a_call_arrives_before_its_sap_is_registered() {
    passes(|| {
        at("register_sap", || {
            manager::create_incoming();
            manager::offer();
        });
        act(client::register_sap);
        until("connected");
        until("sap");
        leave();
        end_incoming();
    });
}

/// Proves SAP-10: a SAP that the client gives up brings no more calls, and its calls stay as they are.
#[test]
fn a_sap_that_is_given_up_brings_no_more_calls() {
    passes(|| {
        act(client::register_sap);
        until("sap");
        act(manager::create_incoming);
        at("deregister_sap", manager::offer);
        leave();
        until("decided 0xc0000001");
        until("manager deleted");
        assert!(!log().iter().any(|line| line == "offered"));
        take();
        leave();
        act(|| manager::indicate(INCOMING, 1, manager::incoming()));
        until("received");
        end_incoming();
    });
}

/// Proves INC-13: the client asks for other parameters while it thinks about an offer.
#[test]
fn an_offer_is_negotiated() {
    passes(|| {
        pair().decision.set(NDIS_STATUS_PENDING);
        ring();
        act(|| client::modify(INCOMING));
        until("modified 0x0");
        act(|| client::decide(0));
        until("connected");
        end_incoming();
        leave();
    });
}
