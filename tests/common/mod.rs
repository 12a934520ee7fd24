//! A simulated host with one ConnectX in it and the driver loaded: what tests of a single adapter begin with.

use cxndk_testbed::driver_source::DriverSource;
use cxndk_testbed::ndis::inf::Inf;
use cxndk_testbed::ndis::registry::Registry;
use cxndk_testbed::slot::Slot;
use cxndk_testbed::{ndis, netio, nt};

/// The INF that the driver comes with.
const INX: &str = include_str!("../../cxndk.inx");
/// A ConnectX-5, which the device model is.
const HARDWARE_ID: &str = r"PCI\VEN_15B3&DEV_1017";
/// Address of the port.
pub const MAC: [u8; 6] = [0x02, 0, 0x5e, 0, 0, 1];

/// The host; its adapter is halted.
pub struct Host {
    /// The ConnectX in it.
    pub slot: Slot,
    /// The loaded driver.
    pub driver: ndis::Driver,
    /// Its one adapter.
    pub adapter: ndis::Adapter,
}

impl Host {
    /// With the registry as the INF fills it.
    pub fn new() -> Self {
        Self::with_registry(|_, _| {})
    }

    /// With a registry that `change` was let loose on.
    pub fn with_registry(change: impl FnOnce(&mut Registry, &ndis::inf::Install)) -> Self {
        let id = nt::add_host("host", 2);
        let slot = Slot::with_connectx_5("connectx", MAC);
        slot.device.plug(|_| {});
        slot.device.set_carrier(true);
        let interface = netio::add_interface(id, MAC, 0);
        netio::add_address(interface, "10.0.0.1".parse().expect("an address"), 24);
        let driver = DriverSource::from_environment()
            .load(id)
            .expect("the driver loads");
        let inf = Inf::parse(INX).expect("an INF");
        let mut description = ndis::Device::installed(slot.function.clone(), &inf, HARDWARE_ID)
            .expect("the INF has the device");
        description.interface = Some(interface);
        change(&mut description.registry, &description.install);
        let adapter = driver.add_device(description).expect("there is no AddDevice");
        Self {
            slot,
            driver,
            adapter,
        }
    }

    /// Takes the adapter away and unloads the driver; what is left is a violation that ends the run.
    pub fn unload(self) {
        self.adapter.remove();
        self.driver.unload();
    }
}
