//! Preemption between two instructions of a driver: it finds what hides where kernel calls are the only switching points.

use std::rc::Rc;
use std::sync::atomic::AtomicU64;

use super::super::{add_host, call_driver, preempt_inside, thread};
use crate::sim;

/// A driver that keeps a count, which several of its threads raise.
mod small_driver {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::super::KeGetCurrentIrql;

    /// Reads, adds and writes back: what another processor has added in between is lost.
    #[inline(never)]
    pub extern "win64" fn raise_wrongly(count: &AtomicU64) {
        let seen = black_box(count.load(Ordering::Relaxed));
        count.store(seen + 1, Ordering::Relaxed);
    }

    /// In one access.
    #[inline(never)]
    pub extern "win64" fn raise(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Goes through the kernel and through memory, and comes to the same sum whatever happens on the way.
    #[inline(never)]
    pub extern "win64" fn sum(numbers: &[u64; 64]) -> u64 {
        let copy = black_box(*numbers);
        let mut sum = 0.0_f64;
        for number in copy {
            // SAFETY: a live simulation.
            let irql = unsafe { KeGetCurrentIrql() };
            sum += (number + u64::from(irql)) as f64;
        }
        sum as u64
    }
}

/// Calls in each of two threads.
const CALLS: u64 = 100;
const SEEDS: u64 = 8;

/// What two threads leave of a count that each of them raises, and how often they were preempted in the midst.
fn raised(seed: u64, inside: bool, raise: extern "win64" fn(&AtomicU64)) -> (u64, u64, u64) {
    sim::run(seed, || {
        preempt_inside(inside);
        let host = add_host("host", 2);
        let count = Rc::new(AtomicU64::new(0));
        let threads = [(); 2].map(|()| {
            let count = Rc::clone(&count);
            thread(host, "driver", move || {
                for _ in 0..CALLS {
                    call_driver("a handler", 0, || raise(&count));
                }
            })
        });
        threads.into_iter().for_each(sim::join);
        (
            count.load(std::sync::atomic::Ordering::Relaxed),
            sim::preemptions_inside(),
            sim::fingerprint(),
        )
    })
    .unwrap_or_else(|failure| panic!("{failure}"))
}

/// A wrong driver: it makes no kernel call between its two accesses, so that nothing else can find it.
#[test]
fn an_update_in_two_accesses_is_found() {
    let lost = (1..=SEEDS).filter(|&seed| raised(seed, true, small_driver::raise_wrongly).0 < 2 * CALLS);
    assert!(
        lost.count() > SEEDS as usize / 2,
        "two accesses for one update go unnoticed"
    );
    for seed in 1..=SEEDS {
        assert_eq!(raised(seed, false, small_driver::raise_wrongly).0, 2 * CALLS);
    }
}

#[test]
fn an_update_in_one_access_is_never_lost() {
    for seed in 1..=SEEDS {
        let (count, preemptions, _) = raised(seed, true, small_driver::raise);
        assert_eq!(count, 2 * CALLS);
        assert!(preemptions > 0, "seed {seed} never preempts");
    }
}

#[test]
fn one_seed_preempts_at_the_same_instructions() {
    for seed in 1..=SEEDS {
        let wrong = small_driver::raise_wrongly;
        assert_eq!(raised(seed, true, wrong), raised(seed, true, wrong));
    }
}

/// Registers, flags and what lies below the stack pointer are the driver's after the preemption, and calls return.
#[test]
fn a_preempted_driver_computes_what_it_would_have() {
    let numbers = std::array::from_fn::<_, 64, _>(|index| index as u64 * 3);
    let expected: u64 = numbers.iter().sum();
    for seed in 1..=SEEDS {
        let preemptions = sim::run(seed, move || {
            preempt_inside(true);
            let host = add_host("host", 2);
            let threads = [(); 2].map(|()| {
                thread(host, "driver", move || {
                    for _ in 0..CALLS {
                        let sum = call_driver("a handler", 0, || small_driver::sum(&numbers));
                        assert_eq!(sum, expected);
                    }
                })
            });
            threads.into_iter().for_each(sim::join);
            sim::preemptions_inside()
        });
        let preemptions = preemptions.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(preemptions > 0, "seed {seed} never preempts");
    }
}
