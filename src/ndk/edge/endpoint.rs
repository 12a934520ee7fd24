//! The dispatch table of shared endpoints.

use super::{super::endpoint::SharedEndpoint, close, object, put_address, query_extension};
use crate::sys::ndkpi::{NDK_SHARED_ENDPOINT, NDK_SHARED_ENDPOINT_DISPATCH, SOCKADDR};

/// The table.
pub static DISPATCH: NDK_SHARED_ENDPOINT_DISPATCH = NDK_SHARED_ENDPOINT_DISPATCH {
    NdkCloseSharedEndpoint: Some(close::<SharedEndpoint>),
    NdkQueryExtension: Some(query_extension),
    NdkGetLocalAddress: Some(get_local_address),
};

unsafe extern "win64" fn get_local_address(
    endpoint: *mut NDK_SHARED_ENDPOINT,
    place: *mut SOCKADDR,
    length: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let endpoint = unsafe { object::<SharedEndpoint>(endpoint) };
    // SAFETY: the consumer's duty.
    unsafe { put_address(Ok(endpoint.kind().local()), place, length) }
}
