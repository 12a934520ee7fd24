//! In-stack queued spin locks: the same locks under a handle on the caller's stack, and never mixed with the ordinary functions.

use super::context::{Level, enter, with_context};
use super::lock::{self, How};
use crate::pci;
use crate::sim::{self, DISPATCH_LEVEL};
use wdk_standin::{KIRQL, PKSPIN_LOCK};

/// `KLOCK_QUEUE_HANDLE` of x64.
#[repr(C)]
pub struct KLOCK_QUEUE_HANDLE {
    next: usize,
    lock: PKSPIN_LOCK,
    old_irql: KIRQL,
}

/// `KeAcquireInStackQueuedSpinLock`: at `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `lock` is a live spin lock; the handle stays where it is until the release.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeAcquireInStackQueuedSpinLock(
    lock: PKSPIN_LOCK,
    handle: *mut KLOCK_QUEUE_HANDLE,
) {
    enter("KeAcquireInStackQueuedSpinLock", Level::Dispatch);
    let old = sim::set_irql(DISPATCH_LEVEL);
    let how = How::Queued(handle as usize);
    // SAFETY: the caller's lock.
    unsafe { lock::acquire(lock, how) };
    // SAFETY: the caller's handle.
    unsafe { hold(lock, handle, old) };
}

/// `KeReleaseInStackQueuedSpinLock`: at `DISPATCH_LEVEL` (VRF-34), by the owner, with the handle of the acquisition.
///
/// # Safety
/// `handle` is that of the acquisition.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeReleaseInStackQueuedSpinLock(handle: *mut KLOCK_QUEUE_HANDLE) {
    pci::drain();
    if sim::irql() != DISPATCH_LEVEL {
        sim::fail(
            "VRF-34",
            format!("KeReleaseInStackQueuedSpinLock at IRQL {}", sim::irql()),
        );
    }
    let how = How::Queued(handle as usize);
    // SAFETY: the caller's handle.
    let old = unsafe { give_back(handle, how) };
    let held = with_context(|context| context.locks.borrow().len());
    if old < DISPATCH_LEVEL && held > 0 {
        sim::fail(
            "VRF-30",
            format!("KeReleaseInStackQueuedSpinLock to IRQL {old} with {held} spin locks held"),
        );
    }
    sim::set_irql(old);
    enter("KeReleaseInStackQueuedSpinLock", Level::Dispatch);
}

/// `KeAcquireInStackQueuedSpinLockAtDpcLevel`: at `DISPATCH_LEVEL` or above (VRF-31).
///
/// # Safety
/// As [`KeAcquireInStackQueuedSpinLock`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeAcquireInStackQueuedSpinLockAtDpcLevel(
    lock: PKSPIN_LOCK,
    handle: *mut KLOCK_QUEUE_HANDLE,
) {
    lock::expect_dpc_level("KeAcquireInStackQueuedSpinLockAtDpcLevel");
    enter("KeAcquireInStackQueuedSpinLockAtDpcLevel", Level::Any);
    let how = How::QueuedAtDpc(handle as usize);
    // SAFETY: the caller's lock.
    unsafe { lock::acquire(lock, how) };
    // SAFETY: the caller's handle.
    unsafe { hold(lock, handle, sim::irql()) };
}

/// `KeReleaseInStackQueuedSpinLockFromDpcLevel`: at `DISPATCH_LEVEL` or above (VRF-31).
///
/// # Safety
/// As [`KeReleaseInStackQueuedSpinLock`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeReleaseInStackQueuedSpinLockFromDpcLevel(handle: *mut KLOCK_QUEUE_HANDLE) {
    lock::expect_dpc_level("KeReleaseInStackQueuedSpinLockFromDpcLevel");
    pci::drain();
    let how = How::QueuedAtDpc(handle as usize);
    // SAFETY: the caller's handle.
    unsafe { give_back(handle, how) };
    enter("KeReleaseInStackQueuedSpinLockFromDpcLevel", Level::Any);
}

unsafe fn hold(lock: PKSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE, old_irql: KIRQL) {
    let held = KLOCK_QUEUE_HANDLE {
        next: 0,
        lock,
        old_irql,
    };
    // SAFETY: the caller's handle.
    unsafe { handle.write(held) };
}

unsafe fn give_back(handle: *mut KLOCK_QUEUE_HANDLE, how: How) -> KIRQL {
    // SAFETY: the caller's handle.
    let KLOCK_QUEUE_HANDLE { lock, old_irql, .. } = unsafe { handle.read() };
    // SAFETY: if the handle was not acquired with, the lock is not among those held, and is not touched.
    unsafe { lock::release(lock, how) };
    old_irql
}
