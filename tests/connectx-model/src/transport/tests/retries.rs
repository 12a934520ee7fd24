//! What goes wrong on the wire, and when the other side is not ready: roce-wire.md 2.4, 2.5, 2.7, 2.8.

use super::node::{ALL, RC, RECEIVE_CQ, SEND_CQ};
use super::post::{code, receive, work};
use super::wire::{Verdict, World, world, world_with};
use crate::{Counter, Syndrome};
use roce_wire::Opcode::{self, Acknowledge, ReadRequest, ReadResponseMiddle, SendOnly, WriteMiddle};

/// Drops packet number `which` with that opcode from that node.
fn drop_one(world: &mut World, from: usize, opcode: Opcode, which: usize) {
    let mut seen = 0;
    world.judge = Some(Box::new(move |sender, packet| {
        let hit = sender == from && packet.headers.bth.opcode == opcode;
        seen += usize::from(hit);
        if hit && seen == which {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    }));
}

/// Proves roce-wire 2.5, 2.7: one NAK for a gap, with the expected PSN, and everything from there again.
#[test]
fn a_gap_brings_one_nak_and_a_return_to_it() {
    let mut world = world();
    world.nodes[0].fill(0, 40 << 10, 5);
    drop_one(&mut world, 0, WriteMiddle, 10);
    work(code::WRITE)
        .remote(ALL, 0x20000)
        .data(0, 40 << 10)
        .post(&mut world.nodes[0], 0);
    world.run();
    let lost = 0x00ff_fffa;
    let naks: Vec<_> = world
        .sent_by(1)
        .into_iter()
        .filter(|seen| seen.aeth.is_some_and(|aeth| aeth.0 == 0x60))
        .collect();
    assert_eq!(naks.len(), 1);
    assert_eq!(naks[0].psn, lost);
    assert_eq!(world.sent_by(0).iter().filter(|seen| seen.psn == lost).count(), 2);
    assert_eq!(
        world.nodes[1].bytes(0x20000, 40 << 10),
        world.nodes[0].bytes(0, 40 << 10)
    );
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
    assert_eq!(world.nodes[0].count(Counter::PacketSeqErr), 1);
    assert_eq!(world.nodes[0].engine.counters().timeouts, 0);
}

/// Proves roce-wire 2.4: a gap in a read's responses is an implied NAK; the rest is read again from the first byte that
/// is missing, under the PSN that it had.
#[test]
fn a_lost_response_is_read_again_from_the_gap() {
    let mut world = world();
    world.nodes[1].fill(0x20000, 16 << 10, 5);
    drop_one(&mut world, 1, ReadResponseMiddle, 5);
    work(code::READ)
        .remote(ALL, 0x20000)
        .data(0, 16 << 10)
        .post(&mut world.nodes[0], 0);
    world.run();
    let requests = world.sent_by(0);
    assert_eq!(
        requests.iter().map(|seen| seen.opcode).collect::<Vec<_>>(),
        [ReadRequest; 2]
    );
    assert_eq!(requests[1].psn, (requests[0].psn + 5) % (1 << 24));
    assert_eq!(
        world.nodes[0].bytes(0, 16 << 10),
        world.nodes[1].bytes(0x20000, 16 << 10)
    );
    assert_eq!(world.nodes[0].engine.counters().implied_naks, 1);
    assert_eq!(world.nodes[0].engine.counters().timeouts, 0);
}

/// Proves roce-wire 2.4: an acknowledgement beyond a read that was not answered is an implied NAK of the read.
#[test]
fn an_acknowledgement_beyond_a_read_shows_that_its_response_is_lost() {
    let mut world = world();
    drop_one(&mut world, 1, Opcode::ReadResponseOnly, 1);
    work(code::READ)
        .remote(ALL, 0x20000)
        .data(0, 64)
        .post(&mut world.nodes[0], 0);
    work(code::WRITE)
        .remote(ALL, 0)
        .inline(b"x")
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.nodes[0].engine.counters().implied_naks, 1);
    assert_eq!(world.nodes[0].engine.counters().timeouts, 0);
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None), (1, None)]);
}

/// Proves roce-wire 2.7: a lost acknowledgement costs a timeout of 4.096 us * 2^t, and the duplicate is acknowledged.
#[test]
fn a_lost_acknowledgement_is_asked_for_again() {
    let mut world = world();
    drop_one(&mut world, 1, Acknowledge, 1);
    receive(&world.nodes[1], RC, &[(0, 64)]);
    work(code::SEND).inline(b"once").post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(0), [SendOnly; 2]);
    let [first, second] = [0, 1].map(|index| world.sent_by(0)[index].at);
    assert!(
        (4096 << 8..4096 << 10).contains(&(second - first)),
        "{first} {second}"
    );
    assert_eq!(world.nodes[0].count(Counter::LocalAckTimeoutErr), 1);
    assert_eq!(world.nodes[1].count(Counter::DuplicateRequest), 1);
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, None)]);
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
}

/// Proves roce-wire 2.7, 2.8: `retry_count` timeouts without progress, then the oldest request fails; those before it have
/// completed, those behind it and the receives are flushed in order.
#[test]
fn a_silent_peer_exhausts_the_retries() {
    for retry_count in [0, 3, 7] {
        let mut world = world_with(|_, attributes| attributes.retry_count = retry_count);
        for index in 0..3 {
            receive(&world.nodes[0], RC, &[(index * 64, 64)]);
        }
        work(code::WRITE)
            .silent()
            .remote(ALL, 0)
            .inline(b"good")
            .post(&mut world.nodes[0], 0);
        world.run();
        world.judge = Some(Box::new(|_, _| Verdict::Drop));
        let now = world.now;
        for _ in 0..3 {
            work(code::WRITE)
                .silent()
                .remote(ALL, 0)
                .inline(b"lost")
                .post(&mut world.nodes[0], now);
        }
        world.run();
        assert_eq!(world.failed(), [true, false]);
        let sends = world.nodes[0].completions(SEND_CQ);
        let flushed = Some(Syndrome::Flushed);
        assert_eq!(
            sends,
            [
                (1, Some(Syndrome::TransportRetryExceeded)),
                (2, flushed),
                (3, flushed)
            ]
        );
        assert_eq!(
            world.nodes[0].completions(RECEIVE_CQ),
            [(0, flushed), (1, flushed), (2, flushed)]
        );
        let kinds: Vec<_> = world.nodes[0]
            .host
            .completions
            .borrow()
            .iter()
            .map(|(queue, _)| *queue)
            .collect();
        assert_eq!(
            kinds,
            [SEND_CQ, SEND_CQ, SEND_CQ, RECEIVE_CQ, RECEIVE_CQ, RECEIVE_CQ]
        );
        assert_eq!(world.opcodes(0).len(), 1 + 3 * (usize::from(retry_count) + 1));
    }
}

/// Proves roce-wire 2.7: an ack timeout of 0 is no timeout.
#[test]
fn without_a_timeout_the_requester_waits_for_ever() {
    let mut world = world_with(|_, attributes| attributes.path.ack_timeout = 0);
    world.judge = Some(Box::new(|_, _| Verdict::Drop));
    work(code::WRITE)
        .remote(ALL, 0)
        .inline(b"lost")
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.failed(), [false, false]);
    assert_eq!(world.opcodes(0).len(), 1);
}

/// Proves roce-wire 2.4, 2.5: a SEND without a receive WQE is put off by the responder's timer and then goes through.
#[test]
fn a_missing_receive_puts_the_send_off() {
    let mut world = world_with(|_, attributes| attributes.min_rnr_nak = 12);
    work(code::SEND).data(0, 5000).post(&mut world.nodes[0], 0);
    world.run_for(100_000);
    let answers = world.sent_by(1);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].psn, answers[0].aeth), (0x00ff_fff0, Some((0x2c, 0))));
    assert_eq!(world.opcodes(0).len(), 5);
    receive(&world.nodes[1], RC, &[(0x4000, 5000)]);
    world.run();
    let again = world.sent_by(0)[5].at;
    assert!((640_000..645_000).contains(&again), "{again}");
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, None)]);
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
    assert_eq!(world.nodes[1].count(Counter::OutOfBuffer), 1);
}

/// Proves roce-wire 2.7, 2.8: `rnr_retry` counts, 0 makes the first RNR NAK fatal, 7 is without end.
#[test]
fn rnr_retries_are_counted() {
    for rnr_retry in [0, 1, 6] {
        let mut world = world_with(|_, attributes| attributes.rnr_retry = rnr_retry);
        work(code::SEND).inline(b"nobody").post(&mut world.nodes[0], 0);
        work(code::SEND).inline(b"listens").post(&mut world.nodes[0], 0);
        world.run();
        let sends = world.nodes[0].completions(SEND_CQ);
        assert_eq!(
            sends,
            [
                (0, Some(Syndrome::RnrRetryExceeded)),
                (1, Some(Syndrome::Flushed))
            ]
        );
        let naks = world.sent_by(1).len();
        assert_eq!(naks, usize::from(rnr_retry) + 1);
        assert_eq!(world.failed(), [true, false]);
    }
    let mut world = world();
    work(code::SEND).inline(b"patient").post(&mut world.nodes[0], 0);
    world.run_for(2_000_000);
    assert!(world.sent_by(1).len() > 100);
    assert_eq!(world.failed(), [false, false]);
}

/// Proves roce-wire 2.5, step 4: a write with immediate is put off at its last packet only.
#[test]
fn a_write_with_immediate_is_put_off_at_its_end() {
    let mut world = world();
    world.nodes[0].fill(0, 4096, 1);
    work(code::WRITE_IMMEDIATE)
        .immediate(5)
        .remote(ALL, 0x8000)
        .data(0, 4096)
        .post(&mut world.nodes[0], 0);
    world.run_for(5_000);
    assert_eq!(world.sent_by(1)[0].psn, 0x00ff_fff3);
    assert_eq!(world.nodes[1].bytes(0x8000, 3072), world.nodes[0].bytes(0, 3072));
    receive(&world.nodes[1], RC, &[]);
    world.run();
    assert_eq!(world.nodes[1].bytes(0x8000, 4096), world.nodes[0].bytes(0, 4096));
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, None)]);
    assert_eq!(world.opcodes(0).last(), Some(&Opcode::WriteLastImm));
}

/// Sixteen reads of a megabyte at once over a switch that takes ten times as long as the ports: what was sent in vain is still
/// on its way for longer than the acknowledgement timeout.
fn deep_reads(ack_timeout: u8) -> World {
    let mut world = world_with(|_, attributes| {
        (attributes.max_initiated, attributes.max_served) = (16, 16);
        attributes.path.ack_timeout = ack_timeout;
    });
    world.byte_ns = 1;
    world.nodes[1].fill(0x20000, 1 << 20, 5);
    for _ in 0..16 {
        work(code::READ)
            .remote(ALL, 0x20000)
            .data(0, 1 << 20)
            .post(&mut world.nodes[0], 0);
    }
    world
}

/// Proves roce-wire 2.4, 2.7: however much is on its way, a lost response costs one retry, and everything is read.
#[test]
fn one_lost_response_of_many_deep_reads_costs_one_retry() {
    for (opcode, which) in [
        (Opcode::ReadResponseFirst, 1),
        (ReadResponseMiddle, 9_000),
        (Opcode::ReadResponseLast, 16),
    ] {
        let mut world = deep_reads(8);
        drop_one(&mut world, 1, opcode, which);
        world.run();
        let done: Vec<_> = (0..16).map(|counter| (counter, None)).collect();
        assert_eq!(world.nodes[0].completions(SEND_CQ), done, "{opcode:?} {which}");
        let counters = world.nodes[0].engine.counters();
        assert_eq!(
            counters.implied_naks + counters.timeouts,
            1,
            "{opcode:?} {which}: {counters:?}"
        );
        assert_eq!(
            world.nodes[0].bytes(0, 1 << 20),
            world.nodes[1].bytes(0x20000, 1 << 20)
        );
    }
}

/// Proves roce-wire 2.7: the timer has gone back already when the NAK for the same gap arrives at last.
#[test]
fn a_nak_that_the_timer_has_overtaken_costs_nothing() {
    let mut world = world_with(|_, attributes| {
        (attributes.retry_count, attributes.path.ack_timeout) = (1, 1);
    });
    let mut lost = false;
    world.judge = Some(Box::new(move |_, packet| {
        let nak = packet
            .headers
            .extended
            .aeth()
            .is_some_and(|aeth| aeth.syndrome == 0x60);
        match packet.headers.bth.opcode {
            Opcode::WriteFirst if !std::mem::replace(&mut lost, true) => Verdict::Drop,
            Acknowledge if nak => Verdict::Late(7_500),
            _ => Verdict::Pass,
        }
    }));
    work(code::WRITE)
        .remote(ALL, 0x20000)
        .data(0, 40 << 10)
        .post(&mut world.nodes[0], 0);
    world.run();
    let counters = world.nodes[0].engine.counters();
    assert_eq!((counters.timeouts, counters.naks_received), (1, 1));
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
}
