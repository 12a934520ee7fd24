//! Memory keys: what they cover, who may use them for what, and where the bytes are (connectx.md section 12).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::hw::layout;

use super::ids::{Key, MkeyIndex, Pdn, Qpn};
use super::memory::{Segment, SegmentList, overlap, runs};
use super::qp::Accessor;

/// "Not bound to a queue pair" in a key's qpn field.
pub const ANY_QP: Qpn = Qpn(0x00ff_ffff);

/// Indirect keys may not name keys that lead to keys without end.
const MAX_INDIRECTION: u32 = 4;

/// What an access wants to do, from the point of view of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read by this device for a local WQE.
    LocalRead,
    /// Written by this device for a local WQE.
    LocalWrite,
    /// Read for the peer.
    RemoteRead,
    /// Written for the peer.
    RemoteWrite,
    /// Atomic for the peer.
    RemoteAtomic,
}

/// Why a key did not give access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessFault {
    /// No such key, or not this variant of it.
    #[error("no memory key {0:?}")]
    NoKey(Key),
    /// The key is in the free state: never registered, or invalidated.
    #[error("memory key is free")]
    Free,
    /// The key belongs to another protection domain.
    #[error("memory key of another protection domain")]
    ProtectionDomain,
    /// The key is bound to another queue pair, or needs a right that the queue pair lacks.
    #[error("memory key is not for this queue pair")]
    QueuePair,
    /// Not all of the range is covered.
    #[error("access outside of the key's range")]
    Bounds,
    /// The key does not allow this kind of access.
    #[error("the key does not grant {0:?}")]
    Right(Right),
    /// The key's translation has no entry for a part of the range.
    #[error("no translation")]
    Translation,
}

/// The rights of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of the context"
)]
pub struct Rights {
    /// lr
    pub local_read: bool,
    /// lw
    pub local_write: bool,
    /// rr
    pub remote_read: bool,
    /// rw
    pub remote_write: bool,
    /// a
    pub atomic: bool,
}

impl Rights {
    const fn grant(self, right: Right) -> bool {
        match right {
            Right::LocalRead => self.local_read,
            Right::LocalWrite => self.local_write,
            Right::RemoteRead => self.remote_read,
            Right::RemoteWrite => self.remote_write,
            Right::RemoteAtomic => self.atomic,
        }
    }
}

/// How addresses of a key become bus addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translation {
    /// Addresses are bus addresses (access mode PA).
    Physical,
    /// Pages of equal size: raw entries, bus address with bit 1 write and bit 0 read (access mode MTT).
    Pages(Vec<u64>),
    /// Pieces of other keys: byte count, key, address (access modes KLM and KSM).
    Indirect(Vec<(u64, Key, u64)>),
}

impl Translation {
    /// Reads `bytes` as entries of the kind that the key has.
    pub fn parse(kind: AccessMode, bytes: &[u8]) -> Self {
        match kind {
            AccessMode::Physical => Self::Physical,
            AccessMode::Pages => Self::Pages(bytes.chunks_exact(8).map(qword).collect()),
            AccessMode::Indirect => Self::Indirect(bytes.chunks_exact(16).map(klm).collect()),
        }
    }

    /// Overwrites entries from 16-byte unit `at` on. `None` if the key has no list.
    pub(super) fn replace(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        match self {
            Self::Physical => return None,
            Self::Pages(entries) => overwrite(entries, at * 2, bytes.chunks_exact(8).map(qword), 0),
            Self::Indirect(pieces) => overwrite(pieces, at, bytes.chunks_exact(16).map(klm), (0, Key(0), 0)),
        }
        Some(())
    }
}

/// The kinds of [`Translation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// PA
    Physical,
    /// MTT
    Pages,
    /// KLM, KSM
    Indirect,
}

fn overwrite<T: Clone>(entries: &mut Vec<T>, at: usize, new: impl ExactSizeIterator<Item = T>, none: T) {
    let end = at + new.len();
    if entries.len() < end {
        entries.resize(end, none);
    }
    for (slot, entry) in entries[at..end].iter_mut().zip(new) {
        *slot = entry;
    }
}

fn qword(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn klm(bytes: &[u8]) -> (u64, Key, u64) {
    (
        qword(&bytes[..4]),
        Key(qword(&bytes[4..8]) as u32),
        qword(&bytes[8..]),
    )
}

/// A memory key.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of the context"
)]
pub struct Mkey {
    /// Variant that accesses must name.
    pub variant: u8,
    /// In the free state: no access.
    pub free: bool,
    /// UMR WQEs may change it.
    pub umr_enabled: bool,
    /// The peer may invalidate it.
    pub remote_invalidate: bool,
    /// Protection domain.
    pub pd: Pdn,
    /// Queue pair it is bound to, or [`ANY_QP`].
    pub qpn: Qpn,
    /// What it allows.
    pub rights: Rights,
    /// First address.
    pub start: u64,
    /// Length in bytes; `None` for all of the address space (length64).
    pub length: Option<u64>,
    /// log2 of the page size of the translation.
    pub log_page_size: u32,
    /// Room for translation entries, in 16-byte units.
    pub octwords: u32,
    /// Permission bits of translation entries count (`pg_access`).
    pub check_pages: bool,
    /// Where the bytes are.
    pub translation: Translation,
    /// The context as created, for `QUERY_MKEY`.
    pub context: layout::Mkc,
}

impl Mkey {
    /// The context with what updates have changed since creation, for `QUERY_MKEY`.
    pub fn current_context(&self) -> layout::Mkc {
        let mut context = self.context;
        context
            .set_free(u32::from(self.free))
            .set_mkey_7_0(u32::from(self.variant))
            .set_qpn(self.qpn.0);
        context
            .set_pd(self.pd.0)
            .set_en_rinval(u32::from(self.remote_invalidate));
        context
            .set_start_addr(self.start)
            .set_len(self.length.unwrap_or_default());
        context
            .set_length64(u32::from(self.length.is_none()))
            .set_log_page_size(self.log_page_size);
        let rights = self.rights;
        context
            .set_lr(u32::from(rights.local_read))
            .set_lw(u32::from(rights.local_write));
        context
            .set_rr(u32::from(rights.remote_read))
            .set_rw(u32::from(rights.remote_write));
        context.set_a(u32::from(rights.atomic));
        context
    }

    /// The bus addresses that whoever uses the key reaches, in runs. Physical keys do not count: they name no memory.
    pub fn runs(&self) -> Vec<(u64, u64)> {
        let Translation::Pages(entries) = &self.translation else {
            return Vec::new();
        };
        if self.free {
            return Vec::new();
        }
        let page = 1_u64 << self.log_page_size;
        let covered = self.length.map_or(entries.len() as u64, |length| {
            ((self.start & (page - 1)).saturating_add(length)).div_ceil(page)
        });
        runs(
            entries.iter().take(covered as usize).map(|entry| entry & !0xfff),
            page,
        )
    }

    /// Whoever uses the key reaches some of the `length` bytes at bus address `bus`.
    pub fn reaches(&self, bus: u64, length: u64) -> bool {
        self.runs()
            .into_iter()
            .any(|run| overlap(run, (bus, bus + length)))
    }

    fn covers(&self, address: u64, length: u64) -> bool {
        let Some(own) = self.length else { return true };
        address
            .checked_sub(self.start)
            .is_some_and(|offset| length <= own && offset <= own - length)
    }

    fn check(&self, key: Key, right: Right, by: Accessor) -> Result<(), AccessFault> {
        if self.variant != key.variant() {
            return Err(AccessFault::NoKey(key));
        }
        if self.free {
            return Err(AccessFault::Free);
        }
        if self.pd != by.pd {
            return Err(AccessFault::ProtectionDomain);
        }
        if self.qpn != ANY_QP && self.qpn != by.qpn {
            return Err(AccessFault::QueuePair);
        }
        if self.rights.grant(right) {
            Ok(())
        } else {
            Err(AccessFault::Right(right))
        }
    }

    fn pages(&self, entries: &[u64], range: (u64, u64), right: Right) -> Result<SegmentList, AccessFault> {
        let (address, length) = range;
        let page = 1_u64 << self.log_page_size;
        let mut at = (address - self.start) + (self.start & (page - 1));
        let end = at + length;
        let mut segments = SegmentList::new();
        while at < end {
            let entry = entries
                .get((at >> self.log_page_size) as usize)
                .ok_or(AccessFault::Translation)?;
            if self.check_pages && entry & page_right(right) == 0 {
                return Err(AccessFault::Right(right));
            }
            let in_page = at & (page - 1);
            let length = (page - in_page).min(end - at);
            push(
                &mut segments,
                Segment {
                    bus: (entry & !0xfff) + in_page,
                    length,
                },
            );
            at += length;
        }
        Ok(segments)
    }
}

const fn page_right(right: Right) -> u64 {
    match right {
        Right::LocalRead | Right::RemoteRead => 1,
        Right::LocalWrite | Right::RemoteWrite => 2,
        Right::RemoteAtomic => 3,
    }
}

/// Appends, joining what is contiguous on the bus.
fn push(segments: &mut SegmentList, segment: Segment) {
    match segments.last_mut() {
        Some(last) if last.bus + last.length == segment.bus => last.length += segment.length,
        _ => segments.push(segment),
    }
}

/// All memory keys of a device.
#[derive(Default)]
pub struct MkeyTable {
    keys: RefCell<BTreeMap<MkeyIndex, Rc<RefCell<Mkey>>>>,
    reserved_lkey: RefCell<Option<Key>>,
}

impl MkeyTable {
    /// The key object, whatever its state.
    pub fn get(&self, index: MkeyIndex) -> Option<Rc<RefCell<Mkey>>> {
        self.keys.borrow().get(&index).cloned()
    }

    /// Adds or replaces.
    pub fn insert(&self, index: MkeyIndex, mkey: Mkey) {
        self.keys.borrow_mut().insert(index, Rc::new(RefCell::new(mkey)));
    }

    /// Removes.
    pub fn remove(&self, index: MkeyIndex) -> Option<Rc<RefCell<Mkey>>> {
        self.keys.borrow_mut().remove(&index)
    }

    /// Which key the QPs with qpc.rlky may use as physical memory.
    pub fn set_reserved_lkey(&self, key: Option<Key>) {
        self.reserved_lkey.replace(key);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.borrow().len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.keys.borrow().is_empty()
    }

    /// Indices of all keys.
    pub fn indices(&self) -> Vec<MkeyIndex> {
        self.keys.borrow().keys().copied().collect()
    }

    /// Some key that is not free leads to the key at `index`.
    pub fn is_bound(&self, index: MkeyIndex) -> bool {
        self.any(|mkey| match &mkey.translation {
            Translation::Indirect(pieces) => {
                !mkey.free && pieces.iter().any(|(_, key, _)| key.index() == index)
            }
            _ => false,
        })
    }

    /// Any key that satisfies `test`.
    pub fn any(&self, test: impl Fn(&Mkey) -> bool) -> bool {
        self.keys.borrow().values().any(|mkey| test(&mkey.borrow()))
    }

    /// Forgets all keys.
    pub fn clear(&self) {
        self.keys.borrow_mut().clear();
    }

    /// Where the bytes `[address, address + length)` of `key` are, if `by` may do this to all of them.
    ///
    /// A length of 0 needs a good key and right but covers nothing.
    ///
    /// # Errors
    /// The first reason against it, in the order: key, state, domain, queue pair, right, range, translation.
    pub fn access(
        &self,
        key: Key,
        address: u64,
        length: u64,
        right: Right,
        by: Accessor,
    ) -> Result<SegmentList, AccessFault> {
        self.resolve(key, (address, length), right, by, MAX_INDIRECTION)
    }

    fn resolve(
        &self,
        key: Key,
        range: (u64, u64),
        right: Right,
        by: Accessor,
        depth: u32,
    ) -> Result<SegmentList, AccessFault> {
        let (address, length) = range;
        if *self.reserved_lkey.borrow() == Some(key) {
            let local = matches!(right, Right::LocalRead | Right::LocalWrite);
            return if local && by.reserved_lkey {
                Ok(whole(address, length))
            } else {
                Err(AccessFault::QueuePair)
            };
        }
        let mkey = self.get(key.index()).ok_or(AccessFault::NoKey(key))?;
        let mkey = mkey.borrow();
        mkey.check(key, right, by)?;
        if !mkey.covers(address, length) {
            return Err(AccessFault::Bounds);
        }
        match &mkey.translation {
            Translation::Physical => Ok(whole(address, length)),
            Translation::Pages(entries) => mkey.pages(entries, range, right),
            Translation::Indirect(pieces) => {
                let depth = depth.checked_sub(1).ok_or(AccessFault::Translation)?;
                self.indirect(pieces, (address - mkey.start, length), right, by, depth)
            }
        }
    }

    fn indirect(
        &self,
        pieces: &[(u64, Key, u64)],
        range: (u64, u64),
        right: Right,
        by: Accessor,
        depth: u32,
    ) -> Result<SegmentList, AccessFault> {
        let (mut skip, mut left) = range;
        let mut segments = SegmentList::new();
        for &(count, key, address) in pieces {
            if left == 0 {
                break;
            }
            if skip >= count {
                skip -= count;
                continue;
            }
            let take = (count - skip).min(left);
            // The window's own rights decide about the peer; the key below must only be usable by this side.
            let below = match right {
                Right::LocalRead | Right::RemoteRead => Right::LocalRead,
                Right::LocalWrite | Right::RemoteWrite | Right::RemoteAtomic => Right::LocalWrite,
            };
            for segment in self.resolve(key, (address + skip, take), below, by, depth)? {
                push(&mut segments, segment);
            }
            (skip, left) = (0, left - take);
        }
        if left == 0 {
            Ok(segments)
        } else {
            Err(AccessFault::Translation)
        }
    }

    /// A `SEND_INVALIDATE` from the peer of `by` names `key`: frees it, if it may be freed so.
    ///
    /// # Errors
    /// No such key, not in use, of another domain, not invalidatable by a peer, or bound to another queue pair.
    pub fn invalidate_remotely(&self, key: Key, by: Accessor) -> Result<(), AccessFault> {
        let mkey = self.get(key.index()).ok_or(AccessFault::NoKey(key))?;
        let mut mkey = mkey.borrow_mut();
        if mkey.variant != key.variant() {
            return Err(AccessFault::NoKey(key));
        }
        if mkey.free {
            return Err(AccessFault::Free);
        }
        if mkey.pd != by.pd {
            return Err(AccessFault::ProtectionDomain);
        }
        if !mkey.remote_invalidate || (mkey.qpn != ANY_QP && mkey.qpn != by.qpn) {
            return Err(AccessFault::QueuePair);
        }
        mkey.free = true;
        Ok(())
    }
}

fn whole(bus: u64, length: u64) -> SegmentList {
    if length == 0 {
        Vec::new()
    } else {
        vec![Segment { bus, length }]
    }
}
