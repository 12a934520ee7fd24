//! IRQL: VRF-27, VRF-29, VRF-32 to VRF-35, and that handlers return as they were called.

use super::super::{
    KeGetCurrentIrql, KeLowerIrql, KeStallExecutionProcessor, KfRaiseIrql, Level, at_told_irql, call_driver,
    enter, expect_clean, queue_dpc,
};
use super::{caught, passes};
use crate::sim;

fn raise(irql: u8) -> u8 {
    // SAFETY: a live simulation.
    unsafe { KfRaiseIrql(irql) }
}

fn lower(irql: u8) {
    // SAFETY: a live simulation.
    unsafe { KeLowerIrql(irql) }
}

fn stall(microseconds: u32) {
    // SAFETY: a live simulation.
    unsafe { KeStallExecutionProcessor(microseconds) }
}

fn current() -> u8 {
    // SAFETY: a live simulation.
    unsafe { KeGetCurrentIrql() }
}

/// VRF-27: not longer than 50 microseconds.
#[test]
fn a_long_stall_is_caught() {
    passes(|_| stall(50));
    caught("VRF-27", |_| stall(51));
}

/// VRF-29: who was told the IRQL by a flag does not ask for it.
#[test]
fn asking_for_a_level_that_a_flag_told_is_caught() {
    passes(|_| {
        call_driver("a handler", 2, || assert_eq!(current(), 2));
        at_told_irql(|| {});
        assert_eq!(current(), 0);
    });
    caught("VRF-29", |_| {
        at_told_irql(current);
    });
}

/// VRF-32, VRF-33, VRF-34, VRF-35: each call at its level.
#[test]
fn calls_at_the_wrong_level_are_caught() {
    for (rule, level, irql) in [
        ("VRF-32", Level::Passive, 1),
        ("VRF-33", Level::BelowDispatch, 2),
        ("VRF-34", Level::AtDispatch, 0),
        ("VRF-34", Level::DispatchOrAbove, 1),
        ("VRF-35", Level::Dispatch, 5),
    ] {
        caught(rule, move |_| {
            sim::set_irql(irql);
            enter("a function", level);
        });
    }
}

#[test]
fn levels_move_in_their_direction_only() {
    passes(|_| lower(raise(2)));
    caught("IRQL-BALANCE", |_| {
        raise(2);
        raise(0);
    });
    caught("IRQL-BALANCE", |_| lower(2));
    caught("IRQL-BALANCE", |_| {
        raise(16);
    });
}

#[test]
fn a_handler_that_returns_at_another_level_is_caught() {
    caught("IRQL-BALANCE", |_| {
        call_driver("a handler", 0, || raise(2));
    });
    caught("IRQL-BALANCE", |_| {
        raise(2);
        expect_clean("a handler");
    });
    caught("IRQL-BALANCE", |host| {
        queue_dpc(host, 0, || lower(0));
        sim::sleep(sim::MILLISECOND);
    });
}
