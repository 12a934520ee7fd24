//! Memory regions: registered from MDLs, or by request in queue order.
//!
//! | state | Register | Deregister | `InitializeFastRegister` |
//! |---|---|---|---|
//! | empty | registering | `INVALID_DEVICE_REQUEST` | (fast-register type) key made |
//! | registering, deregistering | `INVALID_DEVICE_REQUEST` | `INVALID_DEVICE_REQUEST` | - |
//! | registered | `INVALID_DEVICE_REQUEST` (MR-11) | deregistering | - |

use core::{ffi::c_void, ptr};

use super::{
    callback::RequestCompletion,
    object::{Hold, Kind, Object, Pending, Tables},
    pages,
    pd::Pd,
    services::Services,
    task,
};
use crate::{
    hw::{self, Access, Device, FastRegister, Key, Mkey, Pdn},
    nt::{
        Dma, Mdl, Passive, Ref, ScatterGather, SpinLock, Status, WorkItem,
        dma::Direction,
        sync::{AtomicBool, AtomicU32, Ordering},
    },
    sys::ndkpi::{
        NDK_MR, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
        NDK_MR_FLAG_RDMA_READ_SINK, NDK_OBJECT_TYPE, NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
        NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NdkObjectTypeMr,
    },
};

/// Bytes of a page.
const PAGE: u64 = 4096;
/// The bit that remote write adds to local write.
const OP_REMOTE_WRITE_BIT: u32 = NDK_OP_FLAG_ALLOW_REMOTE_WRITE & !NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
/// The bit that remote write adds to local write in region flags.
const MR_REMOTE_WRITE_BIT: u32 = NDK_MR_FLAG_ALLOW_REMOTE_WRITE & !NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
/// Flags of a registration.
const MR_FLAGS: u32 = NDK_MR_FLAG_ALLOW_LOCAL_WRITE
    | NDK_MR_FLAG_ALLOW_REMOTE_READ
    | NDK_MR_FLAG_ALLOW_REMOTE_WRITE
    | NDK_MR_FLAG_RDMA_READ_SINK;
/// No key: the device hands out no such index.
const NO_KEY: u32 = 0;

/// A memory region.
pub struct Mr {
    services: Ref<Services>,
    pd: Ref<Object<Pd>>,
    fast: bool,
    state: SpinLock<State>,
    // What the getters and the posting path read.
    key: AtomicU32,
    pages: AtomicU32,
    remote: AtomicBool,
}

enum State {
    Empty,
    // Registering or deregistering.
    Busy,
    Registered(Registration),
    Fast(Mkey),
}

struct Registration {
    mkey: Mkey,
    // Put back after the key is gone.
    memory: ScatterGather,
}

/// A registration under way: everything that it takes is there before the memory is mapped, so that nothing can fail in
/// the mapping's callback.
struct Registering {
    item: WorkItem<Self>,
    pending: SpinLock<Option<Pending<Mr>>>,
    memory: SpinLock<Option<ScatterGather>>,
    range: (u64, u64),
    access: Access,
}

impl Registering {
    fn new(
        mr: &Ref<Object<Mr>>,
        completion: RequestCompletion,
        range: (u64, u64),
        access: Access,
    ) -> Result<Ref<Self>, Status> {
        let item = WorkItem::try_new(mr.identity().ndis, Self::run)?;
        let pending = SpinLock::new(Some(Pending::new(mr, completion)));
        Ok(Ref::try_new(Self {
            item,
            pending,
            memory: SpinLock::new(None),
            range,
            access,
        })?)
    }

    /// The memory is mapped: makes the key, where one may wait.
    fn run(this: &Ref<Self>, passive: Passive<'_>) {
        let taken = (this.pending.lock().take(), this.memory.lock().take());
        if let (Some(pending), Some(memory)) = taken {
            let made = pending
                .object()
                .kind()
                .make_region(memory, this.range, this.access, passive);
            pending.complete(Status::from(made));
        }
    }
}

/// What `NdkFastRegister` registers, besides the pages.
#[derive(Clone, Copy, Debug)]
pub struct FastRange {
    /// Offset of the first byte in the first page.
    pub first_byte_offset: u32,
    /// Bytes.
    pub length: u64,
    /// Address of the first byte in the token's space.
    pub base: u64,
}

impl Kind for Mr {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeMr;
    type Raw = NDK_MR;
    type Antecedents = Hold<Pd>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.mr).cast()
    }

    fn needs_teardown(&self) -> bool {
        !matches!(*self.state.lock(), State::Empty)
    }

    /// A region that is registered is deregistered (MR-15).
    fn teardown(&self, passive: Passive<'_>) {
        let state = core::mem::replace(&mut *self.state.lock(), State::Empty);
        match state {
            State::Registered(registration) => registration.end(self.services.device(), passive),
            State::Fast(mkey) => {
                mkey.destroy(passive);
            }
            State::Empty | State::Busy => {}
        }
    }
}

impl Registration {
    /// The device forgets the region, then its memory is put back (MR-13).
    fn end(self, device: &Device, passive: Passive<'_>) {
        if self.mkey.destroy(passive) {
            drop(self.memory);
        } else {
            // Dead, and still able to write there.
            device.keep_mapped(self.memory);
        }
    }
}

impl Mr {
    /// Makes a region that nothing is registered under.
    ///
    /// # Errors
    /// No memory.
    pub fn create(pd: Hold<Pd>, fast: bool) -> Result<Ref<Object<Self>>, Status> {
        let identity = pd.object().identity();
        let kind = Self {
            services: pd.services().clone(),
            pd: pd.object().clone(),
            fast,
            state: SpinLock::new(State::Empty),
            key: AtomicU32::new(NO_KEY),
            pages: AtomicU32::new(0),
            remote: AtomicBool::new(false),
        };
        Ok(Object::try_new(identity, pd, kind)?)
    }

    /// `NdkGetLocalTokenFromMr` and `NdkGetRemoteTokenFromMr`: one key serves both, and stays over fast registrations and
    /// invalidations (MR-40, MR-41).
    pub fn token(&self) -> u32 {
        self.key.load(Ordering::Acquire)
    }

    /// The key to invalidate; `None` for a region that is not of the fast-register type or not initialised.
    #[inline]
    pub(super) fn fast_key(&self) -> Option<Key> {
        let key = self.key.load(Ordering::Relaxed);
        (self.fast && key != NO_KEY).then_some(Key(key))
    }

    /// Checks a fast registration but for its pages' addresses (MR-21, MR-23, MR-26, MR-27). A region has pages, and may end at the
    /// last address that there is.
    #[inline]
    pub(super) fn fast_region(
        &self,
        range: &FastRange,
        pages: usize,
        flags: u32,
    ) -> Result<FastRegister, Status> {
        let key = self.fast_key().ok_or(Status::INVALID_DEVICE_REQUEST)?;
        let offset = u64::from(range.first_byte_offset);
        let room = (pages as u64 * PAGE).checked_sub(offset);
        let wraps = range.length != 0 && range.base.checked_add(range.length - 1).is_none();
        if wraps
            || pages == 0
            || pages > self.pages.load(Ordering::Relaxed) as usize
            || offset >= PAGE
            || range.base % PAGE != offset
            || room.is_none_or(|room| range.length > room)
        {
            return Err(Status::INVALID_PARAMETER);
        }
        let remote = flags & (NDK_OP_FLAG_ALLOW_REMOTE_READ | OP_REMOTE_WRITE_BIT) != 0;
        if remote && !self.remote.load(Ordering::Relaxed) {
            return Err(Status::ACCESS_VIOLATION);
        }
        let pd: Pdn = self.pd.kind().hw()?.number();
        Ok(FastRegister {
            key,
            pd,
            access: op_access(flags),
            start: range.base,
            length: range.length,
        })
    }
}

impl Object<Mr> {
    /// `NdkRegisterMr`. `<= DISPATCH_LEVEL`.
    pub fn register(
        this: &Ref<Self>,
        mdl: Mdl<'_>,
        length: u64,
        flags: u32,
        completion: RequestCompletion,
    ) -> Status {
        let mr = this.kind();
        let too_long = length == 0 || length > mr.services.info().MaxRegistrationSize as u64;
        if mr.fast || flags & !MR_FLAGS != 0 || too_long {
            return if mr.fast {
                Status::INVALID_DEVICE_REQUEST
            } else {
                Status::INVALID_PARAMETER
            };
        }
        {
            let mut state = mr.state.lock();
            if !matches!(*state, State::Empty) {
                return Status::INVALID_DEVICE_REQUEST;
            }
            *state = State::Busy;
        }
        let base = mdl.virtual_address() as u64;
        let access = mr_access(flags);
        let direction = if access.contains(Access::LOCAL_WRITE) {
            Direction::FromDevice
        } else {
            Direction::ToDevice
        };
        let made = Registering::new(this, completion, (base, length), access);
        let mapped = made.and_then(|request| {
            let task = request.clone();
            Dma::map(mr.services.dma(), mdl, length, direction, move |memory| {
                *task.memory.lock() = Some(memory);
                task.item.queue(task.clone());
            })
            // Not accepted, and so not completed.
            .inspect_err(|_| drop(request.pending.lock().take()))
        });
        mapped.map_or_else(
            |status| {
                *mr.state.lock() = State::Empty;
                status
            },
            |()| Status::PENDING,
        )
    }

    /// `NdkDeregisterMr` (MR-12). `<= DISPATCH_LEVEL`.
    pub fn deregister(this: &Ref<Self>, completion: RequestCompletion) -> Status {
        let mr = this.kind();
        if !matches!(*mr.state.lock(), State::Registered(_)) {
            return Status::INVALID_DEVICE_REQUEST;
        }
        let pending = Pending::new(this, completion);
        let spawned = task::spawn(this.identity().ndis, move |passive| {
            let mr = pending.object().kind();
            let state = core::mem::replace(&mut *mr.state.lock(), State::Busy);
            mr.key.store(NO_KEY, Ordering::Release);
            if let State::Registered(registration) = state {
                registration.end(mr.services.device(), passive);
            }
            *mr.state.lock() = State::Empty;
            pending.complete(Status::SUCCESS);
        });
        spawned.map_or_else(Status::from, |()| Status::PENDING)
    }

    /// `NdkInitializeFastRegisterMr`: room for `pages` pages. Again, also at the same time, widens it (MR-22).
    pub fn initialize(this: &Ref<Self>, pages: u32, remote: bool, completion: RequestCompletion) -> Status {
        let mr = this.kind();
        if !mr.fast {
            return Status::INVALID_DEVICE_REQUEST;
        }
        if pages > mr.services.info().FRMRPageCount {
            return Status::IMPLEMENTATION_LIMIT;
        }
        let pending = Pending::new(this, completion);
        let spawned = task::spawn(this.identity().ndis, move |passive| {
            let made = pending.object().kind().make_fast(pages, remote, passive);
            pending.complete(Status::from(made));
        });
        spawned.map_or_else(Status::from, |()| Status::PENDING)
    }
}

impl Mr {
    /// Makes the key of a registration.
    fn make_region(
        &self,
        memory: ScatterGather,
        (base, length): (u64, u64),
        access: Access,
        passive: Passive<'_>,
    ) -> Result<(), Status> {
        let device = self.services.device();
        // Whether the device may have made a key that nobody knows.
        let mut stray = false;
        let made = pages::list(&memory, base, length).and_then(|pages| {
            let pd = self.pd.kind().hw()?.number();
            let addresses = pages.iter().copied();
            Mkey::create_region(device, pd, access, (base, length), addresses, passive).map_err(|error| {
                stray = !error.is_refusal();
                Status::from(error)
            })
        });
        match made {
            Ok(mkey) => {
                self.key.store(mkey.key().0, Ordering::Release);
                *self.state.lock() = State::Registered(Registration { mkey, memory });
                Ok(())
            }
            Err(status) => {
                *self.state.lock() = State::Empty;
                if stray {
                    device.keep_mapped(memory);
                }
                Err(status)
            }
        }
    }

    /// Makes the key of a fast-register region, unless there is one with room enough.
    fn make_fast(&self, pages: u32, remote: bool, passive: Passive<'_>) -> Result<(), Status> {
        let has_room =
            self.key.load(Ordering::Acquire) != NO_KEY && self.pages.load(Ordering::Acquire) >= pages;
        if pages > hw::wqe::umr::INLINE_ENTRIES {
            self.pd.kind().want_page_lists(passive)?;
        }
        if !has_room {
            let pd = self.pd.kind().hw()?.number();
            let mkey = hw::Mkey::create_free(self.services.device(), pd, pages, passive)?;
            let old = {
                let mut state = self.state.lock();
                self.key.store(mkey.key().0, Ordering::Release);
                core::mem::replace(&mut *state, State::Fast(mkey))
            };
            if let State::Fast(old) = old {
                old.destroy(passive);
            }
            self.pages.store(pages, Ordering::Release);
        }
        self.remote.store(remote, Ordering::Release);
        Ok(())
    }
}

/// Rights of a registration: local read always, and remote write implies local write (MR-07).
fn mr_access(flags: u32) -> Access {
    let mut access = Access::LOCAL_READ;
    access.set(Access::LOCAL_WRITE, flags & NDK_MR_FLAG_ALLOW_REMOTE_WRITE != 0);
    access.set(Access::REMOTE_READ, flags & NDK_MR_FLAG_ALLOW_REMOTE_READ != 0);
    access.set(Access::REMOTE_WRITE, flags & MR_REMOTE_WRITE_BIT != 0);
    access
}

/// Rights of a fast registration.
#[inline]
fn op_access(flags: u32) -> Access {
    let mut access = Access::LOCAL_READ;
    access.set(Access::LOCAL_WRITE, flags & NDK_OP_FLAG_ALLOW_REMOTE_WRITE != 0);
    access.set(Access::REMOTE_READ, flags & NDK_OP_FLAG_ALLOW_REMOTE_READ != 0);
    access.set(Access::REMOTE_WRITE, flags & OP_REMOTE_WRITE_BIT != 0);
    access
}
