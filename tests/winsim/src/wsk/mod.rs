//! Winsock Kernel as far as a Network Direct consumer needs it: registration, the provider, and its NDK extension.
//!
//! A kernel driver registers as a WSK client, captures the provider, and asks it by `WskControlClient` for the dispatch that
//! opens and closes NDK adapters by interface index (wsk.h, wskndk.h). Sockets are refused: there is no TCP here.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::NDK_VERSION;
use cxndk::sys::ndkpi::NDK_ADAPTER;

use crate::ndis::{self, NdkAdapter};
use crate::nt::{self, Level};
use crate::sim::{self, HostId, faults};

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_BUFFER_TOO_SMALL: i32 = 0xC000_0023_u32 as i32;
const STATUS_NOT_FOUND: i32 = 0xC000_0225_u32 as i32;
const STATUS_NOINTERFACE: i32 = 0xC000_02B9_u32 as i32;
const STATUS_DEVICE_NOT_READY: i32 = 0xC000_00A3_u32 as i32;
const STATUS_INSUFFICIENT_RESOURCES: i32 = 0xC000_009A_u32 as i32;
const STATUS_NOT_SUPPORTED: i32 = 0xC000_00BB_u32 as i32;
/// WSK 1.0, the only version.
const VERSION: u16 = 0x0100;
/// `WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH`: the characters NDKD.
const GET_NDK_DISPATCH: u32 = u32::from_be_bytes(*b"NDKD");
/// Rule id of a client that does not give back what it took: on Windows it waits for ever.
const WSK: &str = "WSK";

/// `WSK_CLIENT_DISPATCH`.
#[repr(C)]
pub struct ClientDispatch {
    /// The version that the client wants.
    pub version: u16,
    /// 0.
    pub reserved: u16,
    /// Events; may be NULL.
    pub event: *const c_void,
}

/// `WSK_CLIENT_NPI`.
#[repr(C)]
pub struct ClientNpi {
    /// The client's.
    pub context: *mut c_void,
    /// What it offers.
    pub dispatch: *const ClientDispatch,
}

/// `WSK_REGISTRATION`: opaque to the client.
#[repr(C)]
pub struct Registration {
    /// Number of the registration.
    state: u64,
    context: *mut c_void,
    lock: u64,
}

/// `WSK_PROVIDER_DISPATCH`.
#[repr(C)]
pub struct ProviderDispatch {
    version: u16,
    reserved: u16,
    socket: unsafe extern "win64" fn() -> i32,
    socket_connect: unsafe extern "win64" fn() -> i32,
    control_client: ControlClient,
    get_address_info: unsafe extern "win64" fn() -> i32,
    free_address_info: unsafe extern "win64" fn() -> i32,
    get_name_info: unsafe extern "win64" fn() -> i32,
}

/// `PFN_WSK_CONTROL_CLIENT`: client, code, input, output, length returned, request.
type ControlClient = unsafe extern "win64" fn(
    *mut c_void,
    u32,
    usize,
    *mut c_void,
    usize,
    *mut NdkDispatch,
    *mut usize,
    *mut c_void,
) -> i32;

/// `WSK_PROVIDER_NPI`.
#[repr(C)]
pub struct ProviderNpi {
    client: *mut c_void,
    dispatch: *const ProviderDispatch,
}

/// `WSK_PROVIDER_NDK_DISPATCH`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NdkDispatch {
    open: unsafe extern "win64" fn(*mut c_void, NDK_VERSION, u32, *mut *mut NDK_ADAPTER) -> i32,
    close: unsafe extern "win64" fn(*mut c_void, *mut NDK_ADAPTER),
}

const _: () = {
    assert!(size_of::<ClientNpi>() == 16 && size_of::<Registration>() == 24);
    assert!(size_of::<ProviderDispatch>() == 56 && size_of::<NdkDispatch>() == 16);
    assert!(std::mem::offset_of!(ProviderDispatch, control_client) == 24);
};

static PROVIDER: ProviderDispatch = ProviderDispatch {
    version: VERSION,
    reserved: 0,
    socket: no_sockets,
    socket_connect: no_sockets,
    control_client,
    get_address_info: no_sockets,
    free_address_info: no_sockets,
    get_name_info: no_sockets,
};

/// One registered client.
struct Client {
    host: HostId,
    captured: Cell<u32>,
    adapters: RefCell<BTreeMap<usize, NdkAdapter>>,
}

#[derive(Default)]
struct Clients {
    last: Cell<u64>,
    registered: RefCell<BTreeMap<u64, Rc<Client>>>,
}

fn client(number: u64, what: &str) -> Rc<Client> {
    let found = sim::local::<Clients>().registered.borrow().get(&number).cloned();
    found.unwrap_or_else(|| sim::fail(WSK, format!("{what} of a client that is not registered")))
}

/// How many clients of the host are registered.
pub fn wsk_clients(host: HostId) -> usize {
    let clients = sim::local::<Clients>();
    let registered = clients.registered.borrow();
    registered.values().filter(|client| client.host == host).count()
}

/// `WskRegister`: `PASSIVE_LEVEL`. Fault point `WskRegister`.
///
/// # Safety
/// Both point to what their types say, and stay until the deregistration.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn WskRegister(npi: *const ClientNpi, registration: *mut Registration) -> i32 {
    nt::enter("WskRegister", Level::Passive);
    // SAFETY: the caller's structure.
    let dispatch = unsafe { npi.as_ref() }.map_or(ptr::null(), |npi| npi.dispatch);
    if dispatch.is_null() || registration.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller's table.
    if unsafe { (*dispatch).version } != VERSION {
        return STATUS_NOINTERFACE;
    }
    if faults::fire("WskRegister") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let clients = sim::local::<Clients>();
    clients.last.set(clients.last.get() + 1);
    let client = Client {
        host: nt::host(),
        captured: Cell::new(0),
        adapters: RefCell::default(),
    };
    clients
        .registered
        .borrow_mut()
        .insert(clients.last.get(), Rc::new(client));
    let fresh = Registration {
        state: clients.last.get(),
        context: ptr::null_mut(),
        lock: 0,
    };
    // SAFETY: the caller gives a place for it.
    unsafe { registration.write(fresh) };
    STATUS_SUCCESS
}

/// `WskDeregister`: `PASSIVE_LEVEL`. It waits on Windows until every captured provider is released.
///
/// # Safety
/// `registration` was registered.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn WskDeregister(registration: *mut Registration) {
    nt::enter("WskDeregister", Level::Passive);
    // SAFETY: the caller's registration.
    let number = unsafe { (*registration).state };
    let client = client(number, "WskDeregister");
    if client.captured.get() > 0 {
        sim::fail(
            WSK,
            format!("WskDeregister with {} captured providers", client.captured.get()),
        );
    }
    sim::local::<Clients>().registered.borrow_mut().remove(&number);
}

/// `WskCaptureProviderNPI`: `PASSIVE_LEVEL` if it may wait. The provider is always there. Fault point `WskCaptureProviderNPI`.
///
/// # Safety
/// `registration` was registered, `npi` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn WskCaptureProviderNPI(
    registration: *mut Registration,
    timeout: u32,
    npi: *mut ProviderNpi,
) -> i32 {
    let level = if timeout == 0 {
        Level::Dispatch
    } else {
        Level::Passive
    };
    nt::enter("WskCaptureProviderNPI", level);
    // SAFETY: the caller's registration.
    let number = unsafe { (*registration).state };
    let client = client(number, "WskCaptureProviderNPI");
    if faults::fire("WskCaptureProviderNPI") {
        return STATUS_DEVICE_NOT_READY;
    }
    client.captured.set(client.captured.get() + 1);
    let provider = ProviderNpi {
        client: number as *mut c_void,
        dispatch: &raw const PROVIDER,
    };
    // SAFETY: the caller gives a place for it.
    unsafe { npi.write(provider) };
    STATUS_SUCCESS
}

/// `WskReleaseProviderNPI`: everything that was made through the provider is closed before.
///
/// # Safety
/// `registration` was registered.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn WskReleaseProviderNPI(registration: *mut Registration) {
    nt::enter("WskReleaseProviderNPI", Level::Dispatch);
    // SAFETY: the caller's registration.
    let client = client(unsafe { (*registration).state }, "WskReleaseProviderNPI");
    if client.captured.get() == 0 {
        sim::fail(WSK, "WskReleaseProviderNPI of a provider that is not captured");
    }
    let open = client.adapters.borrow().len();
    if client.captured.get() == 1 && open > 0 {
        sim::fail(
            WSK,
            format!("WskReleaseProviderNPI with {open} open NDK adapters"),
        );
    }
    client.captured.set(client.captured.get() - 1);
}

unsafe extern "win64" fn no_sockets() -> i32 {
    nt::enter("a WSK socket function", Level::Dispatch);
    STATUS_NOT_SUPPORTED
}

unsafe extern "win64" fn control_client(
    number: *mut c_void,
    code: u32,
    _input_size: usize,
    _input: *mut c_void,
    output_size: usize,
    output: *mut NdkDispatch,
    returned: *mut usize,
    _request: *mut c_void,
) -> i32 {
    nt::enter("WskControlClient", Level::Passive);
    client(number as u64, "WskControlClient");
    if code != GET_NDK_DISPATCH || output.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if output_size < size_of::<NdkDispatch>() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let dispatch = NdkDispatch {
        open: open_ndk_adapter,
        close: close_ndk_adapter,
    };
    // SAFETY: the caller's buffer, whose size was looked at.
    unsafe { output.write_unaligned(dispatch) };
    // SAFETY: NULL or a place for the length.
    if let Some(returned) = unsafe { returned.as_mut() } {
        *returned = size_of::<NdkDispatch>();
    }
    STATUS_SUCCESS
}

/// `WskOpenNdkAdapter`: `PASSIVE_LEVEL`.
unsafe extern "win64" fn open_ndk_adapter(
    number: *mut c_void,
    version: NDK_VERSION,
    interface: u32,
    adapter: *mut *mut NDK_ADAPTER,
) -> i32 {
    nt::enter("WskOpenNdkAdapter", Level::Passive);
    let client = client(number as u64, "WskOpenNdkAdapter");
    match ndis::open_ndk_of_interface(client.host, interface, (version.Major, version.Minor)) {
        None => STATUS_NOT_FOUND,
        Some(Ok(open)) => {
            let object = open.as_ptr();
            client.adapters.borrow_mut().insert(object as usize, open);
            // SAFETY: the caller gives a place for it.
            unsafe { adapter.write(object) };
            STATUS_SUCCESS
        }
        Some(Err(status)) => status,
    }
}

/// `WskCloseNdkAdapter`: `PASSIVE_LEVEL`; returns when all that was made from the adapter is gone.
unsafe extern "win64" fn close_ndk_adapter(number: *mut c_void, adapter: *mut NDK_ADAPTER) {
    nt::enter("WskCloseNdkAdapter", Level::Passive);
    let client = client(number as u64, "WskCloseNdkAdapter");
    let Some(open) = client.adapters.borrow_mut().remove(&(adapter as usize)) else {
        sim::fail(
            WSK,
            "WskCloseNdkAdapter of an adapter that the client did not open",
        )
    };
    open.close_here();
}
