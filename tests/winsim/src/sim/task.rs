//! A context: one stackful coroutine with a name, a processor and an IRQL.

use super::processors::HostId;
use super::window::Window;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// Usable stack of a context, in bytes. Below it lies a guard page.
pub(super) const STACK_SIZE: usize = 256 * 1024;

/// Names one context of a run; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl TaskId {
    /// A number of the same meaning, never 0.
    pub const fn number(self) -> u64 {
        1 << 63 | (self.generation as u64) << 32 | self.slot as u64
    }
}

/// What a context is started with.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Shown in histories and lists of parked contexts.
    pub name: Cow<'static, str>,
    /// The host whose processors it runs on; `None` for what is no kernel code (a test's main, an engine).
    pub host: Option<HostId>,
    /// The processor of the host that it is bound to; `None` lets it move while it runs below `DISPATCH_LEVEL`.
    pub processor: Option<u32>,
    /// The IRQL that it starts at.
    pub irql: u8,
}

impl TaskSpec {
    /// A context outside all hosts.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            host: None,
            processor: None,
            irql: 0,
        }
    }

    /// A context of `host` at `irql`, on any processor.
    pub fn on(name: impl Into<Cow<'static, str>>, host: HostId, irql: u8) -> Self {
        Self {
            name: name.into(),
            host: Some(host),
            processor: None,
            irql,
        }
    }

    /// The same, bound to one processor.
    pub fn bound_to(mut self, processor: u32) -> Self {
        self.processor = Some(processor);
        self
    }
}

pub(super) type Context = Coroutine<(), (), (), DefaultStack>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In the ready list.
    Ready,
    /// On the processor, or preempted with its place in the ready list kept by the executor.
    Running,
    /// Waits for [`super::unpark`].
    Parked,
    /// Waits for time only.
    Sleeping,
    /// Has returned.
    Done,
}

pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) name: Rc<str>,
    pub(super) host: Option<HostId>,
    pub(super) bound: Cell<bool>,
    pub(super) processor: Cell<u32>,
    pub(super) irql: Cell<u8>,
    pub(super) start_irql: u8,
    pub(super) state: Cell<State>,
    /// An unpark that came before its park.
    pub(super) token: Cell<bool>,
    pub(super) waits_for: Cell<&'static str>,
    pub(super) context: RefCell<Option<Context>>,
    /// Lowest and highest address of its stack, the guard page apart.
    pub(super) stack: (usize, usize),
    pub(super) yielder: Cell<*const Yielder<(), ()>>,
    pub(super) joiners: RefCell<Vec<TaskId>>,
    /// How its driver's code is stepped.
    pub(super) window: Window,
    /// What the simulated kernel keeps for the context.
    pub(super) local: OnceCell<Box<dyn Any>>,
}
