//! The driver's life: it does its work in a thread of its own, and unloads when that is done.

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr;

use crate::abi::{self, DriverObject, Status, UnicodeString};
use crate::exchange;
use crate::request;
use crate::settings::{Key, Settings};

/// `THREAD_ALL_ACCESS`.
const ALL_ACCESS: u32 = 0x001F_FFFF;
/// `SYNCHRONIZE`.
const SYNCHRONIZE: u32 = 0x0010_0000;
/// Its address names the driver's place with its driver object.
static PLACE: u8 = 0;

/// What the driver keeps with its driver object.
struct Context {
    key: Key,
    settings: Settings,
    thread: *mut c_void,
}

/// The entry point of `ndk_consumer.sys`. `PASSIVE_LEVEL`.
///
/// # Safety
/// Called by the system, once, with the driver's own driver object and its registry path.
#[cfg_attr(windows, unsafe(no_mangle), unsafe(link_section = "INIT"))]
#[allow(non_snake_case, reason = "the linker looks for this name")]
pub unsafe extern "win64" fn DriverEntry(driver: *mut DriverObject, path: *mut UnicodeString) -> Status {
    // SAFETY: as this function's.
    match unsafe { start(driver, path) } {
        Ok(()) => abi::SUCCESS,
        Err(status) => status,
    }
}

#[inline(always)]
unsafe fn start(driver: *mut DriverObject, path: *mut UnicodeString) -> Result<(), Status> {
    let key = Key::open(path)?;
    let settings = key.settings()?;
    let mut place = ptr::null_mut();
    let size = size_of::<Context>() as u32;
    // SAFETY: the driver's own object.
    let status = unsafe {
        abi::IoAllocateDriverObjectExtension(driver, (&raw const PLACE).cast(), size, &raw mut place)
    };
    if status != abi::SUCCESS {
        return Err(status);
    }
    let context = place.cast::<Context>();
    // SAFETY: fresh memory of the context's size.
    unsafe {
        context.write(Context {
            key,
            settings,
            thread: ptr::null_mut(),
        })
    };
    // SAFETY: the context lives as long as the driver object.
    match unsafe { start_thread(context) } {
        Ok(thread) => {
            // SAFETY: as above; the thread does not look at this field.
            unsafe { (&raw mut (*context).thread).write(thread) };
            // SAFETY: the driver's own object.
            unsafe { (*driver).unload = Some(unload) };
            Ok(())
        }
        Err(status) => {
            // SAFETY: there is no thread; the memory goes with the driver object.
            unsafe { context.drop_in_place() };
            Err(status)
        }
    }
}

/// Starts the thread; what comes back is its object, to be waited for.
unsafe fn start_thread(context: *mut Context) -> Result<*mut c_void, Status> {
    let (mut handle, none) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the context lives longer than the thread, whose end `unload` waits for.
    let status = unsafe {
        abi::PsCreateSystemThread(
            &raw mut handle,
            ALL_ACCESS,
            none,
            none,
            none,
            Some(work),
            context.cast(),
        )
    };
    if status != abi::SUCCESS {
        return Err(status);
    }
    let mut thread = ptr::null_mut();
    // SAFETY: a handle of ours; cannot fail on it.
    unsafe { abi::ObReferenceObjectByHandle(handle, SYNCHRONIZE, none, 0, &raw mut thread, none) };
    // SAFETY: as above.
    unsafe { abi::ZwClose(handle) };
    Ok(thread)
}

unsafe extern "win64" fn work(context: *mut c_void) {
    // SAFETY: `start` gave the context; nobody writes what is read here.
    let context = unsafe { &*context.cast::<Context>() };
    let (status, bytes) = match exchange::run(&context.settings) {
        Ok(bytes) => (abi::SUCCESS, bytes),
        Err(status) => (status, 0),
    };
    context.key.write("Bytes", bytes);
    context.key.write("Result", status.cast_unsigned());
    // SAFETY: this thread is the driver's own.
    unsafe { abi::PsTerminateSystemThread(status) };
}

/// `DriverUnload`.
unsafe extern "win64" fn unload(driver: *mut DriverObject) {
    // SAFETY: the driver's own object.
    let context =
        unsafe { abi::IoGetDriverObjectExtension(driver, (&raw const PLACE).cast()) }.cast::<Context>();
    // SAFETY: `start` filled it.
    let thread = unsafe { (*context).thread };
    request::wait_for(thread, None);
    // SAFETY: referenced by `start`.
    unsafe { abi::ObfDereferenceObject(thread) };
    // SAFETY: the thread is over; the memory goes with the driver object.
    unsafe { context.drop_in_place() };
}
