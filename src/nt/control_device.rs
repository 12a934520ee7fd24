//! The driver's control device: a name in the system by which programs reach the driver beside its adapters.

use core::{ffi::c_void, ptr::null_mut};

use wdk_sys::{_DEVICE_OBJECT as DEVICE_OBJECT, UNICODE_STRING};

use super::{
    NdisHandle, Passive, Status,
    sync::{AtomicPtr, Ordering},
};
use crate::sys::{
    condis::{
        self, DRIVER_DISPATCH, IRP_MJ_COUNT, IRP_MJ_PNP, IRP_MJ_POWER, NDIS_DEVICE_OBJECT_ATTRIBUTES,
        NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1, NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
        NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
    },
    ndis::NDIS_OBJECT_HEADER,
};

/// A text in UTF-16 with a NUL behind it, which its length does not count. ASCII.
#[derive(Debug)]
pub struct Text<const UNITS: usize>([u16; UNITS]);

impl<const UNITS: usize> Text<UNITS> {
    /// `text`, which has one character less than `UNITS`.
    ///
    /// # Panics
    /// Where it is a constant: at compile time, if the length is wrong or a character is not ASCII.
    pub const fn new(text: &str) -> Self {
        assert!(text.len() + 1 == UNITS && text.is_ascii());
        let mut units = [0; UNITS];
        let mut at = 0;
        while at < text.len() {
            units[at] = text.as_bytes()[at] as u16;
            at += 1;
        }
        Self(units)
    }

    /// What the kernel takes. It writes none of it.
    pub const fn string(&self) -> UNICODE_STRING {
        UNICODE_STRING {
            Length: (UNITS as u16 - 1) * 2,
            MaximumLength: UNITS as u16 * 2,
            Buffer: self.0.as_ptr().cast_mut(),
        }
    }
}

/// Names and security of a control device.
#[derive(Clone, Copy)]
pub struct Names {
    /// Its full path: `\Device\...`.
    pub device: UNICODE_STRING,
    /// Its name for programs: `\DosDevices\...`.
    pub link: UNICODE_STRING,
    /// Who may open it, in SDDL.
    pub security: UNICODE_STRING,
}

/// What handles requests to it.
#[derive(Clone, Copy)]
pub struct Dispatch {
    /// IRP_MJ_CREATE.
    pub create: DRIVER_DISPATCH,
    /// IRP_MJ_CLEANUP: the last handle of an open file is closed; requests may be under way.
    pub cleanup: DRIVER_DISPATCH,
    /// IRP_MJ_CLOSE: nothing refers to the open file any more.
    pub close: DRIVER_DISPATCH,
    /// IRP_MJ_DEVICE_CONTROL.
    pub control: DRIVER_DISPATCH,
    /// Everything else but PnP and power requests, which do not come to such a device.
    pub other: DRIVER_DISPATCH,
}

/// A registered control device. It has to be deregistered.
#[derive(Debug)]
pub struct ControlDevice(NdisHandle);

impl ControlDevice {
    /// Registers it; its requests can ask for `context` by [`context_of`]. NULL until this returned.
    ///
    /// # Errors
    /// What NDIS said.
    ///
    /// # Safety
    /// The dispatch routines are right for requests to the device; strings and routines stay as long as the driver.
    pub unsafe fn register(
        driver: NdisHandle,
        names: &Names,
        dispatch: &Dispatch,
        context: *const c_void,
        _: Passive<'_>,
    ) -> Result<Self, Status> {
        let functions = functions(dispatch);
        let mut names = *names;
        let mut attributes = NDIS_DEVICE_OBJECT_ATTRIBUTES {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
                Revision: NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
                Size: NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
            },
            DeviceName: &raw mut names.device,
            SymbolicName: &raw mut names.link,
            MajorFunctions: functions.as_ptr(),
            ExtensionSize: size_of::<*const c_void>() as u32,
            DefaultSDDLString: &raw const names.security,
            DeviceClassGuid: core::ptr::null(),
        };
        let (mut object, mut handle) = (null_mut(), null_mut());
        // SAFETY: the driver's handle, complete attributes, places for the results.
        let status = unsafe {
            condis::NdisRegisterDeviceEx(
                driver.as_raw(),
                &raw mut attributes,
                &raw mut object,
                &raw mut handle,
            )
        };
        Status(status).ok()?;
        // SAFETY: our device object.
        if let Some(place) = unsafe { extension(object) } {
            place.store(context.cast_mut(), Ordering::Release);
        }
        // SAFETY: what NDIS gave; it goes only with this object.
        Ok(Self(unsafe { NdisHandle::new(handle) }))
    }

    /// Undoes the registration. No request is in the driver's hands.
    pub fn deregister(self, _: Passive<'_>) {
        // SAFETY: registered, and deregistered once.
        unsafe { condis::NdisDeregisterDeviceEx(self.0.as_raw()) }
    }
}

/// The table of all functions.
fn functions(dispatch: &Dispatch) -> [DRIVER_DISPATCH; IRP_MJ_COUNT] {
    core::array::from_fn(|major| match major {
        condis::IRP_MJ_CREATE => dispatch.create,
        condis::IRP_MJ_CLEANUP => dispatch.cleanup,
        condis::IRP_MJ_CLOSE => dispatch.close,
        condis::IRP_MJ_DEVICE_CONTROL => dispatch.control,
        IRP_MJ_POWER | IRP_MJ_PNP => None,
        _ => dispatch.other,
    })
}

/// The memory that NDIS keeps with the device object for us, zero at first.
///
/// # Safety
/// `object` is a device object of [`ControlDevice`] that is not deregistered.
unsafe fn extension<'a>(object: *mut DEVICE_OBJECT) -> Option<&'a AtomicPtr<c_void>> {
    // SAFETY: the caller's promise.
    let place = unsafe { condis::NdisGetDeviceReservedExtension(object) };
    // SAFETY: room for a pointer, aligned as device extensions are.
    unsafe { place.cast::<AtomicPtr<c_void>>().as_ref() }
}

/// The context that the device was registered with; NULL when it is not there yet.
///
/// # Safety
/// `object` is the argument of a dispatch or cancel routine of a [`ControlDevice`].
pub unsafe fn context_of(object: *mut DEVICE_OBJECT) -> *const c_void {
    // SAFETY: the caller's promise.
    let place = unsafe { extension(object) };
    place.map_or(core::ptr::null(), |place| {
        place.load(Ordering::Acquire).cast_const()
    })
}
