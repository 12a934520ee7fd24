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
    hw::{Key, PostError, PostFlags, Posted, SendQueue, Sge},
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

/// Local memory of a request: where it is, or what is in it.
pub trait Pieces: Copy {
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
    #[inline(always)]
    pub fn send(&self, context: u64, pieces: &impl Pieces, flags: u32, invalidate: Option<Key>) -> Status {
        let queue = match self.admit(flags, SEND) {
            Ok(queue) => queue,
            Err(status) => return status,
        };
        if flags & NDK_OP_FLAG_INLINE != 0 {
            let (invalidates, key) = invalidate.map_or((false, 0), |key| (true, key.0));
            return Status(send_inline(queue, context, *pieces, flags, invalidates, key));
        }
        let posted = self
            .limited(pieces)
            .and_then(|sges| queue.send(context, post_flags(flags), invalidate, sges));
        settle(queue, flags, posted)
    }

    /// `NdkWrite`.
    #[inline(always)]
    pub fn write(&self, context: u64, pieces: &impl Pieces, remote: Remote, flags: u32) -> Status {
        let queue = match self.admit(flags, WRITE) {
            Ok(queue) => queue,
            Err(status) => return status,
        };
        let Remote { address, key } = remote;
        if flags & NDK_OP_FLAG_INLINE != 0 {
            return Status(write_inline(queue, context, *pieces, flags, address, key.0));
        }
        let posted = self
            .limited(pieces)
            .and_then(|sges| queue.write(context, post_flags(flags), address, key, sges));
        settle(queue, flags, posted)
    }

    /// `NdkRead`. A local invalidation that the adapter does not advertise is left out (QP-28). Fails with `REMOTE_RESOURCES` when
    /// the effective outbound limit is 0 (QP-50).
    #[inline(always)]
    pub fn read(&self, context: u64, pieces: &impl Pieces, remote: Remote, flags: u32) -> Status {
        let queue = match self.admit(flags, READ) {
            Ok(queue) => queue,
            Err(status) => return status,
        };
        let sges = pieces.sges();
        if sges.len() as u32 >= self.read_bound.load(Ordering::Relaxed) {
            return Status(read_long(
                self,
                queue,
                context,
                *pieces,
                flags,
                remote.address,
                remote.key.0,
            ));
        }
        settle(
            queue,
            flags,
            queue.read(context, post_flags(flags), remote.address, remote.key, sges),
        )
    }

    /// `NdkFastRegister`: `range` gets the region's token, from this request on in queue order (MR-30).
    #[inline(always)]
    pub fn fast_register(
        &self,
        context: u64,
        mr: &Mr,
        range: &FastRange,
        pages: impl ExactSizeIterator<Item = u64>,
        flags: u32,
    ) -> Status {
        let queue = match self.admit(flags, FAST_REGISTER) {
            Ok(queue) => queue,
            Err(status) => return status,
        };
        match mr.fast_region(range, pages.len(), flags) {
            Ok(region) => settle(
                queue,
                flags,
                queue.fast_register(context, post_flags(flags), &region, pages),
            ),
            Err(status) => refuse(queue, status),
        }
    }

    /// `NdkInvalidate` of a fast-registered region (MR-32).
    #[inline(always)]
    pub fn invalidate(&self, context: u64, mr: &Mr, flags: u32) -> Status {
        let queue = match self.admit(flags, COMMON) {
            Ok(queue) => queue,
            Err(status) => return status,
        };
        match mr.fast_key() {
            Some(key) => settle(queue, flags, queue.invalidate(context, post_flags(flags), key)),
            None => refuse(queue, Status::INVALID_DEVICE_REQUEST),
        }
    }

    /// A request that always fails inline with `status`, after its flags were looked at.
    pub fn refuse_bind(&self, flags: u32, status: Status) -> Status {
        match self.admit(flags, BIND) {
            Ok(queue) => refuse(queue, status),
            Err(status) => status,
        }
    }

    /// `NdkReceive`: accepted in every state (QP-12, QP-67).
    #[inline(always)]
    pub fn receive(&self, context: u64, pieces: &impl Pieces) -> Status {
        let Some(hw) = self.hw.get() else {
            return Status::INTERNAL_ERROR;
        };
        match hw.receive().post(context, pieces.sges()) {
            Ok(()) => {
                if self.is_dead() {
                    self.received_late();
                }
                Status::SUCCESS
            }
            Err(error) => status::of_post(error),
        }
    }

    /// The pieces of a send or write, no more than the queue pair was made for: the device's queue has room for reads, which
    /// have a limit of their own (QP-16).
    #[inline(always)]
    fn limited<'a>(
        &self,
        pieces: &'a impl Pieces,
    ) -> Result<impl ExactSizeIterator<Item = Sge> + 'a, PostError> {
        let sges = pieces.sges();
        if sges.len() as u32 > self.limits.initiator_sges {
            return Err(PostError::TooManySges);
        }
        Ok(sges)
    }

    /// The send queue, for a request whose flags are good, on a queue pair that is connected.
    #[inline(always)]
    fn admit(&self, flags: u32, allowed: u32) -> Result<&SendQueue, Status> {
        let Some(hw) = self.hw.get() else {
            return Err(Status::INTERNAL_ERROR);
        };
        let queue = hw.send();
        if flags & !allowed != 0 {
            return Err(refuse(queue, Status::INVALID_PARAMETER));
        }
        if self.state.load(Ordering::Relaxed) != CONNECTED {
            return Err(refuse(queue, Status::CONNECTION_INVALID));
        }
        Ok(queue)
    }
}

/// The end of every request: one that is not deferred indicates all before it (QP-31), and so does one that fails (QP-32).
#[inline(always)]
fn settle(queue: &SendQueue, flags: u32, posted: Result<Posted, PostError>) -> Status {
    match posted {
        Ok(posted) => {
            if flags & NDK_OP_FLAG_DEFER == 0 {
                queue.ring_for(posted);
            }
            Status::SUCCESS
        }
        Err(error) => refuse(queue, status::of_post(error)),
    }
}

/// A request fails inline; what was deferred before it is indicated (QP-32).
#[inline(always)]
fn refuse(queue: &SendQueue, status: Status) -> Status {
    Status(refuse_slowly(queue, status.0))
}

// The rare ways are functions of their own in the consumer's calling convention, so that the frequent ones keep no registers for them.

#[cold]
#[inline(never)]
extern "win64" fn refuse_slowly(queue: &SendQueue, status: i32) -> i32 {
    queue.ring();
    status
}

/// A send whose data is captured now (QP-24).
#[inline(never)]
extern "win64" fn send_inline<P: Pieces>(
    queue: &SendQueue,
    context: u64,
    pieces: P,
    flags: u32,
    invalidates: bool,
    key: u32,
) -> i32 {
    let invalidate = invalidates.then_some(Key(key));
    let posted = total(&pieces)
        .and_then(|total| queue.send_inline(context, post_flags(flags), invalidate, total, pieces.bytes()));
    settle(queue, flags, posted).0
}

/// A write whose data is captured now (QP-24).
#[inline(never)]
extern "win64" fn write_inline<P: Pieces>(
    queue: &SendQueue,
    context: u64,
    pieces: P,
    flags: u32,
    address: u64,
    key: u32,
) -> i32 {
    let remote = (address, Key(key));
    let posted = total(&pieces)
        .and_then(|total| queue.write_inline(context, post_flags(flags), remote, total, pieces.bytes()));
    settle(queue, flags, posted).0
}

/// A read of more pieces than one element of the device's queue takes, or on a connection without reads: the peer has no resources for
/// them (QP-16, QP-50).
#[cold]
#[inline(never)]
extern "win64" fn read_long<P: Pieces>(
    qp: &Qp,
    queue: &SendQueue,
    context: u64,
    pieces: P,
    flags: u32,
    address: u64,
    key: u32,
) -> i32 {
    if qp.read_bound.load(Ordering::Relaxed) == 0 {
        return refuse(queue, Status::REMOTE_RESOURCES).0;
    }
    let sges = pieces.sges();
    let posted = if sges.len() as u32 > qp.max_read_sges() {
        Err(PostError::TooManySges)
    } else {
        queue.read_in_two(
            context,
            post_flags(flags),
            (address, Key(key)),
            pieces.total(),
            sges,
        )
    };
    settle(queue, flags, posted).0
}

/// Bytes of a request.
fn total(pieces: &impl Pieces) -> Result<u32, PostError> {
    u32::try_from(pieces.total()).map_err(|_| PostError::TooLong)
}

/// The device's flags for a consumer's, which have the same bits.
#[inline(always)]
const fn post_flags(flags: u32) -> PostFlags {
    const {
        assert!(PostFlags::SILENT.bits() == NDK_OP_FLAG_SILENT_SUCCESS);
        assert!(PostFlags::FENCE.bits() == NDK_OP_FLAG_READ_FENCE);
        assert!(PostFlags::SOLICITED.bits() == NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT);
    }
    PostFlags::from_bits_truncate(flags)
}
