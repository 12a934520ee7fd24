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

/// Who closes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closes {
    A,
    Both,
    /// As soon as it knows of the call, else A.
    B,
    /// A, a call with two leaves.
    Multipoint,
}

impl Closes {
    const fn of(seed: u64) -> Self {
        match seed % 4 {
            0 => Self::A,
            1 => Self::Both,
            2 => Self::B,
            _ => Self::Multipoint,
        }
    }
}

/// A call and its traffic.
struct Life<'a> {
    scene: &'a Scene<'a>,
    vc: CoHandle,
    parties: Vec<CoHandle>,
    traffic: [Traffic; 2],
}

impl<'a> Life<'a> {
    /// Makes the call; everything else happens in contexts of its own.
    fn begin(scene: &'a Scene<'a>, leaves: usize) -> Self {
        let vc = scene.a.create_vc(scene.family_a);
        let parties: Vec<_> = (0..leaves).map(|_| scene.a.party(vc)).collect();
        let (a, b, family) = (scene.a.clone(), scene.b.clone(), scene.family_b);
        let outgoing = Traffic::start(scene, 0, &scene.a, move || {
            a.news(vc).contains(&News::Made(0, false)).then_some(vc)
        });
        let incoming = Traffic::start(scene, 1, &scene.b, move || {
            let peer = b.incoming(family).first().copied()?;
            let last = b.news(peer).pop()?;
            (last == News::Connected).then_some(peer)
        });
        if let Some(second) = parties.get(1).copied() {
            let (a, call, stopped) = (scene.a.clone(), scene.call(), Rc::clone(&outgoing.stopped));
            scene.world.hosts[0].thread("second party", move || {
                while !stopped.get() && a.made(vc).is_empty() {
                    sim::sleep(10 * sim::MICROSECOND);
                }
                if !stopped.get() && a.news(vc).contains(&News::Made(0, false)) {
                    a.add_party(vc, call, second);
                }
            });
        }
        let status = scene.a.make_call(vc, scene.call(), parties.first().copied());
        assert_eq!(status, 0x103);
        Self {
            scene,
            vc,
            parties,
            traffic: [outgoing, incoming],
        }
    }

    /// Everything that is sent has arrived at the first leaf, and all leaves are there.
    fn wait(&self) {
        until("all arrived", || {
            let peers = self.scene.incoming();
            let arrived = |peer: &CoHandle| self.scene.b.received(*peer).len() == PACKETS;
            let there = peers.len() == self.parties.len().max(1);
            there && self.scene.a.received(self.vc).len() == PACKETS && peers.first().is_some_and(arrived)
        });
    }

    fn close(&self, closes: Closes) {
        self.traffic.iter().for_each(Traffic::stop);
        let by_b = matches!(closes, Closes::Both | Closes::B) && self.close_at_b();
        if closes == Closes::B && by_b {
            let failed = || self.scene.a.made(self.vc).iter().any(|status| *status != 0);
            until("A hears", || self.scene.a.peer_closed(self.vc) || failed());
        }
        self.drop_second();
        if self.scene.a.made(self.vc).iter().all(|status| *status == 0) {
            Scene::close(&self.scene.a, self.vc, self.parties.first().copied(), b"bye");
        }
        assert_eq!(self.scene.a.made(self.vc).len(), 1, "the make was completed");
        let sent = self.traffic[0].sent.get();
        assert_eq!(self.scene.a.sent(self.vc).len(), sent, "every packet came back");
        if let Some(peer) = self.scene.incoming().first() {
            let sent = self.traffic[1].sent.get();
            until("B's packets come back", || self.scene.b.sent(*peer).len() >= sent);
            assert_eq!(self.scene.b.sent(*peer).len(), sent);
        }
        assert_eq!(self.scene.a.delete_vc(self.vc), 0);
        self.scene.close_incoming();
    }

    /// B closes the call if it knows of it.
    fn close_at_b(&self) -> bool {
        let peers = self.scene.incoming();
        let offered = |news: &News| matches!(news, News::Offered(_));
        let known = |peer: &&CoHandle| {
            let news = self.scene.b.news(**peer);
            news.iter().any(offered) && !news.contains(&News::Deleted)
        };
        let known = peers.iter().find(known);
        if let Some(peer) = known {
            self.scene.b.close_call(*peer, None, b"at once");
        }
        known.is_some()
    }

    /// All parties but one are dropped before the close (CLOSE-03).
    fn drop_second(&self) {
        let Some(second) = self.parties.get(1).copied() else {
            return;
        };
        let news = || self.scene.a.news(second);
        sim::sleep(20 * sim::MICROSECOND);
        let made = self.scene.a.news(self.vc).contains(&News::Made(0, false));
        if made && self.scene.a.was_asked(second) {
            until("the party is added, or not", || !news().is_empty());
            if news().contains(&News::PartyAdded(0)) {
                self.scene.drop_leaf(second);
            }
        }
    }
}

/// A call with traffic both ways, closed after this many steps. Without a number the call lives until everything has arrived; returns
/// how many steps that took.
fn live(seed: u64, steps: Option<u64>) -> u64 {
    let took = AtomicU64::new(0);
    let closes = Closes::of(seed);
    Scene::run(seed, 20_000, |scene| {
        let start = sim::turns();
        let life = Life::begin(scene, if closes == Closes::Multipoint { 2 } else { 0 });
        match steps {
            Some(steps) => sim::wait_for_turn(start + steps),
            None => life.wait(),
        }
        took.store(sim::turns() - start, Ordering::Relaxed);
        life.close(closes);
    });
    took.into_inner()
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
