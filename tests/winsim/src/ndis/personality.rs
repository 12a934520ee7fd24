//! How this NDIS does what the contract leaves open: versions of Windows differ in it, and a driver has to live with each.

use crate::sim::{self, Stream};

/// When `NdisMRegisterInterruptEx` writes the handle and the table of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptAnswer {
    /// Before any message can come.
    First,
    /// Last of all: messages come, and are served, while the driver knows neither handle nor table (INIT-05).
    Last,
}

/// What stands behind the DPCs of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DpcObjects {
    /// One object for each processor: a service routine that asks for the default DPC gets that of its own processor.
    PerProcessor,
    /// A default DPC beside those of the processors: it is queued once wherever it was asked for, and a DPC that was aimed at
    /// the same processor runs too.
    DefaultApart,
}

/// When NDIS tells of the power profile that the machine starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerEvent {
    /// Between Initialize and the first restart.
    BeforeRestart,
    /// When the adapter runs.
    AfterRestart,
    /// It does not change, so it is not told.
    Never,
}

/// Which of its two lists of resources the bus driver's stack handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceList {
    /// Interrupts with their level, vector and group as the system sees them.
    Translated,
    /// As the bus sees them: a message count, and a vector that is a number of the bus.
    Raw,
}

/// What becomes of the sends that are with the miniport when NDIS pauses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendsAtPause {
    /// NDIS waits for them first.
    Drained,
    /// They are under way while the miniport pauses.
    UnderWay,
}

/// What NDIS sets when the last protocol has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastProtocol {
    /// The packet filter, to nothing.
    ClearsFilter,
    /// Nothing: the adapter goes anyway.
    LeavesFilter,
}

/// What NDIS does with an adapter whose first restart failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedStart {
    /// It halts it, with `NdisHaltDeviceInitializationFailed`.
    Halts,
    /// It leaves it Paused, to be restarted or halted later.
    StaysPaused,
}

/// All of it, for one adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personality {
    /// See [`InterruptAnswer`].
    pub interrupts: InterruptAnswer,
    /// See [`DpcObjects`].
    pub dpcs: DpcObjects,
    /// See [`PowerEvent`].
    pub power: PowerEvent,
    /// See [`ResourceList`].
    pub resources: ResourceList,
    /// See [`SendsAtPause`].
    pub sends: SendsAtPause,
    /// See [`LastProtocol`].
    pub last_protocol: LastProtocol,
    /// See [`FailedStart`].
    pub failed_start: FailedStart,
}

fn either<T: Copy, const N: usize>(choices: [T; N]) -> T {
    choices[sim::choose(Stream::Personality, N as u64) as usize]
}

impl Personality {
    /// One that the seed chooses.
    pub(super) fn drawn() -> Self {
        Self {
            interrupts: either([InterruptAnswer::First, InterruptAnswer::Last]),
            dpcs: either([DpcObjects::PerProcessor, DpcObjects::DefaultApart]),
            power: either([
                PowerEvent::BeforeRestart,
                PowerEvent::AfterRestart,
                PowerEvent::Never,
            ]),
            resources: either([ResourceList::Translated, ResourceList::Raw]),
            sends: either([SendsAtPause::Drained, SendsAtPause::UnderWay]),
            last_protocol: either([LastProtocol::ClearsFilter, LastProtocol::LeavesFilter]),
            failed_start: either([FailedStart::Halts, FailedStart::StaysPaused]),
        }
    }
}
