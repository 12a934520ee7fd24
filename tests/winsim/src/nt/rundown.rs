//! Rundown protection: how many use what is shared, and the end that waits for them.

use super::context::{Level, enter};
use crate::sim::{self, TaskId};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Rule id of rundown protection that is not kept as its pages in wdm.h say.
const RUNDOWN: &str = "RUNDOWN";

/// `EX_RUNDOWN_REF`: twice the number of users, and 1 from the beginning of the rundown on.
type RunRef = *mut u64;

/// One protection.
#[derive(Default)]
struct Protection {
    users: u64,
    /// The rundown has begun; nobody new gets in.
    ending: bool,
    waiter: Option<TaskId>,
}

/// All protections that were initialized, by their place.
#[derive(Default)]
struct Protections(RefCell<BTreeMap<usize, Protection>>);

fn with<R>(reference: RunRef, name: &str, f: impl FnOnce(&mut Protection) -> R) -> R {
    let all = sim::local::<Protections>();
    let mut all = all.0.borrow_mut();
    let Some(protection) = all.get_mut(&(reference as usize)) else {
        drop(all);
        sim::fail(
            RUNDOWN,
            format!("{name} of a reference that was never initialized"),
        );
    };
    let result = f(protection);
    let word = protection.users << 1 | u64::from(protection.ending);
    // SAFETY: the caller's reference.
    unsafe { reference.write_volatile(word) };
    result
}

/// `ExInitializeRundownProtection`.
///
/// # Safety
/// `reference` is a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExInitializeRundownProtection(reference: RunRef) {
    enter("ExInitializeRundownProtection", Level::Dispatch);
    let all = sim::local::<Protections>();
    all.0
        .borrow_mut()
        .insert(reference as usize, Protection::default());
    // SAFETY: the caller's place.
    unsafe { reference.write_volatile(0) };
}

/// `ExReInitializeRundownProtection`: after a rundown that is over.
///
/// # Safety
/// `reference` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExReInitializeRundownProtection(reference: RunRef) {
    let name = "ExReInitializeRundownProtection";
    enter(name, Level::Dispatch);
    let over = with(reference, name, |protection| {
        let over = protection.ending && protection.users == 0;
        protection.ending = false;
        over
    });
    if !over {
        sim::fail(RUNDOWN, format!("{name} before the rundown is over"));
    }
}

/// `ExAcquireRundownProtection`.
///
/// # Safety
/// `reference` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExAcquireRundownProtection(reference: RunRef) -> u8 {
    // SAFETY: as the caller says.
    unsafe { ExAcquireRundownProtectionEx(reference, 1) }
}

/// `ExAcquireRundownProtectionEx`.
///
/// # Safety
/// `reference` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExAcquireRundownProtectionEx(reference: RunRef, count: u32) -> u8 {
    let name = "ExAcquireRundownProtection";
    enter(name, Level::Dispatch);
    with(reference, name, |protection| {
        if !protection.ending {
            protection.users += u64::from(count);
        }
        u8::from(!protection.ending)
    })
}

/// `ExReleaseRundownProtection`.
///
/// # Safety
/// `reference` was acquired.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExReleaseRundownProtection(reference: RunRef) {
    // SAFETY: as the caller says.
    unsafe { ExReleaseRundownProtectionEx(reference, 1) };
}

/// `ExReleaseRundownProtectionEx`.
///
/// # Safety
/// `reference` was acquired so often.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExReleaseRundownProtectionEx(reference: RunRef, count: u32) {
    let name = "ExReleaseRundownProtection";
    enter(name, Level::Dispatch);
    let left = with(reference, name, |protection| {
        let left = protection.users.checked_sub(u64::from(count));
        protection.users = left.unwrap_or(0);
        let waiter = protection.waiter.filter(|_| left == Some(0));
        waiter.into_iter().for_each(sim::unpark);
        left
    });
    if left.is_none() {
        sim::fail(RUNDOWN, format!("{name} of what was not acquired"));
    }
}

/// `ExRundownCompleted`: after the wait, lest anybody get in.
///
/// # Safety
/// `reference` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExRundownCompleted(reference: RunRef) {
    let name = "ExRundownCompleted";
    enter(name, Level::Dispatch);
    let users = with(reference, name, |protection| {
        protection.ending = true;
        protection.users
    });
    if users > 0 {
        sim::fail(RUNDOWN, format!("{name} with {users} users"));
    }
}

/// `ExWaitForRundownProtectionRelease`: below `DISPATCH_LEVEL`; nobody new gets in from now on.
///
/// # Safety
/// `reference` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExWaitForRundownProtectionRelease(reference: RunRef) {
    let name = "ExWaitForRundownProtectionRelease";
    enter(name, Level::BelowDispatch);
    let second = with(reference, name, |protection| {
        protection.ending = true;
        let users = protection.users > 0;
        let second = users && protection.waiter.is_some();
        protection.waiter = sim::current().filter(|_| users);
        second
    });
    if second {
        sim::fail(RUNDOWN, format!("{name} by two at once"));
    }
    let _deadline = sim::Deadline::new(RUNDOWN, sim::LONGEST, move || name.to_owned());
    while with(reference, name, |protection| protection.users) > 0 {
        sim::park_for("rundown protection");
    }
    with(reference, name, |protection| protection.waiter = None);
}
