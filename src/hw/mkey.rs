//! Memory keys.

use super::{
    command::Command,
    commands::mkey::{CreateMkey, DestroyMkey},
    device::Device,
    error::HwError,
    layout::{Mkc, opcode},
    types::{Key, MkeyIndex, Pdn},
    wqe::umr,
};
use crate::nt::{
    Passive, Ref,
    sync::{AtomicBool, Ordering::AcqRel},
};

bitflags::bitflags! {
    /// Rights of a memory key: the flags byte of its context.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Access: u8 {
        /// We read.
        const LOCAL_READ = 0x04;
        /// We write: receives and read sinks.
        const LOCAL_WRITE = 0x08;
        /// The peer reads.
        const REMOTE_READ = 0x10;
        /// The peer writes.
        const REMOTE_WRITE = 0x20;
    }
}

/// Access modes of a context.
const MODE_PA: u32 = 0;
const MODE_MTT: u32 = 1;
/// Not bound to a queue pair.
const ANY_QP: u32 = 0x00ff_ffff;
/// log2 of the page size of page lists.
const LOG_PAGE: u32 = 12;

/// A memory key of the device.
#[derive(Debug)]
pub struct Mkey {
    device: Ref<Device>,
    key: Key,
    alive: AtomicBool,
}

impl Mkey {
    /// A key over all of the bus, for local use: addresses are bus addresses.
    pub(super) fn create_local(device: &Ref<Device>, pd: Pdn, passive: Passive<'_>) -> Result<Self, HwError> {
        let mut context = context(pd, Access::LOCAL_READ | Access::LOCAL_WRITE, MODE_PA);
        context.set_length64(1);
        Self::create(device, context, 0, core::iter::empty(), passive)
    }

    /// A key over `length` bytes at `start` in its own space, which lie in `pages`: bus addresses of 4 KiB pages, the first of
    /// which holds `start` at its offset `start % 4096`.
    ///
    /// # Errors
    /// [`HwError::Limit`] when there are too few pages, [`HwError::NoMemory`], the command's. When the device did not refuse, the key may
    /// exist: the device is dead then, and cut off from memory if it can be ([`Device::is_cut_off`]).
    pub fn create_region(
        device: &Ref<Device>,
        pd: Pdn,
        access: Access,
        (start, length): (u64, u64),
        pages: impl ExactSizeIterator<Item = u64> + Clone,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let offset = start & 0xfff;
        let needed = offset
            .checked_add(length)
            .ok_or(HwError::Limit("region length"))?
            .div_ceil(4096);
        if needed == 0 || needed > pages.len() as u64 || needed > u64::from(u32::MAX) {
            return Err(HwError::Limit("pages of a region"));
        }
        let mut context = context(pd, access, MODE_MTT);
        context
            .set_start_addr(start)
            .set_len(length)
            .set_log_page_size(LOG_PAGE);
        let entries = needed as u32;
        Self::create(device, context, entries, pages.take(entries as usize), passive)
    }

    /// A key in the free state with room for `pages` pages, for [`super::SendQueue::fast_register`].
    ///
    /// # Errors
    /// [`HwError::Limit`], [`HwError::NoMemory`], the command's.
    pub fn create_free(
        device: &Ref<Device>,
        pd: Pdn,
        pages: u32,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let octowords = umr::octowords(pages.max(1));
        if octowords > 0xffff {
            return Err(HwError::Limit("pages of a fast registration"));
        }
        let mut context = context(pd, Access::empty(), MODE_MTT);
        context
            .set_free(1)
            .set_umr_en(1)
            .set_en_rinval(1)
            .set_log_page_size(LOG_PAGE)
            .set_translations_octword_size(octowords);
        Self::create(device, context, 0, core::iter::empty(), passive)
    }

    fn create(
        device: &Ref<Device>,
        mut context: Mkc,
        entries: u32,
        pages: impl Iterator<Item = u64> + Clone,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let variant = device.next_key_variant();
        context.set_mkey_7_0(u32::from(variant));
        if entries != 0 {
            context.set_translations_octword_size(entries.div_ceil(2));
        }
        let command = CreateMkey {
            context,
            entries,
            pages,
        };
        let index: MkeyIndex = match device.commander().execute(&command, passive) {
            Ok(index) => index,
            Err(error) => return Err(Self::never_made(device, error.into(), passive)),
        };
        Ok(Self {
            device: device.clone(),
            key: Key::new(index, variant),
            alive: AtomicBool::new(true),
        })
    }

    /// No key came of a command. Where the device may have made one that nobody knows, or may do so yet, it is given up: its memory is still
    /// mapped, and whoever asked is about to have that back.
    fn never_made(device: &Device, error: HwError, passive: Passive<'_>) -> HwError {
        if !error.is_refusal() {
            device.give_up(opcode::CREATE_MKEY, passive);
        }
        error
    }

    /// The key, local and remote token alike; it does not change over fast registrations and invalidations.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Destroys the key: the device touches its memory no more when this returns, since one that will not destroy it is given up. `false`
    /// if it is dead and nothing cuts it off. Once; again is nothing.
    pub fn destroy(&self, passive: Passive<'_>) -> bool {
        let index = self.key.index();
        !self.alive.swap(false, AcqRel)
            || self.device.commander().dispose(&DestroyMkey { index }, passive)
            || self.device.give_up(DestroyMkey::OPCODE, passive)
    }
}

fn context(pd: Pdn, access: Access, mode: u32) -> Mkc {
    let bit = |right| u32::from(access.contains(right));
    let mut context = Mkc::new();
    context
        .set_access_mode_1_0(mode)
        .set_lr(bit(Access::LOCAL_READ))
        .set_lw(bit(Access::LOCAL_WRITE))
        .set_rr(bit(Access::REMOTE_READ))
        .set_rw(bit(Access::REMOTE_WRITE))
        .set_qpn(ANY_QP)
        .set_pd(pd.raw());
    context
}
