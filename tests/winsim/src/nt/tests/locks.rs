//! Spin locks: VRF-30, VRF-31, VRF-34.

use super::super::{
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeInitializeSpinLock, KeLowerIrql,
    KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KfRaiseIrql, call_driver, event_initialize, event_wait,
    expect_clean, on_host,
};
use super::{caught, passes};

/// A spin lock that lives as long as the run.
fn lock() -> *mut u64 {
    let lock = Box::leak(Box::new(1_u64));
    // SAFETY: a place for a lock.
    unsafe { KeInitializeSpinLock(lock) };
    lock
}

fn acquire(lock: *mut u64) -> u8 {
    // SAFETY: a lock of `lock`.
    unsafe { KeAcquireSpinLockRaiseToDpc(lock) }
}

fn release(lock: *mut u64, irql: u8) {
    // SAFETY: a lock of `lock`.
    unsafe { KeReleaseSpinLock(lock, irql) }
}

fn raise() {
    // SAFETY: a live simulation.
    unsafe { KfRaiseIrql(2) };
}

#[test]
fn locks_that_are_kept_well_pass() {
    passes(|_| {
        let (outer, inner) = (lock(), lock());
        let old = acquire(outer);
        // SAFETY: live locks.
        unsafe { KeAcquireSpinLockAtDpcLevel(inner) };
        // SAFETY: as above.
        unsafe { KeReleaseSpinLockFromDpcLevel(inner) };
        release(outer, old);
        expect_clean("a good driver");
    });
}

/// VRF-30: acquire only when free.
#[test]
fn a_lock_that_its_owner_acquires_again_is_caught() {
    caught("VRF-30", |_| {
        let lock = lock();
        acquire(lock);
        acquire(lock);
    });
}

/// VRF-30: release only when held.
#[test]
fn a_lock_that_nobody_holds_is_not_released() {
    caught("VRF-30", |_| {
        raise();
        release(lock(), 0);
    });
}

/// VRF-30: whoever acquired it releases it.
#[test]
fn a_lock_that_another_thread_holds_is_not_released() {
    caught("VRF-30", |host| {
        let lock = lock() as usize;
        on_host(host, "owner", move || {
            acquire(lock as *mut u64);
        });
        raise();
        release(lock as *mut u64, 0);
    });
}

/// VRF-30: a lock is initialized before its first use.
#[test]
fn a_lock_that_was_never_initialized_is_caught() {
    caught("VRF-30", |_| {
        acquire(Box::leak(Box::new(0xcdcd_u64)));
    });
}

/// VRF-30: balanced and free at handler exit.
#[test]
fn a_handler_that_returns_with_a_lock_is_caught() {
    caught("VRF-30", |_| {
        call_driver("a handler", 2, || {
            acquire(lock());
        });
    });
    caught("VRF-30", |_| {
        acquire(lock());
        expect_clean("a handler");
    });
}

/// VRF-30: nobody lowers the IRQL below a lock that is held, or waits with it.
#[test]
fn a_lock_is_not_held_below_dispatch_level() {
    caught("VRF-30", |_| {
        acquire(lock());
        // SAFETY: a live simulation.
        unsafe { KeLowerIrql(0) };
    });
    caught("VRF-30", |_| {
        let (outer, inner) = (lock(), lock());
        acquire(outer);
        acquire(inner);
        release(inner, 0);
    });
    caught("VRF-30", |_| {
        let event = Box::leak(Box::new(wdk_standin::KEVENT::default()));
        // SAFETY: a place for an event.
        unsafe { event_initialize(event) };
        acquire(lock());
        // SAFETY: it is initialized.
        unsafe { event_wait(event, Some(1)) };
    });
}

/// VRF-31: the variants for DISPATCH_LEVEL are for DISPATCH_LEVEL.
#[test]
fn a_dpc_lock_below_dispatch_level_is_caught() {
    caught("VRF-31", |_| {
        // SAFETY: a live lock.
        unsafe { KeAcquireSpinLockAtDpcLevel(lock()) };
    });
}

/// VRF-31: each release belongs to its acquisition.
#[test]
fn a_release_of_the_other_kind_is_caught() {
    caught("VRF-31", |_| {
        let lock = lock();
        acquire(lock);
        // SAFETY: a live lock.
        unsafe { KeReleaseSpinLockFromDpcLevel(lock) };
    });
    caught("VRF-31", |_| {
        let lock = lock();
        raise();
        // SAFETY: a live lock.
        unsafe { KeAcquireSpinLockAtDpcLevel(lock) };
        release(lock, 0);
    });
}

/// VRF-34: a lock is released at DISPATCH_LEVEL.
#[test]
fn a_release_at_passive_level_is_caught() {
    caught("VRF-34", |_| release(lock(), 0));
}
