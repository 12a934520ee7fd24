//! Fallible nonpaged pool: the only memory of the driver that the device does not see.

use core::{
    alloc::Layout,
    ptr::{NonNull, slice_from_raw_parts_mut},
};

use allocator_api2::alloc::{AllocError, Allocator};
use wdk_sys::ntddk;

use super::NoMemory;
use crate::sys::ntoskrnl;

/// Tag of every pool allocation of this driver, as `!poolused` shows it: `CxNd`.
const TAG: u32 = u32::from_le_bytes(*b"CxNd");
/// Alignment that the pool guarantees on x64 below one page.
const POOL_ALIGN: usize = 16;
/// From this size on the pool returns whole pages.
const PAGE_SIZE: usize = 4096;

/// The nonpaged, non-executable pool. Zero-sized; `<= DISPATCH_LEVEL`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NonPaged;

/// An owning pointer into nonpaged pool. Make it with [`try_box`].
pub type Box<T> = allocator_api2::boxed::Box<T, NonPaged>;
/// A vector in nonpaged pool. Make it with [`try_vec`] or [`try_with_capacity`]; extend it with [`try_push`].
pub type Vec<T> = allocator_api2::vec::Vec<T, NonPaged>;

// SAFETY: blocks come from the pool, stay valid until freed, do not move, and any copy of the zero-sized allocator frees
// them. Alignment: the pool aligns to 16 bytes, and to a page from one page on; anything else is refused.
unsafe impl Allocator for NonPaged {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling = NonNull::new(core::ptr::without_provenance_mut::<u8>(layout.align()));
            return Ok(NonNull::slice_from_raw_parts(dangling.ok_or(AllocError)?, 0));
        }
        let aligned =
            layout.align() <= POOL_ALIGN || (layout.align() <= PAGE_SIZE && layout.size() >= PAGE_SIZE);
        if !aligned {
            return Err(AllocError);
        }
        // SAFETY: called at <= DISPATCH_LEVEL with a size that is not 0 and a tag that is not 0.
        let block =
            unsafe { ntoskrnl::ExAllocatePoolWithTag(ntoskrnl::NonPagedPoolNx, layout.size() as _, TAG) };
        NonNull::new(slice_from_raw_parts_mut(block.cast::<u8>(), layout.size())).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller promises that `block` came from `allocate`, which took it from the pool under this tag.
            unsafe { ntddk::ExFreePoolWithTag(block.as_ptr().cast(), TAG) }
        }
    }
}

/// Nothing in the driver allocates with it, but `alloc`, which the containers come from, does not link without one. A host
/// that is not Windows has its own. wdk-alloc's is not used because it calls `ExAllocatePool2`.
#[cfg(windows)]
#[global_allocator]
static GLOBAL: NonPaged = NonPaged;

// SAFETY: as of `Allocator`.
#[cfg(windows)]
unsafe impl core::alloc::GlobalAlloc for NonPaged {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Allocator::allocate(self, layout).map_or(core::ptr::null_mut(), |block| block.as_ptr().cast())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller promises that `block` came from `alloc` with this layout.
            unsafe { self.deallocate(block, layout) }
        }
    }
}

/// Moves `value` into the pool.
///
/// # Errors
/// [`NoMemory`]; `value` is dropped.
pub fn try_box<T>(value: T) -> Result<Box<T>, NoMemory> {
    Ok(Box::try_new_in(value, NonPaged)?)
}

/// Moves `value` into the pool, for who keeps the pointer himself: [`take_back`] drops it.
///
/// # Errors
/// [`NoMemory`]; `value` is dropped.
pub fn try_give<T>(value: T) -> Result<NonNull<T>, NoMemory> {
    let (raw, _) = Box::into_raw_with_allocator(try_box(value)?);
    NonNull::new(raw).ok_or(NoMemory)
}

/// Drops what [`try_give`] moved into the pool.
///
/// # Safety
/// `value` came from `try_give`, nobody looks at it any more, and it is taken back once.
pub unsafe fn take_back<T>(value: NonNull<T>) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw_in(value.as_ptr(), NonPaged) });
}

/// A vector with room for exactly `capacity` elements.
///
/// # Errors
/// [`NoMemory`].
pub fn try_with_capacity<T>(capacity: usize) -> Result<Vec<T>, NoMemory> {
    let mut vec = Vec::new_in(NonPaged);
    vec.try_reserve_exact(capacity)?;
    Ok(vec)
}

/// A vector of `length` elements, each made by `element` from its index.
///
/// # Errors
/// [`NoMemory`].
pub fn try_vec<T>(length: usize, element: impl FnMut(usize) -> T) -> Result<Vec<T>, NoMemory> {
    let mut vec = try_with_capacity(length)?;
    // Room for all of them was reserved: `extend` does not allocate.
    vec.extend((0..length).map(element));
    Ok(vec)
}

/// Appends one element.
///
/// # Errors
/// [`NoMemory`]; `value` is dropped.
pub fn try_push<T>(vec: &mut Vec<T>, value: T) -> Result<(), NoMemory> {
    vec.try_reserve(1)?;
    vec.push(value);
    Ok(())
}

/// Takes the element at `index` out of `vec`, the order of the others kept; `None` beyond the end. Cannot panic.
pub fn take_at<T>(vec: &mut Vec<T>, index: usize) -> Option<T> {
    let from_there = vec.get_mut(index..).filter(|rest| !rest.is_empty())?;
    from_there.rotate_left(1);
    vec.pop()
}
