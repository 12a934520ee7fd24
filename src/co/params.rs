//! Call parameters: those of clients, read; and our own, lent to clients.

use core::ptr::null_mut;

use super::{
    format::{Call, FormatError, ManagerBuffer},
    upcall::Params,
};
use crate::{
    nt::{Box, NoMemory, Status, pool},
    sys::condis::{
        CALL_PARAMETERS_CHANGED, CO_CALL_MANAGER_PARAMETERS, CO_CALL_PARAMETERS, CO_MEDIA_PARAMETERS, CO_SAP,
        CO_SPECIFIC_PARAMETERS, MULTIPOINT_VC, ROUND_DOWN_FLOW, ROUND_UP_FLOW,
    },
};

/// Reads a SAP.
///
/// # Errors
/// [`FormatError`].
///
/// # Safety
/// `sap` is NULL or leads to a SAP with as many bytes as it says.
pub unsafe fn read_sap(sap: *const CO_SAP) -> Result<super::format::Sap, FormatError> {
    // SAFETY: the caller's promise.
    let head = unsafe { sap.as_ref() }.ok_or(FormatError::Missing)?;
    // SAFETY: a field of what `sap` leads to.
    let bytes = unsafe { &raw const (*sap).Sap }.cast::<u8>();
    // SAFETY: the caller's promise.
    let record = unsafe { core::slice::from_raw_parts(bytes, head.SapLength as usize) };
    super::format::Sap::parse(head.SapType, record)
}

/// Reads call parameters; also whether they had to be rounded.
///
/// # Errors
/// [`FormatError`].
///
/// # Safety
/// `params` is NULL or leads to complete parameters.
pub unsafe fn read_call(params: *const CO_CALL_PARAMETERS) -> Result<(Call, bool), FormatError> {
    // SAFETY: the caller's promise.
    let params = unsafe { params.as_ref() }.ok_or(FormatError::Missing)?;
    let manager: *const CO_CALL_MANAGER_PARAMETERS = params.CallMgrParameters;
    // SAFETY: the caller's promise.
    let flows = unsafe { manager.as_ref() }.ok_or(FormatError::Missing)?;
    let media: *const CO_MEDIA_PARAMETERS = params.MediaParameters;
    // SAFETY: the caller's promise.
    let media_flags = unsafe { media.as_ref() }.map_or(0, |media| media.Flags);
    // SAFETY: a field of what `manager` leads to.
    let specific = unsafe { &raw const (*manager).CallMgrSpecific };
    // SAFETY: a field of what `manager` leads to.
    let bytes = unsafe { &raw const (*specific.cast::<CO_SPECIFIC_PARAMETERS>()).Parameters }.cast::<u8>();
    let length = flows.CallMgrSpecific.Length as usize;
    // SAFETY: the caller's promise.
    let record = unsafe { core::slice::from_raw_parts(bytes, length) };
    let round = media_flags & (ROUND_UP_FLOW | ROUND_DOWN_FLOW) != 0;
    Call::parse(
        flows.CallMgrSpecific.ParamType,
        record,
        (&flows.Transmit, &flows.Receive),
        round,
    )
}

/// Writes what is in force into parameters that [`read_call`] understood, and says that it is not what they asked for (MAKE-09).
///
/// # Safety
/// `params` are complete parameters that [`read_call`] accepted, and ours to write.
pub unsafe fn write_back(params: Params, call: &Call) {
    // SAFETY: the caller's promise.
    let Some(head) = (unsafe { params.as_raw().as_mut() }) else {
        return;
    };
    head.Flags |= CALL_PARAMETERS_CHANGED;
    let buffer: *mut ManagerBuffer = head.CallMgrParameters.cast();
    // SAFETY: accepted by `read_call`: room for a whole record.
    unsafe { buffer.write_unaligned(call.encode()) };
}

/// Whether the parameters say that they were changed.
///
/// # Safety
/// `params` is NULL or leads to parameters.
pub unsafe fn is_changed(params: *const CO_CALL_PARAMETERS) -> bool {
    // SAFETY: the caller's promise.
    unsafe { params.as_ref() }.is_some_and(|params| params.Flags & CALL_PARAMETERS_CHANGED != 0)
}

/// Whether the parameters ask for a multipoint VC.
///
/// # Safety
/// `params` is NULL or leads to parameters.
pub unsafe fn is_multipoint(params: *const CO_CALL_PARAMETERS) -> bool {
    // SAFETY: the caller's promise.
    unsafe { params.as_ref() }.is_some_and(|params| params.Flags & MULTIPOINT_VC != 0)
}

/// What the client changed in parameters that were offered to it.
///
/// # Safety
/// `params` are the ones that were offered.
pub unsafe fn changes(params: Params) -> Option<Result<Call, Status>> {
    // SAFETY: the caller's promise.
    let changed = unsafe { is_changed(params.as_raw()) };
    if !changed {
        return None;
    }
    // SAFETY: the caller's promise.
    let call = unsafe { read_call(params.as_raw()) };
    Some(call.map(|(call, _)| call).map_err(FormatError::in_call))
}

/// Parameters of our own, at a fixed place.
pub struct OwnParams {
    inner: Box<Lent>,
}

struct Lent {
    params: CO_CALL_PARAMETERS,
    manager: ManagerBuffer,
}

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "the pointers go with what they lead to"
)]
// SAFETY: the pointers inside lead into the box itself.
unsafe impl Send for OwnParams {}
// SAFETY: as above; it changes hands as its call does.
unsafe impl Sync for OwnParams {}

impl OwnParams {
    /// Parameters that describe `call`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(call: &Call) -> Result<Self, NoMemory> {
        let mut inner = pool::try_box(Lent {
            params: CO_CALL_PARAMETERS {
                Flags: 0,
                CallMgrParameters: null_mut(),
                MediaParameters: null_mut(),
            },
            manager: call.encode(),
        })?;
        inner.params.CallMgrParameters = (&raw mut inner.manager).cast();
        Ok(Self { inner })
    }

    /// The parameters, valid as long as this is.
    pub fn lend(&mut self) -> Params {
        // SAFETY: they live in the box; the owner keeps it until the answer came.
        unsafe { Params::new(&raw mut self.inner.params) }
    }
}
