//! Big-endian fields of a MAD: reads and writes whose bounds are checked when the driver is compiled.

use super::MAD_SIZE;

/// Length of the MAD common header; message offsets of the InfiniBand CM tables count from here.
pub(super) const BODY: usize = 24;

/// Number of bits and mask of queue pair numbers and packet sequence numbers.
const MASK_24: u32 = 0x00ff_ffff;

/// A queue pair number, 24 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qpn(u32);

impl Qpn {
    /// The low 24 bits of `value`.
    pub const fn new(value: u32) -> Self {
        Self(value & MASK_24)
    }

    /// The number, below 2^24.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A packet sequence number, 24 bits, compared modulo 2^24.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Psn(u32);

impl Psn {
    /// The low 24 bits of `value`.
    pub const fn new(value: u32) -> Self {
        Self(value & MASK_24)
    }

    /// The number, below 2^24.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A communication id: chosen by one node, opaque to the other, unique among the chooser's live connections.
/// Zero means that none was allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommId(pub u32);

impl CommId {
    /// The id of a message whose sender has none.
    pub const NONE: Self = Self(0);
}

/// The `N` bytes at offset `AT` of a MAD.
pub(super) fn get<const AT: usize, const N: usize>(mad: &[u8; MAD_SIZE]) -> [u8; N] {
    const { assert!(AT + N <= MAD_SIZE) };
    let mut out = [0; N];
    out.copy_from_slice(&mad[AT..AT + N]);
    out
}

/// Replaces the `N` bytes at offset `AT` of a MAD.
pub(super) fn put<const AT: usize, const N: usize>(mad: &mut [u8; MAD_SIZE], value: [u8; N]) {
    const { assert!(AT + N <= MAD_SIZE) };
    mad[AT..AT + N].copy_from_slice(&value);
}

/// The byte at offset `AT`.
pub(super) fn get8<const AT: usize>(mad: &[u8; MAD_SIZE]) -> u8 {
    u8::from_be_bytes(get::<AT, 1>(mad))
}

/// The 16-bit number at offset `AT`.
pub(super) fn get16<const AT: usize>(mad: &[u8; MAD_SIZE]) -> u16 {
    u16::from_be_bytes(get::<AT, 2>(mad))
}

/// The 24-bit number at offset `AT`.
pub(super) fn get24<const AT: usize>(mad: &[u8; MAD_SIZE]) -> u32 {
    let [a, b, c] = get::<AT, 3>(mad);
    u32::from_be_bytes([0, a, b, c])
}

/// The 32-bit number at offset `AT`.
pub(super) fn get32<const AT: usize>(mad: &[u8; MAD_SIZE]) -> u32 {
    u32::from_be_bytes(get::<AT, 4>(mad))
}

/// The 64-bit number at offset `AT`.
pub(super) fn get64<const AT: usize>(mad: &[u8; MAD_SIZE]) -> u64 {
    u64::from_be_bytes(get::<AT, 8>(mad))
}

/// Writes the low 24 bits of `value` at offset `AT`.
pub(super) fn put24<const AT: usize>(mad: &mut [u8; MAD_SIZE], value: u32) {
    let [_, a, b, c] = value.to_be_bytes();
    put::<AT, 3>(mad, [a, b, c]);
}
