//! Requests that the other side may complete later: once if it said so, never otherwise (GEN-02).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_PENDING};

use crate::sim;

/// One request that went out.
#[derive(Default)]
pub(super) struct Request {
    completed: Cell<bool>,
}

/// The place of one kind of request of one object: at most one is out.
#[derive(Default)]
pub(super) struct Slot(RefCell<Option<Rc<Request>>>);

impl Slot {
    /// A request goes out; `None` if one is out already.
    pub(super) fn begin(&self) -> Option<Rc<Request>> {
        if self.is_out() {
            return None;
        }
        let request = Rc::new(Request::default());
        self.0.borrow_mut().replace(Rc::clone(&request));
        Some(request)
    }

    /// Whether a request is out.
    pub(super) fn is_out(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Nobody waits for the request any more.
    pub(super) fn abandon(&self) {
        self.0.borrow_mut().take();
    }

    /// The handler returned; true if that was the answer.
    pub(super) fn returned(&self, request: &Request, handler: &str, status: NDIS_STATUS) -> bool {
        if status == NDIS_STATUS_PENDING {
            return false;
        }
        if request.completed.get() {
            sim::fail(
                "GEN-02",
                format!("{handler} returned {status:#x} for a request that it has completed"),
            );
        }
        self.0.borrow_mut().take();
        true
    }

    /// The answer comes by a completion function.
    pub(super) fn complete(&self, ddi: &str, status: NDIS_STATUS) {
        if status == NDIS_STATUS_PENDING {
            sim::fail("GEN-02", format!("{ddi} with PENDING"));
        }
        match self.0.borrow_mut().take() {
            Some(request) => request.completed.set(true),
            None => sim::fail("GEN-02", format!("{ddi}: no such request is pending")),
        }
    }
}
