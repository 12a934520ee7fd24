//! Page lists: what the device needs to know of mapped memory.

use crate::nt::{ScatterGather, Status, Vec, pool};

/// Bytes of a page of the device and of the host.
const PAGE: u64 = 4096;

/// Pages that `length` bytes at `address` touch.
pub const fn touched(address: u64, length: u64) -> u64 {
    (address % PAGE + length).div_ceil(PAGE)
}

/// Gives the bus address of every page of mapped memory to `put`, in order.
///
/// `base` is the virtual address of the first byte: only its offset in the page counts.
///
/// # Errors
/// `INVALID_PARAMETER` when the memory is not one range of whole pages but for its ends: a chain of MDLs with a gap
/// (MR-03, MR-70).
pub fn for_each(
    memory: &ScatterGather,
    base: u64,
    length: u64,
    mut put: impl FnMut(u64),
) -> Result<(), Status> {
    let pages = touched(base, length);
    let (mut count, mut left, mut end) = (0, length, None);
    for (address, bytes) in memory.iter() {
        if left == 0 {
            break;
        }
        let (start, bytes) = (address.0, u64::from(bytes).min(left));
        // A piece begins where a page does, or goes on where the last one ended; the first one where the range does.
        let in_page = match end {
            None if start % PAGE == base % PAGE => false,
            Some(end) if end == start => start % PAGE != 0,
            Some(end) if end % PAGE == 0 && start % PAGE == 0 => false,
            _ => return Err(Status::INVALID_PARAMETER),
        };
        let first = start - start % PAGE + if in_page { PAGE } else { 0 };
        let mut page = first;
        while page < start + bytes {
            put(page);
            count += 1;
            page += PAGE;
        }
        end = Some(start + bytes);
        left -= bytes;
    }
    if left == 0 && count == pages {
        Ok(())
    } else {
        Err(Status::INVALID_PARAMETER)
    }
}

/// The bus addresses of the pages of mapped memory.
///
/// # Errors
/// Those of [`for_each`]; no memory.
pub fn list(memory: &ScatterGather, base: u64, length: u64) -> Result<Vec<u64>, Status> {
    let room = touched(base, length) as usize;
    let mut list = pool::try_with_capacity(room)?;
    for_each(memory, base, length, |page| {
        if list.len() < room {
            list.push(page);
        }
    })?;
    Ok(list)
}
