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

const SCALE: u32 = 0x0001_0204;
/// The key of the published vectors.
const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
    0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42,
    0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// `NDIS_RECEIVE_SCALE_PARAMETERS`, revision 2, with key and table behind it.
fn scale(flags: u16, types: u32, table: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x89, 2, 0x28, 0];
    bytes.extend(flags.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend((types | 1).to_le_bytes());
    bytes.extend((table.len() as u16 * 4).to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend((44 + 40_u32).to_le_bytes());
    bytes.extend(40_u16.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(44_u32.to_le_bytes());
    bytes.resize(44, 0);
    bytes.extend(KEY);
    table
        .iter()
        .for_each(|processor| bytes.extend([0, 0, *processor, 0]));
    bytes
}

/// A TCP segment of a flow, without payload.
fn segment(from: &Host, to: &Host, port: u16) -> Vec<u8> {
    let mut frame = [tcp_header(from, to, 20), vec![0; 20]].concat();
    frame[34..36].copy_from_slice(&port.to_be_bytes());
    frame
}

/// The Toeplitz hash over addresses and ports, by its definition: a bit of the input brings in the key from there on.
fn toeplitz(frame: &[u8]) -> u32 {
    let input = &frame[26..38];
    let key_at = |bit: usize| {
        (0..32).fold(0, |word, next| {
            word << 1 | u32::from(KEY[(bit + next) / 8] >> (7 - (bit + next) % 8) & 1)
        })
    };
    (0..input.len() * 8)
        .filter(|bit| input[bit / 8] >> (7 - bit % 8) & 1 != 0)
        .fold(0, |hash, bit| hash ^ key_at(bit))
}

/// Proves RSS-02, RSS-04, RSS-07, RSS-08, RSS-10, RSS-12: the hash of a flow names the processor that its frames are indicated on, by the
/// table as it is, and is told with its type.
#[test]
fn flows_come_to_the_processors_of_the_table() {
    for seed in 50..54 {
        two(seed, |a, b| {
            let inbox = Inbox::of(b);
            for table in [
                &[0_u8, 1, 2, 3][..],
                &[3, 3, 2, 2, 1, 1, 0, 0],
                &[2, 1],
                &[1; 128],
            ] {
                b.adapter.set(SCALE, &scale(0, 0x1700, table)).expect("it is set");
                let frames: Vec<_> = (1000..1040).map(|port| segment(a, b, port)).collect();
                a.adapter
                    .send_packets(frames.iter().map(|frame| Outgoing::frame(frame)).collect());
                a.adapter.completions();
                let arrived = inbox.take(frames.len());
                assert_eq!(arrived.len(), frames.len());
                for got in &arrived {
                    let hash = toeplitz(&got.frame);
                    assert_eq!(got.hash, Some((hash, 0x201)));
                    let entry = table[hash as usize % table.len()];
                    assert_eq!(got.processor, u32::from(entry), "{table:?}");
                }
            }
            b.adapter.set(SCALE, &scale(0x10, 0, &[])).expect("it is off");
            a.adapter.send_packets(vec![Outgoing::frame(&segment(a, b, 1))]);
            assert_eq!(inbox.take(1)[0].hash, None);
        });
    }
}

/// Proves RSS-05, RSS-06, OID-05: parameters that cannot be are refused by their reason, and what was set stays.
#[test]
fn impossible_scaling_is_refused() {
    two(60, |a, b| {
        let inbox = Inbox::of(b);
        b.adapter
            .set(SCALE, &scale(0, 0x200, &[1; 4]))
            .expect("it is set");
        let mut short_key = scale(0, 0x200, &[0; 4]);
        short_key[20] = 39;
        let mut beyond = scale(0, 0x200, &[0; 4]);
        beyond[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut old = scale(0, 0x200, &[0; 4]);
        old[1] = 1;
        let refused = [
            scale(0, 0x200, &[0; 3]),
            scale(0, 0x200, &[]),
            scale(0, 0x10_0000, &[0; 4]),
            scale(0, 0, &[0; 4]),
            short_key,
            beyond,
            old,
            vec![0x89, 2, 0x28],
        ];
        for bytes in refused {
            let error = b.adapter.set(SCALE, &bytes).expect_err("it cannot be");
            assert!(
                [INVALID_LENGTH, 0xc001_0015_u32.cast_signed()].contains(&error.status),
                "{error:?}"
            );
        }
        a.adapter.send_packets(vec![Outgoing::frame(&segment(a, b, 1))]);
        let got = &inbox.take(1)[0];
        assert_eq!((got.processor, got.hash.map(|hash| hash.1)), (1, Some(0x201)));
    });
}

/// Proves RSS-13: without the keyword nothing is offered, set or hashed.
#[test]
fn without_its_keyword_nothing_is_spread() {
    World::new(61)
        .on(1, |host| host.keyword("*RSS", "0"))
        .play(|world| {
            let (a, b) = (&world.hosts[0], &world.hosts[1]);
            let inbox = Inbox::of(b);
            let error = b.adapter.set(SCALE, &scale(0, 0x200, &[1; 4])).expect_err("off");
            assert_eq!(error.status, 0xc000_00bb_u32.cast_signed());
            a.adapter.send_packets(vec![Outgoing::frame(&segment(a, b, 1))]);
            assert_eq!(inbox.take(1)[0].hash, None);
        });
}

const OFFLOAD: u32 = 0xfc01_020c;
const ENCAPSULATION: u32 = 0x0101_010a;
const CURRENT_CONFIG: i32 = 0x4002_0006;

/// `NDIS_OFFLOAD_PARAMETERS`, revision 1: IPv4, TCP and UDP over IPv4, TCP and UDP over IPv6; large sends.
fn offloads(checksums: [u8; 5], large: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![0x80, 1, 0x14, 0];
    bytes.extend(checksums);
    bytes.extend([0, 0, large[0], large[1]]);
    bytes.resize(20, 0);
    bytes
}

/// A TCP segment with payload and no checksums, and the wish to have them computed.
fn unsummed(from: &Host, to: &Host) -> Outgoing {
    let payload = bytes(333, 3);
    let frame = [tcp_header(from, to, payload.len()), payload].concat();
    Outgoing {
        checksums: 1 | 1 << 2 | 1 << 4 | 34 << 16,
        ..Outgoing::frame(&frame)
    }
}

/// Proves OFL-02, OFL-03, OFL-10, OFL-11: checksums are computed as the packet asks and told good as far as verification is on; every
/// change is told.
#[test]
fn checksums_are_left_to_the_device() {
    two(70, |a, b| {
        let inbox = Inbox::of(b);
        let verdict = || {
            a.adapter.send_packets(vec![unsummed(a, b)]);
            a.adapter.completions();
            inbox.take(1)[0].checksums
        };
        assert_eq!(verdict(), 0x28, "IP header and TCP");
        // Verified only of what is received over IPv6; not at all; all again.
        let cases = [
            ([1, 1, 0, 0, 0], 0),
            ([3, 2, 0, 0, 0], 0x20),
            ([0, 3, 0, 0, 0], 0x28),
            ([4; 5], 0x28),
        ];
        for (checksums, expected) in cases {
            let told = b.adapter.indications().len();
            b.adapter
                .set(OFFLOAD, &offloads(checksums, [0; 2]))
                .expect("it is set");
            let now = b.adapter.indications();
            assert!(
                now[told..]
                    .iter()
                    .any(|indication| indication.code == CURRENT_CONFIG)
            );
            assert_eq!(verdict(), expected, "{checksums:?}");
        }
        // Frames that nobody asks anything for pass as they are: without checksums none is good.
        let plain = Outgoing {
            checksums: 0,
            ..unsummed(a, b)
        };
        a.adapter.send_packets(vec![plain]);
        assert_eq!(inbox.take(1)[0].checksums, 0);
        let mut off = vec![0xa8, 1, 28, 0];
        [2_u32, 0, 0, 2, 0, 0]
            .iter()
            .for_each(|word| off.extend(word.to_le_bytes()));
        b.adapter.set(ENCAPSULATION, &off).expect("nothing is verified");
        assert_eq!(verdict(), 0);
    });
}

/// Proves OFL-08, OFL-10, OFL-11, OID-05: large sends that are off are not sent, and what cannot be is refused by its reason.
#[test]
fn offloads_that_are_off_are_not_done() {
    two(71, |a, b| {
        let inbox = Inbox::of(b);
        let payload = bytes(4000, 5);
        let message = || Outgoing {
            buffers: vec![[&tcp_header(a, b, payload.len())[..], &payload].concat()],
            large: Some(LargeSend {
                segment: 1000,
                tcp_header: 34,
            }),
            ..Outgoing::default()
        };
        a.adapter
            .set(OFFLOAD, &offloads([0; 5], [1, 0]))
            .expect("it is set");
        a.adapter.send_packets(vec![message()]);
        assert_eq!(a.adapter.completions()[0].status, 0xc000_0001_u32.cast_signed());
        assert!(inbox.take(1).is_empty());
        a.adapter
            .set(OFFLOAD, &offloads([0; 5], [2, 0]))
            .expect("it is set");
        a.adapter.send_packets(vec![message()]);
        assert_eq!(a.adapter.completions()[0].status, SUCCESS);
        assert_eq!(inbox.take(4).len(), 4);
        let invalid_data = 0xc001_0015_u32.cast_signed();
        for bytes in [offloads([5, 0, 0, 0, 0], [0; 2]), offloads([0; 5], [0, 3])] {
            assert_eq!(
                a.adapter.set(OFFLOAD, &bytes).expect_err("no such state").status,
                invalid_data
            );
        }
        let short = a.adapter.set(OFFLOAD, &[0x80, 1, 0x14]).expect_err("too short");
        assert_eq!((short.status, short.needed), (INVALID_LENGTH, 20));
        let mut other = vec![0xa8, 1, 28, 0];
        [1_u32, 0x10, 14, 1, 2, 14]
            .iter()
            .for_each(|word| other.extend(word.to_le_bytes()));
        let error = a.adapter.set(ENCAPSULATION, &other).expect_err("not Ethernet's");
        assert_eq!(error.status, 0xc000_000d_u32.cast_signed());
    });
}

/// Proves OFL-12, INF-08: the offload keywords decide what is on at start.
#[test]
fn offload_keywords_have_their_effect() {
    let plan = World::new(72).on(1, |host| host.keyword("*TCPChecksumOffloadIPv4", "1"));
    plan.on(0, |host| host.keyword("*LsoV2IPv4", "0")).play(|world| {
        let (a, b) = (&world.hosts[0], &world.hosts[1]);
        let inbox = Inbox::of(b);
        a.adapter.send_packets(vec![unsummed(a, b)]);
        assert_eq!(inbox.take(1)[0].checksums, 0x20, "the IP header alone");
        let payload = bytes(3000, 1);
        let message = Outgoing {
            buffers: vec![[&tcp_header(a, b, payload.len())[..], &payload].concat()],
            large: Some(LargeSend {
                segment: 1000,
                tcp_header: 34,
            }),
            ..Outgoing::default()
        };
        a.adapter.completions();
        a.adapter.send_packets(vec![message]);
        assert_ne!(a.adapter.completions()[0].status, SUCCESS);
    });
}
