//! What a miniport reports: status indications, event log entries, `PnP` events.

use std::ptr;

use cxndk::sys::ndis::{
    MediaConnectStateConnected, NDIS_HANDLE, NDIS_LINK_STATE, NDIS_STATUS, NDIS_STATUS_FAILURE,
    NDIS_STATUS_INDICATION, NDIS_STATUS_LINK_STATE, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS,
    NET_PNP_EVENT_NOTIFICATION,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::table::{self, Object};
use crate::{netio, sim};

/// `NetEventNDKEnable`.
const NDK_ENABLE: i32 = 13;
/// `NetEventNDKDisable`.
const NDK_DISABLE: i32 = 14;

/// One entry of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// `NDIS_ERROR_CODE_*`.
    pub code: u32,
    /// The values that go with it, as given.
    pub values: Vec<u64>,
}

/// One status indication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indication {
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// `NDIS_STATUS_*`.
    pub code: NDIS_STATUS,
    /// The status buffer.
    pub buffer: Vec<u8>,
}

/// `NdisMIndicateStatusEx`.
///
/// # Safety
/// `indication` is good, and so is the buffer in it.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMIndicateStatusEx(
    handle: NDIS_HANDLE,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    let ddi = "NdisMIndicateStatusEx";
    kernel::enter(ddi, Level::Dispatch);
    let Some(Object::Adapter(adapter)) = table::find(handle) else {
        sim::fail("VRF-23", format!("{ddi} with a handle that is no adapter"));
    };
    let registered = adapter.attributes.registered.get();
    // While the system goes down it may: whoever is about to report when that begins cannot know, and is not waited for.
    if !registered || adapter.state.get() == State::Halted {
        sim::fail(
            "VRF-23",
            format!("{ddi} on {} in state {:?}", adapter.name, adapter.state.get()),
        );
    }
    // SAFETY: the caller's structure.
    let given = unsafe { &*indication };
    if given.SourceHandle != handle {
        sim::fail(
            "LINK-01",
            format!("{ddi}: SourceHandle {:p} is not the adapter", given.SourceHandle),
        );
    }
    let buffer = if given.StatusBufferSize == 0 {
        Vec::new()
    } else {
        // SAFETY: the caller says how large the buffer is.
        unsafe {
            std::slice::from_raw_parts(given.StatusBuffer.cast::<u8>(), given.StatusBufferSize as usize)
        }
        .to_vec()
    };
    if given.StatusCode == NDIS_STATUS_LINK_STATE {
        link_state(&adapter, &buffer);
    }
    adapter.indications.borrow_mut().push(Indication {
        time: sim::now(),
        code: given.StatusCode,
        buffer,
    });
}

/// The link went up or down: so does the carrier that netio sees.
fn link_state(adapter: &AdapterState, buffer: &[u8]) {
    if buffer.len() < size_of::<NDIS_LINK_STATE>() {
        sim::fail(
            "LINK-01",
            format!("{}: link state of {} bytes", adapter.name, buffer.len()),
        );
    }
    // SAFETY: the buffer is long enough, and any bytes are a valid NDIS_LINK_STATE.
    let state = unsafe { ptr::read_unaligned(buffer.as_ptr().cast::<NDIS_LINK_STATE>()) };
    if let Some(interface) = adapter.interface.get() {
        netio::set_connected(interface, state.MediaConnectState == MediaConnectStateConnected);
    }
}

/// `NdisWriteErrorLogEntry`: the values after the count belong to the code. The header declares it variadic; the driver
/// passes three, of which `count` count.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisWriteErrorLogEntry(
    handle: NDIS_HANDLE,
    code: u32,
    count: u32,
    first: usize,
    second: usize,
    third: usize,
) {
    let ddi = "NdisWriteErrorLogEntry";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    let values: Vec<u64> = [first, second, third]
        .map(|v| v as u64)
        .into_iter()
        .take(count as usize)
        .collect();
    sim::note(format!("event log of {}: {code:#x} {values:x?}", adapter.name));
    adapter.unlogged_failure.set(false);
    adapter.log.borrow_mut().push(LogEntry {
        time: sim::now(),
        code,
        values,
    });
}

/// `NdisMNetPnPEvent`: an event for the protocols above. Disabling NDK returns when every NDK open is closed
/// (ADAPTER-26).
///
/// # Safety
/// `notification` is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMNetPnPEvent(
    handle: NDIS_HANDLE,
    notification: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    let ddi = "NdisMNetPnPEvent";
    if sim::irql() != sim::PASSIVE_LEVEL {
        sim::fail("VRF-26", format!("{ddi} at IRQL {}", sim::irql()));
    }
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    if adapter.oids.in_oid_context() {
        sim::fail(
            "VRF-26",
            format!("{ddi} on {} while an OID request is in progress", adapter.name),
        );
    }
    // SAFETY: the caller's structure.
    let event = unsafe { &(*notification).NetPnPEvent };
    match event.NetEvent {
        NDK_ENABLE | NDK_DISABLE if !event.Buffer.is_null() || event.BufferLength != 0 => NDIS_STATUS_FAILURE,
        NDK_ENABLE => {
            adapter.edge.enable();
            NDIS_STATUS_SUCCESS
        }
        NDK_DISABLE => {
            adapter.edge.disable();
            NDIS_STATUS_SUCCESS
        }
        _ => NDIS_STATUS_NOT_SUPPORTED,
    }
}
