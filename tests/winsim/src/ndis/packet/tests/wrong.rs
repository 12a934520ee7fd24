//! Drivers that are wrong about what they allocate.

use std::ptr;

use cxndk::sys::ndis::{NET_BUFFER, NET_BUFFER_LIST};

use super::super::data::NdisGetDataBuffer;
use super::super::list::{NdisAllocateNetBufferAndNetBufferList, NdisAllocateNetBufferList};
use super::{
    assert_caught, buffer, buffer_pool, free_buffer, free_buffer_pool, free_list, free_list_pool, free_mdl,
    list, list_parameters, list_pool, list_pool_of, mdl,
};

/// Proves VRF-37: lists freed twice, of nobody, of another pool; a pool freed before its lists.
#[test]
fn lists_that_are_freed_wrongly_are_caught() {
    assert_caught("VRF-37", |owner| {
        let one = list(list_pool(owner));
        free_list(one);
        free_list(one);
    });
    assert_caught("VRF-37", |_| {
        // SAFETY: all fields may be zero.
        let mut own: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        free_list(&raw mut *own);
    });
    assert_caught("VRF-37", |owner| {
        let (one, other) = (list(list_pool(owner)), list_pool(owner));
        // SAFETY: just allocated.
        unsafe { (*one).NdisPoolHandle = other };
        free_list(one);
    });
    assert_caught("VRF-37", |owner| {
        let pool = list_pool(owner);
        list(pool);
        free_list_pool(pool);
    });
}

/// Proves VRF-19: buffers and MDLs freed twice, of nobody, of another pool; a pool freed before its buffers; a buffer that came with a list.
#[test]
fn buffers_that_are_freed_wrongly_are_caught() {
    assert_caught("VRF-19", |owner| {
        let one = buffer(buffer_pool(owner, 0), ptr::null_mut(), 0, 0);
        free_buffer(one);
        free_buffer(one);
    });
    assert_caught("VRF-19", |_| {
        // SAFETY: all fields may be zero.
        let mut own: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
        free_buffer(&raw mut *own);
    });
    assert_caught("VRF-19", |owner| {
        let other = buffer_pool(owner, 0);
        let one = buffer(buffer_pool(owner, 0), ptr::null_mut(), 0, 0);
        // SAFETY: just allocated.
        unsafe { (*one).NdisPoolHandle = other };
        free_buffer(one);
    });
    assert_caught("VRF-19", |owner| {
        let pool = buffer_pool(owner, 0);
        buffer(pool, ptr::null_mut(), 0, 0);
        free_buffer_pool(pool);
    });
    assert_caught("VRF-19", |owner| {
        let one = list(list_pool(owner));
        // SAFETY: just allocated.
        free_buffer(unsafe { (*one).FirstNetBuffer });
    });
    assert_caught("VRF-19", |owner| {
        let one = mdl(owner, &[0; 4]);
        free_mdl(one);
        free_mdl(one);
    });
}

/// Proves VRF-42: pools and MDLs that are left when their owner goes.
#[test]
fn what_is_left_is_caught() {
    assert_caught("VRF-42", |owner| {
        list_pool(owner);
    });
    assert_caught("VRF-42", |owner| {
        buffer_pool(owner, 0);
    });
    assert_caught("VRF-42", |owner| {
        mdl(owner, &[0; 4]);
    });
}

/// Proves VRF-39: what a freed list or buffer led to leads nowhere.
#[test]
fn what_is_freed_is_not_used() {
    assert_caught("FAULT", |owner| {
        let one = list(list_pool(owner));
        free_list(one);
        // SAFETY: none: a wrong driver.
        let length = unsafe { ptr::read_volatile(&raw const (*(*one).FirstNetBuffer).stDataLength) };
        assert_eq!(length, 0);
    });
    assert_caught("FAULT", |owner| {
        let one = buffer(buffer_pool(owner, 0), ptr::null_mut(), 0, 0);
        free_buffer(one);
        // SAFETY: none: a wrong driver.
        let bytes = unsafe { ptr::read_volatile(&raw const (*(*one).MdlChain).ByteCount) };
        assert_eq!(bytes, 0);
    });
}

/// Proves VRF-20 and the checks of parameters: no tag, a wrong header, data without buffers, contexts of odd sizes, chains that are short.
#[test]
fn wrong_parameters_are_caught() {
    assert_caught("VRF-20", |owner| {
        let mut parameters = list_parameters(true, 0);
        parameters.PoolTag = 0;
        list_pool_of(owner, parameters);
    });
    assert_caught("PACKET", |owner| {
        let mut parameters = list_parameters(true, 0);
        parameters.Header.Revision = 0;
        list_pool_of(owner, parameters);
    });
    assert_caught("PACKET", |owner| {
        list_pool_of(owner, list_parameters(false, 8));
    });
    assert_caught("PACKET", |owner| {
        // SAFETY: the pool is good.
        unsafe { NdisAllocateNetBufferList(list_pool(owner), 24, 0) };
    });
    assert_caught("PACKET", |owner| {
        let short = mdl(owner, &[0; 4]);
        // SAFETY: the pool and the MDL are good.
        unsafe { NdisAllocateNetBufferAndNetBufferList(list_pool(owner), 0, 0, short, 2, 3) };
    });
    assert_caught("PACKET", |owner| {
        mdl(owner, &[]);
    });
    assert_caught("PACKET", |owner| {
        let one = buffer(buffer_pool(owner, 0), ptr::null_mut(), 0, 0);
        // SAFETY: the buffer is good.
        unsafe { NdisGetDataBuffer(one, 0, ptr::null_mut(), 3, 0) };
    });
}

/// Proves the check NDIS-HANDLE: pools of nobody, pools used for what they do not have.
#[test]
fn pools_are_used_for_what_they_have() {
    assert_caught("NDIS-HANDLE", |_| {
        list_pool(ptr::null_mut());
    });
    assert_caught("NDIS-HANDLE", |owner| {
        list(list_pool_of(owner, list_parameters(false, 0)));
    });
    assert_caught("NDIS-HANDLE", |owner| {
        list(list_pool_of(owner, list_parameters(true, 8)));
    });
    assert_caught("NDIS-HANDLE", |owner| {
        buffer(list_pool(owner), ptr::null_mut(), 0, 0);
    });
    assert_caught("NDIS-HANDLE", |owner| {
        let pool = list_pool(owner);
        free_list_pool(pool);
        list(pool);
    });
}
