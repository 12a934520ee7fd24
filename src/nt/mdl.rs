//! [`Mdl`]: a chain of memory descriptor lists that a kernel consumer lends.

use core::{marker::PhantomData, ptr::NonNull};

use wdk_sys::_MDL as MDL;

/// `MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL`.
const HAS_SYSTEM_ADDRESS: i16 = 0x5;

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

    /// Gives `act` the `length` bytes after the first `skip`, piece by piece. Whether all of them could be reached: only MDLs
    /// that have a system address are followed (nonpaged pool, or mapped by their owner).
    pub fn read(self, skip: usize, length: usize, mut act: impl FnMut(&[u8])) -> bool {
        let (mut skip, mut left) = (skip, length);
        for mdl in self.iter() {
            let bytes = mdl.ByteCount as usize;
            let before = skip.min(bytes);
            skip -= before;
            let count = (bytes - before).min(left);
            if count == 0 {
                continue;
            }
            if mdl.MdlFlags & HAS_SYSTEM_ADDRESS == 0 {
                return false;
            }
            let start = mdl.MappedSystemVa.cast::<u8>().wrapping_add(before);
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
