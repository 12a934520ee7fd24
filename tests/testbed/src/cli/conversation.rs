//! Two clients that talk: calls, messages with checksums, closes by either side.

use cxndk::co::format::{Call, Flow, PrivateData};

use super::call_report::CallReport;
use crate::consumers::condis::{CallClient, CoHandle, News};
use crate::sim::{self, Stream};
use crate::world::World;

/// Port of the SAP.
const PORT: u16 = 7000;
/// Largest message.
const LARGEST: u32 = 4096;
/// Messages under way at most, each way.
const BATCH: u64 = 128;
/// How long anything may take, in virtual nanoseconds.
const PATIENCE: u64 = 600 * sim::SECOND;
/// Number and checksum of a message.
const FRAME: usize = 12;
const PENDING: i32 = 0x103;

/// Both clients, and what has come of it so far.
pub(super) struct Conversation<'a> {
    world: &'a World,
    a: CallClient,
    b: CallClient,
    families: [CoHandle; 2],
    sap: CoHandle,
    vc: Option<CoHandle>,
    report: CallReport,
}

fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let (end, mut pause) = (sim::now() + PATIENCE, 2 * sim::MICROSECOND);
    while !ready() {
        if sim::now() >= end {
            sim::fail("CALL", format!("waited in vain: {what}"));
        }
        sim::sleep(pause);
        pause = (pause + pause / 4).min(sim::MILLISECOND);
    }
}

/// Message `number`: number, noise of a length of the seed's choice, checksum over both.
fn message(number: u64) -> Vec<u8> {
    let length = sim::choose(Stream::Ndis, u64::from(LARGEST) - FRAME as u64 + 1) as usize;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((0..length).map(|at| (number as usize * 131 + at * 7 + at / 256) as u8));
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// Whether it is message `number`, whole.
fn is_message(bytes: &[u8], number: u64) -> bool {
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    crc32fast::hash(body) == u32::from_le_bytes(*sum) && body.first_chunk() == Some(&number.to_le_bytes())
}

impl<'a> Conversation<'a> {
    /// Opens the address family on both hosts and registers a SAP on B.
    pub(super) fn open(world: &'a World) -> Self {
        let client = |host: usize| CallClient::register(&world.hosts[host].adapter);
        let (a, b) = (client(0), client(1));
        let families = [a.open_family(), b.open_family()];
        let sap = b.register_sap(families[1], world.hosts[1].at(PORT));
        until("the SAP", || b.news(sap) == [News::SapRegistered(0)]);
        let report = CallReport::default();
        Self {
            world,
            a,
            b,
            families,
            sap,
            vc: None,
            report,
        }
    }

    fn parameters(&self) -> Call {
        let flow = Flow {
            transmit: LARGEST,
            receive: LARGEST,
        };
        Call {
            local: self.world.hosts[0].at(0),
            remote: self.world.hosts[1].at(PORT),
            message_size: LARGEST,
            send_depth: 32,
            receive_depth: 32,
            flow,
            private_data: PrivateData::new(b"call").expect("it is short"),
        }
    }

    fn made(&self, vc: CoHandle, before: usize) -> bool {
        let news = self.a.news(vc);
        let made: Vec<_> = news
            .iter()
            .filter(|news| matches!(news, News::Made(..)))
            .collect();
        if let Some(News::Made(status, _)) = made.get(before)
            && *status != 0
        {
            sim::fail("CALL", format!("the call failed with {status:#x}"));
        }
        made.len() > before
    }

    /// Makes a call on the one VC of A, which is used again; B's VC of it.
    fn connect(&mut self) -> (CoHandle, CoHandle) {
        let vc = *self.vc.get_or_insert_with(|| self.a.create_vc(self.families[0]));
        let made = self
            .a
            .news(vc)
            .iter()
            .filter(|news| matches!(news, News::Made(..)))
            .count();
        let before = self.b.incoming(self.families[1]).len();
        self.a.make_call(vc, self.parameters(), None);
        until("the call", || self.made(vc, made));
        let mut peer = None;
        until("the peer", || {
            peer = self.b.incoming(self.families[1]).get(before).copied();
            peer.is_some_and(|peer| self.b.news(peer).contains(&News::Connected))
        });
        self.report.calls += 1;
        (vc, peer.unwrap_or(CoHandle::NULL))
    }

    /// A call in which both sides send `messages`; closed by B if `by_peer`, else by A.
    pub(super) fn converse(&mut self, messages: u64, by_peer: bool) {
        let (vc, peer) = self.connect();
        let started = sim::now();
        let mut done = 0;
        while done < messages {
            let batch = done..messages.min(done + BATCH);
            self.exchange(vc, peer, batch.clone());
            done = batch.end;
        }
        self.report.virtual_ns += sim::now() - started;
        let (first, second) = ((self.a.clone(), vc), (self.b.clone(), peer));
        let (first, second) = if by_peer { (second, first) } else { (first, second) };
        self.hang_up(&first.0, first.1, None);
        until("the other side hears", || {
            let heard = |news: &News| matches!(news, News::PeerClosed(..));
            second.0.news(second.1).iter().any(heard)
        });
        self.hang_up(&second.0, second.1, None);
        until("the call manager's VC goes", || {
            self.b.news(peer).contains(&News::Deleted)
        });
    }

    /// Both sides send a batch, in packets of one message or two, and check what arrives.
    fn exchange(&mut self, vc: CoHandle, peer: CoHandle, batch: std::ops::Range<u64>) {
        let count = (batch.end - batch.start) as usize;
        let mut packets = [0, 0];
        for (side, (client, from)) in [(&self.a, vc), (&self.b, peer)].into_iter().enumerate() {
            let mut number = batch.start;
            while number < batch.end {
                let end = batch.end.min(number + 1 + sim::choose(Stream::Ndis, 2));
                let messages: Vec<_> = (number..end).map(message).collect();
                self.report.bytes += messages.iter().map(|message| message.len() as u64).sum::<u64>();
                client.send(from, &messages);
                packets[side] += 1;
                number = end;
            }
        }
        let [to_b, to_a] = [
            (self.b.clone(), peer, self.a.clone(), vc),
            (self.a.clone(), vc, self.b.clone(), peer),
        ];
        for ((to, at, from, origin), sent) in [(to_b, packets[0]), (to_a, packets[1])] {
            self.collect(&to, at, batch.start, count);
            let mut back = Vec::new();
            until("the packets come back", || {
                back.extend(from.take_sent(origin));
                back.len() >= sent
            });
            self.report.damaged += back.iter().filter(|status| **status != 0).count() as u64;
        }
    }

    /// Waits for `count` messages, numbered from `first`, and checks them.
    fn collect(&mut self, client: &CallClient, at: CoHandle, first: u64, count: usize) {
        let mut arrived = Vec::new();
        until("the messages", || {
            arrived.extend(client.take_received(at));
            arrived.len() >= count
        });
        for (index, message) in arrived.iter().enumerate() {
            self.report.messages += 1;
            self.report.damaged += u64::from(!is_message(message, first + index as u64));
        }
        self.report.damaged += (arrived.len() - count) as u64;
    }

    /// One call to `parties` leaves, to which the root sends `messages`; the leaves are dropped, the last one's call closed.
    pub(super) fn broadcast(&mut self, messages: u64, parties: usize) {
        let vc = self.a.create_vc(self.families[0]);
        self.vc = Some(vc);
        let leaves: Vec<_> = (0..parties).map(|_| self.a.party(vc)).collect();
        self.a.make_call(vc, self.parameters(), Some(leaves[0]));
        until("the call", || self.made(vc, 0));
        self.report.calls += 1;
        for leaf in &leaves[1..] {
            self.a.add_party(vc, self.parameters(), *leaf);
            until("the party", || self.a.news(*leaf).contains(&News::PartyAdded(0)));
        }
        until("all leaves", || {
            self.b.incoming(self.families[1]).len() == parties
        });
        let peers = self.b.incoming(self.families[1]);
        until("all are connected", || {
            peers
                .iter()
                .all(|peer| self.b.news(*peer).contains(&News::Connected))
        });
        let started = sim::now();
        let mut done = 0;
        while done < messages {
            let end = messages.min(done + BATCH);
            for number in done..end {
                let message = message(number);
                self.report.bytes += message.len() as u64 * parties as u64;
                self.a.send(vc, &[message]);
            }
            let client = self.b.clone();
            for peer in &peers {
                self.collect(&client, *peer, done, (end - done) as usize);
            }
            let mut back = 0;
            until("the packets come back", || {
                back += self.a.take_sent(vc).len();
                back as u64 >= end - done
            });
            done = end;
        }
        self.report.virtual_ns += sim::now() - started;
        let Some((last, dropped)) = leaves.split_last() else {
            return;
        };
        for leaf in dropped {
            self.a.drop_party(*leaf);
            until("the party goes", || {
                self.a.news(*leaf).contains(&News::PartyDropped(0))
            });
        }
        let client = self.a.clone();
        self.hang_up(&client, vc, Some(*last));
        self.hang_up_leaves(&peers);
    }

    fn hang_up_leaves(&mut self, peers: &[CoHandle]) {
        let client = self.b.clone();
        for peer in peers {
            until("the leaf hears", || {
                client
                    .news(*peer)
                    .iter()
                    .any(|news| matches!(news, News::PeerClosed(..)))
            });
            self.hang_up(&client, *peer, None);
        }
    }

    /// Closes a call and waits for its completion.
    fn hang_up(&mut self, client: &CallClient, vc: CoHandle, party: Option<CoHandle>) {
        let closes = || {
            client
                .news(vc)
                .iter()
                .filter(|news| matches!(news, News::Closed(..)))
                .count()
        };
        let before = closes();
        if client.close_call(vc, party, b"") == PENDING {
            self.report.closes.pended += 1;
        } else {
            self.report.closes.inline += 1;
        }
        until("the close", || closes() > before);
        let after = closes() - before;
        self.report.closes.completed += after as u64;
    }

    /// Deletes the VC, deregisters the SAP, closes both families.
    pub(super) fn close(self) -> CallReport {
        if let Some(vc) = self.vc
            && self.a.delete_vc(vc) != 0
        {
            sim::fail("CALL", "the VC is not deleted");
        }
        self.b.deregister_sap(self.sap);
        until("the SAP goes", || {
            self.b.news(self.sap).contains(&News::SapDeregistered)
        });
        for (client, family) in [(&self.a, self.families[0]), (&self.b, self.families[1])] {
            client.close_family(family);
            until("the family closes", || {
                client.news(family).contains(&News::FamilyClosed)
            });
        }
        self.a.deregister();
        self.b.deregister();
        self.report
    }
}
