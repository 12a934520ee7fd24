//! One PCI function: where its model and its host meet.

use super::config::{bar_address, is_bus_master};
use super::trap;
use super::{Bar, ConfigSpace, Configuration, Dma, Domain, Identity};
use crate::sim;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// Rule id of memory that is freed while a device can reach it.
const FREED: &str = "DMA-06";

/// The model of a device, as the bus calls it. No method may wait or call a driver: what it wants done, it puts into an
/// event ([`sim::after`]) or says through its [`Function`].
pub trait PciFunction {
    /// A write of the driver to a BAR: 1, 2, 4 or 8 bytes as they lie in memory. What the driver is to read back, the model
    /// puts there with [`Bar::store`].
    fn bar_write(&self, bar: usize, offset: u64, bytes: &[u8]);

    /// The same, with what [`Self::look`] saw at the store.
    fn bar_write_seen(&self, bar: usize, offset: u64, bytes: &[u8], _seen: u64) {
        self.bar_write(bar, offset, bytes);
    }

    /// The driver is storing this to a BAR: what the write would find if it arrived at once. Called in the middle of the driver, in
    /// the handler of a fault: it may only look, and neither allocate nor fail.
    fn look(&self, _bar: usize, _offset: u64, _bytes: &[u8]) -> u64 {
        0
    }

    /// What of the device still names some of the `length` bytes of mapped memory at `bus`, which are about to be unmapped.
    fn uses(&self, _bus: u64, _length: usize) -> Option<String> {
        None
    }

    /// The device is dead, and reads and writes nothing.
    fn is_dead(&self) -> bool {
        false
    }

    /// What the driver made in the device and has not destroyed, one line an object, if the device would have let it.
    fn leftovers(&self) -> Vec<String> {
        Vec::new()
    }

    /// A write to configuration space, already done.
    fn config_written(&self, _offset: usize, _length: usize) {}

    /// Function level reset, or power off: everything forgotten, BARs as at power on.
    fn reset(&self) {}
}

/// What a message does on the host's side: called in an event or on a driver's stack, so it may only start a context.
type Handler = Rc<dyn Fn()>;

#[derive(Default)]
struct Vector {
    handler: Option<Handler>,
    masked: bool,
    pending: bool,
}

struct Inner {
    name: String,
    config: Rc<dyn Configuration>,
    bars: Vec<Bar>,
    vectors: RefCell<Vec<Vector>>,
    domain: Rc<Domain>,
    model: OnceCell<Rc<dyn PciFunction>>,
    removed: Cell<bool>,
}

/// A counted reference to one function.
#[derive(Clone)]
pub struct Function(Rc<Inner>);

/// All functions of the run, for the writes that the trap handler queued.
#[derive(Default)]
struct Functions(RefCell<Vec<Weak<Inner>>>);

impl Function {
    /// A function with the given configuration space, BARs (sizes in bytes, multiples of 4096, in BAR order) and number of MSI-X vectors.
    pub fn new(
        name: impl Into<String>,
        config: Rc<dyn Configuration>,
        bars: &[usize],
        vectors: usize,
    ) -> Self {
        let bars: Vec<_> = bars.iter().map(|&size| Bar::new(size)).collect();
        let inner = Rc::new(Inner {
            name: name.into(),
            config,
            bars,
            vectors: RefCell::new((0..vectors).map(|_| Vector::default()).collect()),
            domain: Domain::new(),
            model: OnceCell::new(),
            removed: Cell::new(false),
        });
        sim::local::<Functions>()
            .0
            .borrow_mut()
            .push(Rc::downgrade(&inner));
        Self(inner)
    }

    /// The same with a [plain configuration space](ConfigSpace).
    pub fn plain(name: impl Into<String>, identity: &Identity, bars: &[usize], vectors: usize) -> Self {
        let config = ConfigSpace::new(identity, bars, vectors);
        Self::new(name, Rc::new(config), bars, vectors)
    }

    /// Plugs the model in.
    ///
    /// # Panics
    ///
    /// If there is one already.
    pub fn plug(&self, model: Rc<dyn PciFunction>) {
        self.0.domain.watch(&model);
        assert!(
            self.0.model.set(model).is_ok(),
            "{} has a model already",
            self.0.name
        );
    }

    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether both name the same function.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// A BAR, by its index in the list given to [`Self::new`].
    pub fn bar(&self, index: usize) -> &Bar {
        &self.0.bars[index]
    }

    /// How many BARs there are.
    pub fn bar_count(&self) -> usize {
        self.0.bars.len()
    }

    /// The physical address of a BAR: what its resource descriptor says, and what is mapped.
    pub fn bar_address(&self, index: usize) -> u64 {
        bar_address(&*self.0.config, index)
    }

    /// Where a driver that maps `address..address + length` of physical memory sees it; `None` outside of the BARs.
    pub fn map_io(&self, address: u64, length: usize) -> Option<*mut u8> {
        (0..self.0.bars.len()).find_map(|index| {
            let offset = usize::try_from(address.checked_sub(self.bar_address(index))?).ok()?;
            let inside = offset.checked_add(length)? <= self.bar(index).size();
            inside.then(|| self.bar(index).driver_pointer().wrapping_add(offset))
        })
    }

    /// Reads configuration space; ones after removal and past its end.
    pub fn config_read(&self, offset: usize, into: &mut [u8]) {
        if self.0.removed.get() {
            return into.fill(0xff);
        }
        self.0.config.read(offset, into);
    }

    /// Writes configuration space, as far as its bits are writable.
    pub fn config_write(&self, offset: usize, bytes: &[u8]) {
        if self.0.removed.get() {
            return;
        }
        // What the device did before the write is done.
        trap::drain();
        self.0.config.write(offset, bytes);
        self.0.domain.set_master(is_bus_master(&*self.0.config));
        if let Some(model) = self.0.model.get() {
            model.config_written(offset, bytes.len());
        }
    }

    /// How many MSI-X vectors there are.
    pub fn vector_count(&self) -> usize {
        self.0.vectors.borrow().len()
    }

    /// Says what a message of `vector` does; a message that came meanwhile is delivered. `None` disconnects.
    pub fn connect(&self, vector: usize, handler: Option<Handler>) {
        self.0.vectors.borrow_mut()[vector].handler = handler;
        self.deliver_pending(vector);
    }

    /// Masks or unmasks a vector. A message that came while it was masked is delivered at the unmasking.
    pub fn mask(&self, vector: usize, masked: bool) {
        self.0.vectors.borrow_mut()[vector].masked = masked;
        self.deliver_pending(vector);
    }

    /// The device sends the message of `vector`. Everything it wrote by DMA before is there.
    pub fn raise(&self, vector: usize) {
        if self.0.removed.get() || !self.0.domain.is_master() {
            // A message is a write to memory.
            return;
        }
        {
            let mut vectors = self.0.vectors.borrow_mut();
            let Some(vector) = vectors.get_mut(vector) else {
                return;
            };
            vector.pending = true;
        }
        self.deliver_pending(vector);
    }

    fn deliver_pending(&self, vector: usize) {
        let handler = {
            let mut vectors = self.0.vectors.borrow_mut();
            let vector = &mut vectors[vector];
            let ready = vector.pending && !vector.masked && vector.handler.is_some();
            vector.pending &= !ready;
            if ready { vector.handler.clone() } else { None }
        };
        if let Some(handler) = handler {
            sim::trace("message signalled interrupt", vector as u64, 0);
            handler();
        }
    }

    /// The function's IOMMU domain, for the host that maps memory.
    pub fn domain(&self) -> &Rc<Domain> {
        &self.0.domain
    }

    /// Whether it may begin transactions: the bus master bit of its command register, and it is there.
    pub fn is_master(&self) -> bool {
        self.0.domain.is_master()
    }

    /// The device's way to host memory.
    pub fn dma(&self) -> Dma {
        Dma::new(Rc::clone(&self.0.domain))
    }

    /// What the driver made in the device and has not destroyed, one line an object.
    pub fn leftovers(&self) -> Vec<String> {
        trap::drain();
        let model = self.0.model.get().filter(|_| !self.is_removed());
        model.map(|model| model.leftovers()).unwrap_or_default()
    }

    /// Function level reset.
    pub fn reset(&self) {
        trap::drain();
        if let Some(model) = self.0.model.get() {
            model.reset();
        }
    }

    /// Pulls the function out: reads give ones, writes go nowhere, no message and no DMA comes from it any more.
    pub fn remove(&self) {
        trap::drain();
        self.0.removed.set(true);
        self.0.domain.detach();
        self.0.bars.iter().for_each(|bar| bar.fill(0xff));
    }

    /// Whether [`Self::remove`] was called.
    pub fn is_removed(&self) -> bool {
        self.0.removed.get()
    }
}

/// The function that owns the BAR, and its index.
fn owner(trap: u32) -> Option<(Rc<Inner>, usize)> {
    let functions = sim::local::<Functions>();
    let functions = functions.0.borrow();
    functions.iter().filter_map(Weak::upgrade).find_map(|function| {
        let bar = function.bars.iter().position(|bar| bar.trap() == trap)?;
        Some((function, bar))
    })
}

/// Asks the model that owns the BAR for a look; called by the handler of faults.
pub(super) fn look(trap: u32, offset: u64, bytes: &[u8]) -> u64 {
    let Some((function, bar)) = owner(trap).filter(|(function, _)| !function.removed.get()) else {
        return 0;
    };
    function
        .model
        .get()
        .map_or(0, |model| model.look(bar, offset, bytes))
}

/// Hands one posted write to the model that owns the BAR.
pub(super) fn deliver(trap: u32, offset: u64, bytes: &[u8], seen: u64) {
    let Some((function, bar)) = owner(trap) else {
        return;
    };
    if let Some(model) = function.model.get()
        && !function.removed.get()
    {
        model.bar_write_seen(bar, offset, bytes, seen);
    }
}

/// `length` bytes of host memory at `address`, which `what` names, are given back: no device may reach them any more.
pub fn memory_freed(address: usize, length: usize, what: impl Fn() -> String) {
    let functions = sim::local::<Functions>();
    let functions = functions.0.borrow();
    for function in functions.iter().filter_map(Weak::upgrade) {
        let dead = function.model.get().is_some_and(|model| model.is_dead());
        if dead {
            continue;
        }
        if let Some(bus) = function.domain.reaches(address, length) {
            let name = &function.name;
            sim::fail(
                FREED,
                format!(
                    "{} of {length:#x} bytes is freed while {name} can reach it at bus address {bus:#x}",
                    what()
                ),
            );
        }
    }
}
