//! The dispatch table of connectors.

use core::{ffi::c_void, net::SocketAddr};

use super::{
    super::{
        callback::DisconnectEvent,
        connect::{AcceptCall, ConnectCall, Source},
        connector::{Connector, PrivateData, capture_data},
        endpoint::SharedEndpoint,
        object::Object,
        qp::Qp,
    },
    address, bytes, close, object, put_address, query_extension, request,
};
use crate::{
    cm::{MAX_CALLEE_DATA, MAX_CALLER_DATA, ReadLimits},
    nt::Status,
    sys::ndkpi::{
        NDK_CONNECTOR, NDK_CONNECTOR_DISPATCH, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_REQUEST_COMPLETION,
        NDK_QP, NDK_SHARED_ENDPOINT, SOCKADDR,
    },
};

/// The table.
pub static DISPATCH: NDK_CONNECTOR_DISPATCH = NDK_CONNECTOR_DISPATCH {
    NdkCloseConnector: Some(close::<Connector>),
    NdkQueryExtension: Some(query_extension),
    NdkConnect: Some(connect),
    NdkConnectWithSharedEndpoint: Some(connect_with_shared_endpoint),
    NdkCompleteConnect: Some(complete_connect),
    NdkAccept: Some(accept),
    NdkReject: Some(reject),
    NdkGetConnectionData: Some(get_connection_data),
    NdkGetLocalAddress: Some(get_local_address),
    NdkGetPeerAddress: Some(get_peer_address),
    NdkDisconnect: Some(disconnect),
};

unsafe extern "win64" fn connect(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    source: *mut SOCKADDR,
    source_length: u32,
    destination: *mut SOCKADDR,
    destination_length: u32,
    inbound: u32,
    outbound: u32,
    data: *mut c_void,
    data_length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let source = match unsafe { address(source, source_length) } {
        Ok(source) => Source::Address(source),
        Err(status) => return status.0,
    };
    let reads = limits(inbound, outbound);
    // SAFETY: the consumer's duty.
    let to = unsafe { destined(destination, destination_length, data, data_length) };
    // SAFETY: the consumer's duty.
    unsafe { connect_from(connector, qp, source, to, reads, completion, context) }
}

unsafe extern "win64" fn connect_with_shared_endpoint(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    endpoint: *mut NDK_SHARED_ENDPOINT,
    destination: *mut SOCKADDR,
    destination_length: u32,
    inbound: u32,
    outbound: u32,
    data: *mut c_void,
    data_length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let source = Source::Shared(unsafe { Object::<SharedEndpoint>::from_handle(endpoint) });
    let reads = limits(inbound, outbound);
    // SAFETY: the consumer's duty.
    let to = unsafe { destined(destination, destination_length, data, data_length) };
    // SAFETY: the consumer's duty.
    unsafe { connect_from(connector, qp, source, to, reads, completion, context) }
}

/// Where a connect goes and what it says there.
///
/// # Safety
/// Both buffers have the bytes that their lengths say, or are NULL.
unsafe fn destined(
    destination: *const SOCKADDR,
    length: u32,
    data: *const c_void,
    data_length: u32,
) -> Result<(SocketAddr, PrivateData), Status> {
    // SAFETY: passed on from the caller.
    let remote = unsafe { address(destination, length) }?;
    // SAFETY: passed on from the caller.
    let data = unsafe { bytes(data, data_length) };
    Ok((remote, capture_data(data, MAX_CALLER_DATA)?))
}

/// What both ways to connect have in common.
///
/// # Safety
/// Connector and queue pair are the consumer's and live; the function may be called with the context.
unsafe fn connect_from(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    source: Source,
    to: Result<(SocketAddr, PrivateData), Status>,
    limits: ReadLimits,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let (remote, data) = match to {
        Ok(to) => to,
        Err(status) => return status.0,
    };
    // SAFETY: passed on from the caller.
    let qp = unsafe { Object::<Qp>::from_handle(qp) };
    // SAFETY: passed on from the caller.
    let connector = unsafe { Object::<Connector>::from_handle(connector) };
    // SAFETY: passed on from the caller.
    let completion = unsafe { request(completion, context) };
    let call = ConnectCall {
        qp,
        source,
        remote,
        limits,
        data,
    };
    Object::connect(&connector, call, completion).0
}

unsafe extern "win64" fn complete_connect(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { Object::<Connector>::from_handle(connector) };
    // SAFETY: the consumer's duty.
    let event = unsafe { DisconnectEvent::new(event, event_context) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    Object::complete_connect(&connector, event, completion).0
}

unsafe extern "win64" fn accept(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    inbound: u32,
    outbound: u32,
    data: *mut c_void,
    data_length: u32,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let data = unsafe { bytes(data, data_length) };
    let data = match capture_data(data, MAX_CALLEE_DATA) {
        Ok(data) => data,
        Err(status) => return status.0,
    };
    // SAFETY: the consumer's duty.
    let connector = unsafe { Object::<Connector>::from_handle(connector) };
    // SAFETY: the consumer's duty.
    let qp = unsafe { Object::<Qp>::from_handle(qp) };
    // SAFETY: the consumer's duty.
    let event = unsafe { DisconnectEvent::new(event, event_context) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    let call = AcceptCall {
        qp,
        limits: limits(inbound, outbound),
        data,
        event,
    };
    Object::accept(&connector, &call, completion).0
}

unsafe extern "win64" fn reject(connector: *mut NDK_CONNECTOR, data: *mut c_void, data_length: u32) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { Object::<Connector>::from_handle(connector) };
    // SAFETY: the consumer's duty.
    let data = unsafe { bytes(data, data_length) };
    Object::reject(&connector, data).0
}

/// CONN-50..CONN-54.
unsafe extern "win64" fn get_connection_data(
    connector: *mut NDK_CONNECTOR,
    inbound: *mut u32,
    outbound: *mut u32,
    buffer: *mut c_void,
    length: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { object::<Connector>(connector) };
    let (limits, data) = match connector.kind().data() {
        Ok(both) => both,
        Err(status) => return status.0,
    };
    // SAFETY: NULL or the consumer's duty.
    unsafe { put(inbound, u32::from(limits.inbound)) };
    // SAFETY: NULL or the consumer's duty.
    unsafe { put(outbound, u32::from(limits.outbound)) };
    if length.is_null() {
        return Status::SUCCESS.0;
    }
    let data = data.as_slice();
    // SAFETY: the consumer's duty.
    let room = unsafe { length.read() } as usize;
    // SAFETY: the consumer's duty.
    unsafe { length.write(data.len() as u32) }
    if buffer.is_null() {
        return Status::SUCCESS.0;
    }
    // SAFETY: the consumer's duty: the buffer has `room` bytes.
    unsafe {
        buffer
            .cast::<u8>()
            .copy_from_nonoverlapping(data.as_ptr(), room.min(data.len()));
    }
    if room < data.len() {
        Status::BUFFER_TOO_SMALL.0
    } else {
        Status::SUCCESS.0
    }
}

unsafe extern "win64" fn get_local_address(
    connector: *mut NDK_CONNECTOR,
    place: *mut SOCKADDR,
    length: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { object::<Connector>(connector) };
    // SAFETY: the consumer's duty.
    unsafe { put_address(connector.kind().local(), place, length) }
}

unsafe extern "win64" fn get_peer_address(
    connector: *mut NDK_CONNECTOR,
    place: *mut SOCKADDR,
    length: *mut u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { object::<Connector>(connector) };
    // SAFETY: the consumer's duty.
    unsafe { put_address(connector.kind().remote(), place, length) }
}

unsafe extern "win64" fn disconnect(
    connector: *mut NDK_CONNECTOR,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the consumer's duty.
    let connector = unsafe { Object::<Connector>::from_handle(connector) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { request(completion, context) };
    Object::disconnect(&connector, completion).0
}

/// A consumer's read limits; more than the wire can say is capped to that (CONN-10).
fn limits(inbound: u32, outbound: u32) -> ReadLimits {
    let most = |limit: u32| u8::try_from(limit).unwrap_or(u8::MAX);
    ReadLimits {
        inbound: most(inbound),
        outbound: most(outbound),
    }
}

/// Writes an optional result.
///
/// # Safety
/// `place` is NULL or valid for writing.
unsafe fn put(place: *mut u32, value: u32) {
    if !place.is_null() {
        // SAFETY: passed on from the caller.
        unsafe { place.write(value) }
    }
}
