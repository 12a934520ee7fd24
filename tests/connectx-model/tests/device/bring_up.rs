//! Bring-up and teardown: order, revisions, capabilities (connectx.md sections 2, 4 and 5).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, dword, header};
use super::{cold, ready};
use connectx_model::{Config, Phase};
use cxndk_testbed::sim;

const BAD_OP: Failed = Failed::Status(0x02);
const BAD_PARAMETER: Failed = Failed::Status(0x03);
const BAD_SYSTEM_STATE: Failed = Failed::Status(0x04);
const NO_RESOURCES: Failed = Failed::Status(0x0f);

/// connectx.md section 2.
#[test]
fn the_segment_says_what_the_device_is_and_when_it_is_ready() {
    cold(1, |driver| {
        assert_eq!(driver.read(0x04) >> 16, 5, "command interface revision");
        assert_eq!(driver.read(0x1fc) >> 31, 1, "still initializing");
        driver.await_ready();
        assert!(sim::now() > 0, "booting takes time");
        let sizes = driver.read(0x14);
        assert_eq!((sizes >> 4 & 0xf, sizes & 0xf), (5, 6));
        driver.hand_over();
        assert_eq!(driver.device.phase(), Phase::Commands);
        assert_ne!(driver.read(0x14) & !0xfff, 0, "the address reads back");
    });
}

/// connectx.md section 2: the health counter moves, and so does the timer.
#[test]
fn the_health_counter_and_the_timer_move() {
    cold(1, |driver| {
        driver.hand_over();
        let (health, timer) = (driver.read(0x1010), driver.read(0x1004));
        sim::sleep(3 * sim::SECOND);
        assert_ne!(driver.read(0x1010), health);
        assert_ne!(driver.read(0x1004), timer);
        driver.device.freeze_health(true);
        let health = driver.read(0x1010);
        sim::sleep(3 * sim::SECOND);
        assert_eq!(driver.read(0x1010), health);
    });
}

/// connectx.md sections 3 and 4: each command has its time.
#[test]
fn commands_out_of_order_are_refused() {
    cold(2, |driver| {
        driver.hand_over();
        let before_enable = [
            op::QUERY_ISSI,
            op::QUERY_PAGES,
            op::INIT_HCA,
            op::ALLOC_PD,
            op::DISABLE_HCA,
        ];
        for opcode in before_enable {
            assert_eq!(
                driver.command(&header(opcode, 1, [0, 0]), 0x110),
                Err(BAD_SYSTEM_STATE),
                "{opcode:#x}"
            );
        }
        driver.enable();
        assert_eq!(driver.short(op::ENABLE_HCA, 0, [0, 0]), Err(BAD_SYSTEM_STATE));
        assert_eq!(driver.short(op::ALLOC_UAR, 0, [0, 0]), Err(BAD_SYSTEM_STATE));
        assert_eq!(driver.short(op::TEARDOWN_HCA, 0, [0, 0]), Err(BAD_SYSTEM_STATE));
        assert_eq!(
            driver.short(op::INIT_HCA, 0, [0, 0]),
            Err(NO_RESOURCES),
            "no pages yet"
        );
        driver.give(driver.missing_pages(2) as u32);
        driver.short(op::INIT_HCA, 0, [0, 0]).expect("INIT_HCA");
        assert_eq!(driver.short(op::INIT_HCA, 0, [0, 0]), Err(BAD_SYSTEM_STATE));
        assert_eq!(driver.short(op::SET_ISSI, 0, [1, 0]), Err(BAD_SYSTEM_STATE));
        let set = header(op::SET_HCA_CAP, 0, [0, 0]);
        assert_eq!(
            driver.command(&[set, vec![0; 4096]].concat(), 16),
            Err(BAD_SYSTEM_STATE)
        );
    });
}

/// connectx.md section 5: what is not offered is refused as unknown.
#[test]
fn what_is_not_offered_is_a_bad_operation() {
    ready(3, |driver| {
        // CREATE_RMP, CREATE_LAG, CREATE_SRQ, and an opcode that does not exist.
        for opcode in [0x90c, 0x840, 0x700, 0x0fff] {
            assert_eq!(driver.short(opcode, 0, [0, 0]), Err(BAD_OP), "{opcode:#x}");
        }
        assert_eq!(driver.read_caps(1).pg(), 0);
    });
}

/// connectx.md section 3: reserved fields, user ids and lengths.
#[test]
fn reserved_fields_and_short_inputs_are_refused() {
    ready(4, |driver| {
        assert_eq!(driver.short(op::ALLOC_PD, 0, [1, 0]), Err(BAD_PARAMETER));
        let mut input = header(op::ALLOC_PD, 0, [0, 0]);
        input[3] = 1;
        assert_eq!(
            driver.command(&input, 16),
            Err(BAD_PARAMETER),
            "kernel objects have no uid"
        );
        assert_eq!(driver.short(op::CREATE_QP, 0, [0, 0]), Err(Failed::Status(0x50)));
        assert_eq!(
            driver.command(&header(op::QUERY_ADAPTER, 0, [0, 0]), 16),
            Err(Failed::Status(0x51))
        );
    });
}

/// connectx.md section 4, steps 3 and 4.
#[test]
fn interface_revision_1_is_offered_and_kept() {
    cold(5, |driver| {
        driver.hand_over();
        driver.enable();
        let out = driver
            .command(&header(op::QUERY_ISSI, 0, [0, 0]), 0x70)
            .expect("QUERY_ISSI");
        assert_eq!(dword(&out, 8) & 0xffff, 1);
        assert_eq!(dword(&out, 0x6c) & 2, 2);
        assert_eq!(driver.short(op::SET_ISSI, 0, [7, 0]), Err(BAD_PARAMETER));
    });
}

impl Driver {
    /// The general capabilities: 0 maximum, 1 current.
    fn read_caps(&self, current: u16) -> hw::CmdHcaCap {
        let out = self
            .command(&header(op::QUERY_HCA_CAP, current, [0, 0]), 0x1010)
            .expect("QUERY_HCA_CAP");
        *hw::CmdHcaCap::from_bytes(&out[16..]).expect("long enough")
    }

    fn write_caps(&self, kind: u16, area: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut input = header(op::SET_HCA_CAP, kind << 1, [0, 0]);
        input.extend(area);
        input.resize(0x1010, 0);
        self.command(&input, 16)
    }
}

/// connectx.md sections 4 and 5: `SET_HCA_CAP` takes what may be set, keeps it, and refuses the rest.
#[test]
fn capabilities_are_set_within_their_limits() {
    cold(6, |driver| {
        driver.hand_over();
        driver.enable();
        let maximum = driver.read_caps(0);
        let mut wanted = driver.read_caps(1);
        assert_eq!((wanted.port_type(), wanted.num_ports(), wanted.roce()), (1, 1, 1));
        wanted.set_log_max_qp(maximum.log_max_qp()).set_drain_sigerr(1);
        driver.write_caps(0, wanted.as_bytes()).expect("SET_HCA_CAP");
        assert_eq!(driver.read_caps(1), wanted);
        let mut greedy = wanted;
        greedy.set_log_max_qp(maximum.log_max_qp() + 1);
        assert_eq!(driver.write_caps(0, greedy.as_bytes()), Err(BAD_PARAMETER));
        let mut forged = wanted;
        forged.set_nic_flow_table(0);
        assert_eq!(driver.write_caps(0, forged.as_bytes()), Err(BAD_PARAMETER));
        assert_eq!(driver.read_caps(1), wanted, "nothing of a refused area is kept");
        let out = driver
            .command(&header(op::QUERY_HCA_CAP, 4 << 1 | 1, [0, 0]), 0x1010)
            .expect("RoCE");
        let mut roce = *hw::RoceCap::from_bytes(&out[16..]).expect("long enough");
        assert_eq!(
            (roce.roce_version(), roce.l3_type(), roce.r_roce_dest_udp_port()),
            (5, 6, 4791)
        );
        roce.set_sw_r_roce_src_udp_port(1);
        driver.write_caps(4, roce.as_bytes()).expect("RoCE capability");
        // ODP is not there.
        assert_eq!(
            driver.command(&header(op::QUERY_HCA_CAP, 2 << 1, [0, 0]), 0x1010),
            Err(BAD_PARAMETER)
        );
    });
}

/// connectx.md section 4, steps 12 to 15.
#[test]
fn identity_and_special_keys_are_told() {
    ready(7, |driver| {
        let out = driver
            .command(&header(op::QUERY_SPECIAL_CONTEXTS, 0, [0, 0]), 0x20)
            .expect("special contexts");
        assert_ne!(dword(&out, 0x0c), 0, "reserved lkey");
        let out = driver
            .command(&header(op::QUERY_ADAPTER, 0, [0, 0]), 0x110)
            .expect("QUERY_ADAPTER");
        assert_eq!(&out[0x100..0x103], b"CXN");
        let mut version = header(op::SET_DRIVER_VERSION, 0, [0, 0]);
        version.extend(b"Windows,cxndk,0.1.0");
        version.resize(0x50, 0);
        driver.command(&version, 16).expect("SET_DRIVER_VERSION");
        assert_eq!(driver.device.driver_version(), "Windows,cxndk,0.1.0");
    });
}

/// connectx.md section 4, teardown, and section 6: `DISABLE_HCA` only after all pages are back.
#[test]
fn teardown_gives_all_pages_back() {
    ready(8, |driver| {
        driver
            .short(op::DESTROY_EQ, 0, [driver.eqn.get(), 0])
            .expect("DESTROY_EQ");
        driver
            .short(op::DEALLOC_UAR, 0, [driver.uar.get(), 0])
            .expect("DEALLOC_UAR");
        driver.short(op::TEARDOWN_HCA, 0, [0, 0]).expect("TEARDOWN_HCA");
        assert_eq!(driver.device.leftovers(), Vec::<String>::new());
        assert_eq!(driver.short(op::DISABLE_HCA, 0, [0, 0]), Err(BAD_SYSTEM_STATE));
        let mut back = 0;
        loop {
            let taken = driver.take(100).len();
            back += taken;
            if taken == 0 {
                break;
            }
        }
        assert_eq!(back, 316);
        assert_eq!(driver.device.owned_pages(), 0);
        driver.short(op::DISABLE_HCA, 0, [0, 0]).expect("DISABLE_HCA");
        assert_eq!(driver.device.phase(), Phase::Commands);
    });
}

/// What the driver forgot to destroy is on record after `TEARDOWN_HCA`.
#[test]
fn leftovers_of_a_teardown_are_recorded() {
    ready(9, |driver| {
        driver.short(op::ALLOC_PD, 0, [0, 0]).expect("ALLOC_PD");
        driver.short(op::TEARDOWN_HCA, 0, [0, 0]).expect("TEARDOWN_HCA");
        assert_eq!(
            driver.device.leftovers().len(),
            3,
            "{:?}",
            driver.device.leftovers()
        );
    });
}

/// connectx.md section 4: the fast way down ends with `nic_interface` = 1.
#[test]
fn fast_teardown_switches_the_interface_off() {
    ready(10, |driver| {
        driver.short(op::TEARDOWN_HCA, 0, [2, 0]).expect("prepare");
        driver.write(0x14, driver.read(0x14) & !0xfff | 1 << 8);
        let deadline = sim::now() + 3 * sim::SECOND;
        while driver.read(0x14) >> 8 & 7 != 1 {
            assert!(sim::now() < deadline);
            sim::sleep(sim::MILLISECOND);
        }
        assert_eq!(driver.device.owned_pages(), 0);
    });
}

/// connectx.md section 16: after a reset the whole sequence starts again.
#[test]
fn a_function_level_reset_starts_over() {
    ready(11, |driver| {
        driver.function.reset();
        assert_eq!(driver.read(0x1fc) >> 31, 1);
        assert_eq!(driver.device.owned_pages(), 0);
        driver.bring_up();
        assert_eq!(driver.device.phase(), Phase::Initialized);
    });
}

/// connectx.md section 2: timeouts are told, and then the DTOR register exists.
#[test]
fn timeouts_are_told_when_configured() {
    sim::run(12, || {
        let mut config = Config::new("cx", super::driver::MAC);
        config.command_timeout_ms = Some(60_000);
        let driver = Driver::with(config);
        driver.hand_over();
        driver.enable();
        assert_eq!(driver.read(0xff8), 60_000);
        assert_ne!(driver.read(0xffc), 0);
        let mut input = header(op::ACCESS_REG, 1, [0xc00e, 0]);
        input.resize(16 + 64, 0);
        let out = driver.command(&input, 16 + 64).expect("DTOR");
        assert_eq!(dword(&out, 16 + 0x28), 1 << 29 | 3, "teardown: 3 s");
    })
    .expect("the run ends well");
}
