//! MAC addresses as contexts have them: 16 high bits and 32 low bits.

/// The address in its two fields.
pub(super) fn from_fields(high: u32, low: u32) -> [u8; 6] {
    let mut mac = [0; 6];
    mac[..2].copy_from_slice(&(high as u16).to_be_bytes());
    mac[2..].copy_from_slice(&low.to_be_bytes());
    mac
}

/// The two fields of an address.
pub(super) const fn to_fields(mac: [u8; 6]) -> (u32, u32) {
    let high = u32::from_be_bytes([0, 0, mac[0], mac[1]]);
    (high, u32::from_be_bytes([mac[2], mac[3], mac[4], mac[5]]))
}
