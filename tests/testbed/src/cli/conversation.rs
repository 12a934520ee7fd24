//! Two clients that talk: calls, messages with checksums, closes by either side.

use cxndk::co::format::{Call, PrivateData};

use super::call_report::CallReport;
use super::progress::Progress;
use crate::consumers::condis::{CallClient, CallPair, CoHandle, Ended, LARGEST, News, until};
use crate::sim::{self, Stream};
use crate::world::World;

/// Messages under way at most, each way.
const BATCH: u64 = 128;
/// Number and checksum of a message.
const FRAME: usize = 12;
const PENDING: i32 = 0x103;

/// Both clients, and what has come of it so far.
pub(super) struct Conversation<'a> {
    progress: &'a Progress,
    pair: CallPair,
    vc: CoHandle,
    report: CallReport,
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
    pub(super) fn open(world: &World, progress: &'a Progress) -> Self {
        let pair = CallPair::open(world);
        let vc = pair.a.create_vc(pair.family_a);
        let report = CallReport::default();
        Self {
            progress,
            pair,
            vc,
            report,
        }
    }

    fn parameters(&self) -> Call {
        Call {
            private_data: PrivateData::new(b"call").expect("it is short"),
            ..self.pair.parameters()
        }
    }

    /// Makes a call on the one VC of A; B's VC of it.
    fn connect(&mut self, party: Option<CoHandle>) -> CoHandle {
        self.report.calls += 1;
        self.pair.connect_on(self.vc, self.parameters(), party)
    }

    /// A call in which both sides send `messages`; closed by B if `by_peer`, else by A.
    pub(super) fn converse(&mut self, messages: u64, by_peer: bool) {
        let (vc, peer) = (self.vc, self.connect(None));
        let started = sim::now();
        let mut done = 0;
        while done < messages {
            let batch = done..messages.min(done + BATCH);
            self.exchange(vc, peer, batch.clone());
            self.progress.add(batch.end - batch.start);
            done = batch.end;
        }
        self.report.virtual_ns += sim::now() - started;
        let (a, b) = (self.pair.a.clone(), self.pair.b.clone());
        if by_peer {
            self.hang_up(&b, peer, None);
            until("A hears", || a.peer_closed(vc));
            self.hang_up(&a, vc, None);
        } else {
            self.hang_up(&a, vc, None);
            until("B hears", || b.peer_closed(peer));
            self.hang_up(&b, peer, None);
        }
        until("the call manager's VC goes", || {
            b.news(peer).contains(&News::Deleted)
        });
    }

    /// Both sides send a batch, in packets of one message or two, and check what arrives.
    fn exchange(&mut self, vc: CoHandle, peer: CoHandle, batch: std::ops::Range<u64>) {
        let count = (batch.end - batch.start) as usize;
        let mut packets = [0, 0];
        for (side, (client, from)) in [(&self.pair.a, vc), (&self.pair.b, peer)].into_iter().enumerate() {
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
            (self.pair.b.clone(), peer, self.pair.a.clone(), vc),
            (self.pair.a.clone(), vc, self.pair.b.clone(), peer),
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
        let (a, b, vc) = (self.pair.a.clone(), self.pair.b.clone(), self.vc);
        let leaves: Vec<_> = (0..parties).map(|_| a.party(vc)).collect();
        let Some((last, others)) = leaves.split_last() else {
            return;
        };
        let mut peers = vec![self.connect(Some(*last))];
        for leaf in others {
            peers.push(self.pair.add_leaf(vc, self.parameters(), *leaf));
        }
        let started = sim::now();
        let mut done = 0;
        while done < messages {
            let end = messages.min(done + BATCH);
            for number in done..end {
                let message = message(number);
                self.report.bytes += message.len() as u64 * parties as u64;
                a.send(vc, &[message]);
            }
            for peer in &peers {
                self.collect(&b, *peer, done, (end - done) as usize);
            }
            let mut back = 0;
            until("the packets come back", || {
                back += a.take_sent(vc).len();
                back as u64 >= end - done
            });
            self.progress.add(end - done);
            done = end;
        }
        self.report.virtual_ns += sim::now() - started;
        for leaf in others {
            self.pair.drop_leaf(*leaf);
        }
        self.hang_up(&a, vc, Some(*last));
        for ended in self.pair.close_incoming() {
            self.count(ended);
        }
    }

    /// Closes a call and waits for its completion.
    fn hang_up(&mut self, client: &CallClient, vc: CoHandle, party: Option<CoHandle>) {
        self.count(client.end_call(vc, party, b""));
    }

    const fn count(&mut self, ended: Ended) {
        let closes = &mut self.report.closes;
        if ended.status == PENDING {
            closes.pended += 1;
        } else {
            closes.inline += 1;
        }
        closes.completed += ended.completions as u64;
    }

    /// Deletes the VC, deregisters the SAP, closes both families.
    pub(super) fn close(self) -> CallReport {
        if self.pair.a.delete_vc(self.vc) != 0 {
            sim::fail("CALL", "the VC is not deleted");
        }
        self.pair.leave();
        self.report
    }
}
