//! Pools of lists and pools of buffers.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{
    NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
    NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1, NET_BUFFER_LIST_POOL_PARAMETERS,
    NET_BUFFER_POOL_PARAMETERS,
};
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT};

use super::{PACKET, packets};
use crate::ndis::kernel::{self, Level};
use crate::ndis::table::{self, Object, STALE_HANDLE};
use crate::sim::{self, faults};

/// `MEMORY_ALLOCATION_ALIGNMENT`.
const ALIGNMENT: u16 = 16;

/// What a pool gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lists without buffers.
    Lists,
    /// Lists, each with a buffer, and with so many bytes of data in one MDL unless that is zero.
    ListsWithBuffers(u32),
    /// Buffers, with so many bytes of data in one MDL unless that is zero.
    Buffers(u32),
}

/// A pool.
pub(in crate::ndis) struct Pool {
    pub(super) handle: NDIS_HANDLE,
    /// The handle that it was allocated with: of a driver, an adapter, a protocol driver or a binding.
    owner: usize,
    pub(super) kind: Kind,
    /// Bytes of context that every list has.
    pub(super) context: u16,
    pub(super) outstanding: Cell<u32>,
}

impl Pool {
    pub(super) fn is_of(&self, owner: NDIS_HANDLE) -> bool {
        self.owner == owner as usize
    }

    /// One more is allocated.
    pub(super) fn give(&self) {
        self.outstanding.set(self.outstanding.get() + 1);
    }

    /// One came back.
    pub(super) fn take(&self) {
        self.outstanding.set(self.outstanding.get() - 1);
    }
}

/// The pool of a handle, if it is of a kind that `wanted` names.
pub(super) fn of_kind(handle: NDIS_HANDLE, ddi: &str, wanted: fn(Kind) -> bool) -> Rc<Pool> {
    let pool = table::pool(handle, ddi);
    if !wanted(pool.kind) {
        sim::fail(
            STALE_HANDLE,
            format!("{ddi}: {handle:p} is a pool of {:?}", pool.kind),
        );
    }
    pool
}

/// Sizes of contexts are multiples of the alignment of memory.
pub(super) fn expect_aligned(ddi: &str, size: u16) {
    if !size.is_multiple_of(ALIGNMENT) {
        sim::fail(
            PACKET,
            format!("{ddi}: {size} bytes of context are no multiple of {ALIGNMENT}"),
        );
    }
}

fn expect_parameters(ddi: &str, header: NDIS_OBJECT_HEADER, size: u16, tag: u32) {
    let kind = u32::from(header.Type);
    if kind != NDIS_OBJECT_TYPE_DEFAULT || header.Revision != 1 || header.Size < size {
        sim::fail(
            PACKET,
            format!(
                "{ddi}: parameters of type {kind:#x}, revision {}, size {}",
                header.Revision, header.Size
            ),
        );
    }
    if tag == 0 {
        sim::fail("VRF-20", format!("{ddi} without a tag"));
    }
}

fn expect_owner(ddi: &str, owner: NDIS_HANDLE) {
    let known = matches!(
        table::find(owner),
        Some(Object::Driver(_) | Object::Adapter(_) | Object::Protocol(_) | Object::Binding(_))
    );
    if !known {
        sim::fail(
            STALE_HANDLE,
            format!("{ddi}: {owner:p} is no driver, adapter, protocol or binding"),
        );
    }
}

fn new(owner: NDIS_HANDLE, kind: Kind, context: u16) -> NDIS_HANDLE {
    let pool = Rc::new(Pool {
        handle: table::reserve(),
        owner: owner as usize,
        kind,
        context,
        outstanding: Cell::new(0),
    });
    table::insert(pool.handle, Object::Pool(Rc::clone(&pool)));
    packets().pools.borrow_mut().push(Rc::clone(&pool));
    pool.handle
}

fn forget(pool: &Rc<Pool>) {
    table::remove(pool.handle);
    packets()
        .pools
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, pool));
}

/// `NdisAllocateNetBufferListPool`: NULL if there is no memory. Fault point under its name.
///
/// # Safety
/// The parameters are complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferListPool(
    owner: NDIS_HANDLE,
    parameters: *mut NET_BUFFER_LIST_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    let ddi = "NdisAllocateNetBufferListPool";
    kernel::enter(ddi, Level::Dispatch);
    expect_owner(ddi, owner);
    // SAFETY: the caller's parameters.
    let given = unsafe { parameters.read() };
    let size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    expect_parameters(ddi, given.Header, size, given.PoolTag);
    expect_aligned(ddi, given.ContextSize);
    let kind = match (given.fAllocateNetBuffer, given.DataSize) {
        (0, 0) => Kind::Lists,
        (0, data) => sim::fail(PACKET, format!("{ddi}: {data} bytes of data, and no buffers")),
        (_, data) => Kind::ListsWithBuffers(data),
    };
    if faults::fire("NdisAllocateNetBufferListPool") {
        return ptr::null_mut();
    }
    new(owner, kind, given.ContextSize)
}

/// `NdisFreeNetBufferListPool`: with every list back.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferListPool(handle: NDIS_HANDLE) {
    let ddi = "NdisFreeNetBufferListPool";
    kernel::enter(ddi, Level::Dispatch);
    let pool = of_kind(handle, ddi, |kind| !matches!(kind, Kind::Buffers(_)));
    if pool.outstanding.get() > 0 {
        sim::fail(
            "VRF-37",
            format!("{ddi} with {} lists of it allocated", pool.outstanding.get()),
        );
    }
    forget(&pool);
}

/// `NdisAllocateNetBufferPool`: NULL if there is no memory. Fault point under its name.
///
/// # Safety
/// The parameters are complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferPool(
    owner: NDIS_HANDLE,
    parameters: *mut NET_BUFFER_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    let ddi = "NdisAllocateNetBufferPool";
    kernel::enter(ddi, Level::Dispatch);
    expect_owner(ddi, owner);
    // SAFETY: the caller's parameters.
    let given = unsafe { parameters.read() };
    let size = NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    expect_parameters(ddi, given.Header, size, given.PoolTag);
    if faults::fire("NdisAllocateNetBufferPool") {
        return ptr::null_mut();
    }
    new(owner, Kind::Buffers(given.DataSize), 0)
}

/// `NdisFreeNetBufferPool`: with every buffer back.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferPool(handle: NDIS_HANDLE) {
    let ddi = "NdisFreeNetBufferPool";
    kernel::enter(ddi, Level::Dispatch);
    let pool = of_kind(handle, ddi, |kind| matches!(kind, Kind::Buffers(_)));
    if pool.outstanding.get() > 0 {
        sim::fail(
            "VRF-19",
            format!("{ddi} with {} buffers of it allocated", pool.outstanding.get()),
        );
    }
    forget(&pool);
}
