//! Clocks, and the end of the world.

use super::context::{Level, enter};
use super::image;
use crate::sim;
use wdk_standin::{LARGE_INTEGER, PLARGE_INTEGER, PULONG64, ULONG, ULONG_PTR, ULONG64};

/// Ticks of the performance counter in a second, as on most machines.
const FREQUENCY: i64 = 10_000_000;
/// System time at the start of a run: 2024-01-01, in 100 ns since 1601.
const START: u64 = 133_485_408_000_000_000;

/// Time since the host was started, in 100 ns.
pub fn interrupt_time() -> u64 {
    sim::now() / 100
}

/// Time since 1601, in 100 ns.
pub fn system_time() -> u64 {
    START + interrupt_time()
}

/// `KeQueryPerformanceCounter`.
///
/// # Safety
/// `frequency` is NULL or a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeQueryPerformanceCounter(frequency: PLARGE_INTEGER) -> LARGE_INTEGER {
    enter("KeQueryPerformanceCounter", Level::Any);
    if !frequency.is_null() {
        // SAFETY: the caller gives a place for the answer.
        unsafe { frequency.write(LARGE_INTEGER { QuadPart: FREQUENCY }) };
    }
    LARGE_INTEGER {
        QuadPart: interrupt_time() as i64,
    }
}

/// `KeQueryInterruptTimePrecise`.
///
/// # Safety
/// `stamp` is NULL or a place for the performance counter.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeQueryInterruptTimePrecise(stamp: PULONG64) -> ULONG64 {
    enter("KeQueryInterruptTimePrecise", Level::Any);
    if !stamp.is_null() {
        // SAFETY: the caller gives a place for the answer.
        unsafe { stamp.write(interrupt_time()) };
    }
    interrupt_time()
}

/// `KeQuerySystemTimePrecise`.
///
/// # Safety
/// `time` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeQuerySystemTimePrecise(time: PLARGE_INTEGER) {
    enter("KeQuerySystemTimePrecise", Level::Any);
    // SAFETY: the caller gives a place for the answer.
    unsafe {
        time.write(LARGE_INTEGER {
            QuadPart: system_time() as i64,
        });
    };
}

/// `KeBugCheckEx`: ends the run.
///
/// # Safety
/// None beyond a live simulation.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn KeBugCheckEx(
    code: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) -> ! {
    let mut text = format!(
        "{code:#x} ({first:#x}, {second:#x}, {third:#x}, {fourth:#x}), IRQL {}",
        sim::irql()
    );
    let here = &raw const text as usize;
    if let Some((_, top)) = sim::stack().filter(|(limit, top)| (*limit..*top).contains(&here)) {
        // SAFETY: this function's frame lies on the running context's stack, which is mapped up to its top.
        for caller in unsafe { image::return_addresses(here & !7, top) } {
            text.extend(["\n  called from ", &caller]);
        }
    }
    sim::fail("BUGCHECK", text)
}
