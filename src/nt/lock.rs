//! [`SpinLock`]: exclusive access at `DISPATCH_LEVEL`.

use core::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use wdk_sys::{KIRQL, KSPIN_LOCK, ntddk};

/// A value behind a kernel spin lock.
///
/// Taking it raises to `DISPATCH_LEVEL`. Locks are not recursive; nothing that may call out (a completion, an event callback, a
/// device command) happens under one.
pub struct SpinLock<T: ?Sized> {
    // `KeInitializeSpinLock` stores 0, which is what `new` stores.
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one processor at a time.
unsafe impl<T: ?Sized + Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, when nobody shares it any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> SpinLock<T> {
    /// Spins until the lock is ours. `<= DISPATCH_LEVEL`; at `DISPATCH_LEVEL` until the guard is dropped.
    ///
    /// Guards are dropped in the reverse order of their making (dropping restores the level before this call).
    pub fn lock(&self) -> SpinGuard<'_, T> {
        // SAFETY: an initialised spin lock in nonpaged memory; called at <= DISPATCH_LEVEL.
        let before = unsafe { ntddk::KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        SpinGuard {
            lock: self,
            before,
            not_send: PhantomData,
        }
    }

    /// The value; exclusive access needs no lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for SpinLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpinLock")
    }
}

/// Exclusive access to the value of a [`SpinLock`], until dropped.
pub struct SpinGuard<'a, T: ?Sized> {
    lock: &'a SpinLock<T>,
    before: KIRQL,
    // The level is the processor's: the guard must be dropped where it was made.
    not_send: PhantomData<*mut ()>,
}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: we hold the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: we hold the lock.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `lock` on this processor, which returned `before`.
        unsafe { ntddk::KeReleaseSpinLock(self.lock.lock.get(), self.before) }
    }
}
