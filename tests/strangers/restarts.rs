//! Hosts that start over: they draw other numbers, and peers that remember them let go of what was before.

use std::path::Path;
use std::rc::Rc;

use cxndk::cm::mad::{MAD_SIZE, Mad, Message, RejectReason, Req};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::{LIMITS, on};
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::sim::{self, MILLISECOND};
use cxndk_testbed::wire::{Opcode, Packet};
use cxndk_testbed::world::World;
use pcap_file::pcap::PcapReader;

use super::stranger::Stranger;
use super::{DEAF, PORT, nobody, reachable, rejections};

/// The first request in a capture, and the transaction that it began.
fn first_request(path: &Path) -> (u64, Req) {
    let file = std::fs::File::open(path).expect("a capture");
    let mut reader = PcapReader::new(file).expect("a pcap file");
    while let Some(frame) = reader.next_packet() {
        let frame = frame.expect("a whole record").data;
        let packet = Packet::parse(&frame).expect("a packet with a good ICRC");
        if packet.headers.bth.opcode != Opcode::UdSendOnly {
            continue;
        }
        let mad: &[u8; MAD_SIZE] = packet.payload.try_into().expect("a datagram");
        let mad = Mad::parse(mad).expect("a CM message");
        if let Message::Req(req) = mad.message {
            return (mad.header.transaction_id, req);
        }
    }
    panic!("no request in {}", path.display());
}

/// The first request of a host that was just started, at a time that is always the same.
fn first_request_of(seed: u64) -> (u64, Req) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("first.pcap");
    let config = World::new(seed).capture(&path);
    config.play(|world: &World| {
        let (host, to) = (&world.hosts[0], world.hosts[1].at(DEAF));
        let (open, from) = (host.open_ndk(), host.at(0));
        let adapter = open.adapter();
        on(host.id, "client", move || {
            let queues = Endpoint::new(adapter, LIMITS).expect("queues");
            let connector = adapter.create_connector().expect("a connector");
            let result = connector.connect(queues.qp, from, to, LIMITS.reads, &[]).wait();
            assert_eq!(result, Err(Status::CONNECTION_REFUSED));
            connector.close_and_wait().expect("a close");
            queues.close_queue_pair().expect("a close");
            queues.close_rest().expect("a close");
        });
        sim::join(host.thread("close", move || open.close()));
    });
    first_request(&path)
}

/// What names a connection depends on more than station address and clock.
#[test]
fn a_host_that_starts_over_draws_other_numbers() {
    let [first, second] = [1, 2].map(first_request_of);
    assert_ne!(first.1.local_comm_id, second.1.local_comm_id);
    assert_ne!(first.1.starting_psn, second.1.starting_psn);
    assert_ne!(first.0, second.0);
    // The same run draws the same.
    assert_eq!(first, first_request_of(1));
}

/// A peer that starts over and comes with the same id or the same queue pair is told that its old connection is in the way (reason 10),
/// which is given up; then it is welcome.
#[test]
fn a_peer_that_started_over_is_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("stale.pcap");
    let config = World::new(3).capture(&path);
    config.play(|world| {
        let host = &world.hosts[1];
        reachable(nobody(0));
        let (open, at, desk) = (host.open_ndk(), host.at(PORT), Rc::new(Desk::default()));
        let (adapter, own) = (open.adapter(), Rc::clone(&desk));
        let listener = on(host.id, "listen", move || own.listen(adapter, at)).expect("a listener");
        let stranger = Stranger::new(host, nobody(0));
        let send = move |transaction, psn, qpn, id| {
            let mut req = stranger.req(PORT, id);
            req.starting_psn = cxndk::cm::mad::Psn::new(psn);
            req.local_qpn = cxndk::cm::mad::Qpn::new(qpn);
            stranger.send(&Mad::new(transaction, Message::Req(req)));
            sim::sleep(2 * MILLISECOND);
        };
        send(1, 100, 0x50, 7);
        // Started over: the same id, another queue pair and packet number.
        send(2, 200, 0x51, 7);
        // That one was told; now it comes again.
        send(3, 200, 0x51, 7);
        // Started over again: another id for the same queue pair.
        send(4, 300, 0x51, 8);
        send(5, 300, 0x51, 8);
        on(host.id, "close", move || {
            desk.stop();
            while let Some(connector) = desk.next() {
                connector.close_and_wait().expect("a close");
            }
            listener.close_and_wait().expect("a close");
        });
        sim::join(host.thread("close", move || open.close()));
    });
    // Each that was given up is rejected, and each that made it so; the last one by the close.
    let reasons = rejections(&path);
    let stale = reasons.iter().filter(|r| **r == RejectReason::STALE_CONNECTION);
    assert_eq!(stale.count(), 2, "{reasons:?}");
    assert_eq!(reasons.len(), 5, "{reasons:?}");
}
