//! Packets that a client sends, and what is in those that it gets.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;

use cxndk::sys::condis::{
    NET_BUFFER_LIST_POOL_PARAMETERS, NET_BUFFER_POOL_PARAMETERS, NdisAllocateNetBuffer,
    NdisAllocateNetBufferAndNetBufferList, NdisAllocateNetBufferListPool, NdisAllocateNetBufferPool,
    NdisFreeNetBuffer, NdisFreeNetBufferList, NdisFreeNetBufferListPool, NdisFreeNetBufferPool,
};
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::protocol::header;
use crate::nt::{HostMemory, mdl_for, mdl_for_locked, mdl_free};
use crate::sim::{self, Stream};

/// `NetBufferListCancelId`: where a packet's cancel id lies.
const CANCEL_ID: usize = 5;
/// Bytes in a buffer's first MDL that are not part of its message.
const BEFORE: u32 = 5;

/// Tag of the pools: `Sent`.
const TAG: u32 = u32::from_le_bytes(*b"Sent");

/// The pools of a binding.
#[derive(Default)]
pub(super) struct Pools {
    /// Of lists with a buffer each.
    lists: Cell<usize>,
    /// Of the other buffers.
    buffers: Cell<usize>,
}

impl Pools {
    /// `NdisAllocateNetBufferListPool` and `NdisAllocateNetBufferPool`.
    pub(super) fn allocate(&self, binding: NDIS_HANDLE) {
        let kind = NDIS_OBJECT_TYPE_DEFAULT;
        let mut lists = NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: header(kind, 1, size_of::<NET_BUFFER_LIST_POOL_PARAMETERS>()),
            ProtocolId: 0,
            fAllocateNetBuffer: 1,
            ContextSize: 0,
            PoolTag: TAG,
            DataSize: 0,
        };
        let mut buffers = NET_BUFFER_POOL_PARAMETERS {
            Header: header(kind, 1, size_of::<NET_BUFFER_POOL_PARAMETERS>()),
            PoolTag: TAG,
            DataSize: 0,
        };
        // SAFETY: the handle is that of the binding, the parameters are complete.
        let lists = unsafe { NdisAllocateNetBufferListPool(binding, &raw mut lists) };
        // SAFETY: as above.
        let buffers = unsafe { NdisAllocateNetBufferPool(binding, &raw mut buffers) };
        self.lists.set(lists as usize);
        self.buffers.set(buffers as usize);
    }

    /// Every packet is back.
    pub(super) fn free(&self) {
        // SAFETY: allocated above, freed once.
        unsafe { NdisFreeNetBufferListPool(self.lists.replace(0) as NDIS_HANDLE) };
        // SAFETY: as above.
        unsafe { NdisFreeNetBufferPool(self.buffers.replace(0) as NDIS_HANDLE) };
    }
}

/// A packet that a client sent, with all that belongs to it.
pub(super) struct Sent {
    list: *mut NET_BUFFER_LIST,
    /// The buffers, of which the first came with the list.
    buffers: Vec<*mut NET_BUFFER>,
    // Described by the MDLs.
    _data: Vec<HostMemory>,
}

impl Sent {
    /// A packet with a buffer a message, each in one MDL and a few more, as its first byte says; the first MDL begins with bytes that
    /// are not part of the message. Without a message it has an empty buffer.
    pub(super) fn new(pools: &Pools, messages: &[Vec<u8>], vc: NDIS_HANDLE, id: *mut c_void) -> Self {
        let mut data = Vec::new();
        let mut chains = messages.iter().map(|message| {
            let (mdl, memory) = describe(message);
            data.push(memory);
            (mdl, message.len())
        });
        let (pool, first) = (pools.lists.get() as NDIS_HANDLE, chains.next());
        let (mdl, length) = first.unwrap_or((null_mut(), 0));
        let offset = if mdl.is_null() { 0 } else { BEFORE };
        // SAFETY: a pool of the binding, a chain with so many bytes.
        let list = unsafe { NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, offset, length) };
        assert!(!list.is_null(), "there is memory for a packet");
        // SAFETY: just allocated.
        let raw = unsafe { &mut *list };
        let mut buffers = vec![raw.FirstNetBuffer];
        for (mdl, length) in chains {
            let pool = pools.buffers.get() as NDIS_HANDLE;
            // SAFETY: a pool of the binding, a chain with so many bytes.
            let next = unsafe { NdisAllocateNetBuffer(pool, mdl, BEFORE, length) };
            assert!(!next.is_null(), "there is memory for a buffer");
            // SAFETY: the last buffer of the list.
            unsafe { (**buffers.last().expect("there is one")).Next = next };
            buffers.push(next);
        }
        raw.SourceHandle = vc;
        raw.NetBufferListInfo[CANCEL_ID] = id;
        Self {
            list,
            buffers,
            _data: data,
        }
    }

    pub(super) const fn list(&self) -> *mut NET_BUFFER_LIST {
        self.list
    }

    /// The packet is back.
    pub(super) fn free(self) {
        for (at, buffer) in self.buffers.iter().enumerate() {
            // SAFETY: a buffer of ours.
            let mut mdl = unsafe { (**buffer).MdlChain };
            if at > 0 {
                // SAFETY: as above; the list is freed below and does not use it.
                unsafe { NdisFreeNetBuffer(*buffer) };
            }
            while !mdl.is_null() {
                // SAFETY: made in `describe`, freed once.
                let next = unsafe { (*mdl).Next };
                mdl_free(mdl);
                mdl = next;
            }
        }
        // SAFETY: a list of ours that is back.
        unsafe { NdisFreeNetBufferList(self.list) };
    }
}

/// A message in memory of its own, and the chain of MDLs that describes it: as many pieces as its first byte says (modulo 48)
/// and its length allows. Before each piece lie [`BEFORE`] bytes that are not part of it; the first MDL includes them.
fn describe(message: &[u8]) -> (*mut MDL, HostMemory) {
    let pieces = usize::from(message.first().copied().unwrap_or(0)) % 48 + 1;
    let mut chunks: Vec<_> = message.chunks(message.len().div_ceil(pieces).max(1)).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let before = BEFORE as usize;
    let mut memory = HostMemory::at(offset_in_page(), message.len() + chunks.len() * before);
    memory.fill(0xee);
    let (mut rest, mut chain) = (&mut memory[..], null_mut());
    for (at, chunk) in chunks.into_iter().enumerate().rev() {
        let start = rest.len() - chunk.len() - before;
        let (front, piece) = std::mem::take(&mut rest).split_at_mut(start);
        rest = front;
        piece[before..].copy_from_slice(chunk);
        // Memory of the system and of programs take turns.
        let mdl = match at {
            0 => mdl_for(piece),
            _ if at % 2 == 0 => mdl_for(&mut piece[before..]),
            _ => mdl_for_locked(&mut piece[before..]),
        };
        // SAFETY: just made.
        unsafe { (*mdl).Next = chain };
        chain = mdl;
    }
    (chain, memory)
}

/// Where a message begins in a page, in steps of the alignment that pool gives.
fn offset_in_page() -> usize {
    sim::choose(Stream::Consumer, 256) as usize * 16
}

/// The bytes of a packet that came, of its first buffer.
///
/// # Safety
/// The packet is complete, and its MDLs are mapped.
pub(super) unsafe fn contents(list: *mut NET_BUFFER_LIST) -> Vec<u8> {
    // SAFETY: the caller's promise.
    let first = unsafe { (*list).FirstNetBuffer };
    // SAFETY: as above.
    let buffer = unsafe { &*first };
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
