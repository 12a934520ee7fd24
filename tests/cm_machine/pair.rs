//! Two state machines and the wire between them.

use std::collections::VecDeque;

use cxndk::cm::machine::{Machine, News, State, Step};
use cxndk::cm::mad::{
    CommId, Failover, IpCmHeader, Mad, Message, Path, Psn, Qpn, Rep, Req, ServiceId, TransportService,
};
use cxndk::cm::timeouts::{MAX_CM_RETRIES, RESPONSE_TIMEOUT, TARGET_ACK_DELAY, answer_ms};

pub(crate) const ACTIVE: CommId = CommId(0xa11c_e001);
pub(crate) const PASSIVE: CommId = CommId(0xb0b0_b002);
pub(crate) const ACTIVE_GUID: u64 = 0x5254_00ff_fe00_000a;
pub(crate) const PASSIVE_GUID: u64 = 0x5254_00ff_fe00_000b;
pub(crate) const ACTIVE_QPN: u32 = 0x21;
pub(crate) const PASSIVE_QPN: u32 = 0x42;
pub(crate) const TRANSACTION: u64 = 0x1234_5678_9abc_def0;
/// The wait for each answer, in milliseconds.
pub(crate) const WAIT: u64 = answer_ms(RESPONSE_TIMEOUT);

pub(crate) fn request() -> Req {
    let header = IpCmHeader {
        source_port: 50_000,
        source: [10, 9, 0, 1].into(),
        destination: [10, 9, 0, 2].into(),
    };
    Req {
        local_comm_id: ACTIVE,
        vendor_id: 0,
        service_id: ServiceId::tcp(445),
        local_ca_guid: ACTIVE_GUID,
        local_q_key: 0,
        local_qpn: Qpn::new(ACTIVE_QPN),
        responder_resources: 16,
        local_eecn: 0,
        initiator_depth: 16,
        remote_eecn: 0,
        remote_response_timeout: RESPONSE_TIMEOUT,
        transport: TransportService::Rc,
        flow_control: false,
        starting_psn: Psn::new(100),
        local_response_timeout: RESPONSE_TIMEOUT,
        retry_count: 7,
        p_key: 0xffff,
        path_mtu: 3,
        rdc_exists: false,
        rnr_retry_count: 7,
        max_cm_retries: MAX_CM_RETRIES,
        srq: false,
        extended_transport: 0,
        primary: Path {
            ack_timeout: 15,
            ..Path::default()
        },
        alternate: Path::default(),
        private_data: header.encode(b"hello"),
    }
}

pub(crate) fn acceptance() -> Rep {
    Rep {
        local_comm_id: CommId::NONE,
        remote_comm_id: CommId::NONE,
        local_q_key: 0,
        local_qpn: Qpn::new(PASSIVE_QPN),
        local_eecn: 0,
        starting_psn: Psn::new(200),
        vendor_id: 0,
        responder_resources: 8,
        initiator_depth: 8,
        target_ack_delay: TARGET_ACK_DELAY,
        failover: Failover::Accepted,
        flow_control: false,
        rnr_retry_count: 7,
        srq: false,
        local_ca_guid: 0,
        private_data: [0; 196],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Active,
    Passive,
}

/// Two nodes and the wire between them; time stands still unless a test moves it.
pub(crate) struct Pair {
    pub(crate) now: u64,
    pub(crate) active: Machine,
    pub(crate) passive: Option<Machine>,
    pub(crate) wire: VecDeque<(End, Mad)>,
    pub(crate) news: Vec<(End, News)>,
    /// Messages sent so far.
    pub(crate) sent: u32,
    /// Whether the message of this number is lost.
    pub(crate) lose: Box<dyn Fn(u32) -> bool>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::losing(|_| false)
    }

    pub(crate) fn losing(lose: impl Fn(u32) -> bool + 'static) -> Self {
        let (active, step) = Machine::active(&request(), TRANSACTION, 0);
        let mut pair = Self {
            now: 0,
            active,
            passive: None,
            wire: VecDeque::new(),
            news: Vec::new(),
            sent: 0,
            lose: Box::new(lose),
        };
        pair.took(End::Active, &step);
        pair
    }

    pub(crate) fn established() -> Self {
        let mut pair = Self::new();
        pair.deliver();
        pair.accept();
        pair.deliver();
        pair.ready();
        pair.deliver();
        assert_eq!(pair.states(), (State::Established, State::Established));
        pair.news.clear();
        pair
    }

    pub(crate) fn machine(&mut self, end: End) -> &mut Machine {
        match end {
            End::Active => &mut self.active,
            End::Passive => self.passive.as_mut().expect("a request has arrived"),
        }
    }

    pub(crate) fn states(&self) -> (State, State) {
        (
            self.active.state(),
            self.passive.as_ref().map_or(State::Idle, Machine::state),
        )
    }

    /// Sends and notes what a step of `end` asks for.
    pub(crate) fn took(&mut self, end: End, step: &Step) {
        if let Some(mad) = step.send {
            let to = if end == End::Active {
                End::Passive
            } else {
                End::Active
            };
            if !(self.lose)(self.sent) {
                let bytes = mad.encode();
                self.wire
                    .push_back((to, Mad::parse(&bytes).expect("our own message")));
            }
            self.sent += 1;
        }
        if let Some(news) = step.news {
            self.news.push((end, news));
        }
    }

    /// Delivers everything that is on the wire, and what it brings about.
    pub(crate) fn deliver(&mut self) {
        while let Some((to, mad)) = self.wire.pop_front() {
            let now = self.now;
            if to == End::Passive && self.passive.is_none() {
                let Message::Req(req) = mad.message else { continue };
                self.passive = Some(Machine::passive(
                    &req,
                    mad.header.transaction_id,
                    PASSIVE,
                    PASSIVE_GUID,
                ));
                continue;
            }
            let step = self.machine(to).receive(&mad, now);
            self.took(to, &step);
        }
    }

    pub(crate) fn accept(&mut self) {
        let now = self.now;
        let step = self
            .machine(End::Passive)
            .reply(acceptance(), now)
            .expect("a request waits");
        self.took(End::Passive, &step);
    }

    pub(crate) fn ready(&mut self) {
        let step = self.active.ready().expect("a reply is there");
        self.took(End::Active, &step);
    }

    pub(crate) fn disconnect(&mut self, end: End) {
        let now = self.now;
        let step = self.machine(end).disconnect(now).expect("established");
        self.took(end, &step);
    }

    pub(crate) fn abandon(&mut self, end: End) {
        let now = self.now;
        let step = self.machine(end).abandon(now);
        self.took(end, &step);
    }

    /// Moves to the next deadline of either end. `false` if there is none.
    pub(crate) fn tick(&mut self) -> bool {
        let deadlines = [
            self.active.deadline(),
            self.passive.as_ref().and_then(Machine::deadline),
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        let step = self.active.expire(now);
        self.took(End::Active, &step);
        if let Some(step) = self.passive.as_mut().map(|machine| machine.expire(now)) {
            self.took(End::Passive, &step);
        }
        true
    }

    /// What is next on the wire.
    pub(crate) fn next(&self) -> Message {
        self.wire.front().expect("something on the wire").1.message
    }
}
