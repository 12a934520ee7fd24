//! Closes at every step of a call's life.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use cxndk_testbed::consumers::condis::{CallClient, CoHandle, News};
use cxndk_testbed::sim;

use super::scene::{Scene, numbered, until};

/// Seeds of the sweep.
const SEEDS: u64 = 200;
/// Lives of a call at each seed, closed at steps that lie evenly between its beginning and its end.
const LIVES: u64 = 16;
/// Packets that either side sends.
const PACKETS: usize = 20;

/// The traffic of one side, in a context of its own.
#[derive(Clone, Default)]
struct Traffic {
    stopped: Rc<Cell<bool>>,
    sending: Rc<Cell<bool>>,
    sent: Rc<Cell<usize>>,
}

impl Traffic {
    /// Sends on the VC that `vc` finds, as soon as it finds one.
    fn start(
        scene: &Scene<'_>,
        host: usize,
        client: &CallClient,
        vc: impl Fn() -> Option<CoHandle> + 'static,
    ) -> Self {
        let (traffic, client) = (Self::default(), client.clone());
        let run = traffic.clone();
        scene.world.hosts[host].thread("traffic", move || run.run(&client, vc));
        traffic
    }

    fn run(&self, client: &CallClient, vc: impl Fn() -> Option<CoHandle>) {
        while !self.stopped.get() && self.sent.get() < PACKETS {
            let Some(vc) = vc() else {
                sim::sleep(10 * sim::MICROSECOND);
                continue;
            };
            self.sending.set(true);
            client.send(vc, &[numbered(self.sent.get(), 2000)]);
            self.sent.set(self.sent.get() + 1);
            self.sending.set(false);
        }
    }

    /// Nothing is sent any more: whoever closes must not send (CLOSE-01).
    fn stop(&self) {
        self.stopped.set(true);
        until("the last packet is sent", || !self.sending.get());
    }
}

fn is_made(news: &News) -> bool {
    matches!(news, News::Made(..))
}

/// A call with traffic both ways, closed by A after this many steps; in every third seed B closes at the same time. Without a number
/// the call lives until everything has arrived; returns how many steps that took.
fn live(seed: u64, steps: Option<u64>) -> u64 {
    let took = AtomicU64::new(0);
    Scene::run(seed, 20_000, |scene| {
        let vc = scene.a.create_vc(scene.family_a);
        let (a, b, family) = (scene.a.clone(), scene.b.clone(), scene.family_b);
        let outgoing = Traffic::start(scene, 0, &scene.a, move || {
            a.news(vc).contains(&News::Made(0, false)).then_some(vc)
        });
        let incoming = Traffic::start(scene, 1, &scene.b, move || {
            let peer = b.incoming(family).first().copied()?;
            let last = b.news(peer).pop()?;
            (last == News::Connected).then_some(peer)
        });
        let start = sim::turns();
        assert_eq!(scene.a.make_call(vc, scene.call(), None), 0x103);
        match steps {
            Some(steps) => sim::wait_for_turn(start + steps),
            None => until("all arrived", || {
                let peer = scene.incoming().first().copied();
                scene.a.received(vc).len() == PACKETS
                    && peer.is_some_and(|peer| scene.b.received(peer).len() == PACKETS)
            }),
        }
        took.store(sim::turns() - start, Ordering::Relaxed);
        outgoing.stop();
        incoming.stop();
        close(scene, vc, seed.is_multiple_of(3));
        assert_eq!(
            scene.a.sent(vc).len(),
            outgoing.sent.get(),
            "every packet came back"
        );
        for peer in scene.incoming() {
            assert_eq!(scene.b.sent(peer).len(), incoming.sent.get());
        }
        assert_eq!(scene.a.delete_vc(vc), 0);
        scene.close_incoming();
    });
    took.into_inner()
}

/// Closes A's call, if it has not failed: one completion, and one of the make before it.
fn close(scene: &Scene<'_>, vc: CoHandle, both: bool) {
    if both {
        for peer in scene.incoming() {
            if scene.b.news(peer).contains(&News::Connected) {
                scene.b.close_call(peer, None, b"at once");
            }
        }
    }
    let failed = |news: &News| matches!(news, News::Made(status, _) if *status != 0);
    if !scene.a.news(vc).iter().any(failed) {
        Scene::close(&scene.a, vc, None, b"bye");
    }
    let news = scene.a.news(vc);
    assert_eq!(
        news.iter().filter(|news| is_made(news)).count(),
        1,
        "the make was completed"
    );
}

/// Proves MAKE-13, CLOSE-09, CLOSE-33, CLOSE-34, HALT-07: each close completes exactly once, after the make, wherever it comes, and
/// nothing is left. 2 % of the packets are lost.
#[test]
fn a_call_closes_at_every_step_of_its_life() {
    for seed in 0..SEEDS {
        let life = live(seed, None);
        for n in 0..LIVES {
            // All seeds together are at 3200 different parts of a life.
            live(seed, Some((n * SEEDS + seed) * life / (LIVES * SEEDS)));
        }
    }
}
