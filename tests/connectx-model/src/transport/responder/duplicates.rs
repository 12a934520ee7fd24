//! Requests that were executed before (roce-wire.md 2.6).

use super::outbox::{Atomic, Read, Reply};
use super::{Remembered, Responder};
use crate::Key;
use crate::transport::context::Context;
use crate::transport::host::Place;
use crate::transport::packet::{Answer, Incoming, Kind};
use crate::transport::sequence::Sequence;
use roce_wire::Reth;

impl Responder {
    /// Answers a request that was executed before, without executing it.
    pub(super) fn duplicate(
        &mut self,
        context: &Context<'_>,
        psn: Sequence,
        kind: Kind,
        packet: &Incoming<'_>,
    ) {
        match kind {
            Kind::Send | Kind::Write => self.acknowledge_again(psn),
            Kind::Read => {
                if let Some(reth) = packet.extended.reth() {
                    self.read_again(context, psn, reth);
                }
            }
            Kind::Atomic => self.atomic_again(psn),
        }
    }

    /// Acknowledges all that was executed, or what comes before a read or atomic that the requester has yet to repeat:
    /// an acknowledgement beyond that would tell it that the response was lost.
    fn acknowledge_again(&mut self, psn: Sequence) {
        let barrier = self
            .memory
            .iter()
            .map(Remembered::first)
            .filter(|&first| first > psn)
            .min();
        let up_to = barrier.unwrap_or(self.expected).previous();
        if barrier.is_some() {
            self.insert(Reply::Answer {
                psn: up_to,
                answer: Answer::Ack,
                msn: self.msn,
            });
        } else {
            self.push(Reply::Answer {
                psn: up_to,
                answer: Answer::Ack,
                msn: self.msn,
            });
        }
    }

    /// A read is executed again if it asks for a part of one that is remembered.
    fn read_again(&mut self, context: &Context<'_>, psn: Sequence, reth: Reth) {
        let known = self
            .memory
            .iter()
            .any(|done| done.contains(psn, reth, context.mtu()));
        if !known || !super::readable(context, reth) {
            return;
        }
        let place = Place {
            key: Key(reth.r_key),
            address: reth.address,
        };
        let read = Read::new(psn, place, reth.length, self.msn, context.mtu());
        self.insert(Reply::Read(read.again()));
    }

    /// An atomic is never executed again: its result is sent again.
    fn atomic_again(&mut self, wanted: Sequence) {
        let found = self.memory.iter().find_map(|done| match *done {
            Remembered::Atomic { psn, original, msn } if psn == wanted => Some(Atomic {
                psn,
                original,
                msn,
                fresh: false,
            }),
            _ => None,
        });
        if let Some(atomic) = found {
            self.insert(Reply::Atomic(atomic));
        }
    }
}

impl Remembered {
    const fn first(&self) -> Sequence {
        match self {
            Self::Read { first, .. } => *first,
            Self::Atomic { psn, .. } => *psn,
        }
    }

    /// `reth` at `psn` asks for bytes of this read, under the PSNs that they had.
    fn contains(&self, psn: Sequence, reth: Reth, mtu: u32) -> bool {
        let Self::Read {
            first,
            packets,
            place,
            length,
        } = *self
        else {
            return false;
        };
        if psn < first || psn >= first.plus(packets) {
            return false;
        }
        let skipped = psn.since(first) * u64::from(mtu);
        place.key == Key(reth.r_key)
            && place.plus(skipped).address == reth.address
            && skipped + u64::from(reth.length) <= u64::from(length)
    }
}
