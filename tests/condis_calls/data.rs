//! What becomes of packets that do not just go: cancelled ones, those without a call, those of many senders at once.

use cxndk_testbed::ndis::condis;
use cxndk_testbed::sim;
use cxndk_testbed::sim::faults::{self, Plan, When};

use super::scene::{Scene, numbered, until};

const SUCCESS: i32 = 0;
const ABORTED: i32 = 0xc001_000c_u32.cast_signed();
/// Fault point of a mapping.
const MAPPING: &str = "MmMapLockedPagesSpecifyCache";
const NO_ROOM: i32 = 0xc000_009a_u32.cast_signed();
const NOT_ACTIVATED: i32 = 0xc001_0023_u32.cast_signed();

/// A message in one piece: the first byte is that of [`numbered`] that says so.
fn in_one_piece(n: usize) -> Vec<u8> {
    [vec![0, n as u8], numbered(n, 500)].concat()
}

/// Proves DATA-14, DATA-02, DATA-03: packets that wait while the link is down are cancelled by their id; all others arrive in order when
/// it is up again.
#[test]
fn waiting_packets_are_cancelled_by_their_id() {
    for seed in 0..10 {
        Scene::run(seed, 0, |scene| {
            let (vc, peer) = scene.connect();
            scene.link(false);
            for n in 0..80 {
                scene.a.send_with_id(vc, &[in_one_piece(n)], n % 2 + 1);
            }
            sim::sleep(20 * sim::MILLISECOND);
            assert!(scene.a.sent(vc).is_empty(), "nothing is acknowledged");
            scene.a.cancel(2);
            // As many as the client said are with the device; the others waited.
            let depth = usize::from(scene.call().send_depth);
            assert_eq!(scene.a.sent(vc), vec![ABORTED; (80 - depth) / 2]);
            scene.link(true);
            until("all came back", || scene.a.sent(vc).len() == 80);
            let expected: Vec<_> = (0..80)
                .filter(|n| *n < depth || n % 2 == 0)
                .map(in_one_piece)
                .collect();
            until("the others arrive", || {
                scene.b.received(peer).len() == expected.len()
            });
            assert_eq!(scene.b.received(peer), expected);
            scene.end(vc);
        });
    }
}

/// Proves DATA-02, DATA-04: more than the device takes waits, with the link down too; nothing fails, nothing is lost, nothing overtakes.
#[test]
fn a_slow_link_holds_the_sender_back() {
    for seed in 0..5 {
        Scene::run(seed, 20_000, |scene| {
            let (vc, peer) = scene.connect();
            for round in 0..4 {
                scene.link(false);
                (0..100).for_each(|n| scene.a.send(vc, &[numbered(round * 100 + n, 900)]));
                sim::sleep(30 * sim::MILLISECOND);
                assert_eq!(scene.a.sent(vc).len(), round * 100);
                scene.link(true);
                until("all came back", || scene.a.sent(vc).len() == (round + 1) * 100);
            }
            until("all arrived", || scene.b.received(peer).len() == 400);
            let expected: Vec<_> = (0..400).map(|n| numbered(n, 900)).collect();
            assert_eq!(scene.b.received(peer), expected);
            assert_eq!(scene.a.sent(vc), [SUCCESS; 400]);
            scene.end(vc);
        });
    }
}

/// Proves DATA-02, DATA-04: messages of more pieces than the device takes, in memory of programs, which has no address in system
/// space: they arrive in their turn; without room for an address one comes back as not sent, and the next goes.
#[test]
fn messages_in_memory_without_an_address_are_mapped() {
    Scene::run(5, 0, |scene| {
        let (vc, peer) = scene.connect();
        // The first byte says how many pieces: 48.
        let message = |n: usize| [vec![47, n as u8], numbered(n, 2000)].concat();
        (0..10).for_each(|n| scene.a.send(vc, &[message(n)]));
        until("all came back", || scene.a.sent(vc) == [SUCCESS; 10]);
        faults::set(Some(Plan::new().fail(MAPPING, When::Nth(3))));
        scene.a.send(vc, &[message(10)]);
        until("it came back", || scene.a.sent(vc).len() == 11);
        assert_eq!((scene.a.sent(vc)[10], faults::fired(MAPPING)), (NO_ROOM, 1));
        faults::set(None);
        scene.a.send(vc, &[message(11)]);
        until("it arrived", || scene.b.received(peer).len() == 11);
        let expected: Vec<_> = (0..12).filter(|n| *n != 10).map(message).collect();
        assert_eq!(scene.b.received(peer), expected);
        scene.end(vc);
    });
}

/// Proves DATA-10, DATA-12, DATA-13: a client that keeps what it gets is soon lent nothing more: it has to copy (RESOURCES), and misses
/// nothing; what it returns is lent again.
#[test]
fn a_client_that_keeps_packets_is_lent_no_more_than_there_are() {
    Scene::run(3, 10_000, |scene| {
        let (vc, peer) = scene.connect();
        for round in 0..3 {
            scene.b.keep_packets(peer, true);
            (0..100).for_each(|n| scene.a.send(vc, &[numbered(round * 100 + n, 900)]));
            until("all arrived", || {
                scene.b.received(peer).len() == (round + 1) * 100
            });
            let held = scene.b.held(peer);
            assert!((1..100).contains(&held), "{held} are kept");
            scene.b.keep_packets(peer, false);
            scene.b.return_packets(peer);
        }
        let expected: Vec<_> = (0..300).map(|n| numbered(n, 900)).collect();
        assert_eq!(scene.b.received(peer), expected);
        scene.end(vc);
    });
}

/// Proves DATA-15, VC-24: a packet on a VC without a call comes back with the status for that.
#[test]
fn a_packet_without_a_call_comes_back() {
    Scene::run(1, 0, |scene| {
        // What NDIS leaves to the miniport.
        condis::tolerate(&["DATA-01"]);
        let vc = scene.a.create_vc(scene.family_a);
        scene.a.send(vc, &[numbered(1, 10), numbered(2, 10)]);
        until("it came back", || scene.a.sent(vc) == [NOT_ACTIVATED]);
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
    });
}

/// Proves DATA-07, DATA-03: contexts on all processors send on one VC at once; each one's messages arrive in its order.
#[test]
fn many_contexts_send_on_one_vc() {
    for seed in 0..10 {
        Scene::run(seed, 10_000, |scene| {
            let (vc, peer) = scene.connect();
            let mut senders = Vec::new();
            for sender in 0..6_u8 {
                let client = scene.a.clone();
                senders.push(scene.world.hosts[0].thread("sender", move || {
                    for n in 0..30 {
                        client.send(vc, &[vec![sender, n, 0xaa]]);
                    }
                }));
            }
            senders.into_iter().for_each(sim::join);
            until("all arrived", || scene.b.received(peer).len() == 180);
            let received = scene.b.received(peer);
            for sender in 0..6_u8 {
                let of = received.iter().filter(|message| message[0] == sender);
                let expected = (0..30).map(|n| vec![sender, n, 0xaa]);
                assert!(of.cloned().eq(expected), "sender {sender}");
            }
            until("all came back", || scene.a.sent(vc).len() == 180);
            scene.end(vc);
        });
    }
}
