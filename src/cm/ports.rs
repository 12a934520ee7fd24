//! Local addresses and ports in use. ND ports are a space of their own, apart from the host's TCP (CONN-22).

use core::net::SocketAddr;

use super::error::CmError;
use crate::nt::{NoMemory, Ref, SpinLock, Vec, try_push, vec};

/// The first port that is given to who asks for any (CONN-06, CONN-21).
const FIRST_DYNAMIC: u16 = 49152;
/// How many there are up to 65535.
const DYNAMIC: u16 = u16::MAX - FIRST_DYNAMIC + 1;

/// The addresses and ports of one adapter that are in use.
#[derive(Debug)]
pub struct PortTable {
    inner: SpinLock<Inner>,
}

struct Inner {
    taken: Vec<SocketAddr>,
    // Where the next search for a free port begins: a port rests before it is used again.
    next: u16,
}

impl PortTable {
    /// A table with nothing in use. `seed` decides where dynamic ports begin.
    ///
    /// # Errors
    /// No memory.
    pub fn try_new(seed: u16) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self { inner: SpinLock::new(Inner { taken: vec(), next: seed % DYNAMIC }) })
    }

    /// Takes an address and port, or some free port if it is 0. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`CmError::PortInUse`], [`CmError::PortsExhausted`], [`CmError::NoMemory`].
    pub fn reserve(self: &Ref<Self>, local: SocketAddr) -> Result<Ref<Endpoint>, CmError> {
        let local = self.inner.lock().take(local)?;
        // Dropped on failure, and the port with it.
        Ok(Ref::try_new(Endpoint { table: self.clone(), local })?)
    }
}
