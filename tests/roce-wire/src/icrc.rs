//! The invariant CRC of RoCEv2 packets: over everything that routers leave alone (IBTA annex A17, 7.8 of volume 1).

/// The CRC after the eight 0xff bytes that stand for the local route header which RoCEv2 does not have.
const AFTER_LRH: u32 = !0xdebb_20e3;

/// Length of the base transport header.
const BTH: usize = 12;
/// Length of the UDP header.
const UDP: usize = 8;

/// The ICRC of a packet as it is written after the payload.
///
/// `packet` starts at the IP header, whose length is `ip_header` (20 or 40), and ends before the ICRC. Fields that may
/// change on the way count as ones. The caller has made sure that IP, UDP and base transport header are there.
pub fn icrc(packet: &[u8], ip_header: usize) -> [u8; 4] {
    let fixed = ip_header + UDP + BTH;
    let mut masked = [0u8; 40 + UDP + BTH];
    let head = &mut masked[..fixed];
    head.copy_from_slice(&packet[..fixed]);
    if ip_header == 20 {
        head[1] = 0xff;
        head[8] = 0xff;
        head[10..12].fill(0xff);
    } else {
        head[0] |= 0x0f;
        head[1..4].fill(0xff);
        head[7] = 0xff;
    }
    head[ip_header + 6..ip_header + 8].fill(0xff);
    head[ip_header + UDP + 4] = 0xff;
    let mut crc = crc32fast::Hasher::new_with_initial(AFTER_LRH);
    crc.update(head);
    crc.update(&packet[fixed..]);
    crc.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::icrc;

    /// The acknowledgement of frame 31 of the rping capture, from its IP header to the end of AETH.
    const ACK: [u8; 44] = [
        0x45, 0x00, 0x00, 0x30, 0x1c, 0xdc, 0x40, 0x00, 0x40, 0x11, 0x09, 0xcd, 0x0a, 0x09, 0x00, 0x01, 0x0a,
        0x09, 0x00, 0x02, 0xc6, 0x4e, 0x12, 0xb7, 0x00, 0x1c, 0x00, 0x00, 0x11, 0x00, 0xff, 0xff, 0x00, 0x00,
        0x00, 0x11, 0x00, 0x71, 0x57, 0xb9, 0x1f, 0x00, 0x00, 0x01,
    ];

    #[test]
    fn the_icrc_of_a_captured_acknowledgement_is_reproduced() {
        assert_eq!(icrc(&ACK, 20), [0x83, 0x4f, 0x7c, 0xe6]);
    }

    #[test]
    fn routers_may_change_ttl_ecn_and_checksums_without_harm() {
        let mut routed = ACK;
        routed[1] = 3;
        routed[8] = 17;
        routed[10] ^= 0x55;
        routed[26] = 9;
        routed[32] = 0x80;
        assert_eq!(icrc(&routed, 20), icrc(&ACK, 20));
        routed[15] ^= 1;
        assert_ne!(icrc(&routed, 20), icrc(&ACK, 20));
    }
}
