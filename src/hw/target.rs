//! Who is told of what happens to objects of the device.

/// Who is told about a completion queue's events. Called at `DISPATCH_LEVEL`, no lock of this floor held.
pub trait CompletionTarget: Send + Sync {
    /// The queue was armed and there is something to poll, or an error completion that the arm asked for.
    fn completed(&self);

    /// The queue is broken: nothing more will be written to it.
    fn failed(&self, fault: CqFault);

    /// The device is dead: what is outstanding completes in software or not at all. Once; `<= DISPATCH_LEVEL`.
    fn device_lost(&self);
}

/// Why a completion queue broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CqFault {
    /// More completions than elements.
    Overrun,
    /// The device could not write it, or an unknown cause (its code).
    Other(u8),
}

/// Who is told about a queue pair's events. Called at `DISPATCH_LEVEL`, no lock of this floor held.
pub trait QpTarget: Send + Sync {
    /// It happened.
    fn event(&self, event: QpEvent);
}

/// Something happened to a queue pair outside of its completions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QpEvent {
    /// The first message of the peer came before the connection was said to be established.
    CommunicationEstablished,
    /// The send queue ran dry.
    SendQueueDrained,
    /// The last receive was reached.
    LastWqe,
    /// The peer asked for what is not allowed; the queue pair is in error.
    InvalidRequest,
    /// The peer touched memory that it may not; the queue pair is in error.
    AccessError,
    /// The queue pair failed.
    Catastrophic,
    /// Path migration, which this driver does not use.
    Path,
}

/// Who looks at the port when the device says that it changed.
pub trait PortWatch: Send + Sync {
    /// It changed. `<= DISPATCH_LEVEL`.
    fn changed(&self);
}
