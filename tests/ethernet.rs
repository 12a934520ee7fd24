//! The Ethernet data path of the driver: frames of one host's protocols to another's, in every shape.

use std::cell::RefCell;
use std::rc::Rc;

use cxndk_testbed::ndis::{LargeSend, Outgoing, Received};
use cxndk_testbed::sim::{self, MILLISECOND, Stream};
use cxndk_testbed::world::{Host, World};

const SUCCESS: i32 = 0;
const INVALID_LENGTH: i32 = 0xc001_0014_u32.cast_signed();
const PAUSED: i32 = 0xc023_002a_u32.cast_signed();

/// What a host received.
#[derive(Clone, Default)]
struct Inbox(Rc<RefCell<Vec<Received>>>);

impl Inbox {
    fn of(host: &Host) -> Self {
        let this = Self::default();
        let frames = Rc::clone(&this.0);
        host.adapter
            .on_receive(Rc::new(move |frame| frames.borrow_mut().push(frame.clone())));
        this
    }

    /// Waits until so many frames are there, and a while longer; takes them.
    fn take(&self, count: usize) -> Vec<Received> {
        let deadline = sim::now() + 50 * MILLISECOND;
        while self.0.borrow().len() < count && sim::now() < deadline {
            sim::sleep(MILLISECOND / 10);
        }
        sim::sleep(MILLISECOND);
        self.0.take()
    }
}

/// A frame from one host to another that holds `payload`.
fn frame(from: &Host, to: &Host, payload: &[u8]) -> Vec<u8> {
    [
        &to.device.mac()[..],
        &from.device.mac()[..],
        &[0x88, 0xb5],
        payload,
    ]
    .concat()
}

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed))
        .collect()
}

fn two(seed: u64, scenario: impl FnOnce(&Host, &Host) + Send) {
    World::new(seed).play(|world| scenario(&world.hosts[0], &world.hosts[1]));
}

/// Proves SEND-01, SEND-04, SEND-06, SEND-07, RECV-01, RECV-04: frames of every length arrive as they were sent, whatever memory they
/// were in; short ones are padded with zeros.
#[test]
fn frames_of_every_length_arrive() {
    for seed in 1..6 {
        two(seed, |a, b| {
            let inbox = Inbox::of(b);
            let lengths = [0, 1, 45, 46, 47, 100, 1000, 1499, 1500];
            let frames: Vec<_> = lengths
                .iter()
                .map(|length| frame(a, b, &bytes(*length, *length as u8)))
                .collect();
            a.adapter
                .send_packets(frames.iter().map(|frame| Outgoing::frame(frame)).collect());
            assert!(
                a.adapter
                    .completions()
                    .iter()
                    .all(|packet| packet.status == SUCCESS)
            );
            let arrived = inbox.take(frames.len());
            assert_eq!(arrived.len(), frames.len());
            for (sent, got) in frames.iter().zip(&arrived) {
                let mut padded = sent.clone();
                padded.resize(sent.len().max(60), 0);
                assert_eq!(got.frame, padded);
                assert_eq!((got.tag, got.hash), (0, None));
            }
        });
    }
}

/// Proves SEND-03: what cannot be sent comes back with a reason, and costs nothing else.
#[test]
fn frames_of_impossible_lengths_come_back() {
    two(7, |a, b| {
        let inbox = Inbox::of(b);
        let mtu = a.adapter.general().expect("it is up").mtu as usize;
        let good = frame(a, b, &bytes(200, 1));
        let packets = vec![
            Outgoing::frame(&good),
            Outgoing::frame(&good[..13]),
            Outgoing::frame(&frame(a, b, &bytes(mtu + 1, 1))),
            Outgoing {
                buffers: vec![good.clone(), good[..5].to_vec(), good.clone()],
                ..Outgoing::default()
            },
            Outgoing::frame(&good),
        ];
        let ids = a.adapter.send_packets(packets);
        let mut completions = a.adapter.completions();
        completions.sort_by_key(|packet| packet.id);
        let statuses: Vec<_> = completions.iter().map(|packet| packet.status).collect();
        assert_eq!(ids.len(), 5);
        assert_eq!(
            statuses,
            [SUCCESS, INVALID_LENGTH, INVALID_LENGTH, INVALID_LENGTH, SUCCESS]
        );
        let arrived = inbox.take(4);
        assert_eq!(arrived.len(), 4);
        assert!(arrived.iter().all(|got| got.frame == good));
    });
}

/// Proves SEND-01, SEND-02: more than the ring holds waits, and all of it arrives in order.
#[test]
fn more_than_a_ring_holds_arrives_in_order() {
    two(8, |a, b| {
        let inbox = Inbox::of(b);
        let mut sent = Vec::new();
        for batch in 0..20_u16 {
            let packets = (0..40_u16).map(|number| {
                let count = (batch * 40 + number).to_be_bytes();
                let length = 2 + sim::choose(Stream::Consumer, 700) as usize;
                let mut payload = bytes(length, 3);
                payload[..2].copy_from_slice(&count);
                Outgoing::frame(&frame(a, b, &payload))
            });
            let packets: Vec<_> = packets.collect();
            sent.extend(packets.iter().map(|packet| packet.buffers[0].clone()));
            a.adapter.send_packets(packets);
        }
        assert_eq!(a.adapter.completions().len(), sent.len());
        let arrived = inbox.take(sent.len());
        assert_eq!(arrived.len(), sent.len());
        for (sent, got) in sent.iter().zip(&arrived) {
            assert_eq!(got.frame[..sent.len()], sent[..]);
        }
    });
}

/// Proves RECV-06, RECV-07, OID-11, OID-12, OID-13: what is received is what the filter and the list name, and nothing else.
#[test]
fn the_filter_decides_what_is_received() {
    const FILTER: u32 = 0x0001_010e;
    const LIST: u32 = 0x0101_0103;
    let (directed, multicast, all_multicast, broadcast, promiscuous) = (1_u32, 2_u32, 4_u32, 8_u32, 0x20_u32);
    two(9, |a, b| {
        let inbox = Inbox::of(b);
        let group = |last| [0x01, 0x00, 0x5e, 0, 0, last];
        let addresses = [b.device.mac(), group(5), group(6), [0xff; 6], [2, 2, 2, 2, 2, 2]];
        let list: Vec<u8> = group(5).to_vec();
        b.adapter.set(LIST, &list).expect("the list is set");
        let cases = [
            (0, [false; 5]),
            (directed, [true, false, false, false, false]),
            (multicast, [false, true, false, false, false]),
            (directed | multicast | broadcast, [true, true, false, true, false]),
            (all_multicast, [false, true, true, true, false]),
            (promiscuous, [true; 5]),
            (broadcast, [false, false, false, true, false]),
        ];
        for (filter, expected) in cases {
            b.adapter
                .set(FILTER, &filter.to_le_bytes())
                .expect("the filter is set");
            for (number, address) in addresses.iter().enumerate() {
                let mut frame = frame(a, b, &bytes(60, number as u8));
                frame[..6].copy_from_slice(address);
                a.adapter.send_packets(vec![Outgoing::frame(&frame)]);
            }
            a.adapter.completions();
            let count = expected.iter().filter(|wanted| **wanted).count();
            let arrived = inbox.take(count);
            let got = addresses.map(|address| arrived.iter().any(|got| got.frame[..6] == address));
            assert_eq!(got, expected, "filter {filter:#x}");
            assert_eq!(arrived.len(), count, "filter {filter:#x}");
        }
    });
}

/// Proves SEND-13, RECV-04: a tag is put in on one side and told beside the frame on the other, with short frames too.
#[test]
fn tags_travel_beside_frames() {
    two(10, |a, b| {
        let inbox = Inbox::of(b);
        for (length, tag) in [(20, 0x6005_u16), (300, 0x0001), (1500, 0xe000)] {
            let sent = frame(a, b, &bytes(length, 9));
            let packet = Outgoing {
                tag,
                ..Outgoing::frame(&sent)
            };
            a.adapter.send_packets(vec![packet]);
            a.adapter.completions();
            let arrived = inbox.take(1);
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].tag, tag);
            assert_eq!(arrived[0].frame[..sent.len()], sent[..]);
        }
    });
}

/// Proves PAUSE-01 to PAUSE-03, RECV-02: a pause waits for what is under way, and what comes after is answered with PAUSED.
#[test]
fn a_pause_ends_everything() {
    for seed in 20..30 {
        two(seed, |a, b| {
            let inbox = Inbox::of(b);
            let one = frame(a, b, &bytes(500, 1));
            let many = || (0..30).map(|_| Outgoing::frame(&one)).collect::<Vec<_>>();
            a.adapter.send_packets(many());
            a.adapter.pause();
            let before = a.adapter.completions();
            assert_eq!(before.len(), 30);
            a.adapter.send_packets(many());
            assert!(
                a.adapter
                    .completions()
                    .iter()
                    .all(|packet| packet.status == PAUSED)
            );
            a.adapter.restart().expect("it runs again");
            let sent = before.iter().filter(|packet| packet.status == SUCCESS).count();
            assert_eq!(inbox.take(sent).len(), sent);
            b.adapter.pause();
            b.adapter.restart().expect("it runs again");
            a.adapter.send_packets(many());
            assert!(
                a.adapter
                    .completions()
                    .iter()
                    .all(|packet| packet.status == SUCCESS)
            );
            assert_eq!(inbox.take(30).len(), 30);
        });
    }
}

/// Proves SEND-09.
#[test]
fn a_cancelled_packet_comes_back_once() {
    for seed in 30..34 {
        two(seed, |a, b| {
            let one = frame(a, b, &bytes(1400, 1));
            for _ in 0..20 {
                let packets = (0..40).map(|number| Outgoing {
                    cancel: 0x700 + number % 2,
                    ..Outgoing::frame(&one)
                });
                a.adapter.send_packets(packets.collect());
                a.adapter.cancel_sends(0x701);
            }
            assert_eq!(a.adapter.completions().len(), 800);
        });
    }
}

/// Proves OFL-04, OFL-07: one message is cut into frames that the other side receives.
#[test]
fn a_large_send_is_cut_into_frames() {
    two(40, |a, b| {
        let inbox = Inbox::of(b);
        let payload = bytes(10_000, 5);
        let header = tcp_header(a, b, payload.len());
        let message = Outgoing {
            buffers: vec![[&header[..], &payload].concat()],
            large: Some(LargeSend {
                segment: 1460,
                tcp_header: 34,
            }),
            ..Outgoing::default()
        };
        a.adapter.send_packets(vec![message]);
        assert_eq!(a.adapter.completions()[0].status, SUCCESS);
        let arrived = inbox.take(7);
        assert_eq!(arrived.len(), 7);
        let all: Vec<u8> = arrived.iter().flat_map(|got| got.frame[54..].to_vec()).collect();
        assert_eq!(all, payload);
        // IP header, TCP: good.
        assert!(
            arrived.iter().all(|got| got.checksums == 0x28),
            "{:?}",
            arrived[0].checksums
        );
    });
}

fn tcp_header(from: &Host, to: &Host, payload: usize) -> Vec<u8> {
    let mut header = [&to.device.mac()[..], &from.device.mac()[..], &[8, 0, 0x45, 0]].concat();
    header.extend((40 + payload as u16).to_be_bytes());
    header.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    header.extend(from.ipv4.octets());
    header.extend(to.ipv4.octets());
    header.extend([
        0x12, 0x34, 0x01, 0xbd, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    header
}
