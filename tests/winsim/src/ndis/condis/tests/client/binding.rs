//! Bindings of the tiny client: made and undone at once or, as the run says, later.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;
use wdk_standin::UNICODE_STRING;

use super::super::{Wrong, host, inside, note, pair, until, wrong};
use super::{BINDING, Handle, PENDING, header};
use crate::ndis::kernel;
use crate::sim;

/// `NdisOpenAdapterEx` in the bind, or out of it.
pub(in super::super) fn open_adapter(bind: Handle) -> i32 {
    let mut handle = ptr::null_mut();
    let protocol = pair().protocol.get() as Handle;
    let context = BINDING as Handle;
    let mut name = pair().adapter_name.get() as *mut UNICODE_STRING;
    let mut units = [0x78];
    let mut other = UNICODE_STRING {
        Length: 2,
        MaximumLength: 2,
        Buffer: units.as_mut_ptr(),
    };
    if wrong(Wrong::OpensByOtherName) {
        name = &raw mut other;
    }
    let mut media = vec![NdisMediumFddi, NdisMedium802_3];
    media.truncate(if wrong(Wrong::OpensOtherMedium) { 1 } else { 2 });
    let mut parameters = NDIS_OPEN_PARAMETERS {
        Header: header(NDIS_OBJECT_TYPE_OPEN_PARAMETERS, 1, 56),
        AdapterName: name,
        MediumArray: media.as_mut_ptr(),
        MediumArraySize: media.len() as u32,
        SelectedMediumIndex: Box::leak(Box::new(9)),
        FrameTypeArray: ptr::null_mut(),
        FrameTypeArraySize: 0,
    };
    if wrong(Wrong::OpensWithoutHeader) {
        parameters.Header.Type = 0;
    }
    let given = if wrong(Wrong::OpensWithoutParameters) {
        ptr::null_mut()
    } else {
        &raw mut parameters
    };
    // SAFETY: the handles and parameters are good, or checked.
    let status = unsafe { NdisOpenAdapterEx(protocol, context, given, bind, &raw mut handle) };
    if status == NDIS_STATUS_SUCCESS {
        // SAFETY: it stays.
        assert_eq!(unsafe { *parameters.SelectedMediumIndex }, 1);
    }
    if !handle.is_null() {
        pair().binding.set(handle as usize);
    }
    status
}

/// The handle of the binding.
pub(in super::super) fn binding() -> Handle {
    pair().binding.get() as Handle
}

/// Opens the adapter, and waits for that.
fn open_and_wait(bind: Handle) -> i32 {
    let status = open_adapter(bind);
    if status == PENDING {
        if wrong(Wrong::OpensFamilyEarly) {
            super::open_family();
        }
        until("adapter open");
        return 0;
    }
    status
}

/// `NdisCompleteBindAdapterEx`.
fn complete_bind(bind: usize, status: i32) {
    // SAFETY: the handle is that of the bind, or it is checked.
    unsafe { NdisCompleteBindAdapterEx(bind as Handle, status) };
}

pub(super) unsafe extern "win64" fn bind(
    _context: Handle,
    bind: Handle,
    parameters: *mut NDIS_BIND_PARAMETERS,
) -> i32 {
    // SAFETY: NDIS gives complete parameters.
    assert!(unsafe { (*parameters).MtuSize } > 0);
    // SAFETY: as above.
    pair()
        .adapter_name
        .set(unsafe { (*parameters).AdapterName } as usize);
    if wrong(Wrong::BindsWithoutOpening) {
        return 0;
    }
    if wrong(Wrong::NeverBinds) {
        return PENDING;
    }
    if !pair().binds_later.get() {
        let status = open_and_wait(bind);
        if wrong(Wrong::OpensTwice) {
            open_and_wait(bind);
        }
        if wrong(Wrong::BindsAndCompletes) {
            complete_bind(bind as usize, status);
        }
        return if wrong(Wrong::FailsToBindOpen) {
            NDIS_STATUS_FAILURE
        } else {
            status
        };
    }
    let bind = bind as usize;
    kernel::worker(host(), "client", move || {
        let status = open_and_wait(bind as Handle);
        complete_bind(
            bind,
            if wrong(Wrong::CompletesBindPending) {
                PENDING
            } else {
                status
            },
        );
        if wrong(Wrong::CompletesBindTwice) {
            complete_bind(bind, status);
        }
    });
    PENDING
}

pub(super) unsafe extern "win64" fn opened(context: Handle, status: i32) {
    assert_eq!((context as usize, status), (BINDING, 0));
    note("adapter open");
}

/// `NdisCloseAdapterEx`, and waits for that.
pub(in super::super) fn close_adapter() {
    pair().closed.set(false);
    // SAFETY: the handle is good, or it is checked.
    let status = unsafe { NdisCloseAdapterEx(pair().binding.get() as Handle) };
    while status == PENDING && !pair().closed.get() {
        sim::sleep(sim::MICROSECOND);
    }
}

pub(super) unsafe extern "win64" fn unbind(unbind: Handle, context: Handle) -> i32 {
    assert_eq!(context as usize, BINDING);
    if wrong(Wrong::UnbindFails) {
        return NDIS_STATUS_FAILURE;
    }
    let unbind = unbind as usize;
    let work = move || {
        if inside("leave") {
            super::close_family();
            until("family closed");
        }
        if !wrong(Wrong::UnbindsWithoutClosing) {
            close_adapter();
        }
        if wrong(Wrong::ClosesAdapterTwice) {
            close_adapter();
        }
    };
    if !pair().binds_later.get() {
        work();
        return 0;
    }
    kernel::worker(host(), "client", move || {
        work();
        // SAFETY: the handle is that of the unbind.
        unsafe { NdisCompleteUnbindAdapterEx(unbind as Handle) };
    });
    PENDING
}

pub(super) unsafe extern "win64" fn adapter_closed(_context: Handle) {
    pair().closed.set(true);
}

pub(super) unsafe extern "win64" fn pnp_event(
    _context: Handle,
    _event: *mut NET_PNP_EVENT_NOTIFICATION,
) -> i32 {
    if wrong(Wrong::StuckInEvent) {
        sim::sleep(100 * sim::SECOND);
    }
    if wrong(Wrong::EventFails) {
        NDIS_STATUS_FAILURE
    } else {
        0
    }
}
