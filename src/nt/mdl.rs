//! [`Mdl`]: a chain of memory descriptor lists that a kernel consumer lends.

use core::{
    marker::PhantomData,
    ptr::{NonNull, null_mut},
};

use wdk_sys::{_MDL as MDL, _MEMORY_CACHING_TYPE, ntddk};

/// `MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL`.
const HAS_SYSTEM_ADDRESS: i16 = 0x5;
/// `KernelMode` of `MODE`.
const KERNEL_MODE: i8 = 0;
/// `NormalPagePriority`.
const NORMAL_PRIORITY: u32 = 16;
/// `MdlMappingNoExecute`.
const NO_EXECUTE: u32 = 0x4000_0000;

/// A chain of MDLs whose pages stay locked during `'a`.
#[derive(Clone, Copy, Debug)]
pub struct Mdl<'a> {
    first: NonNull<MDL>,
    scope: PhantomData<&'a MDL>,
}

// SAFETY: an MDL chain that is lent is read only; its memory is resident in every context.
unsafe impl Send for Mdl<'_> {}
// SAFETY: as above.
unsafe impl Sync for Mdl<'_> {}

impl Mdl<'_> {
    /// Wraps a chain; `None` if `raw` is NULL.
    ///
    /// # Safety
    /// `raw` is NULL or leads to a chain of MDLs that describe locked or nonpaged pages and do not change during `'a`.
    pub unsafe fn new(raw: *mut MDL) -> Option<Self> {
        Some(Self {
            first: NonNull::new(raw)?,
            scope: PhantomData,
        })
    }

    /// The first MDL, for a kernel call.
    pub const fn as_raw(self) -> *mut MDL {
        self.first.as_ptr()
    }

    /// Bytes that the whole chain describes.
    pub fn byte_count(self) -> u64 {
        self.iter().map(|mdl| u64::from(mdl.ByteCount)).sum()
    }

    /// Virtual address (`MmGetMdlVirtualAddress`) of the first byte: an index for the DMA functions, not for access.
    pub fn virtual_address(self) -> usize {
        // SAFETY: lives during `'a`.
        let mdl = unsafe { self.first.as_ref() };
        mdl.StartVa as usize + mdl.ByteOffset as usize
    }

    /// Gives `act` the `length` bytes after the first `skip`, piece by piece. Whether all of them could be reached: there may be
    /// no room to map pages that have no system address yet. `<= DISPATCH_LEVEL`.
    pub fn read(self, skip: usize, length: usize, mut act: impl FnMut(&[u8])) -> bool {
        let (mut skip, mut left) = (skip, length);
        let mut next = Some(self.first);
        while let Some(mdl) = next
            && left > 0
        {
            // SAFETY: live during `'a`; a copy, since the kernel may change it below.
            let seen = unsafe { mdl.read() };
            let bytes = seen.ByteCount as usize;
            next = NonNull::new(seen.Next);
            let before = skip.min(bytes);
            skip -= before;
            let count = (bytes - before).min(left);
            if count == 0 {
                continue;
            }
            let Some(start) = system_address(mdl) else {
                return false;
            };
            let start = start.wrapping_add(before);
            // SAFETY: the MDL describes them at its system address; they are lent to us, to be read.
            act(unsafe { core::slice::from_raw_parts(start, count) });
            left -= count;
        }
        left == 0
    }

    /// The MDLs of the chain.
    pub fn iter(&self) -> impl Iterator<Item = &MDL> {
        // SAFETY: live during `'a`, and not changed.
        core::iter::successors(Some(unsafe { self.first.as_ref() }), |mdl| unsafe {
            mdl.Next.as_ref()
        })
    }
}

/// The address in system space of an MDL's memory: the one that it has, or one that is made now and stays with the MDL, whose owner
/// undoes it with the lock of the pages (`MmGetSystemAddressForMdlSafe`, wdm.h). `None` without room for it.
fn system_address(mdl: NonNull<MDL>) -> Option<*mut u8> {
    // SAFETY: a live MDL.
    let seen = unsafe { mdl.read() };
    if seen.MdlFlags & HAS_SYSTEM_ADDRESS != 0 {
        return Some(seen.MappedSystemVa.cast());
    }
    // SAFETY: a live MDL of locked pages, not mapped yet; a failure is told, not a bug check.
    let made = unsafe {
        ntddk::MmMapLockedPagesSpecifyCache(
            mdl.as_ptr(),
            KERNEL_MODE,
            _MEMORY_CACHING_TYPE::MmCached,
            null_mut(),
            0,
            NORMAL_PRIORITY | NO_EXECUTE,
        )
    };
    NonNull::new(made.cast()).map(NonNull::as_ptr)
}
