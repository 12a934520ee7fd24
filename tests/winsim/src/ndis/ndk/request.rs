//! Requests and events: what a provider has to call back, once or as often as it is allowed, and what it did.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_CONNECTOR, NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_CQ_NOTIFICATION_CALLBACK,
    NDK_FN_CREATE_COMPLETION, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_REQUEST_COMPLETION, NDK_OBJECT_HEADER,
};

use super::Counts;
use super::ledger::memory::{self, Build, Registration};
use super::track::{self, Callback, Kind, Object, breach};
use crate::sim;

/// `STATUS_SUCCESS`.
pub(super) const SUCCESS: i32 = 0;
/// `STATUS_PENDING`.
pub(super) const PENDING: i32 = 0x103;
/// `STATUS_BUFFER_OVERFLOW`.
const BUFFER_OVERFLOW: i32 = 0x8000_0005_u32 as i32;
/// `STATUS_INTERNAL_ERROR`.
const INTERNAL_ERROR: i32 = 0xC000_00E5_u32 as i32;
/// What the verifier puts where a provider may store an object inline, to see whether it did.
const UNTOUCHED: usize = 0x4e44_4b55_4e54_4f55;
/// Tokens begin here, outside the canonical addresses.
const FIRST: u64 = 0x4e44_4b54_0000_0000;

/// What follows the completion of a request.
pub(super) enum Effect {
    None,
    /// A connect or accept: the QP is an antecedent of the connector while the request has not failed.
    Connects {
        qp: Rc<Object>,
    },
    /// A `BuildLAM`: one mapping more on success.
    Maps(Build),
    /// A registration of memory.
    Registers(Registration),
    /// The end of one.
    Deregisters,
    /// A new depth of a completion queue.
    Resizes(u32),
    /// A disconnect.
    Disconnects,
}

/// What is told of an object that has come to be.
pub(super) type Born = Rc<dyn Fn(&Rc<Object>)>;

/// Whom to call, and with what, when a request is complete.
pub(super) enum Completion {
    Create {
        callback: NDK_FN_CREATE_COMPLETION,
        context: usize,
        kind: Kind,
        parents: Vec<Rc<Object>>,
        slot: Box<Cell<usize>>,
        born: Born,
    },
    Request {
        callback: NDK_FN_REQUEST_COMPLETION,
        context: usize,
        effect: Effect,
    },
    Close {
        callback: NDK_FN_CLOSE_COMPLETION,
        context: usize,
    },
}

/// One request from the call of its dispatch function to its completion.
pub(super) struct Request {
    pub(super) object: Rc<Object>,
    pub(super) what: &'static str,
    pub(super) completion: Completion,
    /// The provider has called back.
    done: Cell<bool>,
    /// The dispatch function has returned PENDING.
    pended: Cell<bool>,
}

/// What an event callback belongs to.
pub(super) enum Handler {
    Cq(NDK_FN_CQ_NOTIFICATION_CALLBACK),
    Connect(NDK_FN_CONNECT_EVENT_CALLBACK),
    Disconnect(NDK_FN_DISCONNECT_EVENT_CALLBACK),
}

/// A registered event callback.
pub(super) struct Event {
    handler: Handler,
    context: usize,
    object: RefCell<Option<Rc<Object>>>,
    fired: Cell<bool>,
}

impl Event {
    /// Says which object the event belongs to, once that is known.
    pub(super) fn bind(&self, object: &Rc<Object>) {
        self.object.replace(Some(Rc::clone(object)));
    }
}

enum Record {
    Request(Rc<Request>),
    Event(Rc<Event>),
}

/// All tokens of a run.
#[derive(Default)]
struct Records {
    next: Cell<u64>,
    records: RefCell<BTreeMap<u64, Record>>,
}

/// Every object that is not closed and what holds it, for the report of a run that ended badly.
pub(super) fn testimony() -> Vec<String> {
    let records = sim::local::<Records>();
    let Ok(records) = records.records.try_borrow() else {
        return Vec::new();
    };
    let pending = |object: &Object| -> Vec<&'static str> {
        let requests = records.values().filter_map(|record| match record {
            Record::Request(request) if request.object.id == object.id => Some(request.what),
            _ => None,
        });
        requests.collect()
    };
    track::testimony(pending)
}

fn insert(record: Record) -> *mut c_void {
    let records = sim::local::<Records>();
    let token = FIRST + records.next.replace(records.next.get() + 1) * 8;
    records.records.borrow_mut().insert(token, record);
    token as *mut c_void
}

fn remove(token: *mut c_void) {
    let gone = sim::local::<Records>()
        .records
        .borrow_mut()
        .remove(&(token as u64));
    drop(gone);
}

fn request(token: *mut c_void, what: &str) -> Rc<Request> {
    let records = sim::local::<Records>();
    let found = match records.records.borrow().get(&(token as u64)) {
        Some(Record::Request(request)) => Some(Rc::clone(request)),
        _ => None,
    };
    found.filter(|request| !request.done.get()).unwrap_or_else(|| {
        breach(
            "VRF-47",
            "LIFE-10",
            format!("{what} with context {token:p}, for which no request is pending"),
        )
    })
}

fn event(token: *mut c_void, what: &str) -> (Rc<Event>, Rc<Object>) {
    let records = sim::local::<Records>();
    let found = match records.records.borrow().get(&(token as u64)) {
        Some(Record::Event(event)) => Some(Rc::clone(event)),
        _ => None,
    };
    let Some(event) = found else {
        breach(
            "VRF-48",
            "LIFE-12",
            format!("{what} with unknown context {token:p}"),
        )
    };
    let object = event.object.borrow().clone();
    let Some(object) = object else {
        breach(
            "VRF-48",
            "CQ-10",
            format!("{what} before its object was handed out"),
        )
    };
    (event, object)
}

/// Registers an event callback; the token is the context that the provider gets.
pub(super) fn register(handler: Handler, context: *mut c_void) -> (Rc<Event>, *mut c_void) {
    let event = Rc::new(Event {
        handler,
        context: context as usize,
        object: RefCell::new(None),
        fired: Cell::new(false),
    });
    let token = insert(Record::Event(Rc::clone(&event)));
    (event, token)
}

/// Begins a request. The token is the context that the provider gets.
pub(super) fn begin(
    object: &Rc<Object>,
    what: &'static str,
    completion: Completion,
) -> (Rc<Request>, *mut c_void) {
    if let Completion::Request {
        effect: Effect::Connects { qp },
        ..
    } = &completion
    {
        track::relate(qp, object);
    }
    if !matches!(completion, Completion::Close { .. }) {
        object.pending.set(object.pending.get() + 1);
    }
    let request = Rc::new(Request {
        object: Rc::clone(object),
        what,
        completion,
        done: Cell::new(false),
        pended: Cell::new(false),
    });
    let token = insert(Record::Request(Rc::clone(&request)));
    (request, token)
}

/// A fresh place for an object that may be stored inline.
#[expect(clippy::unnecessary_box_returns, reason = "the provider keeps its address")]
pub(super) fn slot() -> Box<Cell<usize>> {
    Box::new(Cell::new(UNTOUCHED))
}

/// Ends the call of a dispatch function: exactly one completion for PENDING, none for anything else (VRF-47).
pub(super) fn end(request: &Rc<Request>, token: *mut c_void, status: i32) {
    let Request { object, what, .. } = &**request;
    if status == PENDING {
        request.pended.set(true);
        request.check_slot();
        return;
    }
    if request.done.get() {
        breach(
            "VRF-47",
            "LIFE-10",
            format!("{what} of {object} completed and returned {status:#x} too"),
        );
    }
    remove(token);
    object.pending.set(object.pending.get() - 1);
    request.apply(status);
}

impl Request {
    /// CREATE-02: a pended create leaves the out parameter alone.
    fn check_slot(&self) {
        if let Completion::Create { slot, .. } = &self.completion
            && slot.get() != UNTOUCHED
        {
            breach(
                "VRF-47",
                "CREATE-02",
                format!(
                    "{} of {} pended and wrote the out parameter",
                    self.what, self.object
                ),
            );
        }
    }

    fn apply(&self, status: i32) {
        let Completion::Request { effect, .. } = &self.completion else {
            return;
        };
        match effect {
            Effect::Connects { qp } if status != SUCCESS => track::unrelate(qp, &self.object),
            Effect::Maps(build) if status == SUCCESS => build.made(&self.object.open),
            Effect::Registers(registration) if status == SUCCESS => registration.made(&self.object),
            Effect::Deregisters if status == SUCCESS => memory::ended(&self.object),
            Effect::Resizes(depth) if status == SUCCESS => self.object.books.depth.set(*depth),
            Effect::Disconnects => self.flushed(),
            _ => {}
        }
    }

    /// A disconnect has ended: what is outstanding on its queue pair has to complete (CONN-62).
    fn flushed(&self) {
        for parent in self.object.parents.borrow().iter() {
            parent.books.pair.get().iter().for_each(|pair| pair.flushed());
        }
    }

    /// The provider completes: marks it and takes the token out.
    fn complete(&self, token: *mut c_void) {
        self.done.set(true);
        remove(token);
        if !matches!(self.completion, Completion::Close { .. }) {
            self.object.pending.set(self.object.pending.get() - 1);
        }
    }
}

/// `NDK_FN_REQUEST_COMPLETION` as the provider sees it.
pub(super) unsafe extern "win64" fn on_request(token: *mut c_void, status: i32) {
    let request = request(token, "NdkRequestCompletion");
    let Completion::Request {
        callback, context, ..
    } = &request.completion
    else {
        breach(
            "VRF-47",
            "LIFE-10",
            format!("{} completed through NdkRequestCompletion", request.what),
        );
    };
    if status == PENDING {
        breach(
            "VRF-47",
            "LIFE-11",
            format!("{} of {} completed with PENDING", request.what, request.object),
        );
    }
    let running = Callback::enter(&request.object, request.what);
    request.complete(token);
    request.apply(status);
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(*context as *mut c_void, status) };
    }
    drop(running);
}

/// `NDK_FN_CREATE_COMPLETION` as the provider sees it.
pub(super) unsafe extern "win64" fn on_created(
    token: *mut c_void,
    status: i32,
    header: *mut NDK_OBJECT_HEADER,
) {
    let request = request(token, "NdkCreateCompletion");
    let Completion::Create {
        callback,
        context,
        kind,
        parents,
        born,
        ..
    } = &request.completion
    else {
        breach(
            "VRF-47",
            "LIFE-10",
            format!("{} completed through NdkCreateCompletion", request.what),
        );
    };
    if status == PENDING {
        breach(
            "VRF-47",
            "LIFE-11",
            format!("{} of {} completed with PENDING", request.what, request.object),
        );
    }
    request.check_slot();
    if status != SUCCESS && !header.is_null() {
        breach(
            "VRF-47",
            "CREATE-03",
            format!("{} failed with {status:#x} and passes an object", request.what),
        );
    }
    let running = Callback::enter(&request.object, request.what);
    if status == SUCCESS {
        let object = track::adopt(header.cast(), *kind, &request.object.open, parents.clone());
        born(&object);
    }
    request.complete(token);
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(*context as *mut c_void, status, header) };
    }
    drop(running);
}

/// `NDK_FN_CLOSE_COMPLETION` as the provider sees it.
pub(super) unsafe extern "win64" fn on_closed(token: *mut c_void) {
    let request = request(token, "NdkCloseCompletion");
    let Completion::Close { callback, context } = &request.completion else {
        breach(
            "VRF-47",
            "LIFE-10",
            format!("{} completed through NdkCloseCompletion", request.what),
        );
    };
    let object = Rc::clone(&request.object);
    if object.must_be_inline.get() {
        breach(
            "VRF-47",
            "LIFE-53",
            format!("an antecedent of {object} completed its close before it"),
        );
    }
    object.check_quiet("close completion", ["LIFE-35", "LIFE-36", "LIFE-52"]);
    let running = Callback::enter(&object, "close completion");
    request.complete(token);
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(*context as *mut c_void) };
    }
    drop(running);
    sim::trace("close completed", object.id, 0);
    object.retire();
    let counts = sim::local::<Counts>();
    counts.completed.set(counts.completed.get() + 1);
}

/// Ends the call of a close function: SUCCESS or PENDING, nothing else (LIFE-30).
pub(super) fn end_close(request: &Rc<Request>, token: *mut c_void, status: i32) {
    let object = &request.object;
    let counts = sim::local::<Counts>();
    object.in_close.set(false);
    match status {
        SUCCESS => {
            if request.done.get() {
                breach(
                    "VRF-47",
                    "LIFE-32",
                    format!("close of {object} returned SUCCESS and called the completion"),
                );
            }
            object.check_quiet("close with SUCCESS", ["LIFE-33", "LIFE-34", "LIFE-51"]);
            remove(token);
            object.retire();
            counts.inline.set(counts.inline.get() + 1);
        }
        PENDING => {
            if object.must_be_inline.get() {
                breach(
                    "VRF-47",
                    "LIFE-52",
                    format!("an antecedent of {object} completed its close before it"),
                );
            }
            request.pended.set(true);
            counts.pended.set(counts.pended.get() + 1);
        }
        _ => breach(
            "VRF-47",
            "LIFE-30",
            format!("close of {object} failed with {status:#x}"),
        ),
    }
}

/// The address of the callback that the provider knows, for who measures what comes before it.
pub fn cq_notification() -> usize {
    on_cq as *const () as usize
}

/// `NDK_FN_CQ_NOTIFICATION_CALLBACK` as the provider sees it.
pub(super) unsafe extern "win64" fn on_cq(token: *mut c_void, status: i32) {
    let (event, cq) = event(token, "NdkCqNotificationCallback");
    let Handler::Cq(callback) = event.handler else {
        breach(
            "VRF-48",
            "LIFE-12",
            "a CQ notification with the context of another event",
        );
    };
    let Some(strongest) = cq.take_arm() else {
        breach(
            "VRF-48",
            "CQ-10",
            format!("notification of {cq}, which is not armed"),
        );
    };
    if !matches!(status, SUCCESS | BUFFER_OVERFLOW | INTERNAL_ERROR) {
        breach(
            "VRF-48",
            "CQ-22",
            format!("notification of {cq} with status {status:#x}"),
        );
    }
    if strongest == super::shims::NOTIFY_ERRORS && status == SUCCESS {
        breach(
            "VRF-48",
            "CQ-19",
            format!("notification of {cq}, armed for errors, with SUCCESS"),
        );
    }
    check_health(&cq, status);
    if cq.arming.replace(false) {
        // It may come before the arm that it answers has returned: that is over then, as far as a consumer can tell (CQ-01).
        cq.user.set(None);
    }
    let running = Callback::enter(&cq, "NdkCqNotificationCallback");
    if cq.notifying.replace(true) {
        breach("VRF-48", "CQ-14", format!("two notifications of {cq} at once"));
    }
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(event.context as *mut c_void, status) };
    }
    cq.notifying.set(false);
    drop(running);
}

/// CQ-30, CQ-31: what broke stays broken, and for the same reason.
fn check_health(cq: &Object, status: i32) {
    if let Some(error) = cq.broken.get()
        && status != error
    {
        breach(
            "VRF-48",
            rule_of_error(error),
            format!("notification of {cq} with {status:#x}, which broke with {error:#x}"),
        );
    }
    if status != SUCCESS {
        cq.broken.set(Some(status));
    }
}

/// The rule that a queue with this error has to keep.
pub(super) const fn rule_of_error(error: i32) -> &'static str {
    if error == BUFFER_OVERFLOW {
        "CQ-30"
    } else {
        "CQ-31"
    }
}

/// `NDK_FN_CONNECT_EVENT_CALLBACK` as the provider sees it.
pub(super) unsafe extern "win64" fn on_connect(token: *mut c_void, connector: *mut NDK_CONNECTOR) {
    let (event, listener) = event(token, "NdkConnectEventCallback");
    let Handler::Connect(callback) = event.handler else {
        breach(
            "VRF-48",
            "LIFE-12",
            "a connect event with the context of another event",
        );
    };
    let running = Callback::enter(&listener, "NdkConnectEventCallback");
    let parents = vec![Rc::clone(&listener)];
    track::adopt(connector.cast(), Kind::Connector, &listener.open, parents);
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(event.context as *mut c_void, connector) };
    }
    drop(running);
}

/// `NDK_FN_DISCONNECT_EVENT_CALLBACK` as the provider sees it.
pub(super) unsafe extern "win64" fn on_disconnect(token: *mut c_void) {
    let (event, connector) = event(token, "NdkDisconnectEventCallback");
    let Handler::Disconnect(callback) = event.handler else {
        breach(
            "VRF-48",
            "LIFE-12",
            "a disconnect event with the context of another event",
        );
    };
    if event.fired.replace(true) {
        breach(
            "VRF-47",
            "CONN-65",
            format!("two disconnect events of {connector}"),
        );
    }
    let running = Callback::enter(&connector, "NdkDisconnectEventCallback");
    if let Some(callback) = callback {
        // SAFETY: the consumer gave callback and context for this call.
        unsafe { callback(event.context as *mut c_void) };
    }
    drop(running);
}
