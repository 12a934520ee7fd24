//! The dispatch tables: where consumers' calls come in. Each function recovers its object, calls a safe method, and
//! returns the result as NDKPI wants it; nothing is decided here.
//!
//! What all of them rely on, and what the SAFETY comments mean by "the consumer's duty" (LIFE-17, LIFE-40):
//! - an object pointer is one that this provider handed out, of the type that the function's table belongs to (LIFE-08), and is
//!   not closed, except by the call in hand;
//! - pointers to results, addresses and lists are valid during the call, and buffers have the lengths that go with them;
//! - a callback may be called with its context until the object's close has ended.

pub mod adapter;
pub mod connector;
pub mod cq;
pub mod endpoint;
pub mod listener;
pub mod mr;
pub mod mw;
pub mod pd;
pub mod pieces;
pub mod qp;

use core::{ffi::c_void, net::SocketAddr, slice};

use wdk_sys::GUID;

use super::{
    callback::{CloseCompletion, CreateCompletion, RequestCompletion},
    object::{Kind, Object, Tables},
};
use crate::{
    cm::address::{from_sockaddr, to_sockaddr},
    nt::{Ref, Status},
    sys::{
        ndis::NDK_VERSION,
        ndkpi::{
            NDK_EXTENSION_INTERFACE, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION,
            NDK_FN_REQUEST_COMPLETION, NDK_OBJECT_HEADER, SOCKADDR,
        },
    },
};

/// All tables.
pub static TABLES: Tables = Tables {
    adapter: &adapter::DISPATCH,
    pd: &pd::DISPATCH,
    cq: &cq::DISPATCH,
    qp: &qp::DISPATCH,
    mr: &mr::DISPATCH,
    mw: &mw::DISPATCH,
    connector: &connector::DISPATCH,
    listener: &listener::DISPATCH,
    endpoint: &endpoint::DISPATCH,
};

/// The object behind a consumer's pointer, for the duration of a call.
///
/// # Safety
/// `raw` is a pointer to an object of kind `K` that was handed out and is not closed, nor will be before the call returns.
#[inline(always)]
unsafe fn object<'a, K: Kind>(raw: *mut K::Raw) -> &'a Object<K> {
    // SAFETY: the consumer's pointer is the address of the object that was handed out.
    unsafe { &*raw.cast::<Object<K>>() }
}

/// `NdkClose...` of every table.
unsafe extern "win64" fn close<K: Kind>(
    raw: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let object = unsafe { Object::<K>::from_handle(raw.cast()) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { CloseCompletion::new(completion, context) };
    Object::close(&object, completion).0
}

/// `NdkQueryExtension` of every table: there are no extensions (ADAPTER-15).
unsafe extern "win64" fn query_extension(
    _: *mut NDK_OBJECT_HEADER,
    _: *mut GUID,
    _: NDK_VERSION,
    _: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    Status::NOT_SUPPORTED.0
}

/// The completion of a request.
///
/// # Safety
/// The function may be called with the context.
unsafe fn request(function: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> RequestCompletion {
    // SAFETY: passed on from the caller.
    unsafe { RequestCompletion::new(function, context) }
}

/// The completion of a creation.
///
/// # Safety
/// The function may be called with the context.
unsafe fn creation(function: NDK_FN_CREATE_COMPLETION, context: *mut c_void) -> CreateCompletion {
    // SAFETY: passed on from the caller.
    unsafe { CreateCompletion::new(function, context) }
}

/// Ends a creation inline: hands the object out through `place` (CREATE-01), or returns the error (CREATE-04).
///
/// # Safety
/// `place` is valid for writing.
unsafe fn created<K: Kind>(result: Result<Ref<Object<K>>, Status>, place: *mut *mut K::Raw) -> i32 {
    match result {
        Ok(made) => {
            // SAFETY: passed on from the caller.
            unsafe { place.write(Object::hand_out(&made).as_ptr()) }
            Status::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

/// A consumer's buffer; empty if there is none.
///
/// # Safety
/// `buffer` is NULL or has `length` bytes that do not change during `'a`.
unsafe fn bytes<'a>(buffer: *const c_void, length: u32) -> &'a [u8] {
    if buffer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: passed on from the caller.
    unsafe { slice::from_raw_parts(buffer.cast(), length as usize) }
}

/// A consumer's socket address.
///
/// # Safety
/// As [`bytes`].
unsafe fn address(raw: *const SOCKADDR, length: u32) -> Result<SocketAddr, Status> {
    // SAFETY: passed on from the caller.
    let bytes = unsafe { bytes(raw.cast(), length) };
    from_sockaddr(bytes).map_err(|_| Status::INVALID_ADDRESS)
}

/// Writes an address into a consumer's buffer, if it is large enough; tells its length either way (CONN-46).
///
/// # Safety
/// `length` is valid for reading and writing; `place` has the bytes that it says, or is NULL.
unsafe fn put_address(address: Result<SocketAddr, Status>, place: *mut SOCKADDR, length: *mut u32) -> i32 {
    let address = match address {
        Ok(address) => address,
        Err(status) => return status.0,
    };
    let (bytes, count) = to_sockaddr(address);
    // SAFETY: passed on from the caller.
    let room = unsafe { length.read() } as usize;
    // SAFETY: passed on from the caller.
    unsafe { length.write(count as u32) }
    if place.is_null() || room < count {
        return Status::BUFFER_TOO_SMALL.0;
    }
    // SAFETY: there is room for `count` bytes, which `bytes` has.
    unsafe { place.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count) }
    Status::SUCCESS.0
}
