//! The index of connections against a list that is searched from end to end: the same answers, whatever was added, removed, filed
//! anew or given a deadline.

use std::collections::BTreeMap;

use cxndk::cm::index::Index;
use cxndk_testbed::{nt, probe, sim};
use proptest::prelude::*;

/// Hashes are few, so that many share one.
const HASHES: u32 = 24;

#[derive(Clone, Debug)]
enum Step {
    Add([Option<u32>; 3]),
    /// Of the items that are there, by order.
    Remove(usize),
    Refile(usize, [Option<u32>; 3]),
    Deadline(usize, Option<u64>),
    PopDue(u64),
}

fn hashes() -> impl Strategy<Value = [Option<u32>; 3]> {
    prop::array::uniform3(prop::option::of(0..HASHES))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => hashes().prop_map(Step::Add),
        2 => any::<usize>().prop_map(Step::Remove),
        2 => (any::<usize>(), hashes()).prop_map(|(which, hashes)| Step::Refile(which, hashes)),
        4 => (any::<usize>(), prop::option::of(0..50_u64)).prop_map(|(which, due)| Step::Deadline(which, due)),
        2 => (0..60_u64).prop_map(Step::PopDue),
    ]
}

/// An item of the list: what it is, its hashes, its deadline.
struct Listed {
    item: u32,
    hashes: [Option<u32>; 3],
    due: Option<u64>,
}

#[derive(Default)]
struct Both {
    index: Index<u32, 3>,
    /// By number.
    list: BTreeMap<u32, Listed>,
    added: u32,
}

impl Both {
    fn pick(&self, which: usize) -> Option<u32> {
        let numbers: Vec<_> = self.list.keys().copied().collect();
        (!numbers.is_empty()).then(|| numbers[which % numbers.len()])
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Add(hashes) => {
                self.added += 1;
                let at = self.index.add(self.added, *hashes).expect("there is memory");
                let item = Listed {
                    item: self.added,
                    hashes: *hashes,
                    due: None,
                };
                assert!(self.list.insert(at, item).is_none(), "the number is free");
            }
            Step::Remove(which) => {
                if let Some(at) = self.pick(*which) {
                    let listed = self.list.remove(&at).expect("it is listed");
                    assert_eq!(self.index.remove(at), Some(listed.item));
                    assert_eq!(self.index.remove(at), None);
                }
            }
            Step::Refile(which, hashes) => {
                if let Some(at) = self.pick(*which) {
                    self.index.refile(at, *hashes);
                    self.list.get_mut(&at).expect("it is listed").hashes = *hashes;
                }
            }
            Step::Deadline(which, due) => {
                if let Some(at) = self.pick(*which) {
                    self.index.set_deadline(at, *due);
                    self.list.get_mut(&at).expect("it is listed").due = *due;
                }
            }
            Step::PopDue(now) => match self.index.pop_due(*now) {
                Some(at) => {
                    let earliest = self.list.values().filter_map(|listed| listed.due).min();
                    let listed = self.list.get_mut(&at).expect("it is listed");
                    assert_eq!(listed.due, earliest);
                    assert!(listed.due.take().is_some_and(|due| due <= *now));
                }
                None => assert!(
                    self.list
                        .values()
                        .all(|listed| listed.due.is_none_or(|due| due > *now))
                ),
            },
        }
    }

    fn compare(&self) {
        let earliest = self.list.values().filter_map(|listed| listed.due).min();
        assert_eq!(self.index.earliest(), earliest);
        for kind in 0..3 {
            for hash in 0..HASHES {
                let here = |listed: &&Listed| listed.hashes[kind] == Some(hash);
                for listed in self.list.values().filter(here) {
                    let at = self.index.find(kind, hash, |item| *item == listed.item);
                    assert_eq!(at.and_then(|at| self.index.get(at)), Some(&listed.item));
                }
                let any = self.index.find(kind, hash, |_| true);
                assert_eq!(any.is_some(), self.list.values().any(|listed| here(&listed)));
            }
        }
    }
}

/// The driver's memory is the simulated kernel's.
fn in_kernel(body: impl FnOnce() + Send + 'static) {
    sim::run(1, || {
        nt::on_host(nt::add_host("host", 1), "index", body);
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_index_answers_as_a_list_would(steps in prop::collection::vec(step(), 1..300)) {
        in_kernel(move || {
            let mut both = Both::default();
            for step in &steps {
                both.step(step);
            }
            both.compare();
        });
    }
}

fn spread(n: u32, kind: u32) -> u32 {
    let mixed = (n ^ kind << 28).wrapping_mul(0x9e37_79b1);
    (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) ^ mixed >> 13
}

fn hashes_of(n: u32) -> [Option<u32>; 4] {
    [0, 1, 2, 3].map(|kind| Some(spread(n, kind)))
}

/// What a connection does to the tables from its request to its end.
#[inline(never)]
extern "C" fn one_life(index: &mut Index<u32, 4>, n: u32) {
    let unknown = [Some(spread(n, 0)), None, None, Some(spread(n, 3))];
    let at = index.add(n, unknown).expect("a place is free");
    index.set_deadline(at, Some(u64::from(n % 977) * 100));
    for kind in [0, 3] {
        assert!(
            index
                .find(kind, spread(n, kind as u32), |item| *item == n)
                .is_some()
        );
    }
    index.refile(at, hashes_of(n));
    index.set_deadline(at, Some(100_000));
    assert_eq!(index.remove(at), Some(n));
}

/// Instructions of a life among so many, on average of some.
fn cost_among(live: u32) -> u64 {
    const LIVES: u32 = 64;
    let mut index = Index::<u32, 4>::new();
    for n in 0..=live {
        let at = index.add(n, hashes_of(n)).expect("there is memory");
        index.set_deadline(at, Some(u64::from(spread(n, 5) % 100_000) + 2));
    }
    // A place for the one that comes and goes.
    index.remove(0);
    let watch = probe::Watch::default();
    let life = |n| {
        probe::measure(one_life as *const () as usize, &watch, || one_life(&mut index, n))
            .0
            .instructions
    };
    let sum: u64 = (live + 1..=live + LIVES).map(life).sum();
    sum / u64::from(LIVES)
}

/// A connection costs the tables among 10000 others less than half more than among 64: the heap is deeper, and that is all.
#[test]
fn a_life_costs_hardly_more_among_many() {
    in_kernel(|| {
        let (few, many) = (cost_among(64), cost_among(10_000));
        println!("instructions of a life among 64: {few}, among 10000: {many}");
        assert!(many * 2 <= few * 3, "{few} among 64, {many} among 10000");
    });
}
