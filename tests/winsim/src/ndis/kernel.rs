//! What simulated NDIS takes from the simulated kernel and the bus.

pub(super) use crate::nt::{
    FrameMapping, HostMemory, Level, Question, Request, allocate_common, at_told_irql, connect_message,
    device_object, disconnect_message, enter, event_initialize, event_reset, event_set, event_wait,
    expect_clean, expect_no_dma, expect_no_pool, expect_pool, free_common, group_of, group_processors, host,
    locks_held, lower, mdl_for, mdl_for_locked, mdl_free, on_host, pool_allocate, pool_free,
    pool_outstanding, preempt, processors, queue_dpc, raise, requests_of, system_time, worker,
};

use crate::pci::Function;

/// Most messages that `PnP` gives to a device, as on a machine with few processors.
const MOST_MESSAGES: usize = 16;

/// Physical address and length of BAR 0.
pub(super) fn bar(function: &Function) -> (u64, u32) {
    (function.bar_address(0), function.bar(0).size() as u32)
}

/// How many messages the device gets.
pub(super) fn message_count(function: &Function) -> u32 {
    function.vector_count().min(MOST_MESSAGES) as u32
}

/// What the device writes, and where, to raise a message: shown to the driver, used by nobody.
pub(super) const fn message_target(message: u32) -> (u64, u32) {
    (0xfee0_0000, 0x4050 + message)
}
