//! Requests of a client to the miniport and the call manager.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{NdisCoOidRequest, NdisOidRequest};
use cxndk::sys::ndis::{NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING};

use super::object;
use super::{CallClient, CoHandle, until};
use crate::sim;

/// Answers that came later, by the addresses of their requests.
#[derive(Default)]
struct Answers(RefCell<BTreeMap<usize, NDIS_STATUS>>);

/// A request was answered.
pub(super) fn answered(request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    let answers = sim::local::<Answers>();
    answers.0.borrow_mut().insert(request as usize, status);
}

impl CallClient {
    /// `NdisCoOidRequest`, of the miniport or, with a family, of the call manager; waits for the answer.
    pub fn request(
        &self,
        family: Option<CoHandle>,
        vc: Option<CoHandle>,
        request: &mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS {
        let request = ptr::from_mut(request) as usize;
        let client = Rc::clone(&self.0);
        self.run("NdisCoOidRequest", move || {
            let handle = |of: Option<CoHandle>| of.map_or(ptr::null_mut(), |of| object::get(of).handle.get());
            let (family, vc, binding) = (handle(family), handle(vc), client.binding.get());
            let raw = request as *mut NDIS_OID_REQUEST;
            // SAFETY: the handles are the client's; the request stays, since this waits for its answer.
            let status = unsafe { NdisCoOidRequest(binding, family, vc, ptr::null_mut(), raw) };
            answer_to(request, status)
        })
    }

    /// `NdisOidRequest`, of the miniport, as protocol drivers without calls ask; waits for the answer.
    pub fn plain_request(&self, request: &mut NDIS_OID_REQUEST) -> NDIS_STATUS {
        let request = ptr::from_mut(request) as usize;
        let client = Rc::clone(&self.0);
        self.run("NdisOidRequest", move || {
            // SAFETY: the handle is the client's; the request stays, since this waits for its answer.
            let status = unsafe { NdisOidRequest(client.binding.get(), request as *mut NDIS_OID_REQUEST) };
            answer_to(request, status)
        })
    }
}

/// The final status of a request, which may come later.
fn answer_to(request: usize, status: NDIS_STATUS) -> NDIS_STATUS {
    if status != NDIS_STATUS_PENDING {
        return status;
    }
    let answers = sim::local::<Answers>();
    until("a request is answered", || {
        answers.0.borrow().contains_key(&request)
    });
    let answer = answers.0.borrow_mut().remove(&request);
    answer.unwrap_or(NDIS_STATUS_PENDING)
}
