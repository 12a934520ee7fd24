//! Connector, listener and shared endpoint functions, seen from the consumer.

use std::ffi::c_void;

use cxndk::sys::ndis::SOCKADDR;
use cxndk::sys::ndkpi::*;
use wdk_standin::GUID;

use super::super::ledger::{self, Stage};
use super::super::request::{self, Effect, Handler};
use super::super::track::{self, Kind};
use super::{Call, close, inline, pass, provider};

pub(in crate::ndis::ndk) static SHARED_ENDPOINT: NDK_SHARED_ENDPOINT_DISPATCH =
    NDK_SHARED_ENDPOINT_DISPATCH {
        NdkCloseSharedEndpoint: Some(close),
        NdkQueryExtension: Some(query_endpoint_extension),
        NdkGetLocalAddress: Some(endpoint_address),
    };

pub(in crate::ndis::ndk) static CONNECTOR: NDK_CONNECTOR_DISPATCH = NDK_CONNECTOR_DISPATCH {
    NdkCloseConnector: Some(close),
    NdkQueryExtension: Some(query_connector_extension),
    NdkConnect: Some(connect),
    NdkConnectWithSharedEndpoint: Some(connect_with_shared_endpoint),
    NdkCompleteConnect: Some(complete_connect),
    NdkAccept: Some(accept),
    NdkReject: Some(reject),
    NdkGetConnectionData: Some(connection_data),
    NdkGetLocalAddress: Some(local_address),
    NdkGetPeerAddress: Some(peer_address),
    NdkDisconnect: Some(disconnect),
};

pub(in crate::ndis::ndk) static LISTENER: NDK_LISTENER_DISPATCH = NDK_LISTENER_DISPATCH {
    NdkCloseListener: Some(close),
    NdkQueryExtension: Some(query_listener_extension),
    NdkListen: Some(listen),
    NdkGetLocalAddress: Some(listener_address),
    NdkControlConnectEvents: Some(control_connect_events),
};

pass!(query_endpoint_extension: SharedEndpoint, NDK_SHARED_ENDPOINT_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(query_connector_extension: Connector, NDK_CONNECTOR_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(query_listener_extension: Listener, NDK_LISTENER_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(endpoint_address: SharedEndpoint, NDK_SHARED_ENDPOINT_DISPATCH, NdkGetLocalAddress,
    (endpoint: *mut NDK_SHARED_ENDPOINT, address: *mut SOCKADDR, length: *mut u32) -> i32);
pass!(listener_address: Listener, NDK_LISTENER_DISPATCH, NdkGetLocalAddress,
    (listener: *mut NDK_LISTENER, address: *mut SOCKADDR, length: *mut u32) -> i32);
pass!(control_connect_events: Listener, NDK_LISTENER_DISPATCH, NdkControlConnectEvents,
    (listener: *mut NDK_LISTENER, pause: u8) -> ());
pass!(reject: Connector, NDK_CONNECTOR_DISPATCH, NdkReject,
    (connector: *mut NDK_CONNECTOR, data: *mut c_void, length: u32) -> i32);
pass!(local_address: Connector, NDK_CONNECTOR_DISPATCH, NdkGetLocalAddress,
    (connector: *mut NDK_CONNECTOR, address: *mut SOCKADDR, length: *mut u32) -> i32);
pass!(peer_address: Connector, NDK_CONNECTOR_DISPATCH, NdkGetPeerAddress,
    (connector: *mut NDK_CONNECTOR, address: *mut SOCKADDR, length: *mut u32) -> i32);

unsafe extern "win64" fn connection_data(
    connector: *mut NDK_CONNECTOR,
    inbound: *mut u32,
    outbound: *mut u32,
    data: *mut c_void,
    length: *mut u32,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkGetConnectionData");
    Stage::expect_open(&call.object);
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkGetConnectionData);
    // SAFETY: the consumer's arguments.
    let status = unsafe { provider(connector, inbound, outbound, data, length) };
    inline(&call, status)
}

/// CompleteConnect and Accept settle the connection, unless they are refused at once.
fn settle(call: &Call, status: i32) -> i32 {
    if matches!(status, request::SUCCESS | request::PENDING) {
        call.object.books.stage.set(Stage::Settled);
    }
    status
}

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
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkConnect");
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkConnect);
    let effect = Effect::Connects {
        qp: track::find(qp.cast(), Kind::Qp, "NdkConnect"),
    };
    super::request(&call, (callback, context), effect, |ours, token| {
        let (to, to_length) = (destination, destination_length);
        let limits = (inbound, outbound);
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe {
            provider(
                connector,
                qp,
                source,
                source_length,
                to,
                to_length,
                limits.0,
                limits.1,
                data,
                data_length,
                ours,
                token,
            )
        }
    })
}

unsafe extern "win64" fn connect_with_shared_endpoint(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    endpoint: *mut NDK_SHARED_ENDPOINT,
    destination: *mut SOCKADDR,
    length: u32,
    inbound: u32,
    outbound: u32,
    data: *mut c_void,
    data_length: u32,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkConnectWithSharedEndpoint");
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkConnectWithSharedEndpoint);
    let effect = Effect::Connects {
        qp: track::find(qp.cast(), Kind::Qp, call.what),
    };
    track::find(endpoint.cast(), Kind::SharedEndpoint, call.what);
    super::request(&call, (callback, context), effect, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe {
            provider(
                connector,
                qp,
                endpoint,
                destination,
                length,
                inbound,
                outbound,
                data,
                data_length,
                ours,
                token,
            )
        }
    })
}

unsafe extern "win64" fn complete_connect(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkCompleteConnect");
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkCompleteConnect);
    let (ours_event, event_token) = disconnect_event(&call, event, event_context);
    let status = super::request(&call, (callback, context), Effect::None, |ours, token| {
        // SAFETY: the consumer's arguments; callbacks and contexts are the verifier's.
        unsafe { provider(connector, ours_event, event_token, ours, token) }
    });
    settle(&call, status)
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
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkAccept");
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkAccept);
    let effect = Effect::Connects {
        qp: track::find(qp.cast(), Kind::Qp, "NdkAccept"),
    };
    let (ours_event, event_token) = disconnect_event(&call, event, event_context);
    let status = super::request(&call, (callback, context), effect, |ours, token| {
        // SAFETY: the consumer's arguments; callbacks and contexts are the verifier's.
        unsafe {
            provider(
                connector,
                qp,
                inbound,
                outbound,
                data,
                data_length,
                ours_event,
                event_token,
                ours,
                token,
            )
        }
    });
    settle(&call, status)
}

/// The verifier's disconnect event in place of the consumer's; none if the consumer wants none (CONN-70).
fn disconnect_event(
    call: &Call,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    context: *mut c_void,
) -> (NDK_FN_DISCONNECT_EVENT_CALLBACK, *mut c_void) {
    if event.is_none() {
        return (None, context);
    }
    let (record, token) = request::register(Handler::Disconnect(event), context);
    record.bind(&call.object);
    (Some(request::on_disconnect), token)
}

unsafe extern "win64" fn disconnect(
    connector: *mut NDK_CONNECTOR,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(connector.cast(), Kind::Connector, "NdkDisconnect");
    let provider = provider!(call, NDK_CONNECTOR_DISPATCH, NdkDisconnect);
    ledger::quiet_pairs_of(&call.object);
    super::request(&call, (callback, context), Effect::Disconnects, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(connector, ours, token) }
    })
}

unsafe extern "win64" fn listen(
    listener: *mut NDK_LISTENER,
    address: *mut SOCKADDR,
    length: u32,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(listener.cast(), Kind::Listener, "NdkListen");
    let provider = provider!(call, NDK_LISTENER_DISPATCH, NdkListen);
    super::request(&call, (callback, context), Effect::None, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(listener, address, length, ours, token) }
    })
}
