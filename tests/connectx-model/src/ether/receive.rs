//! Frames that arrive: from the port through steering and hash into a receive queue (connectx-ethernet 3, 9).

use std::rc::Rc;

use cxndk::hw::layout::HwWqeDataSeg;

use super::EtherCounters;
use super::frame::{Ip, Parsed, Transport};
use super::queue::{QueueState, Rq};
use super::send::{CHECK_SEQUENCE, SHORTEST, add};
use super::target::{Hashed, Target, Tir};
use crate::cqe::EtherFrame;
use crate::ids::Key;
use crate::{Counter, CqeKind, CqeSpec, Device, Right, Syndrome, TERMINATE_LKEY, scatter};

/// Bytes of a segment of an element.
const UNIT: usize = 16;
/// Bytes of a tag.
const TAG: usize = 4;

impl Device {
    /// A frame for the queue pairs: of RoCE, and to an address of the port.
    pub(crate) fn is_roce(&self, frame: &[u8]) -> bool {
        let own = |gid: &[u8; 16]| self.gids.find(gid).is_some();
        Parsed::of(frame).is_some_and(|parsed| parsed.is_roce(frame, own))
    }

    /// A frame arrives that is none of RoCE; `own` if the function has sent it itself.
    pub(crate) fn nic_receive(&self, frame: &[u8], own: bool) {
        if frame.len() < SHORTEST {
            return self.ether.count(|counters| counters.undersized += 1);
        }
        if frame.len() as u32 + CHECK_SEQUENCE > self.port_mtu() {
            return self.ether.count(|counters| counters.oversized += 1);
        }
        let Some(parsed) = Parsed::of(frame) else {
            return;
        };
        let length = frame.len() as u64;
        self.ether
            .count(|counters| add(received(counters, frame), length));
        let reached = self.ether.steering.borrow().lookup(frame, &parsed);
        let Some(reached) = reached else {
            return self.ether.count(|counters| counters.unsteered += 1);
        };
        let group = u32::from(frame[0] & 1);
        for number in reached {
            let tir = self.ether.tirs.borrow().get(&number).cloned();
            // The function's own frames come back only where that is asked for.
            let tir = tir.filter(|tir| !own || tir.takes_own >> group & 1 != 0);
            if let Some(tir) = tir {
                self.to_queue(&tir, frame, &parsed);
            }
        }
    }

    fn to_queue(&self, tir: &Tir, frame: &[u8], parsed: &Parsed) {
        let hashed = tir
            .hash
            .as_ref()
            .map(|hash| hash.of(frame, parsed))
            .unwrap_or_default();
        let number = match &tir.target {
            Target::Direct(queue) => Some(*queue),
            Target::Table(table) => self.ether.tables.borrow().get(table).and_then(|spread| {
                let index = hashed.value as usize & (spread.queues.len() - 1);
                spread.queues.get(index).copied()
            }),
        };
        let queue = number.and_then(|number| self.ether.rqs.borrow().get(&number).cloned());
        if let Some(queue) = queue.filter(|queue| queue.state.get() == QueueState::Ready) {
            self.fill_element(&queue, frame, parsed, hashed);
        }
    }

    fn fill_element(&self, rq: &Rc<Rq>, frame: &[u8], parsed: &Parsed, hashed: Hashed) {
        let counter = rq.ring.consumed.get();
        let Ok(posted) = rq.ring.posted(self, 0) else {
            return self.fail_rq(rq);
        };
        let left = posted.wrapping_sub(counter);
        if left == 0 {
            let set = rq.context.borrow().counter_set_id() as u8;
            self.counters.count(set, Counter::OutOfBuffer);
            return self.ether.count(|counters| counters.out_of_buffer += 1);
        }
        if u32::from(left) > 1 << rq.ring.log_size {
            let text = format!(
                "{:?}: {left} elements are posted to a ring of {}",
                rq.number,
                1 << rq.ring.log_size
            );
            return self.driver_error("connectx-ethernet 3.1: ring", &text);
        }
        let Ok(element) = rq.ring.elements(self, counter, 1) else {
            return self.fail_rq(rq);
        };
        rq.ring.take(1);
        let stripped = parsed.c_tag.filter(|_| rq.context.borrow().vsd() == 0);
        let kept = match stripped {
            Some(_) => [&frame[..12], &frame[12 + TAG..]].concat(),
            None => frame.to_vec(),
        };
        let kind = match self.scatter_frame(rq, &element, &kept) {
            Ok(()) => CqeKind::Frame(describe(frame, parsed, hashed, stripped, kept.len())),
            Err(syndrome) => CqeKind::ResponderError { syndrome, vendor: 0 },
        };
        let stops =
            matches!(kind, CqeKind::ResponderError { syndrome, .. } if syndrome != Syndrome::LocalLength);
        let spec = CqeSpec {
            qpn: rq.number,
            user_index: rq.context.borrow().user_index(),
            wqe_counter: counter,
            solicited: false,
            kind,
        };
        let _ = self.post_cqe(rq.cq, &spec);
        if stops {
            self.fail_rq(rq);
        }
    }

    fn fail_rq(&self, rq: &Rq) {
        rq.state.set(QueueState::Error);
        self.platform
            .note(format!("{}: {:?} failed", self.name(), rq.number));
    }

    fn scatter_frame(&self, rq: &Rq, element: &[u8], frame: &[u8]) -> Result<(), Syndrome> {
        let by = rq.ring.accessor(rq.number);
        let mut rest = frame;
        for segment in element.chunks_exact(UNIT) {
            let segment = HwWqeDataSeg::from_bytes(segment).ok_or(Syndrome::LocalQpOperation)?;
            let room = (segment.byte_count() & 0x7fff_ffff) as usize;
            let key = Key(segment.lkey());
            if rest.is_empty() || room == 0 || key == TERMINATE_LKEY {
                break;
            }
            let (piece, later) = rest.split_at(room.min(rest.len()));
            let found = self
                .mkeys
                .access(
                    key,
                    segment.local_virtual_address(),
                    piece.len() as u64,
                    Right::LocalWrite,
                    by,
                )
                .map_err(|_| Syndrome::LocalProtection)?;
            scatter(self, &found, piece).map_err(|_| Syndrome::LocalProtection)?;
            rest = later;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            self.ether.count(|counters| counters.too_long_for_element += 1);
            Err(Syndrome::LocalLength)
        }
    }
}

/// What the completion says of a frame.
fn describe(
    frame: &[u8],
    parsed: &Parsed,
    hashed: Hashed,
    stripped: Option<u16>,
    byte_count: usize,
) -> EtherFrame {
    let l3_ok = match parsed.ip {
        Some(Ip::V4(_)) => parsed.ip_checksum_ok(frame) == Some(true),
        Some(Ip::V6(_)) => true,
        None => false,
    };
    EtherFrame {
        byte_count: byte_count as u32,
        vlan: stripped,
        hash: hashed.value,
        hash_kind: hashed.kind,
        l3_kind: match parsed.ip {
            Some(Ip::V4(_)) => 2,
            Some(Ip::V6(_)) => 1,
            None => 0,
        },
        l4_kind: l4_kind(frame, parsed),
        fragment: parsed.fragment,
        l3_ok,
        l4_ok: parsed.transport_checksum_ok(frame) == Some(true),
    }
}

/// 1 TCP, 2 UDP, 3 a bare acknowledgement of TCP, 4 one with data.
fn l4_kind(frame: &[u8], parsed: &Parsed) -> u8 {
    match parsed.transport {
        None => 0,
        Some(Transport::Udp(_)) => 2,
        Some(Transport::Tcp(at)) => {
            let acknowledges = frame[at + 13] & 0x10 != 0;
            let header = usize::from(frame[at + 12] >> 4) * 4;
            match (acknowledges, parsed.end > at + header) {
                (false, _) => 1,
                (true, false) => 3,
                (true, true) => 4,
            }
        }
    }
}

fn received<'a>(counters: &'a mut EtherCounters, frame: &[u8]) -> &'a mut (u64, u64) {
    if frame.starts_with(&[0xff; 6]) {
        &mut counters.received_broadcast
    } else if frame[0] & 1 != 0 {
        &mut counters.received_multicast
    } else {
        &mut counters.received_unicast
    }
}
