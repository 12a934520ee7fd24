//! Calls over a path that is lost for a while, and calls whose last message of set-up is lost.

use std::cell::Cell;

use cxndk::cm::mad::Message;
use cxndk_testbed::consumers::condis::News;
use cxndk_testbed::sim;

use crate::scene::{Scene, numbered, until};
use crate::tamper;

/// A switch that fails over.
const OUTAGE: u64 = 3 * sim::SECOND;

#[test]
fn a_call_survives_an_outage_of_three_seconds_under_traffic() {
    Scene::run(70, 0, |scene| {
        let (vc, peer) = scene.connect();
        scene.lose(1_000_000);
        for n in 0..8 {
            scene.a.send(vc, &[numbered(n, 3000)]);
            scene.b.send(peer, &[numbered(n, 700)]);
        }
        sim::sleep(OUTAGE);
        scene.lose(0);
        until("all arrived", || {
            scene.b.received(peer).len() == 8 && scene.a.received(vc).len() == 8
        });
        scene.end(vc);
    });
}

/// Proves INC-07: the called side is connected when the caller's first message comes, should the last message of the set-up be lost.
#[test]
fn the_first_message_connects_a_call_whose_rtu_is_lost() {
    for losses in [1, u32::MAX] {
        Scene::run(71, 0, |scene| {
            let lost = Cell::new(0);
            tamper::messages(scene.world, 0, move |mad| {
                let lose = matches!(mad.message, Message::Rtu(_)) && lost.get() < losses;
                lost.set(lost.get() + u32::from(lose));
                !lose
            });
            let vc = scene.a.create_vc(scene.family_a);
            assert_eq!(scene.make(vc, scene.call()), 0);
            let made = sim::now();
            scene.a.send(vc, &[numbered(1, 100)]);
            until("B is connected", || {
                let peers = scene.incoming();
                peers
                    .first()
                    .is_some_and(|peer| scene.b.news(*peer).contains(&News::Connected))
            });
            let waited = sim::now() - made;
            assert!(waited < 100 * sim::MILLISECOND, "{waited} ns");
            let peer = scene.incoming()[0];
            until("the message arrived", || {
                scene.b.received(peer) == [numbered(1, 100)]
            });
            scene.b.send(peer, &[numbered(2, 100)]);
            until("the answer arrived", || {
                scene.a.received(vc) == [numbered(2, 100)]
            });
            scene.end(vc);
        });
    }
}
