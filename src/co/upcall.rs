//! What the call manager says to NDIS: one safe function for each call.
//!
//! None of them is called with a lock held. Those that reach a client's handler return after it did.

use core::{ffi::c_void, ptr::null_mut};

use crate::{
    nt::{NdisHandle, Status, irql::raise_to_dispatch, packet::Packets},
    sys::{
        condis::{self, CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS},
        ndis::{NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NET_BUFFER_LIST},
    },
};

/// A handle of NDIS's: of an address family, a SAP, a VC or a party. To us it is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(*mut c_void);

// SAFETY: nothing here follows it.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// No object.
    pub const NULL: Self = Self(null_mut());

    /// Keeps a handle. It is NDIS's, and is used only while the object that it names exists.
    ///
    /// # Safety
    /// `raw` is NULL or a handle that NDIS gave for the object that will keep it.
    pub const unsafe fn new(raw: *mut c_void) -> Self {
        Self(raw)
    }

    /// The handle.
    pub const fn as_raw(self) -> *mut c_void {
        self.0
    }

    /// Whether it names nothing.
    pub const fn is_null(self) -> bool {
        self.0.is_null()
    }
}

/// Call parameters that stay where they are until the call that they belong to is answered (MAKE-02, INC-12).
#[derive(Clone, Copy, Debug)]
pub struct Params(*mut CO_CALL_PARAMETERS);

// SAFETY: whose they are is settled by the call's state.
unsafe impl Send for Params {}
// SAFETY: as above.
unsafe impl Sync for Params {}

impl Params {
    /// Keeps parameters.
    ///
    /// # Safety
    /// They stay valid until the answer that they belong to was given.
    pub const unsafe fn new(raw: *mut CO_CALL_PARAMETERS) -> Self {
        Self(raw)
    }

    /// The parameters.
    pub const fn as_raw(self) -> *mut CO_CALL_PARAMETERS {
        self.0
    }
}

/// `NdisMCmRegisterAddressFamilyEx` (AF-01). `PASSIVE_LEVEL`.
pub(super) fn register_family(adapter: NdisHandle, family: &CO_ADDRESS_FAMILY) -> Status {
    let mut family = *family;
    // SAFETY: a live adapter handle, a complete description.
    Status(unsafe { condis::NdisMCmRegisterAddressFamilyEx(adapter.as_raw(), &raw mut family) })
}

/// `NdisMCmNotifyCloseAddressFamily` (AF-20). `PASSIVE_LEVEL`.
pub(super) fn notify_close_family(family: Handle) -> Status {
    // SAFETY: the handle of a family that is open.
    Status(unsafe { condis::NdisCmNotifyCloseAddressFamily(family.0) })
}

/// `NdisMCmCloseAddressFamilyComplete` (AF-14).
pub(super) fn family_closed(family: Handle) {
    // SAFETY: the handle of a family whose close pends.
    unsafe { condis::NdisCmCloseAddressFamilyComplete(Status::SUCCESS.0, family.0) }
}

/// `NdisMCmRegisterSapComplete` (SAP-03, SAP-04).
pub(super) fn sap_registered(status: Status, sap: Handle, context: *mut c_void) {
    // SAFETY: the handle of a SAP whose registration pends.
    unsafe { condis::NdisCmRegisterSapComplete(status.0, sap.0, context) }
}

/// `NdisMCmDeregisterSapComplete` (SAP-09).
pub(super) fn sap_deregistered(sap: Handle) {
    // SAFETY: the handle of a SAP whose deregistration pends.
    unsafe { condis::NdisCmDeregisterSapComplete(Status::SUCCESS.0, sap.0) }
}

/// `NdisMCmCreateVc` (VC-04): the client's `ProtocolCoCreateVc` has run when it returns.
///
/// # Errors
/// What NDIS or the client said.
pub(super) fn create_vc(adapter: NdisHandle, family: Handle, context: *mut c_void) -> Result<Handle, Status> {
    let mut handle = null_mut();
    // SAFETY: live handles; the context stays until the VC is deleted.
    let status = unsafe { condis::NdisMCmCreateVc(adapter.as_raw(), family.0, context, &raw mut handle) };
    if status == Status::SUCCESS.0 {
        Ok(Handle(handle))
    } else {
        Err(Status(status))
    }
}

/// `NdisMCmDeleteVc` (VC-09).
pub(super) fn delete_vc(vc: Handle) -> Status {
    // SAFETY: a VC that we made, inactive and without a call.
    Status(unsafe { condis::NdisMCmDeleteVc(vc.0) })
}

/// `NdisMCmActivateVc` (VC-20, VC-21).
pub(super) fn activate_vc(vc: Handle, params: Params) -> Status {
    // SAFETY: a live VC; parameters that belong to its call.
    Status(unsafe { condis::NdisMCmActivateVc(vc.0, params.0) })
}

/// `NdisMCmDeactivateVc` (VC-26).
pub(super) fn deactivate_vc(vc: Handle) -> Status {
    // SAFETY: a live VC on which nothing is sent or received any more.
    Status(unsafe { condis::NdisMCmDeactivateVc(vc.0) })
}

/// `NdisMCmMakeCallComplete` (MAKE-06).
pub(super) fn call_made(status: Status, vc: Handle, party: Handle, context: *mut c_void, params: Params) {
    // SAFETY: the handles and parameters of the call that pends.
    unsafe { condis::NdisCmMakeCallComplete(status.0, vc.0, party.0, context, params.0) }
}

/// `NdisMCmCloseCallComplete` (CLOSE-09).
pub(super) fn call_closed(status: Status, vc: Handle, party: Handle) {
    // SAFETY: the handles of the call whose close pends.
    unsafe { condis::NdisCmCloseCallComplete(status.0, vc.0, party.0) }
}

/// `NdisMCmAddPartyComplete` (PARTY-03).
pub(super) fn party_added(status: Status, party: Handle, context: *mut c_void, params: Params) {
    // SAFETY: the handle and parameters of the party that is being added.
    unsafe { condis::NdisCmAddPartyComplete(status.0, party.0, context, params.0) }
}

/// `NdisMCmDropPartyComplete` (PARTY-09).
pub(super) fn party_dropped(party: Handle) {
    // SAFETY: the handle of a party whose drop pends.
    unsafe { condis::NdisCmDropPartyComplete(Status::SUCCESS.0, party.0) }
}

/// `NdisMCmDispatchIncomingCall` (INC-01, INC-06).
pub(super) fn incoming_call(sap: Handle, vc: Handle, params: Params) -> Status {
    // SAFETY: a SAP that is held, a VC that is active, parameters that stay until the answer.
    Status(unsafe { condis::NdisCmDispatchIncomingCall(sap.0, vc.0, params.0) })
}

/// `NdisMCmDispatchCallConnected` (INC-07).
pub(super) fn call_connected(vc: Handle) {
    // SAFETY: the VC of a call that was accepted.
    unsafe { condis::NdisCmDispatchCallConnected(vc.0) }
}

/// `NdisMCmModifyCallQoSComplete` (QOS-05).
pub(super) fn qos_modified(status: Status, vc: Handle, params: Params) {
    // SAFETY: the VC and parameters of the change that pends.
    unsafe { condis::NdisCmModifyCallQoSComplete(status.0, vc.0, params.0) }
}

/// `NdisMCmDispatchIncomingCallQoSChange` (QOS-07).
pub(super) fn incoming_qos(vc: Handle, params: Params) {
    // SAFETY: a VC with a call; parameters that stay until this returns.
    unsafe { condis::NdisCmDispatchIncomingCallQoSChange(vc.0, params.0) }
}

/// `NdisMCmDispatchIncomingCloseCall` (CLOSE-30).
pub(super) fn incoming_close(status: Status, vc: Handle, data: &mut [u8]) {
    let (bytes, length) = parts(data);
    // SAFETY: a VC with a call that is not closing; data that stays until this returns.
    unsafe { condis::NdisCmDispatchIncomingCloseCall(status.0, vc.0, bytes, length) }
}

/// `NdisMCmDispatchIncomingDropParty` (PARTY-10).
pub(super) fn incoming_drop(status: Status, party: Handle, data: &mut [u8]) {
    let (bytes, length) = parts(data);
    // SAFETY: a party of a call that is not closing; data that stays until this returns.
    unsafe { condis::NdisCmDispatchIncomingDropParty(status.0, party.0, bytes, length) }
}

const fn parts(data: &mut [u8]) -> (*mut c_void, u32) {
    if data.is_empty() {
        (null_mut(), 0)
    } else {
        (data.as_mut_ptr().cast(), data.len() as u32)
    }
}

/// `NdisMCoSendNetBufferListsComplete` (DATA-04, DATA-08). `<= DISPATCH_LEVEL`.
pub(super) fn sent(vc: Handle, packets: Packets) {
    if packets.is_empty() {
        return;
    }
    let _dispatch = raise_to_dispatch();
    // SAFETY: packets that the client sent on this VC, given back once.
    unsafe {
        condis::NdisMCoSendNetBufferListsComplete(
            vc.0,
            packets.into_raw(),
            NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
        );
    }
}

/// `NdisMCoIndicateReceiveNetBufferLists` (DATA-09, DATA-10). With `back` the packets are ours again on return. `<= DISPATCH_LEVEL`.
pub(super) fn received(vc: Handle, packets: Packets, back: bool) {
    let count = packets.len();
    if count == 0 {
        return;
    }
    let resources = if back {
        condis::NDIS_RECEIVE_FLAGS_RESOURCES
    } else {
        0
    };
    let _dispatch = raise_to_dispatch();
    let chain: *mut NET_BUFFER_LIST = packets.into_raw();
    // SAFETY: packets of our own on an active VC, lent until they come back.
    unsafe {
        condis::NdisMCoIndicateReceiveNetBufferLists(
            vc.0,
            chain,
            count,
            condis::NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL | resources,
        );
    }
}
