//! Memory of a consumer: page-aligned, locked, described by an MDL.

use wdk_standin::PMDL;

use super::{HostMemory, mdl_for, mdl_free};

/// Non-paged memory of a host.
pub struct Buffer {
    memory: HostMemory,
    mdl: PMDL,
}

impl Buffer {
    /// `length` zero bytes.
    ///
    /// # Panics
    ///
    /// When there are more bytes than a machine has.
    pub fn new(length: usize) -> Self {
        Self::at(0, length)
    }

    /// The same, from offset `offset` of a page on.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    pub fn at(offset: usize, length: usize) -> Self {
        let mut memory = HostMemory::at(offset, length);
        let mdl = mdl_for(&mut memory);
        Self { memory, mdl }
    }

    /// Takes the MDL away from the memory, which stays: another describes it from now on.
    pub fn renew_mdl(&mut self) {
        mdl_free(self.mdl);
        self.mdl = mdl_for(&mut self.memory);
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
    pub const fn mdl(&self) -> PMDL {
        self.mdl
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

impl Drop for Buffer {
    fn drop(&mut self) {
        mdl_free(self.mdl);
    }
}
