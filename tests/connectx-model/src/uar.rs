//! UAR pages: doorbells of queue pairs, completion queues and event queues (connectx.md section 1).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::hw::layout::{HwCqDoorbell, HwEqDoorbell};

use super::ether::{QueueState, Sq};
use super::ids::{Qpn, Uarn};
use super::judge::DoorbellAt;
use super::{Device, Phase, transport};

/// Bytes of a UAR page.
pub(super) const UAR_PAGE: u64 = 4096;
/// The first page that `ALLOC_UAR` may give: those below hold the initialization segment.
pub(super) const FIRST_UAR: u32 = 4;

const CQ_ARM: u64 = 0x20;
const EQ_ARM: u64 = 0x40;
const EQ_NO_ARM: u64 = 0x48;
const BLUE_FLAME: u64 = 0x800;
/// Bytes of one buffer of a `BlueFlame` register; each register has two.
const BLUE_FLAME_BUFFER: u64 = 0x100;

/// First halves of 64-bit doorbells that are written as two dwords.
#[derive(Default)]
pub(super) struct HalfDoorbells(RefCell<BTreeMap<u64, [u8; 4]>>);

impl Device {
    /// A write into the doorbell part of BAR0.
    pub(super) fn uar_write(&self, offset: u64, bytes: &[u8], seen: u64) {
        let uar = Uarn((offset / UAR_PAGE) as u32);
        if self.phase.get() != Phase::Initialized {
            return;
        }
        if !self.numbers.uars.borrow().contains(&uar) {
            return self.stray_doorbell(uar, "the page was not allocated");
        }
        let at = offset % UAR_PAGE;
        match at {
            EQ_ARM | EQ_NO_ARM => {
                if let Some(doorbell) = HwEqDoorbell::from_bytes(bytes) {
                    self.eq_doorbell(uar, *doorbell, at == EQ_ARM);
                }
            }
            _ => {
                if let Some(doorbell) = self.halves.join(offset, bytes) {
                    self.wide_doorbell(uar, at, doorbell, seen);
                }
            }
        }
    }

    /// What a write to the doorbell part of BAR0 would find in host memory now.
    pub(super) fn uar_look(&self, offset: u64, bytes: &[u8]) -> u64 {
        match offset % UAR_PAGE {
            CQ_ARM => self.glance(DoorbellAt::Arm, bytes),
            at if is_send_doorbell(at) => self.glance(DoorbellAt::Send, bytes),
            _ => 0,
        }
    }

    fn wide_doorbell(&self, uar: Uarn, at: u64, doorbell: [u8; 8], seen: u64) {
        if at == CQ_ARM {
            self.counters.tally(|sums| sums.arms += 1);
            if let Some(doorbell) = HwCqDoorbell::from_bytes(&doorbell) {
                self.arm_cq(uar, *doorbell, Self::arm_seen(seen));
            }
        } else if is_send_doorbell(at) {
            // What follows the first quadword of a BlueFlame burst repeats the ring: the device reads it from there.
            self.counters.tally(|sums| sums.doorbells += 1);
            self.send_doorbell(uar, doorbell, seen);
        } else if at < BLUE_FLAME {
            self.stray_doorbell(uar, &format!("{at:#x} is none"));
        }
    }

    fn send_doorbell(&self, uar: Uarn, doorbell: [u8; 8], seen: u64) {
        let qpn = Qpn(u32::from_be_bytes([doorbell[4], doorbell[5], doorbell[6], doorbell[7]]) >> 8);
        let sq = self.ether.sqs.borrow().get(&qpn).cloned();
        if let Some(sq) = sq {
            return self.sq_rung(&sq, uar, &doorbell, seen);
        }
        let Some(qp) = self.qp(qpn) else {
            return self.stray_doorbell(uar, &format!("{qpn:?} is not there"));
        };
        if qp.attributes.borrow().uar == uar {
            self.judge_doorbell(&qp, &doorbell, seen);
            transport::doorbell(&self.me(), qpn);
        } else {
            let text = format!("{qpn:?} rung through {uar:?}, which is not its own");
            self.driver_error("connectx.md 9: qpc.uar_page", &text);
        }
    }
}

impl Device {
    fn sq_rung(&self, sq: &Rc<Sq>, uar: Uarn, doorbell: &[u8; 8], seen: u64) {
        if sq.uar != uar {
            let text = format!("{:?} rung through {uar:?}, which is not its own", sq.number);
            return self.driver_error("connectx.md 9: qpc.uar_page", &text);
        }
        if sq.state.get() == QueueState::Ready {
            self.judge_words(1 << sq.ring.log_size, doorbell, seen);
        }
        self.sq_doorbell(sq);
    }
}

/// The first quadword of a buffer of a `BlueFlame` register rings.
const fn is_send_doorbell(at: u64) -> bool {
    at >= BLUE_FLAME && at.is_multiple_of(BLUE_FLAME_BUFFER)
}

impl HalfDoorbells {
    /// The whole doorbell, if `bytes` is it, starts with it, or is the second half of it.
    fn join(&self, offset: u64, bytes: &[u8]) -> Option<[u8; 8]> {
        if let Some(whole) = bytes.first_chunk::<8>() {
            return offset.is_multiple_of(8).then_some(*whole);
        }
        let half: [u8; 4] = *bytes.first_chunk()?;
        if offset.is_multiple_of(8) {
            self.0.borrow_mut().insert(offset, half);
            return None;
        }
        let first = self.0.borrow_mut().remove(&(offset - 4))?;
        let mut whole = [0; 8];
        whole[..4].copy_from_slice(&first);
        whole[4..].copy_from_slice(&half);
        Some(whole)
    }
}
