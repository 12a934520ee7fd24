//! Raw FFI that wdk-sys lacks: NDIS, CoNDIS, the Network Direct kernel interface, the IP helper, random numbers, one function of the
//! kernel.
//!
//! Names of types, fields, constants and functions are those of the WDK headers. Every structure's size and field offsets
//! are asserted at compile time against the layouts of the 10.0.16299 x64 headers. Where a header has alternatives at
//! one place, the one the driver uses stands here.
#![expect(
    non_snake_case,
    non_camel_case_types,
    non_upper_case_globals,
    reason = "the names are those of the WDK headers"
)]

pub mod cng;
pub mod condis;
pub mod ndis;
pub mod ndkpi;
pub mod netio;
pub mod ntoskrnl;

/// Asserts the size of a structure and the offset of each of its fields, in bytes.
macro_rules! abi {
    ($name:ident, $size:literal, { $($field:ident: $offset:literal),* $(,)? }) => {
        static_assertions::const_assert_eq!(core::mem::size_of::<$name>(), $size);
        $(static_assertions::const_assert_eq!(core::mem::offset_of!($name, $field), $offset);)*
    };
}

pub(crate) use abi;
