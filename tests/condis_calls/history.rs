//! One seed gives one history, whatever the heap of the process that simulates it looks like.

use cxndk_testbed::sim;

use super::scene::{Scene, numbered, until};

/// The history of a call with messages of many lengths, after so many blocks of the heap were used.
fn history(seed: u64, blocks: usize) -> u64 {
    let mut history = 0;
    let told = &mut history;
    Scene::run(seed, 20_000, move |scene| {
        let mut used: Vec<Vec<u8>> = (0..blocks).map(|block| vec![1; 16 + block * 37 % 6000]).collect();
        used.retain(|bytes| bytes.len() % 3 != 0);
        let (vc, peer) = scene.connect();
        for n in 0..40 {
            scene.a.send(vc, &[numbered(n, 40 + n * 90)]);
            scene.b.send(peer, &[numbered(n, n * 13)]);
        }
        until("the messages", || {
            scene.b.received(peer).len() == 40 && scene.a.received(vc).len() == 40
        });
        scene.end(vc);
        *told = sim::fingerprint();
    });
    history
}

#[test]
fn one_seed_gives_one_history_in_any_process() {
    for seed in 0..4 {
        let first = history(seed, 0);
        for blocks in [100, 1000] {
            assert_eq!(history(seed, blocks), first, "seed {seed}, {blocks} blocks");
        }
    }
}
