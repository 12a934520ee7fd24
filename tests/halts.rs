//! How an adapter ends: every halt action, with the hardware there, gone without a word, dead or silent; shutdown under load.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use cxndk::sys::ndis::{NdisHaltDeviceDisabled, NdisHaltDeviceStopped, NdisShutdownPowerOff};
use cxndk_testbed::connectx::{CommandFault, Health, Matching};
use cxndk_testbed::consumers::ndk::{Adapter, Buffer};
use cxndk_testbed::ndis::State;
use cxndk_testbed::nt;
use cxndk_testbed::sim::{self, MICROSECOND, SECOND};

use self::common::Host;

/// Longest that a halt or a shutdown may take.
const BOUND: u64 = 120 * SECOND;

/// What became of the hardware before NDIS halts the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hardware {
    There,
    /// Pulled out, and nobody was told.
    Gone,
    Dead,
    Silent,
}

/// Runs a scenario that has to be over in time.
fn bounded(seed: u64, what: &str, scenario: impl FnOnce(Host) + Send) {
    sim::run(seed, || {
        let end = sim::after(3 * BOUND, || sim::fail("HALT-01", "the scenario does not end"));
        scenario(Host::new());
        sim::cancel(end);
    })
    .unwrap_or_else(|failure| panic!("{what}: {failure}"));
}

/// Proves HALT-01, HALT-05: the halt ends in bounded time and leaves nothing, whatever NDIS says of it and whatever there is left of the
/// hardware.
#[test]
fn every_halt_ends() {
    let hardware = [Hardware::There, Hardware::Gone, Hardware::Dead, Hardware::Silent];
    for action in NdisHaltDeviceDisabled..=NdisHaltDeviceStopped {
        for (seed, hardware) in hardware.into_iter().enumerate() {
            let what = format!("action {action}, {hardware:?}");
            bounded(seed as u64, &what, move |host| {
                host.adapter.start().expect("the adapter starts");
                match hardware {
                    Hardware::There => {}
                    Hardware::Gone => host.slot.function.remove(),
                    Hardware::Dead => host.slot.device.die(Health::Internal),
                    Hardware::Silent => {
                        let mut faults = host.slot.device.faults.borrow_mut();
                        faults.add(Matching::any(), CommandFault::Silence);
                    }
                }
                host.adapter.pause();
                let begun = sim::now();
                host.adapter.halt(action);
                let took = sim::now() - begun;
                assert!(took < BOUND, "{} s", took / SECOND);
                assert!(!host.slot.function.is_master(), "it reaches no memory");
                host.unload();
            });
        }
    }
}

/// Makes objects and closes them again until the device does not want any more, or `over`.
fn load(adapter: Adapter, over: &Cell<bool>) {
    let buffer = Buffer::new(100_000);
    while !over.get() {
        let Ok(pd) = adapter.create_pd() else { return };
        let cq = adapter.create_cq(16, None, std::ptr::null_mut());
        let mr = pd.register(&buffer, 1);
        if let Ok(mr) = mr {
            mr.close_and_wait().expect("closes");
        }
        if let Ok(cq) = cq {
            cq.close_and_wait().expect("closes");
        }
        pd.close_and_wait().expect("closes");
    }
}

/// Proves SHUT-01: a shutdown while commands are under way ends in bounded time, whether they are answered or not; the device reaches no
/// memory afterwards, and whoever waited for it is let go.
#[test]
fn a_shutdown_under_load_ends() {
    for seed in 0..20 {
        let silent = seed % 2 == 1;
        bounded(seed, if silent { "silent" } else { "busy" }, move |host| {
            host.adapter.start().expect("the adapter starts");
            let id = host.adapter.interface().expect("an interface").host;
            let open = host.adapter.open_ndk(2, 0).expect("it opens");
            let adapter = Adapter::from_raw(open.as_ptr());
            let over = Rc::new(Cell::new(false));
            let loads = [(); 3].map(|()| {
                let over = Rc::clone(&over);
                nt::thread(id, "load", move || load(adapter, &over))
            });
            sim::sleep(seed * 50 * MICROSECOND);
            if silent {
                let mut faults = host.slot.device.faults.borrow_mut();
                faults.add(Matching::any(), CommandFault::Silence);
            }
            let begun = sim::now();
            host.adapter.shutdown(NdisShutdownPowerOff);
            assert!(sim::now() - begun < BOUND);
            assert_eq!(host.adapter.state(), State::Shutdown);
            assert!(!host.slot.function.is_master(), "it reaches no memory");
            over.set(true);
            loads.into_iter().for_each(sim::join);
        });
    }
}
