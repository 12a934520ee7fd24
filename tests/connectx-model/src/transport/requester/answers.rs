//! What the requester does with acknowledgements and responses, and when none come (roce-wire.md 2.4, 2.7, 2.8).

use super::{Request, Requester};
use crate::transport::context::{Context, Failure};
use crate::transport::packet::{Answer, Incoming};
use crate::transport::sequence::Sequence;
use crate::transport::wqe::{Data, Operation, Wqe};
use crate::{Counter, Syndrome};
use roce_wire::{Opcode, Position};

/// The value of `rnr_retry` that stands for retries without end.
const RNR_WITHOUT_END: u8 = 7;

/// Time to wait after an RNR NAK, by its code, in nanoseconds (roce-wire.md 2.4).
const RNR_NS: [u64; 32] = [
    655_360_000,
    10_000,
    20_000,
    30_000,
    40_000,
    60_000,
    80_000,
    120_000,
    160_000,
    240_000,
    320_000,
    480_000,
    640_000,
    960_000,
    1_280_000,
    1_920_000,
    2_560_000,
    3_840_000,
    5_120_000,
    7_680_000,
    10_240_000,
    15_360_000,
    20_480_000,
    30_720_000,
    40_960_000,
    61_440_000,
    81_920_000,
    122_880_000,
    163_840_000,
    245_760_000,
    327_680_000,
    491_520_000,
];

impl Requester {
    /// Handles a response packet. The context's payload is not touched.
    ///
    /// # Errors
    /// The queue pair must fail.
    pub fn receive(&mut self, context: &mut Context<'_>, packet: &Incoming<'_>) -> Result<(), Failure> {
        let psn = self.oldest.near(packet.bth.psn);
        if psn < self.oldest || psn >= self.sent {
            return Ok(());
        }
        let answer = packet
            .extended
            .aeth()
            .map(|aeth| Answer::of(aeth).ok_or(BAD_RESPONSE))
            .transpose()?;
        match (packet.bth.opcode, answer) {
            (Opcode::Acknowledge, Some(answer)) => self.acknowledged(context, psn, answer),
            (_, None | Some(Answer::Ack)) => self.response(context, psn, packet),
            _ => Err(BAD_RESPONSE),
        }
    }

    fn acknowledged(
        &mut self,
        context: &mut Context<'_>,
        psn: Sequence,
        answer: Answer,
    ) -> Result<(), Failure> {
        let up_to = if answer == Answer::Ack { psn.plus(1) } else { psn };
        count(context, answer);
        if self.advance(context, up_to)? {
            return self.response_lost(context, psn);
        }
        match answer {
            Answer::Ack => Ok(()),
            Answer::NotReady(code) => self.not_ready(context, code),
            Answer::Sequence if std::mem::replace(&mut self.nak_heard, true) => Ok(()),
            Answer::Sequence => self.told_to_go_back(context),
            Answer::InvalidRequest => Err(Failure::Send(Syndrome::RemoteInvalidRequest)),
            Answer::RemoteAccess => Err(Failure::Send(Syndrome::RemoteAccess)),
            Answer::RemoteOperation => Err(Failure::Send(Syndrome::RemoteOperation)),
        }
    }

    /// All PSNs before `to` are acknowledged, but for reads and atomics whose response has not come: `true` if one of
    /// those stands in the way.
    fn advance(&mut self, context: &Context<'_>, to: Sequence) -> Result<bool, Failure> {
        let before = self.oldest;
        let mut missing = false;
        while self.oldest < to {
            let Some(head) = self.requests.front() else { break };
            if head.body.as_ref().is_ok_and(Wqe::is_read_or_atomic) {
                missing = true;
                break;
            }
            let next = to.min(head.end());
            self.in_flight = self
                .in_flight
                .saturating_sub(next.min(self.cursor).since(self.oldest));
            self.oldest = next;
            self.retire(context)?;
        }
        if self.oldest > before {
            self.progressed(context);
        }
        Ok(missing)
    }

    /// Something new was acknowledged: retries and timer begin anew.
    fn progressed(&mut self, context: &Context<'_>) {
        self.retries = context.attributes.retry_count;
        self.rnr_retries = context.attributes.rnr_retry;
        self.implied = None;
        self.timed_out = false;
        self.nak_heard = false;
        if self.cursor < self.oldest {
            self.rewind();
        }
        self.restart_timer(context);
    }

    /// Sends again from the oldest PSN that is not acknowledged.
    const fn rewind(&mut self) {
        self.cursor = self.oldest;
        self.index = 0;
        self.in_flight = 0;
        self.since_ack_request = 0;
    }

    /// Goes back, at the price of a retry.
    fn retry(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        if self.retries == 0 {
            context.count(Counter::ReqTransportRetriesExceeded);
            return Err(Failure::Send(Syndrome::TransportRetryExceeded));
        }
        self.retries -= 1;
        self.rewind();
        self.restart_timer(context);
        Ok(())
    }

    /// An answer says that something is missing. If the timer has gone back for it already, the answer may be to what was sent
    /// before that: the way back is paid for.
    fn told_to_go_back(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        if std::mem::take(&mut self.timed_out) {
            self.rewind();
            self.restart_timer(context);
            return Ok(());
        }
        self.retry(context)
    }

    /// A response at `psn`, beyond a read or atomic, arrived before that one's own: it is lost. Later responses of the
    /// same flight say nothing new, but that the peer is there and what was asked for again is behind them; when PSNs step
    /// back, a new flight has begun, and its first response is lost too.
    fn response_lost(&mut self, context: &mut Context<'_>, psn: Sequence) -> Result<(), Failure> {
        let last = self.implied.replace(psn);
        if last.is_some_and(|last| psn >= last) {
            self.restart_timer(context);
            return Ok(());
        }
        context.counters.implied_naks += 1;
        context.count(Counter::ImpliedNakSeqErr);
        self.told_to_go_back(context)
    }

    fn not_ready(&mut self, context: &Context<'_>, code: u8) -> Result<(), Failure> {
        if self.pause.is_some() {
            return Ok(());
        }
        if self.rnr_retries == 0 {
            context.count(Counter::ReqRnrRetriesExceeded);
            return Err(Failure::Send(Syndrome::RnrRetryExceeded));
        }
        if context.attributes.rnr_retry != RNR_WITHOUT_END {
            self.rnr_retries -= 1;
        }
        self.rewind();
        self.timer = None;
        self.pause = Some(context.now + RNR_NS[usize::from(code & 0x1f)]);
        Ok(())
    }

    /// Time has come to [`Requester::deadline`], or beyond.
    ///
    /// # Errors
    /// The queue pair must fail.
    pub fn expire(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if let Some(until) = self.pause {
            if context.now >= until {
                self.pause = None;
            }
            return Ok(());
        }
        if self.timer.is_none_or(|at| context.now < at) {
            return Ok(());
        }
        self.timer = None;
        if self.sent == self.oldest {
            return Ok(());
        }
        context.counters.timeouts += 1;
        context.count(Counter::LocalAckTimeoutErr);
        self.timed_out = true;
        self.retry(context)
    }

    /// A read response or atomic acknowledgement. It acknowledges all before it.
    fn response(
        &mut self,
        context: &mut Context<'_>,
        psn: Sequence,
        packet: &Incoming<'_>,
    ) -> Result<(), Failure> {
        if self.advance(context, psn)? {
            return self.response_lost(context, psn);
        }
        let Some(Request {
            body: Ok(wqe),
            first,
            packets,
            ..
        }) = self.requests.front()
        else {
            return Err(BAD_RESPONSE);
        };
        let index = psn.since(*first);
        match (&wqe.operation, packet.bth.opcode) {
            (Operation::Read(_), Opcode::AtomicAcknowledge) => return Err(BAD_RESPONSE),
            (Operation::Read(_), _) => place_read(context, wqe, (index, *packets), packet)?,
            (Operation::CompareSwap(..) | Operation::FetchAdd(..), Opcode::AtomicAcknowledge) => {
                place_original(context, wqe, packet)?;
            }
            _ => return Err(BAD_RESPONSE),
        }
        self.oldest = psn.plus(1);
        self.retire(context)?;
        self.progressed(context);
        Ok(())
    }
}

const BAD_RESPONSE: Failure = Failure::Send(Syndrome::BadResponse);

fn count(context: &mut Context<'_>, answer: Answer) {
    match answer {
        Answer::Ack => {}
        Answer::NotReady(_) => {
            context.counters.rnr_naks_received += 1;
            context.count(Counter::RnrNakRetryErr);
        }
        Answer::Sequence => {
            context.counters.naks_received += 1;
            context.count(Counter::PacketSeqErr);
        }
        Answer::InvalidRequest => {
            context.counters.naks_received += 1;
            context.count(Counter::ReqRemoteInvalidRequest);
        }
        Answer::RemoteAccess => {
            context.counters.naks_received += 1;
            context.count(Counter::ReqRemoteAccessErrors);
        }
        Answer::RemoteOperation => {
            context.counters.naks_received += 1;
            context.count(Counter::ReqRemoteOperationErrors);
        }
    }
}

/// Packet `at.0` of the `at.1` of a read's response. A response that was asked for again begins with FIRST or ONLY wherever it
/// begins, so only the end of the message is fixed.
fn place_read(
    context: &Context<'_>,
    wqe: &Wqe,
    at: (u64, u64),
    packet: &Incoming<'_>,
) -> Result<(), Failure> {
    let mtu = u64::from(context.mtu());
    let offset = at.0 * mtu;
    let ends = at.0 + 1 == at.1;
    let expected = if ends { wqe.length - offset } else { mtu };
    let position = packet.bth.opcode.position();
    let fits = match position {
        Position::Last | Position::Only => ends,
        Position::First => !ends,
        Position::Middle => !ends && at.0 != 0,
    };
    if !fits || packet.payload.len() as u64 != expected {
        return Err(BAD_RESPONSE);
    }
    let Data::Pieces(pieces) = &wqe.data else {
        return Err(BAD_RESPONSE);
    };
    context
        .scatter(pieces, offset, packet.payload)
        .map_err(|_| local_protection(context))
}

/// The value that an atomic found, in the byte order of the host.
fn place_original(context: &Context<'_>, wqe: &Wqe, packet: &Incoming<'_>) -> Result<(), Failure> {
    let roce_wire::Extended::AethAtomic(_, original) = packet.extended else {
        return Err(BAD_RESPONSE);
    };
    let Data::Pieces(pieces) = &wqe.data else {
        return Err(BAD_RESPONSE);
    };
    context
        .scatter(pieces, 0, &original.to_le_bytes())
        .map_err(|_| local_protection(context))
}

fn local_protection(context: &Context<'_>) -> Failure {
    context.count(Counter::ReqLocalProtection);
    Failure::Send(Syndrome::LocalProtection)
}
