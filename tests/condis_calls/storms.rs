//! Many things at once.

use cxndk_testbed::consumers::condis::News;
use cxndk_testbed::sim;

use super::scene::{Scene, numbered, until};

/// So many that a few of them meet, where a map comes late, on two processors.
const SEEDS_OF_LOST_PACKETS: u64 = 10;

fn modified(news: &News) -> bool {
    matches!(news, News::QosModified(_))
}

/// Proves QOS-04, QOS-05: both sides change the quality of service at once; each gets one answer, at least one succeeds, data flows on.
#[test]
fn both_sides_change_the_quality_of_service_at_once() {
    for seed in 0..30 {
        Scene::run(seed, 20_000, |scene| {
            let (vc, peer) = scene.connect();
            let (mut ours, mut theirs) = (scene.call(), scene.taken());
            ours.flow.transmit = 2000;
            theirs.flow.transmit = 3000;
            assert_eq!(scene.a.modify(vc, ours), 0x103);
            sim::sleep(seed * 500);
            assert_eq!(scene.b.modify(peer, theirs), 0x103);
            until("answers", || {
                scene.a.news(vc).iter().any(modified) && scene.b.news(peer).iter().any(modified)
            });
            let answers = |news: Vec<News>| news.into_iter().filter(modified).collect::<Vec<_>>();
            let (a, b) = (answers(scene.a.news(vc)), answers(scene.b.news(peer)));
            assert_eq!((a.len(), b.len()), (1, 1));
            assert!(
                a[0] == News::QosModified(0) || b[0] == News::QosModified(0),
                "{a:?} {b:?}"
            );
            scene.a.send(vc, &[numbered(1, 1500)]);
            until("it arrived", || scene.b.received(peer).len() == 1);
            scene.end(vc);
        });
    }
}

/// Proves CLOSE-34, DATA-13, VC-25: a client that keeps its packets closes; the close completes when they are back.
#[test]
fn a_close_waits_for_packets_that_the_client_keeps() {
    Scene::run(1, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.b.keep_packets(peer, true);
        (0..6).for_each(|n| scene.a.send(vc, &[numbered(n, 100)]));
        until("they arrived", || scene.b.received(peer).len() == 6);
        assert_eq!(scene.b.close_call(peer, None, b""), 0x103);
        sim::sleep(sim::SECOND);
        let closed = || scene.b.closes(peer) > 0;
        assert!(!closed(), "packets are out");
        scene.b.return_packets(peer);
        until("closed", closed);
        scene.end(vc);
    });
}

/// Proves PNP-01, CLOSE-30: the adapter is pulled out in the middle of traffic on many calls; everything comes back.
#[test]
fn a_pulled_adapter_closes_all_calls() {
    for seed in 0..20 {
        Scene::run(seed, 0, |scene| {
            let calls: Vec<_> = (0..4).map(|_| scene.connect()).collect();
            for (vc, peer) in &calls {
                (0..10).for_each(|n| scene.a.send(*vc, &[numbered(n, 4000)]));
                (0..10).for_each(|n| scene.b.send(*peer, &[numbered(n, 4000)]));
            }
            sim::sleep(seed * 3 * sim::MICROSECOND);
            scene.pull_a(|| {
                for (vc, _) in &calls {
                    let told = || scene.a.peer_closed(*vc);
                    until("told", told);
                    until("all came back", || scene.a.sent(*vc).len() == 10);
                    Scene::close(&scene.a, *vc, None, b"");
                    assert_eq!(scene.a.delete_vc(*vc), 0);
                }
                scene.a.close_family(scene.family_a);
            });
            // A has gone without a word: B finds out when it says something. What was on its way came back, with that or without.
            for (_, peer) in calls.iter().filter(|(_, peer)| !scene.b.peer_closed(*peer)) {
                scene.b.send(*peer, &[numbered(10, 4000)]);
            }
            scene.close_incoming();
            for (_, peer) in &calls {
                assert!([10, 11].contains(&scene.b.sent(*peer).len()));
            }
        });
    }
}

/// Calls come and go on many VCs at once, in both directions' data, with 2 % loss.
#[test]
fn many_calls_come_and_go_at_once() {
    for seed in 0..10 {
        Scene::run(seed, 20_000, |scene| {
            let vcs: Vec<_> = (0..8).map(|_| scene.a.create_vc(scene.family_a)).collect();
            for vc in &vcs {
                assert_eq!(scene.a.make_call(*vc, scene.call(), None), 0x103);
            }
            for (n, vc) in vcs.iter().enumerate() {
                until("made", || scene.a.news(*vc).contains(&News::Made(0, false)));
                (0..50).for_each(|m| scene.a.send(*vc, &[numbered(n + m, 1000)]));
                if n % 2 == 0 {
                    Scene::close(&scene.a, *vc, None, b"");
                }
            }
            for (n, vc) in vcs.iter().enumerate() {
                if n % 2 == 1 {
                    until("all came back", || scene.a.sent(*vc).len() == 50);
                    Scene::close(&scene.a, *vc, None, b"");
                }
                assert_eq!(scene.a.sent(*vc).len(), 50);
                assert_eq!(scene.a.delete_vc(*vc), 0);
            }
            scene.close_incoming();
        });
    }
}

/// Proves DATA-04, DATA-05, DMA-06: a packet comes back when the device cannot see it any more and not before, also while one processor has
/// just found that no peer takes its message and another one is done with the packet otherwise.
#[test]
fn packets_that_no_peer_takes_are_unmapped_before_they_come_back() {
    for seed in 0..SEEDS_OF_LOST_PACKETS {
        Scene::run(seed, 0, |scene| {
            let (vc, peer) = scene.connect();
            scene.link(false);
            // All but the first few wait until the connection is lost.
            (0..1_000).for_each(|n| scene.a.send(vc, &[numbered(n, 200)]));
            until("told", || scene.a.peer_closed(vc));
            until("all came back", || scene.a.sent(vc).len() == 1_000);
            Scene::close(&scene.a, vc, None, b"");
            Scene::close(&scene.b, peer, None, b"");
            scene.link(true);
            assert_eq!(scene.a.delete_vc(vc), 0);
        });
    }
}

/// Proves DATA-03: ten thousand messages in order.
#[test]
fn ten_thousand_messages_arrive_in_order() {
    Scene::run(3, 1_000, |scene| {
        let (vc, peer) = scene.connect();
        for n in 0..10_000 {
            scene.a.send(vc, &[numbered(n, 200)]);
        }
        until("all arrived", || scene.b.received(peer).len() == 10_000);
        let received = scene.b.received(peer);
        assert!(
            received
                .iter()
                .enumerate()
                .all(|(n, message)| *message == numbered(n, 200))
        );
        until("all came back", || scene.a.sent(vc).len() == 10_000);
        scene.end(vc);
    });
}
