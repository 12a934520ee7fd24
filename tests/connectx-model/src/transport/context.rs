//! What a state machine works with while it handles one input: the device around it, the queue pair's attributes, time.

use super::counters::Counters;
use super::host::{Fault, Host, Place};
use crate::{Accessor, Attributes, Counter, CqeKind, CqeSpec, QpEvent, Qpn, Right, Syndrome};

/// The surroundings of one queue pair.
pub struct Context<'a> {
    /// The rest of the device.
    pub host: &'a dyn Host,
    /// Number of the queue pair.
    pub number: Qpn,
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Virtual time in nanoseconds.
    pub now: u64,
    /// Payload of the packet being made; reused from packet to packet.
    pub payload: &'a mut Vec<u8>,
    /// The engine's counters.
    pub counters: &'a mut Counters,
}

/// A run of bytes named by a data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where.
    pub place: Place,
    /// Bytes.
    pub length: u64,
}

/// Why a queue pair must go to the error state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The oldest send WQE fails.
    Send(Syndrome),
    /// A receive WQE failed, and is complete, or the peer's request was refused.
    Receive,
    /// A ring or doorbell record cannot be used, or a completion queue is full.
    Catastrophic,
}

impl Context<'_> {
    /// Who the queue pair is when it uses a local key.
    pub const fn local(&self) -> Accessor {
        Accessor {
            pd: self.attributes.pd,
            qpn: self.number,
            reserved_lkey: self.attributes.reserved_lkey,
        }
    }

    /// Who the queue pair is when it uses a key for its peer.
    pub const fn remote(&self) -> Accessor {
        Accessor {
            pd: self.attributes.pd,
            qpn: self.number,
            reserved_lkey: false,
        }
    }

    /// Path MTU in bytes.
    pub const fn mtu(&self) -> u32 {
        self.attributes.mtu
    }

    /// Reads `length` bytes, `offset` bytes into `pieces`, to the end of the payload.
    ///
    /// # Errors
    /// A key does not allow it.
    pub fn gather(&mut self, pieces: &[Piece], offset: u64, length: u64) -> Result<(), Fault> {
        let by = self.local();
        let host = self.host;
        each(pieces, offset, length, |place, from, to| {
            let start = self.payload.len();
            self.payload.resize(start + (to - from), 0);
            host.read(by, place, Right::LocalRead, &mut self.payload[start..])
        })
    }

    /// Writes `bytes` over `pieces`, from `offset` on.
    ///
    /// # Errors
    /// A key does not allow it.
    pub fn scatter(&self, pieces: &[Piece], offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        each(pieces, offset, bytes.len() as u64, |place, from, to| {
            self.host
                .write(self.local(), place, Right::LocalWrite, &bytes[from..to])
        })
    }

    /// Completes a send WQE.
    ///
    /// # Errors
    /// The completion queue has overrun.
    pub fn complete_send(&self, wqe_counter: u16, solicited: bool, kind: CqeKind) -> Result<(), Failure> {
        let spec = CqeSpec {
            qpn: self.number,
            user_index: self.attributes.user_index,
            wqe_counter,
            solicited,
            kind,
        };
        posted(self.host.complete(self.attributes.send_cq, spec))
    }

    /// Completes a receive WQE.
    ///
    /// # Errors
    /// The completion queue has overrun.
    pub fn complete_receive(&self, wqe_counter: u16, solicited: bool, kind: CqeKind) -> Result<(), Failure> {
        let spec = CqeSpec {
            qpn: self.number,
            user_index: self.attributes.user_index,
            wqe_counter,
            solicited,
            kind,
        };
        posted(self.host.complete(self.attributes.receive_cq, spec))
    }

    /// Raises an event of this queue pair.
    pub fn raise(&self, event: QpEvent) {
        self.host.raise(self.number, event);
    }

    /// Counts in the queue pair's counter set.
    pub fn count(&self, counter: Counter) {
        self.host.count(self.number, counter);
    }
}

const fn posted(done: bool) -> Result<(), Failure> {
    if done { Ok(()) } else { Err(Failure::Catastrophic) }
}

/// Calls `visit` with each part of the `length` bytes that begin `offset` bytes into `pieces`: where it is, and which of
/// the bytes it holds.
fn each(
    pieces: &[Piece],
    offset: u64,
    length: u64,
    mut visit: impl FnMut(Place, usize, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut skip = offset;
    let mut done = 0;
    for piece in pieces {
        if done == length {
            break;
        }
        if skip >= piece.length {
            skip -= piece.length;
            continue;
        }
        let take = (piece.length - skip).min(length - done);
        visit(piece.place.plus(skip), done as usize, (done + take) as usize)?;
        skip = 0;
        done += take;
    }
    debug_assert_eq!(done, length, "callers stay within the pieces");
    Ok(())
}
