//! The dispatch table of memory regions.

use core::ffi::c_void;

use wdk_sys::_MDL as MDL;

use super::{
    super::{mr::Mr, object::Object},
    close, object, query_extension, request,
};
use crate::{
    nt::{Mdl, Status},
    sys::ndkpi::{NDK_FN_REQUEST_COMPLETION, NDK_MR, NDK_MR_DISPATCH},
};

/// The table.
pub static DISPATCH: NDK_MR_DISPATCH = NDK_MR_DISPATCH {
    NdkCloseMr: Some(close::<Mr>),
    NdkQueryExtension: Some(query_extension),
    NdkRegisterMr: Some(register),
    NdkDeregisterMr: Some(deregister),
    NdkInitializeFastRegisterMr: Some(initialize_fast_register),
    NdkGetRemoteTokenFromMr: Some(get_token),
    NdkGetLocalTokenFromMr: Some(get_token),
};

unsafe extern "win64" fn register(
    mr: *mut NDK_MR,
    mdl: *mut MDL,
    length: u64,
    flags: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let mr = unsafe { Object::<Mr>::from_handle(mr) };
    // SAFETY: the consumer's duty (MR-02): the pages stay locked until the region is deregistered.
    let Some(mdl) = (unsafe { Mdl::new(mdl) }) else {
        return Status::INVALID_PARAMETER.0;
    };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    Object::register(&mr, mdl, length, flags, completion).0
}

unsafe extern "win64" fn deregister(
    mr: *mut NDK_MR,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let mr = unsafe { Object::<Mr>::from_handle(mr) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    Object::deregister(&mr, completion).0
}

unsafe extern "win64" fn initialize_fast_register(
    mr: *mut NDK_MR,
    pages: u32,
    remote: u8,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let mr = unsafe { Object::<Mr>::from_handle(mr) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    Object::initialize(&mr, pages, remote != 0, completion).0
}

/// Local and remote token are one.
unsafe extern "win64" fn get_token(mr: *mut NDK_MR) -> u32 {
    // SAFETY: the consumer's duty.
    let mr = unsafe { object::<Mr>(mr) };
    mr.kind().token()
}
