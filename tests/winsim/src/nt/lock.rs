//! Spin locks: who holds which, at which IRQL, and who waits (VRF-30, VRF-31).
//!
//! The lock's word is 0 or the number of its owner; the simulation itself needs no atomicity, because contexts switch only
//! inside kernel calls.

use super::context::{Level, enter, with_context};
use crate::pci;
use crate::sim::{self, DISPATCH_LEVEL, TaskId};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use wdk_standin::{KIRQL, PKSPIN_LOCK};

/// Contexts that wait for a lock, by the lock's address.
#[derive(Default)]
struct Waiters(RefCell<HashMap<usize, Vec<TaskId>>>);

/// By which functions a lock is held; the in-stack queued ones have a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Raised,
    AtDpc,
    Queued(usize),
    QueuedAtDpc(usize),
}

/// Locks that were acquired by the queued functions.
#[derive(Default)]
struct Queued(RefCell<BTreeSet<usize>>);

/// A lock is used by the queued functions or by the ordinary ones, never by both.
fn expect_one_manner(address: usize, how: How) {
    let queued = sim::local::<Queued>();
    let mut queued = queued.0.borrow_mut();
    if matches!(how, How::Queued(_) | How::QueuedAtDpc(_)) {
        queued.insert(address);
    } else if queued.contains(&address) {
        drop(queued);
        sim::fail(
            "VRF-30",
            "a spin lock is acquired by the ordinary functions and by the in-stack queued ones",
        );
    }
}

/// `KeInitializeSpinLock`.
///
/// # Safety
/// `lock` is a place for a spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeInitializeSpinLock(lock: PKSPIN_LOCK) {
    // SAFETY: the caller's lock.
    unsafe { lock.write_volatile(0) };
    sim::local::<Queued>().0.borrow_mut().remove(&(lock as usize));
}

/// `KeAcquireSpinLockRaiseToDpc`: at `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `lock` is a live spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeAcquireSpinLockRaiseToDpc(lock: PKSPIN_LOCK) -> KIRQL {
    enter("KeAcquireSpinLockRaiseToDpc", Level::Dispatch);
    let old = sim::set_irql(DISPATCH_LEVEL);
    // SAFETY: the caller's lock.
    unsafe { acquire(lock, How::Raised) };
    old
}

/// `KeReleaseSpinLock`: at `DISPATCH_LEVEL` (VRF-34), by the owner.
///
/// # Safety
/// `lock` is a live spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeReleaseSpinLock(lock: PKSPIN_LOCK, irql: KIRQL) {
    pci::drain();
    if sim::irql() != DISPATCH_LEVEL {
        sim::fail("VRF-34", format!("KeReleaseSpinLock at IRQL {}", sim::irql()));
    }
    // SAFETY: the caller's lock.
    unsafe { release(lock, How::Raised) };
    let held = with_context(|context| context.locks.borrow().len());
    if irql > DISPATCH_LEVEL || (irql < DISPATCH_LEVEL && held > 0) {
        sim::fail(
            "VRF-30",
            format!("KeReleaseSpinLock to IRQL {irql} with {held} spin locks held"),
        );
    }
    sim::set_irql(irql);
    enter("KeReleaseSpinLock", Level::Dispatch);
}

/// `KeAcquireSpinLockAtDpcLevel`: at `DISPATCH_LEVEL` or above (VRF-31).
///
/// # Safety
/// `lock` is a live spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeAcquireSpinLockAtDpcLevel(lock: PKSPIN_LOCK) {
    expect_dpc_level("KeAcquireSpinLockAtDpcLevel");
    enter("KeAcquireSpinLockAtDpcLevel", Level::Any);
    // SAFETY: the caller's lock.
    unsafe { acquire(lock, How::AtDpc) };
}

/// `KeReleaseSpinLockFromDpcLevel`: at `DISPATCH_LEVEL` or above, by the owner (VRF-31).
///
/// # Safety
/// `lock` is a live spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeReleaseSpinLockFromDpcLevel(lock: PKSPIN_LOCK) {
    expect_dpc_level("KeReleaseSpinLockFromDpcLevel");
    pci::drain();
    // SAFETY: the caller's lock.
    unsafe { release(lock, How::AtDpc) };
    enter("KeReleaseSpinLockFromDpcLevel", Level::Any);
}

pub(super) fn expect_dpc_level(name: &str) {
    if sim::irql() < DISPATCH_LEVEL {
        sim::fail("VRF-31", format!("{name} at IRQL {}", sim::irql()));
    }
}

/// Takes the lock, waiting on the processor for it.
pub(super) unsafe fn acquire(lock: PKSPIN_LOCK, how: How) {
    let me = sim::current().unwrap_or_else(|| sim::fail("SIM-EVENT", "a spin lock outside of every context"));
    let address = lock as usize;
    if with_context(|context| context.locks.borrow().iter().any(|(held, _)| *held == address)) {
        sim::fail(
            "VRF-30",
            "a spin lock is acquired by its owner: it would wait for itself",
        );
    }
    expect_one_manner(address, how);
    loop {
        // SAFETY: the caller's lock.
        let owner = unsafe { lock.read_volatile() };
        if owner == 0 {
            break;
        }
        if owner >> 63 == 0 {
            sim::fail(
                "VRF-30",
                format!("a spin lock that was never initialized: {owner:#x}"),
            );
        }
        sim::local::<Waiters>()
            .0
            .borrow_mut()
            .entry(address)
            .or_default()
            .push(me);
        sim::park_for("a spin lock");
    }
    // SAFETY: the caller's lock.
    unsafe { lock.write_volatile(me.number()) };
    with_context(|context| context.locks.borrow_mut().push((address, how)));
}

/// Gives the lock back and wakes who waits; the seed decides who gets it.
pub(super) unsafe fn release(lock: PKSPIN_LOCK, how: How) {
    let address = lock as usize;
    let found = with_context(|context| {
        let mut locks = context.locks.borrow_mut();
        let index = locks.iter().position(|(held, _)| *held == address)?;
        Some(locks.remove(index).1)
    });
    match found {
        None => sim::fail(
            "VRF-30",
            "a spin lock is released by a context that does not hold it",
        ),
        Some(acquired) if acquired != how => {
            sim::fail(
                "VRF-31",
                "a spin lock is released by the function that does not belong to its acquisition",
            );
        }
        Some(_) => {}
    }
    // SAFETY: the caller's lock.
    unsafe { lock.write_volatile(0) };
    let waiting = sim::local::<Waiters>().0.borrow_mut().remove(&address);
    for waiter in waiting.into_iter().flatten() {
        sim::unpark(waiter);
    }
}
