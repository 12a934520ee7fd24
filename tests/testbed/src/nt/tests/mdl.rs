//! MDLs: made, given their pages, freed, each once.

use std::ptr;

use wdk_standin::PMDL;

use super::super::{
    ExAllocatePoolWithTag, IoAllocateMdl, IoFreeMdl, MmBuildMdlForNonPagedPool, mdl_pieces, mdls_outstanding,
};
use super::{caught, passes};

const TAG: u32 = u32::from_le_bytes(*b"Test");

fn pool(length: u64) -> *mut u8 {
    // SAFETY: a live simulation.
    unsafe { ExAllocatePoolWithTag(512, length, TAG) }.cast()
}

fn allocate(memory: *mut u8, length: u32) -> PMDL {
    // SAFETY: a live simulation.
    unsafe { IoAllocateMdl(memory.cast(), length, 0, 0, ptr::null_mut()) }
}

fn build(mdl: PMDL) {
    // SAFETY: what is wrong with it is what the test is about.
    unsafe { MmBuildMdlForNonPagedPool(mdl) }
}

fn free(mdl: PMDL) {
    // SAFETY: as above.
    unsafe { IoFreeMdl(mdl) }
}

#[test]
fn an_mdl_of_pool_describes_it() {
    passes(|host| {
        let memory = pool(10_000);
        let start = memory.wrapping_add(100);
        let mdl = allocate(start, 9_000);
        build(mdl);
        // SAFETY: the MDL lives.
        let pieces = unsafe { mdl_pieces(mdl, start as usize, 9_000) };
        assert_eq!(pieces, Some(vec![(start, 9_000)]));
        assert_eq!(mdls_outstanding(host), 1);
        free(mdl);
        assert_eq!(mdls_outstanding(host), 0);
    });
}

#[test]
fn an_mdl_is_freed_once_and_gets_its_pages_once() {
    caught("MDL", |_| {
        let mdl = allocate(pool(100), 100);
        free(mdl);
        free(mdl);
    });
    caught("MDL", |_| {
        let mdl = allocate(pool(100), 100);
        build(mdl);
        build(mdl);
    });
}

#[test]
fn an_mdl_of_memory_that_is_no_pool_is_caught() {
    caught("MDL", |_| {
        let stack = [0_u8; 64];
        build(allocate(stack.as_ptr().cast_mut(), 64));
    });
    caught("MDL", |_| build(allocate(pool(100), 101)));
}
