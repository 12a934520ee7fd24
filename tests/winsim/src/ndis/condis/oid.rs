//! Requests between clients, miniport and call manager (OID-01 ... OID-09); any number at a time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING,
    NDIS_STATUS_SUCCESS,
};

use super::object::{self, Family, Party, Vc, pointer};
use super::request::Slot;
use super::{enter, upcall};
use crate::ndis::adapter::AdapterState;
use crate::ndis::kernel::Level;
use crate::ndis::protocol::{Binding, open_binding};
use crate::ndis::table;
use crate::sim;

/// VRF-06.
const LONGEST: u64 = 12 * sim::SECOND;

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Miniport,
    Manager,
    Client,
}

/// What a request is about.
#[derive(Default)]
struct About {
    family: Option<Rc<Family>>,
    vc: Option<Rc<Vc>>,
    party: Option<Rc<Party>>,
}

/// A request that is out.
struct Out {
    answers: Answers,
    binding: Rc<Binding>,
    about: About,
    /// When it was asked.
    time: u64,
    slot: Slot,
}

/// All requests of a run, by their addresses.
#[derive(Default)]
struct Requests(RefCell<BTreeMap<usize, Rc<Out>>>);

impl About {
    /// Family, VC and party as the client knows them.
    fn to_client(&self) -> [*mut c_void; 3] {
        let family = self.family.as_ref().map_or(0, |family| family.client_context);
        let vc = self.vc.as_ref().map_or(0, |vc| vc.client_context.get());
        let party = self.party.as_ref().map_or(0, |party| party.client_context);
        [family, vc, party].map(pointer)
    }

    /// Family, VC and party as the call manager knows them.
    fn to_manager(&self) -> [*mut c_void; 3] {
        let family = self.family.as_ref().map_or(0, |f| f.manager_context.get());
        let vc = self.vc.as_ref().map_or(0, |vc| vc.manager_context.get());
        let party = self.party.as_ref().map_or(0, |p| p.manager_context.get());
        [family, vc, party].map(pointer)
    }

    /// The handles.
    fn handles(&self) -> [NDIS_HANDLE; 3] {
        let none = ptr::null_mut();
        let family = self.family.as_ref().map_or(none, |family| family.handle);
        let vc = self.vc.as_ref().map_or(none, |vc| vc.handle);
        [family, vc, self.party.as_ref().map_or(none, |party| party.handle)]
    }

    /// OID-07: a party of the VC, the VC of the family or at least of the binding, and no party without a family.
    fn check(&self, ddi: &str, binding: &Binding) {
        let of_vc = |party: &Party| {
            let of = party.vc.upgrade().map(|vc| vc.handle);
            self.family.is_some() && self.vc.as_ref().is_none_or(|vc| of == Some(vc.handle))
        };
        let of_family = |vc: &Vc| {
            let of_it = |family: &Rc<Family>| family.handle == vc.family.handle;
            vc.family.binding.handle == binding.handle && self.family.as_ref().is_none_or(of_it)
        };
        let fits = self.party.as_deref().is_none_or(of_vc) && self.vc.as_deref().is_none_or(of_family);
        if !fits {
            sim::fail(
                "OID-07",
                format!("{ddi}: {:?} do not belong together", self.handles()),
            );
        }
    }
}

/// Notes a request before it is asked.
fn begin(request: *mut NDIS_OID_REQUEST, answers: Answers, binding: &Rc<Binding>, about: About) -> Rc<Out> {
    let out = Rc::new(Out {
        answers,
        binding: Rc::clone(binding),
        about,
        time: sim::now(),
        slot: Slot::default(),
    });
    let requests = sim::local::<Requests>();
    if requests
        .0
        .borrow_mut()
        .insert(request as usize, Rc::clone(&out))
        .is_some()
    {
        sim::fail("OID-02", format!("request {request:p} is out already"));
    }
    binding.requests.set(binding.requests.get() + 1);
    out
}

/// The request is answered, in time (VRF-06).
fn end(request: *mut NDIS_OID_REQUEST, out: &Out) {
    sim::local::<Requests>()
        .0
        .borrow_mut()
        .remove(&(request as usize));
    out.binding.requests.set(out.binding.requests.get() - 1);
    if sim::now() >= out.time + LONGEST {
        sim::fail(
            "VRF-06",
            format!(
                "request {request:p} was answered {} ns after it was asked",
                sim::now() - out.time
            ),
        );
    }
}

/// HALT-07: a request that a driver of the adapter has not answered.
pub(super) fn first_of(adapter: &AdapterState) -> Option<String> {
    let requests = sim::local::<Requests>();
    let all = requests.0.borrow();
    all.iter()
        .find(|(_, out)| out.binding.adapter.handle == adapter.handle)
        .map(|(request, out)| format!("request {request:#x} to {:?}", out.answers))
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
    let about = About {
        family: (!family.is_null()).then(|| object::open_family(family, ddi)),
        vc: (!vc.is_null()).then(|| object::client_vc(vc, ddi)),
        party: (!party.is_null()).then(|| object::client_party(party, ddi)),
    };
    about.check(ddi, &binding);
    let adapter = Rc::clone(&binding.adapter);
    let Some(miniport) = adapter.driver.calls.get().miniport else {
        return NDIS_STATUS_NOT_SUPPORTED;
    };
    let answers = if about.family.is_some() {
        Answers::Manager
    } else {
        Answers::Miniport
    };
    let [family, vc, party] = about.to_manager();
    let out = begin(request, answers, &binding, about);
    let token = out.slot.begin().expect("it is new");
    let status = if answers == Answers::Manager {
        to_manager!(adapter, CmOidRequestHandler(family, vc, party, request))
    } else {
        let handler = miniport.CoOidRequestHandler;
        let handler = handler.expect("checked at registration");
        // SAFETY: the driver registered the handler; the caller's request.
        upcall("MiniportCoOidRequest", || unsafe {
            handler(adapter.context(), vc, request)
        })
    };
    if out.slot.returned(&token, "a CoNDIS request handler", status) {
        end(request, &out);
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
    let about = About {
        family: Some(object::family(family, ddi)),
        vc: (!vc.is_null()).then(|| object::vc(vc, ddi)),
        party: (!party.is_null()).then(|| object::party(party, ddi)),
    };
    let binding = Rc::clone(&object::family(family, ddi).binding);
    about.check(ddi, &binding);
    let [family, vc, party] = about.to_client();
    let out = begin(request, Answers::Client, &binding, about);
    let token = out.slot.begin().expect("it is new");
    let status = to_client!(binding, ClOidRequestHandler(family, vc, party, request));
    if out.slot.returned(&token, "ProtocolCoOidRequest", status) {
        end(request, &out);
        check_answer(request, status);
    }
    status
}

/// Takes a pending request out: of whom it was asked, about what, and not with PENDING (OID-05, OID-09).
fn complete(
    rule: &'static str,
    ddi: &str,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
    wanted: impl Fn(&Out) -> bool,
) -> Rc<Out> {
    let requests = sim::local::<Requests>();
    let found = requests.0.borrow().get(&(request as usize)).cloned();
    let Some(out) = found.filter(|out| wanted(out)) else {
        sim::fail(
            rule,
            format!("{ddi}: no such request {request:p} is pending there"),
        );
    };
    if status == NDIS_STATUS_PENDING {
        sim::fail(rule, format!("{ddi} with PENDING"));
    }
    end(request, &out);
    out.slot.complete(ddi, status);
    check_answer(request, status);
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
        let [family, vc, party] = self.about.to_client();
        to_client!(
            self.binding,
            ClOidRequestCompleteHandler(family, vc, party, request, status)
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
    vc: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisMCoOidRequestComplete";
    enter(ddi, Level::Dispatch);
    table::adapter(adapter, ddi);
    let out = complete("OID-05", ddi, request, status, |out| {
        let [_, of, _] = out.about.handles();
        out.answers == Answers::Miniport && out.binding.adapter.handle == adapter && of == vc
    });
    out.tell_client(request, status);
}

/// `NdisCoOidRequestComplete`, which is `NdisMCmOidRequestComplete` too (GEN-05): of a client or of a call manager.
///
/// # Safety
/// The request is one that the caller got.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoOidRequestComplete(
    family: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisCoOidRequestComplete";
    enter(ddi, Level::Dispatch);
    let adapter = Rc::clone(&object::family(family, ddi).adapter);
    let asked = sim::local::<Requests>()
        .0
        .borrow()
        .get(&(request as usize))
        .cloned();
    let by_client = asked.is_some_and(|out| out.answers == Answers::Client);
    let rule = if by_client { "OID-09" } else { "OID-05" };
    let out = complete(rule, ddi, request, status, |out| {
        out.answers != Answers::Miniport && out.about.handles() == [family, vc, party]
    });
    if out.answers == Answers::Manager {
        return out.tell_client(request, status);
    }
    let [family, vc, party] = out.about.to_manager();
    to_manager!(
        adapter,
        CmOidRequestCompleteHandler(family, vc, party, request, status)
    );
}
