//! [`Mmio`]: a mapped range of device registers.

use core::ptr::{NonNull, null_mut};

use wdk_sys::PHYSICAL_ADDRESS;

use super::{NdisHandle, Passive, Status};
use crate::sys::ndis;

/// Device registers in the kernel's address space, uncached. The ConnectX is big-endian throughout.
///
/// A device that is gone answers every read with all ones.
#[derive(Debug)]
pub struct Mmio {
    ndis: NdisHandle,
    base: NonNull<u8>,
    length: u32,
}

// SAFETY: register accesses are single volatile operations, allowed on every processor; order is the caller's business.
unsafe impl Send for Mmio {}
// SAFETY: as above.
unsafe impl Sync for Mmio {}

impl Mmio {
    /// Maps `length` bytes at `physical`. Only inside `MiniportInitializeEx` (rule INIT-06).
    ///
    /// # Errors
    /// What `NdisMMapIoSpace` returned.
    pub fn map(ndis: NdisHandle, physical: u64, length: u32, _: Passive<'_>) -> Result<Self, Status> {
        let mut base = null_mut();
        let address = PHYSICAL_ADDRESS {
            QuadPart: physical.cast_signed(),
        };
        // SAFETY: a live handle; the token proves PASSIVE_LEVEL; NDIS checks the range against the adapter's resources.
        let status = unsafe { ndis::NdisMMapIoSpace(&raw mut base, ndis.as_raw(), address, length) };
        Status(status).ok()?;
        let base = NonNull::new(base.cast()).ok_or(Status::INSUFFICIENT_RESOURCES)?;
        Ok(Self { ndis, base, length })
    }

    /// Bytes mapped.
    pub const fn len(&self) -> u32 {
        self.length
    }

    /// Whether nothing is mapped (never).
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Reads the big-endian 32-bit register at `offset`. Any IRQL.
    ///
    /// # Panics
    /// If the register is not inside the range or not aligned: our own mistake.
    #[inline]
    pub fn read_be32(&self, offset: u32) -> u32 {
        // SAFETY: inside the mapping, aligned.
        u32::from_be(unsafe { self.register::<u32>(offset).read_volatile() })
    }

    /// Writes the big-endian 32-bit register at `offset`. Any IRQL.
    ///
    /// # Panics
    /// If the register is not inside the range or not aligned: our own mistake.
    #[inline]
    pub fn write_be32(&self, offset: u32, value: u32) {
        // SAFETY: inside the mapping, aligned.
        unsafe { self.register::<u32>(offset).write_volatile(value.to_be()) }
    }

    /// Writes the big-endian 64-bit register at `offset` in one access. Any IRQL.
    ///
    /// # Panics
    /// If the register is not inside the range or not aligned: our own mistake.
    #[inline]
    pub fn write_be64(&self, offset: u32, value: u64) {
        // SAFETY: inside the mapping, aligned.
        unsafe { self.register::<u64>(offset).write_volatile(value.to_be()) }
    }

    /// The `length` bytes at `offset`, for [`super::ring`]; `None` when they are not inside or not aligned.
    pub(super) fn range(&self, offset: u32, length: u32) -> Option<NonNull<u8>> {
        let end = offset.checked_add(length)?;
        if end > self.length || !offset.is_multiple_of(length) {
            return None;
        }
        // SAFETY: checked to be inside the mapping.
        Some(unsafe { self.base.add(offset as usize) })
    }

    /// The address of a register, checked.
    #[inline]
    fn register<R>(&self, offset: u32) -> *mut R {
        let end = u64::from(offset) + size_of::<R>() as u64;
        assert!(end <= u64::from(self.length) && (offset as usize).is_multiple_of(size_of::<R>()));
        self.base.as_ptr().wrapping_add(offset as usize).cast()
    }
}

impl Drop for Mmio {
    /// Unmaps; at `PASSIVE_LEVEL`, as its owner, the adapter, sees to.
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length.
        unsafe { ndis::NdisMUnmapIoSpace(self.ndis.as_raw(), self.base.as_ptr().cast(), self.length) }
    }
}
