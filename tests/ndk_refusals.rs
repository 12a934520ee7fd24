//! Firmware that will not let go of requests or memory: the consumer's requests end in bounded time nevertheless, none of them before the
//! device has let go of their memory, and closing needs no memory.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::rc::Rc;

use cxndk::hw::layout::opcode as op;
use cxndk_testbed::connectx::{CommandFault, Device, Health, Matching, State};
use cxndk_testbed::consumers::ndk::{Buffer, Notify, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::sim::{self, MILLISECOND, SECOND};
use cxndk_testbed::world::World;
use support::{ALL_RIGHTS, Link, QUEUES, Side};

/// Number of the log entry: a command got no answer; the device would not let go.
const SILENT: u64 = 0x205;
const REFUSES: u64 = 0x206;
/// A command's time limit, and what else may be needed.
const BOUND: u64 = 70 * SECOND;
/// More allocations than a teardown could have.
const MOST: u64 = 200;

/// How a consumer ends what is outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Flush,
    Disconnect,
    /// A flush, and a disconnect right behind it.
    Both,
}

/// Commands, and what happens to them.
type Faults = [(u16, fn() -> CommandFault)];

const fn refusal() -> CommandFault {
    // Bad resource state.
    CommandFault::Status(0x09, 0x1234)
}

/// Whether the device reaches no memory of queue pairs that are connected any more.
fn has_let_go(device: &Device) -> bool {
    let ended = |state| matches!(state, State::Reset | State::Error);
    let mut pairs = device.all_qps().into_iter().filter(|qp| qp.number.0 > 1);
    !device.configuration().is_bus_master() || pairs.all(|qp| ended(qp.state.get()))
}

/// Numbers and details of the log entries of host A.
fn log(world: &World) -> Vec<(u64, u64)> {
    let entries = world.hosts[0].adapter.event_log();
    entries
        .iter()
        .map(|entry| (entry.values[0], entry.values[2]))
        .collect()
}

/// Three receives are outstanding on A, whose device meets these faults, when the consumer wants their end. What the log has then.
fn end(seed: u64, way: Way, faults: &Faults) -> Vec<(u64, u64)> {
    World::new(seed).play(|world| {
        let link = Link::new(world, QUEUES);
        let device = Rc::clone(&world.hosts[0].device);
        for (opcode, fault) in faults {
            let every = Matching::opcode(*opcode);
            device.faults.borrow_mut().add(every, fault());
        }
        link.on_a(move |side| {
            for context in 0..3 {
                let at = 64 * context as usize;
                side.qp
                    .receive(context, &[side.piece(at..at + 64)])
                    .expect("posts");
            }
            side.cq.arm(Notify::Any);
            let begun = sim::now();
            let connector = side.connector.get().expect("connected");
            if way != Way::Disconnect {
                side.qp.flush();
            }
            if matches!(way, Way::Disconnect | Way::Both) {
                // What it comes to depends on what is left of the device.
                let _ = connector.disconnect().wait();
                assert!(has_let_go(&device), "{way:?} completed, and the device goes on");
            }
            let results = side.results(3);
            assert!(has_let_go(&device), "{way:?}: cancelled under the device's hands");
            let ends: Vec<_> = results
                .iter()
                .map(|result| (result.request, result.status))
                .collect();
            let cancelled = |context| (context, Status::CANCELLED);
            assert_eq!(ends, [0, 1, 2].map(cancelled), "{way:?}");
            assert!(sim::now() - begun < BOUND, "{way:?}");
            assert_eq!(side.notes.count(), 1, "who armed is called");
            side.nothing_more();
            // Receives are taken in every state (QP-12), and end like the others.
            side.qp.receive(3, &[side.piece(0..8)]).expect("posts");
            side.cq.arm(Notify::Any);
            assert_eq!(side.result().status, Status::CANCELLED);
            // The post had it told already, perhaps, on another processor.
            sim::sleep(sim::MILLISECOND);
            assert_eq!(side.notes.count(), 2);
        });
        let log = log(world);
        link.close();
        log
    })
}

/// Proves QP-60, QP-70, CONN-61, CONN-62: a queue pair that will not go to the error state is reset, and its requests are cancelled.
#[test]
fn a_refused_flush_becomes_a_reset() {
    for (seed, way) in [Way::Flush, Way::Disconnect, Way::Both].into_iter().enumerate() {
        let log = end(seed as u64, way, &[(op::QP_2ERR_QP, refusal)]);
        assert_eq!(log, [], "the device works on");
    }
}

/// Proves QP-60, QP-70, CONN-61, CONN-62: a device that lets go of a queue pair by no means is given up: then nothing reaches memory.
#[test]
fn a_device_that_does_not_let_go_is_given_up() {
    for (seed, way) in [Way::Flush, Way::Disconnect, Way::Both].into_iter().enumerate() {
        let refused: [(u16, fn() -> CommandFault); 2] =
            [(op::QP_2ERR_QP, refusal), (op::QP_2RST_QP, refusal)];
        let log = end(seed as u64, way, &refused);
        assert_eq!(log, [(REFUSES, u64::from(op::QP_2ERR_QP))]);
    }
}

/// Proves QP-60, QP-70, CONN-61: a flush that is never answered ends with the device, after one time limit.
#[test]
fn a_flush_that_is_not_answered_ends_with_the_device() {
    for (seed, way) in [Way::Flush, Way::Disconnect, Way::Both].into_iter().enumerate() {
        let log = end(seed as u64, way, &[(op::QP_2ERR_QP, || CommandFault::Silence)]);
        assert_eq!(log, [(SILENT, u64::from(op::QP_2ERR_QP))]);
    }
}

/// Proves QP-70, CONN-61: who comes second waits as well, until the flush that is under way is done.
#[test]
fn a_disconnect_waits_for_a_flush_that_is_under_way() {
    for seed in 0..4 {
        let late = || CommandFault::Late(5 * SECOND);
        assert_eq!(end(seed, Way::Both, &[(op::QP_2ERR_QP, late)]), []);
    }
}

/// Proves QP-69, QP-70: a queue pair that the device does not destroy is closed when the device has lost its way to memory, with three
/// receives outstanding.
#[test]
fn a_queue_pair_that_is_not_destroyed_is_closed_without_the_device() {
    for seed in 0..4 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let device = Rc::clone(&world.hosts[0].device);
            for opcode in [op::QP_2ERR_QP, op::QP_2RST_QP, op::DESTROY_QP] {
                let every = Matching::opcode(opcode);
                device.faults.borrow_mut().add(every, refusal());
            }
            link.on_a(move |side| {
                for context in 0..3 {
                    side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
                }
                let connector = side.connector.take().expect("connected");
                connector.close_and_wait().expect("closes");
                side.qp.close_and_wait().expect("closes");
                assert!(has_let_go(&device));
                for object in [&side.mr.close(), &side.pd.close(), &side.cq.close()] {
                    object.wait().expect("closes");
                }
            });
            assert_eq!(log(world).len(), 1, "{:x?}", log(world));
            link.close_what_b_has();
        });
    }
}

/// Proves QP-70: firmware dies and the rest of the chip goes on: what is cancelled is not written to any more.
#[test]
fn nothing_is_cancelled_under_the_hands_of_a_chip_that_goes_on() {
    for seed in 0..10 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            link.on_a(|side| {
                for context in 0..5 {
                    side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
                }
            });
            let device = Rc::clone(&world.hosts[0].device);
            device.wedge(Health::Internal);
            // The first may come before anybody knows; who sends has patience.
            sim::sleep(sim::choose(sim::Stream::Ndis, 3 * SECOND));
            link.on_b(|side| {
                side.fill(0..64, 0x55);
                for context in 0..5 {
                    side.qp.send(context, &[side.piece(0..64)], 0).expect("posts");
                    sim::sleep(500 * MILLISECOND);
                }
            });
            link.on_a(|side| {
                let results = side.results(5);
                assert_eq!(results.len(), 5, "each completes");
                side.fill(0..64, 0xaa);
            });
            link.on_b(|side| {
                // Whatever of it is still tried again.
                sim::sleep(10 * SECOND);
                assert_eq!(side.results(5).len(), 5);
            });
            link.on_a(|side| {
                let untouched = |at: usize| {
                    // SAFETY: inside the buffer; the simulation has one thread.
                    unsafe { side.buffer.address().wrapping_add(at).read() == 0xaa }
                };
                assert!((0..64).all(untouched), "written to after it was cancelled");
            });
            link.close();
        });
    }
}

/// Closes everything of A's without pool from the `nth` allocation on, after `before`; then the adapter halts without pool. How many
/// allocations failed.
fn close_without_pool(seed: u64, nth: u64, before: fn(&Device)) -> u64 {
    World::new(seed).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            for context in 0..5 {
                side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
            }
        });
        before(&world.hosts[0].device);
        let exhausted = |nth| {
            let fail = |plan: Plan, point| plan.fail(point, When::From(nth));
            let points = [
                "pool",
                "NdisAllocateIoWorkItem",
                "NdisMAllocateSharedMemoryAsyncEx",
            ];
            faults::set(Some(points.into_iter().fold(Plan::new(), fail)));
        };
        exhausted(nth);
        link.on_a(Side::close);
        let failed = faults::fired("pool");
        faults::set(None);
        link.close_what_b_has();
        exhausted(1);
        world.hosts[0].adapter.stop();
        faults::set(None);
        failed
    })
}

/// Proves LIFE-30, HALT-01: closing after the device's death needs no memory, and nothing is left at the halt.
#[test]
fn closing_on_a_dead_device_needs_no_memory() {
    let deaths: [fn(&Device); 3] = [
        |device| device.die(Health::Hardware),
        |device| {
            device.die(Health::Hardware);
            sim::sleep(5 * SECOND);
        },
        |device| device.wedge(Health::Hardware),
    ];
    for (seed, death) in deaths.into_iter().enumerate() {
        for nth in 1..MOST {
            if close_without_pool(seed as u64, nth, death) == 0 {
                break;
            }
            assert!(nth + 1 < MOST, "there is no end to it");
        }
    }
}

/// Registers memory of host A, whose device treats the command that makes the key so, and lets go of the bus at the second request only.
fn register_in_vain(seed: u64, fault: fn() -> CommandFault) {
    World::new(seed).play(|world| {
        let host = &world.hosts[0];
        let (device, open) = (Rc::clone(&host.device), host.open_ndk());
        let adapter = open.adapter();
        on(host.id, "registers", move || {
            let pd = adapter.create_pd().expect("a domain");
            let making = Matching::opcode(op::CREATE_MKEY);
            device.faults.borrow_mut().add(making, fault());
            faults::set(Some(Plan::new().fail("NdisMSetBusData", When::Nth(1))));
            let buffer = Buffer::new(3 * 4096);
            assert!(pd.register(&buffer, ALL_RIGHTS).is_err(), "no key");
            let reaches = device.configuration().is_bus_master();
            faults::set(None);
            assert!(
                !reaches,
                "the memory is the consumer's again, and the device reaches it"
            );
            drop(buffer);
            pd.close_and_wait().expect("closes");
        });
        open.close();
    });
}

/// Proves MR-13, LIFE-30: a registration that the device does not answer, or answers with what cannot be, may have made a key that nobody
/// knows. It completes when the device reaches no memory any more.
#[test]
fn a_registration_without_an_answer_ends_when_the_device_is_cut_off() {
    let ways: [fn() -> CommandFault; 2] = [
        || CommandFault::Silence,
        || CommandFault::Lie(Rc::new(|output: &mut Vec<u8>| output.fill(0))),
    ];
    for (seed, way) in (0..4).flat_map(|seed| ways.map(|way| (seed, way))) {
        register_in_vain(seed, way);
    }
}

/// Proves LIFE-30, MR-13: a region whose key the device does not destroy is closed without the device, and without memory.
#[test]
fn a_key_that_is_not_destroyed_needs_no_memory_either() {
    let refuse = |device: &Device| {
        let every = Matching::opcode(op::DESTROY_MKEY);
        device.faults.borrow_mut().add(every, refusal());
    };
    for seed in 0..3 {
        close_without_pool(seed, 1, refuse);
    }
}

/// Proves LIFE-30, HALT-01: no teardown needs memory while the device works, or refuses to destroy what it can keep.
#[test]
fn closing_needs_no_memory() {
    let ways: [fn(&Device); 2] = [
        |_| {},
        |device| {
            for opcode in [op::DESTROY_CQ, op::DESTROY_EQ, op::DEALLOC_PD, op::DEALLOC_UAR] {
                let every = Matching::opcode(opcode);
                device.faults.borrow_mut().add(every, refusal());
            }
        },
    ];
    for (seed, way) in ways.into_iter().enumerate() {
        close_without_pool(seed as u64, 1, way);
    }
}
