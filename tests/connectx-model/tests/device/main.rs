//! The device, driven by commands written as a driver writes them.

#![cfg(not(windows))]

mod bring_up;
mod command_queue;
mod completion_queues;
mod driver;
mod ethernet;
mod event_queues;
mod faults;
mod judge;
mod keys;
mod network;
mod pages;
mod queue_pairs;
mod station;
mod traffic;

use driver::Driver;

/// Runs `scenario` on a driver that has found its device, and nothing more.
fn cold(seed: u64, scenario: impl FnOnce(&Driver) + Send) {
    cxndk_testbed::sim::run(seed, move || {
        let driver = Driver::new();
        scenario(&driver);
    })
    .expect("the run ends well");
}

/// Runs `scenario` on a driver that has brought its device up and made a UAR and an EQ for every kind of event.
fn ready(seed: u64, scenario: impl FnOnce(&Driver) + Send) {
    cold(seed, |driver| {
        driver.bring_up();
        driver.make_event_queue();
        scenario(driver);
    });
}
