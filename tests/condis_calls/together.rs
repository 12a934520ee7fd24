//! Calls beside Network Direct, and calls when the adapter halts.

use cxndk_testbed::consumers::condis::News;
use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::Pair;

use super::scene::{Scene, numbered, until};

/// One round of traffic on both: a write by Network Direct, messages on the call.
fn traffic(scene: &Scene<'_>, pair: &Pair, vc: cxndk_testbed::consumers::condis::CoHandle) {
    let before = scene.a.sent(vc).len();
    for n in 0..10 {
        scene.a.send(vc, &[numbered(n, 2000)]);
    }
    pair.a.fill(0..100_000, 7);
    pair.a
        .write(1, 0..100_000, pair.b.remote(0), 0)
        .expect("the write is posted");
    assert_eq!(pair.a.result().status, Status::SUCCESS);
    assert_eq!(pair.b.bytes(0..100_000), vec![7; 100_000]);
    until("all came back", || scene.a.sent(vc).len() == before + 10);
}

/// Network Direct and calls share an adapter; either is closed while the other goes on.
#[test]
fn network_direct_and_calls_are_closed_in_either_order() {
    for calls_first in [false, true] {
        Scene::run(1, 10_000, |scene| {
            let pair = Pair::connect(scene.world, 5000).expect("the pair connects");
            let (vc, _) = scene.connect();
            traffic(scene, &pair, vc);
            if calls_first {
                scene.end(vc);
                pair.a
                    .write(2, 0..1000, pair.b.remote(0), 0)
                    .expect("the write is posted");
                assert_eq!(pair.a.result().status, Status::SUCCESS);
                pair.close().expect("everything closes");
            } else {
                pair.close().expect("everything closes");
                scene.a.send(vc, &[numbered(1, 4096)]);
                until("it came back", || scene.a.sent(vc).len() == 11);
                scene.end(vc);
            }
        });
    }
}

/// Proves AF-20, AF-23, AF-24, AF-25, HALT-07: an adapter that halts with a call asks the client to close and waits for its answer,
/// which comes after the close of the family; afterwards the family is there again.
#[test]
fn a_halting_adapter_waits_for_its_clients() {
    Scene::run(2, 0, |scene| {
        let (vc, peer) = scene.connect();
        let halt = scene.halt_a();
        until("the client is asked", || {
            scene.a.news(scene.family_a).contains(&News::CloseAsked)
        });
        Scene::close(&scene.a, vc, None, b"halting");
        assert_eq!(scene.a.delete_vc(vc), 0);
        scene.a.close_family(scene.family_a);
        cxndk_testbed::sim::join(halt);
        until("the peer hears", || {
            scene
                .b
                .news(peer)
                .contains(&News::PeerClosed(0, b"halting".to_vec()))
        });
        scene.close_incoming();
        scene.start_a();
        let family = scene.a.open_family();
        scene.a.close_family(family);
        until("it is closed", || !scene.a.news(family).is_empty());
        assert_eq!(scene.a.news(family), [News::FamilyClosed]);
    });
}
