//! What messages contain: no two are alike, and nothing that is not as it was sent goes unnoticed.

use std::collections::BTreeSet;

use cxndk::co::client::pattern::Pattern;

fn message(name: (u64, bool, u32, u32), length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Pattern::new(name.0, name.1, name.2, name.3).fill(&mut bytes);
    bytes
}

/// Seed, direction, call and number each make another message.
#[test]
fn no_two_messages_are_alike() {
    let mut seen = BTreeSet::new();
    for seed in [0, 1, u64::MAX] {
        for from_caller in [false, true] {
            for (call, number) in (0..8).flat_map(|call| (0..200).map(move |number| (call, number))) {
                assert!(seen.insert(message((seed, from_caller, call, number), 16)));
            }
        }
    }
}

/// A message is itself in pieces of any lengths; a bit that is turned over anywhere makes it another.
#[test]
fn a_message_that_changed_is_noticed() {
    let name = (7, true, 3, 5);
    let whole = message(name, 1000);
    for piece in [1, 7, 8, 64, 999, 1000] {
        let mut pattern = Pattern::new(name.0, name.1, name.2, name.3);
        assert!(whole.chunks(piece).all(|piece| pattern.matches(piece)));
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!Pattern::new(name.0, name.1, name.2, name.3).matches(&changed));
    }
}
