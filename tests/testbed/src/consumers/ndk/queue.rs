//! Completion queues and their results.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use cxndk::sys::ndkpi::{NDK_CQ, NDK_OPERATION_TYPE, NDK_RESULT_EX};

use super::Status;
use super::object::{Object, dispatch};

/// A completion queue.
pub type Cq = Object<NDK_CQ>;

/// Which completions an arm waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Notify {
    /// Errors of the queue itself.
    Errors = 0,
    /// Any completion.
    Any = 1,
    /// Solicited receives and failures.
    Solicited = 2,
}

/// One completion.
#[derive(Clone, Copy, Debug)]
pub struct Completed {
    /// How the request ended.
    pub status: Status,
    /// Bytes of a receive.
    pub bytes: u32,
    /// The context of the queue pair.
    pub qp: usize,
    /// The context of the request.
    pub request: u64,
    /// The operation.
    pub kind: NDK_OPERATION_TYPE,
    /// The invalidated token of a receive with invalidation.
    pub invalidated: u32,
}

impl From<NDK_RESULT_EX> for Completed {
    fn from(result: NDK_RESULT_EX) -> Self {
        Self {
            status: Status(result.Status),
            bytes: result.BytesTransferred,
            qp: result.QPContext.addr(),
            request: result.RequestContext.addr() as u64,
            kind: result.Type,
            invalidated: result.TypeSpecificCompletionOutput as u32,
        }
    }
}

impl Cq {
    /// Asks for one notification.
    pub fn arm(self, notify: Notify) {
        dispatch!(self, NdkArmCq(notify as u32));
    }

    /// Takes up to `limit` results, at most 64, oldest first, and adds them to `results`; how many there were.
    pub fn poll(self, results: &mut impl Extend<Completed>, limit: usize) -> usize {
        let mut room = [const { MaybeUninit::<NDK_RESULT_EX>::zeroed() }; 64];
        let limit = limit.min(room.len());
        let taken = dispatch!(self, NdkGetCqResultsEx(room.as_mut_ptr().cast(), limit as u32)) as usize;
        assert!(
            taken <= limit,
            "CQ-03: {taken} results where {limit} were asked for"
        );
        // SAFETY: the provider filled as many as it says; the rest is zero, which is a value of the type.
        results.extend(
            room[..taken]
                .iter()
                .map(|result| Completed::from(unsafe { result.assume_init() })),
        );
        taken
    }
}

/// The context of a request as the interface carries it.
pub(super) const fn request_context(value: u64) -> *mut c_void {
    std::ptr::without_provenance_mut(value as usize)
}
