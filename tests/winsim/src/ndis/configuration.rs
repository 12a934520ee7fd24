//! The registry as a miniport reads it: open, read a keyword, read the network address, close.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_PARAMETER, NDIS_CONFIGURATION_PARAMETER_ParameterData,
    NDIS_HANDLE, NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, NDIS_PARAMETER_TYPE, NDIS_STATUS,
    NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_ADDRESS, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS, NdisParameterBinary, NdisParameterHexInteger, NdisParameterInteger,
    NdisParameterMultiString, NdisParameterString,
};
use wdk_standin::UNICODE_STRING;

use super::adapter::{self, AdapterState};
use super::kernel::{self, Level};
use super::registry::{Value, parse_integer};
use super::table::{self, Object};
use crate::sim::{self, faults};

/// An open configuration and the memory of what was read through it, which lives until it is closed.
pub(super) struct Configuration {
    adapter: Rc<AdapterState>,
    #[expect(clippy::vec_box, reason = "the driver holds pointers to them")]
    parameters: RefCell<Vec<Box<NDIS_CONFIGURATION_PARAMETER>>>,
    texts: RefCell<Vec<Box<[u16]>>>,
    bytes: RefCell<Vec<Box<[u8]>>>,
}

/// `NdisOpenConfigurationEx`: the driver key of the adapter whose handle the object holds.
///
/// # Safety
/// Both pointers are good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisOpenConfigurationEx(
    object: *mut NDIS_CONFIGURATION_OBJECT,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisOpenConfigurationEx";
    kernel::enter(ddi, Level::Passive);
    // SAFETY: the caller's object.
    let object = unsafe { object.read() };
    if u32::from(object.Header.Type) != NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT || object.Header.Size < 20 {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    let adapter = table::adapter(object.NdisHandle, ddi);
    if faults::fire("NdisOpenConfigurationEx") {
        return NDIS_STATUS_RESOURCES;
    }
    let fresh = table::reserve();
    adapter.held.configurations.borrow_mut().push(fresh);
    let configuration = Configuration {
        adapter,
        parameters: RefCell::default(),
        texts: RefCell::default(),
        bytes: RefCell::default(),
    };
    table::insert(fresh, Object::Configuration(Rc::new(configuration)));
    // SAFETY: the caller gives a place for the handle.
    unsafe { handle.write(fresh) };
    NDIS_STATUS_SUCCESS
}

/// `NdisCloseConfiguration`: what was read through the handle is gone.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCloseConfiguration(handle: NDIS_HANDLE) {
    let ddi = "NdisCloseConfiguration";
    kernel::enter(ddi, Level::Passive);
    let configuration = table::configuration(handle, ddi);
    adapter::release(&configuration.adapter.held.configurations, handle);
    configuration.poison();
    table::remove(handle);
}

/// `NdisReadConfiguration`: one keyword, converted to the type that is asked for where NDIS converts.
///
/// # Safety
/// The pointers are good; `keyword` is a counted string.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisReadConfiguration(
    status: *mut NDIS_STATUS,
    value: *mut *mut NDIS_CONFIGURATION_PARAMETER,
    handle: NDIS_HANDLE,
    keyword: *mut UNICODE_STRING,
    kind: NDIS_PARAMETER_TYPE,
) {
    let ddi = "NdisReadConfiguration";
    kernel::enter(ddi, Level::Passive);
    let configuration = table::configuration(handle, ddi);
    // SAFETY: the caller's string.
    let keyword = unsafe { text(&*keyword) };
    let (result, parameter) = match configuration.read(&keyword, kind) {
        Ok(parameter) => (NDIS_STATUS_SUCCESS, parameter),
        Err(status) => (status, ptr::null_mut()),
    };
    // SAFETY: the caller gives places for both results.
    unsafe { value.write(parameter) };
    // SAFETY: as above.
    unsafe { status.write(result) };
}

/// `NdisReadNetworkAddress`: the `NetworkAddress` value as bytes.
///
/// # Safety
/// The pointers are good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisReadNetworkAddress(
    status: *mut NDIS_STATUS,
    address: *mut *mut c_void,
    length: *mut u32,
    handle: NDIS_HANDLE,
) {
    let ddi = "NdisReadNetworkAddress";
    kernel::enter(ddi, Level::Passive);
    let configuration = table::configuration(handle, ddi);
    let (result, at, count) = match configuration.network_address() {
        Ok(bytes) => (NDIS_STATUS_SUCCESS, bytes.0, bytes.1),
        Err(status) => (status, ptr::null_mut(), 0),
    };
    // SAFETY: the caller gives places for all results.
    unsafe { address.write(at) };
    // SAFETY: as above.
    unsafe { length.write(count) };
    // SAFETY: as above.
    unsafe { status.write(result) };
}

impl Configuration {
    #[expect(non_upper_case_globals, reason = "the names are those of the header")]
    fn read(
        &self,
        keyword: &str,
        kind: NDIS_PARAMETER_TYPE,
    ) -> Result<*mut NDIS_CONFIGURATION_PARAMETER, NDIS_STATUS> {
        if faults::fire("NdisReadConfiguration") {
            return Err(NDIS_STATUS_RESOURCES);
        }
        let value = self
            .adapter
            .registry
            .borrow()
            .get(keyword)
            .cloned()
            .ok_or(NDIS_STATUS_FAILURE)?;
        match (kind, value) {
            (NdisParameterInteger | NdisParameterHexInteger, Value::Dword(n)) => Ok(self.integer(n)),
            (NdisParameterInteger, Value::Text(text)) => parse_integer(&text, 10)
                .map(|n| self.integer(n))
                .ok_or(NDIS_STATUS_FAILURE),
            (NdisParameterHexInteger, Value::Text(text)) => parse_integer(&text, 16)
                .map(|n| self.integer(n))
                .ok_or(NDIS_STATUS_FAILURE),
            (NdisParameterString | NdisParameterMultiString, Value::Text(text)) => Ok(self.string(&text)),
            (NdisParameterBinary, Value::Binary(bytes)) => Ok(self.binary(&bytes)),
            _ => Err(NDIS_STATUS_FAILURE),
        }
    }

    fn keep(
        &self,
        kind: NDIS_PARAMETER_TYPE,
        data: NDIS_CONFIGURATION_PARAMETER_ParameterData,
    ) -> *mut NDIS_CONFIGURATION_PARAMETER {
        let mut parameters = self.parameters.borrow_mut();
        parameters.push(Box::new(NDIS_CONFIGURATION_PARAMETER {
            ParameterType: kind,
            ParameterData: data,
        }));
        parameters
            .last_mut()
            .map_or(ptr::null_mut(), |boxed| &raw mut **boxed)
    }

    fn integer(&self, value: u32) -> *mut NDIS_CONFIGURATION_PARAMETER {
        self.keep(
            NdisParameterInteger,
            NDIS_CONFIGURATION_PARAMETER_ParameterData { IntegerData: value },
        )
    }

    fn string(&self, value: &str) -> *mut NDIS_CONFIGURATION_PARAMETER {
        let mut units: Box<[u16]> = value.encode_utf16().chain([0]).collect();
        let bytes = (units.len() - 1) * 2;
        let string = UNICODE_STRING {
            Length: bytes as u16,
            MaximumLength: bytes as u16 + 2,
            Buffer: units.as_mut_ptr(),
        };
        self.texts.borrow_mut().push(units);
        self.keep(
            NdisParameterString,
            NDIS_CONFIGURATION_PARAMETER_ParameterData { StringData: string },
        )
    }

    fn binary(&self, value: &[u8]) -> *mut NDIS_CONFIGURATION_PARAMETER {
        let mut bytes: Box<[u8]> = value.into();
        let data = [bytes.len() as u64, bytes.as_mut_ptr() as u64];
        self.bytes.borrow_mut().push(bytes);
        self.keep(
            NdisParameterBinary,
            NDIS_CONFIGURATION_PARAMETER_ParameterData { BinaryData: data },
        )
    }

    /// Hex digits, hyphens between pairs allowed; anything else is no address.
    fn network_address(&self) -> Result<(*mut c_void, u32), NDIS_STATUS> {
        if faults::fire("NdisReadNetworkAddress") {
            return Err(NDIS_STATUS_RESOURCES);
        }
        let value = self.adapter.registry.borrow().get("NetworkAddress").cloned();
        let Some(Value::Text(text)) = value else {
            return Err(NDIS_STATUS_FAILURE);
        };
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_digit(16).map(|d| d as u8))
            .collect();
        let digits = digits
            .filter(|d| !d.is_empty() && d.len() % 2 == 0)
            .ok_or(NDIS_STATUS_INVALID_ADDRESS)?;
        let mut bytes: Box<[u8]> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let result = (bytes.as_mut_ptr().cast(), bytes.len() as u32);
        self.bytes.borrow_mut().push(bytes);
        Ok(result)
    }

    /// Overwrites what was given out, so that a driver that keeps using it reads nonsense, and keeps the memory mapped.
    fn poison(&self) {
        for parameter in self.parameters.borrow_mut().drain(..) {
            let parameter = Box::leak(parameter);
            parameter.ParameterType = -1;
            parameter.ParameterData = NDIS_CONFIGURATION_PARAMETER_ParameterData {
                BinaryData: [0xdead_beef_dead_beef; 2],
            };
        }
        for bytes in self.bytes.borrow_mut().drain(..) {
            Box::leak(bytes).fill(0xde);
        }
        for units in self.texts.borrow_mut().drain(..) {
            Box::leak(units).fill(0xdede);
        }
    }
}

/// What a counted string says.
///
/// # Safety
/// The string's buffer is good for its length.
pub(super) unsafe fn text(string: &UNICODE_STRING) -> String {
    if !string.Length.is_multiple_of(2) || string.Length > string.MaximumLength {
        sim::fail(
            "NDIS-STRING",
            format!(
                "a counted string of {} of {} bytes",
                string.Length, string.MaximumLength
            ),
        );
    }
    if string.Length == 0 {
        return String::new();
    }
    // SAFETY: the caller vouches for the buffer.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length) / 2) };
    String::from_utf16_lossy(units)
}
