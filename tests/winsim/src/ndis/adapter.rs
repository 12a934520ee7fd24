//! One miniport adapter as NDIS sees it: its state, what it told NDIS, and what it holds.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::{CM_PARTIAL_RESOURCE_LIST, NDIS_HANDLE};

use super::attributes::Attributes;
use super::driver::DriverState;
use super::ndk::edge::Edge;
use super::oid::OidQueue;
use super::personality::Personality;
use super::placement::Placement;
use super::receive::Receives;
use super::registry::Registry;
use super::send::Sends;
use super::status::{Indication, LogEntry};
use super::wants::Wants;
use crate::netio::InterfaceId;
use crate::pci;
use crate::sim::{self, HostId, TaskId};

/// The states of miniport.md section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not initialized.
    Halted,
    /// In `MiniportInitializeEx`.
    Initializing,
    /// Initialized, no data moves.
    Paused,
    /// In `MiniportRestart`.
    Restarting,
    /// Data moves.
    Running,
    /// From the call of `MiniportPause` to its completion.
    Pausing,
    /// The system went down.
    Shutdown,
}

/// One region that the driver took and has to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) address: usize,
    pub(super) bus: u64,
    pub(super) length: u32,
    pub(super) cached: bool,
}

/// What an adapter holds right now. Everything is empty outside Initialize ... Halt.
#[derive(Default)]
pub(super) struct Held {
    pub(super) io: RefCell<Vec<Region>>,
    pub(super) shared: RefCell<Vec<Region>>,
    pub(super) shared_pending: Cell<u32>,
    /// The longest piece of shared memory that the host has, in bytes.
    pub(super) longest_shared: Cell<u32>,
    pub(super) dma: RefCell<Vec<NDIS_HANDLE>>,
    pub(super) interrupts: RefCell<Vec<NDIS_HANDLE>>,
    pub(super) work_items: RefCell<Vec<NDIS_HANDLE>>,
    pub(super) timers: RefCell<Vec<NDIS_HANDLE>>,
    pub(super) configurations: RefCell<Vec<NDIS_HANDLE>>,
}

/// What NDIS keeps of one adapter.
pub(super) struct AdapterState {
    pub(super) handle: NDIS_HANDLE,
    pub(super) name: String,
    pub(super) host: HostId,
    pub(super) driver: Rc<DriverState>,
    pub(super) function: pci::Function,
    pub(super) interface: Cell<Option<InterfaceId>>,
    pub(super) registry: RefCell<Registry>,
    pub(super) resources: RefCell<Vec<u64>>,
    pub(super) placement: Cell<Placement>,
    pub(super) personality: Cell<Personality>,
    pub(super) state: Cell<State>,
    pub(super) attributes: Attributes,
    pub(super) held: Held,
    pub(super) oids: OidQueue,
    pub(super) sends: Sends,
    pub(super) receives: Receives,
    /// Which frames the miniport was told to let through.
    pub(super) wants: Wants,
    /// Which of them NDIS itself asked for, not a protocol driver.
    pub(super) base: Wants,
    pub(super) edge: Edge,
    pub(super) log: RefCell<Vec<LogEntry>>,
    pub(super) indications: RefCell<Vec<Indication>>,
    /// Inside `MiniportHaltEx`.
    pub(super) halting: Cell<bool>,
    /// The driver asked for the removal of the adapter since it was initialized.
    pub(super) failed: Cell<bool>,
    /// A packet filter that lets frames through was set since Initialize.
    pub(super) filter_set: Cell<bool>,
    /// `SurpriseRemoved` was announced.
    pub(super) removed: Cell<bool>,
    /// A shared memory allocation failed in this Initialize and no event log entry was written since.
    pub(super) unlogged_failure: Cell<bool>,
    /// Pool of the host in use before Initialize: what has to be left after Halt.
    pub(super) pool_before: Cell<usize>,
    /// Who waits for the pending pause or restart, and its result.
    pub(super) transition: Transition,
    /// STATE-03: the context that runs a `PnP` operation.
    pub(super) operator: Cell<Option<TaskId>>,
}

/// A pause or restart that the driver may complete later.
#[derive(Default)]
pub(super) struct Transition {
    pub(super) pending: Cell<bool>,
    pub(super) result: Cell<Option<i32>>,
    pub(super) waiter: Cell<Option<TaskId>>,
}

impl AdapterState {
    /// `MiniportAdapterContext`, from the registration attributes.
    pub(super) fn context(&self) -> *mut c_void {
        self.attributes.context.get()
    }

    /// Where the resource list lies that `MiniportInitializeEx` gets.
    pub(super) fn resource_list(&self) -> *mut CM_PARTIAL_RESOURCE_LIST {
        self.resources.borrow_mut().as_mut_ptr().cast()
    }

    /// Whether a buffer has a list of pieces for the device.
    pub(super) fn is_mapped(&self, buffer: usize) -> bool {
        let registrations = self.held.dma.borrow();
        registrations
            .iter()
            .any(|handle| super::table::dma(*handle, "a completion").lists.has(buffer))
    }

    /// Ends the run unless the adapter is in one of `states`.
    pub(super) fn expect(&self, rule: &'static str, ddi: &str, states: &[State]) {
        let state = self.state.get();
        if !states.contains(&state) {
            sim::fail(rule, format!("{ddi} on {} in state {state:?}", self.name));
        }
    }

    /// VRF-41: resources may be claimed only after the registration attributes were set.
    pub(super) fn expect_registered(&self, ddi: &str) {
        if !self.attributes.registered.get() {
            sim::fail(
                "VRF-41",
                format!("{ddi} on {} before the registration attributes", self.name),
            );
        }
    }

    /// Everything that was taken has been given back; `failed` tells a failed Initialize from a Halt.
    pub(super) fn expect_nothing_held(&self, failed: bool) {
        let when = if failed {
            "failed MiniportInitializeEx"
        } else {
            "MiniportHaltEx"
        };
        let check = |rule: &'static str, what: &str, count: usize| {
            if count > 0 {
                sim::fail(rule, format!("{}: {count} {what} left after {when}", self.name));
            }
        };
        let held = &self.held;
        check("VRF-13", "interrupts", held.interrupts.borrow().len());
        check(
            "VRF-17",
            "set timers",
            super::timer::set_timers(&held.timers.borrow()),
        );
        check("VRF-42", "timers", held.timers.borrow().len());
        check("VRF-15", "work items", held.work_items.borrow().len());
        check(
            "VRF-19",
            "open configurations",
            held.configurations.borrow().len(),
        );
        check("VRF-42", "pieces of shared memory", held.shared.borrow().len());
        check(
            "VRF-42",
            "pending shared memory allocations",
            held.shared_pending.get() as usize,
        );
        check("VRF-14", "DMA registrations", held.dma.borrow().len());
        check("VRF-42", "mapped I/O spaces", held.io.borrow().len());
        check("VRF-49", "NDK opens", self.edge.opens());
        check("VRF-37", "NET_BUFFER_LISTs", self.sends.outstanding());
        check(
            "VRF-37",
            "indicated NET_BUFFER_LISTs",
            self.receives.lent.outstanding(),
        );
        // A device that was pulled out has nothing any more.
        let left = if self.removed.get() {
            Vec::new()
        } else {
            self.function.leftovers()
        };
        if !left.is_empty() {
            let left = left.join(", ");
            sim::fail(
                "HALT-01",
                format!("{}: the device has {left} after {when}", self.name),
            );
        }
    }
}

/// Takes `handle` out of a list of held handles; false if it was not there.
pub(super) fn release(list: &RefCell<Vec<NDIS_HANDLE>>, handle: NDIS_HANDLE) -> bool {
    let mut list = list.borrow_mut();
    let at = list.iter().position(|held| *held == handle);
    at.map(|at| list.swap_remove(at)).is_some()
}
