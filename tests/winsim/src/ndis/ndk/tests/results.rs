//! Results: QP-06, QP-07, QP-09, QP-20, QP-40, QP-60, QP-64, CREATE-16, CQ-04, CQ-09, LEDGER-04.

use cxndk::sys::ndkpi::NDK_OP_FLAG_SILENT_SUCCESS;

use super::ledger_consumer::{fetch, pair, receive, send};
use super::{Consumer, Wrong, assert_broken, assert_misuse, dispatch, provider};
use crate::sim::{self, SECOND};

fn two(consumer: &Consumer) {
    let (qp, cq) = pair(consumer);
    send(qp, 1, 0);
    send(qp, 2, 0);
    provider::queue_pair::finish(0);
    fetch(cq);
}

fn one_receive(consumer: &Consumer) {
    let (qp, cq) = pair(consumer);
    receive(qp, 1);
    provider::queue_pair::finish(0);
    fetch(cq);
}

/// Proves the checks of QP-06, QP-07, QP-09, CREATE-16, CQ-04 and CQ-09: one result for an accepted request, in order, under its
/// contexts and type.
#[test]
fn every_accepted_request_has_one_result_in_order() {
    assert_misuse("none", two);
    assert_broken(Wrong::ReportsTwice, "QP-06", "VRF-48", two);
    assert_broken(Wrong::OtherRequest, "QP-06", "VRF-48", two);
    assert_broken(Wrong::OtherPair, "CREATE-16", "VRF-48", two);
    assert_broken(Wrong::FailsWithResult, "QP-07", "VRF-48", |consumer| {
        let (qp, cq) = pair(consumer);
        let queue = cq as usize;
        let task = sim::spawn(sim::TaskSpec::on("poller", sim::HostId(0), 0), move || {
            while fetch(queue as *mut _).is_empty() {
                sim::sleep(10);
            }
        });
        send(qp, 1, 0);
        sim::join(task);
    });
    assert_broken(Wrong::Reorders, "CQ-09", "VRF-48", two);
    assert_broken(Wrong::OddType, "CQ-04", "VRF-48", two);
}

/// Proves the checks of QP-40, QP-64 and LEDGER-04: what a result says.
#[test]
fn results_say_what_they_may() {
    assert_misuse("none", one_receive);
    assert_broken(Wrong::OddStatus, "LEDGER-04", "VRF-48", two);
    assert_broken(Wrong::TooManyBytes, "QP-40", "VRF-48", one_receive);
    assert_broken(Wrong::SucceedsAfterFailure, "QP-64", "VRF-48", two);
}

fn silent_then_not(consumer: &Consumer) {
    let (qp, cq) = pair(consumer);
    for round in 0..3 {
        for number in 0..3 {
            assert_eq!(send(qp, number, NDK_OP_FLAG_SILENT_SUCCESS), 0);
        }
        assert_eq!(send(qp, 10 + round, 0), 0);
        provider::queue_pair::finish(0);
        let results = fetch(cq);
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].RequestContext as usize, 10 + round);
    }
}

/// Proves the check of QP-20: a silent request has a result only if it fails; a later result makes its place free.
#[test]
fn silent_requests_have_no_result() {
    assert_misuse("none", silent_then_not);
    assert_broken(Wrong::ReportsSilent, "QP-20", "VRF-48", silent_then_not);
}

fn flush(consumer: &Consumer) {
    let (qp, cq) = pair(consumer);
    send(qp, 1, 0);
    receive(qp, 2);
    dispatch!(qp, NdkFlush);
    fetch(cq);
    sim::sleep(200 * SECOND);
    fetch(cq);
}

/// Proves the check of QP-60: what was flushed completes.
#[test]
fn flushed_requests_complete() {
    assert_misuse("none", flush);
    assert_broken(Wrong::LosesFlushed, "QP-60", "VRF-47", flush);
}
