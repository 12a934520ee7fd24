//! MDLs of nonpaged memory.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::NDIS_HANDLE;
use wdk_standin::_MDL as MDL;

use super::{PACKET, expect_not_under_way, packets};
use crate::ndis::kernel::{self, Level};
use crate::sim::{self, faults};

/// `NdisAllocateMdl`: of nonpaged memory; NULL if there is none. Fault point under its name.
///
/// # Safety
/// `address` leads to `length` bytes that stay.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisAllocateMdl(
    owner: NDIS_HANDLE,
    address: *mut c_void,
    length: u32,
) -> *mut MDL {
    let ddi = "NdisAllocateMdl";
    kernel::enter(ddi, Level::Dispatch);
    if address.is_null() || length == 0 {
        sim::fail(PACKET, format!("{ddi} of {length} bytes at {address:p}"));
    }
    if faults::fire("NdisAllocateMdl") {
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    let memory = unsafe { std::slice::from_raw_parts_mut(address.cast::<u8>(), length as usize) };
    let mdl = kernel::mdl_for(memory);
    packets().mdls.borrow_mut().insert(mdl as usize, owner as usize);
    mdl
}

/// `NdisFreeMdl`: once, and not of a packet that is under way.
///
/// # Safety
/// Nobody uses the MDL any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisFreeMdl(mdl: *mut MDL) {
    let ddi = "NdisFreeMdl";
    kernel::enter(ddi, Level::Dispatch);
    expect_not_under_way(ddi, mdl as usize);
    if packets().mdls.borrow_mut().remove(&(mdl as usize)).is_none() {
        sim::fail(
            "VRF-19",
            format!("{ddi}: {mdl:p} is no MDL of NdisAllocateMdl (any more)"),
        );
    }
    kernel::mdl_free(mdl);
}
