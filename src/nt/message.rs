//! [`Message`]: a `NET_BUFFER_LIST` over nonpaged memory of our own, to be sent as a protocol driver sends.

use core::{ffi::c_void, ptr::NonNull, ptr::null_mut};

use wdk_sys::_MDL as MDL;

use super::{NoMemory, Ref, Vec, packet::PacketPool, pool};
use crate::sys::{
    condis,
    ndis::{NET_BUFFER, NET_BUFFER_LIST},
};

/// A message of our own, used again and again. While it is on its way nobody here touches it: whoever sends it takes care of that.
#[derive(Debug)]
pub struct Message {
    list: NonNull<NET_BUFFER_LIST>,
    mdl: NonNull<MDL>,
    memory: Vec<u8>,
    _pool: Ref<PacketPool>,
}

// SAFETY: whoever has the message is its only user.
unsafe impl Send for Message {}
// SAFETY: written only through `&mut`.
unsafe impl Sync for Message {}

impl Message {
    /// A message of `length` bytes, all zero; `length` is not 0. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(packets: &Ref<PacketPool>, length: u32) -> Result<Self, NoMemory> {
        let mut memory = pool::try_vec(length as usize, |_| 0_u8)?;
        let address = memory.as_mut_ptr().cast::<c_void>();
        // SAFETY: a live handle, nonpaged memory that stays with the message.
        let mdl = unsafe { condis::NdisAllocateMdl(packets.ndis().as_raw(), address, length) };
        let mdl = NonNull::new(mdl).ok_or(NoMemory)?;
        // SAFETY: a live pool of lists with buffers, a complete MDL.
        let list = unsafe {
            condis::NdisAllocateNetBufferAndNetBufferList(
                packets.as_raw(),
                0,
                0,
                mdl.as_ptr(),
                0,
                length as usize,
            )
        };
        let Some(list) = NonNull::new(list) else {
            // SAFETY: just allocated.
            unsafe { condis::NdisFreeMdl(mdl.as_ptr()) };
            return Err(NoMemory);
        };
        Ok(Self {
            list,
            mdl,
            memory,
            _pool: packets.clone(),
        })
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// The list, whole again, from `source` and with `mark` to know it by when it comes back.
    pub fn prepare(&mut self, source: *mut c_void, mark: usize) -> *mut NET_BUFFER_LIST {
        // SAFETY: ours: it is not on its way.
        let list = unsafe { self.list.as_mut() };
        list.Next = null_mut();
        list.SourceHandle = source;
        list.Status = 0;
        list.Flags = 0;
        if let Some(word) = list.ProtocolReserved.first_mut() {
            *word = core::ptr::without_provenance_mut(mark);
        }
        // SAFETY: the list's own buffer, ours with it.
        if let Some(buffer) = unsafe { list.FirstNetBuffer.as_mut() } {
            describe(buffer, self.mdl, self.memory.len());
        }
        self.list.as_ptr()
    }
}

fn describe(buffer: &mut NET_BUFFER, mdl: NonNull<MDL>, length: usize) {
    buffer.Next = null_mut();
    buffer.MdlChain = mdl.as_ptr();
    buffer.CurrentMdl = mdl.as_ptr();
    buffer.CurrentMdlOffset = 0;
    buffer.DataOffset = 0;
    buffer.stDataLength = length;
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: allocated by `try_new`, not on its way any more.
        unsafe { condis::NdisFreeNetBufferList(self.list.as_ptr()) }
        // SAFETY: as above.
        unsafe { condis::NdisFreeMdl(self.mdl.as_ptr()) }
    }
}

/// Takes the first of a chain of messages that came back: its mark, its status in NDIS's encoding, and the rest of the chain.
///
/// # Safety
/// `chain` leads to messages of [`Message::prepare`] that are given back, each of which is looked at once.
pub unsafe fn next_back(chain: *mut NET_BUFFER_LIST) -> Option<(usize, i32, *mut NET_BUFFER_LIST)> {
    // SAFETY: the caller's promise.
    let list = unsafe { chain.as_ref() }?;
    let mark = list.ProtocolReserved.first().map_or(0, |word| word.addr());
    Some((mark, list.Status, list.Next))
}
