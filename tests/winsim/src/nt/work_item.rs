//! WDM work items: queued once at a time, run by a system thread at `PASSIVE_LEVEL`, freed when they are not queued.

use super::context::{Level, enter, expect_clean, host};
use super::scheduling::worker;
use crate::sim::{self, HostId, faults};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;

/// Rule id of a work item that is not used as its pages in wdm.h say.
const WORK_ITEM: &str = "WORK-ITEM";
/// Work items begin here, and are no memory that a driver could look into.
const FIRST: usize = 0x7749_0000_0000;

/// `IO_WORKITEM_ROUTINE`: device object and context.
type Routine = unsafe extern "win64" fn(*mut c_void, *mut c_void);
/// `IO_WORKITEM_ROUTINE_EX`: device or driver object, context, item.
type RoutineEx = unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void);

#[derive(Clone, Copy)]
struct Item {
    host: HostId,
    device: usize,
    queued: bool,
}

#[derive(Default)]
struct Items {
    live: RefCell<BTreeMap<usize, Item>>,
    made: std::cell::Cell<usize>,
}

fn fail(name: &str, what: &str) -> ! {
    sim::fail(WORK_ITEM, format!("{name}: {what}"))
}

/// `IoAllocateWorkItem`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoAllocateWorkItem(device: *mut c_void) -> *mut c_void {
    enter("IoAllocateWorkItem", Level::Dispatch);
    if device.is_null() {
        fail("IoAllocateWorkItem", "there is no device object");
    }
    if faults::fire("IoAllocateWorkItem") {
        return ptr::null_mut();
    }
    let items = sim::local::<Items>();
    let address = FIRST + items.made.replace(items.made.get() + 1) * 64;
    let item = Item {
        host: host(),
        device: device as usize,
        queued: false,
    };
    items.live.borrow_mut().insert(address, item);
    address as *mut c_void
}

/// `IoFreeWorkItem`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation; the item is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoFreeWorkItem(item: *mut c_void) {
    enter("IoFreeWorkItem", Level::Dispatch);
    let items = sim::local::<Items>();
    let gone = items.live.borrow_mut().remove(&(item as usize));
    match gone {
        None => fail("IoFreeWorkItem", "no such work item"),
        Some(gone) if gone.queued => fail("IoFreeWorkItem", "the item is queued"),
        Some(_) => {}
    }
}

/// Marks the item as queued; its device object.
fn queue(name: &'static str, item: *mut c_void) -> usize {
    enter(name, Level::Dispatch);
    let items = sim::local::<Items>();
    let mut live = items.live.borrow_mut();
    let Some(found) = live.get_mut(&(item as usize)) else {
        drop(live);
        fail(name, "no such work item")
    };
    if std::mem::replace(&mut found.queued, true) {
        drop(live);
        fail(name, "the item is queued already");
    }
    found.device
}

/// The item leaves the queue: its routine, which may queue or free it, is about to run.
fn begin(item: usize) {
    let items = sim::local::<Items>();
    if let Some(found) = items.live.borrow_mut().get_mut(&item) {
        found.queued = false;
    }
}

/// `IoQueueWorkItem`. `DISPATCH_LEVEL` or below; the queue type makes no difference here.
///
/// # Safety
/// `routine` may be called with the context.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoQueueWorkItem(
    item: *mut c_void,
    routine: Option<Routine>,
    _queue_type: i32,
    context: *mut c_void,
) {
    let device = queue("IoQueueWorkItem", item);
    let Some(routine) = routine else {
        fail("IoQueueWorkItem", "there is no routine")
    };
    let (item, context) = (item as usize, context as usize);
    worker(host(), "a work item", move || {
        begin(item);
        // SAFETY: the driver gave routine and context for this.
        unsafe { routine(device as *mut c_void, context as *mut c_void) };
        expect_clean("a work item");
    });
}

/// `IoQueueWorkItemEx`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `routine` may be called with the context.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoQueueWorkItemEx(
    item: *mut c_void,
    routine: Option<RoutineEx>,
    _queue_type: i32,
    context: *mut c_void,
) {
    let device = queue("IoQueueWorkItemEx", item);
    let Some(routine) = routine else {
        fail("IoQueueWorkItemEx", "there is no routine")
    };
    let (item, context) = (item as usize, context as usize);
    worker(host(), "a work item", move || {
        begin(item);
        // SAFETY: the driver gave routine and context for this.
        unsafe { routine(device as *mut c_void, context as *mut c_void, item as *mut c_void) };
        expect_clean("a work item");
    });
}

/// Work items of a host that are not freed.
pub fn work_items_outstanding(host: HostId) -> usize {
    let items = sim::local::<Items>();
    items
        .live
        .borrow()
        .values()
        .filter(|item| item.host == host)
        .count()
}
