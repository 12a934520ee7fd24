//! The handles that NDIS gives out: numbers that look like pointers and point nowhere.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::ndis::NDIS_HANDLE;

use super::adapter::AdapterState;
use super::condis;
use super::configuration::Configuration;
use super::control_device::ControlDevice;
use super::dma::Dma;
use super::driver::DriverState;
use super::interrupt::Interrupt;
use super::packet::Pool;
use super::protocol::{Binding, Protocol};
use super::timer::Timer;
use super::work::WorkItem;
use crate::sim;

/// Rule id of a call with a handle that names nothing (any more), or a thing of another kind.
pub const STALE_HANDLE: &str = "NDIS-HANDLE";

/// Handles begin here, outside the canonical addresses: a driver that follows one faults.
const FIRST: u64 = 0x4e44_4953_0000_0010;

/// What a handle can name.
#[derive(Clone)]
pub(super) enum Object {
    Driver(Rc<DriverState>),
    Adapter(Rc<AdapterState>),
    Configuration(Rc<Configuration>),
    Dma(Rc<Dma>),
    Interrupt(Rc<Interrupt>),
    WorkItem(Rc<WorkItem>),
    Timer(Rc<Timer>),
    Protocol(Rc<Protocol>),
    Binding(Rc<Binding>),
    Pool(Rc<Pool>),
    ControlDevice(Rc<ControlDevice>),
    Family(Rc<condis::Family>),
    Sap(Rc<condis::Sap>),
    Vc(Rc<condis::Vc>),
    Party(Rc<condis::Party>),
}

/// All handles of a run.
#[derive(Default)]
struct Table {
    given: Cell<u64>,
    objects: RefCell<BTreeMap<u64, Object>>,
}

/// A fresh handle. It names nothing until [`insert`].
pub(super) fn reserve() -> NDIS_HANDLE {
    let table = sim::local::<Table>();
    let n = table.given.replace(table.given.get() + 1);
    (FIRST + n * 16) as NDIS_HANDLE
}

/// Makes `handle` name `object`.
pub(super) fn insert(handle: NDIS_HANDLE, object: Object) {
    sim::local::<Table>()
        .objects
        .borrow_mut()
        .insert(handle as u64, object);
}

/// Makes `handle` name nothing.
pub(super) fn remove(handle: NDIS_HANDLE) {
    let gone = sim::local::<Table>()
        .objects
        .borrow_mut()
        .remove(&(handle as u64));
    drop(gone);
}

/// What `handle` names.
pub(super) fn find(handle: NDIS_HANDLE) -> Option<Object> {
    sim::local::<Table>()
        .objects
        .borrow()
        .get(&(handle as u64))
        .cloned()
}

fn stale(handle: NDIS_HANDLE, ddi: &str, kind: &str) -> ! {
    sim::fail(STALE_HANDLE, format!("{ddi}: {handle:p} is no {kind}"))
}

macro_rules! lookup {
    ($($name:ident: $kind:ident -> $type:ty;)*) => {$(
        /// The object of this kind that `handle` names; anything else is a violation by the caller of `ddi`.
        pub(super) fn $name(handle: NDIS_HANDLE, ddi: &str) -> Rc<$type> {
            match find(handle) {
                Some(Object::$kind(object)) => object,
                _ => stale(handle, ddi, stringify!($name)),
            }
        }
    )*};
}

lookup! {
    driver: Driver -> DriverState;
    adapter: Adapter -> AdapterState;
    configuration: Configuration -> Configuration;
    dma: Dma -> Dma;
    interrupt: Interrupt -> Interrupt;
    work_item: WorkItem -> WorkItem;
    timer: Timer -> Timer;
    protocol: Protocol -> Protocol;
    binding: Binding -> Binding;
    pool: Pool -> Pool;
    control_device: ControlDevice -> ControlDevice;
}
