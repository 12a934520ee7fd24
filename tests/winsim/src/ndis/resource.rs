//! Device registers and configuration space: mapping, and the list of what `PnP` gave to the device.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS};
use wdk_standin::{_DEVICE_OBJECT as DEVICE_OBJECT, PHYSICAL_ADDRESS};

use super::adapter::{Region, State};
use super::kernel::{self, Level};
use super::table;
use crate::sim::{self, faults};

/// `NdisMMapIoSpace`: makes device memory from the resource list addressable.
///
/// # Safety
/// `address` is a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMMapIoSpace(
    address: *mut *mut c_void,
    handle: NDIS_HANDLE,
    physical: PHYSICAL_ADDRESS,
    length: u32,
) -> NDIS_STATUS {
    let ddi = "NdisMMapIoSpace";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    adapter.expect("VRF-24", ddi, &[State::Initializing]);
    adapter.expect_registered(ddi);
    // SAFETY: both views of the union are plain integers.
    let bus = unsafe { physical.QuadPart } as u64;
    if faults::fire("NdisMMapIoSpace") {
        return NDIS_STATUS_RESOURCES;
    }
    let Some(mapped) = adapter.function.map_io(bus, length as usize) else {
        sim::fail(
            "INIT-06",
            format!(
                "{ddi}: {bus:#x}+{length:#x} is not a resource of {}",
                adapter.name
            ),
        );
    };
    adapter.held.io.borrow_mut().push(Region {
        address: mapped as usize,
        bus,
        length,
        cached: false,
    });
    // SAFETY: the caller gives a place for the address.
    unsafe { address.write(mapped.cast()) };
    NDIS_STATUS_SUCCESS
}

/// `NdisMUnmapIoSpace`.
///
/// # Safety
/// None beyond a live simulation; address and length are checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMUnmapIoSpace(handle: NDIS_HANDLE, address: *mut c_void, length: u32) {
    let ddi = "NdisMUnmapIoSpace";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    let mut io = adapter.held.io.borrow_mut();
    let Some(at) = io
        .iter()
        .position(|r| r.address == address as usize && r.length == length)
    else {
        sim::fail(
            "VRF-42",
            format!(
                "{ddi}: {address:p}+{length:#x} was not mapped for {}",
                adapter.name
            ),
        );
    };
    io.swap_remove(at);
}

/// `NdisMGetDeviceProperty`: the device objects of the adapter; resource lists are not kept in raw form.
///
/// # Safety
/// The pointers are good or null.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMGetDeviceProperty(
    handle: NDIS_HANDLE,
    physical: *mut *mut DEVICE_OBJECT,
    functional: *mut *mut DEVICE_OBJECT,
    next: *mut *mut DEVICE_OBJECT,
    resources: *mut *mut c_void,
    translated: *mut *mut c_void,
) {
    let ddi = "NdisMGetDeviceProperty";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    let object = kernel::device_object(&adapter.function);
    for place in [physical, functional, next]
        .into_iter()
        .filter(|place| !place.is_null())
    {
        // SAFETY: the caller gives places for what it wants to know.
        unsafe { place.write(object) };
    }
    for place in [resources, translated]
        .into_iter()
        .filter(|place| !place.is_null())
    {
        // SAFETY: as above.
        unsafe { place.write(ptr::null_mut()) };
    }
}

/// `NdisMGetBusData`: reads PCI configuration space; returns the bytes read.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMGetBusData(
    handle: NDIS_HANDLE,
    _which_space: u32,
    offset: u32,
    buffer: *mut c_void,
    length: u32,
) -> u32 {
    let ddi = "NdisMGetBusData";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    if faults::fire("NdisMGetBusData") {
        return 0;
    }
    // SAFETY: the caller's buffer.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length as usize) };
    adapter.function.config_read(offset as usize, buffer);
    length
}

/// `NdisMSetBusData`: writes PCI configuration space; returns the bytes written.
///
/// # Safety
/// `buffer` holds `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMSetBusData(
    handle: NDIS_HANDLE,
    _which_space: u32,
    offset: u32,
    buffer: *mut c_void,
    length: u32,
) -> u32 {
    let ddi = "NdisMSetBusData";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    if faults::fire("NdisMSetBusData") {
        return 0;
    }
    // SAFETY: the caller's buffer.
    let buffer = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length as usize) };
    adapter.function.config_write(offset as usize, buffer);
    length
}
