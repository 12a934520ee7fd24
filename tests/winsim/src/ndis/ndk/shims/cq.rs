//! Completion queue functions, seen from the consumer.

use std::ffi::c_void;

use cxndk::sys::ndkpi::*;
use wdk_standin::GUID;

use super::super::ledger::results;
use super::super::request::{Effect, rule_of_error};
use super::super::track::{Kind, Object, breach};
use super::{Call, close, pass, provider};
use crate::sim;

pub(in crate::ndis::ndk) static TABLE: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH {
    NdkCloseCq: Some(close),
    NdkQueryExtension: Some(query_extension),
    NdkResizeCq: Some(resize),
    NdkArmCq: Some(arm),
    NdkGetCqResults: Some(get_results),
    NdkControlCqInterruptModeration: Some(moderate),
    NdkGetCqResultsEx: Some(get_results_ex),
};

pass!(query_extension: Cq, NDK_CQ_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(moderate: Cq, NDK_CQ_DISPATCH, NdkControlCqInterruptModeration, (cq: *mut NDK_CQ, interval: u32, count: u32) -> i32);

/// CQ-01: one context at a time in `ArmCq`, `GetCqResults` and `GetCqResultsEx` of one CQ.
struct Alone<'a>(Option<&'a Object>);

impl<'a> Alone<'a> {
    fn enter(cq: &'a Object, what: &str) -> Self {
        let me = sim::current();
        match cq.user.get() {
            None => {
                cq.user.set(me);
                Self(Some(cq))
            }
            user if user == me => Self(None),
            _ => breach(
                "VRF-48",
                "CQ-01",
                format!("{what} on {cq} while another context polls or arms it"),
            ),
        }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // A notification of an arm that has not returned yet may have taken its place.
        let own = self.0.filter(|cq| cq.user.get() == sim::current());
        if let Some(cq) = own {
            cq.user.set(None);
            cq.arming.set(false);
        }
    }
}

unsafe extern "win64" fn resize(
    cq: *mut NDK_CQ,
    depth: u32,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(cq.cast(), Kind::Cq, "NdkResizeCq");
    let provider = provider!(call, NDK_CQ_DISPATCH, NdkResizeCq);
    super::request(
        &call,
        (callback, context),
        Effect::Resizes(depth),
        |ours, token| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(cq, depth, ours, token) }
        },
    )
}

unsafe extern "win64" fn arm(cq: *mut NDK_CQ, kind: u32) {
    let call = Call::enter(cq.cast(), Kind::Cq, "NdkArmCq");
    let alone = Alone::enter(&call.object, call.what);
    let provider = provider!(call, NDK_CQ_DISPATCH, NdkArmCq);
    call.object.arm(kind);
    call.object.arming.set(true);
    // SAFETY: the consumer's arguments.
    unsafe { provider(cq, kind) };
    drop(alone);
}

unsafe extern "win64" fn get_results(cq: *mut NDK_CQ, results: *mut NDK_RESULT, room: u32) -> u32 {
    let call = Call::enter(cq.cast(), Kind::Cq, "NdkGetCqResults");
    let alone = Alone::enter(&call.object, call.what);
    let provider = provider!(call, NDK_CQ_DISPATCH, NdkGetCqResults);
    let broken = call.object.broken.get();
    // SAFETY: the consumer's arguments.
    let count = unsafe { provider(cq, results, room) };
    expect_unusable(&call, count, broken);
    expect_room(&call, count, room);
    settle(&call, results, count, room);
    drop(alone);
    count
}

unsafe extern "win64" fn get_results_ex(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, room: u32) -> u32 {
    let call = Call::enter(cq.cast(), Kind::Cq, "NdkGetCqResultsEx");
    let alone = Alone::enter(&call.object, call.what);
    let provider = provider!(call, NDK_CQ_DISPATCH, NdkGetCqResultsEx);
    let broken = call.object.broken.get();
    // SAFETY: the consumer's arguments.
    let count = unsafe { provider(cq, results, room) };
    expect_unusable(&call, count, broken);
    expect_room(&call, count, room);
    settle(&call, results, count, room);
    drop(alone);
    count
}

/// Hands the results to the ledger.
fn settle<R: results::Fetched>(call: &Call, fetched: *mut R, count: u32, room: u32) {
    if fetched.is_null() {
        return;
    }
    // SAFETY: the consumer's place has room for them, and the provider has filled so many.
    let fetched = unsafe { std::slice::from_raw_parts_mut(fetched, count as usize) };
    results::settle(&call.object, fetched, room);
}

/// CQ-03: no more results than there is room.
fn expect_room(call: &Call, count: u32, room: u32) {
    if count > room {
        breach(
            "VRF-48",
            "CQ-03",
            format!(
                "{} of {} returned {count} results for {room}",
                call.what, call.object
            ),
        );
    }
}

/// CQ-30, CQ-31: nothing comes out of a queue whose consumer was told that it broke.
fn expect_unusable(call: &Call, count: u32, broken: Option<i32>) {
    if let Some(error) = broken
        && count > 0
    {
        breach(
            "VRF-48",
            rule_of_error(error),
            format!(
                "{} of {}, which broke with {error:#x}, returned {count} results",
                call.what, call.object
            ),
        );
    }
}
