//! Scatter/gather lists of consumers.

use core::{ffi::c_void, marker::PhantomData};

use super::super::post::Pieces;
use crate::{
    hw::{Key, Sge},
    sys::ndkpi::NDK_SGE,
};

/// A consumer's list of pieces, on loan during a call (QP-10).
#[derive(Clone, Copy)]
pub struct SgeList<'a> {
    first: *const NDK_SGE,
    count: u32,
    list: PhantomData<&'a NDK_SGE>,
}

impl SgeList<'_> {
    /// Borrows a list; NULL with no elements is one (QP-15).
    ///
    /// # Safety
    /// `list` has `count` elements, which stay and do not change during the caller's `'a`. If the request carries INLINE, the
    /// buffers that they name can be read.
    #[inline(always)]
    pub const unsafe fn new(list: *const NDK_SGE, count: u32) -> Self {
        Self {
            first: list,
            count,
            list: PhantomData,
        }
    }

    /// The elements, where they are.
    #[inline(always)]
    #[expect(clippy::iter_without_into_iter, reason = "one caller walks the list once")]
    const fn iter(&self) -> Elements<'_> {
        Elements {
            next: self.first,
            left: self.count,
            list: PhantomData,
        }
    }
}

/// The elements of a list, one after the other. As those of a slice, but NULL is good for none.
struct Elements<'a> {
    next: *const NDK_SGE,
    left: u32,
    list: PhantomData<&'a NDK_SGE>,
}

impl Iterator for Elements<'_> {
    type Item = NDK_SGE;

    #[inline(always)]
    fn next(&mut self) -> Option<NDK_SGE> {
        self.left = self.left.checked_sub(1)?;
        let element = self.next;
        self.next = element.wrapping_add(1);
        // SAFETY: the promise of `SgeList::new`: there was one left.
        Some(unsafe { element.read() })
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Elements<'_> {}

impl Pieces for SgeList<'_> {
    #[inline(always)]
    fn sges(&self) -> impl ExactSizeIterator<Item = Sge> {
        // One union of virtual and logical address; the token says which it is (QP-17).
        self.iter().map(|sge| Sge {
            address: sge.VirtualAddress.addr() as u64,
            length: sge.Length,
            key: Key(sge.MemoryRegionToken),
        })
    }

    fn total(&self) -> u64 {
        self.iter().map(|sge| u64::from(sge.Length)).sum()
    }

    fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        // The token is ignored (QP-25).
        self.iter().map(|sge| {
            let address: *mut c_void = sge.VirtualAddress;
            // SAFETY: the promise of `new`, for requests that carry INLINE: only those come here.
            unsafe { super::bytes(address, sge.Length) }
        })
    }
}
