//! Peers that say less or other things than ours do: path MTUs, lost RTUs, stale connections, limits of reads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use cxndk::cm::mad::{CommId, Message, RejectReason, ServiceId};
use cxndk::hw::layout::opcode;
use cxndk_testbed::connectx::{CommandFault, Matching, Qp, Service, State};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{ReadLimits, Status};
use cxndk_testbed::consumers::node::{LIMITS, Pair, on};
use cxndk_testbed::consumers::signal::Signal;
use cxndk_testbed::consumers::smbd::EndpointLimits;
use cxndk_testbed::sim;
use cxndk_testbed::world::{Host, HostPlan, World, WorldPlan};

use super::{PORT, Side, meet, tamper, until};

/// A world of default frame sizes but for the keywords of A (`first`) and of B.
fn world_of(seed: u64, first: &[(&str, &str)], second: &[(&str, &str)]) -> WorldPlan {
    let keywords = |host: HostPlan, list: &[(&str, &str)]| {
        list.iter()
            .fold(host, |host, (name, value)| host.keyword(name, value))
    };
    let plan = World::new(seed).everywhere(|host| keywords(host.plain(), first));
    plan.on(1, |host| keywords(host, second))
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
        config.play(move |world| assert_eq!(path_mtus(world), [smaller; 2]));
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
    config.play(|world| {
        tamper::requests(world, 0, |req| req.local_q_key = 0);
        assert_eq!(path_mtus(world), [4096; 2]);
    });
}

#[test]
fn a_listener_is_looked_for_before_the_path_mtu() {
    let config = world_of(52, &[JUMBO, (FRAME, "4096")], &[(FRAME, "1024")]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let place = Arc::clone(&seen);
    config.play(move |world| {
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

/// Connects A to B, whose RTUs are lost `losses` times; A sends at once. Returns when B's accept has completed, from then on.
fn first_data_establishes(losses: u32) {
    World::new(60).play(move |world| {
        let lost = Cell::new(0);
        tamper::messages(world, 0, move |mad| {
            let lose = matches!(mad.message, Message::Rtu(_)) && lost.get() < losses;
            lost.set(lost.get() + u32::from(lose));
            !lose
        });
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        meet(
            world,
            to,
            |side, connector| {
                side.endpoint.qp.receive(1, &[]).expect("a receive");
                let before = sim::now();
                side.accept(connector, LIMITS.reads, &[]).expect("an accept");
                let waited = sim::now() - before;
                assert!(waited < 100 * sim::MILLISECOND, "{waited} ns");
                assert_eq!(one_result(side), (1, Status::SUCCESS));
                side.endpoint.qp.send(2, &[], 0).expect("B may send now");
                assert_eq!(one_result(side), (2, Status::SUCCESS));
                until("a disconnect event", || side.events.get() == 1);
                connector.disconnect().wait().expect("the peer asked for it");
            },
            move |side| {
                let (connector, result) = side.connect(from, to, &[]);
                assert_eq!(result, Ok(()));
                side.endpoint.qp.receive(3, &[]).expect("a receive");
                side.complete(connector).expect("a connection");
                side.endpoint.qp.send(4, &[], 0).expect("A may send");
                assert_eq!(one_result(side), (4, Status::SUCCESS));
                assert_eq!(one_result(side), (3, Status::SUCCESS));
                // Longer than B would repeat its reply.
                sim::sleep(2 * sim::SECOND);
                connector.disconnect().wait().expect("a graceful end");
                connector
            },
        );
    });
}

/// The next completion of a side: its context and status.
fn one_result(side: &Side) -> (u64, Status) {
    let mut results = Vec::new();
    let deadline = sim::now() + 60 * sim::SECOND;
    while side.endpoint.cq.poll(&mut results, 1) == 0 {
        assert!(sim::now() < deadline, "a completion within a minute");
        sim::sleep(10_000);
    }
    (results[0].request, results[0].status)
}

/// Proves CONN-28 and CONN-29: the peer's first data is as good as its RTU, should that be lost.
#[test]
fn the_first_data_establishes_a_connection_whose_rtu_is_lost() {
    first_data_establishes(1);
    first_data_establishes(u32::MAX);
}

/// The same without data: the reply is repeated, and answered with another RTU.
#[test]
fn a_lost_rtu_is_asked_for_again() {
    World::new(61).play(|world| {
        let lost = Cell::new(false);
        tamper::messages(world, 0, move |mad| {
            !matches!(mad.message, Message::Rtu(_)) || lost.replace(true)
        });
        let pair = Pair::connect(world, PORT).expect("a connection");
        pair.close().expect("a close");
    });
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
    World::new(62).play(move |world| {
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
    World::new(63).play(|world| {
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

/// Proves CONN-12: a connect that the device fails on its last step leaves the queue pair as it was, its receives too.
#[test]
fn a_queue_pair_that_could_not_be_made_ready_to_send_connects_again() {
    World::new(64).play(|world| {
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        let [a, b] = &world.hosts[..] else {
            unreachable!("a world has two hosts")
        };
        let (client, open, sides) = (Side::open(a), b.open_ndk(), [Side::open(b), Side::open(b)]);
        let (desk, listening) = (Rc::new(Desk::default()), Rc::new(Signal::default()));
        let told = Rc::clone(&listening);
        let server = b.thread("server", move || {
            let listener = desk.listen(open.adapter(), to).expect("a listener");
            told.set();
            for (side, expected) in sides.into_iter().zip([Err(Status::CONNECTION_ABORTED), Ok(())]) {
                let connector = desk.next().expect("a connect event");
                assert_eq!(side.accept(connector, LIMITS.reads, &[]), expected);
                if expected.is_ok() {
                    side.endpoint.qp.send(5, &[], 0).expect("a send");
                    assert_eq!(one_result(&side), (5, Status::SUCCESS));
                    until("a disconnect event", || side.events.get() == 1);
                    connector.disconnect().wait().expect("the peer asked for it");
                }
                side.close(connector);
            }
            listener.close_and_wait().expect("a close");
            open.close();
        });
        let device = Rc::clone(&a.device);
        sim::join(a.thread("client", move || {
            listening.wait("a listener");
            client.endpoint.qp.receive(6, &[]).expect("a receive");
            let (first, result) = client.connect(from, to, &[]);
            assert_eq!(result, Ok(()));
            let refusal = CommandFault::Status(4, 0);
            device
                .faults
                .borrow_mut()
                .add(Matching::opcode(opcode::RTR2RTS_QP), refusal);
            assert!(client.complete(first).is_err());
            device.faults.borrow_mut().clear();
            first.close_and_wait().expect("a close");
            let (second, result) = client.connect(from, to, &[]);
            assert_eq!(result, Ok(()));
            client.complete(second).expect("the same queue pair connects");
            assert_eq!(one_result(&client), (6, Status::SUCCESS));
            second.disconnect().wait().expect("a graceful end");
            client.close(second);
        }));
        sim::join(server);
    });
}

fn with_reads(inbound: u32, outbound: u32) -> EndpointLimits {
    EndpointLimits {
        reads: ReadLimits { inbound, outbound },
        ..LIMITS
    }
}

/// Proves QP-50: never more reads in flight than were agreed, and those that must wait do not fail.
#[test]
fn the_device_has_no_more_reads_in_flight_than_were_agreed() {
    for (limit, log) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (7, 2), (16, 4)] {
        World::new(65).play(move |world| {
            let pair = Pair::connect_with(world, PORT, with_reads(limit, limit)).expect("a connection");
            for host in &world.hosts {
                let context = *connected(host)[0].context.borrow();
                assert_eq!(context.log_sra_max(), log, "{limit}");
                assert!(1 << context.log_rra_max() >= limit);
            }
            for context in 0..16 {
                let range = 4096 * context..4096 * (context + 1);
                pair.a
                    .read(context as u64, range, pair.b.remote(0), 0)
                    .expect("a read");
            }
            let results = pair.a.results(16);
            assert!(results.len() == 16 && results.iter().all(|result| result.status == Status::SUCCESS));
            pair.close().expect("a close");
        });
    }
}

/// Proves QP-50: where no reads were agreed, a read is refused at once, and nothing else of the connection suffers.
#[test]
fn a_read_on_a_connection_without_reads_is_refused_inline() {
    World::new(66).play(|world| {
        let pair = Pair::connect_with(world, PORT, with_reads(4, 0)).expect("a connection");
        for node in [&pair.a, &pair.b] {
            for length in [0, 64] {
                let refused = node.read(1, 0..length, node.remote(0), 0);
                assert_eq!(refused, Err(Status::REMOTE_RESOURCES));
            }
        }
        pair.a.write(2, 0..64, pair.b.remote(0), 0).expect("a write");
        assert_eq!(pair.a.result().status, Status::SUCCESS);
        pair.close().expect("a close");
    });
}
