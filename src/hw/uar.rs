//! UAR pages: the doorbells of queue pairs and completion queues.
//!
//! The driver takes a few pages and deals them out round robin. Every doorbell is one 64-bit store, which the bus carries
//! whole, so that queues may share a page without a lock (connectx interface, section 17).

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    command::Commander,
    commands::resource::{AllocUar, DeallocUar},
    error::{HwError, Lie},
    types::{Cqn, Eqn, UarIndex},
};
use crate::nt::{
    Mmio, Passive, Ref, SpinLock, Vec, pool,
    ring::Register64,
    sync::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes of a UAR page.
const PAGE: u32 = 4096;
/// Pages 0 to 2 of the BAR are the initialization segment.
const FIRST_PAGE: u32 = 3;
/// Offset of the completion queue arm doorbell.
const CQ_DOORBELL: u32 = 0x20;
/// Offset of the event queue doorbell that also arms.
const EQ_ARM: u32 = 0x40;
/// Offset of the event queue doorbell that does not arm.
const EQ_UPDATE: u32 = 0x48;
/// Offset of the first doorbell register of send queues.
const SEND_DOORBELL: u32 = 0x800;

/// One UAR page.
#[derive(Clone, Debug)]
pub struct Uar {
    index: UarIndex,
    bar: Ref<Mmio>,
}

impl Uar {
    /// Takes a page from the device.
    ///
    /// # Errors
    /// The command's; [`Lie::Register`] for a page outside the BAR.
    pub(super) fn allocate(
        commander: &Commander,
        bar: &Ref<Mmio>,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let index = commander.execute(&AllocUar {}, passive)?;
        let pages = bar.len() / PAGE;
        let this = Self {
            index,
            bar: bar.clone(),
        };
        if index.raw() < FIRST_PAGE || index.raw() >= pages {
            this.free(commander, passive);
            return Err(Lie::Register("uar").into());
        }
        Ok(this)
    }

    /// Gives the page back.
    pub(super) fn free(self, commander: &Commander, passive: Passive<'_>) {
        commander.dispose(&DeallocUar { uar: self.index }, passive);
    }

    /// Its number, as contexts name it.
    pub const fn index(&self) -> UarIndex {
        self.index
    }

    /// The doorbell of a send queue.
    ///
    /// # Errors
    /// None but for a page outside the BAR, which [`Self::allocate`] refused.
    pub(super) fn send_doorbell(&self) -> Result<SendDoorbell, HwError> {
        Ok(SendDoorbell(self.register(SEND_DOORBELL)?))
    }

    /// The arm doorbell of a completion queue.
    ///
    /// # Errors
    /// As [`Self::send_doorbell`].
    pub(super) fn cq_doorbell(&self) -> Result<CqDoorbell, HwError> {
        Ok(CqDoorbell(self.register(CQ_DOORBELL)?))
    }

    /// The doorbells of an event queue.
    pub(super) fn eq_doorbell(&self) -> EqDoorbell {
        EqDoorbell {
            bar: self.bar.clone(),
            base: self.index.raw() * PAGE,
        }
    }

    fn register(&self, offset: u32) -> Result<Register64, HwError> {
        Register64::new(&self.bar, self.index.raw() * PAGE + offset).ok_or(HwError::Lie(Lie::Register("uar")))
    }
}

/// The doorbell register of a send queue.
#[derive(Debug)]
pub struct SendDoorbell(Register64);

impl SendDoorbell {
    /// Rings with the first 8 bytes of the last control segment.
    #[inline(always)]
    pub(super) fn ring(&self, control: u64) {
        self.0.write(control);
    }
}

/// The arm register of a completion queue.
#[derive(Debug)]
pub struct CqDoorbell(Register64);

impl CqDoorbell {
    /// Arms with the value that the doorbell record got.
    #[inline]
    pub(super) fn arm(&self, value: u32, cqn: Cqn) {
        self.0.write(u64::from(value) << 32 | u64::from(cqn.raw()));
    }
}

/// The consumer index registers of an event queue.
#[derive(Debug)]
pub struct EqDoorbell {
    bar: Ref<Mmio>,
    base: u32,
}

impl EqDoorbell {
    /// Frees the entries before `consumer`, and arms the queue if asked to.
    pub(super) fn update(&self, eqn: Eqn, consumer: u32, arm: bool) {
        let offset = if arm { EQ_ARM } else { EQ_UPDATE };
        let value = u32::from(eqn.0) << 24 | consumer & 0x00ff_ffff;
        self.bar.write_be32(self.base + offset, value);
    }
}

/// The pages of a device, dealt out round robin.
#[derive(Debug)]
pub struct Uars {
    pages: SpinLock<Vec<Uar>>,
    next: AtomicUsize,
}

impl Uars {
    /// Room for `count` pages.
    pub(super) fn with_room(count: usize) -> Result<Self, HwError> {
        Ok(Self {
            pages: SpinLock::new(pool::try_with_capacity(count)?),
            next: AtomicUsize::new(0),
        })
    }

    /// Takes `count` pages from the device. [`Self::free`] gives back what it got, also when it failed half way.
    pub(super) fn allocate(
        &self,
        commander: &Commander,
        bar: &Ref<Mmio>,
        count: usize,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        for _ in 0..count {
            let page = Uar::allocate(commander, bar, passive)?;
            pool::try_push(&mut *self.pages.lock(), page)?;
        }
        Ok(())
    }

    /// The next page of the round.
    pub(super) fn deal(&self) -> Result<Uar, HwError> {
        let turn = self.next.fetch_add(1, Relaxed);
        let pages = self.pages.lock();
        pages.get(turn % pages.len().max(1)).cloned().ok_or(HwError::Dead)
    }

    /// Gives all pages back.
    pub(super) fn free(&self, commander: &Commander, passive: Passive<'_>) {
        loop {
            let page = self.pages.lock().pop();
            let Some(page) = page else { return };
            page.free(commander, passive);
        }
    }
}
