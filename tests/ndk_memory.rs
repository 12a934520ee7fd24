//! Memory of consumers: regions, fast registration, logical addresses, tokens.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
    NDK_OP_FLAG_DEFER, NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SILENT_SUCCESS,
    NdkOperationTypeFastRegister, NdkOperationTypeInvalidate, NdkOperationTypeReceive,
    NdkOperationTypeReceiveAndInvalidate, NdkOperationTypeSend,
};
use cxndk_testbed::connectx;
use cxndk_testbed::consumers::ndk::{Adapter, Buffer, Lam, Mr, Pd, Registration, Remote, Status, sge};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::world::World;
use support::{Link, QUEUES};

const PAGE: u64 = 4096;
const READ_WRITE: u32 = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;

/// Runs `body` with an open adapter and a domain on the first host.
fn with_domain(seed: u64, body: fn(Adapter, Pd)) {
    World::new(seed).play(|world: &World| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            let pd = open.adapter().create_pd().expect("a domain");
            body(open.adapter(), pd);
            pd.close_and_wait().expect("closes");
            open.close();
        });
    });
}

fn fast_region(pd: Pd, pages: u32, remote: bool) -> Mr {
    let mr = pd.create_mr(true).expect("a region");
    mr.initialize_fast_register(pages, remote)
        .wait()
        .expect("initialises");
    mr
}

/// Proves MR-01, MR-11, MR-12, MR-15, MR-40, MR-64, CREATE-19.
#[test]
fn a_region_is_registered_once_at_a_time_and_again_after_deregistration() {
    with_domain(1, |_, pd| {
        let buffer = Buffer::new(10_000);
        let mr = pd.create_mr(false).expect("a region");
        assert_eq!(mr.deregister().wait(), Err(Status::INVALID_DEVICE_REQUEST));
        assert_eq!(
            mr.initialize_fast_register(16, true).wait(),
            Err(Status::INVALID_DEVICE_REQUEST)
        );
        mr.register(&buffer, support::ALL_RIGHTS)
            .wait()
            .expect("registers");
        let token = mr.local_token();
        assert_ne!(token, 0);
        assert_ne!(token, pd.privileged_token());
        assert_eq!(
            mr.register(&buffer, 0).wait(),
            Err(Status::INVALID_DEVICE_REQUEST)
        );
        mr.deregister().wait().expect("deregisters");
        mr.register(&buffer, 0).wait().expect("registers again");
        // Closed while registered.
        mr.close_and_wait().expect("closes");

        let fast = pd.create_mr(true).expect("a region");
        assert_eq!(
            fast.register(&buffer, 0).wait(),
            Err(Status::INVALID_DEVICE_REQUEST)
        );
        fast.close_and_wait().expect("closes");
    });
}

/// Proves MR-20, MR-21, MR-22, MR-41.
#[test]
fn fast_register_regions_are_initialised_up_to_the_adapters_limit() {
    with_domain(2, |adapter, pd| {
        let most = adapter.info().expect("info").FRMRPageCount;
        assert!(most >= 16);
        let mr = pd.create_mr(true).expect("a region");
        assert_eq!(
            mr.initialize_fast_register(most + 1, true).wait(),
            Err(Status::IMPLEMENTATION_LIMIT)
        );
        let together = [
            mr.initialize_fast_register(16, true),
            mr.initialize_fast_register(most, true),
        ];
        assert!(together.iter().all(|started| started.wait().is_ok()));
        let token = mr.remote_token();
        mr.initialize_fast_register(8, false).wait().expect("again");
        assert_eq!((mr.remote_token(), mr.local_token()), (token, token));
        mr.close_and_wait().expect("closes");
    });
}

/// Proves MR-23, MR-26, MR-27, MR-32, QP-08.
#[test]
fn a_fast_registration_that_cannot_be_is_refused_inline() {
    World::new(3).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|a| {
            let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
            let pages = lam.pages();
            let (open, closed) = (fast_region(a.pd, 4, true), fast_region(a.pd, 4, false));
            let try_one = |mr: Mr, count: usize, first_byte_offset, length, base, flags| {
                let what = Registration {
                    pages: &pages[..count],
                    first_byte_offset,
                    length,
                    base,
                };
                a.qp.fast_register(1, mr, &what, flags)
            };
            let bad = Err(Status::INVALID_PARAMETER);
            assert_eq!(
                try_one(open, 5, 0, PAGE, 0, 0),
                bad,
                "more pages than initialised"
            );
            assert_eq!(
                try_one(open, 2, PAGE as u32, 1, PAGE, 0),
                bad,
                "offset beyond the first page"
            );
            assert_eq!(
                try_one(open, 2, 8, 2 * PAGE - 7, 8, 0),
                bad,
                "longer than its pages"
            );
            assert_eq!(try_one(open, 2, 8, 16, 9, 0), bad, "base and offset disagree");
            assert_eq!(try_one(open, 2, 8, 16, 0, 0), bad, "base 0 with an offset");
            assert_eq!(
                try_one(closed, 1, 0, 16, 0, READ_WRITE),
                Err(Status::ACCESS_VIOLATION)
            );
            assert_eq!(try_one(a.mr, 1, 0, 16, 0, 0), Err(Status::INVALID_DEVICE_REQUEST));
            assert_eq!(a.qp.invalidate(1, a.mr, 0), Err(Status::INVALID_DEVICE_REQUEST));
            a.nothing_more();
            let rights = NDK_OP_FLAG_ALLOW_LOCAL_WRITE | NDK_OP_FLAG_RDMA_READ_SINK;
            try_one(closed, 1, 0, 16, 0, rights).expect("local use");
            let done = a.result();
            assert_eq!(
                (done.status, done.kind),
                (Status::SUCCESS, NdkOperationTypeFastRegister)
            );
            a.qp.invalidate(2, closed, 0).expect("an invalidation");
            let done = a.result();
            assert_eq!(
                (done.status, done.kind),
                (Status::SUCCESS, NdkOperationTypeInvalidate)
            );
            lam.release();
            open.close_and_wait().expect("closes");
            closed.close_and_wait().expect("closes");
        });
        link.close();
    });
}

/// Proves MR-25, MR-30, MR-33, MR-34, MR-41, QP-43, QP-44, CQ-04, CQ-05, CQ-07: registered and used in one chain, used by the peer,
/// invalidated by the peer, registered again under the same token.
#[test]
fn a_fast_registered_region_lives_from_its_request_to_its_invalidation() {
    World::new(4).play(|world| {
        let link = Link::new(world, QUEUES);
        for round in 0..3 {
            link.on_b(|b| b.qp.receive(1, &[b.piece(0..64)]).expect("a receive"));
            let (mr, remote, lam) = link.on_a(move |a| {
                let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
                let mr = fast_region(a.pd, 16, true);
                let token = mr.remote_token();
                // Two pages in the opposite order: what is contiguous to the peer need not be to the bus.
                let pages = [lam.pages()[3], lam.pages()[2]];
                let base = 0x7_0000_0000 + 100;
                let what = Registration {
                    pages: &pages,
                    first_byte_offset: 100,
                    length: 8000,
                    base,
                };
                a.fill(0..16 * PAGE as usize, 0);
                a.fill(3 * PAGE as usize + 100..3 * PAGE as usize + 110, 7);
                let chain = NDK_OP_FLAG_DEFER | NDK_OP_FLAG_SILENT_SUCCESS;
                a.qp.fast_register(1, mr, &what, READ_WRITE | chain)
                    .expect("a registration");
                assert_eq!(mr.remote_token(), token, "MR-41");
                a.qp.receive(9, &[a.piece(0..64)]).expect("a receive");
                let entry = sge(ptr::without_provenance_mut(base as usize), 10, token);
                a.qp.send(2, &[entry], 0).expect("a send from the region");
                assert_eq!(a.result().kind, NdkOperationTypeSend);
                (mr.raw(), Remote { address: base, token }, lam)
            });
            let mr = Mr::from_raw(mr);
            link.on_b(move |b| {
                let got = b.result();
                assert_eq!((got.status, got.bytes), (Status::SUCCESS, 10));
                assert_eq!(b.buffer.bytes()[..10], [7; 10]);
                b.fill(0..8000, 40 + round);
                b.qp.write(2, &[b.piece(0..8000)], remote, 0).expect("a write");
                b.qp.send_and_invalidate(3, &[], 0, remote.token)
                    .expect("a send that invalidates");
                let kinds: Vec<_> = b.results(2).iter().map(|done| (done.status, done.kind)).collect();
                assert_eq!(kinds[1], (Status::SUCCESS, NdkOperationTypeSend));
            });
            link.on_a(move |a| {
                let got = a.result();
                assert_eq!(
                    (got.status, got.kind),
                    (Status::SUCCESS, NdkOperationTypeReceiveAndInvalidate)
                );
                assert_eq!(got.invalidated, remote.token);
                let page = PAGE as usize;
                assert_eq!(
                    a.buffer.bytes()[3 * page + 100..4 * page],
                    vec![40 + round; page - 100]
                );
                assert_eq!(
                    a.buffer.bytes()[2 * page..2 * page + 8000 - page + 100],
                    vec![40 + round; 8100 - page]
                );
                assert!(
                    a.buffer.bytes()[..2 * page].iter().all(|byte| *byte == 0),
                    "nothing else was written"
                );
                lam.release();
                mr.close_and_wait().expect("closes");
            });
        }
        link.close();
    });
}

/// Proves MR-33, QP-46: a token that was invalidated is dead for everyone.
#[test]
fn an_invalidated_token_is_dead() {
    World::new(5).play(|world| {
        let link = Link::new(world, QUEUES);
        let (remote, mr) = link.on_a(|a| {
            let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
            let mr = fast_region(a.pd, 16, true);
            let what = Registration {
                pages: &lam.pages()[..1],
                first_byte_offset: 0,
                length: PAGE,
                base: 0,
            };
            a.qp.fast_register(1, mr, &what, READ_WRITE)
                .expect("a registration");
            a.qp.invalidate(2, mr, NDK_OP_FLAG_READ_FENCE)
                .expect("an invalidation");
            assert!(a.results(2).iter().all(|done| done.status == Status::SUCCESS));
            lam.release();
            (
                Remote {
                    address: 0,
                    token: mr.remote_token(),
                },
                mr.raw(),
            )
        });
        link.on_b(move |b| {
            b.qp.read(1, &[b.piece(0..8)], remote, 0).expect("a read");
            assert_eq!(b.result().status, Status::REMOTE_RESOURCES);
        });
        let mr = Mr::from_raw(mr);
        link.on_a(move |_| mr.close_and_wait().expect("closes"));
        link.close();
    });
}

/// Proves MR-29.
#[test]
fn a_region_that_is_valid_cannot_be_registered_again() {
    World::new(6).play(|world| {
        let link = Link::new(world, QUEUES);
        link.on_a(|a| {
            let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
            let mr = fast_region(a.pd, 16, true);
            let what = Registration {
                pages: &lam.pages()[..1],
                first_byte_offset: 0,
                length: PAGE,
                base: 0,
            };
            a.qp.fast_register(1, mr, &what, 0).expect("a registration");
            a.qp.fast_register(2, mr, &what, 0).expect("accepted");
            let results = a.results(2);
            assert_eq!(results[0].status, Status::SUCCESS);
            assert_eq!(results[1].status, Status::INVALID_DEVICE_REQUEST);
            mr.close_and_wait().expect("closes");
            lam.release();
        });
        link.close();
    });
}

/// Proves MR-60, MR-63, QP-17: logical addresses under the privileged token, as source and as read sink.
#[test]
fn the_privileged_token_reaches_logical_addresses() {
    World::new(7).play(|world| {
        let link = Link::new(world, QUEUES);
        let remote = link.b.remote(0);
        link.on_b(|b| b.qp.receive(1, &[b.piece(100..200)]).expect("a receive"));
        link.on_a(move |a| {
            let lam = Lam::build(a.adapter, &a.buffer).expect("a mapping");
            let at = |page: usize| ptr::without_provenance_mut(lam.pages()[page] as usize);
            let token = a.pd.privileged_token();
            a.fill(0..100, 4);
            a.qp.send(1, &[sge(at(0), 100, token)], 0).expect("a send");
            assert_eq!(a.result().status, Status::SUCCESS);
            let there = Remote {
                address: remote.address + 100,
                ..remote
            };
            a.qp.read(2, &[sge(at(1), 100, token)], there, 0).expect("a read");
            assert_eq!(a.result().status, Status::SUCCESS);
            assert_eq!(a.buffer.bytes()[PAGE as usize..PAGE as usize + 100], [4; 100]);
            lam.release();
        });
        link.on_b(|b| {
            assert_eq!(
                (b.result().kind, b.buffer.bytes()[150]),
                (NdkOperationTypeReceive, 4)
            )
        });
        link.close();
    });
}

/// Proves MR-07, QP-53 and LEDGER-03: the device lets a region be used for what its registration asked for, and for nothing else.
#[test]
fn a_key_grants_what_its_registration_asked_for() {
    World::new(20).play(|world: &World| {
        let host = &world.hosts[0];
        let device = Rc::clone(&host.device);
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            let pd = open.adapter().create_pd().expect("a domain");
            let buffer = Buffer::new(100);
            for (flags, expected) in [
                (0, (false, false, false)),
                (1, (true, false, false)),
                (2, (false, true, false)),
                (5, (true, false, true)),
                (7, (true, true, true)),
            ] {
                let mr = pd.register(&buffer, flags).expect("a region");
                let key = connectx::Key(mr.remote_token());
                let mkey = device.mkeys.get(key.index()).expect("the token is the key");
                let rights = mkey.borrow().rights;
                let granted = (rights.local_write, rights.remote_read, rights.remote_write);
                assert_eq!(granted, expected, "flags {flags}");
                mr.close_and_wait().expect("closes");
            }
            pd.close_and_wait().expect("closes");
            open.close();
        });
    });
}
