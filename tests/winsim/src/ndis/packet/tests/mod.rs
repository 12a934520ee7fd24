//! A driver that allocates packets rightly, and ones that do not.

mod space;
mod wrong;

use std::ptr;

use cxndk::sys::condis::{NET_BUFFER_LIST_POOL_PARAMETERS, NET_BUFFER_POOL_PARAMETERS};
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_OBJECT_HEADER, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

use super::buffer::{NdisAllocateNetBuffer, NdisAllocateNetBufferMdlAndData, NdisFreeNetBuffer};
use super::list::{NdisAllocateNetBufferAndNetBufferList, NdisAllocateNetBufferList, NdisFreeNetBufferList};
use super::mdl::{NdisAllocateMdl, NdisFreeMdl};
use super::pool::{
    NdisAllocateNetBufferListPool, NdisAllocateNetBufferPool, NdisFreeNetBufferListPool,
    NdisFreeNetBufferPool,
};
use crate::ndis::kernel;
use crate::ndis::tests::{driver_handle, halted_with};
use crate::sim::faults::{self, Plan, When};
use crate::sim::{self, HostId};

/// Runs `f` in a driver that is loaded and unloaded; its handle owns what `f` allocates.
fn run(f: fn(NDIS_HANDLE)) -> Result<(), sim::Failure> {
    sim::run(3, move || {
        let (driver, adapter) = halted_with();
        let owner = driver_handle() as usize;
        kernel::on_host(HostId(0), "packets", move || f(owner as NDIS_HANDLE));
        adapter.remove();
        driver.unload();
    })
}

fn passes(f: fn(NDIS_HANDLE)) {
    run(f).unwrap_or_else(|failure| panic!("{failure}"));
}

fn assert_caught(rule: &str, f: fn(NDIS_HANDLE)) {
    let caught = run(f).err().map_or("none", |failure| failure.rule);
    assert_eq!(caught, rule);
}

const fn header(size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: 0x80,
        Revision: 1,
        Size: size,
    }
}

fn list_parameters(buffers: bool, data: u32) -> NET_BUFFER_LIST_POOL_PARAMETERS {
    NET_BUFFER_LIST_POOL_PARAMETERS {
        Header: header(16),
        ProtocolId: 0,
        fAllocateNetBuffer: buffers.into(),
        ContextSize: 0,
        PoolTag: 0x7453_6554,
        DataSize: data,
    }
}

fn list_pool_of(owner: NDIS_HANDLE, mut parameters: NET_BUFFER_LIST_POOL_PARAMETERS) -> NDIS_HANDLE {
    // SAFETY: the parameters are complete.
    unsafe { NdisAllocateNetBufferListPool(owner, &raw mut parameters) }
}

fn list_pool(owner: NDIS_HANDLE) -> NDIS_HANDLE {
    list_pool_of(owner, list_parameters(true, 0))
}

fn buffer_pool(owner: NDIS_HANDLE, data: u32) -> NDIS_HANDLE {
    let mut parameters = NET_BUFFER_POOL_PARAMETERS {
        Header: header(12),
        PoolTag: 0x7453_6554,
        DataSize: data,
    };
    // SAFETY: the parameters are complete.
    unsafe { NdisAllocateNetBufferPool(owner, &raw mut parameters) }
}

fn free_list_pool(pool: NDIS_HANDLE) {
    // SAFETY: it is checked.
    unsafe { NdisFreeNetBufferListPool(pool) };
}

fn free_buffer_pool(pool: NDIS_HANDLE) {
    // SAFETY: it is checked.
    unsafe { NdisFreeNetBufferPool(pool) };
}

/// A list with a buffer that has no data.
fn list(pool: NDIS_HANDLE) -> *mut NET_BUFFER_LIST {
    // SAFETY: the pool is checked.
    unsafe { NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, ptr::null_mut(), 0, 0) }
}

fn free_list(list: *mut NET_BUFFER_LIST) {
    // SAFETY: it is checked.
    unsafe { NdisFreeNetBufferList(list) };
}

fn buffer(pool: NDIS_HANDLE, mdl: *mut MDL, offset: u32, length: usize) -> *mut NET_BUFFER {
    // SAFETY: the chain is good.
    unsafe { NdisAllocateNetBuffer(pool, mdl, offset, length) }
}

fn free_buffer(buffer: *mut NET_BUFFER) {
    // SAFETY: it is checked.
    unsafe { NdisFreeNetBuffer(buffer) };
}

/// An MDL of memory that stays.
fn mdl(owner: NDIS_HANDLE, bytes: &[u8]) -> *mut MDL {
    let memory = Box::leak(bytes.to_vec().into_boxed_slice());
    // SAFETY: the memory stays.
    unsafe { NdisAllocateMdl(owner, memory.as_mut_ptr().cast(), memory.len() as u32) }
}

fn free_mdl(mdl: *mut MDL) {
    // SAFETY: it is checked.
    unsafe { NdisFreeMdl(mdl) };
}

/// Proves VRF-19, VRF-37, VRF-42: what is allocated and freed in order passes, and says what it is.
#[test]
fn packets_are_allocated_and_freed() {
    passes(|owner| {
        let (lists, buffers) = (list_pool(owner), buffer_pool(owner, 0));
        let (first, second) = (mdl(owner, &[1; 10]), mdl(owner, &[2; 20]));
        // SAFETY: two MDLs that are in no chain.
        unsafe { (*first).Next = second };
        // SAFETY: a chain of thirty bytes.
        let one = unsafe { NdisAllocateNetBufferAndNetBufferList(lists, 0, 0, first, 12, 18) };
        let other = buffer(buffers, first, 3, 7);
        // SAFETY: just allocated.
        let (list, own) = unsafe { (&mut *one, &mut *(*one).FirstNetBuffer) };
        assert_eq!(list.NdisPoolHandle, lists);
        assert_eq!((own.CurrentMdl, own.CurrentMdlOffset), (second, 2));
        assert_eq!((own.DataOffset, own.stDataLength), (12, 18));
        own.Next = other;
        own.Next = ptr::null_mut();
        free_list(one);
        free_buffer(other);
        free_mdl(first);
        free_mdl(second);
        free_list_pool(lists);
        free_buffer_pool(buffers);
    });
}

/// A pool with data gives an MDL with each buffer, and a context is what it was asked to be.
#[test]
fn pools_give_data_and_contexts() {
    passes(|owner| {
        let lists = list_pool_of(owner, list_parameters(true, 100));
        // SAFETY: the pool is good.
        let list = unsafe { NdisAllocateNetBufferList(lists, 32, 16) };
        // SAFETY: just allocated.
        let mdl = unsafe { (*(*list).FirstNetBuffer).MdlChain };
        // SAFETY: it came with the buffer.
        assert_eq!(unsafe { (*mdl).ByteCount }, 100);
        // SAFETY: the context has a head.
        let head = unsafe { (*list).Context.cast::<[u16; 8]>().read() };
        assert_eq!(head[4..6], [48, 16], "its size, and where it is used");
        let buffers = buffer_pool(owner, 64);
        // SAFETY: the pool is good.
        let buffer = unsafe { NdisAllocateNetBufferMdlAndData(buffers) };
        // SAFETY: it came with the buffer.
        assert_eq!(unsafe { (*(*buffer).MdlChain).ByteCount }, 64);
        free_buffer(buffer);
        free_list(list);
        free_list_pool(lists);
        free_buffer_pool(buffers);
        let plain = list_pool_of(owner, list_parameters(false, 0));
        // SAFETY: the pool is good.
        let list = unsafe { NdisAllocateNetBufferList(plain, 0, 0) };
        // SAFETY: just allocated.
        assert!(unsafe { (*list).FirstNetBuffer }.is_null());
        free_list(list);
        free_list_pool(plain);
    });
}

/// Every allocation can find no memory, and leaves nothing.
#[test]
fn every_allocation_can_fail() {
    const POINTS: [&str; 7] = [
        "NdisAllocateNetBufferListPool",
        "NdisAllocateNetBufferPool",
        "NdisAllocateNetBufferList",
        "NdisAllocateNetBufferAndNetBufferList",
        "NdisAllocateNetBuffer",
        "NdisAllocateNetBufferMdlAndData",
        "NdisAllocateMdl",
    ];
    passes(|owner| {
        let (lists, buffers, filled) = (list_pool(owner), buffer_pool(owner, 0), buffer_pool(owner, 8));
        for (at, point) in POINTS.into_iter().enumerate() {
            faults::set(Some(Plan::new().fail(point, When::Nth(1))));
            let got: usize = match at {
                0 => list_pool(owner) as usize,
                1 => buffer_pool(owner, 0) as usize,
                // SAFETY: the pool is good.
                2 => unsafe { NdisAllocateNetBufferList(lists, 0, 0) as usize },
                3 => list(lists) as usize,
                4 => buffer(buffers, ptr::null_mut(), 0, 0) as usize,
                // SAFETY: the pool is good.
                5 => unsafe { NdisAllocateNetBufferMdlAndData(filled) as usize },
                _ => mdl(owner, &[0; 4]) as usize,
            };
            assert_eq!(got, 0, "{point}");
        }
        faults::set(None);
        free_list_pool(lists);
        free_buffer_pool(buffers);
        free_buffer_pool(filled);
    });
}
