//! Control devices of drivers: registered with NDIS, opened and asked by a scenario as by a program of the host.
//!
//! | rule | what |
//! |---|---|
//! | PROTO-DEVICE | names are full paths, no entry points for PnP or power requests, no request that pends at deregistration |
//! | VRF-42 | a driver that deregisters has no device left |
//!
//! (Pages of `NdisRegisterDeviceEx` and `NDIS_DEVICE_OBJECT_ATTRIBUTES` of ndis.h.) What Windows does with requests on handles that
//! are still open after the deregistration is not documented: here they never reach the driver.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{
    DRIVER_DISPATCH, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_COUNT, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_PNP, IRP_MJ_POWER, NDIS_DEVICE_OBJECT_ATTRIBUTES, NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
    NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};
use wdk_standin::{_DEVICE_OBJECT as DEVICE_OBJECT, NTSTATUS, UNICODE_STRING};

use super::kernel::{self, Level, Question, Request};
use super::pnp::Driver;
use super::table::{self, Object};
use crate::sim::{self, HostId, faults};

/// Rule id; see the module's page.
const DEVICE: &str = "PROTO-DEVICE";
/// `STATUS_OBJECT_NAME_NOT_FOUND`.
const NOT_FOUND: NTSTATUS = 0xc000_0034_u32.cast_signed();
/// `STATUS_OBJECT_NAME_COLLISION`.
const COLLISION: NTSTATUS = 0xc000_0035_u32.cast_signed();
/// `STATUS_INVALID_DEVICE_REQUEST`: what the system says for functions that the driver has no entry point for.
const INVALID_DEVICE_REQUEST: NTSTATUS = 0xc000_0010_u32.cast_signed();

/// One control device.
pub(super) struct ControlDevice {
    handle: NDIS_HANDLE,
    owner: usize,
    host: HostId,
    name: String,
    symbolic_name: String,
    security: String,
    functions: [DRIVER_DISPATCH; IRP_MJ_COUNT],
    object: Box<DEVICE_OBJECT>,
    extension: Vec<u64>,
    registered: Cell<bool>,
}

#[derive(Default)]
struct Devices(RefCell<Vec<Rc<ControlDevice>>>);

fn find(wanted: impl Fn(&ControlDevice) -> bool) -> Option<Rc<ControlDevice>> {
    let devices = sim::local::<Devices>();
    let all = devices.0.borrow();
    all.iter().find(|device| wanted(device)).cloned()
}

/// The driver that deregisters has no control device.
pub(super) fn expect_no_device_of(owner: NDIS_HANDLE, when: &str) {
    if let Some(device) = find(|device| device.owner == owner as usize) {
        sim::fail("VRF-42", format!("{} is left after {when}", device.name));
    }
}

/// `NdisRegisterDeviceEx`. Fault point under its name.
///
/// # Safety
/// The attributes are complete; the places are good for a device object and a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisRegisterDeviceEx(
    driver: NDIS_HANDLE,
    attributes: *mut NDIS_DEVICE_OBJECT_ATTRIBUTES,
    object: *mut *mut DEVICE_OBJECT,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisRegisterDeviceEx";
    kernel::enter(ddi, Level::Passive);
    let owner = table::driver(driver, ddi);
    // SAFETY: the caller's place.
    unsafe { object.write(ptr::null_mut()) };
    // SAFETY: the caller's attributes.
    let attributes = unsafe { attributes.read() };
    if attributes.Header.Type != NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES
        || attributes.Header.Size < NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1
    {
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    }
    if faults::fire("NdisRegisterDeviceEx") {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: the caller's attributes.
    let device = unsafe { ControlDevice::new(driver, owner.host, &attributes) };
    if find(|other| other.host == device.host && other.name == device.name).is_some() {
        return COLLISION;
    }
    let device = Rc::new(device);
    // SAFETY: the caller's places.
    unsafe { object.write(ptr::from_ref(&*device.object).cast_mut()) };
    // SAFETY: as above.
    unsafe { place.write(device.handle) };
    table::insert(device.handle, Object::ControlDevice(Rc::clone(&device)));
    sim::local::<Devices>().0.borrow_mut().push(device);
    NDIS_STATUS_SUCCESS
}

/// # Safety
/// `string` is NULL or complete.
unsafe fn text(string: *const UNICODE_STRING) -> String {
    // SAFETY: the caller's promise.
    let Some(string) = (unsafe { string.as_ref() }) else {
        return String::new();
    };
    // SAFETY: the string says how long it is.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length) / 2) };
    String::from_utf16_lossy(units)
}

/// `NdisDeregisterDeviceEx`: with no request that pends. The extension goes with it.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisDeregisterDeviceEx(handle: NDIS_HANDLE) {
    let ddi = "NdisDeregisterDeviceEx";
    kernel::enter(ddi, Level::Passive);
    let device = table::control_device(handle, ddi);
    let requests = kernel::requests_of(device.raw());
    if requests > 0 {
        sim::fail(
            DEVICE,
            format!("{ddi} of {} with {requests} requests that pend", device.name),
        );
    }
    device.registered.set(false);
    table::remove(handle);
    sim::local::<Devices>()
        .0
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &device));
}

/// `NdisGetDeviceReservedExtension`: the memory that the driver asked for.
///
/// # Safety
/// None beyond a live simulation; the object is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisGetDeviceReservedExtension(object: *mut DEVICE_OBJECT) -> *mut c_void {
    kernel::enter("NdisGetDeviceReservedExtension", Level::Any);
    let device = find(|device| device.raw() == object);
    device.map_or(ptr::null_mut(), |device| {
        device.extension.as_ptr().cast_mut().cast()
    })
}

impl ControlDevice {
    /// # Safety
    /// The attributes are complete.
    unsafe fn new(driver: NDIS_HANDLE, host: HostId, attributes: &NDIS_DEVICE_OBJECT_ATTRIBUTES) -> Self {
        let table = attributes
            .MajorFunctions
            .cast::<[DRIVER_DISPATCH; IRP_MJ_COUNT]>();
        // SAFETY: the caller's table has an entry for every function.
        let functions = unsafe { table.read() };
        // SAFETY: the caller's strings.
        let name = unsafe { text(attributes.DeviceName) };
        // SAFETY: as above.
        let symbolic_name = unsafe { text(attributes.SymbolicName) };
        if !name.starts_with(r"\Device\") || !symbolic_name.starts_with(r"\DosDevices\") {
            sim::fail(
                DEVICE,
                format!("{name:?} and {symbolic_name:?} are no full paths"),
            );
        }
        if functions[IRP_MJ_PNP].is_some() || functions[IRP_MJ_POWER].is_some() {
            sim::fail(
                DEVICE,
                format!("{name} is no physical device and has handlers of one"),
            );
        }
        if !attributes.DeviceClassGuid.is_null() {
            sim::fail(DEVICE, format!("{name} has a class; the member is reserved"));
        }
        // SAFETY: all fields of a device object may be zero.
        let object: Box<DEVICE_OBJECT> = Box::new(unsafe { std::mem::zeroed() });
        Self {
            handle: table::reserve(),
            owner: driver as usize,
            host,
            name,
            symbolic_name,
            // SAFETY: the caller's string.
            security: unsafe { text(attributes.DefaultSDDLString) },
            functions,
            object,
            extension: vec![0; (attributes.ExtensionSize as usize).div_ceil(8)],
            registered: Cell::new(true),
        }
    }

    fn raw(&self) -> *mut DEVICE_OBJECT {
        ptr::from_ref(&*self.object).cast_mut()
    }

    /// One request; a function without an entry point is refused by the system.
    fn send(&self, question: &Question<'_>) -> Result<Rc<Request>, NTSTATUS> {
        let handler = self.functions[question.major];
        if handler.is_none() || !self.registered.get() {
            return Err(INVALID_DEVICE_REQUEST);
        }
        Ok(Request::send(self.host, self.raw(), handler, question))
    }

    fn ask(&self, file: usize, major: usize) -> Result<(), NTSTATUS> {
        let question = Question {
            major,
            code: 0,
            input: &[],
            room: 0,
            file,
        };
        self.send(&question)?.wait().map(drop)
    }
}

/// A program's handle of a control device. It has to be closed.
pub struct ControlHandle {
    device: Rc<ControlDevice>,
    /// The file object: an address that leads nowhere.
    file: usize,
    requests: RefCell<Vec<Rc<Request>>>,
}

/// A device control request on its way.
pub struct ControlRequest(Result<Rc<Request>, NTSTATUS>);

impl ControlRequest {
    /// Waits for the answer.
    ///
    /// # Errors
    /// The status of the request.
    pub fn wait(&self) -> Result<Vec<u8>, NTSTATUS> {
        self.0.as_ref().map_err(|status| *status)?.wait()
    }

    /// Whether the answer is there.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().map_or(true, |request| request.is_done())
    }

    /// The program wants it back (`CancelIoEx`).
    pub fn cancel(&self) {
        if let Ok(request) = &self.0 {
            request.cancel();
        }
    }
}

impl ControlHandle {
    /// Sends an `IRP_MJ_DEVICE_CONTROL` with METHOD_BUFFERED and does not wait. `room` is the length of the output buffer.
    pub fn begin(&self, code: u32, input: &[u8], room: usize) -> ControlRequest {
        let question = Question {
            major: IRP_MJ_DEVICE_CONTROL,
            code,
            input,
            room,
            file: self.file,
        };
        let request = self.device.send(&question);
        self.requests.borrow_mut().extend(request.iter().cloned());
        ControlRequest(request)
    }

    /// As [`Self::begin`], and waits for the answer.
    ///
    /// # Errors
    /// The status of the request.
    pub fn device_io_control(&self, code: u32, input: &[u8], room: usize) -> Result<Vec<u8>, NTSTATUS> {
        self.begin(code, input, room).wait()
    }

    /// A request of another kind, without data.
    ///
    /// # Errors
    /// Its status.
    pub fn other(&self, major: usize) -> Result<(), NTSTATUS> {
        self.device.ask(self.file, major)
    }

    /// What the driver wants the device's security to be, in SDDL.
    pub fn security(&self) -> &str {
        &self.device.security
    }

    /// Closes it: CLEANUP at once, CLOSE when all requests are back.
    ///
    /// # Errors
    /// The status of either.
    pub fn close(self) -> Result<(), NTSTATUS> {
        let cleanup = self.device.ask(self.file, IRP_MJ_CLEANUP);
        for request in self.requests.take() {
            // Who began it has the answer.
            let _ = request.wait();
        }
        let close = self.device.ask(self.file, IRP_MJ_CLOSE);
        if !self.device.registered.get() {
            return Ok(());
        }
        cleanup.and(close)
    }
}

impl Driver {
    /// Opens the driver's control device by its name for programs, like `\DosDevices\name`.
    ///
    /// # Errors
    /// There is none; the status of the driver's answer.
    pub fn open_control(&self, symbolic_name: &str) -> Result<ControlHandle, NTSTATUS> {
        let owner = self.state.handle as usize;
        let found = find(|device| device.owner == owner && device.symbolic_name == symbolic_name);
        let device = found.ok_or(NOT_FOUND)?;
        let file = table::reserve() as usize;
        device.ask(file, IRP_MJ_CREATE)?;
        Ok(ControlHandle {
            device,
            file,
            requests: RefCell::default(),
        })
    }

    /// Opens the driver's control device, sends one device control request, and closes it.
    ///
    /// # Errors
    /// The status of what failed.
    pub fn device_io_control(
        &self,
        symbolic_name: &str,
        code: u32,
        input: &[u8],
        room: usize,
    ) -> Result<Vec<u8>, NTSTATUS> {
        let handle = self.open_control(symbolic_name)?;
        let answer = handle.device_io_control(code, input, room);
        handle.close()?;
        answer
    }
}
