//! Memory runs out at every step of making and connecting NDK objects: each create, connect and accept then fails with a
//! status, everything made before can be closed, nothing is left behind, and the adapter works on.

use std::rc::Rc;

use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{Buffer, Lam, Status};
use cxndk_testbed::consumers::node::{LIMITS, on};
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::sim::{self, TaskSpec};
use cxndk_testbed::world::World;

/// More failures of one point than a connection has allocations.
const MOST: u64 = 400;

/// Connects and closes; whatever fails, fails with a status. Whether it was connected.
fn connect_and_close(world: &World, plan: Option<Plan>) -> bool {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let (server, client) = (b.open_ndk(), a.open_ndk());
    faults::set(plan);
    let desk = Rc::new(Desk::default());
    let (own, adapter, at) = (Rc::clone(&desk), server.adapter(), b.at(445));
    let listener = on(b.id, "listen", move || own.listen(adapter, at));
    let own = Rc::clone(&desk);
    let serving = sim::spawn(TaskSpec::on("server", b.id, sim::PASSIVE_LEVEL), move || {
        while let Some(connector) = own.next() {
            let Ok(mut endpoint) = Endpoint::new(adapter, LIMITS) else {
                connector.close_and_wait().expect("closes");
                continue;
            };
            // An accept that fails leaves its objects to be closed.
            let _ = endpoint.accept(connector);
            endpoint.close_queue_pair().expect("closes");
            endpoint.close_rest().expect("closes");
        }
    });
    let (adapter, from) = (client.adapter(), a.at(0));
    let connected = on(a.id, "client", move || {
        let Ok(mut endpoint) = Endpoint::new(adapter, LIMITS) else {
            return false;
        };
        let connected = endpoint.connect(adapter, from, at).is_ok();
        endpoint.close_queue_pair().expect("closes");
        endpoint.close_rest().expect("closes");
        connected
    });
    desk.stop();
    sim::join(serving);
    if let Ok(listener) = listener {
        on(b.id, "close", move || listener.close_and_wait()).expect("closes");
    }
    client.close();
    server.close();
    connected
}

/// Registers, prepares and maps memory, and gives all of it back.
fn memory(world: &World, plan: Option<Plan>) -> bool {
    let host = &world.hosts[0];
    let open = host.open_ndk();
    let adapter = open.adapter();
    faults::set(plan);
    on(host.id, "memory", move || {
        let buffer = Buffer::new(100_000);
        let Ok(pd) = adapter.create_pd() else { return };
        if let Ok(mr) = pd.register(&buffer, 1) {
            mr.close_and_wait().expect("closes");
        }
        if let Ok(mr) = pd.create_mr(true) {
            if let Err(status) = mr.initialize_fast_register(64, true).wait() {
                assert_eq!(status, Status::INSUFFICIENT_RESOURCES);
            }
            mr.close_and_wait().expect("closes");
        }
        if let Ok(lam) = Lam::build(adapter, &buffer) {
            lam.release();
        }
        pd.close_and_wait().expect("closes");
    });
    open.close();
    true
}

/// Fails the nth occurrence of `point` in `attempt`, for every n that there is; after each the adapters work.
fn every_failure(point: &'static str, attempt: fn(&World, Option<Plan>) -> bool) {
    for nth in 1..MOST {
        let fired = World::new(nth).run(|world| {
            attempt(world, Some(Plan::new().fail(point, When::Nth(nth))));
            let fired = faults::fired(point);
            faults::set(None);
            assert!(attempt(world, None), "the adapters work on");
            fired
        });
        match fired {
            Ok(0) => return assert!(nth > 1, "{point} never happened"),
            Ok(_) => {}
            Err(error) => panic!("{point}, occurrence {nth}: {error}"),
        }
    }
    panic!("{point} has no end");
}

/// Proves CREATE-03, CREATE-04, CREATE-05, CONN-01, CONN-12, CONN-17, CONN-20, LIFE-55.
#[test]
fn pool_may_run_out_at_every_step_of_a_connection() {
    every_failure("pool", connect_and_close);
}

/// Proves CREATE-03, CREATE-04, CREATE-05, CREATE-07, LIFE-42.
#[test]
fn work_items_may_run_out_at_every_step_of_a_connection() {
    every_failure("NdisAllocateIoWorkItem", connect_and_close);
}

/// Proves MR-74, CREATE-05.
#[test]
fn descriptions_of_memory_may_run_out() {
    every_failure("IoAllocateMdl", memory);
}

/// Proves CREATE-03, CREATE-05.
#[test]
fn memory_for_queues_may_run_out_at_every_step_of_a_connection() {
    every_failure("GetScatterGatherList", connect_and_close);
    every_failure("IoAllocateMdl", connect_and_close);
}

/// Proves MR-01, MR-20, MR-70, MR-74.
#[test]
fn memory_may_run_out_while_memory_is_registered() {
    every_failure("pool", memory);
    every_failure("NdisAllocateIoWorkItem", memory);
}

/// Proves ADAPTER-08.
#[test]
fn an_open_without_memory_is_refused() {
    /// `NDIS_STATUS_RESOURCES`.
    const RESOURCES: i32 = 0xc000_009a_u32 as i32;
    let opened = |world: &World, nth| {
        faults::set(Some(Plan::new().fail("pool", When::Nth(nth))));
        let opened = world.hosts[0].adapter.open_ndk(2, 0);
        faults::set(None);
        opened
            .map(cxndk_testbed::ndis::NdkAdapter::close)
            .map_err(|status| assert_eq!(status, RESOURCES))
            .is_ok()
    };
    let failures = World::new(1).run(|world| (1..20).filter(|nth| !opened(world, *nth)).collect::<Vec<_>>());
    let failures = failures.expect("no rule is broken");
    assert!(!failures.is_empty() && !failures.contains(&19), "{failures:?}");
}
