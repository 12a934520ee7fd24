//! [`Ring`]: equal elements in shared memory, a power of two of them, reached without a bounds check; and its kin for the data path.
//!
//! Indices are masked, so every index is valid: those of the device's rings count up without end.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use core::{marker::PhantomData, ptr::NonNull};

use super::{
    Mmio, NoMemory, Ref, SharedMemory, Vec, pool,
    sync::{AtomicU32, AtomicU64, Ordering},
};

/// Types that are nothing but atomics, all of whose bit patterns are good.
///
/// # Safety
/// The type has no padding, and any bytes are a value of it.
pub unsafe trait Shared: Sync {}

/// 16 bytes: a segment of a work queue element. Stored as two big-endian words.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Segment([AtomicU64; 2]);

impl Segment {
    /// Stores both words, big-endian. No order with other segments: the doorbell makes it.
    #[inline(always)]
    pub fn store(&self, words: [u64; 2]) {
        self.0[0].store(words[0].to_be(), Ordering::Relaxed);
        self.0[1].store(words[1].to_be(), Ordering::Relaxed);
    }
}

/// 64 bytes, which the device writes: a completion or event queue element.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Element([AtomicU64; 8]);

impl Element {
    /// The last word, which holds the ownership bit; what is read later stays later.
    #[inline(always)]
    pub fn last(&self) -> u64 {
        u64::from_be(self.0[7].load(Ordering::Acquire))
    }

    /// The big-endian word of bytes `8 * INDEX ..`.
    #[inline(always)]
    pub fn word<const INDEX: usize>(&self) -> u64 {
        const { assert!(INDEX < 8) };
        u64::from_be(self.0[INDEX].load(Ordering::Relaxed))
    }

    /// Stores the last word, before the device knows the ring.
    pub fn store_last(&self, word: u64) {
        self.0[7].store(word.to_be(), Ordering::Relaxed);
    }
}

// SAFETY: 16 bytes of atomics.
unsafe impl Shared for Segment {}
// SAFETY: 64 bytes of atomics.
unsafe impl Shared for Element {}
// SAFETY: an atomic.
unsafe impl Shared for AtomicU64 {}

/// `1 << log` elements of shared memory, in a circle.
#[derive(Debug)]
pub struct Ring<T> {
    first: NonNull<T>,
    mask: u32,
    // Keeps the elements alive.
    memory: Ref<SharedMemory>,
}

// SAFETY: elements are `Shared`, that is atomics, and memory is kept alive by the counted reference.
unsafe impl<T: Shared> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Shared> Sync for Ring<T> {}

impl<T: Shared> Ring<T> {
    /// The elements from `offset` on.
    ///
    /// # Panics
    /// When they are not inside `memory` or not aligned: our own mistake.
    pub fn new(memory: &Ref<SharedMemory>, offset: u32, log: u32) -> Self {
        let bytes = size_of::<T>() << log;
        let first = memory.range(offset as usize, bytes, align_of::<T>()).cast();
        Self {
            first,
            mask: (1 << log) - 1,
            memory: memory.clone(),
        }
    }

    /// The element at `index`, which wraps around.
    #[inline(always)]
    pub fn at(&self, index: u32) -> &T {
        // SAFETY: `new` checked `mask + 1` elements, and the masked index is one of them.
        let element = unsafe { self.first.add((index & self.mask) as usize) };
        // SAFETY: aligned, inside memory that lives as long as `self`, and any bytes are good atomics.
        unsafe { element.as_ref() }
    }

    /// Place and mask of the ring in one value, which stays in processor registers while elements are stored.
    #[inline(always)]
    pub const fn view(&self) -> View<'_, T> {
        View {
            first: self.first,
            mask: self.mask,
            ring: PhantomData,
        }
    }

    /// The memory that holds the elements.
    pub fn memory(&self) -> &Ref<SharedMemory> {
        &self.memory
    }
}

/// A [`Ring`] on loan.
#[derive(Debug)]
pub struct View<'a, T> {
    first: NonNull<T>,
    mask: u32,
    ring: PhantomData<&'a T>,
}

impl<T> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<'_, T> {}

impl<'a, T: Shared> View<'a, T> {
    /// The element at `index`, which wraps around.
    #[inline(always)]
    pub const fn at(self, index: u32) -> &'a T {
        // SAFETY: `Ring::new` checked `mask + 1` elements, and the masked index is one of them.
        let element = unsafe { self.first.add((index & self.mask) as usize) };
        // SAFETY: aligned, inside memory that lives as long as the ring, and any bytes are good atomics.
        unsafe { element.as_ref() }
    }
}

/// A big-endian 32-bit word of shared memory that the device reads: half of a doorbell record.
#[derive(Debug)]
pub struct Record {
    word: NonNull<AtomicU32>,
    // Keeps the word alive.
    _memory: Ref<SharedMemory>,
}

// SAFETY: an atomic in memory that the counted reference keeps alive.
unsafe impl Send for Record {}
// SAFETY: as above.
unsafe impl Sync for Record {}

impl Record {
    /// The word at `offset`.
    ///
    /// # Panics
    /// When it is not inside `memory` or not aligned: our own mistake.
    pub fn new(memory: &Ref<SharedMemory>, offset: u32) -> Self {
        let word = memory.range(offset as usize, 4, 4).cast();
        Self {
            word,
            _memory: memory.clone(),
        }
    }

    /// Stores `value`; whoever sees it sees all earlier stores to shared memory.
    #[inline(always)]
    pub fn store(&self, value: u32) {
        // SAFETY: checked by `new`; lives as long as `self`.
        unsafe { self.word.as_ref() }.store(value.to_be(), Ordering::Release);
    }
}

/// A 64-bit device register whose place was checked once.
#[derive(Debug)]
pub struct Register64 {
    address: NonNull<u64>,
    // Keeps the mapping alive.
    _bar: Ref<Mmio>,
}

// SAFETY: a register write is one volatile access, allowed on every processor.
unsafe impl Send for Register64 {}
// SAFETY: as above.
unsafe impl Sync for Register64 {}

impl Register64 {
    /// The register at `offset`; `None` outside the mapping.
    pub fn new(bar: &Ref<Mmio>, offset: u32) -> Option<Self> {
        let address = bar.range(offset, 8)?.cast();
        Some(Self {
            address,
            _bar: bar.clone(),
        })
    }

    /// Writes `value`, big-endian, in one access.
    #[inline(always)]
    pub fn write(&self, value: u64) {
        // SAFETY: checked by `new`; mapped as long as `self` lives.
        unsafe { self.address.write_volatile(value.to_be()) }
    }
}

/// `1 << log` values in nonpaged pool, in a circle.
#[derive(Debug)]
pub struct Circle<T> {
    values: Vec<T>,
    mask: u32,
}

impl<T> Circle<T> {
    /// `1 << log` values, each made by `make`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_from_fn(log: u32, mut make: impl FnMut() -> T) -> Result<Self, NoMemory> {
        let values = pool::try_vec(1 << log, |_| make())?;
        Ok(Self {
            values,
            mask: (1 << log) - 1,
        })
    }
}

impl<T: Default> Circle<T> {
    /// `1 << log` default values.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(log: u32) -> Result<Self, NoMemory> {
        Self::try_from_fn(log, T::default)
    }
}

impl<T> Circle<T> {
    /// The value at `index`, which wraps around.
    #[inline(always)]
    pub fn at(&self, index: u32) -> &T {
        // SAFETY: there are `mask + 1` values, and the masked index is one of them.
        unsafe { self.values.get_unchecked((index & self.mask) as usize) }
    }
}
