//! Plain kernel drivers, of anybody, beside the miniport: loaded from an image or linked in, and unloaded.

use super::context::expect_clean;
use super::device::release_driver_object;
use super::handle::handles_outstanding;
use super::image::Image;
use super::lookaside::lookaside_lists_outstanding;
use super::mdl::mdls_at_rest;
use super::scheduling::on_host;
use super::service_key::{self, Key};
use super::thread::expect_no_threads;
use super::work_item::work_items_outstanding;
use crate::sim::{self, HostId};
use std::ffi::c_void;
use std::rc::Rc;
use wdk_standin::{_DRIVER_OBJECT, NTSTATUS, UNICODE_STRING};

/// Rule id of a driver that leaves something behind, or cannot be unloaded.
const UNLOAD: &str = "WDM-UNLOAD";

/// `DriverEntry` of a driver.
pub type DriverEntry = unsafe extern "win64" fn(*mut _DRIVER_OBJECT, *mut UNICODE_STRING) -> NTSTATUS;

/// A loaded driver.
pub struct WdmDriver {
    host: HostId,
    object: usize,
    key: Rc<Key>,
    image: Option<Image>,
}

/// The service key of a driver on a host: what its `DriverEntry` gets the path of.
pub fn service_path(host: HostId, name: &str) -> String {
    format!(
        r"\Registry\Machine\System\CurrentControlSet\Services\{name}.{}",
        host.0
    )
}

impl WdmDriver {
    /// Loads a driver on `host` under a service name: runs its `DriverEntry` at `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// What `DriverEntry` returned if it is not success.
    pub fn load(
        host: HostId,
        name: &str,
        entry: DriverEntry,
        image: Option<Image>,
    ) -> Result<Self, NTSTATUS> {
        let path = service_path(host, name);
        let key = service_key::key(&path);
        let loaded = on_host(host, "DriverEntry of a third party", move || {
            // SAFETY: all fields of a driver object may be zero.
            let object: Box<_DRIVER_OBJECT> = Box::new(unsafe { std::mem::zeroed() });
            let object = Box::into_raw(object);
            let mut units: Vec<u16> = path.encode_utf16().collect();
            let mut path = UNICODE_STRING {
                Length: (units.len() * 2) as u16,
                MaximumLength: (units.len() * 2) as u16,
                Buffer: units.as_mut_ptr(),
            };
            // SAFETY: DriverEntry gets what it is promised.
            let status = unsafe { entry(object, &raw mut path) };
            expect_clean("DriverEntry");
            (status, object as usize)
        });
        let driver = Self {
            host,
            object: loaded.1,
            key,
            image,
        };
        if loaded.0 < 0 {
            driver.forget();
            return Err(loaded.0);
        }
        if let Some(image) = &driver.image {
            image.discard();
        }
        Ok(driver)
    }

    /// The driver's service key.
    pub fn key(&self) -> &Rc<Key> {
        &self.key
    }

    /// Calls `DriverUnload`; what the driver leaves behind is a violation.
    pub fn unload(self) {
        let object = self.object;
        on_host(self.host, "DriverUnload", move || {
            let object = object as *mut _DRIVER_OBJECT;
            // SAFETY: the object of `load`.
            let unload = unsafe { (*object).DriverUnload };
            let Some(unload) = unload else {
                sim::fail(UNLOAD, "a driver without DriverUnload cannot be unloaded");
            };
            // SAFETY: the driver's own function with its own object.
            unsafe { unload(object) };
            expect_clean("DriverUnload");
        });
        expect_no_threads(self.host, "DriverUnload");
        for (left, what) in [
            (mdls_at_rest(self.host), "MDLs"),
            (handles_outstanding(self.host), "handles"),
            (work_items_outstanding(self.host), "work items"),
            (lookaside_lists_outstanding(self.host), "lookaside lists"),
        ] {
            if left > 0 {
                sim::fail(UNLOAD, format!("{left} {what} are left"));
            }
        }
        self.forget();
    }

    fn forget(&self) {
        let object = self.object as *mut c_void;
        release_driver_object(object.cast());
        // SAFETY: boxed by `load`; the driver is gone.
        drop(unsafe { Box::from_raw(object.cast::<_DRIVER_OBJECT>()) });
        if let Some(image) = &self.image {
            image.unload();
        }
    }
}
