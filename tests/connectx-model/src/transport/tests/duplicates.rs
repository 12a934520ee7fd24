//! Requests that arrive twice: roce-wire.md 2.6.

use super::node::{ALL, RC, RECEIVE_CQ, SEND_CQ};
use super::post::{code, receive, work};
use super::wire::{Verdict, World, world};
use roce_wire::Opcode;

fn twice(world: &mut World, opcode: Opcode) {
    world.judge = Some(Box::new(move |_, packet| {
        if packet.headers.bth.opcode == opcode {
            Verdict::Twice
        } else {
            Verdict::Pass
        }
    }));
}

/// Proves roce-wire 2.6: a SEND that arrives again is acknowledged again, with the current MSN, and not executed.
#[test]
fn a_repeated_send_is_acknowledged_again() {
    let mut world = world();
    twice(&mut world, Opcode::SendOnly);
    receive(&world.nodes[1], RC, &[(0, 64)]);
    receive(&world.nodes[1], RC, &[(64, 64)]);
    work(code::SEND).inline(b"once").post(&mut world.nodes[0], 0);
    world.run();
    let answers = world.sent_by(1);
    assert_eq!(answers.len(), 2);
    assert!(
        answers
            .iter()
            .all(|seen| seen.psn == 0x00ff_fff0 && seen.aeth == Some((0x1f, 1)))
    );
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, None)]);
}

/// Proves roce-wire 2.6: a READ that arrives again is executed again from memory, under its own PSNs.
#[test]
fn a_repeated_read_is_executed_again() {
    let mut world = world();
    twice(&mut world, Opcode::ReadRequest);
    work(code::READ)
        .remote(ALL, 0x1000)
        .data(0, 2048)
        .post(&mut world.nodes[0], 0);
    world.run();
    let psns: Vec<u32> = world.sent_by(1).iter().map(|seen| seen.psn).collect();
    assert_eq!(psns, [0x00ff_fff0, 0x00ff_fff1, 0x00ff_fff0, 0x00ff_fff1]);
    assert_eq!(world.nodes[0].completions(SEND_CQ), [(0, None)]);
    assert_eq!(world.failed(), [false, false]);
}

/// Proves roce-wire 2.6: an atomic that arrives again is not executed again; its result is sent again.
#[test]
fn a_repeated_atomic_is_answered_from_memory() {
    let mut world = world();
    twice(&mut world, Opcode::FetchAdd);
    work(code::FETCH_ADD)
        .remote(ALL, 0x1000)
        .atomic(5, 0)
        .data(0, 8)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.opcodes(1), [Opcode::AtomicAcknowledge; 2]);
    assert_eq!(world.nodes[1].bytes(0x1000, 8), 5_u64.to_le_bytes());
}

/// Proves roce-wire 2.6: a READ older than the remembered ones is dropped silently.
#[test]
fn a_read_that_was_forgotten_is_not_answered() {
    let mut world = world();
    let mut old = None;
    world.judge = Some(Box::new(move |_, packet| {
        let hit = packet.headers.bth.opcode == Opcode::ReadRequest && old.is_none();
        if hit {
            old = Some(());
            return Verdict::Twice;
        }
        Verdict::Pass
    }));
    for _ in 0..12 {
        work(code::READ)
            .remote(ALL, 0x1000)
            .data(0, 8)
            .post(&mut world.nodes[0], 0);
        world.run_for(2_000);
    }
    world.run();
    assert_eq!(world.nodes[0].completions(SEND_CQ).len(), 12);
    let answers = world.sent_by(1).len();
    assert!((12..=13).contains(&answers), "{answers}");
}
