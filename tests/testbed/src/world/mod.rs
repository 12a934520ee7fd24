//! A world: hosts with ConnectX adapters, the driver loaded on each, and cables that join them.
//!
//! ```
//! use cxndk_testbed::consumers::node::Pair;
//! use cxndk_testbed::world::World;
//!
//! let sent = World::new(1).link(|link| link.faults.loss = 20_000).run(|world| {
//!     let pair = Pair::connect(world, 445).expect("host A connects to host B");
//!     pair.b.receive(7, 0..5).expect("it is posted");
//!     pair.a.put(b"hello");
//!     pair.a.send(8, 0..5, 0).expect("it is posted");
//!     let received = pair.b.result();
//!     let text = pair.b.bytes(0..received.bytes as usize);
//!     pair.close().expect("all closes");
//!     text
//! });
//! assert_eq!(sent.expect("no rule is broken"), b"hello");
//! ```

mod host;
mod machine;
mod network;
mod plan;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::rc::Rc;

use roce_wire::{Capture, Link, Switch};
use winsim::ndis::MESSAGE_POLICY;
use winsim::ndis::inf::Inf;
use winsim::nt::image::ImageError;
use winsim::sim::{self, Failure};
use winsim::{ndis, netio, nt};

pub use host::{Host, Nic, OpenNdk};
pub use machine::Machine;
pub use plan::{AdapterPlan, HostPlan, WorldPlan};

use crate::connectx;
use crate::driver_source::LoadError;
use crate::slot::Slot;
use network::Network;

/// The INF that installs the driver: its keywords and their defaults.
pub const CXNDK_INF: &str = include_str!("../../../../cxndk.inx");
/// The hardware id of a ConnectX-5.
pub const HARDWARE_ID: &str = r"PCI\VEN_15B3&DEV_1017";

/// Why a world could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The run broke a rule.
    #[error("{0}")]
    Failure(Box<Failure>),
    /// No world can be made so.
    #[error("no such world: {0}")]
    Plan(&'static str),
    /// The capture file.
    #[error("cannot write the capture {path}: {error}")]
    Capture {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A driver or its adapter did not start.
    #[error("host {host}: {error}")]
    Start {
        /// Which host.
        host: usize,
        /// What did not start, and why.
        error: ndis::StartError,
    },
    /// The driver's image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// The running world.
pub struct World {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The first link: the only one between two hosts with an adapter each.
    pub link: Link,
    /// All links: of each adapter to the switch, in order, or without a switch of each adapter of the first host.
    pub links: Vec<Link>,
    /// The switch, if there is one.
    pub switch: Option<Rc<Switch>>,
}

impl World {
    /// A plan: two hosts with jumbo frames, a ConnectX-5 each, a link between them, and the driver that the environment names
    /// ([`DriverSource::from_environment`](crate::driver_source::DriverSource::from_environment)).
    #[expect(clippy::new_ret_no_self, reason = "a world is planned before it runs")]
    pub fn new(seed: u64) -> WorldPlan {
        WorldPlan::new(seed)
    }

    /// [`WorldPlan::run`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn run<T: Send>(plan: &WorldPlan, main: impl FnOnce(&Self) -> T + Send) -> Result<T, WorldError> {
        plan.check()?;
        let result = sim::run(plan.seed, || {
            nt::preempt_inside(plan.preempt_inside);
            let capture_error = |error| WorldError::Capture {
                path: plan.capture.clone().unwrap_or_default(),
                error,
            };
            let capture = plan.capture.as_deref().map(Capture::to_file).transpose();
            let capture = capture.map_err(capture_error)?;
            let network = Network::new(plan, capture.as_ref());
            let world = Self::build(plan, &network)?;
            let result = main(&world);
            world.stop(&network);
            capture.map_or(Ok(()), |capture| capture.finish().map_err(capture_error))?;
            Ok(result)
        });
        result.map_err(|failure| WorldError::Failure(Box::new(failure)))?
    }

    fn build(plan: &WorldPlan, network: &Network) -> Result<Self, WorldError> {
        let mut before = 0;
        let hosts = plan.hosts.iter().enumerate().map(|(index, host)| {
            let site = Site {
                plan,
                network,
                host,
                index,
                before,
            };
            before += host.adapters.len();
            site.build()
        });
        Ok(Self {
            hosts: hosts.collect::<Result<_, _>>()?,
            link: network.links[0].clone(),
            links: network.links.clone(),
            switch: network.switch.clone(),
        })
    }

    /// Stops the adapters and unloads the drivers; what a driver leaves behind is a violation.
    fn stop(self, network: &Network) {
        for host in self.hosts {
            let devices: Vec<_> = host.nics.iter().map(|nic| Rc::clone(&nic.device)).collect();
            for nic in host.nics {
                // A device that was pulled out is halted already.
                if nic.adapter.state() != ndis::State::Halted {
                    nic.adapter.stop();
                }
                nic.adapter.remove();
            }
            host.driver.unload();
            devices.iter().for_each(|device| device.plug(drop));
        }
        network.unplug();
    }
}

/// Where a host comes to be.
struct Site<'a> {
    plan: &'a WorldPlan,
    network: &'a Network,
    host: &'a HostPlan,
    index: usize,
    /// Adapters of the hosts before it.
    before: usize,
}

impl Site<'_> {
    fn build(&self) -> Result<Host, WorldError> {
        let start = |error| WorldError::Start {
            host: self.index,
            error,
        };
        let machine = self.host.machine;
        let id = nt::add_host_in_groups(self.name(), machine.processors, machine.group);
        #[expect(
            clippy::needless_collect,
            reason = "the devices are there before the driver is loaded"
        )]
        let slots: Vec<_> = (0..self.host.adapters.len())
            .map(|adapter| self.slot(id, adapter))
            .collect();
        let driver = self.plan.driver.load(id).map_err(|error| match error {
            LoadError::Image(error) => WorldError::Image(error),
            LoadError::Start(error) => start(error),
        })?;
        let nics = slots.into_iter().enumerate().map(|(adapter, (slot, interface))| {
            let started = self.start(&driver, adapter, &slot, interface)?;
            let (ipv4, ipv6) = self.addresses(adapter);
            Ok(Nic {
                device: slot.device,
                function: slot.function,
                adapter: started,
                ipv4,
                ipv6,
            })
        });
        let nics = nics.collect::<Result<_, _>>().map_err(start)?;
        Ok(Host { id, driver, nics })
    }

    /// A, B and so on; numbers when letters end.
    fn name(&self) -> String {
        let letter = u8::try_from(self.index).ok().filter(|index| *index < 26);
        let name = letter.map_or_else(
            || self.index.to_string(),
            |index| char::from(b'A' + index).to_string(),
        );
        format!("host {name}")
    }

    /// Each pair of an adapter's number and a host's has its own address.
    const fn mac(&self, adapter: usize) -> [u8; 6] {
        [0x02, 0x00, 0x5e, 0x00, adapter as u8, self.index as u8 + 1]
    }

    /// The adapters of one number are a network.
    fn addresses(&self, adapter: usize) -> (Ipv4Addr, Ipv6Addr) {
        let (net, last) = (adapter as u8, self.index as u8 + 1);
        (
            Ipv4Addr::new(10, 0, net, last),
            Ipv6Addr::new(0xfd00, 0, 0, u16::from(net), 0, 0, 0, u16::from(last)),
        )
    }

    /// The device in its slot, with its cable, and the interface that it will be.
    fn slot(&self, id: sim::HostId, adapter: usize) -> (Slot, netio::InterfaceId) {
        let number = self.before + adapter;
        let wanted = &self.host.adapters[adapter];
        let mac = self.mac(adapter);
        let slot = Slot::new(connectx::Config {
            generation: wanted.generation,
            capabilities: wanted.capabilities.clone(),
            reuse: wanted.reuse.unwrap_or_else(Slot::reuse_of_seed),
            ..connectx::Config::new(format!("connectx-{number}"), mac)
        });
        self.network.plug((self.index, adapter), number, &slot.device);
        let (ipv4, ipv6) = self.addresses(adapter);
        let interface = netio::add_interface(id, mac, 0);
        netio::add_address(interface, ipv4.into(), 24);
        netio::add_address(interface, ipv6.into(), 64);
        (slot, interface)
    }

    fn start(
        &self,
        driver: &ndis::Driver,
        adapter: usize,
        slot: &Slot,
        interface: netio::InterfaceId,
    ) -> Result<ndis::Adapter, ndis::StartError> {
        let inf = Inf::parse(CXNDK_INF)?;
        let id = self.host.adapters[adapter].generation.hardware_id();
        let mut description = ndis::Device::installed(slot.function.clone(), &inf, &id)?;
        description.interface = Some(interface);
        if !self.host.machine.spreads_messages {
            description.install.hardware.remove(MESSAGE_POLICY);
        }
        for (name, value) in &self.host.keywords {
            description.registry.set(name, value.clone());
        }
        let adapter = driver.add_device(description)?;
        let keys = Rc::clone(&slot.device);
        adapter.inspect_keys(Rc::new(move |token| key_rights(&keys, token)));
        adapter.start()?;
        Ok(adapter)
    }
}

/// What the device lets a key be used for; the driver's tokens are its keys.
fn key_rights(device: &connectx::Device, token: u32) -> Option<ndis::ndk::KeyRights> {
    let key = connectx::Key(token);
    let mkey = device.mkeys.get(key.index())?;
    let mkey = mkey.borrow();
    let valid = !mkey.free && mkey.variant == key.variant();
    valid.then_some(ndis::ndk::KeyRights {
        local_write: mkey.rights.local_write,
        remote_read: mkey.rights.remote_read,
        remote_write: mkey.rights.remote_write,
    })
}
