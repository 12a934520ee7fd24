//! [`FrameMaps`]: frames of senders, mapped for the device by NDIS (rules DMA-02 to DMA-06).

use core::ptr::{NonNull, null_mut};

use wdk_sys::{
    _SCATTER_GATHER_ELEMENT as SCATTER_GATHER_ELEMENT, _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST,
};

use super::{
    Dma, NoMemory, Once, Ref, Slot, Status, Vec,
    dma::ListRequest,
    packet::Buffer,
    pool,
    sync::{AtomicPtr, AtomicU8, Ordering},
};
use crate::sys::ndis::{self, NDIS_SG_LIST_WRITE_TO_DEVICE, NDIS_STATUS_SUCCESS};

/// Nothing is mapped.
const FREE: u8 = 0;
/// NDIS was asked, and its answer is awaited where it was asked.
const ASKED: u8 = 1;
/// Nobody waits any more: whoever answers tells [`LateMapping`].
const LATE: u8 = 2;
/// The list is there.
const MAPPED: u8 = 3;

/// Who goes on when a mapping comes late. `<= DISPATCH_LEVEL`.
pub trait LateMapping: Send + Sync {
    /// A mapping came that [`FrameMaps::map`] did not wait for.
    fn mapped(&self);
}

/// One frame's mapping.
#[repr(C)]
struct Place {
    /// First: NDIS brings its address back.
    request: ListRequest,
    state: AtomicU8,
    list: AtomicPtr<SCATTER_GATHER_LIST>,
    owner: Once<Ref<Slot<dyn LateMapping>>>,
}

/// Places for the mappings of frames, with memory for their lists.
pub struct FrameMaps {
    dma: Ref<Dma>,
    places: Vec<Place>,
    memory: Vec<u64>,
    /// 64-bit words of a list.
    words: usize,
}

impl core::fmt::Debug for FrameMaps {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FrameMaps")
            .field("places", &self.places.len())
            .finish_non_exhaustive()
    }
}

/// Whether a frame is mapped already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mapped {
    /// It is.
    Now,
    /// It will be: [`LateMapping`] is told.
    Later,
}

impl FrameMaps {
    /// Places for `count` frames; `late` holds who is told of mappings that come late.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(
        dma: &Ref<Dma>,
        count: usize,
        late: &Ref<Slot<dyn LateMapping>>,
    ) -> Result<Self, NoMemory> {
        let words = (dma.list_bytes() as usize).div_ceil(size_of::<u64>());
        let memory = pool::try_vec(words * count, |_| 0)?;
        let places = pool::try_vec(count, |_| {
            let owner = Once::new();
            let _ = owner.set(late.clone());
            Place {
                request: ListRequest { ready },
                state: AtomicU8::new(FREE),
                list: AtomicPtr::new(null_mut()),
                owner,
            }
        })?;
        Ok(Self {
            dma: dma.clone(),
            places,
            memory,
            words,
        })
    }

    /// Maps the data of `buffer` at a free place. At `DISPATCH_LEVEL`; the caller has the place for itself.
    ///
    /// # Errors
    /// What NDIS said; the place stays free.
    pub fn map(&self, place: usize, buffer: Buffer) -> Result<Mapped, Status> {
        let (Some(slot), Some(room)) = (
            self.places.get(place),
            self.memory.get(place * self.words..(place + 1) * self.words),
        ) else {
            return Err(Status::INVALID_PARAMETER);
        };
        slot.state.store(ASKED, Ordering::Relaxed);
        let context = core::ptr::from_ref(slot).cast_mut().cast();
        // SAFETY: at DISPATCH_LEVEL; a live registration, a buffer of a packet that is ours, and room for a list that nobody else uses
        // while the place is not free. The place stays where it is.
        let status = unsafe {
            ndis::NdisMAllocateNetBufferSGList(
                self.dma.registration(),
                buffer.as_raw(),
                context,
                NDIS_SG_LIST_WRITE_TO_DEVICE,
                room.as_ptr().cast_mut().cast(),
                (self.words * size_of::<u64>()) as u32,
            )
        };
        if status != NDIS_STATUS_SUCCESS {
            slot.state.store(FREE, Ordering::Relaxed);
            return Err(Status(status));
        }
        let late = slot
            .state
            .compare_exchange(ASKED, LATE, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        Ok(if late { Mapped::Later } else { Mapped::Now })
    }

    /// Whether the mapping of a place is there.
    pub fn is_mapped(&self, place: usize) -> bool {
        self.places
            .get(place)
            .is_some_and(|slot| slot.state.load(Ordering::Acquire) == MAPPED)
    }

    /// The pieces of a mapped frame: `length` bytes (bus address, bytes; none is empty) after the first `skip` of the list.
    pub fn pieces(&self, place: usize, skip: u32, length: u32) -> Pieces<'_> {
        let list = self
            .places
            .get(place)
            .map_or(null_mut(), |slot| slot.list.load(Ordering::Relaxed));
        // SAFETY: NULL or a list that lives until `unmap`.
        let count = unsafe { list.as_ref() }.map_or(0, |list| list.NumberOfElements);
        let next = if list.is_null() {
            null_mut()
        } else {
            // SAFETY: a field of a live list.
            unsafe { &raw mut (*list).Elements }.cast()
        };
        Pieces {
            next,
            left: count,
            skip,
            length,
            maps: core::marker::PhantomData,
        }
    }

    /// Ends the mapping of a place; the device is done with it. At `DISPATCH_LEVEL`.
    pub fn unmap(&self, place: usize, buffer: Buffer) {
        let Some(slot) = self.places.get(place) else {
            return;
        };
        let list = slot.list.swap(null_mut(), Ordering::Relaxed);
        slot.state.store(FREE, Ordering::Relaxed);
        // SAFETY: at DISPATCH_LEVEL; the list that NDIS made for this buffer, once.
        unsafe { ndis::NdisMFreeNetBufferSGList(self.dma.registration(), list, buffer.as_raw()) }
    }
}

/// The pieces of a frame.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    next: *mut SCATTER_GATHER_ELEMENT,
    left: u32,
    skip: u32,
    length: u32,
    maps: core::marker::PhantomData<&'a FrameMaps>,
}

impl Iterator for Pieces<'_> {
    type Item = (u64, u32);

    #[inline]
    fn next(&mut self) -> Option<(u64, u32)> {
        while self.left != 0 && self.length != 0 {
            // SAFETY: `left` elements are there yet.
            let element = unsafe { &*self.next };
            self.next = self.next.wrapping_add(1);
            self.left -= 1;
            let skipped = self.skip.min(element.Length);
            self.skip -= skipped;
            let bytes = (element.Length - skipped).min(self.length);
            if bytes != 0 {
                self.length -= bytes;
                // SAFETY: all 64 bits of the union are one number.
                let address = unsafe { element.Address.QuadPart }.cast_unsigned();
                return Some((address + u64::from(skipped), bytes));
            }
        }
        None
    }
}

/// A list came.
///
/// # Safety
/// `request` is of a place that [`FrameMaps::map`] named, whose owner waits for this call.
unsafe fn ready(request: NonNull<ListRequest>, list: *mut SCATTER_GATHER_LIST) {
    // SAFETY: the request is the first part of its place.
    let place = unsafe { request.cast::<Place>().as_ref() };
    place.list.store(list, Ordering::Relaxed);
    // Before the place is the asker's again: it may go as soon as nobody is late.
    let late = place.owner.get().cloned();
    if place.state.swap(MAPPED, Ordering::AcqRel) == LATE
        && let Some(late) = late.and_then(|late| late.get())
    {
        late.mapped();
    }
}
