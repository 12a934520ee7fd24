//! Memory of a consumer: page-aligned, locked, described by an MDL.

use std::alloc::{Layout, alloc_zeroed, dealloc};

use wdk_standin::{_MDL, PMDL};

const PAGE: usize = 4096;
/// The pages of non-paged pool are locked and have a system address.
const MDL_SOURCE_IS_NONPAGED_POOL: i16 = 0x4;

/// Non-paged memory of a host.
pub struct Buffer {
    memory: *mut u8,
    length: usize,
    mdl: Box<_MDL>,
}

impl Buffer {
    /// `length` zero bytes, at least one.
    ///
    /// # Panics
    ///
    /// When this machine is out of memory.
    pub fn new(length: usize) -> Self {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(Self::layout(length)) };
        assert!(!memory.is_null(), "no memory for a buffer of {length} bytes");
        let mdl = Box::new(_MDL {
            Next: std::ptr::null_mut(),
            Size: size_of::<_MDL>() as i16,
            MdlFlags: MDL_SOURCE_IS_NONPAGED_POOL,
            Process: std::ptr::null_mut(),
            MappedSystemVa: memory.cast(),
            StartVa: memory.cast(),
            ByteCount: length as u32,
            ByteOffset: 0,
        });
        Self { memory, length, mdl }
    }

    fn layout(length: usize) -> Layout {
        Layout::from_size_align(length.max(1).next_multiple_of(PAGE), PAGE).expect("a sane length")
    }

    /// Length in bytes.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no byte.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The MDL, for calls of the interface.
    pub fn mdl(&self) -> PMDL {
        std::ptr::from_ref::<_MDL>(&self.mdl).cast_mut()
    }

    /// Address of the first byte.
    pub const fn address(&self) -> *mut u8 {
        self.memory
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is ours, initialised, and lives as long as `self`; the simulation runs on one thread, so no
        // device writes while the slice is looked at.
        unsafe { std::slice::from_raw_parts(self.memory, self.length) }
    }

    /// The bytes, to change them.
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`.
        unsafe { std::slice::from_raw_parts_mut(self.memory, self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated with the same layout.
        unsafe { dealloc(self.memory, Self::layout(self.length)) };
    }
}
