//! Self-tests that lack memory, or that NDIS, the call manager or the device refuse something.

use cxndk::co::client::report::SideReport;
use cxndk_testbed::connectx::{CommandFault, Matching};
use cxndk_testbed::driver_source::DriverSource;
use cxndk_testbed::nt;
use cxndk_testbed::sim::{
    self,
    faults::{self, Plan, When},
};

use super::scene::{LINK, Scene, plan};

const NO_MEMORY: u32 = 0xc000_009a;

/// What can fail in a self-test, but for the device.
const POINTS: [&str; 18] = [
    "pool",
    "NdisRegisterProtocolDriver",
    "NdisSetOptionalHandlers",
    "NdisOpenAdapterEx",
    "NdisAllocateNetBufferListPool",
    "NdisAllocateNetBufferAndNetBufferList",
    "NdisAllocateMdl",
    "NdisClOpenAddressFamilyEx",
    "NdisClRegisterSap",
    "NdisCoCreateVc",
    "NdisClMakeCall",
    "NdisMCmCreateVc",
    "NdisMCmActivateVc",
    "NdisAllocateIoWorkItem",
    "NdisMAllocateSharedMemory",
    "GetScatterGatherList",
    "GetUnicastIpAddressTable",
    "NdisAllocateTimerObject",
];

/// One test with the nth use of a point failing; whether there was one. Afterwards another test is fine.
fn once(scene: &Scene<'_>, point: &str, nth: u64) -> bool {
    faults::set(Some(Plan::new().fail(point, When::Nth(nth))));
    let answer = scene.ask(&plan(1, 3, 200));
    let fired = faults::fired(point) > 0;
    faults::set(None);
    match answer {
        Ok(report) => {
            assert!(fired || report.status == 0, "{point} {nth}: {report:x?}");
            assert_eq!(
                report.caller.damaged + report.taker.damaged,
                0,
                "{point} {nth}: {report:x?}"
            );
        }
        Err(status) => assert!(fired && status == NO_MEMORY, "{point} {nth}: {status:#x}"),
    }
    let again = scene.ask(&plan(1, 2, 100)).expect("it runs");
    assert_eq!(again.status, 0, "after {point} {nth}: {again:x?}");
    fired
}

/// Proves REG-01, AF-11, SAP-04, MAKE-10, VC-01, INC-02: every service that a test needs can fail, each time that it is used; the
/// test says so, undoes what it did, and the next one is fine.
#[test]
fn every_service_of_a_test_can_fail() {
    let mut failures = 0;
    let told = &mut failures;
    Scene::run(1, move |scene| {
        for point in POINTS {
            let mut nth = 1;
            while once(scene, point, nth) {
                nth += 1;
            }
            *told += nth - 1;
        }
    });
    assert!(failures > 100, "{failures} failures");
}

/// A message that cannot be sent is told to its sender; those that were under way behind it arrive as they are, and count as such.
#[test]
fn messages_behind_one_that_was_not_sent_are_whole() {
    let mut overtaken = 0;
    for (seed, nth) in (0..20).flat_map(|seed| (2..8).map(move |nth| (seed, nth))) {
        let told = &mut overtaken;
        Scene::run(seed, move |scene| {
            let one = Plan::new().fail("GetScatterGatherList", When::Nth(nth));
            faults::set(Some(one));
            let report = scene.ask(&plan(1, 12, 200)).expect("a report");
            faults::set(None);
            assert_eq!(report.status, NO_MEMORY, "{report:x?}");
            assert_eq!(report.caller.damaged + report.taker.damaged, 0, "{report:x?}");
            // At most `nth - 1` messages were before the one that failed.
            let behind =
                |sent: SideReport, arrived: SideReport| sent.unsent > 0 && u64::from(arrived.received) >= nth;
            let (caller, taker) = (report.caller, report.taker);
            *told += u32::from(behind(caller, taker) || behind(taker, caller));
        });
    }
    assert!(overtaken > 0);
}

/// The device refuses, forgets or dies at a command of a test: the program gets a report in the end, whatever becomes of the
/// device.
#[test]
fn every_command_of_a_test_can_fail() {
    let faults: [fn() -> CommandFault; 3] = [
        || CommandFault::Status(0x03, 0x1234),
        || CommandFault::Silence,
        || CommandFault::Death,
    ];
    let mut failures = 0;
    for (fault, nth) in faults
        .iter()
        .flat_map(|fault| (0..30).map(move |nth| (fault, nth)))
    {
        let told = &mut failures;
        Scene::run(nth, move |scene| {
            let device = &scene.world.hosts[0].device;
            device.faults.borrow_mut().add(Matching::nth(nth), fault());
            let report = scene.ask(&plan(1, 3, 200)).expect("a report");
            assert_eq!(report.caller.damaged + report.taker.damaged, 0);
            *told += u32::from(report.status != 0);
            device.faults.borrow_mut().clear();
        });
    }
    assert!(failures > 20, "{failures} failures");
}

/// A driver without a control device works; a driver that cannot be loaded leaves nothing.
#[test]
fn the_driver_does_without_its_control_device() {
    let fail = |point: &str, nth| faults::set(Some(Plan::new().fail(point, When::Nth(nth))));
    Scene::run(3, |scene| {
        let host = &scene.world.hosts[0];
        host.adapter.stop();
        fail("NdisRegisterDeviceEx", 1);
        host.adapter.start().expect("it starts");
        faults::set(None);
        assert!(host.driver.open_control(LINK).is_err());
        // The next start brings it back.
        host.adapter.stop();
        host.adapter.start().expect("it starts");
        assert_eq!(scene.ask(&plan(1, 1, 1)).map(|report| report.status), Ok(0));
    });
    for (point, nth) in [("pool", 1), ("pool", 2), ("NdisAllocateIoWorkItem", 1)] {
        sim::run(4, move || {
            let host = nt::add_host("host", 2);
            fail(point, nth);
            let loaded = DriverSource::from_environment().load(host);
            assert!(loaded.is_err(), "{point} {nth}");
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}
