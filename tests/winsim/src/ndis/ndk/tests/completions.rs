//! One completion for PENDING, none otherwise: LIFE-10 ... LIFE-20, CREATE-01 ... CREATE-04.

use std::ptr;

use super::provider;
use super::{Consumer, Wrong, assert_broken, assert_misuse, dispatch, seen};

fn make_cq(consumer: &Consumer) {
    consumer.cq();
    crate::sim::sleep(crate::sim::MILLISECOND);
}

fn connect(consumer: &Consumer) {
    let qp = Consumer::qp(consumer.pd(), consumer.cq());
    Consumer::connect(consumer.connector(), qp);
    provider::complete_all(0);
}

/// Proves the checks of CREATE-01, CREATE-02 and CREATE-03 (VRF-47).
#[test]
fn a_create_gives_its_object_in_one_way() {
    assert_broken(Wrong::CompletesInlineCreate, "LIFE-10", "VRF-47", make_cq);
    assert_broken(Wrong::WritesOut, "CREATE-02", "VRF-47", make_cq);
    assert_broken(Wrong::FailsWithObject, "CREATE-03", "VRF-47", make_cq);
    assert_broken(Wrong::CreatesTwice, "LIFE-01", "VRF-48", make_twice);
}

fn make_twice(consumer: &Consumer) {
    consumer.cq();
    consumer.cq();
}

/// Proves the checks of LIFE-10, LIFE-11, LIFE-12, LIFE-16 and LIFE-20 (VRF-47, VRF-48).
#[test]
fn a_request_is_completed_once_below_device_level_without_locks_and_with_its_context() {
    assert_broken(Wrong::CompletesInlineRequest, "LIFE-10", "VRF-47", connect);
    assert_broken(Wrong::CompletesTwice, "LIFE-10", "VRF-47", connect);
    assert_broken(Wrong::OtherContext, "LIFE-10", "VRF-47", connect);
    assert_broken(Wrong::CompletesPending, "LIFE-11", "VRF-47", connect);
    assert_broken(Wrong::CompletesUnderLock, "LIFE-16", "VRF-48", connect);
    assert_broken(Wrong::CompletesAtHighIrql, "LIFE-20", "VRF-48", connect);
}

/// Completes a connection again inside the completion, and so on, a hundred times.
fn again_inside(consumer: &Consumer) {
    seen().connector.set(consumer.connector() as usize);
    again();
}

fn again() {
    if seen().completions.get() < 100 {
        seen().action.set(Some(again));
    }
    let status = dispatch!(
        seen().connector.get() as *mut cxndk::sys::ndkpi::NDK_CONNECTOR,
        NdkCompleteConnect,
        Some(super::on_disconnected),
        ptr::null_mut(),
        Some(super::on_request),
        ptr::null_mut()
    );
    assert_eq!(status, super::PENDING);
}

/// Proves the check of LIFE-21 (VRF-48): a completion may come inside the call, but not so that the stack grows with every request.
#[test]
fn recursion_through_completions_is_bounded() {
    assert_broken(Wrong::CompletesInside, "LIFE-21", "VRF-48", again_inside);
    assert_misuse("none", |consumer| {
        again_inside(consumer);
        while seen().action.get().is_some() {
            provider::complete_all(0);
        }
        provider::complete_all(0);
        assert_eq!(seen().completions.get(), 101);
    });
}

fn two_disconnects(consumer: &Consumer) {
    let connector = consumer.connector();
    let event: cxndk::sys::ndkpi::NDK_FN_DISCONNECT_EVENT_CALLBACK = Some(super::on_disconnected);
    dispatch!(
        connector,
        NdkCompleteConnect,
        event,
        ptr::null_mut(),
        Some(super::on_request),
        ptr::null_mut()
    );
    provider::complete_all(0);
    provider::disconnect(connector);
    assert_eq!(seen().disconnects.get(), 1);
    provider::disconnect(connector);
}

/// Proves the check of CONN-65.
#[test]
fn a_connection_ends_with_one_event() {
    assert_misuse("CONN-65", two_disconnects);
}

fn lam_without_completion(consumer: &Consumer) {
    let (mut size, mut offset) = (0, 0);
    let none = ptr::null_mut();
    dispatch!(
        consumer.adapter(),
        NdkBuildLAM,
        ptr::null_mut(),
        0,
        None,
        none,
        ptr::null_mut(),
        &raw mut size,
        &raw mut offset
    );
}

/// Proves the check of MR-77.
#[test]
fn a_mapping_without_completion_does_not_pend() {
    assert_misuse("MR-77", lam_without_completion);
}
