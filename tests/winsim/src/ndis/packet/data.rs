//! Access to the data of buffers, whose pieces lie in several MDLs.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_SUCCESS, NET_BUFFER};
use wdk_standin::_MDL as MDL;

use super::{PACKET, mdls_of};
use crate::ndis::kernel::{self, Level};
use crate::sim::{self, faults};

/// `MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL`: the system address is good.
const MAPPED: i16 = 0x1 | 0x4;

/// The pieces of a chain from a place in its first MDL on: addresses and lengths, `most` bytes altogether.
///
/// # Safety
/// `first` is NULL or a chain of mapped MDLs.
pub(super) unsafe fn pieces(first: *mut MDL, mut skip: usize, mut most: usize) -> Vec<(*mut u8, usize)> {
    let mut found = Vec::new();
    // SAFETY: the caller's chain.
    for mdl in unsafe { mdls_of(first) } {
        // SAFETY: as above.
        let mdl = unsafe { &*mdl };
        let bytes = mdl.ByteCount as usize;
        let address = if mdl.MdlFlags & MAPPED == 0 {
            mdl.StartVa.wrapping_byte_add(mdl.ByteOffset as usize)
        } else {
            mdl.MappedSystemVa
        };
        let from = skip.min(bytes);
        let length = (bytes - from).min(most);
        if length > 0 {
            found.push((address.cast::<u8>().wrapping_add(from), length));
        }
        skip -= from;
        most -= length;
    }
    found
}

/// `NdisGetDataBuffer`: where the first bytes lie, or `storage` with a copy of them if they are in several pieces or not aligned as
/// wanted; NULL if the buffer has less, or there is no storage. Fault point under its name.
///
/// # Safety
/// The buffer is complete; `storage` is NULL or has room for the bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisGetDataBuffer(
    buffer: *mut NET_BUFFER,
    needed: u32,
    storage: *mut c_void,
    multiple: u32,
    offset: u32,
) -> *mut c_void {
    let ddi = "NdisGetDataBuffer";
    kernel::enter(ddi, Level::Dispatch);
    if !multiple.is_power_of_two() || offset >= multiple {
        sim::fail(
            PACKET,
            format!("{ddi}: alignment {multiple} with offset {offset}"),
        );
    }
    // SAFETY: the caller's buffer.
    let now = unsafe { *buffer };
    let needed = needed as usize;
    if now.stDataLength < needed || faults::fire("NdisGetDataBuffer") {
        return ptr::null_mut();
    }
    // SAFETY: the chain of the buffer.
    let pieces = unsafe { pieces(now.CurrentMdl, now.CurrentMdlOffset as usize, needed) };
    if let [(address, length)] = pieces[..]
        && length == needed
        && address as usize % multiple as usize == offset as usize
    {
        return address.cast();
    }
    let mut place = storage.cast::<u8>();
    if place.is_null() {
        return ptr::null_mut();
    }
    for (address, length) in pieces {
        // SAFETY: a piece of the chain; the storage has room for all.
        unsafe { ptr::copy_nonoverlapping(address, place, length) };
        place = place.wrapping_add(length);
    }
    storage
}

/// `NdisCopyFromNetBufferToNetBuffer`: from the data of one into the space behind the data start of another, as far as both reach.
///
/// # Safety
/// The buffers are complete, and share no memory; `copied` is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCopyFromNetBufferToNetBuffer(
    destination: *mut NET_BUFFER,
    destination_offset: u32,
    wanted: u32,
    source: *mut NET_BUFFER,
    source_offset: u32,
    copied: *mut u32,
) -> NDIS_STATUS {
    kernel::enter("NdisCopyFromNetBufferToNetBuffer", Level::Dispatch);
    // SAFETY: the caller's buffers.
    let (to, from) = unsafe { (*destination, *source) };
    let available = from.stDataLength.saturating_sub(source_offset as usize);
    let most = available.min(wanted as usize);
    let start = (from.CurrentMdlOffset + source_offset) as usize;
    // SAFETY: the chain of the source.
    let sources = unsafe { pieces(from.CurrentMdl, start, most) };
    let start = (to.CurrentMdlOffset + destination_offset) as usize;
    // SAFETY: the chain of the destination.
    let places = unsafe { pieces(to.CurrentMdl, start, most) };
    let bytes: Vec<u8> = sources
        .iter()
        // SAFETY: pieces of the chain.
        .flat_map(|(address, length)| unsafe { std::slice::from_raw_parts(*address, *length) })
        .copied()
        .collect();
    let mut done = 0;
    for (address, length) in places {
        let length = length.min(bytes.len() - done);
        // SAFETY: a piece of the destination, which has room for so many.
        unsafe { ptr::copy_nonoverlapping(bytes[done..].as_ptr(), address, length) };
        done += length;
    }
    // SAFETY: the caller's place.
    unsafe { copied.write(done as u32) };
    NDIS_STATUS_SUCCESS
}
