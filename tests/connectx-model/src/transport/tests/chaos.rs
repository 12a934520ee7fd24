//! Whatever the wire does, every message arrives once, in order and whole: roce-wire.md 2.

use super::node::{ALL, RC, RECEIVE_CQ, RECEIVE_ENTRIES, SEND_CQ};
use super::post::{code, receive, work};
use super::wire::{Dice, Faults, World, world_with};

/// Runs of each kind.
const RUNS: u64 = 60;
/// Messages that each side sends in a run.
const MESSAGES: usize = 24;
/// Each message has its own place in the memories of both sides.
const SLOT: usize = 16 << 10;
const READS: usize = 1 << 20;
const WRITES: usize = 2 << 20;
const RECEIVES: usize = 3 << 20;

/// What a message is.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: u64,
    length: usize,
}

/// Posts message `index` of node `from`, with content that follows from both.
fn post(world: &mut World, from: usize, index: usize, message: Message) {
    let now = world.now;
    let seed = (index * 2 + from + 1) as u8;
    let at = index * SLOT;
    let node = &mut world.nodes[from];
    match message.kind {
        0 => {
            node.fill(at, message.length, seed);
            work(code::SEND)
                .data(at, message.length / 2)
                .data_if(at, message.length)
                .post(node, now)
        }
        1 => {
            node.fill(at, message.length, seed);
            work(code::WRITE)
                .remote(ALL, WRITES + at)
                .data(at, message.length)
                .post(node, now)
        }
        2 => {
            world.nodes[1 - from].fill(READS + at, message.length, seed);
            let node = &mut world.nodes[from];
            work(code::READ)
                .remote(ALL, READS + at)
                .data(at, message.length)
                .post(node, now)
        }
        _ => work(code::FETCH_ADD)
            .remote(ALL, WRITES - 64)
            .atomic(1, 0)
            .data(at, 8)
            .post(node, now),
    };
}

impl super::post::Work {
    /// The second half of a message, if it has one.
    fn data_if(self, at: usize, length: usize) -> Self {
        let half = length / 2;
        self.data(at + half, length - half)
    }
}

fn messages(dice: &mut Dice) -> Vec<Message> {
    let one = |dice: &mut Dice| {
        let kind = dice.below(4);
        let length = match dice.below(3) {
            0 => 2 + dice.below(100) as usize,
            1 => 1024 * (1 + dice.below(4) as usize),
            _ => 2 + dice.below(SLOT as u64 - 2) as usize,
        };
        Message {
            kind,
            length: if kind == 3 { 8 } else { length },
        }
    };
    (0..MESSAGES).map(|_| one(dice)).collect()
}

fn check(world: &World, from: usize, all: &[Message], seed: u64) {
    let node = &world.nodes[from];
    let peer = &world.nodes[1 - from];
    let completions = node.completions(SEND_CQ);
    assert_eq!(completions.len(), MESSAGES, "seed {seed}: all complete");
    assert!(
        completions.iter().all(|(_, syndrome)| syndrome.is_none()),
        "seed {seed}: {completions:?}"
    );
    let mut received = 0;
    let mut added = 0;
    for (index, message) in all.iter().enumerate() {
        let at = index * SLOT;
        let own = node.bytes(at, message.length);
        let other = match message.kind {
            0 => {
                received += 1;
                peer.bytes(RECEIVES + (received - 1) * SLOT, message.length)
            }
            1 => peer.bytes(WRITES + at, message.length),
            2 => peer.bytes(READS + at, message.length),
            _ => {
                added += 1;
                let mut original = own.clone();
                original.copy_from_slice(&(added - 1_u64).to_le_bytes());
                original
            }
        };
        assert_eq!(
            own, other,
            "seed {seed}: message {index} of node {from}, {message:?}"
        );
    }
    assert_eq!(peer.completions(RECEIVE_CQ).len(), received, "seed {seed}");
    assert_eq!(
        peer.bytes(WRITES - 64, 8),
        added.to_le_bytes(),
        "seed {seed}: atomics happen once"
    );
}

fn run(seed: u64, faults: Faults) {
    let mut world = world_with(|_, attributes| attributes.path.ack_timeout = 5);
    world.dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    world.faults = faults;
    let all = [messages(&mut world.dice), messages(&mut world.dice)];
    for index in 0..RECEIVE_ENTRIES as usize {
        for node in 0..2 {
            receive(&world.nodes[node], RC, &[(RECEIVES + index * SLOT, SLOT)]);
        }
    }
    let mut posted = [0, 0];
    while posted != [MESSAGES, MESSAGES] {
        for from in 0..2 {
            let room = posted[from] - world.nodes[from].completions(SEND_CQ).len() < 12;
            if posted[from] < MESSAGES && room {
                post(&mut world, from, posted[from], all[from][posted[from]]);
                posted[from] += 1;
            }
        }
        let pause = world.dice.below(3_000);
        world.run_for(pause);
        world.now += pause / 2 + 1;
    }
    world.run();
    check(&world, 0, &all[0], seed);
    check(&world, 1, &all[1], seed);
}

/// Runs of many seeds on a wire with these faults.
fn survives(faults: Faults) {
    for seed in 0..RUNS {
        run(seed, faults);
    }
}

/// The faults of one kind.
fn faults(change: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    change(&mut faults);
    faults
}

#[test]
fn messages_survive_a_good_wire() {
    survives(Faults::default());
}

/// Proves roce-wire 2.5, 2.7: gaps and timeouts.
#[test]
fn messages_survive_loss() {
    survives(faults(|faults| faults.loss = 30));
}

/// Proves roce-wire 2.6: duplicates.
#[test]
fn messages_survive_duplication() {
    survives(faults(|faults| faults.duplication = 100));
}

/// Proves roce-wire 2.4, 2.5: out of order is a gap.
#[test]
fn messages_survive_reordering() {
    survives(faults(|faults| faults.reordering = 20));
}

/// Proves roce-wire 1.7: what the ICRC finds is lost.
#[test]
fn messages_survive_corruption() {
    survives(faults(|faults| faults.corruption = 30));
}

/// Proves roce-wire 2: all of it at once.
#[test]
fn messages_survive_all_of_it() {
    survives(Faults {
        loss: 15,
        duplication: 15,
        reordering: 15,
        corruption: 15,
    });
}
