//! Peers that say less or other things than ours do: path MTUs, lost RTUs, stale connections, limits of reads.

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use cxndk::cm::mad::{CommId, Message, RejectReason, ServiceId};
use cxndk_testbed::connectx::{Qp, Service, State};
use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::{Pair, on};
use cxndk_testbed::sim;
use cxndk_testbed::world::{Host, World, WorldConfig};

use super::{PORT, Side, scenario, tamper};

/// A world of default frame sizes but for the keywords of A (`first`) and of B.
fn world_of(seed: u64, first: &[(&str, &str)], second: &[(&str, &str)]) -> WorldConfig {
    let keywords = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(name, value)| WorldConfig::keyword(name, value))
            .collect::<Vec<_>>()
    };
    WorldConfig {
        keywords: keywords(first),
        keywords_of_b: keywords(second),
        ..WorldConfig::new(seed)
    }
}

const JUMBO: (&str, &str) = ("*JumboPacket", "9014");
const FRAME: &str = "*NetworkDirectRoCEFrameSize";

/// Contexts of the connected queue pairs of a host.
fn connected(host: &Host) -> Vec<Rc<Qp>> {
    let mut all = host.device.all_qps();
    all.retain(|qp| {
        qp.state.get() == State::ReadyToSend && qp.attributes.borrow().service == Service::ReliableConnection
    });
    all
}

/// Connects A to B, sends a megabyte either way, and returns the path MTUs of both queue pairs.
fn path_mtus(world: &World) -> [u32; 2] {
    let pair = Pair::connect(world, PORT).expect("a connection");
    let mtus = [0, 1].map(|host| connected(&world.hosts[host])[0].attributes.borrow().mtu);
    for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        from.write(1, 0..1 << 20, to.remote(0), 0).expect("a write");
        assert_eq!(from.result().status, Status::SUCCESS);
    }
    pair.close().expect("a close");
    mtus
}

#[test]
fn hosts_of_different_frame_sizes_connect_with_the_smaller_one_either_way() {
    for (first, second) in [
        ("4096", "1024"),
        ("1024", "4096"),
        ("2048", "256"),
        ("4096", "4096"),
    ] {
        let config = world_of(50, &[JUMBO, (FRAME, first)], &[(FRAME, second)]);
        let smaller = first.parse::<u32>().unwrap().min(second.parse().unwrap());
        scenario(&config, move |world| assert_eq!(path_mtus(world), [smaller; 2]));
    }
}

/// A Linux peer takes no refusal of its path MTU for a question, and its network carries what it asks for.
#[test]
fn a_peer_that_makes_no_second_request_gets_the_path_mtu_it_asks_for() {
    let config = world_of(
        51,
        &[JUMBO, (FRAME, "4096")],
        &[("*JumboPacket", "1514"), (FRAME, "1024")],
    );
    scenario(&config, |world| {
        tamper::requests(world, 0, |req| req.local_q_key = 0);
        assert_eq!(path_mtus(world), [4096; 2]);
    });
}

#[test]
fn a_listener_is_looked_for_before_the_path_mtu() {
    let config = world_of(52, &[JUMBO, (FRAME, "4096")], &[(FRAME, "1024")]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let place = Arc::clone(&seen);
    scenario(&config, move |world| {
        tamper::messages(world, 1, move |mad| {
            if let Message::Rej(rej) = &mad.message {
                place.lock().expect("one thread").push(rej.reason);
            }
            true
        });
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        let (side, other) = (Side::open(&world.hosts[0]), world.hosts[1].open_ndk());
        sim::join(world.hosts[0].thread("client", move || {
            let (connector, result) = side.connect(from, to, &[]);
            assert_eq!(result, Err(Status::CONNECTION_REFUSED));
            side.close(connector);
        }));
        on(world.hosts[1].id, "close", move || other.close());
    });
    let seen = seen.lock().expect("one thread");
    assert_eq!(*seen, [RejectReason::INVALID_SERVICE_ID]);
}

/// B's answers about a connection of which it knows nothing become rejections of a stale one.
fn claim_stale_connections(world: &World) {
    tamper::messages(world, 1, |mad| {
        if let Message::Rej(rej) = &mut mad.message {
            rej.reason = RejectReason::STALE_CONNECTION;
        }
        true
    });
}

/// A peer that still holds a connection of this queue pair, from before this host restarted, lets go of it meanwhile.
#[test]
fn a_connect_that_finds_a_stale_connection_is_tried_again_under_another_id() {
    let seen = Arc::new(Mutex::new(Vec::<CommId>::new()));
    let place = Arc::clone(&seen);
    scenario(&WorldConfig::new(62), move |world| {
        tamper::requests(world, 0, move |req| {
            let mut ids = place.lock().expect("one thread");
            ids.push(req.local_comm_id);
            if ids.len() <= 2 {
                // Nobody listens there.
                req.service_id = ServiceId::tcp(PORT + 1);
            }
        });
        claim_stale_connections(world);
        let pair = Pair::connect(world, PORT).expect("a connection");
        pair.close().expect("a close");
    });
    let ids = seen.lock().expect("one thread");
    assert!(ids.len() == 3 && ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

/// Proves CONN-04: nobody listens, and somebody who has no place for this queue pair, are told apart.
#[test]
fn a_connection_that_stays_stale_is_not_a_port_where_nobody_listens() {
    scenario(&WorldConfig::new(63), |world| {
        claim_stale_connections(world);
        let side = Side::open(&world.hosts[0]);
        let other = world.hosts[1].open_ndk();
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        sim::join(world.hosts[0].thread("client", move || {
            let before = sim::now();
            let (connector, result) = side.connect(from, to, &[]);
            assert_eq!(result, Err(Status::CONNECTION_ABORTED));
            assert!(sim::now() - before < 10 * sim::SECOND);
            side.close(connector);
        }));
        on(world.hosts[1].id, "close", move || other.close());
    });
}
