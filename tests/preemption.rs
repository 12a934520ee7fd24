//! The driver is stopped between any two of its instructions, in posts, polls, arms and interrupts, and others run meanwhile: its consumers
//! notice nothing.

use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::Pair;
use cxndk_testbed::sim;
use cxndk_testbed::world::World;

/// Rounds of a send, a write and a read each.
const ROUNDS: u64 = 12;
/// Bytes of each.
const BYTES: usize = 3000;

/// One send, write and read each way; every one completes once, in order, with its bytes.
fn round(pair: &Pair, round: u64) {
    for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        let byte = round as u8 + 1;
        from.fill(0..BYTES, byte);
        to.receive(10, BYTES..2 * BYTES).expect("a receive is posted");
        from.send(1, 0..BYTES, 0).expect("a send is posted");
        from.write(2, 0..BYTES, to.remote(2 * BYTES), 0)
            .expect("a write is posted");
        from.read(3, 3 * BYTES..4 * BYTES, to.remote(2 * BYTES), 0)
            .expect("a read is posted");
        let ends: Vec<_> = from
            .results(3)
            .iter()
            .map(|end| (end.request, end.status))
            .collect();
        assert_eq!(ends, [1, 2, 3].map(|request| (request, Status::SUCCESS)));
        let received = to.result();
        assert_eq!((received.request, received.status), (10, Status::SUCCESS));
        assert_eq!(to.bytes(BYTES..3 * BYTES), vec![byte; 2 * BYTES]);
        assert_eq!(from.bytes(3 * BYTES..4 * BYTES), vec![byte; BYTES]);
    }
}

/// Proves CQ-12 and LIFE-12: connections are made, used and closed on machines of few and of many processors, by a driver that stands
/// still wherever the seed says.
#[test]
fn connections_work_however_the_driver_is_interrupted() {
    for seed in 0..24 {
        let config = World::new(seed).preempt_inside(true);
        let preemptions = World::run(&config, |world| {
            for port in [5000, 5001] {
                let pair = Pair::connect(world, port).expect("the pair connects");
                (0..ROUNDS).for_each(|number| round(&pair, number));
                pair.close().expect("everything closes");
            }
            sim::preemptions_inside()
        });
        let preemptions = preemptions.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(preemptions > 5, "seed {seed}: {preemptions} preemptions");
    }
}
