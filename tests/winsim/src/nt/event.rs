//! Kernel events, and waiting for them.

use super::context::{Level, enter, with_context};
use crate::sim::{self, TaskId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use wdk_standin::{KEVENT, LARGE_INTEGER, LONG, NTSTATUS, PRKEVENT};

/// First word of an initialized event; anything else is no event.
const MAGIC: u64 = 0x4b45_5645_4e54_2021;
const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_TIMEOUT: NTSTATUS = 0x102;
/// Rule id of the use of an event that was never initialized (or is gone).
const EVENT: &str = "EVENT";

/// Contexts that wait for an event, by the event's address.
#[derive(Default)]
struct Waiters(RefCell<HashMap<usize, Vec<TaskId>>>);

/// Makes a notification event (all waiters go on, until it is reset), not signaled.
///
/// # Safety
/// `event` is a place for an event.
pub unsafe fn event_initialize(event: *mut KEVENT) {
    // SAFETY: the caller's event.
    unsafe {
        event.cast::<[u64; 3]>().write([MAGIC, 0, 0]);
    };
}

/// Reads the words of the event: magic, synchronization type, signal.
unsafe fn words(event: *mut KEVENT) -> *mut [u64; 3] {
    let words = event.cast::<[u64; 3]>();
    // SAFETY: the caller's event.
    if unsafe { words.cast::<u64>().read_volatile() } != MAGIC {
        sim::fail(EVENT, "an event that was never initialized");
    }
    words
}

/// Signals the event and wakes its waiters.
///
/// # Safety
/// `event` was initialized.
pub unsafe fn event_set(event: *mut KEVENT) {
    // SAFETY: the caller's event.
    let words = unsafe { words(event) };
    // SAFETY: as above.
    unsafe { (*words)[2] = 1 };
    let waiting = sim::local::<Waiters>().0.borrow_mut().remove(&(event as usize));
    for waiter in waiting.into_iter().flatten() {
        sim::unpark(waiter);
    }
}

/// Makes the event not signaled.
///
/// # Safety
/// `event` was initialized.
pub unsafe fn event_reset(event: *mut KEVENT) {
    // SAFETY: the caller's event.
    let words = unsafe { words(event) };
    // SAFETY: as above.
    unsafe { (*words)[2] = 0 };
}

/// Whether the event is signaled.
///
/// # Safety
/// `event` was initialized.
pub unsafe fn event_is_set(event: *mut KEVENT) -> bool {
    // SAFETY: the caller's event.
    let words = unsafe { words(event) };
    // SAFETY: as above.
    unsafe { (*words)[2] != 0 }
}

/// Waits for the event, for at most `limit` nanoseconds. False when the time came first. The caller has checked the IRQL.
///
/// # Safety
/// `event` was initialized and lives until this returns.
pub unsafe fn event_wait(event: *mut KEVENT, limit: Option<u64>) -> bool {
    let held = with_context(|context| context.locks.borrow().len());
    if held > 0 {
        sim::fail("VRF-30", format!("a wait with {held} spin locks held"));
    }
    let deadline = limit.map(|limit| sim::now().saturating_add(limit));
    let me = sim::current().unwrap_or_else(|| sim::fail("SIM-EVENT", "a wait outside of every context"));
    // SAFETY: the caller's event.
    while !unsafe { event_is_set(event) } {
        if deadline.is_some_and(|deadline| sim::now() >= deadline) {
            return false;
        }
        let waiters = sim::local::<Waiters>();
        waiters.0.borrow_mut().entry(event as usize).or_default().push(me);
        match deadline {
            Some(deadline) => drop(sim::park_until("an event", deadline)),
            None => sim::park_for("an event"),
        }
        if let Some(list) = waiters.0.borrow_mut().get_mut(&(event as usize)) {
            list.retain(|waiter| *waiter != me);
        }
    }
    // SAFETY: the caller's event.
    let words = unsafe { words(event) };
    // SAFETY: as above.
    let synchronization = unsafe { (*words)[1] } != 0;
    if synchronization {
        // SAFETY: as above.
        unsafe { event_reset(event) };
    }
    true
}

/// `KeInitializeEvent`.
///
/// # Safety
/// `event` is a place for an event.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeInitializeEvent(event: PRKEVENT, kind: i32, state: u8) {
    // SAFETY: the caller's event. Kind 0 is a notification event, 1 a synchronization event.
    unsafe {
        event
            .cast::<[u64; 3]>()
            .write([MAGIC, u64::from(kind != 0), u64::from(state != 0)]);
    };
}

/// `KeSetEvent`: at `DISPATCH_LEVEL` or below, with `wait` FALSE.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeSetEvent(event: PRKEVENT, _increment: LONG, wait: u8) -> LONG {
    enter("KeSetEvent", Level::Dispatch);
    if wait != 0 {
        sim::fail(EVENT, "KeSetEvent with Wait TRUE");
    }
    // SAFETY: the caller's event.
    let before = unsafe { event_is_set(event) };
    // SAFETY: as above.
    unsafe { event_set(event) };
    LONG::from(before)
}

/// `KeResetEvent`.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeResetEvent(event: PRKEVENT) -> LONG {
    enter("KeResetEvent", Level::Dispatch);
    // SAFETY: the caller's event.
    let before = unsafe { event_is_set(event) };
    // SAFETY: as above.
    unsafe { event_reset(event) };
    LONG::from(before)
}

/// `KeClearEvent`.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeClearEvent(event: PRKEVENT) {
    enter("KeClearEvent", Level::Dispatch);
    // SAFETY: the caller's event.
    unsafe { event_reset(event) };
}

/// `KeWaitForSingleObject`, for events: below `DISPATCH_LEVEL`, or with a timeout of zero at it.
///
/// # Safety
/// `object` is an initialized event; `timeout` is NULL or a time in 100 ns, relative if negative.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeWaitForSingleObject(
    object: *mut c_void,
    _reason: i32,
    _mode: i8,
    _alertable: u8,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: NULL or the caller's time; both views of the union are plain integers.
    let limit = unsafe { timeout.as_ref() }.map(|time| nanoseconds(unsafe { time.QuadPart }));
    let level = if limit == Some(0) {
        Level::Dispatch
    } else {
        Level::BelowDispatch
    };
    enter("KeWaitForSingleObject", level);
    // SAFETY: the caller's event.
    if unsafe { event_wait(object.cast(), limit) } {
        STATUS_SUCCESS
    } else {
        STATUS_TIMEOUT
    }
}

fn nanoseconds(time: i64) -> u64 {
    if time <= 0 {
        return time.unsigned_abs().saturating_mul(100);
    }
    (time as u64)
        .saturating_sub(super::time::system_time())
        .saturating_mul(100)
}
