//! Hosts, and what the kernel knows of a context: its base IRQL and the spin locks that it holds.

use super::lock::How;
use super::{image, irql};
use crate::pci;
use crate::sim::{self, DISPATCH_LEVEL, HostId};
use std::cell::{Cell, RefCell};

/// Rule id of an IRQL that is not what it was, or moved the wrong way (`KeRaiseIrql`, `KeLowerIrql` pages of wdm.h).
pub(super) const IRQL_BALANCE: &str = "IRQL-BALANCE";

/// At which IRQL a kernel function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `PASSIVE_LEVEL` exactly.
    Passive,
    /// Below `DISPATCH_LEVEL`.
    BelowDispatch,
    /// `DISPATCH_LEVEL` or below.
    Dispatch,
    /// `DISPATCH_LEVEL` exactly.
    AtDispatch,
    /// `DISPATCH_LEVEL` or above.
    DispatchOrAbove,
    /// Any.
    Any,
}

impl Level {
    const fn allows(self, irql: u8) -> bool {
        match self {
            Self::Passive => irql == 0,
            Self::BelowDispatch => irql < DISPATCH_LEVEL,
            Self::Dispatch => irql <= DISPATCH_LEVEL,
            Self::AtDispatch => irql == DISPATCH_LEVEL,
            Self::DispatchOrAbove => irql >= DISPATCH_LEVEL,
            Self::Any => true,
        }
    }

    /// The verifier's rule for this level (miniport.md section 16).
    const fn rule(self) -> &'static str {
        match self {
            Self::Passive => "VRF-32",
            Self::BelowDispatch => "VRF-33",
            Self::AtDispatch | Self::DispatchOrAbove => "VRF-34",
            Self::Dispatch | Self::Any => "VRF-35",
        }
    }
}

/// What the kernel keeps for one context.
#[derive(Default)]
pub(super) struct Context {
    /// The spin locks held, in the order of their acquisition; and by which functions.
    pub(super) locks: RefCell<Vec<(usize, How)>>,
    /// How far the kernel itself has raised the context: what a handler must return with. Unset: as it was started.
    base: Cell<Option<u8>>,
    /// In a handler that was told its IRQL by a flag.
    pub(super) told_irql: Cell<bool>,
}

pub(super) fn with_context<R>(f: impl FnOnce(&Context) -> R) -> R {
    sim::with_task_local(f)
        .unwrap_or_else(|| sim::fail("SIM-EVENT", "a kernel call outside of every context"))
}

/// Most processors of a group, the bits of a `KAFFINITY`.
pub const GROUP: u32 = 64;

struct HostEntry {
    id: HostId,
    name: String,
    processors: u32,
    group: u32,
}

#[derive(Default)]
struct Hosts(RefCell<Vec<HostEntry>>);

fn with_host<R>(host: HostId, f: impl FnOnce(&HostEntry) -> R) -> Option<R> {
    let hosts = sim::local::<Hosts>();
    let hosts = hosts.0.borrow();
    hosts.iter().find(|entry| entry.id == host).map(f)
}

/// Adds a host with `processors` processors (4 is usual), in groups as large as may be.
pub fn add_host(name: impl Into<String>, processors: u32) -> HostId {
    add_host_in_groups(name, processors, GROUP)
}

/// The same, with groups of `group` processors; the last one may be smaller.
///
/// # Panics
///
/// Without processors, and for groups that no system has: they hold 1 to 64.
pub fn add_host_in_groups(name: impl Into<String>, processors: u32, group: u32) -> HostId {
    assert!(processors > 0 && (1..=GROUP).contains(&group), "no such machine");
    pci::watch_faults();
    pci::explain_with(image::NAMES);
    pci::on_cr8(irql::cr8_written);
    let id = sim::add_processors(processors);
    sim::local::<Hosts>().0.borrow_mut().push(HostEntry {
        id,
        name: name.into(),
        processors,
        group,
    });
    id
}

/// How many processors the host has, in all groups.
pub fn processors(host: HostId) -> u32 {
    with_host(host, |entry| entry.processors).unwrap_or(1)
}

/// The group of a processor of the host, and its number there.
pub fn group_of(host: HostId, processor: u32) -> (u16, u8) {
    let size = with_host(host, |entry| entry.group).unwrap_or(GROUP);
    ((processor / size) as u16, (processor % size) as u8)
}

/// The processors of a group of the host, counted over all groups; none if there is no such group.
pub fn group_processors(host: HostId, group: u16) -> std::ops::Range<u32> {
    with_host(host, |entry| {
        let first = (u32::from(group) * entry.group).min(entry.processors);
        first..(first + entry.group).min(entry.processors)
    })
    .unwrap_or(0..0)
}

/// The name it was added with.
pub fn host_name(host: HostId) -> String {
    with_host(host, |entry| entry.name.clone()).unwrap_or_default()
}

/// The host of the running context.
///
/// # Panics
///
/// In a context that belongs to no host: kernel services need one.
pub fn host() -> HostId {
    sim::host().unwrap_or_else(|| sim::fail("SIM-HOST", format!("{} is on no host", sim::current_name())))
}

/// What every kernel function begins with: posted writes go out, others may run, the IRQL is checked.
pub fn enter(name: &'static str, level: Level) {
    pci::drain();
    sim::trace(name, u64::from(sim::irql()), 0);
    if !level.allows(sim::irql()) {
        sim::fail(
            level.rule(),
            format!("{name} at IRQL {}, allowed: {level:?}", sim::irql()),
        );
    }
    sim::preempt();
}

/// Lets others run if the seed says so; posted writes go out first.
pub fn preempt() {
    pci::drain();
    sim::preempt();
}

/// Raises the IRQL of the running context on behalf of the kernel and returns the old one, for [`lower`]. Handlers that are
/// called now must return with the new one.
pub fn raise(irql: u8) -> u8 {
    let old = sim::irql();
    if irql < old {
        sim::fail(IRQL_BALANCE, format!("raise from {old} to {irql}"));
    }
    sim::set_irql(irql);
    with_context(|context| context.base.set(Some(irql)));
    old
}

/// Goes back to the IRQL that [`raise`] returned.
pub fn lower(irql: u8) {
    pci::drain();
    sim::set_irql(irql);
    with_context(|context| context.base.set(Some(irql)));
    sim::preempt();
}

/// Runs `f` at `irql`, which is not below the current one.
pub fn at_irql<R>(irql: u8, f: impl FnOnce() -> R) -> R {
    let base = with_context(|context| context.base.get());
    let old = raise(irql);
    let result = f();
    lower(old);
    // What the driver itself had raised is not what the kernel expects it to return with.
    with_context(|context| context.base.set(base));
    result
}

/// Calls a handler at `DISPATCH_LEVEL` with a flag that says so; asking for the IRQL in it is a waste (VRF-29).
pub fn at_told_irql<R>(f: impl FnOnce() -> R) -> R {
    at_irql(DISPATCH_LEVEL, || {
        let before = with_context(|context| context.told_irql.replace(true));
        let result = f();
        with_context(|context| context.told_irql.set(before));
        result
    })
}

/// How many spin locks the running context holds.
pub fn locks_held() -> usize {
    with_context(|context| context.locks.borrow().len())
}

/// Calls into a driver at `irql` (not below the current one) and checks that it comes back as it went.
pub fn call_driver<R>(name: &'static str, irql: u8, f: impl FnOnce() -> R) -> R {
    at_irql(irql, || {
        preempt();
        let locks = locks_held();
        let result = {
            let _driver = sim::enter_driver();
            f()
        };
        pci::drain();
        if locks_held() != locks {
            sim::fail(
                "VRF-30",
                format!(
                    "{name} returned with {} spin locks held, entered with {locks}",
                    locks_held()
                ),
            );
        }
        if sim::irql() != irql {
            sim::fail(
                IRQL_BALANCE,
                format!("{name} was called at IRQL {irql} and returned at {}", sim::irql()),
            );
        }
        result
    })
}

/// After a call into a driver: it holds no spin lock (VRF-30), and the IRQL is what the kernel made it.
pub fn expect_clean(name: &str) {
    pci::drain();
    let (locks, base) = with_context(|context| (context.locks.borrow().len(), context.base.get()));
    if locks > 0 {
        sim::fail("VRF-30", format!("{name} returned with {locks} spin locks held"));
    }
    let base = base.unwrap_or_else(sim::start_irql);
    if sim::irql() != base {
        sim::fail(
            IRQL_BALANCE,
            format!("{name} was called at IRQL {base} and returned at {}", sim::irql()),
        );
    }
}
