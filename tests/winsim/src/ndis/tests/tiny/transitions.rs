//! Restart and pause.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::*;

use super::super::{Wrong, handle, tiny, wrong};
use super::requests::complete_send;
use super::{indicate, map_at, set_timer, write_log};
use crate::nt;

pub(super) unsafe extern "win64" fn restart(
    _context: *mut c_void,
    parameters: *mut NDIS_MINIPORT_RESTART_PARAMETERS,
) -> i32 {
    // SAFETY: the parameters are good.
    let attributes = unsafe { (*parameters).RestartAttributes.as_mut() };
    if wrong(Wrong::RestartFailsSilently) {
        return NDIS_STATUS_FAILURE;
    }
    if wrong(Wrong::RestartFails) {
        write_log(NDIS_STATUS_FAILURE);
        return NDIS_STATUS_FAILURE;
    }
    match attributes {
        Some(attributes) if wrong(Wrong::RestartBreaksList) => attributes.Oid = 1,
        Some(attributes) if wrong(Wrong::RestartEditsAndFails) => {
            // SAFETY: the data go on behind their first byte.
            unsafe { attributes.Data.as_mut_ptr().byte_add(4).write(0) };
            write_log(NDIS_STATUS_FAILURE);
            return NDIS_STATUS_FAILURE;
        }
        _ => {}
    }
    tiny().paused.set(false);
    if wrong(Wrong::MapLate) {
        map_at(0, 0x1000);
    }
    if wrong(Wrong::PeriodicCancelAtDispatch) {
        set_timer(1, 1);
        // SAFETY: no pointers.
        unsafe { NdisMSleep(5000) };
    }
    if wrong(Wrong::SleepAtDispatch) || wrong(Wrong::WaitAtDispatch) {
        at_dispatch();
    }
    // SAFETY: the handle and routine are good.
    unsafe { NdisQueueIoWorkItem(handle(&tiny().work_item), Some(restarted), ptr::null_mut()) };
    NDIS_STATUS_PENDING
}

fn at_dispatch() {
    let mut event = NDIS_EVENT {
        Event: wdk_standin::KEVENT::default(),
    };
    // SAFETY: the event is ours.
    unsafe { NdisInitializeEvent(&raw mut event) };
    // SAFETY: no pointers.
    let old = unsafe { nt::KfRaiseIrql(2) };
    if wrong(Wrong::SleepAtDispatch) {
        // SAFETY: no pointers.
        unsafe { NdisMSleep(1) };
    }
    // SAFETY: the event is initialized.
    unsafe { NdisWaitEvent(&raw mut event, 1) };
    // SAFETY: the old level is lower.
    unsafe { nt::KeLowerIrql(old) };
}

unsafe extern "win64" fn restarted(_context: *mut c_void, _item: *mut c_void) {
    indicate();
    // SAFETY: a restart is pending.
    unsafe { NdisMRestartComplete(handle(&tiny().adapter), NDIS_STATUS_SUCCESS) };
}

pub(super) unsafe extern "win64" fn pause(
    _context: *mut c_void,
    _parameters: *mut NDIS_MINIPORT_PAUSE_PARAMETERS,
) -> i32 {
    if wrong(Wrong::PauseFails) {
        return NDIS_STATUS_FAILURE;
    }
    tiny().paused.set(true);
    let queued = tiny().queued_sends.take();
    if wrong(Wrong::PauseWithSends) {
        return NDIS_STATUS_SUCCESS;
    }
    for list in queued {
        complete_send(list as *mut NET_BUFFER_LIST, NDIS_STATUS_SUCCESS);
    }
    if wrong(Wrong::PauseTwice) {
        // SAFETY: a pause is in progress.
        unsafe { NdisMPauseComplete(handle(&tiny().adapter)) };
    }
    NDIS_STATUS_SUCCESS
}
