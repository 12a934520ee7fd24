//! Requests between clients, miniport and call manager (OID-01 ... OID-09); any number at a time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS,
};

use super::object::{self, Family, pointer};
use super::request::Slot;
use super::{enter, upcall};
use crate::ndis::kernel::Level;
use crate::ndis::protocol::{Binding, open_binding};
use crate::ndis::table;
use crate::sim;

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Miniport,
    Manager,
    Client,
}

/// A request that is out, with the contexts of its owner.
struct Out {
    answers: Answers,
    binding: Rc<Binding>,
    family: Option<Rc<Family>>,
    vc: usize,
    party: usize,
    slot: Slot,
}

/// All requests of a run, by their addresses.
#[derive(Default)]
struct Requests(RefCell<BTreeMap<usize, Rc<Out>>>);

/// The contexts of a VC and a party, the client's and the call manager's; zeros for NULL.
fn contexts(vc: NDIS_HANDLE, party: NDIS_HANDLE, ddi: &str) -> [(usize, usize); 2] {
    let vc = (!vc.is_null()).then(|| object::vc(vc, ddi));
    let party = (!party.is_null()).then(|| object::party(party, ddi));
    let vc = vc.map_or((0, 0), |vc| (vc.client_context.get(), vc.manager_context.get()));
    let party = party.map_or((0, 0), |p| (p.client_context, p.manager_context.get()));
    [vc, party]
}

/// Notes a request before it is asked.
fn begin(request: *mut NDIS_OID_REQUEST, out: Out) -> Rc<Out> {
    let out = Rc::new(out);
    let requests = sim::local::<Requests>();
    if requests
        .0
        .borrow_mut()
        .insert(request as usize, Rc::clone(&out))
        .is_some()
    {
        sim::fail("OID-02", format!("request {request:p} is out already"));
    }
    out
}

fn end(request: *mut NDIS_OID_REQUEST) {
    sim::local::<Requests>()
        .0
        .borrow_mut()
        .remove(&(request as usize));
}

/// `NdisCoOidRequest`: to the miniport, or with a family to the call manager (OID-01).
///
/// # Safety
/// The request is complete and stays until it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoOidRequest(
    binding: NDIS_HANDLE,
    family: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    let ddi = "NdisCoOidRequest";
    enter(ddi, Level::Dispatch);
    let binding = open_binding(binding, ddi);
    let family = (!family.is_null()).then(|| object::open_family(family, ddi));
    let [(vc_of_client, vc), (party_of_client, party)] = contexts(vc, party, ddi);
    let answers = if family.is_some() {
        Answers::Manager
    } else {
        Answers::Miniport
    };
    let adapter = Rc::clone(&binding.adapter);
    let out = Out {
        answers,
        binding,
        family: family.clone(),
        vc: vc_of_client,
        party: party_of_client,
        slot: Slot::default(),
    };
    let out = begin(request, out);
    let token = out.slot.begin().expect("it is new");
    let status = if let Some(family) = family {
        let context = pointer(family.manager_context.get());
        to_manager!(
            adapter,
            CmOidRequestHandler(context, pointer(vc), pointer(party), request)
        )
    } else {
        let handlers = adapter.driver.calls.get().miniport;
        let handler = handlers.and_then(|m| m.CoOidRequestHandler);
        let handler = handler.expect("checked at registration");
        // SAFETY: the driver registered the handler; the caller's request.
        upcall("MiniportCoOidRequest", || unsafe {
            handler(adapter.context(), pointer(vc), request)
        })
    };
    if out.slot.returned(&token, "a CoNDIS request handler", status) {
        end(request);
        check_answer(request, status);
    }
    status
}

/// `NdisMCmOidRequest`: from the call manager to the client.
///
/// # Safety
/// The request is complete and stays until it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmOidRequest(
    family: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    let ddi = "NdisMCmOidRequest";
    enter(ddi, Level::Dispatch);
    let family = object::family(family, ddi);
    let [(vc, vc_of_manager), (party, party_of_manager)] = contexts(vc, party, ddi);
    let out = Out {
        answers: Answers::Client,
        binding: Rc::clone(&family.binding),
        family: Some(Rc::clone(&family)),
        vc: vc_of_manager,
        party: party_of_manager,
        slot: Slot::default(),
    };
    let out = begin(request, out);
    let token = out.slot.begin().expect("it is new");
    let status = to_client!(
        family.binding,
        ClOidRequestHandler(
            pointer(family.client_context),
            pointer(vc),
            pointer(party),
            request
        )
    );
    if out.slot.returned(&token, "ProtocolCoOidRequest", status) {
        end(request);
    }
    status
}

/// Takes a pending request out, which `wanted` has to answer.
fn complete(
    ddi: &str,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
    wanted: impl Fn(Answers) -> bool,
) -> Rc<Out> {
    let found = sim::local::<Requests>()
        .0
        .borrow()
        .get(&(request as usize))
        .cloned();
    let Some(out) = found.filter(|out| wanted(out.answers)) else {
        sim::fail(
            "OID-05",
            format!("{ddi}: request {request:p} is not pending there"),
        );
    };
    if status == NDIS_STATUS_PENDING {
        sim::fail("OID-05", format!("{ddi} with PENDING"));
    }
    end(request);
    out.slot.complete(ddi, status);
    out
}

/// OID-06: a successful answer does not claim more than the buffer holds.
fn check_answer(request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    if status != NDIS_STATUS_SUCCESS {
        return;
    }
    // SAFETY: the request is complete until its owner takes it back; query and set agree in these fields.
    let information = unsafe { (*request).DATA.INFORMATION };
    if information.BytesUsed > information.InformationBufferLength {
        sim::fail(
            "OID-06",
            format!(
                "request {:#x}: {} bytes of {}",
                information.Oid, information.BytesUsed, information.InformationBufferLength
            ),
        );
    }
}

impl Out {
    /// Tells the client that asked.
    fn tell_client(&self, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
        check_answer(request, status);
        let family = self.family.as_ref().map_or(0, |family| family.client_context);
        to_client!(
            self.binding,
            ClOidRequestCompleteHandler(
                pointer(family),
                pointer(self.vc),
                pointer(self.party),
                request,
                status
            )
        );
    }
}

/// `NdisMCoOidRequestComplete`.
///
/// # Safety
/// The request is one that `MiniportCoOidRequest` got.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoOidRequestComplete(
    adapter: NDIS_HANDLE,
    _vc: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisMCoOidRequestComplete";
    enter(ddi, Level::Dispatch);
    table::adapter(adapter, ddi);
    let out = complete(ddi, request, status, |answers| answers == Answers::Miniport);
    out.tell_client(request, status);
}

/// `NdisCoOidRequestComplete`, which is `NdisMCmOidRequestComplete` too (GEN-05): of a client or of a call manager.
///
/// # Safety
/// The request is one that the caller got.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoOidRequestComplete(
    family: NDIS_HANDLE,
    _vc: NDIS_HANDLE,
    _party: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisCoOidRequestComplete";
    enter(ddi, Level::Dispatch);
    let family = object::family(family, ddi);
    let out = complete(ddi, request, status, |answers| answers != Answers::Miniport);
    if out.answers == Answers::Manager {
        return out.tell_client(request, status);
    }
    to_manager!(
        family.adapter,
        CmOidRequestCompleteHandler(
            pointer(family.manager_context.get()),
            pointer(out.vc),
            pointer(out.party),
            request,
            status
        )
    );
}
