//! One run of the self-test: what its script, its handlers and whoever breaks it off share.
//!
//! The client exists for the time of a run: it is registered as a protocol driver at its beginning and deregistered at its end.
//! NDIS knows it by the run, as driver, as binding, as client of the address family and as owner of the SAP.

use core::ffi::c_void;

use super::{
    report::{SideReport, TestReport, TestRequest},
    side::{Side, Test},
};
use crate::{
    co::{format::PrivateData, upcall::Handle},
    nt::{
        Event, NoMemory, Ref, SpinLock, Status,
        irp::Pending,
        sync::{AtomicPtr, Ordering},
        time::Instant,
    },
    sys::condis::IRP,
};

/// How far something is that is opened and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Not open; the status is what an open, or the last close, came to.
    Closed(Status),
    Opening,
    Open,
    Closing,
}

/// Something of NDIS's that the run opens and closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) life: Life,
    pub(super) handle: Handle,
}

impl Opened {
    const NEVER: Self = Self {
        life: Life::Closed(Status::PENDING),
        handle: Handle::NULL,
    };

    /// The open is over.
    pub(super) fn opened(&mut self, status: Status, handle: Handle) {
        if status == Status::SUCCESS {
            self.life = Life::Open;
            self.handle = handle;
        } else {
            self.life = Life::Closed(status);
        }
    }

    /// The close is over. What could not be closed is open.
    pub(super) fn closed(&mut self, status: Status) {
        self.life = if status == Status::SUCCESS {
            Life::Closed(status)
        } else {
            Life::Open
        };
    }

    /// Begins the close; the handle, if it was open.
    pub(super) fn begin_close(&mut self) -> Option<Handle> {
        if self.life != Life::Open {
            return None;
        }
        self.life = Life::Closing;
        Some(self.handle)
    }
}

/// Where the script is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    /// Everything is taken down: nothing new begins.
    Back,
    /// There is nothing on the adapter any more.
    Released,
}

/// What changes during a run.
pub(super) struct State {
    /// Why the run has to end, if it has to.
    pub(super) aborted: Option<Status>,
    pub(super) way: Way,
    /// The binding may send (`NetEventRestart`, `NetEventPause`).
    pub(super) running: bool,
    /// Messages that are being sent or on their way, of both sides.
    sending: u32,
    /// The protocol driver's open of the adapter.
    pub(super) adapter: Opened,
    /// `ProtocolUnbindAdapterEx` pends.
    pub(super) unbinding: Option<Handle>,
    pub(super) family: Opened,
    /// `ProtocolClNotifyCloseAf` pends.
    pub(super) notified: bool,
    pub(super) sap: Opened,
    /// The call that is being made.
    pub(super) call: u32,
    /// The side that took it.
    pub(super) taker: Option<Ref<Side>>,
    /// What takers of earlier calls counted.
    pub(super) taken: SideReport,
}

impl State {
    /// Whether something new may begin.
    pub(super) fn may_begin(&self) -> bool {
        self.way == Way::Forward && self.aborted.is_none()
    }
}

impl State {
    const fn new() -> Self {
        Self {
            aborted: None,
            way: Way::Forward,
            running: false,
            sending: 0,
            adapter: Opened::NEVER,
            unbinding: None,
            family: Opened::NEVER,
            notified: false,
            sap: Opened::NEVER,
            call: 0,
            taker: None,
            taken: SideReport::NOTHING,
        }
    }
}

/// What was asked for, and what to answer.
struct Asked {
    plan: TestRequest,
    /// The open file of the request.
    file: usize,
    /// The request's address, by which its cancellation names it.
    address: usize,
    begun: Instant,
    /// The request, until it is answered.
    request: Option<Pending>,
    report: TestReport,
}

/// The place of a run: made with the driver and used for one after the other, so that a run that ends leaves no memory behind.
pub struct Run {
    asked: SpinLock<Asked>,
    news: Event,
    /// The protocol driver's handle, where NDIS puts it.
    protocol: AtomicPtr<c_void>,
    pub(super) state: SpinLock<State>,
}

impl Run {
    /// A place for runs.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new() -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            asked: SpinLock::new(Asked {
                plan: TestRequest::NOTHING,
                file: 0,
                address: 0,
                begun: Instant::now(),
                request: None,
                report: TestReport::new(0),
            }),
            news: Event::try_new()?,
            protocol: AtomicPtr::new(core::ptr::null_mut()),
            state: SpinLock::new(State::new()),
        })
    }

    /// A run begins, of the adapter that `plan` names, for a request that came through `file`. The one before is over.
    pub fn begin(&self, plan: TestRequest, file: usize, request: Pending) {
        *self.state.lock() = State::new();
        *self.asked.lock() = Asked {
            plan,
            file,
            address: request.address(),
            begun: Instant::now(),
            request: Some(request),
            report: TestReport::new(plan.luid),
        };
    }

    /// From here on the request's sender can have it back; see [`Pending::arm`]. Before the script begins.
    ///
    /// # Safety
    /// As for [`Pending::arm`].
    pub unsafe fn arm(&self, cancel: unsafe extern "win64" fn(*mut wdk_sys::_DEVICE_OBJECT, *mut IRP)) {
        let asked = self.asked.lock();
        // SAFETY: the caller's promise.
        let wanted = asked
            .request
            .as_ref()
            .is_some_and(|request| unsafe { request.arm(cancel) });
        drop(asked);
        if wanted {
            self.abort(Status::CANCELLED);
        }
    }

    /// Whether it is the run of this request.
    pub fn is_of(&self, request: usize) -> bool {
        self.asked.lock().address == request
    }

    /// Whether it was asked for through this file.
    pub fn is_of_file(&self, file: usize) -> bool {
        self.asked.lock().file == file
    }

    /// Breaks it off. `<= DISPATCH_LEVEL`. The first reason stays.
    pub fn abort(&self, why: Status) {
        self.state.lock().aborted.get_or_insert(why);
        self.tell();
    }

    /// What the script waits for.
    pub(super) const fn news(&self) -> &Event {
        &self.news
    }

    /// What to do.
    pub fn plan(&self) -> TestRequest {
        self.asked.lock().plan
    }

    /// Wakes the script. `<= DISPATCH_LEVEL`.
    pub(super) fn tell(&self) {
        self.news.set();
    }

    /// NDIS's handle of the open of the adapter.
    pub(super) fn binding(&self) -> Handle {
        self.state.lock().adapter.handle
    }

    /// By what NDIS knows the run.
    pub(super) const fn context(this: &Ref<Self>) -> *mut c_void {
        Ref::as_ptr(this).cast_mut().cast()
    }

    /// The run behind [`Self::context`].
    ///
    /// # Safety
    /// `context` came from there, of a run that is registered.
    pub(super) unsafe fn of(context: *mut c_void) -> Ref<Self> {
        // SAFETY: the caller's promise.
        unsafe { Ref::clone_raw(context.cast::<Self>().cast_const()) }
    }

    /// Where NDIS puts the protocol driver's handle.
    pub(super) const fn protocol_place(&self) -> *mut *mut c_void {
        self.protocol.as_ptr()
    }

    /// The protocol driver's handle.
    pub(super) fn protocol(&self) -> *mut c_void {
        self.protocol.load(Ordering::Acquire)
    }

    /// What distinguishes this run's calls from those of others.
    pub(super) fn mark(&self) -> PrivateData {
        let words = {
            let asked = self.asked.lock();
            [asked.address as u64, asked.begun.ticks() ^ asked.plan.seed]
        };
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(words.into_iter().flat_map(u64::to_le_bytes)) {
            *to = from;
        }
        // 16 bytes fit.
        PrivateData::new(&bytes).unwrap_or(PrivateData::EMPTY)
    }

    /// The call of this run arrived on `side`: takes it, unless the run ends or has one.
    pub(super) fn take(this: &Ref<Self>, side: &Ref<Side>) -> bool {
        let mut state = this.state.lock();
        if !state.may_begin() || state.taker.is_some() {
            return false;
        }
        side.begin_call(state.call);
        side.continue_from(state.taken);
        side.accepted();
        state.taker = Some(side.clone());
        true
    }

    /// A message goes out, if the binding may send: the one who pauses it waits for the message from here on.
    pub(super) fn begin_send(&self) -> bool {
        let mut state = self.state.lock();
        if state.running {
            state.sending += 1;
        }
        state.running
    }

    /// Whether no message is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().sending == 0
    }

    /// What will be answered from now on.
    pub(super) fn publish(&self, report: &TestReport) {
        let mut asked = self.asked.lock();
        asked.report = *report;
        asked.report.elapsed_us = Instant::now().ticks().saturating_sub(asked.begun.ticks()) / 10;
    }

    /// The answer to the request: the report, or nothing if its sender wants it back. Once; later calls get none.
    pub(super) fn answer(&self) -> Option<Answer> {
        let (request, report) = {
            let mut asked = self.asked.lock();
            (asked.request.take()?, asked.report)
        };
        let cancelled = self.state.lock().aborted == Some(Status::CANCELLED);
        Some(Answer {
            request,
            report: (!cancelled).then_some(report),
        })
    }
}

impl Test for Run {
    fn plan(&self) -> TestRequest {
        Self::plan(self)
    }

    fn binding(&self) -> Handle {
        Self::binding(self)
    }

    fn tell(&self) {
        Self::tell(self);
    }

    fn end_sends(&self, count: u32) {
        let mut state = self.state.lock();
        state.sending = state.sending.saturating_sub(count);
    }
}

/// What the sender of a request gets.
#[must_use = "a request is completed"]
pub(super) struct Answer {
    request: Pending,
    report: Option<TestReport>,
}

impl Answer {
    /// Completes the request.
    pub(super) fn give(self) {
        match self.report {
            Some(report) => self.request.complete(Status::SUCCESS, report.bytes()),
            None => self.request.complete(Status::CANCELLED, &[]),
        }
    }
}
