//! What the adapter tells of its NDK traffic, and that the traffic does not mind what Ethernet does.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a look into a dispatch table is one step"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_NDK_STATISTICS_INFO, OID_GEN_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS,
    OID_NDK_STATISTICS,
};
use cxndk_testbed::consumers::ndk::{Cq, Notify, Started, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim;
use cxndk_testbed::world::{Host, World};
use support::{Link, QUEUES, Side, queue_on};

/// Counters of `OID_NDK_STATISTICS` by their index.
const CONNECT: usize = 0;
const ACCEPT: usize = 1;
const CONNECT_FAILURE: usize = 2;
const CONNECTION_ERROR: usize = 3;
const ACTIVE: usize = 4;
const CQ_ERROR: usize = 25;
const OCTETS_IN: usize = 26;
const OCTETS_OUT: usize = 27;
const FRAMES_IN: usize = 28;
const FRAMES_OUT: usize = 29;

fn counter(host: &Host, index: usize) -> u64 {
    let mut buffer = [0_u8; size_of::<NDIS_NDK_STATISTICS_INFO>()];
    host.adapter
        .direct_query(OID_NDK_STATISTICS, &mut buffer)
        .expect("statistics");
    u64::from_le_bytes(buffer[8 + 8 * index..][..8].try_into().unwrap())
}

/// The number of entries of a list, and the list.
fn list(host: &Host, oid: u32) -> (u32, Vec<u8>) {
    let mut buffer = vec![0xee; 1024];
    let length = host.adapter.query(oid, &mut buffer).expect("a list");
    buffer.truncate(length);
    (u32::from_le_bytes(buffer[8..12].try_into().unwrap()), buffer)
}

fn move_data(link: &Link) {
    link.on_b(|side| side.qp.receive(1, &[side.piece(0..1000)]))
        .expect("posts");
    link.on_a(|side| side.qp.send(2, &[side.piece(0..1000)], 0))
        .expect("posts");
    assert_eq!(link.on_a(Side::result).status, Status::SUCCESS);
    assert_eq!(link.on_b(Side::result).bytes, 1000);
}

/// Proves ADAPTER-43, ADAPTER-44, ADAPTER-50: connections and RDMA traffic are counted, each side its own, also among the general
/// statistics.
#[test]
fn connections_and_traffic_are_counted() {
    World::new(1).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        let general = |host: &Host| {
            let mut statistics = [0_u8; 152];
            host.adapter
                .query(OID_GEN_STATISTICS, &mut statistics)
                .expect("statistics");
            statistics
        };
        let before = general(a);
        let link = Link::new(world, QUEUES);
        assert_eq!(
            [CONNECT, ACCEPT, ACTIVE, CONNECT_FAILURE].map(|index| counter(a, index)),
            [1, 0, 1, 0]
        );
        assert_eq!(
            [CONNECT, ACCEPT, ACTIVE, CONNECT_FAILURE].map(|index| counter(b, index)),
            [0, 1, 1, 0]
        );
        let was = [OCTETS_OUT, FRAMES_OUT].map(|index| counter(a, index));
        move_data(&link);
        assert!(counter(a, OCTETS_OUT) >= was[0] + 1000, "payload and headers");
        assert!(counter(a, FRAMES_OUT) > was[1]);
        assert!(counter(b, OCTETS_IN) >= 1000 && counter(b, FRAMES_IN) > 0);
        assert_ne!(general(a), before, "the general statistics have it, too");
        link.close();
        assert_eq!((counter(a, ACTIVE), counter(b, ACTIVE)), (0, 0));
        assert_eq!(counter(a, CONNECT), 1, "what was stays counted");
    });
}

/// All counters that there are.
const COUNTERS: [usize; 10] = [
    CONNECT,
    ACCEPT,
    CONNECT_FAILURE,
    CONNECTION_ERROR,
    ACTIVE,
    CQ_ERROR,
    OCTETS_IN,
    OCTETS_OUT,
    FRAMES_IN,
    FRAMES_OUT,
];

/// Does something for every counter; the ones that moved, as bits.
fn move_every_counter(world: &World) -> u64 {
    let [a, b] = &world.hosts[..] else {
        unreachable!("two hosts")
    };
    let others: Vec<_> = a.device.all_cqs().iter().map(|cq| cq.number).collect();
    let link = Link::new(world, QUEUES);
    move_data(&link);
    let mut moved = 0;
    let mut look = || {
        let is = |index: &&usize| counter(a, **index) + counter(b, **index) > 0;
        moved |= COUNTERS
            .iter()
            .filter(is)
            .map(|index| 1_u64 << index)
            .sum::<u64>();
    };
    look();
    let (from, nobody) = (a.at(0), b.at(9));
    link.on_a(move |side| {
        let qp = side
            .pd
            .create_qp(side.cq, side.cq, 8, QUEUES)
            .expect("a queue pair");
        let connector = side.adapter.create_connector().expect("a connector");
        let refused = connector.connect(qp, from, nobody, support::READS, &[]);
        assert_eq!(refused.wait(), Err(Status::CONNECTION_REFUSED));
        connector.close_and_wait().expect("closes");
        qp.close_and_wait().expect("closes");
    });
    let own = a
        .device
        .all_cqs()
        .into_iter()
        .find(|cq| !others.contains(&cq.number));
    a.device.break_cq(&own.expect("the consumer's"));
    sim::sleep(sim::SECOND);
    look();
    link.close();
    moved
}

/// What the driver says is missing, and the counters that move.
fn missing_and_moving(vport_counters: bool) -> (u64, u64) {
    let config = World::new(5).capabilities(|all| {
        all.general.set_vport_counters(u32::from(vport_counters));
    });
    World::run(&config, |world| {
        let capabilities = world.hosts[0].adapter.ndk_capabilities().expect("told");
        (capabilities.MissingCounterMask, move_every_counter(world))
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Proves ADAPTER-45: every counter that is not said to be missing counts. Of a device that does not count traffic, the four that are about
/// traffic are missing, and the others are told all the same.
#[test]
fn a_counter_counts_or_is_said_to_be_missing() {
    let all = COUNTERS.iter().map(|index| 1_u64 << index).sum::<u64>();
    assert_eq!(missing_and_moving(true), (0, all));
    let traffic = [OCTETS_IN, OCTETS_OUT, FRAMES_IN, FRAMES_OUT];
    let traffic = traffic.iter().map(|index| 1_u64 << index).sum::<u64>();
    assert_eq!(missing_and_moving(false), (traffic, all & !traffic));
}

/// Proves ADAPTER-48, ADAPTER-49: the lists have what lives, and who owns it.
#[test]
fn connections_and_endpoints_are_listed_while_they_live() {
    World::new(2).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        assert_eq!(
            (list(a, OID_NDK_CONNECTIONS).0, list(b, OID_NDK_LOCAL_ENDPOINTS).0),
            (0, 0)
        );
        let link = Link::new(world, QUEUES);
        for host in [a, b] {
            let (count, entries) = list(host, OID_NDK_CONNECTIONS);
            assert_eq!((count, entries[16 + 56]), (1, 0), "one, of a kernel consumer");
        }
        let (count, entries) = list(b, OID_NDK_LOCAL_ENDPOINTS);
        assert_eq!(
            (count, entries[16 + 28], entries[16 + 29]),
            (1, 0, 1),
            "a listener of a kernel consumer"
        );
        assert_eq!(list(a, OID_NDK_LOCAL_ENDPOINTS).0, 0, "A listens nowhere");
        link.close();
        assert_eq!(
            (list(a, OID_NDK_CONNECTIONS).0, list(b, OID_NDK_LOCAL_ENDPOINTS).0),
            (0, 0)
        );
    });
}

/// Proves PAUSE-04, PAUSE-05: requests are answered and RDMA goes on while the miniport is paused, and after its restart.
#[test]
fn a_pause_does_not_touch_connections() {
    World::new(3).play(|world| {
        let link = Link::new(world, QUEUES);
        for host in &world.hosts {
            host.adapter.pause();
        }
        move_data(&link);
        assert_eq!(counter(&world.hosts[0], ACTIVE), 1, "requests are answered");
        for host in &world.hosts {
            host.adapter.restart().expect("it restarts");
        }
        move_data(&link);
        link.close();
    });
}

/// A queue whose notification closes it.
struct ClosedInside {
    cq: Cell<Option<Cq>>,
    closing: RefCell<Option<Started>>,
    calls: Cell<u32>,
}

unsafe extern "win64" fn close_inside(context: *mut c_void, _: i32) {
    // SAFETY: the scenario keeps it until the queue is closed.
    let state = unsafe { &*context.cast::<ClosedInside>() };
    state.calls.set(state.calls.get() + 1);
    let cq = state.cq.get().expect("the queue is made");
    let closing = cq.close();
    assert_eq!(closing.calls(), 0, "not while the callback runs");
    *state.closing.borrow_mut() = Some(closing);
}

/// Proves CQ-25, CREATE-10: a queue with a preferred processor is closed inside its own notification; the close ends after that, and
/// no notification follows.
#[test]
fn a_queue_may_be_closed_inside_its_notification() {
    for seed in 0..10 {
        World::new(seed).play(|world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            on(host.id, "consumer", move || {
                let state = Rc::new(ClosedInside {
                    cq: Cell::new(None),
                    closing: RefCell::new(None),
                    calls: Cell::new(0),
                });
                let context = Rc::as_ptr(&state).cast_mut().cast();
                let cq = queue_on(&adapter, (0, 1), close_inside, context);
                state.cq.set(Some(cq));
                let pd = adapter.create_pd().expect("a domain");
                let qp = pd.create_qp(cq, cq, 1, QUEUES).expect("a queue pair");
                cq.arm(Notify::Any);
                qp.receive(1, &[]).expect("posts");
                qp.flush();
                let end = sim::now() + 10 * sim::SECOND;
                while state.calls.get() == 0 && sim::now() < end {
                    sim::sleep(sim::MILLISECOND);
                }
                qp.close_and_wait().expect("closes");
                pd.close_and_wait().expect("closes");
                let closing = state.closing.take().expect("the notification came");
                closing.wait().expect("closes");
                assert_eq!(state.calls.get(), 1);
            });
            open.close();
        });
    }
}
