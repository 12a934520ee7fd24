//! Queue pairs, regions and mappings of the small provider: requests wait until they are told to finish.

use std::ffi::c_void;

use cxndk::sys::ndkpi::*;
use wdk_standin::{_MDL as MDL, LARGE_INTEGER};

use super::super::super::ledger::memory::KeyRights;
use super::super::{PENDING, Wrong};
use super::dispatch::table;
use super::{SLOTS, Thing, make, state, thing, wrong};
use crate::sim;

const FULL: i32 = 0x8000_001a_u32 as i32;
const INVALID: i32 = 0xc000_000d_u32 as i32;
const FAULT: i32 = 0xc000_00e5_u32 as i32;
/// Requests that each queue of a queue pair holds.
const DEPTH: usize = 4;

/// A request, or its result.
#[derive(Clone, Copy)]
pub(in super::super) struct Request {
    qp: usize,
    context: usize,
    kind: i32,
    silent: bool,
    status: i32,
}

impl Request {
    const fn receives(self) -> bool {
        self.kind == NdkOperationTypeReceive
    }
}

pub(super) fn queue_pair() -> [usize; SLOTS] {
    table(&[
        (0, super::dispatch::close as *const () as usize),
        (2, flush as *const () as usize),
        (3, send as *const () as usize),
        (4, receive as *const () as usize),
        (6, fast_register as *const () as usize),
    ])
}

pub(super) fn region() -> [usize; SLOTS] {
    table(&[
        (0, super::dispatch::close as *const () as usize),
        (2, register as *const () as usize),
        (3, deregister as *const () as usize),
        (5, token as *const () as usize),
        (6, token as *const () as usize),
    ])
}

unsafe extern "win64" fn flush(_qp: *mut NDK_QP) {
    let cancelled = 0xC000_0120_u32 as i32;
    if wrong(Wrong::LosesFlushed) {
        state().posted.take();
    } else {
        finish(cancelled);
    }
}

fn post(qp: *mut NDK_QP, context: *mut c_void, kind: i32, flags: u32) -> i32 {
    let request = Request {
        qp: qp as usize,
        context: context as usize,
        kind,
        silent: flags & NDK_OP_FLAG_SILENT_SUCCESS != 0,
        status: 0,
    };
    sim::sleep(10);
    let state = state();
    let same = |other: &&Request| other.qp == request.qp && other.receives() == request.receives();
    let held = state.posted.borrow().iter().filter(same).count()
        + state.results.borrow().iter().filter(same).count();
    if held >= DEPTH || held >= 2 && wrong(Wrong::FullEarly) {
        return FULL;
    }
    if wrong(Wrong::PostPends) {
        return PENDING;
    }
    state.posted.borrow_mut().push(request);
    if wrong(Wrong::FailsWithResult) {
        finish(0);
        // Somebody fetches the result meanwhile.
        sim::sleep(1_000);
        return INVALID;
    }
    0
}

unsafe extern "win64" fn send(
    qp: *mut NDK_QP,
    context: *mut c_void,
    _: *const NDK_SGE,
    _: u32,
    flags: u32,
) -> i32 {
    post(qp, context, NdkOperationTypeSend, flags)
}

unsafe extern "win64" fn receive(qp: *mut NDK_QP, context: *mut c_void, _: *const NDK_SGE, _: u32) -> i32 {
    post(qp, context, NdkOperationTypeReceive, 0)
}

unsafe extern "win64" fn fast_register(
    qp: *mut NDK_QP,
    context: *mut c_void,
    _: *mut NDK_MR,
    _: u32,
    _: *const LARGE_INTEGER,
    _: u32,
    _: u64,
    _: *mut c_void,
    flags: u32,
) -> i32 {
    post(qp, context, NdkOperationTypeFastRegister, flags)
}

/// Finishes what is posted; silent requests have a result only if they fail.
pub(in super::super) fn finish(status: i32) {
    let state = state();
    let mut posted = state.posted.take();
    if wrong(Wrong::Reorders) {
        posted.reverse();
    }
    let mut results = state.results.borrow_mut();
    for (number, mut request) in posted.into_iter().enumerate() {
        request.status = match state.wrong.get() {
            Some(Wrong::OddStatus) => 0x1234,
            Some(Wrong::SucceedsAfterFailure) if number == 0 => FAULT,
            _ => status,
        };
        if wrong(Wrong::OtherRequest) {
            request.context += 1;
        }
        if request.silent && request.status == 0 && !wrong(Wrong::ReportsSilent) {
            continue;
        }
        results.push_back(request);
        if wrong(Wrong::ReportsTwice) {
            results.push_back(request);
        }
    }
}

/// Takes results out, oldest first.
pub(super) unsafe extern "win64" fn results(_cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, room: u32) -> u32 {
    let mut count = 0;
    while count < room {
        let Some(request) = state().results.borrow_mut().pop_front() else {
            break;
        };
        let pair = if wrong(Wrong::OtherPair) {
            5
        } else {
            thing(request.qp as *const Thing).event.get().1
        };
        let result = NDK_RESULT_EX {
            Status: request.status,
            BytesTransferred: u32::from(wrong(Wrong::TooManyBytes)),
            QPContext: pair as *mut c_void,
            RequestContext: request.context as *mut c_void,
            Type: if wrong(Wrong::OddType) {
                NdkOperationTypeRead
            } else {
                request.kind
            },
            TypeSpecificCompletionOutput: 0,
        };
        // SAFETY: the consumer has room for so many.
        let place = unsafe { results.add(count as usize) };
        // SAFETY: as above.
        unsafe { place.write(result) };
        count += 1;
    }
    count
}

pub(super) unsafe extern "win64" fn create_mr(
    pd: *mut NDK_PD,
    _fast: u8,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(NdkObjectTypeMr, region(), &[pd as usize]);
    // SAFETY: the consumer's arguments.
    unsafe { super::dispatch::hand_out(fresh, pd as usize, callback, context, out) }
}

unsafe extern "win64" fn register(
    _mr: *mut NDK_MR,
    _mdl: *mut MDL,
    _length: u64,
    flags: u32,
    _: NDK_FN_REQUEST_COMPLETION,
    _: *mut c_void,
) -> i32 {
    let all = wrong(Wrong::GrantsEverything);
    state().granted.set(KeyRights {
        local_write: all || flags & 1 != 0,
        remote_read: all || flags & 2 != 0,
        remote_write: all || flags & 4 != 0,
    });
    0
}

unsafe extern "win64" fn deregister(_mr: *mut NDK_MR, _: NDK_FN_REQUEST_COMPLETION, _: *mut c_void) -> i32 {
    0
}

unsafe extern "win64" fn token(_mr: *mut NDK_MR) -> u32 {
    0x100
}

pub(super) unsafe extern "win64" fn privileged_token(_pd: *mut NDK_PD, token: *mut u32) {
    // SAFETY: the consumer's place.
    unsafe { token.write(7) };
}

/// A mapping of one page.
pub(super) unsafe extern "win64" fn build_lam(
    _adapter: *mut NDK_ADAPTER,
    _mdl: *mut MDL,
    _length: u64,
    callback: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
    mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    _size: *mut u32,
    _offset: *mut u32,
) -> i32 {
    if callback.is_none() {
        return PENDING;
    }
    let filled = NDK_LOGICAL_ADDRESS_MAPPING {
        AdapterContext: mapping.cast(),
        AdapterPageCount: 1,
        AdapterPageArray: [LARGE_INTEGER { QuadPart: 0x4000 }],
    };
    if !mapping.is_null() {
        // SAFETY: the consumer gives a place for the mapping of one page.
        unsafe { mapping.write(filled) };
    }
    0
}

/// Others run while it does.
pub(super) unsafe extern "win64" fn release_lam(_adapter: *mut NDK_ADAPTER, _mapping: *mut c_void) {
    sim::sleep(10);
}
