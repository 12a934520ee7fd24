//! Requests and statuses that are wrong.

use cxndk::sys::ndis::NDIS_STATUS_PENDING;

use super::super::client::About;
use super::super::flows::make;
use super::super::{Wrong, act, adapter, client, manager, until};
use super::assert_caught;
use crate::sim;

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

/// Proves OID-05, OID-06, OID-07, OID-09, OID-02 of the CoNDIS contract, VRF-06: answers about another VC, from a client, too late; questions about what
/// does not belong together, and one that is out.
#[test]
fn wrong_questions_and_late_answers_are_caught() {
    assert_caught(Wrong::AnswersOfOtherVc, "OID-05", || {
        act(client::create);
        act(|| client::ask_about(false, About::Vc));
        until("answered 0x0");
    });
    assert_caught(Wrong::AnswersTooMuch, "OID-06", || {
        act(|| client::ask(true));
        until("answered 0x0");
    });
    assert_caught(Wrong::AnswersLate, "VRF-06", || {
        act(|| client::ask(true));
        sim::sleep(13 * sim::SECOND);
    });
    assert_caught(Wrong::ClientAnswersPending, "OID-09", || {
        act(|| manager::ask_client(About::Adapter));
        until("client answered 0xc00000bb");
    });
    assert_caught(Wrong::ClientAnswersOther, "OID-09", || {
        act(client::create);
        act(|| manager::ask_client(About::Vc));
        until("client answered 0xc00000bb");
    });
    assert_caught(Wrong::AsksOfParty, "OID-07", || {
        make(1);
        act(|| client::ask_about(false, About::Party));
    });
    assert_caught(Wrong::AsksPlainlyTwice, "OID-02", || {
        act(|| {
            let request = client::new_request();
            for _ in 0..2 {
                client::ask_plainly(0x0001_010e, request);
            }
        });
    });
    assert_caught(Wrong::AsksTwice, "OID-02", || {
        act(|| {
            client::ask(true);
            client::ask(true);
        });
    });
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

/// Proves AF-20: a call manager that gives notice twice.
#[test]
fn a_second_notice_is_caught() {
    assert_caught(Wrong::NoticesTwice, "AF-20", || {
        act(|| {
            manager::notify_close();
            manager::notify_close();
        });
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
