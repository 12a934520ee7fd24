//! Seeded draws: one `ChaCha8` stream for each purpose, so that a new draw in one place moves no other.

use super::executor::with;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Which context runs next and where it is preempted.
    Schedule,
    /// Which planned fault fires.
    Fault,
    /// Bus addresses and device placement.
    Bus,
    /// Simulated ntoskrnl.
    Kernel,
    /// Simulated NDIS.
    Ndis,
    /// Simulated netio.
    Netio,
    /// The device model.
    Device,
    /// Loss, delay and damage on links.
    Wire,
    /// Consumers' own choices.
    Consumer,
    /// The builder of a test's world.
    World,
    /// Preemption between two instructions of a driver.
    Preemption,
    /// How the device reuses numbers.
    Numbers,
    /// The random numbers that hosts' systems give out.
    Entropy,
    /// How systems do what their contract leaves open.
    Personality,
    /// Anything else, numbered by its user.
    Custom(u16),
}

impl Stream {
    const NAMED: usize = 10;

    const fn index(self) -> usize {
        match self {
            Self::Schedule => 0,
            Self::Fault => 1,
            Self::Bus => 2,
            Self::Kernel => 3,
            Self::Ndis => 4,
            Self::Netio => 5,
            Self::Device => 6,
            Self::Wire => 7,
            Self::Consumer => 8,
            Self::World => 9,
            // Beyond all custom ones.
            Self::Preemption => Self::NAMED + u16::MAX as usize + 1,
            Self::Numbers => Self::NAMED + u16::MAX as usize + 2,
            Self::Entropy => Self::NAMED + u16::MAX as usize + 3,
            Self::Personality => Self::NAMED + u16::MAX as usize + 4,
            Self::Custom(n) => Self::NAMED + n as usize,
        }
    }
}

/// The generators of one run.
pub(super) struct Random {
    seed: u64,
    named: Vec<ChaCha8Rng>,
    custom: BTreeMap<usize, ChaCha8Rng>,
}

fn generator(seed: u64, index: usize) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(index as u64);
    generator
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            named: (0..Stream::NAMED).map(|index| generator(seed, index)).collect(),
            custom: BTreeMap::new(),
        }
    }

    fn stream(&mut self, stream: Stream) -> &mut ChaCha8Rng {
        let index = stream.index();
        if index < Stream::NAMED {
            return &mut self.named[index];
        }
        let seed = self.seed;
        self.custom.entry(index).or_insert_with(|| generator(seed, index))
    }

    /// A number below `bound`; 0 without a draw when there is no choice.
    pub(super) fn below(&mut self, stream: Stream, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        let generator = self.stream(stream);
        match u32::try_from(bound) {
            Ok(bound) => (u64::from(generator.next_u32()) * u64::from(bound)) >> 32,
            Err(_) => ((u128::from(generator.next_u64()) * u128::from(bound)) >> 64) as u64,
        }
    }
}

/// A number in `0..bound` of `stream`; 0, without a draw, for a bound of 0 or 1.
pub fn choose(stream: Stream, bound: u64) -> u64 {
    with(|sim| sim.random.borrow_mut().below(stream, bound))
}

/// Whether something with this many chances in a million happens.
pub fn chance(stream: Stream, per_million: u32) -> bool {
    per_million > 0 && choose(stream, 1_000_000) < u64::from(per_million)
}

/// Fills `bytes` from `stream`.
pub fn fill(stream: Stream, bytes: &mut [u8]) {
    with(|sim| sim.random.borrow_mut().stream(stream).fill_bytes(bytes));
}
