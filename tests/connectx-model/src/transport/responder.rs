//! The responding half of a reliable connection: request packets in, memory and receive WQEs changed, answers out.
//!
//! Answers leave in the order of their PSNs, through `outbox`: a read response that is still being streamed holds back the
//! acknowledgements behind it. Reads are not copied: each packet of a response is taken from memory when it is sent.
//!
//! Sources: roce-wire.md 2.2 to 2.6, 2.9.

mod duplicates;
mod outbox;

use std::collections::VecDeque;

use super::context::{Context, Failure};
use super::host::Place;
use super::packet::{Answer, Incoming, Kind};
use super::queue::{Receive, ReceiveQueue};
use super::sequence::Sequence;
use crate::{Attributes, Counter, CqeKind, Key, QpEvent, Received, Right, Syndrome};
pub use outbox::Sent;
use outbox::{Atomic, End, Read, Reply};
use roce_wire::{AtomicEth, Extended, Opcode, Reth};

/// A message of which not all packets have come.
#[derive(Debug)]
enum Message {
    /// A SEND; bytes placed so far.
    Send(u64),
    /// An RDMA WRITE: where the next byte goes, how many are to come, how many there were.
    Write(Place, u64, u32),
}

/// A read or atomic that was executed and can be repeated.
#[derive(Clone, Copy, Debug)]
enum Remembered {
    Read {
        first: Sequence,
        packets: u64,
        place: Place,
        length: u32,
    },
    Atomic {
        psn: Sequence,
        original: u64,
        msn: u32,
    },
}

/// Why a request is refused: the answer, how the receive WQE in use ends, and the event.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    answer: Option<Answer>,
    receive: Option<Syndrome>,
    event: Option<QpEvent>,
}

/// What became of a request.
enum Outcome {
    /// Executed; this many PSNs are used up.
    Done(u64),
    /// Not executed; the requester shall try again.
    NotReady,
    /// Refused for good.
    Refused(Refusal),
}

/// The responding half.
#[derive(Debug)]
pub struct Responder {
    queue: ReceiveQueue,
    expected: Sequence,
    msn: u32,
    message: Option<Message>,
    /// Receive WQE of the SEND in progress.
    receive: Option<Receive>,
    /// A NAK was sent for the expected PSN; packets beyond it are dropped without a further one.
    nak_sent: bool,
    /// A refusal is on its way out: nothing more is executed.
    closing: bool,
    established: bool,
    outbox: VecDeque<Reply>,
    memory: VecDeque<Remembered>,
}

impl Responder {
    /// A responder that has not received anything.
    pub fn new(attributes: &Attributes) -> Self {
        Self {
            queue: ReceiveQueue::default(),
            expected: Sequence::first(attributes.next_receive_psn),
            msn: 0,
            message: None,
            receive: None,
            nak_sent: false,
            closing: false,
            established: false,
            outbox: VecDeque::new(),
            memory: VecDeque::new(),
        }
    }

    /// Starts to receive, with the PSN of the transition to RTR. Posted WQEs stay.
    pub fn start(&mut self, attributes: &Attributes) {
        let queue = self.queue;
        *self = Self::new(attributes);
        self.queue = queue;
    }

    /// PSN of the next request.
    pub const fn expected_psn(&self) -> u32 {
        self.expected.wire()
    }

    /// Handles a request packet: roce-wire.md 2.5 in its order.
    ///
    /// # Errors
    /// The queue pair must fail at once.
    pub fn receive(&mut self, context: &mut Context<'_>, packet: &Incoming<'_>) -> Result<(), Failure> {
        if self.closing {
            return Ok(());
        }
        let Some(kind) = Kind::of(packet.bth.opcode) else {
            return Ok(());
        };
        let psn = self.expected.near(packet.bth.psn);
        if psn < self.expected {
            context.counters.duplicates += 1;
            context.count(Counter::DuplicateRequest);
            self.duplicate(context, psn, kind, packet);
            return Ok(());
        }
        if psn > self.expected {
            self.gap(context);
            return Ok(());
        }
        match self.execute(context, kind, packet)? {
            Outcome::Done(psns) => self.done(context, psns, kind, packet),
            Outcome::NotReady => self.not_ready(context),
            Outcome::Refused(refusal) => self.refuse(context, refusal),
        }
        Ok(())
    }

    fn gap(&mut self, context: &mut Context<'_>) {
        context.counters.out_of_sequence += 1;
        context.count(Counter::OutOfSequence);
        if !self.nak_sent {
            self.nak_sent = true;
            self.push(Reply::Answer {
                psn: self.expected,
                answer: Answer::Sequence,
                msn: self.msn,
            });
        }
    }

    fn not_ready(&mut self, context: &Context<'_>) {
        context.count(Counter::OutOfBuffer);
        self.nak_sent = true;
        let answer = Answer::NotReady(context.attributes.min_rnr_nak);
        self.push(Reply::Answer {
            psn: self.expected,
            answer,
            msn: self.msn,
        });
    }

    /// The answer goes out behind those before it; then the queue pair fails.
    fn refuse(&mut self, context: &Context<'_>, refusal: Refusal) {
        self.closing = true;
        match refusal.answer {
            Some(Answer::InvalidRequest) => context.count(Counter::RespRemoteInvalidRequest),
            Some(Answer::RemoteAccess) => context.count(Counter::RespRemoteAccessErrors),
            _ => context.count(Counter::RespLocalQpError),
        }
        let end = End {
            psn: self.expected,
            answer: refusal.answer,
            msn: self.msn,
            receive: refusal
                .receive
                .zip(self.receive.as_ref().map(|receive| receive.counter)),
            event: refusal.event,
        };
        self.receive = None;
        self.push(Reply::End(end));
    }

    fn done(&mut self, context: &Context<'_>, psns: u64, kind: Kind, packet: &Incoming<'_>) {
        let psn = self.expected;
        self.expected = psn.plus(psns);
        self.nak_sent = false;
        if !self.established {
            self.established = true;
            context.raise(QpEvent::CommunicationEstablished);
        }
        if packet.bth.ack_request && matches!(kind, Kind::Send | Kind::Write) {
            self.push(Reply::Answer {
                psn,
                answer: Answer::Ack,
                msn: self.msn,
            });
        }
    }

    /// The queue pair knows that the peer is there; no event is due.
    pub const fn set_established(&mut self) {
        self.established = true;
    }

    const fn message_done(&mut self) {
        self.msn = (self.msn + 1) & 0x00ff_ffff;
    }

    fn execute(
        &mut self,
        context: &mut Context<'_>,
        kind: Kind,
        packet: &Incoming<'_>,
    ) -> Result<Outcome, Failure> {
        if !self.fits_sequence(kind, packet.bth.opcode) || !permitted(kind, context.attributes) {
            return Ok(invalid());
        }
        match kind {
            Kind::Send => self.send(context, packet),
            Kind::Write => self.write(context, packet),
            Kind::Read => Ok(self.read(context, packet)),
            Kind::Atomic => Ok(self.atomic(context, packet)),
        }
    }

    /// Within a message only its own later packets may come (roce-wire.md 2.2).
    const fn fits_sequence(&self, kind: Kind, opcode: Opcode) -> bool {
        match (&self.message, opcode.starts_message()) {
            (None, starts) => starts,
            (Some(Message::Send(_)), starts) => !starts && matches!(kind, Kind::Send),
            (Some(Message::Write(..)), starts) => !starts && matches!(kind, Kind::Write),
        }
    }

    fn send(&mut self, context: &mut Context<'_>, packet: &Incoming<'_>) -> Result<Outcome, Failure> {
        if packet.bth.opcode.starts_message() {
            match self.queue.peek(context)? {
                None => return Ok(Outcome::NotReady),
                Some(Err(syndrome)) => {
                    let counter = self.take_receive(context);
                    self.receive = Some(Receive {
                        counter,
                        pieces: Vec::new(),
                        capacity: 0,
                    });
                    return Ok(local_failure(syndrome));
                }
                Some(Ok(receive)) => {
                    self.take_receive(context);
                    self.receive = Some(receive);
                    self.message = Some(Message::Send(0));
                }
            }
        }
        let (Some(Message::Send(placed)), Some(receive)) = (&self.message, &self.receive) else {
            return Ok(invalid());
        };
        let end = placed + packet.payload.len() as u64;
        let too_long = end > receive.capacity || end > context.attributes.max_message;
        if too_long || !fits_mtu(packet, context.mtu()) {
            context.count(Counter::RespLocalLengthError);
            return Ok(invalid());
        }
        if context.scatter(&receive.pieces, *placed, packet.payload).is_err() {
            context.count(Counter::RespLocalProtection);
            return Ok(local_failure(Syndrome::LocalProtection));
        }
        self.message = Some(Message::Send(end));
        if packet.bth.opcode.ends_message() {
            self.send_ends(context, packet, end)
        } else {
            Ok(Outcome::Done(1))
        }
    }

    fn take_receive(&mut self, context: &mut Context<'_>) -> u16 {
        context.counters.receive_wqes += 1;
        self.queue.take()
    }

    fn send_ends(
        &mut self,
        context: &Context<'_>,
        packet: &Incoming<'_>,
        length: u64,
    ) -> Result<Outcome, Failure> {
        let received = match packet.extended {
            Extended::Imm(value) => Received::SendImmediate(value),
            Extended::Ieth(key) => Received::SendInvalidate(key),
            _ => Received::Send,
        };
        if let Received::SendInvalidate(key) = received
            && context.host.invalidate(context.remote(), Key(key)).is_err()
        {
            // roce-wire.md 2.9: no NAK is defined for it.
            return Ok(Outcome::Refused(Refusal {
                answer: None,
                receive: Some(Syndrome::MemoryWindowBind),
                event: Some(QpEvent::AccessViolation),
            }));
        }
        self.message = None;
        self.message_done();
        let Some(receive) = self.receive.take() else {
            return Ok(invalid());
        };
        let kind = CqeKind::Responder {
            received,
            byte_count: length as u32,
            datagram: None,
        };
        context.complete_receive(receive.counter, packet.bth.solicited, kind)?;
        Ok(Outcome::Done(1))
    }

    fn write(&mut self, context: &mut Context<'_>, packet: &Incoming<'_>) -> Result<Outcome, Failure> {
        let opcode = packet.bth.opcode;
        let immediate = packet.extended.immediate();
        if immediate.is_some() && !self.queue.ready(context)? {
            return Ok(Outcome::NotReady);
        }
        let fresh = packet.extended.reth().map(|reth| {
            let place = Place {
                key: Key(reth.r_key),
                address: reth.address,
            };
            (place, u64::from(reth.length), reth.length)
        });
        let (place, left, total) = match (fresh, &self.message) {
            (Some(start), _) => start,
            (None, Some(Message::Write(place, left, total))) => (*place, *left, *total),
            _ => return Ok(invalid()),
        };
        let length = packet.payload.len() as u64;
        let ends = opcode.ends_message();
        let consistent = if ends { length == left } else { length < left };
        if !consistent || !fits_mtu(packet, context.mtu()) || left > context.attributes.max_message {
            return Ok(invalid());
        }
        if !put(context, fresh.is_some(), (place, left), packet.payload) {
            return Ok(access_violation());
        }
        if !ends {
            self.message = Some(Message::Write(place.plus(length), left - length, total));
            return Ok(Outcome::Done(1));
        }
        self.message = None;
        self.message_done();
        context.count(Counter::RxWriteRequests);
        if let Some(value) = immediate {
            let counter = self.take_receive(context);
            let kind = CqeKind::Responder {
                received: Received::WriteImmediate(value),
                byte_count: total,
                datagram: None,
            };
            context.complete_receive(counter, packet.bth.solicited, kind)?;
        }
        Ok(Outcome::Done(1))
    }

    fn read(&mut self, context: &Context<'_>, packet: &Incoming<'_>) -> Outcome {
        let Some(reth) = packet.extended.reth() else {
            return invalid();
        };
        let busy = self.outbox.iter().filter(|reply| reply.is_fresh_query()).count();
        let too_long = u64::from(reth.length) > context.attributes.max_message.min(1 << 31);
        if !packet.payload.is_empty() || too_long || busy >= context.attributes.max_served as usize {
            return invalid();
        }
        let place = Place {
            key: Key(reth.r_key),
            address: reth.address,
        };
        if !readable(context, reth) {
            return access_violation();
        }
        context.count(Counter::RxReadRequests);
        self.message_done();
        let packets = super::packet::packets(u64::from(reth.length), context.mtu());
        let first = self.expected;
        self.remember(
            context,
            Remembered::Read {
                first,
                packets,
                place,
                length: reth.length,
            },
        );
        self.push(Reply::Read(Read::new(
            first,
            place,
            reth.length,
            self.msn,
            context.mtu(),
        )));
        Outcome::Done(packets)
    }

    fn atomic(&mut self, context: &Context<'_>, packet: &Incoming<'_>) -> Outcome {
        let Extended::Atomic(operands) = packet.extended else {
            return invalid();
        };
        let busy = self.outbox.iter().filter(|reply| reply.is_fresh_query()).count();
        let misused = !packet.payload.is_empty() || !operands.address.is_multiple_of(8);
        if misused || busy >= context.attributes.max_served as usize {
            return invalid();
        }
        let swap = packet.bth.opcode == Opcode::CompareSwap;
        let Some(original) = exchange(context, swap, operands) else {
            return access_violation();
        };
        context.count(Counter::RxAtomicRequests);
        self.message_done();
        let (psn, msn) = (self.expected, self.msn);
        self.remember(context, Remembered::Atomic { psn, original, msn });
        self.push(Reply::Atomic(Atomic {
            psn,
            original,
            msn,
            fresh: true,
        }));
        Outcome::Done(1)
    }

    /// Keeps the last requests that the peer may repeat, as many as it may have outstanding.
    fn remember(&mut self, context: &Context<'_>, done: Remembered) {
        while self.memory.len() >= context.attributes.max_served as usize {
            self.memory.pop_front();
        }
        self.memory.push_back(done);
    }

    /// Flushes the receive queue. The queue pair is in the error state.
    ///
    /// # Errors
    /// The record cannot be read, or the completion queue has overrun.
    pub fn flush(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        self.outbox.clear();
        self.message = None;
        if let Some(receive) = self.receive.take() {
            flush_receive(context, receive.counter)?;
        }
        while self.queue.ready(context)? {
            let counter = self.queue.take();
            flush_receive(context, counter)?;
        }
        Ok(())
    }
}

/// Completes a receive WQE as flushed.
///
/// # Errors
/// The completion queue has overrun.
pub fn flush_receive(context: &Context<'_>, counter: u16) -> Result<(), Failure> {
    context.count(Counter::RespCqeFlushError);
    let kind = CqeKind::ResponderError {
        syndrome: Syndrome::Flushed,
        vendor: 0,
    };
    context.complete_receive(counter, false, kind)
}

/// The queue pair lets its peer do that (roce-wire.md 2.5, steps 3 and 4).
const fn permitted(kind: Kind, attributes: &Attributes) -> bool {
    match kind {
        Kind::Send => true,
        Kind::Write => attributes.remote_write,
        Kind::Read => attributes.remote_read && attributes.max_served != 0,
        Kind::Atomic => attributes.remote_atomic && attributes.max_served != 0,
    }
}

/// FIRST and MIDDLE are full, LAST is neither empty nor too long, ONLY is not too long (roce-wire.md 1.8).
const fn fits_mtu(packet: &Incoming<'_>, mtu: u32) -> bool {
    let length = packet.payload.len();
    let opcode = packet.bth.opcode;
    if opcode.ends_message() {
        length <= mtu as usize && (opcode.starts_message() || length != 0)
    } else {
        length == mtu as usize
    }
}

/// Writes `bytes` to the front of `range`. The first packet's range, that of the whole message, is checked before
/// anything is written. Nothing is checked for an empty message (roce-wire.md 1.8).
fn put(context: &Context<'_>, first: bool, range: (Place, u64), bytes: &[u8]) -> bool {
    let (place, length) = range;
    if bytes.is_empty() {
        return true;
    }
    let by = context.remote();
    let allowed = !first || context.host.check(by, place, length, Right::RemoteWrite).is_ok();
    allowed && context.host.write(by, place, Right::RemoteWrite, bytes).is_ok()
}

/// Nothing is checked for a read of no bytes.
fn readable(context: &Context<'_>, reth: Reth) -> bool {
    let place = Place {
        key: Key(reth.r_key),
        address: reth.address,
    };
    reth.length == 0
        || context
            .host
            .check(context.remote(), place, u64::from(reth.length), Right::RemoteRead)
            .is_ok()
}

/// Executes an atomic on 8 bytes in the host's byte order; what was there before.
fn exchange(context: &Context<'_>, swap: bool, operands: AtomicEth) -> Option<u64> {
    let place = Place {
        key: Key(operands.r_key),
        address: operands.address,
    };
    let by = context.remote();
    let mut bytes = [0; 8];
    context
        .host
        .read(by, place, Right::RemoteAtomic, &mut bytes)
        .ok()?;
    let original = u64::from_le_bytes(bytes);
    let new = match swap {
        true if original == operands.compare => operands.swap_or_add,
        true => return Some(original),
        false => original.wrapping_add(operands.swap_or_add),
    };
    context
        .host
        .write(by, place, Right::RemoteAtomic, &new.to_le_bytes())
        .ok()?;
    Some(original)
}

/// NAK invalid request. A receive WQE in use ends with a local length error.
const fn invalid() -> Outcome {
    Outcome::Refused(Refusal {
        answer: Some(Answer::InvalidRequest),
        receive: Some(Syndrome::LocalLength),
        event: Some(QpEvent::InvalidRequest),
    })
}

/// NAK remote operational error: the fault is on this side.
const fn local_failure(syndrome: Syndrome) -> Outcome {
    Outcome::Refused(Refusal {
        answer: Some(Answer::RemoteOperation),
        receive: Some(syndrome),
        event: None,
    })
}

/// NAK remote access error. No receive WQE is used up.
const fn access_violation() -> Outcome {
    Outcome::Refused(Refusal {
        answer: Some(Answer::RemoteAccess),
        receive: None,
        event: Some(QpEvent::AccessViolation),
    })
}
