//! The dispatch functions of the small provider.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::SOCKADDR;
use cxndk::sys::ndkpi::*;

use super::super::{PENDING, Wrong};
use super::queue_pair::{self, build_lam, create_mr, privileged_token, release_lam};
use super::{SLOTS, Thing, called, make, state, thing, wrong};
use crate::{nt, sim};

type Created = NDK_FN_CREATE_COMPLETION;
type Requested = NDK_FN_REQUEST_COMPLETION;

const NOT_SUPPORTED: i32 = 0xC000_00BB_u32 as i32;

unsafe extern "win64" fn unsupported() -> i32 {
    NOT_SUPPORTED
}

pub(super) fn table(slots: &[(usize, usize)]) -> [usize; SLOTS] {
    let mut table = [unsupported as *const () as usize; SLOTS];
    slots.iter().for_each(|(slot, function)| table[*slot] = *function);
    table
}

macro_rules! at {
    ($slot:literal, $function:ident) => {
        ($slot, $function as *const () as usize)
    };
}

pub(super) fn adapter() -> [usize; SLOTS] {
    table(&[
        at!(2, create_cq),
        at!(3, create_pd),
        at!(5, create_connector),
        at!(6, create_listener),
        at!(7, build_lam),
        at!(8, release_lam),
    ])
}

fn cq() -> [usize; SLOTS] {
    table(&[
        at!(0, close),
        at!(3, arm),
        at!(4, results),
        (6, queue_pair::results as *const () as usize),
    ])
}

fn pd() -> [usize; SLOTS] {
    table(&[
        at!(0, close),
        at!(2, create_mr),
        at!(5, create_qp),
        at!(7, privileged_token),
    ])
}

pub(super) fn connector() -> [usize; SLOTS] {
    table(&[
        at!(0, close),
        at!(2, connect),
        at!(4, complete_connect),
        at!(7, connection_data),
    ])
}

fn closable() -> [usize; SLOTS] {
    table(&[at!(0, close)])
}

/// Hands an object out, inline or by its completion, by the seed.
pub(super) unsafe fn hand_out(
    object: *mut Thing,
    parent: usize,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let callback = callback.expect("there is one");
    let fails = wrong(Wrong::FailsWithObject);
    let pends = wrong(Wrong::WritesOut) || fails || sim::choose(sim::Stream::Device, 2) == 1;
    if wrong(Wrong::CompletesInlineCreate) {
        // SAFETY: the consumer gave the completion for this.
        unsafe { callback(context, 0, object.cast()) };
        return 0;
    }
    if !pends || wrong(Wrong::WritesOut) {
        // SAFETY: the consumer gives a place for the object.
        unsafe { out.write(object.cast()) };
    }
    if !pends {
        return 0;
    }
    let parent = thing(parent as *const Thing);
    parent.hold();
    let (object, context) = (object as usize, context as usize);
    nt::worker(nt::host(), "create", move || {
        let status = if fails { NOT_SUPPORTED } else { 0 };
        // SAFETY: as above.
        unsafe { callback(context as *mut c_void, status, object as *mut NDK_OBJECT_HEADER) };
        parent.release();
    });
    PENDING
}

unsafe extern "win64" fn create_cq(
    adapter: *mut NDK_ADAPTER,
    _depth: u32,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    _affinity: *mut c_void,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(NdkObjectTypeCq, cq(), &[adapter as usize]);
    let event = notification.map_or(0, |f| f as *const () as usize);
    thing(fresh).event.set((event, notification_context as usize));
    if wrong(Wrong::CreatesTwice) {
        let first = state().first.get();
        let given = if first == 0 { fresh } else { first as *mut Thing };
        state().first.set(given as usize);
        // SAFETY: the consumer gives a place for the object.
        unsafe { out.write(given.cast()) };
        return 0;
    }
    // SAFETY: the consumer's arguments.
    unsafe { hand_out(fresh, adapter as usize, callback, context, out) }
}

unsafe extern "win64" fn create_pd(
    adapter: *mut NDK_ADAPTER,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(NdkObjectTypePd, pd(), &[adapter as usize]);
    // SAFETY: the consumer's arguments.
    unsafe { hand_out(fresh, adapter as usize, callback, context, out) }
}

unsafe extern "win64" fn create_qp(
    pd: *mut NDK_PD,
    receive: *mut NDK_CQ,
    initiator: *mut NDK_CQ,
    qp_context: *mut c_void,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(
        NdkObjectTypeQp,
        queue_pair::queue_pair(),
        &[pd as usize, receive as usize, initiator as usize],
    );
    thing(fresh).event.set((0, qp_context as usize));
    // SAFETY: the consumer's arguments.
    unsafe { hand_out(fresh, pd as usize, callback, context, out) }
}

unsafe extern "win64" fn create_connector(
    adapter: *mut NDK_ADAPTER,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(NdkObjectTypeConnector, connector(), &[adapter as usize]);
    // SAFETY: the consumer's arguments.
    unsafe { hand_out(fresh, adapter as usize, callback, context, out) }
}

unsafe extern "win64" fn create_listener(
    adapter: *mut NDK_ADAPTER,
    connect: NDK_FN_CONNECT_EVENT_CALLBACK,
    connect_context: *mut c_void,
    callback: Created,
    context: *mut c_void,
    out: *mut *mut c_void,
) -> i32 {
    let fresh = make(NdkObjectTypeListener, closable(), &[adapter as usize]);
    thing(fresh).event.set((
        connect.map_or(0, |f| f as *const () as usize),
        connect_context as usize,
    ));
    // SAFETY: the consumer's arguments.
    unsafe { hand_out(fresh, adapter as usize, callback, context, out) }
}

unsafe extern "win64" fn arm(_cq: *mut NDK_CQ, _kind: u32) {}

unsafe extern "win64" fn results(_cq: *mut NDK_CQ, _results: *mut NDK_RESULT, room: u32) -> u32 {
    sim::sleep(10);
    match state().wrong.get() {
        Some(Wrong::TooManyResults) => room + 1,
        Some(Wrong::ReportsAfterError) => 1,
        _ => 0,
    }
}

fn pend(object: &Thing, callback: Requested, context: *mut c_void) -> i32 {
    if wrong(Wrong::CompletesInlineRequest) {
        called(callback, context as usize, 0);
        return 0;
    }
    if wrong(Wrong::CompletesInside) {
        // Legal as such (LIFE-13).
        called(callback, context as usize, 0);
        return PENDING;
    }
    object.hold();
    state()
        .pended
        .borrow_mut()
        .push((object.address(), callback, context as usize));
    PENDING
}

unsafe extern "win64" fn connect(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    _: *mut SOCKADDR,
    _: u32,
    _: *mut SOCKADDR,
    _: u32,
    _: u32,
    _: u32,
    _: *mut c_void,
    _: u32,
    callback: Requested,
    context: *mut c_void,
) -> i32 {
    let object = thing(connector);
    thing(qp).hold();
    object.parents.borrow_mut().push(qp as usize);
    pend(object, callback, context)
}

unsafe extern "win64" fn connection_data(
    _: *mut NDK_CONNECTOR,
    _: *mut u32,
    _: *mut u32,
    _: *mut c_void,
    _: *mut u32,
) -> i32 {
    0
}

unsafe extern "win64" fn complete_connect(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    callback: Requested,
    context: *mut c_void,
) -> i32 {
    let object = thing(connector);
    object.disconnect.set((
        event.map_or(0, |f| f as *const () as usize),
        event_context as usize,
    ));
    pend(object, callback, context)
}

pub(super) unsafe extern "win64" fn close(
    object: *mut NDK_OBJECT_HEADER,
    callback: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let object = thing(object);
    let holders = object.holders.get();
    if wrong(Wrong::CloseFails) {
        return NOT_SUPPORTED;
    }
    let ignores = [
        Wrong::CloseIgnoresRequests,
        Wrong::CloseIgnoresSuccessors,
        Wrong::EventAfterClose,
    ];
    if holders == 1 || ignores.into_iter().any(wrong) {
        object.release();
        if wrong(Wrong::CloseSucceedsTwice) {
            // SAFETY: the consumer gave the completion.
            unsafe { callback.expect("there is one")(context) };
        }
        return 0;
    }
    object.closing.set(Some((callback, context as usize)));
    if wrong(Wrong::CloseCompletesEarly) {
        object.closing.set(None);
        // SAFETY: the consumer gave the completion.
        unsafe { callback.expect("there is one")(context) };
    }
    object.release();
    PENDING
}

/// What `TouchesReserved` and `RewritesDispatch` do to an object after it was handed out.
pub(in super::super) fn spoil<T>(object: *mut T) {
    let raw = object.cast::<NDK_ADAPTER>();
    if wrong(Wrong::TouchesReserved) {
        // SAFETY: every object begins with a header.
        unsafe { (*raw).Header.NdkReserved.rf[3] = ptr::null_mut() };
    }
    if wrong(Wrong::RewritesDispatch) {
        // SAFETY: as above.
        unsafe { (*raw).Dispatch = ptr::null() };
    }
}
