//! Packet sequence numbers: 24 bits on the wire, an ever-growing count inside (roce-wire.md 2.1).

/// How many PSNs there are.
const SPACE: u64 = 1 << 24;

/// A PSN that does not wrap: its low 24 bits are what the wire shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// The first PSN of a connection. Starts one lap up, so that a PSN just below it can be told.
    pub const fn first(psn: u32) -> Self {
        Self(SPACE + psn as u64 % SPACE)
    }

    /// What the wire shows.
    pub const fn wire(self) -> u32 {
        (self.0 % SPACE) as u32
    }

    /// The sequence nearest to `self` that the wire shows as `psn`: up to 2^23 - 1 ahead, up to 2^23 behind.
    pub const fn near(self, psn: u32) -> Self {
        let ahead = (psn as u64).wrapping_sub(self.0) % SPACE;
        if ahead < SPACE / 2 {
            Self(self.0 + ahead)
        } else {
            Self(self.0 + ahead - SPACE)
        }
    }

    /// `count` PSNs on.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// The one before.
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// How far `self` is ahead of `earlier`; 0 if it is not.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    /// Proves roce-wire 2.1: comparison is modulo 2^24 with a window of 2^23.
    #[test]
    fn a_psn_is_compared_within_half_of_the_space() {
        let base = Sequence::first(0x00ff_fffe);
        assert_eq!(base.near(0x00ff_fffe), base);
        assert_eq!(base.near(1), base.plus(3));
        assert_eq!(base.near(0x00ff_fffd), base.previous());
        assert_eq!(base.near(0x007f_fffd), base.plus(0x7f_ffff));
        assert!(base.near(0x007f_fffe) < base);
        assert_eq!(base.plus(2).wire(), 0);
        let low = Sequence::first(0);
        assert!(low.near(0x00ff_ffff) < low);
    }
}
