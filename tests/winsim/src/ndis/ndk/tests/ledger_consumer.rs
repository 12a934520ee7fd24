//! What the consumers of the ledger's tests do: a queue pair, posts, results.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndkpi::{NDK_CQ, NDK_QP, NDK_RESULT_EX, NDK_SGE};

use super::{Consumer, dispatch};

/// A queue pair, four requests deep, and its completion queue.
pub(super) fn pair(consumer: &Consumer) -> (*mut NDK_QP, *mut NDK_CQ) {
    let cq = consumer.cq();
    (Consumer::qp(consumer.pd(), cq), cq)
}

const fn context(number: usize) -> *mut c_void {
    ptr::without_provenance_mut(number)
}

pub(super) fn send(qp: *mut NDK_QP, number: usize, flags: u32) -> i32 {
    dispatch!(qp, NdkSend, context(number), ptr::null(), 0, flags)
}

pub(super) fn receive(qp: *mut NDK_QP, number: usize) -> i32 {
    dispatch!(qp, NdkReceive, context(number), ptr::null(), 0)
}

/// A receive of 16 bytes.
pub(super) fn post_with(qp: *mut NDK_QP, address: *mut u8, token: u32) {
    let piece = NDK_SGE {
        VirtualAddress: address.cast(),
        Length: 16,
        MemoryRegionToken: token,
    };
    assert_eq!(dispatch!(qp, NdkReceive, context(1), &raw const piece, 1), 0);
}

/// All results that there are, up to 16.
pub(super) fn fetch(cq: *mut NDK_CQ) -> Vec<NDK_RESULT_EX> {
    // SAFETY: plain data.
    let mut results = vec![unsafe { std::mem::zeroed::<NDK_RESULT_EX>() }; 16];
    let count = dispatch!(cq, NdkGetCqResultsEx, results.as_mut_ptr(), 16);
    results.truncate(count as usize);
    results
}
