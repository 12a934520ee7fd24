//! What goes well: every operation, its packets, its completions.

use super::node::{ALL, RC, RECEIVE_CQ, SEND_CQ};
use super::post::{code, receive, work};
use super::wire::{world, world_with};
use crate::{CqeKind, Received};
use roce_wire::Opcode::{
    Acknowledge, AtomicAcknowledge, FetchAdd, ReadRequest, ReadResponseFirst, ReadResponseLast,
    ReadResponseMiddle, SendFirst, SendLast, SendMiddle, SendOnly, SendOnlyInvalidate, WriteFirst, WriteLast,
    WriteLastImm, WriteMiddle, WriteOnly,
};

/// Proves roce-wire 1.8, 2.2, 2.3: lengths, opcodes and PSNs of the packets of a message, across the wrap of the PSN.
#[test]
fn a_long_write_is_cut_by_the_path_mtu() {
    let mut world = world();
    world.nodes[0].fill(0x1000, 20_000, 3);
    work(code::WRITE)
        .remote(ALL, 0x8000)
        .data(0x1000, 20_000)
        .post(&mut world.nodes[0], 0);
    world.run();
    let packets = world.sent_by(0);
    assert_eq!(packets.len(), 20);
    assert_eq!(
        (packets[0].opcode, packets[1].opcode, packets[19].opcode),
        (WriteFirst, WriteMiddle, WriteLast)
    );
    assert!(packets[..19].iter().all(|packet| packet.length == 1024));
    assert_eq!(packets[19].length, 20_000 - 19 * 1024);
    let psns: Vec<u32> = packets.iter().map(|packet| packet.psn).collect();
    assert_eq!(
        psns,
        (0..20)
            .map(|index| (0x00ff_fff0 + index) % (1 << 24))
            .collect::<Vec<u32>>()
    );
    assert_eq!(
        world.nodes[1].bytes(0x8000, 20_000),
        world.nodes[0].bytes(0x1000, 20_000)
    );
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
    assert_eq!(world.opcodes(1), [Acknowledge]);
    assert_eq!(world.sent_by(1)[0].aeth, Some((0x1f, 1)));
}

/// Proves connectx 11: a receive WQE's scatter list, its terminator, and the completion with the byte count.
#[test]
fn a_send_fills_the_buffers_of_a_receive_in_order() {
    let mut world = world();
    let counter = receive(
        &world.nodes[1],
        RC,
        &[(0x1000, 100), (0x9000, 1500), (0x5000, 4000)],
    );
    world.nodes[0].fill(0, 3000, 7);
    work(code::SEND)
        .solicited()
        .data(0, 1000)
        .data(1000, 2000)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0), [SendFirst, SendMiddle, SendLast]);
    assert_eq!(
        world
            .sent_by(0)
            .iter()
            .map(|seen| seen.solicited)
            .collect::<Vec<_>>(),
        [false, false, true]
    );
    let sent = world.nodes[0].bytes(0, 3000);
    let received: Vec<u8> = [(0x1000, 100), (0x9000, 1500), (0x5000, 1400)]
        .iter()
        .flat_map(|&(at, n)| world.nodes[1].bytes(at, n))
        .collect();
    assert_eq!(received, sent);
    let specs = world.nodes[1].specs(RECEIVE_CQ);
    assert_eq!(specs.len(), 1);
    assert_eq!((specs[0].wqe_counter, specs[0].solicited), (counter, true));
    let kind = CqeKind::Responder {
        received: Received::Send,
        byte_count: 3000,
        datagram: None,
    };
    assert_eq!(specs[0].kind, kind);
}

/// Proves roce-wire 2.3, 2.4: responses carry the request's PSNs, FIRST and LAST carry an AETH, and the next request of
/// the requester starts after them.
#[test]
fn a_read_takes_the_psns_of_its_response() {
    let mut world = world();
    world.nodes[1].fill(0x4000, 3328, 9);
    work(code::READ)
        .remote(ALL, 0x4000)
        .data(0x100, 3000)
        .data(0x8000, 328)
        .post(&mut world.nodes[0], 0);
    work(code::WRITE)
        .remote(ALL, 0)
        .inline(b"after")
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0), [ReadRequest, WriteOnly]);
    assert_eq!(world.sent_by(0)[1].psn, world.sent_by(0)[0].psn + 4);
    let opcodes = world.opcodes(1);
    assert_eq!(
        opcodes[..4],
        [
            ReadResponseFirst,
            ReadResponseMiddle,
            ReadResponseMiddle,
            ReadResponseLast
        ]
    );
    assert_eq!(opcodes[4..], [Acknowledge]);
    let answers = world.sent_by(1);
    assert_eq!(answers[1].aeth, None);
    assert_eq!(
        (answers[0].aeth, answers[3].aeth, answers[4].aeth),
        (Some((0x1f, 1)), Some((0x1f, 1)), Some((0x1f, 2)))
    );
    let read: Vec<u8> = [(0x100, 3000), (0x8000, 328)]
        .iter()
        .flat_map(|&(at, n)| world.nodes[0].bytes(at, n))
        .collect();
    assert_eq!(read, world.nodes[1].bytes(0x4000, 3328));
    let kind = CqeKind::Requester {
        wqe_opcode: 0x10,
        byte_count: 3328,
    };
    assert_eq!(world.nodes[0].specs(SEND_CQ)[0].kind, kind);
}

/// Proves roce-wire 1.8: messages without a byte take one packet, and key and address are not looked at.
#[test]
fn empty_reads_and_writes_need_no_key() {
    let mut world = world();
    work(code::WRITE)
        .remote(crate::Key(0xdead_0000), 1)
        .post(&mut world.nodes[0], 0);
    work(code::READ)
        .remote(crate::Key(0xdead_0000), 1)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None), (1, None)]);
}

/// Proves roce-wire 2.4, 2.5 and connectx 8: a write with immediate uses up a receive WQE at its last packet.
#[test]
fn a_write_with_immediate_completes_a_receive() {
    let mut world = world();
    receive(&world.nodes[1], RC, &[]);
    work(code::WRITE_IMMEDIATE)
        .immediate(0xcafe_f00d)
        .remote(ALL, 0x8000)
        .data(0, 2048)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0), [WriteFirst, WriteLastImm]);
    let received = Received::WriteImmediate(0xcafe_f00d);
    let kind = CqeKind::Responder {
        received,
        byte_count: 2048,
        datagram: None,
    };
    assert_eq!(world.nodes[1].specs(RECEIVE_CQ)[0].kind, kind);
}

/// Proves connectx 8: immediate data reach the completion bit for bit.
#[test]
fn a_send_carries_its_immediate_data() {
    let mut world = world();
    receive(&world.nodes[1], RC, &[(0, 2000)]);
    work(code::SEND_IMMEDIATE)
        .immediate(0x0102_0304)
        .data(0, 1500)
        .post(&mut world.nodes[0], 0);
    world.run();
    let received = Received::SendImmediate(0x0102_0304);
    let kind = CqeKind::Responder {
        received,
        byte_count: 1500,
        datagram: None,
    };
    assert_eq!(world.nodes[1].specs(RECEIVE_CQ)[0].kind, kind);
}

/// Proves roce-wire 2.9 and connectx 12: the key is free after the data came, and the completion names it.
#[test]
fn a_send_with_invalidate_frees_the_peers_key() {
    let mut world = world();
    let name = world.nodes[1].add_key(0x77, super::node::key(0, 4096, super::node::EVERYTHING));
    receive(&world.nodes[1], RC, &[(0x1000, 64)]);
    work(code::SEND_INVALIDATE)
        .immediate(name.0)
        .inline(b"done")
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0), [SendOnlyInvalidate]);
    let received = Received::SendInvalidate(name.0);
    let kind = CqeKind::Responder {
        received,
        byte_count: 4,
        datagram: None,
    };
    assert_eq!(world.nodes[1].specs(RECEIVE_CQ)[0].kind, kind);
    assert!(
        world.nodes[1]
            .host
            .keys
            .get(name.index())
            .is_some_and(|mkey| mkey.borrow().free)
    );
}

/// Proves roce-wire 2.3: an atomic takes one PSN and its answer carries the original value.
#[test]
fn atomics_return_what_they_found() {
    let mut world = world();
    world.nodes[1].host.bytes.borrow_mut()[0x100..0x108].copy_from_slice(&40_u64.to_le_bytes());
    work(code::FETCH_ADD)
        .remote(ALL, 0x100)
        .atomic(2, 0)
        .data(0, 8)
        .post(&mut world.nodes[0], 0);
    work(code::COMPARE_SWAP)
        .remote(ALL, 0x100)
        .atomic(77, 42)
        .data(8, 8)
        .post(&mut world.nodes[0], 0);
    work(code::COMPARE_SWAP)
        .remote(ALL, 0x100)
        .atomic(99, 42)
        .data(16, 8)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0)[0], FetchAdd);
    assert_eq!(world.opcodes(1), [AtomicAcknowledge; 3]);
    let found: Vec<u8> = [40_u64, 42, 77]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(world.nodes[0].bytes(0, 24), found);
    assert_eq!(world.nodes[1].bytes(0x100, 8), 77_u64.to_le_bytes());
}

/// Proves connectx 10: completions only where asked for; one retires all before it.
#[test]
fn silent_work_completes_without_a_word() {
    let mut world = world();
    for _ in 0..5 {
        work(code::WRITE)
            .silent()
            .remote(ALL, 0)
            .inline(b"x")
            .post(&mut world.nodes[0], 0);
    }
    let last = work(code::NOP).post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(last, None)]);
    assert_eq!(world.nodes[0].engine.counters().send_wqes, 6);
}

/// Proves connectx 10: completion mode 3 raises an event even on a queue armed for solicited completions.
#[test]
fn urgent_work_has_a_solicited_completion() {
    let mut world = world();
    work(code::NOP).post(&mut world.nodes[0], 0);
    work(code::NOP).urgent().post(&mut world.nodes[0], 0);
    world.run();
    let solicited: Vec<bool> = world.nodes[0]
        .specs(SEND_CQ)
        .iter()
        .map(|spec| spec.solicited)
        .collect();
    assert_eq!(solicited, [false, true]);
}

/// Proves connectx 9: a WQE may run around the end of the ring, and counters around 16 bits.
#[test]
fn the_ring_wraps_within_a_wqe() {
    let mut world = world();
    for round in 0..2_000_u32 {
        let bytes = [round as u8; 150];
        work(code::WRITE)
            .remote(ALL, 0x2000)
            .inline(&bytes)
            .post(&mut world.nodes[0], 0);
        world.run();
        assert_eq!(world.nodes[1].bytes(0x2000, 150), bytes);
    }
    let counters = world.nodes[0].completions(SEND_CQ);
    assert_eq!(counters.len(), 2_000);
    assert!(
        counters
            .iter()
            .enumerate()
            .all(|(index, &(counter, _))| counter == (index * 3) as u16)
    );
}

/// Proves roce-wire 2.6: no more reads are outstanding than the initiator depth, and what is behind them waits.
#[test]
fn reads_wait_for_the_initiator_depth() {
    let mut world = world_with(|_, attributes| attributes.max_initiated = 2);
    for index in 0..6 {
        work(code::READ)
            .remote(ALL, 0x4000)
            .data(index * 4096, 4096)
            .post(&mut world.nodes[0], 0);
    }
    world.run_for(150 + super::wire::LATENCY);
    assert_eq!(world.opcodes(0), [ReadRequest; 2]);
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ).len(), 6);
    assert_eq!(world.opcodes(0).len(), 6);
}

/// Proves connectx 10: fence 2 waits for earlier reads, fence 3 for everything earlier.
#[test]
fn fences_hold_back_what_follows() {
    for (mode, first, waits) in [
        (0, code::READ, false),
        (2, code::READ, true),
        (2, code::WRITE, false),
        (3, code::WRITE, true),
        (4, code::READ, true),
    ] {
        let mut world = world();
        work(first)
            .remote(ALL, 0x4000)
            .data(0, 64)
            .post(&mut world.nodes[0], 0);
        work(code::WRITE)
            .fenced(mode)
            .remote(ALL, 0)
            .inline(b"x")
            .post(&mut world.nodes[0], 0);
        world.run_for(super::wire::LATENCY / 2);
        assert_eq!(world.opcodes(0).len(), if waits { 1 } else { 2 }, "fence {mode}");
        world.run();
        assert_eq!(world.opcodes(0).len(), 2);
        assert_eq!(world.nodes[0].completions(SEND_CQ).len(), 2);
    }
}

/// Proves connectx 12: a key update is executed in its turn, and its completion keeps the order of the queue.
#[test]
fn key_updates_take_their_turn() {
    let mut world = world();
    let mut mkey = super::node::key(0, 4096, super::node::EVERYTHING);
    mkey.free = true;
    let name = world.nodes[0].add_key(0x99, mkey);
    work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 100)
        .post(&mut world.nodes[0], 0);
    work(code::UMR)
        .immediate(name.0)
        .free(false)
        .post(&mut world.nodes[0], 0);
    work(code::WRITE)
        .remote(ALL, 0)
        .data_with(name, 0, 64)
        .post(&mut world.nodes[0], 0);
    work(code::UMR)
        .fenced(3)
        .immediate(name.0)
        .free(true)
        .post(&mut world.nodes[0], 0);
    world.run();
    let order: Vec<u16> = world.nodes[0]
        .completions(SEND_CQ)
        .iter()
        .map(|&(counter, _)| counter)
        .collect();
    assert_eq!(order, [0, 1, 3, 4]);
    assert!(
        world.nodes[0]
            .completions(SEND_CQ)
            .iter()
            .all(|(_, syndrome)| syndrome.is_none())
    );
    assert!(
        world.nodes[0]
            .host
            .keys
            .get(name.index())
            .is_some_and(|mkey| mkey.borrow().free)
    );
}

/// Proves roce-wire 2.4: acknowledgements may be coalesced, and every window moves on.
#[test]
fn a_long_stream_is_acknowledged_now_and_then() {
    let mut world = world();
    for _ in 0..8 {
        work(code::WRITE)
            .remote(ALL, 0)
            .data(0, 256 << 10)
            .post(&mut world.nodes[0], 0);
    }
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ).len(), 8);
    assert_eq!(world.nodes[0].engine.counters().retransmitted, 0);
    let acks = world.sent_by(1).len();
    assert!((8..=2048 / 32 + 8).contains(&acks), "{acks}");
    assert_eq!(world.opcodes(0)[0], WriteFirst);
    assert!(!world.opcodes(0).contains(&SendOnly));
}
