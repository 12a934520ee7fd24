//! OID requests: what NDIS asks and sets (rules OID-01 to OID-13).
//!
//! What needs the device waits for the work item at `PASSIVE_LEVEL`; the rest is answered at once.

mod calls;
mod lists;
mod query;
mod request;
mod set;
mod statistics;

use core::ffi::c_void;

use self::request::{Kind, Request};
pub(super) use self::{calls::manager_request, set::PACKET_FILTERS};
use super::Adapter;
use crate::{
    nt::{
        Passive, Ref, SpinLock, Status,
        sync::{AtomicU32, Ordering},
    },
    sys::ndis::{self, NDIS_OID_REQUEST},
};

/// Every OID that the adapter handles, and no other (rule ATTR-08).
pub(super) const SUPPORTED: [u32; 27] = [
    ndis::OID_GEN_CURRENT_LOOKAHEAD,
    ndis::OID_GEN_CURRENT_PACKET_FILTER,
    ndis::OID_GEN_INTERRUPT_MODERATION,
    ndis::OID_GEN_LINK_PARAMETERS,
    ndis::OID_GEN_MAXIMUM_FRAME_SIZE,
    ndis::OID_GEN_MAXIMUM_TOTAL_SIZE,
    ndis::OID_GEN_RCV_OK,
    ndis::OID_GEN_XMIT_OK,
    ndis::OID_GEN_RECEIVE_BLOCK_SIZE,
    ndis::OID_GEN_TRANSMIT_BLOCK_SIZE,
    ndis::OID_GEN_RECEIVE_BUFFER_SPACE,
    ndis::OID_GEN_TRANSMIT_BUFFER_SPACE,
    ndis::OID_GEN_STATISTICS,
    ndis::OID_GEN_VENDOR_ID,
    ndis::OID_GEN_VENDOR_DESCRIPTION,
    ndis::OID_GEN_VENDOR_DRIVER_VERSION,
    ndis::OID_GEN_DRIVER_VERSION,
    ndis::OID_802_3_MULTICAST_LIST,
    ndis::OID_802_3_PERMANENT_ADDRESS,
    ndis::OID_802_3_CURRENT_ADDRESS,
    ndis::OID_802_3_MAXIMUM_LIST_SIZE,
    ndis::OID_PNP_QUERY_POWER,
    ndis::OID_PNP_SET_POWER,
    ndis::OID_NDK_SET_STATE,
    ndis::OID_NDK_STATISTICS,
    ndis::OID_NDK_CONNECTIONS,
    ndis::OID_NDK_LOCAL_ENDPOINTS,
];

/// Addresses that the multicast list holds at most (rule ATTR-03 wants 32).
pub(super) const MAX_MULTICAST: usize = 64;

/// What becomes of a request.
enum Outcome {
    /// It is answered.
    Done(Status),
    /// It needs the device.
    NeedsDevice,
}

/// Requests that wait for the work item.
#[derive(Debug)]
pub(super) struct Requests {
    /// Requests inside `MiniportOidRequest`.
    entered: AtomicU32,
    /// NDIS sends one at a time (rule OID-01).
    normal: SpinLock<Option<Request>>,
    /// Direct requests: linked through themselves, the latest first.
    direct: SpinLock<Option<Request>>,
    /// Requests that the work item has taken and not completed.
    running: AtomicU32,
}

impl Requests {
    pub(super) const fn new() -> Self {
        Self {
            entered: AtomicU32::new(0),
            normal: SpinLock::new(None),
            direct: SpinLock::new(None),
            running: AtomicU32::new(0),
        }
    }

    /// Whether any request is under way.
    pub(super) fn are_pending(&self) -> bool {
        self.entered.load(Ordering::Acquire) != 0
            || self.running.load(Ordering::Acquire) != 0
            || self.normal.lock().is_some()
            || self.direct.lock().is_some()
    }

    fn take_normal(&self) -> Option<Request> {
        let mut place = self.normal.lock();
        let request = place.take()?;
        self.running.fetch_add(1, Ordering::AcqRel);
        Some(request)
    }

    fn push_direct(&self, mut request: Request) {
        let mut first = self.direct.lock();
        request.set_next(first.take());
        *first = Some(request);
    }

    fn pop_direct(&self) -> Option<Request> {
        let mut first = self.direct.lock();
        let mut request = first.take()?;
        *first = request.take_next();
        self.running.fetch_add(1, Ordering::AcqRel);
        Some(request)
    }

    /// Unlinks the direct request with this id.
    fn remove_direct(&self, id: *mut c_void) -> Option<Request> {
        let mut first = self.direct.lock();
        let mut kept = None;
        let mut found = None;
        let mut rest = first.take();
        while let Some(mut request) = rest {
            rest = request.take_next();
            if found.is_none() && request.id() == id {
                found = Some(request);
            } else {
                request.set_next(kept.take());
                kept = Some(request);
            }
        }
        *first = kept;
        found
    }
}

impl Adapter {
    /// `MiniportOidRequest`.
    ///
    /// # Safety
    /// `request` is NDIS's and lives until it is completed.
    pub(super) unsafe fn request(
        this: &Ref<Self>,
        request: *mut NDIS_OID_REQUEST,
        passive: Passive<'_>,
    ) -> Status {
        // SAFETY: the caller's promise.
        let Some(mut request) = (unsafe { Request::new(request) }) else {
            return Status::UNSUCCESSFUL;
        };
        this.requests.entered.fetch_add(1, Ordering::AcqRel);
        let status = match Self::answer(this, &mut request, passive) {
            Outcome::Done(status) => status,
            Outcome::NeedsDevice => this.wait_for_device(request),
        };
        if status == Status::PENDING
            && let Some(work) = this.work.get()
        {
            work.oid.queue(this.clone());
        }
        this.requests.entered.fetch_sub(1, Ordering::AcqRel);
        status
    }

    fn wait_for_device(&self, request: Request) -> Status {
        *self.requests.normal.lock() = Some(request);
        Status::PENDING
    }

    /// Answers what can be answered at once.
    fn answer(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Outcome {
        if this.is_removed() {
            // Rule PNP-01.
            return Outcome::Done(Status::NDIS_NOT_ACCEPTED);
        }
        match request.kind() {
            Kind::Query => this.query(request),
            Kind::Set => Outcome::Done(Self::set(this, request, passive)),
            Kind::Other => Outcome::Done(Status::NOT_SUPPORTED),
        }
    }

    /// `MiniportDirectOidRequest` (rules OID-09, ADAPTER-41).
    ///
    /// # Safety
    /// `request` is NDIS's and lives until it is completed.
    pub(super) unsafe fn direct_request(this: &Ref<Self>, request: *mut NDIS_OID_REQUEST) -> Status {
        // SAFETY: the caller's promise.
        let Some(request) = (unsafe { Request::new(request) }) else {
            return Status::UNSUCCESSFUL;
        };
        if this.is_removed() {
            return Status::NDIS_NOT_ACCEPTED;
        }
        if request.kind() != Kind::Query || request.oid() != ndis::OID_NDK_STATISTICS {
            return Status::NOT_SUPPORTED;
        }
        let Some(work) = this.work.get() else {
            return Status::NDIS_NOT_ACCEPTED;
        };
        this.requests.push_direct(request);
        work.oid.queue(this.clone());
        Status::PENDING
    }

    /// The work item: answers the requests that need the device.
    pub(super) fn run_requests(this: &Ref<Self>, passive: Passive<'_>) {
        while let Some(mut request) = this.requests.pop_direct() {
            let status = this.query_network_direct_statistics(&mut request, passive);
            // SAFETY: a direct request that was pended and is completed once (rule VRF-44).
            unsafe { ndis::NdisMDirectOidRequestComplete(this.ndis.as_raw(), request.into_raw(), status.0) };
            this.requests.running.fetch_sub(1, Ordering::AcqRel);
        }
        if let Some(mut request) = this.requests.take_normal() {
            let status = this.query_statistics(&mut request, passive);
            // SAFETY: a request that was pended and is completed once (rule OID-04).
            unsafe { ndis::NdisMOidRequestComplete(this.ndis.as_raw(), request.into_raw(), status.0) };
            this.requests.running.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// `MiniportCancelOidRequest` (rule OID-08): what the work item has begun is not cancelled, it ends soon.
    pub(super) fn cancel_request(&self, id: *mut c_void) {
        if id.is_null() {
            // The id of requests that nobody can cancel.
            return;
        }
        let mut place = self.requests.normal.lock();
        let found = place.take_if(|request| request.id() == id);
        drop(place);
        if let Some(request) = found {
            // SAFETY: a request that was pended and is completed once.
            unsafe {
                ndis::NdisMOidRequestComplete(
                    self.ndis.as_raw(),
                    request.into_raw(),
                    Status::NDIS_REQUEST_ABORTED.0,
                );
            }
        }
    }

    /// `MiniportCancelDirectOidRequest`.
    pub(super) fn cancel_direct_request(&self, id: *mut c_void) {
        if id.is_null() {
            return;
        }
        if let Some(request) = self.requests.remove_direct(id) {
            // SAFETY: a direct request that was pended and is completed once.
            unsafe {
                ndis::NdisMDirectOidRequestComplete(
                    self.ndis.as_raw(),
                    request.into_raw(),
                    Status::NDIS_REQUEST_ABORTED.0,
                );
            }
        }
    }
}
