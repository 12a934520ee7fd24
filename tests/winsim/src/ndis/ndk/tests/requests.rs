//! Posts and their order: QP-01, QP-07, QP-14, CQ-36; and CONN-55.

use std::ptr;

use cxndk::sys::ndkpi::*;

use super::ledger_consumer::{self as wrong_consumer, fetch, receive, send};
use super::provider;
use super::{Consumer, PENDING, Wrong, assert_broken, assert_misuse, dispatch};
use crate::sim;

/// Twelve requests, four at a time, in order, each with its result.
fn in_order(consumer: &Consumer) {
    let (qp, cq) = wrong_consumer::pair(consumer);
    for round in 0..3 {
        for number in 0..4 {
            assert_eq!(send(qp, round * 4 + number, 0), 0);
            assert_eq!(receive(qp, 100 + number), 0);
        }
        provider::queue_pair::finish(0);
        let contexts: Vec<usize> = fetch(cq)
            .iter()
            .map(|result| result.RequestContext as usize)
            .collect();
        let expected: Vec<usize> = (0..4)
            .flat_map(|number| [round * 4 + number, 100 + number])
            .collect();
        assert_eq!(contexts, expected);
    }
}

fn five_at_once(consumer: &Consumer) {
    let (qp, _) = wrong_consumer::pair(consumer);
    for number in 0..4 {
        assert_eq!(send(qp, number, 0), 0);
    }
    assert_ne!(send(qp, 4, 0), 0);
}

fn three(consumer: &Consumer) {
    let (qp, _) = wrong_consumer::pair(consumer);
    for number in 0..3 {
        send(qp, number, 0);
    }
}

fn from_two_contexts(consumer: &Consumer) {
    let (qp, cq) = wrong_consumer::pair(consumer);
    let other = qp as usize;
    let task = sim::spawn(sim::TaskSpec::on("other poster", sim::HostId(0), 0), move || {
        send(other as *mut NDK_QP, 2, 0);
    });
    send(qp, 1, 0);
    sim::join(task);
    fetch(cq);
}

/// A send and a receive may be posted at once.
fn to_two_queues_at_once(consumer: &Consumer) {
    let (qp, _) = wrong_consumer::pair(consumer);
    let other = qp as usize;
    let task = sim::spawn(sim::TaskSpec::on("other poster", sim::HostId(0), 0), move || {
        assert_eq!(receive(other as *mut NDK_QP, 2), 0);
    });
    assert_eq!(send(qp, 1, 0), 0);
    sim::join(task);
}

/// Proves the checks of QP-01, QP-07 and QP-14: whole queues are used, by one context at a time.
#[test]
fn posts_are_serialised_and_answered_at_once_within_the_depth() {
    assert_misuse("none", in_order);
    assert_misuse("none", five_at_once);
    assert_misuse("none", to_two_queues_at_once);
    assert_misuse("QP-01", from_two_contexts);
    assert_broken(Wrong::PostPends, "QP-07", "VRF-47", three);
    assert_broken(Wrong::FullEarly, "QP-14", "VRF-48", three);
}

fn more_than_the_queue_holds(consumer: &Consumer) {
    let cq = consumer.cq_of(2);
    let qp = Consumer::qp(consumer.pd(), cq);
    for number in 0..2 {
        send(qp, number, 0);
    }
    provider::queue_pair::finish(0);
    assert_eq!(fetch(cq).len(), 2);
    send(qp, 2, 0);
    send(qp, 3, NDK_OP_FLAG_SILENT_SUCCESS);
    receive(qp, 4);
}

/// Proves the check of CQ-36: a completion queue has room for whatever may complete on it.
#[test]
fn more_requests_than_a_completion_queue_holds_are_the_consumers_fault() {
    assert_misuse("CQ-36", more_than_the_queue_holds);
    assert_misuse("none", |consumer| {
        super::super::forgive("CQ-36");
        more_than_the_queue_holds(consumer);
    });
}

fn data(connector: *mut NDK_CONNECTOR) {
    let none = ptr::null_mut();
    dispatch!(
        connector,
        NdkGetConnectionData,
        ptr::null_mut(),
        ptr::null_mut(),
        none,
        ptr::null_mut()
    );
}

fn complete(connector: *mut NDK_CONNECTOR) {
    let (event, done) = (Some(super::on_disconnected as _), Some(super::on_request as _));
    let none = ptr::null_mut();
    assert_eq!(
        dispatch!(connector, NdkCompleteConnect, event, none, done, none),
        PENDING
    );
}

fn data_in_time(consumer: &Consumer) {
    let connector = consumer.connector();
    Consumer::connect(connector, Consumer::qp(consumer.pd(), consumer.cq()));
    provider::complete_all(0);
    data(connector);
    complete(connector);
    provider::complete_all(0);
}

fn data_too_late(consumer: &Consumer) {
    let connector = consumer.connector();
    complete(connector);
    provider::complete_all(0);
    data(connector);
}

/// Proves the check of CONN-55.
#[test]
fn connection_data_is_asked_for_in_time() {
    assert_misuse("none", data_in_time);
    assert_misuse("CONN-55", data_too_late);
}
