//! What a context does with itself and with others: start, wait, wake, let others run.

use super::executor::{Sim, Slot, with};
use super::random::Stream;
use super::task::{STACK_SIZE, State, Task};
use super::window::Window;
use super::{DISPATCH_LEVEL, HostId, TaskId, TaskSpec, after, cancel, now};
use corosensei::Coroutine;
use corosensei::stack::{DefaultStack, Stack};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// Bytes at a stack's end that nobody can use.
const GUARD: usize = 4096;

/// Makes a context and puts it among the ready ones.
pub(super) fn create(sim: &Sim, spec: TaskSpec, body: Box<dyn FnOnce()>) -> Rc<Task> {
    let id = allocate(sim);
    let stack = sim.stacks.borrow_mut().pop();
    let stack =
        stack.unwrap_or_else(|| DefaultStack::new(STACK_SIZE).expect("no memory for a context's stack"));
    // The lowest page guards the others.
    let bounds = (stack.limit().get() + GUARD, stack.base().get());
    let context = Coroutine::with_stack(stack, move |yielder, ()| {
        with(|sim| sim.with_current(|task| task.yielder.set(yielder)));
        super::failure::guarded(body);
    });
    let processor = spec.processor.unwrap_or_else(|| first_processor(sim, &spec));
    let task = Rc::new(Task {
        id,
        name: spec.name.into(),
        host: spec.host,
        bound: Cell::new(spec.processor.is_some()),
        processor: Cell::new(processor),
        irql: Cell::new(spec.irql),
        start_irql: spec.irql,
        state: Cell::new(State::Ready),
        token: Cell::new(false),
        waits_for: Cell::new(""),
        context: RefCell::new(Some(context)),
        stack: bounds,
        yielder: Cell::new(std::ptr::null()),
        joiners: RefCell::default(),
        window: Window::default(),
        local: OnceCell::new(),
    });
    sim.tasks.borrow_mut()[id.slot as usize].task = Some(Rc::clone(&task));
    sim.ready.borrow_mut().push(Rc::clone(&task));
    task
}

/// Lowest and highest address of the running context's stack; `None` outside of contexts.
pub fn stack() -> Option<(usize, usize)> {
    with(|sim| sim.with_current(|task| task.stack))
}

fn allocate(sim: &Sim) -> TaskId {
    let mut tasks = sim.tasks.borrow_mut();
    let slot = sim.free.borrow_mut().pop().unwrap_or_else(|| {
        tasks.push(Slot {
            generation: 0,
            task: None,
        });
        tasks.len() as u32 - 1
    });
    TaskId {
        slot,
        generation: tasks[slot as usize].generation,
    }
}

fn first_processor(sim: &Sim, spec: &TaskSpec) -> u32 {
    let Some(host) = spec.host else { return 0 };
    let count = sim.processor_count(host);
    sim.random.borrow_mut().below(Stream::Schedule, u64::from(count)) as u32
}

/// Takes back what a context that has returned held, and wakes those who wait for its end.
pub(super) fn finish(sim: &Sim, task: &Rc<Task>) {
    task.state.set(State::Done);
    if task.irql.get() >= DISPATCH_LEVEL {
        sim.release(task);
    }
    if let Some(context) = task.context.borrow_mut().take() {
        sim.stacks.borrow_mut().push(context.into_stack());
    }
    {
        let mut tasks = sim.tasks.borrow_mut();
        let slot = &mut tasks[task.id.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.task = None;
    }
    sim.free.borrow_mut().push(task.id.slot);
    for joiner in task.joiners.take() {
        unpark(joiner);
    }
}

/// Starts a context. It runs when the caller next lets others run.
pub fn spawn(spec: TaskSpec, body: impl FnOnce() + 'static) -> TaskId {
    with(|sim| create(sim, spec, Box::new(body)).id)
}

/// The running context; `None` in an event.
pub fn current() -> Option<TaskId> {
    with(|sim| sim.with_current(|task| task.id))
}

/// The name of the running context; `executor` in an event.
pub fn current_name() -> String {
    with(|sim| sim.with_current(|task| task.name.to_string())).unwrap_or_else(|| "executor".to_owned())
}

/// The host of the running context.
pub fn host() -> Option<HostId> {
    with(|sim| sim.with_current(|task| task.host)).flatten()
}

/// Gives `f` what the running context keeps for the simulated kernel: one value, of one type for the whole program.
/// `None` in an event.
pub fn with_task_local<T: Default + 'static, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    with(|sim| {
        sim.with_current(|task| {
            let value = task.local.get_or_init(|| Box::new(T::default()));
            f(value.downcast_ref().expect("one type for the whole program"))
        })
    })
}

/// Whether the context has returned.
pub fn is_done(id: TaskId) -> bool {
    with(|sim| sim.task(id).is_none())
}

/// Waits until the context has returned.
pub fn join(id: TaskId) {
    let me = current().expect("an event cannot wait");
    while let Some(task) = with(|sim| sim.task(id)) {
        task.joiners.borrow_mut().push(me);
        park_for("the end of a context");
    }
}

impl Sim {
    pub(super) fn task(&self, id: TaskId) -> Option<Rc<Task>> {
        let tasks = self.tasks.borrow();
        let slot = tasks.get(id.slot as usize)?;
        if slot.generation == id.generation {
            slot.task.clone()
        } else {
            None
        }
    }

    fn make_ready(&self, task: &Rc<Task>) {
        task.state.set(State::Ready);
        self.ready.borrow_mut().push(Rc::clone(task));
    }

    fn wake_parked(&self, id: TaskId) -> bool {
        let parked = self.task(id).filter(|task| task.state.get() == State::Parked);
        parked.iter().for_each(|task| self.make_ready(task));
        parked.is_some()
    }

    /// Whether anything but the running context could run now.
    fn others_wait(&self) -> bool {
        if !self.ready.borrow().is_empty() {
            return true;
        }
        let next = self.events.borrow_mut().next_time();
        next.is_some_and(|time| time <= self.now.get())
    }
}

/// Gives the executor its turn. The caller has set the state of the running context.
fn suspend() {
    let yielder = with(|sim| sim.with_current(|task| task.yielder.get())).expect("an event cannot wait");
    // SAFETY: the yielder lives on the stack of the running context, which is this one.
    let yielder = unsafe { &*yielder };
    yielder.suspend(());
}

/// Lets others run. Returns at once when there is nobody else; in an event it does nothing.
pub fn yield_now() {
    let others = with(|sim| {
        if sim.current.get().is_null() {
            return false;
        }
        sim.count_step();
        let others = sim.others_wait();
        if others {
            let task = sim.with_current(|task| task.id).and_then(|id| sim.task(id));
            task.iter().for_each(|task| sim.make_ready(task));
        }
        others
    });
    if others {
        suspend();
    }
}

/// Lets others run if the seed says so: what every simulated kernel call does.
pub fn preempt() {
    let switch = with(|sim| {
        if sim.current.get().is_null() {
            return false;
        }
        if !sim.others_wait() {
            sim.count_step();
            return false;
        }
        let draw = sim.random.borrow_mut().below(Stream::Schedule, 1_000_000);
        draw < u64::from(sim.preemption.get())
    });
    if switch {
        yield_now();
    }
}

/// How many of a million calls of [`preempt`] switch when somebody else is ready. 250 000 at the start of a run. Returns how many it
/// were before.
pub fn set_preemption(per_million: u32) -> u32 {
    with(|sim| sim.preemption.replace(per_million))
}

/// Waits for an [`unpark`]. One that came since the last wait is enough.
pub fn park() {
    park_for("unpark");
}

/// The same, saying in lists of parked contexts what it waits for.
pub fn park_for(what: &'static str) {
    let waits = with(|sim| {
        sim.with_current(|task| {
            let waits = !task.token.replace(false);
            if waits {
                task.waits_for.set(what);
                task.state.set(State::Parked);
            }
            waits
        })
        .expect("an event cannot wait")
    });
    if waits {
        suspend();
    }
}

/// Waits for an [`unpark`] until `deadline`, in nanoseconds of virtual time. True if the time came first.
pub fn park_until(what: &'static str, deadline: u64) -> bool {
    let me = current().expect("an event cannot wait");
    let late = Rc::new(Cell::new(false));
    let flag = Rc::clone(&late);
    let event = super::at(deadline, move || {
        flag.set(with(|sim| sim.wake_parked(me)));
    });
    park_for(what);
    cancel(event);
    late.get()
}

/// Lets a parked context go on, or its next park return at once. Does nothing for one that has ended.
pub fn unpark(id: TaskId) {
    with(|sim| {
        if !sim.wake_parked(id)
            && let Some(task) = sim.task(id)
        {
            task.token.set(true);
        }
    });
}

/// Lets `duration` nanoseconds of virtual time pass. Wake-ups that come meanwhile are kept.
pub fn sleep(duration: u64) {
    if duration == 0 {
        return yield_now();
    }
    let me = current().expect("an event cannot wait");
    let deadline = now() + duration;
    after(duration, move || {
        with(|sim| {
            if let Some(task) = sim.task(me) {
                sim.make_ready(&task);
            }
        });
    });
    with(|sim| sim.with_current(|task| task.state.set(State::Sleeping)));
    suspend();
    debug_assert!(now() >= deadline, "woken before its time");
}
