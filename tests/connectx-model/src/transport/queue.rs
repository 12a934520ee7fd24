//! The two rings of a queue pair: which WQEs are posted, which were taken (connectx.md 9).

use super::context::{Context, Failure, Piece};
use super::wqe::{Control, Origin, Wqe, has_whole, receive_pieces};
use crate::Syndrome;

/// The send ring, in blocks of 64 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendQueue {
    /// Counter of the first block not yet taken.
    next: u16,
    /// Counter of posted blocks, as of the last doorbell.
    posted: u16,
}

/// A WQE taken from the send ring: good, or the syndrome with which it must complete.
pub struct Taken {
    /// Counter of its first block.
    pub counter: u16,
    /// Opcode of its control segment.
    pub opcode: u8,
    /// What it asks for.
    pub wqe: Result<Wqe, Syndrome>,
}

impl SendQueue {
    /// Counter of the first block not yet taken.
    pub const fn next(&self) -> u16 {
        self.next
    }

    /// There are posted WQEs that were not taken.
    pub const fn has_work(&self) -> bool {
        self.next != self.posted
    }

    /// Reads the doorbell record.
    ///
    /// # Errors
    /// It cannot be read, or counts more than the ring holds.
    pub fn refresh(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        let posted = context
            .host
            .posted_sends(context.number)
            .map_err(|_| Failure::Catastrophic)?;
        if u32::from(posted.wrapping_sub(self.next)) > context.attributes.send_blocks {
            return Err(Failure::Catastrophic);
        }
        self.posted = posted;
        Ok(())
    }

    /// Takes the next WQE, if there is one.
    ///
    /// # Errors
    /// The ring cannot be read.
    pub fn take(&mut self, context: &mut Context<'_>) -> Result<Option<Taken>, Failure> {
        let Some((control, first)) = self.peek(context)? else {
            return Ok(None);
        };
        let counter = self.next;
        let missing = self.posted.wrapping_sub(counter) < control.blocks;
        let wqe = if missing {
            Err(Syndrome::LocalQpOperation)
        } else {
            let origin = Origin {
                qpn: context.number,
                service: context.attributes.service,
                counter,
            };
            judge(context, self.parse(context, origin, &control, first)?)
        };
        self.skip(&control);
        context.counters.send_wqes += 1;
        Ok(Some(Taken {
            counter,
            opcode: control.opcode,
            wqe,
        }))
    }

    /// Gets past the next WQE without a look at more than its control segment: its counter and opcode.
    ///
    /// # Errors
    /// The ring cannot be read.
    pub fn discard(&mut self, context: &Context<'_>) -> Result<Option<(u16, u8)>, Failure> {
        let Some((control, _)) = self.peek(context)? else {
            return Ok(None);
        };
        let counter = self.next;
        self.skip(&control);
        Ok(Some((counter, control.opcode)))
    }

    fn peek(self, context: &Context<'_>) -> Result<Option<(Control, [u8; 64])>, Failure> {
        if !self.has_work() {
            return Ok(None);
        }
        let block = context
            .host
            .send_block(context.number, self.next)
            .map_err(|_| Failure::Catastrophic)?;
        Ok(Some((Control::parse(&block), block)))
    }

    fn skip(&mut self, control: &Control) {
        let left = self.posted.wrapping_sub(self.next);
        self.next = self.next.wrapping_add(control.blocks.min(left));
    }

    fn parse(
        self,
        context: &Context<'_>,
        origin: Origin,
        control: &Control,
        first: [u8; 64],
    ) -> Result<Result<Wqe, Syndrome>, Failure> {
        if control.blocks == 1 {
            return Ok(Wqe::parse(origin, control, &first));
        }
        let mut bytes = Vec::with_capacity(usize::from(control.blocks) * 64);
        bytes.extend_from_slice(&first);
        for index in 1..control.blocks {
            let counter = self.next.wrapping_add(index);
            let block = context
                .host
                .send_block(context.number, counter)
                .map_err(|_| Failure::Catastrophic)?;
            bytes.extend_from_slice(&block);
        }
        Ok(Wqe::parse(origin, control, &bytes))
    }
}

/// What is wrong with a byte count of 0.
const WHOLE_PIECE: &str = "a piece with byte count 0, which is 2 GiB and more than any message";

fn judge(context: &Context<'_>, wqe: Result<Wqe, Syndrome>) -> Result<Wqe, Syndrome> {
    if wqe.as_ref().is_ok_and(Wqe::has_whole_piece) {
        context.host.mistake(context.number, WHOLE_PIECE);
    }
    wqe
}

/// A receive WQE in use.
#[derive(Clone, Debug)]
pub struct Receive {
    /// Its counter.
    pub counter: u16,
    /// Scatter list.
    pub pieces: Vec<Piece>,
    /// Bytes that the list holds.
    pub capacity: u64,
}

/// The receive ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiveQueue {
    /// Counter of the first WQE not yet taken.
    next: u16,
    /// Counter of posted WQEs, as of the last look at the doorbell record.
    posted: u16,
}

impl ReceiveQueue {
    /// There is a posted WQE. Looks at the doorbell record when none is known of.
    ///
    /// # Errors
    /// The record cannot be read, or counts more than the ring holds.
    pub fn ready(&mut self, context: &Context<'_>) -> Result<bool, Failure> {
        let entries = context.attributes.receive_entries;
        if self.next == self.posted && entries != 0 {
            let posted = context
                .host
                .posted_receives(context.number)
                .map_err(|_| Failure::Catastrophic)?;
            if u32::from(posted.wrapping_sub(self.next)) > entries {
                return Err(Failure::Catastrophic);
            }
            self.posted = posted;
        }
        Ok(self.next != self.posted)
    }

    /// The next posted WQE, which stays posted.
    ///
    /// # Errors
    /// The ring cannot be read.
    pub fn peek(&mut self, context: &Context<'_>) -> Result<Option<Result<Receive, Syndrome>>, Failure> {
        if !self.ready(context)? {
            return Ok(None);
        }
        let bytes = context
            .host
            .receive_wqe(context.number, self.next)
            .map_err(|_| Failure::Catastrophic)?;
        Ok(Some(receive_pieces(&bytes).map(|pieces| {
            if has_whole(&pieces) {
                context.host.mistake(context.number, WHOLE_PIECE);
            }
            let capacity = pieces.iter().map(|piece| piece.length).sum();
            Receive {
                counter: self.next,
                pieces,
                capacity,
            }
        })))
    }

    /// Takes the next WQE without a look at it; its counter.
    pub const fn take(&mut self) -> u16 {
        let counter = self.next;
        self.next = counter.wrapping_add(1);
        counter
    }
}
