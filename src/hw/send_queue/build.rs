//! Building work queue elements in the ring of a send queue.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    super::{
        types::Key,
        wqe::{self, Opcode, SEGMENTS_PER_BLOCK, umr},
    },
    element::{AFTER_UMR, REPORTING},
    page_lists::{PageLists, aligned},
    queue::{NOTE_KIND, NOTE_LIST, NOTE_PART, NOTE_SILENT, SendQueue},
    request::{PostError, PostFlags, Posted, Sge, WqeKind},
};
use crate::nt::{
    ring::{Segment, View},
    sync::Ordering::{Acquire, Relaxed, Release},
};

/// A request under construction: where it begins, and the next segment to write.
pub(super) struct Cursor<'a> {
    ring: View<'a, Segment>,
    first: u32,
    next: u32,
}

impl Cursor<'_> {
    /// Writes the next segment.
    #[inline(always)]
    pub(super) fn put(&mut self, words: [u64; 2]) {
        self.ring.at(self.next).store(words);
        self.next = self.next.wrapping_add(1);
    }

    #[inline(always)]
    pub(super) fn put_umr(&mut self, control: [u64; 2], key: [u64; 8]) {
        self.put(control);
        self.put([0; 2]);
        self.put([0; 2]);
        for pair in key.as_chunks::<2>().0 {
            self.put(*pair);
        }
    }

    /// Writes the pages' addresses, which begin where pages do.
    #[inline(always)]
    pub(super) fn put_inline_pages(&mut self, mut pages: impl Iterator<Item = u64>) -> Result<(), PostError> {
        let mut all = 0;
        for _ in 0..umr::INLINE_ENTRIES / 2 {
            let mut next = || {
                pages.next().map_or(0, |page| {
                    all |= page;
                    umr::translation(page)
                })
            };
            let pair = [next(), next()];
            self.put(pair);
        }
        aligned(all)
    }
}

impl SendQueue {
    /// Room for a request with `sges` pieces.
    #[inline(always)]
    pub(super) fn begin(&self, sges: u32) -> Result<Cursor<'_>, PostError> {
        if sges > self.parts.max_sges {
            return Err(PostError::TooManySges);
        }
        let first = self.producer.load(Relaxed);
        // Acquire: whoever completed requests is done with their slots before we overwrite them.
        let consumer = self.consumer.load(Acquire) as u16;
        if counter(first).wrapping_sub(consumer) > self.parts.limit {
            return Err(PostError::Full);
        }
        Ok(self.cursor(first))
    }

    /// A request that begins at the segment `first`.
    #[inline(always)]
    const fn cursor(&self, first: u32) -> Cursor<'_> {
        Cursor {
            ring: self.parts.ring.view(),
            first,
            next: first.wrapping_add(1),
        }
    }

    /// Where a request goes on that is so long that it takes two elements. Its room was found by [`Self::begin`].
    pub(super) fn begin_second(&self) -> Cursor<'_> {
        self.cursor(self.producer.load(Relaxed))
    }

    pub(super) fn begin_inline(&self, length: u32) -> Result<Cursor<'_>, PostError> {
        if length > self.parts.max_inline {
            return Err(PostError::TooMuchInline);
        }
        self.begin(0)
    }

    /// Writes the pieces, if together they are not too long.
    #[inline(always)]
    pub(super) fn put_sges(
        &self,
        cursor: &mut Cursor<'_>,
        sges: impl Iterator<Item = Sge>,
    ) -> Result<(), PostError> {
        let mut total = 0;
        for sge in sges {
            total += u64::from(sge.length);
            if sge.length != 0 {
                cursor.put(wqe::data(sge.address, sge.length, sge.key));
            }
        }
        if total > self.parts.max_message {
            Err(PostError::TooLong)
        } else {
            Ok(())
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "a step of building a request, called like the others"
    )]
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
                    put_bytes(cursor, &segment);
                    segment = [0; wqe::SEGMENT];
                    filled = 0;
                }
            }
        }
        if filled != 0 {
            put_bytes(cursor, &segment);
        }
    }

    /// The page lists, when the next one is long enough and not in use.
    #[inline(always)]
    pub(super) fn page_list(&self, entries: u32) -> Result<&PageLists, PostError> {
        let lists = self.parts.lists.get().ok_or(PostError::TooManyPages)?;
        lists.check(entries).map(|()| lists)
    }

    #[inline(always)]
    pub(super) fn finish(
        &self,
        cursor: &Cursor<'_>,
        context: u64,
        kind: WqeKind,
        flags: PostFlags,
        (opcode, immediate): (Opcode, u32),
    ) -> Posted {
        let reporting = REPORTING[((flags.bits() & 7 | self.after.load(Relaxed)) & 15) as usize];
        self.after.store(0, Relaxed);
        self.commit(
            cursor,
            context,
            kind as u64,
            flags,
            reporting,
            (opcode, immediate),
        )
    }

    /// Ends the first element of a read that takes two: of those only the second is to complete, unless the first one fails.
    pub(super) fn finish_part(&self, cursor: &Cursor<'_>, context: u64, flags: PostFlags) {
        let flags = flags | PostFlags::SILENT;
        let reporting = REPORTING[((flags.bits() & 7 | self.after.load(Relaxed)) & 15) as usize];
        self.after.store(0, Relaxed);
        let kind = WqeKind::Read as u64 | NOTE_PART >> NOTE_KIND;
        self.commit(cursor, context, kind, flags, reporting, (Opcode::RdmaRead, 0));
    }

    #[inline(always)]
    pub(super) fn finish_umr(
        &self,
        cursor: &Cursor<'_>,
        context: u64,
        kind: WqeKind,
        flags: PostFlags,
        key: Key,
        listed: bool,
    ) -> Posted {
        let reporting = self.parts.umr_reporting[(flags.bits() & 7) as usize];
        self.after.store(AFTER_UMR, Relaxed);
        let kind = kind as u64 | if listed { NOTE_LIST >> NOTE_KIND } else { 0 };
        self.commit(cursor, context, kind, flags, reporting, (Opcode::Umr, key.0))
    }

    /// Writes the control segment and remembers the request. `kind` is a [`WqeKind`] and perhaps the page list flag.
    #[inline(always)]
    fn commit(
        &self,
        cursor: &Cursor<'_>,
        context: u64,
        kind: u64,
        flags: PostFlags,
        reporting: u8,
        (opcode, immediate): (Opcode, u32),
    ) -> Posted {
        let own = counter(cursor.first);
        let ds = cursor.next.wrapping_sub(cursor.first);
        let words = wqe::control(own, opcode, self.parts.qpn, ds, u32::from(reporting), immediate);
        cursor.ring.at(cursor.first).store(words);
        let producer = cursor.next.wrapping_add(SEGMENTS_PER_BLOCK - 1) & !(SEGMENTS_PER_BLOCK - 1);
        let next = counter(producer);
        let slot = &self.parts.slots.at(u32::from(own)).0;
        slot.context.store(context, Relaxed);
        let silent = u64::from(flags.bits() & PostFlags::SILENT.bits()) * NOTE_SILENT;
        let place = u64::from(own) | u64::from(next) << 16;
        slot.note.store(place | kind << NOTE_KIND | silent, Relaxed);
        self.last.store(words[0], Relaxed);
        // Release: who completes the request, perhaps on another processor, finds its slot filled.
        self.producer.store(producer, Release);
        Posted {
            next,
            control: words[0],
        }
    }
}

/// Counter of the request that begins at a segment.
#[inline(always)]
const fn counter(segment: u32) -> u16 {
    (segment / SEGMENTS_PER_BLOCK) as u16
}

fn put_bytes(cursor: &mut Cursor<'_>, bytes: &[u8; wqe::SEGMENT]) {
    let whole = u128::from_be_bytes(*bytes);
    cursor.put([(whole >> 64) as u64, whole as u64]);
}
