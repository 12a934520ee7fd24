//! What drivers of others find in the kernel: in-stack queued spin locks, rundown protection, work items, lookaside lists.

use std::ffi::c_void;
use std::ptr;

use super::super::*;
use super::{caught, passes};
use crate::sim::{self, HostId, SECOND};

/// A place that lives as long as the run.
fn place<T>() -> *mut T {
    // SAFETY: the types of these tests may be zero.
    Box::leak(Box::new(unsafe { std::mem::zeroed::<T>() }))
}

fn lock() -> *mut u64 {
    let lock = place();
    // SAFETY: a place for a lock.
    unsafe { KeInitializeSpinLock(lock) };
    lock
}

fn acquire(lock: *mut u64) -> *mut KLOCK_QUEUE_HANDLE {
    let handle = place();
    // SAFETY: a lock, and a handle that stays.
    unsafe { KeAcquireInStackQueuedSpinLock(lock, handle) };
    handle
}

fn release(handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the verifier checks the handle.
    unsafe { KeReleaseInStackQueuedSpinLock(handle) };
}

#[test]
fn queued_locks_that_are_kept_well_pass() {
    passes(|_| {
        let (outer, inner) = (acquire(lock()), place());
        assert_eq!(sim::irql(), sim::DISPATCH_LEVEL);
        // SAFETY: a live lock and handle.
        unsafe { KeAcquireInStackQueuedSpinLockAtDpcLevel(lock(), inner) };
        // SAFETY: as above.
        unsafe { KeReleaseInStackQueuedSpinLockFromDpcLevel(inner) };
        release(outer);
        assert_eq!(sim::irql(), 0);
        expect_clean("a good driver");
    });
}

/// VRF-30, VRF-31, VRF-34: as for the ordinary functions, with the handle of the acquisition; and no lock is used by both kinds.
#[test]
fn queued_locks_that_are_misused_are_caught() {
    caught("VRF-30", |_| {
        let lock = lock();
        acquire(lock);
        acquire(lock);
    });
    caught("VRF-31", |_| {
        let first = acquire(lock());
        let copy = place();
        // SAFETY: both are handles.
        unsafe { ptr::copy(first, copy, 1) };
        release(copy);
    });
    caught("VRF-31", |_| {
        // SAFETY: a live lock and handle.
        unsafe { KeAcquireInStackQueuedSpinLockAtDpcLevel(lock(), place()) };
    });
    caught("VRF-34", |_| release(place()));
    caught("VRF-30", |_| {
        let lock = lock();
        release(acquire(lock));
        // SAFETY: a live lock.
        unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
    });
    caught("VRF-30", |_| {
        acquire(lock());
        expect_clean("a driver that keeps a lock");
    });
}

fn protection() -> *mut u64 {
    let reference = place();
    // SAFETY: a place for one.
    unsafe { ExInitializeRundownProtection(reference) };
    reference
}

fn enter_protected(reference: *mut u64) -> bool {
    // SAFETY: the verifier checks the reference.
    unsafe { ExAcquireRundownProtection(reference) != 0 }
}

fn leave_protected(reference: *mut u64) {
    // SAFETY: as above.
    unsafe { ExReleaseRundownProtection(reference) };
}

fn run_down(reference: *mut u64) {
    // SAFETY: as above.
    unsafe { ExWaitForRundownProtectionRelease(reference) };
}

#[test]
fn a_rundown_waits_for_all_users_and_lets_nobody_in() {
    passes(|host| {
        let reference = protection();
        assert!(enter_protected(reference));
        let shared = reference as usize;
        let user = thread(host, "user", move || {
            sim::sleep(SECOND);
            assert!(!enter_protected(shared as *mut u64), "it has begun");
            leave_protected(shared as *mut u64);
        });
        run_down(reference);
        assert!(sim::now() >= SECOND);
        assert!(!enter_protected(reference));
        // SAFETY: a rundown that is over.
        unsafe { ExRundownCompleted(reference) };
        // SAFETY: as above.
        unsafe { ExReInitializeRundownProtection(reference) };
        assert!(enter_protected(reference));
        leave_protected(reference);
        sim::join(user);
    });
}

/// The pages of wdm.h: initialized first, released as often as acquired, waited for below `DISPATCH_LEVEL` (VRF-33), with an end.
#[test]
fn rundown_protection_that_is_misused_is_caught() {
    caught("RUNDOWN", |_| assert!(enter_protected(place())));
    caught("RUNDOWN", |_| leave_protected(protection()));
    caught("RUNDOWN", |_| {
        // SAFETY: a reference whose rundown has not begun.
        unsafe { ExReInitializeRundownProtection(protection()) };
    });
    caught("RUNDOWN", |_| {
        let reference = protection();
        enter_protected(reference);
        // SAFETY: the verifier checks the reference.
        unsafe { ExRundownCompleted(reference) };
    });
    caught("RUNDOWN", |_| {
        let reference = protection();
        enter_protected(reference);
        run_down(reference);
    });
    caught("VRF-33", |_| {
        at_irql(sim::DISPATCH_LEVEL, || run_down(protection()))
    });
}

unsafe extern "win64" fn routine(_device: *mut c_void, context: *mut c_void) {
    assert_eq!(sim::irql(), 0);
    let count = context.cast::<u32>();
    // SAFETY: the context of `item`.
    unsafe { *count += 1 };
}

/// Frees its item, as a routine may.
unsafe extern "win64" fn last_routine(_device: *mut c_void, context: *mut c_void, item: *mut c_void) {
    // SAFETY: as for `routine`.
    unsafe { routine(ptr::null_mut(), context) };
    // SAFETY: the item has left the queue.
    unsafe { IoFreeWorkItem(item) };
}

fn item() -> *mut c_void {
    // SAFETY: any device object does.
    unsafe { IoAllocateWorkItem(ptr::dangling_mut::<u64>().cast()) }
}

fn queue(item: *mut c_void, count: *mut u32) {
    // SAFETY: the routine takes such a context.
    unsafe { IoQueueWorkItem(item, Some(routine), 1, count.cast()) };
}

#[test]
fn work_items_run_once_for_each_time_they_are_queued() {
    passes(|host| {
        let (item, count) = (item(), place::<u32>());
        queue(item, count);
        sim::sleep(SECOND);
        // SAFETY: the routine takes such a context and frees the item.
        at_irql(sim::DISPATCH_LEVEL, || unsafe {
            IoQueueWorkItemEx(item, Some(last_routine), 1, count.cast());
        });
        sim::sleep(SECOND);
        // SAFETY: nobody runs.
        assert_eq!(unsafe { *count }, 2);
        assert_eq!(work_items_outstanding(host), 0);
    });
}

/// The pages of wdm.h: not queued twice, not freed while queued, not used after that.
#[test]
fn work_items_that_are_misused_are_caught() {
    caught("WORK-ITEM", |_| {
        let item = item();
        at_irql(sim::DISPATCH_LEVEL, || {
            queue(item, place());
            queue(item, place());
        });
    });
    caught("WORK-ITEM", |_| {
        let item = item();
        at_irql(sim::DISPATCH_LEVEL, || {
            queue(item, place());
            // SAFETY: the verifier checks the item.
            unsafe { IoFreeWorkItem(item) };
        });
    });
    caught("WORK-ITEM", |_| {
        let item = item();
        // SAFETY: the verifier checks the item.
        unsafe { IoFreeWorkItem(item) };
        queue(item, place());
    });
    caught("VRF-35", |_| {
        raise(5);
        item();
    });
}

fn list() -> *mut GENERAL_LOOKASIDE {
    let list = place();
    // SAFETY: a place for a list.
    let status = unsafe { ExInitializeLookasideListEx(list, None, None, 512, 0, 64, 7, 0) };
    assert_eq!(status, 0);
    list
}

/// `ExAllocateFromLookasideListEx`, as it is inline in wdm.h.
fn allocate(list: *mut GENERAL_LOOKASIDE) -> *mut c_void {
    // SAFETY: a live list begins with its header.
    let entry = unsafe { ExpInterlockedPopEntrySList(list.cast()) };
    if !entry.is_null() {
        return entry.cast();
    }
    // SAFETY: a live list.
    let function = unsafe { &*list }.allocate_function();
    // SAFETY: what the inline function calls when the list is empty.
    unsafe { function(512, 64, 7, list) }
}

/// `ExFreeToLookasideListEx`, likewise.
fn free(list: *mut GENERAL_LOOKASIDE, entry: *mut c_void) {
    // SAFETY: a live list begins with its header, and the entry is in no list.
    unsafe { ExpInterlockedPushEntrySList(list.cast(), entry.cast()) };
}

#[test]
fn a_lookaside_list_keeps_what_is_freed_and_gives_it_back_at_its_end() {
    passes(|host| {
        let list = list();
        let (first, second) = (allocate(list), allocate(list));
        free(list, first);
        free(list, second);
        // SAFETY: a live list begins with its header.
        assert_eq!(unsafe { ExQueryDepthSList(list.cast()) }, 2);
        assert_eq!(allocate(list), second);
        free(list, second);
        assert_eq!(pool_outstanding(host), 2);
        // SAFETY: the list is live.
        unsafe { ExDeleteLookasideListEx(list) };
        assert_eq!(
            (pool_outstanding(host), lookaside_lists_outstanding(host)),
            (0, 0)
        );
    });
}

/// The pages of wdm.h: initialized once, deleted once, no entry in it twice, at `DISPATCH_LEVEL` or below (VRF-35).
#[test]
fn lookaside_lists_that_are_misused_are_caught() {
    caught("LOOKASIDE", |_| {
        let list = list();
        // SAFETY: the verifier checks the list.
        unsafe { ExInitializeLookasideListEx(list, None, None, 512, 0, 64, 7, 0) };
    });
    caught("LOOKASIDE", |_| {
        // SAFETY: the verifier checks the list.
        unsafe { ExDeleteLookasideListEx(place()) };
    });
    caught("LOOKASIDE", |_| {
        // SAFETY: the verifier checks the list.
        unsafe { ExDeleteNPagedLookasideList(place()) };
    });
    caught("LOOKASIDE", |_| {
        let list = list();
        let entry = allocate(list);
        free(list, entry);
        free(list, entry);
    });
    caught("VRF-35", |_| {
        let list = list();
        raise(5);
        allocate(list);
    });
}

#[test]
fn a_node_has_the_processors_of_its_host() {
    passes(|_: HostId| {
        let (affinity, count) = (place::<cxndk::sys::ndis::GROUP_AFFINITY>(), place::<u16>());
        // SAFETY: places for the answers.
        unsafe { KeQueryNodeActiveAffinity(0, affinity, count) };
        // SAFETY: written just now.
        assert_eq!(unsafe { (*affinity).Mask }, 0b11);
        // SAFETY: as above.
        assert_eq!(unsafe { *count }, 2);
        // SAFETY: both places are optional.
        unsafe { KeQueryNodeActiveAffinity(1, affinity, ptr::null_mut()) };
        // SAFETY: written just now.
        assert_eq!(unsafe { (*affinity).Mask }, 0);
    });
}

#[test]
fn an_address_is_read_from_text() {
    passes(|_| {
        let text: Vec<u16> = "10.0.0.2:445\0".encode_utf16().collect();
        let (address, port) = (place::<u32>(), place::<u16>());
        // SAFETY: the text ends with a zero; the places are good.
        let read = unsafe { RtlIpv4StringToAddressExW(text.as_ptr(), 1, address, port) };
        assert_eq!(read, 0);
        // SAFETY: written just now.
        assert_eq!(unsafe { *address }.to_ne_bytes(), [10, 0, 0, 2]);
        // SAFETY: as above.
        assert_eq!(unsafe { *port }.to_ne_bytes(), 445_u16.to_be_bytes());
        // SAFETY: as above.
        let refused = unsafe { RtlIpv4StringToAddressExA(c"10.0.0".as_ptr(), 1, address, port) };
        assert_eq!(refused, 0xC000_000D_u32 as i32);
    });
    caught("VRF-32", |_| {
        raise(2);
        // SAFETY: places and text are good.
        unsafe { RtlIpv4StringToAddressExA(c"10.0.0.1".as_ptr(), 1, place(), place()) };
    });
}
