//! Self-tests that are broken off, at every moment of their life.

use cxndk::co::client::report::{NOT_REACHED, STEPS, TestReport, TestRequest};
use cxndk_testbed::connectx::Health;
use cxndk_testbed::ndis::State;
use cxndk_testbed::sim;
use cxndk_testbed::world::Host;

use super::scene::{Scene, begin, plan, report};

/// The test that is broken off.
const PLAN: TestRequest = plan(2, 60, 3000);
const CANCELLED: i32 = 0xc000_0120_u32.cast_signed();
const NO_SUCH_DEVICE: i32 = 0xc000_000e_u32.cast_signed();
const SHARING_VIOLATION: u32 = 0xc000_0043;
/// `NdisHaltDeviceStopped`.
const STOPPED: i32 = 2;
/// Moments of a run, from before it begins to after its end.
const MOMENTS: u64 = 120;

/// What breaks a test off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    Cancel,
    CloseHandle,
    Unbind,
    HaltBound,
    Pull,
    Death,
    CutLink,
    Pause,
}

fn strike(what: Break, host: &Host, scene: &Scene<'_>) {
    let adapter = &host.adapter;
    match what {
        Break::Cancel | Break::CloseHandle => {}
        Break::Unbind => adapter.stop(),
        Break::HaltBound => {
            adapter.pause();
            adapter.halt_bound(STOPPED);
        }
        Break::Pull => {
            host.function.remove();
            adapter.surprise_remove();
        }
        Break::Death => host.device.die(Health::Internal),
        Break::CutLink => scene.world.link.set_up(false),
        Break::Pause => {
            adapter.pause();
            adapter.restart().expect("it restarts");
        }
    }
}

/// What the test came to is told in full, or its sender wanted nothing any more.
fn check(what: Break, answer: Result<Vec<u8>, i32>) -> bool {
    // Whoever breaks a test off at its very end is answered before its last step.
    let whole = |report: &TestReport| {
        let last = report.steps[STEPS - 1];
        report.step == STEPS as u32
            && report.steps[..STEPS - 1] == [0; STEPS - 1]
            && [0, NOT_REACHED].contains(&last)
    };
    match answer {
        Ok(answer) => {
            let report = report(&answer);
            assert_eq!(report.status == 0, whole(&report), "{report:x?}");
            assert_eq!(report.caller.damaged + report.taker.damaged, 0, "{report:x?}");
            assert!(what != Break::Pause || report.status == 0, "{report:x?}");
            report.status == 0
        }
        Err(status) => {
            let withdrawn = matches!(what, Break::Cancel | Break::CloseHandle);
            let adapter_gone = matches!(what, Break::Unbind | Break::HaltBound | Break::Pull);
            let fits = (withdrawn && status == CANCELLED) || (adapter_gone && status == NO_SUCH_DEVICE);
            assert!(fits, "{status:#x}");
            false
        }
    }
}

/// Breaks a test off after a while; whether it was over by then. Afterwards the driver does another one, if it can.
fn break_after(what: Break, seed: u64, after: u64) -> bool {
    let mut over = false;
    let told = &mut over;
    Scene::run(seed, move |scene| {
        let host = &scene.world.hosts[0];
        let device = scene.open();
        let request = begin(&device, &PLAN);
        sim::sleep(after);
        strike(what, host, scene);
        if what == Break::Cancel {
            request.cancel();
        }
        if what == Break::CloseHandle {
            device.close().expect("it closes");
            *told = check(what, request.wait());
        } else {
            *told = check(what, request.wait());
            device.close().expect("it closes");
        }
        scene.world.link.set_up(true);
        if matches!(what, Break::Death | Break::Pull) {
            return;
        }
        if host.adapter.state() == State::Halted {
            host.adapter.start().expect("it starts");
        }
        if what == Break::CutLink {
            sim::sleep(sim::SECOND);
        }
        let again = loop {
            match scene.ask(&plan(1, 3, 100)) {
                Err(SHARING_VIOLATION) => sim::sleep(sim::MILLISECOND),
                other => break other.expect("it runs"),
            }
        };
        assert_eq!(again.status, 0, "{again:x?}");
    });
    over
}

/// How long a test takes that nobody breaks off, in virtual nanoseconds.
fn length(seed: u64) -> u64 {
    let mut length = 0;
    let told = &mut length;
    Scene::run(seed, move |scene| {
        let report = scene.ask(&PLAN).expect("it runs");
        assert_eq!(report.status, 0, "{report:x?}");
        *told = report.elapsed_us * sim::MICROSECOND;
    });
    length
}

/// At every moment; early ones break it off, late ones find it over.
fn sweep(what: Break) {
    let longest = (0..8).map(length).max().unwrap_or(0);
    let step = longest * 4 / 3 / MOMENTS;
    let over: Vec<_> = (0..MOMENTS)
        .map(|moment| break_after(what, moment, moment * step))
        .collect();
    let ended = over.iter().filter(|over| **over).count();
    if what == Break::Pause {
        assert_eq!(ended, over.len());
    } else {
        assert!(
            ended > 3 && ended < over.len() - 30,
            "{what:?}: {ended} ended well"
        );
    }
}

/// The program withdraws its request: it gets it back soon, and nothing is left.
#[test]
fn a_test_is_cancelled_at_every_moment() {
    sweep(Break::Cancel);
}

/// Closing the handle is as good.
#[test]
fn a_tests_handle_is_closed_at_every_moment() {
    sweep(Break::CloseHandle);
}

/// Proves AF-12, AF-15, HALT-01, SAP-08, SAP-11, CLOSE-01, VC-08, MAKE-13: the adapter is stopped, NDIS unbinds the client.
#[test]
fn the_client_is_unbound_at_every_moment() {
    sweep(Break::Unbind);
}

/// Proves AF-20, AF-21, AF-22, AF-23, AF-24, HALT-03: the call manager goes first and says so.
#[test]
fn the_call_manager_goes_at_every_moment() {
    sweep(Break::HaltBound);
}

/// Proves HALT-05, PNP-01: the adapter is pulled out.
#[test]
fn the_adapter_is_pulled_out_at_every_moment() {
    sweep(Break::Pull);
}

/// Proves CLOSE-31, CLOSE-32: the firmware dies.
#[test]
fn the_device_dies_at_every_moment() {
    sweep(Break::Death);
}

/// Proves CLOSE-30, CLOSE-34: the link goes, with the loopback.
#[test]
fn the_link_is_cut_at_every_moment() {
    sweep(Break::CutLink);
}

/// Proves HALT-02, PAUSE-02: a pause stops the messages, the test goes on afterwards.
#[test]
fn the_adapter_pauses_at_every_moment() {
    sweep(Break::Pause);
}
