//! Transfers whose other end is late or gone.

use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::Pair;
use cxndk_testbed::sim;
use cxndk_testbed::world::World;

fn with_pair<T: Send>(seed: u64, scenario: impl FnOnce(&World, &Pair) -> T + Send) -> T {
    World::new(seed).play(|world| {
        let pair = Pair::connect(world, 5000).expect("the pair connects");
        let result = scenario(world, &pair);
        pair.close().expect("everything closes");
        result
    })
}

/// Proves QP-42: a send waits for the peer's receive (RNR NAK) and is not lost.
#[test]
fn a_send_without_a_receive_waits_for_one() {
    let (sent, received, bytes) = with_pair(8, |_, pair| {
        pair.a.fill(0..10, 9);
        pair.a.send(1, 0..10, 0).expect("the send is posted");
        sim::sleep(50 * sim::MILLISECOND);
        pair.b.receive(2, 0..10).expect("the receive is posted");
        let received = pair.b.result();
        (pair.a.result(), received, pair.b.bytes(0..10))
    });
    assert_eq!((sent.request, sent.status), (1, Status::SUCCESS));
    assert_eq!(
        (received.request, received.status, received.bytes),
        (2, Status::SUCCESS, 10)
    );
    assert_eq!(bytes, vec![9; 10]);
}

/// Proves QP-64: when the peer is gone in the middle of a transfer, the oldest request ends with a timeout and the rest
/// is cancelled, each once.
#[test]
fn a_peer_that_is_gone_in_the_middle_of_a_transfer_ends_the_requests() {
    let results = with_pair(11, |world, pair| {
        pair.a
            .write(1, 0..900_000, pair.b.remote(0), 0)
            .expect("the write is posted");
        sim::sleep(20 * sim::MICROSECOND);
        world.link.set_up(false);
        pair.a
            .write(2, 0..100, pair.b.remote(0), 0)
            .expect("the next write is posted");
        let results = pair.a.results(2);
        world.link.set_up(true);
        results
    });
    let ends: Vec<_> = results
        .iter()
        .map(|result| (result.request, result.status))
        .collect();
    assert_eq!(ends, [(1, Status::IO_TIMEOUT), (2, Status::CANCELLED)]);
}
