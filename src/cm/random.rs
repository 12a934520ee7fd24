//! Numbers that a peer cannot guess from outside of the wire: ids and first packet numbers.

use crate::{hw::Mac, nt::time::Instant};

/// A generator (`SplitMix64`), one for each agent.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Seeded by the clock and the adapter's address, so that two adapters that start at once differ.
    pub(super) fn new(mac: Mac) -> Self {
        let mac = u64::from(mac.high()) << 32 | u64::from(mac.low());
        let mut random = Self(mac ^ Instant::now().ticks().rotate_left(24));
        random.next();
        random
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
