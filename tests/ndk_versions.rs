//! Consumers of every version of the interface: what their tables hold, and that what later versions added does not show.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::ffi::c_void;
use std::ops::RangeInclusive;
use std::ptr;

use cxndk::sys::ndkpi::{
    NDK_CQ, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_QP, NDK_RESULT, NDK_RESULT_EX,
    NDK_SGE, NdkOperationTypeReceive, NdkOperationTypeReceiveAndInvalidate,
};
use cxndk_testbed::consumers::ndk::{Adapter, Cq, Lam, Mr, Object, Registration, Remote, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim;
use cxndk_testbed::world::World;
use support::{Link, QUEUES, Side};

/// What a consumer may ask for, and what it is granted.
const VERSIONS: [((u16, u16), (u16, u16)); 4] = [
    ((1, 0), (1, 2)),
    ((1, 1), (1, 2)),
    ((1, 2), (1, 2)),
    ((2, 0), (2, 0)),
];

/// The provider's own table, from its first slot on.
fn slots<T>(object: Object<T>, count: usize) -> Vec<usize> {
    // SAFETY: every object begins as an adapter does; no verifier stands between, and the table has so many slots.
    unsafe {
        let table = (*object.raw().cast::<cxndk::sys::ndkpi::NDK_ADAPTER>()).Dispatch;
        std::slice::from_raw_parts(table.cast::<usize>(), count).to_vec()
    }
}

/// `NdkGetCqResults` and `NdkGetCqResultsEx`.
type GetResults = unsafe extern "win64" fn(*mut NDK_CQ, *mut c_void, u32) -> u32;
/// `NdkSendAndInvalidate`.
type SendAndInvalidate =
    unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32, u32, u32) -> i32;

/// Fetches one result into a buffer that nothing else is in; and how many bytes of it were written at most.
fn fetch(cq: Cq, function: usize) -> ([u8; 64], usize) {
    const UNTOUCHED: u8 = 0xee;
    let mut room = [UNTOUCHED; 64];
    // SAFETY: the slot holds a function of this type, as the header says.
    let function: GetResults = unsafe { std::mem::transmute(function) };
    // SAFETY: there is room for one result of either size.
    assert_eq!(unsafe { function(cq.raw(), room.as_mut_ptr().cast(), 1) }, 1);
    let written = room.iter().rposition(|byte| *byte != UNTOUCHED);
    (room, written.map_or(0, |last| last + 1))
}

/// Proves VERSION-01, ADAPTER-06: whoever asks for whatever minor gets tables as long as those of the version that is reported, with the
/// functions of 1.1 where they always were and those of 1.2 behind them.
#[test]
fn tables_are_those_of_the_version_that_is_reported() {
    for ((major, minor), granted) in VERSIONS {
        World::new(1).play(|world| {
            let host = &world.hosts[0];
            let open = host.adapter.open_ndk_unverified(major, minor).expect("opens");
            assert_eq!(open.version(), granted);
            let raw = open.as_ptr();
            on(host.id, "consumer", move || {
                let adapter = Adapter::from_raw(raw);
                let side = Side::new(adapter, QUEUES);
                let connector = adapter.create_connector().expect("a connector");
                let listener = adapter
                    .create_listener(None, ptr::null_mut())
                    .expect("a listener");
                let tables = [
                    slots(adapter, 9),
                    slots(side.cq, 7),
                    slots(side.pd, 8),
                    slots(side.mr, 7),
                    slots(side.qp, 11),
                    slots(connector, 11),
                    slots(listener, 5),
                ];
                assert!(tables.iter().flatten().all(|slot| *slot != 0), "{tables:x?}");
                called_by_their_places(&side);
                connector.close_and_wait().expect("closes");
                listener.close_and_wait().expect("closes");
                side.close();
            });
            open.close();
        });
    }
}

/// `NdkGetCqResults` at 0x20, `NdkGetCqResultsEx` at 0x30, `NdkSendAndInvalidate` at 0x50.
fn called_by_their_places(side: &Side) {
    for context in 1..=2 {
        side.qp.receive(context, &[]).expect("posts");
    }
    side.qp.flush();
    sim::sleep(sim::MILLISECOND);
    let table = slots(side.cq, 7);
    let (plain, written) = fetch(side.cq, table[0x20 / 8]);
    assert_eq!((plain[16], written), (1, size_of::<NDK_RESULT>()));
    let (extended, written) = fetch(side.cq, table[0x30 / 8]);
    assert_eq!((extended[16], written), (2, size_of::<NDK_RESULT_EX>()));
    let kind = std::mem::offset_of!(NDK_RESULT_EX, Type);
    assert_eq!(extended[kind..kind + 4], NdkOperationTypeReceive.to_le_bytes());
    // SAFETY: the slot holds a function of this type, as the header says.
    let send: SendAndInvalidate = unsafe { std::mem::transmute(slots(side.qp, 11)[0x50 / 8]) };
    // SAFETY: a live queue pair; a list without entries.
    let status = unsafe { send(side.qp.raw(), ptr::null_mut(), ptr::null(), 0, 0, 0) };
    assert_eq!(Status(status), Status::CONNECTION_INVALID);
}

/// Results as a consumer of 1.1 fetches them.
fn results_of_1_1(side: &Side, count: usize) -> Vec<NDK_RESULT> {
    /// Nobody may write behind the results.
    const CANARY: u64 = 0x1122_3344_5566_7788;
    // SAFETY: the queue is live.
    let get = unsafe { (*(*side.cq.raw()).Dispatch).NdkGetCqResults }.expect("filled");
    let (mut results, deadline) = (Vec::new(), sim::now() + sim::SECOND);
    while results.len() < count && sim::now() < deadline {
        let mut room = [CANARY; 3 * 4];
        // SAFETY: there is room for four results of three words each, one of which stays free.
        let taken = unsafe { get(side.cq.raw(), room.as_mut_ptr().cast(), 3) } as usize;
        assert!(room[3 * taken..].iter().all(|word| *word == CANARY), "{room:x?}");
        // SAFETY: so many were filled.
        results.extend((0..taken).map(|at| unsafe { room.as_ptr().cast::<NDK_RESULT>().add(at).read() }));
        sim::sleep(10 * sim::MICROSECOND);
    }
    results
}

/// What a result of 1.1 says: status, bytes, contexts of queue pair and request.
fn told(result: &NDK_RESULT) -> (Status, u32, usize, usize) {
    let (qp, request) = (result.QPContext.addr(), result.RequestContext.addr());
    (Status(result.Status), result.BytesTransferred, qp, request)
}

/// A region of the consumer's that its peer may reach, registered fast, and its mapping.
fn region(side: &Side) -> (Mr, Lam, Remote) {
    let lam = Lam::build(side.adapter, &side.buffer).expect("a mapping");
    let mr = side.pd.create_mr(true).expect("a region");
    mr.initialize_fast_register(16, true).wait().expect("initializes");
    let base = 0x7_0000_0000;
    let what = Registration {
        pages: &lam.pages()[..2],
        first_byte_offset: 0,
        length: 8192,
        base,
    };
    let rights = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
    side.qp.fast_register(1, mr, &what, rights).expect("registers");
    let results = results_of_1_1(side, 1);
    assert_eq!(
        told(&results[0]),
        (Status::SUCCESS, results[0].BytesTransferred, 7, 1)
    );
    let token = mr.remote_token();
    (mr, lam, Remote { address: base, token })
}

/// What A has ready for its peer: receives with these contexts, and a region.
fn awaited(link: &Link, contexts: RangeInclusive<u64>) -> (Mr, Lam, Remote) {
    let (mr, lam, remote) = link.on_a(|a| {
        for context in contexts {
            a.qp.receive(context, &[a.piece(16 << 10..17 << 10)])
                .expect("posts");
        }
        let (mr, lam, remote) = region(a);
        (mr.raw(), lam, remote)
    });
    (Mr::from_raw(mr), lam, remote)
}

/// Proves ADAPTER-06, VERSION-03: a consumer of 1.1 sends, receives, reads, writes and registers with the functions and structures of 1.1.
/// Its peer uses what 1.2 added: a receive with invalidation reaches it as a plain result, and the token is dead all the same.
#[test]
fn a_consumer_of_a_lower_minor_works_unchanged() {
    for (seed, version) in [(1, (1, 0)), (2, (1, 1)), (3, (1, 2)), (4, (2, 0))] {
        World::new(seed).play(|world| {
            let depth = QUEUES.receive_depth + QUEUES.initiator_depth;
            let link = Link::with_version(world, QUEUES, depth, version);
            let (mr, lam, remote) = awaited(&link, 2..=3);
            link.on_b(move |b| {
                b.fill(0..100, 0x5a);
                b.qp.write(1, &[b.piece(0..100)], remote, 0).expect("writes");
                b.qp.send(2, &[b.piece(0..100)], 0).expect("sends");
                b.qp.send_and_invalidate(3, &[b.piece(0..60)], 0, remote.token)
                    .expect("sends and invalidates");
                assert!(b.results(3).iter().all(|result| result.status == Status::SUCCESS));
                b.qp.receive(4, &[b.piece(0..100)]).expect("posts");
            });
            let own = link.b.remote(0);
            link.on_a(move |a| {
                let results: Vec<_> = results_of_1_1(a, 2).iter().map(told).collect();
                let success = Status::SUCCESS;
                assert_eq!(
                    results,
                    [(success, 100, 7, 2), (success, 60, 7, 3)],
                    "{version:?}"
                );
                assert_eq!(a.buffer.bytes()[..100], [0x5a; 100], "what was written before");
                a.qp.read(4, &[a.piece(0..64)], own, 0).expect("reads");
                a.qp.write(5, &[a.piece(0..64)], own, 0).expect("writes");
                a.qp.send(6, &[a.piece(0..64)], 0).expect("sends");
                let requests: Vec<_> = results_of_1_1(a, 3).iter().map(told).collect();
                let of = |(status, _, qp, request): &(Status, u32, usize, usize)| (*status, *qp, *request);
                let requests: Vec<_> = requests.iter().map(of).collect();
                assert_eq!(requests, [(success, 7, 4), (success, 7, 5), (success, 7, 6)]);
                lam.release();
            });
            link.on_b(move |b| {
                assert_eq!(b.result().bytes, 64);
                // The token died although nobody at A looked at what kind of receive it was.
                b.qp.write(5, &[b.piece(0..8)], remote, 0).expect("posts");
                assert_ne!(b.result().status, Status::SUCCESS);
            });
            on(world.hosts[0].id, "close the region", move || mr.close_and_wait()).expect("closes");
            link.close();
        });
    }
}

/// Proves VERSION-03: results of both kinds come out of one queue in either way, in order, whichever version was asked for.
#[test]
fn a_consumer_may_change_its_way_of_fetching_results() {
    World::new(5).play(|world| {
        let depth = QUEUES.receive_depth + QUEUES.initiator_depth;
        let link = Link::with_version(world, QUEUES, depth, (1, 1));
        let (mr, lam, remote) = awaited(&link, 2..=5);
        link.on_b(move |b| {
            b.qp.send(1, &[], 0).expect("sends");
            b.qp.send_and_invalidate(2, &[], 0, remote.token)
                .expect("sends and invalidates");
            b.qp.send(3, &[], 0).expect("sends");
            assert_eq!(b.results(3).len(), 3);
        });
        link.on_a(move |a| {
            sim::sleep(sim::MILLISECOND);
            // SAFETY: the queue is live.
            let get = unsafe { (*(*a.cq.raw()).Dispatch).NdkGetCqResults }.expect("filled");
            let mut one = [0_u64; 3];
            // SAFETY: there is room for one result.
            assert_eq!(unsafe { get(a.cq.raw(), one.as_mut_ptr().cast(), 1) }, 1);
            assert_eq!(one[2], 2);
            let second = a.result();
            assert_eq!(
                (second.request, second.kind),
                (3, NdkOperationTypeReceiveAndInvalidate)
            );
            assert_eq!(second.invalidated, remote.token);
            // SAFETY: there is room for one result.
            assert_eq!(unsafe { get(a.cq.raw(), one.as_mut_ptr().cast(), 1) }, 1);
            assert_eq!(one[2], 4);
            a.nothing_more();
            lam.release();
            mr.close_and_wait().expect("closes");
        });
        link.close();
    });
}

/// Proves ADAPTER-10: without a virtual switch there is the default port of the default switch. Consumers get that; an open of a port that
/// this adapter does not have fails, rather than giving what belongs to another.
#[test]
fn only_the_default_port_can_be_opened() {
    World::new(6).play(|world| {
        let adapter = &world.hosts[0].adapter;
        for ((major, minor), granted) in VERSIONS {
            let open = adapter.open_ndk_on_port(major, minor, (0, 0)).expect("opens");
            assert_eq!(open.version(), granted);
            for (switch, port) in [(0, 1), (1, 0), (1, 7), (u32::MAX, u32::MAX)] {
                let refused = adapter.open_ndk_on_port(major, minor, (switch, port));
                assert_eq!(
                    refused.err(),
                    Some(Status::INVALID_PARAMETER.0),
                    "{switch}, {port}"
                );
            }
            open.close();
        }
    });
}
