//! The small provider: objects that count what holds them, and nothing behind them.

mod dispatch;
pub(super) mod driver;
pub(super) mod queue_pair;

pub(super) use dispatch::spoil;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::NDK_VERSION;
use cxndk::sys::ndkpi::*;

use super::super::ledger::memory::KeyRights;
use super::Wrong;
use crate::{nt, sim};

/// Words of the longest dispatch table.
const SLOTS: usize = 11;

/// Any object: the header and dispatch pointer first, as the interface wants it.
#[repr(C)]
pub(super) struct Thing {
    raw: NDK_ADAPTER,
    table: [usize; SLOTS],
    /// The consumer, pending requests, running callbacks, successors.
    holders: Cell<u32>,
    closing: Cell<Option<(NDK_FN_CLOSE_COMPLETION, usize)>>,
    parents: RefCell<Vec<usize>>,
    event: Cell<(usize, usize)>,
    disconnect: Cell<(usize, usize)>,
}

/// A request that is pending: its object, completion and context.
type Pended = (usize, NDK_FN_REQUEST_COMPLETION, usize);

#[derive(Default)]
pub(super) struct State {
    pub(super) wrong: Cell<Option<Wrong>>,
    pub(super) pended: RefCell<Vec<Pended>>,
    pub(super) opens: Cell<u32>,
    live: Cell<u32>,
    lock: Cell<u64>,
    disabled: Cell<bool>,
    adapter: Cell<usize>,
    first: Cell<usize>,
    /// Requests that are posted, and results that nobody has fetched.
    posted: RefCell<Vec<queue_pair::Request>>,
    results: RefCell<VecDeque<queue_pair::Request>>,
    /// What the key of the region grants.
    pub(super) granted: Cell<KeyRights>,
}

pub(super) fn state() -> Rc<State> {
    sim::local::<State>()
}

fn wrong(what: Wrong) -> bool {
    state().wrong.get() == Some(what)
}

fn thing<T>(object: *const T) -> &'static Thing {
    // SAFETY: every object of this provider is a Thing, and Things are never freed.
    unsafe { &*object.cast::<Thing>() }
}

impl Thing {
    fn address(&self) -> usize {
        ptr::from_ref(self) as usize
    }

    fn hold(&self) {
        self.holders.set(self.holders.get() + 1);
    }

    fn release(&self) {
        self.holders.set(self.holders.get() - 1);
        if self.holders.get() > 0 {
            return;
        }
        if let Some((Some(callback), context)) = self.closing.take() {
            if wrong(Wrong::ParentFirst) {
                self.release_parents();
            }
            // SAFETY: the consumer gave the completion for this.
            unsafe { callback(context as *mut c_void) };
            if wrong(Wrong::CloseCompletesTwice) {
                // SAFETY: none; twice on purpose.
                unsafe { callback(context as *mut c_void) };
            }
        }
        state().live.set(state().live.get() - 1);
        self.release_parents();
    }

    fn release_parents(&self) {
        let parents = self.parents.take();
        parents
            .into_iter()
            .for_each(|parent| thing(parent as *const Self).release());
    }
}

/// A new object. Things are leaked, so that late use in a test is no crash.
fn make(kind: NDK_OBJECT_TYPE, table: [usize; SLOTS], parents: &[usize]) -> *mut Thing {
    let spoiled = kind == NdkObjectTypeCq;
    let is = |what| spoiled && wrong(what);
    let mut reserved = [ptr::null_mut(); 4];
    if is(Wrong::Reserved) {
        reserved[2] = ptr::dangling_mut::<u8>().cast::<c_void>();
    }
    let header = NDK_OBJECT_HEADER {
        Version: NDK_VERSION {
            Major: 1,
            Minor: if is(Wrong::Version) { 1 } else { 2 },
        },
        ObjectType: if is(Wrong::ObjectType) {
            NdkObjectTypeQp
        } else {
            kind
        },
        NdkReserved: NDK_OBJECT_HEADER_RESERVED_BLOCK { rf: reserved },
    };
    let fresh = Box::leak(Box::new(Thing {
        raw: NDK_ADAPTER {
            Header: header,
            Dispatch: ptr::null(),
        },
        table,
        holders: Cell::new(1),
        closing: Cell::new(None),
        parents: RefCell::new(parents.to_vec()),
        event: Cell::new((0, 0)),
        disconnect: Cell::new((0, 0)),
    }));
    if is(Wrong::EmptySlot) {
        fresh.table[2] = 0;
    }
    if is(Wrong::ShortTable) {
        fresh.table[6] = 0;
    }
    if !is(Wrong::NoTable) {
        fresh.raw.Dispatch = fresh.table.as_ptr().cast();
    }
    parents
        .iter()
        .for_each(|parent| thing(*parent as *const Thing).hold());
    state().live.set(state().live.get() + 1);
    fresh
}

fn called(callback: NDK_FN_REQUEST_COMPLETION, context: usize, status: i32) {
    // SAFETY: the consumer gave the completion for this.
    unsafe { callback.expect("there is one")(context as *mut c_void, status) };
}

/// Completes the pending requests, oldest first.
pub(super) fn complete_all(status: i32) {
    let pended = state().pended.take();
    for (object, callback, context) in pended {
        let object = thing(object as *const Thing);
        let status = if wrong(Wrong::CompletesPending) {
            super::PENDING
        } else {
            status
        };
        let context = if wrong(Wrong::OtherContext) {
            context + 8
        } else {
            context
        };
        if wrong(Wrong::CompletesAtHighIrql) {
            nt::raise(5);
        }
        if wrong(Wrong::CompletesUnderLock) {
            let lock: *mut u64 = state().lock.as_ptr();
            // SAFETY: the lock lives as long as the run.
            unsafe { nt::KeAcquireSpinLockRaiseToDpc(lock) };
        }
        if wrong(Wrong::CloseIgnoresCallbacks) {
            object.release();
        }
        called(callback, context, status);
        if wrong(Wrong::CompletesTwice) {
            called(callback, context, status);
        }
        if !wrong(Wrong::CloseIgnoresCallbacks) {
            object.release();
        }
    }
}

/// Fires the notification of a CQ.
pub(super) fn notify(cq: *mut NDK_CQ, status: i32) {
    let cq = thing(cq);
    let (callback, context) = cq.event.get();
    // SAFETY: the address is that of a notification callback.
    let callback: NDK_FN_CQ_NOTIFICATION_CALLBACK = unsafe { std::mem::transmute(callback) };
    let status = if wrong(Wrong::NotifiesOddly) { 5 } else { status };
    cq.hold();
    called(callback, context, status);
    if wrong(Wrong::NotifiesTwice) {
        called(callback, context, status);
    }
    if !wrong(Wrong::EventAfterClose) {
        cq.release();
    }
}

/// A connection request arrives at a listener.
pub(super) fn incoming(listener: *mut NDK_LISTENER) {
    let listener = thing(listener);
    let (callback, context) = listener.event.get();
    // SAFETY: the address is that of a connect event.
    let callback: NDK_FN_CONNECT_EVENT_CALLBACK = unsafe { std::mem::transmute(callback) };
    let connector = make(
        NdkObjectTypeConnector,
        dispatch::connector(),
        &[listener.address()],
    );
    listener.hold();
    // SAFETY: the consumer gave the event for this.
    unsafe { callback.expect("there is one")(context as *mut c_void, connector.cast()) };
    listener.release();
}

/// The peer of a connector goes away.
pub(super) fn disconnect(connector: *mut NDK_CONNECTOR) {
    let connector = thing(connector);
    let (callback, context) = connector.disconnect.get();
    // SAFETY: the address is that of a disconnect event.
    let callback: NDK_FN_DISCONNECT_EVENT_CALLBACK = unsafe { std::mem::transmute(callback) };
    connector.hold();
    // SAFETY: the consumer gave the event for this.
    unsafe { callback.expect("there is one")(context as *mut c_void) };
    connector.release();
}
