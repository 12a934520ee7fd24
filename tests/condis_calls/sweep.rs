//! Closes at every moment of a call's life.

use cxndk_testbed::consumers::condis::News;
use cxndk_testbed::sim;

use super::scene::{Scene, numbered, until};

/// Between the moments of two runs, in virtual nanoseconds.
const STEP: u64 = 8 * sim::MICROSECOND;

fn is_made(news: &News) -> bool {
    matches!(news, News::Made(..))
}

/// Makes a call and closes it `after` that; in every third run the peer closes at the same time.
fn close_after(seed: u64, after: u64) {
    Scene::run(seed, 20_000, |scene| {
        let vc = scene.a.create_vc(scene.family_a);
        assert_eq!(scene.a.make_call(vc, scene.call(), None), 0x103);
        let end = sim::now() + after;
        let mut sent = 0;
        while sim::now() < end {
            sim::sleep(STEP);
            if sent == 0 && scene.a.news(vc).contains(&News::Made(0, false)) {
                sent = 20;
                (0..sent).for_each(|n| scene.a.send(vc, &[numbered(n, 2000)]));
            }
        }
        if seed.is_multiple_of(3) {
            for peer in scene.incoming() {
                if scene.b.news(peer).contains(&News::Connected) {
                    scene.b.close_call(peer, None, b"at once");
                }
            }
        }
        let failed = scene
            .a
            .news(vc)
            .iter()
            .any(|news| matches!(news, News::Made(status, _) if *status != 0));
        if !failed {
            Scene::close(&scene.a, vc, None, b"bye");
        }
        until("made, or not", || scene.a.news(vc).iter().any(is_made));
        assert_eq!(scene.a.news(vc).iter().filter(|news| is_made(news)).count(), 1);
        assert_eq!(scene.a.sent(vc).len(), sent, "every packet came back");
        assert_eq!(scene.a.delete_vc(vc), 0);
        scene.close_incoming();
    });
}

/// Proves MAKE-13, CLOSE-09, CLOSE-33, CLOSE-34, HALT-07: each close completes exactly once, after the make, wherever it comes,
/// and nothing is left.
#[test]
fn a_call_closes_at_every_moment_of_its_life() {
    for seed in 0..200 {
        close_after(seed, seed * STEP);
    }
}
