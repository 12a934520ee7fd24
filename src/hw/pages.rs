//! Page supply: the memory that the firmware lives in (connectx interface, section 6).

use super::{
    command::Commander,
    commands::hca::{CannotGivePages, GivePages, PAGES_PER_COMMAND, PagePhase, QueryPages, TakePages},
    error::{CommandFailure, HwError, Lie},
};
use crate::nt::{
    Dma, NdisHandle, NoMemory, Passive, Ref, SharedMemory, SpinLock, Vec, WorkItem, pool, time::Instant,
};

/// Bytes of a device page.
const PAGE: u32 = 4096;
/// Pages that are allocated at a time, when memory is not scattered.
const CHUNK: u32 = 64;
/// How long the device may give nothing back at teardown.
const RECLAIM_TIMEOUT_MS: u64 = 5_000;
/// The most pages that one event may ask for; more is a lie.
const MAX_REQUEST: i32 = 1 << 20;

/// Contiguous pages, of which the device has some.
#[derive(Debug)]
struct Chunk {
    memory: SharedMemory,
    /// Pages that the device has.
    given: u32,
}

impl Chunk {
    fn contains(&self, page: u64) -> bool {
        let first = self.memory.bus_address(0).0;
        page >= first && page - first < u64::from(self.memory.len())
    }
}

/// What the device asked for by event and was not served yet.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    give: u32,
    take: u32,
}

/// All memory that the device has from us.
#[derive(Debug)]
pub struct Pages {
    commander: Ref<Commander>,
    dma: Ref<Dma>,
    chunks: SpinLock<Vec<Chunk>>,
    wanted: SpinLock<Wanted>,
    work: WorkItem<Self>,
}

impl Pages {
    pub(super) fn new(
        ndis: NdisHandle,
        commander: &Ref<Commander>,
        dma: &Ref<Dma>,
    ) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            commander: commander.clone(),
            dma: dma.clone(),
            chunks: SpinLock::new(pool::try_with_capacity(0)?),
            wanted: SpinLock::new(Wanted::default()),
            work: WorkItem::try_new(ndis, Self::serve)?,
        })
    }

    /// Pages that the device has.
    pub fn given(&self) -> u32 {
        self.chunks.lock().iter().map(|chunk| chunk.given).sum()
    }

    /// Gives what the device wants in a phase of bring-up.
    pub(super) fn supply(&self, phase: PagePhase, passive: Passive<'_>) -> Result<(), HwError> {
        let count = self.commander.execute(&QueryPages { phase }, passive)?;
        if count > MAX_REQUEST {
            return Err(Lie::Pages.into());
        }
        if count < 0 {
            return self.take(count.unsigned_abs(), passive).map(|_| ());
        }
        self.give(count.unsigned_abs(), passive)
    }

    /// An event asked for pages, or offers some: served at `PASSIVE_LEVEL`. `<= DISPATCH_LEVEL`.
    pub(super) fn request(this: &Ref<Self>, function: u16, count: i32) {
        // We have one function. A request for another one, or for more than can be, is a lie that nothing depends on.
        if function != 0 || !(-MAX_REQUEST..=MAX_REQUEST).contains(&count) {
            return;
        }
        {
            let mut wanted = this.wanted.lock();
            if count >= 0 {
                wanted.give = wanted.give.saturating_add(count.unsigned_abs());
            } else {
                wanted.take = wanted.take.saturating_add(count.unsigned_abs());
            }
        }
        this.work.queue(this.clone());
    }

    /// Waits until no request is being served. No event comes any more.
    pub(super) fn drain(&self, passive: Passive<'_>) {
        self.work.drain(passive);
    }

    /// Takes everything back.
    pub(super) fn reclaim(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let mut deadline = Instant::now().plus_ms(RECLAIM_TIMEOUT_MS);
        loop {
            let given = self.given();
            if given == 0 {
                return Ok(());
            }
            if self.take(given, passive)? != 0 {
                deadline = Instant::now().plus_ms(RECLAIM_TIMEOUT_MS);
            } else if Instant::now() >= deadline {
                return Err(HwError::Timeout("pages"));
            } else {
                passive.sleep_ms(1);
            }
        }
    }

    /// Frees everything: the device is disabled or gone and touches no memory any more.
    pub(super) fn forget(&self) {
        let chunks = core::mem::replace(&mut *self.chunks.lock(), Vec::new_in(crate::nt::NonPaged));
        drop(chunks);
    }

    fn serve(this: &Ref<Self>, passive: Passive<'_>) {
        let wanted = core::mem::take(&mut *this.wanted.lock());
        if wanted.take != 0 {
            // What it does not return now it will offer again.
            let _ = this.take(wanted.take, passive);
        }
        if wanted.give != 0 && this.give(wanted.give, passive).is_err() {
            // The command that waits for these pages fails instead of hanging.
            let _ = this.commander.execute(&CannotGivePages, passive);
        }
    }

    fn give(&self, count: u32, passive: Passive<'_>) -> Result<(), HwError> {
        let mut left = count;
        while left != 0 {
            let mut batch = Vec::new_in(crate::nt::NonPaged);
            batch
                .try_reserve_exact(PAGES_PER_COMMAND.min(left as usize))
                .map_err(|_| HwError::NoMemory)?;
            let mut chunks: Vec<Chunk> = Vec::new_in(crate::nt::NonPaged);
            while batch.len() < PAGES_PER_COMMAND && (batch.len() as u32) < left {
                let room = (PAGES_PER_COMMAND - batch.len()) as u32;
                let chunk = self.allocate((left - batch.len() as u32).min(room).min(CHUNK), passive)?;
                let first = chunk.memory.bus_address(0).0;
                if first == 0 {
                    // The interface does not take page 0: hold it until another is found, and give that.
                    return Err(HwError::NoMemory);
                }
                batch.extend((0..u64::from(chunk.given)).map(|page| first + page * u64::from(PAGE)));
                pool::try_push(&mut chunks, chunk)?;
            }
            left -= batch.len() as u32;
            self.hand_over(chunks, &batch, passive)?;
        }
        Ok(())
    }

    /// Gives one batch of pages. From the command on the device may have them, whatever it answers.
    fn hand_over(&self, chunks: Vec<Chunk>, batch: &[u64], passive: Passive<'_>) -> Result<(), HwError> {
        let count = chunks.len();
        {
            let mut all = self.chunks.lock();
            all.try_reserve(count).map_err(|_| HwError::NoMemory)?;
            all.extend(chunks);
        }
        match self.commander.execute(&GivePages { pages: batch }, passive) {
            Ok(()) => Ok(()),
            Err(error) => {
                // A device that refused does not have them. One that did not answer may: then they stay ours to forget.
                if matches!(
                    error.failure,
                    CommandFailure::Status(..) | CommandFailure::Delivery(_)
                ) {
                    for page in batch {
                        let _ = self.returned(*page);
                    }
                }
                Err(error.into())
            }
        }
    }

    /// `pages` contiguous pages, or fewer when memory is scattered.
    fn allocate(&self, pages: u32, passive: Passive<'_>) -> Result<Chunk, HwError> {
        let mut given = pages;
        loop {
            match SharedMemory::allocate(&self.dma, given * PAGE, passive) {
                Ok(memory) => return Ok(Chunk { memory, given }),
                Err(_) if given > 1 => given /= 2,
                Err(_) => return Err(HwError::NoMemory),
            }
        }
    }

    /// Takes `count` pages back, or fewer if the device cannot spare them. Returns how many came.
    fn take(&self, count: u32, passive: Passive<'_>) -> Result<u32, HwError> {
        let mut taken = 0;
        while taken < count {
            let ask = PAGES_PER_COMMAND.min((count - taken) as usize);
            let pages = self.commander.execute(&TakePages { count: ask }, passive)??;
            if pages.is_empty() {
                break;
            }
            taken += pages.len() as u32;
            for page in &pages {
                self.returned(*page)?;
            }
        }
        Ok(taken)
    }

    /// A page came back; the last one of a chunk frees it.
    fn returned(&self, page: u64) -> Result<(), Lie> {
        let freed = {
            let mut chunks = self.chunks.lock();
            let at = chunks
                .iter()
                .position(|chunk| chunk.contains(page))
                .ok_or(Lie::Pages)?;
            let chunk = chunks.get_mut(at).ok_or(Lie::Pages)?;
            chunk.given = chunk.given.checked_sub(1).ok_or(Lie::Pages)?;
            if chunk.given == 0 {
                pool::take_at(&mut chunks, at)
            } else {
                None
            }
        };
        drop(freed);
        Ok(())
    }
}
