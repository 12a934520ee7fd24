//! What the NDK verifier knows of every object: its life, its relations, what is going on in it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_ADAPTER, NDK_OBJECT_HEADER, NdkObjectTypeAdapter, NdkObjectTypeConnector, NdkObjectTypeCq,
    NdkObjectTypeListener, NdkObjectTypeMr, NdkObjectTypeMw, NdkObjectTypePd, NdkObjectTypeQp,
    NdkObjectTypeSharedEndpoint, NdkObjectTypeSrq,
};

use super::super::kernel;
use super::Counts;
use super::ledger::{self, Books, memory::Lent};
use super::shims;
use crate::sim::{self, TaskId};

/// Arms that notifications may be owed for at once: one whose callback runs, one that is satisfied and waits for that to return, and one
/// that came since.
const MOST_ARMS: u32 = 3;

/// What lies in the reserved pointers of an object that the verifier watches: the layer above NDK may use them (LIFE-04).
const CANARY: usize = 0x4e44_4b43_0000_0000;

/// The kinds of NDK objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Adapter,
    Cq,
    Pd,
    Mr,
    Mw,
    Srq,
    Qp,
    SharedEndpoint,
    Connector,
    Listener,
}

impl Kind {
    const fn object_type(self) -> i32 {
        match self {
            Self::Adapter => NdkObjectTypeAdapter,
            Self::Cq => NdkObjectTypeCq,
            Self::Pd => NdkObjectTypePd,
            Self::Mr => NdkObjectTypeMr,
            Self::Mw => NdkObjectTypeMw,
            Self::Srq => NdkObjectTypeSrq,
            Self::Qp => NdkObjectTypeQp,
            Self::SharedEndpoint => NdkObjectTypeSharedEndpoint,
            Self::Connector => NdkObjectTypeConnector,
            Self::Listener => NdkObjectTypeListener,
        }
    }

    /// Slots of the dispatch table at version 1.1; and how many later minors up to this one have added.
    fn slots(self, version: (u16, u16)) -> (usize, usize) {
        let has = |major, minor| usize::from(version >= (major, minor));
        match self {
            Self::Adapter => (9, 0),
            Self::Cq => (6, has(1, 2)),
            Self::Pd => (8, 0),
            Self::Mr => (7, 0),
            Self::Mw | Self::SharedEndpoint => (3, 0),
            Self::Srq => (4, 0),
            Self::Qp => (10, has(1, 2)),
            Self::Connector => (11, 2 * has(2, 1)),
            Self::Listener => (5, 0),
        }
    }
}

/// How far the life of an object went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// Close was called.
    Closing,
    /// Close returned SUCCESS, or its completion callback has returned.
    Closed,
}

/// One open of an NDK adapter.
pub(super) struct Open {
    pub(super) version: (u16, u16),
    /// Objects that are not closed, the adapter itself not among them.
    pub(super) live: Cell<u32>,
    /// Callbacks into the consumer that have not returned.
    pub(super) callbacks: Cell<u32>,
    /// What its consumer has of memory.
    pub(super) lent: Lent,
    /// `CloseNDKAdapterHandler` has returned.
    pub(super) closed: Cell<bool>,
}

/// One object.
pub(super) struct Object {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) address: usize,
    /// The provider's own dispatch table.
    pub(super) dispatch: usize,
    pub(super) open: Rc<Open>,
    pub(super) life: Cell<Life>,
    /// Requests without a completion so far.
    pub(super) pending: Cell<u32>,
    /// Callbacks of this object into the consumer that have not returned.
    pub(super) callbacks: Cell<u32>,
    /// Dispatch functions on a stack somewhere.
    pub(super) calls: Cell<u32>,
    /// The provider's close function is on a stack.
    pub(super) in_close: Cell<bool>,
    /// An antecedent completed its close while this close was on a stack: it may not pend any more.
    pub(super) must_be_inline: Cell<bool>,
    pub(super) parents: RefCell<Vec<Rc<Self>>>,
    pub(super) children: RefCell<BTreeSet<u64>>,
    /// CQ: how many notifications may still come, at most 2: a notification can be on its way when the CQ is armed again.
    pub(super) arms: Cell<u32>,
    /// CQ: what the arms merge to (CQ-15).
    pub(super) strongest: Cell<u32>,
    /// CQ: the error that a notification told (CQ-30, CQ-31).
    pub(super) broken: Cell<Option<i32>>,
    /// CQ: its notification runs.
    pub(super) notifying: Cell<bool>,
    /// CQ: the context in `GetCqResults` or `ArmCq` (CQ-01).
    pub(super) user: Cell<Option<TaskId>>,
    /// `user` is in `ArmCq`, and no notification has come of it yet.
    pub(super) arming: Cell<bool>,
    /// What the ledger knows of it.
    pub(super) books: Books,
}

/// All objects of a run.
#[derive(Default)]
pub(super) struct Objects {
    by_address: RefCell<BTreeMap<usize, Rc<Object>>>,
    by_id: RefCell<BTreeMap<u64, Rc<Object>>>,
    next: Cell<u64>,
    /// How deep each context is in consumer callbacks.
    depth: RefCell<BTreeMap<TaskId, u32>>,
}

fn objects() -> Rc<Objects> {
    sim::local::<Objects>()
}

/// Ends the run for a breach of one rule of ndk.md, named with the verifier rule that it belongs to.
pub(super) fn breach(vrf: &'static str, rule: &str, message: impl std::fmt::Display) -> ! {
    sim::fail(vrf, format!("{rule}: {message}"))
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} #{}", self.kind, self.id)
    }
}

/// The object that a consumer passes, which has to be one of this kind that is not closed.
pub(super) fn find(address: *const c_void, kind: Kind, what: &str) -> Rc<Object> {
    let found = objects().by_address.borrow().get(&(address as usize)).cloned();
    let Some(object) = found else {
        breach(
            "VRF-47",
            "LIFE-40",
            format!("{what}: {address:p} is not an open object"),
        )
    };
    if object.kind != kind {
        breach("VRF-48", "LIFE-08", format!("{what}: {object} is no {kind:?}"));
    }
    object
}

/// The object at this address, of whatever kind.
pub(super) fn find_any(address: *const c_void, what: &str) -> Rc<Object> {
    let found = objects().by_address.borrow().get(&(address as usize)).cloned();
    found.unwrap_or_else(|| {
        breach(
            "VRF-47",
            "LIFE-40",
            format!("{what}: {address:p} is not an open object"),
        )
    })
}

/// Takes an object from the provider's hand: checks it, and puts the verifier's table between it and its consumer.
pub(super) fn adopt(
    address: *mut c_void,
    kind: Kind,
    open: &Rc<Open>,
    parents: Vec<Rc<Object>>,
) -> Rc<Object> {
    let what = format!("{kind:?} at {address:p}");
    if address.is_null() {
        breach("VRF-48", "LIFE-01", format!("{kind:?} is null after success"));
    }
    let objects = objects();
    if objects.by_address.borrow().contains_key(&(address as usize)) {
        breach(
            "VRF-48",
            "LIFE-01",
            format!("{what} was handed out before and is not closed"),
        );
    }
    check_header(address, kind, open, &what);
    // SAFETY: every object begins with a header and a dispatch pointer; the provider handed it out just now.
    let dispatch = unsafe { (*address.cast::<NDK_ADAPTER>()).Dispatch } as usize;
    check_table(dispatch, kind, open, &what);
    let id = objects.next.replace(objects.next.get() + 1);
    let object = Rc::new(Object {
        id,
        kind,
        address: address as usize,
        dispatch,
        open: Rc::clone(open),
        life: Cell::new(Life::Open),
        pending: Cell::new(0),
        callbacks: Cell::new(0),
        calls: Cell::new(0),
        in_close: Cell::new(false),
        must_be_inline: Cell::new(false),
        parents: RefCell::default(),
        children: RefCell::default(),
        arms: Cell::new(0),
        strongest: Cell::new(shims::NOTIFY_ERRORS),
        broken: Cell::new(None),
        notifying: Cell::new(false),
        user: Cell::new(None),
        arming: Cell::new(false),
        books: Books::default(),
    });
    if objects
        .by_address
        .borrow_mut()
        .insert(address as usize, Rc::clone(&object))
        .is_some()
    {
        breach(
            "VRF-48",
            "LIFE-01",
            format!("{what} was handed out and is not closed"),
        );
    }
    objects.by_id.borrow_mut().insert(id, Rc::clone(&object));
    if kind != Kind::Adapter {
        open.live.set(open.live.get() + 1);
    }
    parents.iter().for_each(|parent| relate(parent, &object));
    object.mark();
    object
}

fn check_header(address: *mut c_void, kind: Kind, open: &Open, what: &str) {
    // SAFETY: every object begins with a header.
    let header = unsafe { address.cast::<NDK_OBJECT_HEADER>().read() };
    if header.ObjectType != kind.object_type() {
        breach(
            "VRF-48",
            "LIFE-01",
            format!("{what}: ObjectType is {}", header.ObjectType),
        );
    }
    if (header.Version.Major, header.Version.Minor) != open.version {
        let (major, minor) = (header.Version.Major, header.Version.Minor);
        breach(
            "VRF-48",
            "LIFE-02",
            format!(
                "{what}: version {major}.{minor}, the open reports {:?}",
                open.version
            ),
        );
    }
    if header.NdkReserved.rf.iter().any(|pointer| !pointer.is_null()) {
        breach(
            "VRF-48",
            "LIFE-03",
            format!("{what}: reserved pointers are not zero"),
        );
    }
}

fn check_table(dispatch: usize, kind: Kind, open: &Open, what: &str) {
    if dispatch == 0 {
        breach("VRF-48", "LIFE-05", format!("{what}: no dispatch table"));
    }
    let (base, added) = kind.slots(open.version);
    // SAFETY: the table of this kind has at least so many slots.
    let slots = unsafe { std::slice::from_raw_parts(dispatch as *const usize, base + added) };
    if let Some(empty) = slots.iter().position(|slot| *slot == 0) {
        // A table without what a later minor added belongs to the version before.
        let rule = if empty < base { "LIFE-07" } else { "VERSION-01" };
        breach("VRF-48", rule, format!("{what}: slot {empty} is empty"));
    }
}

/// Makes `child` a successor of `parent` (LIFE-50).
pub(super) fn relate(parent: &Rc<Object>, child: &Rc<Object>) {
    parent.children.borrow_mut().insert(child.id);
    child.parents.borrow_mut().push(Rc::clone(parent));
}

/// Ends one relation before either object is closed: the request that made it failed.
pub(super) fn unrelate(parent: &Rc<Object>, child: &Rc<Object>) {
    let mut parents = child.parents.borrow_mut();
    if let Some(at) = parents.iter().position(|p| Rc::ptr_eq(p, parent)) {
        parents.swap_remove(at);
        parent.children.borrow_mut().remove(&child.id);
    }
}

impl Object {
    /// The provider's dispatch table.
    ///
    /// # Safety
    /// `T` is the table of this kind.
    pub(super) const unsafe fn table<T>(&self) -> &T {
        // SAFETY: the provider's table outlives its objects; the caller says that it is a T.
        unsafe { &*(self.dispatch as *const T) }
    }

    fn canary(&self, slot: usize) -> *mut c_void {
        (CANARY + (self.id as usize) * 16 + slot) as *mut c_void
    }

    /// Fills the reserved pointers and replaces the dispatch pointer, as the layer above NDK may.
    fn mark(&self) {
        let object = self.address as *mut NDK_ADAPTER;
        let reserved = std::array::from_fn(|slot| self.canary(slot));
        // SAFETY: the object is handed out and nobody else looks at its header (LIFE-04, LIFE-06).
        unsafe { (*object).Header.NdkReserved.rf = reserved };
        // SAFETY: as above.
        unsafe { (*object).Dispatch = shims::table_of(self.kind).cast() };
    }

    /// LIFE-04: the provider left the reserved pointers alone.
    pub(super) fn check_reserved(&self) {
        let object = self.address as *const NDK_ADAPTER;
        // SAFETY: the object is open, so its memory is there.
        let object = unsafe { &*object };
        let touched = object
            .Header
            .NdkReserved
            .rf
            .iter()
            .enumerate()
            .any(|(slot, p)| *p != self.canary(slot));
        if touched {
            breach(
                "VRF-48",
                "LIFE-04",
                format!("{self}: reserved pointers were overwritten"),
            );
        }
        if object.Dispatch.cast() != shims::table_of(self.kind) {
            breach(
                "VRF-48",
                "LIFE-04",
                format!("{self}: the dispatch pointer was overwritten after hand-out"),
            );
        }
    }

    /// Nothing may keep a close from completing: requests, callbacks, successors.
    pub(super) fn check_quiet(&self, how: &str, rules: [&str; 3]) {
        if self.pending.get() > 0 {
            breach(
                "VRF-47",
                rules[0],
                format!(
                    "{how} of {self} while {} requests are pending",
                    self.pending.get()
                ),
            );
        }
        if self.callbacks.get() > 0 {
            breach(
                "VRF-47",
                rules[1],
                format!("{how} of {self} while {} callbacks run", self.callbacks.get()),
            );
        }
        let children: Vec<u64> = self.children.borrow().iter().copied().collect();
        for id in children {
            let Some(child) = objects().by_id.borrow().get(&id).cloned() else {
                continue;
            };
            if child.life.get() == Life::Closing && child.in_close.get() {
                child.must_be_inline.set(true);
            } else {
                breach(
                    "VRF-47",
                    rules[2],
                    format!(
                        "{how} of {self} while its successor {child} is {:?}",
                        child.life.get()
                    ),
                );
            }
        }
    }

    /// The object is gone.
    pub(super) fn retire(self: &Rc<Self>) {
        self.life.set(Life::Closed);
        self.books.pair.get().iter().for_each(|pair| pair.gone());
        match self.kind {
            Kind::Mr => ledger::memory::ended(self),
            Kind::Cq => ledger::pair::forget_results_of(self),
            _ => {}
        }
        let objects = objects();
        let mut by_address = objects.by_address.borrow_mut();
        if by_address.get(&self.address).is_some_and(|o| Rc::ptr_eq(o, self)) {
            by_address.remove(&self.address);
        }
        drop(by_address);
        objects.by_id.borrow_mut().remove(&self.id);
        for parent in self.parents.borrow_mut().drain(..) {
            parent.children.borrow_mut().remove(&self.id);
        }
        if self.kind != Kind::Adapter {
            self.open.live.set(self.open.live.get() - 1);
        }
    }

    /// `ArmCq`: one notification more may come; arms of different kinds merge (CQ-15).
    pub(super) fn arm(&self, kind: u32) {
        let strength = |kind| match kind {
            shims::NOTIFY_ANY => 2,
            shims::NOTIFY_ERRORS => 0,
            _ => 1,
        };
        if self.arms.get() == 0 || strength(kind) > strength(self.strongest.get()) {
            self.strongest.set(kind);
        }
        self.arms.set((self.arms.get() + 1).min(MOST_ARMS));
    }

    /// A notification: takes one arm; `None` if there is none. Of several arms the later ones may have come after the provider had
    /// cleared the first, so they stay.
    pub(super) fn take_arm(&self) -> Option<u32> {
        let left = self.arms.get().checked_sub(1)?;
        self.arms.set(left);
        Some(self.strongest.get())
    }
}

/// A callback into the consumer that runs now; dropped when it has returned.
pub(super) struct Callback(Rc<Object>);

impl Callback {
    /// Checks what holds for every callback: IRQL (LIFE-20), no lock of the provider (LIFE-16), nothing after the end.
    pub(super) fn enter(object: &Rc<Object>, what: &str) -> Self {
        kernel::preempt();
        if sim::irql() > sim::DISPATCH_LEVEL {
            breach(
                "VRF-48",
                "LIFE-20",
                format!("{what} of {object} at IRQL {}", sim::irql()),
            );
        }
        if kernel::locks_held() > 0 {
            breach(
                "VRF-48",
                "LIFE-16",
                format!("{what} of {object} with {} spin locks held", kernel::locks_held()),
            );
        }
        if object.open.closed.get() {
            breach(
                "VRF-49",
                "LIFE-62",
                format!("{what} of {object} after the adapter was closed"),
            );
        }
        if object.life.get() == Life::Closed {
            breach("VRF-47", "LIFE-38", format!("{what} of {object} after its close"));
        }
        object.callbacks.set(object.callbacks.get() + 1);
        object.open.callbacks.set(object.open.callbacks.get() + 1);
        let counts = sim::local::<Counts>();
        counts.callbacks.set(counts.callbacks.get() + 1);
        enter_depth(what);
        Self(Rc::clone(object))
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        leave_depth();
        self.0.callbacks.set(self.0.callbacks.get() - 1);
        self.0.open.callbacks.set(self.0.open.callbacks.get() - 1);
    }
}

/// How deep consumer callbacks may nest in one context: a callback whose request completes inside, and an end that brings another end,
/// are legal (LIFE-13); a stack that grows with what the consumer does is not (LIFE-21).
const DEEPEST: u32 = 8;

fn enter_depth(what: &str) {
    let Some(me) = sim::current() else { return };
    let depth = {
        let objects = objects();
        let mut depths = objects.depth.borrow_mut();
        let depth = depths.entry(me).or_default();
        *depth += 1;
        *depth
    };
    if depth > DEEPEST {
        breach(
            "VRF-48",
            "LIFE-21",
            format!("{what}: callback number {depth} on one stack"),
        );
    }
}

fn leave_depth() {
    let Some(me) = sim::current() else { return };
    let objects = objects();
    let mut depth = objects.depth.borrow_mut();
    if let Some(count) = depth.get_mut(&me) {
        *count -= 1;
        if *count == 0 {
            depth.remove(&me);
        }
    }
}

/// Whether the running context is inside a callback of some provider into its consumer.
pub(super) fn inside_callback() -> bool {
    sim::current().is_some_and(|me| objects().depth.borrow().contains_key(&me))
}

/// Every object that is not closed: how far it is, and what holds it, with the requests that `pending` knows of.
pub(super) fn testimony(pending: impl Fn(&Object) -> Vec<&'static str>) -> Vec<String> {
    let objects = objects();
    let Ok(by_id) = objects.by_id.try_borrow() else {
        return Vec::new();
    };
    let line = |object: &Rc<Object>| {
        let successors = object.children.try_borrow().map(|children| {
            let there = children.iter().filter_map(|id| by_id.get(id));
            there.map(ToString::to_string).collect::<Vec<_>>().join(", ")
        });
        format!(
            "{object} ({:?}): requests [{}], callbacks {}, calls {}, mappings {}, successors [{}]",
            object.life.get(),
            pending(object).join(", "),
            object.callbacks.get(),
            object.calls.get(),
            if object.kind == Kind::Adapter {
                object.open.lent.mappings()
            } else {
                0
            },
            successors.unwrap_or_default(),
        )
    };
    by_id.values().map(line).collect()
}

/// Objects of any open that are not closed, for leak reports.
pub(super) fn live_objects() -> Vec<String> {
    objects()
        .by_id
        .borrow()
        .values()
        .map(ToString::to_string)
        .collect()
}
