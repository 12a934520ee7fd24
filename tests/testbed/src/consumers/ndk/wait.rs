//! What a consumer's context waits on: the completion of one request.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndkpi::NDK_OBJECT_HEADER;

use super::Status;
use crate::sim;

/// The rules that say that what pended completes: a close, and everything else.
const CLOSES: &str = "LIFE-31";
const COMPLETES: &str = "LIFE-10";

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The final status.
    pub status: Status,
    /// The object, of a create.
    pub object: *mut NDK_OBJECT_HEADER,
}

/// A request whose completion callback may be called, from any context and before the request returned.
#[derive(Default)]
pub struct Completion {
    outcome: Cell<Option<Outcome>>,
    waiters: RefCell<Vec<sim::TaskId>>,
    calls: Cell<u32>,
}

impl Completion {
    /// Nothing has happened yet.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// The context argument for the callback; the callback gives it back to [`Self::finish`].
    pub fn context(self: &Rc<Self>) -> *mut c_void {
        Rc::into_raw(Rc::clone(self)).cast_mut().cast()
    }

    /// Takes back a context whose callback will not be called.
    ///
    /// # Safety
    ///
    /// `context` came from [`Self::context`] and was not given back before.
    pub unsafe fn release(context: *mut c_void) {
        // SAFETY: as the caller says.
        drop(unsafe { Rc::from_raw(context.cast::<Self>()) });
    }

    unsafe fn finish(context: *mut c_void, outcome: Outcome) {
        // SAFETY: the provider gives back the context of the request, once (LIFE-10, LIFE-12).
        let this = unsafe { Rc::from_raw(context.cast::<Self>()) };
        this.calls.set(this.calls.get() + 1);
        this.outcome.set(Some(outcome));
        for waiter in this.waiters.take() {
            sim::unpark(waiter);
        }
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get()
    }

    /// How often the callback was called.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// Waits for the callback; `rule` is broken if it does not come.
    ///
    /// # Panics
    ///
    /// In an event, which cannot wait.
    pub fn wait(&self, rule: &'static str) -> Outcome {
        let _deadline = sim::Deadline::new(rule, sim::LONGEST, move || match rule {
            CLOSES => "a close that pended".to_owned(),
            _ => "a request that pended".to_owned(),
        });
        loop {
            if let Some(outcome) = self.outcome.get() {
                return outcome;
            }
            self.waiters
                .borrow_mut()
                .push(sim::current().expect("only a context waits"));
            sim::park_for("a Network Direct completion");
        }
    }
}

/// `NDK_FN_REQUEST_COMPLETION` of a [`Completion`].
///
/// # Safety
///
/// `context` is that of [`Completion::context`].
pub unsafe extern "win64" fn request_completed(context: *mut c_void, status: i32) {
    // SAFETY: as the caller says.
    unsafe {
        Completion::finish(
            context,
            Outcome {
                status: Status(status),
                object: std::ptr::null_mut(),
            },
        );
    };
}

/// `NDK_FN_CREATE_COMPLETION` of a [`Completion`].
///
/// # Safety
///
/// `context` is that of [`Completion::context`].
pub unsafe extern "win64" fn created(context: *mut c_void, status: i32, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: as the caller says.
    unsafe {
        Completion::finish(
            context,
            Outcome {
                status: Status(status),
                object,
            },
        );
    };
}

/// `NDK_FN_CLOSE_COMPLETION` of a [`Completion`].
///
/// # Safety
///
/// `context` is that of [`Completion::context`].
pub unsafe extern "win64" fn closed(context: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe {
        Completion::finish(
            context,
            Outcome {
                status: Status::SUCCESS,
                object: std::ptr::null_mut(),
            },
        );
    };
}

/// A request that was started: it is over, or its completion is to come.
#[must_use = "a pending request ends with its completion"]
pub struct Started {
    /// What is broken if its completion never comes.
    rule: &'static str,
    inline: Option<Status>,
    completion: Rc<Completion>,
}

impl Started {
    /// Runs `call` with the context for the callback, and takes note of what it returned.
    pub fn run(call: impl FnOnce(*mut c_void) -> i32) -> Self {
        Self::run_under(COMPLETES, call)
    }

    /// The same for a close.
    pub(super) fn close(call: impl FnOnce(*mut c_void) -> i32) -> Self {
        Self::run_under(CLOSES, call)
    }

    fn run_under(rule: &'static str, call: impl FnOnce(*mut c_void) -> i32) -> Self {
        let completion = Completion::new();
        let context = completion.context();
        let status = Status(call(context));
        let inline = (status != Status::PENDING).then_some(status);
        if inline.is_some() {
            // SAFETY: a request that did not pend calls no completion (LIFE-10).
            unsafe { Completion::release(context) };
        }
        Self {
            rule,
            inline,
            completion,
        }
    }

    /// Whether the request returned PENDING.
    pub const fn pended(&self) -> bool {
        self.inline.is_none()
    }

    /// The final status, if it is known already.
    pub fn status(&self) -> Option<Status> {
        self.inline
            .or_else(|| self.completion.outcome().map(|outcome| outcome.status))
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// The final status, if it is not success.
    pub fn wait(&self) -> Result<(), Status> {
        self.inline
            .unwrap_or_else(|| self.completion.wait(self.rule).status)
            .check()
    }

    /// Waits for the end of a create and gives the object: `stored` if it came inline.
    ///
    /// # Errors
    ///
    /// The final status, if it is not success.
    pub fn wait_object<T>(&self, stored: *mut T) -> Result<*mut T, Status> {
        if let Some(status) = self.inline {
            return status.check().map(|()| stored);
        }
        let outcome = self.completion.wait(self.rule);
        outcome.status.check().map(|()| outcome.object.cast())
    }

    /// How often the completion was called.
    pub fn calls(&self) -> u32 {
        self.completion.calls()
    }
}
