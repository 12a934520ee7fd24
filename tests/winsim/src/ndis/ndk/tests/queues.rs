//! Completion queues: CQ-01, CQ-03, CQ-10 ... CQ-22.

use std::ptr;

use super::provider;
use super::{Consumer, Wrong, assert_broken, assert_misuse, dispatch, seen};
use crate::sim;

fn armed(consumer: &Consumer) {
    let cq = consumer.cq();
    dispatch!(cq, NdkArmCq, 1);
    provider::notify(cq, 0);
}

fn not_armed(consumer: &Consumer) {
    provider::notify(consumer.cq(), 0);
}

fn armed_for_errors(consumer: &Consumer) {
    let cq = consumer.cq();
    dispatch!(cq, NdkArmCq, 0);
    provider::notify(cq, 0);
}

fn armed_for_errors_then_any(consumer: &Consumer) {
    let cq = consumer.cq();
    dispatch!(cq, NdkArmCq, 0);
    dispatch!(cq, NdkArmCq, 1);
    provider::notify(cq, 0);
}

/// Arms again inside the notification, and is notified while that runs.
fn nested(consumer: &Consumer) {
    let cq = consumer.cq();
    seen().created.set(cq as usize);
    dispatch!(cq, NdkArmCq, 1);
    seen().action.set(Some(|| {
        let cq: *mut cxndk::sys::ndkpi::NDK_CQ = seen().created.get() as *mut _;
        dispatch!(cq, NdkArmCq, 1);
        provider::notify(cq, 0);
    }));
    provider::notify(cq, 0);
}

fn poll(consumer: &Consumer) {
    dispatch!(consumer.cq(), NdkGetCqResults, ptr::null_mut(), 4);
}

fn poll_at_once(consumer: &Consumer) {
    let cq = consumer.cq() as usize;
    let task = sim::spawn(sim::TaskSpec::on("other poller", sim::HostId(0), 0), move || {
        dispatch!(
            cq as *mut cxndk::sys::ndkpi::NDK_CQ,
            NdkGetCqResults,
            ptr::null_mut(),
            4
        );
    });
    dispatch!(
        cq as *mut cxndk::sys::ndkpi::NDK_CQ,
        NdkGetCqResults,
        ptr::null_mut(),
        4
    );
    sim::join(task);
}

/// Proves the checks of CQ-10, CQ-11, CQ-14, CQ-15, CQ-19 and CQ-22 (VRF-48).
#[test]
fn notifications_come_one_for_an_arm_and_one_at_a_time() {
    assert_misuse("none", armed);
    assert_misuse("CQ-10", not_armed);
    assert_misuse("CQ-19", armed_for_errors);
    assert_misuse("none", armed_for_errors_then_any);
    assert_misuse("CQ-14", nested);
    assert_broken(Wrong::NotifiesTwice, "CQ-10", "VRF-48", armed);
    assert_broken(Wrong::NotifiesOddly, "CQ-22", "VRF-48", armed);
}

/// `STATUS_BUFFER_OVERFLOW`.
const OVERFLOW: i32 = 0x8000_0005_u32 as i32;
/// `STATUS_INTERNAL_ERROR`.
const FAULT: i32 = 0xC000_00E5_u32 as i32;

/// The queue breaks; then it is polled, and armed again.
fn broken_by(consumer: &Consumer, error: i32, told_later: i32) {
    let cq = consumer.cq();
    dispatch!(cq, NdkArmCq, 0);
    provider::notify(cq, error);
    dispatch!(cq, NdkGetCqResults, ptr::null_mut(), 4);
    dispatch!(cq, NdkArmCq, 1);
    provider::notify(cq, told_later);
}

/// Proves the checks of CQ-30 and CQ-31 (VRF-48): a broken queue gives no results, and tells nothing but its error.
#[test]
fn a_queue_that_broke_stays_broken() {
    assert_misuse("none", |consumer| broken_by(consumer, FAULT, FAULT));
    assert_misuse("CQ-31", |consumer| broken_by(consumer, FAULT, 0));
    assert_misuse("CQ-30", |consumer| broken_by(consumer, OVERFLOW, FAULT));
    let reports = Wrong::ReportsAfterError;
    assert_broken(reports, "CQ-31", "VRF-48", |consumer| {
        broken_by(consumer, FAULT, FAULT);
    });
    assert_broken(reports, "CQ-30", "VRF-48", |consumer| {
        broken_by(consumer, OVERFLOW, OVERFLOW);
    });
}

/// Proves the checks of CQ-01 and CQ-03.
#[test]
fn results_fit_and_are_fetched_by_one_at_a_time() {
    assert_misuse("none", poll);
    assert_broken(Wrong::TooManyResults, "CQ-03", "VRF-48", poll);
    assert_misuse("CQ-01", poll_at_once);
}
