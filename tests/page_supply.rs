//! The pages that the firmware lives in: where they may lie, and what is believed when they come back.

mod common;

use std::rc::Rc;

use cxndk::hw::layout::opcode as op;
use cxndk_testbed::connectx::{CommandFault, Matching};
use cxndk_testbed::sim;

use self::common::Host;

/// `NDIS_ERROR_CODE_INVALID_VALUE_FROM_ADAPTER`.
const INVALID_VALUE: u32 = 0xc000_1392;
/// Number of the log entry for a page that came back and that the device does not have.
const RETURNED_PAGE: u64 = 0x300;

/// Proves DMA-08: memory at bus address 0 is not given to the device, of whatever size it is.
#[test]
fn bus_address_zero_is_left_alone() {
    for pages in [16, 1, 2, 3, 64] {
        sim::run(pages as u64, || {
            let host = Host::new();
            host.slot.function.domain().offer_zero(pages);
            for _ in 0..2 {
                host.adapter.start().expect("other memory is taken");
                host.adapter.stop();
            }
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("{pages} pages: {failure}"));
    }
}

/// Proves DMA-06: a page that the device gives back twice, or never had, is a lie: it is logged, and nothing is freed before the device is
/// done with it.
#[test]
fn pages_that_come_back_twice_free_nothing() {
    /// Where the list of pages begins in the output.
    const LIST: usize = 16;
    let lies: [fn(&mut Vec<u8>); 2] = [
        |output| {
            let first = output[LIST..LIST + 8].to_vec();
            for page in output[LIST..].chunks_exact_mut(8).skip(1) {
                page.copy_from_slice(&first);
            }
        },
        |output| output[LIST..LIST + 8].copy_from_slice(&0x1234_5000_u64.to_be_bytes()),
    ];
    for (seed, lie) in lies.into_iter().enumerate() {
        sim::run(seed as u64, move || {
            let host = Host::new();
            host.adapter.start().expect("the adapter starts");
            let fault = CommandFault::Lie(Rc::new(lie));
            let take = Matching::nth_of(op::MANAGE_PAGES, 0);
            host.slot.device.faults.borrow_mut().add(take, fault);
            host.adapter.stop();
            let log = host.adapter.event_log();
            let entries: Vec<_> = log.iter().map(|entry| (entry.code, entry.values[0])).collect();
            assert_eq!(entries, [(INVALID_VALUE, RETURNED_PAGE)], "{log:x?}");
            host.slot.device.faults.borrow_mut().clear();
            host.adapter.start().expect("it starts again");
            host.adapter.stop();
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("lie {seed}: {failure}"));
    }
}
