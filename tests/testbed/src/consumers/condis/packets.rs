//! Packets that a client sends, and what is in those that it gets.

use std::ffi::c_void;
use std::ptr::null_mut;

use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};

use crate::nt::{mdl_for, mdl_free};

/// `NetBufferListCancelId`: where a packet's cancel id lies.
const CANCEL_ID: usize = 5;

/// A packet that a client sent, with all that belongs to it.
pub(super) struct Sent {
    list: Box<NET_BUFFER_LIST>,
    buffers: Vec<NET_BUFFER>,
    // Described by the MDLs.
    _data: Vec<Vec<u8>>,
}

impl Sent {
    /// A packet with a buffer a message, each in one MDL and a few more, as its first byte says; the first MDL begins with bytes that
    /// are not part of the message.
    pub(super) fn new(messages: &[Vec<u8>], vc: NDIS_HANDLE, id: *mut c_void) -> Self {
        // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
        let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        let (mut buffers, mut data) = (Vec::new(), Vec::new());
        for message in messages {
            let mut pieces = cut(message);
            // SAFETY: all fields of a NET_BUFFER may be zero.
            let mut buffer: NET_BUFFER = unsafe { std::mem::zeroed() };
            let mut mdl = null_mut();
            for piece in pieces.iter_mut().rev() {
                let first = mdl_for(piece);
                // SAFETY: just made.
                unsafe { (*first).Next = mdl };
                mdl = first;
            }
            buffer.MdlChain = mdl;
            buffer.CurrentMdl = mdl;
            buffer.CurrentMdlOffset = 5;
            buffer.DataOffset = 5;
            buffer.stDataLength = message.len();
            data.extend(pieces);
            buffers.push(buffer);
        }
        let mut next = null_mut();
        for buffer in buffers.iter_mut().rev() {
            buffer.Next = next;
            next = &raw mut *buffer;
        }
        list.FirstNetBuffer = next;
        list.SourceHandle = vc;
        list.NetBufferListInfo[CANCEL_ID] = id;
        Self {
            list,
            buffers,
            _data: data,
        }
    }

    pub(super) fn list(&self) -> *mut NET_BUFFER_LIST {
        (&raw const *self.list).cast_mut()
    }
}

/// The memory of a message: 5 bytes before it, and as many pieces as its first byte says (modulo 48) and its length allows.
fn cut(message: &[u8]) -> Vec<Vec<u8>> {
    let pieces = usize::from(message.first().copied().unwrap_or(0)) % 48 + 1;
    let mut cut: Vec<Vec<u8>> = message
        .chunks(message.len().div_ceil(pieces).max(1))
        .map(<[u8]>::to_vec)
        .collect();
    if cut.is_empty() {
        cut.push(Vec::new());
    }
    cut[0].splice(0..0, [0xee; 5]);
    cut
}

impl Drop for Sent {
    fn drop(&mut self) {
        for buffer in &self.buffers {
            let mut mdl = buffer.MdlChain;
            while !mdl.is_null() {
                // SAFETY: made in `new`, freed once.
                let next = unsafe { (*mdl).Next };
                mdl_free(mdl);
                mdl = next;
            }
        }
    }
}

/// The bytes of a packet that came, of its first buffer.
///
/// # Safety
/// The packet is complete, and its MDLs are mapped.
pub(super) unsafe fn contents(list: *mut NET_BUFFER_LIST) -> Vec<u8> {
    // SAFETY: the caller's promise.
    let buffer = unsafe { &*(*list).FirstNetBuffer };
    let (mut mdl, mut offset) = (buffer.CurrentMdl, buffer.CurrentMdlOffset as usize);
    let mut bytes = Vec::with_capacity(buffer.stDataLength);
    while bytes.len() < buffer.stDataLength {
        // SAFETY: the chain has as many bytes as the buffer says.
        let piece = unsafe { &*mdl };
        let length = (piece.ByteCount as usize - offset).min(buffer.stDataLength - bytes.len());
        let from = piece.MappedSystemVa.cast::<u8>().wrapping_add(offset);
        // SAFETY: the MDL describes them.
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(from, length) });
        (mdl, offset) = (piece.Next, 0);
    }
    bytes
}
