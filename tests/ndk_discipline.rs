//! What a provider owes a consumer that posts: when lists are read, limits, fences, races, and memory after the end.
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a look into a dispatch table is one step"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::Cell;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_OP_FLAG_DEFER, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, NDK_OP_FLAG_READ_FENCE, NDK_RESULT_EX, NDK_SGE,
};
use cxndk_testbed::consumers::ndk::{
    Buffer, Lam, Mr, Notify, QpLimits, Remote, Started, Status, request_completed, sge,
};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim;
use cxndk_testbed::world::World;
use support::{BUFFER, Link, QUEUES, Side};

const PAGE: usize = 4096;

fn byte(side: &Side, at: usize) -> u8 {
    // SAFETY: inside the buffer; the simulation has one thread.
    unsafe { side.buffer.address().wrapping_add(at).read() }
}

/// What a stack holds after the function that posted has returned.
fn spoil(list: &mut [NDK_SGE; 1]) {
    list[0] = sge(std::ptr::null_mut(), u32::MAX, 0);
    std::hint::black_box(list);
}

/// Proves QP-10: a list may live on the caller's stack; it is read before the post returns, deferred or not.
#[test]
fn scatter_gather_lists_are_read_during_the_call() {
    World::new(1).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|side| {
            for context in 0..2 {
                let start = 1024 * context;
                let mut list = [side.piece(start..start + 64)];
                side.qp.receive(context as u64, &list).expect("posts");
                spoil(&mut list);
            }
        });
        link.on_a(|side| {
            side.fill(0..64, 0x11);
            side.fill(64..128, 0x22);
            let mut list = [side.piece(0..64)];
            side.qp.send(1, &list, NDK_OP_FLAG_DEFER).expect("posts");
            list[0] = side.piece(64..128);
            side.qp.send(2, &list, 0).expect("posts");
            spoil(&mut list);
            assert_eq!(side.results(2).len(), 2);
        });
        link.on_b(|side| {
            assert_eq!(side.results(2).len(), 2);
            assert_eq!((byte(side, 0), byte(side, 1024 + 63)), (0x11, 0x22));
        });
        link.close();
    });
}

/// Proves QP-16: the limits are those of the queue pair; for reads, that of the adapter.
#[test]
fn lists_longer_than_the_queue_pair_was_made_for_are_refused() {
    World::new(2).play(|world| {
        let limits = QpLimits {
            receive_sge: 1,
            initiator_sge: 2,
            ..QUEUES
        };
        let link = Link::new(world, limits);
        link.on_a(|side| {
            let list = [side.piece(0..8), side.piece(8..16), side.piece(16..24)];
            let most = side.adapter.info().expect("information").MaxReadRequestSge as usize;
            let reads: Vec<_> = (0..=most).map(|at| side.piece(8 * at..8 * at + 8)).collect();
            let remote = Remote { address: 0, token: 0 };
            for refused in [
                side.qp.receive(1, &list[..2]),
                side.qp.send(1, &list, 0),
                side.qp.write(1, &list, remote, 0),
                side.qp.read(1, &reads, remote, 0),
            ] {
                assert!(refused.is_err(), "{refused:?}");
            }
            side.nothing_more();
        });
        link.close();
    });
}

/// Proves QP-21, QP-19: a fenced send goes after the reads before it, and takes what they brought.
#[test]
fn a_fenced_send_waits_for_the_reads_before_it() {
    for seed in 0..10 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let remote = link.on_b(|side| {
                side.fill(0..32 << 10, 0x77);
                side.qp
                    .receive(1, &[side.piece(40 << 10..(40 << 10) + 64)])
                    .expect("posts");
                side.remote(0)
            });
            link.on_a(move |side| {
                side.qp
                    .read(1, &[side.piece(0..32 << 10)], remote, 0)
                    .expect("posts");
                let last = (32 << 10) - 64..32 << 10;
                side.qp
                    .send(2, &[side.piece(last)], NDK_OP_FLAG_READ_FENCE)
                    .expect("posts");
                assert_eq!(side.results(2).len(), 2);
            });
            link.on_b(|side| {
                assert_eq!(side.result().bytes, 64);
                assert_eq!(byte(side, (40 << 10) + 63), 0x77, "what the read brought");
            });
            link.close();
        });
    }
}

/// Proves QP-03, QP-04: a flush or a connector's close races with posts; each request is refused inline or completes once.
#[test]
fn requests_that_race_with_the_end_complete_once() {
    for seed in 0..40 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let host = world.hosts[0].id;
            let side = Rc::clone(&link.a);
            let accepted = Rc::new(Cell::new(0));
            let (poster, count) = (Rc::clone(&side), Rc::clone(&accepted));
            let posting = world.hosts[0].thread("posts", move || {
                for context in 0..8 {
                    if poster.qp.receive(context, &[poster.piece(0..64)]).is_ok() {
                        count.set(count.get() + 1);
                    }
                    if poster.qp.send(context, &[poster.piece(0..64)], 0).is_ok() {
                        count.set(count.get() + 1);
                    }
                    sim::sleep(sim::choose(sim::Stream::Ndis, 400));
                }
            });
            let ender = Rc::clone(&side);
            let ending = world.hosts[0].thread("ends", move || {
                sim::sleep(sim::choose(sim::Stream::Ndis, 3_000));
                if seed % 2 == 0 {
                    ender.qp.flush();
                } else {
                    let connector = ender.connector.take().expect("connected");
                    connector.close_and_wait().expect("closes");
                }
            });
            sim::join(posting);
            sim::join(ending);
            on(host, "collect", move || {
                // The close of the connector alone leaves receives where they are; a flush ends all.
                side.qp.flush();
                let results = side.results(accepted.get());
                assert_eq!(results.len(), accepted.get(), "seed {seed}");
                side.nothing_more();
            });
            link.close();
        });
    }
}

/// Proves CREATE-09: a queue holds as many completions as it was made for.
#[test]
fn a_completion_queue_holds_its_depth() {
    World::new(3).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            side.cq.arm(Notify::Errors);
            let depth = QUEUES.receive_depth + QUEUES.initiator_depth;
            for context in 0..u64::from(QUEUES.receive_depth) {
                side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
            }
            for context in 0..u64::from(QUEUES.initiator_depth) {
                side.qp
                    .send(context, &[side.piece(0..64)], NDK_OP_FLAG_DEFER)
                    .expect("posts");
            }
            side.qp.flush();
            sim::sleep(sim::SECOND);
            assert_eq!(side.notes.count(), 0, "no error of the queue");
            assert_eq!(side.results(depth as usize).len(), depth as usize);
        });
        link.close();
    });
}

/// Proves QP-69, QP-70: a close flushes; what is read later is of the past, and nobody writes the memory any more.
#[test]
fn nothing_reaches_memory_after_its_queue_pair_closed() {
    World::new(4).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|side| {
            side.fill(0..256, 0x55);
            for context in 0..4 {
                side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
            }
        });
        let (near, far) = (Rc::clone(&link.a), Rc::clone(&link.b));
        let sending = world.hosts[0].thread("sends", move || {
            sim::sleep(2_000);
            for context in 0..4 {
                let _ = near.qp.send(context, &[near.piece(0..64)], 0);
            }
        });
        let closing = world.hosts[1].thread("closes", move || {
            far.connector
                .take()
                .expect("connected")
                .close_and_wait()
                .expect("closes");
            far.qp.close_and_wait().expect("closes");
            let before: Vec<u8> = (0..256).map(|at| byte(&far, at)).collect();
            sim::sleep(sim::SECOND);
            let after: Vec<u8> = (0..256).map(|at| byte(&far, at)).collect();
            assert_eq!(before, after);
            let mut results = Vec::new();
            far.cq.poll(&mut results, 16);
            assert!(
                results
                    .iter()
                    .all(|result| result.status == Status::CANCELLED || result.bytes == 64)
            );
        });
        sim::join(sending);
        sim::join(closing);
        link.close_without_queue_pair_of_b();
    });
}

/// Proves VERSION-05: the padding of an extended result reads as 0, for readers of 2.1.
#[test]
fn the_padding_of_results_is_zero() {
    World::new(5).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            side.qp.receive(1, &[side.piece(0..64)]).expect("posts");
            side.qp.flush();
            sim::sleep(sim::MILLISECOND);
            let mut room = [0xee_u8; size_of::<NDK_RESULT_EX>()];
            // SAFETY: the queue is live.
            let get = unsafe { (*(*side.cq.raw()).Dispatch).NdkGetCqResultsEx }.expect("filled");
            // SAFETY: there is room for one result.
            assert_eq!(unsafe { get(side.cq.raw(), room.as_mut_ptr().cast(), 1) }, 1);
            assert_eq!(room[28..32], [0; 4]);
        });
        link.close();
    });
}

/// Proves MR-06: a region longer than the adapter's limit is refused. Proves MR-04: the MDL stays as it was.
#[test]
fn regions_are_registered_within_limits_and_mdls_left_alone() {
    World::new(6).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            let info = side.adapter.info().expect("information");
            let buffer = Buffer::new(BUFFER);
            // SAFETY: the buffer's own MDL.
            let before = unsafe { buffer.mdl().read() };
            let mr = side.pd.register(&buffer, 1).expect("a region");
            // SAFETY: as above.
            let after = unsafe { buffer.mdl().read() };
            let fields = |mdl: &wdk_standin::_MDL| {
                (
                    mdl.Next,
                    mdl.MdlFlags,
                    mdl.MappedSystemVa,
                    mdl.StartVa,
                    mdl.ByteCount,
                    mdl.ByteOffset,
                )
            };
            assert_eq!(fields(&before), fields(&after));
            mr.deregister().wait().expect("deregisters");
            mr.close_and_wait().expect("closes");

            let mr = side.pd.create_mr(false).expect("a region");
            let too_long = info.MaxRegistrationSize as u64 + 1;
            // The length is refused before the MDL is looked at beyond its end.
            assert_eq!(
                register(mr, buffer.mdl(), too_long),
                Err(Status::INVALID_PARAMETER)
            );
            mr.close_and_wait().expect("closes");
        });
        link.close();
    });
}

/// Proves QP-28: the adapter does not offer local invalidation by reads; the flag changes nothing.
#[test]
fn the_flag_of_a_capability_that_is_not_there_is_ignored() {
    World::new(7).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.on_b(|side| {
            side.fill(0..64, 0x31);
            side.remote(0)
        });
        link.on_a(move |side| {
            for _ in 0..2 {
                let flags = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
                side.qp
                    .read(1, &[side.piece(0..64)], remote, flags)
                    .expect("posts");
                assert_eq!(
                    side.result().status,
                    Status::SUCCESS,
                    "the token is valid, also the second time"
                );
            }
            assert_eq!(byte(side, 63), 0x31);
        });
        link.close();
    });
}

/// Proves QP-45: a token that the receiver does not have ends the connection.
#[test]
fn invalidating_a_token_that_is_none_ends_the_connection() {
    World::new(8).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|side| side.qp.receive(1, &[side.piece(0..64)]))
            .expect("posts");
        link.on_a(|side| {
            let token = 0xdead_beef;
            side.qp
                .send_and_invalidate(1, &[side.piece(0..64)], 0, token)
                .expect("posts");
            assert_ne!(side.result().status, Status::SUCCESS);
        });
        link.on_b(|side| {
            sim::sleep(sim::SECOND);
            assert_eq!(side.disconnects.get(), 1, "B is told");
        });
        link.close();
    });
}

/// Proves MR-03, MR-08: MDLs that join at a page boundary are one region, others are none; and a read sink is always welcome.
#[test]
fn a_region_has_no_gaps() {
    World::new(9).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            let buffer = Buffer::new(4 * PAGE);
            // SAFETY: the buffer's own MDL.
            let whole = unsafe { buffer.mdl().read() };
            let part = |start: usize, length: usize| wdk_standin::_MDL {
                MappedSystemVa: whole.MappedSystemVa.wrapping_byte_add(start),
                StartVa: whole.StartVa.wrapping_byte_add(start / PAGE * PAGE),
                ByteOffset: (start % PAGE) as u32,
                ByteCount: length as u32,
                ..whole
            };
            let cases = [
                (part(0, 2 * PAGE), part(2 * PAGE, PAGE), true),
                (part(100, PAGE - 100), part(PAGE, 50), true),
                (part(0, PAGE - 1), part(PAGE, PAGE), false),
                (part(0, PAGE), part(PAGE + 1, PAGE), false),
            ];
            for (mut first, mut second, joined) in cases {
                first.Next = &raw mut second;
                let length = u64::from(first.ByteCount + second.ByteCount);
                let mr = side.pd.create_mr(false).expect("a region");
                let registered = register(mr, &raw mut first, length);
                assert_eq!(registered.is_ok(), joined, "{registered:?}");
                if joined {
                    mr.deregister().wait().expect("deregisters");
                }
                mr.close_and_wait().expect("closes");
            }
        });
        link.close();
    });
}

/// Registers a chain for local writes, as a read sink.
fn register(mr: Mr, chain: *mut wdk_standin::_MDL, length: u64) -> Result<(), Status> {
    const LOCAL_WRITE_AND_READ_SINK: u32 = 1 | 8;
    // SAFETY: the region is live.
    let register = unsafe { (*(*mr.raw()).Dispatch).NdkRegisterMr }.expect("filled");
    let started = Started::run(|context| {
        let flags = LOCAL_WRITE_AND_READ_SINK;
        // SAFETY: the chain lives until the request has completed.
        unsafe {
            register(
                mr.raw(),
                chain.cast(),
                length,
                flags,
                Some(request_completed),
                context,
            )
        }
    });
    started.wait()
}

/// Proves MR-73: a mapping holds addresses of the bus, which are not the processor's.
#[test]
fn logical_addresses_are_those_of_the_bus() {
    World::new(10).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            let buffer = Buffer::new(4 * PAGE);
            let mapping = Lam::build(side.adapter, &buffer).expect("a mapping");
            let start = buffer.address().addr() as u64;
            let own = start..start + 4 * PAGE as u64;
            assert_eq!(mapping.pages().len(), 4);
            assert!(mapping.pages().iter().all(|page| !own.contains(page)));
            mapping.release();
        });
        link.close();
    });
}

std::thread_local! {
    static CLOSED: Cell<Option<usize>> = const { Cell::new(None) };
}

unsafe extern "win64" fn closed(context: *mut std::ffi::c_void) {
    assert!(CLOSED.get().is_none(), "once");
    CLOSED.set(Some(context.addr()));
}

/// Proves LIFE-37: the completion of a close gets the context of the close, whatever that is.
#[test]
fn the_context_of_a_close_comes_back() {
    for context in [0, 0x1234_5678] {
        World::new(11).play(move |world| {
            let link = Link::new(world, QUEUES);
            link.on_a(move |side| {
                CLOSED.set(None);
                let pd = side.adapter.create_pd().expect("a domain");
                let mr = pd.create_mr(false).expect("a region");
                // SAFETY: the domain is live.
                let close = unsafe { (*(*pd.raw()).Dispatch).NdkClosePd }.expect("filled");
                // SAFETY: as above; the region holds the domain, so the close pends.
                let status = unsafe {
                    close(
                        pd.header(),
                        Some(closed),
                        std::ptr::without_provenance_mut(context),
                    )
                };
                assert_eq!(Status(status), Status::PENDING);
                assert_eq!(CLOSED.get(), None);
                mr.close_and_wait().expect("closes");
                sim::sleep(sim::MILLISECOND);
                assert_eq!(CLOSED.get(), Some(context));
            });
            link.close();
        });
    }
}

/// Proves LIFE-56: connector and queue pair know of each other from the connect on, not before.
#[test]
fn a_queue_pair_waits_for_the_connector_that_was_connected_with_it() {
    World::new(12).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|side| {
            let connector = side.adapter.create_connector().expect("a connector");
            let qp = side
                .pd
                .create_qp(side.cq, side.cq, 1, QUEUES)
                .expect("a queue pair");
            qp.close_and_wait().expect("nothing holds it");
            connector.close_and_wait().expect("closes");
        });
        let closing = link.on_a(|side| side.qp.close());
        sim::sleep(sim::SECOND);
        assert_eq!(closing.calls(), 0, "the connector holds it");
        link.on_a(|side| side.connector.take().expect("connected").close_and_wait())
            .expect("closes");
        closing.wait().expect("closes");
        link.on_a(|side| {
            side.mr.close_and_wait().expect("closes");
            side.pd.close_and_wait().expect("closes");
            side.cq.close_and_wait().expect("closes");
        });
        link.close_what_b_has();
    });
}
