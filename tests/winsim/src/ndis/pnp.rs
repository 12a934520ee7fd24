//! What NDIS does with a driver: load, start, pause, halt, unload. The public face of this module for tests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS};
use wdk_standin::{_DRIVER_OBJECT as DRIVER_OBJECT, UNICODE_STRING};

use super::adapter::{AdapterState, Held, State, Transition};
use super::attributes::{Attributes, General};
use super::driver::{self, DriverState};
use super::inf::{Inf, InfError, Install};
use super::interrupt::WaitingMessage;
use super::kernel::{self, Level};
use super::ndk::edge::Edge;
use super::oid::{OidError, OidQueue};
use super::personality::{FailedStart, Personality, PowerEvent, SendsAtPause};
use super::placement::Placement;
use super::protocol;
use super::receive::Receives;
use super::registry::Registry;
use super::send::Sends;
use super::status::{Indication, LogEntry};
use super::table::{self, Object};
use super::wants::Wants;
use crate::netio::InterfaceId;
use crate::nt::DriverEntry;
use crate::nt::image::Image;
use crate::pci;
use crate::sim::{self, HostId, faults};

/// Why a driver or adapter did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A function of the driver returned this status.
    #[error("{what} returned {status:#x}")]
    Status {
        /// The function.
        what: &'static str,
        /// What it returned.
        status: NDIS_STATUS,
    },
    /// The INF does not install the device.
    #[error(transparent)]
    Inf(#[from] InfError),
}

fn failed(what: &'static str, status: NDIS_STATUS) -> StartError {
    StartError::Status { what, status }
}

/// A loaded miniport driver.
#[derive(Clone)]
pub struct Driver {
    pub(super) state: Rc<DriverState>,
    object: usize,
    image: Option<Rc<Image>>,
}

/// A device for [`Driver::add_device`].
pub struct Device {
    /// The PCI function.
    pub function: pci::Function,
    /// What the INF says about its hardware id.
    pub install: Install,
    /// The driver key; [`Registry::installed`] makes the one of a fresh installation.
    pub registry: Registry,
    /// The IP interface on top, if there is one: its carrier follows the link state that the driver indicates.
    pub interface: Option<InterfaceId>,
}

impl Device {
    /// The device as it is right after installation by `inf` for `hardware_id`.
    ///
    /// # Errors
    /// The INF does not install it.
    pub fn installed(function: pci::Function, inf: &Inf, hardware_id: &str) -> Result<Self, InfError> {
        let install = inf.install_for(hardware_id)?;
        let registry = Registry::installed(&install);
        Ok(Self {
            function,
            install,
            registry,
            interface: None,
        })
    }
}

impl Driver {
    /// Loads a driver on `host`: runs its `DriverEntry` at `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// What `DriverEntry` returned if it is not success.
    pub fn load(host: HostId, entry: DriverEntry) -> Result<Self, StartError> {
        kernel::on_host(host, "DriverEntry", move || {
            // SAFETY: all fields of a driver object may be zero.
            let object: Box<DRIVER_OBJECT> = Box::new(unsafe { std::mem::zeroed() });
            let object = Box::into_raw(object);
            let path = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\driver";
            let mut units: Vec<u16> = path.encode_utf16().collect();
            let bytes = (units.len() * 2) as u16;
            let mut path = UNICODE_STRING {
                Length: bytes,
                MaximumLength: bytes,
                Buffer: units.as_mut_ptr(),
            };
            // SAFETY: DriverEntry gets what it is promised.
            let status = unsafe { entry(object, &raw mut path) };
            kernel::expect_clean("DriverEntry");
            let registered = driver::registered(object);
            match (status, registered) {
                (NDIS_STATUS_SUCCESS, Some(state)) => Ok(Self {
                    state,
                    object: object as usize,
                    image: None,
                }),
                (NDIS_STATUS_SUCCESS, None) => {
                    sim::fail("DRV-01", "DriverEntry succeeded and registered nothing")
                }
                (_, Some(_)) => sim::fail(
                    "DRV-09",
                    format!("DriverEntry returned {status:#x} and stays registered"),
                ),
                (_, None) => {
                    kernel::expect_no_pool(host, "DRV-09", "a failed DriverEntry");
                    Err(failed("DriverEntry", status))
                }
            }
        })
    }

    /// As [`Self::load`], with the entry point of an image, whose discardable sections are gone afterwards.
    ///
    /// # Errors
    /// What `DriverEntry` returned if it is not success.
    pub fn load_image(host: HostId, image: &Rc<Image>) -> Result<Self, StartError> {
        let mut driver = Self::load(host, image.entry())?;
        image.discard();
        driver.image = Some(Rc::clone(image));
        Ok(driver)
    }

    /// The image that it came from; none for a linked driver.
    pub fn image(&self) -> Option<&Image> {
        self.image.as_deref()
    }

    /// The host that it is loaded on.
    pub fn host(&self) -> HostId {
        self.state.host
    }

    /// Brings a device to the driver: `AddDevice` and the resource filter, if the driver has them. The adapter is Halted.
    ///
    /// # Errors
    /// What `AddDevice` returned if it is not success.
    pub fn add_device(&self, device: Device) -> Result<Adapter, StartError> {
        let index = self.state.adapters.borrow().len();
        let placement = Placement::new(&device.install, self.state.host);
        let state = Rc::new(AdapterState {
            handle: table::reserve(),
            name: format!("host {} adapter {index}", self.state.host.0),
            host: self.state.host,
            driver: Rc::clone(&self.state),
            function: device.function,
            interface: Cell::new(device.interface),
            registry: RefCell::new(device.registry),
            resources: RefCell::default(),
            state: Cell::new(State::Halted),
            attributes: Attributes::default(),
            held: Held::default(),
            oids: OidQueue::default(),
            sends: Sends::default(),
            receives: Receives::default(),
            wants: Wants::default(),
            base: Wants::default(),
            placement: Cell::new(placement),
            personality: Cell::new(Personality::drawn()),
            edge: Edge::default(),
            log: RefCell::default(),
            indications: RefCell::default(),
            halting: Cell::new(false),
            failed: Cell::new(false),
            filter_set: Cell::new(false),
            removed: Cell::new(false),
            unlogged_failure: Cell::new(false),
            pool_before: Cell::new(0),
            transition: Transition::default(),
            operator: Cell::new(None),
        });
        table::insert(state.handle, Object::Adapter(Rc::clone(&state)));
        self.state.adapters.borrow_mut().push(Rc::clone(&state));
        let adapter = Adapter {
            state,
            install: Rc::new(device.install),
        };
        let status = adapter.on_host("AddDevice", |state| state.add_device());
        if status == NDIS_STATUS_SUCCESS {
            return Ok(adapter);
        }
        adapter.forget();
        Err(failed("MiniportAddDevice", status))
    }

    /// Unloads the driver: `MiniportDriverUnload`, after which nothing of it may be left.
    pub fn unload(self) {
        let Self { state, object, image } = self;
        if !state.adapters.borrow().is_empty() {
            sim::fail("STATE-01", "a driver with adapters is unloaded");
        }
        kernel::on_host(state.host, "DriverUnload", move || {
            let object = object as *mut DRIVER_OBJECT;
            if let Some(handler) = state.characteristics.UnloadHandler {
                // SAFETY: the driver registered the handler.
                unsafe { handler(object) };
            }
            kernel::expect_clean("MiniportDriverUnload");
            if driver::registered(object).is_some() {
                sim::fail("DRV-11", "MiniportDriverUnload did not deregister the driver");
            }
            kernel::expect_no_pool(state.host, "VRF-42", "MiniportDriverUnload");
            kernel::expect_no_dma(state.host, "MiniportDriverUnload");
        });
        if let Some(image) = image {
            image.unload();
        }
    }
}

/// One adapter of a driver.
#[derive(Clone)]
pub struct Adapter {
    pub(super) state: Rc<AdapterState>,
    install: Rc<Install>,
}

impl Adapter {
    /// Messages whose DPCs are queued and have not begun.
    pub fn waiting_messages(&self) -> Vec<WaitingMessage> {
        WaitingMessage::all_of(&self.state)
    }

    /// Runs `f` in a context of the host at `PASSIVE_LEVEL` and waits for it.
    pub(super) fn on_host<R: 'static>(
        &self,
        what: &'static str,
        f: impl FnOnce(&Rc<AdapterState>) -> R + 'static,
    ) -> R {
        let state = Rc::clone(&self.state);
        kernel::on_host(self.state.host, what, move || f(&state))
    }

    /// A `PnP` operation: one at a time for each adapter (STATE-03).
    fn operation<R: 'static>(
        &self,
        what: &'static str,
        f: impl FnOnce(&Rc<AdapterState>) -> R + 'static,
    ) -> R {
        self.on_host(what, move |state| {
            if state.operator.get().is_some() {
                sim::fail("STATE-03", format!("{what} during another PnP operation"));
            }
            state.operator.set(sim::current());
            let result = f(state);
            state.operator.set(None);
            result
        })
    }

    /// `MiniportInitializeEx`: Halted to Paused. After a failure nothing may be left.
    ///
    /// # Errors
    /// What the driver returned if it is not success.
    pub fn initialize(&self) -> Result<(), StartError> {
        let status = self.operation("Initialize", |state| state.initialize());
        if status == NDIS_STATUS_SUCCESS {
            Ok(())
        } else {
            Err(failed("MiniportInitializeEx", status))
        }
    }

    /// `MiniportRestart`: Paused to Running, then what NDIS and the protocols set at start.
    ///
    /// # Errors
    /// What the driver returned if it is not success.
    pub fn restart(&self) -> Result<(), StartError> {
        let status = self.operation("Restart", |state| {
            let status = state.restart();
            if status == NDIS_STATUS_SUCCESS {
                protocol::restart_all(state);
                protocol::bind_all(state);
            }
            status
        });
        if status == NDIS_STATUS_SUCCESS {
            Ok(())
        } else {
            Err(failed("MiniportRestart", status))
        }
    }

    /// Initialize, the `PnP` event and restart: from Halted to Running. After a restart that failed it is Halted or Paused, as
    /// [`FailedStart`] says.
    ///
    /// # Errors
    /// The step that failed.
    pub fn start(&self) -> Result<(), StartError> {
        let personality = self.personality();
        self.initialize()?;
        if personality.power == PowerEvent::BeforeRestart {
            self.power_profile_changed();
        }
        let restarted = self.restart();
        if restarted.is_err() && personality.failed_start == FailedStart::Halts {
            self.halt(cxndk::sys::ndis::NdisHaltDeviceInitializationFailed);
        }
        restarted?;
        if personality.power == PowerEvent::AfterRestart {
            self.power_profile_changed();
        }
        Ok(())
    }

    /// How this NDIS does what the contract leaves open.
    pub fn personality(&self) -> Personality {
        self.state.personality.get()
    }

    /// Has NDIS be so from now on, not as the seed chose.
    pub fn set_personality(&self, personality: Personality) {
        self.state.personality.set(personality);
    }

    /// `MiniportDevicePnPEventNotify` with `NdisDevicePnPEventPowerProfileChanged`: the machine runs on battery now.
    pub fn power_profile_changed(&self) {
        self.operation("PnP event", |state| {
            state.pnp_event(super::flow::POWER_PROFILE_CHANGED);
        });
    }

    /// `MiniportPause`: Running to Paused.
    pub fn pause(&self) {
        self.operation("Pause", |state| {
            protocol::pause_all(state);
            if state.personality.get().sends == SendsAtPause::Drained {
                state.drain_sends();
            }
            state.pause();
        });
    }

    /// `MiniportHaltEx` with this `NDIS_HALT_ACTION`: Paused to Halted. Everything must be given back.
    pub fn halt(&self, action: i32) {
        self.operation("Halt", move |state| {
            protocol::unbind_all(state);
            state.last_protocol_left();
            state.halt(action);
        });
    }

    /// `MiniportHaltEx` with the bindings still there: the call manager has to ask its clients to close (AF-20, AF-24).
    pub fn halt_bound(&self, action: i32) {
        self.operation("Halt", move |state| {
            state.halt(action);
            protocol::unbind_all(state);
        });
    }

    /// Pause, if it runs, and halt; with `NdisHaltDeviceFailed` if the driver asked for the removal.
    pub fn stop(&self) {
        if self.state() == State::Running {
            self.pause();
        }
        self.halt(if self.is_removal_asked() {
            cxndk::sys::ndis::NdisHaltDeviceFailed
        } else {
            cxndk::sys::ndis::NdisHaltDeviceStopped
        });
    }

    /// Whether the driver has called `NdisMRemoveMiniport` since the adapter was initialized. `PnP` gets around to the halt when the test
    /// says so, by [`Self::stop`].
    pub fn is_removal_asked(&self) -> bool {
        self.state.failed.get()
    }

    /// The device was pulled out: the `PnP` event, pause, halt with `NdisHaltDeviceSurpriseRemoved`.
    pub fn surprise_remove(&self) {
        self.operation("SurpriseRemoval", |state| {
            state.removed.set(true);
            state.pnp_event(super::flow::SURPRISE_REMOVED);
        });
        if self.state() == State::Running {
            self.pause();
        }
        self.halt(cxndk::sys::ndis::NdisHaltDeviceSurpriseRemoved);
    }

    /// `MiniportShutdownEx` with this `NDIS_SHUTDOWN_ACTION`: terminal.
    pub fn shutdown(&self, action: i32) {
        self.operation("Shutdown", move |state| state.shutdown(action));
    }

    /// Takes the device away from the driver; the adapter is Halted.
    pub fn remove(self) {
        self.operation("RemoveDevice", |state| state.remove_device());
        self.forget();
    }

    fn forget(&self) {
        table::remove(self.state.handle);
        self.state
            .driver
            .adapters
            .borrow_mut()
            .retain(|a| !Rc::ptr_eq(a, &self.state));
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state.state.get()
    }

    /// What the driver said of the adapter in the general attributes.
    pub fn general(&self) -> Option<General> {
        self.state.attributes.general.borrow().clone()
    }

    /// The IP interface on top of it.
    pub fn interface(&self) -> Option<InterfaceId> {
        self.state.interface.get()
    }

    /// Names the IP interface on top of it: `None` for an adapter that netio does not know, whose `NetLuid` is 0. From the next
    /// Initialize on.
    pub fn set_interface(&self, interface: Option<InterfaceId>) {
        self.state.interface.set(interface);
    }

    /// What the INF says of the device.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// Changes the driver key; the driver sees it when it reads next.
    pub fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.state.registry.borrow_mut());
    }

    /// Bytes of the longest piece of shared memory that the host has for this adapter, as the seed says. While it is initialized.
    pub fn longest_shared_memory(&self) -> u32 {
        self.state.held.longest_shared.get()
    }

    /// The event log entries of the adapter, oldest first.
    pub fn event_log(&self) -> Vec<LogEntry> {
        self.state.log.borrow().clone()
    }

    /// The status indications of the adapter, oldest first.
    pub fn indications(&self) -> Vec<Indication> {
        self.state.indications.borrow().clone()
    }

    /// Queries an OID. Returns the bytes written.
    ///
    /// # Errors
    /// The driver's status if it is not success.
    pub fn query(&self, oid: u32, buffer: &mut [u8]) -> Result<usize, OidError> {
        self.request(false, false, oid, buffer)
    }

    /// Sets an OID. Returns the bytes read.
    ///
    /// # Errors
    /// The driver's status if it is not success.
    pub fn set(&self, oid: u32, bytes: &[u8]) -> Result<usize, OidError> {
        self.request(false, true, oid, &mut bytes.to_vec())
    }

    /// Queries an OID by a direct request.
    ///
    /// # Errors
    /// The driver's status if it is not success.
    pub fn direct_query(&self, oid: u32, buffer: &mut [u8]) -> Result<usize, OidError> {
        self.request(true, false, oid, buffer)
    }

    fn request(&self, direct: bool, set: bool, oid: u32, buffer: &mut [u8]) -> Result<usize, OidError> {
        let mut copy = buffer.to_vec();
        let (result, copy) = self.on_host("OID request", move |state| {
            let result = state.oid(direct, set, oid, &mut copy);
            (result, copy)
        });
        buffer.copy_from_slice(&copy);
        result
    }

    /// Queries an OID by a request that has no id, so that nothing cancels it.
    ///
    /// # Errors
    /// The driver's status if it is not success.
    pub fn query_without_id(&self, oid: u32, length: usize) -> Result<Vec<u8>, OidError> {
        self.on_host("OID request", move |state| {
            let mut buffer = vec![0; length];
            let used = state.oid_as(0, (false, false), oid, &mut buffer)?;
            buffer.truncate(used);
            Ok(buffer)
        })
    }

    /// Cancels by a NULL id, which names no request.
    pub fn cancel_no_oid(&self) {
        self.on_host("cancel no OID", |state| state.cancel_no_oid());
    }

    /// Cancels the normal OID request that the driver has; true if there is one.
    pub fn cancel_oids(&self) -> bool {
        self.on_host("cancel OID", |state| state.cancel_oids())
    }

    /// Tries every mandatory OID: none may be unknown to the driver (VRF-12).
    pub fn check_mandatory_oids(&self) {
        for (oid, set) in super::flow::MANDATORY_OIDS {
            let mut buffer = vec![0; 1024];
            let result = if set {
                self.set(oid, &[])
            } else {
                self.query(oid, &mut buffer)
            };
            let unknown = [
                cxndk::sys::ndis::NDIS_STATUS_NOT_SUPPORTED,
                cxndk::sys::ndis::NDIS_STATUS_INVALID_OID,
            ];
            if result.is_err_and(|error| unknown.contains(&error.status)) {
                sim::fail(
                    "VRF-12",
                    format!("mandatory OID {oid:#x} (set: {set}) is unknown to the driver"),
                );
            }
        }
    }
}

/// `NdisMRemoveMiniport`: the adapter is beyond repair. It is halted later; one that goes already is not removed again.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMRemoveMiniport(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisMRemoveMiniport";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    let going = adapter.halting.get() || adapter.failed.get() || adapter.state.get() == State::Shutdown;
    if going || faults::fire(ddi) {
        return NDIS_STATUS_FAILURE;
    }
    adapter.failed.set(true);
    NDIS_STATUS_SUCCESS
}
