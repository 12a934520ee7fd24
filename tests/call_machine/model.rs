//! Every world within reach, and walks at random through larger ones.

use std::collections::HashSet;

use cxndk::co::machine::call::Creator;
use proptest::prelude::*;

use crate::moves::{Move, Size};
use crate::world::World;

const fn size(creator: Creator, parties: u8, changes: bool, packets: bool, calls: u8) -> Size {
    Size {
        creator,
        parties,
        changes,
        packets,
        calls,
    }
}

/// Worlds that are looked through to this depth: those of one peer wholly.
pub const SIZES: [(usize, Size); 5] = [
    (usize::MAX, size(Creator::Client, 0, false, true, 1)),
    (usize::MAX, size(Creator::Manager, 0, false, true, 1)),
    (usize::MAX, size(Creator::Client, 0, true, false, 1)),
    (usize::MAX, size(Creator::Manager, 0, true, false, 1)),
    (26, size(Creator::Client, 2, false, true, 1)),
];

/// A way to a world.
struct Way<'a> {
    seen: &'a [(World, usize, Option<Move>)],
    last: usize,
}

impl Way<'_> {
    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut at = self.last;
        while let (_, before, Some(what)) = &self.seen[at] {
            moves.push(*what);
            at = *before;
        }
        moves.reverse();
        moves
    }
}

/// Looks at every world that is at most so many moves away; how many they are.
fn look_through(start: World, depth: usize) -> usize {
    let mut known = HashSet::from([start.clone()]);
    let mut seen = vec![(start, 0, None)];
    let (mut next, mut level, mut end) = (0, 0, 1);
    while next < seen.len() && level < depth {
        let world = seen[next].0.clone();
        for what in world.moves() {
            let mut after = world.clone();
            let taken = after.take(what);
            let settled = || {
                [false, true]
                    .into_iter()
                    .try_for_each(|silent| after.clone().settle(silent))
            };
            let taken = taken.and_then(|()| settled());
            if let Err(rule) = taken {
                let moves = Way {
                    seen: &seen,
                    last: next,
                }
                .moves();
                panic!("{rule}\nafter {moves:#?}\n{what:?}\nin {world:#?}");
            }
            if known.insert(after.clone()) {
                seen.push((after, next, Some(what)));
            }
        }
        next += 1;
        if next == end {
            (level, end) = (level + 1, seen.len());
        }
    }
    seen.len()
}

/// Proves of the state machines GEN-02, MAKE-05, MAKE-06, MAKE-07, MAKE-08, MAKE-13, INC-01, INC-02, INC-07, INC-08, INC-09, CLOSE-04,
/// CLOSE-08, CLOSE-09, CLOSE-10, CLOSE-30, CLOSE-33, CLOSE-34, QOS-05, QOS-07, QOS-09, PARTY-03, PARTY-09, PARTY-10, VC-07, VC-09, VC-20,
/// VC-21, VC-22, VC-25: whatever happens in whatever order, no rule is broken, and from everywhere all requests end once
/// everybody does what he must.
#[test]
fn no_rule_is_broken_in_any_world_within_reach() {
    for (depth, size) in SIZES {
        let worlds = look_through(World::new(size), depth);
        println!("{worlds} {size:?}");
        assert!(worlds > 1_000, "{worlds} worlds of {size:?}");
    }
}

/// Proves the same of calls that stand with two parties, or with one and changes.
#[test]
fn no_rule_is_broken_around_a_call_that_stands() {
    for (depth, parties, changes) in [(8, 2, false), (5, 2, true), (6, 3, false)] {
        let size = size(Creator::Client, parties, changes, true, 1);
        let start = World::standing(size).expect("no rule is broken");
        assert_eq!(start.legs.len(), usize::from(parties));
        let worlds = look_through(start, depth);
        println!("{worlds} around {size:?}");
        assert!(worlds > 1_000, "{worlds} worlds of {size:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves the same rules on long walks through calls with parties, changes and packets.
    #[test]
    fn no_rule_is_broken_on_a_walk_at_random(
        ours: bool,
        parties in 0_u8..4,
        choices in proptest::collection::vec(any::<u16>(), 1..300),
    ) {
        let creator = if ours { Creator::Manager } else { Creator::Client };
        let parties = if ours { 0 } else { parties };
        let mut world = World::new(size(creator, parties, true, true, 3));
        for choice in choices {
            let moves = world.moves();
            if moves.is_empty() {
                break;
            }
            // The worker goes on more often than anything else happens.
            let at = if choice % 3 == 0 { 0 } else { usize::from(choice / 3) % moves.len() };
            let taken = world.take(moves[at]);
            prop_assert!(taken.is_ok(), "{taken:?} by {:?} in {world:#?}", moves[at]);
        }
        for silent in [false, true] {
            let settled = world.clone().settle(silent);
            prop_assert!(settled.is_ok(), "{settled:?} of {world:#?}");
        }
    }
}
