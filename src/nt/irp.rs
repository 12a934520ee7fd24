//! I/O requests to the driver's own device: read, completed once, and pended so that they can be cancelled.

use core::{ffi::c_void, ptr::NonNull, ptr::null_mut};

use wdk_sys::NTSTATUS;

use super::{
    Status,
    sync::{AtomicPtr, Ordering},
};
use crate::sys::condis::{self, DRIVER_CANCEL, IO_STACK_LOCATION, IO_STATUS_BLOCK, IRP, SL_PENDING_RETURNED};

/// A request with METHOD_BUFFERED that the driver has to complete.
#[derive(Debug)]
pub struct Request(NonNull<IRP>);

/// A request that pends.
#[derive(Debug)]
pub struct Pending(NonNull<IRP>);

// SAFETY: whoever has the request is the only one to complete it, on whatever processor.
unsafe impl Send for Pending {}
// SAFETY: as above; nothing is read through a shared reference but the address.
unsafe impl Sync for Pending {}

impl Request {
    /// Takes a request over; `None` for NULL, which the system never gives.
    ///
    /// # Safety
    /// `irp` is the argument of a dispatch routine, which returns what [`Self::complete`] or [`Self::pend`] gives it.
    pub unsafe fn new(irp: *mut IRP) -> Option<Self> {
        NonNull::new(irp).map(Self)
    }

    fn stack(&self) -> &IO_STACK_LOCATION {
        // SAFETY: the request is ours until it is completed.
        let stack = unsafe { self.0.as_ref() }.CurrentStackLocation;
        // SAFETY: a request has a stack location for each driver that it goes through.
        unsafe { &*stack }
    }

    /// The open file that it came through, by address.
    pub fn file(&self) -> usize {
        self.stack().FileObject.addr()
    }

    /// The code of a device control request.
    pub fn code(&self) -> u32 {
        self.stack().Parameters.IoControlCode
    }

    /// Bytes of room for the answer to a device control request.
    pub fn room(&self) -> usize {
        self.stack().Parameters.OutputBufferLength as usize
    }

    /// The input of a device control request.
    pub fn input(&self) -> &[u8] {
        let length = self.stack().Parameters.InputBufferLength as usize;
        // SAFETY: the request is ours until it is completed.
        let buffer = unsafe { self.0.as_ref() }.AssociatedIrp.cast::<u8>();
        if buffer.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the system's copy of the caller's buffer, ours with the request.
        unsafe { core::slice::from_raw_parts(buffer, length) }
    }

    /// Completes it without an answer. The result is the dispatch routine's.
    pub fn complete(self, status: Status) -> NTSTATUS {
        // SAFETY: ours, and given back here.
        unsafe { finish(self.0, status, &[]) }
        status.0
    }

    /// Keeps it. The dispatch routine returns PENDING.
    pub fn pend(self) -> Pending {
        // SAFETY: ours.
        let stack = unsafe { self.0.as_ref() }.CurrentStackLocation;
        // SAFETY: the driver's own stack location.
        unsafe { (*stack).Control |= SL_PENDING_RETURNED };
        Pending(self.0)
    }
}

impl Pending {
    /// The address by which its cancellation will name it.
    pub fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Lets its sender cancel it from here on. Whether that was wanted before; then `cancel` may or may not be called.
    ///
    /// # Safety
    /// Called once, before anybody may complete the request. `cancel` does not complete it; it does what it does before it calls
    /// [`release_cancelled`].
    pub unsafe fn arm(
        &self,
        cancel: unsafe extern "win64" fn(*mut wdk_sys::_DEVICE_OBJECT, *mut IRP),
    ) -> bool {
        let routine: DRIVER_CANCEL = Some(cancel);
        let routine = routine.map_or(null_mut(), |routine| routine as *mut c_void);
        cancel_routine(self.0).store(routine, Ordering::SeqCst);
        // SAFETY: a field of a live request.
        let wanted = unsafe { &raw const (*self.0.as_ptr()).Cancel };
        // SAFETY: as above. A canceller that does not find the routine has set this before.
        unsafe { wanted.read_volatile() != 0 }
    }

    /// Completes it with `answer`, which is no longer than there is room for.
    pub fn complete(self, status: Status, answer: &[u8]) {
        let before = cancel_routine(self.0).swap(null_mut(), Ordering::SeqCst);
        if before.is_null() {
            // The cancel routine has been called and holds this lock until it is done with the request.
            let mut irql = 0;
            // SAFETY: called at <= DISPATCH_LEVEL without the lock.
            unsafe { condis::IoAcquireCancelSpinLock(&raw mut irql) };
            // SAFETY: taken just now.
            unsafe { condis::IoReleaseCancelSpinLock(irql) };
        }
        // SAFETY: ours, and given back here.
        unsafe { finish(self.0, status, answer) }
    }
}

/// The end of a cancel routine.
///
/// # Safety
/// Called once by the cancel routine of `irp`, which does not touch the request afterwards.
pub unsafe fn release_cancelled(irp: *mut IRP) {
    // SAFETY: the request lives while the cancel spin lock is held.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: the system took the lock and keeps the level to go back to in the request.
    unsafe { condis::IoReleaseCancelSpinLock(irql) }
}

/// The request's cancel routine, which the system exchanges too (`IoSetCancelRoutine`).
fn cancel_routine<'a>(irp: NonNull<IRP>) -> &'a AtomicPtr<c_void> {
    // SAFETY: a field of a live request.
    let place = unsafe { &raw mut (*irp.as_ptr()).CancelRoutine };
    // SAFETY: aligned, and only ever accessed atomically while the request pends.
    unsafe { AtomicPtr::from_ptr(place) }
}

/// # Safety
/// The request is the driver's, and nobody else's afterwards.
unsafe fn finish(mut irp: NonNull<IRP>, status: Status, answer: &[u8]) {
    // SAFETY: the caller's promise.
    let request = unsafe { irp.as_mut() };
    if !answer.is_empty() && !request.AssociatedIrp.is_null() {
        let buffer = request.AssociatedIrp.cast::<u8>();
        // SAFETY: the system's buffer has the room that was checked when the request came.
        unsafe { answer.as_ptr().copy_to_nonoverlapping(buffer, answer.len()) };
    }
    request.IoStatus = IO_STATUS_BLOCK {
        Status: status.0,
        Information: answer.len(),
    };
    // SAFETY: given back once.
    unsafe { condis::IofCompleteRequest(irp.as_ptr(), 0) }
}
