//! Packets that a client sends.

use std::ptr::null_mut;

use cxndk::sys::ndis::{NET_BUFFER, NET_BUFFER_LIST};

use super::CoHandle;
use crate::ndis::kernel;

/// A packet that a client sent, with all that belongs to it.
pub(in crate::ndis) struct Sent {
    list: Box<NET_BUFFER_LIST>,
    buffers: Vec<NET_BUFFER>,
    // Described by the MDLs.
    _data: Vec<Vec<u8>>,
}

impl Sent {
    /// A packet with a buffer a message, each in one MDL and a few more, as its first byte says; the first MDL begins with bytes that
    /// are not part of the message.
    pub(super) fn new(messages: &[Vec<u8>], vc: CoHandle) -> Self {
        // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
        let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        let (mut buffers, mut data) = (Vec::new(), Vec::new());
        for message in messages {
            let mut pieces = cut(message);
            // SAFETY: all fields of a NET_BUFFER may be zero.
            let mut buffer: NET_BUFFER = unsafe { std::mem::zeroed() };
            let mut mdl = null_mut();
            for piece in pieces.iter_mut().rev() {
                let first = kernel::mdl_for(piece);
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
        list.SourceHandle = vc.raw();
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
                kernel::mdl_free(mdl);
                mdl = next;
            }
        }
    }
}
