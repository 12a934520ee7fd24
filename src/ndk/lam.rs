//! Logical address mappings: consumers' memory as the device sees it, for privileged requests and fast registration.

use super::{
    adapter::Adapter,
    callback::RequestCompletion,
    object::{Hold, Object, Pending},
    pages,
};
use crate::nt::{
    Box, Dma, Event, Mdl, NoMemory, Ref, ScatterGather, SpinLock, Status,
    dma::Direction,
    event, irql, pool,
    sync::{AtomicU32, Ordering},
};

/// A mapping that a consumer has. The mapping ends, then the adapter is let go.
pub struct Mapping {
    _memory: ScatterGather,
    _adapter: Hold<Adapter>,
}

/// Where the result of a build goes: the consumer's structure, behind the FFI edge.
pub trait Output: Send + 'static {
    /// Writes the bus address of page `index`. There is room for all pages of the range.
    fn put(&mut self, index: usize, page: u64);

    /// Writes the rest: the mapping, for release, and how many pages there are.
    fn done(&mut self, mapping: Box<Mapping>, pages: usize);
}

/// Where a build stands, seen by the call that started it and by the callback that brings the mapped memory.
const BUILDING: u32 = 0;
/// The call has returned PENDING.
const PENDED: u32 = 1;
/// The call has failed, since it may not pend (MR-77): the callback undoes the mapping.
const ABANDONED: u32 = 2;
/// The callback is writing the result.
const WRITING: u32 = 3;
/// The callback is done.
const DONE: u32 = 4;

struct Build {
    state: AtomicU32,
    status: SpinLock<Status>,
    // What to complete, should the call return PENDING.
    pending: SpinLock<Option<Pending<Adapter>>>,
    // Set when the callback is done, for a call that waits.
    written: Option<Event>,
}

/// Pages that a mapping of these bytes has.
pub fn page_count(mdl: Mdl<'_>, length: u64) -> u64 {
    pages::touched(mdl.virtual_address() as u64, length)
}

/// `NdkBuildLAM`, once it is known that the consumer's structure has room. `<= DISPATCH_LEVEL` (MR-80).
///
/// Where one may wait the result comes inline: there are consumers that give no `completion`, or one that cannot take a late call. At
/// `DISPATCH_LEVEL` without a completion it comes inline or not at all (MR-77). The mapping does not depend on the consumer's MDLs,
/// only on their pages.
pub fn build<O: Output>(
    adapter: &Ref<Object<Adapter>>,
    mdl: Mdl<'_>,
    length: u64,
    mut output: O,
    completion: RequestCompletion,
) -> Status {
    let Ok(build) = Build::new(adapter, completion) else {
        return Status::INSUFFICIENT_RESOURCES;
    };
    let base = mdl.virtual_address() as u64;
    let (shared, hold) = (build.clone(), Object::hold(adapter));
    let dma = adapter.kind().services().dma();
    let mapped = Dma::map(dma, mdl, length, Direction::FromDevice, move |memory| {
        if shared
            .state
            .compare_exchange(BUILDING, WRITING, Ordering::AcqRel, Ordering::Acquire)
            == Err(ABANDONED)
        {
            return;
        }
        let status = Status::from(write(&mut output, memory, hold, base, length));
        shared.finish(status);
    });
    match mapped {
        Err(status) => status,
        Ok(()) => build.returns(),
    }
}

fn write<O: Output>(
    output: &mut O,
    memory: ScatterGather,
    adapter: Hold<Adapter>,
    base: u64,
    length: u64,
) -> Result<(), Status> {
    let mut count = 0;
    let room = pages::touched(base, length);
    pages::for_each(&memory, base, length, |page| {
        if count < room as usize {
            output.put(count, page);
            count += 1;
        }
    })?;
    // The mapping is undone if there is no memory to remember it (MR-74).
    let mapping = pool::try_box(Mapping {
        _memory: memory,
        _adapter: adapter,
    })?;
    output.done(mapping, count);
    Ok(())
}

impl Build {
    fn new(adapter: &Ref<Object<Adapter>>, completion: RequestCompletion) -> Result<Ref<Self>, NoMemory> {
        let waits = irql::may_wait();
        let pends = !waits && completion.is_present();
        Ref::try_new(Self {
            state: AtomicU32::new(BUILDING),
            status: SpinLock::new(Status::SUCCESS),
            pending: SpinLock::new(pends.then(|| Pending::new(adapter, completion))),
            written: if waits { Some(Event::try_new()?) } else { None },
        })
    }

    /// The callback has written everything.
    fn finish(&self, status: Status) {
        *self.status.lock() = status;
        if self.state.swap(DONE, Ordering::AcqRel) == PENDED {
            let pending = self.pending.lock().take();
            if let Some(pending) = pending {
                pending.complete(status);
            }
        }
        if let Some(written) = &self.written {
            written.set();
        }
    }

    /// The call returns.
    fn returns(&self) -> Status {
        if let Some(written) = &self.written {
            event::wait_for(written, || self.state.load(Ordering::Acquire) == DONE);
            return *self.status.lock();
        }
        let may_pend = self.pending.lock().is_some();
        let wanted = if may_pend { PENDED } else { ABANDONED };
        if self
            .state
            .compare_exchange(BUILDING, wanted, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return if may_pend {
                Status::PENDING
            } else {
                Status::INSUFFICIENT_RESOURCES
            };
        }
        self.is_written(may_pend)
    }

    /// The callback runs or has run.
    fn is_written(&self, may_pend: bool) -> Status {
        if may_pend
            && self
                .state
                .compare_exchange(WRITING, PENDED, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        {
            return Status::PENDING;
        }
        // It writes a list at DISPATCH_LEVEL on another processor: that ends soon.
        while self.state.load(Ordering::Acquire) != DONE {
            core::hint::spin_loop();
        }
        let pending = self.pending.lock().take();
        drop(pending);
        *self.status.lock()
    }
}
