//! The two queues of a queue pair: what was accepted, by whom it is posted, and what is to come.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use super::memory::Use;
use super::misuse;
use crate::ndis::kernel;
use crate::ndis::ndk::request::{PENDING, SUCCESS};
use crate::ndis::ndk::track::{Object, breach};
use crate::sim::{self, SECOND, TaskId};

/// Contexts of queue pairs, as the provider sees them, begin here; those of requests behind.
const PAIRS: usize = 0x4e44_4b51_0000_0000;
const REQUESTS: usize = 0x4e44_4b52_0000_0000;
/// `STATUS_NO_MORE_ENTRIES`: the queue is full.
const NO_MORE_ENTRIES: i32 = 0x8000_001a_u32 as i32;
/// How long what was flushed may take to complete: a command of the device that is never answered and what follows it.
pub(super) const GRACE: u64 = 150 * SECOND;

/// What was posted. The numbers are those of `NDK_OPERATION_TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ndis::ndk) enum Operation {
    Receive = 1,
    Send = 2,
    FastRegister = 4,
    Bind = 8,
    Invalidate = 16,
    Read = 32,
    Write = 64,
}

/// One request as the consumer posts it.
pub(in crate::ndis::ndk) struct Post {
    pub(in crate::ndis::ndk) operation: Operation,
    pub(in crate::ndis::ndk) context: *mut c_void,
    pub(in crate::ndis::ndk) flags: u32,
    /// Bytes of a receive.
    pub(in crate::ndis::ndk) room: u64,
    pub(in crate::ndis::ndk) uses: Vec<Use>,
}

/// `NDK_OP_FLAG_SILENT_SUCCESS`.
const SILENT: u32 = cxndk::sys::ndkpi::NDK_OP_FLAG_SILENT_SUCCESS;

/// One request from the call of its post until its result is fetched.
pub(super) struct Entry {
    pub(super) token: usize,
    pub(super) context: usize,
    pub(super) operation: Operation,
    pub(super) silent: bool,
    pub(super) room: u64,
    pub(super) flags: u32,
    pub(super) uses: Vec<Use>,
    /// The post has returned: it counts for the completion queue.
    accepted: Cell<bool>,
}

/// One of the two queues.
pub(super) struct Queue {
    name: &'static str,
    depth: u32,
    pub(super) cq: Rc<Object>,
    pub(super) entries: RefCell<VecDeque<Entry>>,
    poster: Cell<Option<TaskId>>,
    /// A result was an error that ends the connection (QP-64).
    pub(super) failed: Cell<bool>,
    /// What has this token or a lower one was flushed, and when it has to be complete.
    pub(super) flushed: Cell<Option<(usize, u64)>>,
}

/// A queue pair.
pub(in crate::ndis::ndk) struct Pair {
    token: usize,
    /// The consumer's context.
    pub(super) context: usize,
    pub(super) shared_receives: bool,
    object: OnceCell<Weak<Object>>,
    pub(super) receive: Queue,
    pub(super) initiator: Queue,
    /// Nothing new is carried out: flushed, disconnected, failed or closed.
    quiet: Cell<bool>,
}

/// All queue pairs of a run, by the context that the provider has.
#[derive(Default)]
pub(super) struct Pairs {
    by_token: RefCell<BTreeMap<usize, Rc<Pair>>>,
    next: Cell<usize>,
    next_request: Cell<usize>,
}

impl Pairs {
    pub(super) fn find(token: *mut c_void) -> Option<Rc<Pair>> {
        sim::local::<Self>()
            .by_token
            .borrow()
            .get(&(token as usize))
            .cloned()
    }

    /// Whether one of them uses this region in a connection.
    pub(super) fn any_lends(region: &Object) -> bool {
        let pairs = sim::local::<Self>();
        let found = pairs.by_token.borrow();
        found.values().any(|pair| pair.lends(region))
    }

    /// Those whose results come to this queue.
    pub(super) fn of(cq: &Rc<Object>) -> Vec<Rc<Pair>> {
        let pairs = sim::local::<Self>();
        let found = pairs.by_token.borrow();
        let uses = |queue: &Queue| Rc::ptr_eq(&queue.cq, cq);
        found
            .values()
            .filter(|pair| uses(&pair.receive) || uses(&pair.initiator))
            .cloned()
            .collect()
    }
}

/// A completion queue is gone, and with it every result that it had.
pub(in crate::ndis::ndk) fn forget_results_of(cq: &Object) {
    let pairs = sim::local::<Pairs>();
    pairs
        .by_token
        .borrow_mut()
        .retain(|_, pair| !std::ptr::eq(&raw const *pair.receive.cq, cq));
}

/// What a consumer asks of a queue pair.
pub(in crate::ndis::ndk) struct Sizes {
    pub(in crate::ndis::ndk) context: *mut c_void,
    /// `None` with a shared receive queue.
    pub(in crate::ndis::ndk) receives: Option<u32>,
    pub(in crate::ndis::ndk) initiator: u32,
}

impl Pair {
    /// A queue pair that is about to be made.
    pub(in crate::ndis::ndk) fn new(
        sizes: &Sizes,
        receive_cq: Rc<Object>,
        initiator_cq: Rc<Object>,
    ) -> Rc<Self> {
        let pairs = sim::local::<Pairs>();
        let token = PAIRS + pairs.next.replace(pairs.next.get() + 1) * 8;
        let pair = Rc::new(Self {
            token,
            context: sizes.context as usize,
            shared_receives: sizes.receives.is_none(),
            object: OnceCell::new(),
            receive: Queue::new("receive", sizes.receives.unwrap_or(0), receive_cq),
            initiator: Queue::new("initiator", sizes.initiator, initiator_cq),
            quiet: Cell::new(false),
        });
        pairs.by_token.borrow_mut().insert(token, Rc::clone(&pair));
        pair
    }

    /// The context that the provider gets.
    pub(in crate::ndis::ndk) const fn token(&self) -> *mut c_void {
        self.token as *mut c_void
    }

    /// The object is there.
    pub(in crate::ndis::ndk) fn bind(self: &Rc<Self>, object: &Rc<Object>) {
        let _ = self.object.set(Rc::downgrade(object));
        let _ = object.books.pair.set(Rc::clone(self));
    }

    pub(super) const fn queues(&self) -> [&Queue; 2] {
        [&self.receive, &self.initiator]
    }

    /// From now on nothing has to keep its memory for what is posted.
    pub(super) fn quiet(&self) {
        self.quiet.set(true);
        for queue in self.queues() {
            for entry in queue.entries.borrow_mut().iter_mut() {
                entry.uses.clear();
            }
        }
    }

    /// `NdkFlush`, or the end of a disconnect: everything accepted so far has to complete (QP-60, CONN-62).
    pub(in crate::ndis::ndk) fn flushed(&self) {
        self.quiet();
        let due = sim::now() + GRACE;
        for queue in self.queues() {
            let entries = queue.entries.borrow();
            let last = entries.iter().rev().find(|entry| entry.accepted.get());
            if let Some(last) = last {
                queue.flushed.set(Some((last.token, due)));
            }
        }
    }

    /// The object is gone; results that its completion queues still have may be fetched, or not (QP-69).
    pub(in crate::ndis::ndk) fn gone(&self) {
        self.quiet();
        for queue in self.queues() {
            queue.flushed.set(None);
            for entry in queue.entries.borrow().iter() {
                queue.uncount(entry);
            }
        }
    }

    /// Whether a connection lets the device carry out, now or later, what uses this region.
    pub(super) fn lends(&self, region: &Object) -> bool {
        let object = self.object.get().and_then(Weak::upgrade);
        let connected = object.is_some_and(|object| !object.children.borrow().is_empty());
        let names = |entry: &Entry| entry.uses.iter().any(|used| used.is(region));
        connected
            && self
                .queues()
                .into_iter()
                .any(|queue| queue.entries.borrow().iter().any(names))
    }

    /// Whether the object is open.
    pub(super) fn is_live(&self) -> bool {
        let object = self.object.get().and_then(Weak::upgrade);
        object.is_some_and(|object| object.life.get() == crate::ndis::ndk::track::Life::Open)
    }

    /// Posts a request: `invoke` calls the provider with the context that it gets.
    pub(in crate::ndis::ndk) fn post(
        &self,
        what: &str,
        mut post: Post,
        invoke: impl FnOnce(*mut c_void) -> i32,
    ) -> i32 {
        let queue = if post.operation == Operation::Receive {
            &self.receive
        } else {
            &self.initiator
        };
        let posting = Posting::begin(queue, what);
        // Others may run while the post does.
        kernel::preempt();
        if self.quiet.get() {
            post.uses.clear();
        }
        let before = queue.entries.borrow().len();
        let token = queue.begin(post);
        let status = invoke(token as *mut c_void);
        match status {
            SUCCESS => queue.accepted(what, token),
            PENDING => breach("VRF-47", "QP-07", format!("{what} returned PENDING")),
            _ => queue.refused(what, token, status, before),
        }
        drop(posting);
        status
    }
}

/// QP-01: one context at a time posts to a queue.
struct Posting<'a>(&'a Queue);

impl<'a> Posting<'a> {
    fn begin(queue: &'a Queue, what: &str) -> Self {
        if queue.poster.get().is_some() {
            misuse(
                "QP-01",
                format!("{what} while another context posts to the {} queue", queue.name),
            );
        }
        queue.poster.set(sim::current());
        Self(queue)
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.poster.set(None);
    }
}

impl Queue {
    fn new(name: &'static str, depth: u32, cq: Rc<Object>) -> Self {
        Self {
            name,
            depth,
            cq,
            entries: RefCell::default(),
            poster: Cell::new(None),
            failed: Cell::new(false),
            flushed: Cell::new(None),
        }
    }

    fn begin(&self, post: Post) -> usize {
        let pairs = sim::local::<Pairs>();
        let token = REQUESTS + pairs.next_request.replace(pairs.next_request.get() + 1) * 8;
        self.entries.borrow_mut().push_back(Entry {
            token,
            context: post.context as usize,
            operation: post.operation,
            silent: post.flags & SILENT != 0 && post.operation != Operation::Receive,
            room: post.room,
            flags: post.flags,
            uses: post.uses,
            accepted: Cell::new(false),
        });
        token
    }

    fn accepted(&self, what: &str, token: usize) {
        {
            let entries = self.entries.borrow();
            // Its result may have been fetched before the post returned.
            let Some(entry) = entries.iter().rev().find(|entry| entry.token == token) else {
                return;
            };
            entry.accepted.set(true);
            self.cq.books.due.set(self.cq.books.due.get() + 1);
        }
        let (due, room) = (self.cq.books.due.get(), self.cq.books.depth.get());
        if due > room {
            misuse(
                "CQ-36",
                format!(
                    "{what} is request number {due} that completes on {}, which holds {room}",
                    self.cq
                ),
            );
        }
    }

    fn refused(&self, what: &str, token: usize, status: i32, before: usize) {
        let mut entries = self.entries.borrow_mut();
        let place = entries.iter().rposition(|entry| entry.token == token);
        let Some(place) = place else {
            drop(entries);
            breach(
                "VRF-48",
                "QP-07",
                format!("{what} returned {status:#x} and has a result"),
            );
        };
        let entry = entries.remove(place);
        drop(entries);
        drop(entry);
        if status == NO_MORE_ENTRIES && before < self.depth as usize {
            breach(
                "VRF-48",
                "QP-14",
                format!(
                    "{what}: the {} queue holds {before} of {} and is full",
                    self.name, self.depth
                ),
            );
        }
    }

    /// The entry's result needs no place in the completion queue any more.
    pub(super) fn uncount(&self, entry: &Entry) {
        if entry.accepted.replace(false) {
            self.cq.books.due.set(self.cq.books.due.get() - 1);
        }
    }
}
