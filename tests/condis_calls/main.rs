//! Calls between two hosts over the call manager: set-up, data, quality of service, parties, close.

mod data;
mod flows;
mod history;
mod hostile;
mod outages;
mod parties;
mod refusals;
mod scene;
mod storms;
mod sweep;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../connections/tamper.rs"]
mod tamper;
mod together;

use cxndk::hw::layout::opcode as op;
use cxndk_testbed::consumers::condis::{News, OfferAnswer};
use cxndk_testbed::sim;

use scene::{Scene, numbered, until};

const SUCCESS: i32 = 0;
const PENDING: i32 = 0x103;

/// Proves MAKE-05, MAKE-06, INC-01, INC-07, CLOSE-06, CLOSE-08, CLOSE-09, CLOSE-10, CLOSE-30, VC-20, AF-14, SAP-03: a call is
/// made, closed by the caller with last words, and closed by the peer in answer.
#[test]
fn a_call_is_made_and_closed_by_either_side() {
    Scene::run(1, 0, |scene| {
        let (vc, peer) = scene.connect();
        Scene::close(&scene.a, vc, None, b"bye");
        until("the peer hears", || {
            scene
                .b
                .news(peer)
                .contains(&News::PeerClosed(SUCCESS, b"bye".to_vec()))
        });
        Scene::close(&scene.b, peer, None, b"");
        assert_eq!(
            scene.a.news(vc),
            [News::Made(SUCCESS, false), News::Closed(SUCCESS, scene::NO_PARTY),]
        );
        until("the call manager deletes its VC", || {
            scene.b.news(peer).ends_with(&[News::Deleted])
        });
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
    });
}

/// Proves DATA-02, DATA-03, DATA-04, DATA-09, DATA-10, DATA-11: messages of both directions arrive whole and in order while 2 % of
/// the packets are lost, whether the client keeps its packets or not, and every packet comes back.
#[test]
fn messages_arrive_in_order_and_packets_come_back() {
    for seed in 0..8 {
        Scene::run(seed, 20_000, |scene| {
            let (vc, peer) = scene.connect();
            scene.b.keep_packets(peer, seed % 2 == 0);
            for n in 0..40 {
                scene.a.send(vc, &[numbered(n, 3000)]);
                scene.b.send(peer, &[numbered(n, 0), numbered(n, 700)]);
            }
            sim::sleep(50 * sim::MILLISECOND);
            scene.b.keep_packets(peer, false);
            scene.b.return_packets(peer);
            until("all arrived", || {
                scene.b.received(peer).len() == 40 && scene.a.received(vc).len() == 80
            });
            until("all came back", || {
                scene.a.sent(vc).len() == 40 && scene.b.sent(peer).len() == 40
            });
            let expected: Vec<_> = (0..40).map(|n| numbered(n, 3000)).collect();
            assert_eq!(scene.b.received(peer), expected);
            assert!(scene.a.sent(vc).iter().all(|status| *status == SUCCESS));
            scene.end(vc);
        });
    }
}

/// Proves DATA-02, DATA-03: messages of more pieces than the device takes at once go like all others, in their turn.
#[test]
fn messages_of_many_pieces_keep_their_turn() {
    Scene::run(8, 10_000, |scene| {
        let (vc, peer) = scene.connect();
        // The first byte says how many pieces.
        let messages: Vec<_> = (0..60)
            .map(|n| numbered(if n % 3 == 0 { n } else { 47 - n % 5 }, 4000))
            .collect();
        for message in &messages {
            scene.a.send(vc, std::slice::from_ref(message));
        }
        until("all came back", || scene.a.sent(vc).len() == messages.len());
        assert!(scene.a.sent(vc).iter().all(|status| *status == SUCCESS));
        until("all arrived", || scene.b.received(peer).len() == messages.len());
        assert_eq!(scene.b.received(peer), messages);
        scene.end(vc);
    });
}

/// Proves VC-28, CLOSE-18: a client's VC is good for another call after its close.
#[test]
fn a_clients_vc_is_used_again() {
    Scene::run(2, 0, |scene| {
        let vc = scene.a.create_vc(scene.family_a);
        for round in 1..4 {
            assert_eq!(scene.a.make_call(vc, scene.call(), None), PENDING);
            until("made", || scene.count(vc, &News::Made(SUCCESS, false)) == round);
            until("the peer is there", || scene.incoming().len() == round);
            Scene::close(&scene.a, vc, None, b"");
            scene.close_incoming();
        }
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
    });
}

/// Proves QOS-03, QOS-05, QOS-07, QOS-09, VC-21: a change is agreed with the peer, and what is longer afterwards comes back.
#[test]
fn quality_of_service_is_changed_by_agreement() {
    Scene::run(3, 0, |scene| {
        let (vc, peer) = scene.connect();
        let mut change = scene.call();
        change.flow.transmit = 1000;
        assert_eq!(scene.a.modify(vc, change), PENDING);
        until("modified", || {
            scene.a.news(vc).contains(&News::QosModified(SUCCESS))
        });
        assert!(scene.b.news(peer).contains(&News::QosOffered(4096, 1000)));
        scene.a.send(vc, &[numbered(1, 1000)]);
        scene.a.send(vc, &[numbered(2, 1001)]);
        until("both came back", || scene.a.sent(vc).len() == 2);
        assert_eq!(
            scene
                .a
                .sent(vc)
                .iter()
                .filter(|status| **status == SUCCESS)
                .count(),
            1
        );
        until("one arrived", || scene.b.received(peer) == [numbered(1, 1000)]);
        // The other side may change it back.
        assert_eq!(scene.b.modify(peer, scene.taken()), PENDING);
        until("modified", || {
            scene.b.news(peer).contains(&News::QosModified(SUCCESS))
        });
        scene.end(vc);
    });
}

/// Proves INC-04, INC-06, INC-09, MAKE-07, MAKE-08, OID-03: a client that thinks and rejects; the caller may try again.
#[test]
fn a_rejected_call_fails_and_its_vc_is_good_for_another() {
    Scene::run(4, 0, |scene| {
        scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
        let vc = scene.a.create_vc(scene.family_a);
        assert_eq!(scene.a.make_call(vc, scene.call(), None), PENDING);
        until("offered", || scene.incoming().len() == 1);
        let peer = scene.incoming()[0];
        until("offered", || {
            scene.b.news(peer).contains(&News::Offered(b"hi".to_vec()))
        });
        scene.b.answer(peer, 0xc000_0001_u32.cast_signed(), None);
        until("refused", || !scene.a.news(vc).is_empty());
        assert_eq!(
            scene.a.news(vc),
            [News::Made(0xc000_0236_u32.cast_signed(), false)]
        );
        until("gone", || scene.b.news(peer).ends_with(&[News::Deleted]));
        scene
            .b
            .answer_offers(scene.family_b, OfferAnswer::Inline(SUCCESS));
        assert_eq!(scene.a.make_call(vc, scene.call(), None), PENDING);
        until("made", || scene.a.news(vc).contains(&News::Made(SUCCESS, false)));
        until("there", || scene.incoming().len() == 2);
        scene.end(vc);
    });
}

/// Proves INC-05, INC-07, INC-08, MAKE-09, MAKE-11: a client accepts with other depths and smaller messages, which the caller is told; what it
/// cannot have ends the call.
#[test]
fn an_offer_is_accepted_with_changes() {
    Scene::run(10, 0, |scene| {
        scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
        for fits in [true, false] {
            let before = scene.incoming().len();
            let vc = scene.a.create_vc(scene.family_a);
            assert_eq!(scene.a.make_call(vc, scene.call(), None), PENDING);
            until("offered", || scene.incoming().len() > before);
            let peer = scene.incoming()[before];
            until("offered", || {
                scene.b.news(peer).contains(&News::Offered(b"hi".to_vec()))
            });
            let mut call = scene.taken();
            (call.send_depth, call.receive_depth) = (2, 4);
            call.flow.receive = 500;
            if !fits {
                call.message_size = 8192;
            }
            scene.b.answer(peer, SUCCESS, Some(call));
            if fits {
                until("made with a change", || {
                    scene.a.news(vc).contains(&News::Made(SUCCESS, true))
                });
                until("connected", || scene.b.news(peer).contains(&News::Connected));
                (0..20).for_each(|n| scene.a.send(vc, &[numbered(n, 500)]));
                (0..20).for_each(|n| scene.b.send(peer, &[numbered(n, 4096)]));
                until("all arrived", || {
                    scene.b.received(peer).len() == 20 && scene.a.received(vc).len() == 20
                });
                scene.a.send(vc, &[numbered(1, 501)]);
                until("too long", || {
                    scene.a.sent(vc).iter().any(|status| *status != SUCCESS)
                });
                scene.end(vc);
            } else {
                until("it ends", || scene.b.peer_closed(peer));
                until("refused", || !scene.a.made(vc).is_empty());
                assert!(!scene.a.news(vc).contains(&News::Made(SUCCESS, false)));
                scene.close_incoming();
                assert_eq!(scene.a.delete_vc(vc), SUCCESS);
            }
        }
    });
}

/// Proves CLOSE-30, CLOSE-34, HALT-06 of the CoNDIS contract: when the link is gone both clients are told of a failure and all packets come back.
#[test]
fn a_lost_link_closes_the_call() {
    Scene::run(5, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.link(false);
        for n in 0..30 {
            scene.a.send(vc, &[numbered(n, 2000)]);
        }
        until("told", || {
            scene
                .a
                .news(vc)
                .iter()
                .any(|news| matches!(news, News::PeerClosed(status, _) if *status != SUCCESS))
        });
        until("all came back", || scene.a.sent(vc).len() == 30);
        assert!(scene.a.sent(vc).iter().all(|status| *status != SUCCESS));
        Scene::close(&scene.a, vc, None, b"");
        Scene::close(&scene.b, peer, None, b"");
        scene.link(true);
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
    });
}

/// Proves CLOSE-08, HALT-05: a device that will not give up the queue pair of a call is given up itself: the call closes, its packets come
/// back, and not before the device has lost its way to their memory.
#[test]
fn a_call_closes_although_its_queue_pair_is_not_destroyed() {
    Scene::run(7, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.refuse_on_a(&[op::DESTROY_QP, op::QP_2RST_QP]);
        scene.a.send(vc, &[numbered(1, 2000)]);
        Scene::close(&scene.a, vc, None, b"");
        assert_eq!(scene.a.sent(vc).len(), 1, "it came back");
        assert!(!scene.a_reaches_memory());
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        Scene::close(&scene.b, peer, None, b"");
    });
}

/// Proves HALT-05: the device fails; the client is told, closes, and everything goes.
#[test]
fn a_dead_device_closes_the_call() {
    Scene::run(6, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.a.send(vc, &[numbered(1, 2000)]);
        scene.kill_a();
        until("told", || {
            scene
                .a
                .news(vc)
                .iter()
                .any(|news| matches!(news, News::PeerClosed(status, _) if *status != SUCCESS))
        });
        until("it came back", || scene.a.sent(vc).len() == 1);
        Scene::close(&scene.a, vc, None, b"");
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        Scene::close(&scene.b, peer, None, b"");
    });
}

/// Proves HALT-02: pause and restart leave the call as it is; what was sent before and after arrives.
#[test]
fn a_call_lives_through_pause_and_restart() {
    Scene::run(7, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.a.send(vc, &[numbered(1, 2000)]);
        scene.pause_and_restart_b();
        scene.a.send(vc, &[numbered(2, 2000)]);
        until("both arrived", || {
            scene.b.received(peer) == [numbered(1, 2000), numbered(2, 2000)]
        });
        until("both came back", || scene.a.sent(vc).len() == 2);
        scene.end(vc);
    });
}
