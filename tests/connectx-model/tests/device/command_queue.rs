//! The command queue: delivery checks, order, events (connectx.md section 3).

use cxndk::hw::layout::opcode as op;

use super::driver::{Failed, Prepared, header};
use super::{cold, ready};
use cxndk_testbed::sim;

/// Bring-up's long command: an input of several blocks.
fn long_input() -> Vec<u8> {
    let mut input = header(op::SET_HCA_CAP, 0, [0, 0]);
    input.resize(0x1010, 0);
    input
}

fn delivery_of(seed: u64, spoil: impl FnOnce(&mut Prepared) + Send) {
    let expected = seed as u8;
    cold(seed, move |driver| {
        driver.hand_over();
        let mut command = driver.prepare(&long_input(), 0x1010);
        spoil(&mut command);
        driver.submit(0, &command);
        assert_eq!(driver.collect(0, command), Err(Failed::Delivery(expected)));
    });
}

#[test]
fn a_wrong_signature_is_delivery_status_1() {
    delivery_of(1, |command| {
        command.entry.set_signature(0x5a);
    });
}

#[test]
fn a_wrong_block_signature_is_delivery_status_1() {
    delivery_of(1, |command| command.input[0].write(0x23f, &[0x77]));
}

#[test]
fn a_right_signature_is_accepted() {
    cold(1, |driver| {
        driver.hand_over();
        let mut command = driver.prepare(&header(op::ENABLE_HCA, 0, [0, 0]), 16);
        let sum = command.entry.as_bytes().iter().fold(0, |sum, byte| sum ^ byte);
        command.entry.set_signature(u32::from(!sum));
        driver.submit(0, &command);
        driver.collect(0, command).expect("ENABLE_HCA");
    });
}

#[test]
fn a_token_that_differs_is_delivery_status_2() {
    delivery_of(2, |command| command.input[1].write(0x23d, &[0xee]));
}

#[test]
fn a_token_that_differs_in_the_output_chain_is_delivery_status_2() {
    delivery_of(2, |command| command.output[7].write(0x23d, &[0xee]));
}

#[test]
fn a_zero_token_is_delivery_status_2() {
    delivery_of(2, |command| {
        command.entry.set_token(0);
    });
}

#[test]
fn a_wrong_block_number_is_delivery_status_3() {
    delivery_of(3, |command| command.input[3].write_be32(0x238, 4));
}

#[test]
fn a_misaligned_output_mailbox_is_delivery_status_4() {
    delivery_of(4, |command| {
        command
            .entry
            .set_output_mailbox_pointer_31_9(((command.output[0].bus + 512) >> 9) as u32);
    });
}

#[test]
fn a_misaligned_input_mailbox_is_delivery_status_5() {
    delivery_of(5, |command| {
        command
            .entry
            .set_input_mailbox_pointer_31_9(((command.input[0].bus + 512) >> 9) as u32);
    });
}

#[test]
fn an_input_that_is_too_short_is_delivery_status_7() {
    delivery_of(7, |command| {
        command.entry.set_input_length(8);
    });
}

#[test]
fn an_input_chain_that_ends_early_is_delivery_status_7() {
    delivery_of(7, |command| command.input[2].write(0x230, &[0; 8]));
}

#[test]
fn an_output_chain_that_ends_early_is_delivery_status_8() {
    delivery_of(8, |command| command.output[2].write(0x230, &[0; 8]));
}

#[test]
fn reserved_bits_of_the_entry_are_delivery_status_9() {
    delivery_of(9, |command| command.entry.as_bytes_mut()[2] = 1);
}

#[test]
fn another_descriptor_type_is_delivery_status_16() {
    delivery_of(16, |command| {
        command.entry.set_type_(1);
    });
}

/// Section 3: completion order is free. Over some seeds, answers overtake each other.
#[test]
fn answers_overtake_each_other() {
    let mut overtaken = 0;
    for seed in 0..10 {
        let mut late = false;
        let seen = &mut late;
        ready(seed, move |driver| {
            let commands: Vec<_> = (0..8)
                .map(|_| driver.prepare(&header(op::ALLOC_PD, 0, [0, 0]), 16))
                .collect();
            for (slot, command) in commands.iter().enumerate() {
                driver.submit(slot, command);
            }
            while (0..8).any(|slot| !driver.is_answered(slot)) {
                *seen |= (1..8).any(|slot| driver.is_answered(slot) && !driver.is_answered(slot - 1));
                sim::sleep(100);
            }
            for (slot, command) in commands.into_iter().enumerate() {
                driver.collect(slot, command).expect("ALLOC_PD");
            }
        });
        overtaken += u32::from(late);
    }
    assert!(overtaken > 0);
}

/// Section 3, event mode: the command event names the entry.
#[test]
fn an_answer_is_told_by_an_event() {
    ready(20, |driver| {
        sim::sleep(10 * sim::MICROSECOND);
        driver.drain_events(true);
        let command = driver.prepare(&header(op::ALLOC_PD, 0, [0, 0]), 16);
        driver.submit(5, &command);
        driver.collect(5, command).expect("ALLOC_PD");
        sim::sleep(10 * sim::MICROSECOND);
        let eqe = driver.next_event_of(0x0a).expect("a command event");
        assert_eq!(
            u32::from_be_bytes(eqe.event_data()[..4].try_into().expect("4 bytes")),
            1 << 5
        );
        assert!(driver.interrupts.get() > 0);
    });
}

/// An entry that the driver did not hand over is not touched.
#[test]
fn an_entry_of_the_driver_s_own_is_left_alone() {
    cold(21, |driver| {
        driver.hand_over();
        let mut command = driver.prepare(&header(op::ENABLE_HCA, 0, [0, 0]), 16);
        command.entry.set_ownership(0);
        driver.submit(0, &command);
        sim::sleep(sim::MILLISECOND);
        assert_eq!(driver.device.outstanding_commands(), 0);
        assert_eq!(driver.device.statistics().commands, 0);
    });
}

/// Ringing an entry again before it is answered breaks section 3; the run ends there.
#[test]
fn an_entry_that_is_reused_too_early_ends_the_run() {
    let failure = sim::run(22, || {
        let driver = super::Driver::new();
        driver.hand_over();
        let command = driver.prepare(&header(op::ENABLE_HCA, 0, [0, 0]), 16);
        driver.submit(0, &command);
        driver.submit(0, &command);
    })
    .expect_err("the run ends early");
    assert_eq!(failure.rule, "connectx.md 3: entry reuse");
}
