//! Lookaside lists and the sequenced lists in them: what the inline functions of wdm.h reach into, and what they call.

use super::context::{Level, enter, host};
use super::pool::{ExAllocatePoolWithTag, ExFreePool};
use crate::sim::{self, HostId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;

/// Rule id of a lookaside list that is not used as its pages in wdm.h say.
const LOOKASIDE: &str = "LOOKASIDE";
const SUCCESS: i32 = 0;
/// `STATUS_INVALID_PARAMETER_4` for a pool type that there is none of, ... `_5` for flags.
const INVALID_PARAMETER_5: i32 = 0xC000_00F3_u32 as i32;
/// `EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL`, `EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE`.
const KNOWN_FLAGS: u32 = 3;
/// Entries that a list keeps at most: what wdm.h calls the minimum depth, here for good.
const DEPTH: u16 = 4;
/// `NonPagedPoolNx`.
const NON_PAGED_NX: i32 = 512;

/// `SLIST_HEADER`: depth and sequence, then the first entry. Nothing of this simulation needs the sequence.
#[repr(C, align(16))]
pub struct SLIST_HEADER {
    depth_and_sequence: u64,
    next: *mut SLIST_ENTRY,
}

/// `SLIST_ENTRY`.
#[repr(C, align(16))]
pub struct SLIST_ENTRY {
    next: *mut Self,
}

/// `ALLOCATE_FUNCTION_EX`: pool type, bytes, tag, list.
pub type Allocate = unsafe extern "win64" fn(i32, usize, u32, *mut GENERAL_LOOKASIDE) -> *mut c_void;
/// `FREE_FUNCTION_EX`: entry, list.
pub type Free = unsafe extern "win64" fn(*mut c_void, *mut GENERAL_LOOKASIDE);

/// `GENERAL_LOOKASIDE`, which `NPAGED_LOOKASIDE_LIST` and `LOOKASIDE_LIST_EX` begin with.
#[repr(C)]
pub struct GENERAL_LOOKASIDE {
    head: SLIST_HEADER,
    depth: u16,
    maximum_depth: u16,
    total_allocates: u32,
    allocate_misses: u32,
    total_frees: u32,
    free_misses: u32,
    kind: i32,
    tag: u32,
    size: u32,
    allocate: Option<Allocate>,
    free: Option<Free>,
    list: [usize; 2],
    last: [u32; 2],
    future: [u32; 2],
}

const _: () = assert!(size_of::<GENERAL_LOOKASIDE>() == 96 && offset_of!(GENERAL_LOOKASIDE, allocate) == 48);

impl GENERAL_LOOKASIDE {
    /// The function that the inline functions call when the list is empty.
    pub fn allocate_function(&self) -> Allocate {
        self.allocate.expect("set at initialization")
    }
}

/// Lists that are initialized, with their host.
#[derive(Default)]
struct Lists(RefCell<BTreeMap<usize, HostId>>);

/// Lookaside lists of a host that are not deleted.
pub fn lookaside_lists_outstanding(host: HostId) -> usize {
    let lists = sim::local::<Lists>();
    lists.0.borrow().values().filter(|owner| **owner == host).count()
}

unsafe extern "win64" fn allocate(
    kind: i32,
    size: usize,
    tag: u32,
    _: *mut GENERAL_LOOKASIDE,
) -> *mut c_void {
    // SAFETY: a live simulation.
    unsafe { ExAllocatePoolWithTag(kind, size as u64, tag) }
}

unsafe extern "win64" fn free(entry: *mut c_void, _: *mut GENERAL_LOOKASIDE) {
    // SAFETY: allocated by `allocate`, or by the driver's function that goes with this one.
    unsafe { ExFreePool(entry) };
}

/// What all lists are made of.
struct Made {
    allocate: Option<Allocate>,
    free: Option<Free>,
    kind: i32,
    size: usize,
    tag: u32,
}

unsafe fn initialize(name: &str, list: *mut GENERAL_LOOKASIDE, made: &Made) {
    if !(list as usize).is_multiple_of(align_of::<SLIST_HEADER>()) {
        sim::fail(LOOKASIDE, format!("{name}: {list:p} is not on a multiple of 16"));
    }
    if made.size < size_of::<*mut c_void>() {
        sim::fail(
            LOOKASIDE,
            format!("{name}: {} bytes are too few for an entry", made.size),
        );
    }
    let lists = sim::local::<Lists>();
    if lists.0.borrow_mut().insert(list as usize, host()).is_some() {
        sim::fail(LOOKASIDE, format!("{name}: the list is initialized already"));
    }
    let fresh = GENERAL_LOOKASIDE {
        head: SLIST_HEADER {
            depth_and_sequence: 0,
            next: ptr::null_mut(),
        },
        depth: DEPTH,
        maximum_depth: 256,
        total_allocates: 0,
        allocate_misses: 0,
        total_frees: 0,
        free_misses: 0,
        kind: made.kind,
        tag: made.tag,
        size: made.size as u32,
        allocate: made.allocate.or(Some(allocate)),
        free: made.free.or(Some(free)),
        list: [0; 2],
        last: [0; 2],
        future: [0; 2],
    };
    // SAFETY: the caller's place.
    unsafe { list.write(fresh) };
}

/// Gives back the entries that the list keeps.
unsafe fn empty(list: *mut GENERAL_LOOKASIDE) {
    // SAFETY: the caller's list.
    let free = unsafe { (*list).free }.expect("set at initialization");
    // SAFETY: as above.
    let head = unsafe { &raw mut (*list).head };
    loop {
        // SAFETY: as above.
        let entry = unsafe { pop(head) };
        if entry.is_null() {
            return;
        }
        // SAFETY: the entry came from the list's own function.
        unsafe { free(entry.cast(), list) };
    }
}

fn expect_known(name: &str, list: *mut GENERAL_LOOKASIDE) {
    let lists = sim::local::<Lists>();
    if !lists.0.borrow().contains_key(&(list as usize)) {
        sim::fail(LOOKASIDE, format!("{name}: no such list"));
    }
}

unsafe fn delete(name: &str, list: *mut GENERAL_LOOKASIDE) {
    expect_known(name, list);
    // SAFETY: the caller's list, which is known.
    unsafe { empty(list) };
    sim::local::<Lists>().0.borrow_mut().remove(&(list as usize));
}

/// `ExInitializeNPagedLookasideList`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `list` is a place for a list; the functions are those of the pages.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExInitializeNPagedLookasideList(
    list: *mut GENERAL_LOOKASIDE,
    allocate: Option<Allocate>,
    free: Option<Free>,
    flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    let name = "ExInitializeNPagedLookasideList";
    enter(name, Level::Dispatch);
    let made = Made {
        allocate,
        free,
        // `POOL_NX_ALLOCATION` is that bit of the pool type.
        kind: (flags & NON_PAGED_NX as u32) as i32,
        size,
        tag,
    };
    // SAFETY: the caller's place.
    unsafe { initialize(name, list, &made) };
}

/// `ExDeleteNPagedLookasideList`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation; the list is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExDeleteNPagedLookasideList(list: *mut GENERAL_LOOKASIDE) {
    enter("ExDeleteNPagedLookasideList", Level::Dispatch);
    // SAFETY: checked.
    unsafe { delete("ExDeleteNPagedLookasideList", list) };
}

/// `ExInitializeLookasideListEx`, of non-paged memory. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// As [`ExInitializeNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExInitializeLookasideListEx(
    list: *mut GENERAL_LOOKASIDE,
    allocate: Option<Allocate>,
    free: Option<Free>,
    kind: i32,
    flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) -> i32 {
    let name = "ExInitializeLookasideListEx";
    enter(name, Level::Dispatch);
    if flags & !KNOWN_FLAGS != 0 || flags == KNOWN_FLAGS {
        return INVALID_PARAMETER_5;
    }
    let made = Made {
        allocate,
        free,
        kind,
        size,
        tag,
    };
    // SAFETY: the caller's place.
    unsafe { initialize(name, list, &made) };
    SUCCESS
}

/// `ExDeleteLookasideListEx`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation; the list is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExDeleteLookasideListEx(list: *mut GENERAL_LOOKASIDE) {
    enter("ExDeleteLookasideListEx", Level::Dispatch);
    // SAFETY: checked.
    unsafe { delete("ExDeleteLookasideListEx", list) };
}

/// `ExFlushLookasideListEx`. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation; the list is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExFlushLookasideListEx(list: *mut GENERAL_LOOKASIDE) {
    enter("ExFlushLookasideListEx", Level::Dispatch);
    expect_known("ExFlushLookasideListEx", list);
    // SAFETY: the caller's list.
    unsafe { empty(list) };
}

unsafe fn pop(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    // SAFETY: the caller's list.
    let head = unsafe { &mut *head };
    let first = head.next;
    if !first.is_null() {
        // SAFETY: an entry of the list.
        head.next = unsafe { (*first).next };
        head.depth_and_sequence -= 1;
    }
    first
}

/// `ExpInterlockedPopEntrySList`: what `InterlockedPopEntrySList` is in a driver. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `head` is a live list.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExpInterlockedPopEntrySList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    enter("ExpInterlockedPopEntrySList", Level::Dispatch);
    // SAFETY: the caller's list.
    unsafe { pop(head) }
}

/// `ExpInterlockedPushEntrySList`; the entry that was first before. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `head` is a live list, `entry` in none.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExpInterlockedPushEntrySList(
    head: *mut SLIST_HEADER,
    entry: *mut SLIST_ENTRY,
) -> *mut SLIST_ENTRY {
    enter("ExpInterlockedPushEntrySList", Level::Dispatch);
    // SAFETY: the caller's list.
    let head = unsafe { &mut *head };
    let mut other = head.next;
    while !other.is_null() {
        if other == entry {
            sim::fail(
                LOOKASIDE,
                format!("entry {entry:p} is pushed to the list that it is in"),
            );
        }
        // SAFETY: an entry of the list.
        other = unsafe { (*other).next };
    }
    let before = head.next;
    // SAFETY: the caller's entry.
    unsafe { (*entry).next = before };
    head.next = entry;
    head.depth_and_sequence += 1;
    before
}

/// `ExpInterlockedFlushSList`: all entries. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// `head` is a live list.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExpInterlockedFlushSList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    enter("ExpInterlockedFlushSList", Level::Dispatch);
    // SAFETY: the caller's list.
    let head = unsafe { &mut *head };
    head.depth_and_sequence = 0;
    std::mem::replace(&mut head.next, ptr::null_mut())
}

/// `ExQueryDepthSList`. Any IRQL.
///
/// # Safety
/// `head` is a live list.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ExQueryDepthSList(head: *mut SLIST_HEADER) -> u16 {
    enter("ExQueryDepthSList", Level::Any);
    // SAFETY: the caller's list.
    unsafe { (*head).depth_and_sequence as u16 }
}
