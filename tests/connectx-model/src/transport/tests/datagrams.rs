//! Unreliable datagrams and the management queue pair: roce-wire.md 3; connectx.md 10, 13.

use cxndk::hw::layout::HwWqeAvSeg;

use super::node::{Node, RECEIVE_CQ, SEND_CQ, address, connected};
use super::post::{code, receive, work};
use super::wire::{World, world};
use crate::{Attributes, CqeKind, Datagram, Qpn, Received, Service, State, Syndrome};

const MANAGEMENT: Qpn = Qpn(1);
const QKEY: u32 = 0x8001_0000;

fn attributes(index: usize) -> Attributes {
    Attributes {
        service: Service::Management,
        mtu: 256,
        max_message: 256,
        q_key: QKEY,
        next_send_psn: 0,
        ..connected(index)
    }
}

fn management() -> World {
    let mut world = world();
    for index in 0..2 {
        world.nodes[index].raise(MANAGEMENT, State::ReadyToSend, &attributes(index));
    }
    world
}

fn vector(to: usize, qkey: u32) -> HwWqeAvSeg {
    let peer = address(to);
    let mut vector = HwWqeAvSeg::new();
    vector
        .set_qkey(qkey)
        .set_extended(1)
        .set_dqpn(1)
        .set_rlid_or_udp_sport(0xd000)
        .set_hop_limit(64)
        .set_tclass(2);
    let mac = peer.mac.iter().fold(0, |mac, byte| mac << 8 | u64::from(*byte));
    vector
        .set_rmac_47_16((mac >> 16) as u32)
        .set_rmac_15_0(mac as u32);
    vector.set_grh(1).set_src_addr_index(0).set_rgid_or_rip(&peer.gid);
    vector
}

/// Proves roce-wire 3 and connectx 13: a management datagram lands behind 40 bytes with the IPv4 header in the last 20,
/// and the completion names sender and network.
#[test]
fn a_mad_arrives_behind_the_header_that_names_its_sender() {
    let mut world = management();
    receive(&world.nodes[1], MANAGEMENT, &[(0x1000, 40 + 256)]);
    world.nodes[0].fill(0, 256, 9);
    work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 256)
        .post_on(&mut world.nodes[0], MANAGEMENT, 0);
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
    let header = world.nodes[1].bytes(0x1000, 40);
    assert_eq!(header[..20], [0; 20]);
    assert_eq!(
        (header[20], &header[32..36], &header[36..40]),
        (0x45, &[10, 9, 0, 1][..], &[10, 9, 0, 2][..])
    );
    assert_eq!(
        world.nodes[1].bytes(0x1000 + 40, 256),
        world.nodes[0].bytes(0, 256)
    );
    let datagram = Some(Datagram {
        source_qpn: MANAGEMENT,
        l3_type: 2,
        pkey: 0xffff,
    });
    let kind = CqeKind::Responder {
        received: Received::Send,
        byte_count: 296,
        datagram,
    };
    assert_eq!(world.nodes[1].specs(RECEIVE_CQ)[0].kind, kind);
    assert_eq!(world.sent_by(1), [], "datagrams are not acknowledged");
}

/// Proves roce-wire 3: a wrong Q_Key, no receive, or too small a one: dropped without a word.
#[test]
fn a_datagram_that_does_not_fit_is_dropped() {
    let mut world = management();
    work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 256)
        .post_on(&mut world.nodes[0], MANAGEMENT, 0);
    world.run();
    receive(&world.nodes[1], MANAGEMENT, &[(0x1000, 40 + 255)]);
    let now = world.now;
    work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 256)
        .post_on(&mut world.nodes[0], MANAGEMENT, now);
    work(code::SEND)
        .vector(&vector(1, 0x1234))
        .data(0, 100)
        .post_on(&mut world.nodes[0], MANAGEMENT, now);
    world.run();
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), []);
    let counters = world.nodes[1].engine.counters();
    assert_eq!((counters.datagrams_dropped, counters.filtered), (2, 1));
}

/// Proves connectx 9: an error of a datagram's send queue stops the send queue only, until the driver restarts it.
#[test]
fn a_bad_datagram_stops_the_send_queue_alone() {
    let mut world = management();
    let node: &mut Node = &mut world.nodes[0];
    receive(node, MANAGEMENT, &[(0, 296)]);
    let bad = work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 257)
        .post_on(node, MANAGEMENT, 0);
    let late = work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 16)
        .post_on(node, MANAGEMENT, 0);
    world.run();
    let node = &mut world.nodes[0];
    let expected = [
        (bad, Some(Syndrome::LocalLength)),
        (late, Some(Syndrome::Flushed)),
    ];
    assert_eq!(node.completions(SEND_CQ), expected);
    assert_eq!(node.completions(RECEIVE_CQ), []);
    assert_eq!(node.engine.state(MANAGEMENT), Some(State::SendQueueError));
    node.engine.transition(
        &node.host,
        world.now,
        (MANAGEMENT, State::ReadyToSend),
        &attributes(0),
    );
    let again = work(code::SEND)
        .vector(&vector(1, QKEY))
        .data(0, 16)
        .post_on(node, MANAGEMENT, world.now);
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ).last(), Some(&(again, None)));
}
