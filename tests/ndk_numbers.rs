//! The device gives the number of what was destroyed to what is made next, while other processors make and destroy.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk_testbed::connectx::Reuse;
use cxndk_testbed::consumers::ndk::{Adapter, Completed, Cq, Notify, Pd, Qp, Status};
use cxndk_testbed::sim::{self, HostId, TaskId, TaskSpec};
use cxndk_testbed::world::{Machine, World};
use support::{QUEUES, Side, occupy, queue_on};

/// Contexts that make and destroy at the same time.
const WORKERS: u64 = 3;
/// How often each does.
const ROUNDS: u64 = 6;

/// In a world whose devices give numbers out again at once.
fn at_once(seed: u64, body: impl FnOnce(&World) + Send) {
    let config = World::new(seed).reuse(Reuse::AtOnce);
    config.play(body);
}

fn work(host: HostId, body: impl Fn(u64) + 'static) -> TaskId {
    sim::spawn(TaskSpec::on("worker", host, sim::PASSIVE_LEVEL), move || {
        for round in 0..ROUNDS {
            body(round);
            sim::sleep(sim::choose(sim::Stream::Consumer, 50 * sim::MICROSECOND));
        }
    })
}

/// Proves CREATE-11, CQ-10, CQ-16, QP-60: queues, queue pairs and regions are made and closed by several at a time, and their numbers come
/// back at once. Each creation succeeds, each queue is told of its own completions and of no others.
#[test]
fn queues_with_numbers_that_come_back_at_once_are_told_of_their_own_completions() {
    for seed in 0..12 {
        at_once(seed, |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            let life = move |worker| work(host.id, move |round| one_life(adapter, seed, worker << 8 | round));
            let mut workers: Vec<_> = (0..WORKERS).map(life).collect();
            for _ in 0..WORKERS {
                workers.push(work(host.id, move |_| empty_lives(adapter)));
            }
            workers.into_iter().for_each(sim::join);
            open.close();
        });
    }
}

/// Queues that are of no use to anybody.
fn empty_lives(adapter: Adapter) {
    for _ in 0..6 {
        let cq = adapter
            .create_cq(16, None, std::ptr::null_mut())
            .expect("a queue");
        cq.close_and_wait().expect("closes");
    }
}

/// A queue, a queue pair on it, a region: made, used, closed.
fn one_life(adapter: Adapter, seed: u64, context: u64) {
    let side = Side::new(adapter, QUEUES);
    side.cq.arm(Notify::Any);
    side.qp.receive(context, &[side.piece(0..8)]).expect("posts");
    side.qp.flush();
    let end = sim::now() + sim::SECOND;
    while side.notes.count() == 0 && sim::now() < end {
        sim::sleep(20 * sim::MICROSECOND);
    }
    assert_eq!(side.notes.count(), 1, "seed {seed}: told once");
    let result = side.result();
    assert_eq!((result.request, result.status), (context, Status::CANCELLED));
    side.close();
}

unsafe extern "win64" fn counted(context: *mut c_void, _: i32) {
    // SAFETY: the scenario keeps it until the queue is closed.
    let count = unsafe { &*context.cast::<Cell<usize>>() };
    count.set(count.get() + 1);
}

/// A queue that is preferred on a processor.
struct Told {
    cq: Cq,
    count: Rc<Cell<usize>>,
}

impl Told {
    fn new(adapter: &Adapter, processor: u32) -> Self {
        let count = Rc::new(Cell::new(0));
        let context = Rc::as_ptr(&count).cast_mut().cast();
        let cq = queue_on(adapter, (0, 1 << processor), counted, context);
        Self { cq, count }
    }

    fn queue_pair(&self, pd: Pd) -> Qp {
        pd.create_qp(self.cq, self.cq, 1, QUEUES).expect("a queue pair")
    }

    /// Arms it, and ends a receive on it.
    fn complete(&self, qp: Qp) {
        self.cq.arm(Notify::Any);
        qp.receive(1, &[]).expect("posts");
        qp.flush();
        sim::sleep(50 * sim::MILLISECOND);
        self.cq.poll(&mut Vec::new(), 16);
        qp.close_and_wait().expect("closes");
    }
}

/// Proves CQ-10, CQ-11, CQ-25: an event of a queue is still on its way when the queue is closed and another gets its number. The other is
/// not told of it, and is told of all of its own.
#[test]
fn events_of_a_queue_do_not_reach_the_next_with_its_number() {
    for seed in 0..6 {
        let config = World::new(seed).machine(Machine::SMALL).reuse(Reuse::AtOnce);
        config.play(move |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let (adapter, id) = (open.adapter(), host.id);
            let consumer = work_once(id, move || {
                let pd = adapter.create_pd().expect("a domain");
                let processor = (seed % 4) as u32;
                let first = Told::new(&adapter, processor);
                // Before the processor is busy: the DPC with the addresses of its queues may be due on any.
                let qp = first.queue_pair(pd);
                let end = occupy(id, processor);
                first.complete(qp);
                first.cq.close_and_wait().expect("closes");
                let second = Told::new(&adapter, processor);
                end.set(true);
                sim::sleep(50 * sim::MILLISECOND);
                second.complete(second.queue_pair(pd));
                assert_eq!(second.count.get(), 1, "seed {seed}");
                second.complete(second.queue_pair(pd));
                assert_eq!(second.count.get(), 2, "seed {seed}");
                second.cq.close_and_wait().expect("closes");
                // Its processor is busy: only who waits for a command may have looked.
                assert!(first.count.get() <= 1);
                pd.close_and_wait().expect("closes");
            });
            sim::join(consumer);
            open.close();
        });
    }
}

/// A queue that several share: it is polled by one at a time (CQ-01).
struct Shared {
    cq: Cq,
    busy: Cell<bool>,
    results: RefCell<Vec<Completed>>,
}

impl Shared {
    /// A queue pair on it whose requests have contexts from `first` on. Every second one is closed with its completions unread.
    fn life(&self, pd: Pd, round: u64, first: u64) {
        let context = first as usize;
        let qp = pd
            .create_qp(self.cq, self.cq, context, QUEUES)
            .expect("a queue pair");
        for request in first..first + 4 {
            qp.receive(request, &[]).expect("posts");
        }
        qp.flush();
        if round.is_multiple_of(2) {
            for request in first..first + 4 {
                assert_eq!(self.status(request), Some(Status::CANCELLED), "{request:#x}");
            }
        }
        qp.close_and_wait().expect("closes");
    }

    /// The status of that request, when it comes.
    fn status(&self, request: u64) -> Option<Status> {
        let end = sim::now() + sim::SECOND;
        while sim::now() < end {
            let found = self
                .results
                .borrow()
                .iter()
                .find(|r| r.request == request)
                .copied();
            if let Some(found) = found {
                return Some(found.status);
            }
            if !self.busy.replace(true) {
                let mut taken = Vec::new();
                self.cq.poll(&mut taken, 16);
                self.busy.set(false);
                self.results.borrow_mut().append(&mut taken);
            }
            sim::sleep(5 * sim::MICROSECOND);
        }
        None
    }
}

/// Proves QP-60, QP-69, CREATE-16: queue pairs on one queue are made and closed by several at a time; completions of a closed one are
/// nobody's, those of the next with its number are its own.
#[test]
fn queue_pairs_with_numbers_that_come_back_at_once_get_their_own_completions() {
    for seed in 0..12 {
        at_once(seed, |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            let shared = Rc::new(RefCell::new(None));
            let place = Rc::clone(&shared);
            let made = work_once(host.id, move || {
                let cq = adapter
                    .create_cq(256, None, std::ptr::null_mut())
                    .expect("a queue");
                let pd = adapter.create_pd().expect("a domain");
                let (busy, results) = (Cell::default(), RefCell::default());
                *place.borrow_mut() = Some((Rc::new(Shared { cq, busy, results }), pd));
            });
            sim::join(made);
            let (queue, pd) = shared.take().expect("made");
            let mut workers = Vec::new();
            for worker in 0..WORKERS {
                let queue = Rc::clone(&queue);
                let life = move |round| queue.life(pd, round, (worker << 8 | round) << 8);
                workers.push(work(host.id, life));
            }
            workers.into_iter().for_each(sim::join);
            let results = queue.results.borrow();
            for (at, result) in results.iter().enumerate() {
                assert_eq!(
                    result.request as usize & !0xff,
                    result.qp,
                    "of its own queue pair"
                );
                let again = results[..at].iter().any(|other| other.request == result.request);
                assert!(!again, "once");
            }
            let cq = queue.cq;
            sim::join(work_once(host.id, move || {
                pd.close_and_wait().expect("closes");
                cq.close_and_wait().expect("closes");
            }));
            open.close();
        });
    }
}

fn work_once(host: HostId, body: impl FnOnce() + 'static) -> TaskId {
    sim::spawn(TaskSpec::on("once", host, sim::PASSIVE_LEVEL), body)
}
