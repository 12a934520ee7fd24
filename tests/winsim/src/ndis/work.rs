//! Work items: routines of the driver that a system worker thread runs at `PASSIVE_LEVEL`.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_IO_WORKITEM_ROUTINE};

use super::adapter::{self, AdapterState};
use super::kernel::{self, Level};
use super::table::{self, Object};
use crate::sim::{self, faults};

/// One work item; it can be queued again once its routine has begun.
pub(super) struct WorkItem {
    handle: NDIS_HANDLE,
    /// The adapter whose handle it was allocated with, if it was one.
    adapter: Option<Rc<AdapterState>>,
    host: sim::HostId,
    queued: Cell<bool>,
}

/// `NdisAllocateIoWorkItem`: null when there is no memory.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateIoWorkItem(handle: NDIS_HANDLE) -> NDIS_HANDLE {
    let ddi = "NdisAllocateIoWorkItem";
    kernel::enter(ddi, Level::Dispatch);
    let (adapter, host) = if let Some(Object::Driver(driver)) = table::find(handle) {
        (None, driver.host)
    } else {
        let adapter = table::adapter(handle, ddi);
        let host = adapter.host;
        (Some(adapter), host)
    };
    if faults::fire("NdisAllocateIoWorkItem") {
        return ptr::null_mut();
    }
    let fresh = table::reserve();
    if let Some(adapter) = &adapter {
        adapter.held.work_items.borrow_mut().push(fresh);
    }
    let item = WorkItem {
        handle: fresh,
        adapter,
        host,
        queued: Cell::new(false),
    };
    table::insert(fresh, Object::WorkItem(Rc::new(item)));
    fresh
}

/// `NdisQueueIoWorkItem`: the routine gets the context and the work item's handle.
///
/// # Safety
/// The routine may be called with the context.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisQueueIoWorkItem(
    handle: NDIS_HANDLE,
    routine: NDIS_IO_WORKITEM_ROUTINE,
    context: *mut c_void,
) {
    let ddi = "NdisQueueIoWorkItem";
    kernel::enter(ddi, Level::Dispatch);
    let item = table::work_item(handle, ddi);
    let Some(routine) = routine else {
        sim::fail("NDIS-WORK", format!("{ddi} without a routine"))
    };
    if item.queued.replace(true) {
        sim::fail("NDIS-WORK", format!("{ddi}: {handle:p} is queued already"));
    }
    let context = context as usize;
    let host = item.host;
    kernel::worker(host, "work item", move || {
        item.queued.set(false);
        let handle = item.handle;
        drop(item);
        {
            let _driver = sim::enter_driver();
            // SAFETY: the driver gave routine and context for this call.
            unsafe { routine(context as *mut c_void, handle) };
        }
        kernel::expect_clean("a work item's routine");
    });
}

/// `NdisFreeIoWorkItem`: not while it is queued; from its own routine is fine.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeIoWorkItem(handle: NDIS_HANDLE) {
    let ddi = "NdisFreeIoWorkItem";
    kernel::enter(ddi, Level::Dispatch);
    let item = table::work_item(handle, ddi);
    if item.queued.get() {
        sim::fail("NDIS-WORK", format!("{ddi}: {handle:p} is queued"));
    }
    if let Some(adapter) = &item.adapter {
        adapter::release(&adapter.held.work_items, handle);
    }
    table::remove(handle);
}
