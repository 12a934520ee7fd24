//! The `layout!` macro: big-endian structures from one line per field.

/// Reads the big-endian dword at byte `at`.
#[inline]
pub(crate) const fn get_dword(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Writes the big-endian dword at byte `at`.
#[inline]
pub(crate) const fn set_dword(bytes: &mut [u8], at: usize, value: u32) {
    let b = value.to_be_bytes();
    bytes[at] = b[0];
    bytes[at + 1] = b[1];
    bytes[at + 2] = b[2];
    bytes[at + 3] = b[3];
}

/// Reads the big-endian qword at byte `at`.
#[inline]
pub(crate) const fn get_qword(bytes: &[u8], at: usize) -> u64 {
    ((get_dword(bytes, at) as u64) << 32) | get_dword(bytes, at + 4) as u64
}

/// Writes the big-endian qword at byte `at`.
#[inline]
pub(crate) const fn set_qword(bytes: &mut [u8], at: usize, value: u64) {
    set_dword(bytes, at, (value >> 32) as u32);
    set_dword(bytes, at + 4, value as u32);
}

/// The mask of a field of bits `hi..=lo`, not shifted.
#[inline]
pub(crate) const fn mask(hi: u32, lo: u32) -> u32 {
    ((1u64 << (hi - lo + 1)) - 1) as u32
}

/// Defines a device structure; see the page of `hw::layout` for the notation.
macro_rules! layout {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $size:literal { $($kind:ident $get:ident, $set:ident: $at:literal $spec:tt;)* }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Debug,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned,
        )]
        #[repr(transparent)]
        pub struct $name([u8; $size]);

        #[allow(
            clippy::len_without_is_empty,
            clippy::large_stack_arrays,
            reason = "a field named `len` is a field; capability areas are a page"
        )]
        impl $name {
            /// Length in bytes; a trailing array begins here.
            pub const SIZE: usize = $size;

            /// All zero.
            #[inline]
            pub const fn new() -> Self {
                Self([0; $size])
            }

            /// The structure at the head of `bytes`; `None` when they are too few.
            #[inline]
            pub fn from_bytes(bytes: &[u8]) -> Option<&Self> {
                zerocopy::FromBytes::ref_from_prefix(bytes).ok().map(|(this, _)| this)
            }

            /// The structure at the head of `bytes`; `None` when they are too few.
            #[inline]
            pub fn from_bytes_mut(bytes: &mut [u8]) -> Option<&mut Self> {
                zerocopy::FromBytes::mut_from_prefix(bytes).ok().map(|(this, _)| this)
            }

            /// The bytes as the device sees them.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// The bytes as the device sees them.
            #[inline]
            pub const fn as_bytes_mut(&mut self) -> &mut [u8; $size] {
                &mut self.0
            }

            $($crate::hw::layout::define::field!($kind $get $set $at $spec);)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// The getter and the setter of one field.
macro_rules! field {
    (bits $get:ident $set:ident $at:literal [$hi:literal : $lo:literal]) => {
        #[doc = concat!("`", stringify!($get), "`: `", stringify!($at), "[", $hi, ":", $lo, "]`.")]
        #[inline]
        pub const fn $get(&self) -> u32 {
            use $crate::hw::layout::define::{get_dword, mask};
            (get_dword(&self.0, $at) >> $lo) & mask($hi, $lo)
        }

        #[doc = concat!("Sets `", stringify!($get), "`; bits that do not fit are cut off.")]
        #[inline]
        pub const fn $set(&mut self, value: u32) -> &mut Self {
            use $crate::hw::layout::define::{get_dword, mask, set_dword};
            let rest = get_dword(&self.0, $at) & !(mask($hi, $lo) << $lo);
            set_dword(&mut self.0, $at, rest | ((value & mask($hi, $lo)) << $lo));
            self
        }
    };
    (qword $get:ident $set:ident $at:literal [63:0]) => {
        #[doc = concat!("`", stringify!($get), "`: 64 bits at ", stringify!($at), ".")]
        #[inline]
        pub const fn $get(&self) -> u64 {
            $crate::hw::layout::define::get_qword(&self.0, $at)
        }

        #[doc = concat!("Sets `", stringify!($get), "`.")]
        #[inline]
        pub const fn $set(&mut self, value: u64) -> &mut Self {
            $crate::hw::layout::define::set_qword(&mut self.0, $at, value);
            self
        }
    };
    (qwords $get:ident $set:ident $at:literal [$n:literal]) => {
        #[doc = concat!("Element of `", stringify!($get), "`: ", $n, " x 64 bits at ", stringify!($at), ".")]
        #[inline]
        pub const fn $get(&self, index: usize) -> u64 {
            assert!(index < $n);
            $crate::hw::layout::define::get_qword(&self.0, $at + index * 8)
        }

        #[doc = concat!("Sets an element of `", stringify!($get), "`.")]
        #[inline]
        pub const fn $set(&mut self, index: usize, value: u64) -> &mut Self {
            assert!(index < $n);
            $crate::hw::layout::define::set_qword(&mut self.0, $at + index * 8, value);
            self
        }
    };
    (dwords $get:ident $set:ident $at:literal [$n:literal]) => {
        #[doc = concat!("Element of `", stringify!($get), "`: ", $n, " x 32 bits at ", stringify!($at), ".")]
        #[inline]
        pub const fn $get(&self, index: usize) -> u32 {
            assert!(index < $n);
            $crate::hw::layout::define::get_dword(&self.0, $at + index * 4)
        }

        #[doc = concat!("Sets an element of `", stringify!($get), "`.")]
        #[inline]
        pub const fn $set(&mut self, index: usize, value: u32) -> &mut Self {
            assert!(index < $n);
            $crate::hw::layout::define::set_dword(&mut self.0, $at + index * 4, value);
            self
        }
    };
    (bytes $get:ident $set:ident $at:literal [$n:literal]) => {
        #[doc = concat!("`", stringify!($get), "`: ", $n, " bytes at ", stringify!($at), ".")]
        #[inline]
        pub const fn $get(&self) -> &[u8; $n] {
            match self.0.split_at($at).1.first_chunk() {
                Some(bytes) => bytes,
                // PANIC: never; the field lies within the structure.
                None => unreachable!(),
            }
        }

        #[doc = concat!("Sets `", stringify!($get), "`.")]
        #[inline]
        pub fn $set(&mut self, value: &[u8; $n]) -> &mut Self {
            self.0[$at..$at + $n].copy_from_slice(value);
            self
        }
    };
    (nested $get:ident $set:ident $at:literal [$inner:ident]) => {
        #[doc = concat!("`", stringify!($get), "`: [`", stringify!($inner), "`] at ", stringify!($at), ".")]
        #[inline]
        pub fn $get(&self) -> &$inner {
            match $inner::from_bytes(&self.0[$at..]) {
                Some(inner) => inner,
                // PANIC: never; the field lies within the structure.
                None => unreachable!(),
            }
        }

        #[doc = concat!("`", stringify!($get), "`, to change it.")]
        #[inline]
        pub fn $set(&mut self) -> &mut $inner {
            match $inner::from_bytes_mut(&mut self.0[$at..]) {
                Some(inner) => inner,
                // PANIC: never; the field lies within the structure.
                None => unreachable!(),
            }
        }
    };
}

pub(crate) use field;
