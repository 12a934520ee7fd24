//! [`Quarantine`]: memory that the device did not say it is done with, kept until it cannot reach memory any more.

use crate::nt::{Ref, SharedMemory};

/// Keeps memory without needing any: what is kept is linked through itself, so that no teardown fails for lack of pool.
#[derive(Debug)]
pub(super) struct Quarantine {
    first: Option<Ref<SharedMemory>>,
}

impl Quarantine {
    /// Nothing is kept.
    pub(super) const fn new() -> Self {
        Self { first: None }
    }

    /// Keeps `memory`, in which several objects may have their places; again is nothing.
    pub(super) fn keep(&mut self, memory: Ref<SharedMemory>) {
        if memory.set_aside() {
            memory.link(self.first.take());
            self.first = Some(memory);
        }
    }

    /// Whether nothing is kept.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl Drop for Quarantine {
    /// One after the other: kernel stacks are too short for a list that frees itself.
    fn drop(&mut self) {
        while let Some(memory) = self.first.take() {
            self.first = memory.unlink();
        }
    }
}
