//! [`Mdl`]: a chain of memory descriptor lists that a kernel consumer lends.

use core::{marker::PhantomData, ptr::NonNull};

use wdk_sys::_MDL as MDL;

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

    /// The MDLs of the chain.
    pub fn iter(&self) -> impl Iterator<Item = &MDL> {
        // SAFETY: live during `'a`, and not changed.
        core::iter::successors(Some(unsafe { self.first.as_ref() }), |mdl| unsafe {
            mdl.Next.as_ref()
        })
    }
}
