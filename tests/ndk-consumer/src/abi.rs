//! What the driver uses of the WDK: wdm.h, wsk.h, wskndk.h, ndkpi.h. Names of functions are the WDK's; of the tables only the
//! functions that are called have types.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

/// `NTSTATUS`.
pub type Status = i32;
/// `STATUS_SUCCESS`.
pub const SUCCESS: Status = 0;
/// `STATUS_PENDING`.
pub const PENDING: Status = 0x103;
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub const NO_RESOURCES: Status = 0xC000_009A_u32 as i32;
/// `STATUS_INVALID_PARAMETER`.
pub const INVALID_PARAMETER: Status = 0xC000_000D_u32 as i32;
/// `STATUS_DATA_ERROR`: what arrived is not what was sent.
pub const DATA_ERROR: Status = 0xC000_003E_u32 as i32;
/// `STATUS_IO_TIMEOUT`.
pub const TIMEOUT: Status = 0xC000_00B5_u32 as i32;
/// `STATUS_CONNECTION_ABORTED`.
pub const ABORTED: Status = 0xC000_0241_u32 as i32;

/// `UNICODE_STRING`.
#[repr(C)]
pub struct UnicodeString {
    /// Bytes in use.
    pub length: u16,
    /// Bytes of room.
    pub room: u16,
    /// UTF-16 text.
    pub text: *mut u16,
}

/// `DRIVER_OBJECT`, to its `DriverUnload`.
#[repr(C)]
pub struct DriverObject {
    before: [u64; 13],
    /// `DriverUnload`.
    pub unload: Option<unsafe extern "win64" fn(*mut Self)>,
}

/// `KEVENT`; opaque.
#[repr(C)]
pub struct Event([u64; 3]);

impl Event {
    /// A place for an event.
    pub const fn new() -> Self {
        Self([0; 3])
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

/// `OBJECT_ATTRIBUTES`.
#[repr(C)]
pub struct ObjectAttributes {
    /// Size in bytes.
    pub length: u32,
    /// NULL.
    pub root: *mut c_void,
    /// Name.
    pub name: *mut UnicodeString,
    /// `OBJ_*`.
    pub attributes: u32,
    /// NULL.
    pub security: *mut c_void,
    /// NULL.
    pub quality: *mut c_void,
}

#[expect(missing_docs, reason = "the WDK documents its functions")]
#[cfg_attr(
    windows,
    link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    pub fn KeBugCheckEx(code: u32, first: u64, second: u64, third: u64, fourth: u64) -> !;
    pub fn ExAllocatePoolWithTag(kind: i32, length: u64, tag: u32) -> *mut c_void;
    pub fn ExFreePoolWithTag(memory: *mut c_void, tag: u32);
    pub fn IoAllocateMdl(
        memory: *mut c_void,
        length: u32,
        secondary: u8,
        quota: u8,
        irp: *mut c_void,
    ) -> *mut c_void;
    pub fn MmBuildMdlForNonPagedPool(mdl: *mut c_void);
    pub fn IoFreeMdl(mdl: *mut c_void);
    pub fn KeInitializeEvent(event: *mut Event, kind: i32, state: u8);
    pub fn KeSetEvent(event: *mut Event, increment: i32, wait: u8) -> i32;
    pub fn KeClearEvent(event: *mut Event);
    pub fn KeWaitForSingleObject(
        object: *mut c_void,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *mut i64,
    ) -> Status;
    pub fn IoAllocateDriverObjectExtension(
        driver: *mut DriverObject,
        id: *const c_void,
        size: u32,
        place: *mut *mut c_void,
    ) -> Status;
    pub fn IoGetDriverObjectExtension(driver: *mut DriverObject, id: *const c_void) -> *mut c_void;
    pub fn PsCreateSystemThread(
        handle: *mut *mut c_void,
        access: u32,
        attributes: *mut c_void,
        process: *mut c_void,
        client: *mut c_void,
        routine: Option<unsafe extern "win64" fn(*mut c_void)>,
        context: *mut c_void,
    ) -> Status;
    pub fn PsTerminateSystemThread(status: Status) -> Status;
    pub fn ObReferenceObjectByHandle(
        handle: *mut c_void,
        access: u32,
        kind: *mut c_void,
        mode: i8,
        object: *mut *mut c_void,
        information: *mut c_void,
    ) -> Status;
    pub fn ObfDereferenceObject(object: *mut c_void) -> i64;
    pub fn ZwOpenKey(handle: *mut *mut c_void, access: u32, attributes: *mut ObjectAttributes) -> Status;
    pub fn ZwQueryValueKey(
        handle: *mut c_void,
        name: *mut UnicodeString,
        class: i32,
        information: *mut c_void,
        length: u32,
        needed: *mut u32,
    ) -> Status;
    pub fn ZwSetValueKey(
        handle: *mut c_void,
        name: *mut UnicodeString,
        index: u32,
        kind: u32,
        data: *mut c_void,
        size: u32,
    ) -> Status;
    pub fn ZwClose(handle: *mut c_void) -> Status;
}

/// `WSK_CLIENT_DISPATCH`.
#[repr(C)]
pub struct WskClientDispatch {
    /// 1.0.
    pub version: u16,
    /// 0.
    pub reserved: u16,
    /// NULL.
    pub event: *const c_void,
}

/// `WSK_CLIENT_NPI`.
#[repr(C)]
pub struct WskClientNpi {
    /// The client's own.
    pub context: *mut c_void,
    /// What it offers.
    pub dispatch: *const WskClientDispatch,
}

/// `WSK_REGISTRATION`; opaque.
#[repr(C)]
pub struct WskRegistration(pub [u64; 3]);

/// `WSK_PROVIDER_NPI`.
#[repr(C)]
pub struct WskProviderNpi {
    /// The client as the provider knows it.
    pub client: *mut c_void,
    /// Its functions.
    pub dispatch: *const WskProviderDispatch,
}

/// `WSK_PROVIDER_DISPATCH`, to `WskControlClient`.
#[repr(C)]
pub struct WskProviderDispatch {
    /// 1.0.
    pub version: u16,
    reserved: u16,
    sockets: [*const c_void; 2],
    /// `WskControlClient`.
    pub control_client: unsafe extern "win64" fn(
        *mut c_void,
        u32,
        usize,
        *mut c_void,
        usize,
        *mut WskNdkDispatch,
        *mut usize,
        *mut c_void,
    ) -> Status,
}

/// `WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH`.
pub const GET_NDK_DISPATCH: u32 = u32::from_be_bytes(*b"NDKD");

/// `WSK_PROVIDER_NDK_DISPATCH`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct WskNdkDispatch {
    /// `WskOpenNdkAdapter`.
    pub open: unsafe extern "win64" fn(*mut c_void, NdkVersion, u32, *mut *mut NdkAdapter) -> Status,
    /// `WskCloseNdkAdapter`.
    pub close: unsafe extern "win64" fn(*mut c_void, *mut NdkAdapter),
}

#[expect(missing_docs, reason = "the WDK documents its functions")]
#[cfg_attr(
    windows,
    link(name = "netio.sys", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    pub fn WskRegister(npi: *const WskClientNpi, registration: *mut WskRegistration) -> Status;
    pub fn WskDeregister(registration: *mut WskRegistration);
    pub fn WskCaptureProviderNPI(
        registration: *mut WskRegistration,
        timeout: u32,
        npi: *mut WskProviderNpi,
    ) -> Status;
    pub fn WskReleaseProviderNPI(registration: *mut WskRegistration);
}

/// `NDK_VERSION`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NdkVersion {
    /// Major.
    pub major: u16,
    /// Minor.
    pub minor: u16,
}

/// Any NDK object: a header, and the table of its functions.
#[repr(C)]
pub struct NdkObject<T> {
    header: [u64; 5],
    /// Its functions.
    pub dispatch: *const T,
}

/// `NDK_FN_CREATE_COMPLETION`.
pub type CreateCompletion = unsafe extern "win64" fn(*mut c_void, Status, *mut c_void);
/// `NDK_FN_REQUEST_COMPLETION`.
pub type RequestCompletion = unsafe extern "win64" fn(*mut c_void, Status);
/// `NDK_FN_CLOSE_COMPLETION`.
pub type CloseCompletion = unsafe extern "win64" fn(*mut c_void);
/// `NDK_FN_CLOSE_OBJECT`.
pub type Close = unsafe extern "win64" fn(*mut c_void, CloseCompletion, *mut c_void) -> Status;
/// A function that this driver does not call.
pub type Uncalled = *const c_void;

/// `NDK_ADAPTER`.
pub type NdkAdapter = NdkObject<AdapterDispatch>;
/// `NDK_ADAPTER_DISPATCH`.
#[repr(C)]
pub struct AdapterDispatch {
    query_extension: Uncalled,
    query_info: Uncalled,
    /// `NdkCreateCq`.
    pub create_cq: unsafe extern "win64" fn(
        *mut NdkAdapter,
        u32,
        RequestCompletion,
        *mut c_void,
        *mut c_void,
        CreateCompletion,
        *mut c_void,
        *mut *mut NdkCq,
    ) -> Status,
    /// `NdkCreatePd`.
    pub create_pd:
        unsafe extern "win64" fn(*mut NdkAdapter, CreateCompletion, *mut c_void, *mut *mut NdkPd) -> Status,
    create_endpoint: Uncalled,
    /// `NdkCreateConnector`.
    pub create_connector: unsafe extern "win64" fn(
        *mut NdkAdapter,
        CreateCompletion,
        *mut c_void,
        *mut *mut NdkConnector,
    ) -> Status,
    /// `NdkCreateListener`.
    pub create_listener: unsafe extern "win64" fn(
        *mut NdkAdapter,
        unsafe extern "win64" fn(*mut c_void, *mut NdkConnector),
        *mut c_void,
        CreateCompletion,
        *mut c_void,
        *mut *mut NdkListener,
    ) -> Status,
}

/// `NDK_CQ`.
pub type NdkCq = NdkObject<CqDispatch>;
/// `NDK_CQ_DISPATCH`.
#[repr(C)]
pub struct CqDispatch {
    /// `NdkCloseCq`.
    pub close: Close,
    query_extension: Uncalled,
    resize: Uncalled,
    /// `NdkArmCq`.
    pub arm: unsafe extern "win64" fn(*mut NdkCq, u32),
    /// `NdkGetCqResults`.
    pub get_results: unsafe extern "win64" fn(*mut NdkCq, *mut NdkResult, u32) -> u32,
}
/// `NDK_CQ_NOTIFY_ANY`.
pub const NOTIFY_ANY: u32 = 1;

/// `NDK_RESULT`.
#[repr(C)]
pub struct NdkResult {
    /// How the request ended.
    pub status: Status,
    /// Bytes received.
    pub bytes: u32,
    /// The queue pair's.
    pub qp_context: *mut c_void,
    /// The request's.
    pub request_context: *mut c_void,
}

/// `NDK_PD`.
pub type NdkPd = NdkObject<PdDispatch>;
/// `NDK_PD_DISPATCH`.
#[repr(C)]
pub struct PdDispatch {
    /// `NdkClosePd`.
    pub close: Close,
    query_extension: Uncalled,
    /// `NdkCreateMr`.
    pub create_mr:
        unsafe extern "win64" fn(*mut NdkPd, u8, CreateCompletion, *mut c_void, *mut *mut NdkMr) -> Status,
    create_mw: Uncalled,
    create_srq: Uncalled,
    /// `NdkCreateQp`.
    pub create_qp: unsafe extern "win64" fn(
        *mut NdkPd,
        *mut NdkCq,
        *mut NdkCq,
        *mut c_void,
        u32,
        u32,
        u32,
        u32,
        u32,
        CreateCompletion,
        *mut c_void,
        *mut *mut NdkQp,
    ) -> Status,
}

/// `NDK_MR`.
pub type NdkMr = NdkObject<MrDispatch>;
/// `NDK_MR_DISPATCH`.
#[repr(C)]
pub struct MrDispatch {
    /// `NdkCloseMr`.
    pub close: Close,
    query_extension: Uncalled,
    /// `NdkRegisterMr`.
    pub register:
        unsafe extern "win64" fn(*mut NdkMr, *mut c_void, u64, u32, RequestCompletion, *mut c_void) -> Status,
    /// `NdkDeregisterMr`.
    pub deregister: unsafe extern "win64" fn(*mut NdkMr, RequestCompletion, *mut c_void) -> Status,
    initialize_fast: Uncalled,
    /// `NdkGetRemoteTokenFromMr`.
    pub remote_token: unsafe extern "win64" fn(*mut NdkMr) -> u32,
    /// `NdkGetLocalTokenFromMr`.
    pub local_token: unsafe extern "win64" fn(*mut NdkMr) -> u32,
}
/// `NDK_MR_FLAG_ALLOW_LOCAL_WRITE`, `_REMOTE_READ`, `_REMOTE_WRITE`, `_RDMA_READ_SINK`.
pub const MR_ALL: u32 = 1 | 2 | 5 | 8;

/// `NDK_QP`.
pub type NdkQp = NdkObject<QpDispatch>;
/// `NDK_FN_SEND`.
pub type Send = unsafe extern "win64" fn(*mut NdkQp, *mut c_void, *const Sge, u32, u32) -> Status;
/// `NDK_FN_READ`, `NDK_FN_WRITE`.
pub type Remote = unsafe extern "win64" fn(*mut NdkQp, *mut c_void, *const Sge, u32, u64, u32, u32) -> Status;
/// `NDK_QP_DISPATCH`.
#[repr(C)]
pub struct QpDispatch {
    /// `NdkCloseQp`.
    pub close: Close,
    query_extension: Uncalled,
    /// `NdkFlush`.
    pub flush: unsafe extern "win64" fn(*mut NdkQp),
    /// `NdkSend`.
    pub send: Send,
    /// `NdkReceive`.
    pub receive: unsafe extern "win64" fn(*mut NdkQp, *mut c_void, *const Sge, u32) -> Status,
    bind: Uncalled,
    fast_register: Uncalled,
    invalidate: Uncalled,
    /// `NdkRead`.
    pub read: Remote,
    /// `NdkWrite`.
    pub write: Remote,
}

/// `NDK_SGE`.
#[repr(C)]
pub struct Sge {
    /// Where.
    pub address: *mut c_void,
    /// How much.
    pub length: u32,
    /// By which registration.
    pub token: u32,
}

/// `NDK_CONNECTOR`.
pub type NdkConnector = NdkObject<ConnectorDispatch>;
/// `NDK_CONNECTOR_DISPATCH`.
#[repr(C)]
pub struct ConnectorDispatch {
    /// `NdkCloseConnector`.
    pub close: Close,
    query_extension: Uncalled,
    /// `NdkConnect`.
    pub connect: unsafe extern "win64" fn(
        *mut NdkConnector,
        *mut NdkQp,
        *const SocketAddress,
        u32,
        *const SocketAddress,
        u32,
        u32,
        u32,
        *const c_void,
        u32,
        RequestCompletion,
        *mut c_void,
    ) -> Status,
    connect_shared: Uncalled,
    /// `NdkCompleteConnect`.
    pub complete_connect: unsafe extern "win64" fn(
        *mut NdkConnector,
        CloseCompletion,
        *mut c_void,
        RequestCompletion,
        *mut c_void,
    ) -> Status,
    /// `NdkAccept`.
    pub accept: unsafe extern "win64" fn(
        *mut NdkConnector,
        *mut NdkQp,
        u32,
        u32,
        *const c_void,
        u32,
        CloseCompletion,
        *mut c_void,
        RequestCompletion,
        *mut c_void,
    ) -> Status,
    reject: Uncalled,
    connection_data: Uncalled,
    local_address: Uncalled,
    peer_address: Uncalled,
    /// `NdkDisconnect`.
    pub disconnect: unsafe extern "win64" fn(*mut NdkConnector, RequestCompletion, *mut c_void) -> Status,
}

/// `NDK_LISTENER`.
pub type NdkListener = NdkObject<ListenerDispatch>;
/// `NDK_LISTENER_DISPATCH`.
#[repr(C)]
pub struct ListenerDispatch {
    /// `NdkCloseListener`.
    pub close: Close,
    query_extension: Uncalled,
    /// `NdkListen`.
    pub listen: unsafe extern "win64" fn(
        *mut NdkListener,
        *const SocketAddress,
        u32,
        RequestCompletion,
        *mut c_void,
    ) -> Status,
}

/// `SOCKADDR_IN`.
#[repr(C)]
pub struct SocketAddress {
    family: u16,
    port: [u8; 2],
    address: [u8; 4],
    zero: [u8; 8],
}

impl SocketAddress {
    /// An IPv4 address, its first byte the highest of `address`, with a port.
    pub const fn new(address: u32, port: u16) -> Self {
        Self {
            family: 2,
            port: port.to_be_bytes(),
            address: address.to_be_bytes(),
            zero: [0; 8],
        }
    }
}

const _: () = {
    assert!(offset_of!(DriverObject, unload) == 104);
    assert!(size_of::<ObjectAttributes>() == 48 && size_of::<Event>() == 24);
    assert!(offset_of!(WskProviderDispatch, control_client) == 24);
    assert!(size_of::<NdkAdapter>() == 48 && offset_of!(NdkAdapter, dispatch) == 40);
    assert!(offset_of!(AdapterDispatch, create_listener) == 48 && offset_of!(CqDispatch, get_results) == 32);
    assert!(offset_of!(PdDispatch, create_qp) == 40 && offset_of!(MrDispatch, local_token) == 48);
    assert!(offset_of!(QpDispatch, write) == 72 && offset_of!(ConnectorDispatch, disconnect) == 80);
    assert!(offset_of!(ListenerDispatch, listen) == 16 && size_of::<Sge>() == 16);
    assert!(size_of::<SocketAddress>() == 16 && size_of::<NdkResult>() == 24);
};
