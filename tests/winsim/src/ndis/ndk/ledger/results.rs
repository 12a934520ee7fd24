//! Results as the provider gives them: each belongs to one accepted request, in order, and says nothing that it may not.

use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndkpi::{NDK_RESULT, NDK_RESULT_EX, NdkOperationTypeReceiveAndInvalidate};

use super::memory;
use super::pair::{Entry, Operation, Pair, Pairs, Queue};
use crate::ndis::ndk::request::SUCCESS;
use crate::ndis::ndk::track::{Object, breach};
use crate::sim;

/// `STATUS_CANCELLED`.
const CANCELLED: i32 = 0xC000_0120_u32 as i32;

/// The statuses of results, as `IND2CompletionQueue` lists them.
const STATUSES: [i32; 9] = [
    SUCCESS,
    CANCELLED,
    0xC000_003C_u32 as i32, // DATA_OVERRUN
    0x8000_0005_u32 as i32, // BUFFER_OVERFLOW
    0xC000_0005_u32 as i32, // ACCESS_VIOLATION
    0xC000_0010_u32 as i32, // INVALID_DEVICE_REQUEST
    0xC000_00E5_u32 as i32, // INTERNAL_ERROR
    0xC000_00B5_u32 as i32, // IO_TIMEOUT
    0xC000_013D_u32 as i32, // REMOTE_RESOURCES
];

/// What both kinds of results have in common.
pub(in crate::ndis::ndk) trait Fetched {
    fn parts(&mut self) -> Parts<'_>;
}

/// The fields of a result.
pub(in crate::ndis::ndk) struct Parts<'a> {
    status: i32,
    bytes: u32,
    pair: &'a mut *mut c_void,
    request: &'a mut *mut c_void,
    kind: Option<i32>,
}

impl Fetched for NDK_RESULT {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            status: self.Status,
            bytes: self.BytesTransferred,
            pair: &mut self.QPContext,
            request: &mut self.RequestContext,
            kind: None,
        }
    }
}

impl Fetched for NDK_RESULT_EX {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            status: self.Status,
            bytes: self.BytesTransferred,
            pair: &mut self.QPContext,
            request: &mut self.RequestContext,
            kind: Some(self.Type),
        }
    }
}

/// Settles what came out of a completion queue, and puts the consumer's contexts where the ledger's are. With fewer results than
/// there was room for the queue is empty: nothing may be missing.
pub(in crate::ndis::ndk) fn settle<R: Fetched>(cq: &Rc<Object>, results: &mut [R], room: u32) {
    for result in results.iter_mut() {
        settle_one(cq, result.parts());
    }
    if results.len() < room as usize {
        expect_nothing_missing(cq);
    }
}

fn settle_one(cq: &Rc<Object>, result: Parts<'_>) {
    let Some(pair) = Pairs::find(*result.pair) else {
        breach(
            "VRF-48",
            "CREATE-16",
            format!("a result of {cq} with queue pair context {:p}", *result.pair),
        );
    };
    *result.pair = pair.context as *mut c_void;
    let token = *result.request as usize;
    let found = pair
        .queues()
        .into_iter()
        .find(|queue| queue.entries.borrow().iter().any(|entry| entry.token == token));
    let Some(queue) = found else {
        if pair.shared_receives {
            return;
        }
        breach(
            "VRF-48",
            "QP-06",
            format!("a result of {cq} with request context {token:#x}, for which no request is under way"),
        );
    };
    let entry = take(cq, queue, token);
    check(cq, queue, &entry, &result);
    if result.status != SUCCESS && result.status != CANCELLED {
        queue.failed.set(true);
        pair.quiet();
    }
    if entry.operation == Operation::FastRegister && result.status == SUCCESS {
        memory::check_fast_registration(&entry, queue);
    }
    *result.request = entry.context as *mut c_void;
}

/// Takes the request out, and the silent ones before it, which this result proves done.
fn take(cq: &Rc<Object>, queue: &Queue, token: usize) -> Entry {
    if !Rc::ptr_eq(&queue.cq, cq) {
        breach("VRF-48", "QP-06", format!("{cq} has a result of {}", queue.cq));
    }
    loop {
        let entry = queue.entries.borrow_mut().pop_front().expect("it is among them");
        queue.uncount(&entry);
        if entry.token == token {
            return entry;
        }
        if !entry.silent {
            let operation = entry.operation;
            breach(
                "VRF-48",
                "CQ-09",
                format!("a result of {cq} came before that of an earlier {operation:?}"),
            );
        }
    }
}

fn check(cq: &Object, queue: &Queue, entry: &Entry, result: &Parts<'_>) {
    let (operation, status) = (entry.operation, result.status);
    let complain =
        |rule, what: String| -> ! { breach("VRF-48", rule, format!("{operation:?} on {cq}: {what}")) };
    if !STATUSES.contains(&status) {
        complain("LEDGER-04", format!("status {status:#x}"));
    }
    if entry.silent && status == SUCCESS {
        complain("QP-20", "a silent success with a result".to_owned());
    }
    if queue.failed.get() && status != CANCELLED {
        complain(
            "QP-64",
            format!("status {status:#x} after the connection had failed"),
        );
    }
    if operation == Operation::Receive && status == SUCCESS && u64::from(result.bytes) > entry.room {
        complain("QP-40", format!("{} bytes for {}", result.bytes, entry.room));
    }
    if let Some(kind) = result.kind
        && kind != operation as i32
        && !(operation == Operation::Receive && kind == NdkOperationTypeReceiveAndInvalidate)
    {
        complain("CQ-04", format!("type {kind}"));
    }
}

/// QP-60, QP-06: the queue is empty, so what was flushed long ago will never have a result.
fn expect_nothing_missing(cq: &Rc<Object>) {
    if cq.broken.get().is_some() {
        return;
    }
    for pair in Pairs::of(cq) {
        if pair.is_live() {
            pair.queues()
                .into_iter()
                .for_each(|queue| expect_flushed(&pair, cq, queue));
        }
    }
}

fn expect_flushed(pair: &Pair, cq: &Rc<Object>, queue: &Queue) {
    let Some((last, due)) = queue.flushed.get().filter(|_| Rc::ptr_eq(&queue.cq, cq)) else {
        return;
    };
    if sim::now() < due {
        return;
    }
    let entries = queue.entries.borrow();
    let missing = entries
        .iter()
        .filter(|entry| entry.token <= last && !entry.silent)
        .count();
    if missing > 0 {
        drop(entries);
        let context = pair.context;
        breach(
            "VRF-47",
            "QP-60",
            format!(
                "{missing} requests of the queue pair with context {context:#x} were flushed and never complete on {cq}"
            ),
        );
    }
}
