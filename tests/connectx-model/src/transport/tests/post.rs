//! Posting: work queue elements as a driver writes them.

use cxndk::hw::layout::{
    HwWqeAtomicSeg, HwWqeAvSeg, HwWqeCtrlSeg, HwWqeDataSeg, HwWqeRaddrSeg, HwWqeUmrCtrlSeg,
};

use super::node::{ALL, Node, RC};
use crate::{Key, Qpn, TERMINATE_LKEY};

pub(super) mod code {
    pub(in super::super) const NOP: u32 = 0x00;
    pub(in super::super) const SEND_INVALIDATE: u32 = 0x01;
    pub(in super::super) const WRITE: u32 = 0x08;
    pub(in super::super) const WRITE_IMMEDIATE: u32 = 0x09;
    pub(in super::super) const SEND: u32 = 0x0a;
    pub(in super::super) const SEND_IMMEDIATE: u32 = 0x0b;
    pub(in super::super) const READ: u32 = 0x10;
    pub(in super::super) const COMPARE_SWAP: u32 = 0x11;
    pub(in super::super) const FETCH_ADD: u32 = 0x12;
    pub(in super::super) const UMR: u32 = 0x25;
}

/// A send WQE in the making.
pub(super) struct Work {
    control: HwWqeCtrlSeg,
    segments: Vec<u8>,
}

/// A signaled WQE with that opcode.
pub(super) fn work(opcode: u32) -> Work {
    let mut control = HwWqeCtrlSeg::new();
    control.set_opcode(opcode).set_completion_mode(2);
    Work {
        control,
        segments: Vec::new(),
    }
}

impl Work {
    pub(super) fn silent(mut self) -> Self {
        self.control.set_completion_mode(0);
        self
    }

    pub(super) fn urgent(mut self) -> Self {
        self.control.set_completion_mode(3);
        self
    }

    pub(super) fn solicited(mut self) -> Self {
        self.control.set_solicited_event(1);
        self
    }

    pub(super) fn fenced(mut self, mode: u32) -> Self {
        self.control.set_fence_mode(mode);
        self
    }

    pub(super) fn immediate(mut self, value: u32) -> Self {
        self.control.set_imm_inv_umr_key(value);
        self
    }

    pub(super) fn remote(mut self, key: Key, address: usize) -> Self {
        let mut segment = HwWqeRaddrSeg::new();
        segment.set_rkey(key.0).set_remote_virtual_address(address as u64);
        self.segments.extend_from_slice(segment.as_bytes());
        self
    }

    pub(super) fn atomic(mut self, swap_or_add: u64, compare: u64) -> Self {
        let mut segment = HwWqeAtomicSeg::new();
        segment
            .set_swap_or_add_data(swap_or_add)
            .set_compare_data(compare);
        self.segments.extend_from_slice(segment.as_bytes());
        self
    }

    pub(super) fn vector(mut self, segment: &HwWqeAvSeg) -> Self {
        self.segments.extend_from_slice(segment.as_bytes());
        self
    }

    pub(super) fn data(self, address: usize, length: usize) -> Self {
        self.data_with(ALL, address, length)
    }

    pub(super) fn data_with(mut self, key: Key, address: usize, length: usize) -> Self {
        let mut segment = HwWqeDataSeg::new();
        segment
            .set_byte_count(length as u32)
            .set_lkey(key.0)
            .set_local_virtual_address(address as u64);
        self.segments.extend_from_slice(segment.as_bytes());
        self
    }

    pub(super) fn inline(mut self, bytes: &[u8]) -> Self {
        self.segments
            .extend_from_slice(&(bytes.len() as u32 | 1 << 31).to_be_bytes());
        self.segments.extend_from_slice(bytes);
        self.segments.resize(self.segments.len().next_multiple_of(16), 0);
        self
    }

    /// A key update that sets or clears the free bit.
    pub(super) fn free(mut self, free: bool) -> Self {
        let mut control = HwWqeUmrCtrlSeg::new();
        control.set_flags(0x80);
        self.segments.extend_from_slice(control.as_bytes());
        let mut context = [0; 64];
        context[0] = u8::from(free) << 6;
        self.segments.extend_from_slice(&context);
        self
    }

    /// Writes it behind what is posted on `qp`; its counter. The doorbell is not rung.
    pub(super) fn write(mut self, node: &Node, qp: Qpn) -> u16 {
        let mut rings = node.host.rings.borrow_mut();
        let rings = rings.get_mut(&qp).expect("a queue pair");
        let counter = rings.posted_sends;
        let units = 1 + self.segments.len() / 16;
        self.control
            .set_wqe_index(u32::from(counter))
            .set_qp_or_sq(qp.0)
            .set_ds(units as u32);
        let mut bytes = self.control.as_bytes().to_vec();
        bytes.extend_from_slice(&self.segments);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        for (index, block) in bytes.chunks_exact(64).enumerate() {
            let slot = (usize::from(counter) + index) % rings.send.len();
            rings.send[slot].copy_from_slice(block);
        }
        rings.posted_sends = counter.wrapping_add((bytes.len() / 64) as u16);
        counter
    }

    /// Posts it on the connected queue pair and rings the doorbell; its counter.
    pub(super) fn post(self, node: &mut Node, now: u64) -> u16 {
        self.post_on(node, RC, now)
    }

    pub(super) fn post_on(self, node: &mut Node, qp: Qpn, now: u64) -> u16 {
        let counter = self.write(node, qp);
        node.engine.doorbell(&node.host, now, qp);
        counter
    }
}

/// Posts a receive WQE with up to 4 buffers; its counter.
pub(super) fn receive(node: &Node, qp: Qpn, buffers: &[(usize, usize)]) -> u16 {
    let mut bytes = Vec::new();
    let all = buffers.iter().map(|&(at, length)| (ALL, at, length));
    for (key, at, length) in all.chain([(TERMINATE_LKEY, 0, 0)]).take(4) {
        let mut segment = HwWqeDataSeg::new();
        segment
            .set_byte_count(length as u32)
            .set_lkey(key.0)
            .set_local_virtual_address(at as u64);
        bytes.extend_from_slice(segment.as_bytes());
    }
    bytes.resize(64, 0xee);
    let mut rings = node.host.rings.borrow_mut();
    let rings = rings.get_mut(&qp).expect("a queue pair");
    let counter = rings.posted_receives;
    let slot = usize::from(counter) % rings.receive.len();
    rings.receive[slot] = bytes;
    rings.posted_receives = counter.wrapping_add(1);
    counter
}
