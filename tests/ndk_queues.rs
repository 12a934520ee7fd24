//! Completion queues: when their consumers are called back, and what becomes of queues that overflow.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::rc::Rc;

use cxndk::sys::ndis::NDIS_NDK_STATISTICS_INFO;
use cxndk::sys::ndis::OID_NDK_STATISTICS;
use cxndk::sys::ndkpi::{
    NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED,
    NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS,
};
use cxndk_testbed::connectx;
use cxndk_testbed::consumers::ndk::{Cq, Notify, QpLimits, Remote, Started, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::ndis::ndk;
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::sim::{self, TaskSpec};
use cxndk_testbed::world::{Host, World};
use support::{Link, QUEUES, Side};

/// `MAXULONG`.
const UNLIMITED: u32 = u32::MAX;

fn write(side: &Side, context: u64, to: Remote, flags: u32) {
    side.qp
        .write(context, &[side.piece(0..8)], to, flags)
        .expect("a write");
}

/// Proves CREATE-08, CREATE-11, CQ-10, CQ-40.
#[test]
fn a_queue_is_made_unarmed_and_within_limits() {
    World::new(1).play(|world| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            let info = open.adapter().info().expect("info");
            let make = |depth| open.adapter().create_cq(depth, None, std::ptr::null_mut());
            assert_eq!(make(info.MaxCqDepth + 1).err(), Some(Status::INVALID_PARAMETER));
            let cq = make(16).expect("a queue");
            assert_eq!(info.AdapterFlags & NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED, 0);
            // SAFETY: the queue is live.
            let resize = unsafe { (*(*cq.raw()).Dispatch).NdkResizeCq }.expect("filled");
            // SAFETY: the arguments are those of NdkResizeCq.
            let resized = Started::run(|context| unsafe { resize(cq.raw(), 32, None, context) });
            assert_eq!(resized.wait(), Err(Status::NOT_SUPPORTED));
            cq.close_and_wait().expect("closes");
            open.close();
        });
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            write(a, 1, remote, 0);
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(a.notes.count(), 0, "never armed");
            assert_eq!(a.result().status, Status::SUCCESS);
        });
        link.close();
    });
}

/// Proves CQ-10, CQ-11, CQ-12, CQ-16, CQ-22, CQ-23, CQ-24.
#[test]
fn an_arm_brings_one_notification() {
    World::new(2).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            a.cq.arm(Notify::Any);
            write(a, 0, remote, NDK_OP_FLAG_SILENT_SUCCESS);
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(a.notes.count(), 0, "silent success satisfies no arm");
            write(a, 1, remote, 0);
            write(a, 2, remote, 0);
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(*a.notes.seen.borrow(), [Status::SUCCESS], "one arm, one callback");
            // What came after the callback satisfies the next arm at once.
            write(a, 3, remote, 0);
            sim::sleep(10 * sim::MILLISECOND);
            a.cq.arm(Notify::Any);
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(a.notes.count(), 2);
            assert_eq!(a.results(3).len(), 3);
            // Emptied and armed again inside the callback, while nobody else touches the queue (CQ-01).
            a.notes.again.set(Some((a.cq, Notify::Any)));
            a.cq.arm(Notify::Any);
            for n in 0..4 {
                write(a, n, remote, 0);
                sim::sleep(10 * sim::MILLISECOND);
            }
            assert_eq!(a.notes.count(), 6);
            a.notes.again.set(None);
            assert_eq!(a.notes.taken.borrow().len(), 4);
        });
        link.close();
    });
}

/// Proves CQ-15, CQ-17, CQ-18, CQ-19, QP-22.
#[test]
fn solicited_arms_wait_for_solicited_sends_and_failures() {
    World::new(3).play(|world| {
        let link = Link::new(world, QUEUES);
        let counts = |step: u64, arm: Notify, flags: u32| -> usize {
            link.on_b(move |b| {
                b.qp.receive(step, &[b.piece(0..64)]).expect("a receive");
                b.cq.arm(arm);
            });
            link.on_a(move |a| {
                a.qp.send(step, &[], flags).expect("a send");
                a.result();
            });
            link.on_b(|b| {
                sim::sleep(10 * sim::MILLISECOND);
                b.result();
                b.notes.count()
            })
        };
        assert_eq!(counts(1, Notify::Errors, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT), 0);
        assert_eq!(counts(2, Notify::Solicited, 0), 0);
        assert_eq!(
            counts(3, Notify::Errors, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT),
            1,
            "merged: still solicited"
        );
        assert_eq!(counts(4, Notify::Solicited, 0), 1);
        assert_eq!(counts(5, Notify::Any, 0), 2, "merged: any");
        link.on_b(|b| {
            b.qp.receive(6, &[b.piece(0..64)]).expect("a receive");
            b.cq.arm(Notify::Solicited);
            b.qp.flush();
            assert_eq!(b.result().status, Status::CANCELLED);
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(b.notes.count(), 3, "a failure counts as solicited");
        });
        link.close();
    });
}

/// Proves CQ-20, CQ-22, CQ-30, CQ-32, CQ-33, CQ-34, CQ-36, QP-68, CONN-75.
#[test]
fn a_queue_that_overflows_is_dead_and_says_so() {
    World::new(4).play(|world| {
        world.hosts[0].device.allow_overruns();
        let limits = QpLimits {
            initiator_depth: 64,
            ..QUEUES
        };
        ndk::forgive("CQ-36");
        let link = Link::with_queue(world, limits, 4);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            a.cq.arm(Notify::Errors);
            // The queue pair may be dead before the last of them.
            let posted = (0..64).take_while(|n| a.qp.write(*n, &[a.piece(0..8)], remote, 0).is_ok());
            assert!(posted.count() > 4, "more than the queue holds");
            sim::sleep(100 * sim::MILLISECOND);
            assert_eq!(*a.notes.seen.borrow(), [Status::BUFFER_OVERFLOW]);
            let mut results = Vec::new();
            assert_eq!(a.cq.poll(&mut results, 16), 0, "nothing is reported any more");
            let refused = a.qp.write(99, &[a.piece(0..8)], remote, 0);
            assert_eq!(refused, Err(Status::CONNECTION_INVALID));
            a.cq.arm(Notify::Any);
            sim::sleep(sim::MILLISECOND);
            assert_eq!(
                *a.notes.seen.borrow(),
                [Status::BUFFER_OVERFLOW; 2],
                "a late arm is told"
            );
            assert_eq!(a.disconnects.get(), 1);
        });
        assert_eq!(cq_errors(&world.hosts[0]), 1);
        link.close();
    });
}

/// The queues that the driver has made on a host's device.
fn queues_of(host: &Host) -> Vec<Rc<connectx::Cq>> {
    host.device.all_cqs()
}

/// Proves CQ-31, CQ-32, CQ-33, CQ-34, QP-68: the device gives a queue up, in whatever way it is armed. Its consumer is told so, what
/// lies in it unread is lost with it, and no queue pair on it works on.
#[test]
fn a_queue_that_the_device_gives_up_is_dead_and_says_so() {
    for (seed, kind) in [Notify::Errors, Notify::Solicited, Notify::Any]
        .into_iter()
        .enumerate()
    {
        World::new(seed as u64).play(|world| {
            let host = &world.hosts[0];
            let others: Vec<_> = queues_of(host).iter().map(|queue| queue.number).collect();
            let link = Link::new(world, QUEUES);
            let own = queues_of(host)
                .into_iter()
                .find(|queue| !others.contains(&queue.number));
            let (own, device) = (own.expect("the consumer's"), Rc::clone(&host.device));
            let remote = link.b.remote(0);
            link.on_a(move |a| {
                write(a, 1, remote, 0);
                sim::sleep(10 * sim::MILLISECOND);
                assert_eq!(a.result().request, 1);
                write(a, 2, remote, 0);
                a.qp.receive(3, &[a.piece(0..64)]).expect("a receive");
                sim::sleep(10 * sim::MILLISECOND);
                if kind != Notify::Any {
                    a.cq.arm(kind);
                }
                device.break_cq(&own);
                if kind == Notify::Any {
                    a.cq.arm(kind);
                }
                sim::sleep(10 * sim::MILLISECOND);
                assert_eq!(
                    a.notes.seen.borrow().last(),
                    Some(&Status::INTERNAL_ERROR),
                    "{kind:?}"
                );
                assert_eq!(a.cq.poll(&mut Vec::new(), 16), 0, "what lies in it is lost");
                let refused = a.qp.write(4, &[a.piece(0..8)], remote, 0);
                assert_eq!(refused, Err(Status::CONNECTION_INVALID));
                let told = a.notes.count();
                a.cq.arm(Notify::Errors);
                sim::sleep(sim::MILLISECOND);
                assert_eq!(a.notes.count(), told + 1, "a late arm is told");
                assert_eq!(a.notes.seen.borrow().last(), Some(&Status::INTERNAL_ERROR));
                a.nothing_more();
                assert_eq!(a.disconnects.get(), 1);
            });
            assert_eq!(cq_errors(&world.hosts[0]), 1);
            link.close();
        });
    }
}

fn cq_errors(host: &Host) -> u64 {
    let mut buffer = [0_u8; size_of::<NDIS_NDK_STATISTICS_INFO>()];
    host.adapter
        .direct_query(OID_NDK_STATISTICS, &mut buffer)
        .expect("statistics");
    let at = std::mem::offset_of!(NDIS_NDK_STATISTICS_INFO, CounterSet) + 25 * 8;
    u64::from_le_bytes(buffer[at..at + 8].try_into().unwrap())
}

fn moderate(cq: Cq, interval_us: u32, count: u32) -> Status {
    // SAFETY: the queue is live.
    let control = unsafe { (*(*cq.raw()).Dispatch).NdkControlCqInterruptModeration }.expect("filled");
    // SAFETY: the arguments are those of NdkControlCqInterruptModeration.
    Status(unsafe { control(cq.raw(), interval_us, count) })
}

/// Nanoseconds from an arm to the notification of a write's end, and how many of them the driver may have stood still between two of its
/// instructions, which no interval is to blame for.
fn delay_of_write(a: &Side, context: u64, remote: Remote) -> (u64, u64) {
    let (before, start, stood) = (a.notes.count(), sim::now(), sim::stood_still());
    a.cq.arm(Notify::Any);
    write(a, context, remote, 0);
    while a.notes.count() == before {
        sim::sleep(1000);
    }
    a.result();
    (sim::now() - start, sim::stood_still() - stood)
}

/// Proves CQ-50, CQ-51, CQ-53, CQ-54, CQ-55, CQ-56, CQ-58, CREATE-12.
#[test]
fn moderation_holds_notifications_back() {
    World::new(5).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            let flags = a.adapter.info().expect("info").AdapterFlags;
            assert_ne!(flags & NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, 0);
            for count in [UNLIMITED, 33] {
                assert_eq!(moderate(a.cq, UNLIMITED, count), Status::INVALID_PARAMETER_MIX);
            }
            let delay = |context| delay_of_write(a, context, remote);
            let (at_once, _) = delay(1);
            for (interval, count) in [(0, 8), (2000, 0), (2000, 1)] {
                assert_eq!(moderate(a.cq, interval, count), Status::SUCCESS);
                sim::sleep(sim::MILLISECOND);
                let (held, stood) = delay(2);
                assert!(
                    held < 2 * at_once + 10_000 + stood,
                    "no moderation: {interval} us, {count}"
                );
            }
            assert_eq!(moderate(a.cq, 2000, 8), Status::SUCCESS);
            sim::sleep(sim::MILLISECOND);
            let (held, stood) = delay(3);
            assert!((1_000_000..2_500_000 + stood).contains(&held), "{held} ns");
        });
        link.close();
    });
}

/// Proves CQ-57: an interval beyond what the device can count is rounded down to the longest that it can, one within is kept.
#[test]
fn moderation_intervals_are_never_rounded_up() {
    /// Microseconds: the field has twelve bits (`cq_period`).
    const LONGEST: u64 = 4095;
    World::new(6).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            let delay = || delay_of_write(a, 1, remote);
            let (at_once, _) = delay();
            for interval in [
                1,
                2,
                100,
                4094,
                4095,
                4096,
                8191,
                8192,
                65_536,
                1 << 24,
                UNLIMITED - 1,
            ] {
                assert_eq!(moderate(a.cq, interval, 8), Status::SUCCESS);
                sim::sleep(sim::MILLISECOND);
                let ((held, stood), asked) = (delay(), u64::from(interval));
                assert!(
                    held <= asked * sim::MICROSECOND + 2 * at_once + stood,
                    "{interval} us became {held} ns"
                );
                let kept = asked.min(LONGEST) * sim::MICROSECOND;
                assert!(
                    held >= kept,
                    "{interval} us became {held} ns, no more than it had to"
                );
            }
        });
        link.close();
    });
}

/// Proves CQ-21: an arm needs nothing that could be missing. Without a byte of memory, at `DISPATCH_LEVEL`, however often it was armed
/// before, and whether or not there is something in the queue, the notification comes.
#[test]
fn an_arm_never_fails() {
    World::new(7).play(|world| {
        let link = Link::new(world, QUEUES);
        let (remote, host) = (link.b.remote(0), world.hosts[0].id);
        let side = Rc::clone(&link.a);
        let exhausted = Plan::new()
            .fail("pool", When::From(1))
            .fail("NdisAllocateIoWorkItem", When::From(1));
        faults::set(Some(exhausted));
        for round in 1..=20 {
            let armed = Rc::clone(&side);
            let task = TaskSpec::on("arms", host, sim::DISPATCH_LEVEL);
            sim::join(sim::spawn(task, move || {
                let kinds = [Notify::Errors, Notify::Solicited, Notify::Any];
                if round % 2 == 0 {
                    write(&armed, round, remote, 0);
                }
                kinds
                    .iter()
                    .cycle()
                    .take(600)
                    .for_each(|kind| armed.cq.arm(*kind));
            }));
            link.on_a(move |a| {
                if round % 2 == 1 {
                    write(a, round, remote, 0);
                }
                sim::sleep(10 * sim::MILLISECOND);
                assert_eq!(a.result().request, round);
            });
            assert!(
                side.notes.count() >= round as usize,
                "round {round}: no notification"
            );
        }
        assert!(
            side.notes
                .seen
                .borrow()
                .iter()
                .all(|status| *status == Status::SUCCESS)
        );
        faults::set(None);
        link.close();
    });
}
