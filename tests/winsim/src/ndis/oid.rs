//! OID requests: built, serialized and completed as NDIS does it (OID-01), direct ones without the serialization.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST, NDIS_OID_REQUEST_DATA,
    NDIS_OID_REQUEST_INFORMATION, NDIS_REQUEST_TYPE, NDIS_STATUS, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_PENDING, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS,
    NdisRequestQueryInformation, NdisRequestSetInformation,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::table;
use crate::sim::{self, SECOND, Stream, TaskId};

/// VRF-06.
const LONGEST: u64 = 12 * SECOND;
/// `OID_PNP_SET_POWER`.
const SET_POWER: u32 = 0xFD01_0101;
/// OIDs that delete or free something (VRF-05): receive filter, receive queue, switch, VF, `VPort`, `WoL` pattern, protocol
/// offload, multicast address, security associations, tunnel interface.
const DELETING: [u32; 11] = [
    0x0001_0228,
    0x0001_0224,
    0x0001_0239,
    0x0001_0246,
    0x0001_0244,
    0xFD01_010B,
    0xFD01_010F,
    0x0101_0209,
    0xFC01_0203,
    0xFC03_0203,
    0x0F01_0107,
];

/// What became of a request that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OidError {
    /// The final status.
    pub status: NDIS_STATUS,
    /// `BytesNeeded` as the driver left it.
    pub needed: u32,
}

/// One request from its hand-over to its completion.
#[derive(Debug, Clone, Copy)]
struct Pending {
    oid: u32,
    waiter: Option<TaskId>,
    /// The handler has returned PENDING.
    pended: bool,
    result: Option<NDIS_STATUS>,
}

/// The requests of one adapter.
#[derive(Default)]
pub(super) struct OidQueue {
    taken: Cell<bool>,
    normal: RefCell<BTreeMap<usize, Pending>>,
    direct: RefCell<BTreeMap<usize, Pending>>,
    handlers: RefCell<Vec<TaskId>>,
    next_id: Cell<usize>,
}

impl OidQueue {
    /// Whether the running context is in a request handler, or a normal request is pended (VRF-26).
    pub(super) fn in_oid_context(&self) -> bool {
        let me = sim::current();
        let inside = me.is_some_and(|me| self.handlers.borrow().contains(&me));
        inside
            || self
                .normal
                .borrow()
                .values()
                .any(|p| p.pended && p.result.is_none())
    }

    /// Requests, of either kind, that the driver has.
    pub(super) fn outstanding(&self) -> usize {
        self.normal.borrow().len() + self.direct.borrow().len()
    }

    fn new_id(&self) -> usize {
        let id = self.next_id.get() + 1;
        self.next_id.set(id);
        id
    }

    const fn requests(&self, direct: bool) -> &RefCell<BTreeMap<usize, Pending>> {
        if direct { &self.direct } else { &self.normal }
    }

    fn acquire(&self) {
        while self.taken.get() {
            sim::sleep(sim::MICROSECOND);
        }
        self.taken.set(true);
    }
}

/// A request with its buffer, which lies on a multiple of 8 or 4 by the seed: any alignment has to work (OID-05).
struct Request {
    told: Box<NDIS_OID_REQUEST>,
    memory: Vec<u64>,
    offset: usize,
    length: usize,
}

impl Request {
    fn new(kind: NDIS_REQUEST_TYPE, oid: u32, id: usize, buffer: &[u8]) -> Self {
        let offset = sim::choose(Stream::Ndis, 2) as usize * 4;
        let mut memory = vec![0_u64; (buffer.len() + offset).div_ceil(8) + 1];
        let at = memory.as_mut_ptr().cast::<u8>().wrapping_add(offset);
        // SAFETY: the memory has room for the buffer behind the offset.
        unsafe { at.copy_from_nonoverlapping(buffer.as_ptr(), buffer.len()) };
        let information = NDIS_OID_REQUEST_INFORMATION {
            Oid: oid,
            InformationBuffer: if buffer.is_empty() {
                std::ptr::null_mut()
            } else {
                at.cast()
            },
            InformationBufferLength: buffer.len() as u32,
            BytesUsed: 0,
            BytesNeeded: 0,
        };
        // SAFETY: all fields of a request may be zero.
        let mut request: Box<NDIS_OID_REQUEST> = Box::new(unsafe { std::mem::zeroed() });
        request.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_OID_REQUEST as u8,
            Revision: 1,
            Size: 0xec,
        };
        request.RequestType = kind;
        request.RequestId = id as *mut c_void;
        request.DATA = NDIS_OID_REQUEST_DATA {
            INFORMATION: information,
        };
        Self {
            told: request,
            memory,
            offset,
            length: buffer.len(),
        }
    }

    fn information(&self) -> NDIS_OID_REQUEST_INFORMATION {
        // SAFETY: the request was built with this variant, and all bytes are valid in it.
        unsafe { self.told.DATA.INFORMATION }
    }

    fn copy_out(&self, buffer: &mut [u8]) {
        let at = self.memory.as_ptr().cast::<u8>().wrapping_add(self.offset);
        // SAFETY: the memory has `length` bytes behind the offset, and the buffer is as long.
        unsafe { at.copy_to_nonoverlapping(buffer.as_mut_ptr(), self.length) };
    }
}

impl AdapterState {
    /// Runs one request to its end, in a context of the host at `PASSIVE_LEVEL`. Returns the bytes read or written.
    pub(super) fn oid(
        &self,
        direct: bool,
        set: bool,
        oid: u32,
        buffer: &mut [u8],
    ) -> Result<usize, OidError> {
        let result = self.oid_as(self.oids.new_id(), (direct, set), oid, buffer);
        if set && result.is_ok() {
            self.base.follow(oid, buffer);
        }
        result
    }

    /// Sets an OID to what all protocol drivers want together.
    pub(super) fn set_for_protocols(&self, oid: u32, buffer: &mut [u8]) -> Result<usize, OidError> {
        self.oid_as(self.oids.new_id(), (false, true), oid, buffer)
    }

    /// The same for a request with this id; 0 is that of requests which their sender will not cancel.
    pub(super) fn oid_as(
        &self,
        id: usize,
        (direct, set): (bool, bool),
        oid: u32,
        buffer: &mut [u8],
    ) -> Result<usize, OidError> {
        self.expect(
            "STATE-01",
            "an OID request",
            &[State::Paused, State::Restarting, State::Running, State::Pausing],
        );
        let kind = if set {
            NdisRequestSetInformation
        } else {
            NdisRequestQueryInformation
        };
        let mut request = Request::new(kind, oid, id, buffer);
        if !direct {
            self.oids.acquire();
        }
        if set {
            self.wants.expect(oid, buffer);
        }
        let status = self.hand_over(direct, &raw mut *request.told, oid);
        if set && status == NDIS_STATUS_SUCCESS {
            self.wants.follow(oid, buffer);
        }
        if !direct {
            self.oids.taken.set(false);
        }
        kernel::preempt();
        check_result(self, oid, status, &request);
        request.copy_out(buffer);
        let information = request.information();
        if status == NDIS_STATUS_SUCCESS {
            Ok(information.BytesUsed as usize)
        } else {
            Err(OidError {
                status,
                needed: information.BytesNeeded,
            })
        }
    }

    /// Gives the request to the driver and waits for its completion.
    fn hand_over(&self, direct: bool, request: *mut NDIS_OID_REQUEST, oid: u32) -> NDIS_STATUS {
        let key = request as usize;
        let me = sim::current();
        let pending = Pending {
            oid,
            waiter: me,
            pended: false,
            result: None,
        };
        if !direct && !self.oids.normal.borrow().is_empty() {
            sim::fail(
                "VRF-07",
                format!("{}: a second OID request while one is pending", self.name),
            );
        }
        self.oids.requests(direct).borrow_mut().insert(key, pending);
        self.oids.handlers.borrow_mut().extend(me);
        let deadline = self.within("VRF-06", "MiniportOidRequest");
        let returned = self.call_handler(direct, request);
        drop(deadline);
        let mut inside = self.oids.handlers.borrow_mut();
        if let Some(at) = inside.iter().rposition(|task| Some(*task) == me) {
            inside.remove(at);
        }
        drop(inside);
        kernel::expect_clean("MiniportOidRequest");
        let status = if returned == NDIS_STATUS_PENDING {
            self.await_completion(direct, key)
        } else {
            returned
        };
        let done = self.oids.requests(direct).borrow_mut().remove(&key);
        if returned != NDIS_STATUS_PENDING && done.is_some_and(|p| p.result.is_some()) {
            sim::fail(
                "VRF-01",
                format!(
                    "{}: OID {oid:#x} completed and returned {returned:#x} too",
                    self.name
                ),
            );
        }
        status
    }

    fn call_handler(&self, direct: bool, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
        let characteristics = &self.driver.characteristics;
        let handler = if direct {
            characteristics.DirectOidRequestHandler
        } else {
            characteristics.OidRequestHandler
        };
        // SAFETY: the driver registered the handler; the request lives until it is completed.
        handler.map_or(NDIS_STATUS_NOT_ACCEPTED, |handler| unsafe {
            handler(self.context(), request)
        })
    }

    fn await_completion(&self, direct: bool, key: usize) -> NDIS_STATUS {
        if let Some(pending) = self.oids.requests(direct).borrow_mut().get_mut(&key) {
            pending.pended = true;
        }
        let deadline = sim::now() + LONGEST;
        loop {
            let entry = self.oids.requests(direct).borrow().get(&key).copied();
            let Some(entry) = entry else {
                sim::fail("VRF-01", format!("{}: an OID request vanished", self.name))
            };
            if let Some(status) = entry.result {
                return status;
            }
            if sim::now() >= deadline {
                sim::fail(
                    "VRF-06",
                    format!("{}: OID {:#x} is not completed after 12 s", self.name, entry.oid),
                );
            }
            sim::park_until("an OID request", deadline);
        }
    }

    fn complete_oid(&self, direct: bool, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
        let key = request as usize;
        if self.oids.requests(!direct).borrow().contains_key(&key) {
            let (right, wrong) = if direct {
                ("normal", "direct")
            } else {
                ("direct", "normal")
            };
            sim::fail(
                "VRF-44",
                format!("{}: a {right} OID request completed as a {wrong} one", self.name),
            );
        }
        let entry = self.oids.requests(direct).borrow().get(&key).copied();
        let Some(entry) = entry.filter(|p| p.result.is_none()) else {
            sim::fail(
                "VRF-01",
                format!("{}: OID request {request:p} is completed already", self.name),
            );
        };
        if status == NDIS_STATUS_PENDING {
            sim::fail(
                "VRF-03",
                format!("{}: OID {:#x} completed with PENDING", self.name, entry.oid),
            );
        }
        if let Some(pending) = self.oids.requests(direct).borrow_mut().get_mut(&key) {
            pending.result = Some(status);
        }
        entry.waiter.into_iter().for_each(sim::unpark);
    }

    /// `MiniportCancelOidRequest` with a NULL id, which names no request.
    pub(super) fn cancel_no_oid(&self) {
        if let Some(handler) = self.driver.characteristics.CancelOidRequestHandler {
            // SAFETY: the driver registered the handler.
            unsafe { handler(self.context(), std::ptr::null_mut()) };
        }
        kernel::expect_clean("MiniportCancelOidRequest");
    }

    /// `MiniportCancelOidRequest` for every request that the driver has; true if there was one.
    pub(super) fn cancel_oids(&self) -> bool {
        let ids: Vec<usize> = self.oids.normal.borrow().keys().copied().collect();
        for request in &ids {
            // SAFETY: a request stays where it is until it is completed.
            let id = unsafe { (*(*request as *const NDIS_OID_REQUEST)).RequestId };
            if let Some(handler) = self.driver.characteristics.CancelOidRequestHandler {
                // SAFETY: the driver registered the handler.
                unsafe { handler(self.context(), id) };
            }
        }
        !ids.is_empty()
    }
}

/// What the final status and the counts have to obey.
fn check_result(adapter: &AdapterState, oid: u32, status: NDIS_STATUS, request: &Request) {
    let name = &adapter.name;
    let set = request.told.RequestType == NdisRequestSetInformation;
    if set && oid == SET_POWER && !matches!(status, NDIS_STATUS_SUCCESS | NDIS_STATUS_NOT_ACCEPTED) {
        sim::fail(
            "VRF-04",
            format!("{name}: OID_PNP_SET_POWER completed with {status:#x}"),
        );
    }
    let may_fail = matches!(
        status,
        NDIS_STATUS_SUCCESS | NDIS_STATUS_NOT_ACCEPTED | NDIS_STATUS_REQUEST_ABORTED
    );
    if DELETING.contains(&oid) && !may_fail {
        sim::fail(
            "VRF-05",
            format!("{name}: OID {oid:#x} deletes and completed with {status:#x}"),
        );
    }
    if status == NDIS_STATUS_REQUEST_ABORTED && request.told.RequestId.is_null() {
        sim::fail(
            "OID-08",
            format!("{name}: OID {oid:#x}, which has no id to cancel it by, was aborted"),
        );
    }
    let information = request.information();
    if status == NDIS_STATUS_SUCCESS && information.BytesUsed as usize > request.length {
        sim::fail(
            "OID-06",
            format!(
                "{name}: OID {oid:#x} used {} bytes of {}",
                information.BytesUsed, request.length
            ),
        );
    }
    if status == NDIS_STATUS_BUFFER_TOO_SHORT && information.BytesNeeded as usize <= request.length {
        sim::fail(
            "OID-06",
            format!(
                "{name}: OID {oid:#x} needs {} bytes of {}",
                information.BytesNeeded, request.length
            ),
        );
    }
}

/// `NdisMOidRequestComplete`.
///
/// # Safety
/// None beyond a live simulation; the request is only compared.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMOidRequestComplete(
    handle: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisMOidRequestComplete";
    kernel::enter(ddi, Level::Dispatch);
    table::adapter(handle, ddi).complete_oid(false, request, status);
}

/// `NdisMDirectOidRequestComplete`.
///
/// # Safety
/// None beyond a live simulation; the request is only compared.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMDirectOidRequestComplete(
    handle: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    let ddi = "NdisMDirectOidRequestComplete";
    kernel::enter(ddi, Level::Dispatch);
    table::adapter(handle, ddi).complete_oid(true, request, status);
}
