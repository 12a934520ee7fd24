//! Queue pairs: their states and transitions. Posting is in [`super::post`].
//!
//! | state | entered by | initiator posts | next |
//! |---|---|---|---|
//! | free | creation; a connect that failed | `CONNECTION_INVALID` | claimed, dead |
//! | claimed | Connect, Accept | `CONNECTION_INVALID` | receiving, free, dead |
//! | receiving | the device is ready to receive | `CONNECTION_INVALID` | connected, claimed, dead |
//! | connected | the device is ready to send | accepted | dead |
//! | dead | Flush, disconnect, an error, connector close | `CONNECTION_INVALID` | - (QP-66) |
//!
//! Receives are accepted in every state (QP-12); a dead queue pair's device flushes them. A device that is dead itself, or that had to
//! forget the queue pair, leaves requests outstanding: the completion queue cancels them in software.

use core::{ffi::c_void, ptr};

use super::{
    callback::Context,
    cq::{self, Cq, Entry, User},
    object::{Hold, Kind, Object, Tables},
    pd::{Member, Pd},
    services::Services,
};
use crate::{
    cm::QpParameters,
    dyn_ref,
    hw::{self, Completed, End, QpEvent, QpKind, QpParams, QpTarget, Qpn, ReadyToSend},
    nt::{
        Once, Passive, Ref, SpinLock, Status,
        sync::{AtomicBool, AtomicU32, Ordering},
    },
    sys::{
        ndis::NDK_ADAPTER_INFO,
        ndkpi::{NDK_OBJECT_TYPE, NDK_QP, NdkObjectTypeQp, NdkOperationTypeReceive},
    },
};

/// The job that moves the queue pair into the error state.
const FLUSH: u32 = 1;

/// States; see the module's page.
const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const RECEIVING: u32 = 2;
pub(super) const CONNECTED: u32 = 3;
const DEAD: u32 = 4;

/// How far a queue pair's requests are ended.
const NOT_FLUSHED: u32 = 0;
/// Somebody sees to it, and waits for the device.
const FLUSHING: u32 = 1;
/// The device touches no memory for them any more.
const FLUSHED: u32 = 2;

/// What a consumer asks for at creation.
#[derive(Clone, Copy, Debug)]
pub struct QpLimits {
    /// Returned in every result (CREATE-16).
    pub context: Context,
    /// Receives outstanding.
    pub receive_depth: u32,
    /// Initiator requests outstanding.
    pub initiator_depth: u32,
    /// Pieces of a receive.
    pub receive_sges: u32,
    /// Pieces of an initiator request.
    pub initiator_sges: u32,
    /// Bytes of inline data of a request.
    pub inline_bytes: u32,
}

impl QpLimits {
    /// Whether the adapter can do that (CREATE-13).
    pub const fn are_within(&self, info: &NDK_ADAPTER_INFO) -> bool {
        self.receive_depth <= info.MaxReceiveQueueDepth
            && self.initiator_depth <= info.MaxInitiatorQueueDepth
            && self.receive_sges <= info.MaxReceiveRequestSge
            && self.initiator_sges <= info.MaxInitiatorRequestSge
            && self.inline_bytes <= info.MaxInlineDataSize
    }
}

/// The objects that a queue pair was made from.
#[derive(Clone)]
pub struct Antecedents {
    /// Its domain.
    pub pd: Hold<Pd>,
    /// Where receives complete.
    pub receive_cq: Hold<Cq<Qp>>,
    /// Where initiator requests complete.
    pub initiator_cq: Hold<Cq<Qp>>,
}

/// Whose connection a queue pair carries.
pub trait Owner: Send + Sync {
    /// The device saw the peer's first packet, which is as good as its word that it is ready.
    fn communication_established(&self);

    /// The queue pair failed. `<= DISPATCH_LEVEL`, locks of completion queues may be held.
    fn broke(&self);
}

/// A queue pair.
pub struct Qp {
    services: Ref<Services>,
    pub(super) hw: Once<hw::Qp>,
    pub(super) state: AtomicU32,
    pub(super) limits: QpLimits,
    // One more than the pieces of a read that takes one element of the device's queue, or 0 when the connection has no reads: what
    // a read that is posted straight away has less of.
    pub(super) read_bound: AtomicU32,
    // What makes it ready to send, from ready-to-receive on.
    later: SpinLock<Option<ReadyToSend>>,
    // The peer has sent something: receives may have been used.
    heard: AtomicBool,
    flush: AtomicU32,
    /// The device has forgotten its requests, which are cancelled in software.
    orphaned: AtomicBool,
    max_read_sges: u32,
    pd: Ref<Object<Pd>>,
    receive_cq: Ref<Object<Cq<Self>>>,
    initiator_cq: Ref<Object<Cq<Self>>>,
    // The connector that claimed it, until that is closed.
    owner: SpinLock<Option<Ref<dyn Owner>>>,
}

impl Kind for Qp {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeQp;
    type Raw = NDK_QP;
    type Antecedents = Antecedents;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.qp).cast()
    }

    /// What is outstanding is flushed also while the close pends on a connector (QP-69).
    fn closing(this: &Ref<Object<Self>>) {
        if matches!(
            this.kind().state.swap(DEAD, Ordering::AcqRel),
            RECEIVING | CONNECTED
        ) {
            Object::schedule(this, FLUSH);
        }
    }

    fn needs_teardown(&self) -> bool {
        true
    }

    fn teardown(&self, passive: Passive<'_>) {
        if let Some(hw) = self.hw.get() {
            self.pd.kind().delist(hw.number());
            hw.destroy(passive, || {
                self.initiator_cq.kind().detach(self);
                self.receive_cq.kind().detach(self);
            });
        }
    }

    fn work(this: &Ref<Object<Self>>, job: u32, passive: Passive<'_>) {
        if job == FLUSH {
            this.kind().flush_now(passive);
        }
    }
}

impl Qp {
    /// Makes a queue pair that receives may be posted to (QP-12).
    ///
    /// # Errors
    /// No memory, or the device refused; nothing stays allocated.
    pub fn create(
        antecedents: Antecedents,
        limits: QpLimits,
        passive: Passive<'_>,
    ) -> Result<Ref<Object<Self>>, Status> {
        let identity = antecedents.pd.object().identity();
        let services = antecedents.pd.services().clone();
        let max_read_sges = services.info().MaxReadRequestSge;
        let kind = Self {
            read_bound: AtomicU32::new(max_read_sges.min(hw::MAX_READ_SGES) + 1),
            later: SpinLock::new(None),
            heard: AtomicBool::new(false),
            max_read_sges,
            pd: antecedents.pd.object().clone(),
            services,
            hw: Once::new(),
            state: AtomicU32::new(FREE),
            limits,
            flush: AtomicU32::new(NOT_FLUSHED),
            orphaned: AtomicBool::new(false),
            receive_cq: antecedents.receive_cq.object().clone(),
            initiator_cq: antecedents.initiator_cq.object().clone(),
            owner: SpinLock::new(None),
        };
        let qp = Object::try_new(identity, antecedents, kind)?;
        let made = Self::make(&qp, passive);
        if made.is_err() {
            qp.kind().teardown(passive);
        }
        made.map(|()| qp)
    }

    fn make(this: &Ref<Object<Self>>, passive: Passive<'_>) -> Result<(), Status> {
        let qp = this.kind();
        let limits = &qp.limits;
        let params = QpParams {
            kind: QpKind::Rc,
            pd: qp.pd.kind().hw()?,
            send_cq: qp.initiator_cq.kind().hw()?,
            receive_cq: qp.receive_cq.kind().hw()?,
            send_depth: limits.initiator_depth,
            // What the adapter advertises can be made; see `limits`.
            may_crowd: true,
            // Reads have a limit of their own, which overrides that of the queue (QP-16).
            send_sges: limits.initiator_sges.max(qp.max_read_sges),
            inline_bytes: limits.inline_bytes,
            fast_register_pages: qp.services.info().FRMRPageCount,
            receive_depth: limits.receive_depth,
            receive_sges: limits.receive_sges,
            user_index: 0,
        };
        let hw = hw::Qp::create(qp.services.device(), &params, passive)?;
        // The place is empty: nobody else has seen the object.
        let _ = qp.hw.set(hw);
        let hw = qp.hw()?;
        hw.attach(dyn_ref!(this.clone() => dyn QpTarget));
        if qp.pd.kind().enlist(dyn_ref!(this.clone() => dyn Member))? {
            hw.enable_page_lists(passive)?;
        }
        qp.initiator_cq.kind().attach(this)?;
        qp.receive_cq.kind().attach(this)?;
        hw.to_init(passive).map_err(Status::from)
    }

    /// Its number, once the device has given it one.
    pub fn number(&self) -> Option<Qpn> {
        self.hw.get().map(hw::Qp::number)
    }

    fn hw(&self) -> Result<&hw::Qp, Status> {
        self.hw.get().ok_or(Status::INTERNAL_ERROR)
    }

    /// The most pieces of a read (QP-16).
    pub(super) const fn max_read_sges(&self) -> u32 {
        self.max_read_sges
    }

    /// Whether it was flushed or has failed.
    #[inline]
    pub(super) fn is_dead(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DEAD
    }

    /// A receive was posted after the end: a dead device will not complete it, and who waits for completions is told. In the consumer's
    /// calling convention, so that posts keep no registers for it.
    #[cold]
    #[inline(never)]
    pub(super) extern "win64" fn received_late(&self) {
        Cq::left_behind(&self.receive_cq);
    }

    /// Takes the queue pair for a connection.
    ///
    /// # Errors
    /// `CONNECTION_ACTIVE` when it has or had one (CONN-13, CONN-68); `CONNECTION_INVALID` when it was flushed.
    pub fn claim(&self, owner: Ref<dyn Owner>) -> Result<(), Status> {
        match self
            .state
            .compare_exchange(FREE, CLAIMED, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => {
                *self.owner.lock() = Some(owner);
                Ok(())
            }
            Err(DEAD) => Err(Status::CONNECTION_INVALID),
            Err(_) => Err(Status::CONNECTION_ACTIVE),
        }
    }

    /// Gives the queue pair back: a connect that failed leaves it as it was (CONN-12).
    pub fn release(&self) {
        // Fails when it was flushed meanwhile or is connected: then it stays what it is.
        let _ = self
            .state
            .compare_exchange(CLAIMED, FREE, Ordering::AcqRel, Ordering::Acquire);
        let owner = self.owner.lock().take();
        drop(owner);
    }

    /// Makes a claimed queue pair ready to receive.
    ///
    /// # Errors
    /// The device refused, or the queue pair was flushed meanwhile (`CONNECTION_ABORTED`).
    pub fn ready_to_receive(&self, parameters: &QpParameters, passive: Passive<'_>) -> Result<(), Status> {
        let limits = parameters.limits;
        self.hw()?
            .to_ready_to_receive(&parameters.ready_to_receive(limits, true), passive)?;
        *self.later.lock() = Some(parameters.ready_to_send(limits));
        self.advance(CLAIMED, RECEIVING)
    }

    /// Makes a queue pair that is ready to receive ready to send, too. Initiator requests are accepted from now on.
    ///
    /// # Errors
    /// The device refused, or the queue pair was flushed meanwhile (`CONNECTION_ABORTED`).
    pub fn ready_to_send(&self, passive: Passive<'_>) -> Result<(), Status> {
        let later = self.later.lock().take().ok_or(Status::CONNECTION_ABORTED)?;
        if self.state.load(Ordering::Acquire) != RECEIVING {
            return Err(Status::CONNECTION_ABORTED);
        }
        self.hw()?.to_ready_to_send(&later, passive)?;
        if later.initiator_depth == 0 {
            // The device would send one, which the peer answers by ending the connection (QP-50).
            self.read_bound.store(0, Ordering::Relaxed);
        }
        self.advance(RECEIVING, CONNECTED)
    }

    fn advance(&self, from: u32, to: u32) -> Result<(), Status> {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .map_or(Err(Status::CONNECTION_ABORTED), |_| Ok(()))
    }

    /// Takes [`Self::ready_to_receive`] back, as far as that goes: a queue pair whose peer has not been heard of, because it has not
    /// been told that it may send, can be connected again (CONN-12). Otherwise it stays what it is, and is flushed.
    pub fn step_back(&self, passive: Passive<'_>) {
        let Some(hw) = self.hw.get() else { return };
        let unused = !self.heard.load(Ordering::Acquire) && hw.receive().is_untouched();
        if unused && hw.back_to_init(passive).is_ok() {
            // Fails when it was flushed meanwhile: then it stays dead.
            let _ = self.advance(RECEIVING, CLAIMED);
        }
    }

    /// Whether the device may still be sending or receiving for a connection.
    pub fn needs_flush(&self) -> bool {
        self.state.load(Ordering::Acquire) >= RECEIVING && self.flush.load(Ordering::Acquire) != FLUSHED
    }

    /// Ends all requests (QP-60, CONN-62): the device touches consumers' memory no more when this returns (QP-70), whoever it was that
    /// asked first.
    pub fn flush_now(&self, passive: Passive<'_>) {
        self.state.store(DEAD, Ordering::Release);
        let Some(hw) = self.hw.get() else { return };
        let first = self
            .flush
            .compare_exchange(NOT_FLUSHED, FLUSHING, Ordering::AcqRel, Ordering::Acquire);
        match first {
            Ok(_) => {
                if hw.end_requests(passive) == End::InSoftware {
                    self.orphan();
                }
                self.flush.store(FLUSHED, Ordering::Release);
            }
            Err(_) => {
                // Bounded: whoever is at it waits for a few commands at most, the first late one of which ends the device.
                while self.flush.load(Ordering::Acquire) == FLUSHING {
                    passive.sleep_ms(1);
                }
            }
        }
        if !self.is_orphaned() {
            // Deferred requests are accepted ones: the device has to see them to flush them (QP-35).
            hw.send().ring_beside_posts();
        }
    }

    /// The device has forgotten all requests: they are cancelled in software.
    #[cold]
    fn orphan(&self) {
        self.orphaned.store(true, Ordering::Release);
        self.receive_cq.adopt();
        if !Ref::ptr_eq(&self.receive_cq, &self.initiator_cq) {
            self.initiator_cq.adopt();
        }
    }
}

impl User for Qp {
    fn number(&self) -> Option<Qpn> {
        self.number()
    }

    #[inline]
    fn context(&self) -> Context {
        self.limits.context
    }

    #[inline]
    fn receive_done(&self, counter: u16) -> Option<u64> {
        self.hw.get()?.receive().complete(counter).ok()
    }

    #[inline]
    fn request_done(&self, counter: u16) -> Option<Completed> {
        self.hw.get()?.send().complete(counter).ok()
    }

    fn request_failed(&self, counter: u16) -> Option<Completed> {
        self.hw.get()?.send().fail(counter).ok()
    }

    fn is_orphaned(&self) -> bool {
        self.orphaned.load(Ordering::Acquire)
    }

    fn cancel_one(&self, cq: &Cq<Self>) -> Option<Entry> {
        let hw = self.hw.get()?;
        if ptr::eq(self.receive_cq.kind(), cq)
            && let Some(context) = hw.receive().pop()
        {
            return Some(cq::cancelled(self, context, NdkOperationTypeReceive));
        }
        if !ptr::eq(self.initiator_cq.kind(), cq) {
            return None;
        }
        let done = hw.send().pop()?;
        Some(cq::cancelled(self, done.context, cq::operation(done.kind)))
    }

    fn is_outstanding(&self, cq: &Cq<Self>) -> bool {
        self.hw.get().is_some_and(|hw| {
            ptr::eq(self.receive_cq.kind(), cq) && !hw.receive().is_empty()
                || ptr::eq(self.initiator_cq.kind(), cq) && !hw.send().is_empty()
        })
    }

    fn broke(&self) {
        let before = self.state.swap(DEAD, Ordering::AcqRel);
        if before == FREE || before == DEAD {
            return;
        }
        let owner = self.owner.lock().clone();
        if let Some(owner) = owner {
            owner.broke();
        }
    }
}

impl Member for Object<Qp> {
    fn number(&self) -> Option<Qpn> {
        self.kind().number()
    }

    fn enable_page_lists(&self, passive: Passive<'_>) -> Result<(), Status> {
        Ok(self.kind().hw()?.enable_page_lists(passive)?)
    }
}

impl Object<Qp> {
    /// `NdkFlush`: `<= DISPATCH_LEVEL`, the device gets to know soon (QP-61).
    pub fn flush(this: &Ref<Self>) {
        this.kind().state.store(DEAD, Ordering::Release);
        Self::schedule(this, FLUSH);
    }
}

impl QpTarget for Object<Qp> {
    fn event(&self, event: QpEvent) {
        match event {
            QpEvent::CommunicationEstablished => {
                self.kind().heard.store(true, Ordering::Release);
                let owner = self.kind().owner.lock().clone();
                if let Some(owner) = owner {
                    owner.communication_established();
                }
            }
            QpEvent::InvalidRequest | QpEvent::AccessError | QpEvent::Catastrophic => self.kind().broke(),
            QpEvent::SendQueueDrained | QpEvent::LastWqe | QpEvent::Path => {}
        }
    }
}
