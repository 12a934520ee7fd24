//! Memory key updates by work queue element (connectx.md section 12).

use cxndk::hw::layout::{HwWqeMkeySeg, HwWqeUmrCtrlSeg};

use super::Device;
use super::ids::{Key, Pdn, Qpn};
use super::mkey::{Mkey, Translation};
use super::qp::Qp;

/// UMR control flags: the list is inline.
pub const FLAG_INLINE: u32 = 0x80;
/// Fail if the key is free.
const FLAG_CHECK_NOT_FREE: u32 = 0x40;
/// Fail unless the key is free.
const FLAG_CHECK_FREE: u32 = 0x20;
/// The translation offset counts.
const FLAG_OFFSET: u32 = 0x10;
/// Fail if the key is bound to another queue pair.
const FLAG_CHECK_QPN: u32 = 0x08;

/// Bits of `mkey_mask`: which fields of the context segment are taken over.
mod mask {
    pub(super) const LENGTH: u64 = 1 << 0;
    pub(super) const PAGE_SIZE: u64 = 1 << 1;
    pub(super) const START: u64 = 1 << 6;
    pub(super) const PD: u64 = 1 << 7;
    pub(super) const EN_RINVAL: u64 = 1 << 8;
    pub(super) const KEY: u64 = 1 << 13;
    pub(super) const QPN: u64 = 1 << 14;
    pub(super) const LR: u64 = 1 << 17;
    pub(super) const LW: u64 = 1 << 18;
    pub(super) const RR: u64 = 1 << 19;
    pub(super) const RW: u64 = 1 << 20;
    pub(super) const ATOMIC: u64 = 1 << 21;
    pub(super) const SMALL_FENCE: u64 = 1 << 23;
    pub(super) const RELAXED_WRITE: u64 = 1 << 25;
    pub(super) const FREE: u64 = 1 << 29;
    pub(super) const PAGE_SIZE_5: u64 = 1 << 42;
    pub(super) const RELAXED_READ: u64 = 1 << 47;
    /// Everything that this device can change.
    pub(super) const ALL: u64 = LENGTH
        | PAGE_SIZE
        | START
        | PD
        | EN_RINVAL
        | KEY
        | QPN
        | LR
        | LW
        | RR
        | RW
        | ATOMIC
        | SMALL_FENCE
        | RELAXED_WRITE
        | FREE
        | PAGE_SIZE_5
        | RELAXED_READ;
}

/// One update, taken from a WQE with opcode 0x25.
#[derive(Clone, Copy, Debug)]
pub struct UmrRequest<'a> {
    /// The key to change: the control segment's immediate.
    pub key: Key,
    /// UMR control segment, 48 bytes.
    pub control: &'a [u8; 48],
    /// Memory key context segment, 64 bytes.
    pub context: &'a [u8; 64],
    /// Translation entries: inline after the context segment, or gathered from the one data segment; at least
    /// 16 * `klm_octowords` bytes. Read the count with [`UmrRequest::list_bytes`].
    pub list: &'a [u8],
}

impl UmrRequest<'_> {
    /// How many bytes of translation entries a WQE with this UMR control segment brings.
    pub fn list_bytes(control: &[u8; 48]) -> usize {
        HwWqeUmrCtrlSeg::from_bytes(control).map_or(0, |control| control.klm_octowords() as usize * 16)
    }

    /// Whether the entries follow in the WQE itself, else one data segment names them.
    pub fn list_is_inline(control: &[u8; 48]) -> bool {
        HwWqeUmrCtrlSeg::from_bytes(control).is_some_and(|control| control.flags() & FLAG_INLINE != 0)
    }
}

/// Why an update was refused. The WQE ends in an error CQE and the queue pair in error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UmrFault {
    /// The queue pair may not update keys (qpc.fre is 0).
    #[error("the queue pair may not change memory keys")]
    NotAllowed,
    /// No such key, or it was not created for updates.
    #[error("no key that can be updated: {0:?}")]
    NoKey(Key),
    /// The key's protection domain is not that of the queue pair.
    #[error("key of another protection domain")]
    ProtectionDomain,
    /// The key is free and must not be, or the other way around.
    #[error("the key's free state is not the one asked for")]
    FreeState,
    /// Bound to another queue pair.
    #[error("the key is bound to another queue pair")]
    QueuePair,
    /// More translation entries than the key has room for, or fewer bytes than announced.
    #[error("the list does not fit")]
    ListSize,
    /// A mask bit that this device does not know, or a field with a senseless value.
    #[error("malformed update")]
    Malformed,
}

impl Device {
    /// Applies a key update posted on `qp`. On an error nothing has changed.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn umr(&self, qp: &Qp, request: &UmrRequest<'_>) -> Result<(), UmrFault> {
        let control = HwWqeUmrCtrlSeg::from_bytes(request.control).ok_or(UmrFault::Malformed)?;
        let segment = HwWqeMkeySeg::from_bytes(request.context).ok_or(UmrFault::Malformed)?;
        let (pd, allowed) = {
            let attributes = qp.attributes.borrow();
            (attributes.pd, attributes.fast_register)
        };
        if !allowed {
            return Err(UmrFault::NotAllowed);
        }
        let shared = self
            .mkeys
            .get(request.key.index())
            .ok_or(UmrFault::NoKey(request.key))?;
        let mut mkey = shared.borrow_mut();
        check(&mkey, control, request.key, (pd, qp.number))?;
        let mut changed = mkey.clone();
        take_fields(&mut changed, control.mkey_mask(), segment)?;
        take_list(&mut changed, control, request.list)?;
        *mkey = changed;
        drop(mkey);
        self.note_key(request.key.index());
        Ok(())
    }
}

fn check(mkey: &Mkey, control: &HwWqeUmrCtrlSeg, key: Key, by: (Pdn, Qpn)) -> Result<(), UmrFault> {
    let flags = control.flags();
    if !mkey.umr_enabled {
        return Err(UmrFault::NoKey(key));
    }
    if mkey.pd != by.0 {
        return Err(UmrFault::ProtectionDomain);
    }
    // A WQE that does not set the variant names the key that it changes, so the old one has to match.
    if control.mkey_mask() & mask::KEY == 0 && mkey.variant != key.variant() {
        return Err(UmrFault::NoKey(key));
    }
    if (flags & FLAG_CHECK_NOT_FREE != 0 && mkey.free) || (flags & FLAG_CHECK_FREE != 0 && !mkey.free) {
        return Err(UmrFault::FreeState);
    }
    if flags & FLAG_CHECK_QPN != 0 && mkey.qpn != by.1 {
        return Err(UmrFault::QueuePair);
    }
    if control.mkey_mask() & !mask::ALL != 0 {
        Err(UmrFault::Malformed)
    } else {
        Ok(())
    }
}

fn take_fields(mkey: &mut Mkey, mask: u64, segment: &HwWqeMkeySeg) -> Result<(), UmrFault> {
    let has = |bit: u64| mask & bit != 0;
    let flag = |bit: u32| segment.flags() & bit != 0;
    if has(mask::LENGTH) {
        mkey.length = (segment.length64() == 0).then(|| segment.len());
    }
    if has(mask::START) {
        mkey.start = segment.start_addr();
    }
    if has(mask::PAGE_SIZE) {
        mkey.log_page_size = segment.log_page_size();
    }
    if has(mask::PD) {
        mkey.pd = Pdn(segment.pd());
    }
    if has(mask::EN_RINVAL) {
        mkey.remote_invalidate = segment.en_rinval() != 0;
    }
    if has(mask::KEY) {
        // The new variant stands in the context segment; verbs drivers put it in the control segment as well.
        mkey.variant = segment.mkey_7_0() as u8;
    }
    if has(mask::QPN) {
        mkey.qpn = Qpn(segment.qpn());
    }
    for (bit, value, right) in [
        (mask::LR, flag(0x04), &mut mkey.rights.local_read),
        (mask::LW, flag(0x08), &mut mkey.rights.local_write),
        (mask::RR, flag(0x10), &mut mkey.rights.remote_read),
        (mask::RW, flag(0x20), &mut mkey.rights.remote_write),
        (mask::ATOMIC, flag(0x40), &mut mkey.rights.atomic),
    ] {
        if has(bit) {
            *right = value;
        }
    }
    if has(mask::FREE) {
        mkey.free = segment.free() != 0;
    }
    if !mkey.free && matches!(mkey.translation, Translation::Pages(_)) && mkey.log_page_size < 12 {
        return Err(UmrFault::Malformed);
    }
    Ok(())
}

fn take_list(mkey: &mut Mkey, control: &HwWqeUmrCtrlSeg, list: &[u8]) -> Result<(), UmrFault> {
    let octwords = control.klm_octowords();
    if octwords == 0 {
        return Ok(());
    }
    let offset = if control.flags() & FLAG_OFFSET == 0 {
        0
    } else {
        u64::from(control.translation_offset_47_16()) << 16
            | u64::from(control.translation_offset_or_bsf_octowords())
    };
    let bytes = list.get(..octwords as usize * 16).ok_or(UmrFault::ListSize)?;
    if offset + u64::from(octwords) > u64::from(mkey.octwords) {
        return Err(UmrFault::ListSize);
    }
    mkey.translation
        .replace(offset as usize, bytes)
        .ok_or(UmrFault::ListSize)
}
