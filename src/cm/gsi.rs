//! QP1: sends and receives management datagrams.

use super::mad::{GSI_Q_KEY, MAD_SIZE, Mad};
use crate::{
    hw::{
        ArmKind, Cq, CqParams, CqeOpcode, Device, Gid, HwError, Pd, PostFlags, Qp, QpKind, QpParams, Qpn,
        Sge, UdAddress,
        cq::{CompletionTarget, GrhArea},
        qp::udp_source_port,
    },
    nt::{Passive, Ref, SharedMemory, SpinLock},
};

/// Receives that are posted: the backlog that a busy processor may build up.
const RECEIVES: u32 = 128;
/// Datagrams that may be on their way out.
const SENDS: u32 = 32;
/// Bytes before a received datagram, for addresses.
const GRH: u32 = GrhArea::SIZE;
/// Distance of the slots in the shared memory, a multiple of 8 for fast copies.
const SLOT: u32 = 320;
/// Completion contexts from here on are sends.
const SEND_CONTEXT: u64 = 1 << 32;

/// A datagram that arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    pub(super) source: Gid,
    pub(super) destination: Gid,
    pub(super) mad: Mad,
}

/// What a look at the completion queue found.
#[expect(clippy::large_enum_variant, reason = "taken apart at once")]
enum Polled {
    Nothing,
    /// A completion that is dealt with.
    Other,
    Arrived(Datagram),
}

/// QP1 with its completion queue and buffers.
#[derive(Debug)]
pub(super) struct Gsi {
    device: Ref<Device>,
    pd: Pd,
    cq: Cq,
    qp: Qp,
    memory: Ref<SharedMemory>,
    // One bit for each send slot that is free. Posting is serialised by its lock.
    free: SpinLock<u32>,
}

impl Gsi {
    /// Takes QP1 into use; nothing arrives before [`Self::listen`].
    pub(super) fn start(device: &Ref<Device>, passive: Passive<'_>) -> Result<Ref<Self>, HwError> {
        let memory = device.shared_memory((RECEIVES + SENDS) * SLOT, passive)?;
        let pd = Pd::create(device, passive)?;
        let cq = match Cq::create(
            device,
            CqParams {
                entries: RECEIVES + SENDS,
                vector: 0,
            },
            passive,
        ) {
            Ok(cq) => cq,
            Err(error) => {
                pd.destroy(passive);
                return Err(error);
            }
        };
        let params = QpParams {
            kind: QpKind::Gsi,
            pd: &pd,
            send_cq: &cq,
            receive_cq: &cq,
            send_depth: SENDS,
            may_crowd: false,
            send_sges: 1,
            inline_bytes: 0,
            fast_register_pages: 0,
            receive_depth: RECEIVES,
            receive_sges: 1,
            user_index: 0,
        };
        let qp = match Qp::create(device, &params, passive) {
            Ok(qp) => qp,
            Err(error) => {
                cq.destroy(passive);
                pd.destroy(passive);
                return Err(error);
            }
        };
        let gsi = Self {
            device: device.clone(),
            pd,
            cq,
            qp,
            memory,
            free: SpinLock::new(u32::MAX),
        };
        Ref::try_new_or_back(gsi).map_err(|gsi| {
            gsi.stop(passive);
            HwError::NoMemory
        })
    }

    /// Posts all receives and lets datagrams come; `target` is told when to call [`Self::poll`].
    pub(super) fn listen(
        &self,
        target: Ref<dyn CompletionTarget>,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        self.cq.attach(target);
        self.qp.to_init(passive)?;
        for slot in 0..RECEIVES {
            self.post_receive(slot);
        }
        self.qp.start_datagrams(passive)?;
        self.cq.arm(ArmKind::Any);
        Ok(())
    }

    /// Gives QP1 back. No completion event is begun afterwards.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        // Nobody knows it by a number: its completion queue is its own.
        let done = self.qp.destroy(passive, || {});
        self.device.release(&self.memory, done);
        self.cq.destroy(passive);
        self.pd.destroy(passive);
    }

    /// Sends a datagram to QP1 of the peer. If all slots are on their way it is lost, as on the wire: what matters is sent again.
    pub(super) fn send(&self, to: &GsiAddress, mad: &Mad) {
        let mut free = self.free.lock();
        let slot = free.trailing_zeros();
        if slot >= SENDS {
            return;
        }
        let offset = (RECEIVES + slot) * SLOT;
        self.memory.write_bytes(offset as usize, &mad.encode());
        let sge = self.sge(offset, MAD_SIZE as u32);
        let context = SEND_CONTEXT | u64::from(slot);
        let queue = self.qp.send();
        if queue
            .send_datagram(context, PostFlags::empty(), &to.vector(), core::iter::once(sge))
            .is_ok()
        {
            *free &= !(1 << slot);
            queue.ring();
        }
    }

    /// Takes what completed, calls `arrived` with each good datagram, and asks for the next event. One caller at a time.
    pub(super) fn poll(&self, mut arrived: impl FnMut(&Datagram)) {
        // Bounded: what comes while this runs raises the next event.
        for _ in 0..RECEIVES + SENDS {
            match self.poll_one() {
                Polled::Nothing => break,
                Polled::Other => {}
                Polled::Arrived(datagram) => arrived(&datagram),
            }
        }
        self.cq.arm(ArmKind::Any);
    }

    fn poll_one(&self) -> Polled {
        let Some(cqe) = self.cq.poll() else {
            return Polled::Nothing;
        };
        let (opcode, counter) = (cqe.opcode(), cqe.counter());
        let (length, ipv4, source) = (cqe.byte_count(), cqe.is_ipv4(), cqe.source_qpn());
        self.cq.commit();
        match opcode {
            CqeOpcode::Requester | CqeOpcode::RequesterError(_) => self.sent(counter),
            CqeOpcode::Receive => {
                let datagram = self.received(counter, length, ipv4);
                // Only a peer's QP1 speaks for its node.
                return datagram
                    .filter(|_| source == Qpn::GSI)
                    .map_or(Polled::Other, Polled::Arrived);
            }
            CqeOpcode::ResponderError(_) => {
                // Too long a datagram, or the queue pair is on its way out: then the new receive is flushed with it.
                if let Ok(slot) = self.qp.receive().complete(counter) {
                    self.post_receive(slot as u32);
                }
            }
            _ => {}
        }
        Polled::Other
    }

    fn sent(&self, counter: u16) {
        let mut free = self.free.lock();
        if let Ok(done) = self.qp.send().complete(counter) {
            *free |= 1 << (done.context & u64::from(SENDS - 1));
        }
    }

    fn received(&self, counter: u16, length: u32, ipv4: bool) -> Option<Datagram> {
        let slot = self.qp.receive().complete(counter).ok()? as u32 % RECEIVES;
        let offset = (slot * SLOT) as usize;
        let mut grh = [0; GRH as usize];
        let mut mad = [0; MAD_SIZE];
        self.memory.read_bytes(offset, &mut grh);
        self.memory.read_bytes(offset + GRH as usize, &mut mad);
        self.post_receive(slot);
        let (source, destination) = GrhArea(grh).addresses(ipv4);
        if length != GRH + MAD_SIZE as u32 {
            return None;
        }
        Mad::parse(&mad).ok().map(|mad| Datagram {
            source,
            destination,
            mad,
        })
    }

    fn post_receive(&self, slot: u32) {
        let sge = self.sge(slot * SLOT, GRH + MAD_SIZE as u32);
        // There are as many elements as slots: the queue is not full.
        let _ = self.qp.receive().post(u64::from(slot), core::iter::once(sge));
    }

    fn sge(&self, offset: u32, length: u32) -> Sge {
        Sge {
            address: self.memory.bus_address(offset).0,
            length,
            key: self.pd.local_key(),
        }
    }
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct GsiAddress {
    pub(super) source: crate::hw::GidIndex,
    pub(super) destination: Gid,
    pub(super) mac: crate::hw::Mac,
    pub(super) hop_limit: u8,
}

impl GsiAddress {
    fn vector(&self) -> UdAddress {
        UdAddress {
            qkey: GSI_Q_KEY,
            dqpn: Qpn::GSI,
            source: self.source,
            destination: self.destination,
            mac: self.mac,
            udp_source_port: udp_source_port(0, Qpn::GSI, Qpn::GSI),
            hop_limit: self.hop_limit,
            traffic_class: 0,
            priority: 0,
        }
    }
}
