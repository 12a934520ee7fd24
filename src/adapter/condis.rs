//! The CoNDIS half of the adapter: registration, start and stop of the call manager, and what NDIS calls with the adapter's context.

use core::ffi::c_void;

use super::{
    Adapter,
    entry::adapter,
    failure::{Failure, Step},
};
use crate::{
    cm::Fabric,
    co::{Manager, client::SelfTest, edge, family::Family, upcall::Handle},
    nt::{Passive, Ref, Status},
    sys::{
        condis::CO_ADDRESS_FAMILY,
        ndis::{self, NDIS_OID_REQUEST},
    },
};

/// Registers the miniport and call manager handlers, from `MiniportSetOptions` (REG-01 to REG-05). `PASSIVE_LEVEL`.
///
/// # Errors
/// What NDIS said.
pub(crate) fn set_options(driver: *mut c_void) -> Result<(), Status> {
    let mut miniport = edge::miniport_characteristics(Some(co_oid_request));
    // SAFETY: the handle that NDIS passed in, complete characteristics.
    Status(unsafe { ndis::NdisSetOptionalHandlers(driver, (&raw mut miniport).cast()) }).ok()?;
    let mut manager = edge::manager_handlers(Some(cm_open_af), Some(cm_oid_request));
    // SAFETY: the handle that NDIS passed in, complete handlers.
    Status(unsafe { ndis::NdisSetOptionalHandlers(driver, (&raw mut manager).cast()) }).ok()
}

impl Adapter {
    /// Starts the call manager; nobody can use it yet.
    pub(super) fn start_call_manager(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Failure> {
        let missing = || Failure::new(Step::CallManager, Status::INTERNAL_ERROR);
        let fabric = Fabric {
            device: this.device.get().ok_or_else(missing)?,
            agent: this.agent.get().ok_or_else(missing)?,
            dma: this.dma.get().ok_or_else(missing)?,
            ndis: this.ndis,
        };
        let manager =
            Manager::start(fabric, passive).map_err(|status| Failure::new(Step::CallManager, status))?;
        this.calls.set(manager);
        Ok(())
    }

    /// Registers the address family: the last step of initialization (AF-01).
    pub(super) fn register_address_family(&self, passive: Passive<'_>) -> Result<(), Failure> {
        let registered = self
            .calls
            .get()
            .map_or(Err(Status::INTERNAL_ERROR), |calls| calls.register(passive));
        registered.map_err(|status| Failure::new(Step::AddressFamily, status))
    }

    /// Ends all calls and waits for their clients (HALT-03).
    pub(super) fn stop_call_manager(&self, passive: Passive<'_>) {
        // It stays in its place until its clients are gone: their requests come through it.
        if let Some(calls) = self.calls.get() {
            calls.stop(passive);
        }
        drop(self.calls.take());
    }

    /// The adapter can be tested from now on.
    pub(super) fn offer_to(&self, self_test: Ref<SelfTest>, passive: Passive<'_>) {
        SelfTest::adapter_came(&self_test, self.luid, passive);
        self.self_test.set(self_test);
    }

    /// The adapter goes: a test of it is broken off. Where to say so when it has gone.
    pub(super) fn withdraw_from_test(&self) -> Option<Ref<SelfTest>> {
        let self_test = self.self_test.take()?;
        self_test.adapter_goes(self.luid);
        Some(self_test)
    }

    /// `MiniportCancelSend`.
    pub(super) fn cancel_sends(&self, id: *mut c_void) {
        if let Some(ether) = self.ether.get() {
            ether.cancel(id);
        }
        if let Some(calls) = self.calls.get() {
            calls.cancel_sends(id.addr());
        }
    }
}

/// `ProtocolCmOpenAf` (AF-06). `<= DISPATCH_LEVEL`.
unsafe extern "win64" fn cm_open_af(
    context: *mut c_void,
    family: *mut CO_ADDRESS_FAMILY,
    handle: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: NDIS's description, alive during the call.
    let family = unsafe { &*family };
    // SAFETY: the handle of the family that is opened.
    let handle = unsafe { Handle::new(handle) };
    let Some(calls) = adapter.calls.get() else {
        return Status::UNSUCCESSFUL.0;
    };
    match calls.open_family(family, handle) {
        Ok(family) => {
            // SAFETY: NDIS's place for the result.
            unsafe { place.write(Family::context(&family)) };
            Status::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

/// `MiniportCoOidRequest` (OID-01 to OID-07). `<= DISPATCH_LEVEL`.
unsafe extern "win64" fn co_oid_request(
    context: *mut c_void,
    vc: *mut c_void,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: NULL or the context of a VC that is not deleted.
    let vc = unsafe { edge::vc(vc) };
    // SAFETY: NDIS's request, the adapter's during the call.
    unsafe { adapter.call_request(vc.as_deref(), request) }.0
}

/// `ProtocolCoOidRequest` of the call manager (OID-01, OID-13). `<= DISPATCH_LEVEL`.
unsafe extern "win64" fn cm_oid_request(
    _: *mut c_void,
    vc: *mut c_void,
    _: *mut c_void,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    // SAFETY: NULL or the context of a VC that is not deleted.
    let vc = unsafe { edge::vc(vc) };
    // SAFETY: NDIS's request, the call manager's during the call.
    unsafe { super::oid::manager_request(vc.as_deref(), request) }.0
}
