//! Work requests and what becomes of them.

use super::super::{
    mkey::Access,
    types::{Key, Pdn},
};

/// A piece of local memory of a work request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sge {
    /// Virtual address in the key's space; for the key of [`crate::hw::Pd::local_key`] a bus address.
    pub address: u64,
    /// Bytes; pieces of 0 bytes are left out.
    pub length: u32,
    /// Memory key.
    pub key: Key,
}

bitflags::bitflags! {
    /// How a work request is to be carried out. The bits are those that consumers use for the same.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PostFlags: u32 {
        /// Success leaves no completion.
        const SILENT = 1;
        /// Wait for earlier reads of this queue.
        const FENCE = 2;
        /// The receiver's completion raises its solicited event.
        const SOLICITED = 4;
    }
}

/// What a work request is, as its completion tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the operations")]
pub enum WqeKind {
    Send,
    Write,
    Read,
    FastRegister,
    Invalidate,
    Nop,
}

/// Why a work request was not accepted. Nothing was posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PostError {
    /// The queue is full.
    Full,
    /// More pieces than the queue was made for.
    TooManySges,
    /// More inline data than the queue was made for.
    TooMuchInline,
    /// More bytes than a message holds.
    TooLong,
    /// More pages than the queue's page lists hold.
    TooManyPages,
    /// A page does not begin where pages do.
    UnalignedPage,
}

/// A request of the queue that is done, or is taken off it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// What the caller gave when it posted the request.
    pub context: u64,
    /// What the request was.
    pub kind: WqeKind,
    /// It was posted with [`PostFlags::SILENT`].
    pub silent: bool,
}

/// A fast registration: a key in the free state gets a range of memory by its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastRegister {
    /// Key to register; index and variant.
    pub key: Key,
    /// Protection domain of key and queue.
    pub pd: Pdn,
    /// Rights.
    pub access: Access,
    /// Address of the first byte in the key's space; its low 12 bits are the offset in the first page.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// What the device needs to hear of a request, and of all before it: for [`super::SendQueue::ring_for`].
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    /// Counter of the next request.
    pub(super) next: u16,
    /// First word of the control segment.
    pub(super) control: u64,
}
