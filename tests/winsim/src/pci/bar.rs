//! One BAR: shared memory mapped twice, read-only for the driver and writable for the model.

use super::trap;
use std::ptr::{self, NonNull};

/// The memory of one BAR.
///
/// All multi-byte accessors are plain bytes: the model decides about byte order.
pub struct Bar {
    driver: NonNull<u8>,
    model: NonNull<u8>,
    size: usize,
    trap: u32,
}

impl Bar {
    /// Maps `size` bytes (a multiple of 4096) and makes the driver's writes to them trap.
    pub(super) fn new(size: usize) -> Self {
        assert!(size.is_multiple_of(4096) && size > 0, "a BAR is made of pages");
        // SAFETY: the name is a C string.
        let file = unsafe { libc::memfd_create(c"bar".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(file >= 0, "no memory file for a BAR");
        // SAFETY: the descriptor was just made.
        let grown = unsafe { libc::ftruncate(file, size as libc::off_t) };
        assert_eq!(grown, 0, "no memory for a BAR");
        let driver = map(file, size, libc::PROT_READ);
        let model = map(file, size, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: the mappings keep the memory; the descriptor is used no more.
        unsafe { libc::close(file) };
        let trap = trap::add(driver.as_ptr() as usize, size);
        Self {
            driver,
            model,
            size,
            trap,
        }
    }

    /// Length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where the driver sees the BAR.
    pub fn driver_pointer(&self) -> *mut u8 {
        self.driver.as_ptr()
    }

    /// The number under which the trap handler reports writes to this BAR.
    pub(super) fn trap(&self) -> u32 {
        self.trap
    }

    /// Sets what the driver reads at `offset`.
    ///
    /// # Panics
    ///
    /// If the bytes leave the BAR.
    pub fn store(&self, offset: u64, bytes: &[u8]) {
        let offset = self.check(offset, bytes.len());
        // SAFETY: checked to be inside the mapping.
        let target = unsafe { self.model.as_ptr().add(offset) };
        // SAFETY: the model's mapping is writable and nobody holds a reference into it.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Reads what the driver reads at `offset`.
    ///
    /// # Panics
    ///
    /// If the bytes leave the BAR.
    pub fn load(&self, offset: u64, bytes: &mut [u8]) {
        let offset = self.check(offset, bytes.len());
        // SAFETY: checked to be inside the mapping.
        let source = unsafe { self.model.as_ptr().add(offset) };
        // SAFETY: the mapping is readable; nobody holds a reference into it.
        unsafe { ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), bytes.len()) };
    }

    /// Sets a big-endian register.
    pub fn store_be32(&self, offset: u64, value: u32) {
        self.store(offset, &value.to_be_bytes());
    }

    /// Reads a big-endian register.
    pub fn load_be32(&self, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.load(offset, &mut bytes);
        u32::from_be_bytes(bytes)
    }

    /// Fills the whole BAR, as a function that is gone does with ones.
    pub fn fill(&self, value: u8) {
        // SAFETY: the model's mapping has this size and is writable.
        unsafe { ptr::write_bytes(self.model.as_ptr(), value, self.size) };
    }

    /// Makes a part of the BAR plain memory for the driver (or traps again). Its writes then reach nobody: this is for
    /// counting instructions and for measuring without the cost of traps.
    ///
    /// # Panics
    ///
    /// If the part is not made of whole pages of this BAR.
    pub fn set_plain(&self, offset: u64, length: usize, plain: bool) {
        let offset = self.check(offset, length);
        assert!(
            offset.is_multiple_of(4096) && length.is_multiple_of(4096),
            "protection is by page"
        );
        let protection = if plain {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        };
        // SAFETY: checked to be inside the mapping.
        let start = unsafe { self.driver.as_ptr().add(offset) };
        // SAFETY: these are whole pages of our own mapping.
        let done = unsafe { libc::mprotect(start.cast(), length, protection) };
        assert_eq!(done, 0, "the protection of a BAR did not change");
    }

    fn check(&self, offset: u64, length: usize) -> usize {
        let offset = usize::try_from(offset).expect("an offset fits");
        assert!(
            offset.checked_add(length).is_some_and(|end| end <= self.size),
            "offset {offset:#x} leaves the BAR"
        );
        offset
    }
}

fn map(file: libc::c_int, size: usize, protection: libc::c_int) -> NonNull<u8> {
    // SAFETY: a fresh mapping of our own file, placed by the system.
    let address = unsafe { libc::mmap(ptr::null_mut(), size, protection, libc::MAP_SHARED, file, 0) };
    assert_ne!(address, libc::MAP_FAILED, "no address space for a BAR");
    NonNull::new(address.cast()).expect("mmap gives no null")
}

impl Drop for Bar {
    fn drop(&mut self) {
        trap::remove(self.trap);
        // SAFETY: both mappings are ours and nobody uses them after this.
        unsafe { libc::munmap(self.driver.as_ptr().cast(), self.size) };
        // SAFETY: as above.
        unsafe { libc::munmap(self.model.as_ptr().cast(), self.size) };
    }
}
