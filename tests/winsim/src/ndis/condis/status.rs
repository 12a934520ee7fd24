//! Status indications of a CoNDIS miniport (OID-20 ... OID-23).

use std::ptr;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_INDICATION};

use super::object::{self, pointer};
use super::{enter, upcall};
use crate::ndis::adapter::State;
use crate::ndis::kernel::Level;
use crate::ndis::protocol::{self, Binding};
use crate::ndis::table;
use crate::sim;

/// `NdisMCoIndicateStatusEx`: to the client of a VC, or to all bindings.
///
/// # Safety
/// The indication is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoIndicateStatusEx(
    adapter: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    let ddi = "NdisMCoIndicateStatusEx";
    enter(ddi, Level::Dispatch);
    let state = table::adapter(adapter, ddi);
    let late = matches!(state.state.get(), State::Halted | State::Shutdown);
    if late || !state.attributes.registered.get() {
        sim::fail(
            "OID-21",
            format!("{ddi} on {} in state {:?}", state.name, state.state.get()),
        );
    }
    // SAFETY: the caller's indication.
    if unsafe { (*indication).SourceHandle } != adapter {
        sim::fail("OID-22", format!("{ddi}: SourceHandle is not the adapter"));
    }
    if vc.is_null() {
        for binding in protocol::bindings_of(&state) {
            tell(&binding, 0, indication);
        }
    } else {
        let vc = object::vc(vc, ddi);
        tell(&vc.family.binding, vc.client_context.get(), indication);
    }
}

/// One indication of a binding at a time (OID-23), unless the handler itself causes one.
fn tell(binding: &Binding, vc_context: usize, indication: *mut NDIS_STATUS_INDICATION) {
    let Some(handler) = binding.protocol.co.get().and_then(|co| co.CoStatusHandlerEx) else {
        return;
    };
    let me = sim::current();
    let nested = binding.indicating.get().is_some() && binding.indicating.get() == me;
    let deadline = sim::Deadline::new("OID-23", sim::LONGEST, || {
        "the indication before this one of a binding".to_owned()
    });
    while !nested && binding.indicating.get().is_some() {
        sim::sleep(sim::MICROSECOND);
    }
    drop(deadline);
    binding.indicating.set(me);
    let vc = if vc_context == 0 {
        ptr::null_mut()
    } else {
        pointer(vc_context)
    };
    // SAFETY: the protocol driver registered the handler; the indication lives until it returns.
    upcall("ProtocolCoStatusEx", || unsafe {
        handler(binding.context(), vc, indication);
    });
    if !nested {
        binding.indicating.set(None);
    }
}
