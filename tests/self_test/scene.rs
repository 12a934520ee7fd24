//! A world whose first host is asked to test itself.

use cxndk::co::client::report::{IOCTL, TestReport, TestRequest, VERSION};
use cxndk_testbed::ndis::{ControlHandle, ControlRequest};
use cxndk_testbed::sim;
use cxndk_testbed::world::World;
use zerocopy::{FromBytes, IntoBytes};

/// The device's name for programs.
pub const LINK: &str = r"\DosDevices\cxndk";
/// Longer than any test takes, in virtual nanoseconds.
const PATIENCE: u64 = 3_600 * sim::SECOND;

/// See the module's page.
pub struct Scene<'a> {
    pub world: &'a World,
}

/// A request for the first adapter.
pub const fn plan(calls: u32, messages: u32, message_size: u32) -> TestRequest {
    TestRequest {
        version: VERSION,
        size: size_of::<TestRequest>() as u16,
        calls,
        luid: 0,
        messages,
        message_size,
        seed: 0x5eed,
    }
}

/// The report in an answer.
pub fn report(answer: &[u8]) -> TestReport {
    TestReport::read_from_bytes(answer).expect("a whole report")
}

impl Scene<'_> {
    /// Runs a scenario; whatever rule it breaks or object it leaks fails the test.
    pub fn run(seed: u64, scenario: impl FnOnce(&Scene<'_>) + Send) {
        let run = World::new(seed).run(|world| {
            let end = sim::after(PATIENCE, || sim::fail("TEST", "the scenario does not end"));
            scenario(&Scene { world });
            sim::cancel(end);
        });
        run.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }

    /// Opens the control device.
    pub fn open(&self) -> ControlHandle {
        self.world.hosts[0].driver.open_control(LINK).expect("it opens")
    }

    /// Asks for a test and waits for its report.
    pub fn ask(&self, plan: &TestRequest) -> Result<TestReport, u32> {
        self.ask_raw(plan.as_bytes(), size_of::<TestReport>())
            .map(|answer| report(&answer))
    }

    /// Sends any input.
    pub fn ask_raw(&self, input: &[u8], room: usize) -> Result<Vec<u8>, u32> {
        let driver = &self.world.hosts[0].driver;
        driver
            .device_io_control(LINK, IOCTL, input, room)
            .map_err(i32::cast_unsigned)
    }

    /// The number of the first host's adapter.
    pub fn luid(&self) -> u64 {
        let interface = self.world.hosts[0].adapter.interface();
        interface.expect("it has an interface").luid()
    }
}

/// Begins a test on an open device.
pub fn begin(device: &ControlHandle, plan: &TestRequest) -> ControlRequest {
    device.begin(IOCTL, plan.as_bytes(), size_of::<TestReport>())
}
