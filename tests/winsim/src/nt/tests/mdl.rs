//! MDLs: made, given their pages, freed, each once.

use std::ptr;

use wdk_standin::{_MEMORY_CACHING_TYPE, MEMORY_CACHING_TYPE, PMDL};

use super::super::{
    ExAllocatePoolWithTag, IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl, MmBuildMdlForNonPagedPool,
    MmMapLockedPagesSpecifyCache, mdl_for, mdl_for_locked, mdl_free, mdl_pieces, mdls_outstanding,
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
fn a_partial_mdl_describes_a_part_of_another() {
    passes(|_| {
        let memory = pool(10_000);
        let whole = allocate(memory, 10_000);
        build(whole);
        let start = memory.wrapping_add(5_000);
        let part = allocate(start, 3_000);
        // SAFETY: a built MDL and a fresh one.
        unsafe { IoBuildPartialMdl(whole, part, start.cast(), 3_000) };
        free(whole);
        // SAFETY: the MDL lives.
        let pieces = unsafe { mdl_pieces(part, start as usize, 3_000) };
        assert_eq!(pieces, Some(vec![(start, 3_000)]));
        free(part);
    });
    caught("MDL", |_| {
        let memory = pool(10_000);
        let (whole, part) = (allocate(memory, 10_000), allocate(memory, 100));
        // SAFETY: the first has no pages, which is what the test is about.
        unsafe { IoBuildPartialMdl(whole, part, memory.cast(), 100) };
    });
    caught("MDL", |_| {
        let memory = pool(10_000);
        let (whole, part) = (allocate(memory, 10_000), allocate(memory, 100));
        build(whole);
        let beyond = memory.wrapping_add(9_950).cast();
        // SAFETY: more than there is, which is what the test is about.
        unsafe { IoBuildPartialMdl(whole, part, beyond, 100) };
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

/// `MmMapLockedPagesSpecifyCache` as `MmGetSystemAddressForMdlSafe` calls it, for all but what a test changes.
fn map(mdl: PMDL, (mode, cache, bug_check, priority): (i8, MEMORY_CACHING_TYPE, u32, u32)) -> usize {
    // SAFETY: the MDL lives; what is wrong with it or the rest is what the test is about.
    let address =
        unsafe { MmMapLockedPagesSpecifyCache(mdl, mode, cache, ptr::null_mut(), bug_check, priority) };
    address as usize
}

const GOOD: (i8, MEMORY_CACHING_TYPE, u32, u32) = (0, _MEMORY_CACHING_TYPE::MmCached, 0, 0x4000_0010);

#[test]
fn locked_pages_get_an_address() {
    passes(|_| {
        let mut memory = vec![7; 100];
        let start = memory.as_ptr() as usize;
        let mdl = mdl_for_locked(&mut memory);
        assert_eq!(map(mdl, GOOD), start);
        // SAFETY: the MDL lives.
        assert_eq!(unsafe { (*mdl).MappedSystemVa } as usize, start);
        mdl_free(mdl);
    });
}

#[test]
fn wrong_mappings_are_caught() {
    let (mode, cache, bug_check, priority) = GOOD;
    for wrong in [
        (1, cache, bug_check, priority),
        (mode, _MEMORY_CACHING_TYPE::MmNonCached, bug_check, priority),
        (mode, cache, 1, priority),
        (mode, cache, bug_check, 16),
    ] {
        caught("MDL", move |_| {
            map(mdl_for_locked(&mut [7; 100]), wrong);
        });
    }
    // Pages that may move, and pages that have an address.
    caught("MDL", |_| {
        map(allocate(pool(100), 100), GOOD);
    });
    caught("MDL", |_| {
        map(mdl_for(&mut [7; 100]), GOOD);
    });
    caught("MDL", |_| {
        let mdl = mdl_for_locked(&mut [7; 100]);
        map(mdl, GOOD);
        map(mdl, GOOD);
    });
}
