//! [`SharedMemory`]: memory that driver and device both see, reached only by volatile and atomic accesses.

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::PHYSICAL_ADDRESS;

use super::{
    BusAddress, Dma, Passive, Ref, SpinLock, Status,
    sync::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
};
use crate::sys::ndis;

/// Physically contiguous memory for driver and device, zeroed when made, page aligned.
///
/// The ConnectX is big-endian: the `be` accessors convert. Offsets are checked in every access; one outside is our own mistake and
/// panics. Shared `&self` is enough to write: what the device may look at is a matter of ownership bits and doorbells, not of
/// Rust references; who writes where is settled by the queue that owns the range.
#[derive(Debug)]
pub struct SharedMemory {
    dma: Ref<Dma>,
    base: NonNull<u8>,
    bus: BusAddress,
    length: u32,
    set_aside: AtomicBool,
    next: SpinLock<Option<Ref<Self>>>,
}

// SAFETY: all accesses are volatile or atomic, through raw pointers; the range belongs to this value.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; racing plain writes of two callers are theirs to avoid and touch no memory but this range, which holds no
// Rust values.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Takes `length` bytes (rounded up by the system to pages) that the device can reach, at any bus address but 0. `PASSIVE_LEVEL`, at any
    /// time from Initialize to Halt.
    ///
    /// Bus address 0 is one that the system may give, and that means "none" to the device, or is refused by it: such memory is held until
    /// other is found, which then lies elsewhere.
    ///
    /// # Errors
    /// `INSUFFICIENT_RESOURCES`.
    pub fn allocate(dma: &Ref<Dma>, length: u32, passive: Passive<'_>) -> Result<Self, Status> {
        let first = Self::allocate_anywhere(dma, length, passive)?;
        let memory = if first.bus == BusAddress(0) {
            let second = Self::allocate_anywhere(dma, length, passive);
            drop(first);
            second?
        } else {
            first
        };
        memory.zero(0, length as usize);
        Ok(memory)
    }

    fn allocate_anywhere(dma: &Ref<Dma>, length: u32, passive: Passive<'_>) -> Result<Self, Status> {
        let (base, bus) = dma.allocate_shared(length, passive)?;
        Ok(Self {
            dma: dma.clone(),
            base,
            bus,
            length,
            set_aside: AtomicBool::new(false),
            next: SpinLock::new(None),
        })
    }

    /// Marks it as part of a list, which is linked through its parts and so needs no memory. Whether it was not marked before.
    pub fn set_aside(&self) -> bool {
        !self.set_aside.swap(true, Ordering::AcqRel)
    }

    /// The next part of the list.
    pub fn link(&self, next: Option<Ref<Self>>) {
        *self.next.lock() = next;
    }

    /// Takes the rest of the list off.
    pub fn unlink(&self) -> Option<Ref<Self>> {
        self.next.lock().take()
    }

    /// Bytes.
    pub const fn len(&self) -> u32 {
        self.length
    }

    /// Whether it has no bytes (never).
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where the device finds the byte at `offset`.
    pub const fn bus_address(&self, offset: u32) -> BusAddress {
        BusAddress(self.bus.0 + offset as u64)
    }

    /// Reads one byte.
    #[inline]
    pub fn read_u8(&self, offset: usize) -> u8 {
        // SAFETY: `at` checked it.
        unsafe { self.at::<u8>(offset).read_volatile() }
    }

    /// Reads a big-endian number.
    #[inline]
    pub fn read_be16(&self, offset: usize) -> u16 {
        // SAFETY: `at` checked it.
        u16::from_be(unsafe { self.at::<u16>(offset).read_volatile() })
    }

    /// Reads a big-endian number.
    #[inline]
    pub fn read_be32(&self, offset: usize) -> u32 {
        // SAFETY: `at` checked it.
        u32::from_be(unsafe { self.at::<u32>(offset).read_volatile() })
    }

    /// Reads a big-endian number.
    #[inline]
    pub fn read_be64(&self, offset: usize) -> u64 {
        // SAFETY: `at` checked it.
        u64::from_be(unsafe { self.at::<u64>(offset).read_volatile() })
    }

    /// Writes one byte.
    #[inline]
    pub fn write_u8(&self, offset: usize, value: u8) {
        // SAFETY: `at` checked it.
        unsafe { self.at::<u8>(offset).write_volatile(value) }
    }

    /// Writes a big-endian number.
    #[inline]
    pub fn write_be16(&self, offset: usize, value: u16) {
        // SAFETY: `at` checked it.
        unsafe { self.at::<u16>(offset).write_volatile(value.to_be()) }
    }

    /// Writes a big-endian number.
    #[inline]
    pub fn write_be32(&self, offset: usize, value: u32) {
        // SAFETY: `at` checked it.
        unsafe { self.at::<u32>(offset).write_volatile(value.to_be()) }
    }

    /// Writes a big-endian number.
    #[inline]
    pub fn write_be64(&self, offset: usize, value: u64) {
        // SAFETY: `at` checked it.
        unsafe { self.at::<u64>(offset).write_volatile(value.to_be()) }
    }

    /// Reads a big-endian number that the device writes as a signal; later reads stay later.
    #[inline]
    pub fn load_be32(&self, offset: usize) -> u32 {
        u32::from_be(self.atomic32(offset).load(Ordering::Acquire))
    }

    /// Writes a big-endian number that the device takes as a signal; earlier writes stay earlier.
    #[inline]
    pub fn store_be32(&self, offset: usize, value: u32) {
        self.atomic32(offset).store(value.to_be(), Ordering::Release);
    }

    /// Reads a byte that the device writes as a signal (an ownership byte); later reads stay later.
    #[inline]
    pub fn load_u8(&self, offset: usize) -> u8 {
        let value = self.read_u8(offset);
        fence(Ordering::Acquire);
        value
    }

    /// Writes a byte that the device takes as a signal; earlier writes stay earlier.
    #[inline]
    pub fn store_u8(&self, offset: usize, value: u8) {
        fence(Ordering::Release);
        self.write_u8(offset, value);
    }

    /// Writes a big-endian number that the device takes as a signal; earlier writes stay earlier.
    #[inline]
    pub fn store_be64(&self, offset: usize, value: u64) {
        // SAFETY: `at` checked range and alignment; the memory is only ever reached by atomic and volatile accesses.
        let atomic = unsafe { AtomicU64::from_ptr(self.at::<u64>(offset)) };
        atomic.store(value.to_be(), Ordering::Release);
    }

    /// Copies bytes out.
    #[inline]
    pub fn read_bytes(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        let (mut at, mut rest) = (offset, bytes);
        if at.is_multiple_of(8) {
            let (words, tail) = rest.as_chunks_mut::<8>();
            for word in words {
                *word = self.read_be64(at).to_be_bytes();
                at += 8;
            }
            rest = tail;
        }
        for byte in rest {
            *byte = self.read_u8(at);
            at += 1;
        }
    }

    /// Copies bytes in, in ascending order.
    #[inline]
    pub fn write_bytes(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        let (mut at, mut rest) = (offset, bytes);
        if at.is_multiple_of(8) {
            let (words, tail) = rest.as_chunks::<8>();
            for word in words {
                self.write_be64(at, u64::from_be_bytes(*word));
                at += 8;
            }
            rest = tail;
        }
        for byte in rest {
            self.write_u8(at, *byte);
            at += 1;
        }
    }

    /// Zeroes a range.
    pub fn zero(&self, offset: usize, length: usize) {
        self.check(offset, length);
        // SAFETY: inside the range. A plain fill: the device gets to know of it by a later signal or doorbell.
        unsafe { self.base.as_ptr().wrapping_add(offset).write_bytes(0, length) }
        fence(Ordering::Release);
    }

    /// The `length` bytes at `offset`, for [`super::ring`].
    ///
    /// # Panics
    /// When they are not inside or not aligned: our own mistake.
    pub(super) fn range(&self, offset: usize, length: usize, align: usize) -> NonNull<u8> {
        self.check(offset, length);
        assert!(offset.is_multiple_of(align), "misaligned range of shared memory");
        // SAFETY: checked to be inside the memory.
        unsafe { self.base.add(offset) }
    }

    #[inline]
    fn atomic32(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: `at` checked range and alignment; the memory is only ever reached by atomic and volatile accesses.
        unsafe { AtomicU32::from_ptr(self.at::<u32>(offset)) }
    }

    /// The address of a `T`, checked.
    #[inline]
    fn at<T>(&self, offset: usize) -> *mut T {
        self.check(offset, size_of::<T>());
        assert!(
            offset.is_multiple_of(align_of::<T>()),
            "misaligned access to shared memory"
        );
        self.base.as_ptr().wrapping_add(offset).cast()
    }

    #[inline]
    fn check(&self, offset: usize, length: usize) {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.length as usize),
            "access outside shared memory"
        );
    }
}

impl Drop for SharedMemory {
    /// Gives the memory back, `<= DISPATCH_LEVEL`. The owner has made the device forget it.
    fn drop(&mut self) {
        let address = PHYSICAL_ADDRESS {
            QuadPart: self.bus.0.cast_signed(),
        };
        let base: *mut c_void = self.base.as_ptr().cast();
        // SAFETY: allocated by `allocate_shared` with these values; `dma` holds the registration.
        unsafe { ndis::NdisMFreeSharedMemory(self.dma.ndis().as_raw(), self.length, 1, base, address) }
    }
}
