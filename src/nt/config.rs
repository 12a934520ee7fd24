//! [`Configuration`]: the adapter's registry keywords, which anybody may have edited.

use core::{ffi::c_void, ptr::null_mut};

use super::{NdisHandle, Passive, Status};
use wdk_sys::UNICODE_STRING;

use crate::sys::ndis::{
    self, NDIS_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_OBJECT_REVISION_1, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
};

/// Longest keyword in UTF-16 units.
const KEYWORD_UNITS: usize = 48;

/// The adapter's open registry configuration; closed when dropped. `PASSIVE_LEVEL`.
#[derive(Debug)]
pub struct Configuration<'a> {
    handle: *mut c_void,
    _passive: Passive<'a>,
}

impl<'a> Configuration<'a> {
    /// Opens the configuration of the adapter.
    ///
    /// # Errors
    /// What `NdisOpenConfigurationEx` returned.
    pub fn open(ndis: NdisHandle, passive: Passive<'a>) -> Result<Self, Status> {
        let mut object = NDIS_CONFIGURATION_OBJECT {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT as _,
                Revision: NDIS_CONFIGURATION_OBJECT_REVISION_1 as _,
                Size: size_of::<NDIS_CONFIGURATION_OBJECT>() as _,
            },
            NdisHandle: ndis.as_raw(),
            Flags: 0,
        };
        let mut handle = null_mut();
        // SAFETY: a complete description of a live handle.
        let status = unsafe { ndis::NdisOpenConfigurationEx(&raw mut object, &raw mut handle) };
        Status(status).ok()?;
        Ok(Self {
            handle,
            _passive: passive,
        })
    }

    /// The integer under `keyword` (ASCII); `None` if there is none. The value can be anything: the caller checks its range.
    pub fn integer(&self, keyword: &str) -> Option<u32> {
        let (units, length) = utf16(keyword)?;
        let mut name = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: (&raw const units).cast_mut().cast(),
        };
        let mut status = 0;
        let mut parameter = null_mut();
        // SAFETY: an open configuration, a counted string that outlives the call.
        unsafe {
            ndis::NdisReadConfiguration(
                &raw mut status,
                &raw mut parameter,
                self.handle,
                &raw mut name,
                ndis::NdisParameterInteger,
            );
        }
        if status != 0 || parameter.is_null() {
            return None;
        }
        // SAFETY: on success it leads to a parameter that lives until the configuration is closed.
        let parameter = unsafe { &*parameter };
        let integer = matches!(
            parameter.ParameterType,
            ndis::NdisParameterInteger | ndis::NdisParameterHexInteger
        );
        if !integer {
            return None;
        }
        // SAFETY: an integer, as its type says.
        Some(unsafe { parameter.ParameterData.IntegerData })
    }

    /// The address under `NetworkAddress`; `None` if there is none or it does not have six bytes. Whether it is a legal station
    /// address is for the caller to judge.
    pub fn network_address(&self) -> Option<[u8; 6]> {
        let mut status = 0;
        let mut address = null_mut();
        let mut length = 0;
        // SAFETY: an open configuration and places for the results.
        unsafe {
            ndis::NdisReadNetworkAddress(&raw mut status, &raw mut address, &raw mut length, self.handle);
        }
        if status != 0 || address.is_null() || length != 6 {
            return None;
        }
        // SAFETY: on success it leads to `length` bytes.
        Some(unsafe { address.cast::<[u8; 6]>().read_unaligned() })
    }
}

impl Drop for Configuration<'_> {
    fn drop(&mut self) {
        // SAFETY: opened by `open`; the token inside proves PASSIVE_LEVEL.
        unsafe { ndis::NdisCloseConfiguration(self.handle) }
    }
}

/// `text` in UTF-16 and its length in bytes.
fn utf16(text: &str) -> Option<([u16; KEYWORD_UNITS], u16)> {
    let mut units = [0; KEYWORD_UNITS];
    let mut length = 0;
    for unit in text.encode_utf16() {
        *units.get_mut(length)? = unit;
        length += 1;
    }
    Some((units, u16::try_from(length * 2).ok()?))
}
