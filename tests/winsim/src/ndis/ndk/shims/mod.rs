//! The verifier's dispatch tables: what a consumer calls instead of the provider's, with the same signatures.

mod adapter;
mod connection;
mod cq;
mod memory;
mod pd;
mod qp;

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_CQ_DISPATCH, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION,
    NDK_OBJECT_HEADER,
};

use super::super::kernel::{self, Level};
use super::ledger;
use super::request::{self, Born, Completion, Effect, PENDING, SUCCESS};
use super::track::{self, Kind, Life, Object, breach};
use crate::sim;

/// `NDK_CQ_NOTIFY_ERRORS`.
pub(super) const NOTIFY_ERRORS: u32 = 0;
/// `NDK_CQ_NOTIFY_ANY`.
pub(super) const NOTIFY_ANY: u32 = 1;

/// The verifier's table for a kind of object.
pub(super) fn table_of(kind: Kind) -> *const c_void {
    match kind {
        Kind::Adapter => (&raw const adapter::TABLE).cast(),
        Kind::Cq => (&raw const cq::TABLE).cast(),
        Kind::Pd => (&raw const pd::TABLE).cast(),
        Kind::Mr => (&raw const memory::MR).cast(),
        Kind::Mw => (&raw const memory::MW).cast(),
        Kind::Srq => (&raw const memory::SRQ).cast(),
        Kind::Qp => (&raw const qp::TABLE).cast(),
        Kind::SharedEndpoint => (&raw const connection::SHARED_ENDPOINT).cast(),
        Kind::Connector => (&raw const connection::CONNECTOR).cast(),
        Kind::Listener => (&raw const connection::LISTENER).cast(),
    }
}

/// One call of a consumer into the provider; ends when dropped.
struct Call {
    object: Rc<Object>,
    what: &'static str,
    irql: u8,
    locks: usize,
    driver: Option<sim::InDriver>,
}

impl Call {
    /// Checks what holds for every call: IRQL, an open object of the right kind (LIFE-08, LIFE-40).
    fn enter(address: *const c_void, kind: Kind, what: &'static str) -> Self {
        Self::enter_at(address, kind, what, Level::Dispatch)
    }

    fn enter_at(address: *const c_void, kind: Kind, what: &'static str, level: Level) -> Self {
        kernel::enter(what, level);
        let object = track::find(address, kind, what);
        if object.life.get() != Life::Open {
            breach(
                "VRF-47",
                "LIFE-40",
                format!("{what} on {object}, whose close was called"),
            );
        }
        object.calls.set(object.calls.get() + 1);
        Self {
            object,
            what,
            irql: sim::irql(),
            locks: kernel::locks_held(),
            driver: Some(sim::enter_driver()),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.driver.take();
        self.object.calls.set(self.object.calls.get() - 1);
        if sim::irql() != self.irql {
            breach(
                "VRF-48",
                "LIFE-20",
                format!(
                    "{} came at IRQL {} and left at {}",
                    self.what,
                    self.irql,
                    sim::irql()
                ),
            );
        }
        if kernel::locks_held() != self.locks {
            breach(
                "VRF-30",
                "LIFE-16",
                format!(
                    "{} came with {} spin locks and left with {}",
                    self.what,
                    self.locks,
                    kernel::locks_held()
                ),
            );
        }
    }
}

/// A create function: `invoke` calls the provider with its completion, context and place for the object.
fn create(
    call: &Call,
    kind: Kind,
    parents: Vec<Rc<Object>>,
    born: Born,
    consumer: (NDK_FN_CREATE_COMPLETION, *mut c_void, *mut *mut c_void),
    invoke: impl FnOnce(NDK_FN_CREATE_COMPLETION, *mut c_void, *mut *mut c_void) -> i32,
) -> i32 {
    let (callback, context, out) = consumer;
    let slot = request::slot();
    let place: *const Cell<usize> = &raw const *slot;
    let completion = Completion::Create {
        callback,
        context: context as usize,
        kind,
        parents: parents.clone(),
        slot,
        born: Rc::clone(&born),
    };
    let (request, token) = request::begin(&call.object, call.what, completion);
    let status = invoke(Some(request::on_created), token, place.cast_mut().cast());
    request::end(&request, token, status);
    if status == SUCCESS {
        // SAFETY: the request, which owns the place, is still here.
        let address = unsafe { (*place).get() } as *mut c_void;
        let object = track::adopt(address, kind, &call.object.open, parents);
        born(&object);
        // SAFETY: the consumer gave a place for the object.
        unsafe { out.write(address) };
    }
    // The provider may not write to the place after this; the memory stays, so that it does no harm if it does.
    std::mem::forget(Rc::clone(&request));
    status
}

/// For objects of which nothing else has to be known.
fn plain() -> Born {
    Rc::new(|_| {})
}

/// A request function: `invoke` calls the provider with its completion and context.
fn request(
    call: &Call,
    consumer: (NDK_FN_REQUEST_COMPLETION, *mut c_void),
    effect: Effect,
    invoke: impl FnOnce(NDK_FN_REQUEST_COMPLETION, *mut c_void) -> i32,
) -> i32 {
    let (callback, context) = consumer;
    let completion = Completion::Request {
        callback,
        context: context as usize,
        effect,
    };
    let (request, token) = request::begin(&call.object, call.what, completion);
    let ours: NDK_FN_REQUEST_COMPLETION = Some(request::on_request);
    let status = invoke(callback.and(ours), token);
    if status == PENDING && callback.is_none() {
        breach(
            "VRF-47",
            "MR-77",
            format!("{} without a completion returned PENDING", call.what),
        );
    }
    request::end(&request, token, status);
    status
}

/// A function that answers at once: PENDING is no answer.
fn inline(call: &Call, status: i32) -> i32 {
    if status == PENDING {
        breach(
            "VRF-47",
            "LIFE-10",
            format!(
                "{} of {} returned PENDING and has no completion",
                call.what, call.object
            ),
        );
    }
    status
}

/// `NDK_FN_CLOSE_OBJECT` of every kind but the adapter.
unsafe extern "win64" fn close(
    object: *mut NDK_OBJECT_HEADER,
    callback: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    kernel::enter("NdkCloseObject", Level::Dispatch);
    let tracked = track::find_any(object.cast(), "NdkCloseObject");
    if tracked.life.get() != Life::Open {
        breach("VRF-47", "LIFE-41", format!("{tracked} is closed twice"));
    }
    if tracked.calls.get() > 0 && !track::inside_callback() {
        breach(
            "VRF-47",
            "LIFE-17",
            format!("{tracked} is closed while calls into it run"),
        );
    }
    tracked.check_reserved();
    if tracked.kind == Kind::Mr {
        ledger::memory::expect_unused(&tracked, "NdkCloseMr");
    }
    ledger::quiet_pairs_of(&tracked);
    tracked.life.set(Life::Closing);
    tracked.in_close.set(true);
    let (irql, locks) = (sim::irql(), kernel::locks_held());
    let completion = Completion::Close {
        callback,
        context: context as usize,
    };
    let (request, token) = request::begin(&tracked, "NdkCloseObject", completion);
    sim::trace("close", tracked.id, 0);
    // SAFETY: close is the first slot in the tables of all kinds but the adapter's, which has no close and this function not.
    let provider = unsafe { tracked.table::<NDK_CQ_DISPATCH>() }
        .NdkCloseCq
        .expect("checked at hand-out");
    // SAFETY: the object is open and of the provider.
    let status = unsafe { provider(object, Some(request::on_closed), token) };
    request::end_close(&request, token, status);
    if (sim::irql(), kernel::locks_held()) != (irql, locks) {
        breach(
            "VRF-30",
            "LIFE-16",
            format!("close of {tracked} changed IRQL or held locks"),
        );
    }
    status
}

/// A function that the verifier only passes on, after the checks of every call.
macro_rules! pass {
    ($name:ident: $kind:ident, $table:ty, $slot:ident, ($object:ident: *mut $type:ty $(, $arg:ident: $argtype:ty)*) -> $ret:ty) => {
        unsafe extern "win64" fn $name($object: *mut $type $(, $arg: $argtype)*) -> $ret {
            let call = Call::enter($object.cast(), Kind::$kind, stringify!($slot));
            // SAFETY: the object is of this kind, so its table is of this type.
            let provider = unsafe { call.object.table::<$table>() }.$slot.expect("checked at hand-out");
            // SAFETY: the consumer's arguments, unchanged.
            let result = unsafe { provider($object $(, $arg)*) };
            $crate::ndis::ndk::shims::Answer::check(&result, &call);
            result
        }
    };
}
use pass;

/// The provider's function of a slot.
macro_rules! provider {
    ($call:ident, $table:ty, $slot:ident) => {{
        // SAFETY: the call found an object of the kind whose table this is.
        unsafe { $call.object.table::<$table>() }
            .$slot
            .expect("checked at hand-out")
    }};
}
use provider;

/// What a pass-through function returns, and whether that can be.
trait Answer {
    fn check(&self, _call: &Call) {}
}

impl Answer for () {}
impl Answer for u32 {}
impl Answer for i32 {
    fn check(&self, call: &Call) {
        inline(call, *self);
    }
}
