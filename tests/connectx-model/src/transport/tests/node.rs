//! One end: an engine, and a host that is no more than memory, keys, rings and lists of what the engine reported.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use cxndk::hw::layout::{HwWqeMkeySeg, Mkc};

use crate::transport::engine::Engine;
use crate::transport::host::{Fault, Host, KeyUpdate, Place};
use crate::{
    ANY_QP, Accessor, Attributes, Counter, CqeKind, CqeSpec, Cqn, GidEntry, Key, Mkey, MkeyIndex, MkeyTable,
    Path, Pdn, QpEvent, Qpn, Right, Rights, Service, State, Syndrome, Translation, Uarn,
};

/// Bytes of memory of a node.
pub(super) const MEMORY: usize = 4 << 20;
/// Blocks in a send ring, entries in a receive ring.
pub(super) const SEND_BLOCKS: u32 = 64;
pub(super) const RECEIVE_ENTRIES: u32 = 32;
/// The protection domain of everything.
pub(super) const PD: Pdn = Pdn(7);
/// A key for all memory with all rights.
pub(super) const ALL: Key = Key(0x1042);
pub(super) const SEND_CQ: Cqn = Cqn(0x80);
pub(super) const RECEIVE_CQ: Cqn = Cqn(0x81);
/// Number of the connected queue pair on both nodes.
pub(super) const RC: Qpn = Qpn(0x123);

/// The rings of a queue pair.
pub(super) struct Rings {
    pub(super) send: Vec<[u8; 64]>,
    pub(super) posted_sends: u16,
    pub(super) receive: Vec<Vec<u8>>,
    pub(super) posted_receives: u16,
}

impl Rings {
    fn new() -> Self {
        Self {
            send: vec![[0xee; 64]; SEND_BLOCKS as usize],
            posted_sends: 0,
            receive: vec![vec![0xee; 64]; RECEIVE_ENTRIES as usize],
            posted_receives: 0,
        }
    }
}

/// What the engine sees.
pub(super) struct Memory {
    pub(super) bytes: RefCell<Vec<u8>>,
    pub(super) keys: MkeyTable,
    pub(super) rings: RefCell<BTreeMap<Qpn, Rings>>,
    pub(super) completions: RefCell<Vec<(Cqn, CqeSpec)>>,
    pub(super) events: RefCell<Vec<QpEvent>>,
    pub(super) mistakes: RefCell<Vec<String>>,
    pub(super) failed: Cell<u32>,
    pub(super) counts: RefCell<BTreeMap<Counter, u32>>,
    pub(super) own: GidEntry,
    pub(super) frames: RefCell<VecDeque<Vec<u8>>>,
    /// The completion queue overruns at this many completions.
    pub(super) room: Cell<usize>,
}

/// A node.
pub(super) struct Node {
    pub(super) host: Memory,
    pub(super) engine: Engine,
}

/// The own address of node `index`.
pub(super) fn address(index: usize) -> GidEntry {
    let last = 1 + index as u8;
    let mut gid = [0; 16];
    gid[10..].copy_from_slice(&[0xff, 0xff, 10, 9, 0, last]);
    GidEntry {
        gid,
        mac: [2, 0, 0, 0, 0, last],
        vlan: None,
        ipv4: true,
        version_2: true,
    }
}

/// Attributes of the connected queue pair of node `index`; PSNs are close to the end of their space.
pub(super) fn connected(index: usize) -> Attributes {
    let peer = address(1 - index);
    Attributes {
        service: Service::ReliableConnection,
        pd: PD,
        uar: Uarn(4),
        send_cq: SEND_CQ,
        receive_cq: RECEIVE_CQ,
        doorbell_record: 0,
        receive_entries: RECEIVE_ENTRIES,
        receive_stride: 64,
        send_blocks: SEND_BLOCKS,
        reserved_lkey: true,
        fast_register: true,
        user_index: 0x00ff_ffff,
        counter_set: 0,
        mtu: 1024,
        max_message: 1 << 30,
        remote_qpn: RC,
        next_receive_psn: [0x00ff_fff0, 0x00ff_fff8][1 - index],
        next_send_psn: [0x00ff_fff0, 0x00ff_fff8][index],
        max_initiated: 4,
        max_served: 4,
        remote_read: true,
        remote_write: true,
        remote_atomic: true,
        min_rnr_nak: 1,
        retry_count: 7,
        rnr_retry: 7,
        path: Path {
            gid_index: 0,
            hop_limit: 64,
            flow_label: 0,
            remote_gid: peer.gid,
            dscp: 26,
            udp_source_port: 0xc123,
            priority: 0,
            remote_mac: peer.mac,
            pkey_index: 0,
            ack_timeout: 8,
        },
        q_key: 0,
    }
}

/// A key over `[start, start + length)` of memory.
pub(super) fn key(start: u64, length: u64, rights: Rights) -> Mkey {
    Mkey {
        variant: 0x42,
        free: false,
        umr_enabled: true,
        remote_invalidate: true,
        pd: PD,
        qpn: ANY_QP,
        rights,
        start,
        length: Some(length),
        log_page_size: 12,
        octwords: 0,
        check_pages: false,
        translation: Translation::Physical,
        context: Mkc::new(),
    }
}

pub(super) const EVERYTHING: Rights = Rights {
    local_read: true,
    local_write: true,
    remote_read: true,
    remote_write: true,
    atomic: true,
};

impl Node {
    pub(super) fn new(index: usize) -> Self {
        let keys = MkeyTable::default();
        keys.insert(ALL.index(), key(0, MEMORY as u64, EVERYTHING));
        let host = Memory {
            bytes: RefCell::new(vec![0; MEMORY]),
            keys,
            rings: RefCell::default(),
            completions: RefCell::default(),
            events: RefCell::default(),
            mistakes: RefCell::default(),
            failed: Cell::new(0),
            counts: RefCell::default(),
            own: address(index),
            frames: RefCell::default(),
            room: Cell::new(usize::MAX),
        };
        Self {
            host,
            engine: Engine::new(100_000_000_000),
        }
    }

    /// Takes a queue pair to `state` through all states before.
    pub(super) fn raise(&mut self, number: Qpn, state: State, attributes: &Attributes) {
        self.host.rings.borrow_mut().insert(number, Rings::new());
        for step in [State::Init, State::ReadyToReceive, State::ReadyToSend] {
            self.engine.transition(&self.host, 0, (number, step), attributes);
            if step == state {
                break;
            }
        }
    }

    /// Adds a memory key; its name.
    pub(super) fn add_key(&self, index: u32, mkey: Mkey) -> Key {
        let name = Key::new(MkeyIndex(index), mkey.variant);
        self.host.keys.insert(MkeyIndex(index), mkey);
        name
    }

    pub(super) fn fill(&self, at: usize, length: usize, seed: u8) {
        let mut bytes = self.host.bytes.borrow_mut();
        for (index, byte) in bytes[at..at + length].iter_mut().enumerate() {
            *byte = (index as u8)
                .wrapping_mul(31)
                .wrapping_add((index >> 8) as u8)
                .wrapping_add(seed);
        }
    }

    pub(super) fn bytes(&self, at: usize, length: usize) -> Vec<u8> {
        self.host.bytes.borrow()[at..at + length].to_vec()
    }

    /// Completions so far, of one queue: counter, and the syndrome of those that failed.
    pub(super) fn completions(&self, queue: Cqn) -> Vec<(u16, Option<Syndrome>)> {
        let all = self.host.completions.borrow();
        let of_queue = all.iter().filter(|(number, _)| *number == queue);
        of_queue
            .map(|(_, spec)| (spec.wqe_counter, syndrome(spec)))
            .collect()
    }

    pub(super) fn specs(&self, queue: Cqn) -> Vec<CqeSpec> {
        let all = self.host.completions.borrow();
        all.iter()
            .filter(|(number, _)| *number == queue)
            .map(|(_, spec)| *spec)
            .collect()
    }

    pub(super) fn count(&self, counter: Counter) -> u32 {
        self.host
            .counts
            .borrow()
            .get(&counter)
            .copied()
            .unwrap_or_default()
    }
}

const fn syndrome(spec: &CqeSpec) -> Option<Syndrome> {
    match spec.kind {
        CqeKind::RequesterError { syndrome, .. } | CqeKind::ResponderError { syndrome, .. } => Some(syndrome),
        _ => None,
    }
}

impl Host for Memory {
    fn send_block(&self, qp: Qpn, index: u16) -> Result<[u8; 64], Fault> {
        let rings = self.rings.borrow();
        let ring = &rings.get(&qp).ok_or(Fault::Dma)?.send;
        Ok(ring[usize::from(index) % ring.len()])
    }

    fn receive_wqe(&self, qp: Qpn, index: u16) -> Result<Vec<u8>, Fault> {
        let rings = self.rings.borrow();
        let ring = &rings.get(&qp).ok_or(Fault::Dma)?.receive;
        Ok(ring[usize::from(index) % ring.len()].clone())
    }

    fn posted_sends(&self, qp: Qpn) -> Result<u16, Fault> {
        Ok(self.rings.borrow().get(&qp).ok_or(Fault::Dma)?.posted_sends)
    }

    fn posted_receives(&self, qp: Qpn) -> Result<u16, Fault> {
        Ok(self.rings.borrow().get(&qp).ok_or(Fault::Dma)?.posted_receives)
    }

    fn check(&self, by: Accessor, place: Place, length: u64, right: Right) -> Result<(), Fault> {
        self.keys.access(place.key, place.address, length, right, by)?;
        Ok(())
    }

    fn read(&self, by: Accessor, place: Place, right: Right, into: &mut [u8]) -> Result<(), Fault> {
        self.check(by, place, into.len() as u64, right)?;
        let at = place.address as usize;
        into.copy_from_slice(&self.bytes.borrow()[at..at + into.len()]);
        Ok(())
    }

    fn write(&self, by: Accessor, place: Place, right: Right, from: &[u8]) -> Result<(), Fault> {
        self.check(by, place, from.len() as u64, right)?;
        let at = place.address as usize;
        self.bytes.borrow_mut()[at..at + from.len()].copy_from_slice(from);
        Ok(())
    }

    /// Takes over only what the tests use: the free bit.
    fn update_key(&self, _: Qpn, key: Key, update: &KeyUpdate, _: &[u8]) -> Result<(), Fault> {
        let free = HwWqeMkeySeg::from_bytes(&update.context).is_some_and(|context| context.free() != 0);
        let mkey = self.keys.get(key.index()).ok_or(Fault::Dma)?;
        if mkey.borrow().free == free {
            return Err(Fault::Dma);
        }
        mkey.borrow_mut().free = free;
        Ok(())
    }

    fn invalidate(&self, by: Accessor, key: Key) -> Result<(), Fault> {
        Ok(self.keys.invalidate_remotely(key, by)?)
    }

    fn complete(&self, queue: Cqn, completion: CqeSpec) -> bool {
        let mut completions = self.completions.borrow_mut();
        let room = completions.len() < self.room.get();
        if room {
            completions.push((queue, completion));
        }
        room
    }

    fn mistake(&self, _: Qpn, what: &str) {
        self.mistakes.borrow_mut().push(what.to_owned());
    }

    fn raise(&self, _: Qpn, event: QpEvent) {
        self.events.borrow_mut().push(event);
    }

    fn failed(&self, _: Qpn, _: bool) {
        self.failed.set(self.failed.get() + 1);
    }

    fn count(&self, _: Qpn, counter: Counter) {
        *self.counts.borrow_mut().entry(counter).or_default() += 1;
    }

    fn address(&self, index: u8) -> Option<GidEntry> {
        (index == 0).then_some(self.own)
    }

    fn address_of(&self, gid: &[u8; 16]) -> Option<GidEntry> {
        (*gid == self.own.gid).then_some(self.own)
    }

    fn send(&self, frame: Vec<u8>) {
        self.frames.borrow_mut().push_back(frame);
    }
}
