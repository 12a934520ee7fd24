//! Unreliable datagrams and the management queue pair (roce-wire.md 3; connectx.md 10, 13).

use super::context::{Context, Failure};
use super::packet::{Incoming, Outgoing, Trailer};
use super::queue::{ReceiveQueue, SendQueue, Taken};
use super::route::{Route, is_default_partition};
use super::wqe::{Data, Operation, Wqe};
use crate::{Attributes, Counter, CqeKind, Datagram, Qpn, Received, Service, Syndrome};
use roce_wire::{Bth, Deth, Extended, Opcode};

/// Room at the start of a receive buffer for the header that names the sender.
const GRH: usize = 40;
/// Length of an IPv4 header without options.
const IPV4_HEADER: usize = 20;
/// In a Q_Key: the queue pair's own is to be used.
const OWN_QKEY: u32 = 1 << 31;
/// Queue pair number of management datagrams on the wire.
const MANAGEMENT: Qpn = Qpn(1);
/// Q_Key of management datagrams.
const MANAGEMENT_QKEY: u32 = 0x8001_0000;

/// A queue pair of a datagram service.
#[derive(Debug)]
pub struct Datagrams {
    sends: SendQueue,
    receives: ReceiveQueue,
    psn: u32,
    /// The WQE that failed, until it is completed.
    failed: Option<(u16, u8)>,
}

impl Datagrams {
    /// One that has neither sent nor received.
    pub fn new() -> Self {
        Self {
            sends: SendQueue::default(),
            receives: ReceiveQueue::default(),
            psn: 0,
            failed: None,
        }
    }

    /// Starts to send, with the PSN of the transition to RTS.
    pub const fn start(&mut self, attributes: &Attributes) {
        self.psn = attributes.next_send_psn;
    }

    /// PSN of the next datagram.
    pub const fn next_psn(&self) -> u32 {
        self.psn
    }

    /// Counter of the next block.
    pub const fn block_counter(&self) -> u16 {
        self.sends.next()
    }

    /// The send doorbell was rung.
    ///
    /// # Errors
    /// The doorbell record cannot be used.
    pub fn doorbell(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        self.sends.refresh(context)
    }

    /// The next datagram, if there is one. Its WQE completes at once.
    ///
    /// # Errors
    /// The send queue must fail.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Result<Option<(Route, Outgoing)>, Failure> {
        while let Some(taken) = self.sends.take(context)? {
            let made = match &taken.wqe {
                Ok(wqe) => self.make(context, wqe),
                Err(syndrome) => Err(*syndrome),
            };
            match made {
                Ok(packet) => {
                    complete(context, &taken)?;
                    if packet.is_some() {
                        return Ok(packet);
                    }
                }
                Err(syndrome) => {
                    self.failed = Some((taken.counter, taken.opcode));
                    return Err(Failure::Send(syndrome));
                }
            }
        }
        Ok(None)
    }

    /// `None` for a WQE that sends nothing.
    fn make(&mut self, context: &mut Context<'_>, wqe: &Wqe) -> Result<Option<(Route, Outgoing)>, Syndrome> {
        let (Operation::Send(trailer), Some(vector)) = (&wqe.operation, &wqe.address) else {
            return Ok(None);
        };
        if wqe.length > u64::from(context.mtu()) || wqe.length > context.attributes.max_message {
            return Err(Syndrome::LocalLength);
        }
        let route =
            Route::datagram(context.host, context.number, vector).ok_or(Syndrome::LocalQpOperation)?;
        context.payload.clear();
        match &wqe.data {
            Data::Inline(bytes) => context.payload.extend_from_slice(bytes),
            Data::Pieces(pieces) => {
                context
                    .gather(pieces, 0, wqe.length)
                    .map_err(|_| Syndrome::LocalProtection)?;
            }
        }
        let qkey = if vector.qkey & OWN_QKEY == 0 {
            vector.qkey
        } else {
            own_qkey(context.attributes)
        };
        let deth = Deth {
            q_key: qkey,
            source_qpn: self::source(context).0,
        };
        let (opcode, extended) = match trailer {
            Trailer::Immediate(value) => (Opcode::UdSendOnlyImm, Extended::DethImm(deth, *value)),
            _ => (Opcode::UdSendOnly, Extended::Deth(deth)),
        };
        let bth = Bth {
            solicited: wqe.solicited,
            ..Bth::new(opcode, vector.destination.0, self.psn)
        };
        self.psn = (self.psn + 1) & 0x00ff_ffff;
        Ok(Some((route, Outgoing { bth, extended })))
    }

    /// Handles a datagram that came behind `ip_header`. Whatever does not fit is dropped without a word.
    ///
    /// # Errors
    /// The queue pair must fail.
    pub fn receive(
        &mut self,
        context: &mut Context<'_>,
        packet: &Incoming<'_>,
        ip_header: &[u8],
    ) -> Result<(), Failure> {
        let Some(deth) = packet.extended.deth() else {
            return Ok(());
        };
        if deth.q_key != own_qkey(context.attributes) || !is_default_partition(packet.bth.p_key) {
            context.counters.filtered += 1;
            return Ok(());
        }
        let length = GRH + packet.payload.len();
        let receive = match self.receives.peek(context)? {
            Some(Ok(receive)) if receive.capacity >= length as u64 => receive,
            Some(Err(syndrome)) => {
                let counter = self.take(context);
                context.complete_receive(counter, false, CqeKind::ResponderError { syndrome, vendor: 0 })?;
                return Err(Failure::Receive);
            }
            _ => {
                context.counters.datagrams_dropped += 1;
                context.count(Counter::OutOfBuffer);
                return Ok(());
            }
        };
        self.take(context);
        let placed = context
            .scatter(&receive.pieces, 0, &grh(ip_header))
            .and_then(|()| context.scatter(&receive.pieces, GRH as u64, packet.payload));
        if placed.is_err() {
            context.count(Counter::RespLocalProtection);
            let kind = CqeKind::ResponderError {
                syndrome: Syndrome::LocalProtection,
                vendor: 0,
            };
            context.complete_receive(receive.counter, false, kind)?;
            return Err(Failure::Receive);
        }
        let datagram = Datagram {
            source_qpn: Qpn(deth.source_qpn),
            l3_type: if ip_header.len() == IPV4_HEADER { 2 } else { 1 },
            pkey: packet.bth.p_key,
        };
        let received = packet
            .extended
            .immediate()
            .map_or(Received::Send, Received::SendImmediate);
        let kind = CqeKind::Responder {
            received,
            byte_count: length as u32,
            datagram: Some(datagram),
        };
        context.complete_receive(receive.counter, packet.bth.solicited, kind)
    }

    fn take(&mut self, context: &mut Context<'_>) -> u16 {
        context.counters.receive_wqes += 1;
        self.receives.take()
    }

    /// The WQE that failed completes with `syndrome`.
    ///
    /// # Errors
    /// The completion queue has overrun.
    pub fn fail(&mut self, context: &Context<'_>, syndrome: Syndrome) -> Result<(), Failure> {
        let Some((counter, opcode)) = self.failed.take() else {
            return Ok(());
        };
        let kind = CqeKind::RequesterError {
            wqe_opcode: opcode,
            syndrome,
            vendor: 0,
        };
        context.complete_send(counter, false, kind)
    }

    /// Flushes the send queue.
    ///
    /// # Errors
    /// The ring cannot be read, or the completion queue has overrun.
    pub fn flush_sends(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        while let Some((counter, opcode)) = self.sends.discard(context)? {
            let kind = CqeKind::RequesterError {
                wqe_opcode: opcode,
                syndrome: Syndrome::Flushed,
                vendor: 0,
            };
            context.complete_send(counter, false, kind)?;
            context.count(Counter::ReqCqeFlushError);
        }
        Ok(())
    }

    /// Flushes the receive queue.
    ///
    /// # Errors
    /// The record cannot be read, or the completion queue has overrun.
    pub fn flush_receives(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        while self.receives.ready(context)? {
            let counter = self.receives.take();
            super::responder::flush_receive(context, counter)?;
        }
        Ok(())
    }
}

impl Default for Datagrams {
    fn default() -> Self {
        Self::new()
    }
}

fn complete(context: &Context<'_>, taken: &Taken) -> Result<(), Failure> {
    match &taken.wqe {
        Ok(wqe) if wqe.signaled => context.complete_send(
            taken.counter,
            wqe.urgent,
            CqeKind::Requester {
                wqe_opcode: taken.opcode,
                byte_count: 0,
            },
        ),
        _ => Ok(()),
    }
}

/// The management queue pair has the one Q_Key of management.
const fn own_qkey(attributes: &Attributes) -> u32 {
    match attributes.service {
        Service::Management => MANAGEMENT_QKEY,
        _ => attributes.q_key,
    }
}

const fn source(context: &Context<'_>) -> Qpn {
    match context.attributes.service {
        Service::Management => MANAGEMENT,
        _ => context.number,
    }
}

/// The 40 bytes before the payload: an IPv6 header, or 20 bytes of nothing and an IPv4 header.
fn grh(ip_header: &[u8]) -> [u8; GRH] {
    let mut space = [0; GRH];
    space[GRH - ip_header.len()..].copy_from_slice(ip_header);
    space
}
