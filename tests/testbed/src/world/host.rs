//! A running host: its adapters, and how a scenario acts on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;

use winsim::sim::{self, HostId};
use winsim::{ndis, nt, pci};

use crate::connectx;
use crate::consumers::ndk::Adapter as NdkAdapter;

/// An adapter of a host.
pub struct Nic {
    /// The device.
    pub device: Rc<connectx::Device>,
    /// Its function on the host's bus.
    pub function: pci::Function,
    /// The adapter that the driver serves.
    pub adapter: ndis::Adapter,
    /// The adapter's addresses.
    pub ipv4: Ipv4Addr,
    /// See `ipv4`.
    pub ipv6: Ipv6Addr,
}

impl Nic {
    /// The IPv4 address with a port.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ipv4), port)
    }

    /// The IPv6 address with a port.
    pub fn at_v6(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V6(self.ipv6), port)
    }

    /// Opens the Network Direct side of the adapter, as NDIS does for a consumer.
    ///
    /// # Panics
    ///
    /// When the driver refuses; a test that expects it asks the adapter itself.
    pub fn open_ndk(&self) -> OpenNdk {
        self.open_ndk_at((2, 0))
    }

    /// The same for a consumer that asks for this version.
    ///
    /// # Panics
    ///
    /// As [`Self::open_ndk`].
    pub fn open_ndk_at(&self, (major, minor): (u16, u16)) -> OpenNdk {
        let open = self
            .adapter
            .open_ndk(major, minor)
            .expect("the driver opens its NDK adapter");
        OpenNdk { open }
    }
}

/// One simulated Windows host. It stands for its first adapter where one is asked for; most hosts have no other.
pub struct Host {
    /// Its number in the simulation.
    pub id: HostId,
    /// The loaded driver.
    pub driver: ndis::Driver,
    /// Its adapters, at least one.
    pub nics: Vec<Nic>,
}

impl Deref for Host {
    type Target = Nic;

    fn deref(&self) -> &Nic {
        &self.nics[0]
    }
}

impl Host {
    /// Runs `body` in a kernel thread of this host; [`sim::join`] waits for its end.
    pub fn thread(&self, name: &'static str, body: impl FnOnce() + 'static) -> sim::TaskId {
        nt::thread(self.id, name, body)
    }
}

/// An NDK adapter that must be closed.
pub struct OpenNdk {
    open: ndis::NdkAdapter,
}

impl OpenNdk {
    /// The adapter, for the consumer.
    pub fn adapter(&self) -> NdkAdapter {
        NdkAdapter::from_raw(self.open.as_ptr())
    }

    /// Closes it; blocks until all that was made from it is gone.
    pub fn close(self) {
        self.open.close();
    }
}
