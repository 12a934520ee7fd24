//! Planned misbehaviour of the firmware.

use std::rc::Rc;

use cxndk::hw::layout::opcode as op;

use super::driver::{Failed, dword, header};
use super::ready;
use connectx_model::{CommandFault, Matching, Phase};
use cxndk_testbed::sim;

#[test]
fn a_command_fails_with_the_chosen_status() {
    ready(1, |driver| {
        let second = Matching::nth_of(op::ALLOC_PD, 1);
        driver
            .device
            .faults
            .borrow_mut()
            .add(second, CommandFault::Status(0x08, 0x1234));
        driver.allocate(op::ALLOC_PD).expect("the first");
        driver
            .allocate(op::ALLOC_TRANSPORT_DOMAIN)
            .expect("another opcode");
        assert_eq!(driver.allocate(op::ALLOC_PD), Err(Failed::Status(0x08)));
        driver.allocate(op::ALLOC_PD).expect("the third");
    });
}

#[test]
fn a_command_is_never_answered() {
    ready(2, |driver| {
        driver
            .device
            .faults
            .borrow_mut()
            .add(Matching::nth(0), CommandFault::Silence);
        assert_eq!(driver.short(op::ALLOC_PD, 0, [0, 0]), Err(Failed::Timeout));
        assert_eq!(driver.device.outstanding_commands(), 1);
        let next = driver.prepare(&header(op::ALLOC_PD, 0, [0, 0]), 16);
        driver.submit(1, &next);
        driver.collect(1, next).expect("other entries work");
    });
}

#[test]
fn a_command_is_answered_late() {
    ready(3, |driver| {
        driver
            .device
            .faults
            .borrow_mut()
            .add(Matching::any(), CommandFault::Late(50 * sim::MILLISECOND));
        let start = sim::now();
        driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        assert!(sim::now() - start >= 50 * sim::MILLISECOND);
    });
}

#[test]
fn an_answer_lies() {
    ready(4, |driver| {
        let lie = Rc::new(|output: &mut Vec<u8>| output[8..12].fill(0xff));
        driver
            .device
            .faults
            .borrow_mut()
            .add(Matching::opcode(op::QUERY_ISSI), CommandFault::Lie(lie));
        let out = driver
            .command(&header(op::QUERY_ISSI, 0, [0, 0]), 0x70)
            .expect("QUERY_ISSI");
        assert_eq!(dword(&out, 8), u32::MAX);
    });
}

#[test]
fn a_completion_event_is_lost_but_the_entry_is_answered() {
    ready(5, |driver| {
        sim::sleep(10 * sim::MICROSECOND);
        driver.drain_events(true);
        driver
            .device
            .faults
            .borrow_mut()
            .add(Matching::nth(0), CommandFault::LostEvent);
        driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        sim::sleep(10 * sim::MICROSECOND);
        assert!(driver.next_event().is_none());
    });
}

/// connectx.md sections 2 and 16.
#[test]
fn dead_firmware_says_so_and_answers_nothing() {
    ready(6, |driver| {
        driver.drain_events(false);
        driver
            .device
            .faults
            .borrow_mut()
            .add(Matching::nth(0), CommandFault::Death);
        assert_eq!(driver.short(op::ALLOC_PD, 0, [0, 0]), Err(Failed::Timeout));
        assert_eq!(driver.device.phase(), Phase::Failed);
        assert!(driver.next_event_of(8).is_some(), "the internal error event");
        let health = driver.read(0x1010);
        assert_eq!(health >> 24, 1);
        assert_eq!(driver.read(0x23c) >> 16 & 0xff, 1, "synd");
        sim::sleep(5 * sim::SECOND);
        assert_eq!(driver.read(0x1010), health, "the counter stands still");
        driver.write(0x14, driver.read(0x14) & !0xfff | 1 << 8);
        sim::sleep(3 * sim::MILLISECOND);
        assert_eq!(
            driver.read(0x14) >> 8 & 7,
            1,
            "the interface can still be switched off"
        );
        assert_eq!(driver.device.phase(), Phase::Failed);
        driver.function.reset();
        driver.bring_up();
    });
}
