//! Pool: overruns, double and wrong frees, use after free, leaks.

use super::super::{ExAllocatePool2, ExAllocatePoolWithTag, ExFreePool, ExFreePoolWithTag, expect_no_pool};
use super::{caught, passes};
use crate::sim;

const PAGE: u64 = 4096;
const TAG: u32 = u32::from_le_bytes(*b"Test");

fn allocate(length: u64) -> *mut u8 {
    // SAFETY: a live simulation.
    unsafe { ExAllocatePoolWithTag(512, length, TAG) }.cast()
}

fn free(memory: *mut u8, tag: u32) {
    // SAFETY: what is wrong with it is what the test is about.
    unsafe { ExFreePoolWithTag(memory.cast(), tag) }
}

fn write(memory: *mut u8, at: usize) {
    // SAFETY: at most one byte beyond the allocation, where its guard is, or in memory in quarantine.
    unsafe { memory.add(at).write(1) }
}

#[test]
fn memory_that_is_kept_well_passes() {
    passes(|host| {
        let memory = allocate(100);
        write(memory, 99);
        free(memory, TAG);
        // SAFETY: a live simulation.
        let zeroed = unsafe { ExAllocatePool2(0x40, 64, TAG) };
        // SAFETY: 64 bytes were allocated.
        let bytes = unsafe { std::slice::from_raw_parts(zeroed.cast::<u8>(), 64) };
        assert!(bytes.iter().all(|byte| *byte == 0));
        // SAFETY: allocated just now.
        unsafe { ExFreePool(zeroed) };
        expect_no_pool(host, "VRF-42", "the test");
    });
}

/// As on Windows: a block of less than a page lies within one and is aligned to 16 bytes, a larger one begins at a page. A
/// device sees the same pieces of it in every run.
#[test]
fn a_small_block_lies_within_a_page() {
    passes(|_| {
        for length in 1..3 * PAGE {
            let memory = allocate(length);
            let start = memory as u64;
            let aligned = start % if length < PAGE { 16 } else { PAGE };
            assert_eq!(aligned, 0, "{length} bytes");
            assert!(
                length > PAGE || start / PAGE == (start + length - 1) / PAGE,
                "{length} bytes"
            );
            free(memory, TAG);
        }
    });
}

#[test]
fn an_overrun_is_caught() {
    caught("POOL-OVERRUN", |_| {
        let memory = allocate(100);
        write(memory, 100);
        free(memory, TAG);
    });
}

#[test]
fn a_free_of_what_was_not_allocated_is_caught() {
    caught("POOL-FREE", |_| {
        let memory = allocate(100);
        free(memory, TAG);
        free(memory, TAG);
    });
    caught("POOL-FREE", |_| free(allocate(100).wrapping_add(16), TAG));
    caught("POOL-FREE", |_| free(allocate(100), TAG + 1));
}

#[test]
fn a_use_after_free_is_caught() {
    caught("POOL-USE-AFTER-FREE", |host| {
        let memory = allocate(100);
        free(memory, TAG);
        write(memory, 50);
        expect_no_pool(host, "VRF-42", "the test");
    });
}

/// VRF-42: nothing stays allocated.
#[test]
fn a_leak_is_caught() {
    caught("VRF-42", |host| {
        allocate(100);
        expect_no_pool(host, "VRF-42", "the test");
    });
}

/// VRF-20: memory has a tag.
#[test]
fn an_allocation_without_a_tag_or_a_length_is_caught() {
    caught("VRF-20", |_| {
        // SAFETY: a live simulation.
        unsafe { ExAllocatePoolWithTag(512, 8, 0) };
    });
    caught("POOL", |_| {
        allocate(0);
    });
}

/// VRF-35: pool at DISPATCH_LEVEL and below.
#[test]
fn an_allocation_above_dispatch_level_is_caught() {
    caught("VRF-35", |_| {
        sim::set_irql(5);
        allocate(8);
    });
}
