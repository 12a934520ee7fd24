//! What an adapter says that it can do, and what becomes of requests at and beyond it.

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::ptr;

use cxndk::hw::layout::opcode;
use cxndk::sys::ndis::NDK_ADAPTER_INFO;
use cxndk::sys::ndkpi::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE,
    NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SILENT_SUCCESS, NDK_SGE, NdkOperationTypeRead,
};
use cxndk_testbed::connectx::{Capabilities, CommandFault, Matching};
use cxndk_testbed::consumers::ndk::{
    Adapter, Buffer, Lam, Mr, Pd, QpLimits, Registration, Remote, Status, sge,
};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::world::World;
use support::{Link, QUEUES};

/// Bytes of a page.
const PAGE: usize = 4096;

/// `LIMITS_ERR` and `NO_RES_ERR` of the command interface: there is no more of it.
const FULL: [u8; 2] = [0x08, 0x0f];

/// Makes what a command of `code` makes.
fn make(adapter: Adapter, pd: Pd, code: u16) -> Result<(), Status> {
    match code {
        opcode::CREATE_CQ => adapter
            .create_cq(16, None, std::ptr::null_mut())
            .map(|cq| cq.close_and_wait().expect("closes")),
        opcode::CREATE_QP => {
            let cq = adapter
                .create_cq(64, None, std::ptr::null_mut())
                .expect("a queue");
            let made = pd.create_qp(cq, cq, 1, QUEUES);
            let made = made.map(|qp| qp.close_and_wait().expect("closes"));
            cq.close_and_wait().expect("closes");
            made
        }
        opcode::CREATE_MKEY => {
            let made = pd
                .register(&Buffer::new(10_000), support::ALL_RIGHTS)
                .map(|mr| mr.close_and_wait().expect("closes"));
            let fast = pd.create_mr(true).expect("a region");
            let initialised = fast.initialize_fast_register(64, true).wait();
            fast.close_and_wait().expect("closes");
            assert_eq!(made, initialised);
            made
        }
        _ => adapter.create_pd().map(|pd| pd.close_and_wait().expect("closes")),
    }
}

/// Proves CREATE-03, MR-01, MR-20: a device that is full is no broken device, and has room again later.
#[test]
fn a_device_that_is_full_is_a_lack_of_resources() {
    for code in [
        opcode::CREATE_CQ,
        opcode::CREATE_QP,
        opcode::CREATE_MKEY,
        opcode::ALLOC_PD,
    ] {
        for status in FULL {
            World::new(1).play(move |world: &World| {
                let host = &world.hosts[0];
                let device = host.device.clone();
                let open = host.open_ndk();
                on(host.id, "consumer", move || {
                    let pd = open.adapter().create_pd().expect("a domain");
                    device
                        .faults
                        .borrow_mut()
                        .add(Matching::opcode(code), CommandFault::Status(status, 0x1234));
                    let refused = make(open.adapter(), pd, code);
                    assert_eq!(
                        refused,
                        Err(Status::INSUFFICIENT_RESOURCES),
                        "{code:#x} {status:#x}"
                    );
                    device.faults.borrow_mut().clear();
                    assert_eq!(make(open.adapter(), pd, code), Ok(()));
                    pd.close_and_wait().expect("closes");
                    open.close();
                });
            });
        }
    }
}

/// A world whose devices can do `capabilities`.
fn world_of(seed: u64, capabilities: Capabilities, body: impl FnOnce(&World) + Send) {
    let config = World::new(seed).capabilities(|all| all.clone_from(&capabilities));
    World::run(&config, body).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

/// Each limit of a queue pair alone at what the adapter says, and all of them together.
fn at_the_limits(info: &NDK_ADAPTER_INFO) -> [QpLimits; 6] {
    let least = QpLimits {
        receive_depth: 1,
        initiator_depth: 1,
        receive_sge: 1,
        initiator_sge: 1,
        inline_data: 0,
    };
    let all = QpLimits {
        receive_depth: info.MaxReceiveQueueDepth,
        initiator_depth: info.MaxInitiatorQueueDepth,
        receive_sge: info.MaxReceiveRequestSge,
        initiator_sge: info.MaxInitiatorRequestSge,
        inline_data: info.MaxInlineDataSize,
    };
    [
        QpLimits {
            receive_depth: all.receive_depth,
            ..least
        },
        QpLimits {
            initiator_depth: all.initiator_depth,
            ..least
        },
        QpLimits {
            receive_sge: all.receive_sge,
            ..least
        },
        QpLimits {
            initiator_sge: all.initiator_sge,
            ..least
        },
        QpLimits {
            inline_data: all.inline_data,
            ..least
        },
        all,
    ]
}

/// Each limit of `all` exceeded by one.
fn beyond_the_limits(all: QpLimits) -> [QpLimits; 5] {
    [
        QpLimits {
            receive_depth: all.receive_depth + 1,
            ..all
        },
        QpLimits {
            initiator_depth: all.initiator_depth + 1,
            ..all
        },
        QpLimits {
            receive_sge: all.receive_sge + 1,
            ..all
        },
        QpLimits {
            initiator_sge: all.initiator_sge + 1,
            ..all
        },
        QpLimits {
            inline_data: all.inline_data + 1,
            ..all
        },
    ]
}

/// Makes what the adapter says that can be made, and not what is beyond.
fn use_the_limits(adapter: Adapter) {
    let info = adapter.info().expect("info");
    let none = std::ptr::null_mut();
    let deepest = adapter
        .create_cq(info.MaxCqDepth, None, none)
        .expect("the deepest queue");
    deepest.close_and_wait().expect("closes");
    let deeper = adapter.create_cq(info.MaxCqDepth + 1, None, none);
    assert_eq!(deeper.err(), Some(Status::INVALID_PARAMETER));
    let cq = adapter.create_cq(4, None, none).expect("a queue");
    let pd = adapter.create_pd().expect("a domain");
    let limits = at_the_limits(&info);
    for limits in limits {
        let qp = pd.create_qp(cq, cq, 1, limits);
        let qp = qp.unwrap_or_else(|status| panic!("{limits:?}: {status:?}"));
        qp.close_and_wait().expect("closes");
    }
    for limits in beyond_the_limits(limits[5]) {
        let refused = pd.create_qp(cq, cq, 1, limits);
        assert_eq!(refused.err(), Some(Status::INVALID_PARAMETER), "{limits:?}");
    }
    pd.close_and_wait().expect("closes");
    cq.close_and_wait().expect("closes");
}

/// Proves ADAPTER-14, CREATE-13: whatever the device can do, each limit can be had, alone and with all others, and no more.
#[test]
fn each_limit_can_be_had_at_its_maximum_and_not_beyond() {
    let sizes = [(256, 64), (512, 128), (768, 320), (1024, 512)];
    for log in 7..=15 {
        let (send, receive) = sizes[log as usize % sizes.len()];
        let mut capabilities = Capabilities::default();
        capabilities
            .general
            .set_log_max_qp_sz(log)
            .set_max_wqe_sz_sq(send)
            .set_max_wqe_sz_rq(receive)
            .set_log_max_cq_sz(log.max(8));
        world_of(u64::from(log), capabilities, |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            on(host.id, "consumer", move || {
                use_the_limits(open.adapter());
                open.close();
            });
        });
    }
}

/// Proves ADAPTER-14, MR-21: what a ConnectX-5 has is all there, also where memory lies in few pages together.
#[test]
fn the_deepest_queues_need_no_contiguous_memory() {
    let mut starved = 0;
    for seed in 0..4 {
        starved += u32::from(World::new(seed).play(|world: &World| {
            let host = &world.hosts[0];
            let longest = host.adapter.longest_shared_memory();
            let open = host.open_ndk();
            on(host.id, "consumer", move || {
                let adapter = open.adapter();
                let info = adapter.info().expect("info");
                assert!(info.MaxCqDepth >= (4 << 20) - 1);
                assert!(info.MaxReceiveQueueDepth >= 16 << 10);
                assert!(info.MaxInitiatorQueueDepth >= 16 << 10);
                assert!(info.MaxReceiveRequestSge >= 32);
                assert!(info.MaxInitiatorRequestSge >= 32);
                assert!(info.MaxReadRequestSge >= 32);
                assert!(info.FRMRPageCount >= 511);
                if seed == 0 {
                    use_the_limits(adapter);
                }
                let cq = adapter
                    .create_cq(100_000, None, std::ptr::null_mut())
                    .expect("a queue");
                let pd = adapter.create_pd().expect("a domain");
                let limits = QpLimits {
                    initiator_depth: 1000,
                    ..at_the_limits(&info)[5]
                };
                let before = pd.create_qp(cq, cq, 1, limits).expect("a queue pair");
                let mr = pd.create_mr(true).expect("a region");
                mr.initialize_fast_register(info.FRMRPageCount, true)
                    .wait()
                    .expect("room for its pages");
                let after = pd.create_qp(cq, cq, 1, limits).expect("a queue pair");
                mr.close_and_wait().expect("closes");
                for qp in [before, after] {
                    qp.close_and_wait().expect("closes");
                }
                pd.close_and_wait().expect("closes");
                cq.close_and_wait().expect("closes");
                open.close();
            });
            longest < 1 << 20
        }));
    }
    assert!(
        (1..4).contains(&starved),
        "{starved}: each kind of host was there"
    );
}

/// Pieces of a buffer, one for each page that it touches, under the token of logical addresses.
fn page_pieces(lam: &Lam, length: usize, token: u32) -> Vec<NDK_SGE> {
    let (mut left, mut offset) = (length, lam.first_byte_offset() as usize);
    let piece = |page: &u64| {
        let count = left.min(PAGE - offset);
        let piece = sge(
            ptr::without_provenance_mut(*page as usize + offset),
            count as u32,
            token,
        );
        (left, offset) = (left - count, 0);
        piece
    };
    let pieces = lam.pages().iter().map(piece).collect();
    assert_eq!(left, 0);
    pieces
}

/// Queues for long lists of pieces.
const LONG: QpLimits = QpLimits {
    receive_sge: 32,
    initiator_sge: 32,
    ..QUEUES
};

/// Proves QP-16, MR-72, MR-73: a buffer of 64 KiB that begins anywhere in its first page is one request of 17 pieces, sent, received and
/// read.
#[test]
fn a_request_takes_a_page_for_each_of_its_pieces() {
    const LENGTH: usize = 64 << 10;
    for seed in 0..3 {
        World::new(seed).play(|world: &World| {
            let link = Link::new(world, LONG);
            let at = link.on_b(|b| {
                let buffer = Box::leak(Box::new(Buffer::at(100, LENGTH)));
                let lam = Lam::build(b.adapter, buffer).expect("a mapping");
                let pieces = page_pieces(&lam, LENGTH, b.pd.privileged_token());
                assert_eq!(pieces.len(), 17);
                b.qp.receive(1, &pieces).expect("a receive of 17 pieces");
                (Box::new(lam), &*buffer)
            });
            link.on_a(|a| {
                let mut buffer = Buffer::at(4000, LENGTH);
                for (index, byte) in buffer.bytes_mut().iter_mut().enumerate() {
                    *byte = (index * 7 / 5) as u8;
                }
                let lam = Lam::build(a.adapter, &buffer).expect("a mapping");
                let pieces = page_pieces(&lam, LENGTH, a.pd.privileged_token());
                a.qp.send(2, &pieces, 0).expect("a send of 17 pieces");
                assert_eq!(a.result().status, Status::SUCCESS);
                lam.release();
            });
            link.on_b(move |b| {
                let got = b.result();
                assert_eq!((got.status, got.bytes), (Status::SUCCESS, LENGTH as u32));
                let (lam, buffer) = at;
                let good = |(index, byte): (usize, &u8)| *byte == (index * 7 / 5) as u8;
                assert!(buffer.bytes().iter().enumerate().all(good));
                lam.release();
            });
            link.close();
        });
    }
}

/// Proves QP-09, QP-14, QP-16, QP-20, CQ-09: a read of the most pieces, which takes two elements of the device's queue, is one request:
/// it completes once, in order, also when it is silent, fails or is flushed.
#[test]
fn a_read_of_the_most_pieces_completes_once() {
    const PIECE: usize = 100;
    World::new(1).play(|world: &World| {
        let link = Link::new(world, LONG);
        link.b.fill(0..32 * PIECE, 9);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            let most = a.adapter.info().expect("info").MaxReadRequestSge as usize;
            assert_eq!(most, 32);
            // Every second place of the buffer, and an empty piece that is left out.
            let piece = |index: usize| a.piece(index * 2 * PIECE..index * 2 * PIECE + PIECE);
            let pieces: Vec<NDK_SGE> = (0..most).map(piece).collect();
            let too_many: Vec<NDK_SGE> = (0..=most).map(piece).collect();
            assert_eq!(a.qp.read(1, &too_many, remote, 0), Err(Status::DATA_OVERRUN));
            for round in 0..20 {
                for count in [29, 30, 31, 32] {
                    let silent = if count == 31 {
                        NDK_OP_FLAG_SILENT_SUCCESS
                    } else {
                        0
                    };
                    let flags = silent | NDK_OP_FLAG_READ_FENCE;
                    a.qp.read(count as u64, &pieces[..count], remote, flags)
                        .expect("a read");
                }
                let done: Vec<_> = a
                    .results(3)
                    .iter()
                    .map(|done| (done.request, done.kind))
                    .collect();
                let expected = [29, 30, 32].map(|count| (count, NdkOperationTypeRead));
                assert_eq!(done, expected, "round {round}");
            }
            a.nothing_more();
            let whole = |index: usize| a.buffer.bytes()[index * 2 * PIECE..][..PIECE] == [9; PIECE];
            assert!((0..most).all(whole));
            let gap = |index: usize| a.buffer.bytes()[index * 2 * PIECE + PIECE..][..PIECE] == [0; PIECE];
            assert!((0..most).all(gap));
            // The queue is as deep as it was made, of the longest requests too.
            for request in 0..u64::from(LONG.initiator_depth) {
                a.qp.read(request, &pieces, remote, 0).expect("within the depth");
            }
            let done: Vec<u64> = a.results(16).iter().map(|done| done.request).collect();
            assert_eq!(done, (0..16).collect::<Vec<u64>>());
            // One that fails in its first part, before others.
            let nowhere = Remote {
                token: 0x00ff_ff01,
                ..remote
            };
            a.qp.read(50, &pieces, nowhere, 0).expect("a read");
            a.qp.read(51, &pieces, remote, 0).expect("a read");
            let done: Vec<_> = a
                .results(2)
                .iter()
                .map(|done| (done.request, done.status))
                .collect();
            assert_eq!(done, [(50, Status::REMOTE_RESOURCES), (51, Status::CANCELLED)]);
            a.nothing_more();
        });
        link.close();
    });
}

/// Proves QP-35, QP-64: long reads that a flush cancels, deferred or not.
#[test]
fn long_reads_are_flushed_once() {
    World::new(2).play(|world: &World| {
        let link = Link::new(world, LONG);
        let remote = link.b.remote(0);
        link.on_a(move |a| {
            let pieces: Vec<NDK_SGE> = (0..32).map(|index| a.piece(index * 8..index * 8 + 8)).collect();
            for request in 0..5 {
                a.qp.read(request, &pieces, remote, NDK_OP_FLAG_DEFER)
                    .expect("a read");
            }
            a.qp.flush();
            let done: Vec<_> = a
                .results(5)
                .iter()
                .map(|done| (done.request, done.status))
                .collect();
            let expected = [0, 1, 2, 3, 4].map(|request| (request, Status::CANCELLED));
            assert_eq!(done, expected);
            a.nothing_more();
        });
        link.close();
    });
}

/// Proves MR-21, MR-25, MR-26: an unaligned 1 MiB is one fast registration, on queue pairs that were there before the region and on
/// others; the peer reaches its first byte and its last.
#[test]
fn an_unaligned_mebibyte_is_one_fast_registration() {
    const LENGTH: usize = 1 << 20;
    for seed in 0..3 {
        World::new(seed).play(|world: &World| {
            let link = Link::new(world, QUEUES);
            let (remote, kept) = link.on_a(|a| {
                let buffer = Box::leak(Box::new(Buffer::at(100, LENGTH)));
                let lam = Lam::build(a.adapter, buffer).expect("a mapping");
                assert_eq!(lam.pages().len(), 257);
                let mr = a.pd.create_mr(true).expect("a region");
                mr.initialize_fast_register(257, true)
                    .wait()
                    .expect("initialises");
                let what = Registration {
                    pages: lam.pages(),
                    first_byte_offset: lam.first_byte_offset(),
                    length: LENGTH as u64,
                    base: 0x10_0000_0000 + 100,
                };
                // More than once: every list of the queue is used.
                for round in 0..40 {
                    let flags = NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
                    let defer = if round < 39 { NDK_OP_FLAG_DEFER } else { 0 };
                    a.qp.fast_register(round, mr, &what, flags | defer)
                        .expect("a registration");
                    if round < 39 {
                        a.qp.invalidate(round, mr, 0).expect("an invalidation");
                        assert!(a.results(2).iter().all(|done| done.status == Status::SUCCESS));
                    }
                }
                assert_eq!(a.result().status, Status::SUCCESS);
                let remote = Remote {
                    address: what.base,
                    token: mr.remote_token(),
                };
                (remote, (Box::new(lam), mr.raw(), &*buffer))
            });
            link.on_b(move |b| {
                b.fill(0..8, 5);
                let last = Remote {
                    address: remote.address + LENGTH as u64 - 8,
                    ..remote
                };
                for (request, place) in [(1, remote), (2, last)] {
                    b.qp.write(request, &[b.piece(0..8)], place, 0).expect("a write");
                    assert_eq!(b.result().status, Status::SUCCESS);
                }
            });
            link.on_a(move |_| {
                let (lam, mr, buffer) = kept;
                assert_eq!(buffer.bytes()[..8], [5; 8]);
                assert_eq!(buffer.bytes()[LENGTH - 8..], [5; 8]);
                Mr::from_raw(mr).close_and_wait().expect("closes");
                lam.release();
            });
            link.close();
        });
    }
}

/// Proves QP-13, QP-15: lengths that the device would take for something else are refused, or are left out.
#[test]
fn lengths_that_are_too_long_are_refused_and_empty_pieces_are_left_out() {
    World::new(3).play(|world: &World| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        let too_long = Err(Status::BUFFER_OVERFLOW);
        link.on_b(move |b| {
            let most = b.adapter.info().expect("info").MaxTransferLength;
            let of = |length: u32| sge(b.buffer.address(), length, b.mr.local_token());
            for pieces in [
                vec![of(0x8000_0040)],
                vec![of(u32::MAX)],
                vec![of(most + 1)],
                vec![of(most), of(1)],
            ] {
                assert_eq!(b.qp.receive(1, &pieces), too_long, "{}", pieces[0].Length);
            }
            // As many as the queue holds are accepted afterwards: the others left nothing there.
            for request in 0..4 {
                let pieces = [of(0), b.piece(0..64)];
                b.qp.receive(request, &pieces).expect("a receive");
            }
            b.qp.receive(4, &[of(0), of(0)]).expect("a receive of nothing");
        });
        link.on_a(move |a| {
            let of = |length: u32| sge(a.buffer.address(), length, a.mr.local_token());
            for length in [0x8000_0040, u32::MAX] {
                assert_eq!(a.qp.send(1, &[of(length)], 0), too_long);
                assert_eq!(a.qp.write(1, &[of(length)], remote, 0), too_long);
                assert_eq!(a.qp.read(1, &[of(length)], remote, 0), too_long);
            }
            let empty = of(0);
            a.fill(0..64, 3);
            let pieces = [empty, a.piece(0..32), empty];
            a.qp.send(1, &pieces, 0).expect("a send");
            a.qp.write(2, &pieces, remote, 0).expect("a write");
            a.qp.read(3, &pieces, remote, 0).expect("a read");
            a.qp.send(4, &pieces, NDK_OP_FLAG_INLINE).expect("a send");
            a.qp.send(5, &[empty, empty], 0).expect("a send of nothing");
            a.qp.write(6, &[empty], remote, 0).expect("a write of nothing");
            a.qp.read(7, &[empty, empty], remote, 0)
                .expect("a read of nothing");
            a.qp.send(8, &[empty], NDK_OP_FLAG_INLINE)
                .expect("a send of nothing");
            let done = a.results(8);
            assert!(done.iter().all(|done| done.status == Status::SUCCESS), "{done:?}");
            let order: Vec<u64> = done.iter().map(|done| done.request).collect();
            assert_eq!(order, (1..9).collect::<Vec<u64>>());
        });
        link.on_b(|b| {
            let bytes: Vec<u32> = b.results(4).iter().map(|got| got.bytes).collect();
            assert_eq!(bytes, [32, 32, 0, 0]);
        });
        link.close();
    });
}

/// Proves MR-25, MR-26, MR-27: what cannot be a region is refused inline; one may end at the last address.
#[test]
fn a_fast_registration_that_the_device_would_bend_is_refused() {
    World::new(4).play(|world: &World| {
        let link = Link::new(world, QUEUES);
        link.on_a(|a| {
            let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
            let mr = a.pd.create_mr(true).expect("a region");
            mr.initialize_fast_register(16, true).wait().expect("initialises");
            let page = PAGE as u64;
            let good = lam.pages();
            let crooked: Vec<u64> = good.iter().map(|page| page + 8).collect();
            let last_crooked: Vec<u64> = good[..11].iter().copied().chain([good[11] + 2048]).collect();
            let register = |pages: &[u64], length: u64, base: u64| {
                let what = Registration {
                    pages,
                    first_byte_offset: 0,
                    length,
                    base,
                };
                a.qp.fast_register(1, mr, &what, NDK_OP_FLAG_ALLOW_REMOTE_READ)
            };
            let bad = Err(Status::INVALID_PARAMETER);
            assert_eq!(register(&crooked[..1], 16, 0), bad, "a page that is none");
            assert_eq!(register(&last_crooked, 12 * page, 0), bad, "one of many");
            assert_eq!(register(&[], 0, 0), bad, "no pages");
            let last = 0_u64.wrapping_sub(page);
            assert_eq!(register(&good[..2], 2 * page, last), bad, "beyond all addresses");
            a.nothing_more();
            register(&good[..1], page, last).expect("up to the last address");
            assert_eq!(a.result().status, Status::SUCCESS);
            a.fill(PAGE - 8..PAGE, 6);
            a.qp.invalidate(2, mr, 0).expect("an invalidation");
            assert_eq!(a.result().status, Status::SUCCESS);
            lam.release();
            mr.close_and_wait().expect("closes");
        });
        link.close();
    });
}
