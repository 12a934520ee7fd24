//! Numbers that a peer cannot guess from outside of the wire: ids and first packet numbers. A host that starts anew, with whatever
//! clock, draws others.

use crate::nt::{Passive, Status, random};

/// A generator, one for each agent: SipHash-2-4 (Aumasson and Bernstein) of a counter under a key of the system's generator.
#[derive(Debug)]
pub(super) struct Random {
    key: [u64; 2],
    count: u64,
}

impl Random {
    /// One with a key of its own.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn new(passive: Passive<'_>) -> Result<Self, Status> {
        let [low, high] = [random::bytes(passive)?, random::bytes(passive)?].map(u64::from_le_bytes);
        Ok(Self {
            key: [low, high],
            count: 0,
        })
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        siphash(self.key, self.count)
    }
}

/// SipHash-2-4 of the eight bytes of `word`.
fn siphash([low, high]: [u64; 2], word: u64) -> u64 {
    /// The length of the message, in the top byte of the last block.
    const LENGTH: u64 = 8 << 56;
    let mut state = [
        low ^ 0x736f_6d65_7073_6575,
        high ^ 0x646f_7261_6e64_6f6d,
        low ^ 0x6c79_6765_6e65_7261,
        high ^ 0x7465_6462_7974_6573,
    ];
    for block in [word, LENGTH] {
        state = absorb(state, block);
    }
    let [a, b, c, d] = state;
    let [a, b, c, d] = (0..4).fold([a, b, c ^ 0xff, d], |state, _| round(state));
    a ^ b ^ c ^ d
}

fn absorb([a, b, c, d]: [u64; 4], block: u64) -> [u64; 4] {
    let [a, b, c, d] = round(round([a, b, c, d ^ block]));
    [a ^ block, b, c, d]
}

const fn round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    [a, b, c, d]
}
