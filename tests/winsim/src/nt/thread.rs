//! System threads as drivers make them: a handle, an object to wait for, an end that the thread brings about itself.

use super::context::{Level, enter, expect_clean, host};
use super::event::{event_initialize, event_set};
use super::handle::{self, Handle};
use super::scheduling::thread;
use crate::sim::{self, HostId, faults};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use wdk_standin::{KEVENT, NTSTATUS};

const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xc000_009a_u32 as i32;
const STATUS_INVALID_HANDLE: NTSTATUS = 0xc000_0008_u32 as i32;
/// Rule id of a thread or a reference to one that is not used as its pages say.
const THREAD: &str = "THREAD";

/// What runs in a system thread.
pub type StartRoutine = unsafe extern "win64" fn(*mut c_void);

/// A thread object. Waiting for it is waiting for its first field, which is signaled at the thread's end.
#[repr(C)]
pub(super) struct Thread {
    ended: KEVENT,
    references: Cell<usize>,
    running: Cell<bool>,
    host: HostId,
}

/// Threads whose objects are referenced by drivers.
#[derive(Default)]
struct Referenced(RefCell<Vec<Rc<Thread>>>);

/// `PsCreateSystemThread`: `PASSIVE_LEVEL`. Fault point `PsCreateSystemThread`.
///
/// # Safety
/// `handle` is a place for the answer; `routine` and `context` are the driver's.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn PsCreateSystemThread(
    handle: *mut *mut c_void,
    _access: u32,
    _attributes: *mut c_void,
    _process: *mut c_void,
    _client: *mut c_void,
    routine: Option<StartRoutine>,
    context: *mut c_void,
) -> NTSTATUS {
    enter("PsCreateSystemThread", Level::Passive);
    let Some(routine) = routine else {
        sim::fail(THREAD, "PsCreateSystemThread without a start routine")
    };
    if faults::fire("PsCreateSystemThread") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let mut object = Thread {
        ended: KEVENT::default(),
        references: Cell::new(0),
        running: Cell::new(true),
        host: host(),
    };
    // SAFETY: a place for an event.
    unsafe { event_initialize(&raw mut object.ended) };
    let object = Rc::new(object);
    let (own, context) = (Rc::clone(&object), context as usize);
    thread(host(), "system thread", move || {
        let table = sim::local::<Threads>();
        let me = sim::current().unwrap_or_else(|| sim::fail(THREAD, "a thread that is no context"));
        table.0.borrow_mut().push((me, Rc::clone(&own)));
        let driver = sim::enter_driver();
        // SAFETY: the driver's routine with the driver's context.
        unsafe { routine(context as *mut c_void) };
        drop(driver);
        end(&own);
    });
    // SAFETY: the caller gives a place for the handle.
    unsafe { handle.write(handle::open(Handle::Thread(object))) };
    STATUS_SUCCESS
}

/// The contexts that are system threads.
#[derive(Default)]
struct Threads(RefCell<Vec<(sim::TaskId, Rc<Thread>)>>);

fn end(thread: &Rc<Thread>) {
    expect_clean("a system thread");
    thread.running.set(false);
    // SAFETY: the object is initialized and lives: waiters have references.
    unsafe { event_set((&raw const thread.ended).cast_mut()) };
}

/// `PsTerminateSystemThread`: ends the calling thread, which a driver made; `PASSIVE_LEVEL`. Does not return.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn PsTerminateSystemThread(_status: NTSTATUS) -> NTSTATUS {
    enter("PsTerminateSystemThread", Level::Passive);
    let threads = sim::local::<Threads>();
    let me = sim::current();
    let own = threads
        .0
        .borrow()
        .iter()
        .find(|(id, _)| Some(*id) == me)
        .map(|(_, thread)| Rc::clone(thread));
    let Some(own) = own else {
        sim::fail(THREAD, "PsTerminateSystemThread in a thread that no driver made")
    };
    end(&own);
    loop {
        // Frames of a driver lie below: they stay where they are, and nobody comes back to them.
        sim::park_for("nothing: it has ended");
    }
}

/// `ObReferenceObjectByHandle`, for threads: the object to wait for.
///
/// # Safety
/// `object` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ObReferenceObjectByHandle(
    handle: *mut c_void,
    _access: u32,
    _kind: *mut c_void,
    _mode: i8,
    object: *mut *mut c_void,
    _information: *mut c_void,
) -> NTSTATUS {
    enter("ObReferenceObjectByHandle", Level::Passive);
    let Some(Handle::Thread(thread)) = handle::find(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    thread.references.set(thread.references.get() + 1);
    // SAFETY: the caller gives a place for the object.
    unsafe { object.write(Rc::as_ptr(&thread).cast_mut().cast()) };
    sim::local::<Referenced>().0.borrow_mut().push(thread);
    STATUS_SUCCESS
}

/// `ObfDereferenceObject`, for threads. Returns the references that are left.
///
/// # Safety
/// None beyond a live simulation; the object is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ObfDereferenceObject(object: *mut c_void) -> i64 {
    enter("ObfDereferenceObject", Level::Dispatch);
    let referenced = sim::local::<Referenced>();
    let mut list = referenced.0.borrow_mut();
    let Some(index) = list
        .iter()
        .position(|thread| Rc::as_ptr(thread).cast() == object.cast_const())
    else {
        sim::fail(THREAD, "ObfDereferenceObject of what is not referenced")
    };
    let thread = list.swap_remove(index);
    thread.references.set(thread.references.get() - 1);
    thread.references.get() as i64
}

/// Checks that the drivers of a host left no running thread, and no reference to one.
pub fn expect_no_threads(host: HostId, when: &str) {
    let here = |thread: &Thread| thread.host == host;
    let referenced = sim::local::<Referenced>();
    let referenced = referenced.0.borrow().iter().filter(|thread| here(thread)).count();
    let threads = sim::local::<Threads>();
    let threads = threads.0.borrow();
    let running = threads
        .iter()
        .filter(|(_, thread)| here(thread) && thread.running.get())
        .count();
    if referenced + running > 0 {
        sim::fail(
            THREAD,
            format!("{running} threads run and {referenced} references are held after {when}"),
        );
    }
}
