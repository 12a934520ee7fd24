//! [`Timer`]: a one-shot callback at `DISPATCH_LEVEL` that keeps its target alive while it is armed.

use core::{ffi::c_void, ptr::null_mut};

use wdk_sys::LARGE_INTEGER;

use super::{
    NdisHandle, NoMemory, Passive, Ref,
    sync::{AtomicPtr, AtomicUsize, Ordering},
};
use crate::sys::ndis::{
    self, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_TIMER_CHARACTERISTICS,
    NDIS_TIMER_CHARACTERISTICS_REVISION_1,
};

/// Tag of NDIS's own allocation for a timer.
const TAG: u32 = u32::from_le_bytes(*b"CxTm");
/// 100 ns units in a millisecond.
const TICKS_PER_MS: i64 = 10_000;

/// A one-shot timer of an object that is held by a `Ref<T>`.
///
/// Every shot holds one reference to the target from [`Self::arm`] until the callback returned or [`Self::cancel`] took the shot
/// back: the object may own its timer without keeping itself alive forever. The owner calls [`Self::drain`] before it
/// lets the last reference go (rules VRF-17, HALT-03).
#[derive(Debug)]
pub struct Timer<T: Send + Sync + 'static> {
    core: Ref<Core<T>>,
}

#[derive(Debug)]
struct Core<T> {
    handle: AtomicPtr<c_void>,
    callback: fn(&Ref<T>),
    // Set by the first `arm`; shots in flight hold one reference each to it.
    target: AtomicPtr<T>,
    // Shots that have not ended: armed, or their callback is running.
    shots: AtomicUsize,
}

impl<T: Send + Sync + 'static> Timer<T> {
    /// A timer that is not armed; `callback` runs at `DISPATCH_LEVEL`. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(ndis: NdisHandle, callback: fn(&Ref<T>)) -> Result<Self, NoMemory> {
        let core = Ref::try_new(Core {
            handle: AtomicPtr::new(null_mut()),
            callback,
            target: AtomicPtr::new(null_mut()),
            shots: AtomicUsize::new(0),
        })?;
        let mut characteristics = NDIS_TIMER_CHARACTERISTICS {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS as _,
                Revision: NDIS_TIMER_CHARACTERISTICS_REVISION_1 as _,
                Size: size_of::<NDIS_TIMER_CHARACTERISTICS>() as _,
            },
            AllocationTag: TAG,
            TimerFunction: Some(expired::<T>),
            FunctionContext: Ref::as_ptr(&core).cast_mut().cast(),
        };
        let mut handle = null_mut();
        // SAFETY: a live NDIS handle, a complete description; the context outlives the timer, which `drop` frees first.
        let status = unsafe {
            ndis::NdisAllocateTimerObject(ndis.as_raw(), &raw mut characteristics, &raw mut handle)
        };
        if status != 0 {
            return Err(NoMemory);
        }
        core.handle.store(handle, Ordering::Release);
        Ok(Self { core })
    }

    /// Arms the timer for `target`, `after_ms` from now; an earlier shot that has not begun is replaced.
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Panics
    /// If `target` is not the object that the first call named.
    pub fn arm(&self, after_ms: u32, target: Ref<T>) {
        let raw = Ref::into_raw(target).cast_mut();
        let first = self
            .core
            .target
            .compare_exchange(null_mut(), raw, Ordering::AcqRel, Ordering::Acquire);
        assert!(
            first.is_ok() || first == Err(raw),
            "a timer belongs to one object"
        );
        self.core.shots.fetch_add(1, Ordering::AcqRel);
        let due = LARGE_INTEGER {
            QuadPart: -i64::from(after_ms).saturating_mul(TICKS_PER_MS),
        };
        // SAFETY: the timer lives as long as `self`; NULL keeps the context that it was allocated with.
        let replaced = unsafe { ndis::NdisSetTimerObject(self.handle(), due, 0, null_mut()) };
        if replaced != 0 {
            self.end_shot();
        }
    }

    /// Takes the shot back. `true` if it had not begun and now will not. `<= DISPATCH_LEVEL`.
    pub fn cancel(&self) -> bool {
        // SAFETY: the timer lives as long as `self`.
        let cancelled = unsafe { ndis::NdisCancelTimerObject(self.handle()) } != 0;
        if cancelled {
            self.end_shot();
        }
        cancelled
    }

    /// Cancels, and waits until no callback runs. The caller has seen to it that nobody arms the timer any more.
    pub fn drain(&self, passive: Passive<'_>) {
        loop {
            self.cancel();
            if self.core.shots.load(Ordering::Acquire) == 0 {
                return;
            }
            // A callback is on its way at DISPATCH_LEVEL: it ends in microseconds.
            passive.sleep_ms(1);
        }
    }

    fn handle(&self) -> *mut c_void {
        self.core.handle.load(Ordering::Acquire)
    }

    fn end_shot(&self) {
        let target = self.core.target.load(Ordering::Acquire);
        // SAFETY: the shot that ended here held this reference; `target` was set before there were shots.
        drop(unsafe { Ref::from_raw(target.cast_const()) });
        self.core.shots.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<T: Send + Sync + 'static> Drop for Timer<T> {
    fn drop(&mut self) {
        // A shot holds a reference to the object that owns this timer: there is none now.
        // SAFETY: allocated by `try_new`; not armed.
        unsafe { ndis::NdisFreeTimerObject(self.handle()) }
    }
}

unsafe extern "win64" fn expired<T: Send + Sync + 'static>(
    _: *mut c_void,
    context: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) {
    // SAFETY: the context given at allocation; this shot's reference keeps the timer's owner, and so the core, alive.
    let core = unsafe { Ref::clone_raw(context.cast::<Core<T>>().cast_const()) };
    // SAFETY: this shot's reference, taken by `arm`.
    let target = unsafe { Ref::from_raw(core.target.load(Ordering::Acquire).cast_const()) };
    (core.callback)(&target);
    // In this order, so that whoever drains the timer finds no shot's reference left.
    drop(target);
    core.shots.fetch_sub(1, Ordering::AcqRel);
}
