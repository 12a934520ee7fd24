//! The service keys of drivers in the registry, and the functions by which a driver reads and writes its own.

use super::context::{Level, enter};
use super::handle::{self, Handle};
use crate::sim::{self, faults};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;
use wdk_standin::{NTSTATUS, UNICODE_STRING};

const STATUS_SUCCESS: NTSTATUS = 0;
const STATUS_INVALID_HANDLE: NTSTATUS = 0xc000_0008_u32 as i32;
const STATUS_INVALID_PARAMETER: NTSTATUS = 0xc000_000d_u32 as i32;
const STATUS_BUFFER_TOO_SMALL: NTSTATUS = 0xc000_0023_u32 as i32;
const STATUS_OBJECT_NAME_NOT_FOUND: NTSTATUS = 0xc000_0034_u32 as i32;
const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xc000_009a_u32 as i32;
/// `REG_DWORD`.
const DWORD: u32 = 4;
/// `KeyValuePartialInformation`.
const PARTIAL: i32 = 2;
/// Title index, type and length that stand before the data of a partial information.
const PARTIAL_HEAD: usize = 12;

/// `OBJECT_ATTRIBUTES`.
#[repr(C)]
pub struct ObjectAttributes {
    /// Size in bytes: 48.
    pub length: u32,
    /// Key that the name is relative to.
    pub root: *mut c_void,
    /// Name.
    pub name: *mut UNICODE_STRING,
    /// `OBJ_*`.
    pub attributes: u32,
    /// Who may.
    pub security: *mut c_void,
    /// Impersonation.
    pub quality: *mut c_void,
}

/// One key: values by their lower-case names.
#[derive(Default)]
pub struct Key(RefCell<BTreeMap<String, (u32, Vec<u8>)>>);

impl Key {
    /// Writes a `REG_DWORD`.
    pub fn set_dword(&self, name: &str, value: u32) {
        let value = (DWORD, value.to_le_bytes().to_vec());
        self.0.borrow_mut().insert(name.to_lowercase(), value);
    }

    /// Reads a `REG_DWORD`.
    pub fn dword(&self, name: &str) -> Option<u32> {
        let values = self.0.borrow();
        let (kind, bytes) = values.get(&name.to_lowercase())?;
        (*kind == DWORD).then(|| bytes.as_slice().try_into().ok().map(u32::from_le_bytes))?
    }
}

/// The keys of the run by path: host and service are part of it.
#[derive(Default)]
struct Keys(RefCell<BTreeMap<String, Rc<Key>>>);

/// The key at a path, made if need be.
pub fn key(path: &str) -> Rc<Key> {
    let keys = sim::local::<Keys>();
    let mut keys = keys.0.borrow_mut();
    Rc::clone(keys.entry(path.to_lowercase()).or_default())
}

/// # Safety
/// A string as the kernel's functions take it.
unsafe fn text(string: *const UNICODE_STRING) -> Option<String> {
    // SAFETY: the caller's string.
    let string = unsafe { string.as_ref() }?;
    if string.Buffer.is_null() || string.Length % 2 != 0 || string.Length > string.MaximumLength {
        return None;
    }
    // SAFETY: the caller's string has so many bytes.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    Some(String::from_utf16_lossy(units).to_lowercase())
}

/// `ZwOpenKey`: `PASSIVE_LEVEL`. Fault point `ZwOpenKey`.
///
/// # Safety
/// `handle` is a place for the answer, `attributes` an object's.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ZwOpenKey(
    handle: *mut *mut c_void,
    _access: u32,
    attributes: *mut ObjectAttributes,
) -> NTSTATUS {
    enter("ZwOpenKey", Level::Passive);
    // SAFETY: the caller's attributes.
    let Some(attributes) = (unsafe { attributes.as_ref() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    if attributes.length as usize != size_of::<ObjectAttributes>() || !attributes.root.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if faults::fire("ZwOpenKey") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the caller's string.
    let Some(path) = (unsafe { text(attributes.name) }) else {
        return STATUS_INVALID_PARAMETER;
    };
    let found = sim::local::<Keys>().0.borrow().get(&path).cloned();
    let Some(key) = found else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    // SAFETY: the caller gives a place for the handle.
    unsafe { handle.write(handle::open(Handle::Key(key))) };
    STATUS_SUCCESS
}

/// `ZwQueryValueKey` with `KeyValuePartialInformation`: `PASSIVE_LEVEL`.
///
/// # Safety
/// `information` has room for `length` bytes, `needed` is a place for the length.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ZwQueryValueKey(
    handle: *mut c_void,
    name: *mut UNICODE_STRING,
    class: i32,
    information: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NTSTATUS {
    enter("ZwQueryValueKey", Level::Passive);
    let Some(Handle::Key(key)) = handle::find(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    // SAFETY: the caller's string.
    let Some(name) = (unsafe { text(name) }).filter(|_| class == PARTIAL) else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some((kind, data)) = key.0.borrow().get(&name).cloned() else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    // SAFETY: the caller gives a place for the length.
    unsafe { needed.write((PARTIAL_HEAD + data.len()) as u32) };
    if (length as usize) < PARTIAL_HEAD + data.len() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let mut answer = Vec::new();
    for word in [0, kind, data.len() as u32] {
        answer.extend(word.to_le_bytes());
    }
    answer.extend(data);
    // SAFETY: checked against the length just now.
    unsafe { information.copy_from(answer.as_ptr(), answer.len()) };
    STATUS_SUCCESS
}

/// `ZwSetValueKey`: `PASSIVE_LEVEL`.
///
/// # Safety
/// `data` has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ZwSetValueKey(
    handle: *mut c_void,
    name: *mut UNICODE_STRING,
    _index: u32,
    kind: u32,
    data: *mut u8,
    size: u32,
) -> NTSTATUS {
    enter("ZwSetValueKey", Level::Passive);
    let Some(Handle::Key(key)) = handle::find(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    // SAFETY: the caller's string.
    let Some(name) = (unsafe { text(name) }) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the caller's data.
    let data = unsafe { std::slice::from_raw_parts(data, size as usize) }.to_vec();
    key.0.borrow_mut().insert(name, (kind, data));
    STATUS_SUCCESS
}
