//! On which processors the messages of a device come.

use super::inf::Install;
use super::kernel;
use crate::sim::{self, HostId, Stream};

/// Where the hardware key has the policy for the messages of a device.
pub const MESSAGE_POLICY: &str = r"Interrupt Management\Affinity Policy\DevicePolicy";
/// `IrqPolicySpreadMessagesAcrossAllProcessors`.
const SPREAD: &str = "5";

/// The processors of a device's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The policy of the device is to spread them: one processor each. Else each may come on any of its group.
    spread: bool,
    host: HostId,
    /// The processor of message 0, which the machine chooses.
    first: u32,
}

impl Placement {
    /// As the INF asks for it, on this machine.
    pub(super) fn new(install: &Install, host: HostId) -> Self {
        let policy = install.hardware.get(MESSAGE_POLICY);
        Self {
            spread: policy.is_some_and(|policy| policy == SPREAD),
            host,
            first: 0,
        }
    }

    /// The machine chooses anew, as it does whenever the device starts.
    pub(super) fn chosen(self) -> Self {
        let first = sim::choose(Stream::Kernel, kernel::processors(self.host).into()) as u32;
        Self { first, ..self }
    }

    fn processor(self, message: u32) -> u32 {
        (self.first + message) % kernel::processors(self.host)
    }

    /// The group of the processors of a message.
    pub(super) fn group(self, message: u32) -> u16 {
        kernel::group_of(self.host, self.processor(message)).0
    }

    /// The processors that a message may come on, a bit each of those of its group.
    pub(super) fn set(self, message: u32) -> u64 {
        let (group, number) = kernel::group_of(self.host, self.processor(message));
        if self.spread {
            1 << number
        } else {
            u64::MAX >> (64 - kernel::group_processors(self.host, group).len())
        }
    }

    /// The processor that it comes on this time.
    pub(super) fn draw(self, message: u32) -> u32 {
        if self.spread {
            return self.processor(message);
        }
        let all = kernel::group_processors(self.host, self.group(message));
        all.start + sim::choose(Stream::Kernel, all.len() as u64) as u32
    }
}
