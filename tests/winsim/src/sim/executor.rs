//! The executor: the loop that runs due events and ready contexts, moves the clock, and notices when nothing can happen.

use super::deadline::Witnesses;
use super::events::{EventId, Events};
use super::failure::{self, Failure};
use super::faults::Faults;
use super::history::History;
use super::processors::Processors;
use super::random::{Random, Stream};
use super::task::{State, Task};
use super::turns::Turns;
use super::window::Windows;
use super::{TaskSpec, contexts};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Stack of the executor itself, on which events run.
const EXECUTOR_STACK: usize = 2 * 1024 * 1024;
/// Steps at one instant after which time moves although contexts are ready: they are polling.
const STEPS_PER_NUDGE: u64 = 64;
/// What those steps cost, in nanoseconds.
const NUDGE_NS: u64 = 640;
/// Steps without a single event after which the run counts as run away.
const RUN_AWAY_STEPS: u64 = 200_000_000;
/// Virtual time after which a run counts as endless, in nanoseconds: two days.
const LONGEST_RUN: u64 = 48 * 3_600 * super::SECOND;
/// Steps after which it does.
const MOST_TURNS: u64 = 4_000_000_000;
/// Events at one instant after which the run counts as run away.
const RUN_AWAY_EVENTS: u64 = 20_000_000;

/// One place for a task; its generation tells a new one from an old one.
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) task: Option<Rc<Task>>,
}

/// All state of one run.
pub(super) struct Sim {
    pub(super) seed: u64,
    pub(super) now: Cell<u64>,
    pub(super) events: RefCell<Events>,
    pub(super) tasks: RefCell<Vec<Slot>>,
    pub(super) free: RefCell<Vec<u32>>,
    pub(super) ready: RefCell<Vec<Rc<Task>>>,
    pub(super) current: Cell<*const Task>,
    pub(super) stacks: RefCell<Vec<DefaultStack>>,
    pub(super) hosts: RefCell<Vec<Processors>>,
    pub(super) random: RefCell<Random>,
    pub(super) faults: RefCell<Faults>,
    pub(super) history: RefCell<History>,
    pub(super) preemption: Cell<u32>,
    /// Steps since time last moved.
    pub(super) steps: Cell<u64>,
    /// Steps since an event last ran.
    steps_alone: Cell<u64>,
    events_now: Cell<u64>,
    pub(super) turns: Turns,
    pub(super) windows: Windows,
    failure: RefCell<Option<Failure>>,
    escape: Cell<*const Yielder<(), ()>>,
    ending: Cell<bool>,
    pub(super) witnesses: Witnesses,
    switch_hook: Cell<Option<fn()>>,
    locals: RefCell<Vec<(TypeId, Rc<dyn Any>)>>,
}

thread_local! {
    static SIM: Cell<*const Sim> = const { Cell::new(std::ptr::null()) };
}

/// Gives the running simulation to `f`.
pub(super) fn with<R>(f: impl FnOnce(&Sim) -> R) -> R {
    let sim = SIM.get();
    assert!(!sim.is_null(), "no simulation runs on this thread");
    // SAFETY: `run_here` sets the pointer to a Sim that it owns and clears it before that Sim is gone.
    f(unsafe { &*sim })
}

/// Whether the calling thread is inside a run.
pub fn is_running() -> bool {
    let sim = SIM.get();
    // SAFETY: as in `with`.
    !sim.is_null() && !unsafe { &*sim }.ending.get()
}

/// Runs `main` as the first context of a new world, with everything else that happens decided by `seed`.
///
/// The run has a thread of its own and ends when `main` returns, or with the first [`fail`](super::fail), panic or deadlock.
/// Contexts that have not ended by then are left where they stand; what they own is leaked.
///
/// # Errors
///
/// The [`Failure`] that ended the run.
pub fn run<T: Send>(seed: u64, main: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    failure::install_panic_hook();
    keep_memory();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(format!("sim-{seed}"));
        let thread = thread
            .spawn_scoped(scope, move || run_here(seed, main))
            .expect("no thread for the run");
        thread
            .join()
            .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

/// Runs take and give back megabytes of pool: the allocator keeps them for the next run, since to have the system map and clear them anew
/// costs more than most runs do.
fn keep_memory() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    const LARGE: i32 = 1 << 30;
    ONCE.call_once(|| {
        // SAFETY: numbers that the allocator checks.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
        // SAFETY: as above.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE) };
    });
}

fn run_here<T>(seed: u64, main: impl FnOnce() -> T) -> Result<T, Failure> {
    let sim = Sim::new(seed);
    SIM.set(&raw const sim);
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    let start: Box<dyn FnOnce() + '_> = Box::new(move || *slot.borrow_mut() = Some(main()));
    // SAFETY: the context that owns the closure ends, or is abandoned, before this function returns.
    let start: Box<dyn FnOnce()> = unsafe { std::mem::transmute(start) };
    sim.execute(start);
    sim.ending.set(true);
    sim.tear_down();
    let failure = sim.failure.borrow_mut().take();
    SIM.set(std::ptr::null());
    match failure {
        Some(failure) => Err(failure),
        None => Ok(result.borrow_mut().take().expect("main ended without a result")),
    }
}

impl Sim {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            now: Cell::new(0),
            events: RefCell::default(),
            tasks: RefCell::default(),
            free: RefCell::default(),
            ready: RefCell::default(),
            current: Cell::new(std::ptr::null()),
            stacks: RefCell::default(),
            hosts: RefCell::default(),
            random: RefCell::new(Random::new(seed)),
            faults: RefCell::default(),
            history: RefCell::new(History::new()),
            preemption: Cell::new(250_000),
            steps: Cell::new(0),
            steps_alone: Cell::new(0),
            events_now: Cell::new(0),
            turns: Turns::default(),
            windows: Windows::default(),
            failure: RefCell::new(None),
            escape: Cell::new(std::ptr::null()),
            ending: Cell::new(false),
            witnesses: Witnesses::default(),
            switch_hook: Cell::new(None),
            locals: RefCell::default(),
        }
    }

    /// Gives the running context's task to `f`; `None` on the executor's stack.
    pub(super) fn with_current<R>(&self, f: impl FnOnce(&Task) -> R) -> Option<R> {
        let task = self.current.get();
        // SAFETY: the executor keeps the task of the running context alive and clears the pointer when it stops.
        (!task.is_null()).then(|| f(unsafe { &*task }))
    }

    /// Runs the loop in a coroutine, so that a failure can leave it from any depth.
    fn execute(&self, start: Box<dyn FnOnce()>) {
        let main = contexts::create(self, TaskSpec::new("main"), start);
        let sim: *const Self = self;
        let stack = DefaultStack::new(EXECUTOR_STACK).expect("no memory for the executor's stack");
        let mut root = Coroutine::<(), (), (), _>::with_stack(stack, move |yielder, ()| {
            // SAFETY: `execute` outlives this coroutine, which it owns.
            let sim = unsafe { &*sim };
            sim.escape.set(yielder);
            while sim.step(&main) {}
        });
        if matches!(root.resume(()), CoroutineResult::Yield(())) {
            // SAFETY: the failure is recorded and nothing on the abandoned stack is used again.
            unsafe { root.force_reset() };
        }
        self.current.set(std::ptr::null());
    }

    /// One event or one turn of a context. False when the run is over.
    fn step(&self, main: &Task) -> bool {
        if self.failure.borrow().is_some() || main.state.get() == State::Done {
            return false;
        }
        if self.now.get() > LONGEST_RUN || self.turns.begin() > MOST_TURNS {
            abandon(
                failure::ENDLESS,
                "the run goes on and on, and its main context does not end".to_owned(),
            );
        }
        let due = self.events.borrow_mut().pop_due(self.now.get());
        if let Some(action) = due {
            self.steps_alone.set(0);
            self.events_now.set(self.events_now.get() + 1);
            if self.events_now.get() > RUN_AWAY_EVENTS {
                abandon(
                    failure::RUN_AWAY,
                    "events follow each other and time stands still".to_owned(),
                );
            }
            failure::guarded(action);
        } else if let Some(task) = self.pick() {
            self.count_step();
            self.resume(&task);
        } else {
            let next = self.events.borrow_mut().next_time();
            match next {
                Some(time) => self.move_clock(time),
                None => abandon(failure::DEADLOCK, "nothing can run and nothing is due".to_owned()),
            }
        }
        true
    }

    fn move_clock(&self, time: u64) {
        self.now.set(time);
        self.steps.set(0);
        self.events_now.set(0);
    }

    /// Counts a turn; contexts that poll without waiting pay for it in time.
    pub(super) fn count_step(&self) {
        self.steps.set(self.steps.get() + 1);
        self.steps_alone.set(self.steps_alone.get() + 1);
        if self.steps.get() < STEPS_PER_NUDGE {
            return;
        }
        let target = self.now.get() + NUDGE_NS;
        let next = self.events.borrow_mut().next_time();
        self.move_clock(next.map_or(target, |next| next.clamp(self.now.get(), target)));
        if self.steps_alone.get() > RUN_AWAY_STEPS {
            abandon(
                failure::RUN_AWAY,
                "contexts run on and on, and nothing is due".to_owned(),
            );
        }
    }

    /// Takes a ready context that may have a processor, by the seed.
    fn pick(&self) -> Option<Rc<Task>> {
        let mut ready = self.ready.borrow_mut();
        let count = ready.len();
        if count == 0 {
            return None;
        }
        let first = self.random.borrow_mut().below(Stream::Schedule, count as u64) as usize;
        let index = (0..count)
            .map(|step| (first + step) % count)
            .find(|&index| self.claim(&ready[index]))?;
        Some(ready.swap_remove(index))
    }

    fn resume(&self, task: &Rc<Task>) {
        task.state.set(State::Running);
        self.current.set(Rc::as_ptr(task));
        self.history
            .borrow_mut()
            .mix(u64::from(task.id.slot) << 8 | u64::from(task.processor.get()));
        let ended = {
            let mut context = task.context.borrow_mut();
            let context = context.as_mut().expect("a task that is ready has a context");
            matches!(context.resume(()), CoroutineResult::Return(()))
        };
        self.current.set(std::ptr::null());
        if let Some(hook) = self.switch_hook.get().filter(|_| self.failure.borrow().is_none()) {
            hook();
        }
        if ended {
            contexts::finish(self, task);
        }
    }

    /// Drops everything that may call back into the simulation, while it still stands.
    fn tear_down(&self) {
        self.ready.borrow_mut().clear();
        let tasks: Vec<_> = self
            .tasks
            .borrow_mut()
            .iter_mut()
            .filter_map(|slot| slot.task.take())
            .collect();
        for task in tasks {
            let Ok(mut context) = task.context.try_borrow_mut() else {
                continue;
            };
            let Some(mut context) = context.take() else {
                continue;
            };
            if context.started() && !context.done() {
                // SAFETY: the frames on that stack are never returned to; what they own is leaked, not freed.
                unsafe { context.force_reset() };
            }
        }
        let actions = self.events.borrow_mut().drain();
        drop(actions);
        while let Some(local) = { self.locals.borrow_mut().pop() } {
            drop(local);
        }
    }
}

/// Records the failure and leaves the running context, or the executor, for good.
pub(super) fn abandon(rule: &'static str, message: String) -> ! {
    let yielder = with(|sim| {
        if sim.failure.borrow().is_none() {
            let failure = failure::describe(sim, rule, message);
            *sim.failure.borrow_mut() = Some(failure);
        }
        sim.with_current(|task| task.yielder.get())
            .unwrap_or_else(|| sim.escape.get())
    });
    // SAFETY: the yielder lives on the coroutine that is running right now.
    let yielder = unsafe { &*yielder };
    yielder.suspend(());
    std::process::abort()
}

/// Has `hook` called whenever a context stops running: what it left on its way to others must reach them first.
pub fn on_switch(hook: fn()) {
    with(|sim| sim.switch_hook.set(Some(hook)));
}

/// The seed of the run.
pub fn seed() -> u64 {
    with(|sim| sim.seed)
}

/// Virtual time since the start of the run, in nanoseconds.
pub fn now() -> u64 {
    with(|sim| sim.now.get())
}

/// Runs `action` on the executor's stack `delay` nanoseconds from now. It must not wait, and not call a driver.
pub fn after(delay: u64, action: impl FnOnce() + 'static) -> EventId {
    with(|sim| {
        let time = sim.now.get().saturating_add(delay);
        sim.events.borrow_mut().add(time, Box::new(action))
    })
}

/// Runs `action` at `time`, or as soon as possible if that is past.
pub fn at(time: u64, action: impl FnOnce() + 'static) -> EventId {
    after(time.saturating_sub(now()), action)
}

/// Takes an event back. False when it ran, or was cancelled, before.
pub fn cancel(id: EventId) -> bool {
    let action = with(|sim| sim.events.borrow_mut().remove(id));
    action.is_some()
}

/// The run's one value of type `T`, made at its first use. It is dropped, last made first, after the run's contexts.
pub fn local<T: Default + 'static>() -> Rc<T> {
    let found = with(|sim| {
        let locals = sim.locals.borrow();
        let entry = locals.iter().find(|(id, _)| *id == TypeId::of::<T>());
        entry.map(|(_, value)| Rc::clone(value))
    });
    let value = found.unwrap_or_else(|| {
        let value: Rc<dyn Any> = Rc::new(T::default());
        with(|sim| {
            sim.locals
                .borrow_mut()
                .push((TypeId::of::<T>(), Rc::clone(&value)));
        });
        value
    });
    value
        .downcast()
        .unwrap_or_else(|_| unreachable!("the entry was found by its type"))
}
