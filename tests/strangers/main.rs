//! Nodes that nobody knows, that do not answer, or that ask for too much: they cost themselves something, and nobody else.

mod addresses;
mod restarts;
mod stranger;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;

use cxndk::cm::mad::{MAD_SIZE, Mad, Message, RejectReason};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{Connector, Status};
use cxndk_testbed::consumers::node::{LIMITS, on};
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::sim::{self, MILLISECOND, SECOND};
use cxndk_testbed::wire::{Opcode, Packet};
use cxndk_testbed::world::{Host, World};
use cxndk_testbed::{netio, nt};
use pcap_file::pcap::PcapReader;
use stranger::Stranger;

/// Where somebody listens, and where nobody does.
const PORT: u16 = 445;
const DEAF: u16 = 446;

/// An address of the link that nobody has.
fn nobody(number: u32) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, 100 + number as u8).into()
}

/// Connects from A to `PORT` of B, where somebody accepts, while B hears from strangers; returns how long that took.
fn connect_among_strangers(world: &World, strangers: impl FnOnce(&Host)) -> u64 {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let (opens, at) = ([a.open_ndk(), b.open_ndk()], (a.at(0), b.at(PORT)));
    let desk = Rc::new(Desk::default());
    let adapter = opens[1].adapter();
    let server = {
        let desk = Rc::clone(&desk);
        b.thread("server", move || {
            let listener = desk.listen(adapter, at.1).expect("a listener");
            let connector = desk.next().expect("a connect event");
            let queues = Endpoint::new(adapter, LIMITS).expect("queues");
            let accepted = connector.accept(queues.qp, LIMITS.reads, &[], None, std::ptr::null_mut());
            accepted.wait().expect("an accept");
            connector.close_and_wait().expect("a close");
            queues.close_queue_pair().expect("a close");
            queues.close_rest().expect("a close");
            listener.close_and_wait().expect("a close");
        })
    };
    desk.listening.wait("a listener");
    strangers(b);
    sim::sleep(MILLISECOND);
    let adapter = opens[0].adapter();
    let took = on(a.id, "client", move || {
        let queues = Endpoint::new(adapter, LIMITS).expect("queues");
        let connector = adapter.create_connector().expect("a connector");
        let began = sim::now();
        let connect = connector.connect(queues.qp, at.0, at.1, LIMITS.reads, &[]);
        connect.wait().expect("a connection");
        let complete = connector.complete_connect(None, std::ptr::null_mut());
        complete.wait().expect("a connection");
        let took = sim::now() - began;
        connector.close_and_wait().expect("a close");
        queues.close_queue_pair().expect("a close");
        queues.close_rest().expect("a close");
        took
    });
    sim::join(server);
    for (open, host) in opens.into_iter().zip(&world.hosts) {
        sim::join(host.thread("close", move || open.close()));
    }
    took
}

/// A peer that cannot be resolved costs only itself, and the stop of the adapter is not held up. Proves CONN-01.
#[test]
fn strangers_that_cannot_be_resolved_delay_nobody() {
    for count in [0, 1, 2, 4, 64] {
        World::new(u64::from(count)).play(move |world| {
            let took = connect_among_strangers(world, |host| {
                for number in 0..count {
                    let stranger = Stranger::new(host, nobody(number));
                    stranger.release(number + 1);
                    stranger.request(DEAF, number + 1);
                }
            });
            assert!(took < SECOND, "{count} strangers: {took} ns");
            let host = &world.hosts[1];
            for number in 0..count {
                Stranger::new(host, nobody(number)).request(DEAF, 1000 + number);
            }
            let began = sim::now();
            host.adapter.stop();
            let took = sim::now() - began;
            assert!(took < 10 * SECOND, "{count} strangers: stopped after {took} ns");
        });
    }
}

/// Strangers that want what a listener has are asked for, each for himself.
#[test]
fn strangers_that_want_a_listener_delay_nobody_for_long() {
    World::new(1).play(|world| {
        let took = connect_among_strangers(world, |host| {
            for number in 0..4 {
                Stranger::new(host, nobody(number)).request(PORT, number + 1);
            }
        });
        assert!(took < SECOND, "{took} ns");
    });
}

/// Copies of a request wait once.
#[test]
fn a_stranger_that_repeats_itself_delays_nobody() {
    World::new(2).play(|world| {
        let took = connect_among_strangers(world, |host| {
            let stranger = Stranger::new(host, nobody(1));
            for _ in 0..20 {
                stranger.request(DEAF, 1);
                sim::sleep(1_140 * MILLISECOND);
            }
        });
        assert!(took < SECOND, "{took} ns");
    });
}

/// The rejections in a capture, in their order: their reasons.
fn rejections(path: &Path) -> Vec<RejectReason> {
    let file = std::fs::File::open(path).expect("a capture");
    let mut reader = PcapReader::new(file).expect("a pcap file");
    let mut reasons = Vec::new();
    while let Some(frame) = reader.next_packet() {
        let frame = frame.expect("a whole record").data;
        let packet = Packet::parse(&frame).expect("a packet with a good ICRC");
        if packet.headers.bth.opcode != Opcode::UdSendOnly {
            continue;
        }
        let mad: &[u8; MAD_SIZE] = packet.payload.try_into().expect("a datagram");
        if let Message::Rej(rej) = Mad::parse(mad).expect("a CM message").message {
            reasons.push(rej.reason);
        }
    }
    reasons
}

/// Gives the link a station that can be resolved at `address`.
fn reachable(address: IpAddr) {
    let host = nt::add_host("stranger", 1);
    let interface = netio::add_interface(host, stranger::MAC, 0);
    netio::add_address(interface, address, 24);
}

/// Requests that nobody decides fill the listener's backlog, no more; the rest is refused with reason 3, and in the end they are let
/// go too. Proves CONN-04: the backlog limit refuses.
#[test]
fn requests_that_nobody_decides_are_bounded() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("flood.pcap");
    let config = World::new(3).capture(&path);
    config.play(|world| {
        let host = &world.hosts[1];
        let (open, at) = (host.open_ndk(), host.at(PORT));
        reachable(nobody(0));
        let (adapter, desk) = (open.adapter(), Rc::new(Desk::default()));
        let own = Rc::clone(&desk);
        let listener = on(host.id, "listen", move || own.listen(adapter, at)).expect("a listener");
        let stranger = Stranger::new(host, nobody(0));
        for id in 1..=3000 {
            stranger.request(PORT, id);
            sim::sleep(MILLISECOND / 2);
        }
        let waiting = Rc::new(Cell::new(0));
        let seen = Rc::clone(&waiting);
        desk.stop();
        // Ten minutes later there is nothing to decide any more.
        sim::sleep(700 * SECOND);
        let again = Rc::clone(&desk);
        on(host.id, "close", move || {
            let queues = Endpoint::new(adapter, LIMITS).expect("queues");
            let connectors: Vec<Connector> = std::iter::from_fn(|| again.next()).collect();
            seen.set(connectors.len());
            let late = connectors[0].accept(queues.qp, LIMITS.reads, &[], None, std::ptr::null_mut());
            assert_eq!(late.wait(), Err(Status::CONNECTION_ABORTED));
            for connector in connectors {
                connector.close_and_wait().expect("a close");
            }
            queues.close_queue_pair().expect("a close");
            queues.close_rest().expect("a close");
        });
        assert_eq!(waiting.get(), 256);
        // There are places again.
        stranger.request(PORT, 4000);
        sim::sleep(MILLISECOND);
        on(host.id, "close", move || {
            let connector = desk.next().expect("a connect event");
            connector.close_and_wait().expect("a close");
            listener.close_and_wait().expect("a close");
        });
        sim::join(host.thread("close", move || open.close()));
    });
    let mut count = [0; 2];
    for reason in rejections(&path) {
        match reason {
            RejectReason::NO_RESOURCES => count[0] += 1,
            RejectReason::CONSUMER => count[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    // What came last was refused by the close.
    assert_eq!(count, [3000 - 256, 256 + 1]);
}
