//! Building work queue elements in the ring of a send queue.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    super::wqe::{self, Opcode, SEGMENTS_PER_BLOCK, fm_ce_se, umr},
    Acquire, Key, NOTE_KIND, NOTE_LIST, NOTE_SILENT, NOTE_USED, PageLists, PostError, PostFlags, Relaxed,
    Release, SendQueue, Sge, WqeKind,
};

/// A request under construction: where it begins, and the next segment to write.
pub(super) struct Cursor {
    pub(super) first: u32,
    pub(super) next: u32,
}

impl SendQueue {
    /// Room for a request of `segments` segments with `sges` pieces.
    #[inline(always)]
    pub(super) fn begin(&self, segments: u32, sges: u32) -> Result<Cursor, PostError> {
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

    pub(super) fn begin_inline(&self, length: u32, segments: u32) -> Result<Cursor, PostError> {
        if length > self.parts.max_inline {
            return Err(PostError::TooMuchInline);
        }
        self.begin(segments + wqe::inline_segments(length), 0)
    }

    #[inline(always)]
    pub(super) fn put(&self, cursor: &mut Cursor, words: [u64; 2]) {
        self.parts.ring.at(cursor.next).store(words);
        cursor.next = cursor.next.wrapping_add(1);
    }

    #[inline(always)]
    pub(super) fn put_sges(&self, cursor: &mut Cursor, sges: impl Iterator<Item = Sge>) {
        for sge in sges {
            if sge.length != 0 {
                self.put(cursor, wqe::data(sge.address, sge.length, sge.key));
            }
        }
    }

    pub(super) fn put_inline<'a>(
        &self,
        cursor: &mut Cursor,
        length: u32,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) {
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

    pub(super) fn put_bytes(&self, cursor: &mut Cursor, bytes: &[u8; wqe::SEGMENT]) {
        let whole = u128::from_be_bytes(*bytes);
        self.put(cursor, [(whole >> 64) as u64, whole as u64]);
    }

    #[inline(always)]
    pub(super) fn put_umr(&self, cursor: &mut Cursor, control: [u64; 2], key: [u64; 8]) {
        self.put(cursor, control);
        self.put(cursor, [0; 2]);
        self.put(cursor, [0; 2]);
        for pair in key.as_chunks::<2>().0 {
            self.put(cursor, *pair);
        }
    }

    #[inline(always)]
    pub(super) fn put_inline_pages(&self, cursor: &mut Cursor, mut pages: impl Iterator<Item = u64>) {
        for _ in 0..umr::INLINE_ENTRIES / 2 {
            let mut next = || pages.next().map_or(0, umr::translation);
            let pair = [next(), next()];
            self.put(cursor, pair);
        }
    }

    /// The page lists, when the next one is long enough and not in use.
    #[inline(always)]
    pub(super) fn page_list(&self, entries: u32) -> Result<&PageLists, PostError> {
        let lists = self.parts.lists.as_ref().ok_or(PostError::TooManyPages)?;
        lists.check(entries).map(|()| lists)
    }

    #[inline(always)]
    pub(super) fn finish(
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
    pub(super) fn finish_umr(
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
