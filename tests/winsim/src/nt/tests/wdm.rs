//! Plain drivers that leave something behind, or misuse threads and handles.

use std::ffi::c_void;
use std::ptr;

use wdk_standin::{_DRIVER_OBJECT, UNICODE_STRING};

use super::super::{
    IoAllocateMdl, KeWaitForSingleObject, ObReferenceObjectByHandle, ObfDereferenceObject,
    PsCreateSystemThread, PsTerminateSystemThread, WdmDriver, ZwClose, add_host, handles_outstanding,
};
use super::{caught, passes};
use crate::nt::DriverEntry;
use crate::sim;

unsafe extern "win64" fn idle(_: *mut c_void) {
    sim::sleep(sim::SECOND);
    // SAFETY: a thread that a driver made.
    unsafe { PsTerminateSystemThread(0) };
}

fn thread() -> *mut c_void {
    let (mut handle, none) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: a place for the handle, a routine without context.
    let status = unsafe { PsCreateSystemThread(&raw mut handle, 0, none, none, none, Some(idle), none) };
    assert_eq!(status, 0);
    handle
}

fn close(handle: *mut c_void) -> i32 {
    // SAFETY: a live simulation.
    unsafe { ZwClose(handle) }
}

fn reference(handle: *mut c_void) -> *mut c_void {
    let mut object = ptr::null_mut();
    // SAFETY: a place for the object.
    let status =
        unsafe { ObReferenceObjectByHandle(handle, 0, ptr::null_mut(), 0, &raw mut object, ptr::null_mut()) };
    assert_eq!(status, 0);
    object
}

fn dereference(object: *mut c_void) {
    // SAFETY: what is wrong with it is what the test is about.
    unsafe { ObfDereferenceObject(object) };
}

/// Loads and unloads a driver whose DriverEntry is `entry`.
fn round(entry: DriverEntry) -> Result<(), sim::Failure> {
    sim::run(1, || {
        let host = add_host("host", 1);
        let driver = WdmDriver::load(host, "wrong", entry, None).expect("DriverEntry succeeds");
        driver.unload();
    })
}

unsafe extern "win64" fn unload(_: *mut _DRIVER_OBJECT) {}

/// Makes the driver one that can be unloaded.
unsafe fn unloadable(driver: *mut _DRIVER_OBJECT) -> i32 {
    // SAFETY: the driver's own object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    0
}

#[test]
fn a_thread_is_waited_for_by_its_object() {
    passes(|host| {
        let handle = thread();
        let object = reference(handle);
        assert_eq!(close(handle), 0);
        // SAFETY: the object is referenced.
        let status = unsafe { KeWaitForSingleObject(object, 0, 0, 0, ptr::null_mut()) };
        assert_eq!(status, 0);
        assert!(sim::now() >= sim::SECOND, "it has ended");
        dereference(object);
        assert_eq!(handles_outstanding(host), 0);
        assert_ne!(close(handle), 0, "a handle is closed once");
    });
}

#[test]
fn threads_are_misused() {
    caught("THREAD", |_| {
        let object = reference(thread());
        dereference(object);
        dereference(object);
    });
    caught("THREAD", |_| {
        // SAFETY: a live simulation; this thread is the kernel's.
        unsafe { PsTerminateSystemThread(0) };
    });
}

#[test]
fn a_driver_that_cannot_be_unloaded_is_caught() {
    unsafe extern "win64" fn entry(_: *mut _DRIVER_OBJECT, _: *mut UNICODE_STRING) -> i32 {
        0
    }
    assert_eq!(round(entry).expect_err("a violation").rule, "WDM-UNLOAD");
}

#[test]
fn what_a_driver_leaves_behind_is_caught() {
    unsafe extern "win64" fn mdl(driver: *mut _DRIVER_OBJECT, _: *mut UNICODE_STRING) -> i32 {
        // SAFETY: the memory is not touched.
        unsafe { IoAllocateMdl(ptr::dangling_mut(), 8, 0, 0, ptr::null_mut()) };
        // SAFETY: the driver's own object.
        unsafe { unloadable(driver) }
    }
    unsafe extern "win64" fn runs(driver: *mut _DRIVER_OBJECT, _: *mut UNICODE_STRING) -> i32 {
        close(thread());
        // SAFETY: the driver's own object.
        unsafe { unloadable(driver) }
    }
    unsafe extern "win64" fn good(driver: *mut _DRIVER_OBJECT, _: *mut UNICODE_STRING) -> i32 {
        // SAFETY: the driver's own object.
        unsafe { unloadable(driver) }
    }
    assert!(round(good).is_ok());
    assert_eq!(round(mdl).expect_err("an MDL").rule, "WDM-UNLOAD");
    assert_eq!(round(runs).expect_err("a thread").rule, "THREAD");
}
