//! Outages: a path that comes back finds its connections alive, a peer that does not is noticed, whatever times it named.

use cxndk::cm::mad::{Message, Req};
use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::{Node, Pair, on};
use cxndk_testbed::sim;
use cxndk_testbed::wire::Faults;
use cxndk_testbed::world::World;

use super::{PORT, Side, tamper};

/// A switch that fails over.
const OUTAGE: u64 = 3 * sim::SECOND;
/// Within this a dead peer is noticed.
const NOTICED: u64 = 60 * sim::SECOND;

/// Writes from A to B and back, 64 KiB each, ten times.
fn traffic(pair: &Pair) {
    for round in 0..10 {
        let range = 0..64 << 10;
        pair.a
            .write(round, range.clone(), pair.b.remote(0), 0)
            .expect("a write");
        pair.b.write(round, range, pair.a.remote(0), 0).expect("a write");
        for node in [&pair.a, &pair.b] {
            let result = node.result();
            assert_eq!((result.status, result.request), (Status::SUCCESS, round));
        }
    }
}

/// A switch takes 2 to 3 s until another path is found: no connection ends of it.
#[test]
fn a_connection_survives_an_outage_of_three_seconds_under_traffic() {
    for down in [OUTAGE / 2, OUTAGE] {
        World::new(down).play(|world| {
            let pair = Pair::connect(world, PORT).expect("a connection");
            traffic(&pair);
            let link = world.link.clone();
            // In the middle of what follows.
            sim::after(20_000, move || link.set_up(false));
            let link = world.link.clone();
            sim::after(20_000 + down, move || link.set_up(true));
            let before = sim::now();
            traffic(&pair);
            assert!(sim::now() - before > down, "the outage hit the traffic");
            traffic(&pair);
            pair.close().expect("a close");
        });
    }
}

/// The same for a connection that is made while there is no path, and for one that ends.
#[test]
fn connects_and_disconnects_survive_an_outage() {
    World::new(31).play(|world| {
        world.link.set_faults(Faults {
            loss: 1_000_000,
            ..Faults::default()
        });
        let link = world.link.clone();
        sim::after(OUTAGE, move || link.set_faults(Faults::default()));
        let pair = Pair::connect(world, PORT).expect("a connection");
        tamper::messages(world, 0, |mad| {
            !matches!(mad.message, Message::Dreq(_)) || sim::now() > 30 * sim::SECOND
        });
        let connector = pair.a.connector;
        let ended = on(pair.a.host, "disconnect", move || {
            let ended = connector.disconnect();
            sim::sleep(OUTAGE);
            ended
        });
        tamper::nothing(world, 0);
        let other = pair.b.connector;
        sim::sleep(2 * sim::SECOND);
        on(pair.b.host, "disconnect", move || other.disconnect().wait()).expect("the peer asked");
        on(pair.a.host, "wait", move || ended.wait()).expect("a graceful end");
        pair.close().expect("a close");
    });
}

/// Connects where A says of itself what `edit` makes of it, then A falls silent: B's write ends with an error in bounded time.
fn a_dead_peer_is_noticed(edit: impl Fn(&mut Req) + Send + 'static) {
    World::new(40).play(move |world| {
        tamper::requests(world, 0, edit);
        let pair = Pair::connect(world, PORT).expect("a connection");
        tamper::silence(world, 0);
        unanswered(&pair.b, &pair.a);
        tamper::nothing(world, 0);
        pair.close().expect("a close");
    });
}

fn unanswered(node: &Node, peer: &Node) {
    let before = sim::now();
    node.write(1, 0..4096, peer.remote(0), 0).expect("a write");
    let result = node.result();
    assert_eq!(result.status, Status::IO_TIMEOUT);
    let waited = sim::now() - before;
    assert!((OUTAGE..NOTICED).contains(&waited), "after {waited} ns");
}

#[test]
fn a_dead_peer_is_noticed_whatever_acknowledgement_timeout_its_request_named() {
    for code in [0, 1, 17, 31] {
        a_dead_peer_is_noticed(move |req| req.primary.ack_timeout = code);
    }
}

#[test]
fn a_dead_peer_is_noticed_whatever_acknowledgement_delay_its_reply_named() {
    for code in [0, 31] {
        World::new(41).play(move |world| {
            tamper::messages(world, 1, move |mad| {
                if let Message::Rep(rep) = &mut mad.message {
                    rep.target_ack_delay = code;
                }
                true
            });
            let pair = Pair::connect(world, PORT).expect("a connection");
            tamper::silence(world, 1);
            unanswered(&pair.a, &pair.b);
            tamper::nothing(world, 1);
            pair.close().expect("a close");
        });
    }
}

/// Proves CONN-27: a peer that never completes ends the accept, whatever times it named.
#[test]
fn an_accept_whose_peer_falls_silent_ends_in_bounded_time() {
    World::new(42).play(|world: &World| {
        tamper::messages(world, 0, |mad| {
            if let Message::Req(req) = &mut mad.message {
                (req.local_response_timeout, req.max_cm_retries) = (31, 15);
            }
            // The rest is silence.
            matches!(mad.message, Message::Req(_) | Message::Dreq(_) | Message::Drep(_))
        });
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        super::meet(
            world,
            to,
            |side: &Side, connector| {
                let before = sim::now();
                let result = side.accept(connector, super::LIMITS.reads, &[]);
                assert_eq!(result, Err(Status::IO_TIMEOUT));
                assert!(sim::now() - before < 100 * sim::SECOND);
            },
            move |side| {
                let (connector, result) = side.connect(from, to, &[]);
                assert_eq!(result, Ok(()));
                side.complete(connector).expect("a connection, as far as A knows");
                // Long enough for B to give up; what it sends at last arrives.
                sim::sleep(120 * sim::SECOND);
                connector
            },
        );
    });
}
