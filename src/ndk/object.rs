//! The one place where the lifetime rules of NDK objects live.
//!
//! An object is open from its creation until its consumer closes it. What holds it (see [`Lifetime`]) holds back the
//! end of its close. The end comes in this order, once:
//!
//! 1. the kind's teardown, in the object's own work item if it has to wait for the device (LIFE-42);
//! 2. the close completion, unless the close call itself returns SUCCESS: the last callback (LIFE-38);
//! 3. the holds on its antecedents, so that their closes end after that callback returned (LIFE-53);
//! 4. the memory, when no event of the device or of the network refers to it any more (LIFE-14).
//!
//! Nothing else decides when `NdkCloseCompletion` is called.

use core::{ffi::c_void, ops::Deref, ptr::NonNull};

use super::callback::{CloseCompletion, CreateCompletion, RequestCompletion};
use crate::{
    nt::{
        Event, NdisHandle, NoMemory, Passive, Ref, SpinLock, Status, WorkItem,
        lifetime::{Lifetime, Release},
        sync::{AtomicPtr, AtomicU32, Ordering},
    },
    sys::ndkpi::{
        NDK_ADAPTER_DISPATCH, NDK_CONNECTOR_DISPATCH, NDK_CQ_DISPATCH, NDK_LISTENER_DISPATCH,
        NDK_MR_DISPATCH, NDK_MW_DISPATCH, NDK_OBJECT_HEADER, NDK_OBJECT_TYPE, NDK_PD_DISPATCH, NDK_QP,
        NDK_QP_DISPATCH, NDK_SHARED_ENDPOINT_DISPATCH, NDK_VERSION,
    },
};

/// What distinguishes one type of NDK object from another.
pub trait Kind: Sized + Send + Sync + 'static {
    /// `NDK_OBJECT_TYPE` of the header.
    const TYPE: NDK_OBJECT_TYPE;

    /// The C type that consumers see, for example `NDK_CQ`.
    type Raw;

    /// Holds on the objects that this one was made from; given back when its close has ended.
    type Antecedents: Send + 'static;

    /// The dispatch table, one of these.
    fn dispatch(tables: &Tables) -> *const c_void;

    /// Close has begun: starts whatever ends the pending requests (LIFE-39). `<= DISPATCH_LEVEL`.
    fn closing(_this: &Ref<Object<Self>>) {}

    /// Whether [`Self::teardown`] has anything to do. Asked when nothing holds the object any more.
    fn needs_teardown(&self) -> bool;

    /// Gives back what the device has of the object. Nothing holds the object any more.
    fn teardown(&self, passive: Passive<'_>);

    /// Gives back what can be given back at `<= DISPATCH_LEVEL`. The last thing before the close is reported.
    fn ended(_this: &Object<Self>) {}

    /// Does a `job` that [`Object::schedule`] asked for since the last call; lower bits come first.
    fn work(_this: &Ref<Object<Self>>, _job: u32, _passive: Passive<'_>) {}
}

/// The job bit of the object's end; kinds use the bits below.
const END: u32 = 1 << 31;

/// What the consumer sees of an object: `NDK_OBJECT_HEADER` and the pointer to its dispatch table.
///
/// The reserved words and the pointer belong to the system above once the object is handed out (LIFE-04, LIFE-06): they
/// may change at any time and nothing here reads them.
#[repr(C)]
struct Head {
    version: NDK_VERSION,
    object_type: NDK_OBJECT_TYPE,
    reserved: [AtomicPtr<c_void>; 4],
    dispatch: AtomicPtr<c_void>,
}

static_assertions::const_assert_eq!(size_of::<Head>(), size_of::<NDK_QP>());
static_assertions::const_assert_eq!(
    core::mem::offset_of!(Head, reserved),
    core::mem::offset_of!(NDK_OBJECT_HEADER, NdkReserved)
);
static_assertions::const_assert_eq!(
    core::mem::offset_of!(Head, dispatch),
    core::mem::offset_of!(NDK_QP, Dispatch)
);

/// An NDK object: what the consumer sees, what decides its lifetime, and what its kind adds.
#[repr(C)]
pub struct Object<K: Kind> {
    head: Head,
    lifetime: Lifetime,
    identity: Identity,
    jobs: AtomicU32,
    worker: WorkItem<Self>,
    end: SpinLock<End<K>>,
    kind: K,
}

/// What is needed when the close ends.
struct End<K: Kind> {
    report: Option<Report>,
    antecedents: Option<K::Antecedents>,
    // The reference that the consumer's pointer stands for.
    handle: Option<Ref<Object<K>>>,
}

/// Who wants to know that the close has ended.
enum Report {
    Completion(CloseCompletion),
    Event(Ref<Event>),
}

/// What every object of one adapter open has in common.
#[derive(Clone, Copy)]
pub struct Identity {
    /// For the work items.
    pub ndis: NdisHandle,
    /// The version that the open granted (LIFE-02).
    pub version: NDK_VERSION,
    /// Where consumers' calls come in.
    pub tables: &'static Tables,
}

/// The dispatch tables of all kinds of objects.
pub struct Tables {
    /// Of adapters.
    pub adapter: &'static NDK_ADAPTER_DISPATCH,
    /// Of protection domains.
    pub pd: &'static NDK_PD_DISPATCH,
    /// Of completion queues.
    pub cq: &'static NDK_CQ_DISPATCH,
    /// Of queue pairs.
    pub qp: &'static NDK_QP_DISPATCH,
    /// Of memory regions.
    pub mr: &'static NDK_MR_DISPATCH,
    /// Of memory windows.
    pub mw: &'static NDK_MW_DISPATCH,
    /// Of connectors.
    pub connector: &'static NDK_CONNECTOR_DISPATCH,
    /// Of listeners.
    pub listener: &'static NDK_LISTENER_DISPATCH,
    /// Of shared endpoints.
    pub endpoint: &'static NDK_SHARED_ENDPOINT_DISPATCH,
}

impl<K: Kind> Object<K> {
    /// An open object that nobody has seen yet. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`NoMemory`]; `kind` and `antecedents` are dropped.
    pub fn try_new(identity: Identity, antecedents: K::Antecedents, kind: K) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            head: Head {
                version: identity.version,
                object_type: K::TYPE,
                reserved: Default::default(),
                dispatch: AtomicPtr::new(K::dispatch(identity.tables).cast_mut()),
            },
            lifetime: Lifetime::new(),
            identity,
            jobs: AtomicU32::new(0),
            worker: WorkItem::try_new(identity.ndis, Self::run)?,
            end: SpinLock::new(End {
                report: None,
                antecedents: Some(antecedents),
                handle: None,
            }),
            kind,
        })
    }

    /// Gives the object to the consumer: the pointer stands for a reference until the close has ended.
    pub fn hand_out(this: &Ref<Self>) -> NonNull<K::Raw> {
        this.end.lock().handle = Some(Ref::clone(this));
        NonNull::from(&**this).cast()
    }

    /// A reference of its own to the object behind a consumer's pointer, for calls that may end it.
    ///
    /// # Safety
    /// `raw` came from [`Self::hand_out`] and the object is not closed.
    pub unsafe fn from_handle(raw: *mut K::Raw) -> Ref<Self> {
        // SAFETY: the object's own reference to itself lives until its close has ended.
        unsafe { Ref::clone_raw(raw.cast::<Self>()) }
    }

    /// Another reference to an object that was handed out and whose close has not ended: for events that come with a
    /// plain reference.
    pub fn myself(&self) -> Option<Ref<Self>> {
        self.end.lock().handle.clone()
    }

    /// What this object and those made from it have in common.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// What the kind adds.
    pub const fn kind(&self) -> &K {
        &self.kind
    }

    /// Starts the close and says whether it has ended (SUCCESS) or will end with `completion` (PENDING). It never fails
    /// (LIFE-30). `<= DISPATCH_LEVEL`.
    pub fn close(this: &Ref<Self>, completion: CloseCompletion) -> Status {
        this.end.lock().report = Some(Report::Completion(completion));
        K::closing(this);
        if this.lifetime.close() == Release::Held {
            return Status::PENDING;
        }
        if this.kind.needs_teardown() {
            Self::tear_down_later(this);
            return Status::PENDING;
        }
        // The call itself is the answer (LIFE-32).
        this.end.lock().report = None;
        Self::finish(this);
        Status::SUCCESS
    }

    /// Closes the object and waits for the end (LIFE-60, LIFE-61). `ended` is not set yet.
    pub fn close_and_wait(this: &Ref<Self>, ended: &Ref<Event>, passive: Passive<'_>) {
        this.end.lock().report = Some(Report::Event(Ref::clone(ended)));
        K::closing(this);
        if this.lifetime.close() == Release::Last {
            Self::last(this);
        }
        ended.wait(passive);
    }

    /// Takes a hold for a caller inside a call of the consumer, or that has a hold already.
    pub fn hold(this: &Ref<Self>) -> Hold<K> {
        this.lifetime.hold();
        Hold(Ref::clone(this))
    }

    /// Takes the hold of an event, unless the object is closing: after that no event is reported (LIFE-38).
    pub fn event(this: &Ref<Self>) -> Option<Hold<K>> {
        this.lifetime.hold_if_open().then(|| Hold(Ref::clone(this)))
    }

    /// Whether the consumer has closed the object.
    pub fn is_closing(&self) -> bool {
        self.lifetime.is_closing()
    }

    /// Has [`Kind::work`] called with `job` at `PASSIVE_LEVEL`, once or more from now on; the job holds the object until it
    /// is done. `<= DISPATCH_LEVEL`. Does nothing, and says so, when the object is closing: its teardown sees to the rest.
    pub fn schedule(this: &Ref<Self>, job: u32) -> bool {
        if !this.lifetime.hold_if_open() {
            return false;
        }
        if this.jobs.fetch_or(job, Ordering::AcqRel) & job != 0 {
            // Asked for already: it has its hold.
            Self::let_go(this);
        }
        this.worker.queue(Ref::clone(this));
        true
    }

    /// Changes the holds on antecedents; `None` when the close has ended.
    pub fn with_antecedents<R>(&self, change: impl FnOnce(&mut K::Antecedents) -> R) -> Option<R> {
        self.end.lock().antecedents.as_mut().map(change)
    }

    /// Gives back a hold.
    fn let_go(this: &Ref<Self>) {
        if this.lifetime.release() == Release::Last {
            Self::last(this);
        }
    }

    /// Nothing holds the closed object any more.
    fn last(this: &Ref<Self>) {
        if this.kind.needs_teardown() {
            Self::tear_down_later(this);
        } else {
            Self::finish(this);
        }
    }

    fn tear_down_later(this: &Ref<Self>) {
        this.jobs.fetch_or(END, Ordering::AcqRel);
        this.worker.queue(Ref::clone(this));
    }

    fn run(this: &Ref<Self>, passive: Passive<'_>) {
        let jobs = this.jobs.swap(0, Ordering::AcqRel);
        if jobs & END != 0 {
            this.kind.teardown(passive);
            Self::finish(this);
            return;
        }
        // The holds that `schedule` took, one a job. (None is pending with END: each would have held the end back.)
        let mut left = jobs;
        while left != 0 {
            let job = left & left.wrapping_neg();
            K::work(this, job, passive);
            Self::let_go(this);
            left &= left - 1;
        }
    }

    fn finish(this: &Ref<Self>) {
        K::ended(this);
        let (report, antecedents, handle) = {
            let mut end = this.end.lock();
            (end.report.take(), end.antecedents.take(), end.handle.take())
        };
        match report {
            Some(Report::Completion(completion)) => completion.call(),
            Some(Report::Event(event)) => event.set(),
            None => {}
        }
        drop(antecedents);
        drop(handle);
    }
}

/// A hold on an object: it keeps the object usable, and its close pending, until dropped.
pub struct Hold<K: Kind>(Ref<Object<K>>);

impl<K: Kind> Hold<K> {
    /// The object.
    pub const fn object(&self) -> &Ref<Object<K>> {
        &self.0
    }
}

impl<K: Kind> Clone for Hold<K> {
    fn clone(&self) -> Self {
        Object::hold(&self.0)
    }
}

impl<K: Kind> Deref for Hold<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.0.kind
    }
}

impl<K: Kind> Drop for Hold<K> {
    fn drop(&mut self) {
        Object::let_go(&self.0);
    }
}

/// A request that returned PENDING: it holds its object until its completion callback has returned (LIFE-33, LIFE-35).
#[must_use = "a pended request is completed exactly once"]
pub struct Pending<K: Kind> {
    completion: RequestCompletion,
    hold: Hold<K>,
}

impl<K: Kind> Pending<K> {
    /// Accepts a request on `this`, from inside the consumer's call.
    pub fn new(this: &Ref<Object<K>>, completion: RequestCompletion) -> Self {
        Self {
            completion,
            hold: Object::hold(this),
        }
    }

    /// The object of the request.
    pub const fn object(&self) -> &Ref<Object<K>> {
        self.hold.object()
    }

    /// Ends the request with its final status.
    pub fn complete(self, status: Status) {
        debug_assert!(status != Status::PENDING, "the status of a completion is final");
        self.completion.call(status);
        // Dropped after the callback has returned.
        drop(self.hold);
    }
}

/// Ends a creation that returned PENDING (CREATE-02, CREATE-03).
///
/// The object is held while the callback runs: a close from inside it pends, and so does not end before the callback has.
pub fn complete_creation<K: Kind>(completion: CreateCompletion, result: Result<Ref<Object<K>>, Status>) {
    match result {
        Ok(object) => {
            let hold = Object::hold(&object);
            let handle = Object::hand_out(&object);
            completion.call(Status::SUCCESS, Some(handle.cast()));
            drop(hold);
        }
        Err(status) => completion.call(status, None),
    }
}
