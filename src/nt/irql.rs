//! IRQL in the types: the [`Passive`] token, and raising to `DISPATCH_LEVEL`.

use core::marker::PhantomData;

use wdk_sys::{KIRQL, ntddk};

use crate::sys::ndis;

/// `PASSIVE_LEVEL`.
const PASSIVE_LEVEL: KIRQL = 0;
/// `DISPATCH_LEVEL`.
const DISPATCH_LEVEL: KIRQL = 2;

/// Proof that the code runs at `PASSIVE_LEVEL` and may wait.
///
/// Only the entry points that the kernel calls at `PASSIVE_LEVEL` make one: `DriverEntry`, unload, Initialize, Halt, Pause, Restart,
/// OID requests, NDK adapter open and close and the NDK functions that NDKPI defines as passive-only, bind, unbind and PnP events of
/// the driver's own client, and work items; and [`super::event::wait_for`], which looks. The
/// lifetime is that of the call. A function that holds a [`super::SpinGuard`] or [`DispatchGuard`] must not use a token
/// that it got before; the simulated kernel ends a run that does.
#[derive(Clone, Copy, Debug)]
pub struct Passive<'a> {
    scope: PhantomData<&'a ()>,
    not_send: PhantomData<*mut ()>,
}

impl Passive<'_> {
    /// Makes the token.
    ///
    /// # Safety
    /// The caller was called at `PASSIVE_LEVEL`, and the result does not outlive that call.
    pub const unsafe fn assume() -> Self {
        Self {
            scope: PhantomData,
            not_send: PhantomData,
        }
    }

    /// Gives up the processor for `milliseconds` at least.
    pub fn sleep_ms(self, milliseconds: u32) {
        // SAFETY: the token proves PASSIVE_LEVEL (`NdisMSleep` needs less than DISPATCH_LEVEL).
        unsafe { ndis::NdisMSleep(milliseconds.saturating_mul(1000)) }
    }
}

/// Whether the code runs below `DISPATCH_LEVEL`: then it may wait. For functions that others call at any level up to that.
pub fn may_wait() -> bool {
    current() < DISPATCH_LEVEL
}

/// Whether the code runs at `PASSIVE_LEVEL`.
pub(super) fn is_passive() -> bool {
    current() == PASSIVE_LEVEL
}

/// The level of this processor.
fn current() -> KIRQL {
    raise_to_dispatch().before
}

/// Keeps the processor at `DISPATCH_LEVEL` until dropped; see [`raise_to_dispatch`].
///
/// Guards (these and those of spin locks) are dropped in the reverse order of their making.
#[derive(Debug)]
pub struct DispatchGuard {
    before: KIRQL,
    not_send: PhantomData<*mut ()>,
}

/// Raises to `DISPATCH_LEVEL`. Callable at `<= DISPATCH_LEVEL`.
pub fn raise_to_dispatch() -> DispatchGuard {
    // SAFETY: all code of this driver but the interrupt service routine, which calls nothing, runs at <= DISPATCH_LEVEL.
    let before = unsafe { ntddk::KfRaiseIrql(DISPATCH_LEVEL) };
    DispatchGuard {
        before,
        not_send: PhantomData,
    }
}

impl Drop for DispatchGuard {
    fn drop(&mut self) {
        // SAFETY: the level that `KfRaiseIrql` returned on this processor; the guard is not `Send`.
        unsafe { ntddk::KeLowerIrql(self.before) }
    }
}
