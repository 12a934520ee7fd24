//! Firmware that misbehaves at any command: bring-up and teardown end in bounded time, and leave nothing.

use std::rc::Rc;

use cxndk_testbed::connectx::{self, CommandFault, Matching};
use cxndk_testbed::driver_source::DriverSource;
use cxndk_testbed::ndis;
use cxndk_testbed::ndis::inf::Inf;
use cxndk_testbed::sim;
use cxndk_testbed::slot::Slot;
use cxndk_testbed::{netio, nt};

const INX: &str = include_str!("../cxndk.inx");
const HARDWARE_ID: &str = r"PCI\VEN_15B3&DEV_1017";
const MAC: [u8; 6] = [0x02, 0, 0x5e, 0, 0, 1];
/// Longest virtual time for a start and a stop: a command's timeout at each of a few places.
const BOUND_NS: u64 = 400 * sim::SECOND;

/// A host with a ConnectX in it, the driver loaded, the adapter halted.
struct Host {
    device: Rc<connectx::Device>,
    driver: ndis::Driver,
    adapter: ndis::Adapter,
}

impl Host {
    fn new() -> Self {
        let id = nt::add_host("host", 2);
        let Slot { device, function } = Slot::with_connectx_5("connectx", MAC);
        device.plug(|_| {});
        let interface = netio::add_interface(id, MAC, 0);
        netio::add_address(interface, "10.0.0.1".parse().expect("an address"), 24);
        let driver = DriverSource::from_environment()
            .load(id)
            .expect("the driver loads");
        let inf = Inf::parse(INX).expect("an INF");
        let mut description =
            ndis::Device::installed(function, &inf, HARDWARE_ID).expect("the INF has the device");
        description.interface = Some(interface);
        let adapter = driver.add_device(description).expect("there is no AddDevice");
        Self {
            device,
            driver,
            adapter,
        }
    }

    fn fault(&self, matching: Matching, fault: CommandFault) {
        self.device.faults.borrow_mut().add(matching, fault);
    }

    /// Takes the adapter away and unloads the driver; what is left is a violation that ends the run.
    fn unload(self) {
        self.adapter.remove();
        self.driver.unload();
    }
}

/// Commands of a start and a stop.
fn commands() -> u64 {
    let count = sim::run(1, || {
        let host = Host::new();
        host.adapter.start().expect("the adapter starts");
        host.adapter.stop();
        let count = host.device.statistics().commands;
        host.unload();
        count
    });
    count.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Starts and stops an adapter whose device does `fault` at the `index`-th command; whether it started.
fn survive(index: u64, fault: fn() -> CommandFault, again: bool) -> bool {
    let what = format!("{:?} at command {index}", fault());
    let result = sim::run(index, || {
        let host = Host::new();
        host.fault(Matching::nth(index), fault());
        let started = host.adapter.start().is_ok();
        if started {
            host.adapter.stop();
        } else {
            assert!(!host.adapter.event_log().is_empty(), "nothing in the event log");
        }
        assert!(sim::now() < BOUND_NS, "it took {} s", sim::now() / sim::SECOND);
        host.device.faults.borrow_mut().clear();
        if again {
            host.adapter
                .start()
                .expect("the adapter starts when nothing fails");
            host.adapter.stop();
        }
        host.unload();
        started
    });
    result.unwrap_or_else(|failure| panic!("{what}: {failure}"))
}

/// How often an adapter started although one command went wrong; each of them in turn.
fn starts(fault: fn() -> CommandFault, again: bool) -> (u64, u64) {
    let count = commands();
    let started = (0..count).filter(|index| survive(*index, fault, again)).count();
    (started as u64, count)
}

/// An answer that keeps its header, so that it counts as success, and says `content` otherwise.
fn lie(content: impl Fn(usize) -> u8 + 'static) -> CommandFault {
    CommandFault::Lie(Rc::new(move |output: &mut Vec<u8>| {
        for (index, byte) in output.iter_mut().enumerate().skip(8) {
            *byte = content(index);
        }
    }))
}

#[test]
fn a_command_that_cannot_be_delivered_fails_the_start_and_leaves_nothing() {
    let (started, count) = starts(|| CommandFault::Delivery(1), true);
    assert!(started < count, "{started} of {count}");
}

#[test]
fn a_command_that_is_never_answered_fails_in_bounded_time() {
    // The entry stays the device's until it is disabled: its memory is not freed before.
    let (started, count) = starts(|| CommandFault::Silence, true);
    assert!(started < count, "{started} of {count}");
}

#[test]
fn a_command_that_is_answered_late_is_waited_for() {
    let (started, count) = starts(|| CommandFault::Late(3 * sim::SECOND), true);
    assert_eq!(started, count);
}

#[test]
fn a_lost_command_event_only_costs_time() {
    let (started, count) = starts(|| CommandFault::LostEvent, true);
    assert_eq!(started, count);
}

#[test]
fn firmware_that_dies_at_any_command_leaves_nothing() {
    let (started, count) = starts(|| CommandFault::Death, false);
    assert!(started < count, "{started} of {count}");
}

#[test]
fn answers_of_zeros_are_survived() {
    let (started, count) = starts(|| lie(|_| 0), false);
    assert!(started < count, "{started} of {count}");
}

#[test]
fn answers_of_ones_are_survived() {
    let (started, count) = starts(|| lie(|_| 0xff), false);
    assert!(started < count, "{started} of {count}");
}

#[test]
fn answers_of_noise_are_survived() {
    let noise = || lie(|index| (index as u32).wrapping_mul(0x9e37_79b1).to_be_bytes()[0]);
    let (started, count) = starts(noise, false);
    assert!(started < count, "{started} of {count}");
}
