//! Requests and statuses that are wrong.

use cxndk::sys::ndis::NDIS_STATUS_PENDING;

use super::super::{Wrong, act, adapter, client, manager, until};
use super::assert_caught;

/// Proves OID-05: answers that pend, that come twice, that come by the function for requests to the miniport.
#[test]
fn wrong_answers_to_requests_are_caught() {
    for what in [
        Wrong::AnswersRequestPending,
        Wrong::AnswersRequestTwice,
        Wrong::AnswersRequestElsewhere,
    ] {
        assert_caught(what, "OID-05", || {
            act(|| client::ask(true));
            until("answered 0x0");
        });
    }
}

/// Proves OID-21: a status before the registration attributes, and one after Halt.
#[test]
fn statuses_of_no_adapter_are_caught() {
    assert_caught(Wrong::EarlyStatus, "OID-21", || {});
    assert_caught(Wrong::LateStatus, "OID-21", || {
        act(client::close_family);
        until("family closed");
        adapter().stop();
        act(manager::indicate_status);
    });
}

/// Proves AF-24, HALT-07: a miniport that halts before its client has answered the notice, and one that gives none.
#[test]
fn a_halt_with_an_open_family_is_caught() {
    assert_caught(Wrong::IgnoresNotice, "AF-24", || {
        assert_eq!(act(manager::notify_close), NDIS_STATUS_PENDING);
        adapter().pause();
        adapter().halt_bound(0);
    });
    assert_caught(Wrong::HaltsWithFamily, "HALT-07", || {
        adapter().pause();
        adapter().halt_bound(0);
    });
}
