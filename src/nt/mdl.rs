//! [`Mdl`]: a chain of memory descriptor lists that a kernel consumer lends; [`OwnMdl`]: one of our own.

use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::{self, NonNull, null_mut},
};

use wdk_sys::{_MDL as MDL, _MEMORY_CACHING_TYPE, ntddk};

use super::NoMemory;

/// `MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL`.
const HAS_SYSTEM_ADDRESS: i16 = 0x5;
/// `KernelMode` of `MODE`.
const KERNEL_MODE: i8 = 0;
/// `NormalPagePriority`.
const NORMAL_PRIORITY: u32 = 16;
/// `MdlMappingNoExecute`.
const NO_EXECUTE: u32 = 0x4000_0000;

/// A chain of MDLs whose pages stay locked during `'a`.
#[derive(Clone, Copy, Debug)]
pub struct Mdl<'a> {
    first: NonNull<MDL>,
    scope: PhantomData<&'a MDL>,
}

// SAFETY: an MDL chain that is lent is read only; its memory is resident in every context.
unsafe impl Send for Mdl<'_> {}
// SAFETY: as above.
unsafe impl Sync for Mdl<'_> {}

impl Mdl<'_> {
    /// Wraps a chain; `None` if `raw` is NULL.
    ///
    /// # Safety
    /// `raw` is NULL or leads to a chain of MDLs that describe locked or nonpaged pages and do not change during `'a`.
    pub unsafe fn new(raw: *mut MDL) -> Option<Self> {
        Some(Self {
            first: NonNull::new(raw)?,
            scope: PhantomData,
        })
    }

    /// The first MDL, for a kernel call.
    pub const fn as_raw(self) -> *mut MDL {
        self.first.as_ptr()
    }

    /// Bytes that the whole chain describes.
    pub fn byte_count(self) -> u64 {
        self.iter().map(|mdl| u64::from(mdl.ByteCount)).sum()
    }

    /// Virtual address (`MmGetMdlVirtualAddress`) of the first byte: an index for the DMA functions, not for access.
    pub fn virtual_address(self) -> usize {
        // SAFETY: lives during `'a`.
        let mdl = unsafe { self.first.as_ref() };
        mdl.StartVa as usize + mdl.ByteOffset as usize
    }

    /// Gives `act` the `length` bytes after the first `skip`, piece by piece. Whether all of them could be reached: there may be
    /// no room to map pages that have no system address yet. `<= DISPATCH_LEVEL`.
    pub fn read(self, skip: usize, length: usize, mut act: impl FnMut(&[u8])) -> bool {
        let (mut skip, mut left) = (skip, length);
        let mut next = Some(self.first);
        while let Some(mdl) = next
            && left > 0
        {
            // SAFETY: live during `'a`; a copy, since the kernel may change it below.
            let seen = unsafe { mdl.read() };
            let bytes = seen.ByteCount as usize;
            next = NonNull::new(seen.Next);
            let before = skip.min(bytes);
            skip -= before;
            let count = (bytes - before).min(left);
            if count == 0 {
                continue;
            }
            let Some(start) = system_address(mdl) else {
                return false;
            };
            let start = start.wrapping_add(before);
            // SAFETY: the MDL describes them at its system address; they are lent to us, to be read.
            act(unsafe { core::slice::from_raw_parts(start, count) });
            left -= count;
        }
        left == 0
    }

    /// The MDLs of the chain.
    pub fn iter(&self) -> impl Iterator<Item = &MDL> {
        // SAFETY: live during `'a`, and not changed.
        core::iter::successors(Some(unsafe { self.first.as_ref() }), |mdl| unsafe {
            mdl.Next.as_ref()
        })
    }
}

/// A chain of MDLs that is ours: what it describes is named in it, not in the chains of others.
#[derive(Debug)]
pub struct OwnMdl {
    first: NonNull<MDL>,
}

// SAFETY: read only once made; any processor may free it.
unsafe impl Send for OwnMdl {}
// SAFETY: as above.
unsafe impl Sync for OwnMdl {}

impl OwnMdl {
    /// Describes the pages of the first `length` bytes of a chain anew, MDL by MDL (`IoBuildPartialMdl`, wdm.h). The pages stay
    /// locked while this lives; the chain may go. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn of_chain(chain: Mdl<'_>, length: u64) -> Result<Self, NoMemory> {
        let mut this: Option<Self> = None;
        let mut left = length;
        for source in chain.iter() {
            let count = left.min(u64::from(source.ByteCount)) as u32;
            if left == 0 {
                break;
            }
            if count == 0 {
                continue;
            }
            let start = source.StartVa.wrapping_byte_add(source.ByteOffset as usize);
            let part = allocate(start, count)?;
            // SAFETY: a built MDL of locked pages, and a fresh one for the first `count` of its bytes.
            unsafe { ntddk::IoBuildPartialMdl(ptr::from_ref(source).cast_mut(), part.as_ptr(), start, count) }
            match &this {
                Some(own) => own.append(part),
                None => this = Some(Self { first: part }),
            }
            left -= u64::from(count);
        }
        this.ok_or(NoMemory)
    }

    /// Describes `length` bytes of nonpaged pool.
    ///
    /// # Safety
    /// They are nonpaged pool, and stay it while the result lives.
    pub(super) unsafe fn of_pool(start: NonNull<u8>, length: u32) -> Result<Self, NoMemory> {
        let first = allocate(start.as_ptr().cast(), length)?;
        // SAFETY: a fresh MDL of nonpaged pool, as the caller says.
        unsafe { ntddk::MmBuildMdlForNonPagedPool(first.as_ptr()) }
        Ok(Self { first })
    }

    /// The chain.
    pub const fn chain(&self) -> Mdl<'_> {
        Mdl {
            first: self.first,
            scope: PhantomData,
        }
    }

    fn append(&self, part: NonNull<MDL>) {
        let mut last = self.first;
        // SAFETY: MDLs of the chain are live, and ours.
        while let Some(next) = NonNull::new(unsafe { last.as_ref() }.Next) {
            last = next;
        }
        // SAFETY: as above; nobody else knows the chain yet.
        unsafe { last.as_mut() }.Next = part.as_ptr();
    }
}

impl Drop for OwnMdl {
    fn drop(&mut self) {
        let mut next = Some(self.first);
        while let Some(mdl) = next {
            // SAFETY: a live MDL of the chain.
            next = NonNull::new(unsafe { mdl.as_ref() }.Next);
            // SAFETY: allocated by `allocate`, and not used any more.
            unsafe { ntddk::IoFreeMdl(mdl.as_ptr()) }
        }
    }
}

/// An MDL for `length` bytes at `start`, without its pages yet.
fn allocate(start: *mut c_void, length: u32) -> Result<NonNull<MDL>, NoMemory> {
    // SAFETY: no request, no quota; the memory is not touched.
    let mdl = unsafe { ntddk::IoAllocateMdl(start, length, 0, 0, null_mut()) };
    NonNull::new(mdl).ok_or(NoMemory)
}

/// The address in system space of an MDL's memory: the one that it has, or one that is made now and stays with the MDL, whose owner
/// undoes it with the lock of the pages (`MmGetSystemAddressForMdlSafe`, wdm.h). `None` without room for it.
fn system_address(mdl: NonNull<MDL>) -> Option<*mut u8> {
    // SAFETY: a live MDL.
    let seen = unsafe { mdl.read() };
    if seen.MdlFlags & HAS_SYSTEM_ADDRESS != 0 {
        return Some(seen.MappedSystemVa.cast());
    }
    // SAFETY: a live MDL of locked pages, not mapped yet; a failure is told, not a bug check.
    let made = unsafe {
        ntddk::MmMapLockedPagesSpecifyCache(
            mdl.as_ptr(),
            KERNEL_MODE,
            _MEMORY_CACHING_TYPE::MmCached,
            null_mut(),
            0,
            NORMAL_PRIORITY | NO_EXECUTE,
        )
    };
    NonNull::new(made.cast()).map(NonNull::as_ptr)
}
