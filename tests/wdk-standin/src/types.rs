//! Basic types and structures of wdm.h.

use core::ffi::{c_char, c_void};

/// `UCHAR`.
pub type UCHAR = u8;
/// `USHORT`.
pub type USHORT = u16;
/// `ULONG`.
pub type ULONG = u32;
/// `LONG`.
pub type LONG = i32;
/// `LONGLONG`.
pub type LONGLONG = i64;
/// `ULONGLONG`.
pub type ULONGLONG = u64;
/// `ULONG64`.
pub type ULONG64 = u64;
/// `ULONG_PTR`.
pub type ULONG_PTR = u64;
/// `SIZE_T`.
pub type SIZE_T = ULONG_PTR;
/// `BOOLEAN`.
pub type BOOLEAN = UCHAR;
/// `PVOID`.
pub type PVOID = *mut c_void;
/// `PULONG`.
pub type PULONG = *mut ULONG;
/// `PULONG64`.
pub type PULONG64 = *mut u64;
/// `CHAR`.
pub type CHAR = c_char;
/// `CCHAR`.
pub type CCHAR = c_char;
/// `CSHORT`.
pub type CSHORT = i16;
/// `WCHAR`, the headers' `wchar_t`.
pub type WCHAR = wchar_t;
/// What the compiler that the headers are for makes of `wchar_t`.
pub type wchar_t = u16;
/// `PWCH`.
pub type PWCH = *mut WCHAR;
/// `PCSTR`.
pub type PCSTR = *const CHAR;
/// `NTSTATUS`.
pub type NTSTATUS = LONG;
/// `NT_SUCCESS`: neither an error nor a warning.
#[must_use]
pub const fn NT_SUCCESS(nt_status: NTSTATUS) -> bool {
    nt_status >= 0
}
/// `KIRQL`: 0 PASSIVE, 1 APC, 2 DISPATCH, above: device levels.
pub type KIRQL = UCHAR;
/// `KPROCESSOR_MODE`.
pub type KPROCESSOR_MODE = CCHAR;
/// `KSPIN_LOCK`.
pub type KSPIN_LOCK = ULONG_PTR;
/// `PKSPIN_LOCK`.
pub type PKSPIN_LOCK = *mut KSPIN_LOCK;

/// `LARGE_INTEGER`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union _LARGE_INTEGER {
    /// The two halves.
    pub u: _LARGE_INTEGER__bindgen_ty_2,
    /// The whole.
    pub QuadPart: LONGLONG,
}
/// The halves of [`_LARGE_INTEGER`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _LARGE_INTEGER__bindgen_ty_2 {
    /// Low dword.
    pub LowPart: ULONG,
    /// High dword.
    pub HighPart: LONG,
}
/// `LARGE_INTEGER`.
pub type LARGE_INTEGER = _LARGE_INTEGER;
/// `PLARGE_INTEGER`.
pub type PLARGE_INTEGER = *mut LARGE_INTEGER;
/// `PHYSICAL_ADDRESS`.
pub type PHYSICAL_ADDRESS = LARGE_INTEGER;

/// `GUID`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct _GUID {
    /// First group.
    pub Data1: u32,
    /// Second group.
    pub Data2: u16,
    /// Third group.
    pub Data3: u16,
    /// The last eight bytes.
    pub Data4: [u8; 8],
}
/// `GUID`.
pub type GUID = _GUID;

/// `UNICODE_STRING`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _UNICODE_STRING {
    /// Bytes in use.
    pub Length: USHORT,
    /// Bytes of room.
    pub MaximumLength: USHORT,
    /// UTF-16 text, not terminated.
    pub Buffer: PWCH,
}
/// `UNICODE_STRING`.
pub type UNICODE_STRING = _UNICODE_STRING;
/// `PUNICODE_STRING`.
pub type PUNICODE_STRING = *mut UNICODE_STRING;

/// `EPROCESS`; opaque.
#[repr(C)]
#[derive(Debug)]
pub struct _EPROCESS {
    _unused: [u8; 0],
}

/// `MDL`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _MDL {
    /// The next MDL of a chain.
    pub Next: *mut Self,
    /// Size of this structure and the page frame array.
    pub Size: CSHORT,
    /// `MDL_*`.
    pub MdlFlags: CSHORT,
    /// The process whose memory it is.
    pub Process: *mut _EPROCESS,
    /// The system address, if mapped.
    pub MappedSystemVa: PVOID,
    /// Page-aligned start.
    pub StartVa: PVOID,
    /// Length in bytes.
    pub ByteCount: ULONG,
    /// Offset of the first byte in the first page.
    pub ByteOffset: ULONG,
}
/// `PMDL`.
pub type PMDL = *mut _MDL;

/// `DRIVER_UNLOAD`, at `PASSIVE_LEVEL`.
pub type DRIVER_UNLOAD = Option<unsafe extern "win64" fn(DriverObject: *mut _DRIVER_OBJECT)>;
/// `PDRIVER_UNLOAD`.
pub type PDRIVER_UNLOAD = DRIVER_UNLOAD;

/// `DRIVER_OBJECT`; what nobody here looks into has no name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DRIVER_OBJECT {
    to_unload: [u64; 13],
    /// Unload routine.
    pub DriverUnload: PDRIVER_UNLOAD,
    major_functions: [PVOID; 28],
}
/// `PDRIVER_OBJECT`.
pub type PDRIVER_OBJECT = *mut _DRIVER_OBJECT;

/// `DEVICE_OBJECT`; the driver passes it on and looks into none of it.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct _DEVICE_OBJECT {
    /// Object type.
    pub Type: CSHORT,
    /// Object size.
    pub Size: USHORT,
    /// References.
    pub ReferenceCount: LONG,
    opaque: [u64; 41],
}
/// `PDEVICE_OBJECT`.
pub type PDEVICE_OBJECT = *mut _DEVICE_OBJECT;

/// `PIRP`.
pub type PIRP = *mut crate::_IRP;

/// `KEVENT`; opaque.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct _KEVENT {
    opaque: [u64; 3],
}
/// `KEVENT`.
pub type KEVENT = _KEVENT;
/// `PRKEVENT`.
pub type PRKEVENT = *mut _KEVENT;

/// `PROCESSOR_NUMBER`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _PROCESSOR_NUMBER {
    /// Processor group.
    pub Group: USHORT,
    /// Number in the group.
    pub Number: UCHAR,
    /// Zero.
    pub Reserved: UCHAR,
}
/// `PROCESSOR_NUMBER`.
pub type PROCESSOR_NUMBER = _PROCESSOR_NUMBER;
/// `PPROCESSOR_NUMBER`.
pub type PPROCESSOR_NUMBER = *mut _PROCESSOR_NUMBER;

/// `INTERFACE_TYPE`.
pub mod _INTERFACE_TYPE {
    /// An enumeration's type.
    pub type Type = core::ffi::c_int;
    /// The internal bus.
    pub const Internal: Type = 0;
    /// PCI.
    pub const PCIBus: Type = 5;
}
/// `INTERFACE_TYPE`.
pub use self::_INTERFACE_TYPE::Type as INTERFACE_TYPE;

/// `MEMORY_CACHING_TYPE`.
pub mod _MEMORY_CACHING_TYPE {
    /// An enumeration's type.
    pub type Type = core::ffi::c_int;
    /// Uncached.
    pub const MmNonCached: Type = 0;
    /// Cached.
    pub const MmCached: Type = 1;
}
/// `MEMORY_CACHING_TYPE`.
pub use self::_MEMORY_CACHING_TYPE::Type as MEMORY_CACHING_TYPE;

const _: () = {
    assert!(size_of::<_MDL>() == 48);
    assert!(size_of::<_DRIVER_OBJECT>() == 336);
    assert!(size_of::<_DEVICE_OBJECT>() == 336);
    assert!(size_of::<_UNICODE_STRING>() == 16);
    assert!(size_of::<_KEVENT>() == 24);
    assert!(size_of::<_GUID>() == 16);
};
