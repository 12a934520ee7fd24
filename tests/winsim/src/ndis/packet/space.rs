//! Where the data of a buffer begins: retreat makes room before it, advance gives that back.

use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NET_BUFFER};
use wdk_standin::_MDL as MDL;

use super::buffer::{describe, position};
use super::{PACKET, mdls_of, packets};
use crate::ndis::kernel::{self, HostMemory, Level};
use crate::sim::{self, faults};

/// `NET_BUFFER_ALLOCATE_MDL_HANDLER`: given the bytes that are wanted, and NULL if there is no memory.
type AllocateMdl = Option<unsafe extern "win64" fn(*mut u32) -> *mut MDL>;
/// `NET_BUFFER_FREE_MDL_HANDLER`.
type FreeMdl = Option<unsafe extern "win64" fn(*mut MDL)>;

/// Who has to free an MDL that a retreat put before the others.
pub(super) enum Added {
    /// NDIS, with the memory.
    ByNdis(HostMemory),
    /// The driver's handler.
    ByDriver,
}

/// VRF-19: nothing that a retreat added is left before the data.
///
/// # Safety
/// The buffer is complete.
pub(super) unsafe fn expect_none_added(ddi: &str, buffer: *mut NET_BUFFER) {
    // SAFETY: the caller's buffer.
    let first = unsafe { (*buffer).MdlChain };
    if packets().added.borrow().contains_key(&(first as usize)) {
        sim::fail(
            "VRF-19",
            format!("{ddi}: {buffer:p} has an MDL that a retreat put there"),
        );
    }
}

/// An MDL of at least `size` bytes.
fn allocate(handler: AllocateMdl, size: u32) -> Option<*mut MDL> {
    let Some(handler) = handler else {
        let mut bytes = HostMemory::new(size as usize);
        let mdl = kernel::mdl_for(&mut bytes);
        let added = Added::ByNdis(bytes);
        packets().added.borrow_mut().insert(mdl as usize, added);
        return Some(mdl);
    };
    let mut wanted = size;
    // SAFETY: the driver's handler.
    let mdl = unsafe { handler(&raw mut wanted) };
    // SAFETY: what the handler gives is complete.
    let bytes = unsafe { mdl.as_ref() }?.ByteCount;
    if bytes < size {
        sim::fail(
            PACKET,
            format!("NetAllocateMdl gave {bytes} bytes, {size} were wanted"),
        );
    }
    packets().added.borrow_mut().insert(mdl as usize, Added::ByDriver);
    Some(mdl)
}

/// `NdisRetreatNetBufferDataStart`: `delta` bytes more before the data; if the chain has no room, in a new MDL with `back_fill`
/// bytes to spare. Fault point under its name.
///
/// # Safety
/// The buffer is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisRetreatNetBufferDataStart(
    buffer: *mut NET_BUFFER,
    delta: u32,
    back_fill: u32,
    handler: AllocateMdl,
) -> NDIS_STATUS {
    let ddi = "NdisRetreatNetBufferDataStart";
    kernel::enter(ddi, Level::Dispatch);
    // SAFETY: the caller's buffer.
    let now = unsafe { *buffer };
    let length = now.stDataLength + delta as usize;
    if let Some(offset) = now.DataOffset.checked_sub(delta) {
        // SAFETY: the caller's buffer and its chain.
        unsafe { describe(buffer, now.MdlChain, offset, length) };
        return NDIS_STATUS_SUCCESS;
    }
    if faults::fire("NdisRetreatNetBufferDataStart") {
        return NDIS_STATUS_RESOURCES;
    }
    let Some(mdl) = allocate(handler, delta + back_fill) else {
        return NDIS_STATUS_RESOURCES;
    };
    // SAFETY: an MDL that is complete and in no chain.
    let bytes = unsafe {
        (*mdl).Next = now.MdlChain;
        (*mdl).ByteCount
    };
    let offset = bytes - (delta - now.DataOffset);
    // SAFETY: the caller's buffer; the chain just made.
    unsafe { describe(buffer, mdl, offset, length) };
    NDIS_STATUS_SUCCESS
}

/// `NdisAdvanceNetBufferDataStart`: `delta` bytes less at the beginning; MDLs that retreats added, and that are not used any more,
/// are freed if `free` says so, by the driver's handler if they are its own.
///
/// # Safety
/// The buffer is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAdvanceNetBufferDataStart(
    buffer: *mut NET_BUFFER,
    delta: u32,
    free: u8,
    handler: FreeMdl,
) {
    let ddi = "NdisAdvanceNetBufferDataStart";
    kernel::enter(ddi, Level::Dispatch);
    // SAFETY: the caller's buffer.
    let now = unsafe { *buffer };
    let Some(length) = now.stDataLength.checked_sub(delta as usize) else {
        sim::fail(
            PACKET,
            format!("{ddi} by {delta} of {} bytes of data", now.stDataLength),
        );
    };
    let (mut chain, mut offset) = (now.MdlChain, now.DataOffset + delta);
    // SAFETY: the caller's chain.
    let (current, _) = unsafe { position(chain, offset) };
    // SAFETY: as above.
    for mdl in unsafe { mdls_of(chain) } {
        let kept = free == 0 || mdl == current;
        if kept || !packets().added.borrow().contains_key(&(mdl as usize)) {
            break;
        }
        // SAFETY: as above.
        let unused = unsafe { &*mdl };
        (chain, offset) = (unused.Next, offset - unused.ByteCount);
        release(ddi, mdl, handler);
    }
    // SAFETY: the caller's buffer and what is left of its chain.
    unsafe { describe(buffer, chain, offset, length) };
}

/// Frees an MDL that a retreat added, by whom it is.
fn release(ddi: &str, mdl: *mut MDL, handler: FreeMdl) {
    match packets().added.borrow_mut().remove(&(mdl as usize)) {
        Some(Added::ByNdis(bytes)) => {
            kernel::mdl_free(mdl);
            packets().bury(Box::new(bytes));
        }
        _ => match handler {
            // SAFETY: the driver's handler and its own MDL.
            Some(handler) => unsafe { handler(mdl) },
            None => sim::fail(
                PACKET,
                format!("{ddi}: {mdl:p} is of a NetAllocateMdl, and there is no NetFreeMdl"),
            ),
        },
    }
}
