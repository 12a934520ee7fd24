//! A world: hosts with a ConnectX each, the driver loaded on each, and a link that joins them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;

use crate::consumers::ndk::Adapter as NdkAdapter;
use crate::driver_source::{DriverSource, LoadError};
use crate::environment::simulated;
use crate::ndis::MESSAGE_POLICY;
use crate::ndis::inf::Inf;
use crate::ndis::registry::Value;
use crate::nt::image::ImageError;
use crate::sim::{self, Failure, HostId};
use crate::slot::Slot;
use crate::wire::capture::Capture;
use crate::wire::link::{Link, LinkConfig};
use crate::{connectx, ndis, netio, nt, pci};

/// The INF that installs the driver: its keywords and their defaults.
pub const CXNDK_INF: &str = include_str!("../../../cxndk.inx");
/// The machine that a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its processors.
    pub processors: u32,
    /// Processors of a group, 64 at most.
    pub group: u32,
    /// The system keeps to the device's wish for one processor for each message; else messages come on any.
    pub spreads_messages: bool,
}

impl Machine {
    /// Four processors.
    pub const SMALL: Self = Self {
        processors: 4,
        group: 64,
        spreads_messages: true,
    };

    /// Machines differ as the seed says: small ones, and some with many processors in several groups.
    pub const fn of_seed(seed: u64) -> Self {
        let (processors, group) = match seed % 8 {
            3 => (48, 64),
            5 => (128, 64),
            7 => (20, 8),
            _ => (4, 64),
        };
        Self {
            processors,
            group,
            spreads_messages: seed % 3 != 2,
        }
    }
}
/// The hardware id of the model: a ConnectX-5.
pub const HARDWARE_ID: &str = r"PCI\VEN_15B3&DEV_1017";

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The seed of every choice.
    pub seed: u64,
    /// The link between the hosts.
    pub link: LinkConfig,
    /// Where the link's frames are recorded.
    pub capture: Option<PathBuf>,
    /// Keywords that an administrator has changed from the INF's defaults.
    pub keywords: Vec<(String, Value)>,
    /// Those of host B that differ from `keywords`.
    pub keywords_of_b: Vec<(String, Value)>,
    /// What both devices say they can do.
    pub capabilities: connectx::Capabilities,
    /// When the devices reuse numbers; the seed chooses where this does not.
    pub reuse: Option<connectx::Reuse>,
    /// What both hosts are.
    pub machine: Machine,
    /// The driver that both hosts run.
    pub driver: DriverSource,
    /// Whether the driver is preempted between two of its instructions too, not at kernel calls alone.
    pub preempt_inside: bool,
}

impl WorldConfig {
    /// Two hosts with jumbo frames, as an administrator sets them up for storage traffic, and the driver that the environment
    /// names ([`DriverSource::from_environment`]).
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            link: LinkConfig::default(),
            capture: None,
            keywords: vec![
                Self::keyword("*JumboPacket", "9014"),
                Self::keyword("*NetworkDirectRoCEFrameSize", "4096"),
            ],
            keywords_of_b: Vec::new(),
            capabilities: connectx::Capabilities::default(),
            reuse: None,
            machine: Machine::of_seed(seed),
            driver: DriverSource::from_environment(),
            preempt_inside: false,
        }
    }

    /// A keyword with its value, as the registry holds it.
    pub fn keyword(name: &str, value: &str) -> (String, Value) {
        (name.to_owned(), Value::Text(value.to_owned()))
    }
}

/// Why a world could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The run broke a rule.
    #[error("{0}")]
    Failure(Box<Failure>),
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

/// One simulated Windows host.
pub struct Host {
    /// Its number in the simulation.
    pub id: HostId,
    /// The ConnectX in it.
    pub device: Rc<connectx::Device>,
    /// Its function on the host's bus.
    pub function: pci::Function,
    /// The loaded driver.
    pub driver: ndis::Driver,
    /// The adapter that the driver serves.
    pub adapter: ndis::Adapter,
    /// The adapter's addresses.
    pub ipv4: Ipv4Addr,
    /// See `ipv4`.
    pub ipv6: Ipv6Addr,
}

impl Host {
    /// The adapter's IPv4 address with a port.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ipv4), port)
    }

    /// The adapter's IPv6 address with a port.
    pub fn at_v6(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V6(self.ipv6), port)
    }

    /// Runs `body` in a kernel thread of this host; [`sim::join`] waits for its end.
    pub fn thread(&self, name: &'static str, body: impl FnOnce() + 'static) -> sim::TaskId {
        nt::thread(self.id, name, body)
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

/// The running world.
pub struct World {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The link between them.
    pub link: Link,
}

impl World {
    /// Builds the world of `config`, starts the driver on two hosts, runs `main`, stops and unloads the driver.
    ///
    /// # Errors
    ///
    /// The rule that was broken, or what could not be started.
    pub fn run<T: Send>(config: &WorldConfig, main: impl FnOnce(&Self) -> T + Send) -> Result<T, WorldError> {
        let result = sim::run(config.seed, || {
            nt::preempt_inside(config.preempt_inside);
            let (link, capture) = Self::link(config)?;
            let hosts = (0..2)
                .map(|index| Self::host(config, &link, index))
                .collect::<Result<_, _>>()?;
            let world = Self { hosts, link };
            let result = main(&world);
            world.stop();
            if let Some(capture) = capture {
                capture
                    .finish()
                    .map_err(|error| Self::capture_error(config, error))?;
            }
            Ok(result)
        });
        result.map_err(|failure| WorldError::Failure(Box::new(failure)))?
    }

    fn capture_error(config: &WorldConfig, error: io::Error) -> WorldError {
        WorldError::Capture {
            path: config.capture.clone().unwrap_or_default(),
            error,
        }
    }

    fn link(config: &WorldConfig) -> Result<(Link, Option<Rc<Capture>>), WorldError> {
        let link = Link::new(simulated(sim::Stream::Wire), config.link);
        let capture = config.capture.as_deref().map(Capture::to_file).transpose();
        let capture = capture.map_err(|error| Self::capture_error(config, error))?;
        link.set_capture(capture.clone());
        Ok((link, capture))
    }

    fn host(config: &WorldConfig, link: &Link, index: usize) -> Result<Host, WorldError> {
        let start = |error| WorldError::Start { host: index, error };
        let machine = config.machine;
        let name = format!("host {}", ['A', 'B'][index]);
        let id = nt::add_host_in_groups(name, machine.processors, machine.group);
        let mac = [0x02, 0x00, 0x5e, 0x00, 0x00, index as u8 + 1];
        let slot = Slot::new(connectx::Config {
            capabilities: config.capabilities.clone(),
            reuse: config.reuse.unwrap_or_else(Slot::reuse_of_seed),
            ..connectx::Config::new(format!("connectx-{index}"), mac)
        });
        let device = Rc::clone(&slot.device);
        let port = link.port(index);
        let receiver = Rc::clone(&device);
        port.on_receive(move |frame| receiver.deliver_frame(&frame));
        let carrier = Rc::clone(&device);
        port.on_change(move |up| carrier.set_carrier(up));
        device.set_carrier(true);
        device.plug(move |frame| {
            port.transmit(frame);
        });

        let (ipv4, ipv6) = Self::addresses(index);
        let interface = netio::add_interface(id, mac, 0);
        netio::add_address(interface, ipv4.into(), 24);
        netio::add_address(interface, ipv6.into(), 64);
        let driver = config.driver.load(id).map_err(|error| match error {
            LoadError::Image(error) => WorldError::Image(error),
            LoadError::Start(error) => start(error),
        })?;
        let adapter = Self::adapter(config, index, &driver, &slot, interface).map_err(start)?;
        Ok(Host {
            id,
            device,
            function: slot.function,
            driver,
            adapter,
            ipv4,
            ipv6,
        })
    }

    fn addresses(index: usize) -> (Ipv4Addr, Ipv6Addr) {
        let last = index as u8 + 1;
        (
            Ipv4Addr::new(10, 0, 0, last),
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)),
        )
    }

    fn adapter(
        config: &WorldConfig,
        index: usize,
        driver: &ndis::Driver,
        slot: &Slot,
        interface: netio::InterfaceId,
    ) -> Result<ndis::Adapter, ndis::StartError> {
        let inf = Inf::parse(CXNDK_INF)?;
        let mut description = ndis::Device::installed(slot.function.clone(), &inf, HARDWARE_ID)?;
        description.interface = Some(interface);
        if !config.machine.spreads_messages {
            description.install.hardware.remove(MESSAGE_POLICY);
        }
        let others = if index == 1 {
            &config.keywords_of_b[..]
        } else {
            &[]
        };
        for (name, value) in config.keywords.iter().chain(others) {
            description.registry.set(name, value.clone());
        }
        let adapter = driver.add_device(description)?;
        let keys = Rc::clone(&slot.device);
        adapter.inspect_keys(Rc::new(move |token| Self::key_rights(&keys, token)));
        adapter.start()?;
        Ok(adapter)
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

    /// Stops the adapters and unloads the driver; what the driver leaves behind is a violation.
    fn stop(self) {
        for (index, host) in self.hosts.into_iter().enumerate() {
            // A device that was pulled out is halted already.
            if host.adapter.state() != ndis::State::Halted {
                host.adapter.stop();
            }
            host.adapter.remove();
            host.driver.unload();
            // Device and link refer to each other: without this neither would ever be freed.
            self.link.port(index).disconnect();
            host.device.plug(drop);
        }
    }
}
