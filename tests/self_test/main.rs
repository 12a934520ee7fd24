//! The driver's self-test, asked for as a program asks: through the control device.

mod breaks;
mod faults;
mod neighbours;
mod patterns;
mod refusals;
mod scene;
mod two_adapters;

use cxndk::co::client::report::{STEPS, SideReport};
use cxndk_testbed::sim;

use scene::{Scene, plan};

/// Proves CLOSE-11, CLOSE-17, CLOSE-18, CLOSE-24, CLOSE-31, REG-08, REG-09, AF-05, AF-10, SAP-05, MAKE-10, INC-10, DATA-01,
/// DATA-12: the adapter calls itself and everything that is sent arrives, whatever NDIS answers at once and whatever it answers later.
#[test]
fn the_adapter_calls_itself_and_reports() {
    for seed in 0..12 {
        Scene::run(seed, |scene| {
            let report = scene.ask(&plan(3, 50, 1500)).expect("it runs");
            assert_eq!((report.status, report.step), (0, STEPS as u32), "{report:x?}");
            assert_eq!(report.steps, [0; STEPS]);
            let side = SideReport {
                calls: 3,
                closes: 3,
                failed_closes: 0,
                peer_closes: 0,
                sent: 150,
                unsent: 0,
                received: 150,
                damaged: 0,
                received_bytes: 225_000,
            };
            // The caller closes calls 0 and 2, the taker call 1.
            let expected = [1, 2].map(|peer_closes| SideReport { peer_closes, ..side });
            assert_eq!([report.caller, report.taker], expected);
            assert_eq!(report.luid, scene.luid());
        });
    }
}

/// One seed gives one history, whatever the heap of the process that simulates it looks like.
#[test]
fn one_seed_gives_one_history_in_any_process() {
    let history = |seed, blocks: usize| {
        let mut history = 0;
        let told = &mut history;
        Scene::run(seed, move |scene| {
            let mut used: Vec<Vec<u8>> = (0..blocks).map(|block| vec![1; 16 + block * 37 % 6000]).collect();
            used.retain(|bytes| bytes.len() % 3 != 0);
            scene.ask(&plan(2, 20, 300)).expect("it runs");
            *told = sim::fingerprint();
        });
        history
    };
    for seed in 0..4 {
        let first = history(seed, 0);
        for blocks in [100, 1000] {
            assert_eq!(history(seed, blocks), first, "seed {seed}, {blocks} blocks");
        }
    }
}
