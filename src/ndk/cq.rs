//! Completion queues: retrieval, arming, notification.

use core::{ffi::c_void, ptr};

use super::{
    adapter::Adapter,
    callback::{Context, CqNotification},
    notify::{Arm, Armed, Notify},
    object::{Hold, Kind, Object, Tables},
    services::{Services, count},
    status,
    users::Users,
};
use crate::{
    dyn_ref,
    hw::{
        self, ArmKind, Completed, CompletionTarget, CqParams, Cqe, CqeOpcode, CqeSyndrome, Moderation, Qpn,
        WqeKind, cq::CqFault,
    },
    nt::{
        NoMemory, Once, Passive, Ref, SpinLock, Status,
        sync::{AtomicU32, Ordering},
    },
    sys::ndkpi::{
        NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, NDK_CQ, NDK_OBJECT_TYPE, NDK_OPERATION_TYPE,
        NdkObjectTypeCq, NdkOperationTypeFastRegister, NdkOperationTypeInvalidate, NdkOperationTypeRead,
        NdkOperationTypeReceive, NdkOperationTypeReceiveAndInvalidate, NdkOperationTypeSend,
        NdkOperationTypeWrite,
    },
};

/// The device writes the queue.
const WORKS: u32 = 0;
/// It broke: nothing is read from it any more (CQ-32).
const BROKEN: u32 = 1;
/// The device is dead: what it wrote is read, and then what was outstanding is cancelled in software.
const LOST: u32 = 2;
/// The device writes the queue, but has forgotten queue pairs: what those had outstanding is cancelled in software.
const ADOPTING: u32 = 3;
/// The job that gives a new moderation to the device.
const MODERATE: u32 = 1;
/// The job that tells of requests which the dead device left.
const TELL: u32 = 2;
/// No limit, in `NdkControlCqInterruptModeration`.
const UNLIMITED: u32 = u32::MAX;
/// The device's longest moderation period, in microseconds.
const MAX_PERIOD_US: u32 = 4095;

/// A completion as consumers read it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// How the request ended.
    pub status: Status,
    /// Bytes received (CQ-06).
    pub bytes: u32,
    /// The queue pair's context (CREATE-16).
    pub qp_context: Context,
    /// The request's context (QP-09), as a number.
    pub request_context: u64,
    /// What the request was.
    pub kind: NDK_OPERATION_TYPE,
    /// For receives that invalidated a token: the token (CQ-04).
    pub token: u32,
}

impl Entry {
    /// No completion.
    const NONE: Self = Self {
        status: Status::SUCCESS,
        bytes: 0,
        qp_context: Context::new(core::ptr::null_mut()),
        request_context: 0,
        kind: 0,
        token: 0,
    };
}

/// A queue pair, as the completion queues that it completes on see it.
pub trait User: Kind {
    /// Its number, once the device has given it one.
    fn number(&self) -> Option<Qpn>;

    /// The consumer's context.
    fn context(&self) -> Context;

    /// Takes the receive of a completion off its queue; `None` when it is not outstanding.
    fn receive_done(&self, counter: u16) -> Option<u64>;

    /// Takes the initiator request of a completion off its queue, with the silent ones before it (QP-14).
    fn request_done(&self, counter: u16) -> Option<Completed>;

    /// The same, for a completion with an error.
    fn request_failed(&self, counter: u16) -> Option<Completed>;

    /// Whether its requests are cancelled in software, because the device has forgotten them.
    fn is_orphaned(&self) -> bool;

    /// Whether requests that complete on `cq` are outstanding.
    fn is_outstanding(&self, cq: &Cq<Self>) -> bool;

    /// Takes the oldest request that completes on `cq` off its queue, for a device that will not complete it.
    fn cancel_one(&self, cq: &Cq<Self>) -> Option<Entry>;

    /// It has failed: its connection is over (QP-64, QP-68). `<= DISPATCH_LEVEL`, locks of completion queues may be held.
    fn broke(&self);
}

/// A completion queue.
pub struct Cq<Q: User> {
    services: Ref<Services>,
    hw: Once<hw::Cq>,
    depth: u32,
    notification: CqNotification,
    notify: Notify,
    /// [`WORKS`], [`BROKEN`], [`LOST`] or [`ADOPTING`].
    state: AtomicU32,
    // Microseconds in the high half, completions in the low.
    moderation: AtomicU32,
    users: SpinLock<Users<Q>>,
}

impl<Q: User> Kind for Cq<Q> {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeCq;
    type Raw = NDK_CQ;
    type Antecedents = Hold<Adapter>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.cq).cast()
    }

    fn needs_teardown(&self) -> bool {
        true
    }

    fn teardown(&self, passive: Passive<'_>) {
        if let Some(hw) = self.hw.get() {
            hw.destroy(passive);
        }
    }

    fn work(this: &Ref<Object<Self>>, job: u32, passive: Passive<'_>) {
        if job == TELL {
            this.tell_cancellations();
        }
        if job == MODERATE
            && let Some(hw) = this.kind().hw.get()
        {
            let packed = this.kind().moderation.load(Ordering::Acquire);
            let moderation = Moderation {
                period_us: (packed >> 16) as u16,
                count: packed as u16,
            };
            // A device that refuses keeps the old setting; nobody waits for the new one (CQ-58).
            let _ = hw.moderate(moderation, passive);
        }
    }
}

impl<Q: User> Cq<Q> {
    /// Makes a queue: not armed, not moderated (CREATE-11, CREATE-12).
    ///
    /// # Errors
    /// No memory, or the device refused.
    pub fn create(
        adapter: Hold<Adapter>,
        depth: u32,
        notification: CqNotification,
        vector: u32,
        passive: Passive<'_>,
    ) -> Result<Ref<Object<Self>>, Status> {
        let identity = adapter.object().identity();
        let services = adapter.services().clone();
        let kind = Self {
            services,
            hw: Once::new(),
            depth,
            notification,
            notify: Notify::new(),
            state: AtomicU32::new(WORKS),
            moderation: AtomicU32::new(0),
            users: SpinLock::new(Users::new()),
        };
        let cq = Object::try_new(identity, adapter, kind)?;
        let device = cq.kind().services.device();
        let params = CqParams {
            entries: depth,
            vector,
        };
        let hw = hw::Cq::create(device, params, passive)?;
        hw.attach(dyn_ref!(cq.clone() => dyn CompletionTarget));
        // The place is empty: nobody else has seen the object.
        let _ = cq.kind().hw.set(hw);
        if device.is_dead() {
            // All queues that were known then have been told: this one perhaps not.
            cq.device_lost();
        }
        Ok(cq)
    }

    /// The device's queue.
    ///
    /// # Errors
    /// Not made: cannot happen on an object that was handed out.
    pub fn hw(&self) -> Result<&hw::Cq, Status> {
        self.hw.get().ok_or(Status::INTERNAL_ERROR)
    }

    /// `NdkGetCqResults` and `NdkGetCqResultsEx`: takes up to `limit` completions, oldest first, and gives each to `sink`.
    /// Returns how many (CQ-03, CQ-07). `<= DISPATCH_LEVEL`; the consumer serialises (CQ-01).
    #[inline]
    pub fn poll(&self, limit: u32, mut sink: impl FnMut(u32, &Entry)) -> u32 {
        let Some(hw) = self.hw.get() else { return 0 };
        // Excludes the teardown of queue pairs, whose completions nobody may read any more (QP-69).
        let mut users = self.users.lock();
        let state = self.state.load(Ordering::Relaxed);
        if state == BROKEN {
            return 0;
        }
        let mut taken = 0;
        let mut seen = false;
        while taken < limit {
            let Some(cqe) = hw.poll() else { break };
            seen = true;
            if let Some(qp) = users.find(cqe.qpn())
                && let Some(entry) = translate(qp, &cqe)
            {
                sink(taken, &entry);
                taken += 1;
            }
        }
        if seen {
            hw.commit();
        }
        if state >= LOST {
            while taken < limit
                && let Some(entry) = self.cancel_one(&users)
            {
                sink(taken, &entry);
                taken += 1;
            }
        }
        taken
    }

    /// Takes a request that the device will not complete off its queue.
    #[cold]
    #[inline(never)]
    fn cancel_one(&self, users: &Users<Q>) -> Option<Entry> {
        users.find_map(|qp| self.is_cancelling(qp).then(|| qp.cancel_one(self)).flatten())
    }

    /// Whether the requests of `qp` are cancelled in software.
    fn is_cancelling(&self, qp: &Q) -> bool {
        match self.state.load(Ordering::Relaxed) {
            LOST => true,
            ADOPTING => qp.is_orphaned(),
            _ => false,
        }
    }

    /// Whether the device left requests that complete here.
    fn has_cancellations(&self) -> bool {
        let waits = |qp: &Q| (self.is_cancelling(qp) && qp.is_outstanding(self)).then_some(());
        self.users.lock().find_map(waits).is_some()
    }

    /// Completions of `qp` are read from now on.
    ///
    /// # Errors
    /// No memory.
    pub fn attach(&self, qp: &Ref<Object<Q>>) -> Result<(), NoMemory> {
        let qpn = qp.kind().number().ok_or(NoMemory)?;
        let mut users = self.users.lock();
        if users.add(qpn, qp.clone())?
            && let Some(hw) = self.hw.get()
        {
            // What is unread yet is of the one that had the number before.
            hw.disown(qpn);
        }
        Ok(())
    }

    /// Forgets a queue pair, before the device has its number back: its completions are nobody's from now on.
    pub fn detach(&self, qp: &Q) {
        let Some(qpn) = qp.number() else { return };
        let removed = self.users.lock().remove(qpn);
        drop(removed);
    }

    /// A request was posted that no device may be there for: if so, who waits for completions is called, soon, and not on the stack of
    /// the post (LIFE-21).
    pub(super) fn left_behind(this: &Ref<Object<Self>>) {
        if this.kind().state.load(Ordering::Relaxed) == LOST {
            Object::schedule(this, TELL);
        }
    }

    /// `NdkControlCqInterruptModeration` (CQ-50..CQ-58).
    fn moderation(&self, interval_us: u32, completions: u32) -> Result<u32, Status> {
        let info = self.services.info();
        if info.AdapterFlags & NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED == 0 {
            return Err(Status::NOT_SUPPORTED);
        }
        let uncounted = completions == UNLIMITED || completions > self.depth;
        if interval_us == UNLIMITED && uncounted {
            return Err(Status::INVALID_PARAMETER_MIX);
        }
        if interval_us == 0 || completions <= 1 {
            return Ok(0);
        }
        let count = if uncounted {
            u32::from(u16::MAX)
        } else {
            completions.min(u32::from(u16::MAX))
        };
        Ok(interval_us.min(MAX_PERIOD_US) << 16 | count)
    }
}

impl<Q: User> Object<Cq<Q>> {
    /// `NdkArmCq`. `<= DISPATCH_LEVEL`; the consumer serialises with polling (CQ-01). Never fails (CQ-21).
    pub fn arm(&self, wanted: Arm) {
        let cq = self.kind();
        match cq.notify.arm(wanted) {
            Armed::Nothing => {}
            Armed::Device(arm) => {
                let kind = if arm == Arm::Any {
                    ArmKind::Any
                } else {
                    ArmKind::Solicited
                };
                if let Some(hw) = cq.hw.get() {
                    hw.arm(kind);
                }
                if cq.state.load(Ordering::Relaxed) >= LOST {
                    self.armed_after_loss();
                }
            }
            Armed::Call(status) => self.notify(Some(status)),
        }
    }

    /// `NdkControlCqInterruptModeration`: never pends (CQ-50); the device gets to know soon (CQ-58).
    pub fn moderate(this: &Ref<Self>, interval_us: u32, completions: u32) -> Status {
        match this.kind().moderation(interval_us, completions) {
            Ok(packed) => {
                this.kind().moderation.store(packed, Ordering::Release);
                Self::schedule(this, MODERATE);
                Status::SUCCESS
            }
            Err(status) => status,
        }
    }

    /// The device has forgotten a queue pair of this queue: what it had outstanding is cancelled from now on.
    #[cold]
    pub(super) fn adopt(&self) {
        // Fails when the queue is past that, or broken (CQ-32).
        let _ = self
            .kind()
            .state
            .compare_exchange(WORKS, ADOPTING, Ordering::Relaxed, Ordering::Relaxed);
        self.tell_cancellations();
    }

    /// An arm after the device died. Inside a callback what is unread is told by a job: who arms there and polls elsewhere would be
    /// called on this stack until that poll, which may wait for this processor (LIFE-21).
    #[cold]
    #[inline(never)]
    fn armed_after_loss(&self) {
        if !self.kind().notify.is_running() {
            self.tell_cancellations();
        } else if let Some(this) = self.myself() {
            Self::schedule(&this, TELL);
        }
    }

    /// The device will not complete everything: who waits is called if there is something to read.
    #[cold]
    #[inline(never)]
    fn tell_cancellations(&self) {
        let cq = self.kind();
        if cq.has_cancellations() {
            self.notify(cq.notify.completed());
        }
    }

    /// Calls the consumer back, as often as there is something to say; none of the calls overlap (CQ-14).
    fn notify(&self, first: Option<Status>) {
        let Some(mut status) = first else { return };
        // Held until the callbacks have returned; not taken any more once the close began (CQ-25).
        let hold = self.myself().and_then(|this| Self::event(&this));
        loop {
            if hold.is_some() {
                self.kind().notification.call(status);
            }
            match self.kind().notify.returned() {
                Some(next) => status = next,
                None => break,
            }
        }
    }
}

impl<Q: User> CompletionTarget for Object<Cq<Q>> {
    fn completed(&self) {
        self.notify(self.kind().notify.completed());
    }

    fn failed(&self, fault: CqFault) {
        let cq = self.kind();
        let status = if fault == CqFault::Overrun {
            Status::BUFFER_OVERFLOW
        } else {
            Status::INTERNAL_ERROR
        };
        let (first, call) = cq.notify.failed(status);
        if first {
            cq.state.store(BROKEN, Ordering::Relaxed);
            count(&cq.services.counters().cq_error);
            // Every queue pair on it is unusable (CQ-32).
            cq.users.lock().for_each(Q::broke);
        }
        self.notify(call);
    }

    fn device_lost(&self) {
        let cq = self.kind();
        let lost = |state| (state == WORKS || state == ADOPTING).then_some(LOST);
        let works = cq.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lost);
        if works.is_ok() {
            // No post is accepted afterwards, but for receives.
            cq.users.lock().for_each(Q::broke);
            self.tell_cancellations();
            // A post beside this may have seen the device alive while its request was on the way to memory: one more look, later.
            if let Some(this) = self.myself() {
                Self::schedule(&this, TELL);
            }
        }
    }
}

/// What a completion of `qp` means to its consumer; `None` when it is not of a request, or of one that is not outstanding.
#[inline(always)]
fn translate<Q: User>(qp: &Q, cqe: &Cqe<'_>) -> Option<Entry> {
    if cqe.is_requester() {
        return qp
            .request_done(cqe.counter())
            .map(|done| requested(qp, done, Status::SUCCESS));
    }
    if cqe.is_receive() {
        return received(qp, cqe, Status::SUCCESS, NdkOperationTypeReceive);
    }
    let mut entry = Entry::NONE;
    translate_rare(qp, *cqe, &mut entry).then_some(entry)
}

/// The completions that are not expected again and again. Not inlined, and in the consumer's calling convention, so that the others keep
/// no registers for it. Whether there is an entry.
#[cold]
#[inline(never)]
extern "win64" fn translate_rare<Q: User>(qp: &Q, cqe: Cqe<'_>, place: &mut Entry) -> bool {
    let entry = match cqe.opcode() {
        CqeOpcode::ReceiveImmediate | CqeOpcode::WriteImmediate => {
            received(qp, &cqe, Status::SUCCESS, NdkOperationTypeReceive)
        }
        CqeOpcode::ReceiveInvalidate(key) => {
            received(qp, &cqe, Status::SUCCESS, NdkOperationTypeReceiveAndInvalidate).map(|entry| Entry {
                token: key.0,
                ..entry
            })
        }
        CqeOpcode::RequesterError(syndrome) => {
            let status = failure(qp, syndrome, false);
            qp.request_failed(cqe.counter())
                .map(|done| requested(qp, done, status))
        }
        CqeOpcode::ResponderError(syndrome) => {
            received(qp, &cqe, failure(qp, syndrome, true), NdkOperationTypeReceive)
                .map(|entry| Entry { bytes: 0, ..entry })
        }
        CqeOpcode::Requester | CqeOpcode::Receive | CqeOpcode::Unknown(_) => None,
    };
    if let Some(entry) = entry {
        *place = entry;
    }
    entry.is_some()
}

/// The entry of an initiator request.
#[inline(always)]
fn requested<Q: User>(qp: &Q, done: Completed, status: Status) -> Entry {
    Entry {
        status,
        bytes: 0,
        qp_context: qp.context(),
        request_context: done.context,
        kind: operation(done.kind),
        token: 0,
    }
}

/// The entry of a receive.
#[inline(always)]
fn received<Q: User>(qp: &Q, cqe: &Cqe<'_>, status: Status, kind: NDK_OPERATION_TYPE) -> Option<Entry> {
    let request_context = qp.receive_done(cqe.counter())?;
    Some(Entry {
        status,
        bytes: cqe.byte_count(),
        qp_context: qp.context(),
        request_context,
        kind,
        token: 0,
    })
}

/// A request failed: the connection is over (QP-64).
#[cold]
fn failure<Q: User>(qp: &Q, syndrome: CqeSyndrome, receive: bool) -> Status {
    let status = status::of_completion(syndrome, receive);
    if status != Status::CANCELLED {
        qp.broke();
    }
    status
}

/// The entry of a request that a dead device left.
pub(super) fn cancelled<Q: User>(qp: &Q, request_context: u64, kind: NDK_OPERATION_TYPE) -> Entry {
    Entry {
        status: Status::CANCELLED,
        qp_context: qp.context(),
        request_context,
        kind,
        ..Entry::NONE
    }
}

/// What requests are to the consumer, by their kinds; as long as a power of 2, so that no index is out of bounds.
const OPERATIONS: [NDK_OPERATION_TYPE; 8] = {
    let mut table = [NdkOperationTypeInvalidate; 8];
    table[WqeKind::Send as usize] = NdkOperationTypeSend;
    table[WqeKind::Write as usize] = NdkOperationTypeWrite;
    table[WqeKind::Read as usize] = NdkOperationTypeRead;
    table[WqeKind::FastRegister as usize] = NdkOperationTypeFastRegister;
    table
};

#[inline(always)]
pub(super) const fn operation(kind: WqeKind) -> NDK_OPERATION_TYPE {
    OPERATIONS[kind as usize % OPERATIONS.len()]
}
