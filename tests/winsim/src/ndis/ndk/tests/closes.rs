//! Closes: LIFE-17, LIFE-18, LIFE-30 ... LIFE-38, LIFE-40, LIFE-41, LIFE-51 ... LIFE-53.

use cxndk::sys::ndkpi::NDK_CQ;

use super::provider;
use super::{Consumer, PENDING, Wrong, assert_broken, assert_misuse, close, dispatch, seen};

fn close_cq(consumer: &Consumer) {
    close(consumer.cq());
}

fn close_while_connecting(consumer: &Consumer) {
    let qp = Consumer::qp(consumer.pd(), consumer.cq());
    let connector = consumer.connector();
    Consumer::connect(connector, qp);
    close(connector);
    provider::complete_all(0);
}

/// Closes the connector inside the completion of its connect.
fn close_in_callback(consumer: &Consumer) {
    let qp = Consumer::qp(consumer.pd(), consumer.cq());
    let connector = consumer.connector();
    Consumer::connect(connector, qp);
    seen().created.set(connector as usize);
    seen().action.set(Some(|| {
        close(seen().created.get() as *mut NDK_CQ);
    }));
    provider::complete_all(0);
    assert_eq!(seen().closes.get(), 1);
}

fn close_antecedent(consumer: &Consumer) {
    let (pd, cq) = (consumer.pd(), consumer.cq());
    let qp = Consumer::qp(pd, cq);
    close(pd);
    close(cq);
    close(qp);
}

/// The close of the QP pends too, on its connector.
fn close_chain(consumer: &Consumer) {
    let (pd, cq) = (consumer.pd(), consumer.cq());
    let qp = Consumer::qp(pd, cq);
    let connector = consumer.connector();
    Consumer::connect(connector, qp);
    provider::complete_all(0);
    assert_eq!([close(pd), close(qp), close(connector)], [PENDING, PENDING, 0]);
    assert_eq!(seen().closes.get(), 2);
}

/// Proves the checks of LIFE-30, LIFE-31 and LIFE-32 (VRF-47).
#[test]
fn a_close_succeeds_or_pends_and_completes_once() {
    assert_broken(Wrong::CloseFails, "LIFE-30", "VRF-47", close_cq);
    assert_broken(Wrong::CloseSucceedsTwice, "LIFE-32", "VRF-47", close_cq);
    assert_broken(Wrong::CloseCompletesTwice, "LIFE-10", "VRF-47", close_antecedent);
}

/// Proves the checks of LIFE-33, LIFE-34, LIFE-35 and LIFE-18 (VRF-47).
#[test]
fn a_close_waits_for_requests_and_callbacks() {
    assert_broken(
        Wrong::CloseIgnoresRequests,
        "LIFE-33",
        "VRF-47",
        close_while_connecting,
    );
    assert_broken(
        Wrong::CloseCompletesEarly,
        "LIFE-35",
        "VRF-47",
        close_while_connecting,
    );
    assert_broken(
        Wrong::CloseIgnoresCallbacks,
        "LIFE-34",
        "VRF-47",
        close_in_callback,
    );
    assert_misuse("none", close_while_connecting);
    assert_misuse("none", close_in_callback);
}

/// Proves the checks of LIFE-51, LIFE-52 and LIFE-53 (VRF-47).
#[test]
fn an_antecedent_outlives_its_successors() {
    assert_broken(
        Wrong::CloseIgnoresSuccessors,
        "LIFE-51",
        "VRF-47",
        close_antecedent,
    );
    assert_broken(Wrong::CloseCompletesEarly, "LIFE-52", "VRF-47", close_antecedent);
    assert_broken(Wrong::ParentFirst, "LIFE-52", "VRF-47", close_chain);
    assert_misuse("none", close_antecedent);
    assert_misuse("none", close_chain);
}

fn notify_after_close(consumer: &Consumer) {
    let cq = consumer.cq();
    dispatch!(cq, NdkArmCq, 1);
    dispatch!(cq, NdkArmCq, 1);
    provider::notify(cq, 0);
    close(cq);
    provider::notify(cq, 0);
}

/// Proves the check of LIFE-38 (VRF-47).
#[test]
fn nothing_comes_after_the_close() {
    assert_broken(Wrong::EventAfterClose, "LIFE-38", "VRF-47", notify_after_close);
}

fn close_twice(consumer: &Consumer) {
    let (pd, cq) = (consumer.pd(), consumer.cq());
    Consumer::qp(pd, cq);
    close(cq);
    close(cq);
}

fn use_after_close(consumer: &Consumer) {
    let cq = consumer.cq();
    close(cq);
    dispatch!(cq, NdkArmCq, 1);
}

fn use_while_closing(consumer: &Consumer) {
    let (pd, cq) = (consumer.pd(), consumer.cq());
    Consumer::qp(pd, cq);
    close(cq);
    dispatch!(cq, NdkArmCq, 1);
}

fn other_kind(consumer: &Consumer) {
    let pd = consumer.pd();
    dispatch!(consumer.cq(), NdkArmCq, 1);
    // SAFETY: the table is live; the object is of another kind on purpose.
    let arm = unsafe { (*(*consumer.cq()).Dispatch).NdkArmCq }.expect("every slot is filled");
    // SAFETY: the verifier ends the run.
    unsafe { arm(pd.cast(), 1) };
}

/// Proves that LIFE-08, LIFE-40 and LIFE-41, the consumer's duties, are held too.
#[test]
fn a_consumer_that_closes_twice_or_uses_a_closed_object_is_caught() {
    assert_misuse("LIFE-41", close_twice);
    assert_misuse("LIFE-40", use_after_close);
    assert_misuse("LIFE-40", use_while_closing);
    assert_misuse("LIFE-08", other_kind);
}
