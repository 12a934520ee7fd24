//! The machine that a host is.

/// See the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its processors.
    pub processors: u32,
    /// Processors of a group, 64 at most.
    pub group: u32,
    /// The system keeps to the device's wish for one processor for each message; else messages come on any.
    pub spreads_messages: bool,
}

impl Machine {
    /// Four processors.
    pub const SMALL: Self = Self {
        processors: 4,
        group: 64,
        spreads_messages: true,
    };

    /// Machines differ as the seed says: small ones, and some with many processors in several groups.
    pub const fn of_seed(seed: u64) -> Self {
        let (processors, group) = match seed % 8 {
            3 => (48, 64),
            5 => (128, 64),
            7 => (20, 8),
            _ => (4, 64),
        };
        Self {
            processors,
            group,
            spreads_messages: seed % 3 != 2,
        }
    }
}
