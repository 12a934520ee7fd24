//! All queue pairs of a device: who may send next, what arrives for whom, when something is due.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::counters::Counters;
use super::host::Host;
use super::pacer::Pacer;
use super::pair::{Arrival, Pair, Surroundings};
use super::route::is_for;
use crate::{Attributes, Qpn, State};
use roce_wire::headers::gid;
use roce_wire::{Headers, Opcode, Packet, PacketError};

/// Packets that a queue pair sends before it is the next one's turn.
const BURST: u32 = 8;
/// Length of an Ethernet header, and of a VLAN tag.
const ETHERNET: usize = 14;
const VLAN_TAG: usize = 4;

/// The engine.
pub struct Engine {
    pairs: BTreeMap<Qpn, Pair>,
    /// Queue pairs that may have something to send, in the order of their turns.
    active: VecDeque<Qpn>,
    /// When a look at which queue pair is due. It may be too early: timers that are put off keep their place.
    due: BinaryHeap<Reverse<(u64, Qpn)>>,
    port: Pacer,
    payload: Vec<u8>,
    counters: Counters,
}

impl Engine {
    /// An engine without queue pairs, on a port of that speed.
    pub fn new(bits_per_second: u64) -> Self {
        Self {
            pairs: BTreeMap::new(),
            active: VecDeque::new(),
            due: BinaryHeap::new(),
            port: Pacer::new(bits_per_second),
            payload: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Forgets all queue pairs; the counters stay.
    pub fn reset(&mut self) {
        self.pairs.clear();
        self.active.clear();
        self.due.clear();
    }

    /// What was counted so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The state that the engine has a queue pair in, which may be [`State::Error`] before anyone was told.
    pub fn state(&self, number: Qpn) -> Option<State> {
        self.pairs.get(&number).map(Pair::state)
    }

    /// PSNs of the next request to send and the next one expected, and the counter of the oldest incomplete send block.
    pub fn progress(&self, number: Qpn) -> Option<(u32, u32, u16)> {
        self.pairs.get(&number).map(Pair::progress)
    }

    /// The driver, or the device itself, moved a queue pair to `state`.
    pub fn transition(&mut self, host: &dyn Host, now: u64, change: (Qpn, State), attributes: &Attributes) {
        let (number, state) = change;
        if state == State::Reset {
            self.pairs.remove(&number);
            return;
        }
        self.pairs
            .entry(number)
            .or_insert_with(|| Pair::new(number, attributes.clone()));
        self.with(host, now, number, |pair, around| {
            pair.transition(around, state, attributes.clone());
        });
    }

    /// Forgets a queue pair.
    pub fn remove(&mut self, number: Qpn) {
        self.pairs.remove(&number);
    }

    /// The send doorbell of a queue pair was rung. [`Self::run`] does the work.
    pub fn doorbell(&mut self, host: &dyn Host, now: u64, number: Qpn) {
        self.counters.doorbells += 1;
        self.with(host, now, number, Pair::doorbell);
    }

    /// A frame arrived. [`Self::run`] sends the answers.
    pub fn receive(&mut self, host: &dyn Host, now: u64, frame: &[u8]) {
        let packet = match Packet::parse(frame) {
            Ok(packet) => packet,
            Err(PacketError::NotRoce) => return,
            Err(_) => {
                self.counters.bad_frames += 1;
                return;
            }
        };
        let headers = &packet.headers;
        let number = Qpn(headers.bth.dest_qpn);
        let expected = headers.bth.opcode.is_rc() || is_for_us(host, headers);
        if !expected || headers.bth.opcode == Opcode::Cnp || !self.pairs.contains_key(&number) {
            self.counters.filtered += 1;
            return;
        }
        let link = ETHERNET
            + if headers.ethernet.vlan.is_some() {
                VLAN_TAG
            } else {
                0
            };
        let ip_header = &frame[link..link + headers.network.header_len()];
        let arrival = Arrival {
            headers,
            ip_header,
            payload: packet.payload,
        };
        self.with(host, now, number, |pair, around| pair.receive(around, &arrival));
    }

    /// Does what is due and sends what the port takes. Returns when to call again, if nothing happens before; a call too
    /// early does no harm.
    pub fn run(&mut self, host: &dyn Host, now: u64) -> Option<u64> {
        self.expire(host, now);
        while self.port.open(now) {
            let Some(number) = self.active.pop_front() else {
                return self.deadline();
            };
            self.burst(host, now, number);
        }
        let reopens = self.port.reopens();
        Some(self.deadline().map_or(reopens, |at| at.min(reopens)))
    }

    /// Nothing is due before this.
    fn deadline(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// One turn of a queue pair.
    fn burst(&mut self, host: &dyn Host, now: u64, number: Qpn) {
        let Some(pair) = self.pairs.get_mut(&number) else {
            return;
        };
        pair.listed = false;
        let mut idle = 0;
        let mut sent = 0;
        while sent < BURST && idle < 2 && self.port.open(now) {
            let mut around = Surroundings {
                host,
                now,
                payload: &mut self.payload,
                counters: &mut self.counters,
            };
            let Some((route, packet)) = pair.next(&mut around) else {
                idle += 1;
                continue;
            };
            idle = 0;
            sent += 1;
            self.counters.packets_sent += 1;
            let frame = route.frame(&packet, &self.payload);
            self.counters.bytes_sent += self.payload.len() as u64;
            self.port.sent(now, frame.len());
            host.send(frame);
        }
        if idle < 2 {
            pair.listed = true;
            self.active.push_back(number);
        }
        self.note(number);
    }

    /// Lets those queue pairs handle what is due that have something due.
    fn expire(&mut self, host: &dyn Host, now: u64) {
        let mut late = Vec::new();
        while let Some(&Reverse((at, number))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            late.push((at, number));
        }
        for (at, number) in late {
            let Some(pair) = self.pairs.get_mut(&number) else {
                continue;
            };
            // Another entry, or one of a queue pair that had the number before.
            if pair.noted != Some(at) {
                continue;
            }
            pair.noted = None;
            self.with(host, now, number, Pair::expire);
        }
    }

    /// Lets a queue pair handle something; afterwards it may have something to send.
    fn with(
        &mut self,
        host: &dyn Host,
        now: u64,
        number: Qpn,
        handle: impl FnOnce(&mut Pair, &mut Surroundings<'_>),
    ) {
        let Some(pair) = self.pairs.get_mut(&number) else {
            return;
        };
        let mut around = Surroundings {
            host,
            now,
            payload: &mut self.payload,
            counters: &mut self.counters,
        };
        handle(pair, &mut around);
        if !pair.listed && pair.may_send() {
            pair.listed = true;
            self.active.push_back(number);
        }
        self.note(number);
    }

    /// Sees to it that a queue pair is looked at when it wants to be, or before.
    fn note(&mut self, number: Qpn) {
        let Some(pair) = self.pairs.get_mut(&number) else {
            return;
        };
        let Some(due) = pair.deadline() else { return };
        if pair.noted.is_none_or(|noted| due < noted) {
            pair.noted = Some(due);
            self.due.push(Reverse((due, number)));
        }
    }
}

/// A datagram was sent to an address of this port.
fn is_for_us(host: &dyn Host, headers: &Headers) -> bool {
    host.address_of(&gid(headers.network.destination()))
        .is_some_and(|own| is_for(&own, headers))
}
