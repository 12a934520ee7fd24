//! [`WorkItem`]: a callback at `PASSIVE_LEVEL`, allocated beforehand so that queueing it never fails.

use core::{ffi::c_void, ptr::null_mut};

use super::{
    NdisHandle, NoMemory, Passive, Ref,
    sync::{AtomicPtr, AtomicU8, AtomicUsize, Ordering},
};
use crate::sys::ndis;

/// Not queued, not running.
const IDLE: u8 = 0;
/// Given to the system, which has not called back yet.
const QUEUED: u8 = 1;
/// The callback runs.
const RUNNING: u8 = 2;
/// The callback runs, and was asked for again meanwhile.
const RUNNING_AGAIN: u8 = 3;

/// A callback at `PASSIVE_LEVEL` for an object that is held by a `Ref<T>`.
///
/// Requests coalesce: after each [`Self::queue`] the callback runs at least once from its beginning, and never twice at a time. From
/// then until it has ended the item holds a reference to the object, which may therefore own its work item.
///
/// | state | `queue` | callback begins | callback returns |
/// |---|---|---|---|
/// | idle | queued | - | - |
/// | queued | queued | running | - |
/// | running | running again | - | idle |
/// | running again | running again | - | running |
#[derive(Debug)]
pub struct WorkItem<T: Send + Sync + 'static> {
    core: Ref<Core<T>>,
}

#[derive(Debug)]
struct Core<T> {
    handle: AtomicPtr<c_void>,
    callback: fn(&Ref<T>, Passive<'_>),
    state: AtomicU8,
    // The reference that the item holds while it is not idle.
    target: AtomicPtr<T>,
    // 1 from leaving idle until that reference is gone again; `drain` waits for 0.
    runs: AtomicUsize,
}

impl<T: Send + Sync + 'static> WorkItem<T> {
    /// An item that is not queued. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(ndis: NdisHandle, callback: fn(&Ref<T>, Passive<'_>)) -> Result<Self, NoMemory> {
        let core = Ref::try_new(Core {
            handle: AtomicPtr::new(null_mut()),
            callback,
            state: AtomicU8::new(IDLE),
            target: AtomicPtr::new(null_mut()),
            runs: AtomicUsize::new(0),
        })?;
        // SAFETY: a live NDIS handle.
        let handle = unsafe { ndis::NdisAllocateIoWorkItem(ndis.as_raw()) };
        if handle.is_null() {
            return Err(NoMemory);
        }
        core.handle.store(handle, Ordering::Release);
        Ok(Self { core })
    }

    /// Asks for the callback. `<= DISPATCH_LEVEL`, never fails. `false` if it was asked for already and has not begun.
    pub fn queue(&self, target: Ref<T>) -> bool {
        // Always a read-modify-write: the callback's own one then sees what the caller wrote before.
        let step = |state| match state {
            IDLE => Some(QUEUED),
            RUNNING => Some(RUNNING_AGAIN),
            other => Some(other),
        };
        let before = self
            .core
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
            .unwrap_or(QUEUED);
        if before == IDLE {
            self.core.runs.fetch_add(1, Ordering::AcqRel);
            self.core
                .target
                .store(Ref::into_raw(target).cast_mut(), Ordering::Release);
            let context = Ref::as_ptr(&self.core).cast_mut().cast();
            // SAFETY: idle until now, so it is queued once only; the reference just stored keeps the item's owner alive.
            unsafe { ndis::NdisQueueIoWorkItem(self.handle(), Some(run::<T>), context) }
        }
        before == IDLE || before == RUNNING
    }

    /// Whether the callback is neither due nor running.
    pub fn is_idle(&self) -> bool {
        self.core.state.load(Ordering::Acquire) == IDLE
    }

    /// Waits until the callback is neither due nor running. The caller has seen to it that nobody queues it any more, and is
    /// not that callback.
    pub fn drain(&self, passive: Passive<'_>) {
        while !self.is_idle() || self.core.runs.load(Ordering::Acquire) != 0 {
            passive.sleep_ms(1);
        }
    }

    fn handle(&self) -> *mut c_void {
        self.core.handle.load(Ordering::Acquire)
    }
}

impl<T: Send + Sync + 'static> Drop for WorkItem<T> {
    fn drop(&mut self) {
        // Not queued: a queued item holds a reference to its owner. It may be its own callback that ends here; NDIS allows that.
        // SAFETY: allocated by `try_new`.
        unsafe { ndis::NdisFreeIoWorkItem(self.handle()) }
    }
}

unsafe extern "win64" fn run<T: Send + Sync + 'static>(context: *mut c_void, _: *mut c_void) {
    // SAFETY: the context given to NdisQueueIoWorkItem; the item's reference to its owner keeps the core alive.
    let core = unsafe { Ref::clone_raw(context.cast::<Core<T>>().cast_const()) };
    // SAFETY: work items run at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the reference that `queue` stored.
    let target = unsafe { Ref::from_raw(core.target.load(Ordering::Acquire).cast_const()) };
    loop {
        core.state.swap(RUNNING, Ordering::AcqRel);
        (core.callback)(&target, passive);
        if core
            .state
            .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            break;
        }
    }
    // In this order, so that whoever drains the item finds its reference gone.
    drop(target);
    core.runs.fetch_sub(1, Ordering::AcqRel);
}
