//! The Toeplitz hash that receive side scaling uses.

/// Bytes of a key.
pub const KEY: usize = 40;

/// The hash of `input` under `key`.
pub fn toeplitz(key: &[u8; KEY], input: impl IntoIterator<Item = u8>) -> u32 {
    let mut window = u64::from_be_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]]);
    let (mut hash, mut next) = (0_u32, 8);
    for byte in input {
        for bit in (0..8).rev() {
            if byte >> bit & 1 != 0 {
                hash ^= (window >> 32) as u32;
            }
            window <<= 1;
        }
        window |= u64::from(key.get(next).copied().unwrap_or(0));
        next += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The key of Microsoft's verification suite.
    const PUBLISHED: [u8; KEY] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
        0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42,
        0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    /// Values of the published verification suite, IPv4.
    #[test]
    fn published_values_for_ipv4() {
        for (from, from_port, to, to_port, addresses, ports) in [
            (
                "66.9.149.187",
                2794_u16,
                "161.142.100.80",
                1766_u16,
                0x323e_8fc2,
                0x51cc_c178,
            ),
            (
                "199.92.111.2",
                14230,
                "65.69.140.83",
                4739,
                0xd718_262a,
                0xc626_b0ea,
            ),
            (
                "24.19.198.95",
                12898,
                "12.22.207.184",
                38024,
                0xd2d0_a5de,
                0x5c2b_394a,
            ),
        ] {
            let octets = |text: &str| text.parse::<Ipv4Addr>().expect("an address").octets();
            let pair = [octets(from), octets(to)].concat();
            assert_eq!(toeplitz(&PUBLISHED, pair.iter().copied()), addresses);
            let four = [&pair[..], &from_port.to_be_bytes(), &to_port.to_be_bytes()].concat();
            assert_eq!(toeplitz(&PUBLISHED, four), ports);
        }
    }

    /// Values of the published verification suite, IPv6.
    #[test]
    fn published_values_for_ipv6() {
        let octets = |text: &str| text.parse::<Ipv6Addr>().expect("an address").octets();
        let pair = [octets("3ffe:2501:200:1fff::7"), octets("3ffe:2501:200:3::1")].concat();
        assert_eq!(toeplitz(&PUBLISHED, pair.iter().copied()), 0x2cc1_8cd5);
        let four = [&pair[..], &2794_u16.to_be_bytes(), &1766_u16.to_be_bytes()].concat();
        assert_eq!(toeplitz(&PUBLISHED, four), 0x4020_7d3d);
    }
}
