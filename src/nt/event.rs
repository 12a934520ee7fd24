//! [`Event`]: signalled at `<= DISPATCH_LEVEL`, waited for at `PASSIVE_LEVEL`.

use core::{cell::UnsafeCell, mem::MaybeUninit};

use super::{Box, NoMemory, Passive, irql, pool};
use crate::sys::ndis::{self, NDIS_EVENT};

/// How often a wait at `APC_LEVEL` looks, in microseconds.
const APC_PAUSE_US: u32 = 100;

/// A notification event: once set it stays set, and lets every waiter through, until reset.
#[derive(Debug)]
pub struct Event {
    // The kernel links waiters to it: it must not move.
    event: Box<UnsafeCell<MaybeUninit<NDIS_EVENT>>>,
}

// SAFETY: the kernel synchronises access to its event object.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// An event that is not set. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new() -> Result<Self, NoMemory> {
        let event = pool::try_box(UnsafeCell::new(MaybeUninit::uninit()))?;
        let this = Self { event };
        // SAFETY: memory for one event in nonpaged pool that stays where it is.
        unsafe { ndis::NdisInitializeEvent(this.raw()) }
        Ok(this)
    }

    /// Sets it. `<= DISPATCH_LEVEL`. The caller does not touch the event afterwards: a waiter may have freed it.
    pub fn set(&self) {
        // SAFETY: initialised by `try_new`.
        unsafe { ndis::NdisSetEvent(self.raw()) }
    }

    /// Clears it. `<= DISPATCH_LEVEL`.
    pub fn reset(&self) {
        // SAFETY: initialised by `try_new`.
        unsafe { ndis::NdisResetEvent(self.raw()) }
    }

    /// Waits until it is set, `timeout_ms` at most. Returns whether it was.
    #[must_use]
    pub fn wait_ms(&self, timeout_ms: core::num::NonZeroU32, _: Passive<'_>) -> bool {
        // SAFETY: initialised by `try_new`; the token proves PASSIVE_LEVEL.
        unsafe { ndis::NdisWaitEvent(self.raw(), timeout_ms.get()) != 0 }
    }

    /// Waits until it is set, however long that takes: for events that are bound to come.
    pub fn wait(&self, _: Passive<'_>) {
        // SAFETY: initialised by `try_new`; the token proves PASSIVE_LEVEL. 0 means no time-out.
        unsafe { ndis::NdisWaitEvent(self.raw(), 0) };
    }

    fn raw(&self) -> *mut NDIS_EVENT {
        self.event.get().cast()
    }
}

/// Waits until `event` is set, where [`irql::may_wait`] says that one may wait. `is_done` says the same, then or soon after.
pub fn wait_for(event: &Event, is_done: impl Fn() -> bool) {
    if irql::is_passive() {
        // SAFETY: just looked; nothing between here and there changes the level.
        event.wait(unsafe { Passive::assume() });
        return;
    }
    // At APC_LEVEL events of NDIS cannot be waited for.
    while !is_done() {
        // SAFETY: below DISPATCH_LEVEL, as the caller says.
        unsafe { ndis::NdisMSleep(APC_PAUSE_US) }
    }
}
