//! One side of the self-test's call: its VC, what it sends and what it gets.
//!
//! | life | meaning |
//! |---|---|
//! | none | no VC, or one that is the call manager's again (CLOSE-19) |
//! | idle | the caller's VC without a call |
//! | making | `NdisClMakeCall` pends |
//! | accepted | the taker said yes, the call is not connected |
//! | connected | data flows |
//! | closing | `NdisClCloseCall` was called |
//!
//! Only the script asks NDIS for anything; handlers note what they are told and wake it.

use core::ffi::c_void;

use super::{
    pattern::Pattern,
    report::{SideReport, TestRequest},
};
use crate::{
    co::upcall::Handle,
    nt::{
        NoMemory, Ref, SpinLock, Status,
        message::next_back,
        packet::{Buffer, Packets},
    },
    sys::ndis::NET_BUFFER_LIST,
};

/// Messages that a side may have on their way.
pub(super) const DEPTH: u32 = 8;

/// See the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    None,
    Idle,
    Making,
    Accepted,
    Connected,
    Closing,
}

/// The VC and its call.
pub(super) struct Vc {
    pub(super) handle: Handle,
    pub(super) life: Life,
    /// `NdisClMakeCall` pends, whatever else happens to the call.
    pub(super) making: bool,
    /// Where a close that fails leads back to.
    before: Life,
    /// What the last make or close came to.
    pub(super) status: Status,
    /// The call manager closed the call, with this status.
    pub(super) peer_closed: Option<Status>,
    /// The call manager deleted its VC.
    pub(super) deleted: bool,
}

/// What goes to and fro in the call that stands.
#[derive(Default)]
pub(super) struct Flow {
    call: u32,
    /// Messages of this call that were given to the adapter.
    pub(super) sent: u32,
    /// Messages of this call that arrived.
    pub(super) received: u32,
    /// Number of the message that is to arrive next, if all before it were sent.
    expected: u32,
    /// Messages that are not on their way, a bit each.
    free: u32,
    /// What went wrong first.
    pub(super) failure: Option<Status>,
}

/// What a side needs of the test that it belongs to.
pub(super) trait Test: Send + Sync {
    /// What to do.
    fn plan(&self) -> TestRequest;

    /// NDIS's handle of the client's open of the adapter.
    fn binding(&self) -> Handle;

    /// Wakes the script. `<= DISPATCH_LEVEL`.
    fn tell(&self);

    /// Messages came back.
    fn end_sends(&self, count: u32);
}

/// One side.
pub struct Side {
    test: Ref<dyn Test>,
    is_caller: bool,
    pub(super) vc: SpinLock<Vc>,
    pub(super) flow: SpinLock<Flow>,
    report: SpinLock<SideReport>,
}

impl Side {
    /// The side that calls, without a VC, or the one that takes a call on the call manager's VC `handle`.
    pub(super) fn try_new(
        test: Ref<dyn Test>,
        is_caller: bool,
        handle: Handle,
    ) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            test,
            is_caller,
            vc: SpinLock::new(Vc {
                handle,
                life: Life::None,
                making: false,
                before: Life::None,
                status: Status::SUCCESS,
                peer_closed: None,
                deleted: false,
            }),
            flow: SpinLock::new(Flow {
                free: (1 << DEPTH) - 1,
                ..Flow::default()
            }),
            report: SpinLock::new(SideReport::NOTHING),
        })
    }

    /// The test.
    pub(super) fn test(&self) -> &dyn Test {
        &*self.test
    }

    /// What it counted.
    pub(super) fn report(&self) -> SideReport {
        *self.report.lock()
    }

    /// Goes on counting where an earlier side of the same kind stopped.
    pub(super) fn continue_from(&self, earlier: SideReport) {
        *self.report.lock() = earlier;
    }

    /// Call number `call` begins.
    pub(super) fn begin_call(&self, call: u32) {
        let mut flow = self.flow.lock();
        flow.call = call;
        (flow.sent, flow.received, flow.expected) = (0, 0, 0);
    }

    /// `ProtocolClMakeCallComplete`, or the make's own result.
    pub(super) fn made(&self, status: Status) {
        {
            let mut vc = self.vc.lock();
            let life = if status == Status::SUCCESS {
                Life::Connected
            } else {
                Life::Idle
            };
            vc.making = false;
            match vc.life {
                Life::Closing => vc.before = life,
                Life::Making => vc.life = life,
                // The close that was asked for meanwhile has ended the call already.
                _ => {}
            }
            vc.status = status;
        }
        if status == Status::SUCCESS {
            self.report.lock().calls += 1;
        }
        self.test.tell();
    }

    /// The taker said yes.
    pub(super) fn accepted(&self) {
        self.vc.lock().life = Life::Accepted;
        self.report.lock().calls += 1;
    }

    /// `ProtocolClCallConnected`.
    pub(super) fn connected(&self) {
        {
            let mut vc = self.vc.lock();
            if vc.life == Life::Closing {
                vc.before = Life::Connected;
            } else {
                vc.life = Life::Connected;
            }
        }
        self.test.tell();
    }

    /// `ProtocolClIncomingCloseCall`: the script answers with a close (CLOSE-31).
    pub(super) fn peer_closed(&self, status: Status) {
        self.vc.lock().peer_closed = Some(status);
        self.report.lock().peer_closes += 1;
        self.test.tell();
    }

    /// The VC is there: the caller's, for the first of its calls.
    pub(super) fn created(&self, handle: Handle) {
        let mut vc = self.vc.lock();
        vc.handle = handle;
        vc.life = Life::Idle;
    }

    /// A call begins on the caller's VC, whose handle this is.
    pub(super) fn begin_make(&self) -> Handle {
        let mut vc = self.vc.lock();
        vc.life = Life::Making;
        vc.making = true;
        vc.peer_closed = None;
        vc.handle
    }

    /// The caller's VC, if it is there and without a call; it is not used any more.
    pub(super) fn begin_delete(&self) -> Option<Handle> {
        let mut vc = self.vc.lock();
        if vc.life != Life::Idle {
            return None;
        }
        vc.life = Life::None;
        Some(vc.handle)
    }

    /// Whether there is a call that can be closed, or is being.
    pub(super) fn has_call(&self) -> bool {
        !matches!(self.vc.lock().life, Life::None | Life::Idle)
    }

    /// Whether the caller has a VC.
    pub(super) fn has_vc(&self) -> bool {
        self.vc.lock().life != Life::None
    }

    /// A close begins: the handle to close; `None` when there is nothing to close now.
    pub(super) fn begin_close(&self) -> Option<Handle> {
        let mut vc = self.vc.lock();
        if !matches!(vc.life, Life::Making | Life::Accepted | Life::Connected) {
            return None;
        }
        vc.before = vc.life;
        vc.life = Life::Closing;
        Some(vc.handle)
    }

    /// `ProtocolClCloseCallComplete` (CLOSE-11 ... CLOSE-25), or the close's own result. The caller's VC is good for another call;
    /// the taker's handle is not used any more.
    pub(super) fn closed(&self, status: Status) {
        {
            let mut vc = self.vc.lock();
            vc.life = match status {
                Status::SUCCESS if self.is_caller => Life::Idle,
                Status::SUCCESS => Life::None,
                _ => vc.before,
            };
            vc.status = status;
        }
        {
            let mut report = self.report.lock();
            let count = if status == Status::SUCCESS {
                &mut report.closes
            } else {
                &mut report.failed_closes
            };
            *count += 1;
        }
        // A close that failed is asked for again after a pause, not at once.
        if status == Status::SUCCESS {
            self.test.tell();
        }
    }

    /// `ProtocolCoDeleteVc`.
    pub(super) fn deleted(&self) {
        self.vc.lock().deleted = true;
        self.test.tell();
    }

    /// Whether no message is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.flow.lock().free.count_ones() == DEPTH
    }

    /// Whether the call stands: nobody has closed it (CLOSE-31).
    pub(super) fn may_send(&self) -> bool {
        let vc = self.vc.lock();
        vc.life == Life::Connected && vc.peer_closed.is_none()
    }

    /// Takes a message that is not on its way for the next one of `messages`: its index, its number and its bytes.
    pub(super) fn next_message(&self, messages: u32) -> Option<(usize, Pattern)> {
        let mut flow = self.flow.lock();
        if flow.sent >= messages || flow.failure.is_some() {
            return None;
        }
        let index = flow.free.trailing_zeros();
        if index >= DEPTH {
            return None;
        }
        let pattern = Pattern::new(self.test.plan().seed, self.is_caller, flow.call, flow.sent);
        flow.free &= !(1 << index);
        flow.sent += 1;
        self.report.lock().sent += 1;
        Some((index as usize, pattern))
    }

    /// `ProtocolCoSendNetBufferListsComplete`.
    ///
    /// # Safety
    /// The chain is one of this side's messages that came back.
    pub(super) unsafe fn came_back(&self, chain: *mut NET_BUFFER_LIST) {
        let mut rest = chain;
        let mut count = 0;
        // SAFETY: the caller's promise.
        while let Some((index, status, next)) = unsafe { next_back(rest) } {
            let mut flow = self.flow.lock();
            if status != Status::SUCCESS.0 {
                flow.failure.get_or_insert(Status(status));
                self.report.lock().unsent += 1;
            }
            // From here on the script may use it again.
            flow.free |= 1_u32.checked_shl(index as u32).unwrap_or(0);
            count += 1;
            rest = next;
        }
        self.test.end_sends(count);
        self.test.tell();
    }

    /// `ProtocolCoReceiveNetBufferLists`: looks at all messages of a chain, which stays as it is.
    pub(super) fn receive(&self, packets: &Packets) {
        packets.each_buffer(|buffer| self.arrived(buffer));
        self.test.tell();
    }

    fn arrived(&self, buffer: Buffer) {
        let plan = self.test.plan();
        let mut flow = self.flow.lock();
        // Those under way with a message that could not be sent arrive without it; its sender was told.
        let last = flow.expected.saturating_add(DEPTH).min(plan.messages);
        let number = (flow.expected..last).find(|number| self.carries(&plan, &buffer, flow.call, *number));
        flow.expected = number.unwrap_or(flow.expected).saturating_add(1);
        flow.received = flow.received.saturating_add(1);
        let mut report = self.report.lock();
        report.received += 1;
        report.received_bytes += buffer.len() as u64;
        if number.is_none() {
            report.damaged += 1;
            flow.failure.get_or_insert(Status::NDIS_INVALID_DATA);
        }
    }

    /// Whether a buffer holds message `number` of call `call`, and nothing else.
    fn carries(&self, plan: &TestRequest, buffer: &Buffer, call: u32, number: u32) -> bool {
        let mut pattern = Pattern::new(plan.seed, !self.is_caller, call, number);
        let mut same = buffer.len() == plan.message_size as usize;
        let reached = same
            && buffer.data().is_some_and(|(mdl, offset)| {
                mdl.read(offset as usize, buffer.len(), |piece| {
                    same = same && pattern.matches(piece);
                })
            });
        same && reached
    }

    /// What NDIS calls the call manager's VC by: stands for a reference until [`Self::forget_context`].
    pub(super) fn give_context(this: Ref<Self>) -> *mut c_void {
        Ref::into_raw(this).cast_mut().cast()
    }

    /// Takes back what [`Self::give_context`] gave away.
    ///
    /// # Safety
    /// The context came from there, and NDIS does not use it any more.
    pub(super) unsafe fn forget_context(context: *mut c_void) -> Ref<Self> {
        // SAFETY: the caller's promise.
        unsafe { Ref::from_raw(context.cast::<Self>().cast_const()) }
    }
}
