//! The backlog of a listener: requests that may wait for its consumer's decision.

use core::sync::atomic::{AtomicU32, Ordering};

use super::error::CmError;
use crate::nt::{NoMemory, Ref};

/// Requests of one listener that may wait; more are refused (CONN-04).
const PLACES: u32 = 256;

/// See the module. Counts who waits.
pub(super) struct Backlog(Ref<AtomicU32>);

impl Backlog {
    /// An empty one.
    pub(super) fn try_new() -> Result<Self, NoMemory> {
        Ok(Self(Ref::try_new(AtomicU32::new(0))?))
    }

    /// A place for one more request.
    pub(super) fn place(&self) -> Result<Place, CmError> {
        let more = |waiting: u32| (waiting < PLACES).then(|| waiting + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .map_err(|_| CmError::NoMemory)?;
        Ok(Place(self.0.clone()))
    }
}

/// A place in a backlog: taken until the consumer has decided, whether the request still stands or not.
#[derive(Debug)]
pub(super) struct Place(Ref<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
