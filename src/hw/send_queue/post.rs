//! Posting work requests to a send queue.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    super::{
        types::Key,
        wqe::{self, AddressVector, Opcode, umr},
    },
    queue::SendQueue,
    request::{FastRegister, PostError, PostFlags, Posted, Sge, WqeKind},
};

/// Pieces of one element of a read: the device takes 512 bytes (connectx interface, section 10).
pub const MAX_READ_SGES: u32 = 30;

impl SendQueue {
    /// Sends the pieces; with `invalidate` the receiver's device also invalidates that key of its own.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    #[inline(always)]
    pub fn send(
        &self,
        context: u64,
        flags: PostFlags,
        invalidate: Option<Key>,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<Posted, PostError> {
        let mut cursor = self.begin(sges.len() as u32)?;
        self.put_sges(&mut cursor, sges)?;
        let (opcode, immediate) = send_opcode(invalidate);
        Ok(self.finish(&cursor, context, WqeKind::Send, flags, (opcode, immediate)))
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
    ) -> Result<Posted, PostError> {
        let mut cursor = self.begin_inline(length)?;
        self.put_inline(&mut cursor, length, pieces);
        let (opcode, immediate) = send_opcode(invalidate);
        Ok(self.finish(&cursor, context, WqeKind::Send, flags, (opcode, immediate)))
    }

    /// Writes the pieces to `remote`, memory of the peer under `key`.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    #[inline(always)]
    pub fn write(
        &self,
        context: u64,
        flags: PostFlags,
        remote: u64,
        key: Key,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<Posted, PostError> {
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
    ) -> Result<Posted, PostError> {
        let mut cursor = self.begin_inline(length)?;
        cursor.put(wqe::remote_address(remote, key));
        self.put_inline(&mut cursor, length, pieces);
        Ok(self.finish(&cursor, context, WqeKind::Write, flags, (Opcode::RdmaWrite, 0)))
    }

    /// Reads `remote`, memory of the peer under `key`, into the pieces.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    #[inline(always)]
    pub fn read(
        &self,
        context: u64,
        flags: PostFlags,
        remote: u64,
        key: Key,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<Posted, PostError> {
        self.remote(
            context,
            flags,
            WqeKind::Read,
            Opcode::RdmaRead,
            (remote, key),
            sges,
        )
    }

    /// As [`Self::read`], for more than [`MAX_READ_SGES`] pieces, of `total` bytes: two elements that complete as one.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    pub fn read_in_two(
        &self,
        context: u64,
        flags: PostFlags,
        (remote, key): (u64, Key),
        total: u64,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<Posted, PostError> {
        if total > self.parts.max_message {
            return Err(PostError::TooLong);
        }
        let (mut at, mut rest) = (remote, flags);
        let mut cursor = self.begin(sges.len() as u32)?;
        cursor.put(wqe::remote_address(at, key));
        for (index, sge) in sges.filter(|sge| sge.length != 0).enumerate() {
            // Once: no queue takes twice as many pieces.
            if index == MAX_READ_SGES as usize {
                self.finish_part(&cursor, context, flags);
                cursor = self.begin_second();
                cursor.put(wqe::remote_address(at, key));
                // Reads are carried out in order: what the first waited for is over.
                rest = flags - PostFlags::FENCE;
            }
            cursor.put(wqe::data(sge.address, sge.length, sge.key));
            at = at.wrapping_add(u64::from(sge.length));
        }
        Ok(self.finish(&cursor, context, WqeKind::Read, rest, (Opcode::RdmaRead, 0)))
    }

    /// Sends a datagram (queue pairs of datagram kind).
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    pub fn send_datagram(
        &self,
        context: u64,
        flags: PostFlags,
        to: &AddressVector,
        sges: impl ExactSizeIterator<Item = Sge>,
    ) -> Result<Posted, PostError> {
        let mut cursor = self.begin(sges.len() as u32)?;
        let words = to.words();
        for pair in words.chunks_exact(2) {
            cursor.put([pair[0], pair[1]]);
        }
        self.put_sges(&mut cursor, sges)?;
        Ok(self.finish(&cursor, context, WqeKind::Send, flags, (Opcode::Send, 0)))
    }

    /// Registers pages under a free key; takes effect in queue order. `pages` are bus addresses of 4 KiB pages.
    ///
    /// # Errors
    /// [`PostError::Full`] (also when every page list is in use), [`PostError::TooManyPages`], [`PostError::UnalignedPage`].
    #[inline(always)]
    pub fn fast_register(
        &self,
        context: u64,
        flags: PostFlags,
        region: &FastRegister,
        pages: impl ExactSizeIterator<Item = u64>,
    ) -> Result<Posted, PostError> {
        let entries = pages.len() as u32;
        let inline = entries <= umr::INLINE_ENTRIES;
        let list = if inline {
            None
        } else {
            Some(self.page_list(entries)?)
        };
        let mut cursor = self.begin(0)?;
        let octowords = umr::octowords(entries);
        let control = umr::FAIL_IF_NOT_FREE | if inline { umr::INLINE } else { 0 };
        cursor.put_umr(
            umr::control(control, octowords, umr::mask::REGISTER),
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
            None => cursor.put_inline_pages(pages)?,
            Some(lists) => {
                let (bus, bytes) = lists.fill(entries, pages)?;
                cursor.put(wqe::data(bus, bytes, self.parts.local_key));
            }
        }
        Ok(self.finish_umr(
            &cursor,
            context,
            WqeKind::FastRegister,
            flags,
            region.key,
            list.is_some(),
        ))
    }

    /// Invalidates a fast-registered key, in queue order: it becomes free. One that is free already fails the queue.
    ///
    /// # Errors
    /// [`PostError::Full`].
    #[inline(always)]
    pub fn invalidate(&self, context: u64, flags: PostFlags, key: Key) -> Result<Posted, PostError> {
        let mut cursor = self.begin(0)?;
        let control = umr::INLINE | umr::FAIL_IF_FREE;
        cursor.put_umr(umr::control(control, 0, umr::mask::FREE), umr::invalidate());
        Ok(self.finish_umr(&cursor, context, WqeKind::Invalidate, flags, key, false))
    }

    /// Does nothing, in queue order: a marker that completes (with the flush error once the queue pair is in error).
    ///
    /// # Errors
    /// [`PostError::Full`].
    pub fn nop(&self, context: u64, flags: PostFlags) -> Result<Posted, PostError> {
        let cursor = self.begin(0)?;
        Ok(self.finish(&cursor, context, WqeKind::Nop, flags, (Opcode::Nop, 0)))
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
    ) -> Result<Posted, PostError> {
        let mut cursor = self.begin(sges.len() as u32)?;
        cursor.put(wqe::remote_address(remote, key));
        self.put_sges(&mut cursor, sges)?;
        Ok(self.finish(&cursor, context, kind, flags, (opcode, 0)))
    }
}

#[inline(always)]
fn send_opcode(invalidate: Option<Key>) -> (Opcode, u32) {
    invalidate.map_or((Opcode::Send, 0), |key| (Opcode::SendInvalidate, key.0))
}
