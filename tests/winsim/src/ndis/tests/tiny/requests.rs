//! What the tiny miniport does with sends and requests.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::*;

use super::super::{Wrong, handle, tiny, wrong};
use crate::nt;

pub(in super::super) fn complete_send(list: *mut NET_BUFFER_LIST, status: i32) {
    // SAFETY: the list is ours until it is completed.
    unsafe {
        (*list).Status = if wrong(Wrong::SendPends) {
            NDIS_STATUS_PENDING
        } else {
            status
        }
    };
    // SAFETY: as above.
    unsafe { (*list).Next = ptr::null_mut() };
    let adapter = handle(&tiny().adapter);
    let flags = u32::from(wrong(Wrong::SendLiesAboutLevel));
    // SAFETY: the list is ours.
    unsafe { NdisMSendNetBufferListsComplete(adapter, list, flags) };
    if wrong(Wrong::SendTwice) {
        // SAFETY: none; the list is gone on purpose.
        unsafe { NdisMSendNetBufferListsComplete(adapter, list, 0) };
    }
    if wrong(Wrong::SendTouchedAfterwards) {
        // SAFETY: none; the list is gone on purpose, and what it holds leads nowhere.
        let buffer = unsafe { (&raw const (*list).FirstNetBuffer).read_volatile() };
        // SAFETY: as above.
        unsafe { (&raw const (*buffer).MdlChain).read_volatile() };
    }
}

/// Does to a packet what no miniport may.
fn spoil_send(list: *mut NET_BUFFER_LIST) {
    // SAFETY: the list is ours until it is completed.
    let Some(buffer) = (unsafe { (*list).FirstNetBuffer.as_mut() }) else {
        return;
    };
    if wrong(Wrong::SendChangesData) {
        // SAFETY: the buffer's chain; its data begin behind the offset, and its pieces have addresses but for those of programs.
        let first = unsafe { &*buffer.CurrentMdl };
        let place = first
            .StartVa
            .wrapping_byte_add((first.ByteOffset + buffer.CurrentMdlOffset) as usize);
        // SAFETY: memory of the packet.
        unsafe { *place.cast::<u8>() ^= 1 };
    }
    if wrong(Wrong::SendChangesBuffer) {
        buffer.stDataLength -= 1;
    }
    if wrong(Wrong::SendLosesBuffer) {
        // SAFETY: as above.
        unsafe { (*list).FirstNetBuffer = buffer.Next };
    }
    if tiny().finishes_large.get() {
        // SAFETY: as above.
        unsafe { (*list).NetBufferListInfo[2] = (1_usize << 30) as *mut c_void };
    }
}

pub(super) unsafe extern "win64" fn send(
    _context: *mut c_void,
    lists: *mut NET_BUFFER_LIST,
    _port: u32,
    _flags: u32,
) {
    let mut list = lists;
    while !list.is_null() {
        // SAFETY: NDIS gives a chain.
        let next = unsafe { (*list).Next };
        spoil_send(list);
        let reject = tiny().paused.get() && !wrong(Wrong::SendAcceptedInPaused);
        if tiny().keeps_sends.get()
            || wrong(Wrong::SendNever)
            || wrong(Wrong::SendStalls)
            || wrong(Wrong::PauseWithSends)
        {
            tiny().queued_sends.borrow_mut().push(list as usize);
        } else if wrong(Wrong::SendUnderLock) {
            let lock = tiny().lock.get() as *mut u64;
            // SAFETY: the lock is live.
            let old = unsafe { nt::KeAcquireSpinLockRaiseToDpc(lock) };
            complete_send(list, NDIS_STATUS_SUCCESS);
            // SAFETY: the lock is held.
            unsafe { nt::KeReleaseSpinLock(lock, old) };
        } else {
            complete_send(
                list,
                if reject {
                    NDIS_STATUS_PAUSED
                } else {
                    NDIS_STATUS_SUCCESS
                },
            );
        }
        list = next;
    }
}

fn disable_ndk() {
    // SAFETY: all fields may be zero.
    let mut event: NET_PNP_EVENT_NOTIFICATION = unsafe { std::mem::zeroed() };
    event.NetPnPEvent.NetEvent = 14;
    // SAFETY: the event is good.
    unsafe { NdisMNetPnPEvent(handle(&tiny().adapter), &raw mut event) };
}

/// Set packet filter pends and completes from a work item; the rest is answered at once.
pub(super) unsafe extern "win64" fn oid(_context: *mut c_void, request: *mut NDIS_OID_REQUEST) -> i32 {
    // SAFETY: NDIS gives a request of the information kind.
    let code = unsafe { (*request).DATA.INFORMATION.Oid };
    if wrong(Wrong::OidUnknown) && code == 0x0001_0111 {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    // SAFETY: as above.
    let id = unsafe { (*request).RequestId };
    if wrong(Wrong::AbortsWithoutId) && id.is_null() {
        return NDIS_STATUS_REQUEST_ABORTED;
    }
    if wrong(Wrong::ShortBufferNeedsNothing) {
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    if wrong(Wrong::SetPowerFails) && code == 0xFD01_0101
        || wrong(Wrong::RemovePatternFails) && code == 0xFD01_010B
    {
        return NDIS_STATUS_FAILURE;
    }
    if wrong(Wrong::NetEventInOid) {
        disable_ndk();
    }
    if wrong(Wrong::NetEventAtDispatch) {
        // SAFETY: no pointers.
        unsafe { nt::KfRaiseIrql(2) };
        disable_ndk();
    }
    if code != 0x0001_010E {
        return NDIS_STATUS_SUCCESS;
    }
    if wrong(Wrong::RefusesNoFilter) {
        // SAFETY: NDIS's set of the filter has a buffer of its size.
        let filter: *const u32 = unsafe { (*request).DATA.INFORMATION.InformationBuffer }.cast();
        // SAFETY: as above.
        if unsafe { filter.read_unaligned() } == 0 {
            return NDIS_STATUS_INVALID_DATA;
        }
    }
    tiny().pended.set(request as usize);
    // SAFETY: handle and routine are good.
    unsafe { NdisQueueIoWorkItem(handle(&tiny().work_item), Some(complete_oid), ptr::null_mut()) };
    if wrong(Wrong::OidTwice) {
        NDIS_STATUS_SUCCESS
    } else {
        NDIS_STATUS_PENDING
    }
}

unsafe extern "win64" fn complete_oid(_context: *mut c_void, _item: *mut c_void) {
    let adapter = handle(&tiny().adapter);
    let request: *mut NDIS_OID_REQUEST = tiny().pended.get() as *mut NDIS_OID_REQUEST;
    if wrong(Wrong::NetEventDuringPendedOid) {
        // SAFETY: no pointers.
        unsafe { NdisMSleep(10) };
        disable_ndk();
    }
    if wrong(Wrong::OidNever) {
        return;
    }
    if wrong(Wrong::OidByDirect) {
        // SAFETY: the request is pending.
        return unsafe { NdisMDirectOidRequestComplete(adapter, request, NDIS_STATUS_SUCCESS) };
    }
    let status = if wrong(Wrong::OidCompletedPending) {
        NDIS_STATUS_PENDING
    } else {
        NDIS_STATUS_SUCCESS
    };
    // SAFETY: the request is pending.
    unsafe { NdisMOidRequestComplete(adapter, request, status) };
    if wrong(Wrong::OidTwiceByWorkItem) {
        // SAFETY: none; the request is complete on purpose.
        unsafe { NdisMOidRequestComplete(adapter, request, status) };
    }
}

pub(super) unsafe extern "win64" fn direct_oid(_context: *mut c_void, request: *mut NDIS_OID_REQUEST) -> i32 {
    // SAFETY: the request is pending from here on.
    unsafe { NdisMDirectOidRequestComplete(handle(&tiny().adapter), request, NDIS_STATUS_SUCCESS) };
    NDIS_STATUS_PENDING
}
