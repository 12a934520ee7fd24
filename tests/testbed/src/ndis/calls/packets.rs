//! Packets: pools and MDLs of the miniport, and what a client sends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::c_void;
use std::ptr::null_mut;

use cxndk::sys::condis::NET_BUFFER_LIST_POOL_PARAMETERS;
use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::{Calls, CoHandle};
use crate::ndis::kernel::{self, Level};
use crate::sim::{self, faults};

/// What miniports took and have to give back.
#[derive(Default)]
pub(in crate::ndis) struct Pools {
    pools: Cell<usize>,
    lists: RefCell<BTreeSet<usize>>,
    mdls: RefCell<BTreeSet<usize>>,
}

/// A packet that a client sent, with all that belongs to it.
pub(in crate::ndis) struct Sent {
    list: Box<NET_BUFFER_LIST>,
    buffers: Vec<NET_BUFFER>,
    // Described by the MDLs.
    _data: Vec<Vec<u8>>,
}

impl Sent {
    /// A packet with a buffer a message, each in one MDL and a few more, as its first byte says; the first MDL begins with bytes that
    /// are not part of the message.
    pub(super) fn new(messages: &[Vec<u8>], vc: CoHandle) -> Self {
        // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
        let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        let (mut buffers, mut data) = (Vec::new(), Vec::new());
        for message in messages {
            let mut pieces = cut(message);
            // SAFETY: all fields of a NET_BUFFER may be zero.
            let mut buffer: NET_BUFFER = unsafe { std::mem::zeroed() };
            let mut mdl = null_mut();
            for piece in pieces.iter_mut().rev() {
                let first = kernel::mdl_for(piece);
                // SAFETY: just made.
                unsafe { (*first).Next = mdl };
                mdl = first;
            }
            buffer.MdlChain = mdl;
            buffer.CurrentMdl = mdl;
            buffer.CurrentMdlOffset = 5;
            buffer.DataOffset = 5;
            buffer.stDataLength = message.len();
            data.extend(pieces);
            buffers.push(buffer);
        }
        let mut next = null_mut();
        for buffer in buffers.iter_mut().rev() {
            buffer.Next = next;
            next = &raw mut *buffer;
        }
        list.FirstNetBuffer = next;
        list.SourceHandle = vc.raw();
        Self {
            list,
            buffers,
            _data: data,
        }
    }

    pub(super) fn list(&self) -> *mut NET_BUFFER_LIST {
        (&raw const *self.list).cast_mut()
    }
}

/// The memory of a message: 5 bytes before it, and as many pieces as its first byte says (modulo 48) and its length allows.
fn cut(message: &[u8]) -> Vec<Vec<u8>> {
    let pieces = usize::from(message.first().copied().unwrap_or(0)) % 48 + 1;
    let mut cut: Vec<Vec<u8>> = message
        .chunks(message.len().div_ceil(pieces).max(1))
        .map(<[u8]>::to_vec)
        .collect();
    if cut.is_empty() {
        cut.push(Vec::new());
    }
    cut[0].splice(0..0, [0xee; 5]);
    cut
}

impl Drop for Sent {
    fn drop(&mut self) {
        for buffer in &self.buffers {
            let mut mdl = buffer.MdlChain;
            while !mdl.is_null() {
                // SAFETY: made in `new`, freed once.
                let next = unsafe { (*mdl).Next };
                kernel::mdl_free(mdl);
                mdl = next;
            }
        }
    }
}

/// `NdisAllocateNetBufferListPool`. Fault point under its name.
///
/// # Safety
/// The parameters are complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferListPool(
    _: NDIS_HANDLE,
    _: *mut NET_BUFFER_LIST_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    kernel::enter("NdisAllocateNetBufferListPool", Level::Dispatch);
    if faults::fire("NdisAllocateNetBufferListPool") {
        return null_mut();
    }
    let calls = sim::local::<Calls>();
    calls.pools.pools.set(calls.pools.pools.get() + 1);
    0x504f_4f4c_0000_0010 as NDIS_HANDLE
}

/// `NdisFreeNetBufferListPool`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferListPool(_: NDIS_HANDLE) {
    kernel::enter("NdisFreeNetBufferListPool", Level::Dispatch);
    let calls = sim::local::<Calls>();
    calls.pools.pools.set(calls.pools.pools.get() - 1);
    if calls.pools.pools.get() == 0 && !calls.pools.lists.borrow().is_empty() {
        sim::fail("VRF-42", "NET_BUFFER_LISTs are left of the last pool".to_owned());
    }
}

/// `NdisAllocateNetBufferAndNetBufferList`. Fault point under its name.
///
/// # Safety
/// `mdl` is NULL or a chain of MDLs.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateNetBufferAndNetBufferList(
    pool: NDIS_HANDLE,
    _: u16,
    _: u16,
    mdl: *mut MDL,
    offset: u32,
    length: usize,
) -> *mut NET_BUFFER_LIST {
    kernel::enter("NdisAllocateNetBufferAndNetBufferList", Level::Dispatch);
    if faults::fire("NdisAllocateNetBufferAndNetBufferList") {
        return null_mut();
    }
    // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
    let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
    // SAFETY: all fields of a NET_BUFFER may be zero.
    let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
    buffer.MdlChain = mdl;
    buffer.CurrentMdl = mdl;
    buffer.CurrentMdlOffset = offset;
    buffer.DataOffset = offset;
    buffer.stDataLength = length;
    list.FirstNetBuffer = Box::into_raw(buffer);
    list.NdisPoolHandle = pool;
    let list = Box::into_raw(list);
    sim::local::<Calls>()
        .pools
        .lists
        .borrow_mut()
        .insert(list as usize);
    list
}

/// `NdisFreeNetBufferList`.
///
/// # Safety
/// The list is one of [`NdisAllocateNetBufferAndNetBufferList`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeNetBufferList(list: *mut NET_BUFFER_LIST) {
    kernel::enter("NdisFreeNetBufferList", Level::Dispatch);
    let calls = sim::local::<Calls>();
    if !calls.pools.lists.borrow_mut().remove(&(list as usize)) {
        sim::fail(
            "VRF-37",
            format!("NdisFreeNetBufferList: {list:p} is no list of a pool"),
        );
    }
    let lent = calls
        .objects
        .borrow()
        .values()
        .any(|object| object.state.held.contains(&(list as usize)));
    if lent {
        sim::fail(
            "DATA-10",
            format!("NdisFreeNetBufferList: {list:p} is with the client"),
        );
    }
    // SAFETY: made above.
    let list = unsafe { Box::from_raw(list) };
    // SAFETY: made above.
    drop(unsafe { Box::from_raw(list.FirstNetBuffer) });
}

/// `NdisAllocateMdl`. Fault point under its name.
///
/// # Safety
/// `address` leads to `length` bytes that stay.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateMdl(_: NDIS_HANDLE, address: *mut c_void, length: u32) -> *mut MDL {
    kernel::enter("NdisAllocateMdl", Level::Dispatch);
    if faults::fire("NdisAllocateMdl") {
        return null_mut();
    }
    // SAFETY: the caller's promise.
    let memory = unsafe { std::slice::from_raw_parts_mut(address.cast::<u8>(), length as usize) };
    let mdl = kernel::mdl_for(memory);
    sim::local::<Calls>().pools.mdls.borrow_mut().insert(mdl as usize);
    mdl
}

/// `NdisFreeMdl`.
///
/// # Safety
/// The MDL is one of [`NdisAllocateMdl`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeMdl(mdl: *mut MDL) {
    kernel::enter("NdisFreeMdl", Level::Dispatch);
    if !sim::local::<Calls>()
        .pools
        .mdls
        .borrow_mut()
        .remove(&(mdl as usize))
    {
        sim::fail(
            "VRF-42",
            format!("NdisFreeMdl: {mdl:p} is no MDL of NdisAllocateMdl"),
        );
    }
    kernel::mdl_free(mdl);
}
