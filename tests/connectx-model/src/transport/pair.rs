//! One queue pair in the engine: its state, and the protocol of its service.

use super::context::{Context, Failure};
use super::counters::Counters;
use super::datagram::Datagrams;
use super::host::Host;
use super::packet::{Incoming, Outgoing};
use super::requester::Requester;
use super::responder::{Responder, Sent};
use super::route::{Route, is_default_partition, is_for};
use crate::{Attributes, QpEvent, Qpn, Service, State};
use roce_wire::headers::gid;
use roce_wire::{Headers, Opcode};

/// A queue pair in error looks for newly posted receives: at first this often, then ever more rarely.
const FIRST_POLL_NS: u64 = 2_000;
/// The longest time between two looks; then all queue pairs in error look at the same time.
const LAST_POLL_NS: u64 = 1_000_000;

/// The protocol of a service.
#[derive(Debug)]
enum Protocol {
    Connected(Box<(Requester, Responder)>),
    Datagram(Box<Datagrams>),
}

/// What is around the queue pairs.
pub struct Surroundings<'a> {
    /// The rest of the device.
    pub host: &'a dyn Host,
    /// Virtual time in nanoseconds.
    pub now: u64,
    /// Payload space, reused.
    pub payload: &'a mut Vec<u8>,
    /// The engine's counters.
    pub counters: &'a mut Counters,
}

/// A frame that passed the parser.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Outer and transport headers.
    pub headers: &'a Headers,
    /// The IP header as it stood in the frame.
    pub ip_header: &'a [u8],
    /// Payload without padding.
    pub payload: &'a [u8],
}

impl<'a> Arrival<'a> {
    const fn packet(&self) -> Incoming<'a> {
        Incoming {
            bth: self.headers.bth,
            extended: self.headers.extended,
            payload: self.payload,
        }
    }
}

/// A queue pair.
#[derive(Debug)]
pub struct Pair {
    number: Qpn,
    state: State,
    attributes: Attributes,
    protocol: Protocol,
    /// Answers and requests take turns.
    requests_turn: bool,
    /// Time of the next look for receives posted in error, and the time between looks.
    /// None any more once a queue could not be flushed.
    poll: Option<(u64, u64)>,
    /// It is in the engine's list of queue pairs that may have something to send.
    pub listed: bool,
    /// The engine looks at it at this time, or before.
    pub noted: Option<u64>,
}

impl Pair {
    /// A queue pair that was just initialized.
    pub fn new(number: Qpn, attributes: Attributes) -> Self {
        let protocol = match attributes.service {
            Service::UnreliableDatagram | Service::Management => Protocol::Datagram(Box::default()),
            _ => Protocol::Connected(Box::new((
                Requester::new(&attributes),
                Responder::new(&attributes),
            ))),
        };
        Self {
            number,
            state: State::Init,
            attributes,
            protocol,
            requests_turn: false,
            poll: None,
            listed: false,
            noted: None,
        }
    }

    /// It may have something to send: not in error, where all that is posted has been flushed.
    pub fn may_send(&self) -> bool {
        self.state != State::Error
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// PSNs of the next request to send and the next one expected, and the counter of the oldest incomplete send block.
    pub fn progress(&self) -> (u32, u32, u16) {
        match &self.protocol {
            Protocol::Connected(halves) => (
                halves.0.next_psn(),
                halves.1.expected_psn(),
                halves.0.block_counter(),
            ),
            Protocol::Datagram(datagrams) => (datagrams.next_psn(), 0, datagrams.block_counter()),
        }
    }

    fn split<'a>(&'a mut self, around: &'a mut Surroundings<'_>) -> (Context<'a>, &'a mut Protocol) {
        let context = Context {
            host: around.host,
            number: self.number,
            attributes: &self.attributes,
            now: around.now,
            payload: around.payload,
            counters: around.counters,
        };
        (context, &mut self.protocol)
    }

    /// The driver moved it to `state`, with these attributes.
    pub fn transition(&mut self, around: &mut Surroundings<'_>, state: State, attributes: Attributes) {
        let old = std::mem::replace(&mut self.state, state);
        self.attributes = attributes;
        match (&mut self.protocol, state) {
            (_, State::Error) if old == State::Error => {}
            (_, State::Error) => self.enter_error(around),
            (Protocol::Connected(halves), State::ReadyToReceive) => halves.1.start(&self.attributes),
            (Protocol::Connected(halves), State::ReadyToSend) if old == State::ReadyToReceive => {
                halves.0.start(&self.attributes);
                halves.1.set_established();
            }
            (Protocol::Datagram(datagrams), State::ReadyToSend) if old == State::ReadyToReceive => {
                datagrams.start(&self.attributes);
            }
            _ => {}
        }
    }

    /// The send doorbell was rung.
    pub fn doorbell(&mut self, around: &mut Surroundings<'_>) {
        let (context, protocol) = self.split(around);
        let result = match protocol {
            Protocol::Connected(halves) => halves.0.doorbell(&context),
            Protocol::Datagram(datagrams) => datagrams.doorbell(&context),
        };
        self.settle(around, result);
        if matches!(self.state, State::Error | State::SendQueueError) {
            self.flush(around);
        }
    }

    /// Handles a packet for it, if it may be one.
    pub fn receive(&mut self, around: &mut Surroundings<'_>, arrival: &Arrival<'_>) {
        if !self.takes(around.host, arrival.headers) {
            around.counters.filtered += 1;
            return;
        }
        around.counters.packets_received += 1;
        let packet = arrival.packet();
        let (mut context, protocol) = self.split(around);
        let result = match protocol {
            Protocol::Connected(halves) if packet.bth.opcode.is_response() => {
                halves.0.receive(&mut context, &packet)
            }
            Protocol::Connected(halves) => halves.1.receive(&mut context, &packet),
            Protocol::Datagram(datagrams) => datagrams.receive(&mut context, &packet, arrival.ip_header),
        };
        self.settle(around, result);
    }

    /// The filter of roce-wire.md 1.2, but for the Q_Key, which is the datagram protocol's matter.
    fn takes(&self, host: &dyn Host, headers: &Headers) -> bool {
        let opcode = headers.bth.opcode;
        let receives = match self.state {
            State::ReadyToReceive => !opcode.is_response(),
            State::ReadyToSend => true,
            State::SendQueueError => opcode.is_ud(),
            State::Reset | State::Init | State::Error => false,
        };
        if !receives || opcode == Opcode::Cnp {
            return false;
        }
        match &self.protocol {
            Protocol::Datagram(_) => opcode.is_ud(),
            Protocol::Connected(_) => {
                let path = &self.attributes.path;
                opcode.is_rc()
                    && self.attributes.service == Service::ReliableConnection
                    && is_default_partition(headers.bth.p_key)
                    && gid(headers.network.source()) == path.remote_gid
                    && host
                        .address(path.gid_index)
                        .is_some_and(|own| is_for(&own, headers))
            }
        }
    }

    /// The next packet to send and its route.
    pub fn next(&mut self, around: &mut Surroundings<'_>) -> Option<(Route, Outgoing)> {
        let (state, turn) = (self.state, self.requests_turn);
        self.requests_turn = !turn;
        let (mut context, protocol) = self.split(around);
        let made = match protocol {
            Protocol::Connected(halves) => connected(&mut context, halves, state, turn),
            Protocol::Datagram(datagrams) if state == State::ReadyToSend => {
                match datagrams.poll(&mut context) {
                    Ok(packet) => return packet,
                    Err(failure) => (None, Err(failure)),
                }
            }
            Protocol::Datagram(_) => return None,
        };
        let (packet, result) = made;
        let route = packet.and_then(|_| Route::connected(around.host, self.number, &self.attributes));
        self.settle(around, result);
        route.zip(packet)
    }

    /// When [`Self::expire`] wants to be called.
    pub fn deadline(&self) -> Option<u64> {
        match (&self.protocol, self.state) {
            (_, State::Error) => self.poll.map(|(at, _)| at),
            (Protocol::Connected(halves), State::ReadyToSend) => halves.0.deadline(),
            _ => None,
        }
    }

    /// Handles what is due; harmless when nothing is.
    pub fn expire(&mut self, around: &mut Surroundings<'_>) {
        if self.deadline().is_none_or(|at| around.now < at) {
            return;
        }
        if self.state == State::Error {
            self.poll = self.poll.map(|(_, pause)| next_look(around.now, pause));
            self.flush(around);
            return;
        }
        let (mut context, protocol) = self.split(around);
        let result = match protocol {
            Protocol::Connected(halves) => halves.0.expire(&mut context),
            Protocol::Datagram(_) => Ok(()),
        };
        self.settle(around, result);
    }

    /// Fails the queue pair if something said so.
    fn settle(&mut self, around: &mut Surroundings<'_>, result: Result<(), Failure>) {
        let Err(failure) = result else { return };
        if self.state == State::Error {
            return;
        }
        around.counters.failures += 1;
        let (context, protocol) = self.split(around);
        let completed = match (protocol, failure) {
            (Protocol::Connected(halves), Failure::Send(syndrome)) => halves.0.fail(&context, syndrome),
            (Protocol::Datagram(datagrams), Failure::Send(syndrome)) => datagrams.fail(&context, syndrome),
            (_, Failure::Receive) => Ok(()),
            (_, Failure::Catastrophic) => Err(Failure::Catastrophic),
        };
        if completed.is_err() {
            context.raise(QpEvent::WorkQueueCatastrophic);
        }
        let sends_only =
            matches!(self.protocol, Protocol::Datagram(_)) && matches!(failure, Failure::Send(_));
        around.host.failed(self.number, sends_only);
        if sends_only {
            self.state = State::SendQueueError;
            self.flush(around);
        } else {
            self.state = State::Error;
            self.enter_error(around);
        }
    }

    fn enter_error(&mut self, around: &mut Surroundings<'_>) {
        self.poll = Some((around.now + FIRST_POLL_NS, FIRST_POLL_NS));
        self.flush(around);
    }

    /// Completes all that is posted as flushed: the send queue, then the receive queue. A queue that cannot be read or
    /// completed to is left alone.
    fn flush(&mut self, around: &mut Surroundings<'_>) {
        let receives = self.state == State::Error;
        let (context, protocol) = self.split(around);
        let results = match protocol {
            Protocol::Connected(halves) => [halves.0.flush(&context), halves.1.flush(&context)],
            Protocol::Datagram(datagrams) => {
                let sends = datagrams.flush_sends(&context);
                [
                    sends,
                    if receives {
                        datagrams.flush_receives(&context)
                    } else {
                        Ok(())
                    },
                ]
            }
        };
        if results.contains(&Err(Failure::Catastrophic)) {
            self.poll = None;
        }
    }
}

/// The next look of a queue pair in error, and the time between looks, after a look now at the end of `pause`.
const fn next_look(now: u64, pause: u64) -> (u64, u64) {
    if pause * 2 < LAST_POLL_NS {
        (now + pause * 2, pause * 2)
    } else {
        ((now / LAST_POLL_NS + 1) * LAST_POLL_NS, LAST_POLL_NS)
    }
}

/// The next packet of a connection: answers and requests in turn, if both have one.
fn connected(
    context: &mut Context<'_>,
    halves: &mut (Requester, Responder),
    state: State,
    requests_turn: bool,
) -> (Option<Outgoing>, Result<(), Failure>) {
    let (requester, responder) = halves;
    let may_answer = matches!(state, State::ReadyToReceive | State::ReadyToSend);
    let may_ask = state == State::ReadyToSend;
    if may_ask && (requests_turn || !responder.has_answers()) {
        match requester.poll(context) {
            Ok(None) => {}
            Ok(packet) => return (packet, Ok(())),
            Err(failure) => return (None, Err(failure)),
        }
    }
    if !may_answer {
        return (None, Ok(()));
    }
    match responder.poll(context) {
        Ok(Sent::Packet(packet)) => (Some(packet), Ok(())),
        Ok(Sent::Last(packet)) => (packet, Err(Failure::Receive)),
        Ok(Sent::Nothing) => (None, Ok(())),
        Err(failure) => (None, Err(failure)),
    }
}
