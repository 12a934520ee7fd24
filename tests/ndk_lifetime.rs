//! Lifetime of NDK objects: closes in every order, from everywhere, against everything that runs. The verifier between
//! consumer and provider checks each close and each callback on its way; a run that ends well broke none of its rules.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndkpi::{NDK_CQ, NDK_LISTENER, NDK_OBJECT_HEADER};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{Kind, Object, SockAddr, Started, Status};
use cxndk_testbed::consumers::node::{LIMITS, Node, Pair, on};
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::sim::{self, Failure, HostId, TaskSpec};
use cxndk_testbed::world::{World, WorldError};

/// Seeds of the scenarios that depend on order.
const SEEDS: u64 = 12;

/// Runs `body` at DISPATCH_LEVEL on `host`.
fn at_dispatch<T: 'static>(host: HostId, body: impl FnOnce() -> T + 'static) -> T {
    let result = Rc::new(Cell::new(None));
    let place = Rc::clone(&result);
    let spec = TaskSpec::on("consumer at DISPATCH_LEVEL", host, sim::DISPATCH_LEVEL);
    sim::join(sim::spawn(spec, move || place.set(Some(body()))));
    result.take().expect("the context has returned")
}

/// A close that is to be started on a host.
struct Close {
    host: HostId,
    start: Box<dyn FnOnce() -> Started>,
}

fn close<T: Kind + 'static>(host: HostId, object: Object<T>) -> Close {
    Close {
        host,
        start: Box::new(move || object.close()),
    }
}

fn closes_of(node: &Node) -> Vec<Close> {
    vec![
        close(node.host, node.connector),
        close(node.host, node.qp),
        close(node.host, node.mr),
        close(node.host, node.pd),
        close(node.host, node.cq),
    ]
}

/// Puts the closes into an order that `seed` decides.
fn shuffle<T>(seed: u64, list: &mut [T]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for last in (1..list.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        list.swap(last, (state >> 33) as usize % (last + 1));
    }
}

fn close_in_random_order(seed: u64, start: fn(HostId, Box<dyn FnOnce() -> Started>) -> Started) {
    World::new(seed).play(|world| {
        let pair = Pair::connect(world, 445).expect("the pair connects");
        let mut closes = closes_of(&pair.a);
        closes.extend(closes_of(&pair.b));
        closes.push(close(pair.b.host, pair.listener));
        shuffle(seed, &mut closes);
        let started: Vec<Started> = closes
            .into_iter()
            .map(|close| start(close.host, close.start))
            .collect();
        for started in &started {
            started.wait().expect("a close does not fail");
            assert_eq!(started.calls(), u32::from(started.pended()));
        }
        pair.a.into_open().close();
        pair.b.into_open().close();
    });
}

/// Proves LIFE-30, LIFE-31, LIFE-32, LIFE-50, LIFE-52, LIFE-53, LIFE-55, LIFE-58.
#[test]
fn closing_all_objects_of_a_connection_in_any_order_ends() {
    for seed in 0..SEEDS {
        close_in_random_order(seed, |host, start| on(host, "close", start));
    }
}

/// Proves LIFE-42.
#[test]
fn every_close_is_legal_at_dispatch_level() {
    for seed in 100..100 + SEEDS {
        close_in_random_order(seed, at_dispatch);
    }
}

/// Proves LIFE-51, LIFE-52, LIFE-54.
#[test]
fn an_antecedent_that_is_closed_first_waits_for_its_successor() {
    World::new(1).play(|world| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            let endpoint = Endpoint::new(open.adapter(), LIMITS).expect("objects");
            let (cq, pd) = (endpoint.cq.close(), endpoint.pd.close());
            assert!(cq.pended() && pd.pended());
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!((cq.calls(), pd.calls()), (0, 0), "the queue pair holds both");
            endpoint.qp.close_and_wait().expect("closes");
            cq.wait().expect("closes");
            pd.wait().expect("closes");
            assert_eq!((cq.calls(), pd.calls()), (1, 1));
            open.close();
        });
    });
}

/// Proves LIFE-33, LIFE-35, LIFE-39, LIFE-57, LIFE-59: the peer never answers; the close ends the connect.
#[test]
fn closing_a_connector_cancels_the_connect_that_pends() {
    World::new(2).play(|world| {
        let [a, b] = &world.hosts[..] else { unreachable!() };
        let (server, at) = (b.open_ndk(), b.at(445));
        let desk = Rc::new(Desk::default());
        let (own, adapter) = (Rc::clone(&desk), server.adapter());
        let listener = on(b.id, "listen", move || own.listen(adapter, at)).expect("listens");

        let (open, from) = (a.open_ndk(), a.at(0));
        on(a.id, "connect and close", move || {
            let endpoint = Endpoint::new(open.adapter(), LIMITS).expect("objects");
            let connector = open.adapter().create_connector().expect("a connector");
            let connect = connector.connect(endpoint.qp, from, at, LIMITS.reads, &[]);
            assert!(connect.pended());
            sim::sleep(10 * sim::MILLISECOND);
            assert_eq!(connect.calls(), 0);
            let close = connector.close();
            close.wait().expect("closes");
            assert_eq!(connect.status(), Some(Status::CANCELLED));
            assert_eq!(connect.calls(), 1);
            endpoint.close_queue_pair().expect("closes");
            endpoint.close_rest().expect("closes");
            open.close();
        });

        // The connector of the connect event is the consumer's to close, whatever became of its peer (LIFE-57).
        on(b.id, "close", move || {
            let closing = listener.close();
            let connector = desk.next().expect("the connect event came");
            assert_eq!(closing.calls(), 0, "the connector holds its listener");
            connector.close_and_wait().expect("closes");
            closing.wait().expect("closes");
            server.close();
        });
    });
}

/// What a callback that closes its own object saw.
#[derive(Default)]
struct Inside {
    close_returned: Cell<Option<i32>>,
    closed: Cell<u32>,
    done: Cell<Option<sim::TaskId>>,
}

impl Inside {
    fn wait(&self) {
        self.done.set(sim::current());
        while self.closed.get() == 0 {
            sim::park_for("a close completion");
        }
    }
}

unsafe extern "win64" fn closed(context: *mut c_void) {
    // SAFETY: the scenario keeps its state until this was called.
    let inside = unsafe { &*context.cast::<Inside>() };
    inside.closed.set(inside.closed.get() + 1);
    if let Some(waiter) = inside.done.get() {
        sim::unpark(waiter);
    }
}

unsafe extern "win64" fn close_the_queue(context: *mut c_void, status: i32, object: *mut NDK_OBJECT_HEADER) {
    assert_eq!(Status(status), Status::SUCCESS);
    // SAFETY: the scenario keeps its state until the close has ended.
    let inside = unsafe { &*context.cast::<Inside>() };
    let cq = object.cast::<NDK_CQ>();
    // SAFETY: a queue that was just handed out.
    let table = unsafe { &*(*cq).Dispatch };
    // SAFETY: closed once.
    let status = unsafe { table.NdkCloseCq.unwrap()(object, Some(closed), context) };
    inside.close_returned.set(Some(status));
}

/// Proves LIFE-13, LIFE-14, LIFE-15, LIFE-17, LIFE-18, CREATE-02: nothing of the queue is touched afterwards, or the pool says so.
#[test]
fn a_queue_may_be_closed_inside_its_create_completion() {
    World::new(3).play(|world| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            let inside = Inside::default();
            let adapter = open.adapter().raw();
            // SAFETY: an open adapter.
            let table = unsafe { &*(*adapter).Dispatch };
            let context = (&raw const inside).cast_mut().cast();
            let mut place = ptr::null_mut();
            // SAFETY: the arguments are those of NdkCreateCq.
            let status = unsafe {
                table.NdkCreateCq.unwrap()(
                    adapter,
                    16,
                    None,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    Some(close_the_queue),
                    context,
                    &raw mut place,
                )
            };
            assert_eq!(Status(status), Status::PENDING);
            inside.wait();
            assert!(place.is_null(), "the out parameter is not touched");
            assert_eq!(inside.closed.get(), 1);
            assert_eq!(inside.close_returned.get().map(Status), Some(Status::PENDING));
            open.close();
        });
    });
}

/// The state of the scenario in which a callback is slow.
struct Slow {
    listener: *mut NDK_LISTENER,
    close_returned: Cell<Option<i32>>,
    inside: Inside,
    left: Cell<bool>,
}

unsafe extern "win64" fn slow_completion(context: *mut c_void, status: i32) {
    assert_eq!(Status(status), Status::SUCCESS);
    // SAFETY: the scenario keeps its state until the adapter is closed.
    let slow = unsafe { &*context.cast::<Slow>() };
    // SAFETY: the listener is live.
    let table = unsafe { &*(*slow.listener).Dispatch };
    let context = (&raw const slow.inside).cast_mut().cast();
    // SAFETY: closed once.
    let status = unsafe { table.NdkCloseListener.unwrap()(slow.listener.cast(), Some(closed), context) };
    slow.close_returned.set(Some(status));
    sim::sleep(50 * sim::MILLISECOND);
    assert_eq!(slow.inside.closed.get(), 0, "the close waits for this callback");
    slow.left.set(true);
}

/// Proves LIFE-18, LIFE-35, LIFE-60, LIFE-61, LIFE-62: the completion of Listen closes its listener and takes its time.
#[test]
fn closing_the_adapter_waits_for_a_callback_that_runs() {
    World::new(4).play(|world| {
        let host = &world.hosts[0];
        let (open, at) = (host.open_ndk(), host.at(445));
        on(host.id, "consumer", move || {
            let listener = open
                .adapter()
                .create_listener(None, ptr::null_mut())
                .expect("a listener")
                .raw();
            let slow = Slow {
                listener,
                close_returned: Cell::new(None),
                inside: Inside::default(),
                left: Cell::new(false),
            };
            let at = SockAddr::from(at);
            // SAFETY: the listener is live.
            let table = unsafe { &*(*listener).Dispatch };
            let context = (&raw const slow).cast_mut().cast();
            // SAFETY: the arguments are those of NdkListen.
            let status = unsafe {
                table.NdkListen.unwrap()(listener, at.as_ptr(), at.len(), Some(slow_completion), context)
            };
            assert_eq!(Status(status), Status::PENDING);
            while slow.close_returned.get().is_none() {
                sim::sleep(sim::MILLISECOND);
            }
            assert_eq!(slow.close_returned.get().map(Status), Some(Status::PENDING));
            // Returns only when the callback, and the close that it holds back, have ended.
            open.close();
            assert!(slow.left.get());
            assert_eq!(slow.inside.closed.get(), 1);
        });
    });
}

/// Proves LIFE-65: two opens of one adapter; closing one leaves the other as it was.
#[test]
fn opens_of_one_adapter_are_independent() {
    World::new(5).play(|world| {
        let host = &world.hosts[0];
        let (first, second) = (host.open_ndk(), host.open_ndk());
        on(host.id, "consumer", move || {
            let kept = second.adapter().create_pd().expect("a domain");
            first
                .adapter()
                .create_pd()
                .expect("a domain")
                .close_and_wait()
                .expect("closes");
            first.close();
            assert_ne!(kept.privileged_token(), 0);
            second
                .adapter()
                .create_pd()
                .expect("a domain")
                .close_and_wait()
                .expect("closes");
            kept.close_and_wait().expect("closes");
            second.close();
        });
    });
}

/// The failure of a scenario that must not end well.
fn verdict<T: Send>(seed: u64, body: impl FnOnce(&World) -> T + Send) -> Box<Failure> {
    match World::new(seed).run(body) {
        Err(WorldError::Failure(failure)) => failure,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the run ended well"),
    }
}

/// Shows that a hang is a verdict: ADAPTER-26 waits for the consumers, LIFE-31 and LIFE-52 for the successors, and each names what is open.
#[test]
fn what_is_never_closed_is_named_and_does_not_hold_the_run_for_ever() {
    let forgotten = verdict(1, |world| {
        std::mem::forget(Pair::connect(world, 445).expect("the pair connects"));
    });
    assert_eq!(forgotten.rule, "ADAPTER-26");
    assert!(
        forgotten
            .open
            .iter()
            .any(|line| line.starts_with("Qp") && line.contains("successors [Connector")),
        "{:?}",
        forgotten.open
    );
    let held = verdict(2, |world| {
        let pair = Pair::connect(world, 445).expect("the pair connects");
        let qp = pair.a.qp;
        on(pair.a.host, "close", move || qp.close_and_wait())
    });
    assert_eq!(held.rule, "LIFE-31");
    assert!(
        held.open
            .iter()
            .any(|line| line.contains("(Closing): requests [NdkCloseObject]")),
        "{:?}",
        held.open
    );
}

/// Shows that a pair that comes to nothing leaves nothing behind (CONN-01, LIFE-60): the run ends well.
#[test]
fn a_pair_that_cannot_connect_is_closed() {
    World::new(3).play(|world| {
        world.link.set_up(false);
        assert!(Pair::connect(world, 445).is_err(), "nobody is there");
        world.link.set_up(true);
        sim::sleep(sim::SECOND);
        let pair = Pair::connect(world, 445).expect("the pair connects");
        pair.close().expect("closes");
    });
}
