//! A slot of a simulated host with a ConnectX in it: the model's seam on one side, the simulated bus on the other.

use std::cell::OnceCell;
use std::rc::{Rc, Weak};

use connectx_model::config_space::BAR_SIZE;
use connectx_model::{Config, Device, DmaFault, Phase, Platform, Reuse};
use roce_wire::Surroundings;
use winsim::pci::{Configuration, Dma, Function, PciFunction};
use winsim::sim::{self, Stream};

use crate::environment::simulated;

/// A device with power, booting, and the function that its host finds on the bus. No cable is in it yet ([`Device::plug`]).
#[derive(Clone)]
pub struct Slot {
    /// The model.
    pub device: Rc<Device>,
    /// The host's side.
    pub function: Function,
}

impl Slot {
    /// Puts a device that `config` describes into a slot and gives it power.
    pub fn new(config: Config) -> Self {
        let vectors = config.vectors;
        let machine = Rc::new(Machine {
            around: simulated(Stream::Device),
            bus: OnceCell::new(),
        });
        let device = Device::new(config, Rc::clone(&machine) as Rc<dyn Platform>);
        let space = Rc::new(Space(Rc::downgrade(&device)));
        let function = Function::new(device.name(), space, &[BAR_SIZE], vectors);
        function.plug(Rc::new(Bus(Rc::downgrade(&device))));
        let dma = function.dma().tolerant();
        let plugged = machine.bus.set((function.clone(), dma));
        assert!(plugged.is_ok(), "a machine has one slot");
        device.power_on();
        Self { device, function }
    }

    /// The same with an ordinary device of this name and address, whose numbers come back as the seed chooses.
    pub fn with_connectx_5(name: impl Into<String>, mac: [u8; 6]) -> Self {
        Self::new(Config {
            reuse: Self::reuse_of_seed(),
            ..Config::new(name, mac)
        })
    }

    /// When numbers come back, as the seed chooses.
    pub fn reuse_of_seed() -> Reuse {
        match sim::choose(Stream::Numbers, 2) {
            0 => Reuse::AtOnce,
            _ => Reuse::Late,
        }
    }
}

/// What the device asks of its host. It holds the function, and the function holds the device only weakly.
struct Machine {
    around: Surroundings,
    bus: OnceCell<(Function, Dma)>,
}

impl Machine {
    fn function(&self) -> Option<&Function> {
        self.bus.get().map(|(function, _)| function)
    }

    fn dma(&self, address: u64, length: usize, write: bool) -> Result<&Dma, DmaFault> {
        self.bus.get().map(|(_, dma)| dma).ok_or(DmaFault {
            address,
            length,
            write,
            stale: false,
        })
    }
}

const fn told(fault: winsim::pci::DmaFault) -> DmaFault {
    DmaFault {
        address: fault.address,
        length: fault.length,
        write: fault.write,
        stale: fault.stale,
    }
}

impl Platform for Machine {
    fn environment(&self) -> &Surroundings {
        &self.around
    }

    fn read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        self.dma(bus, into.len(), false)?.read(bus, into).map_err(told)
    }

    fn write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault> {
        self.dma(bus, from.len(), true)?.write(bus, from).map_err(told)
    }

    fn peek(&self, bus: u64, into: &mut [u8]) -> Option<()> {
        let (_, dma) = self.bus.get()?;
        dma.read(bus, into).ok()
    }

    fn message(&self, vector: u16) {
        if let Some(function) = self.function() {
            function.raise(usize::from(vector));
        }
    }

    fn show(&self, offset: u64, bytes: &[u8]) {
        if let Some(function) = self.function().filter(|function| !function.is_removed()) {
            function.bar(0).store(offset, bytes);
        }
    }

    fn note(&self, text: String) {
        sim::note(text);
    }

    fn bus_error(&self, fault: DmaFault) {
        // A function that was pulled out reaches nothing, which is nobody's mistake.
        if self.function().is_some_and(Function::is_master) {
            sim::fail(if fault.stale { "DMA-06" } else { "DMA-08" }, fault.to_string());
        }
    }

    fn violation(&self, rule: &'static str, text: String) {
        sim::fail(rule, text);
    }
}

/// The device's configuration space, on the bus.
struct Space(Weak<Device>);

impl Configuration for Space {
    fn read(&self, offset: usize, into: &mut [u8]) {
        match self.0.upgrade() {
            Some(device) => device.configuration().read(offset, into),
            None => into.fill(0xff),
        }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        if let Some(device) = self.0.upgrade() {
            device.config_write(offset, bytes);
        }
    }
}

/// What the bus calls. It does not keep the device alive: the function belongs to the device, not the other way round.
struct Bus(Weak<Device>);

impl PciFunction for Bus {
    fn bar_write(&self, bar: usize, offset: u64, bytes: &[u8]) {
        self.bar_write_seen(bar, offset, bytes, connectx_model::UNSEEN);
    }

    fn bar_write_seen(&self, _bar: usize, offset: u64, bytes: &[u8], seen: u64) {
        if let Some(device) = self.0.upgrade() {
            device.bar_write(offset, bytes, seen);
        }
    }

    fn look(&self, _bar: usize, offset: u64, bytes: &[u8]) -> u64 {
        let device = self.0.upgrade();
        device.map_or(connectx_model::UNSEEN, |device| device.bar_look(offset, bytes))
    }

    fn uses(&self, bus: u64, length: usize) -> Option<String> {
        self.0.upgrade()?.names(bus, length as u64)
    }

    fn is_dead(&self) -> bool {
        let device = self.0.upgrade();
        device.is_none_or(|device| device.phase() == Phase::Failed)
    }

    fn leftovers(&self) -> Vec<String> {
        let device = self.0.upgrade();
        device.map(|device| device.left_behind()).unwrap_or_default()
    }

    fn reset(&self) {
        if let Some(device) = self.0.upgrade() {
            device.reset();
        }
    }
}
