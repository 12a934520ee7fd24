//! Posting: the way of every request from the consumer's call to the device's queue.
//!
//! | function | SILENT | FENCE | SOLICIT | INLINE | `LOCAL_INV` | REMOTE, LOCAL WRITE | `READ_SINK` | DEFER |
//! |---|---|---|---|---|---|---|---|---|
//! | Send, `SendAndInvalidate` | yes | yes | yes | yes | - | - | - | yes |
//! | Write | yes | yes | - | yes | - | - | - | yes |
//! | Read | yes | yes | - | - | ignored (QP-28) | - | - | yes |
//! | `FastRegister` | yes | yes | - | - | - | yes | yes | yes |
//! | Invalidate | yes | yes | - | - | - | - | - | yes |
//!
//! Other bits fail inline (QP-27). No lock: the consumer serialises posts to one queue (QP-01, QP-02), and what may run
//! beside them (completions, flush) only reads. No allocation, no wait; the doorbell rings unless the request is deferred.

use super::{
    mr::{FastRange, Mr},
    qp::{CONNECTED, Qp},
    status,
};
use crate::{
    hw::{Key, PostError, PostFlags, SendQueue, Sge},
    nt::{Status, sync::Ordering},
    sys::ndkpi::{
        NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
        NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE,
        NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT,
        NDK_OP_FLAG_SILENT_SUCCESS,
    },
};

/// Flags that every initiator request may carry.
const COMMON: u32 = NDK_OP_FLAG_SILENT_SUCCESS | NDK_OP_FLAG_READ_FENCE | NDK_OP_FLAG_DEFER;
/// Flags of sends.
const SEND: u32 = COMMON | NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT | NDK_OP_FLAG_INLINE;
/// Flags of writes.
const WRITE: u32 = COMMON | NDK_OP_FLAG_INLINE;
/// Flags of reads.
const READ: u32 = COMMON | NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
/// Flags of fast registrations.
const FAST_REGISTER: u32 = COMMON
    | NDK_OP_FLAG_ALLOW_REMOTE_READ
    | NDK_OP_FLAG_ALLOW_REMOTE_WRITE
    | NDK_OP_FLAG_ALLOW_LOCAL_WRITE
    | NDK_OP_FLAG_RDMA_READ_SINK;
/// Flags of binds.
const BIND: u32 = COMMON | NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;

/// Bytes of one request at most: what the device's messages hold less the sign bit of lengths.
pub const MAX_TRANSFER: u32 = 1 << 30;

/// Local memory of a request: where it is, or what is in it.
pub trait Pieces {
    /// The pieces as the device reaches them.
    fn sges(&self) -> impl ExactSizeIterator<Item = Sge>;

    /// Bytes of all pieces.
    fn total(&self) -> u64;

    /// The bytes themselves; only for requests that carry INLINE, whose buffers can be read now (QP-25).
    fn bytes(&self) -> impl Iterator<Item = &[u8]>;
}

/// Memory of the peer.
#[derive(Clone, Copy, Debug)]
pub struct Remote {
    /// Address in the key's space, in host byte order (QP-19).
    pub address: u64,
    /// The peer's token.
    pub key: Key,
}

impl Qp {
    /// `NdkSend`, and with `invalidate` `NdkSendAndInvalidate` (QP-43).
    #[inline]
    pub fn send(&self, context: u64, pieces: &impl Pieces, flags: u32, invalidate: Option<Key>) -> Status {
        self.post(flags, SEND, |queue, how| {
            let total = total(pieces)?;
            let posted = if flags & NDK_OP_FLAG_INLINE == 0 {
                queue.send(context, how, invalidate, self.limited(pieces)?)
            } else {
                queue.send_inline(context, how, invalidate, total, pieces.bytes())
            };
            posted.map_err(status::of_post)
        })
    }

    /// `NdkWrite`.
    #[inline]
    pub fn write(&self, context: u64, pieces: &impl Pieces, remote: Remote, flags: u32) -> Status {
        self.post(flags, WRITE, |queue, how| {
            let total = total(pieces)?;
            let posted = if flags & NDK_OP_FLAG_INLINE == 0 {
                queue.write(context, how, remote.address, remote.key, self.limited(pieces)?)
            } else {
                queue.write_inline(context, how, (remote.address, remote.key), total, pieces.bytes())
            };
            posted.map_err(status::of_post)
        })
    }

    /// `NdkRead`. A local invalidation that the adapter does not advertise is left out (QP-28).
    #[inline]
    pub fn read(&self, context: u64, pieces: &impl Pieces, remote: Remote, flags: u32) -> Status {
        self.post(flags, READ, |queue, how| {
            total(pieces)?;
            let sges = pieces.sges();
            if sges.len() as u32 > self.max_read_sges {
                return Err(status::of_post(PostError::TooManySges));
            }
            queue
                .read(context, how, remote.address, remote.key, sges)
                .map_err(status::of_post)
        })
    }

    /// `NdkFastRegister`: `range` gets the region's token, from this request on in queue order (MR-30).
    #[inline]
    pub fn fast_register(
        &self,
        context: u64,
        mr: &Mr,
        range: &FastRange,
        pages: impl ExactSizeIterator<Item = u64>,
        flags: u32,
    ) -> Status {
        self.post(flags, FAST_REGISTER, |queue, how| {
            let region = mr.fast_region(range, pages.len(), flags)?;
            queue
                .fast_register(context, how, &region, pages)
                .map_err(status::of_post)
        })
    }

    /// `NdkInvalidate` of a fast-registered region (MR-32).
    #[inline]
    pub fn invalidate(&self, context: u64, mr: &Mr, flags: u32) -> Status {
        self.post(flags, COMMON, |queue, how| {
            let key = mr.fast_key().ok_or(Status::INVALID_DEVICE_REQUEST)?;
            queue.invalidate(context, how, key).map_err(status::of_post)
        })
    }

    /// A request that always fails inline with `status`, after its flags were looked at.
    pub fn refuse_bind(&self, flags: u32, status: Status) -> Status {
        self.post(flags, BIND, |_, _| Err(status))
    }

    /// `NdkReceive`: accepted in every state (QP-12, QP-67).
    #[inline]
    pub fn receive(&self, context: u64, pieces: &impl Pieces) -> Status {
        let Some(hw) = self.hw.get() else {
            return Status::INTERNAL_ERROR;
        };
        hw.receive()
            .post(context, pieces.sges())
            .map_or_else(status::of_post, |()| Status::SUCCESS)
    }

    /// The pieces of a send or write, no more than the queue pair was made for: the device's queue has room for reads, which
    /// have a limit of their own (QP-16).
    #[inline(always)]
    fn limited<'a>(
        &self,
        pieces: &'a impl Pieces,
    ) -> Result<impl ExactSizeIterator<Item = Sge> + 'a, Status> {
        let sges = pieces.sges();
        if sges.len() as u32 > self.limits.initiator_sges {
            return Err(status::of_post(PostError::TooManySges));
        }
        Ok(sges)
    }

    /// The frame of every initiator request: flags and state, the request itself, the doorbell.
    #[inline(always)]
    fn post(
        &self,
        flags: u32,
        allowed: u32,
        request: impl FnOnce(&SendQueue, PostFlags) -> Result<(), Status>,
    ) -> Status {
        let Some(hw) = self.hw.get() else {
            return Status::INTERNAL_ERROR;
        };
        let queue = hw.send();
        let posted = if flags & !allowed != 0 {
            Err(Status::INVALID_PARAMETER)
        } else if self.state.load(Ordering::Relaxed) == CONNECTED {
            request(queue, how(flags))
        } else {
            Err(Status::CONNECTION_INVALID)
        };
        // One that is not deferred indicates all before it (QP-31), and so does one that fails (QP-32).
        if flags & NDK_OP_FLAG_DEFER == 0 || posted.is_err() {
            queue.ring();
        }
        posted.map_or_else(|status| status, |()| Status::SUCCESS)
    }
}

/// Bytes of a request.
#[inline(always)]
fn total(pieces: &impl Pieces) -> Result<u32, Status> {
    let total = pieces.total();
    if total > u64::from(MAX_TRANSFER) {
        Err(Status::BUFFER_OVERFLOW)
    } else {
        Ok(total as u32)
    }
}

/// The device's flags for a consumer's. Those of one meaning have neighbouring bits.
#[inline(always)]
const fn how(flags: u32) -> PostFlags {
    let silent = if flags & NDK_OP_FLAG_SILENT_SUCCESS == 0 {
        0
    } else {
        PostFlags::SILENT.bits()
    };
    let fence = if flags & NDK_OP_FLAG_READ_FENCE == 0 {
        0
    } else {
        PostFlags::FENCE.bits()
    };
    let solicited = if flags & NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT == 0 {
        0
    } else {
        PostFlags::SOLICITED.bits()
    };
    PostFlags::from_bits_retain(silent | fence | solicited)
}
