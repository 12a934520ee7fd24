//! [`Once`]: a value that comes later, once, and is read without a lock.

use core::{cell::UnsafeCell, fmt, mem::MaybeUninit};

use super::sync::{AtomicU8, Ordering};

/// Nothing there, nobody writes.
const EMPTY: u8 = 0;
/// Somebody writes.
const FILLING: u8 = 1;
/// The value is there, and stays.
const FULL: u8 = 2;

/// A place for a value that is made after its owner, for example because making it may fail or needs the owner.
///
/// Reading costs one load and a comparison. Any IRQL.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written by one thread, once, before anyone reads it.
unsafe impl<T: Send> Send for Once<T> {}
// SAFETY: as above; shared readers get `&T`, and `set` moves a `T` in from any thread.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// An empty place.
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Puts the value in, unless there was one before.
    ///
    /// # Errors
    /// The value.
    pub fn set(&self, value: T) -> Result<(), T> {
        if self
            .state
            .compare_exchange(EMPTY, FILLING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return Err(value);
        }
        // SAFETY: the exchange makes us the only one to write, and nobody reads before FULL.
        unsafe { self.value.get().write(MaybeUninit::new(value)) };
        self.state.store(FULL, Ordering::Release);
        Ok(())
    }

    /// The value, once it is there.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: FULL: written, and never written again.
        let value = unsafe { &*self.value.get() };
        // SAFETY: as above.
        Some(unsafe { value.assume_init_ref() })
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        if *self.state.get_mut() == FULL {
            // SAFETY: FULL: there is a value, and nobody else can see it any more.
            unsafe { self.value.get_mut().assume_init_drop() }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Once").field(&self.get()).finish()
    }
}
