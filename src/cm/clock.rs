//! The clock of connection management.

use crate::nt::time::Instant;

/// The kernel clock's units in a millisecond.
const TICKS_PER_MS: u64 = 10_000;

/// Milliseconds of the kernel's clock. Any IRQL.
pub(super) fn now_ms() -> u64 {
    Instant::now().ticks() / TICKS_PER_MS
}
