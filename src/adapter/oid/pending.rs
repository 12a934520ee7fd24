//! Requests that wait for the device, and those that waited too long (rules OID-03, OID-08, VRF-06).
//!
//! NDIS's request stays where a cancellation and the clock find it until there is an answer: firmware that does not answer costs a command's
//! time limit, which is longer than a request may take.

use core::ffi::c_void;

use super::{Adapter, request::Request};
use crate::{
    nt::{
        Ref, SpinLock, Status,
        sync::{AtomicBool, AtomicU32, Ordering},
        time::Instant,
    },
    sys::ndis,
};

/// How long a request may wait, and how often that is looked at.
const LONGEST_MS: u64 = 8_000;
const LOOK_MS: u32 = 2_000;

/// What a request wants of the device.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// Its counters.
    Count,
    /// To receive something else.
    Receive,
    /// To spread what is received otherwise.
    Spread,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    request: Request,
    job: Job,
    since: Instant,
    /// Tells it from later ones.
    serial: u32,
}

/// Direct requests that wait.
#[derive(Debug)]
struct Direct {
    /// Linked through themselves, the latest first.
    first: Option<Request>,
    /// When the first of them came.
    since: Instant,
}

/// Requests that wait for the work item.
#[derive(Debug)]
pub(in crate::adapter) struct Requests {
    /// Requests inside `MiniportOidRequest`.
    pub(super) entered: AtomicU32,
    /// NDIS sends one at a time (rule OID-01).
    normal: SpinLock<Option<Waiting>>,
    direct: SpinLock<Direct>,
    serial: AtomicU32,
    /// Requests that were taken out and are not completed.
    completing: AtomicU32,
    /// The timer is armed.
    watched: AtomicBool,
}

impl Requests {
    pub(in crate::adapter) fn new() -> Self {
        Self {
            entered: AtomicU32::new(0),
            normal: SpinLock::new(None),
            direct: SpinLock::new(Direct {
                first: None,
                since: Instant::now(),
            }),
            serial: AtomicU32::new(0),
            completing: AtomicU32::new(0),
            watched: AtomicBool::new(false),
        }
    }

    /// Whether any request is under way.
    pub(in crate::adapter) fn are_pending(&self) -> bool {
        self.entered.load(Ordering::Acquire) != 0
            || self.completing.load(Ordering::Acquire) != 0
            || self.normal.lock().is_some()
            || self.direct.lock().first.is_some()
    }

    pub(super) fn put_normal(&self, request: Request, job: Job) {
        let waiting = Waiting {
            request,
            job,
            since: Instant::now(),
            serial: self.serial.fetch_add(1, Ordering::Relaxed),
        };
        *self.normal.lock() = Some(waiting);
    }

    /// What the request that waits wants, and the number to take it by.
    pub(super) fn job(&self) -> Option<(u32, Job)> {
        let place = self.normal.lock();
        place.as_ref().map(|waiting| (waiting.serial, waiting.job))
    }

    /// Reads a request that still waits.
    pub(super) fn read<T>(
        &self,
        serial: u32,
        read: impl FnOnce(&mut Request) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut place = self.normal.lock();
        match place.as_mut().filter(|waiting| waiting.serial == serial) {
            Some(waiting) => read(&mut waiting.request),
            None => Err(Status::NDIS_REQUEST_ABORTED),
        }
    }

    fn take_if(&self, wanted: impl FnOnce(&Waiting) -> bool) -> Option<Request> {
        let mut place = self.normal.lock();
        let waiting = place.take_if(|waiting| wanted(waiting))?;
        self.completing.fetch_add(1, Ordering::AcqRel);
        Some(waiting.request)
    }

    /// Takes the request of [`Self::job`], if it still waits.
    pub(super) fn take(&self, serial: u32) -> Option<Request> {
        self.take_if(|waiting| waiting.serial == serial)
    }

    pub(super) fn put_direct(&self, mut request: Request) {
        let mut direct = self.direct.lock();
        let next = direct.first.take();
        if next.is_none() {
            direct.since = Instant::now();
        }
        request.set_next(next);
        direct.first = Some(request);
    }

    /// Whether direct requests wait.
    pub(super) fn has_direct(&self) -> bool {
        self.direct.lock().first.is_some()
    }

    pub(super) fn take_direct(&self) -> Option<Request> {
        let mut direct = self.direct.lock();
        let mut request = direct.first.take()?;
        direct.first = request.take_next();
        self.completing.fetch_add(1, Ordering::AcqRel);
        Some(request)
    }

    /// Unlinks the direct request with this id.
    fn take_direct_by_id(&self, id: *mut c_void) -> Option<Request> {
        let mut direct = self.direct.lock();
        let (mut kept, mut found) = (None, None);
        let mut rest = direct.first.take();
        while let Some(mut request) = rest {
            rest = request.take_next();
            if found.is_none() && request.id() == id {
                self.completing.fetch_add(1, Ordering::AcqRel);
                found = Some(request);
            } else {
                request.set_next(kept.take());
                kept = Some(request);
            }
        }
        direct.first = kept;
        found
    }

    fn direct_is_late(&self, now: Instant) -> bool {
        let direct = self.direct.lock();
        direct.first.is_some() && now.ms_since(direct.since) >= LONGEST_MS
    }
}

impl Adapter {
    /// Completes a request that was taken out (rules OID-04, VRF-44).
    pub(super) fn complete(&self, request: Request, status: Status) {
        // SAFETY: a request that was pended and is completed once.
        unsafe { ndis::NdisMOidRequestComplete(self.ndis.as_raw(), request.into_raw(), status.0) };
        self.requests.completing.fetch_sub(1, Ordering::AcqRel);
    }

    /// The same of a direct request.
    pub(super) fn complete_direct(&self, request: Request, status: Status) {
        // SAFETY: a direct request that was pended and is completed once.
        unsafe { ndis::NdisMDirectOidRequestComplete(self.ndis.as_raw(), request.into_raw(), status.0) };
        self.requests.completing.fetch_sub(1, Ordering::AcqRel);
    }

    /// A request waits from now on: the work item sees to it, and a timer to its time.
    pub(super) fn watch_requests(this: &Ref<Self>) {
        let Some(work) = this.work.get() else { return };
        work.oid.queue(this.clone());
        if !this.requests.watched.swap(true, Ordering::AcqRel) {
            work.late.arm(LOOK_MS, this.clone());
        }
    }

    /// The timer: what waited too long gets no answer any more. `DISPATCH_LEVEL`.
    pub(in crate::adapter) fn expire_requests(this: &Ref<Self>) {
        let now = Instant::now();
        let late = |waiting: &Waiting| now.ms_since(waiting.since) >= LONGEST_MS;
        if let Some(request) = this.requests.take_if(late) {
            this.complete(request, Status::NDIS_NOT_ACCEPTED);
        }
        if this.requests.direct_is_late(now) {
            while let Some(request) = this.requests.take_direct() {
                this.complete_direct(request, Status::NDIS_NOT_ACCEPTED);
            }
        }
        this.requests.watched.store(false, Ordering::Release);
        if this.requests.job().is_some() || this.requests.has_direct() {
            Self::watch_requests(this);
        }
    }

    /// `MiniportCancelOidRequest` (rule OID-08): what the work item does for it is done, for nobody.
    pub(in crate::adapter) fn cancel_request(&self, id: *mut c_void) {
        if id.is_null() {
            // The id of requests that nobody can cancel.
            return;
        }
        if let Some(request) = self.requests.take_if(|waiting| waiting.request.id() == id) {
            self.complete(request, Status::NDIS_REQUEST_ABORTED);
        }
    }

    /// `MiniportCancelDirectOidRequest`.
    pub(in crate::adapter) fn cancel_direct_request(&self, id: *mut c_void) {
        if id.is_null() {
            return;
        }
        if let Some(request) = self.requests.take_direct_by_id(id) {
            self.complete_direct(request, Status::NDIS_REQUEST_ABORTED);
        }
    }
}
