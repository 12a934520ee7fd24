//! Events: initialized before use, waited for where waiting is allowed.

use std::ptr;

use wdk_standin::{KEVENT, LARGE_INTEGER};

use super::super::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, KfRaiseIrql, thread};
use super::{caught, passes};
use crate::sim;

const TIMEOUT: i32 = 0x102;

fn event(kind: i32, set: bool) -> *mut KEVENT {
    let event = Box::leak(Box::new(KEVENT::default()));
    // SAFETY: a place for an event.
    unsafe { KeInitializeEvent(event, kind, u8::from(set)) };
    event
}

fn wait(event: *mut KEVENT, hundred_ns: Option<i64>) -> i32 {
    let mut time = LARGE_INTEGER {
        QuadPart: hundred_ns.unwrap_or(0),
    };
    let time = if hundred_ns.is_some() {
        &raw mut time
    } else {
        ptr::null_mut()
    };
    // SAFETY: the event lives, and the time until the return.
    unsafe { KeWaitForSingleObject(event.cast(), 0, 0, 0, time) }
}

fn set(event: *mut KEVENT) {
    // SAFETY: the event lives.
    unsafe { KeSetEvent(event, 0, 0) };
}

#[test]
fn events_wake_who_waits() {
    passes(|host| {
        let go = event(1, false);
        let address = go as usize;
        thread(host, "setter", move || set(address as *mut KEVENT));
        assert_eq!(wait(go, None), 0);
        assert_eq!(
            wait(go, Some(-10)),
            TIMEOUT,
            "a synchronization event is reset by its waiter"
        );
        let stay = event(0, true);
        assert_eq!(
            (wait(stay, None), wait(stay, Some(0))),
            (0, 0),
            "a notification event is not"
        );
    });
}

#[test]
fn an_event_that_was_never_initialized_is_caught() {
    caught("EVENT", |_| set(Box::leak(Box::new(KEVENT::default()))));
    caught("EVENT", |_| {
        wait(Box::leak(Box::new(KEVENT::default())), Some(-1));
    });
}

#[test]
fn setting_an_event_to_wait_afterwards_is_caught() {
    caught("EVENT", |_| {
        // SAFETY: the event lives.
        unsafe { KeSetEvent(event(0, false), 0, 1) };
    });
}

/// VRF-33: who is at DISPATCH_LEVEL looks, and does not wait.
#[test]
fn waiting_at_dispatch_level_is_caught() {
    passes(|_| {
        // SAFETY: a live simulation.
        unsafe { KfRaiseIrql(2) };
        assert_eq!(wait(event(0, false), Some(0)), TIMEOUT);
        sim::set_irql(0);
    });
    caught("VRF-33", |_| {
        // SAFETY: a live simulation.
        unsafe { KfRaiseIrql(2) };
        wait(event(0, true), None);
    });
}
