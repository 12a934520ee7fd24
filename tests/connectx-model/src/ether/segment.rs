//! Large send: one packet into many (connectx-ethernet 2.2).

use super::frame::{Ip, Parsed, Transport};

/// TCP flags that only one of the segments has.
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// The frames that `header`, complete up to the end of its TCP header, and `payload` make with `mss` bytes of payload each. `None` if
/// the header is none of TCP.
pub fn segments(header: &[u8], payload: &[u8], mss: usize) -> Option<Vec<Vec<u8>>> {
    if mss == 0 || payload.is_empty() {
        return None;
    }
    let chunks = payload.chunks(mss);
    let last = chunks.len() - 1;
    let frames = chunks.enumerate().map(|(number, chunk)| {
        let mut frame = [header, chunk].concat();
        stamp_length(&mut frame, header.len())?;
        let parsed = Parsed::of(&frame)?;
        let Some(Transport::Tcp(tcp)) = parsed.transport else {
            return None;
        };
        if let Some(Ip::V4(ip)) = parsed.ip {
            let id = u16::from_be_bytes([header[ip + 4], header[ip + 5]]).wrapping_add(number as u16);
            frame[ip + 4..ip + 6].copy_from_slice(&id.to_be_bytes());
        }
        let sequence = u32::from_be_bytes(header.get(tcp + 4..tcp + 8)?.try_into().ok()?);
        let sequence = sequence.wrapping_add((number * mss) as u32);
        frame[tcp + 4..tcp + 8].copy_from_slice(&sequence.to_be_bytes());
        if number != last {
            frame[tcp + 13] &= !(FIN | PSH);
        }
        if number != 0 {
            frame[tcp + 13] &= !CWR;
        }
        Some(frame)
    });
    frames.collect()
}

/// IP lengths of the template mean nothing: those of the frame are put in.
fn stamp_length(frame: &mut [u8], header: usize) -> Option<()> {
    let total = frame.len();
    let mut at = 12;
    while matches!(frame.get(at..at + 2)?, [0x81, 0x00] | [0x88, 0xa8]) {
        at += 4;
    }
    let ip = at + 2;
    let (field, length) = match frame.get(at..ip)? {
        [0x08, 0x00] => (ip + 2, total - ip),
        [0x86, 0xdd] => (ip + 4, total.checked_sub(ip + 40)?),
        _ => return None,
    };
    if field + 2 > header {
        return None;
    }
    frame[field..field + 2].copy_from_slice(&(length as u16).to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::v4;
    use super::*;

    /// Sizes, sequence numbers, identifications, lengths and flags of the segments.
    #[test]
    fn segments_are_whole_but_for_the_last_and_carry_their_own_numbers() {
        let payload: Vec<u8> = (0..2500_u32).map(|n| n as u8).collect();
        let mut header = v4(6, &[]);
        // FIN, PSH, ACK and CWR; the lengths of the template do not count.
        header[47] = 0x99;
        header[16..18].fill(0);
        let frames = segments(&header, &payload, 1000).expect("TCP");
        let sizes: Vec<_> = frames.iter().map(|frame| frame.len() - header.len()).collect();
        assert_eq!(sizes, [1000, 1000, 500]);
        for (number, frame) in frames.iter().enumerate() {
            let parsed = Parsed::of(frame).expect("a frame");
            assert_eq!(parsed.end, frame.len());
            assert_eq!(frame[18..20], (0x7ffe_u16 + number as u16).to_be_bytes());
            assert_eq!(frame[38..42], (0x100 + 1000 * number as u32).to_be_bytes());
            assert_eq!(frame[47], [0x90, 0x10, 0x19][number]);
            assert_eq!(frame[54..], payload[number * 1000..][..sizes[number]]);
        }
    }

    #[test]
    fn what_is_no_tcp_is_refused() {
        assert_eq!(segments(&v4(17, &[]), b"data", 2), None);
        assert_eq!(segments(&[0; 14], b"data", 2), None);
        assert_eq!(segments(&v4(6, &[]), b"data", 0), None);
    }
}
