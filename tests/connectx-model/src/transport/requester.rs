//! The requesting half of a reliable connection: WQEs in, request packets out, responses in, completions out.
//!
//! | state | where |
//! |---|---|
//! | taken WQEs, oldest first | `requests`; a local one has no PSN, others have `packets` PSNs from `first` on |
//! | oldest PSN not acknowledged | `oldest`, always in the first request |
//! | PSN sent next | `cursor`, in request number `index`; behind `sent` while packets are sent again |
//! | waiting for the peer's receive | `pause` |
//! | waiting for an answer | `timer` |
//!
//! Sources: roce-wire.md 2.1 to 2.4, 2.7, 2.8; connectx.md 9, 10.

mod answers;

use std::collections::VecDeque;

use super::context::{Context, Failure};
use super::host::Fault;
use super::packet::{Outgoing, Trailer, packets, position, send_opcode, write_opcode};
use super::queue::SendQueue;
use super::sequence::Sequence;
use super::wqe::{Data, Fence, Operation, Wqe};
use crate::{Attributes, Counter, CqeKind, Syndrome};
use roce_wire::{AtomicEth, Bth, Extended, Opcode, Position, Reth};

/// SEND and WRITE packets that may be unacknowledged: a few round trips' worth at 100 Gbit/s.
const WINDOW: u64 = 128;
/// An acknowledgement is asked for at least every so many packets, so that a full window moves on.
const ACK_INTERVAL: u32 = 32;
/// PSNs that may be outstanding (roce-wire.md 2.1).
const MAX_OUTSTANDING: u64 = (1 << 23) - 1;
/// The unit of the acknowledgement timeout, in nanoseconds.
const TIMEOUT_UNIT_NS: u64 = 4096;

/// A WQE on its way.
#[derive(Debug)]
struct Request {
    /// Counter of its first block.
    counter: u16,
    /// Opcode of its control segment.
    opcode: u8,
    /// What it asks for, or the syndrome with which it will complete when all before it have.
    body: Result<Wqe, Syndrome>,
    /// Local, and executed.
    executed: bool,
    /// First PSN.
    first: Sequence,
    /// How many PSNs.
    packets: u64,
}

impl Request {
    fn end(&self) -> Sequence {
        self.first.plus(self.packets)
    }
}

/// The requesting half.
#[derive(Debug)]
pub struct Requester {
    queue: SendQueue,
    requests: VecDeque<Request>,
    index: usize,
    cursor: Sequence,
    oldest: Sequence,
    sent: Sequence,
    /// SEND and WRITE packets sent and not acknowledged.
    in_flight: u64,
    since_ack_request: u32,
    retries: u8,
    rnr_retries: u8,
    timer: Option<u64>,
    pause: Option<u64>,
    /// Went back because a response was lost, and nothing has arrived in order since: the last PSN that did arrive.
    implied: Option<Sequence>,
    /// The timer made it go back, and no answer has said since why it had to.
    timed_out: bool,
    /// A NAK made it go back, and nothing has arrived in order since: the peer sends one for a gap.
    nak_heard: bool,
}

impl Requester {
    /// A requester that has not sent anything.
    pub fn new(attributes: &Attributes) -> Self {
        let first = Sequence::first(attributes.next_send_psn);
        Self {
            queue: SendQueue::default(),
            requests: VecDeque::new(),
            index: 0,
            cursor: first,
            oldest: first,
            sent: first,
            in_flight: 0,
            since_ack_request: 0,
            retries: attributes.retry_count,
            rnr_retries: attributes.rnr_retry,
            timer: None,
            pause: None,
            implied: None,
            timed_out: false,
            nak_heard: false,
        }
    }

    /// Starts to send: PSNs and retry limits are those of the transition to RTS. Posted WQEs stay.
    pub fn start(&mut self, attributes: &Attributes) {
        let queue = self.queue;
        *self = Self::new(attributes);
        self.queue = queue;
    }

    /// The send doorbell was rung.
    ///
    /// # Errors
    /// The doorbell record cannot be used.
    pub fn doorbell(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        self.queue.refresh(context)
    }

    /// PSN of the next request that is not yet in the queue.
    pub fn next_psn(&self) -> u32 {
        self.requests.back().map_or(self.oldest, Request::end).wire()
    }

    /// Counter of the oldest block that is not complete.
    pub fn block_counter(&self) -> u16 {
        self.requests
            .front()
            .map_or_else(|| self.queue.next(), |request| request.counter)
    }

    /// When [`Self::expire`] must be called, in nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        self.pause.or(self.timer)
    }

    /// The next packet, if there is one to send now. Its payload is left in the context.
    ///
    /// # Errors
    /// The queue pair must fail.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Result<Option<Outgoing>, Failure> {
        if self.pause.is_some_and(|until| context.now < until) {
            return Ok(None);
        }
        self.pause = None;
        loop {
            if self.index == self.requests.len() && !self.fetch(context)? {
                return Ok(None);
            }
            if !self.may_start() {
                return Ok(None);
            }
            match &self.requests[self.index].body {
                Err(_) => {
                    self.retire(context)?;
                    return Ok(None);
                }
                Ok(wqe) if wqe.is_local() => {
                    self.execute(context);
                    self.retire(context)?;
                }
                Ok(_) => return self.packet(context),
            }
        }
    }

    /// Takes a WQE from the ring and gives it its PSNs.
    fn fetch(&mut self, context: &mut Context<'_>) -> Result<bool, Failure> {
        let Some(taken) = self.queue.take(context)? else {
            return Ok(false);
        };
        let body = taken.wqe.and_then(|wqe| limit(wqe, context.attributes));
        let packets = match &body {
            Ok(wqe) if wqe.is_local() => 0,
            Ok(wqe) => packets(wqe.length, context.mtu()),
            Err(_) => 0,
        };
        let (counter, opcode, first) = (taken.counter, taken.opcode, self.cursor);
        self.requests.push_back(Request {
            counter,
            opcode,
            body,
            executed: false,
            first,
            packets,
        });
        Ok(true)
    }

    /// Fence and read limit of the request at `index`.
    fn may_start(&self) -> bool {
        let request = &self.requests[self.index];
        let Ok(wqe) = &request.body else { return true };
        if self.cursor != request.first {
            return true;
        }
        match wqe.fence {
            Fence::All => self.index == 0,
            Fence::Reads => self.reads_before() == 0,
            Fence::None => true,
        }
    }

    /// Reads and atomics among the requests that were sent before the one at `index`.
    fn reads_before(&self) -> usize {
        let earlier = self.requests.range(..self.index);
        earlier
            .filter(|request| request.body.as_ref().is_ok_and(Wqe::is_read_or_atomic))
            .count()
    }

    /// Does what a local WQE asks for.
    fn execute(&mut self, context: &mut Context<'_>) {
        let request = &mut self.requests[self.index];
        // Going back for lost packets passes it again: it is not done twice.
        if !request.executed
            && let Ok(wqe) = &request.body
            && let Err(syndrome) = update(context, wqe)
        {
            request.body = Err(syndrome);
            return;
        }
        request.executed = true;
        self.index += 1;
    }

    /// Makes the packet at the cursor.
    fn packet(&mut self, context: &mut Context<'_>) -> Result<Option<Outgoing>, Failure> {
        let request = &self.requests[self.index];
        let Ok(wqe) = &request.body else { return Ok(None) };
        if !self.window_open(wqe, request.packets, context.attributes) {
            return Ok(None);
        }
        let index = self.cursor.since(request.first);
        context.payload.clear();
        let made = match wqe.operation {
            Operation::Read(_) | Operation::CompareSwap(..) | Operation::FetchAdd(..) => {
                Ok(query(wqe, index, context.mtu()))
            }
            _ => stream(context, wqe, index, request.packets),
        };
        let Ok((opcode, extended)) = made else {
            self.requests[self.index].body = Err(Syndrome::LocalProtection);
            context.count(Counter::ReqLocalProtection);
            self.retire(context)?;
            return Ok(None);
        };
        let single = !wqe.is_read_or_atomic();
        let last = !single || index + 1 == request.packets;
        let solicited = last && wqe.solicited && may_solicit(wqe);
        let end = if single {
            self.cursor.plus(1)
        } else {
            request.end()
        };
        let bth = Bth {
            solicited,
            ack_request: self.asks_for_ack(last),
            ..Bth::new(opcode, context.attributes.remote_qpn.0, self.cursor.wire())
        };
        self.sent_up_to(end, single, context);
        Ok(Some(Outgoing { bth, extended }))
    }

    /// There is room for the next packet of `wqe`, which takes `packets` PSNs in all.
    fn window_open(&self, wqe: &Wqe, packets: u64, attributes: &Attributes) -> bool {
        let outstanding = self.cursor.since(self.oldest);
        if outstanding != 0 && outstanding + packets > MAX_OUTSTANDING {
            return false;
        }
        if wqe.is_read_or_atomic() {
            self.reads_before() < attributes.max_initiated.max(1) as usize
        } else {
            self.in_flight < WINDOW
        }
    }

    const fn asks_for_ack(&mut self, last: bool) -> bool {
        self.since_ack_request += 1;
        let ask = last || self.since_ack_request >= ACK_INTERVAL || self.in_flight + 1 == WINDOW;
        if ask {
            self.since_ack_request = 0;
        }
        ask
    }

    fn sent_up_to(&mut self, end: Sequence, single: bool, context: &mut Context<'_>) {
        if self.cursor < self.sent {
            context.counters.retransmitted += 1;
        }
        self.cursor = end;
        self.sent = self.sent.max(end);
        self.in_flight += u64::from(single);
        if self.requests[self.index].end() == end {
            self.index += 1;
        }
        if self.timer.is_none() {
            self.restart_timer(context);
        }
    }

    fn restart_timer(&mut self, context: &Context<'_>) {
        let code = context.attributes.path.ack_timeout;
        self.timer =
            (code != 0 && self.sent > self.oldest).then(|| context.now + (TIMEOUT_UNIT_NS << (code & 0x1f)));
    }

    /// Completes the requests at the head that are done.
    ///
    /// # Errors
    /// The one now at the head has failed.
    fn retire(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        while let Some(head) = self.requests.front() {
            let wqe = match &head.body {
                Ok(wqe) => wqe,
                Err(syndrome) => return Err(Failure::Send(*syndrome)),
            };
            let done = if wqe.is_local() {
                head.executed
            } else {
                self.oldest >= head.end()
            };
            if !done {
                break;
            }
            let byte_count = if wqe.is_read_or_atomic() {
                wqe.length as u32
            } else {
                0
            };
            let completion = CqeKind::Requester {
                wqe_opcode: head.opcode,
                byte_count,
            };
            let result = if wqe.signaled {
                context.complete_send(head.counter, wqe.urgent, completion)
            } else {
                Ok(())
            };
            self.requests.pop_front();
            self.index = self.index.saturating_sub(1);
            result?;
        }
        Ok(())
    }

    /// The oldest request completes with `syndrome`.
    ///
    /// # Errors
    /// The completion queue has overrun.
    pub fn fail(&mut self, context: &Context<'_>, syndrome: Syndrome) -> Result<(), Failure> {
        let Some(head) = self.requests.pop_front() else {
            return Ok(());
        };
        let kind = CqeKind::RequesterError {
            wqe_opcode: head.opcode,
            syndrome,
            vendor: 0,
        };
        context.complete_send(head.counter, false, kind)
    }

    /// Flushes all that is posted, in order. The queue pair is in the error state.
    ///
    /// # Errors
    /// The ring cannot be read, or the completion queue has overrun.
    pub fn flush(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        self.timer = None;
        self.pause = None;
        self.index = 0;
        let flushed = |opcode| CqeKind::RequesterError {
            wqe_opcode: opcode,
            syndrome: Syndrome::Flushed,
            vendor: 0,
        };
        while let Some(request) = self.requests.pop_front() {
            context.complete_send(request.counter, false, flushed(request.opcode))?;
            context.count(Counter::ReqCqeFlushError);
        }
        while let Some((counter, opcode)) = self.queue.discard(context)? {
            context.complete_send(counter, false, flushed(opcode))?;
            context.count(Counter::ReqCqeFlushError);
        }
        Ok(())
    }
}

/// Lengths that the queue pair does not allow.
fn limit(wqe: Wqe, attributes: &Attributes) -> Result<Wqe, Syndrome> {
    let longest = if wqe.is_local() {
        u64::MAX
    } else {
        attributes.max_message.min(1 << 31)
    };
    if wqe.length > longest {
        Err(Syndrome::LocalLength)
    } else {
        Ok(wqe)
    }
}

/// Executes a key update; a NOP has nothing to do.
fn update(context: &mut Context<'_>, wqe: &Wqe) -> Result<(), Syndrome> {
    let Operation::Update(key, update) = &wqe.operation else {
        return Ok(());
    };
    let gathered;
    let list = match &wqe.data {
        Data::Inline(bytes) => bytes.as_slice(),
        Data::Pieces(pieces) => {
            context.payload.clear();
            context
                .gather(pieces, 0, wqe.length)
                .map_err(|_| Syndrome::LocalProtection)?;
            gathered = std::mem::take(context.payload);
            gathered.as_slice()
        }
    };
    context
        .host
        .update_key(context.number, *key, update, list)
        .map_err(|_| Syndrome::MemoryWindowBind)
}

/// SE goes with SENDs and writes with immediate data (roce-wire.md 2.10).
const fn may_solicit(wqe: &Wqe) -> bool {
    matches!(
        wqe.operation,
        Operation::Send(_) | Operation::Write(_, Trailer::Immediate(_))
    )
}

/// Packet `index` of `count` of a SEND or WRITE; its payload goes into the context.
fn stream(context: &mut Context<'_>, wqe: &Wqe, index: u64, count: u64) -> Result<(Opcode, Extended), Fault> {
    let mtu = u64::from(context.mtu());
    let offset = index * mtu;
    let length = mtu.min(wqe.length - offset);
    match &wqe.data {
        Data::Inline(bytes) => {
            context
                .payload
                .extend_from_slice(&bytes[offset as usize..(offset + length) as usize]);
        }
        Data::Pieces(pieces) => context.gather(pieces, offset, length)?,
    }
    Ok(stream_headers(wqe, position(index, count)))
}

fn stream_headers(wqe: &Wqe, position: Position) -> (Opcode, Extended) {
    let ends = matches!(position, Position::Last | Position::Only);
    match wqe.operation {
        Operation::Write(place, trailer) => {
            let immediate = matches!(trailer, Trailer::Immediate(_));
            let opcode = write_opcode(position, immediate);
            let reth = Reth {
                address: place.address,
                r_key: place.key.0,
                length: wqe.length as u32,
            };
            let starts = matches!(position, Position::First | Position::Only);
            let extended = match (starts, trailer) {
                (true, Trailer::Immediate(value)) if ends => Extended::RethImm(reth, value),
                (true, _) => Extended::Reth(reth),
                (false, Trailer::Immediate(value)) if ends => Extended::Imm(value),
                (false, _) => Extended::Plain,
            };
            (opcode, extended)
        }
        Operation::Send(trailer) => {
            let extended = match trailer {
                Trailer::Immediate(value) if ends => Extended::Imm(value),
                Trailer::Invalidate(key) if ends => Extended::Ieth(key),
                _ => Extended::Plain,
            };
            (send_opcode(position, trailer), extended)
        }
        _ => unreachable!("only SENDs and WRITEs are streamed"),
    }
}

/// The request of a READ, from packet `index` of its response on, or of an atomic.
fn query(wqe: &Wqe, index: u64, mtu: u32) -> (Opcode, Extended) {
    let skip = index * u64::from(mtu);
    match wqe.operation {
        Operation::Read(place) => {
            let reth = Reth {
                address: place.plus(skip).address,
                r_key: place.key.0,
                length: (wqe.length - skip) as u32,
            };
            (Opcode::ReadRequest, Extended::Reth(reth))
        }
        Operation::CompareSwap(place, swap_or_add, compare) => {
            let atomic = AtomicEth {
                address: place.address,
                r_key: place.key.0,
                swap_or_add,
                compare,
            };
            (Opcode::CompareSwap, Extended::Atomic(atomic))
        }
        Operation::FetchAdd(place, swap_or_add) => {
            let atomic = AtomicEth {
                address: place.address,
                r_key: place.key.0,
                swap_or_add,
                compare: 0,
            };
            (Opcode::FetchAdd, Extended::Atomic(atomic))
        }
        _ => unreachable!("only READs and atomics are queries"),
    }
}
