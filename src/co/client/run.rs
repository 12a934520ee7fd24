//! One run of the self-test: what its script, its handlers and whoever breaks it off share.
//!
//! The client exists for the time of a run: it is registered as a protocol driver at its beginning and deregistered at its end.
//! NDIS knows it by the run, as driver, as binding, as client of the address family and as owner of the SAP.

use core::ffi::c_void;

use super::{
    report::{SideReport, TestReport, TestRequest},
    side::Side,
};
use crate::{
    co::{format::PrivateData, upcall::Handle},
    nt::{
        Event, NoMemory, Ref, SpinLock, Status,
        irp::Pending,
        sync::{AtomicPtr, Ordering},
        time::Instant,
    },
};

/// Where something with an open and a close is.
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

/// One run.
pub struct Run {
    plan: TestRequest,
    /// The open file of the request.
    file: usize,
    begun: Instant,
    /// The request, until it is answered.
    request: SpinLock<Option<Pending>>,
    /// The request's address, by which its cancellation names it.
    request_address: usize,
    news: Event,
    /// The protocol driver's handle, where NDIS puts it.
    protocol: AtomicPtr<c_void>,
    pub(super) state: SpinLock<State>,
}

impl Run {
    /// A run for the request at this address, of the adapter that `plan` names.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(plan: TestRequest, file: usize, request: usize) -> Result<Ref<Self>, NoMemory> {
        let news = Event::try_new()?;
        let state = State {
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
            taken: SideReport::default(),
        };
        Ref::try_new(Self {
            plan,
            file,
            begun: Instant::now(),
            request_address: request,
            request: SpinLock::new(None),
            news,
            protocol: AtomicPtr::new(core::ptr::null_mut()),
            state: SpinLock::new(state),
        })
    }

    /// Keeps the request, to answer it.
    pub fn keep(&self, request: Pending) {
        *self.request.lock() = Some(request);
    }

    /// From here on the request's sender can have it back; see [`Pending::arm`]. Before the script begins.
    ///
    /// # Safety
    /// As for [`Pending::arm`].
    pub unsafe fn arm(
        &self,
        cancel: unsafe extern "win64" fn(*mut wdk_sys::_DEVICE_OBJECT, *mut crate::sys::condis::IRP),
    ) {
        let request = self.request.lock();
        // SAFETY: the caller's promise.
        let wanted = request
            .as_ref()
            .is_some_and(|request| unsafe { request.arm(cancel) });
        drop(request);
        if wanted {
            self.abort(Status::CANCELLED);
        }
    }

    /// What to do.
    pub const fn plan(&self) -> &TestRequest {
        &self.plan
    }

    /// Whether it is the run of this request.
    pub const fn is_of(&self, request: usize) -> bool {
        self.request_address == request
    }

    /// Whether it was asked for through this file.
    pub const fn is_of_file(&self, file: usize) -> bool {
        self.file == file
    }

    /// Breaks it off. `<= DISPATCH_LEVEL`. The first reason stays.
    pub fn abort(&self, why: Status) {
        self.state.lock().aborted.get_or_insert(why);
        self.tell();
    }

    /// Has the script look. `<= DISPATCH_LEVEL`.
    pub(super) fn tell(&self) {
        self.news.set();
    }

    /// What the script waits for.
    pub(super) const fn news(&self) -> &Event {
        &self.news
    }

    /// By what NDIS knows the run.
    pub(super) const fn context(this: &Ref<Self>) -> *mut c_void {
        Ref::as_ptr(this).cast_mut().cast()
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
        let mut bytes = [0; 16];
        let words = [self.request_address as u64, self.begun.ticks() ^ self.plan.seed];
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

    /// Messages came back.
    pub(super) fn end_sends(&self, count: u32) {
        let mut state = self.state.lock();
        state.sending = state.sending.saturating_sub(count);
    }

    /// Whether no message is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().sending == 0
    }

    /// The answer to the request: the report, or nothing if its sender wants it back. Once; later calls get none.
    pub(super) fn answer(&self, report: &TestReport) -> Option<Answer> {
        let request = self.request.lock().take()?;
        let cancelled = self.state.lock().aborted == Some(Status::CANCELLED);
        let mut report = *report;
        report.elapsed_us = Instant::now().ticks().saturating_sub(self.begun.ticks()) / 10;
        Some(Answer {
            request,
            report: (!cancelled).then_some(report),
        })
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
