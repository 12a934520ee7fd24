//! A tiny miniport that keeps every rule, and all the ways in which it can be told to break one.

mod characteristics;
mod devices;
mod frames;
mod interrupts;
mod leaks;
mod listeners;
mod maps;
mod oids;
mod personality;
mod sends;
mod states;
mod tiny;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
};

use super::inf::Inf;
use super::{Adapter, Device, Driver};
use crate::pci::{self, PciFunction};
use crate::{nt, sim};

const INF: &str = r#"
[Manufacturer]
%M% = Models
[Models]
%D% = Tiny, PCI\VEN_15B3&DEV_1017
[Tiny]
AddReg = Tiny.reg
*IfType = 6
[Tiny.reg]
HKR, Ndi\params\*JumboPacket, Type, 0, "enum"
HKR, Ndi\params\*JumboPacket, Default, 0, "1514"
HKR, Ndi\params\*JumboPacket\enum, "1514", 0, "Off"
[Strings]
M = "M"
D = "D"
"#;

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    OidTwice,
    OidTwiceByWorkItem,
    OidCompletedPending,
    OidNever,
    OidByDirect,
    OidUnknown,
    AbortsWithoutId,
    SetPowerFails,
    RemovePatternFails,
    ShortBufferNeedsNothing,
    SendNever,
    SendStalls,
    SendTwice,
    SendTouchedAfterwards,
    SendUnderLock,
    SendAcceptedInPaused,
    SendPends,
    SendLiesAboutLevel,
    SendChangesData,
    SendChangesBuffer,
    SendLosesBuffer,
    PauseFails,
    PauseTwice,
    PauseWithSends,
    InterruptLeft,
    DmaLeft,
    WorkItemLeft,
    TimerLeftSet,
    TimerLeft,
    ConfigurationLeft,
    SharedLeft,
    IoLeft,
    PoolLeft,
    PoolLeftOnFailure,
    NotificationLeft,
    TableLeft,
    DeviceLeft,
    NoTag,
    FreeSharedInShutdown,
    SilentFailure,
    SilentSharedFailure,
    IndicateEarly,
    IndicateLate,
    MapLate,
    NetEventInOid,
    NetEventDuringPendedOid,
    NetEventAtDispatch,
    GeneralFirst,
    ClaimFirst,
    NoGeneral,
    SynchronizeLate,
    IsrSaysNo,
    NoLineHandlers,
    DpcTooLong,
    DpcNowhere,
    DpcInNoGroup,
    DpcHoldsLock,
    DpcPretendsMore,
    DpcIndicatesTooMany,
    PeriodicCancelAtDispatch,
    SleepAtDispatch,
    WaitAtDispatch,
    SharedBeforeDma,
    StaysRegistered,
    NeverDeregisters,
    HandleAfterFree,
    DmaBelowFourGigabytes,
    DmaTooShort,
    RestartEditsAndFails,
    RestartBreaksList,
    RestartFailsSilently,
    RestartFails,
    DpcKnowsHandle,
    RefusesNoFilter,
}

/// Makes a structure wrong that the driver gives NDIS.
type Spoil<T> = fn(&mut T);

/// What the tiny driver keeps, one adapter at most.
#[derive(Default)]
struct Tiny {
    wrong: Cell<Option<Wrong>>,
    /// Offset of a handler that the characteristics lack.
    lacks: Cell<Option<usize>>,
    /// What is wrong in the characteristics.
    characteristics: Cell<Option<Spoil<NDIS_MINIPORT_DRIVER_CHARACTERISTICS>>>,
    /// What is wrong in the registration attributes.
    registration: Cell<Option<Spoil<NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES>>>,
    /// What is wrong in the general attributes.
    general: Cell<Option<Spoil<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>>>,
    /// Sets more attributes behind the general ones.
    more_attributes: Cell<Option<fn(NDIS_HANDLE)>>,
    driver: Cell<usize>,
    adapter: Cell<usize>,
    interrupt: Cell<usize>,
    dma: Cell<usize>,
    timer: Cell<usize>,
    work_item: Cell<usize>,
    io: Cell<(usize, u32)>,
    shared: Cell<(usize, i64)>,
    memory: Cell<usize>,
    lock: Cell<usize>,
    paused: Cell<bool>,
    /// It keeps what is sent in `queued_sends`.
    keeps_sends: Cell<bool>,
    /// It says of large sends that they were sent.
    finishes_large: Cell<bool>,
    queued_sends: RefCell<Vec<usize>>,
    pended: Cell<usize>,
    jumbo: Cell<u32>,
    isrs: Cell<u32>,
    dpcs: Cell<u32>,
    /// State of the adapter, running or paused, at each `PnP` event.
    paused_at_events: RefCell<Vec<bool>>,
    timer_runs: Cell<u32>,
    async_shared: Cell<usize>,
}

fn tiny() -> Rc<Tiny> {
    sim::local::<Tiny>()
}

fn wrong(what: Wrong) -> bool {
    tiny().wrong.get() == Some(what)
}

fn handle(cell: &Cell<usize>) -> NDIS_HANDLE {
    cell.get() as *mut c_void
}

/// A device with a megabyte of registers and nothing behind them.
struct Nothing;

impl PciFunction for Nothing {
    fn bar_write(&self, _bar: usize, _offset: u64, _bytes: &[u8]) {}

    fn leftovers(&self) -> Vec<String> {
        let left = wrong(Wrong::DeviceLeft).then(|| "a queue pair".to_owned());
        left.into_iter().collect()
    }
}

/// A host with the tiny driver loaded and its adapter halted.
fn halted() -> (pci::Function, Driver, Adapter) {
    let identity = pci::Identity {
        vendor: 0x15b3,
        device: 0x1017,
        revision: 0,
        class: 0x02_0000,
        subsystem_vendor: 0x15b3,
        subsystem: 0x20,
    };
    let host = nt::add_host("tiny", 2);
    let function = pci::Function::plain("nothing", &identity, &[0x10_0000], 4);
    function.plug(Rc::new(Nothing));
    let inf = Inf::parse(INF).expect("the INF is right");
    let device =
        Device::installed(function.clone(), &inf, "PCI\\VEN_15B3&DEV_1017").expect("and has the device");
    let driver = Driver::load(host, tiny::entry).expect("the driver loads");
    let adapter = driver.add_device(device).expect("there is no AddDevice");
    (function, driver, adapter)
}

/// A host with the tiny driver, which is a call manager too if the run says so.
pub(in crate::ndis) fn halted_with() -> (Driver, Adapter) {
    let (_, driver, adapter) = halted();
    (driver, adapter)
}

/// The tiny driver's handle.
pub(in crate::ndis) fn driver_handle() -> NDIS_HANDLE {
    handle(&tiny().driver)
}

/// The rule that ends the run in which the driver is wrong, or "none".
fn caught(what: Wrong, scenario: fn(&pci::Function, &Adapter)) -> &'static str {
    ended_by(7, Some(what), move |function, adapter| {
        scenario(function, adapter)
    })
}

/// The rule that ends the run in which the driver is wrong in this way, or in none; or "none".
fn ended_by(
    seed: u64,
    what: Option<Wrong>,
    scenario: impl FnOnce(&pci::Function, &Adapter) + Send,
) -> &'static str {
    let result = sim::run(seed, move || {
        tiny().wrong.set(what);
        let (function, driver, adapter) = halted();
        scenario(&function, &adapter);
        if adapter.state() == super::State::Halted {
            adapter.remove();
            driver.unload();
        }
    });
    result.err().map_or("none", |failure| failure.rule)
}

/// Starts, stops and unloads.
fn life(_function: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.stop();
}

fn assert_caught(cases: &[(Wrong, &str)], scenario: fn(&pci::Function, &Adapter)) {
    for (what, rule) in cases {
        assert_eq!(caught(*what, scenario), *rule, "{what:?}");
    }
}

#[test]
fn a_driver_that_keeps_the_rules_starts_works_and_leaves_nothing() {
    for seed in 0..50 {
        sim::run(seed, || {
            let (function, driver, adapter) = halted();
            for _ in 0..2 {
                adapter.start().expect("the adapter starts");
                assert_eq!(adapter.state(), super::State::Running);
                assert_eq!(tiny().jumbo.get(), 1514);
                function.raise(1);
                adapter.send(&[&[0; 60], &[1; 1514]]);
                assert_eq!(adapter.sent(), [0, 0]);
                adapter.check_mandatory_oids();
                adapter.stop();
            }
            assert!(tiny().isrs.get() > 0 && tiny().dpcs.get() > 0);
            adapter.remove();
            driver.unload();
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}
