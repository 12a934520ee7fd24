//! [`Message`]: a `NET_BUFFER_LIST` over nonpaged memory of our own, to be sent as a protocol driver sends.

use core::ffi::c_void;

use super::{
    NoMemory, Ref, Vec,
    packet::{OwnList, PacketPool},
    pool,
};
use crate::sys::ndis::NET_BUFFER_LIST;

/// A message of our own, used again and again. Nobody here touches it while it is on its way: its sender sees to that.
#[derive(Debug)]
pub struct Message {
    // Before the memory that it describes.
    list: OwnList,
    memory: Vec<u8>,
}

impl Message {
    /// A message of `length` bytes, all zero; `length` is not 0. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(packets: &Ref<PacketPool>, length: u32) -> Result<Self, NoMemory> {
        let mut memory = pool::try_vec(length as usize, |_| 0_u8)?;
        // SAFETY: nonpaged memory that stays with the message.
        let list = unsafe { OwnList::try_new(packets, memory.as_mut_ptr().cast(), length) }?;
        Ok(Self { list, memory })
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// The list, whole again, from `source` and with `mark` to know it by when it comes back.
    pub fn prepare(&mut self, source: *mut c_void, mark: usize) -> *mut NET_BUFFER_LIST {
        let fill = |list: &mut NET_BUFFER_LIST| {
            list.SourceHandle = source;
            if let Some(word) = list.ProtocolReserved.first_mut() {
                *word = core::ptr::without_provenance_mut(mark);
            }
        };
        let whole = (0, self.memory.len() as u32);
        // SAFETY: ours: it is not on its way.
        unsafe { self.list.prepare(whole, fill) }.as_ptr()
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
