//! States, attributes and levels: STATE-01, VRF-10, VRF-23, VRF-24, VRF-26, VRF-32, VRF-33, VRF-41.

use std::mem::offset_of;

use super::{Wrong, assert_caught, caught, halted, life, tiny};
use crate::ndis::{Adapter, Device, Driver, State};
use crate::{nt, pci, sim};
use wdk_standin::{_DRIVER_OBJECT as DRIVER_OBJECT, UNICODE_STRING};

/// Proves VRF-10, VRF-23, VRF-24, VRF-26, VRF-32, VRF-33, VRF-41, and the checks of INIT-02, INIT-03 and PAUSE-01.
#[test]
fn calls_in_the_wrong_state_or_order_are_caught() {
    let cases = [
        (Wrong::PauseFails, "VRF-10"),
        (Wrong::PauseTwice, "PAUSE-01"),
        (Wrong::IndicateEarly, "VRF-23"),
        (Wrong::MapLate, "VRF-24"),
        (Wrong::NetEventInOid, "VRF-26"),
        (Wrong::NetEventDuringPendedOid, "VRF-26"),
        (Wrong::NetEventAtDispatch, "VRF-26"),
        (Wrong::GeneralFirst, "VRF-41"),
        (Wrong::ClaimFirst, "VRF-41"),
        (Wrong::NoGeneral, "INIT-02"),
        (Wrong::SharedBeforeDma, "INIT-03"),
        (Wrong::SleepAtDispatch, "VRF-33"),
        (Wrong::WaitAtDispatch, "VRF-32"),
    ];
    assert_caught(&cases, life);
    assert_eq!(caught(Wrong::IndicateLate, life_and_a_second), "VRF-23");
}

/// Proves the check of DRV-01: a `DriverEntry` that succeeds has registered its miniport.
#[test]
fn a_driver_that_registers_nothing_is_caught() {
    unsafe extern "win64" fn idle(_: *mut DRIVER_OBJECT, _: *mut UNICODE_STRING) -> i32 {
        0
    }
    let failure = sim::run(1, || {
        let _ = Driver::load(nt::add_host("host", 1), idle);
    })
    .expect_err("the driver is found out");
    assert_eq!(failure.rule, "DRV-01");
}

/// Proves the check of DRV-04: NDIS takes no driver without the handlers that all must have.
#[test]
fn a_driver_without_a_handler_is_not_registered() {
    use cxndk::sys::ndis::NDIS_MINIPORT_DRIVER_CHARACTERISTICS as C;
    let required = [
        offset_of!(C, InitializeHandlerEx),
        offset_of!(C, HaltHandlerEx),
        offset_of!(C, UnloadHandler),
        offset_of!(C, PauseHandler),
        offset_of!(C, RestartHandler),
        offset_of!(C, OidRequestHandler),
        offset_of!(C, SendNetBufferListsHandler),
        offset_of!(C, ReturnNetBufferListsHandler),
        offset_of!(C, CancelSendHandler),
        offset_of!(C, DevicePnPEventNotifyHandler),
        offset_of!(C, ShutdownHandlerEx),
        offset_of!(C, CancelOidRequestHandler),
    ];
    for offset in required {
        let loaded = sim::run(1, move || {
            tiny().lacks.set(Some(offset));
            Driver::load(nt::add_host("host", 1), super::tiny::entry).is_ok()
        });
        assert!(!loaded.expect("no rule is broken"), "without {offset:#x}");
    }
}

/// Proves the checks of DMA-01, RESTART-01 and RESTART-03.
#[test]
fn dma_and_restart_keep_their_rules() {
    let cases = [
        (Wrong::DmaBelowFourGigabytes, "DMA-01"),
        (Wrong::DmaTooShort, "DMA-01"),
    ];
    assert_caught(&cases, life);
    let cases = [
        (Wrong::RestartEditsAndFails, "RESTART-03"),
        (Wrong::RestartBreaksList, "RESTART-03"),
        (Wrong::RestartFailsSilently, "RESTART-01"),
    ];
    assert_caught(&cases, restarts);
}

/// NDIS shows a driver its attributes at some restarts only.
fn restarts(_: &pci::Function, adapter: &Adapter) {
    adapter.initialize().expect("the adapter starts");
    for _ in 0..8 {
        if adapter.restart().is_ok() {
            adapter.pause();
        }
    }
    adapter.halt(0);
}

fn life_and_a_second(function: &pci::Function, adapter: &Adapter) {
    life(function, adapter);
    sim::sleep(sim::SECOND);
}

fn misuse(scenario: fn(&Adapter)) -> &'static str {
    let result = sim::run(1, move || scenario(&halted().2));
    result.err().map_or("none", |failure| failure.rule)
}

/// Proves STATE-01 and STATE-03: the simulator itself leaves no state out.
#[test]
fn the_states_of_an_adapter_follow_the_table() {
    assert_eq!(misuse(super::super::pnp::Adapter::pause), "STATE-01");
    assert_eq!(misuse(|adapter| adapter.halt(0)), "STATE-01");
    assert_eq!(misuse(|adapter| drop(adapter.restart())), "STATE-01");
    assert_eq!(
        misuse(|adapter| {
            let _ = adapter.query(0x0001_0111, &mut [0; 4]);
        }),
        "STATE-01"
    );
    let twice = |adapter: &Adapter| {
        let other = adapter.clone();
        sim::spawn(sim::TaskSpec::new("other"), move || drop(other.initialize()));
        adapter.initialize().expect("one of two");
        sim::sleep(sim::SECOND);
    };
    assert!(["STATE-01", "STATE-03"].contains(&misuse(twice)));
}

#[test]
fn all_ways_to_halt_and_surprise_removal_end_in_halted() {
    sim::run(1, || {
        let (_, _, adapter) = halted();
        for action in 0..=6 {
            adapter.initialize().expect("the adapter starts");
            adapter.halt(action);
            assert_eq!(adapter.state(), State::Halted);
        }
        adapter.start().expect("the adapter starts");
        adapter.surprise_remove();
        assert_eq!(adapter.state(), State::Halted);
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn an_unknown_device_is_not_installed() {
    sim::run(1, || {
        let (function, _, _) = halted();
        let inf = crate::ndis::inf::Inf::parse(super::INF).expect("the INF is right");
        assert!(Device::installed(function, &inf, "PCI\\VEN_8086&DEV_0001").is_err());
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}
