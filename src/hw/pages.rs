//! Page supply: the memory that the firmware lives in (connectx interface, section 6).

use core::cell::Cell;

use super::{
    command::Commander,
    commands::hca::{CannotGivePages, GivePages, PAGES_PER_COMMAND, PagePhase, QueryPages, TakePages},
    error::{CommandFailure, HwError, Lie},
};
use crate::nt::{
    Dma, EventLog, NdisHandle, NoMemory, Passive, Ref, SharedMemory, SpinLock, Status, Vec, WorkItem,
    log::LogCode, pool, time::Instant,
};

/// Bytes of a device page.
const PAGE: u32 = 4096;
/// Pages that are allocated at a time, when memory is not scattered; a bit each.
const CHUNK: u32 = u64::BITS;
/// Number of event log entries for a page that the device gave back and does not have.
const RETURNED_PAGE: u32 = 0x300;
/// How long the device may give nothing back at teardown.
const RECLAIM_TIMEOUT_MS: u64 = 5_000;
/// The most pages that one event may ask for; more is a lie.
const MAX_REQUEST: i32 = 1 << 20;

/// Contiguous pages, of which the device has some.
#[derive(Debug)]
struct Chunk {
    memory: SharedMemory,
    /// Pages that the device has: a bit each, the first is the lowest.
    given: u64,
}

impl Chunk {
    const fn new(memory: SharedMemory) -> Self {
        let pages = memory.len() / PAGE;
        Self {
            memory,
            given: u64::MAX >> (CHUNK - pages),
        }
    }

    /// Where the pages are.
    fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.memory.bus_address(0).0;
        (0..u64::from(self.memory.len() / PAGE)).map(move |page| first + page * u64::from(PAGE))
    }

    /// The bit of the page at this address; `None` for an address that is not one of its pages.
    fn bit(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.memory.bus_address(0).0)?;
        let whole = offset < u64::from(self.memory.len()) && offset.is_multiple_of(u64::from(PAGE));
        whole.then(|| 1 << (offset / u64::from(PAGE)))
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
    log: EventLog,
    chunks: SpinLock<Vec<Chunk>>,
    wanted: SpinLock<Wanted>,
    work: WorkItem<Self>,
}

impl Pages {
    pub(super) fn new(
        ndis: NdisHandle,
        log: EventLog,
        commander: &Ref<Commander>,
        dma: &Ref<Dma>,
    ) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            commander: commander.clone(),
            dma: dma.clone(),
            log,
            chunks: SpinLock::new(pool::try_with_capacity(0)?),
            wanted: SpinLock::new(Wanted::default()),
            work: WorkItem::try_new(ndis, Self::serve)?,
        })
    }

    /// Pages that the device has.
    pub fn given(&self) -> u32 {
        let chunks = self.chunks.lock();
        chunks.iter().map(|chunk| chunk.given.count_ones()).sum()
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
                batch.extend(chunk.pages());
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
        let mut count = pages;
        loop {
            match SharedMemory::allocate(&self.dma, count * PAGE, passive) {
                Ok(memory) => return Ok(Chunk::new(memory)),
                Err(_) if count > 1 => count /= 2,
                Err(_) => return Err(HwError::NoMemory),
            }
        }
    }

    /// Takes `count` pages back, or fewer if the device cannot spare them. Returns how many came.
    ///
    /// # Errors
    /// The command's; [`Lie::Pages`], which the event log has then, for a page that the device does not have: nothing is freed for it.
    fn take(&self, count: u32, passive: Passive<'_>) -> Result<u32, HwError> {
        let mut taken = 0;
        while taken < count {
            let ask = PAGES_PER_COMMAND.min((count - taken) as usize);
            let lie = Cell::new(None);
            let each = |page| {
                if self.returned(page).is_err() {
                    lie.set(Some(page));
                }
            };
            let take = TakePages {
                count: ask,
                each: &each,
            };
            let came = self.commander.execute(&take, passive).map_err(HwError::from);
            if let Some(page) = lie.get() {
                self.log_lie(page);
                return Err(Lie::Pages.into());
            }
            match came? {
                0 => break,
                came => taken += came,
            }
        }
        Ok(taken)
    }

    /// Tells of a page that the device gave back and does not have: the value is its number.
    fn log_lie(&self, page: u64) {
        let number = (page / u64::from(PAGE)) as u32;
        self.log.write(
            LogCode::InvalidValueFromAdapter,
            RETURNED_PAGE,
            Status::IO_DEVICE_ERROR,
            number,
        );
    }

    /// A page came back; the last one of a chunk frees it.
    fn returned(&self, page: u64) -> Result<(), Lie> {
        let freed = {
            let mut chunks = self.chunks.lock();
            let found = chunks
                .iter()
                .enumerate()
                .find_map(|(at, chunk)| Some((at, chunk.bit(page)?)));
            let (at, bit) = found.ok_or(Lie::Pages)?;
            let chunk = chunks.get_mut(at).ok_or(Lie::Pages)?;
            if chunk.given & bit == 0 {
                // Given back before: what else the chunk holds stays the device's.
                return Err(Lie::Pages);
            }
            chunk.given &= !bit;
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
