//! Requests on connected queue pairs: what is accepted, what completes, and how.

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use cxndk::sys::ndkpi::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_READ_FENCE,
    NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS, NdkOperationTypeRead,
    NdkOperationTypeReceive, NdkOperationTypeSend, NdkOperationTypeWrite,
};
use cxndk_testbed::consumers::ndk::{QpLimits, Remote, Status, sge};
use cxndk_testbed::world::World;
use support::{Link, QUEUES};

/// Proves QP-06, QP-09, QP-40, CQ-03, CQ-06, CREATE-16.
#[test]
fn a_send_fills_one_receive_and_both_complete_once() {
    World::new(1).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|b| {
            b.qp.receive(41, &[b.piece(0..100), b.piece(200..300)])
                .expect("a receive")
        });
        link.on_a(|a| {
            a.fill(0..120, 9);
            a.qp.send(0, &[a.piece(0..50), a.piece(50..120)], 0)
                .expect("a send");
            let sent = a.result();
            assert_eq!(
                (sent.status, sent.kind, sent.qp, sent.request),
                (Status::SUCCESS, NdkOperationTypeSend, 7, 0)
            );
            a.nothing_more();
        });
        link.on_b(|b| {
            let got = b.result();
            assert_eq!(
                (got.status, got.kind, got.bytes),
                (Status::SUCCESS, NdkOperationTypeReceive, 120)
            );
            assert_eq!((got.qp, got.request), (7, 41));
            assert_eq!(b.buffer.bytes()[..100], [9; 100]);
            assert_eq!(b.buffer.bytes()[200..220], [9; 20]);
            assert_eq!(b.buffer.bytes()[220..300], [0; 80], "no byte beyond the message");
            b.nothing_more();
        });
        link.close();
    });
}

/// Proves QP-07, QP-08, QP-27: an unsuitable flag fails inline, leaves no entry, and the queue pair works on.
#[test]
fn flags_that_a_request_may_not_carry_fail_it_inline() {
    World::new(2).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            let piece = [a.piece(0..8)];
            let bad = Err(Status::INVALID_PARAMETER);
            assert_eq!(a.qp.send(1, &piece, NDK_OP_FLAG_ALLOW_REMOTE_READ), bad);
            assert_eq!(
                a.qp.write(2, &piece, remote, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT),
                bad
            );
            assert_eq!(a.qp.read(3, &piece, remote, NDK_OP_FLAG_INLINE), bad);
            assert_eq!(a.qp.invalidate(4, a.mr, NDK_OP_FLAG_INLINE), bad);
            assert_eq!(a.qp.send(5, &piece, 1 << 20), bad);
            a.nothing_more();
            a.qp.write(6, &piece, remote, 0).expect("a write");
            assert_eq!(a.result().request, 6);
        });
        link.close();
    });
}

/// Proves QP-11, QP-12, QP-66, QP-67.
#[test]
fn a_queue_pair_without_connection_takes_receives_only() {
    World::new(3).play(|world| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        cxndk_testbed::consumers::node::on(host.id, "consumer", move || {
            let side = support::Side::new(open.adapter(), QUEUES);
            let (piece, remote) = ([side.piece(0..8)], side.remote(0));
            let none = Err(Status::CONNECTION_INVALID);
            for _ in 0..2 {
                side.qp.receive(1, &piece).expect("a receive");
                assert_eq!(side.qp.send(2, &piece, 0), none);
                assert_eq!(side.qp.read(3, &piece, remote, 0), none);
                assert_eq!(side.qp.write(4, &piece, remote, 0), none);
                assert_eq!(side.qp.invalidate(5, side.mr, 0), none);
                // The second time round the queue pair has been flushed.
                side.qp.flush();
            }
            let results = side.results(2);
            assert!(
                results
                    .iter()
                    .all(|result| result.status == Status::CANCELLED && result.request == 1)
            );
            assert_eq!(results.len(), 2);
            side.close();
            open.close();
        });
    });
}

/// Proves QP-30, QP-31, QP-33, CQ-09: a batch arrives whole, in order, with one doorbell or more.
#[test]
fn deferred_requests_go_with_the_next_one_that_is_not() {
    World::new(4).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|b| (0..3).for_each(|n| b.qp.receive(n, &[b.piece(0..64)]).expect("a receive")));
        link.on_a(|a| {
            for (n, flags) in [(0, NDK_OP_FLAG_DEFER), (1, NDK_OP_FLAG_DEFER), (2, 0)] {
                a.qp.send(n, &[a.piece(0..10 + n as usize)], flags)
                    .expect("a send");
            }
            let order: Vec<u64> = a.results(3).iter().map(|result| result.request).collect();
            assert_eq!(order, [0, 1, 2]);
        });
        link.on_b(|b| {
            let got: Vec<(u64, u32)> = b.results(3).iter().map(|got| (got.request, got.bytes)).collect();
            assert_eq!(got, [(0, 10), (1, 11), (2, 12)]);
        });
        link.close();
    });
}

/// Proves QP-32, QP-34: the chain ends with a request that fails inline.
#[test]
fn a_request_that_fails_inline_lets_the_deferred_ones_before_it_go() {
    World::new(5).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            a.qp.write(1, &[a.piece(0..8)], remote, NDK_OP_FLAG_DEFER)
                .expect("a write");
            let too_many = [a.piece(0..1); 4];
            assert_eq!(
                a.qp.write(2, &too_many, remote, NDK_OP_FLAG_DEFER),
                Err(Status::DATA_OVERRUN)
            );
            assert_eq!(a.result().request, 1);
            a.nothing_more();
        });
        link.close();
    });
}

/// Proves QP-35, QP-60, QP-61, QP-64: what was accepted is cancelled, deferred or not, in posting order.
#[test]
fn a_flush_cancels_everything_that_is_outstanding() {
    World::new(6).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            (0..3).for_each(|n| a.qp.receive(n, &[a.piece(0..64)]).expect("a receive"));
            let silent = NDK_OP_FLAG_DEFER | NDK_OP_FLAG_SILENT_SUCCESS;
            a.qp.write(10, &[a.piece(0..8)], remote, silent).expect("a write");
            a.qp.write(11, &[a.piece(0..8)], remote, NDK_OP_FLAG_DEFER)
                .expect("a write");
            a.qp.flush();
            let results = a.results(5);
            let of = |low: u64, high: u64| -> Vec<u64> {
                results
                    .iter()
                    .map(|result| result.request)
                    .filter(|n| (low..high).contains(n))
                    .collect()
            };
            assert!(
                results.iter().all(|result| result.status == Status::CANCELLED),
                "{results:?}"
            );
            assert_eq!((of(0, 10), of(10, 20)), (vec![0, 1, 2], vec![10, 11]));
            a.nothing_more();
            assert_eq!(
                a.qp.write(12, &[a.piece(0..8)], remote, 0),
                Err(Status::CONNECTION_INVALID)
            );
        });
        link.close();
    });
}

/// Proves QP-14, QP-20, CQ-24.
#[test]
fn silent_requests_leave_no_entry_and_give_their_places_back() {
    World::new(7).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            for round in 0..40 {
                for _ in 0..QUEUES.initiator_depth - 1 {
                    a.qp.write(0, &[a.piece(0..8)], remote, NDK_OP_FLAG_SILENT_SUCCESS)
                        .expect("a write");
                }
                a.qp.write(1 + round, &[a.piece(0..8)], remote, 0)
                    .expect("a write");
                assert_eq!(a.result().request, 1 + round);
            }
            a.nothing_more();
        });
        link.close();
    });
}

/// Proves QP-13, QP-14, QP-42: the peer has no receive; the queue fills, and empties once there are receives.
#[test]
fn a_full_queue_refuses_and_works_on_when_there_is_room() {
    World::new(8).play(|world| {
        // The queue may hold more than it was asked to; its completions have room all the same (CQ-36).
        let link = Link::with_queue(world, QUEUES, 256);
        let posted = link.on_a(|a| {
            let mut posted = 0;
            loop {
                match a.qp.send(posted, &[a.piece(0..8)], 0) {
                    Ok(()) => posted += 1,
                    Err(status) => break assert_eq!(status, Status::NO_MORE_ENTRIES),
                }
            }
            assert!(posted >= u64::from(QUEUES.initiator_depth), "{posted}");
            posted
        });
        // No more receives than the queue holds at a time.
        for _ in 0..posted {
            link.on_b(|b| {
                b.qp.receive(0, &[b.piece(0..64)]).expect("a receive");
                assert_eq!(b.result().status, Status::SUCCESS);
            });
            link.on_a(|a| assert_eq!(a.result().status, Status::SUCCESS));
        }
        link.close();
    });
}

/// Proves QP-15, QP-48, QP-51, QP-53.
#[test]
fn reads_and_writes_move_what_they_say_and_nothing_is_legal_too() {
    World::new(9).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(1000);
        link.on_b(|b| {
            b.qp.receive(1, &[]).expect("a receive of nothing");
            b.fill(1000..5000, 3);
        });
        link.on_a(move |a| {
            a.qp.send(1, &[], 0).expect("a send of nothing");
            a.qp.write(2, &[], remote, 0).expect("a write of nothing");
            a.qp.read(3, &[], remote, 0).expect("a read of nothing");
            a.qp.read(
                4,
                &[a.piece(0..4000), a.piece(4000..4010)],
                Remote {
                    address: remote.address - 5,
                    ..remote
                },
                0,
            )
            .expect("a read");
            let results = a.results(4);
            assert!(
                results.iter().all(|result| result.status == Status::SUCCESS),
                "{results:?}"
            );
            assert_eq!(results[3].kind, NdkOperationTypeRead);
            assert_eq!(a.buffer.bytes()[..5], [0; 5]);
            assert_eq!(a.buffer.bytes()[5..4005], [3; 4000]);
            a.fill(0..100, 8);
            a.qp.write(5, &[a.piece(0..60)], remote, NDK_OP_FLAG_READ_FENCE)
                .expect("a write");
            let written = a.result();
            assert_eq!(
                (written.status, written.kind),
                (Status::SUCCESS, NdkOperationTypeWrite)
            );
        });
        link.on_b(|b| {
            let got = b.result();
            assert_eq!((got.status, got.bytes), (Status::SUCCESS, 0));
            assert_eq!(b.buffer.bytes()[1000..1060], [8; 60]);
            assert_eq!(b.buffer.bytes()[1060..5000], [3; 3940]);
        });
        link.close();
    });
}

/// Proves QP-24, QP-25, QP-26: captured during the call, whatever the tokens say, up to the limit.
#[test]
fn inline_data_is_taken_during_the_call() {
    World::new(10).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_b(|b| b.qp.receive(1, &[b.piece(512..1024)]).expect("a receive"));
        link.on_a(move |a| {
            let garbage =
                |start: usize, length| sge(a.buffer.address().wrapping_add(start), length, 0xdead_beef);
            a.fill(0..128, 5);
            let five = [
                garbage(0, 30),
                garbage(30, 30),
                garbage(60, 30),
                garbage(90, 30),
                garbage(120, 8),
            ];
            a.qp.write(1, &five, remote, NDK_OP_FLAG_INLINE)
                .expect("more pieces than an ordinary request has");
            a.qp.send(2, &[garbage(0, 77)], NDK_OP_FLAG_INLINE)
                .expect("a send");
            a.fill(0..128, 6);
            let long = [garbage(0, QUEUES.inline_data + 1)];
            assert_eq!(
                a.qp.send(3, &long, NDK_OP_FLAG_INLINE),
                Err(Status::BUFFER_OVERFLOW)
            );
            let results = a.results(2);
            assert!(
                results.iter().all(|result| result.status == Status::SUCCESS),
                "{results:?}"
            );
            a.nothing_more();
        });
        link.on_b(|b| {
            assert_eq!(b.result().bytes, 77);
            assert_eq!(b.buffer.bytes()[..128], [5; 128]);
            assert_eq!(b.buffer.bytes()[512..589], [5; 77]);
        });
        link.close();
    });
}

/// Proves QP-41, QP-64, CONN-75.
#[test]
fn a_message_longer_than_its_receive_ends_the_connection() {
    World::new(11).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|b| {
            b.qp.receive(1, &[b.piece(0..10)]).expect("a receive");
            b.qp.receive(2, &[b.piece(0..10)]).expect("a receive");
        });
        link.on_a(|a| {
            a.qp.send(1, &[a.piece(0..11)], 0).expect("a send");
            assert_ne!(a.result().status, Status::SUCCESS);
        });
        link.on_b(|b| {
            let results = b.results(2);
            assert_eq!(
                (results[0].status, results[0].request),
                (Status::BUFFER_OVERFLOW, 1)
            );
            assert_eq!((results[1].status, results[1].request), (Status::CANCELLED, 2));
            b.nothing_more();
            assert_eq!(b.disconnects.get(), 1, "told once");
        });
        link.close();
    });
}

/// Proves QP-18, QP-49, QP-53, QP-64, MR-13, MR-61: bounds, rights and dead tokens.
#[test]
fn memory_that_is_not_given_cannot_be_reached() {
    let attempts: [fn(&Link) -> Status; 4] = [
        |link| {
            let beyond = link.b.remote(support::BUFFER - 4);
            link.on_a(move |a| {
                a.qp.read(1, &[a.piece(0..8)], beyond, 0)
                    .map(|()| a.result().status)
            })
            .unwrap()
        },
        |link| {
            let beyond = link.b.remote(support::BUFFER - 4);
            link.on_a(move |a| {
                a.qp.write(1, &[a.piece(0..8)], beyond, 0)
                    .map(|()| a.result().status)
            })
            .unwrap()
        },
        |link| {
            let token = link.on_b(|b| b.pd.privileged_token());
            let privileged = Remote {
                token,
                ..link.b.remote(0)
            };
            link.on_a(move |a| {
                a.qp.write(1, &[a.piece(0..8)], privileged, 0)
                    .map(|()| a.result().status)
            })
            .unwrap()
        },
        |link| {
            let remote = link.b.remote(0);
            link.on_b(|b| b.mr.deregister().wait().expect("deregisters"));
            link.on_a(move |a| {
                a.qp.read(1, &[a.piece(0..8)], remote, 0)
                    .map(|()| a.result().status)
            })
            .unwrap()
        },
    ];
    for (seed, attempt) in (12..).zip(attempts) {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            assert_eq!(attempt(&link), Status::REMOTE_RESOURCES, "seed {seed}");
            link.on_a(support::Side::nothing_more);
            assert_eq!(link.a.disconnects.get(), 1);
            link.close();
        });
    }
}

/// Proves QP-18, MR-07: a receive into memory without the right to write it.
#[test]
fn a_receive_needs_the_right_to_write() {
    World::new(20).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_b(|b| {
            b.mr.deregister().wait().expect("deregisters");
            b.mr.register(&b.buffer, 0)
                .wait()
                .expect("registers for local read");
            b.qp.receive(1, &[b.piece(0..64)]).expect("a receive");
        });
        link.on_a(|a| {
            a.qp.send(1, &[a.piece(0..8)], 0).expect("a send");
            assert_ne!(a.result().status, Status::SUCCESS);
        });
        link.on_b(|b| assert_eq!(b.result().status, Status::ACCESS_VIOLATION));
        link.close();
    });
}

/// Proves QP-50: more reads than the connection may have in flight wait, and all complete.
#[test]
fn reads_beyond_the_limit_wait_their_turn() {
    World::new(21).play(|world| {
        let limits = QpLimits {
            initiator_depth: 64,
            ..QUEUES
        };
        let link = Link::new(world, limits);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            for n in 0..64 {
                a.qp.read(n, &[a.piece(0..1000)], remote, 0).expect("a read");
            }
            let order: Vec<u64> = a.results(64).iter().map(|result| result.request).collect();
            assert_eq!(order, (0..64).collect::<Vec<_>>());
        });
        link.close();
    });
}
