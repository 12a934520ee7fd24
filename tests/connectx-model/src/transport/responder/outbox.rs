//! Answers on their way out, in the order of their PSNs.

use super::Responder;
use crate::transport::context::{Context, Failure};
use crate::transport::host::Place;
use crate::transport::packet::{Answer, Outgoing, packets, position, response_opcode};
use crate::transport::sequence::Sequence;
use crate::{Counter, CqeKind, QpEvent, Right, Syndrome};
use roce_wire::{Aeth, Bth, Extended, Opcode, Position};

/// A read response being streamed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// PSN of its first packet.
    pub(super) first: Sequence,
    place: Place,
    length: u32,
    msn: u32,
    packets: u64,
    /// Packets sent.
    sent: u64,
    fresh: bool,
}

impl Read {
    pub(super) const fn new(first: Sequence, place: Place, length: u32, msn: u32, mtu: u32) -> Self {
        Self {
            first,
            place,
            length,
            msn,
            packets: packets(length as u64, mtu),
            sent: 0,
            fresh: true,
        }
    }

    /// The same, asked for again.
    pub(super) const fn again(self) -> Self {
        Self { fresh: false, ..self }
    }

    const fn end(&self) -> Sequence {
        self.first.plus(self.packets)
    }
}

/// The answer to an atomic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atomic {
    pub(super) psn: Sequence,
    pub(super) original: u64,
    pub(super) msn: u32,
    pub(super) fresh: bool,
}

/// The last answer of a connection: the queue pair fails when it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) psn: Sequence,
    pub(super) answer: Option<Answer>,
    pub(super) msn: u32,
    /// How the receive WQE in use ends, and its counter.
    pub(super) receive: Option<(Syndrome, u16)>,
    pub(super) event: Option<QpEvent>,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Read(Read),
    Atomic(Atomic),
    Answer { psn: Sequence, answer: Answer, msn: u32 },
    End(End),
}

impl Reply {
    /// A read or atomic that takes one of the peer's slots: not one that is repeated.
    pub(super) const fn is_fresh_query(&self) -> bool {
        matches!(
            self,
            Self::Read(Read { fresh: true, .. }) | Self::Atomic(Atomic { fresh: true, .. })
        )
    }

    /// The first PSN that it answers.
    pub(super) const fn psn(&self) -> Sequence {
        match self {
            Self::Read(read) => read.first,
            Self::Atomic(atomic) => atomic.psn,
            Self::Answer { psn, .. } => *psn,
            Self::End(end) => end.psn,
        }
    }
}

/// What [`Responder::poll`] has to send.
#[derive(Debug)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// A packet; its payload is in the context.
    Packet(Outgoing),
    /// The last packet, if any is due: now the queue pair fails.
    Last(Option<Outgoing>),
}

impl Responder {
    /// Adds an answer behind the others. A waiting acknowledgement is covered by the next one.
    pub(super) fn push(&mut self, reply: Reply) {
        if let (
            Some(Reply::Answer {
                psn: last,
                answer: Answer::Ack,
                ..
            }),
            Reply::Answer {
                psn,
                answer: Answer::Ack,
                ..
            },
        ) = (self.outbox.back(), reply)
            && *last <= psn
        {
            self.outbox.pop_back();
        }
        self.outbox.push_back(reply);
    }

    /// There is an answer to send.
    pub fn has_answers(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The next packet.
    ///
    /// # Errors
    /// The queue pair must fail at once.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Result<Sent, Failure> {
        context.payload.clear();
        match self.outbox.front_mut() {
            None => Ok(Sent::Nothing),
            Some(Reply::Read(read)) => {
                let made = response(context, read);
                let finished = read.sent == read.packets;
                match made {
                    Some(packet) => {
                        if finished {
                            self.outbox.pop_front();
                        }
                        Ok(Sent::Packet(packet))
                    }
                    None => self.unreadable(context),
                }
            }
            Some(&mut Reply::Atomic(atomic)) => {
                self.outbox.pop_front();
                let aeth = Aeth {
                    syndrome: Answer::Ack.syndrome(),
                    msn: atomic.msn,
                };
                let extended = Extended::AethAtomic(aeth, atomic.original);
                Ok(Sent::Packet(outgoing(
                    context,
                    Opcode::AtomicAcknowledge,
                    atomic.psn,
                    extended,
                )))
            }
            Some(&mut Reply::Answer { psn, answer, msn }) => {
                self.outbox.pop_front();
                Ok(Sent::Packet(acknowledge(context, psn, answer, msn)))
            }
            Some(&mut Reply::End(end)) => {
                self.outbox.clear();
                finish(context, end)
            }
        }
    }

    /// The memory that a read response is taken from has become inaccessible since the request was checked.
    fn unreadable(&mut self, context: &mut Context<'_>) -> Result<Sent, Failure> {
        context.count(Counter::RespRemoteAccessErrors);
        let psn = match self.outbox.front() {
            Some(Reply::Read(read)) => read.first.plus(read.sent),
            _ => self.expected,
        };
        self.closing = true;
        self.outbox.clear();
        let end = End {
            psn,
            answer: Some(Answer::RemoteAccess),
            msn: self.msn,
            receive: None,
            event: Some(QpEvent::AccessViolation),
        };
        finish(context, end)
    }

    /// Puts a repeated read or atomic where its PSN belongs.
    pub(super) fn insert(&mut self, reply: Reply) {
        let psn = reply.psn();
        let covers = |other: &Reply| match other {
            Reply::Read(read) => read.first <= psn && psn < read.end(),
            Reply::Atomic(atomic) => atomic.psn == psn,
            _ => false,
        };
        if let Some(place) = self.outbox.iter().position(covers) {
            let fresh = self.outbox[place].is_fresh_query();
            self.outbox[place] = reply;
            if fresh {
                self.outbox[place].make_fresh();
            }
            return;
        }
        let place = self
            .outbox
            .iter()
            .position(|other| other.psn() > psn)
            .unwrap_or(self.outbox.len());
        self.outbox.insert(place, reply);
    }
}

impl Reply {
    const fn make_fresh(&mut self) {
        match self {
            Self::Read(read) => read.fresh = true,
            Self::Atomic(atomic) => atomic.fresh = true,
            _ => {}
        }
    }
}

/// The next packet of a read response; `None` if the memory cannot be read.
fn response(context: &mut Context<'_>, read: &mut Read) -> Option<Outgoing> {
    let mtu = u64::from(context.mtu());
    let offset = read.sent * mtu;
    let length = mtu.min(u64::from(read.length) - offset);
    if length != 0 {
        context.payload.resize(length as usize, 0);
        let (host, by) = (context.host, context.remote());
        host.read(by, read.place.plus(offset), Right::RemoteRead, context.payload)
            .ok()?;
    }
    let position = position(read.sent, read.packets);
    let psn = read.first.plus(read.sent);
    read.sent += 1;
    let aeth = Aeth {
        syndrome: Answer::Ack.syndrome(),
        msn: read.msn,
    };
    let extended = if position == Position::Middle {
        Extended::Plain
    } else {
        Extended::Aeth(aeth)
    };
    Some(outgoing(context, response_opcode(position), psn, extended))
}

fn acknowledge(context: &mut Context<'_>, psn: Sequence, answer: Answer, msn: u32) -> Outgoing {
    match answer {
        Answer::Ack => context.counters.acks_sent += 1,
        Answer::NotReady(_) => context.counters.rnr_naks_sent += 1,
        _ => context.counters.naks_sent += 1,
    }
    let extended = Extended::Aeth(Aeth {
        syndrome: answer.syndrome(),
        msn,
    });
    outgoing(context, Opcode::Acknowledge, psn, extended)
}

const fn outgoing(context: &Context<'_>, opcode: Opcode, psn: Sequence, extended: Extended) -> Outgoing {
    Outgoing {
        bth: Bth::new(opcode, context.attributes.remote_qpn.0, psn.wire()),
        extended,
    }
}

fn finish(context: &mut Context<'_>, end: End) -> Result<Sent, Failure> {
    let packet = end
        .answer
        .map(|answer| acknowledge(context, end.psn, answer, end.msn));
    if let Some((syndrome, counter)) = end.receive {
        context.complete_receive(counter, false, CqeKind::ResponderError { syndrome, vendor: 0 })?;
    }
    if let Some(event) = end.event {
        context.raise(event);
    }
    Ok(Sent::Last(packet))
}
