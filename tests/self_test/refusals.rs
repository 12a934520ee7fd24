//! Requests that make no sense, or come at the wrong moment.

use cxndk::co::client::report::{IOCTL, MAX_CALLS, MAX_MESSAGES, TestReport, TestRequest};
use cxndk::co::format::MAX_MESSAGE;
use cxndk_testbed::sim;
use cxndk_testbed::world::World;
use zerocopy::IntoBytes;

use super::scene::{LINK, Scene, begin, plan, report};

const INVALID_PARAMETER: u32 = 0xc000_000d;
const BUFFER_TOO_SMALL: u32 = 0xc000_0023;
const REVISION_MISMATCH: u32 = 0xc000_0059;
const NO_SUCH_DEVICE: u32 = 0xc000_000e;
const SHARING_VIOLATION: u32 = 0xc000_0043;
const INVALID_DEVICE_REQUEST: u32 = 0xc000_0010;
/// Room for a report.
const ROOM: usize = size_of::<TestReport>();

/// Every field is checked, and every length; the driver then does a proper test.
#[test]
fn requests_that_make_no_sense_are_refused() {
    Scene::run(1, |scene| {
        let good = plan(1, 4, 100);
        let whole = good.as_bytes();
        for length in 0..whole.len() {
            assert_eq!(
                scene.ask_raw(&whole[..length], ROOM),
                Err(BUFFER_TOO_SMALL),
                "{length}"
            );
        }
        let longer = [whole, &[0]].concat();
        assert_eq!(scene.ask_raw(&longer, ROOM), Err(INVALID_PARAMETER));
        for room in [0, 1, ROOM - 1] {
            assert_eq!(scene.ask_raw(whole, room), Err(BUFFER_TOO_SMALL), "{room}");
        }
        let wrong: [(TestRequest, u32); 10] = [
            (TestRequest { version: 0, ..good }, REVISION_MISMATCH),
            (TestRequest { version: 2, ..good }, REVISION_MISMATCH),
            (TestRequest { size: 31, ..good }, INVALID_PARAMETER),
            (TestRequest { calls: 0, ..good }, INVALID_PARAMETER),
            (plan(MAX_CALLS + 1, 0, 1), INVALID_PARAMETER),
            (plan(1, MAX_MESSAGES + 1, 1), INVALID_PARAMETER),
            (plan(1, 1, 0), INVALID_PARAMETER),
            (plan(1, 1, MAX_MESSAGE + 1), INVALID_PARAMETER),
            // Each number is in its range, but that is more than a gigabyte.
            (plan(MAX_CALLS, MAX_MESSAGES, MAX_MESSAGE), INVALID_PARAMETER),
            (TestRequest { luid: 77, ..good }, NO_SUCH_DEVICE),
        ];
        for (request, status) in wrong {
            assert_eq!(scene.ask(&request), Err(status), "{request:?}");
        }
        let own = TestRequest {
            luid: scene.luid(),
            ..good
        };
        assert_eq!(scene.ask(&own).map(|report| report.status), Ok(0));
    });
}

/// Only the one request is known, and only administrators may send it.
#[test]
fn other_requests_and_other_people_are_refused() {
    Scene::run(2, |scene| {
        let device = scene.open();
        let refused = Err(INVALID_DEVICE_REQUEST.cast_signed());
        for code in [0, IOCTL ^ 3, IOCTL + 4, u32::MAX] {
            let request = plan(1, 1, 1);
            assert_eq!(device.device_io_control(code, request.as_bytes(), ROOM), refused);
        }
        for major in (0..28).filter(|major| ![0, 2, 14, 18].contains(major)) {
            assert_eq!(
                device.other(major).err(),
                refused.clone().err(),
                "function {major}"
            );
        }
        assert_eq!(device.security(), "D:P(A;;GA;;;SY)(A;;GA;;;BA)");
        device.close().expect("it closes");
    });
}

/// One test at a time; the other one is not disturbed by who is refused, nor by another handle that closes.
#[test]
fn one_test_runs_at_a_time() {
    Scene::run(3, |scene| {
        let (device, other) = (scene.open(), scene.open());
        let first = begin(&device, &plan(8, 400, 4000));
        sim::sleep(100 * sim::MICROSECOND);
        let second = begin(&other, &plan(1, 1, 1)).wait();
        assert_eq!(second.map_err(i32::cast_unsigned), Err(SHARING_VIOLATION));
        other.close().expect("it closes");
        let answer = first.wait().expect("a report");
        assert_eq!(report(&answer).status, 0);
        device.close().expect("it closes");
        assert_eq!(scene.ask(&plan(1, 1, 1)).map(|report| report.status), Ok(0));
    });
}

/// The smallest test, and messages of the longest kind.
#[test]
fn the_ends_of_the_ranges_work() {
    Scene::run(4, |scene| {
        for request in [
            plan(1, 0, 1),
            plan(1, 1, 1),
            plan(1, 20, MAX_MESSAGE),
            plan(MAX_CALLS, 1, 7),
        ] {
            let report = scene.ask(&request).expect("it runs");
            assert_eq!(report.status, 0, "{request:?}: {report:x?}");
            assert_eq!(report.taker.received, request.calls * request.messages);
        }
    });
}

/// Without an adapter there is no device; it comes and goes with the adapter.
#[test]
fn the_device_is_there_while_an_adapter_is() {
    let run = World::new(5).run(|world| {
        let host = &world.hosts[0];
        for _ in 0..3 {
            let device = host.driver.open_control(LINK).expect("it opens");
            host.adapter.stop();
            assert!(host.driver.open_control(LINK).is_err());
            device.close().expect("it closes");
            host.adapter.start().expect("it starts");
        }
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}
