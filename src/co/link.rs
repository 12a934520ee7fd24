//! The hardware of one connection: queue pair, completion queue, receive buffers, and room for the call manager's messages.

use super::{
    format::{Call, MAX_CLOSE_DATA},
    services::Services,
    wire::{HEAD, Head},
};
use crate::{
    cm::{QpParameters, ReadLimits},
    hw::{Cq, CqParams, Key, PostFlags, Qp, QpKind, QpParams, Qpn, ReadyToSend, Sge},
    nt::{NoMemory, Once, Passive, Ref, SharedMemory, Status, Vec, packet::OwnPacket, pool},
};

/// Pieces of a message: its head, the pages of the longest one, and room for MDLs that begin in the middle of pages.
pub const MAX_PIECES: usize = 24;
/// The call manager's messages that may be on their way beside the client's.
const CONTROLS: u32 = 3;
/// Bytes of one of them.
const CONTROL: u32 = (HEAD + MAX_CLOSE_DATA) as u32;
/// Buffers shorter than this share a piece of memory.
const SLAB: u32 = 0x1_0000;
/// Completion contexts from here on are the call manager's.
pub const CONTROL_CONTEXT: u64 = 1 << 32;

/// Which of its messages the call manager sends: each has a place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Control {
    /// A change of the quality of service.
    Change = 0,
    /// The answer to one.
    Answer = 1,
    /// What the client says at the end.
    Close = 2,
}

/// A place for one received message.
struct ReceiveBuffer {
    packet: OwnPacket,
    memory: Ref<SharedMemory>,
    offset: u32,
}

/// The hardware of one connection.
pub struct Link {
    services: Ref<Services>,
    cq: Cq,
    qp: Qp,
    /// What makes the queue pair ready to send, from ready-to-receive on.
    later: Once<ReadyToSend>,
    control: Ref<SharedMemory>,
    buffers: Vec<ReceiveBuffer>,
    length: u32,
    key: Key,
}

impl Link {
    /// Makes everything for `call`; the queue pair takes receives.
    ///
    /// # Errors
    /// No memory, or the device refused; everything was undone.
    pub fn try_new(services: &Ref<Services>, call: &Call, passive: Passive<'_>) -> Result<Ref<Self>, Status> {
        let length = (HEAD as u32 + call.message_size).max(CONTROL);
        let buffers = buffers(services, call, length, passive)?;
        let device = services.device();
        let control = device.shared_memory(CONTROLS * CONTROL, passive)?;
        let (sends, receives) = (
            u32::from(call.send_depth) + CONTROLS,
            u32::from(call.receive_depth),
        );
        let cq_params = CqParams {
            entries: sends + receives,
            vector: services.next_vector(),
        };
        let cq = Cq::create(device, cq_params, passive)?;
        let params = QpParams {
            kind: QpKind::Rc,
            pd: services.pd(),
            send_cq: &cq,
            receive_cq: &cq,
            send_depth: sends,
            may_crowd: false,
            send_sges: MAX_PIECES as u32,
            inline_bytes: 0,
            fast_register_pages: 0,
            receive_depth: receives,
            receive_sges: 1,
            user_index: 0,
        };
        let qp = match Qp::create(device, &params, passive) {
            Ok(qp) => qp,
            Err(error) => {
                cq.destroy(passive);
                return Err(error.into());
            }
        };
        let link = Self {
            key: services.pd().local_key(),
            services: services.clone(),
            cq,
            qp,
            later: Once::new(),
            control,
            buffers,
            length,
        };
        Ref::try_new_or_back(link).map_err(|link| {
            link.stop(passive);
            link.end(passive);
            Status::INSUFFICIENT_RESOURCES
        })
    }

    /// The completion queue; polling and arming are serialised by the leg.
    pub const fn cq(&self) -> &Cq {
        &self.cq
    }

    /// The queue pair.
    pub const fn qp(&self) -> &Qp {
        &self.qp
    }

    /// Its number.
    pub const fn number(&self) -> Qpn {
        self.qp.number()
    }

    /// The key of all bus addresses.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Makes the queue pair ready to receive.
    ///
    /// # Errors
    /// The device refused.
    pub fn ready_to_receive(&self, parameters: &QpParameters, passive: Passive<'_>) -> Result<(), Status> {
        // Messages only: neither side reads or writes the other's memory.
        let none = ReadLimits::default();
        // The place is empty: a link is connected once.
        let _ = self.later.set(parameters.ready_to_send(none));
        self.qp
            .to_ready_to_receive(&parameters.ready_to_receive(none, false), passive)
            .map_err(Status::from)
    }

    /// Makes the queue pair ready to send, too.
    ///
    /// # Errors
    /// The device refused.
    pub fn ready_to_send(&self, passive: Passive<'_>) -> Result<(), Status> {
        let later = self.later.get().ok_or(Status::INTERNAL_ERROR)?;
        self.qp.to_ready_to_send(later, passive).map_err(Status::from)
    }

    /// Gives a receive buffer to the device. The leg serialises.
    pub fn post_receive(&self, index: u16) {
        let Some(buffer) = self.buffers.get(usize::from(index)) else {
            return;
        };
        let sge = Sge {
            address: buffer.memory.bus_address(buffer.offset).0,
            length: self.length,
            key: self.key,
        };
        // There are as many elements as buffers: the queue is not full.
        let _ = self.qp.receive().post(u64::from(index), core::iter::once(sge));
    }

    /// The head of the message in a buffer.
    pub fn head(&self, index: u16) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        self.read(index, 0, &mut head);
        head
    }

    /// Copies out of a buffer.
    pub fn read(&self, index: u16, from: usize, bytes: &mut [u8]) {
        if let Some(buffer) = self.buffers.get(usize::from(index)) {
            buffer.memory.read_bytes(buffer.offset as usize + from, bytes);
        }
    }

    /// The packet of a buffer.
    pub fn packet(&self, index: u16) -> Option<&OwnPacket> {
        self.buffers.get(usize::from(index)).map(|buffer| &buffer.packet)
    }

    /// Sends one of the call manager's messages; `false` when its last one of that kind is still on its way. The VC's send lock
    /// serialises it with other posts.
    pub fn send_control(&self, which: Control, head: &Head, data: &[u8]) -> bool {
        let offset = which as u32 * CONTROL;
        self.control.write_bytes(offset as usize, &head.bytes());
        let data = data.get(..data.len().min(MAX_CLOSE_DATA)).unwrap_or_default();
        self.control.write_bytes(offset as usize + HEAD, data);
        let sge = Sge {
            address: self.control.bus_address(offset).0,
            length: (HEAD + data.len()) as u32,
            key: self.key,
        };
        let context = CONTROL_CONTEXT | u64::from(which as u32);
        let queue = self.qp.send();
        let posted = queue.send(context, PostFlags::empty(), None, core::iter::once(sge));
        if let Ok(posted) = posted {
            queue.ring_for(posted);
        }
        posted.is_ok()
    }

    /// Whether the device is done with the queue pair and all memory of its requests, once this returned.
    pub fn stop(&self, passive: Passive<'_>) -> bool {
        // Nobody knows it by its number: its completion queue is its own.
        let done = self.qp.destroy(passive, || {});
        let device = self.services.device();
        device.release(&self.control, done);
        // Neighbours in a piece of memory are released with it; once more changes nothing.
        for buffer in &self.buffers {
            device.release(&buffer.memory, done);
        }
        done
    }

    /// No event of the completion queue begins after this.
    pub fn end(&self, passive: Passive<'_>) {
        self.cq.destroy(passive);
    }
}

/// All receive buffers of a leg, each of `length` bytes.
fn buffers(
    services: &Ref<Services>,
    call: &Call,
    length: u32,
    passive: Passive<'_>,
) -> Result<Vec<ReceiveBuffer>, Status> {
    let count = u32::from(call.receive_depth);
    let stride = length.next_multiple_of(64);
    let per_slab = (SLAB / stride).clamp(1, count);
    let mut buffers = pool::try_with_capacity(count as usize)?;
    let mut slab: Option<Ref<SharedMemory>> = None;
    for index in 0..count {
        let place = index % per_slab;
        let memory = match slab.take() {
            Some(memory) if place != 0 => memory,
            _ => services.device().shared_memory(per_slab * stride, passive)?,
        };
        slab = Some(memory.clone());
        let offset = place * stride;
        let packet = OwnPacket::try_new(services.pool(), &memory, offset, length)
            .map_err(|NoMemory| Status::INSUFFICIENT_RESOURCES)?;
        pool::try_push(
            &mut buffers,
            ReceiveBuffer {
                packet,
                memory,
                offset,
            },
        )?;
    }
    Ok(buffers)
}
