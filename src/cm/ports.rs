//! Local addresses and ports in use. ND ports are a space of their own, apart from the host's TCP (CONN-22).

use core::net::SocketAddr;

use super::error::CmError;
use crate::nt::{NoMemory, NonPaged, Ref, SpinLock, Vec, pool};

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
    // Sorted: looking for a free port must not take long under the lock, even when there are none.
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
        let inner = Inner {
            taken: Vec::new_in(NonPaged),
            next: seed % DYNAMIC,
        };
        Ref::try_new(Self {
            inner: SpinLock::new(inner),
        })
    }

    /// Takes an address and port, or some free port if it is 0. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// [`CmError::PortInUse`], [`CmError::PortsExhausted`], [`CmError::NoMemory`].
    pub fn reserve(this: &Ref<Self>, mut local: SocketAddr) -> Result<Ref<Endpoint>, CmError> {
        // A flow label does not tell addresses apart.
        if let SocketAddr::V6(v6) = &mut local {
            v6.set_flowinfo(0);
        }
        let local = this.inner.lock().take(local)?;
        let endpoint = Endpoint {
            table: this.clone(),
            local,
        };
        // Dropped on failure, and the port is free again.
        Ok(Ref::try_new(endpoint)?)
    }
}

impl Inner {
    fn take(&mut self, mut local: SocketAddr) -> Result<SocketAddr, CmError> {
        if local.port() == 0 {
            let port = self.free_port(local).ok_or(CmError::PortsExhausted)?;
            local.set_port(port);
        }
        let place = self.taken.binary_search(&local).err().ok_or(CmError::PortInUse)?;
        self.taken.try_reserve(1).map_err(NoMemory::from)?;
        self.taken.insert(place, local);
        Ok(local)
    }

    /// The next port that nobody has on this address.
    fn free_port(&mut self, mut local: SocketAddr) -> Option<u16> {
        for _ in 0..DYNAMIC {
            local.set_port(FIRST_DYNAMIC + self.next);
            self.next = (self.next + 1) % DYNAMIC;
            if self.taken.binary_search(&local).is_err() {
                return Some(local.port());
            }
        }
        None
    }
}

/// A local address and port in use. It becomes free when the last reference goes (CONN-40 to CONN-43).
#[derive(Debug)]
pub struct Endpoint {
    table: Ref<PortTable>,
    local: SocketAddr,
}

impl Endpoint {
    /// The address and port.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let mut inner = self.table.inner.lock();
        if let Ok(index) = inner.taken.binary_search(&self.local) {
            pool::take_at(&mut inner.taken, index);
        }
    }
}
