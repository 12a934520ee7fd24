//! What messages contain: bytes that follow from seed, direction, call and number, so that none is like another.

/// Mixes the parts of a message's name into each other (the finalizer of splitmix64).
const fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Makes the bytes of one message, from the first on.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    state: u64,
    word: u64,
    left: u32,
}

impl Pattern {
    /// Of message `number` of call `call` from the caller, or to it.
    pub const fn new(seed: u64, from_caller: bool, call: u32, number: u32) -> Self {
        let name = (call as u64) << 33 | (number as u64) << 1 | from_caller as u64;
        Self {
            state: mixed(mixed(seed).wrapping_add(name)),
            word: 0,
            left: 0,
        }
    }

    const fn next(&mut self) -> u8 {
        if self.left == 0 {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.word = mixed(self.state);
            self.left = 8;
        }
        let byte = self.word as u8;
        self.word >>= 8;
        self.left -= 1;
        byte
    }

    /// Writes the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next();
        }
    }

    /// Whether the next bytes are these.
    pub fn matches(&mut self, bytes: &[u8]) -> bool {
        let mut same = true;
        for byte in bytes {
            same &= *byte == self.next();
        }
        same
    }
}
