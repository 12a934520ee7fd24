//! Memory of a consumer: page-aligned, locked, described by an MDL.

use wdk_standin::{_MDL, PMDL};

use crate::nt::HostMemory;

/// The pages of non-paged pool are locked and have a system address.
const MDL_SOURCE_IS_NONPAGED_POOL: i16 = 0x4;

/// Non-paged memory of a host.
pub struct Buffer {
    memory: HostMemory,
    mdl: Box<_MDL>,
}

impl Buffer {
    /// `length` zero bytes.
    ///
    /// # Panics
    ///
    /// When there are more bytes than a machine has.
    pub fn new(length: usize) -> Self {
        let memory = HostMemory::at(0, length);
        let mdl = Box::new(_MDL {
            Next: std::ptr::null_mut(),
            Size: size_of::<_MDL>() as i16,
            MdlFlags: MDL_SOURCE_IS_NONPAGED_POOL,
            Process: std::ptr::null_mut(),
            MappedSystemVa: memory.address().cast(),
            StartVa: memory.address().cast(),
            ByteCount: length as u32,
            ByteOffset: 0,
        });
        Self { memory, mdl }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// The MDL, for calls of the interface.
    pub fn mdl(&self) -> PMDL {
        std::ptr::from_ref::<_MDL>(&self.mdl).cast_mut()
    }

    /// Address of the first byte.
    pub const fn address(&self) -> *mut u8 {
        self.memory.address()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.memory
    }

    /// The bytes, to change them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }
}
