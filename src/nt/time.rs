//! The clock.

use wdk_sys::ntddk;

/// A point in time of the kernel's monotonic clock, in units of 100 ns since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// Now. Any IRQL.
    pub fn now() -> Self {
        let mut performance_count = 0;
        // SAFETY: the argument is a place for the counter, which we do not use.
        Self(unsafe { ntddk::KeQueryInterruptTimePrecise(&raw mut performance_count) })
    }

    /// This point plus `milliseconds`.
    pub const fn plus_ms(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds.saturating_mul(10_000)))
    }

    /// Milliseconds since `earlier`, rounded down; 0 if it lies in the future.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 10_000
    }

    /// Units of 100 ns since boot.
    pub const fn ticks(self) -> u64 {
        self.0
    }
}
