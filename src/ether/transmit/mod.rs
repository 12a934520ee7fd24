//! Sending: `NET_BUFFER_LIST`s to send rings (rules SEND-01 to SEND-14).
//!
//! | module | what lives there |
//! |---|---|
//! | [`plan`] | how a buffer becomes an element: tags, checksums, large sends, short frames |
//! | [`queue`] | what waits, and notes of what is with the device |
//! | [`ring`] | one ring: posting, completions, pause, errors |

pub mod plan;
mod queue;
mod ring;

use core::ffi::c_void;

use self::{plan::Limits, ring::TransmitRing};
use crate::{
    hw::{HwError, ether::Domain},
    nt::{
        Dma, Passive, Ref, Status, Vec,
        packet::{Packet, Packets},
        pool,
        sync::Ordering::Relaxed,
    },
};

/// Rings that an adapter has at most.
pub const MOST_RINGS: usize = 16;

/// All send rings of an adapter.
#[derive(Debug)]
pub struct Transmit {
    rings: Vec<Ref<TransmitRing>>,
}

impl Transmit {
    /// Makes `count` rings, at least one, for `1 << log_frames` frames each, closed.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        domain: &Domain,
        dma: &Ref<Dma>,
        (count, log_frames): (u32, u32),
        limits: Limits,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let count = count.clamp(1, MOST_RINGS as u32);
        let mut this = Self {
            rings: pool::try_with_capacity(count as usize)?,
        };
        for vector in 0..count {
            match TransmitRing::create(domain, dma, (log_frames, vector), limits, passive) {
                Ok(ring) => this.rings.push(ring),
                Err(error) => {
                    this.destroy(passive);
                    return Err(error);
                }
            }
        }
        Ok(this)
    }

    /// Sends a chain. Packets of a flow take one ring, so that their order stays (rule SEND-02). `<= DISPATCH_LEVEL`; `dispatch` if it is
    /// that for sure.
    pub fn send(&self, packets: Packets, dispatch: bool) {
        if let [only] = &self.rings[..] {
            return only.send(packets, dispatch);
        }
        // A sender that does not know the flow never does: its packets share the first ring.
        let flow = |packet: &Packet| packet.flow_hash().map_or(0, |hash| hash.0 as usize);
        let parts = packets.deal::<MOST_RINGS>(|packet| flow(packet) % self.rings.len());
        for (ring, part) in self.rings.iter().zip(parts) {
            if !part.is_empty() {
                ring.send(part, dispatch);
            }
        }
    }

    /// `MiniportCancelSend`. `<= DISPATCH_LEVEL`.
    pub fn cancel(&self, id: *mut c_void) {
        self.rings.iter().for_each(|ring| ring.cancel(id));
    }

    /// Packets are sent from now on.
    pub fn open(&self) {
        self.rings.iter().for_each(|ring| ring.open());
    }

    /// Packets are answered with `status` from now on; none is with the device when this returns.
    pub fn close(&self, status: Status, passive: Passive<'_>) {
        self.rings.iter().for_each(|ring| ring.close(status, passive));
    }

    /// Large sends are cut over IPv4 and over IPv6, or come back unsent (rule OFL-08).
    pub fn allow_large(&self, versions: (bool, bool)) {
        self.rings.iter().for_each(|ring| ring.allow_large(versions));
    }

    /// The VLAN of frames whose sender names none; 0: none.
    pub fn set_vlan(&self, vlan: u16) {
        self.rings.iter().for_each(|ring| ring.set_vlan(vlan));
    }

    /// Frames that were not sent: discarded, and failed by the device.
    pub fn losses(&self) -> (u64, u64) {
        let each = self.rings.iter().map(|ring| ring.losses());
        each.fold((0, 0), |(discarded, failed), losses| {
            (
                discarded + losses.discarded.load(Relaxed),
                failed + losses.failed.load(Relaxed),
            )
        })
    }

    /// Destroys all rings, which are closed.
    pub fn destroy(&self, passive: Passive<'_>) {
        self.rings.iter().rev().for_each(|ring| ring.destroy(passive));
    }
}
