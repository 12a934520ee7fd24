//! Calls that may complete later, made to wait: each has a request on the caller's stack, which its callback wakes.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

use crate::abi::{self, Close, Event, PENDING, Status};

/// `Executive`, `KernelMode`, not alertable.
const EXECUTIVE: i32 = 0;
const KERNEL_MODE: i8 = 0;
/// 100 ns in a second, as a relative time.
const SECOND: i64 = -10_000_000;

/// One call in progress. Does not move while it is.
struct Request {
    event: Event,
    status: Cell<Status>,
    object: Cell<*mut c_void>,
}

/// Makes an event that is not set: a notification event.
pub fn clear_event(event: *mut Event) {
    // SAFETY: the caller's event stays where it is.
    unsafe { abi::KeInitializeEvent(event, 0, 0) }
}

/// Waits for an object; false when `seconds` have passed. `PASSIVE_LEVEL`.
pub fn wait_for(object: *mut c_void, seconds: Option<i64>) -> bool {
    let mut time = seconds.map(|seconds| seconds * SECOND);
    let time = time.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the object is an event or a thread that lives until this returns.
    let status = unsafe { abi::KeWaitForSingleObject(object, EXECUTIVE, KERNEL_MODE, 0, time) };
    status == abi::SUCCESS
}

impl Request {
    fn run(start: impl FnOnce(*mut c_void) -> Status) -> (Status, *mut c_void) {
        let mut request = Self {
            event: Event::new(),
            status: Cell::new(PENDING),
            object: Cell::new(ptr::null_mut()),
        };
        clear_event(&raw mut request.event);
        let context = (&raw mut request).cast();
        let status = start(context);
        if status != PENDING {
            return (status, ptr::null_mut());
        }
        wait_for((&raw mut request.event).cast(), None);
        (request.status.get(), request.object.get())
    }

    /// # Safety
    /// `context` is what [`Self::run`] gave out, and its call has not completed yet.
    unsafe fn complete(context: *mut c_void, status: Status, object: *mut c_void) {
        let request = context.cast::<Self>();
        // SAFETY: the request lives until its event is set.
        let place = unsafe { &*request };
        place.status.set(status);
        place.object.set(object);
        // SAFETY: as above; nothing of it is touched afterwards.
        unsafe { abi::KeSetEvent(&raw mut (*request).event, 0, 0) };
    }
}

/// `NdkRequestCompletion` of [`run`].
pub unsafe extern "win64" fn completed(context: *mut c_void, status: Status) {
    // SAFETY: the provider gives back what it was given, once.
    unsafe { Request::complete(context, status, ptr::null_mut()) }
}

/// `NdkCreateCompletion` of [`create`].
pub unsafe extern "win64" fn created(context: *mut c_void, status: Status, object: *mut c_void) {
    // SAFETY: as above.
    unsafe { Request::complete(context, status, object) }
}

unsafe extern "win64" fn closed(context: *mut c_void) {
    // SAFETY: as above.
    unsafe { Request::complete(context, abi::SUCCESS, ptr::null_mut()) }
}

/// Starts a request, whose completion is [`completed`] with the context given, and waits for its end.
pub fn run(start: impl FnOnce(*mut c_void) -> Status) -> Result<(), Status> {
    match Request::run(start).0 {
        abi::SUCCESS => Ok(()),
        status => Err(status),
    }
}

/// An object that is closed when it goes; that waits until the provider is done with it.
pub struct Owned<T> {
    object: *mut T,
    close: Close,
}

impl<T> Owned<T> {
    /// Takes an object over.
    pub const fn new(object: *mut T, close: Close) -> Self {
        Self { object, close }
    }

    /// The object.
    pub const fn get(&self) -> *mut T {
        self.object
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the object is ours and open; nobody uses it afterwards.
        Request::run(|context| unsafe { (self.close)(self.object.cast(), closed, context) });
    }
}

/// Starts the creation of an object, whose completion is [`created`] with the context given, and waits for it.
pub fn create<T>(
    start: impl FnOnce(*mut c_void, *mut *mut T) -> Status,
    close: impl FnOnce(*mut T) -> Close,
) -> Result<Owned<T>, Status> {
    let mut object = ptr::null_mut();
    let (status, later) = Request::run(|context| start(context, &raw mut object));
    if status != abi::SUCCESS {
        return Err(status);
    }
    let object = if later.is_null() { object } else { later.cast() };
    Ok(Owned::new(object, close(object)))
}
