//! An SMB Direct connection: messages of the upper layer in and out, requests of the upper layer on the same queue pair.

use std::collections::VecDeque;

use super::credits::Credits;
use super::fragments::{Reassembly, cut};
use super::message::{DataTransfer, FLAG_RESPONSE_REQUESTED, NegotiateRequest, NegotiateResponse};
use super::{Agreed, Context, Endpoint, Role, Settings, SmbdError};
use crate::consumers::ndk::{Buffer, Completed, Mr, Notify, Status, sge};
use crate::sim;

/// `NDK_MR_FLAG_ALLOW_LOCAL_WRITE`.
const LOCAL_WRITE: u32 = 1;
/// `NdkOperationTypeReceiveAndInvalidate`.
const RECEIVE_AND_INVALIDATE: i32 = 0x8001;

/// What a request context says: its top bits name the owner, the rest is the owner's.
const RECEIVE: u64 = 1 << 62;
const SEND: u64 = 2 << 62;

/// What happened on the connection.
#[derive(Debug)]
pub enum Event {
    /// A message of the upper layer, with the token that its sender invalidated.
    Message {
        /// The message, whole.
        bytes: Vec<u8>,
        /// The own token that is now invalid.
        invalidated: Option<u32>,
    },
    /// A request of the upper layer completed; its context.
    Done(u64),
    /// The peer disconnected.
    Disconnected,
}

/// A data message that waits for a credit and a buffer.
struct Queued {
    data: Vec<u8>,
    remaining: u32,
    flags: u16,
    invalidate: Option<u32>,
}

/// Slots of equal size in one registered buffer.
struct Slots {
    buffer: Buffer,
    mr: Mr,
    size: usize,
    free: Vec<u32>,
}

impl Slots {
    fn new(endpoint: &Endpoint, count: u32, size: u32, flags: u32) -> Result<Self, SmbdError> {
        let size = size.next_multiple_of(64) as usize;
        let buffer = Buffer::new(count as usize * size);
        let mr = endpoint.pd.register(&buffer, flags).during("NdkRegisterMr")?;
        Ok(Self {
            buffer,
            mr,
            size,
            free: (0..count).rev().collect(),
        })
    }

    fn bytes(&self, slot: u32, length: usize) -> &[u8] {
        &self.buffer.bytes()[slot as usize * self.size..][..length]
    }

    fn sge(&self, slot: u32, length: usize) -> cxndk::sys::ndkpi::NDK_SGE {
        let address = self.buffer.address().wrapping_add(slot as usize * self.size);
        sge(address, length as u32, self.mr.local_token())
    }
}

/// One side of an SMB Direct connection.
pub struct Connection {
    endpoint: Endpoint,
    settings: Settings,
    agreed: Agreed,
    credits: Credits,
    receives: Slots,
    sends: Slots,
    queue: VecDeque<Queued>,
    reassembly: Reassembly,
    events: VecDeque<Event>,
    results: VecDeque<Completed>,
    /// Data came since credits were last granted.
    owes_credits: bool,
    /// When the peer was last heard of, in virtual nanoseconds.
    heard: u64,
    /// Until when an asked peer must be heard of.
    answer_due: Option<u64>,
}

impl Connection {
    /// Posts the receives that the negotiation needs. Before connecting or accepting.
    ///
    /// # Errors
    ///
    /// The registration or post that failed. The endpoint is closed again.
    pub fn prepare(endpoint: Endpoint, settings: Settings) -> Result<Self, SmbdError> {
        endpoint.wake.own();
        let (receives, sends) = match Self::slots(&endpoint, &settings) {
            Ok(slots) => slots,
            Err(error) => {
                endpoint.close_queue_pair()?;
                endpoint.close_rest()?;
                return Err(error);
            }
        };
        let agreed = Agreed {
            max_send_size: settings.max_send_size,
            max_receive_size: settings.max_receive_size,
            peer_max_fragmented_size: 0,
            peer_credits_requested: settings.send_credit_target,
            send_credits: 0,
            max_read_write_size: 0,
        };
        let mut this = Self {
            endpoint,
            settings,
            agreed,
            credits: Credits::default(),
            receives,
            sends,
            queue: VecDeque::new(),
            reassembly: Reassembly::default(),
            events: VecDeque::new(),
            results: VecDeque::new(),
            owes_credits: false,
            heard: sim::now(),
            answer_due: None,
        };
        match this.post_receive() {
            Ok(_) => Ok(this),
            Err(error) => {
                this.close()?;
                Err(error)
            }
        }
    }

    fn slots(endpoint: &Endpoint, settings: &Settings) -> Result<(Slots, Slots), SmbdError> {
        let count = u32::from(settings.receive_credit_max);
        let receives = Slots::new(endpoint, count, settings.max_receive_size, LOCAL_WRITE)?;
        let sends = Slots::new(
            endpoint,
            u32::from(settings.send_credit_target),
            settings.max_send_size,
            0,
        );
        let sends = sends.inspect_err(|_| {
            if let Err(status) = receives.mr.close_and_wait() {
                sim::fail("LIFE-30", format!("NdkCloseMr returned {status}"));
            }
        })?;
        Ok((receives, sends))
    }

    /// The objects below.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The objects below, to connect or accept with.
    pub const fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// What was negotiated.
    pub const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// Negotiates, in the given role. After it the connection carries messages.
    ///
    /// # Errors
    ///
    /// Why the connection must be closed.
    pub fn negotiate(&mut self, role: Role) -> Result<(), SmbdError> {
        match role {
            Role::Client => self.negotiate_as_client(),
            Role::Server => self.negotiate_as_server(),
        }
    }

    fn negotiate_as_client(&mut self) -> Result<(), SmbdError> {
        let request = self.settings.request().encode();
        self.post_send(&request, None)?;
        let bytes = self.negotiation_message()?;
        self.agreed = self.settings.conclude(&NegotiateResponse::parse(&bytes)?)?;
        self.post_receives()?;
        self.credits.begin(self.agreed.send_credits, 0);
        // The server learns of the client's receives from an empty first message.
        self.enqueue(Vec::new(), 0, 0, None);
        self.pump()
    }

    fn negotiate_as_server(&mut self) -> Result<(), SmbdError> {
        let bytes = self.negotiation_message()?;
        let accepted = self.settings.accept(&NegotiateRequest::parse(&bytes)?);
        if let Err(SmbdError::Version(..)) = accepted {
            self.refuse_version()?;
        }
        self.agreed = accepted?;
        self.post_receives()?;
        let grant = self.credits.grantable();
        let response = self.settings.response(&self.agreed, grant).encode();
        self.credits.begin(0, grant);
        self.post_send(&response, None)
    }

    fn refuse_version(&mut self) -> Result<(), SmbdError> {
        use super::message::{STATUS_NOT_SUPPORTED, VERSION};
        let refusal = NegotiateResponse {
            min_version: VERSION,
            max_version: VERSION,
            negotiated_version: 0,
            credits_requested: 0,
            credits_granted: 0,
            status: STATUS_NOT_SUPPORTED,
            max_read_write_size: 0,
            preferred_send_size: 0,
            max_receive_size: 0,
            max_fragmented_size: 0,
        };
        self.post_send(&refusal.encode(), None)
    }

    /// Waits for the one message that is not a data transfer message. Its receive is not posted again by itself.
    fn negotiation_message(&mut self) -> Result<Vec<u8>, SmbdError> {
        let deadline = sim::now() + self.settings.negotiate_ns;
        loop {
            self.poll();
            while let Some(result) = self.take_result() {
                if let Some((slot, length)) = self.received(&result)? {
                    let bytes = self.receives.bytes(slot, length).to_vec();
                    self.receives.free.push(slot);
                    return Ok(bytes);
                }
            }
            if self.endpoint.wake.disconnected() {
                return Err(SmbdError::Disconnected);
            }
            if self.wait(deadline) {
                return Err(SmbdError::Silent);
            }
        }
    }

    /// Queues a message of the upper layer; `invalidate` is the peer's token that its arrival shall invalidate.
    ///
    /// # Errors
    ///
    /// [`SmbdError::TooLong`], or the post that failed.
    pub fn send(&mut self, message: &[u8], invalidate: Option<u32>) -> Result<(), SmbdError> {
        if message.len() as u64 > u64::from(self.agreed.peer_max_fragmented_size) {
            return Err(SmbdError::TooLong(message.len()));
        }
        for piece in cut(message.len(), self.agreed.max_send_size) {
            // The token must outlive all but the last piece.
            let token = invalidate.filter(|_| piece.remaining == 0);
            self.enqueue(
                message[piece.start..piece.end].to_vec(),
                piece.remaining,
                0,
                token,
            );
        }
        self.pump()
    }

    fn enqueue(&mut self, data: Vec<u8>, remaining: u32, flags: u16, invalidate: Option<u32>) {
        self.queue.push_back(Queued {
            data,
            remaining,
            flags,
            invalidate,
        });
    }

    /// Sends what credits and buffers allow.
    fn pump(&mut self) -> Result<(), SmbdError> {
        while self.credits.may_send() && !self.sends.free.is_empty() {
            let Some(next) = self.queue.pop_front() else { break };
            let header = DataTransfer {
                credits_requested: self.settings.send_credit_target,
                credits_granted: self.credits.take(),
                flags: next.flags,
                remaining_length: next.remaining,
                data: &next.data,
            };
            let message = header.encode();
            self.owes_credits = false;
            self.post_send(&message, next.invalidate)?;
        }
        Ok(())
    }

    fn post_send(&mut self, message: &[u8], invalidate: Option<u32>) -> Result<(), SmbdError> {
        let slot = self.sends.free.pop().expect("a send has a buffer");
        let start = slot as usize * self.sends.size;
        self.sends.buffer.bytes_mut()[start..start + message.len()].copy_from_slice(message);
        let entry = [self.sends.sge(slot, message.len())];
        let (qp, context) = (self.endpoint.qp, SEND | u64::from(slot));
        match invalidate {
            None => qp.send(context, &entry, 0).during("NdkSend"),
            Some(token) => qp
                .send_and_invalidate(context, &entry, 0, token)
                .during("NdkSendAndInvalidate"),
        }
    }

    fn post_receive(&mut self) -> Result<bool, SmbdError> {
        let Some(slot) = self.receives.free.pop() else {
            return Ok(false);
        };
        let entry = [self.receives.sge(slot, self.agreed.max_receive_size as usize)];
        self.endpoint
            .qp
            .receive(RECEIVE | u64::from(slot), &entry)
            .during("NdkReceive")?;
        Ok(true)
    }

    /// Posts every free receive buffer; each is a credit for the peer.
    fn post_receives(&mut self) -> Result<(), SmbdError> {
        while self.post_receive()? {
            self.credits.posted(1);
        }
        Ok(())
    }

    fn poll(&mut self) {
        self.endpoint.cq.poll(&mut self.results, 64);
    }

    fn take_result(&mut self) -> Option<Completed> {
        self.results.pop_front()
    }

    /// Sorts a completion: a received message is given back as buffer and length; the rest is dealt with.
    fn received(&mut self, result: &Completed) -> Result<Option<(u32, usize)>, SmbdError> {
        let slot = result.request as u32;
        let (what, owner) = match result.request & (3 << 62) {
            RECEIVE => ("a receive", RECEIVE),
            SEND => ("a send", SEND),
            _ => ("a request", 0),
        };
        if result.status != Status::SUCCESS {
            return Err(SmbdError::Completion {
                what,
                status: result.status,
            });
        }
        match owner {
            RECEIVE => return Ok(Some((slot, result.bytes as usize))),
            SEND => self.sends.free.push(slot),
            _ => self.events.push_back(Event::Done(result.request)),
        }
        Ok(None)
    }

    fn take_message(&mut self, slot: u32, length: usize, invalidated: Option<u32>) -> Result<(), SmbdError> {
        self.heard = sim::now();
        self.answer_due = None;
        let message = DataTransfer::parse(self.receives.bytes(slot, length))?;
        if !self.credits.arrived(message.credits_granted) {
            return Err(SmbdError::NoCredit);
        }
        let asked = message.flags & FLAG_RESPONSE_REQUESTED != 0;
        let carries_data = !message.data.is_empty();
        let whole = if carries_data {
            self.reassembly
                .push(&message, self.settings.max_fragmented_size)?
        } else {
            None
        };
        self.owes_credits |= carries_data;
        self.receives.free.push(slot);
        self.post_receives()?;
        if let Some(bytes) = whole {
            self.events.push_back(Event::Message { bytes, invalidated });
        }
        if asked && self.queue.is_empty() {
            self.enqueue(Vec::new(), 0, 0, None);
        }
        Ok(())
    }

    /// Deals with all completions that are there.
    fn process(&mut self) -> Result<(), SmbdError> {
        self.poll();
        while let Some(result) = self.take_result() {
            if let Some((slot, length)) = self.received(&result)? {
                let invalidated = (result.kind == RECEIVE_AND_INVALIDATE).then_some(result.invalidated);
                self.take_message(slot, length, invalidated)?;
            }
        }
        self.pump()
    }

    /// The next event; waits for it.
    ///
    /// # Errors
    ///
    /// Why the connection must be closed.
    pub fn next_event(&mut self) -> Result<Event, SmbdError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.process()?;
            if !self.events.is_empty() {
                continue;
            }
            if self.endpoint.wake.disconnected() {
                return Ok(Event::Disconnected);
            }
            self.grant_what_is_owed()?;
            let deadline = self.answer_due.unwrap_or(self.heard + self.settings.keepalive_ns);
            if self.wait(deadline) {
                self.ask_for_life()?;
            }
        }
    }

    /// With nothing to say, says how many receives are posted, so that the peer does not starve.
    fn grant_what_is_owed(&mut self) -> Result<(), SmbdError> {
        let low = self.credits.peer_runs_low(self.agreed.peer_credits_requested);
        let owes = self.owes_credits && low && self.credits.grantable() > 0;
        if owes && self.queue.is_empty() {
            self.enqueue(Vec::new(), 0, 0, None);
            self.pump()?;
        }
        Ok(())
    }

    fn ask_for_life(&mut self) -> Result<(), SmbdError> {
        if self.answer_due.is_some() {
            return Err(SmbdError::Silent);
        }
        self.answer_due = Some(sim::now() + self.settings.keepalive_answer_ns);
        self.enqueue(Vec::new(), 0, FLAG_RESPONSE_REQUESTED, None);
        self.pump()
    }

    /// Arms the queue and waits for a notification; true if the time came first.
    fn wait(&mut self, deadline: u64) -> bool {
        self.endpoint.cq.arm(Notify::Any);
        // What arrived before the arm may not be announced (CQ-13).
        self.poll();
        if !self.results.is_empty() || self.endpoint.wake.take_notified() {
            return false;
        }
        if self.endpoint.wake.disconnected() {
            return false;
        }
        sim::park_until("an SMB Direct completion", deadline) && sim::now() >= deadline
    }

    /// Waits until every send has completed, so that nothing is lost by a disconnect (CONN-69).
    ///
    /// # Errors
    ///
    /// Why the connection must be closed.
    pub fn drain_sends(&mut self) -> Result<(), SmbdError> {
        let all = usize::from(self.settings.send_credit_target);
        while self.sends.free.len() < all || !self.queue.is_empty() {
            self.process()?;
            if self.endpoint.wake.disconnected() {
                return Ok(());
            }
            if self.sends.free.len() < all {
                self.wait(sim::now() + self.settings.keepalive_ns);
            }
        }
        Ok(())
    }

    /// Closes the connection's objects, last made first, connected or not.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close(self) -> Result<(), SmbdError> {
        let Self {
            endpoint,
            receives,
            sends,
            ..
        } = self;
        // The queue pair goes first: it may still hold receives that point into the registered memory.
        endpoint.close_queue_pair()?;
        sends.mr.close_and_wait().during("NdkCloseMr")?;
        receives.mr.close_and_wait().during("NdkCloseMr")?;
        endpoint.close_rest()
    }
}
