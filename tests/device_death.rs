//! Firmware that dies, falls silent or goes out of its mind under a running adapter: the event log says so, the link goes down, nothing is
//! waited for twice, and a start afterwards finds a device that works.

mod common;

use cxndk::hw::layout::opcode as op;
use cxndk::sys::ndis::NDIS_STATUS_LINK_STATE;
use cxndk_testbed::connectx::{CommandFault, Health, Matching};
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::sim::{self, SECOND};

use self::common::Host;

/// `NDIS_ERROR_CODE_TIMEOUT` and `NDIS_ERROR_CODE_HARDWARE_FAILURE`.
const TIMEOUT: u32 = 0x8000_138f;
const HARDWARE_FAILURE: u32 = 0xc000_138a;
/// Number of the log entry: firmware asks for a reset; a command got no answer; the health counter stands still.
const FIRMWARE: u64 = 0x203;
const SILENT: u64 = 0x205;
const STANDS_STILL: u64 = 0x200;
/// A command's time limit, and what else a stop may take.
const ONE_TIME_LIMIT: u64 = 60 * SECOND;
const REST: u64 = 10 * SECOND;

fn on_running_adapter(seed: u64, scenario: impl FnOnce(&Host) + Send) {
    sim::run(seed, || {
        let host = Host::new();
        host.adapter.start().expect("the adapter starts");
        // The link's report is a work item.
        sim::sleep(SECOND);
        scenario(&host);
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
}

/// The entries of the event log: code, number, detail.
fn log(host: &Host) -> Vec<(u32, u64, u64)> {
    let entries = host.adapter.event_log();
    let values = |entry: &[u64]| (entry[0], entry[2]);
    entries
        .iter()
        .map(|entry| {
            let (number, detail) = values(&entry.values);
            (entry.code, number, detail)
        })
        .collect()
}

/// What NDIS knows of the link: the general attributes, and what was indicated after the first `seen` indications.
fn link_is_up(host: &Host, seen: usize) -> bool {
    let indications = host.adapter.indications();
    let mut links = indications
        .iter()
        .skip(seen)
        .filter(|indication| indication.code == NDIS_STATUS_LINK_STATE);
    // MediaConnectState follows the header; 1 is connected.
    links.next_back().map_or_else(
        || host.adapter.general().expect("general attributes").connected,
        |link| link.buffer[4] == 1,
    )
}

/// Starts the adapter again, without faults, and stops it.
fn works_again(host: &Host) {
    host.slot.device.faults.borrow_mut().clear();
    let seen = host.adapter.indications().len();
    host.adapter.start().expect("the device was reset");
    sim::sleep(SECOND);
    assert!(link_is_up(host, seen));
    host.adapter.stop();
}

/// Stops the adapter; how long that took.
fn stop(host: &Host) -> u64 {
    let begun = sim::now();
    host.adapter.stop();
    sim::now() - begun
}

/// Proves HALT-01, HALT-05: firmware that answers no command any more costs one time limit, not one a command, and the log names the
/// command.
#[test]
fn silent_firmware_is_waited_for_once() {
    for seed in 0..4 {
        on_running_adapter(seed, |host| {
            host.slot
                .device
                .faults
                .borrow_mut()
                .add(Matching::any(), CommandFault::Silence);
            let took = stop(host);
            assert!(took < ONE_TIME_LIMIT + REST, "{} s", took / SECOND);
            let log = log(host);
            assert!(
                matches!(log[..], [(TIMEOUT, SILENT, opcode)] if opcode != 0),
                "{log:x?}"
            );
            works_again(host);
        });
    }
}

/// Proves HALT-01: when the health counter stands still as well, nobody waits for so long.
#[test]
fn silent_firmware_without_a_pulse_is_found_out_sooner() {
    for seed in 0..4 {
        on_running_adapter(seed, |host| {
            host.slot
                .device
                .faults
                .borrow_mut()
                .add(Matching::any(), CommandFault::Silence);
            host.slot.device.freeze_health(true);
            // Nobody asks the device for anything: that it stands still is noted, and then it is asked.
            sim::sleep(25 * SECOND);
            let found = log(host);
            let [(TIMEOUT, STANDS_STILL, _), (TIMEOUT, SILENT, opcode)] = found[..] else {
                panic!("{found:x?}")
            };
            assert_eq!(opcode, u64::from(op::QUERY_VPORT_STATE));
            assert!(!link_is_up(host, 0) && host.adapter.is_removal_asked());
            assert!(stop(host) < REST);
            host.slot.device.freeze_health(false);
            works_again(host);
        });
    }
}

/// Proves ADAPTER-28: a health counter that stands still while commands are answered is noted once, and nothing else.
#[test]
fn a_pulse_that_stops_alone_is_no_death() {
    on_running_adapter(1, |host| {
        host.slot.device.freeze_health(true);
        sim::sleep(60 * SECOND);
        let log = log(host);
        assert!(matches!(log[..], [(TIMEOUT, STANDS_STILL, _)]), "{log:x?}");
        assert!(link_is_up(host, 0) && !host.adapter.is_removal_asked());
        assert!(stop(host) < REST);
    });
}

/// Proves LINK-01, ADAPTER-28, HALT-05: the log has the health syndrome, the link goes down, NDIS is asked to take the adapter away; a start
/// afterwards resets the device.
#[test]
fn death_at_run_time_is_told() {
    let deaths: [fn(&Host); 2] = [
        |host| host.slot.device.die(Health::Hardware),
        |host| host.slot.device.wedge(Health::Hardware),
    ];
    for (seed, die) in (0..4).flat_map(|seed| deaths.iter().map(move |die| (seed, die))) {
        on_running_adapter(seed, |host| {
            assert!(link_is_up(host, 0));
            die(host);
            sim::sleep(5 * SECOND);
            let found = log(host);
            let expected = (HARDWARE_FAILURE, FIRMWARE, Health::Hardware as u64);
            let by_event = (HARDWARE_FAILURE, FIRMWARE + 1, 0);
            assert!(found == [expected] || found == [by_event], "{found:x?}");
            assert!(!link_is_up(host, 0), "the link is down");
            assert!(host.adapter.is_removal_asked());
            assert!(!host.slot.function.is_master(), "it reaches no memory");
            assert!(stop(host) < REST);
            works_again(host);
        });
    }
}

/// Proves INIT-01: a device that cannot be reset does not start, and the log says so.
#[test]
fn a_bus_that_does_not_obey_is_told() {
    sim::run(1, || {
        let host = Host::new();
        host.slot.function.config_write(4, &[2, 0]);
        faults::set(Some(Plan::new().fail("NdisMSetBusData", When::From(1))));
        host.adapter.start().expect_err("the device cannot read memory");
        faults::set(None);
        assert_eq!(log(&host).len(), 1, "{:x?}", log(&host));
        host.adapter.start().expect("it starts");
        host.adapter.stop();
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves HALT-01: when the bus cannot be taken away from a dead device, its firmware is asked, and all ends nevertheless.
#[test]
fn a_device_that_cannot_be_cut_off_ends_too() {
    for seed in 0..4 {
        on_running_adapter(seed, |host| {
            faults::set(Some(Plan::new().fail("NdisMSetBusData", When::From(1))));
            host.slot.device.die(Health::Internal);
            sim::sleep(30 * SECOND);
            assert!(!link_is_up(host, 0) && host.adapter.is_removal_asked());
            assert!(stop(host) < REST);
            faults::set(None);
            works_again(host);
        });
    }
}
