//! Mailbox chains: input and output that do not fit the queue entry.

use super::{
    super::{error::Lie, layout::CmdIfBox},
    BLOCK_DATA, INLINE, Sink, Source, blocks,
    signature::{self, sign_block},
};
use crate::nt::{BusAddress, Dma, NoMemory, Passive, Ref, SharedMemory, Vec, pool};

/// Blocks are 1 KiB apart, as their alignment demands.
pub(super) const STRIDE: u32 = 1024;
/// Blocks of a piece of a long chain: 64 KiB of contiguous memory.
const PIECE: usize = 64;

/// A chain of mailbox blocks.
#[derive(Debug)]
pub(super) struct Chain {
    pieces: Vec<SharedMemory>,
    piece_blocks: usize,
    blocks: usize,
}

impl Chain {
    /// Memory for `blocks` blocks.
    pub(super) fn allocate(dma: &Ref<Dma>, blocks: usize, passive: Passive<'_>) -> Result<Self, NoMemory> {
        let piece_blocks = blocks.clamp(1, PIECE);
        let count = blocks.div_ceil(piece_blocks);
        let mut pieces = pool::try_with_capacity(count)?;
        for _ in 0..count {
            let memory = SharedMemory::allocate(dma, piece_blocks as u32 * STRIDE, passive);
            pieces.push(memory.map_err(|_| NoMemory)?);
        }
        Ok(Self {
            pieces,
            piece_blocks,
            blocks,
        })
    }

    /// Blocks that it has room for.
    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    fn place(&self, block: usize) -> Option<(&SharedMemory, usize)> {
        let memory = self.pieces.get(block / self.piece_blocks)?;
        Some((memory, block % self.piece_blocks * STRIDE as usize))
    }

    fn bus(&self, block: usize) -> u64 {
        self.place(block)
            .map_or(0, |(memory, offset)| memory.bus_address(offset as u32).0)
    }

    /// Where the chain begins; 0 for one of no blocks.
    pub(super) fn head(&self, used: usize) -> BusAddress {
        BusAddress(if used == 0 { 0 } else { self.bus(0) })
    }

    /// Writes number, token and next pointer of the first `used` blocks, and signs them.
    pub(super) fn link(&self, used: usize, token: u8) {
        for number in 0..used {
            let Some((memory, offset)) = self.place(number) else {
                return;
            };
            let mut bytes = [0; signature::BLOCK];
            memory.read_bytes(offset, &mut bytes[..BLOCK_DATA]);
            let next = if number + 1 < used {
                self.bus(number + 1)
            } else {
                0
            };
            if let Some(block) = CmdIfBox::from_bytes_mut(&mut bytes) {
                block
                    .set_next_pointer_63_32((next >> 32) as u32)
                    .set_next_pointer_31_10(next as u32 >> 10)
                    .set_block_number(number as u32)
                    .set_token(u32::from(token));
            }
            sign_block(&mut bytes);
            memory.write_bytes(offset, &bytes);
        }
    }

    /// Whether number and token of the first `used` blocks are still those that [`Self::link`] wrote.
    pub(super) fn check(&self, used: usize, token: u8) -> Result<(), Lie> {
        for number in 0..used {
            let Some((memory, offset)) = self.place(number) else {
                return Err(Lie::BlockNumber);
            };
            let mut control = [0; 0x10];
            memory.read_bytes(offset + 0x230, &mut control);
            if control[0x0d] != token {
                return Err(Lie::Token);
            }
            if control[0x08..0x0c] != (number as u32).to_be_bytes() {
                return Err(Lie::BlockNumber);
            }
        }
        Ok(())
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        self.pieces_of(at, bytes.len(), |memory, offset, from, to| {
            memory.write_bytes(offset, bytes.get(from..to).unwrap_or_default());
        });
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        self.pieces_of(at, into.len(), |memory, offset, from, to| {
            memory.read_bytes(offset, into.get_mut(from..to).unwrap_or_default());
        });
    }

    /// Calls `each` for the parts of `at .. at + length` of the data that lie in one block.
    fn pieces_of(&self, at: usize, length: usize, mut each: impl FnMut(&SharedMemory, usize, usize, usize)) {
        let mut done = 0;
        while done < length {
            let within = (at + done) % BLOCK_DATA;
            let part = (BLOCK_DATA - within).min(length - done);
            let Some((memory, offset)) = self.place((at + done) / BLOCK_DATA) else {
                return;
            };
            each(memory, offset + within, done, done + part);
            done += part;
        }
    }
}

/// Writes a command's input: first the entry's inline bytes, then the chain.
pub(super) struct Writer<'a> {
    pub(super) inline: [u8; INLINE],
    chain: &'a Chain,
    at: usize,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(chain: &'a Chain) -> Self {
        Self {
            inline: [0; INLINE],
            chain,
            at: 0,
        }
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let head = bytes.len().min(INLINE.saturating_sub(self.at));
        let (first, rest) = bytes.split_at(head);
        if let Some(inline) = self.inline.get_mut(self.at..self.at + head) {
            inline.copy_from_slice(first);
        }
        self.at += head;
        if !rest.is_empty() {
            self.chain.write(self.at - INLINE, rest);
            self.at += rest.len();
        }
    }
}

/// Reads a command's output: first the entry's inline bytes, then the chain.
pub(super) struct Reader<'a> {
    pub(super) inline: [u8; INLINE],
    pub(super) chain: &'a Chain,
    pub(super) length: usize,
}

impl Source for Reader<'_> {
    fn read(&self, offset: usize, into: &mut [u8]) {
        let end = (offset + into.len()).min(self.length);
        let wanted = end.saturating_sub(offset);
        let into = &mut into[..wanted];
        let head = wanted.min(INLINE.saturating_sub(offset));
        let (first, rest) = into.split_at_mut(head);
        if let Some(inline) = self.inline.get(offset..offset + head) {
            first.copy_from_slice(inline);
        }
        if !rest.is_empty() {
            self.chain.read(offset + head - INLINE, rest);
        }
    }
}

/// Whether a chain of `capacity` blocks holds `length` bytes.
pub(super) const fn fits(length: usize, capacity: usize) -> bool {
    blocks(length) <= capacity
}
