//! When a completion queue calls its consumer back: the arm and the serialisation of callbacks.
//!
//! | armed for \ happens | completion (any) | solicited completion, or one with an error | queue error |
//! |---|---|---|---|
//! | nothing | - | - | - |
//! | errors | - | - | call |
//! | solicited | - | call | call |
//! | any | call | call | call |
//!
//! The device tells completions apart; this machine knows what it asked the device for. The arm is cleared before the
//! callback (CQ-11), which runs alone: what comes while it runs waits until it has returned (CQ-14).

use crate::nt::{SpinLock, Status};

/// What a consumer waits for, in the order of growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// Queue errors only.
    Errors,
    /// Solicited completions and those with an error, too.
    Solicited,
    /// Any completion.
    Any,
}

/// The state of a queue's notification.
#[derive(Debug)]
pub struct Notify {
    inner: SpinLock<Inner>,
}

#[derive(Default)]
struct Inner {
    armed: Option<Arm>,
    // A callback runs.
    running: bool,
    // What to call with when it has returned.
    next: Option<Status>,
    // The queue is broken, and how it is reported.
    broken: Option<Status>,
}

/// What an arm comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// The device has to be asked for this.
    Device(Arm),
    /// Nothing to do: the arm waits for queue errors only, or somebody who runs a callback will see to it.
    Nothing,
    /// The queue is broken: call back with this at once (CQ-34).
    Call(Status),
}

impl Notify {
    /// Not armed (CREATE-11).
    pub const fn new() -> Self {
        let inner = Inner {
            armed: None,
            running: false,
            next: None,
            broken: None,
        };
        Self {
            inner: SpinLock::new(inner),
        }
    }

    /// The consumer asks for one callback; merges with an arm that is not satisfied yet (CQ-15).
    pub fn arm(&self, wanted: Arm) -> Armed {
        let mut inner = self.inner.lock();
        if let Some(status) = inner.broken {
            // Inside the callback that reports the error there is nothing more to say.
            return if inner.running {
                Armed::Nothing
            } else {
                inner.begin(status)
            };
        }
        let merged = inner.armed.map_or(wanted, |armed| armed.max(wanted));
        inner.armed = Some(merged);
        if merged == Arm::Errors {
            Armed::Nothing
        } else {
            Armed::Device(merged)
        }
    }

    /// The device says that what it was asked for has come. The status to call back with, if anybody is to be called now;
    /// then [`Self::returned`] follows.
    pub fn completed(&self) -> Option<Status> {
        let mut inner = self.inner.lock();
        if inner.broken.is_some() || inner.armed.is_none_or(|armed| armed == Arm::Errors) {
            return None;
        }
        inner.armed = None;
        inner.due(Status::SUCCESS)
    }

    /// The queue broke; the first report counts (CQ-33). As [`Self::completed`], and whether this was the first.
    pub fn failed(&self, status: Status) -> (bool, Option<Status>) {
        let mut inner = self.inner.lock();
        if inner.broken.is_some() {
            return (false, None);
        }
        inner.broken = Some(status);
        let armed = inner.armed.take().is_some();
        (true, if armed { inner.due(status) } else { None })
    }

    /// A callback has returned. What to call with next, if something came meanwhile; then this follows again.
    pub fn returned(&self) -> Option<Status> {
        let mut inner = self.inner.lock();
        let next = inner.next.take();
        inner.running = next.is_some();
        next
    }

    /// Whether a callback runs.
    pub fn is_running(&self) -> bool {
        self.inner.lock().running
    }

    /// Whether the queue is broken: nothing more is read from it (CQ-32).
    pub fn is_broken(&self) -> bool {
        self.inner.lock().broken.is_some()
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn begin(&mut self, status: Status) -> Armed {
        self.running = true;
        Armed::Call(status)
    }

    /// Whether to call now; if a callback runs, its return will.
    fn due(&mut self, status: Status) -> Option<Status> {
        if self.running {
            self.next = Some(status);
            return None;
        }
        self.running = true;
        Some(status)
    }
}
