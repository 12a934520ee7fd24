//! On which processors the messages of a device come.

use super::inf::Install;
use crate::sim::{self, Stream};

/// Where the hardware key has the policy for the messages of a device.
const POLICY: &str = r"Interrupt Management\Affinity Policy\DevicePolicy";
/// `IrqPolicySpreadMessagesAcrossAllProcessors`.
const SPREAD: &str = "5";

/// The processors of a device's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The policy of the device is to spread them: one processor each. Else each may come on any.
    spread: bool,
    processors: u32,
    /// The processor of message 0, which the machine chooses.
    first: u32,
}

impl Placement {
    /// As the INF asks for it, on a machine with so many processors.
    pub(super) fn new(install: &Install, processors: u32) -> Self {
        let policy = install.hardware.get(POLICY);
        Self {
            spread: policy.is_some_and(|policy| policy == SPREAD),
            processors,
            first: 0,
        }
    }

    /// The machine chooses anew, as it does whenever the device starts.
    pub(super) fn chosen(self) -> Self {
        let first = sim::choose(Stream::Kernel, self.processors.into()) as u32;
        Self { first, ..self }
    }

    /// The processors that a message may come on, a bit each.
    pub(super) const fn set(self, message: u32) -> u64 {
        if self.spread {
            1 << self.processor(message)
        } else {
            u64::MAX >> (64 - self.processors)
        }
    }

    /// The one that it does come on.
    pub(super) const fn processor(self, message: u32) -> u32 {
        (self.first + message) % self.processors
    }
}
