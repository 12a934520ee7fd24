//! The device dies or is pulled out under a consumer: every request still completes once, every close ends.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a look into a dispatch table is one step"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use cxndk_testbed::connectx::Health;
use cxndk_testbed::consumers::ndk::{Notify, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim::{self, TaskId};
use cxndk_testbed::world::World;
use support::{Link, QUEUES, Side};

/// Posts what will never complete by itself: receives that nobody fills, and sends that nobody receives. How many requests.
fn post(side: &Side) -> usize {
    for context in 0..5 {
        side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
    }
    for context in 0..4 {
        side.qp.send(context, &[side.piece(0..64)], 0).expect("posts");
    }
    9
}

/// Connects, posts, lets the device of host A go in one of the ways, and looks at what is left.
fn lose(seed: u64, go: fn(&World) -> Option<TaskId>) {
    World::new(seed).play(|world| {
        let link = Link::new(world, QUEUES);
        let posted = link.on_a(|side| {
            side.cq.arm(Notify::Any);
            post(side)
        });
        sim::sleep(sim::choose(sim::Stream::Ndis, 3 * sim::MICROSECOND));
        let going = go(world);
        link.on_a(move |side| {
            let results = side.results(posted);
            assert_eq!(results.len(), posted, "each completes");
            let good = |status| status == Status::CANCELLED || status == Status::SUCCESS;
            assert!(results.iter().all(|result| good(result.status)), "{results:?}");
            side.nothing_more();
            assert!(side.notes.count() >= 1, "who armed is called");
            assert_eq!(side.disconnects.get(), 1, "the connection is over");
            assert_eq!(
                side.qp.send(9, &[side.piece(0..8)], 0),
                Err(Status::CONNECTION_INVALID)
            );
            // Receives are taken in every state (QP-12), and an arm tells of their end.
            side.qp.receive(10, &[side.piece(0..8)]).expect("posts");
            let before = side.notes.count();
            side.cq.arm(Notify::Any);
            // The post had it told already, perhaps, on another processor.
            sim::sleep(sim::MILLISECOND);
            assert_eq!(side.notes.count(), before + 1);
            assert_eq!(side.result().status, Status::CANCELLED);
        });
        link.close();
        if let Some(going) = going {
            sim::join(going);
        }
    });
}

/// Proves QP-68, CONN-75, ADAPTER-28: the device is pulled out. NDIS halts the adapter when the consumer has closed.
#[test]
fn requests_outlive_a_device_that_is_pulled_out() {
    for seed in 0..20 {
        lose(seed, |world| {
            let host = &world.hosts[0];
            let (adapter, function) = (host.adapter.clone(), host.function.clone());
            let pull = host.thread("pull", move || {
                function.remove();
                adapter.surprise_remove();
            });
            sim::sleep(sim::SECOND);
            Some(pull)
        });
    }
}

/// Proves QP-68: the firmware stops, and the health timer finds out.
#[test]
fn requests_outlive_firmware_that_dies() {
    for seed in 0..20 {
        lose(seed, |world| {
            world.hosts[0].device.die(Health::Hardware);
            sim::sleep(20 * sim::SECOND);
            None
        });
    }
}

/// Proves LIFE-30, LIFE-33: closes end without the device, in whatever order, without waiting for completions first.
#[test]
fn closes_outlive_the_device() {
    for seed in 0..20 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            link.on_a(post);
            let closing = link.on_a(|side| {
                let connector = side.connector.take().expect("connected");
                (
                    side.cq.close(),
                    side.pd.close(),
                    side.qp.close(),
                    connector.close(),
                    side.mr.close(),
                )
            });
            world.hosts[0].device.die(Health::Hardware);
            let (cq, pd, qp, connector, mr) = closing;
            on(world.hosts[0].id, "wait", move || {
                for close in [&cq, &pd, &qp, &connector, &mr] {
                    close.wait().expect("closes");
                }
            });
            link.close_what_b_has();
        });
    }
}

/// Proves QP-12, QP-68, CQ-10: the device is dead, its queue is empty and armed; a receive that is posted then is told of, and comes back
/// cancelled.
#[test]
fn a_receive_for_a_dead_device_is_told_of() {
    for seed in 0..20 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            world.hosts[0].device.die(Health::Hardware);
            sim::sleep(20 * sim::SECOND);
            link.on_a(|side| {
                side.nothing_more();
                side.cq.arm(Notify::Any);
                let before = side.notes.count();
                side.qp.receive(10, &[side.piece(0..8)]).expect("posts");
                sim::sleep(sim::SECOND);
                assert_eq!(side.notes.count(), before + 1);
                let result = side.result();
                assert_eq!((result.request, result.status), (10, Status::CANCELLED));
                // Nobody is told twice.
                side.qp.receive(11, &[side.piece(0..8)]).expect("posts");
                sim::sleep(sim::SECOND);
                assert_eq!(side.notes.count(), before + 1);
                assert_eq!(side.result().request, 11);
            });
            link.close();
        });
    }
}
