//! The dispatch table of listeners.

use core::ffi::c_void;

use super::{
    super::{listener::Listener, object::Object},
    address, close, object, put_address, query_extension, request,
};
use crate::{
    nt::Status,
    sys::ndkpi::{NDK_FN_REQUEST_COMPLETION, NDK_LISTENER, NDK_LISTENER_DISPATCH, SOCKADDR},
};

/// The table.
pub static DISPATCH: NDK_LISTENER_DISPATCH = NDK_LISTENER_DISPATCH {
    NdkCloseListener: Some(close::<Listener>),
    NdkQueryExtension: Some(query_extension),
    NdkListen: Some(listen),
    NdkGetLocalAddress: Some(get_local_address),
    NdkControlConnectEvents: Some(control_connect_events),
};

unsafe extern "win64" fn listen(
    listener: *mut NDK_LISTENER,
    local: *mut SOCKADDR,
    length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let listener = unsafe { Object::<Listener>::from_handle(listener) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    // SAFETY: the consumer's duty.
    let local = unsafe { address(local, length) };
    local
        .map_or_else(
            |status| status,
            |local| Object::listen(&listener, local, completion),
        )
        .0
}

unsafe extern "win64" fn get_local_address(
    listener: *mut NDK_LISTENER,
    place: *mut SOCKADDR,
    length: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let listener = unsafe { object::<Listener>(listener) };
    // SAFETY: the consumer's duty.
    unsafe {
        put_address(
            listener.kind().local().ok_or(Status::CONNECTION_INVALID),
            place,
            length,
        )
    }
}

unsafe extern "win64" fn control_connect_events(listener: *mut NDK_LISTENER, pause: u8) {
    // SAFETY: the consumer's duty.
    let listener = unsafe { object::<Listener>(listener) };
    listener.kind().pause(pause != 0);
}
