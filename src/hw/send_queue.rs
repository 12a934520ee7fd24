//! The send queue of a queue pair: posting work requests, ringing the doorbell, matching completions.
//!
//! No lock and no allocation. All methods take `&self`; state is relaxed atomics, which cost plain loads and stores. The caller
//! serialises posts with posts, and completions with completions (the Network Direct contract, rules QP-01 and CQ-01);
//! posting may run beside completing.

use super::{
    error::Lie,
    mkey::Access,
    types::{Key, Pdn, Qpn},
    uar::SendDoorbell,
    wqe::{self, AddressVector, MAX_BLOCKS, MAX_INLINE, Opcode, SEGMENTS_PER_BLOCK, fm_ce_se, umr},
};
use crate::nt::{
    ring::{Circle, Record, Ring, Segment},
    sync::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence, publish_to_device,
    },
};

pub use super::wqe::AddressVector as UdAddress;

/// A piece of local memory of a work request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sge {
    /// Virtual address in the key's space; for the key of [`super::Pd::local_key`] a bus address.
    pub address: u64,
    /// Bytes; pieces of 0 bytes are left out.
    pub length: u32,
    /// Memory key.
    pub key: Key,
}

bitflags::bitflags! {
    /// How a work request is to be carried out.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PostFlags: u32 {
        /// Success leaves no completion.
        const SILENT = 1;
        /// The receiver's completion raises its solicited event.
        const SOLICITED = 2;
        /// Wait for earlier reads of this queue.
        const FENCE = 4;
    }
}

/// What a work request is, as its completion tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the operations")]
pub enum WqeKind {
    Send,
    Write,
    Read,
    FastRegister,
    Invalidate,
    Nop,
}

/// Why a work request was not accepted. Nothing was posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PostError {
    /// The queue is full.
    Full,
    /// More pieces than the queue was made for.
    TooManySges,
    /// More inline data than the queue was made for.
    TooMuchInline,
    /// More pages than the queue's page lists hold.
    TooManyPages,
}

/// A request of the queue that is done, or is taken off it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// What the caller gave when it posted the request.
    pub context: u64,
    /// What the request was.
    pub kind: WqeKind,
    /// It was posted with [`PostFlags::SILENT`].
    pub silent: bool,
}

/// A fast registration: a key in the free state gets a range of memory by its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastRegister {
    /// Key to register; index and variant.
    pub key: Key,
    /// Protection domain of key and queue.
    pub pd: Pdn,
    /// Rights.
    pub access: Access,
    /// Address of the first byte in the key's space; its low 12 bits are the offset in the first page.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// What the queue remembers of a request: `context`, and in one word its counter, its end and what it was.
#[derive(Debug, Default)]
struct Slot {
    context: AtomicU64,
    /// First block's counter 15:0, next request's counter 31:16, kind 39:32, silent 40, page list 41, used 42.
    note: AtomicU64,
}

const NOTE_KIND: u32 = 32;
const NOTE_SILENT: u64 = 1 << 40;
const NOTE_LIST: u64 = 1 << 41;
const NOTE_USED: u64 = 1 << 42;

/// Fixed lists of page addresses in memory that the device reads, used and freed in queue order.
#[derive(Debug)]
pub(super) struct PageLists {
    /// Words of all lists, list after list; a list's length is a power of two.
    words: Ring<AtomicU64>,
    /// log2 of the words of a list.
    log_entries: u32,
    /// Number of lists less one; a power of two less one.
    mask: u32,
    /// Bus address of the first list.
    bus: u64,
    /// Lists taken and lists given back, since the beginning.
    taken: AtomicU32,
    returned: AtomicU32,
}

impl PageLists {
    /// Lists of `1 << log_entries` addresses each, as many as `words` holds, at `bus`.
    pub(super) fn new(words: Ring<AtomicU64>, log_entries: u32, lists: u32, bus: u64) -> Self {
        let (taken, returned) = (AtomicU32::new(0), AtomicU32::new(0));
        Self {
            words,
            log_entries,
            mask: lists - 1,
            bus,
            taken,
            returned,
        }
    }

    /// Entries of a list.
    const fn entries(&self) -> u32 {
        1 << self.log_entries
    }
}

/// What a [`SendQueue`] is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) ring: Ring<Segment>,
    pub(super) slots: Circle<SendSlot>,
    pub(super) record: Record,
    pub(super) doorbell: SendDoorbell,
    pub(super) lists: Option<PageLists>,
    pub(super) qpn: Qpn,
    pub(super) log_blocks: u32,
    pub(super) max_sges: u32,
    pub(super) max_inline: u32,
    pub(super) local_key: Key,
    pub(super) umr_fence: u32,
}

/// One remembered request; opaque outside.
#[derive(Debug, Default)]
pub(super) struct SendSlot(Slot);

/// A send queue; see the module's page for who may call what when.
#[derive(Debug)]
pub struct SendQueue {
    parts: Parts,
    /// Blocks posted since the beginning.
    producer: AtomicU32,
    /// Blocks whose requests are done.
    consumer: AtomicU32,
    /// `producer` at the last doorbell.
    rung: AtomicU32,
    /// First word of the last control segment: what the doorbell register wants.
    last: AtomicU64,
    /// Fence that the next request gets because the last one was a UMR.
    fence: AtomicU32,
}

/// A request under construction: where it begins, and the next segment to write.
struct Cursor {
    first: u32,
    next: u32,
}

impl SendQueue {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            producer: AtomicU32::new(0),
            consumer: AtomicU32::new(0),
            rung: AtomicU32::new(0),
            last: AtomicU64::new(0),
            fence: AtomicU32::new(0),
        }
    }

    /// Sends the pieces; with `invalidate` the receiver's device also invalidates that key of its own.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`].
    #[inline]
    pub fn send(
        &self,
        context: u64,
        flags: PostFlags,
        invalidate: Option<Key>,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<(), PostError> {
        let mut cursor = self.begin(sges.len() as u32 + 1, sges.len() as u32)?;
        self.put_sges(&mut cursor, sges);
        let (opcode, immediate) = send_opcode(invalidate);
        self.finish(&cursor, context, WqeKind::Send, flags, opcode, immediate);
        Ok(())
    }

    /// Sends `length` bytes that are copied from `pieces` now.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooMuchInline`].
    pub fn send_inline<'a>(
        &self,
        context: u64,
        flags: PostFlags,
        invalidate: Option<Key>,
        length: u32,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PostError> {
        let mut cursor = self.begin_inline(length, 1)?;
        self.put_inline(&mut cursor, length, pieces);
        let (opcode, immediate) = send_opcode(invalidate);
        self.finish(&cursor, context, WqeKind::Send, flags, opcode, immediate);
        Ok(())
    }

    /// Writes the pieces to `remote`, memory of the peer under `key`.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`].
    #[inline]
    pub fn write(
        &self,
        context: u64,
        flags: PostFlags,
        remote: u64,
        key: Key,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<(), PostError> {
        self.remote(
            context,
            flags,
            WqeKind::Write,
            Opcode::RdmaWrite,
            (remote, key),
            sges,
        )
    }

    /// Writes `length` bytes that are copied from `pieces` now.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooMuchInline`].
    pub fn write_inline<'a>(
        &self,
        context: u64,
        flags: PostFlags,
        (remote, key): (u64, Key),
        length: u32,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PostError> {
        let mut cursor = self.begin_inline(length, 2)?;
        self.put(&mut cursor, wqe::remote_address(remote, key));
        self.put_inline(&mut cursor, length, pieces);
        self.finish(&cursor, context, WqeKind::Write, flags, Opcode::RdmaWrite, 0);
        Ok(())
    }

    /// Reads `remote`, memory of the peer under `key`, into the pieces.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`].
    #[inline]
    pub fn read(
        &self,
        context: u64,
        flags: PostFlags,
        remote: u64,
        key: Key,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<(), PostError> {
        self.remote(
            context,
            flags,
            WqeKind::Read,
            Opcode::RdmaRead,
            (remote, key),
            sges,
        )
    }

    /// Sends a datagram (queue pairs of datagram kind).
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`].
    pub fn send_datagram(
        &self,
        context: u64,
        flags: PostFlags,
        to: &AddressVector,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<(), PostError> {
        let mut cursor = self.begin(sges.len() as u32 + 4, sges.len() as u32)?;
        let words = to.words();
        for pair in words.chunks_exact(2) {
            self.put(&mut cursor, [pair[0], pair[1]]);
        }
        self.put_sges(&mut cursor, sges);
        self.finish(&cursor, context, WqeKind::Send, flags, Opcode::Send, 0);
        Ok(())
    }

    /// Registers pages under a free key; takes effect in queue order. `pages` are bus addresses of 4 KiB pages.
    ///
    /// # Errors
    /// [`PostError::Full`] (also when every page list is in use), [`PostError::TooManyPages`].
    #[inline]
    pub fn fast_register(
        &self,
        context: u64,
        flags: PostFlags,
        region: &FastRegister,
        pages: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), PostError> {
        let entries = pages.len() as u32;
        let inline = entries <= umr::INLINE_ENTRIES;
        let list = if inline {
            None
        } else {
            Some(self.take_list(entries)?)
        };
        let mut cursor = self.begin(12, 0)?;
        let octowords = umr::octowords(entries);
        let how = umr::FAIL_IF_NOT_FREE | if inline { umr::INLINE } else { 0 };
        self.put_umr(
            &mut cursor,
            umr::control(how, octowords, umr::mask::REGISTER),
            umr::register(
                region.key,
                region.access.bits(),
                region.pd,
                region.start,
                region.length,
                octowords,
            ),
        );
        match list {
            None => self.put_inline_pages(&mut cursor, pages),
            Some(lists) => self.put_listed_pages(&mut cursor, lists, entries, pages),
        }
        self.finish_umr(
            &cursor,
            context,
            WqeKind::FastRegister,
            flags,
            region.key,
            list.is_some(),
        );
        Ok(())
    }

    /// Invalidates a fast-registered key, in queue order: it becomes free. One that is free already fails the queue.
    ///
    /// # Errors
    /// [`PostError::Full`].
    #[inline]
    pub fn invalidate(&self, context: u64, flags: PostFlags, key: Key) -> Result<(), PostError> {
        let mut cursor = self.begin(8, 0)?;
        let how = umr::INLINE | umr::FAIL_IF_FREE;
        self.put_umr(
            &mut cursor,
            umr::control(how, 0, umr::mask::FREE),
            umr::invalidate(),
        );
        self.finish_umr(&cursor, context, WqeKind::Invalidate, flags, key, false);
        Ok(())
    }

    /// Does nothing, in queue order: a marker that completes (with the flush error once the queue pair is in error).
    ///
    /// # Errors
    /// [`PostError::Full`].
    pub fn nop(&self, context: u64, flags: PostFlags) -> Result<(), PostError> {
        let cursor = self.begin(1, 0)?;
        self.finish(&cursor, context, WqeKind::Nop, flags, Opcode::Nop, 0);
        Ok(())
    }

    /// Tells the device about everything posted since the last call; does nothing when there is nothing new.
    #[inline]
    pub fn ring(&self) {
        let producer = self.producer.load(Relaxed);
        if producer == self.rung.load(Relaxed) {
            return;
        }
        self.rung.store(producer, Relaxed);
        // Orders the elements' words before the record: the device may read what the record covers.
        publish_to_device();
        self.parts.record.store(producer & 0xffff);
        // Orders the record before the doorbell, on which the device reads the record.
        publish_to_device();
        self.parts.doorbell.ring(self.last.load(Relaxed));
    }

    /// Tells the device about everything that is posted, for somebody who is not serialised with posts: to flush deferred
    /// requests of a queue pair in error. May ring once too often.
    pub fn ring_beside_posts(&self) {
        while !self.is_empty() {
            let producer = self.producer.load(Acquire);
            self.parts.record.store(producer & 0xffff);
            // Orders the record before the doorbell, on which the device reads the record.
            publish_to_device();
            self.parts.doorbell.ring(self.last.load(Relaxed));
            // Orders our record, which may have overwritten that of a newer post, before the look for such a post.
            fence(SeqCst);
            if self.producer.load(Relaxed) == producer {
                return;
            }
        }
    }

    /// Whether something is posted that the device was not told about.
    pub fn is_deferred(&self) -> bool {
        self.producer.load(Relaxed) != self.rung.load(Relaxed)
    }

    /// Whether requests are outstanding.
    pub fn is_empty(&self) -> bool {
        self.producer.load(Relaxed) == self.consumer.load(Relaxed)
    }

    /// Takes the request of a completion off the queue, with all before it: those were silent and succeeded (or, once the queue
    /// pair is in error, take them off with [`Self::pop_before`] first).
    ///
    /// # Errors
    /// [`Lie::WqeCounter`] when no request that is outstanding begins there.
    #[inline]
    pub fn complete(&self, counter: u16) -> Result<Completed, Lie> {
        let consumer = self.consumer.load(Relaxed);
        let outstanding = self.producer.load(Acquire).wrapping_sub(consumer);
        let ahead = u32::from(counter.wrapping_sub(consumer as u16));
        let slot = &self.parts.slots.at(u32::from(counter)).0;
        let note = slot.note.load(Relaxed);
        if ahead >= outstanding || note as u16 != counter || note & NOTE_USED == 0 {
            return Err(Lie::WqeCounter(counter));
        }
        let context = slot.context.load(Relaxed);
        if self.parts.lists.is_some() {
            self.return_lists(consumer, counter);
        }
        let next = (note >> 16) as u16;
        self.consumer.store(
            consumer.wrapping_add(u32::from(next.wrapping_sub(consumer as u16))),
            Release,
        );
        Ok(completed(context, note))
    }

    /// Takes the oldest request off the queue, if there is one and it begins before `counter`.
    pub fn pop_before(&self, counter: u16) -> Option<Completed> {
        let oldest = self.consumer.load(Relaxed) as u16;
        if oldest == counter { None } else { self.pop() }
    }

    /// Takes the oldest request off the queue: for flushing in software when the device is dead.
    pub fn pop(&self) -> Option<Completed> {
        if self.is_empty() {
            return None;
        }
        self.complete(self.consumer.load(Relaxed) as u16).ok()
    }

    /// Forgets everything; the queue pair is in the reset state.
    pub(super) fn reset(&self) {
        while self.pop().is_some() {}
        self.producer.store(0, Relaxed);
        self.consumer.store(0, Relaxed);
        self.rung.store(0, Relaxed);
        self.fence.store(0, Relaxed);
        self.parts.record.store(0);
    }

    #[inline(always)]
    fn remote(
        &self,
        context: u64,
        flags: PostFlags,
        kind: WqeKind,
        opcode: Opcode,
        (remote, key): (u64, Key),
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<(), PostError> {
        let mut cursor = self.begin(sges.len() as u32 + 2, sges.len() as u32)?;
        self.put(&mut cursor, wqe::remote_address(remote, key));
        self.put_sges(&mut cursor, sges);
        self.finish(&cursor, context, kind, flags, opcode, 0);
        Ok(())
    }

    /// Room for a request of `segments` segments with `sges` pieces.
    #[inline(always)]
    fn begin(&self, segments: u32, sges: u32) -> Result<Cursor, PostError> {
        if sges > self.parts.max_sges {
            return Err(PostError::TooManySges);
        }
        let first = self.producer.load(Relaxed);
        // Acquire: whoever completed requests is done with their slots before we overwrite them.
        let used = first.wrapping_sub(self.consumer.load(Acquire));
        if used + segments.div_ceil(SEGMENTS_PER_BLOCK) > 1 << self.parts.log_blocks {
            return Err(PostError::Full);
        }
        Ok(Cursor {
            first,
            next: first.wrapping_mul(SEGMENTS_PER_BLOCK).wrapping_add(1),
        })
    }

    fn begin_inline(&self, length: u32, segments: u32) -> Result<Cursor, PostError> {
        if length > self.parts.max_inline {
            return Err(PostError::TooMuchInline);
        }
        self.begin(segments + wqe::inline_segments(length), 0)
    }

    #[inline(always)]
    fn put(&self, cursor: &mut Cursor, words: [u64; 2]) {
        self.parts.ring.at(cursor.next).store(words);
        cursor.next = cursor.next.wrapping_add(1);
    }

    #[inline(always)]
    fn put_sges(&self, cursor: &mut Cursor, sges: impl Iterator<Item = Sge>) {
        for sge in sges {
            if sge.length != 0 {
                self.put(cursor, wqe::data(sge.address, sge.length, sge.key));
            }
        }
    }

    fn put_inline<'a>(&self, cursor: &mut Cursor, length: u32, pieces: impl Iterator<Item = &'a [u8]>) {
        if length == 0 {
            return;
        }
        let mut segment = [0; wqe::SEGMENT];
        segment[..4].copy_from_slice(&wqe::inline_header(length).to_be_bytes());
        let mut filled = 4;
        let mut left = length as usize;
        for mut piece in pieces {
            piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            while !piece.is_empty() {
                let take = piece.len().min(segment.len() - filled);
                let (head, rest) = piece.split_at(take);
                segment[filled..filled + take].copy_from_slice(head);
                filled += take;
                piece = rest;
                if filled == segment.len() {
                    self.put_bytes(cursor, &segment);
                    segment = [0; wqe::SEGMENT];
                    filled = 0;
                }
            }
        }
        if filled != 0 {
            self.put_bytes(cursor, &segment);
        }
    }

    fn put_bytes(&self, cursor: &mut Cursor, bytes: &[u8; wqe::SEGMENT]) {
        let whole = u128::from_be_bytes(*bytes);
        self.put(cursor, [(whole >> 64) as u64, whole as u64]);
    }

    #[inline(always)]
    fn put_umr(&self, cursor: &mut Cursor, control: [u64; 2], key: [u64; 8]) {
        self.put(cursor, control);
        self.put(cursor, [0; 2]);
        self.put(cursor, [0; 2]);
        let [a, b, c, d, e, f, g, h] = key;
        self.put(cursor, [a, b]);
        self.put(cursor, [c, d]);
        self.put(cursor, [e, f]);
        self.put(cursor, [g, h]);
    }

    #[inline(always)]
    fn put_inline_pages(&self, cursor: &mut Cursor, mut pages: impl Iterator<Item = u64>) {
        for _ in 0..umr::INLINE_ENTRIES / 2 {
            let mut next = || pages.next().map_or(0, umr::translation);
            let pair = [next(), next()];
            self.put(cursor, pair);
        }
    }

    /// Reserves the next page list, if it is long enough and not in use.
    #[inline(always)]
    fn take_list(&self, entries: u32) -> Result<&PageLists, PostError> {
        let Some(lists) = self
            .parts
            .lists
            .as_ref()
            .filter(|lists| entries <= lists.entries())
        else {
            return Err(PostError::TooManyPages);
        };
        let used = lists
            .taken
            .load(Relaxed)
            .wrapping_sub(lists.returned.load(Acquire));
        if used > lists.mask {
            Err(PostError::Full)
        } else {
            Ok(lists)
        }
    }

    #[inline(always)]
    fn put_listed_pages(
        &self,
        cursor: &mut Cursor,
        lists: &PageLists,
        entries: u32,
        pages: impl Iterator<Item = u64>,
    ) {
        let slot = lists.taken.load(Relaxed) & lists.mask;
        lists
            .taken
            .store(lists.taken.load(Relaxed).wrapping_add(1), Relaxed);
        let first = slot << lists.log_entries;
        let rounded = entries.next_multiple_of(umr::INLINE_ENTRIES);
        let mut at = first;
        for page in pages.take(entries as usize) {
            lists.words.at(at).store(umr::translation(page).to_be(), Relaxed);
            at += 1;
        }
        while at < first + rounded {
            lists.words.at(at).store(0, Relaxed);
            at += 1;
        }
        let bus = lists.bus + u64::from(first) * 8;
        self.put(cursor, wqe::data(bus, rounded * 8, self.parts.local_key));
    }

    /// Gives back the page lists of the requests from `consumer` to the one that begins at `counter`.
    #[inline]
    fn return_lists(&self, consumer: u32, counter: u16) {
        let Some(lists) = &self.parts.lists else { return };
        let mut at = consumer as u16;
        let mut returned = 0;
        // Bounded: every step goes at least one block ahead, and at most the ring's blocks are outstanding.
        for _ in 0..1_u32 << self.parts.log_blocks {
            let note = self.parts.slots.at(u32::from(at)).0.note.load(Relaxed);
            returned += u32::from(note & NOTE_LIST != 0);
            if at == counter {
                break;
            }
            at = (note >> 16) as u16;
        }
        lists
            .returned
            .store(lists.returned.load(Relaxed).wrapping_add(returned), Release);
    }

    #[inline(always)]
    fn finish(
        &self,
        cursor: &Cursor,
        context: u64,
        kind: WqeKind,
        flags: PostFlags,
        opcode: Opcode,
        immediate: u32,
    ) {
        let after_umr = self.fence.load(Relaxed);
        let fence = if flags.contains(PostFlags::FENCE) {
            if after_umr == 0 {
                fm_ce_se::FENCE
            } else {
                fm_ce_se::SMALL_AND_FENCE
            }
        } else {
            after_umr
        };
        self.fence.store(0, Relaxed);
        self.commit(cursor, context, kind as u64, flags, opcode, fence, immediate);
    }

    #[inline(always)]
    fn finish_umr(
        &self,
        cursor: &Cursor,
        context: u64,
        kind: WqeKind,
        flags: PostFlags,
        key: Key,
        listed: bool,
    ) {
        let own = self.parts.umr_fence;
        let fence = if flags.contains(PostFlags::FENCE) && own != fm_ce_se::STRONG {
            fm_ce_se::SMALL_AND_FENCE
        } else {
            own
        };
        self.fence.store(fm_ce_se::SMALL_FENCE, Relaxed);
        let kind = kind as u64 | if listed { NOTE_LIST >> NOTE_KIND } else { 0 };
        self.commit(cursor, context, kind, flags, Opcode::Umr, fence, key.0);
    }

    /// Writes the control segment and remembers the request. `kind` is a [`WqeKind`] and perhaps the page list flag.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "inlined: arguments are registers of the caller"
    )]
    fn commit(
        &self,
        cursor: &Cursor,
        context: u64,
        kind: u64,
        flags: PostFlags,
        opcode: Opcode,
        fence: u32,
        immediate: u32,
    ) {
        let silent = flags.contains(PostFlags::SILENT);
        let completion = if silent { 0 } else { fm_ce_se::COMPLETION };
        let solicited = if flags.contains(PostFlags::SOLICITED) {
            fm_ce_se::SOLICITED
        } else {
            0
        };
        let start = cursor.first.wrapping_mul(SEGMENTS_PER_BLOCK);
        let ds = cursor.next.wrapping_sub(start);
        let how = fence | completion | solicited;
        let words = wqe::control(cursor.first as u16, opcode, self.parts.qpn, ds, how, immediate);
        self.parts.ring.at(start).store(words);
        let next = cursor.first.wrapping_add(ds.div_ceil(SEGMENTS_PER_BLOCK));
        let slot = &self.parts.slots.at(cursor.first).0;
        slot.context.store(context, Relaxed);
        let silent = if silent { NOTE_SILENT } else { 0 };
        let place = u64::from(cursor.first as u16) | u64::from(next as u16) << 16;
        slot.note
            .store(place | kind << NOTE_KIND | silent | NOTE_USED, Relaxed);
        self.last.store(words[0], Relaxed);
        // Release: who completes the request, perhaps on another processor, finds its slot filled.
        self.producer.store(next, Release);
    }
}

/// Blocks of the longest request of a queue with these limits.
pub(super) fn blocks_per_request(max_sges: u32, max_inline: u32, fast_register: bool) -> u32 {
    let data = max_sges.max(wqe::inline_segments(max_inline.min(MAX_INLINE)));
    let segments = (data + 2).max(if fast_register { 12 } else { 1 });
    segments.div_ceil(SEGMENTS_PER_BLOCK).min(MAX_BLOCKS)
}

#[inline(always)]
fn send_opcode(invalidate: Option<Key>) -> (Opcode, u32) {
    invalidate.map_or((Opcode::Send, 0), |key| (Opcode::SendInvalidate, key.0))
}

#[inline(always)]
const fn completed(context: u64, note: u64) -> Completed {
    let kind = match (note >> NOTE_KIND) as u8 {
        k if k == WqeKind::Send as u8 => WqeKind::Send,
        k if k == WqeKind::Write as u8 => WqeKind::Write,
        k if k == WqeKind::Read as u8 => WqeKind::Read,
        k if k == WqeKind::FastRegister as u8 => WqeKind::FastRegister,
        k if k == WqeKind::Invalidate as u8 => WqeKind::Invalidate,
        _ => WqeKind::Nop,
    };
    Completed {
        context,
        kind,
        silent: note & NOTE_SILENT != 0,
    }
}
