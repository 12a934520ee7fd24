//! Device objects, and what a driver keeps with its driver object.

use super::context::{Level, enter};
use crate::pci::Function;
use crate::sim::{self, faults};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use wdk_standin::{_DEVICE_OBJECT, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, PVOID, ULONG};

const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_OBJECT_NAME_COLLISION: NTSTATUS = 0xc000_0035_u32 as i32;
const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xc000_009a_u32 as i32;
/// `IO_TYPE_DEVICE`.
const IO_TYPE_DEVICE: i16 = 3;

/// The physical device object of each function.
#[derive(Default)]
struct Devices(RefCell<Vec<(Function, Box<_DEVICE_OBJECT>)>>);

/// The physical device object of a function: the same at every call.
pub fn device_object(function: &Function) -> PDEVICE_OBJECT {
    let devices = sim::local::<Devices>();
    let mut devices = devices.0.borrow_mut();
    if let Some((_, object)) = devices.iter_mut().find(|(known, _)| known.is(function)) {
        return &raw mut **object;
    }
    // SAFETY: all fields of a device object may be zero.
    let mut object: Box<_DEVICE_OBJECT> = Box::new(unsafe { std::mem::zeroed() });
    object.Type = IO_TYPE_DEVICE;
    object.Size = size_of::<_DEVICE_OBJECT>() as u16;
    object.ReferenceCount = 1;
    let pointer = &raw mut *object;
    devices.push((function.clone(), object));
    pointer
}

/// The function behind a physical device object.
pub(super) fn function_of(object: PDEVICE_OBJECT) -> Option<Function> {
    let devices = sim::local::<Devices>();
    let devices = devices.0.borrow();
    let found = devices
        .iter()
        .find(|(_, known)| std::ptr::eq(&raw const **known, object));
    found.map(|(function, _)| function.clone())
}

/// One driver object extension.
struct Extension {
    driver: usize,
    id: usize,
    memory: *mut u8,
    layout: Layout,
}

#[derive(Default)]
struct Extensions(RefCell<Vec<Extension>>);

impl Drop for Extensions {
    fn drop(&mut self) {
        for extension in self.0.take() {
            // SAFETY: allocated with this layout; the run and its contexts are over.
            unsafe { dealloc(extension.memory, extension.layout) };
        }
    }
}

/// Takes back what belongs to a driver object that is going away.
pub fn release_driver_object(driver: PDRIVER_OBJECT) {
    let extensions = sim::local::<Extensions>();
    extensions.0.borrow_mut().retain(|extension| {
        let keep = extension.driver != driver as usize;
        if !keep {
            // SAFETY: allocated with this layout; its driver object is gone.
            unsafe { dealloc(extension.memory, extension.layout) };
        }
        keep
    });
}

/// `IoAllocateDriverObjectExtension`: `PASSIVE_LEVEL`. Fault point `pool`.
///
/// # Safety
/// `extension` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoAllocateDriverObjectExtension(
    driver: PDRIVER_OBJECT,
    id: PVOID,
    size: ULONG,
    extension: *mut PVOID,
) -> NTSTATUS {
    enter("IoAllocateDriverObjectExtension", Level::Passive);
    let extensions = sim::local::<Extensions>();
    let mut extensions = extensions.0.borrow_mut();
    if extensions
        .iter()
        .any(|known| known.driver == driver as usize && known.id == id as usize)
    {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    let Ok(layout) = Layout::from_size_align(size.max(1) as usize, 16) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    if faults::fire("pool") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc_zeroed(layout) };
    extensions.push(Extension {
        driver: driver as usize,
        id: id as usize,
        memory,
        layout,
    });
    // SAFETY: the caller gives a place for the answer.
    unsafe { extension.write(memory.cast()) };
    STATUS_SUCCESS
}

/// `IoGetDriverObjectExtension`: NULL if there is none. `DISPATCH_LEVEL` or below.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn IoGetDriverObjectExtension(driver: PDRIVER_OBJECT, id: PVOID) -> PVOID {
    enter("IoGetDriverObjectExtension", Level::Dispatch);
    let extensions = sim::local::<Extensions>();
    let extensions = extensions.0.borrow();
    let found = extensions
        .iter()
        .find(|known| known.driver == driver as usize && known.id == id as usize);
    found.map_or(std::ptr::null_mut(), |extension| extension.memory.cast())
}
