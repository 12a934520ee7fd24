//! The service key: what to do, and where to write what came of it.

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr;

use crate::abi::{self, INVALID_PARAMETER, ObjectAttributes, Status, UnicodeString};

/// `KEY_READ | KEY_WRITE`.
const ACCESS: u32 = 0x0002_001F;
/// `OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE`.
const ATTRIBUTES: u32 = 0x240;
/// `KeyValuePartialInformation`.
const PARTIAL: i32 = 2;
/// `REG_DWORD`.
const DWORD: u32 = 4;
/// Longest name of a value.
const NAME: usize = 32;

/// Which end of the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `Role` 0: waits for the connector.
    Listener,
    /// `Role` 1.
    Connector,
}

/// What to do.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Which end.
    pub role: Role,
    /// Index of the IP interface.
    pub interface: u32,
    /// Our IPv4 address.
    pub local: u32,
    /// The listener's.
    pub remote: u32,
    /// Its port.
    pub port: u16,
}

/// The open service key.
pub struct Key(*mut c_void);

/// `KEY_VALUE_PARTIAL_INFORMATION` with one number in it.
#[repr(C)]
struct Partial {
    index: u32,
    kind: u32,
    length: u32,
    value: u32,
}

impl Key {
    /// Opens the key at the path that `DriverEntry` got. `PASSIVE_LEVEL`.
    pub fn open(path: *mut UnicodeString) -> Result<Self, Status> {
        let mut attributes = ObjectAttributes {
            length: size_of::<ObjectAttributes>() as u32,
            root: ptr::null_mut(),
            name: path,
            attributes: ATTRIBUTES,
            security: ptr::null_mut(),
            quality: ptr::null_mut(),
        };
        let mut handle = ptr::null_mut();
        // SAFETY: both live until the call returned.
        match unsafe { abi::ZwOpenKey(&raw mut handle, ACCESS, &raw mut attributes) } {
            abi::SUCCESS => Ok(Self(handle)),
            status => Err(status),
        }
    }

    /// Reads all settings.
    pub fn settings(&self) -> Result<Settings, Status> {
        let role = match self.read("Role")? {
            0 => Role::Listener,
            1 => Role::Connector,
            _ => return Err(INVALID_PARAMETER),
        };
        Ok(Settings {
            role,
            interface: self.read("InterfaceIndex")?,
            local: self.read("LocalAddress")?,
            remote: self.read("RemoteAddress")?,
            port: u16::try_from(self.read("Port")?).map_err(|_| INVALID_PARAMETER)?,
        })
    }

    fn read(&self, name: &str) -> Result<u32, Status> {
        let mut answer = Partial {
            index: 0,
            kind: 0,
            length: 0,
            value: 0,
        };
        let mut needed = 0;
        let status = with_name(name, |name| {
            let place = (&raw mut answer).cast();
            let room = size_of::<Partial>() as u32;
            // SAFETY: the key is open; the answer has the room that is named.
            unsafe { abi::ZwQueryValueKey(self.0, name, PARTIAL, place, room, &raw mut needed) }
        });
        match status {
            abi::SUCCESS if answer.kind == DWORD && answer.length == 4 => Ok(answer.value),
            abi::SUCCESS => Err(INVALID_PARAMETER),
            status => Err(status),
        }
    }

    /// Writes a number.
    pub fn write(&self, name: &str, mut value: u32) -> Status {
        with_name(name, |name| {
            // SAFETY: the key is open; the data are four bytes.
            unsafe { abi::ZwSetValueKey(self.0, name, 0, DWORD, (&raw mut value).cast(), 4) }
        })
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the key is open and ours.
        unsafe { abi::ZwClose(self.0) };
    }
}

/// A name as the kernel's functions take it.
fn with_name(name: &str, act: impl FnOnce(*mut UnicodeString) -> Status) -> Status {
    let mut text = [0; NAME];
    let mut length = 0;
    for (place, unit) in text.iter_mut().zip(name.encode_utf16()) {
        *place = unit;
        length += 2;
    }
    let mut string = UnicodeString {
        length,
        room: length,
        text: text.as_mut_ptr(),
    };
    act(&raw mut string)
}
