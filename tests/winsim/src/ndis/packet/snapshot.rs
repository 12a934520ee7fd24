//! What a packet holds at a moment, to be compared with what it holds when it comes back.

use std::ptr;

use cxndk::sys::ndis::{NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::{buffers_of, data};

/// One buffer.
#[derive(PartialEq, Eq)]
struct Seen {
    place: *const NET_BUFFER,
    chain: *mut MDL,
    current: *mut MDL,
    offset: u32,
    data: Vec<u8>,
}

/// The buffers of a packet, and their data.
#[derive(PartialEq, Eq)]
pub(in crate::ndis) struct Snapshot(Vec<Seen>);

impl Snapshot {
    /// Of a packet as it is now.
    ///
    /// # Safety
    /// The packet is complete.
    pub(in crate::ndis) unsafe fn of(list: *mut NET_BUFFER_LIST) -> Self {
        // SAFETY: the caller's packet.
        let buffers = unsafe { buffers_of(list) };
        let seen = buffers.into_iter().map(|place| {
            // SAFETY: a buffer of the packet.
            let buffer = unsafe { &*place };
            Seen {
                place: ptr::from_ref(buffer),
                chain: buffer.MdlChain,
                current: buffer.CurrentMdl,
                offset: buffer.CurrentMdlOffset,
                // SAFETY: as above.
                data: unsafe { bytes_of(buffer) },
            }
        });
        Self(seen.collect())
    }

    /// The addresses of its buffers.
    pub(in crate::ndis) fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|seen| seen.place as usize)
    }
}

/// The data of a buffer.
///
/// # Safety
/// The buffer is complete.
unsafe fn bytes_of(buffer: &NET_BUFFER) -> Vec<u8> {
    let skip = buffer.CurrentMdlOffset as usize;
    // SAFETY: the chain of the buffer.
    let pieces = unsafe { data::pieces(buffer.CurrentMdl, skip, buffer.stDataLength) };
    let slices = pieces
        .iter()
        // SAFETY: a piece of the chain.
        .map(|(address, length)| unsafe { std::slice::from_raw_parts(*address, *length) });
    slices.flatten().copied().collect()
}
