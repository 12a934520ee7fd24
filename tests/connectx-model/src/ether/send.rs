//! Send queues at work: from a doorbell to frames and completions (connectx-ethernet 2).

use std::rc::Rc;

use cxndk::hw::layout::{HwWqeCtrlSeg, HwWqeDataSeg, HwWqeEthSeg};

use super::frame::Parsed;
use super::queue::{QueueState, Sq};
use super::segment::segments;
use super::{EtherCounters, frame};
use crate::command::is_clear;
use crate::ids::{Key, Qpn};
use crate::{CqeKind, CqeSpec, Device, Right, Syndrome, gather};

/// From a doorbell to the first look at the ring, in nanoseconds.
const DOORBELL_NS: u64 = 150;
/// Least time between two elements.
const ELEMENT_NS: u64 = 20;
/// Segments of an element are multiples of this.
const UNIT: usize = 16;
/// Bytes of the ring's blocks.
const BLOCK: usize = 64;
/// The Ethernet segment begins here, its inline header here.
const ETHERNET: usize = 16;
const INLINE: usize = 30;
/// Most inline bytes that an element may ask for.
const LONGEST_INLINE: usize = 960;
/// Header that old chips want to see in the element itself.
const L2_HEADER: usize = 18;
/// Shortest frame without its check sequence, and the bytes of the check sequence.
pub(super) const SHORTEST: usize = 60;
pub(super) const CHECK_SEQUENCE: u32 = 4;
/// The bits of a control segment that mean something.
const CONTROL: [u32; 4] = [0x00ff_ffff, 0xffff_ff3f, 0x0000_000e, 0xffff_ffff];
/// Those of an Ethernet segment: no software parser, no metadata.
const SEGMENT: [u32; 4] = [0, 0xc000_3fff, 0, 0xffff_ffff];

/// Opcodes.
const NOP: u32 = 0x00;
const SEND: u32 = 0x0a;
const LARGE_SEND: u32 = 0x0e;
/// `cs_flags`.
const IP_CHECKSUM: u32 = 0x40;
const TRANSPORT_CHECKSUM: u32 = 0x80;
/// `insert_type`.
const INSERT_VLAN: u32 = 0x8000;
/// Completion asked for: `ce` of the control segment.
const ALWAYS: u32 = 2;

/// One element, whole.
struct Element {
    bytes: Vec<u8>,
    opcode: u32,
    /// Blocks of the ring.
    blocks: u16,
    signalled: bool,
}

impl Device {
    /// The doorbell of a send queue was rung.
    pub(crate) fn sq_doorbell(&self, sq: &Rc<Sq>) {
        if sq.state.get() != QueueState::Reset {
            self.wake_sq(sq, DOORBELL_NS);
        }
    }

    fn wake_sq(&self, sq: &Rc<Sq>, delay: u64) {
        if sq.awake.replace(true) {
            return;
        }
        let sq = Rc::clone(sq);
        self.in_this_life(delay, move |device| {
            sq.awake.set(false);
            let current = device.ether.sqs.borrow().get(&sq.number).cloned();
            if current.is_some_and(|current| Rc::ptr_eq(&current, &sq)) {
                device.run_sq(&sq);
            }
        });
    }

    /// Executes the next element, if there is one, and comes back for the one after it when the wire is free.
    fn run_sq(&self, sq: &Rc<Sq>) {
        if sq.state.get() == QueueState::Reset {
            return;
        }
        let Ok(posted) = sq.ring.posted(self, 1) else {
            return self.fail_sq(sq, None, Syndrome::LocalProtection);
        };
        let left = posted.wrapping_sub(sq.ring.consumed.get());
        if left == 0 {
            return;
        }
        if u32::from(left) > 1 << sq.ring.log_size {
            let text = format!(
                "{:?}: {left} blocks are posted to a ring of {}",
                sq.number,
                1 << sq.ring.log_size
            );
            self.driver_error("connectx-ethernet 2.3: ring", &text);
            return;
        }
        let delay = match self.element(sq, left) {
            Ok(element) if sq.state.get() == QueueState::Error => {
                sq.ring.take(element.blocks);
                self.complete_error(sq, &element, Syndrome::Flushed);
                ELEMENT_NS
            }
            Ok(element) => match self.execute_element(sq, &element) {
                Ok(bytes) => {
                    sq.ring.take(element.blocks);
                    self.complete(sq, &element);
                    self.wire_time(bytes).max(ELEMENT_NS)
                }
                Err(syndrome) => {
                    self.fail_sq(sq, Some(&element), syndrome);
                    ELEMENT_NS
                }
            },
            Err(syndrome) => return self.fail_sq(sq, None, syndrome),
        };
        self.wake_sq(sq, delay);
    }

    fn wire_time(&self, bytes: usize) -> u64 {
        (bytes as u64 * 8 * 1_000_000_000).div_ceil(self.port_speed())
    }

    fn element(&self, sq: &Sq, left: u16) -> Result<Element, Syndrome> {
        let counter = sq.ring.consumed.get();
        let head = sq
            .ring
            .elements(self, counter, 1)
            .map_err(|_| Syndrome::LocalProtection)?;
        let control = HwWqeCtrlSeg::from_bytes(&head).ok_or(Syndrome::LocalQpOperation)?;
        let units = control.ds() as usize;
        let blocks = (units * UNIT).div_ceil(BLOCK) as u16;
        let good = control.wqe_index() == u32::from(counter)
            && Qpn(control.qp_or_sq()) == sq.number
            && units >= 1
            && blocks <= left
            && is_clear(&head[..UNIT], &CONTROL);
        if !good {
            return Err(Syndrome::LocalQpOperation);
        }
        let mut bytes = sq
            .ring
            .elements(self, counter, blocks)
            .map_err(|_| Syndrome::LocalProtection)?;
        bytes.truncate(units * UNIT);
        Ok(Element {
            opcode: control.opcode(),
            blocks,
            signalled: control.completion_mode() == ALWAYS,
            bytes,
        })
    }

    fn complete(&self, sq: &Sq, element: &Element) {
        if element.signalled {
            let kind = CqeKind::Requester {
                wqe_opcode: element.opcode as u8,
                byte_count: 0,
            };
            self.post_sq_cqe(sq, element, kind);
        }
    }

    fn complete_error(&self, sq: &Sq, element: &Element, syndrome: Syndrome) {
        let kind = CqeKind::RequesterError {
            wqe_opcode: element.opcode as u8,
            syndrome,
            vendor: 0,
        };
        self.post_sq_cqe(sq, element, kind);
    }

    /// The element was taken already.
    fn post_sq_cqe(&self, sq: &Sq, element: &Element, kind: CqeKind) {
        let spec = CqeSpec {
            qpn: sq.number,
            user_index: sq.context.borrow().user_index(),
            wqe_counter: sq.ring.consumed.get().wrapping_sub(element.blocks),
            solicited: false,
            kind,
        };
        let _ = self.post_cqe(sq.cq, &spec);
    }

    /// The queue is in error; what remains is flushed. An element that cannot even be read has no completion of its own.
    fn fail_sq(&self, sq: &Rc<Sq>, element: Option<&Element>, syndrome: Syndrome) {
        let first = sq.state.replace(QueueState::Error) != QueueState::Error;
        self.platform.note(format!(
            "{}: {:?} failed with {syndrome:?}",
            self.name(),
            sq.number
        ));
        if let Some(element) = element {
            sq.ring.take(element.blocks);
            self.complete_error(sq, element, syndrome);
        } else if first {
            let unread = Element {
                bytes: Vec::new(),
                opcode: 0,
                blocks: 1,
                signalled: true,
            };
            sq.ring.take(unread.blocks);
            self.complete_error(sq, &unread, syndrome);
        }
    }

    /// Sends what the element asks for; the bytes of all its frames.
    fn execute_element(&self, sq: &Sq, element: &Element) -> Result<usize, Syndrome> {
        match element.opcode {
            NOP if element.bytes.len() == UNIT => Ok(0),
            SEND | LARGE_SEND => self.send_packet(sq, element),
            _ => Err(Syndrome::LocalQpOperation),
        }
    }

    fn send_packet(&self, sq: &Sq, element: &Element) -> Result<usize, Syndrome> {
        let bad = Syndrome::LocalQpOperation;
        let segment = element.bytes.get(ETHERNET..ETHERNET + UNIT).ok_or(bad)?;
        if !is_clear(segment, &SEGMENT) {
            return Err(bad);
        }
        let segment = *HwWqeEthSeg::from_bytes(segment).ok_or(bad)?;
        let tag = (segment.insert_type() & INSERT_VLAN != 0).then(|| segment.vlan_tci() as u16);
        let inline = if tag.is_some() {
            0
        } else {
            segment.inline_hdr_sz() as usize
        };
        if inline > LONGEST_INLINE || (inline < L2_HEADER && self.wants_inline_headers()) {
            return Err(bad);
        }
        let header = element.bytes.get(INLINE..INLINE + inline).ok_or(bad)?;
        let data_at = ETHERNET + UNIT + inline.saturating_sub(2).next_multiple_of(UNIT);
        let data = self.gather_data(sq, element.bytes.get(data_at..).ok_or(bad)?)?;
        let large = element.opcode == LARGE_SEND;
        if large != (segment.mss() != 0) {
            return Err(bad);
        }
        let frames = if large {
            let limit = 1_usize << self.caps.borrow().offloads.max_lso_cap();
            if header.len() + data.len() > limit {
                return Err(Syndrome::LocalLength);
            }
            segments(header, &data, segment.mss() as usize).ok_or(bad)?
        } else {
            vec![[header, &data].concat()]
        };
        let mut bytes = 0;
        for frame in frames {
            if frame.len() < 14 {
                return Err(bad);
            }
            bytes += frame.len();
            self.finish_frame(frame, tag, segment.cs_flags());
        }
        Ok(bytes)
    }

    /// Old chips read the first headers from the element.
    fn wants_inline_headers(&self) -> bool {
        self.caps.borrow().offloads.wqe_inline_mode() == 0
    }

    fn gather_data(&self, sq: &Sq, pieces: &[u8]) -> Result<Vec<u8>, Syndrome> {
        let mut data = Vec::new();
        for piece in pieces.chunks_exact(UNIT) {
            let piece = HwWqeDataSeg::from_bytes(piece).ok_or(Syndrome::LocalQpOperation)?;
            let length = piece.byte_count() & 0x7fff_ffff;
            if length == 0 {
                return Err(Syndrome::LocalLength);
            }
            let by = sq.ring.accessor(sq.number);
            let (key, address) = (Key(piece.lkey()), piece.local_virtual_address());
            let found = self
                .mkeys
                .access(key, address, u64::from(length), Right::LocalRead, by);
            let found = found.map_err(|_| Syndrome::LocalProtection)?;
            let start = data.len();
            data.resize(start + length as usize, 0);
            gather(self, &found, &mut data[start..]).map_err(|_| Syndrome::LocalProtection)?;
        }
        Ok(data)
    }

    /// Tag, checksums, length; then the frame leaves.
    fn finish_frame(&self, mut frame: Vec<u8>, tag: Option<u16>, checksums: u32) {
        if let Some(parsed) = Parsed::of(&frame) {
            if checksums & IP_CHECKSUM != 0 {
                parsed.write_ip_checksum(&mut frame);
            }
            if checksums & TRANSPORT_CHECKSUM != 0 {
                parsed.write_transport_checksum(&mut frame);
            }
        }
        if let Some(tag) = tag {
            let tag = [frame::TAG, tag.to_be_bytes()].concat();
            frame.splice(12..12, tag);
        }
        if frame.len() < SHORTEST {
            if self.caps.borrow().general.pad_tx_eth_packet() == 0 {
                return self.ether.count(|counters| counters.runts_to_send += 1);
            }
            frame.resize(SHORTEST, 0);
        }
        if frame.len() as u32 + CHECK_SEQUENCE > self.port_mtu() {
            return self.ether.count(|counters| counters.too_long_to_send += 1);
        }
        let length = frame.len() as u64;
        let group = frame[0] & 1 != 0;
        let all = frame.starts_with(&[0xff; 6]);
        self.ether
            .count(|counters| add(sent(counters, group, all), length));
        self.send_frame(frame);
    }
}

const fn sent(counters: &mut EtherCounters, group: bool, all: bool) -> &mut (u64, u64) {
    match (all, group) {
        (true, _) => &mut counters.sent_broadcast,
        (_, true) => &mut counters.sent_multicast,
        _ => &mut counters.sent_unicast,
    }
}

/// Counts a frame of this length.
pub(super) const fn add(counter: &mut (u64, u64), length: u64) {
    counter.0 += 1;
    counter.1 += length;
}
