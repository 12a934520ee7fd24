//! Consumers that make their next request inside the completion of the one before: the stack does not grow with what they do.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndkpi::{NDK_LOGICAL_ADDRESS_MAPPING, NDK_OBJECT_HEADER};
use cxndk_testbed::consumers::ndk::{Cq, Mr, Notify, Object, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::world::World;
use cxndk_testbed::{nt, sim};
use support::{Link, QUEUES, Side};

/// Links of a chain: far more than the verifier lets callbacks nest.
const LINKS: u32 = 60;

/// A chain of requests, each made in the completion of the one before.
struct Chain {
    side: Rc<Side>,
    left: Cell<u32>,
    /// Completion callbacks that have run.
    completions: Cell<u32>,
    mr: Cell<Option<Mr>>,
    registered: Cell<bool>,
    room: RefCell<Vec<u64>>,
    sizes: Cell<[u32; 2]>,
    cq: Cell<usize>,
    /// Makes the next request; its status.
    next: fn(&Self) -> Status,
}

impl Chain {
    fn context(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Makes requests until one pends, or the chain is over. What is done inline needs no completion, and no stack.
    fn go_on(&self) {
        while self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            match (self.next)(self) {
                Status::PENDING => return,
                status => assert_eq!(status, Status::SUCCESS),
            }
        }
    }

    fn completed(&self, status: i32) {
        assert_eq!(Status(status), Status::SUCCESS);
        self.completions.set(self.completions.get() + 1);
        self.go_on();
    }
}

unsafe extern "win64" fn completed(context: *mut c_void, status: i32) {
    // SAFETY: the scenario keeps the chain until it is over.
    unsafe { &*context.cast::<Chain>() }.completed(status);
}

unsafe extern "win64" fn created(context: *mut c_void, status: i32, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: as above.
    let chain = unsafe { &*context.cast::<Chain>() };
    chain.cq.set(object.addr());
    chain.completed(status);
}

unsafe extern "win64" fn closed(context: *mut c_void) {
    // SAFETY: as above.
    unsafe { &*context.cast::<Chain>() }.completed(0);
}

/// Registers and deregisters in turn.
fn register(chain: &Chain) -> Status {
    let mr = chain.mr.get().expect("there is one").raw();
    // SAFETY: the region is live.
    let table = unsafe { &*(*mr).Dispatch };
    let (buffer, context) = (&chain.side.buffer, chain.context());
    if chain.registered.replace(!chain.registered.get()) {
        // SAFETY: the arguments are those of NdkDeregisterMr.
        Status(unsafe { table.NdkDeregisterMr.expect("filled")(mr, Some(completed), context) })
    } else {
        let (mdl, length) = (buffer.mdl(), buffer.len() as u64);
        // SAFETY: the arguments are those of NdkRegisterMr.
        Status(unsafe { table.NdkRegisterMr.expect("filled")(mr, mdl, length, 1, Some(completed), context) })
    }
}

/// Gives the mapping back, if there is one, and builds it anew.
fn map(chain: &Chain) -> Status {
    let adapter = chain.side.adapter.raw();
    // SAFETY: the adapter is open.
    let table = unsafe { &*(*adapter).Dispatch };
    let mapping = chain
        .room
        .borrow_mut()
        .as_mut_ptr()
        .cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
    if chain.registered.replace(true) {
        // SAFETY: built by the request before.
        unsafe { table.NdkReleaseLAM.expect("filled")(adapter, mapping) };
    }
    chain.sizes.set([chain.room.borrow().len() as u32 * 8, 0]);
    let sizes: *mut u32 = chain.sizes.as_ptr().cast();
    let (buffer, context) = (&chain.side.buffer, chain.context());
    let (mdl, length) = (buffer.mdl(), buffer.len() as u64);
    let build = table.NdkBuildLAM.expect("filled");
    // SAFETY: the arguments are those of NdkBuildLAM.
    Status(unsafe {
        build(
            adapter,
            mdl,
            length,
            Some(completed),
            context,
            mapping,
            sizes,
            sizes.wrapping_add(1),
        )
    })
}

/// Makes a queue and closes it, in turn.
fn make_or_close(chain: &Chain) -> Status {
    let (adapter, context, none) = (chain.side.adapter.raw(), chain.context(), ptr::null_mut());
    let cq = chain.cq.replace(0);
    if cq != 0 {
        let cq: Cq = Object::from_raw(ptr::with_exposed_provenance_mut(cq));
        // SAFETY: the queue is live.
        let close = unsafe { (*(*cq.raw()).Dispatch).NdkCloseCq }.expect("filled");
        // SAFETY: closed once.
        return Status(unsafe { close(cq.header(), Some(closed), context) });
    }
    // SAFETY: the adapter is open.
    let create = unsafe { (*(*adapter).Dispatch).NdkCreateCq }.expect("filled");
    let place = chain.cq.as_ptr().cast();
    // SAFETY: the arguments are those of NdkCreateCq.
    Status(unsafe {
        create(
            adapter,
            16,
            None,
            none,
            none.cast(),
            Some(created),
            context,
            place,
        )
    })
}

/// Runs a chain, begun at `irql`, to its end; how many of its requests pended.
fn run(seed: u64, irql: u8, next: fn(&Chain) -> Status, end: fn(&Chain)) -> u32 {
    World::new(seed).play(|world| {
        let link = Link::new(world, QUEUES);
        let side = Rc::clone(&link.a);
        let completions = on(world.hosts[0].id, "consumer", move || {
            let chain = Chain {
                mr: Cell::new(Some(side.pd.create_mr(false).expect("a region"))),
                left: Cell::new(LINKS),
                completions: Cell::new(0),
                registered: Cell::new(false),
                room: RefCell::new(vec![0; 2 + side.buffer.len() / 4096 + 1]),
                sizes: Cell::new([0; 2]),
                cq: Cell::new(0),
                side,
                next,
            };
            nt::at_irql(irql, || chain.go_on());
            let deadline = sim::now() + 10 * sim::SECOND;
            while chain.left.get() > 0 && sim::now() < deadline {
                sim::sleep(sim::MILLISECOND);
            }
            assert_eq!(chain.left.get(), 0, "the chain stands still");
            // The last one's completion.
            sim::sleep(10 * sim::MILLISECOND);
            end(&chain);
            chain
                .mr
                .get()
                .expect("there is one")
                .close_and_wait()
                .expect("closes");
            chain.completions.get()
        });
        link.close();
        completions
    })
}

/// Proves LIFE-21: chains of registrations, mappings, creates and closes, each begun in the completion before. The verifier counts how deep
/// callbacks nest, and ends the run where it is more than a few.
#[test]
fn chains_of_requests_do_not_grow_the_stack() {
    let mut pended = [0; 3];
    for seed in 0..4 {
        pended[0] += run(seed, sim::PASSIVE_LEVEL, register, |chain| {
            assert!(!chain.registered.get())
        });
        // Below DISPATCH_LEVEL a mapping is built inline.
        pended[1] += run(seed, sim::DISPATCH_LEVEL, map, |chain| {
            let adapter = chain.side.adapter.raw();
            // SAFETY: the adapter is open.
            let release = unsafe { (*(*adapter).Dispatch).NdkReleaseLAM }.expect("filled");
            let mapping = chain.room.borrow_mut().as_mut_ptr().cast();
            // SAFETY: built by the last request.
            unsafe { release(adapter, mapping) };
        });
        pended[2] += run(seed, sim::PASSIVE_LEVEL, make_or_close, |chain| {
            assert_eq!(chain.cq.get(), 0)
        });
    }
    assert!(pended.iter().all(|count| *count > 0), "{pended:?}");
}

/// A queue whose notification posts what completes at once, and arms again.
struct Poster {
    side: Rc<Side>,
    left: Cell<u32>,
    depth: Cell<u32>,
    deepest: Cell<u32>,
    cq: Cell<Option<Cq>>,
    qp: Cell<Option<cxndk_testbed::consumers::ndk::Qp>>,
}

unsafe extern "win64" fn post_again(context: *mut c_void, status: i32) {
    // SAFETY: the scenario keeps it until its queue is closed.
    let poster = unsafe { &*context.cast::<Poster>() };
    assert_eq!(Status(status), Status::SUCCESS);
    poster.depth.set(poster.depth.get() + 1);
    poster.deepest.set(poster.deepest.get().max(poster.depth.get()));
    let (cq, qp) = (poster.cq.get().expect("made"), poster.qp.get().expect("made"));
    let mut results = Vec::new();
    cq.poll(&mut results, 16);
    if poster.left.get() > 0 {
        poster.left.set(poster.left.get() - 1);
        // Flushed at once by a queue pair that is dead, or whose device is.
        qp.receive(1, &[poster.side.piece(0..8)]).expect("posts");
        cq.arm(Notify::Any);
    }
    poster.depth.set(poster.depth.get() - 1);
}

/// Proves LIFE-21, CQ-14: a notification that posts a request which completes at once, and arms again, is called anew when it has returned
/// rather than inside itself: with a device that flushes, and with a dead one, for which the driver cancels in software.
#[test]
fn notifications_that_bring_notifications_do_not_nest() {
    for (seed, dies) in [(1, false), (2, false), (3, true), (4, true)] {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let (side, device) = (Rc::clone(&link.a), Rc::clone(&world.hosts[0].device));
            on(world.hosts[0].id, "consumer", move || {
                let poster = Poster {
                    left: Cell::new(LINKS),
                    depth: Cell::new(0),
                    deepest: Cell::new(0),
                    cq: Cell::new(None),
                    qp: Cell::new(None),
                    side,
                };
                let context = ptr::from_ref(&poster).cast_mut().cast();
                let adapter = poster.side.adapter;
                let cq = adapter.create_cq(64, Some(post_again), context).expect("a queue");
                let qp = poster.side.pd.create_qp(cq, cq, 9, QUEUES).expect("a queue pair");
                poster.cq.set(Some(cq));
                poster.qp.set(Some(qp));
                if dies {
                    device.die(cxndk_testbed::connectx::Health::Hardware);
                    sim::sleep(20 * sim::SECOND);
                } else {
                    qp.flush();
                    sim::sleep(10 * sim::MILLISECOND);
                }
                qp.receive(1, &[poster.side.piece(0..8)]).expect("posts");
                cq.arm(Notify::Any);
                let deadline = sim::now() + 10 * sim::SECOND;
                while poster.left.get() > 0 && sim::now() < deadline {
                    sim::sleep(sim::MILLISECOND);
                }
                assert_eq!((poster.left.get(), poster.deepest.get()), (0, 1));
                sim::sleep(10 * sim::MILLISECOND);
                qp.close_and_wait().expect("closes");
                cq.close_and_wait().expect("closes");
            });
            link.close();
        });
    }
}

/// A queue that its notification arms again, and that a thread polls.
#[derive(Default)]
struct Split {
    cq: Cell<Option<Cq>>,
    calls: Cell<u32>,
    /// The notification arms, or this thread arms or polls: one of them at a time (CQ-01).
    arming: Cell<bool>,
    busy: Cell<Option<sim::TaskId>>,
}

impl Split {
    /// The thread does something with the queue.
    fn alone<T>(&self, what: impl FnOnce(Cq) -> T) -> T {
        self.busy.set(sim::current());
        while self.arming.get() {
            sim::sleep(sim::MICROSECOND);
        }
        let result = what(self.cq.get().expect("made"));
        self.busy.set(None);
        result
    }
}

unsafe extern "win64" fn arm_again(context: *mut c_void, _: i32) {
    // SAFETY: the scenario keeps it until its queue is closed.
    let split = unsafe { &*context.cast::<Split>() };
    split.calls.set(split.calls.get() + 1);
    if split.busy.get().is_none_or(|task| Some(task) == sim::current()) {
        split.arming.set(true);
        split.cq.get().expect("made").arm(Notify::Any);
        split.arming.set(false);
    }
}

/// Proves LIFE-21, CQ-13: a consumer that arms again in its notification and leaves the polling to a thread gets to that thread, though its
/// device is dead and each arm finds what is still unread.
#[test]
fn who_polls_elsewhere_is_not_called_for_ever() {
    for seed in 0..4 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let (side, device) = (Rc::clone(&link.a), Rc::clone(&world.hosts[0].device));
            on(world.hosts[0].id, "consumer", move || {
                let split = Split::default();
                let context = ptr::from_ref(&split).cast_mut().cast();
                let adapter = side.adapter;
                let cq = adapter.create_cq(64, Some(arm_again), context).expect("a queue");
                let qp = side.pd.create_qp(cq, cq, 9, QUEUES).expect("a queue pair");
                split.cq.set(Some(cq));
                device.die(cxndk_testbed::connectx::Health::Hardware);
                sim::sleep(20 * sim::SECOND);
                qp.receive(1, &[side.piece(0..8)]).expect("posts");
                split.alone(|cq| cq.arm(Notify::Any));
                sim::sleep(sim::MILLISECOND);
                assert!(split.calls.get() > 0, "called");
                let mut results = Vec::new();
                split.alone(|cq| cq.poll(&mut results, 16));
                assert_eq!(results.len(), 1);
                assert_eq!(results[0].status, Status::CANCELLED);
                split.alone(|cq| cq.arm(Notify::Any));
                sim::sleep(sim::MILLISECOND);
                let calls = split.calls.get();
                sim::sleep(sim::SECOND);
                assert_eq!(split.calls.get(), calls, "there is nothing to tell");
                qp.close_and_wait().expect("closes");
                cq.close_and_wait().expect("closes");
            });
            link.close();
        });
    }
}
