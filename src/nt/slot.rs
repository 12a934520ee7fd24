//! [`Slot`]: a place for a counted object that is there from some step of initialization on until it is taken away.

use super::{Ref, SpinLock};

/// A place that holds a [`Ref`] or nothing. `<= DISPATCH_LEVEL`.
pub struct Slot<T: ?Sized> {
    place: SpinLock<Option<Ref<T>>>,
}

impl<T: ?Sized + Send + Sync> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> core::fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Slot")
    }
}

impl<T: ?Sized + Send + Sync> Slot<T> {
    /// An empty place.
    pub const fn new() -> Self {
        Self {
            place: SpinLock::new(None),
        }
    }

    /// Puts an object there. What was there goes.
    pub fn set(&self, object: Ref<T>) {
        // The old one is dropped after the lock is released.
        let _before = self.place.lock().replace(object);
    }

    /// The object, if there is one.
    pub fn get(&self) -> Option<Ref<T>> {
        self.place.lock().clone()
    }

    /// Takes the object away.
    pub fn take(&self) -> Option<Ref<T>> {
        self.place.lock().take()
    }
}
