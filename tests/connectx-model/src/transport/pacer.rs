//! When the port takes more: packets are made as the wire drains, so that few wait and memory stays bounded.

/// Preamble, frame check sequence and gap of a frame.
const OVERHEAD: u64 = 24;
/// The port takes frames while less than this waits, in nanoseconds of wire time.
const FULL_NS: u64 = 4_000;
/// A port that was full takes frames again when less than this waits.
const DRAINED_NS: u64 = 1_000;

/// The transmit side of a port, as seen by its clock.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    bits_per_second: u64,
    free_at: u64,
}

impl Pacer {
    /// An idle port of that speed.
    pub const fn new(bits_per_second: u64) -> Self {
        Self {
            bits_per_second,
            free_at: 0,
        }
    }

    /// The port takes another frame.
    pub const fn open(&self, now: u64) -> bool {
        self.free_at < now + FULL_NS
    }

    /// When a full port takes frames again.
    pub const fn reopens(&self) -> u64 {
        self.free_at.saturating_sub(DRAINED_NS)
    }

    /// A frame of `length` bytes was handed over.
    pub const fn sent(&mut self, now: u64, length: usize) {
        let bits = (length as u64 + OVERHEAD) * 8;
        let start = if self.free_at > now { self.free_at } else { now };
        self.free_at = start + (bits * 1_000_000_000).div_ceil(self.bits_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::Pacer;

    #[test]
    fn a_port_takes_no_more_than_a_few_microseconds_of_frames_at_once() {
        let mut pacer = Pacer::new(100_000_000_000);
        let mut frames = 0;
        while pacer.open(1_000) {
            pacer.sent(1_000, 1_100);
            frames += 1;
        }
        assert!((40..60).contains(&frames), "{frames}");
        assert!(!pacer.open(1_000));
        assert!(pacer.open(pacer.reopens()));
    }
}
