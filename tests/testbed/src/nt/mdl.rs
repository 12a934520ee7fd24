//! Memory descriptor lists.

use wdk_standin::{_MDL, PMDL};

/// `MDL_MAPPED_TO_SYSTEM_VA`.
const MAPPED_TO_SYSTEM_VA: i16 = 0x1;
/// `MDL_SOURCE_IS_NONPAGED_POOL`.
const SOURCE_IS_NONPAGED_POOL: i16 = 0x4;
const PAGE: usize = 4096;

/// An MDL of resident memory. It is to be given back with [`mdl_free`].
pub fn mdl_for(memory: &mut [u8]) -> PMDL {
    let address = memory.as_mut_ptr();
    let offset = address as usize % PAGE;
    Box::into_raw(Box::new(_MDL {
        Next: std::ptr::null_mut(),
        Size: size_of::<_MDL>() as i16,
        MdlFlags: SOURCE_IS_NONPAGED_POOL,
        Process: std::ptr::null_mut(),
        MappedSystemVa: address.cast(),
        StartVa: address.wrapping_sub(offset).cast(),
        ByteCount: memory.len() as u32,
        ByteOffset: offset as u32,
    }))
}

/// Frees an MDL of [`mdl_for`].
pub fn mdl_free(mdl: PMDL) {
    // SAFETY: made by `mdl_for`, which boxed it.
    drop(unsafe { Box::from_raw(mdl) });
}

/// The memory of a chain of MDLs: `length` bytes from the virtual address `from` on, each piece contiguous. `None` if the
/// chain does not hold them.
///
/// # Safety
/// `first` is a chain of MDLs of resident memory.
pub unsafe fn mdl_pieces(first: PMDL, from: usize, length: usize) -> Option<Vec<(*mut u8, usize)>> {
    let mut pieces = Vec::new();
    let (mut mdl, mut skip, mut left) = (first, None, length);
    while left > 0 {
        // SAFETY: the caller's chain.
        let this = unsafe { mdl.as_ref() }?;
        let base = this.StartVa as usize + this.ByteOffset as usize;
        let start = match skip {
            None => from.checked_sub(base)?,
            Some(skip) => skip,
        };
        skip = Some(start.saturating_sub(this.ByteCount as usize));
        if start < this.ByteCount as usize {
            let resident = MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL;
            let system = if this.MdlFlags & resident == 0 {
                base as *mut u8
            } else {
                this.MappedSystemVa.cast()
            };
            let count = (this.ByteCount as usize - start).min(left);
            pieces.push((system.wrapping_add(start), count));
            left -= count;
        }
        mdl = this.Next;
    }
    Some(pieces)
}
