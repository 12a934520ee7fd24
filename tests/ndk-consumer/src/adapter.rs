//! The way to Network Direct: a registration with WSK, its provider, the NDK adapter of an IP interface.

use core::ffi::c_void;
use core::mem::{MaybeUninit, size_of};
use core::ptr;

use crate::abi::{
    self, GET_NDK_DISPATCH, NdkAdapter, NdkVersion, Status, WskClientDispatch, WskClientNpi, WskNdkDispatch,
    WskProviderNpi, WskRegistration,
};

/// Milliseconds that the provider may take to appear.
const PATIENCE_MS: u32 = 10_000;

/// What stays where it is while the driver is a WSK client. Make it, then [`Client::open`] its adapter.
pub struct Client {
    dispatch: WskClientDispatch,
    npi: WskClientNpi,
    registration: WskRegistration,
}

impl Client {
    /// A client that is not registered.
    pub const fn new() -> Self {
        Self {
            dispatch: WskClientDispatch {
                version: 0x0100,
                reserved: 0,
                event: ptr::null(),
            },
            npi: WskClientNpi {
                context: ptr::null_mut(),
                dispatch: ptr::null(),
            },
            registration: WskRegistration([0; 3]),
        }
    }

    /// Registers, captures the provider, opens the adapter of `interface`. `PASSIVE_LEVEL`.
    pub fn open(&mut self, interface: u32) -> Result<Adapter<'_>, Status> {
        self.npi.dispatch = &raw const self.dispatch;
        // SAFETY: both stay for as long as `self` is borrowed by the adapter.
        done(unsafe { abi::WskRegister(&raw const self.npi, &raw mut self.registration) })?;
        let registered = Registered(&mut self.registration);
        let captured = Captured::new(registered)?;
        let dispatch = captured.ndk_dispatch()?;
        let version = NdkVersion { major: 2, minor: 0 };
        let mut adapter = ptr::null_mut();
        // SAFETY: the provider is captured; the place is one.
        done(unsafe { (dispatch.open)(captured.provider.client, version, interface, &raw mut adapter) })?;
        Ok(Adapter {
            adapter,
            dispatch,
            captured,
        })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

fn done(status: Status) -> Result<(), Status> {
    if status == abi::SUCCESS {
        Ok(())
    } else {
        Err(status)
    }
}

/// A registration that ends with it.
struct Registered<'a>(&'a mut WskRegistration);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // SAFETY: registered, and the provider is released.
        unsafe { abi::WskDeregister(self.0) }
    }
}

/// A captured provider, released with it.
struct Captured<'a> {
    provider: WskProviderNpi,
    registered: Registered<'a>,
}

impl<'a> Captured<'a> {
    fn new(registered: Registered<'a>) -> Result<Self, Status> {
        let mut provider = WskProviderNpi {
            client: ptr::null_mut(),
            dispatch: ptr::null(),
        };
        let registration: *mut WskRegistration = &raw mut *registered.0;
        // SAFETY: registered; the place is one.
        done(unsafe { abi::WskCaptureProviderNPI(registration, PATIENCE_MS, &raw mut provider) })?;
        Ok(Self { provider, registered })
    }

    /// The functions of WSK's NDK extension.
    fn ndk_dispatch(&self) -> Result<WskNdkDispatch, Status> {
        let mut dispatch = MaybeUninit::<WskNdkDispatch>::uninit();
        let (size, none) = (size_of::<WskNdkDispatch>(), ptr::null_mut::<c_void>());
        // SAFETY: captured, so the table is there.
        let control = unsafe { (*self.provider.dispatch).control_client };
        let place = dispatch.as_mut_ptr();
        // SAFETY: the buffer has the size that is named.
        let status = unsafe {
            control(
                self.provider.client,
                GET_NDK_DISPATCH,
                0,
                none,
                size,
                place,
                ptr::null_mut(),
                none,
            )
        };
        done(status)?;
        // SAFETY: success says that it is filled.
        Ok(unsafe { dispatch.assume_init() })
    }
}

impl Drop for Captured<'_> {
    fn drop(&mut self) {
        // SAFETY: captured, and nothing is open.
        unsafe { abi::WskReleaseProviderNPI(self.registered.0) }
    }
}

/// An open NDK adapter.
pub struct Adapter<'a> {
    adapter: *mut NdkAdapter,
    dispatch: WskNdkDispatch,
    captured: Captured<'a>,
}

impl Adapter<'_> {
    /// The object.
    pub const fn get(&self) -> *mut NdkAdapter {
        self.adapter
    }
}

impl Drop for Adapter<'_> {
    fn drop(&mut self) {
        // SAFETY: all that was made from it is closed.
        unsafe { (self.dispatch.close)(self.captured.provider.client, self.adapter) }
    }
}
