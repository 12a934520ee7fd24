//! Pool: every allocation is known by its tag and host; freed memory is poisoned and watched for a while.

use super::context::{Level, enter, host};
use crate::sim::{self, HostId, faults};
use cxndk::sys::ntoskrnl::POOL_TYPE;
use std::alloc::Layout;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::c_void;
use std::ptr;
use wdk_standin::{PVOID, SIZE_T, ULONG, ULONG64};

/// Rule id of a bad free: not allocated, freed before, or under another tag.
const POOL_FREE: &str = "POOL-FREE";
/// Rule id of a write past the end of an allocation.
const POOL_OVERRUN: &str = "POOL-OVERRUN";
/// Rule id of a write to memory after it was freed.
const POOL_USE_AFTER_FREE: &str = "POOL-USE-AFTER-FREE";

/// What fresh memory is filled with: nobody gets zeros by luck.
const FRESH: u8 = 0xcd;
/// What freed memory is filled with.
const FREED: u8 = 0xdd;
/// A stretch of it.
static UNTOUCHED: [u8; 1024] = [FREED; 1024];
/// Bytes after an allocation that nobody may touch.
const GUARD: usize = 16;
const GUARD_BYTE: u8 = 0xfb;
/// Freed bytes that are watched before the memory goes back.
const QUARANTINE: usize = 4 << 20;
const PAGE: usize = 4096;
/// `MEMORY_ALLOCATION_ALIGNMENT`.
const ALIGNMENT: usize = 16;
/// `POOL_FLAG_UNINITIALIZED`.
const FLAG_UNINITIALIZED: u64 = 0x2;

#[derive(Clone, Copy)]
struct Block {
    size: usize,
    tag: u32,
    host: HostId,
}

/// The pool of all hosts.
#[derive(Default)]
struct Pool {
    live: RefCell<HashMap<usize, Block>>,
    counts: RefCell<HashMap<HostId, usize>>,
    quarantine: RefCell<VecDeque<(usize, Block)>>,
    quarantined: std::cell::Cell<usize>,
}

/// What the allocator is asked for, and where in it the block begins: at a page from one page on; a smaller block lies
/// within one page, as Windows has it, so that the pieces that a device sees are the same in every run; it is aligned to
/// 16 bytes and, mostly, not to more.
pub(super) fn layout(size: usize) -> (Layout, usize) {
    let (room, align) = if size >= PAGE {
        (size, PAGE)
    } else {
        let room = size.next_power_of_two().max(ALIGNMENT);
        (room, room)
    };
    let layout = Layout::from_size_align(room + GUARD, align)
        .unwrap_or_else(|_| sim::fail("POOL", format!("{size:#x} bytes")));
    (layout, (room - size) / ALIGNMENT * ALIGNMENT)
}

/// Gives the memory of a block back to the allocator.
///
/// # Safety
/// The block was allocated by [`pool_allocate`], is in no list any more, and nothing uses it.
unsafe fn release(address: usize, size: usize) {
    let (layout, before) = layout(size);
    // SAFETY: the block begins so far behind what was allocated with this layout.
    unsafe { std::alloc::dealloc((address - before) as *mut u8, layout) };
}

fn tag_name(tag: u32) -> String {
    tag.to_le_bytes()
        .iter()
        .map(|byte| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect()
}

/// Allocates for the host of the running context; 16-byte aligned, page-aligned from one page on. No check, no fault.
pub fn pool_allocate(length: impl Into<u64>, tag: u32) -> PVOID {
    let size = usize::try_from(length.into()).expect("a length fits");
    let (layout, before) = layout(size);
    // SAFETY: the size is not zero: it includes the guard.
    let start = unsafe { std::alloc::alloc(layout) };
    if start.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the layout has room for the block behind this, and for the guard.
    let memory = unsafe { start.add(before) };
    // SAFETY: just allocated.
    unsafe { ptr::write_bytes(memory, FRESH, size) };
    // SAFETY: the guard is part of the allocation.
    let guard = unsafe { memory.add(size) };
    // SAFETY: as above.
    unsafe { ptr::write_bytes(guard, GUARD_BYTE, GUARD) };
    let pool = sim::local::<Pool>();
    let host = host();
    pool.live
        .borrow_mut()
        .insert(memory as usize, Block { size, tag, host });
    *pool.counts.borrow_mut().entry(host).or_default() += 1;
    memory.cast()
}

/// Takes memory back, whatever its tag.
///
/// # Safety
/// Nothing uses the memory any more.
pub unsafe fn pool_free(memory: PVOID) {
    // SAFETY: the caller gives the memory back.
    unsafe { free(memory, None) };
}

unsafe fn free(memory: PVOID, tag: Option<u32>) {
    let pool = sim::local::<Pool>();
    let Some(block) = pool.live.borrow_mut().remove(&(memory as usize)) else {
        let again = pool
            .quarantine
            .borrow()
            .iter()
            .any(|(address, _)| *address == memory as usize);
        sim::fail(
            POOL_FREE,
            if again {
                "memory is freed twice"
            } else {
                "memory is freed that was not allocated"
            },
        );
    };
    if tag.is_some_and(|tag| tag != block.tag) {
        let name = tag_name(tag.unwrap_or_default());
        sim::fail(
            POOL_FREE,
            format!("memory of tag {} is freed as {name}", tag_name(block.tag)),
        );
    }
    crate::pci::memory_freed(memory as usize, block.size, || {
        format!("pool of tag {}", tag_name(block.tag))
    });
    // SAFETY: allocated with this size and a guard after it.
    let all = unsafe { std::slice::from_raw_parts_mut(memory.cast::<u8>(), block.size + GUARD) };
    if all[block.size..].iter().any(|byte| *byte != GUARD_BYTE) {
        sim::fail(
            POOL_OVERRUN,
            format!("{} bytes of tag {} were overrun", block.size, tag_name(block.tag)),
        );
    }
    super::memory::freed(memory as usize, block.size);
    all.fill(FREED);
    if let Some(count) = pool.counts.borrow_mut().get_mut(&block.host) {
        *count -= 1;
    }
    pool.quarantine.borrow_mut().push_back((memory as usize, block));
    pool.quarantined.set(pool.quarantined.get() + block.size + GUARD);
    while pool.quarantined.get() > QUARANTINE {
        pool.release_oldest();
    }
}

impl Pool {
    fn release_oldest(&self) {
        let Some((address, block)) = self.quarantine.borrow_mut().pop_front() else {
            return;
        };
        self.quarantined.set(self.quarantined.get() - block.size - GUARD);
        inspect(address, &block);
        // SAFETY: out of all lists.
        unsafe { release(address, block.size) };
    }
}

/// Memory that was freed is as it was left.
fn inspect(address: usize, block: &Block) {
    // SAFETY: memory in quarantine is still allocated, with its guard.
    let all = unsafe { std::slice::from_raw_parts(address as *const u8, block.size + GUARD) };
    // In stretches, and byte by byte only where something is wrong: every block that was ever freed comes by here.
    let intact = all
        .chunks(UNTOUCHED.len())
        .all(|chunk| *chunk == UNTOUCHED[..chunk.len()]);
    if !intact && let Some(at) = all.iter().position(|byte| *byte != FREED) {
        let tag = tag_name(block.tag);
        sim::fail(
            POOL_USE_AFTER_FREE,
            format!(
                "byte {at} of {} of tag {tag} was written after its free",
                block.size
            ),
        );
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let live = self.live.take().into_iter();
        for (address, block) in live.chain(self.quarantine.take()) {
            // SAFETY: the run and its contexts are over.
            unsafe { release(address, block.size) };
        }
    }
}

/// Whether all of `length` bytes at `address` lie in one live allocation.
pub(super) fn is_pool(address: usize, length: usize) -> bool {
    let pool = sim::local::<Pool>();
    let live = pool.live.borrow();
    live.iter()
        .any(|(&start, block)| address >= start && address + length <= start + block.size)
}

/// How many allocations of the host are live.
pub fn pool_outstanding(host: HostId) -> usize {
    sim::local::<Pool>()
        .counts
        .borrow()
        .get(&host)
        .copied()
        .unwrap_or(0)
}

/// The live allocations of the host by tag: count and bytes.
pub fn pool_report(host: HostId) -> Vec<(String, usize, usize)> {
    let pool = sim::local::<Pool>();
    let mut tags: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for block in pool.live.borrow().values().filter(|block| block.host == host) {
        let entry = tags.entry(tag_name(block.tag)).or_default();
        entry.0 += 1;
        entry.1 += block.size;
    }
    tags.into_iter()
        .map(|(tag, (count, bytes))| (tag, count, bytes))
        .collect()
}

/// Looks for writes to freed memory, then checks that the host has as many live allocations as `before`.
pub fn expect_pool(host: HostId, before: usize, rule: &'static str, when: &str) {
    let pool = sim::local::<Pool>();
    for (address, block) in pool.quarantine.borrow().iter() {
        inspect(*address, block);
    }
    let now = pool_outstanding(host);
    if now != before {
        let report = pool_report(host);
        sim::fail(
            rule,
            format!("{now} allocations after {when}, {before} before: {report:?}"),
        );
    }
}

/// The same, with none before.
pub fn expect_no_pool(host: HostId, rule: &'static str, when: &str) {
    expect_pool(host, 0, rule, when);
}

fn allocate(name: &'static str, length: u64, tag: u32) -> PVOID {
    enter(name, Level::Dispatch);
    if tag == 0 {
        sim::fail("VRF-20", format!("{name} without a tag"));
    }
    if length == 0 {
        sim::fail("POOL", format!("{name} of 0 bytes"));
    }
    if faults::fire("pool") {
        return ptr::null_mut();
    }
    pool_allocate(length, tag)
}

/// `ExAllocatePoolWithTag`, non-paged. Fault point `pool`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExAllocatePoolWithTag(_type: POOL_TYPE, length: SIZE_T, tag: ULONG) -> PVOID {
    allocate("ExAllocatePoolWithTag", length, tag)
}

/// `ExFreePoolWithTag`: the tag is 0 or that of the allocation.
///
/// # Safety
/// Nothing uses the memory any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExFreePoolWithTag(memory: PVOID, tag: ULONG) {
    enter("ExFreePoolWithTag", Level::Dispatch);
    // SAFETY: the caller gives the memory back.
    unsafe { free(memory, (tag != 0).then_some(tag)) };
}

/// `ExAllocatePool2`, non-paged, zeroed unless told otherwise. Fault point `pool`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExAllocatePool2(flags: ULONG64, length: SIZE_T, tag: ULONG) -> PVOID {
    let memory = allocate("ExAllocatePool2", length, tag);
    if !memory.is_null() && flags & FLAG_UNINITIALIZED == 0 {
        // SAFETY: just allocated with this length.
        unsafe { ptr::write_bytes(memory.cast::<u8>(), 0, length as usize) };
    }
    memory
}

/// `ExFreePool`.
///
/// # Safety
/// Nothing uses the memory any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExFreePool(memory: *mut c_void) {
    enter("ExFreePool", Level::Dispatch);
    // SAFETY: the caller gives the memory back.
    unsafe { free(memory, None) };
}
