//! Connectors and listeners.

use std::ffi::c_void;
use std::net::SocketAddr;
use std::ptr;

use cxndk::sys::ndkpi::{NDK_CONNECTOR, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_LISTENER};

use super::object::{Object, dispatch};
use super::wait::{self, Started};
use super::{Qp, SockAddr, Status};

/// A connector.
pub type Connector = Object<NDK_CONNECTOR>;
/// A listener.
pub type Listener = Object<NDK_LISTENER>;

/// How many reads may be under way in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Reads by the peer.
    pub inbound: u32,
    /// Own reads.
    pub outbound: u32,
}

/// What `GetConnectionData` gives.
#[derive(Clone, Debug)]
pub struct ConnectionData {
    /// The effective limits.
    pub limits: ReadLimits,
    /// The peer's private data, with the zeros that fill its area.
    pub private_data: Vec<u8>,
}

impl Connector {
    /// Starts a connection.
    pub fn connect(
        self,
        qp: Qp,
        from: SocketAddr,
        to: SocketAddr,
        limits: ReadLimits,
        data: &[u8],
    ) -> Started {
        let (from, to) = (SockAddr::from(from), SockAddr::from(to));
        Started::run(|request| {
            dispatch!(
                self,
                NdkConnect(
                    qp.raw(),
                    from.as_ptr(),
                    from.len(),
                    to.as_ptr(),
                    to.len(),
                    limits.inbound,
                    limits.outbound,
                    private(data),
                    data.len() as u32,
                    Some(wait::request_completed),
                    request,
                )
            )
        })
    }

    /// Starts the last step of the connecting side; `event` is called when the peer disconnects.
    #[expect(
        clippy::not_unsafe_ptr_arg_deref,
        reason = "the provider gives the context back, and looks at nothing behind it"
    )]
    pub fn complete_connect(self, event: NDK_FN_DISCONNECT_EVENT_CALLBACK, context: *mut c_void) -> Started {
        Started::run(|request| {
            dispatch!(
                self,
                NdkCompleteConnect(event, context, Some(wait::request_completed), request)
            )
        })
    }

    /// Starts to accept; `event` is called when the peer disconnects.
    #[expect(
        clippy::not_unsafe_ptr_arg_deref,
        reason = "the provider gives the context back, and looks at nothing behind it"
    )]
    pub fn accept(
        self,
        qp: Qp,
        limits: ReadLimits,
        data: &[u8],
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
        context: *mut c_void,
    ) -> Started {
        Started::run(|request| {
            dispatch!(
                self,
                NdkAccept(
                    qp.raw(),
                    limits.inbound,
                    limits.outbound,
                    private(data),
                    data.len() as u32,
                    event,
                    context,
                    Some(wait::request_completed),
                    request,
                )
            )
        })
    }

    /// Says no.
    ///
    /// # Errors
    ///
    /// The status of `NdkReject`.
    pub fn reject(self, data: &[u8]) -> Result<(), Status> {
        Status(dispatch!(self, NdkReject(private(data), data.len() as u32))).check()
    }

    /// Starts to disconnect.
    pub fn disconnect(self) -> Started {
        Started::run(|request| dispatch!(self, NdkDisconnect(Some(wait::request_completed), request)))
    }

    /// The peer's private data and the effective limits.
    ///
    /// # Errors
    ///
    /// The status of `NdkGetConnectionData`.
    pub fn connection_data(self) -> Result<ConnectionData, Status> {
        let (mut inbound, mut outbound, mut length) = (0, 0, 0);
        Status(dispatch!(
            self,
            NdkGetConnectionData(
                &raw mut inbound,
                &raw mut outbound,
                ptr::null_mut(),
                &raw mut length
            )
        ))
        .check()?;
        let mut private_data = vec![0_u8; length as usize];
        Status(dispatch!(
            self,
            NdkGetConnectionData(
                &raw mut inbound,
                &raw mut outbound,
                private_data.as_mut_ptr().cast(),
                &raw mut length,
            )
        ))
        .check()?;
        Ok(ConnectionData {
            limits: ReadLimits { inbound, outbound },
            private_data,
        })
    }

    /// The own address.
    ///
    /// # Errors
    ///
    /// The status of `NdkGetLocalAddress`.
    pub fn local_address(self) -> Result<SocketAddr, Status> {
        address(|sockaddr, length| dispatch!(self, NdkGetLocalAddress(sockaddr, length)))
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// The status of `NdkGetPeerAddress`.
    pub fn peer_address(self) -> Result<SocketAddr, Status> {
        address(|sockaddr, length| dispatch!(self, NdkGetPeerAddress(sockaddr, length)))
    }
}

impl Listener {
    /// Starts to listen.
    pub fn listen(self, at: SocketAddr) -> Started {
        let at = SockAddr::from(at);
        Started::run(|request| {
            dispatch!(
                self,
                NdkListen(at.as_ptr(), at.len(), Some(wait::request_completed), request)
            )
        })
    }

    /// Pauses connect events, or lets them come again.
    pub fn control_connect_events(self, pause: bool) {
        dispatch!(self, NdkControlConnectEvents(u8::from(pause)));
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// The status of `NdkGetListenerLocalAddress`.
    pub fn local_address(self) -> Result<SocketAddr, Status> {
        address(|sockaddr, length| dispatch!(self, NdkGetLocalAddress(sockaddr, length)))
    }
}

const fn private(data: &[u8]) -> *mut c_void {
    if data.is_empty() {
        ptr::null_mut()
    } else {
        data.as_ptr().cast_mut().cast()
    }
}

fn address(
    get: impl FnOnce(*mut cxndk::sys::ndkpi::SOCKADDR, *mut u32) -> i32,
) -> Result<SocketAddr, Status> {
    let mut room = SockAddr::empty();
    let (sockaddr, length) = room.as_mut_parts();
    Status(get(sockaddr, length)).check()?;
    room.to_socket_addr().ok_or(Status::INVALID_ADDRESS)
}
