//! The atomics of the driver, in one place, and the store ordering that device doorbells need.

pub use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Orders all earlier stores to memory shared with the device before all later stores to device registers.
///
/// On x64 the processor keeps stores to write-back and uncached memory in order, so that a compiler barrier is enough; a
/// release fence is exactly that. (A write-combined mapping would need `sfence`; this driver maps none.)
#[inline]
pub fn publish_to_device() {
    fence(Ordering::Release);
}

/// Orders an earlier load of an ownership bit in memory shared with the device before all later loads of what it guards.
#[inline]
pub fn acquire_from_device() {
    fence(Ordering::Acquire);
}
