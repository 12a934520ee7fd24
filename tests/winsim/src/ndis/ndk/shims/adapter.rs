//! Adapter functions, seen from the consumer.

use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::{GROUP_AFFINITY, SOCKADDR};
use cxndk::sys::ndkpi::*;
use wdk_standin::{_MDL as MDL, GUID};

use super::super::ledger::memory::{self, Build};
use super::super::request::{self, Effect, Handler};
use super::super::track::{Kind, breach};
use super::{Answer, Call, create, pass, plain, provider};
use crate::ndis::kernel::Level;

pub(in crate::ndis::ndk) static TABLE: NDK_ADAPTER_DISPATCH = NDK_ADAPTER_DISPATCH {
    NdkQueryExtension: Some(query_extension),
    NdkQueryAdapterInfo: Some(query_adapter_info),
    NdkCreateCq: Some(create_cq),
    NdkCreatePd: Some(create_pd),
    NdkCreateSharedEndpoint: Some(create_shared_endpoint),
    NdkCreateConnector: Some(create_connector),
    NdkCreateListener: Some(create_listener),
    NdkBuildLAM: Some(build_lam),
    NdkReleaseLAM: Some(release_lam),
};

pass!(query_extension: Adapter, NDK_ADAPTER_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);

unsafe extern "win64" fn query_adapter_info(
    adapter: *mut NDK_ADAPTER,
    info: *mut cxndk::sys::ndis::NDK_ADAPTER_INFO,
    size: *mut u32,
) -> i32 {
    let call = Call::enter_at(
        adapter.cast(),
        Kind::Adapter,
        "NdkQueryAdapterInfo",
        Level::Passive,
    );
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkQueryAdapterInfo);
    // SAFETY: the consumer's arguments.
    let status = unsafe { provider(adapter, info, size) };
    status.check(&call);
    if status == request::SUCCESS && !info.is_null() {
        // SAFETY: the provider says that it filled the structure.
        let version = unsafe { (*info).Version };
        if (version.Major, version.Minor) != call.object.open.version {
            breach(
                "VRF-48",
                "ADAPTER-05",
                "NDK_ADAPTER_INFO and object headers name different versions",
            );
        }
    }
    status
}

unsafe extern "win64" fn create_cq(
    adapter: *mut NDK_ADAPTER,
    depth: u32,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_CQ,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkCreateCq");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkCreateCq);
    let (event, event_token) = request::register(Handler::Cq(notification), notification_context);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Cq,
        parents,
        Rc::new(move |cq| {
            event.bind(cq);
            cq.books.depth.set(depth);
        }),
        (callback, context, out.cast()),
        |ours, token, place| {
            let notify: NDK_FN_CQ_NOTIFICATION_CALLBACK = Some(request::on_cq);
            // SAFETY: the consumer's arguments; callbacks and contexts are the verifier's.
            unsafe {
                provider(
                    adapter,
                    depth,
                    notify,
                    event_token,
                    affinity,
                    ours,
                    token,
                    place.cast(),
                )
            }
        },
    )
}

unsafe extern "win64" fn create_pd(
    adapter: *mut NDK_ADAPTER,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_PD,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkCreatePd");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkCreatePd);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Pd,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(adapter, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn create_shared_endpoint(
    adapter: *mut NDK_ADAPTER,
    address: *mut SOCKADDR,
    length: u32,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_SHARED_ENDPOINT,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkCreateSharedEndpoint");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkCreateSharedEndpoint);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::SharedEndpoint,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(adapter, address, length, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn create_connector(
    adapter: *mut NDK_ADAPTER,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_CONNECTOR,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkCreateConnector");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkCreateConnector);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Connector,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(adapter, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn create_listener(
    adapter: *mut NDK_ADAPTER,
    connect: NDK_FN_CONNECT_EVENT_CALLBACK,
    connect_context: *mut c_void,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_LISTENER,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkCreateListener");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkCreateListener);
    let (event, event_token) = request::register(Handler::Connect(connect), connect_context);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Listener,
        parents,
        Rc::new(move |listener| event.bind(listener)),
        (callback, context, out.cast()),
        |ours, token, place| {
            let incoming: NDK_FN_CONNECT_EVENT_CALLBACK = Some(request::on_connect);
            // SAFETY: the consumer's arguments; callbacks and contexts are the verifier's.
            unsafe { provider(adapter, incoming, event_token, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn build_lam(
    adapter: *mut NDK_ADAPTER,
    mdl: *mut MDL,
    length: u64,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
    mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    size: *mut u32,
    offset: *mut u32,
) -> i32 {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkBuildLAM");
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkBuildLAM);
    let effect = Effect::Maps(Build::new(mdl, length, mapping));
    super::request(&call, (callback, context), effect, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(adapter, mdl, length, ours, token, mapping, size, offset) }
    })
}

unsafe extern "win64" fn release_lam(adapter: *mut NDK_ADAPTER, mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
    let call = Call::enter(adapter.cast(), Kind::Adapter, "NdkReleaseLAM");
    let released = memory::release(&call.object.open, mapping);
    let provider = provider!(call, NDK_ADAPTER_DISPATCH, NdkReleaseLAM);
    // SAFETY: the consumer's arguments.
    unsafe { provider(adapter, mapping) };
    drop(released);
}
