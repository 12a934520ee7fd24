//! Event queues: creation, arming, interrupts, overrun (connectx.md section 7).

use cxndk::hw::layout::opcode as op;

use super::driver::{Failed, LOG_EQ, header};
use super::ready;
use connectx_model::Phase;
use cxndk_testbed::sim;

/// Makes `count` command events by commands that do no harm.
fn command_events(driver: &super::Driver, count: usize) {
    for _ in 0..count {
        driver.missing_pages(3);
        sim::sleep(5 * sim::MICROSECOND);
    }
}

#[test]
fn one_interrupt_comes_for_each_arm() {
    ready(1, |driver| {
        sim::sleep(10 * sim::MICROSECOND);
        driver.drain_events(true);
        let before = driver.interrupts.get();
        command_events(driver, 5);
        assert_eq!(driver.interrupts.get(), before + 1);
        driver.drain_events(false);
        command_events(driver, 5);
        assert_eq!(driver.interrupts.get(), before + 1, "not armed");
        // Arming below the producer interrupts at once.
        let doorbell = driver.eqn.get() << 24 | driver.eq_index.get();
        driver.write(u64::from(driver.uar.get()) * 4096 + 0x40, doorbell);
        sim::sleep(5 * sim::MICROSECOND);
        assert_eq!(driver.interrupts.get(), before + 2);
    });
}

#[test]
fn the_owner_bit_changes_with_each_lap() {
    ready(2, |driver| {
        let mut seen = 0;
        for _ in 0..6 {
            command_events(driver, 60);
            while driver.next_event().is_some() {
                seen += 1;
            }
            driver.drain_events(false);
        }
        assert!(seen > 2 << LOG_EQ, "{seen}");
    });
}

#[test]
fn an_overrun_of_the_asynchronous_queue_is_fatal() {
    ready(3, |driver| {
        for _ in 0..200 {
            let input = driver.prepare(&header(op::QUERY_PAGES, 3, [0, 0]), 16);
            driver.submit(0, &input);
            let _ = driver.collect(0, input);
            sim::sleep(5 * sim::MICROSECOND);
            if driver.device.phase() == Phase::Failed {
                break;
            }
        }
        assert_eq!(driver.device.phase(), Phase::Failed);
        assert_eq!(driver.read(0x1010) >> 24, 0x0c, "asynchronous EQ buffer overrun");
        assert_eq!(driver.read(0x238) >> 31, 1, "a reset is required");
    });
}

#[test]
fn creation_is_checked() {
    ready(4, |driver| {
        let bad_parameter = Err(Failed::Status(0x03));
        assert_eq!(
            driver.create_eq(|input| {
                input.eq_context_entry_mut().set_intr(64);
            }),
            bad_parameter
        );
        assert_eq!(
            driver.create_eq(|input| {
                input.set_event_bitmask(1, 1);
            }),
            bad_parameter
        );
        assert_eq!(
            driver.create_eq(|input| input.eq_context_entry_mut().as_bytes_mut()[4] = 1),
            bad_parameter
        );
        let unknown_uar = driver.create_eq(|input| {
            input.eq_context_entry_mut().set_uar_page(0x1ff0);
        });
        assert_eq!(unknown_uar, Err(Failed::Status(0x05)));
        let short_list = driver.create_eq(|input| {
            input.eq_context_entry_mut().set_log_eq_size(12);
        });
        assert_eq!(short_list, Err(Failed::Status(0x50)));
        assert_eq!(
            driver.short(op::DESTROY_EQ, 0, [0x3e, 0]),
            Err(Failed::Status(0x05))
        );
    });
}

#[test]
fn a_queue_answers_for_itself() {
    ready(5, |driver| {
        let out = driver
            .command(&header(op::QUERY_EQ, 0, [driver.eqn.get(), 0]), 0x110)
            .expect("QUERY_EQ");
        assert_eq!(out[0x10] >> 4, 0, "status");
        assert_eq!(u32::from(out[0x10 + 0x0c] & 0x1f), LOG_EQ);
    });
}

/// A consumer index beyond what was ever written is nonsense that hardware would not forgive.
#[test]
fn a_consumer_index_from_the_future_ends_the_run() {
    let failure = sim::run(6, || {
        let driver = super::Driver::new();
        driver.bring_up();
        driver.make_event_queue();
        driver.write(
            u64::from(driver.uar.get()) * 4096 + 0x48,
            driver.eqn.get() << 24 | 0x1000,
        );
    })
    .expect_err("the run ends early");
    assert_eq!(failure.rule, "connectx.md 7: EQ consumer index");
}
