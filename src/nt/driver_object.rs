//! What the driver keeps with its driver object: there are no globals, and unload is told nothing else.

use core::{ffi::c_void, ptr::null_mut};

use wdk_sys::{_DRIVER_OBJECT as DRIVER_OBJECT, ntddk};

use super::{
    Passive, Status,
    sync::{AtomicPtr, Ordering},
};

/// The extension of the driver object: the handle that NDIS gave the driver, and what the driver itself keeps.
#[derive(Debug)]
#[repr(C)]
pub struct DriverExtension {
    ndis: AtomicPtr<c_void>,
    context: AtomicPtr<c_void>,
}

impl DriverExtension {
    /// Adds the extension to the driver object; it goes when the driver object goes.
    ///
    /// # Errors
    /// `INSUFFICIENT_RESOURCES`.
    ///
    /// # Safety
    /// `driver` is the driver's own driver object, which outlives every use of the result.
    pub unsafe fn create(driver: *mut DRIVER_OBJECT, _: Passive<'_>) -> Result<&'static Self, Status> {
        let mut extension = null_mut();
        // SAFETY: our driver object, at PASSIVE_LEVEL.
        let status = unsafe {
            ntddk::IoAllocateDriverObjectExtension(driver, key(), size_of::<Self>() as _, &raw mut extension)
        };
        Status(status).ok()?;
        let extension = extension.cast::<Self>();
        // SAFETY: nonpaged memory of this size, aligned as the pool aligns.
        unsafe {
            extension.write(Self {
                ndis: AtomicPtr::new(null_mut()),
                context: AtomicPtr::new(null_mut()),
            });
        }
        // SAFETY: written just now; lives as long as the driver object.
        Ok(unsafe { &*extension })
    }

    /// The extension that [`Self::create`] made.
    ///
    /// # Safety
    /// As for `create`.
    pub unsafe fn of(driver: *mut DRIVER_OBJECT) -> Option<&'static Self> {
        // SAFETY: our driver object.
        let extension = unsafe { ntddk::IoGetDriverObjectExtension(driver, key()) };
        // SAFETY: NULL, or what `create` wrote.
        unsafe { extension.cast::<Self>().as_ref() }
    }

    /// The place where NDIS puts the driver's handle.
    pub const fn ndis_handle_place(&self) -> *mut *mut c_void {
        self.ndis.as_ptr()
    }

    /// Keeps a pointer for the driver.
    pub fn set_context(&self, context: *const c_void) {
        self.context.store(context.cast_mut(), Ordering::Release);
    }

    /// Takes back what [`Self::set_context`] kept; NULL if that was nothing.
    pub fn take_context(&self) -> *const c_void {
        self.context.swap(null_mut(), Ordering::AcqRel).cast_const()
    }

    /// The driver's handle with NDIS; NULL before registration.
    pub fn ndis_handle(&self) -> *mut c_void {
        self.ndis.load(Ordering::Acquire)
    }
}

/// What distinguishes our extension of the driver object from those of others: an address that only we have.
fn key() -> *mut c_void {
    key as fn() -> *mut c_void as *mut c_void
}
