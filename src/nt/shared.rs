//! [`SharedMemory`]: memory that driver and device both see, reached only by volatile and atomic accesses.
//!
//! Contiguous memory is what a host that has run for a while lacks first, so only what has to lie in one piece on the bus is allocated
//! that way. All else is nonpaged pool: one piece for the driver, single pages for the device. Such pages are mapped as foreign memory
//! is, for as long as the device has them: a 64-bit bus master reaches whole pages where they are, and DMA is coherent on x64.

use core::{alloc::Layout, ffi::c_void, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use wdk_sys::PHYSICAL_ADDRESS;

use super::{
    BusAddress, Dma, Event, NonPaged, OwnMdl, Passive, Ref, ScatterGather, SpinLock, Status, Vec,
    dma::Direction,
    pool,
    sync::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
};
use crate::sys::ndis;

/// Bytes of a page.
const PAGE: u32 = 4096;
/// Bytes up to which memory may as well be contiguous.
const FEW_PAGES: u32 = 4 * PAGE;

/// Memory for driver and device, zeroed when made, page aligned.
///
/// The ConnectX is big-endian: the `be` accessors convert. Offsets are checked in every access; one outside is our own mistake and
/// panics. Shared `&self` is enough to write: what the device may look at is a matter of ownership bits and doorbells, not of
/// Rust references; who writes where is settled by the queue that owns the range.
#[derive(Debug)]
pub struct SharedMemory {
    base: NonNull<u8>,
    length: u32,
    bus: Bus,
    set_aside: AtomicBool,
    next: SpinLock<Option<Ref<Self>>>,
}

/// Where the device finds it.
#[derive(Debug)]
enum Bus {
    /// In one piece.
    Contiguous(Ref<Dma>, BusAddress),
    /// Page by page, as long as the memory is mapped.
    Pages { pages: Vec<u64>, _memory: Scattered },
}

/// Nonpaged pool that is mapped for the device. The mapping ends, then the memory goes.
#[derive(Debug)]
struct Scattered {
    _map: ScatterGather,
    _block: Block,
}

/// Whole pages of nonpaged pool.
#[derive(Debug)]
struct Block {
    base: NonNull<u8>,
    layout: Layout,
}

impl Block {
    fn allocate(length: u32) -> Result<Self, Status> {
        let size = (length as usize).next_multiple_of(PAGE as usize);
        let layout =
            Layout::from_size_align(size, PAGE as usize).map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
        let memory = NonPaged
            .allocate(layout)
            .map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
        let base = memory.cast();
        Ok(Self { base, layout })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nobody has it any more.
        unsafe { NonPaged.deallocate(self.base, self.layout) }
    }
}

// SAFETY: pool may be freed on every processor; nothing else is done with it here.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// A mapping that is under way.
struct Mapping {
    event: Event,
    map: SpinLock<Option<ScatterGather>>,
}

// SAFETY: all accesses are volatile or atomic, through raw pointers; the range belongs to this value.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; racing plain writes of two callers are theirs to avoid and touch no memory but this range, which holds no
// Rust values.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Takes `length` bytes (rounded up by the system to pages) that the device can reach, in one piece on the bus, at any address
    /// there but 0. `PASSIVE_LEVEL`, at any time from Initialize to Halt.
    ///
    /// The system may give bus address 0, which means "none" to the device or is refused by it: such memory is held until other memory
    /// is found, which then lies elsewhere.
    ///
    /// # Errors
    /// `INSUFFICIENT_RESOURCES`.
    pub fn allocate(dma: &Ref<Dma>, length: u32, passive: Passive<'_>) -> Result<Self, Status> {
        Self::allocate_not_at_0(|| {
            let (base, bus) = dma.allocate_shared(length, passive)?;
            Ok(Self::new(base, length, Bus::Contiguous(dma.clone(), bus)))
        })
    }

    /// The same, for what the device knows by its pages: those need not be neighbours on the bus. See [`Self::pages`].
    ///
    /// # Errors
    /// `INSUFFICIENT_RESOURCES`.
    pub fn allocate_pages(dma: &Ref<Dma>, length: u32, passive: Passive<'_>) -> Result<Self, Status> {
        if length <= FEW_PAGES {
            return Self::allocate(dma, length, passive);
        }
        Self::allocate_not_at_0(|| Self::map_pages(dma, length, passive))
    }

    fn allocate_not_at_0(allocate: impl Fn() -> Result<Self, Status>) -> Result<Self, Status> {
        let first = allocate()?;
        let memory = if first.pages(first.length).any(|page| page == 0) {
            let second = allocate();
            drop(first);
            second?
        } else {
            first
        };
        memory.zero(0, memory.length as usize);
        Ok(memory)
    }

    fn map_pages(dma: &Ref<Dma>, length: u32, passive: Passive<'_>) -> Result<Self, Status> {
        let block = Block::allocate(length)?;
        let (base, size) = (block.base, block.layout.size());
        // SAFETY: pages of nonpaged pool, which are freed after the mapping that the description goes with.
        let own = unsafe { OwnMdl::of_pool(base, size as u32) }?;
        let map = map_now(dma, own, size as u64, passive)?;
        let mut pages = pool::try_with_capacity(size / PAGE as usize)?;
        for (start, bytes) in map.iter() {
            // Pool from one page on consists of whole pages, and so do its runs.
            pages.extend((0..u64::from(bytes / PAGE)).map(|page| start.0 + page * u64::from(PAGE)));
        }
        if pages.len() != size / PAGE as usize {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        let memory = Scattered {
            _map: map,
            _block: block,
        };
        let bus = Bus::Pages {
            pages,
            _memory: memory,
        };
        Ok(Self::new(base, length, bus))
    }

    const fn new(base: NonNull<u8>, length: u32, bus: Bus) -> Self {
        Self {
            base,
            length,
            bus,
            set_aside: AtomicBool::new(false),
            next: SpinLock::new(None),
        }
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

    /// Where the device finds the byte at `offset`, and in memory of [`Self::allocate`] all that follow.
    pub fn bus_address(&self, offset: u32) -> BusAddress {
        match &self.bus {
            Bus::Contiguous(_, first) => BusAddress(first.0 + u64::from(offset)),
            Bus::Pages { pages, .. } => {
                let page = pages.get((offset / PAGE) as usize).copied();
                // Offsets are inside: our own mistake would be an address that the device refuses.
                BusAddress(page.map_or(0, |page| page + u64::from(offset % PAGE)))
            }
        }
    }

    /// Bus addresses of the pages of the first `length` bytes.
    pub fn pages(&self, length: u32) -> impl ExactSizeIterator<Item = u64> + Clone + '_ {
        (0..length.div_ceil(PAGE)).map(|page| self.bus_address(page * PAGE).0)
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
        let Bus::Contiguous(dma, bus) = &self.bus else {
            return;
        };
        let address = PHYSICAL_ADDRESS {
            QuadPart: bus.0.cast_signed(),
        };
        let base: *mut c_void = self.base.as_ptr().cast();
        // SAFETY: allocated by `allocate_shared` with these values; `dma` holds the registration.
        unsafe { ndis::NdisMFreeSharedMemory(dma.ndis().as_raw(), self.length, 1, base, address) }
    }
}

/// Maps memory of ours and waits until that is done, however long the system is short of what it takes.
fn map_now(dma: &Ref<Dma>, own: OwnMdl, length: u64, passive: Passive<'_>) -> Result<ScatterGather, Status> {
    let mapping = Ref::try_new(Mapping {
        event: Event::try_new()?,
        map: SpinLock::new(None),
    })?;
    let shared = mapping.clone();
    Dma::map_own(dma, own, length, Direction::FromDevice, move |map| {
        *shared.map.lock() = Some(map);
        shared.event.set();
    })?;
    mapping.event.wait(passive);
    let map = mapping.map.lock().take();
    map.ok_or(Status::INSUFFICIENT_RESOURCES)
}
