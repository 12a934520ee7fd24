//! A driver with two adapters in one host: one control device for both, and tests that keep to their own.

use std::rc::Rc;

use cxndk::co::client::report::{IOCTL, TestReport, TestRequest};
use cxndk_testbed::connectx;
use cxndk_testbed::driver_source::DriverSource;
use cxndk_testbed::ndis::inf::Inf;
use cxndk_testbed::ndis::{self, Adapter, Driver};
use cxndk_testbed::slot::Slot;
use cxndk_testbed::world::{CXNDK_INF, HARDWARE_ID};
use cxndk_testbed::{netio, nt, sim};
use zerocopy::IntoBytes;

use super::scene::{LINK, begin, plan, report};

const NO_SUCH_DEVICE: i32 = 0xc000_000e_u32.cast_signed();
const NDIS_CLOSING: u32 = 0xc001_0002;

/// An adapter, and its number.
struct Port {
    adapter: Adapter,
    luid: u64,
    _device: Rc<connectx::Device>,
}

fn port(driver: &Driver, host: sim::HostId, index: u8) -> Port {
    let mac = [2, 0, 0x5e, 0, 1, index];
    let Slot { device, function } = Slot::with_connectx_5(format!("port {index}"), mac);
    device.plug(|_| {});
    device.set_carrier(true);
    let interface = netio::add_interface(host, mac, 0);
    netio::add_address(
        interface,
        format!("10.0.{index}.1").parse().expect("an address"),
        24,
    );
    let inf = Inf::parse(CXNDK_INF).expect("an INF");
    let mut description =
        ndis::Device::installed(function, &inf, HARDWARE_ID).expect("the INF has the device");
    description.interface = Some(interface);
    let adapter = driver.add_device(description).expect("there is no AddDevice");
    adapter.start().expect("it starts");
    Port {
        adapter,
        luid: interface.luid(),
        _device: device,
    }
}

fn ask(driver: &Driver, luid: u64) -> Result<(u64, u32), i32> {
    let request = TestRequest {
        luid,
        ..plan(1, 10, 600)
    };
    let answer = driver.device_io_control(LINK, IOCTL, request.as_bytes(), size_of::<TestReport>())?;
    let report = report(&answer);
    Ok((report.luid, report.status))
}

fn with_two(seed: u64, scenario: impl FnOnce(&Driver, &[Port; 2]) + Send) {
    sim::run(seed, move || {
        let host = nt::add_host("host", 4);
        let driver = DriverSource::from_environment()
            .load(host)
            .expect("the driver loads");
        let ports = [port(&driver, host, 0), port(&driver, host, 1)];
        scenario(&driver, &ports);
        for port in ports {
            if port.adapter.state() != ndis::State::Halted {
                port.adapter.stop();
            }
            port.adapter.remove();
        }
        assert!(
            driver.open_control(LINK).is_err(),
            "the device went with the last adapter"
        );
        driver.unload();
    })
    .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
}

/// The adapter that is named is tested, or the first; the client refuses to be bound to the other.
#[test]
fn the_adapter_that_is_named_is_tested() {
    for seed in 0..6 {
        with_two(seed, |driver, [one, two]| {
            assert_eq!(ask(driver, one.luid), Ok((one.luid, 0)));
            assert_eq!(ask(driver, two.luid), Ok((two.luid, 0)));
            assert_eq!(ask(driver, 0), Ok((one.luid, 0)));
            one.adapter.stop();
            assert_eq!(ask(driver, one.luid), Err(NO_SUCH_DEVICE));
            assert_eq!(ask(driver, 0), Ok((two.luid, 0)));
            one.adapter.start().expect("it starts");
            assert_eq!(ask(driver, one.luid), Ok((one.luid, 0)));
        });
    }
}

/// An adapter that stops or starts does not disturb the test of another; its own test it does.
#[test]
fn a_test_minds_its_own_adapter() {
    for seed in 0..40 {
        with_two(seed, move |driver, [one, two]| {
            let device = driver.open_control(LINK).expect("it opens");
            let disturbed = seed % 4 == 0;
            let luid = if disturbed { one.luid } else { two.luid };
            let request = TestRequest {
                luid,
                ..plan(3, 60, 2000)
            };
            let test = begin(&device, &request);
            sim::sleep(seed * 20 * sim::MICROSECOND);
            one.adapter.stop();
            one.adapter.start().expect("it starts");
            match test.wait() {
                Ok(answer) if disturbed => {
                    let status = report(&answer).status;
                    assert!([0, NDIS_CLOSING, 0xc000_02b6].contains(&status), "{status:#x}");
                }
                Ok(answer) => assert_eq!(report(&answer).status, 0),
                Err(status) => assert!(disturbed && status == NO_SUCH_DEVICE, "{status:#x}"),
            }
            device.close().expect("it closes");
        });
    }
}
