//! Scatter/gather lists of consumers.

use core::{ffi::c_void, slice};

use super::super::post::Pieces;
use crate::{
    hw::{Key, Sge},
    sys::ndkpi::NDK_SGE,
};

/// A consumer's list of pieces, on loan during a call (QP-10).
#[derive(Clone, Copy)]
pub struct SgeList<'a>(&'a [NDK_SGE]);

impl SgeList<'_> {
    /// Borrows a list; NULL with no elements is one (QP-15).
    ///
    /// # Safety
    /// `list` has `count` elements, which stay and do not change during the caller's `'a`. If the request carries INLINE, the
    /// buffers that they name can be read.
    #[inline(always)]
    pub unsafe fn new(list: *const NDK_SGE, count: u32) -> Self {
        if list.is_null() || count == 0 {
            return Self(&[]);
        }
        // SAFETY: passed on from the caller.
        Self(unsafe { slice::from_raw_parts(list, count as usize) })
    }
}

impl Pieces for SgeList<'_> {
    #[inline(always)]
    fn sges(&self) -> impl ExactSizeIterator<Item = Sge> {
        // One union of virtual and logical address; the token says which it is (QP-17).
        self.0.iter().map(|sge| Sge {
            address: sge.VirtualAddress.addr() as u64,
            length: sge.Length,
            key: Key(sge.MemoryRegionToken),
        })
    }

    #[inline(always)]
    fn total(&self) -> u64 {
        self.0.iter().map(|sge| u64::from(sge.Length)).sum()
    }

    fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        // The token is ignored (QP-25).
        self.0.iter().map(|sge| {
            let address: *mut c_void = sge.VirtualAddress;
            // SAFETY: the promise of `new`, for requests that carry INLINE: only those come here.
            unsafe { super::bytes(address, sge.Length) }
        })
    }
}
