//! What Linux's `RoCE` stack sent, read and written again by the code that driver and testbed use.
//!
//! `tests/captures/` holds an rping run with an atomic test and an SMB Direct mount, both between two Linux machines
//! with software `RoCE`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use cxndk::cm::mad::{CommId, GSI_Q_KEY, IpCmHeader, MAD_SIZE, Mad, Message, RejectReason};
use cxndk_testbed::consumers::smbd::message::{
    BufferDescriptor, DataTransfer, NegotiateRequest, NegotiateResponse,
};
use cxndk_testbed::wire::{Extended, Opcode, Packet, PacketError};
use pcap_file::pcap::PcapReader;

/// The frames of a capture with their numbers from 1.
fn frames(name: &str) -> Vec<(usize, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(name);
    let mut reader = PcapReader::new(File::open(path).expect("the capture is there")).expect("a pcap file");
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push((
            frames.len() + 1,
            packet.expect("a whole record").data.into_owned(),
        ));
    }
    frames
}

/// The `RoCEv2` packets of a capture; everything else in it is another protocol.
fn roce(name: &str) -> Vec<(usize, Vec<u8>)> {
    let mut all = frames(name);
    all.retain(|(number, frame)| match Packet::parse(frame) {
        Ok(_) => true,
        Err(PacketError::NotRoce) => false,
        Err(error) => panic!("frame {number} of {name}: {error}"),
    });
    all
}

const RPING: &str = "linux-rxe-rping.pcap";
const SMB: &str = "linux-smbdirect.pcap";

#[test]
fn every_captured_packet_has_our_icrc_and_is_encoded_to_the_same_bytes() {
    let mut counted = BTreeMap::new();
    for (name, total) in [(RPING, 143), (SMB, 223)] {
        let packets = roce(name);
        assert_eq!(packets.len(), total, "{name}");
        for (number, frame) in packets {
            let packet = Packet::parse(&frame).expect("parsed before");
            assert_eq!(packet.encode(), frame, "frame {number} of {name}");
            *counted.entry(packet.headers.bth.opcode.code()).or_insert(0) += 1;
        }
    }
    let expected = [
        (0x04, 117),
        (0x06, 2),
        (0x07, 50),
        (0x08, 1),
        (0x0a, 10),
        (0x0c, 10),
        (0x0e, 6),
        (0x0f, 1),
        (0x10, 10),
        (0x11, 128),
        (0x12, 10),
        (0x14, 10),
        (0x17, 1),
        (0x64, 10),
    ];
    assert_eq!(counted, BTreeMap::from(expected));
    assert_eq!(counted.values().sum::<u32>(), 366);
}

#[test]
fn a_changed_bit_of_a_captured_packet_is_found() {
    for (number, mut frame) in roce(SMB).into_iter().step_by(20) {
        let end = frame.len() - 1;
        for at in [30, 42, 54, 57, end] {
            frame[at] ^= 4;
            assert!(Packet::parse(&frame).is_err(), "frame {number}, byte {at}");
            frame[at] ^= 4;
        }
        Packet::parse(&frame).expect("as it was");
    }
}

/// The CM messages of a capture with the addresses that carried them.
fn mads(name: &str) -> Vec<(usize, IpAddr, Mad)> {
    let mut mads = Vec::new();
    for (number, frame) in roce(name) {
        let packet = Packet::parse(&frame).expect("parsed before");
        let Extended::Deth(deth) = packet.headers.extended else {
            continue;
        };
        assert_eq!(
            (deth.q_key, deth.source_qpn, packet.headers.bth.dest_qpn),
            (GSI_Q_KEY, 1, 1)
        );
        let bytes: &[u8; MAD_SIZE] = packet.payload.try_into().expect("a whole datagram");
        let mad = Mad::parse(bytes).unwrap_or_else(|error| panic!("frame {number}: {error:?}"));
        assert_eq!(mad.encode(), *bytes, "frame {number} of {name}");
        mads.push((number, packet.headers.network.source(), mad));
    }
    mads
}

#[test]
fn every_captured_cm_message_is_encoded_to_the_same_bytes() {
    let kinds = |name| {
        mads(name)
            .iter()
            .map(|(number, _, mad)| (*number, mad.message.attribute()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(RPING), [(27, 0x10), (28, 0x13), (29, 0x14)]);
    assert_eq!(
        kinds(SMB),
        [
            (17, 0x10),
            (18, 0x12),
            (19, 0x10),
            (20, 0x13),
            (21, 0x14),
            (238, 0x15),
            (239, 0x16)
        ]
    );
}

#[test]
fn captured_requests_name_ports_and_addresses_in_their_ip_headers() {
    let mut ports = Vec::new();
    for (_, source, mad) in mads(RPING).into_iter().chain(mads(SMB)) {
        let Message::Req(req) = mad.message else { continue };
        let header = IpCmHeader::parse(&req.private_data).expect("an IP header");
        assert_eq!(header.source, source);
        assert_eq!(header.encode(&req.private_data[36..]), req.private_data);
        ports.push((header.source_port, req.service_id.tcp_port()));
    }
    assert_eq!(
        ports.iter().map(|(_, to)| *to).collect::<Vec<_>>(),
        [Some(7174), Some(5445), Some(445)]
    );
    assert_eq!((ports[0].0, ports[2].0), (0xe688, 0x8671));
}

#[test]
fn captured_messages_of_one_connection_name_it_alike() {
    let smb = mads(SMB);
    let [_, rej, req, rep, rtu, dreq, drep] = smb.iter().map(|(_, _, mad)| *mad).collect::<Vec<_>>()[..]
    else {
        panic!("seven messages")
    };
    let ids = |mad: &Mad| (mad.message.local_comm_id(), mad.message.remote_comm_id());
    let (active, passive) = (CommId(0x852b_fc17), CommId(0x2eb0_2aab));
    assert_eq!(ids(&req), (active, CommId::NONE));
    assert_eq!(ids(&rep), (passive, active));
    assert_eq!(ids(&rtu), (active, passive));
    assert_eq!(ids(&dreq), (active, passive));
    assert_eq!(ids(&drep), (passive, active));
    assert_eq!(req.header.transaction_id, rep.header.transaction_id);
    assert_eq!(dreq.header.transaction_id, drep.header.transaction_id);
    let (Message::Rej(rej), Message::Req(req), Message::Rep(rep)) = (rej.message, req.message, rep.message)
    else {
        panic!("a reject, a request and a reply")
    };
    assert_eq!(
        (rej.reason, rej.local_comm_id),
        (RejectReason::INVALID_SERVICE_ID, CommId::NONE)
    );
    assert_eq!(
        (req.starting_psn.get(), rep.starting_psn.get()),
        (0x0098_13b1, 0x001c_a995)
    );
    assert_eq!(
        (req.path_mtu, req.retry_count, req.primary.ack_timeout),
        (5, 6, 17)
    );
    assert_eq!(
        (req.responder_resources, rep.initiator_depth, rep.target_ack_delay),
        (32, 8, 15)
    );
}

/// Reads an SMB Direct message by where it stands in its connection, and writes it again.
fn round_trip(nth: usize, message: &[u8]) -> Vec<u8> {
    match nth {
        0 => NegotiateRequest::parse(message)
            .expect("a negotiate request")
            .encode()
            .to_vec(),
        1 => NegotiateResponse::parse(message)
            .expect("a negotiate response")
            .encode()
            .to_vec(),
        _ => DataTransfer::parse(message)
            .expect("a data transfer message")
            .encode(),
    }
}

#[test]
fn every_captured_smb_direct_message_is_encoded_to_the_same_bytes() {
    let mut sent = 0;
    let mut credits = BTreeSet::new();
    for (number, frame) in roce(SMB) {
        let packet = Packet::parse(&frame).expect("parsed before");
        if !matches!(
            packet.headers.bth.opcode,
            Opcode::SendOnly | Opcode::SendOnlyInvalidate
        ) {
            continue;
        }
        assert_eq!(round_trip(sent, packet.payload), packet.payload, "frame {number}");
        if sent > 1 {
            credits.insert(
                DataTransfer::parse(packet.payload)
                    .expect("parsed before")
                    .credits_requested,
            );
        }
        sent += 1;
    }
    assert_eq!(sent, 78);
    assert_eq!(credits, BTreeSet::from([255]));
}

#[test]
fn the_captured_negotiation_has_the_known_values() {
    let frames = frames(SMB);
    let payload = |number: usize| Packet::parse(&frames[number - 1].1).expect("a packet").payload;
    let request = NegotiateRequest::parse(payload(22)).expect("a request");
    assert_eq!(
        (
            request.credits_requested,
            request.max_receive_size,
            request.max_fragmented_size
        ),
        (255, 1364, 173_910)
    );
    let response = NegotiateResponse::parse(payload(24)).expect("a response");
    assert_eq!(
        (
            response.credits_granted,
            response.status,
            response.max_read_write_size
        ),
        (254, 0, 8_388_608)
    );
}

#[test]
fn the_captured_descriptor_names_the_memory_that_is_written() {
    let frames = frames(SMB);
    let packet = |number: usize| Packet::parse(&frames[number - 1].1).expect("a packet");
    let request = DataTransfer::parse(packet(146).payload)
        .expect("an SMB READ")
        .data;
    let descriptor = BufferDescriptor::parse(&request[112..128]).expect("a descriptor");
    assert_eq!(descriptor.encode(), request[112..128]);
    let write = packet(148).headers.extended.reth().expect("an RDMA write");
    assert_eq!(
        (write.address, write.r_key),
        (descriptor.offset, descriptor.token)
    );
    assert_eq!((descriptor.length, write.length), (1 << 20, 131_072));
}
