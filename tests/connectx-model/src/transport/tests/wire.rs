//! Two nodes and what is between them.

use std::collections::BTreeMap;

use super::node::{Node, RC, connected};
use crate::{Attributes, State};
use roce_wire::{Opcode, Packet};

/// From one node to the other, in nanoseconds.
pub(super) const LATENCY: u64 = 600;

/// A small generator of reproducible numbers.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

/// What goes wrong, in chances per thousand frames.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) loss: u64,
    pub(super) duplication: u64,
    pub(super) reordering: u64,
    pub(super) corruption: u64,
}

/// What a test does with a frame on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
    Twice,
    /// Later than otherwise by this, in nanoseconds.
    Late(u64),
}

type Judge = Box<dyn FnMut(usize, &Packet<'_>) -> Verdict>;

/// A packet that was sent, as a test looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) at: u64,
    pub(super) from: usize,
    pub(super) opcode: Opcode,
    pub(super) psn: u32,
    pub(super) ack_request: bool,
    pub(super) solicited: bool,
    pub(super) aeth: Option<(u8, u32)>,
    pub(super) length: usize,
}

/// Two nodes and a wire.
pub(super) struct World {
    pub(super) nodes: [Node; 2],
    pub(super) now: u64,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) judge: Option<Judge>,
    pub(super) seen: Vec<Seen>,
    /// Time that a byte takes in the switch between the nodes, in nanoseconds: it is slower than their ports, and queues.
    pub(super) byte_ns: u64,
    /// When the switch has sent on what it has, in each direction.
    switched: [u64; 2],
    wire: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    sequence: u64,
}

/// Both ends of a connection in RTS.
pub(super) fn world() -> World {
    world_with(|_, _| {})
}

/// The same with changed attributes.
pub(super) fn world_with(change: impl Fn(usize, &mut Attributes)) -> World {
    let mut world = World {
        nodes: [Node::new(0), Node::new(1)],
        now: 0,
        dice: Dice(0x9e37_79b9_7f4a_7c15),
        faults: Faults::default(),
        judge: None,
        seen: Vec::new(),
        byte_ns: 0,
        switched: [0; 2],
        wire: BTreeMap::new(),
        sequence: 0,
    };
    for index in 0..2 {
        let mut attributes = connected(index);
        change(index, &mut attributes);
        world.nodes[index].raise(RC, State::ReadyToSend, &attributes);
    }
    world
}

impl World {
    /// Runs until nothing is left to do, or for a second.
    pub(super) fn run(&mut self) {
        self.run_for(1_000_000_000);
    }

    /// Runs until nothing is left to do, or for `time`.
    pub(super) fn run_for(&mut self, time: u64) {
        let end = self.now + time;
        loop {
            let mut next = None;
            for index in 0..2 {
                next = earlier(next, self.turn(index));
            }
            let arrival = self.wire.first_key_value().map(|(key, _)| key.0);
            let Some(at) = earlier(next, arrival).filter(|&at| at <= end) else {
                break;
            };
            self.now = at.max(self.now);
            self.deliver();
        }
    }

    fn turn(&mut self, index: usize) -> Option<u64> {
        let node = &mut self.nodes[index];
        let next = node.engine.run(&node.host, self.now);
        let frames = self.nodes[index].host.frames.take();
        for frame in frames {
            self.carry(index, frame);
        }
        next
    }

    fn carry(&mut self, from: usize, mut frame: Vec<u8>) {
        let packet = Packet::parse(&frame).expect("the engine sends good packets");
        self.seen.push(look(self.now, from, &packet));
        let verdict = self
            .judge
            .as_mut()
            .map_or(Verdict::Pass, |judge| judge(from, &packet));
        if verdict == Verdict::Drop || self.dice.happens(self.faults.loss) {
            return;
        }
        let start = self.switched[from].max(self.now);
        self.switched[from] = start + self.byte_ns * frame.len() as u64;
        let mut at = self.switched[from] + LATENCY;
        if let Verdict::Late(by) = verdict {
            at += by;
        }
        if verdict == Verdict::Twice || self.dice.happens(self.faults.duplication) {
            let later = at + 1 + self.dice.below(5_000);
            self.put(later, 1 - from, frame.clone());
        }
        if self.dice.happens(self.faults.reordering) {
            at += 1 + self.dice.below(5_000);
        }
        if self.dice.happens(self.faults.corruption) {
            let byte = 14 + self.dice.below(frame.len() as u64 - 14) as usize;
            frame[byte] ^= 1 << self.dice.below(8);
        }
        self.put(at, 1 - from, frame);
    }

    fn put(&mut self, at: u64, to: usize, frame: Vec<u8>) {
        self.sequence += 1;
        self.wire.insert((at, self.sequence), (to, frame));
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, frame) = entry.remove();
            self.give(to, &frame);
        }
    }

    /// A frame arrives at node `to` now.
    pub(super) fn give(&mut self, to: usize, frame: &[u8]) {
        let node = &mut self.nodes[to];
        node.engine.receive(&node.host, self.now, frame);
    }

    /// The packets that `from` sent so far.
    pub(super) fn sent_by(&self, from: usize) -> Vec<Seen> {
        self.seen
            .iter()
            .filter(|seen| seen.from == from)
            .copied()
            .collect()
    }

    /// Their operation codes.
    pub(super) fn opcodes(&self, from: usize) -> Vec<Opcode> {
        self.sent_by(from).iter().map(|seen| seen.opcode).collect()
    }

    /// Which of both nodes has failed.
    pub(super) fn failed(&self) -> [bool; 2] {
        [0, 1].map(|index| self.nodes[index].engine.state(RC) == Some(State::Error))
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn look(at: u64, from: usize, packet: &Packet<'_>) -> Seen {
    let headers = &packet.headers;
    Seen {
        at,
        from,
        opcode: headers.bth.opcode,
        psn: headers.bth.psn,
        ack_request: headers.bth.ack_request,
        solicited: headers.bth.solicited,
        aeth: headers.extended.aeth().map(|aeth| (aeth.syndrome, aeth.msn)),
        length: packet.payload.len(),
    }
}
