//! Completion queues: CQEs, arms, moderation, overflow, resize (connectx.md section 8).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, Memory, dword};
use super::ready;
use connectx_model::{CqeKind, CqeSpec, Cqn, Qpn, Received, Syndrome};
use cxndk_testbed::sim;

const LOG_CQ: u32 = 4;

/// A queue with its memory: one page of ring, one page that holds the doorbell record.
struct Queue<'a> {
    driver: &'a Driver,
    ring: Memory,
    record: Memory,
    number: u32,
}

fn create(driver: &Driver, change: impl FnOnce(&mut hw::Cqc)) -> Result<Queue<'_>, Failed> {
    let (ring, record) = (driver.memory(4096), driver.memory(4096));
    for slot in 0..1 << LOG_CQ {
        ring.write(slot * 64 + 63, &[0xf0]);
    }
    let mut input = hw::CreateCqIn::new();
    input.set_opcode(u32::from(op::CREATE_CQ));
    let context = input.cq_context_mut();
    context
        .set_log_cq_size(LOG_CQ)
        .set_uar_page(driver.uar.get())
        .set_c_eqn_or_apu_element(driver.eqn.get());
    context.set_dbr_addr(record.bus);
    change(context);
    let input = [&input.as_bytes()[..], &ring.bus.to_be_bytes()[..]].concat();
    let number = dword(&driver.command(&input, 16)?, 8) & 0x00ff_ffff;
    Ok(Queue {
        driver,
        ring,
        record,
        number,
    })
}

const fn sent(counter: u16, solicited: bool) -> CqeSpec {
    let kind = CqeKind::Requester {
        wqe_opcode: 0x0a,
        byte_count: 0,
    };
    CqeSpec {
        qpn: Qpn(0x77),
        user_index: 0x1234,
        wqe_counter: counter,
        solicited,
        kind,
    }
}

impl Queue<'_> {
    fn post(&self, spec: &CqeSpec) -> bool {
        self.driver.device.post_cqe(Cqn(self.number), spec).is_ok()
    }

    fn cqe(&self, index: u32) -> hw::HwCqe64 {
        let mut cqe = hw::HwCqe64::new();
        *cqe.as_bytes_mut() = self.ring.read((index & ((1 << LOG_CQ) - 1)) as usize * 64);
        cqe
    }

    /// cmd 0 asks for any completion, 1 for solicited ones.
    fn arm(&self, sn: u32, cmd: u32, consumer: u32) {
        let value = sn << 28 | cmd << 24 | consumer;
        self.record.write_be32(0, consumer);
        self.record.write_be32(4, value);
        let doorbell = u64::from(value) << 32 | u64::from(self.number);
        self.driver.write64(self.arm_register(), doorbell);
    }

    fn arm_register(&self) -> u64 {
        u64::from(self.driver.uar.get()) * 4096 + 0x20
    }

    /// Completion events for this queue since the last look.
    fn events(&self) -> usize {
        let own = |eqe: &hw::HwEqe| dword(eqe.event_data(), 0x18) & 0x00ff_ffff == self.number;
        std::iter::from_fn(|| self.driver.next_event_of(0))
            .filter(own)
            .count()
    }

    fn modify(
        &self,
        op_mod: u16,
        fields: u32,
        change: impl FnOnce(&mut hw::Cqc),
        page: u64,
    ) -> Result<Vec<u8>, Failed> {
        let mut input = hw::ModifyCqIn::new();
        input
            .set_opcode(u32::from(op::MODIFY_CQ))
            .set_op_mod(u32::from(op_mod))
            .set_cqn(self.number);
        input.set_modify_field_select_resize_field_select(&fields.to_be_bytes());
        change(input.cq_context_mut());
        self.driver
            .command(&[&input.as_bytes()[..], &page.to_be_bytes()[..]].concat(), 16)
    }

    fn destroy(&self) -> Result<Vec<u8>, Failed> {
        self.driver.short(op::DESTROY_CQ, 0, [self.number, 0])
    }
}

#[test]
fn completions_carry_what_they_are_about_and_the_owner_bit_of_their_lap() {
    ready(1, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        assert!(queue.post(&sent(7, true)));
        let cqe = queue.cqe(0);
        assert_eq!((cqe.opcode(), cqe.owner(), cqe.se()), (0, 0, 1));
        assert_eq!(
            (cqe.qpn(), cqe.wqe_counter(), cqe.send_wqe_opcode()),
            (0x77, 7, 0x0a)
        );
        assert_eq!(cqe.srqn_user_index(), 0x1234);
        assert_eq!(queue.cqe(1).opcode(), 0xf, "untouched");
        for counter in 1..20 {
            queue.record.write_be32(0, counter);
            assert!(queue.post(&sent(0, false)));
        }
        assert_eq!(
            (
                queue.cqe(15).owner(),
                queue.cqe(16).owner(),
                queue.cqe(19).owner()
            ),
            (0, 1, 1)
        );
    });
}

#[test]
fn receive_and_error_completions_have_their_own_shape() {
    ready(2, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        let base = sent(3, false);
        let received = Received::SendInvalidate(0xaabb_cc01);
        assert!(queue.post(&CqeSpec {
            kind: CqeKind::Responder {
                received,
                byte_count: 512,
                datagram: None
            },
            ..base
        }));
        let cqe = queue.cqe(0);
        assert_eq!(
            (cqe.opcode(), cqe.byte_cnt(), cqe.imm_inval_pkey_metadata()),
            (4, 512, 0xaabb_cc01)
        );
        let syndrome = Syndrome::RemoteAccess;
        assert!(queue.post(&CqeSpec {
            kind: CqeKind::RequesterError {
                wqe_opcode: 8,
                syndrome,
                vendor: 0x88
            },
            ..base
        }));
        let cqe = *hw::HwErrCqe::from_bytes(queue.cqe(1).as_bytes()).expect("64 bytes");
        assert_eq!(
            (cqe.opcode(), cqe.syndrome(), cqe.vendor_error_syndrome()),
            (13, 0x13, 0x88)
        );
    });
}

#[test]
fn an_arm_gives_one_event_and_a_stale_arm_none() {
    ready(3, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        assert!(queue.post(&sent(0, false)));
        assert_eq!(queue.events(), 0, "not armed yet");
        queue.arm(0, 0, 1);
        assert_eq!(queue.events(), 0, "nothing beyond the index");
        assert!(queue.post(&sent(1, false)) && queue.post(&sent(2, false)));
        assert_eq!(queue.events(), 1);
        queue.arm(0, 0, 1);
        assert_eq!(queue.events(), 0, "this number was served already");
        queue.arm(1, 0, 1);
        assert_eq!(queue.events(), 1, "two are beyond the index");
        queue.arm(2, 0, 3);
        assert_eq!(queue.events(), 0);
        assert!(queue.post(&sent(3, false)));
        assert_eq!(queue.events(), 1);
    });
}

#[test]
fn a_solicited_arm_waits_for_solicited_completions_and_errors() {
    ready(4, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        queue.arm(0, 1, 0);
        assert!(queue.post(&sent(0, false)));
        assert_eq!(queue.events(), 0);
        assert!(queue.post(&sent(1, true)));
        assert_eq!(queue.events(), 1);
        queue.arm(1, 1, 2);
        let kind = CqeKind::ResponderError {
            syndrome: Syndrome::Flushed,
            vendor: 0,
        };
        assert!(queue.post(&CqeSpec {
            kind,
            ..sent(2, false)
        }));
        assert_eq!(queue.events(), 1);
        queue.arm(2, 1, 3);
        queue.arm(2, 0, 3);
        assert!(queue.post(&sent(3, false)));
        assert_eq!(queue.events(), 1, "widened to any");
    });
}

#[test]
fn a_solicited_arm_sees_what_came_before_it() {
    ready(4, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        assert!(queue.post(&sent(0, true)) && queue.post(&sent(1, false)));
        queue.arm(0, 1, 1);
        assert_eq!(queue.events(), 0, "the solicited one was consumed");
        queue.arm(0, 1, 0);
        assert_eq!(queue.events(), 1);
    });
}

/// The record may be ahead of a doorbell that is still on its way.
#[test]
fn a_record_that_has_moved_on_is_no_mistake() {
    ready(5, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        for counter in 0..5 {
            assert!(queue.post(&sent(counter, false)));
        }
        queue.record.write_be32(4, 1 << 24);
        driver.post64(queue.arm_register(), 1 << 56 | u64::from(queue.number));
        queue.arm(0, 0, 5);
        assert_eq!(queue.events(), 0);
    });
}

/// The rule that ends the run of a driver that arms a queue which holds one completion, after it wrote `record` to its doorbell record.
fn armed_with(record: u32, doorbell: u32) -> &'static str {
    let result = sim::run(5, move || {
        let driver = Driver::new();
        driver.bring_up();
        driver.make_event_queue();
        let queue = create(&driver, |_| ()).expect("CREATE_CQ");
        assert!(queue.post(&sent(0, false)));
        queue.record.write_be32(4, record);
        driver.post64(
            queue.arm_register(),
            u64::from(doorbell) << 32 | u64::from(queue.number),
        );
        // Too late for a doorbell that was stored.
        queue.record.write_be32(4, doorbell);
        cxndk_testbed::pci::drain();
        std::mem::forget(queue);
        std::mem::forget(driver);
    });
    result.err().map_or("none", |failure| failure.rule)
}

/// Proves connectx 8 and section 19, item 6: the record says what the doorbell says before that is stored, and both say what can be.
#[test]
fn an_arm_that_differs_from_its_record_or_cannot_be_ends_the_run() {
    let solicited = 1 << 24;
    for good in [0, 1, solicited, solicited | 1] {
        assert_eq!(armed_with(good, good), "none", "{good:#x}");
    }
    for (record, doorbell) in [(0, 1), (1, 0), (solicited | 1, 1), (1 << 28, 0), (1 << 31, 0)] {
        assert_eq!(
            armed_with(record, doorbell),
            "connectx.md 8: CQ arm",
            "{record:#x}, {doorbell:#x}"
        );
    }
    for (wrong, what) in [
        (1 << 31, "a reserved bit"),
        (1 << 28, "ahead of the events"),
        (2, "not produced"),
    ] {
        assert_eq!(armed_with(wrong, wrong), "connectx.md 8: CQ arm", "{what}");
    }
}

#[test]
fn an_overrun_is_an_event_and_the_end_of_the_queue() {
    ready(6, |driver| {
        driver.device.allow_overruns();
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        for counter in 0..1 << LOG_CQ {
            assert!(queue.post(&sent(counter, false)));
        }
        assert!(!queue.post(&sent(99, false)));
        let eqe = driver.next_event_of(4).expect("a CQ error");
        assert_eq!(dword(eqe.event_data(), 0) & 0x00ff_ffff, queue.number);
        assert_eq!(eqe.event_data()[0x0b], 1, "overrun");
        queue.record.write_be32(0, 4);
        assert!(!queue.post(&sent(99, false)), "it does not come back");
        let input = super::driver::header(op::QUERY_CQ, 0, [queue.number, 0]);
        let out = driver.command(&input, 0x110).expect("QUERY_CQ");
        assert_eq!(out[0x10] >> 4, 9, "status");
        queue.destroy().expect("DESTROY_CQ");
    });
}

#[test]
fn consuming_makes_room_without_a_doorbell() {
    ready(7, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        for counter in 0..100 {
            queue.record.write_be32(0, u32::from(counter));
            assert!(queue.post(&sent(counter, false)));
        }
    });
}

#[test]
fn moderation_holds_events_back_by_count_and_by_time() {
    ready(8, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        let settings = |context: &mut hw::Cqc| {
            context.set_cq_period(50).set_cq_max_count(3);
        };
        queue.modify(0, 3, settings, 0).expect("MODIFY_CQ");
        queue.arm(0, 0, 0);
        assert!(queue.post(&sent(0, false)) && queue.post(&sent(1, false)));
        assert_eq!(queue.events(), 0);
        assert!(queue.post(&sent(2, false)));
        assert_eq!(queue.events(), 1, "the count is reached");
        queue.arm(1, 0, 3);
        assert!(queue.post(&sent(3, false)));
        sim::sleep(40 * sim::MICROSECOND);
        assert_eq!(queue.events(), 0);
        sim::sleep(20 * sim::MICROSECOND);
        assert_eq!(queue.events(), 1, "the time is over");
        assert_eq!(queue.modify(0, 0x20, |_| (), 0), Err(Failed::Status(0x03)));
    });
}

#[test]
fn resizing_ends_the_old_ring_with_a_marker() {
    ready(9, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        assert!(queue.post(&sent(0, false)));
        let new = driver.memory(4096);
        let size = |context: &mut hw::Cqc| {
            context.set_log_cq_size(5);
        };
        queue.modify(1, 1, size, new.bus).expect("MODIFY_CQ");
        assert_eq!(queue.cqe(1).opcode(), 5, "RESIZE");
        assert!(queue.post(&sent(42, false)));
        let mut cqe = hw::HwCqe64::new();
        *cqe.as_bytes_mut() = new.read(2 * 64);
        assert_eq!((cqe.wqe_counter(), cqe.owner()), (42, 0));
        let tiny = |context: &mut hw::Cqc| {
            context.set_log_cq_size(0);
        };
        assert_eq!(queue.modify(1, 1, tiny, new.bus), Err(Failed::Status(0x40)));
    });
}

#[test]
fn creation_is_checked() {
    ready(10, |driver| {
        let refused = |change: fn(&mut hw::Cqc)| create(driver, change).map(|queue| queue.number).err();
        let (bad_parameter, bad_resource) = (Some(Failed::Status(0x03)), Some(Failed::Status(0x05)));
        assert_eq!(
            refused(|context| {
                context.set_c_eqn_or_apu_element(0x3f);
            }),
            bad_resource
        );
        assert_eq!(
            refused(|context| {
                context.set_uar_page(0x1fff);
            }),
            bad_resource
        );
        assert_eq!(
            refused(|context| {
                context.set_dbr_addr(0);
            }),
            bad_parameter
        );
        assert_eq!(
            refused(|context| {
                context.set_cqe_comp_en(1);
            }),
            bad_parameter
        );
        assert_eq!(refused(|context| context.as_bytes_mut()[4] = 1), bad_parameter);
        assert_eq!(
            refused(|context| {
                context.set_log_cq_size(23);
            }),
            Some(Failed::Status(0x08))
        );
        assert_eq!(
            refused(|context| {
                context.set_log_cq_size(10);
            }),
            Some(Failed::Status(0x50))
        );
    });
}

#[test]
fn an_event_queue_in_use_is_busy() {
    ready(11, |driver| {
        let queue = create(driver, |_| ()).expect("CREATE_CQ");
        let eqn = driver.eqn.get();
        assert_eq!(
            driver.short(op::DESTROY_EQ, 0, [eqn, 0]),
            Err(Failed::Status(0x06))
        );
        queue.destroy().expect("DESTROY_CQ");
        assert_eq!(queue.destroy(), Err(Failed::Status(0x05)));
        assert!(!queue.post(&sent(0, false)), "nothing is written after destroy");
        driver.short(op::DESTROY_EQ, 0, [eqn, 0]).expect("DESTROY_EQ");
    });
}
