//! Timer objects: functions of the driver that run at `DISPATCH_LEVEL` when their time has come.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_STATUS, NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NDIS_TIMER_CHARACTERISTICS,
};
use wdk_standin::LARGE_INTEGER;

use super::adapter::{self, AdapterState};
use super::kernel::{self, Level};
use super::table::{self, Object};
use crate::sim::{self, EventId, MILLISECOND, Stream, faults};

/// One timer object.
pub(super) struct Timer {
    adapter: Option<Rc<AdapterState>>,
    host: sim::HostId,
    characteristics: NDIS_TIMER_CHARACTERISTICS,
    set: RefCell<Option<Set>>,
    /// DPCs that have not begun.
    waiting: Cell<u32>,
    /// DPCs that have begun and not ended.
    running: Cell<u32>,
}

/// A timer that is in the timer queue.
#[derive(Clone, Copy)]
struct Set {
    event: EventId,
    /// Nanoseconds between two runs, 0 for a one-shot timer.
    period: u64,
    context: usize,
}

/// `NdisAllocateTimerObject`.
///
/// # Safety
/// The pointers are good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateTimerObject(
    handle: NDIS_HANDLE,
    characteristics: *mut NDIS_TIMER_CHARACTERISTICS,
    timer: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisAllocateTimerObject";
    kernel::enter(ddi, Level::Dispatch);
    // SAFETY: the caller's characteristics.
    let given = unsafe { characteristics.read() };
    let size = size_of::<NDIS_TIMER_CHARACTERISTICS>();
    if u32::from(given.Header.Type) != NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS
        || usize::from(given.Header.Size) < size
        || given.TimerFunction.is_none()
    {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if given.AllocationTag == 0 {
        sim::fail("VRF-20", format!("{ddi} without a tag"));
    }
    let (adapter, host) = if let Some(Object::Driver(driver)) = table::find(handle) {
        (None, driver.host)
    } else {
        let adapter = table::adapter(handle, ddi);
        let host = adapter.host;
        (Some(adapter), host)
    };
    if faults::fire("NdisAllocateTimerObject") {
        return NDIS_STATUS_RESOURCES;
    }
    let fresh = table::reserve();
    if let Some(adapter) = &adapter {
        adapter.held.timers.borrow_mut().push(fresh);
    }
    let object = Timer {
        adapter,
        host,
        characteristics: given,
        set: RefCell::new(None),
        waiting: Cell::new(0),
        running: Cell::new(0),
    };
    table::insert(fresh, Object::Timer(Rc::new(object)));
    // SAFETY: the caller gives a place for the handle.
    unsafe { timer.write(fresh) };
    NDIS_STATUS_SUCCESS
}

/// `NdisSetTimerObject`: due in 100 ns units, negative for "from now"; sets it anew if it was set. TRUE if it was.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisSetTimerObject(
    handle: NDIS_HANDLE,
    due: LARGE_INTEGER,
    period_ms: i32,
    context: *mut c_void,
) -> u8 {
    let ddi = "NdisSetTimerObject";
    kernel::enter(ddi, Level::Dispatch);
    let timer = table::timer(handle, ddi);
    let was_set = timer.take().is_some();
    // SAFETY: all views of the union are plain integers.
    let due = unsafe { due.QuadPart };
    let delay = if due < 0 {
        due.unsigned_abs() * 100
    } else {
        (due as u64).saturating_sub(kernel::system_time()) * 100
    };
    let given = if context.is_null() {
        timer.characteristics.FunctionContext
    } else {
        context
    };
    let period = u64::from(period_ms.max(0) as u32) * MILLISECOND;
    arm(&timer, delay, period, given as usize);
    u8::from(was_set)
}

fn arm(timer: &Rc<Timer>, delay: u64, period: u64, context: usize) {
    let target = Rc::clone(timer);
    let event = sim::after(delay, move || target.due());
    timer.set.replace(Some(Set {
        event,
        period,
        context,
    }));
}

impl Timer {
    /// Takes the timer out of the queue.
    fn take(&self) -> Option<Set> {
        let set = self.set.borrow_mut().take()?;
        sim::cancel(set.event);
        Some(set)
    }

    /// The time has come: the function runs in a DPC of some processor.
    fn due(self: &Rc<Self>) {
        let Some(set) = self.set.borrow_mut().take() else {
            return;
        };
        if set.period > 0 {
            arm(self, set.period, set.period, set.context);
        }
        self.waiting.set(self.waiting.get() + 1);
        let this = Rc::clone(self);
        let processor = sim::choose(Stream::Ndis, u64::from(kernel::processors(self.host))) as u32;
        kernel::queue_dpc(self.host, processor, move || {
            this.waiting.set(this.waiting.get() - 1);
            this.running.set(this.running.get() + 1);
            if let Some(function) = this.characteristics.TimerFunction {
                let none = ptr::null_mut;
                let _driver = sim::enter_driver();
                // SAFETY: the driver gave function and context for this call.
                unsafe { function(none(), set.context as *mut c_void, none(), none()) };
            }
            kernel::expect_clean("a timer function");
            this.running.set(this.running.get() - 1);
        });
    }
}

/// `NdisCancelTimerObject`: TRUE if the timer was in the queue; FALSE says that its function runs, ran or never will.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCancelTimerObject(handle: NDIS_HANDLE) -> u8 {
    let ddi = "NdisCancelTimerObject";
    kernel::enter(ddi, Level::Dispatch);
    let timer = table::timer(handle, ddi);
    let taken = timer.take();
    if taken.is_some_and(|set| set.period > 0) && sim::irql() > sim::PASSIVE_LEVEL {
        sim::fail(
            "VRF-18",
            format!("{ddi} for a periodic timer at IRQL {}", sim::irql()),
        );
    }
    u8::from(taken.is_some())
}

/// `NdisFreeTimerObject`: neither set nor running.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeTimerObject(handle: NDIS_HANDLE) {
    let ddi = "NdisFreeTimerObject";
    kernel::enter(ddi, Level::Dispatch);
    let timer = table::timer(handle, ddi);
    if timer.set.borrow().is_some() {
        sim::fail("VRF-17", format!("{ddi}: {handle:p} is set"));
    }
    if timer.waiting.get() > 0 {
        sim::fail(
            "HALT-03",
            format!("{ddi}: the function of {handle:p} is about to run"),
        );
    }
    if let Some(adapter) = &timer.adapter {
        adapter::release(&adapter.held.timers, handle);
    }
    table::remove(handle);
}

/// How many of these timers are set or running.
pub(super) fn set_timers(handles: &[NDIS_HANDLE]) -> usize {
    let active = |handle: &&NDIS_HANDLE| match table::find(**handle) {
        Some(Object::Timer(timer)) => {
            timer.set.borrow().is_some() || timer.waiting.get() + timer.running.get() > 0
        }
        _ => false,
    };
    handles.iter().filter(active).count()
}
