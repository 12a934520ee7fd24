//! Memory descriptor lists.

use super::context::{Level, enter, host};
use super::dma::is_mapped;
use crate::sim::{self, HostId, faults};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use wdk_standin::{_MDL, _MEMORY_CACHING_TYPE, BOOLEAN, MEMORY_CACHING_TYPE, PMDL, PVOID, ULONG};

/// Rule id of an MDL that is not what the call takes (MR-73: what is registered is resident; wdm.h pages of the calls).
const MDL: &str = "MDL";
/// `MDL_MAPPED_TO_SYSTEM_VA`.
const MAPPED_TO_SYSTEM_VA: i16 = 0x1;
/// `MDL_PAGES_LOCKED`.
const PAGES_LOCKED: i16 = 0x2;
/// `MdlMappingNoExecute` or `MdlMappingNoWrite` with it: what drivers of today ask for.
const EXECUTE_NEVER: ULONG = 0x4000_0000;
/// `MDL_SOURCE_IS_NONPAGED_POOL`.
const SOURCE_IS_NONPAGED_POOL: i16 = 0x4;
/// `MDL_PARTIAL`.
const PARTIAL: i16 = 0x10;
/// `MDL_PARENT_MAPPED_SYSTEM_VA`.
const PARENT_MAPPED_SYSTEM_VA: i16 = 0x100;
/// Each says that the pages stay where they are.
const RESIDENT: i16 = PAGES_LOCKED | SOURCE_IS_NONPAGED_POOL | PARTIAL;
const PAGE: usize = 4096;

/// An MDL of resident memory. It is to be given back with [`mdl_free`].
pub fn mdl_for(memory: &mut [u8]) -> PMDL {
    let address = memory.as_mut_ptr();
    let offset = address as usize % PAGE;
    Box::into_raw(Box::new(_MDL {
        Next: std::ptr::null_mut(),
        Size: size_of::<_MDL>() as i16,
        MdlFlags: SOURCE_IS_NONPAGED_POOL,
        Process: std::ptr::null_mut(),
        MappedSystemVa: address.cast(),
        StartVa: address.wrapping_sub(offset).cast(),
        ByteCount: memory.len() as u32,
        ByteOffset: offset as u32,
    }))
}

/// An MDL of locked pages that have no address in system space, as those of a program's memory. It is to be given back with
/// [`mdl_free`].
pub fn mdl_for_locked(memory: &mut [u8]) -> PMDL {
    let mdl = mdl_for(memory);
    // SAFETY: just made.
    let this = unsafe { &mut *mdl };
    this.MdlFlags = PAGES_LOCKED;
    this.MappedSystemVa = std::ptr::null_mut();
    mdl
}

/// Frees an MDL of [`mdl_for`]: who reads it afterwards reads what is no MDL.
#[expect(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "the counterpart of a function that gives the pointer out"
)]
pub fn mdl_free(mdl: PMDL) {
    // SAFETY: made by `mdl_for`, which boxed it.
    let mut freed = unsafe { Box::from_raw(mdl) };
    *freed = FREED;
    if !sim::is_running() {
        return;
    }
    let graveyard = sim::local::<Graveyard>();
    let mut graveyard = graveyard.0.borrow_mut();
    graveyard.push_back(freed);
    if graveyard.len() > QUARANTINE {
        graveyard.pop_front();
    }
}

/// Freed MDLs whose memory nobody gets yet.
#[derive(Default)]
struct Graveyard(RefCell<VecDeque<Box<_MDL>>>);

/// How many of them.
const QUARANTINE: usize = 4096;
/// What a freed MDL says of itself.
const FREED: _MDL = _MDL {
    Next: std::ptr::null_mut(),
    Size: -1,
    MdlFlags: -1,
    Process: std::ptr::null_mut(),
    MappedSystemVa: std::ptr::null_mut(),
    StartVa: std::ptr::null_mut(),
    ByteCount: u32::MAX,
    ByteOffset: u32::MAX,
};

/// Places of MDLs, and what each says of the memory: its address and its bytes.
pub(super) type Described = Vec<(usize, (usize, u32, u32))>;

/// What a chain of MDLs says of its first `length` bytes.
///
/// # Safety
/// `first` is a chain of MDLs.
pub(super) unsafe fn mdl_describes(first: PMDL, length: usize) -> Described {
    let (mut mdl, mut left, mut seen) = (first, length, Vec::new());
    // SAFETY: the caller's chain.
    while let Some(this) = unsafe { mdl.as_ref() }
        && left > 0
    {
        seen.push((mdl as usize, says(this)));
        left = left.saturating_sub(this.ByteCount as usize);
        mdl = this.Next;
    }
    seen
}

/// Which MDL of `described` is the first that says something else by now: it was freed or changed.
pub(super) fn mdl_changed(described: &Described) -> Option<usize> {
    described.iter().position(|(mdl, before)| {
        // SAFETY: freed MDLs keep their memory for a while.
        says(unsafe { &*(*mdl as PMDL) }) != *before
    })
}

fn says(mdl: &_MDL) -> (usize, u32, u32) {
    (mdl.StartVa as usize, mdl.ByteOffset, mdl.ByteCount)
}

/// The memory of a chain of MDLs: `length` bytes from the virtual address `from` on, each piece contiguous. `None` if the
/// chain does not hold them.
///
/// # Safety
/// `first` is a chain of MDLs of resident memory.
pub unsafe fn mdl_pieces(first: PMDL, from: usize, length: usize) -> Option<Vec<(*mut u8, usize)>> {
    let mut pieces = Vec::new();
    let (mut mdl, mut skip, mut left) = (first, None, length);
    while left > 0 {
        // SAFETY: the caller's chain.
        let this = unsafe { mdl.as_ref() }?;
        let base = this.StartVa as usize + this.ByteOffset as usize;
        let start = match skip {
            None => from.checked_sub(base)?,
            Some(skip) => skip,
        };
        skip = Some(start.saturating_sub(this.ByteCount as usize));
        if start < this.ByteCount as usize {
            let resident = MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL | PARENT_MAPPED_SYSTEM_VA;
            let system = if this.MdlFlags & resident == 0 {
                base as *mut u8
            } else {
                this.MappedSystemVa.cast()
            };
            let count = (this.ByteCount as usize - start).min(left);
            pieces.push((system.wrapping_add(start), count));
            left -= count;
        }
        mdl = this.Next;
    }
    Some(pieces)
}

/// The flags of the first MDL of a chain whose pages may move.
///
/// # Safety
/// `first` is a chain of MDLs.
pub(super) unsafe fn mdl_not_resident(first: PMDL) -> Option<i16> {
    let mut mdl = first;
    loop {
        // SAFETY: the caller's chain.
        let this = unsafe { mdl.as_ref() }?;
        if this.MdlFlags & RESIDENT == 0 {
            return Some(this.MdlFlags);
        }
        mdl = this.Next;
    }
}

/// MDLs of [`IoAllocateMdl`] that were not freed.
#[derive(Default)]
struct Allocated(RefCell<BTreeMap<usize, HostId>>);

/// `IoAllocateMdl`: describes memory, without its pages yet; NULL when there is no memory. Neither a secondary buffer nor a
/// request is supported. Fault point `IoAllocateMdl`.
///
/// # Safety
/// None beyond a live simulation; the memory is not touched.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoAllocateMdl(
    address: PVOID,
    length: ULONG,
    secondary: BOOLEAN,
    _charge_quota: BOOLEAN,
    request: PVOID,
) -> PMDL {
    enter("IoAllocateMdl", Level::Dispatch);
    if secondary != 0 || !request.is_null() {
        sim::fail(MDL, "IoAllocateMdl for a request: the simulated system has none");
    }
    if faults::fire("IoAllocateMdl") {
        return std::ptr::null_mut();
    }
    let offset = address as usize % PAGE;
    let mdl = Box::into_raw(Box::new(_MDL {
        Next: std::ptr::null_mut(),
        Size: size_of::<_MDL>() as i16,
        MdlFlags: 0,
        Process: std::ptr::null_mut(),
        MappedSystemVa: std::ptr::null_mut(),
        StartVa: address.wrapping_byte_sub(offset),
        ByteCount: length,
        ByteOffset: offset as u32,
    }));
    sim::local::<Allocated>()
        .0
        .borrow_mut()
        .insert(mdl as usize, host());
    mdl
}

/// `MmBuildMdlForNonPagedPool`: the MDL's pages are those of nonpaged pool. Once for an MDL.
///
/// # Safety
/// `mdl` is one of [`IoAllocateMdl`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn MmBuildMdlForNonPagedPool(mdl: PMDL) {
    enter("MmBuildMdlForNonPagedPool", Level::Dispatch);
    expect_allocated(mdl, "MmBuildMdlForNonPagedPool");
    // SAFETY: it is one of ours.
    let this = unsafe { &mut *mdl };
    if this.MdlFlags & RESIDENT != 0 {
        sim::fail(
            MDL,
            format!(
                "MmBuildMdlForNonPagedPool of an MDL that has pages: flags {:#x}",
                this.MdlFlags
            ),
        );
    }
    let start = this.StartVa as usize + this.ByteOffset as usize;
    if !super::pool::is_pool(start, this.ByteCount as usize) {
        sim::fail(
            MDL,
            format!("MmBuildMdlForNonPagedPool: {start:#x} is not nonpaged pool"),
        );
    }
    this.MappedSystemVa = this.StartVa.wrapping_byte_add(this.ByteOffset as usize);
    this.MdlFlags |= SOURCE_IS_NONPAGED_POOL;
}

/// `IoBuildPartialMdl`: `target` describes `length` bytes of `source` from the virtual address `start` on.
///
/// # Safety
/// `source` is a live MDL that has its pages, `target` one of [`IoAllocateMdl`].
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoBuildPartialMdl(source: PMDL, target: PMDL, start: PVOID, length: ULONG) {
    let ddi = "IoBuildPartialMdl";
    enter(ddi, Level::Dispatch);
    expect_allocated(target, ddi);
    // SAFETY: the caller's MDL.
    let source = unsafe { *source };
    // SAFETY: it is one of ours.
    let target = unsafe { &mut *target };
    let base = source.StartVa as usize + source.ByteOffset as usize;
    let skip = (start as usize).wrapping_sub(base);
    let room = target.ByteOffset as usize + target.ByteCount as usize;
    if source.MdlFlags & RESIDENT == 0
        || skip + length as usize > source.ByteCount as usize
        || start as usize % PAGE + length as usize > room
        || target.MdlFlags & RESIDENT != 0
    {
        let (flags, count) = (source.MdlFlags, source.ByteCount);
        sim::fail(
            MDL,
            format!(
                "{ddi}: {length} bytes at {skip:#x} of {count} with flags {flags:#x}, into room for {room}"
            ),
        );
    }
    target.StartVa = start.wrapping_byte_sub(start as usize % PAGE);
    target.ByteOffset = (start as usize % PAGE) as u32;
    target.ByteCount = length;
    target.MdlFlags |= PARTIAL;
    if source.MdlFlags & (MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL | PARENT_MAPPED_SYSTEM_VA) != 0 {
        target.MappedSystemVa = source.MappedSystemVa.wrapping_byte_add(skip);
        target.MdlFlags |= PARENT_MAPPED_SYSTEM_VA;
    }
}

/// `MmMapLockedPagesSpecifyCache`: an address in system space for locked pages that have none.
///
/// It stays with the MDL; NULL when there is no room. For the system itself, cached, not to be executed, and without a bug check.
/// Fault point `MmMapLockedPagesSpecifyCache`.
///
/// # Safety
/// `mdl` is a live MDL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn MmMapLockedPagesSpecifyCache(
    mdl: PMDL,
    mode: i8,
    cache: MEMORY_CACHING_TYPE,
    requested: PVOID,
    bug_check: ULONG,
    priority: ULONG,
) -> PVOID {
    let ddi = "MmMapLockedPagesSpecifyCache";
    enter(ddi, Level::Dispatch);
    // SAFETY: the caller's MDL.
    let this = unsafe { &mut *mdl };
    let flags = this.MdlFlags;
    if flags & PAGES_LOCKED == 0 || flags & (MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL) != 0 {
        sim::fail(
            MDL,
            format!("{ddi} of an MDL whose pages are not locked, or have an address: flags {flags:#x}"),
        );
    }
    if mode != 0 || cache != _MEMORY_CACHING_TYPE::MmCached || !requested.is_null() || bug_check != 0 {
        sim::fail(
            MDL,
            format!("{ddi}: mode {mode}, cache {cache}, at {requested:p}, bug check {bug_check}"),
        );
    }
    if priority & EXECUTE_NEVER == 0 {
        sim::fail(
            MDL,
            format!("{ddi}: memory that could be executed: {priority:#x}"),
        );
    }
    if faults::fire("MmMapLockedPagesSpecifyCache") {
        return std::ptr::null_mut();
    }
    this.MappedSystemVa = this.StartVa.wrapping_byte_add(this.ByteOffset as usize);
    this.MdlFlags |= MAPPED_TO_SYSTEM_VA;
    this.MappedSystemVa
}

/// `IoFreeMdl`: the memory that it describes is not touched.
///
/// # Safety
/// `mdl` is one of [`IoAllocateMdl`], which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoFreeMdl(mdl: PMDL) {
    enter("IoFreeMdl", Level::Dispatch);
    expect_allocated(mdl, "IoFreeMdl");
    sim::local::<Allocated>().0.borrow_mut().remove(&(mdl as usize));
    mdl_free(mdl);
}

fn expect_allocated(mdl: PMDL, what: &str) {
    if !sim::local::<Allocated>().0.borrow().contains_key(&(mdl as usize)) {
        sim::fail(
            MDL,
            format!("{what} of an MDL that IoAllocateMdl did not make, or that is freed"),
        );
    }
}

/// How many MDLs the drivers of a host hold that no device has mapped: those go with their mappings (DMA-10).
pub(super) fn mdls_at_rest(host: HostId) -> usize {
    let allocated = sim::local::<Allocated>();
    let held = allocated.0.borrow();
    let at_rest = |(mdl, owner): &(&usize, &HostId)| **owner == host && !is_mapped(**mdl);
    held.iter().filter(at_rest).count()
}

/// How many MDLs the drivers of a host hold.
pub fn mdls_outstanding(host: HostId) -> usize {
    let allocated = sim::local::<Allocated>();
    let held = allocated.0.borrow();
    held.values().filter(|owner| **owner == host).count()
}
