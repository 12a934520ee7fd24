//! Pools of `NET_BUFFER_LIST`s, and MDLs, that miniports and protocol drivers allocate.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::NET_BUFFER_LIST_POOL_PARAMETERS;
use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::condis;
use super::kernel::{self, Level};
use super::table::{self, Object};
use crate::sim::{self, faults};

/// What a list holds after it was freed, where a driver that still uses it will notice (VRF-39).
const POISON: usize = 0xdead_0000_dead_0000;

/// A pool of lists.
pub(super) struct Pool {
    handle: NDIS_HANDLE,
    /// The handle that it was allocated with: of a driver, an adapter, a protocol driver or a binding.
    owner: usize,
    with_buffers: bool,
    outstanding: Cell<u32>,
}

/// What there is of a run.
#[derive(Default)]
struct Packets {
    pools: RefCell<Vec<Rc<Pool>>>,
    lists: RefCell<BTreeMap<usize, Rc<Pool>>>,
    mdls: RefCell<BTreeMap<usize, usize>>,
}

fn packets() -> Rc<Packets> {
    sim::local::<Packets>()
}

/// VRF-42: the owner gave back its pools and MDLs.
pub(super) fn expect_no_pool_of(owner: NDIS_HANDLE, when: &str) {
    let packets = packets();
    let pools = packets.pools.borrow();
    let left = pools.iter().filter(|pool| pool.owner == owner as usize).count();
    let mdls = packets.mdls.borrow();
    let mdls = mdls.values().filter(|of| **of == owner as usize).count();
    if left + mdls > 0 {
        sim::fail(
            "VRF-42",
            format!("{left} NET_BUFFER_LIST pools and {mdls} MDLs are left after {when}"),
        );
    }
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
    // SAFETY: the caller's parameters.
    let parameters = unsafe { parameters.read() };
    if parameters.PoolTag == 0 {
        sim::fail("VRF-20", format!("{ddi} without a tag"));
    }
    if faults::fire("NdisAllocateNetBufferListPool") {
        return ptr::null_mut();
    }
    let pool = Rc::new(Pool {
        handle: table::reserve(),
        owner: owner as usize,
        with_buffers: parameters.fAllocateNetBuffer != 0,
        outstanding: Cell::new(0),
    });
    table::insert(pool.handle, Object::Pool(Rc::clone(&pool)));
    packets().pools.borrow_mut().push(Rc::clone(&pool));
    pool.handle
}

/// `NdisFreeNetBufferListPool`: with every list back.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferListPool(handle: NDIS_HANDLE) {
    let ddi = "NdisFreeNetBufferListPool";
    kernel::enter(ddi, Level::Dispatch);
    let pool = table::pool(handle, ddi);
    if pool.outstanding.get() > 0 {
        sim::fail(
            "VRF-37",
            format!("{ddi} with {} lists of it allocated", pool.outstanding.get()),
        );
    }
    table::remove(handle);
    packets()
        .pools
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &pool));
}

/// A list of a pool, with the buffer that describes `mdl` if there is one.
fn allocate(pool: &Rc<Pool>, buffer: *mut NET_BUFFER) -> *mut NET_BUFFER_LIST {
    // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
    let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
    list.FirstNetBuffer = buffer;
    list.NdisPoolHandle = pool.handle;
    let list = Box::into_raw(list);
    pool.outstanding.set(pool.outstanding.get() + 1);
    packets()
        .lists
        .borrow_mut()
        .insert(list as usize, Rc::clone(pool));
    list
}

/// `NdisAllocateNetBufferAndNetBufferList`: NULL if there is no memory. Fault point under its name.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs with `length` bytes from `offset` on.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferAndNetBufferList(
    pool: NDIS_HANDLE,
    _context_size: u16,
    _context_back_fill: u16,
    mdl: *mut MDL,
    offset: u32,
    length: usize,
) -> *mut NET_BUFFER_LIST {
    let ddi = "NdisAllocateNetBufferAndNetBufferList";
    kernel::enter(ddi, Level::Dispatch);
    let pool = table::pool(pool, ddi);
    if !pool.with_buffers {
        sim::fail("VRF-37", format!("{ddi} of a pool without fAllocateNetBuffer"));
    }
    if faults::fire("NdisAllocateNetBufferAndNetBufferList") {
        return ptr::null_mut();
    }
    let (mut current, mut left) = (mdl, offset);
    // SAFETY: the caller's chain.
    while let Some(piece) = unsafe { current.as_ref() }
        && left >= piece.ByteCount
        && !piece.Next.is_null()
    {
        left -= piece.ByteCount;
        current = piece.Next;
    }
    // SAFETY: all fields of a NET_BUFFER may be zero.
    let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
    buffer.MdlChain = mdl;
    buffer.CurrentMdl = current;
    buffer.CurrentMdlOffset = left;
    buffer.DataOffset = offset;
    buffer.stDataLength = length;
    buffer.NdisPoolHandle = pool.handle;
    allocate(&pool, Box::into_raw(buffer))
}

/// `NdisFreeNetBufferList`: of its owner, not while it is under way.
///
/// # Safety
/// The list is one of a pool.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferList(list: *mut NET_BUFFER_LIST) {
    let ddi = "NdisFreeNetBufferList";
    kernel::enter(ddi, Level::Dispatch);
    if condis::list_outstanding(list as usize) {
        sim::fail("DATA-05", format!("{ddi}: {list:p} is under way"));
    }
    let Some(pool) = packets().lists.borrow_mut().remove(&(list as usize)) else {
        sim::fail(
            "VRF-37",
            format!("{ddi}: {list:p} is no list of a pool (any more)"),
        );
    };
    pool.outstanding.set(pool.outstanding.get() - 1);
    // SAFETY: made by `allocate`, and not freed since; the memory stays.
    let list = unsafe { &mut *list };
    list.FirstNetBuffer = POISON as *mut NET_BUFFER;
    list.Next = POISON as *mut NET_BUFFER_LIST;
}

/// `NdisAllocateMdl`: of nonpaged memory; NULL if there is none. Fault point under its name.
///
/// # Safety
/// `address` leads to `length` bytes that stay.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateMdl(
    owner: NDIS_HANDLE,
    address: *mut c_void,
    length: u32,
) -> *mut MDL {
    kernel::enter("NdisAllocateMdl", Level::Dispatch);
    if faults::fire("NdisAllocateMdl") {
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    let memory = unsafe { std::slice::from_raw_parts_mut(address.cast::<u8>(), length as usize) };
    let mdl = kernel::mdl_for(memory);
    packets().mdls.borrow_mut().insert(mdl as usize, owner as usize);
    mdl
}

/// `NdisFreeMdl`.
///
/// # Safety
/// The MDL is one of [`NdisAllocateMdl`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeMdl(mdl: *mut MDL) {
    let ddi = "NdisFreeMdl";
    kernel::enter(ddi, Level::Dispatch);
    if packets().mdls.borrow_mut().remove(&(mdl as usize)).is_none() {
        sim::fail("VRF-19", format!("{ddi}: {mdl:p} is no MDL of NdisAllocateMdl"));
    }
    kernel::mdl_free(mdl);
}
