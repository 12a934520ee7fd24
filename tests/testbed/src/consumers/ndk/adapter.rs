//! An open NDK adapter: what it can do, and the objects that it makes.

use std::ptr;

use cxndk::sys::ndis::GROUP_AFFINITY;
use cxndk::sys::ndkpi::{
    NDK_ADAPTER, NDK_ADAPTER_INFO, NDK_CONNECTOR, NDK_CQ, NDK_FN_CONNECT_EVENT_CALLBACK,
    NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_LISTENER, NDK_PD, NDK_SHARED_ENDPOINT,
};

use super::object::{Object, dispatch};
use super::wait::{self, Started};
use super::{SockAddr, Status};

/// An NDK adapter that was opened for this consumer.
pub type Adapter = Object<NDK_ADAPTER>;

impl Adapter {
    /// What the adapter can do. `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What `NdkQueryAdapterInfo` returned.
    pub fn info(self) -> Result<NDK_ADAPTER_INFO, Status> {
        let mut info = std::mem::MaybeUninit::<NDK_ADAPTER_INFO>::zeroed();
        let mut size = size_of::<NDK_ADAPTER_INFO>() as u32;
        Status(dispatch!(
            self,
            NdkQueryAdapterInfo(info.as_mut_ptr(), &raw mut size)
        ))
        .check()?;
        // SAFETY: the structure is plain data, zeroed first and then filled.
        Ok(unsafe { info.assume_init() })
    }

    /// Makes a completion queue whose notifications go to `notify` with `context`.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_cq(
        self,
        depth: u32,
        notify: NDK_FN_CQ_NOTIFICATION_CALLBACK,
        context: *mut std::ffi::c_void,
    ) -> Result<Object<NDK_CQ>, Status> {
        self.create_cq_on(depth, notify, context, None)
    }

    /// The same, for notifications on these processors if that can be.
    ///
    /// # Errors
    ///
    /// As of [`Self::create_cq`].
    #[expect(
        clippy::not_unsafe_ptr_arg_deref,
        reason = "the provider gives the context back, and looks at nothing behind it"
    )]
    pub fn create_cq_on(
        self,
        depth: u32,
        notify: NDK_FN_CQ_NOTIFICATION_CALLBACK,
        context: *mut std::ffi::c_void,
        mut processors: Option<GROUP_AFFINITY>,
    ) -> Result<Object<NDK_CQ>, Status> {
        let mut cq = ptr::null_mut::<NDK_CQ>();
        let preferred = processors.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateCq(
                    depth,
                    notify,
                    context,
                    preferred,
                    Some(wait::created),
                    request,
                    &raw mut cq
                )
            )
        });
        started.wait_object(cq).map(Object::from_raw)
    }

    /// Makes a protection domain.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_pd(self) -> Result<Object<NDK_PD>, Status> {
        let mut pd = ptr::null_mut::<NDK_PD>();
        let started =
            Started::run(|request| dispatch!(self, NdkCreatePd(Some(wait::created), request, &raw mut pd)));
        started.wait_object(pd).map(Object::from_raw)
    }

    /// Makes a connector.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_connector(self) -> Result<Object<NDK_CONNECTOR>, Status> {
        let mut connector = ptr::null_mut::<NDK_CONNECTOR>();
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateConnector(Some(wait::created), request, &raw mut connector)
            )
        });
        started.wait_object(connector).map(Object::from_raw)
    }

    /// Makes a listener whose connect events go to `event` with `context`.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    #[expect(
        clippy::not_unsafe_ptr_arg_deref,
        reason = "the provider gives the context back, and looks at nothing behind it"
    )]
    pub fn create_listener(
        self,
        event: NDK_FN_CONNECT_EVENT_CALLBACK,
        context: *mut std::ffi::c_void,
    ) -> Result<Object<NDK_LISTENER>, Status> {
        let mut listener = ptr::null_mut::<NDK_LISTENER>();
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateListener(event, context, Some(wait::created), request, &raw mut listener)
            )
        });
        started.wait_object(listener).map(Object::from_raw)
    }

    /// Makes a shared endpoint at `address`.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_shared_endpoint(self, address: &SockAddr) -> Result<Object<NDK_SHARED_ENDPOINT>, Status> {
        let mut endpoint = ptr::null_mut::<NDK_SHARED_ENDPOINT>();
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateSharedEndpoint(
                    address.as_ptr(),
                    address.len(),
                    Some(wait::created),
                    request,
                    &raw mut endpoint
                )
            )
        });
        started.wait_object(endpoint).map(Object::from_raw)
    }
}
