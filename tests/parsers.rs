//! Whatever arrives, the parsers of packets, CM datagrams and SMB Direct messages answer with a value or a typed error,
//! and what they write they can read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cxndk::cm::mad::{IpCmHeader, MAD_SIZE, Mad, MadError, Message};
use cxndk_testbed::consumers::smbd::message::{
    BufferDescriptor, DataTransfer, NegotiateRequest, NegotiateResponse,
};
use cxndk_testbed::wire::{
    Aeth, AtomicEth, Bth, Deth, Ethernet, Extended, Headers, Layout, Mac, Network, Opcode, Packet,
    PacketError, Reth,
};
use proptest::prelude::*;

/// The attributes of connection messages: REQ, MRA, REJ, REP, RTU, DREQ, DREP.
const ATTRIBUTES: std::ops::RangeInclusive<u8> = 0x10..=0x16;

/// A datagram with a good common header and anything else.
fn mad_like() -> impl Strategy<Value = [u8; MAD_SIZE]> {
    (proptest::collection::vec(any::<u8>(), MAD_SIZE), ATTRIBUTES).prop_map(|(bytes, attribute)| {
        let mut mad: [u8; MAD_SIZE] = bytes.try_into().expect("the length asked for");
        mad[..4].copy_from_slice(&[1, 7, 2, 3]);
        mad[16..18].copy_from_slice(&[0, attribute]);
        mad
    })
}

fn extended(layout: Layout, a: u64, b: u64, c: u32) -> Extended {
    let low = b as u32;
    let reth = Reth {
        address: a,
        r_key: low,
        length: c,
    };
    let aeth = Aeth {
        syndrome: b as u8,
        msn: c & 0xff_ffff,
    };
    let deth = Deth {
        q_key: low,
        source_qpn: c & 0xff_ffff,
    };
    match layout {
        Layout::Plain => Extended::Plain,
        Layout::Reth => Extended::Reth(reth),
        Layout::RethImm => Extended::RethImm(reth, !c),
        Layout::Aeth => Extended::Aeth(aeth),
        Layout::AethAtomic => Extended::AethAtomic(aeth, a),
        Layout::Atomic => Extended::Atomic(AtomicEth {
            address: a,
            r_key: c,
            swap_or_add: b,
            compare: !a,
        }),
        Layout::Imm => Extended::Imm(c),
        Layout::Ieth => Extended::Ieth(c),
        Layout::Deth => Extended::Deth(deth),
        Layout::DethImm => Extended::DethImm(deth, !c),
    }
}

fn network() -> impl Strategy<Value = Network> {
    let v4 = any::<(u8, u16, bool, u8, u32, u32)>().prop_map(
        |(tos, identification, dont_fragment, ttl, from, to)| {
            let (source, destination) = (Ipv4Addr::from(from), Ipv4Addr::from(to));
            Network::V4 {
                traffic_class: tos,
                identification,
                dont_fragment,
                hop_limit: ttl,
                source,
                destination,
            }
        },
    );
    let v6 = any::<(u8, u32, u8, u128, u128)>().prop_map(|(traffic_class, label, hop_limit, from, to)| {
        let (source, destination) = (Ipv6Addr::from(from), Ipv6Addr::from(to));
        Network::V6 {
            traffic_class,
            flow_label: label & 0xf_ffff,
            hop_limit,
            source,
            destination,
        }
    });
    prop_oneof![v4, v6]
}

fn headers() -> impl Strategy<Value = Headers> {
    let link = any::<([u8; 6], [u8; 6], Option<u16>)>();
    let flags = any::<(bool, bool, bool, bool, bool)>();
    let numbers = any::<(u16, u16, u32, u32)>();
    let extensions = any::<(u64, u64, u32)>();
    (
        link,
        network(),
        flags,
        numbers,
        extensions,
        proptest::sample::select(Opcode::ALL),
    )
        .prop_map(
            |(
                (to, from, vlan),
                network,
                (solicited, migrated, fecn, becn, ack_request),
                (port, sum, qpn, psn),
                (a, b, c),
                opcode,
            )| {
                Headers {
                    ethernet: Ethernet {
                        destination: Mac(to),
                        source: Mac(from),
                        vlan,
                    },
                    network,
                    source_port: port,
                    udp_checksum: sum,
                    bth: Bth {
                        solicited,
                        migrated,
                        fecn,
                        becn,
                        ack_request,
                        ..Bth::new(opcode, qpn & 0xff_ffff, psn & 0xff_ffff)
                    },
                    extended: extended(opcode.layout(), a, b, c),
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_packet_survives_encoding_and_parsing(
        headers in headers(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let packet = Packet { headers, payload: &payload };
        let frame = packet.encode();
        prop_assert!(frame.len() >= 60);
        prop_assert_eq!(Packet::parse(&frame), Ok(packet));
    }

    #[test]
    fn a_truncated_or_damaged_packet_is_refused_or_differs_where_routers_may_write(
        headers in headers(),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let packet = Packet { headers, payload: &payload };
        let mut frame = packet.encode();
        let cut = at.index(frame.len());
        // Padding of the shortest frames may be missing; nothing else may.
        if let Ok(parsed) = Packet::parse(&frame[..cut]) {
            prop_assert_eq!(parsed, packet);
        }
        frame[cut] ^= 1 << bit;
        if let Ok(parsed) = Packet::parse(&frame) {
            prop_assert_eq!(parsed.payload, packet.payload);
            prop_assert_eq!(parsed.headers.extended, packet.headers.extended);
        }
    }

    #[test]
    fn random_bytes_are_no_packet(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), six in any::<bool>()) {
        let _ = Packet::parse(&bytes);
        // The same with enough in place to reach the deeper layers.
        if bytes.len() > 60 {
            bytes[12..14].copy_from_slice(if six { &[0x86, 0xdd] } else { &[8, 0] });
            bytes[14] = if six { 0x60 } else { 0x45 };
            bytes[if six { 20 } else { 23 }] = 17;
            prop_assert_ne!(Packet::parse(&bytes).err(), None);
        }
    }

    #[test]
    fn a_parsed_datagram_is_written_as_it_means(mad in mad_like()) {
        match Mad::parse(&mad) {
            Ok(parsed) => {
                let written = parsed.encode();
                prop_assert_eq!(Mad::parse(&written), Ok(parsed));
                prop_assert_eq!(&written[..18], &mad[..18]);
                if let Message::Req(req) = parsed.message {
                    let _ = IpCmHeader::parse(&req.private_data);
                }
            }
            Err(error) => {
                let inside = matches!(error, MadError::Length(_) | MadError::Reserved { .. });
                prop_assert!(inside);
            }
        }
    }

    #[test]
    fn datagrams_of_other_classes_are_named(bytes in proptest::collection::vec(any::<u8>(), MAD_SIZE)) {
        let mad: [u8; MAD_SIZE] = bytes.try_into().expect("the length asked for");
        if mad[..4] != [1, 7, 2, 3] {
            let named = matches!(
                Mad::parse(&mad),
                Err(MadError::BaseVersion(_) | MadError::Class(_) | MadError::ClassVersion(_) | MadError::Method(_))
            );
            prop_assert!(named);
        }
    }

    #[test]
    fn ip_headers_survive_encoding_and_parsing(
        source_port: u16,
        v4: Option<(u32, u32)>,
        v6: (u128, u128),
        consumer in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let (source, destination) = match v4 {
            Some((from, to)) => (IpAddr::V4(from.into()), IpAddr::V4(to.into())),
            None => (IpAddr::V6(v6.0.into()), IpAddr::V6(v6.1.into())),
        };
        let header = IpCmHeader { source_port, source, destination };
        let bytes = header.encode(&consumer);
        prop_assert_eq!(IpCmHeader::parse(&bytes), Ok(header));
        let kept = consumer.len().min(56);
        prop_assert_eq!(&bytes[36..36 + kept], &consumer[..kept]);
        prop_assert!(bytes[36 + kept..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn smb_direct_parsers_take_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(request) = NegotiateRequest::parse(&bytes) {
            prop_assert_eq!(NegotiateRequest::parse(&request.encode()), Ok(request));
        }
        if let Ok(response) = NegotiateResponse::parse(&bytes) {
            prop_assert_eq!(NegotiateResponse::parse(&response.encode()), Ok(response));
        }
        if let Ok(descriptor) = BufferDescriptor::parse(&bytes) {
            prop_assert_eq!(&descriptor.encode()[..], &bytes[..16]);
        }
        if let Ok(transfer) = DataTransfer::parse(&bytes) {
            let written = transfer.encode();
            prop_assert_eq!(DataTransfer::parse(&written), Ok(transfer));
        }
    }
}

#[test]
fn unknown_attributes_and_operation_codes_are_named() {
    let mut mad = [0; MAD_SIZE];
    mad[..4].copy_from_slice(&[1, 7, 2, 3]);
    mad[17] = 0x19;
    assert_eq!(Mad::parse(&mad), Err(MadError::Attribute(0x19)));
    for code in (0..=u8::MAX).filter(|code| Opcode::from_code(*code).is_none()) {
        assert!(Opcode::ALL.iter().all(|known| known.code() != code));
    }
    assert_eq!(Packet::parse(&[0; 60]), Err(PacketError::NotRoce));
    assert_eq!(Packet::parse(&[0; 10]), Err(PacketError::Truncated));
}
