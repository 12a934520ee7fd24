//! Events, sleep and memory: the small services of NDIS that stand on ntoskrnl.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::{NDIS_EVENT, NDIS_HANDLE};

use super::kernel::{self, Level};
use crate::sim::{self, MICROSECOND, MILLISECOND, faults};

/// `NdisInitializeEvent`: a notification event, not signaled.
///
/// # Safety
/// `event` points to memory for an event.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisInitializeEvent(event: *mut NDIS_EVENT) {
    kernel::enter("NdisInitializeEvent", Level::Dispatch);
    // SAFETY: the caller's event.
    unsafe { kernel::event_initialize(event.cast()) };
}

/// `NdisSetEvent`.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisSetEvent(event: *mut NDIS_EVENT) {
    kernel::enter("NdisSetEvent", Level::Dispatch);
    // SAFETY: the caller's event.
    unsafe { kernel::event_set(event.cast()) };
}

/// `NdisResetEvent`.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisResetEvent(event: *mut NDIS_EVENT) {
    kernel::enter("NdisResetEvent", Level::Dispatch);
    // SAFETY: the caller's event.
    unsafe { kernel::event_reset(event.cast()) };
}

/// `NdisWaitEvent`: FALSE when `milliseconds` passed first; 0 waits for ever.
///
/// # Safety
/// `event` was initialized.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisWaitEvent(event: *mut NDIS_EVENT, milliseconds: u32) -> u8 {
    kernel::enter("NdisWaitEvent", Level::Passive);
    let limit = (milliseconds > 0).then(|| u64::from(milliseconds) * MILLISECOND);
    // SAFETY: the caller's event.
    u8::from(unsafe { kernel::event_wait(event.cast(), limit) })
}

/// `NdisMSleep`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMSleep(microseconds: u32) {
    kernel::enter("NdisMSleep", Level::BelowDispatch);
    sim::sleep(u64::from(microseconds) * MICROSECOND);
}

/// `NdisAllocateMemoryWithTagPriority`: non-paged memory; null when there is none.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateMemoryWithTagPriority(
    _handle: NDIS_HANDLE,
    length: u32,
    tag: u32,
    _priority: i32,
) -> *mut c_void {
    let ddi = "NdisAllocateMemoryWithTagPriority";
    kernel::enter(ddi, Level::Dispatch);
    if tag == 0 {
        sim::fail("VRF-20", format!("{ddi} without a tag"));
    }
    if faults::fire("NdisAllocateMemoryWithTagPriority") {
        return ptr::null_mut();
    }
    kernel::pool_allocate(length, tag)
}

/// `NdisFreeMemory`: `length` is 0 or what was allocated.
///
/// # Safety
/// Nothing uses the memory any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeMemory(address: *mut c_void, _length: u32, _flags: u32) {
    kernel::enter("NdisFreeMemory", Level::Dispatch);
    // SAFETY: the caller gives the memory back.
    unsafe { kernel::pool_free(address) };
}
