//! Lists of a pool.

use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::buffer::{self, Own};
use super::pool::{self, Kind, Pool};
use super::{POISON, is_under_way, packets, space};
use crate::ndis::kernel::{self, Level};
use crate::sim::{self, faults};

/// Bytes of a `NET_BUFFER_LIST_CONTEXT` before its data.
const CONTEXT_HEADER: usize = 16;

/// `NET_BUFFER_LIST_CONTEXT`: the space of one user of a list, used from `offset` on.
#[repr(C, align(16))]
struct Context {
    next: *mut Self,
    size: u16,
    offset: u16,
}

/// What belongs to a list that is allocated.
pub(super) struct List {
    pool: Rc<Pool>,
    /// The buffer that came with it.
    own: Option<Own>,
    /// The memory of its context.
    context: Vec<u128>,
}

/// The memory of a context with `size` bytes in use behind `back_fill` bytes that are not.
fn context(size: u16, back_fill: u16) -> Vec<u128> {
    if size == 0 && back_fill == 0 {
        return Vec::new();
    }
    let bytes = CONTEXT_HEADER + usize::from(size) + usize::from(back_fill);
    let mut memory = vec![0_u128; bytes.div_ceil(size_of::<u128>())];
    let head = Context {
        next: ptr::null_mut(),
        size: size.saturating_add(back_fill),
        offset: back_fill,
    };
    // SAFETY: the memory has room for the head, and its alignment.
    unsafe { memory.as_mut_ptr().cast::<Context>().write(head) };
    memory
}

/// A list of a pool with its own buffer, if there is one.
fn allocate(pool: &Rc<Pool>, own: Option<Own>, size: u16, back_fill: u16) -> *mut NET_BUFFER_LIST {
    let mut context = context(size.max(pool.context), back_fill);
    // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
    let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
    list.FirstNetBuffer = own.as_ref().map_or(ptr::null_mut(), |own| own.buffer);
    list.NdisPoolHandle = pool.handle;
    if !context.is_empty() {
        list.Context = context.as_mut_ptr().cast();
    }
    let list = Box::into_raw(list);
    pool.give();
    let pool = Rc::clone(pool);
    packets()
        .lists
        .borrow_mut()
        .insert(list as usize, List { pool, own, context });
    list
}

/// `NdisAllocateNetBufferList`: NULL if there is no memory. Of a pool with buffers it brings its own. Fault point under its name.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferList(
    pool: NDIS_HANDLE,
    context_size: u16,
    context_back_fill: u16,
) -> *mut NET_BUFFER_LIST {
    let ddi = "NdisAllocateNetBufferList";
    kernel::enter(ddi, Level::Dispatch);
    let pool = pool::of_kind(pool, ddi, |kind| !matches!(kind, Kind::Buffers(_)));
    pool::expect_aligned(ddi, context_size);
    pool::expect_aligned(ddi, context_back_fill);
    if faults::fire("NdisAllocateNetBufferList") {
        return ptr::null_mut();
    }
    let own = match pool.kind {
        Kind::ListsWithBuffers(data) => Some(Own::new(&pool, data)),
        _ => None,
    };
    allocate(&pool, own, context_size, context_back_fill)
}

/// `NdisAllocateNetBufferAndNetBufferList`: NULL if there is no memory. Fault point under its name.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferAndNetBufferList(
    pool: NDIS_HANDLE,
    context_size: u16,
    context_back_fill: u16,
    mdl: *mut MDL,
    offset: u32,
    length: usize,
) -> *mut NET_BUFFER_LIST {
    let ddi = "NdisAllocateNetBufferAndNetBufferList";
    kernel::enter(ddi, Level::Dispatch);
    let pool = pool::of_kind(pool, ddi, |kind| kind == Kind::ListsWithBuffers(0));
    pool::expect_aligned(ddi, context_size);
    pool::expect_aligned(ddi, context_back_fill);
    // SAFETY: the caller's chain.
    unsafe { buffer::expect_room(ddi, mdl, offset, length) };
    if faults::fire("NdisAllocateNetBufferAndNetBufferList") {
        return ptr::null_mut();
    }
    let own = Own::new(&pool, 0);
    // SAFETY: a new buffer; the caller's chain.
    unsafe { buffer::describe(own.buffer, mdl, offset, length) };
    allocate(&pool, Some(own), context_size, context_back_fill)
}

/// `NdisFreeNetBufferList`: once, as it was allocated, and not while it is under way.
///
/// # Safety
/// What a list of a pool leads to is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferList(list: *mut NET_BUFFER_LIST) {
    let ddi = "NdisFreeNetBufferList";
    kernel::enter(ddi, Level::Dispatch);
    if is_under_way(list as usize) {
        sim::fail("DATA-05", format!("{ddi}: {list:p} is under way"));
    }
    let Some(known) = packets().lists.borrow_mut().remove(&(list as usize)) else {
        sim::fail(
            "VRF-37",
            format!("{ddi}: {list:p} is no list of a pool (any more)"),
        );
    };
    // SAFETY: made by `allocate`, and not freed since.
    let mut memory = unsafe { Box::from_raw(list) };
    if memory.NdisPoolHandle != known.pool.handle {
        sim::fail(
            "VRF-37",
            format!("{ddi}: {list:p} says that it is of another pool than it is"),
        );
    }
    known.pool.take();
    if let Some(own) = known.own {
        // SAFETY: it came with the list.
        unsafe { space::expect_none_added(ddi, own.buffer) };
        own.free();
    }
    memory.FirstNetBuffer = POISON as *mut NET_BUFFER;
    memory.Next = POISON as *mut NET_BUFFER_LIST;
    memory.Context = POISON as *mut _;
    packets().bury(memory);
    packets().bury(Box::new(known.context));
}
