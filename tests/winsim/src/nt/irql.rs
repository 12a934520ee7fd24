//! IRQL and processor exports.

use super::context::{IRQL_BALANCE, Level, enter, group_of, host, processors, with_context};
use crate::pci;
use crate::sim::{self, DISPATCH_LEVEL, MICROSECOND};
use cxndk::sys::ndis::GROUP_AFFINITY;
use wdk_standin::{KIRQL, PPROCESSOR_NUMBER, PROCESSOR_NUMBER, ULONG};

/// The highest IRQL of x64.
const HIGH_LEVEL: u8 = 15;
/// The longest stall that the verifier allows, in microseconds (VRF-27).
const LONGEST_STALL: u32 = 50;

/// `KfRaiseIrql`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KfRaiseIrql(new: KIRQL) -> KIRQL {
    enter("KfRaiseIrql", Level::Any);
    let old = sim::irql();
    if new < old || new > HIGH_LEVEL {
        sim::fail(IRQL_BALANCE, format!("KfRaiseIrql from {old} to {new}"));
    }
    sim::set_irql(new)
}

/// `KeLowerIrql`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeLowerIrql(new: KIRQL) {
    pci::drain();
    let old = sim::irql();
    if new > old {
        sim::fail(IRQL_BALANCE, format!("KeLowerIrql from {old} to {new}"));
    }
    let held = with_context(|context| context.locks.borrow().len());
    if new < DISPATCH_LEVEL && held > 0 {
        sim::fail(
            "VRF-30",
            format!("KeLowerIrql to {new} with {held} spin locks held"),
        );
    }
    sim::set_irql(new);
    enter("KeLowerIrql", Level::Any);
}

/// A driver wrote CR8, as the inline functions of wdm.h do.
pub(super) fn cr8_written(irql: u64) {
    let new = u8::try_from(irql).unwrap_or(u8::MAX);
    if new < sim::irql() {
        // SAFETY: it only needs a live simulation.
        unsafe { KeLowerIrql(new) };
    } else {
        // SAFETY: as above.
        unsafe { KfRaiseIrql(new) };
    }
}

/// `KeGetCurrentIrql`.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeGetCurrentIrql() -> KIRQL {
    if with_context(|context| context.told_irql.get()) {
        sim::fail(
            "VRF-29",
            "KeGetCurrentIrql in a handler whose flags say that it runs at DISPATCH_LEVEL",
        );
    }
    sim::irql()
}

/// `KeStallExecutionProcessor`: the processor stays occupied; at most 50 microseconds (VRF-27).
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeStallExecutionProcessor(microseconds: ULONG) {
    enter("KeStallExecutionProcessor", Level::Any);
    if microseconds > LONGEST_STALL {
        sim::fail(
            "VRF-27",
            format!("KeStallExecutionProcessor for {microseconds} us"),
        );
    }
    sim::sleep(u64::from(microseconds) * MICROSECOND);
}

/// `KeGetCurrentProcessorNumberEx`: group and number there; returned is the number over all groups. Any IRQL; below `DISPATCH_LEVEL` the answer may
/// be old when it comes.
///
/// # Safety
/// `number` is NULL or a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeGetCurrentProcessorNumberEx(number: PPROCESSOR_NUMBER) -> ULONG {
    enter("KeGetCurrentProcessorNumberEx", Level::Any);
    let processor = sim::processor();
    let (group, place) = group_of(host(), processor);
    if !number.is_null() {
        // SAFETY: the caller gives a place for the answer.
        unsafe {
            number.write(PROCESSOR_NUMBER {
                Group: group,
                Number: place,
                Reserved: 0,
            });
        };
    }
    processor
}

/// `KeQueryNodeActiveAffinity`: the processors of a node; node 0 has all of a host. Any IRQL.
///
/// # Safety
/// Each place is good or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeQueryNodeActiveAffinity(
    node: u16,
    affinity: *mut GROUP_AFFINITY,
    count: *mut u16,
) {
    enter("KeQueryNodeActiveAffinity", Level::Any);
    let processors = if node == 0 { processors(host()) } else { 0 };
    if !affinity.is_null() {
        let mask = usize::MAX.checked_shr(64 - processors).unwrap_or(0);
        // SAFETY: the caller gives a place for the answer.
        unsafe {
            affinity.write(GROUP_AFFINITY {
                Mask: mask,
                Group: 0,
                Reserved: [0; 3],
            });
        };
    }
    if !count.is_null() {
        // SAFETY: as above.
        unsafe { count.write(processors as u16) };
    }
}
