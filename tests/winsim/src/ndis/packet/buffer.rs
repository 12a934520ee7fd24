//! Buffers: those of a pool, and those that come with a list.

use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER};
use wdk_standin::_MDL as MDL;

use super::pool::{self, Kind, Pool};
use super::{PACKET, POISON, expect_not_under_way, mdls_of, packets, space};
use crate::ndis::kernel::{self, HostMemory, Level};
use crate::sim::{self, faults};

/// A buffer with what NDIS allocated for it.
pub(super) struct Own {
    pub(super) buffer: *mut NET_BUFFER,
    data: Option<(*mut MDL, HostMemory)>,
}

impl Own {
    /// A buffer of `pool`, with an MDL of so many bytes of data unless that is zero.
    pub(super) fn new(pool: &Pool, data: u32) -> Self {
        // SAFETY: all fields of a NET_BUFFER may be zero.
        let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
        buffer.NdisPoolHandle = pool.handle;
        let data = (data > 0).then(|| {
            let mut bytes = HostMemory::new(data as usize);
            let mdl = kernel::mdl_for(&mut bytes);
            buffer.MdlChain = mdl;
            buffer.CurrentMdl = mdl;
            (mdl, bytes)
        });
        let buffer = Box::into_raw(buffer);
        Self { buffer, data }
    }

    /// Nobody may use it any more.
    pub(super) fn free(self) {
        // SAFETY: made by `new`, freed once.
        let mut memory = unsafe { Box::from_raw(self.buffer) };
        memory.Next = POISON as *mut NET_BUFFER;
        memory.MdlChain = POISON as *mut MDL;
        memory.CurrentMdl = POISON as *mut MDL;
        memory.stDataLength = POISON;
        packets().bury(memory);
        if let Some((mdl, mut bytes)) = self.data {
            kernel::mdl_free(mdl);
            bytes.fill(0xde);
            packets().bury(Box::new(bytes));
        }
    }
}

/// What belongs to a buffer of a pool that is allocated.
pub(super) struct Buffer {
    pool: Rc<Pool>,
    own: Own,
}

/// The chain holds `length` bytes behind the first `offset`; both are zero if there is none.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs.
pub(super) unsafe fn expect_room(ddi: &str, mdl: *mut MDL, offset: u32, length: usize) {
    // SAFETY: the caller's chain.
    let mdls = unsafe { mdls_of(mdl) };
    // SAFETY: as above.
    let room: usize = mdls.iter().map(|mdl| unsafe { (**mdl).ByteCount } as usize).sum();
    if offset as usize + length > room {
        sim::fail(
            PACKET,
            format!("{ddi}: {length} bytes behind {offset} in an MDL chain of {room}"),
        );
    }
}

/// Makes a buffer describe `length` bytes of a chain, behind the first `offset`.
///
/// # Safety
/// The buffer is good; `mdl` is NULL or a chain of MDLs.
pub(super) unsafe fn describe(buffer: *mut NET_BUFFER, mdl: *mut MDL, offset: u32, length: usize) {
    // SAFETY: the caller's buffer.
    let buffer = unsafe { &mut *buffer };
    buffer.MdlChain = mdl;
    buffer.DataOffset = offset;
    buffer.stDataLength = length;
    // SAFETY: the caller's chain.
    let (current, within) = unsafe { position(mdl, offset) };
    buffer.CurrentMdl = current;
    buffer.CurrentMdlOffset = within;
}

/// The MDL of a chain in which the byte at `offset` lies, and where in it. The last MDL also has the place behind its end.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs.
pub(super) unsafe fn position(mdl: *mut MDL, offset: u32) -> (*mut MDL, u32) {
    let (mut current, mut left) = (mdl, offset);
    // SAFETY: the caller's chain.
    while let Some(piece) = unsafe { current.as_ref() }
        && left >= piece.ByteCount
        && !piece.Next.is_null()
    {
        left -= piece.ByteCount;
        current = piece.Next;
    }
    (current, left)
}

/// `NdisAllocateNetBuffer`: NULL if there is no memory. Fault point under its name.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBuffer(
    pool: NDIS_HANDLE,
    mdl: *mut MDL,
    offset: u32,
    length: usize,
) -> *mut NET_BUFFER {
    let ddi = "NdisAllocateNetBuffer";
    kernel::enter(ddi, Level::Dispatch);
    let pool = pool::of_kind(pool, ddi, |kind| kind == Kind::Buffers(0));
    // SAFETY: the caller's chain.
    unsafe { expect_room(ddi, mdl, offset, length) };
    if faults::fire("NdisAllocateNetBuffer") {
        return ptr::null_mut();
    }
    let own = Own::new(&pool, 0);
    // SAFETY: a new buffer; the caller's chain.
    unsafe { describe(own.buffer, mdl, offset, length) };
    keep(pool, own)
}

/// `NdisAllocateNetBufferMdlAndData`: a buffer with the data that its pool says; NULL if there is no memory. Fault point under its
/// name.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferMdlAndData(pool: NDIS_HANDLE) -> *mut NET_BUFFER {
    let ddi = "NdisAllocateNetBufferMdlAndData";
    kernel::enter(ddi, Level::Dispatch);
    let pool = pool::of_kind(pool, ddi, |kind| matches!(kind, Kind::Buffers(1..)));
    if faults::fire("NdisAllocateNetBufferMdlAndData") {
        return ptr::null_mut();
    }
    let Kind::Buffers(data) = pool.kind else {
        return ptr::null_mut();
    };
    let own = Own::new(&pool, data);
    keep(pool, own)
}

fn keep(pool: Rc<Pool>, own: Own) -> *mut NET_BUFFER {
    let buffer = own.buffer;
    pool.give();
    packets()
        .buffers
        .borrow_mut()
        .insert(buffer as usize, Buffer { pool, own });
    buffer
}

/// `NdisFreeNetBuffer`: of a pool of buffers, once, and not in a list that is under way.
///
/// # Safety
/// What a buffer of a pool leads to is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBuffer(buffer: *mut NET_BUFFER) {
    let ddi = "NdisFreeNetBuffer";
    kernel::enter(ddi, Level::Dispatch);
    expect_not_under_way(ddi, buffer as usize);
    let Some(known) = packets().buffers.borrow_mut().remove(&(buffer as usize)) else {
        sim::fail(
            "VRF-19",
            format!("{ddi}: {buffer:p} is no buffer of a pool of buffers (any more)"),
        );
    };
    // SAFETY: made by `Own::new`, and not freed since.
    if unsafe { (*buffer).NdisPoolHandle } != known.pool.handle {
        sim::fail(
            "VRF-19",
            format!("{ddi}: {buffer:p} says that it is of another pool than it is"),
        );
    }
    // SAFETY: as above.
    unsafe { space::expect_none_added(ddi, buffer) };
    known.pool.take();
    known.own.free();
}
