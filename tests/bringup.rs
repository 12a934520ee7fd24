//! The adapter's life on a simulated host: from `DriverEntry` to unload, and every way in which bring-up can fail.

mod common;

use cxndk::hw::{Step, layout::opcode};
use cxndk::nt::Status;
use cxndk::sys::ndis::NDIS_ERROR_CODE_HARDWARE_FAILURE;
use cxndk_testbed::connectx::{CommandFault, Matching};
use cxndk_testbed::ndis::State;
use cxndk_testbed::nt::debugger_output;
use cxndk_testbed::sim::{self, faults};

use self::common::Host;

/// Proves DRV-01, DRV-10, DRV-11, INIT-02, INIT-03, PAUSE-01, RESTART-01, HALT-01, HALT-02, VRF-12, VRF-42; and, as NDIS
/// checks each when it is given, DRV-02, DRV-03, DRV-04, DRV-05, DRV-07, DRV-08, DRV-12, ATTR-01, ATTR-02, ATTR-05, ADAPTER-01,
/// ADAPTER-40.
#[test]
fn the_adapter_comes_up_pauses_halts_and_leaves_nothing() {
    for seed in 0..4 {
        sim::run(seed, || {
            let host = Host::new();
            for _ in 0..2 {
                host.adapter.start().expect("the adapter starts");
                assert_eq!(host.adapter.state(), State::Running);
                assert!(
                    host.adapter.event_log().is_empty(),
                    "{:?}",
                    host.adapter.event_log()
                );
                host.adapter.check_mandatory_oids();
                host.adapter.pause();
                assert_eq!(host.adapter.state(), State::Paused);
                host.adapter.restart().expect("the adapter restarts");
                host.adapter.stop();
                assert_eq!(host.adapter.state(), State::Halted);
            }
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

/// Starts an adapter whose device or kernel fails as `plan` says, and expects it to fail with an entry in the event log, leaving
/// nothing. `false` if it came up all the same.
fn fails_cleanly(host: &Host, what: &str) -> bool {
    match host.adapter.initialize() {
        Ok(()) => {
            host.adapter.halt(cxndk::sys::ndis::NdisHaltDeviceStopped);
            false
        }
        Err(error) => {
            assert!(
                !host.adapter.event_log().is_empty(),
                "{what}: {error} and nothing in the event log"
            );
            assert_eq!(host.adapter.state(), State::Halted, "{what}");
            true
        }
    }
}

/// Proves INIT-01, INIT-04, VRF-42.
#[test]
fn a_command_that_the_device_refuses_at_any_step_leaves_nothing_and_is_logged() {
    let count = commands_of_bring_up();
    assert!(count > 30, "only {count} commands");
    let mut failed = 0;
    for index in 0..count {
        let refused = sim::run(1, move || {
            let host = Host::new();
            host.slot
                .device
                .faults
                .borrow_mut()
                .add(Matching::nth(index), CommandFault::Status(0x0f, 0xdead));
            let refused = fails_cleanly(&host, &format!("command {index}"));
            host.slot.device.faults.borrow_mut().clear();
            host.adapter
                .start()
                .expect("the adapter starts when nothing fails");
            host.adapter.stop();
            host.unload();
            refused
        });
        failed += u64::from(refused.unwrap_or_else(|failure| panic!("command {index}: {failure}")));
    }
    // Some commands only tell the device something, or ask what another one answers as well.
    assert!(
        failed > count / 2,
        "{failed} of {count} refusals made bring-up fail"
    );
}

/// Proves INIT-01: the entry says which step failed, with which status, and what the device's syndrome was; so does a line to the
/// debugger.
#[test]
fn the_event_log_names_the_step_the_status_and_the_syndrome() {
    let steps = [
        (opcode::ENABLE_HCA, Step::EnableHca),
        (opcode::INIT_HCA, Step::InitHca),
        (opcode::CREATE_EQ, Step::CommandEq),
        (opcode::QUERY_NIC_VPORT_CONTEXT, Step::Vport),
    ];
    for (opcode, step) in steps {
        sim::run(1, move || {
            let host = Host::new();
            host.slot.device.faults.borrow_mut().add(
                Matching::nth_of(opcode, 0),
                CommandFault::Status(0x0f, 0x00c0_ffee),
            );
            host.adapter.initialize().expect_err("a command is refused");
            let entry = host.adapter.event_log().pop().expect("an entry");
            assert_eq!(entry.code, NDIS_ERROR_CODE_HARDWARE_FAILURE);
            let status = u64::from(Status::IO_DEVICE_ERROR.bits());
            assert_eq!(
                entry.values,
                [0x100 + step as u64, status, 0x00c0_ffee],
                "{step:?}"
            );
            let said = debugger_output(sim::HostId(0));
            let expected = format!(
                "cxndk: HardwareFailure, step {}: IO_DEVICE_ERROR, the device says 0xc0ffee\n",
                0x100 + step as u32
            );
            assert!(said.ends_with(&expected), "{said}");
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Commands that bring-up needs.
fn commands_of_bring_up() -> u64 {
    sim::run(1, || {
        let host = Host::new();
        host.adapter.initialize().expect("the adapter initializes");
        let count = host.slot.device.statistics().commands;
        host.adapter.halt(cxndk::sys::ndis::NdisHaltDeviceStopped);
        host.unload();
        count
    })
    .unwrap_or_else(|failure| panic!("{failure}"))
}

/// What of the kernel may fail in bring-up: memory of all kinds, registrations, mappings, the registry, netio.
const POINTS: [&str; 13] = [
    "pool",
    "IoGetDmaAdapter",
    "NdisAllocateIoWorkItem",
    "NdisAllocateTimerObject",
    "NdisMAllocateSharedMemory",
    "NdisMMapIoSpace",
    "NdisMRegisterInterruptEx",
    "NdisMRegisterScatterGatherDma",
    "NdisMSetMiniportAttributes",
    "NdisOpenConfigurationEx",
    "GetUnicastIpAddressTable",
    "NotifyUnicastIpAddressChange",
    "NdisMAllocateSharedMemoryAsyncEx",
];
/// Failures of any other point that bring-up lives with: pages for the firmware are then given in smaller pieces, and the firmware
/// need not learn the driver's version.
const TOLERATED: usize = 8;
/// Failures that bring-up lives with: addresses are asked for again when they are needed.
const HARMLESS: [&str; 2] = ["GetUnicastIpAddressTable", "NotifyUnicastIpAddressChange"];

/// Proves INIT-01, INIT-04, VRF-28, VRF-42.
#[test]
fn an_allocation_that_fails_at_any_step_leaves_nothing_and_is_logged() {
    for point in POINTS {
        let count = sim::run(1, move || {
            let host = Host::new();
            faults::set(Some(faults::Plan::new()));
            host.adapter.initialize().expect("the adapter initializes");
            let count = faults::seen(point);
            host.adapter.halt(cxndk::sys::ndis::NdisHaltDeviceStopped);
            host.unload();
            count
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
        let missed: Vec<u64> = (1..=count).filter(|nth| !fails_without(point, *nth)).collect();
        let harmless = if HARMLESS.contains(&point) {
            count as usize
        } else {
            TOLERATED
        };
        assert!(
            missed.len() <= harmless,
            "{point} {missed:?} of {count} are not missed"
        );
    }
}

/// Proves INIT-01, INIT-04: without the system's random numbers identifiers could repeat those of the start before, so that no adapter
/// comes up, and the log says so.
#[test]
fn an_adapter_without_random_numbers_does_not_come_up() {
    let point = "BCryptGenRandom";
    let drawn = sim::run(1, move || {
        let host = Host::new();
        faults::set(Some(faults::Plan::new()));
        host.adapter.start().expect("the adapter starts");
        let drawn = faults::seen(point);
        host.adapter.stop();
        host.unload();
        drawn
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(drawn > 0, "nothing is drawn");
    for nth in 1..=drawn {
        assert!(fails_without(point, nth), "draw {nth} of {drawn} is not missed");
    }
}

/// Starts an adapter while the nth use of `point` fails; whether that made bring-up fail.
fn fails_without(point: &'static str, nth: u64) -> bool {
    sim::run(1, move || {
        let host = Host::new();
        faults::set(Some(faults::Plan::new().fail(point, faults::When::Nth(nth))));
        let failed = fails_cleanly(&host, &format!("{point} {nth}"));
        faults::set(None);
        host.adapter
            .start()
            .expect("the adapter starts when nothing fails");
        host.adapter.stop();
        host.unload();
        failed
    })
    .unwrap_or_else(|failure| panic!("{point} {nth}: {failure}"))
}
