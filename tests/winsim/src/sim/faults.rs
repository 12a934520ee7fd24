//! The fault plan: which occurrence of a named point fails, drawn from the seed or counted.
//!
//! A component that can fail asks [`fire`] with the point's name (`"pool"`, `"command"`, ...). Without a plan nothing fires,
//! and the points are not counted.

use super::executor::with;
use super::random::Stream;
use std::collections::BTreeMap;

/// When a point fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At its nth occurrence only, counted from 1.
    Nth(u64),
    /// At every occurrence from the nth on.
    From(u64),
    /// At this many occurrences in a million, by the seed.
    PerMillion(u32),
}

/// The faults of a run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    rules: Vec<(String, When)>,
}

impl Plan {
    /// A plan that only counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule for `point`.
    pub fn fail(mut self, point: impl Into<String>, when: When) -> Self {
        self.rules.push((point.into(), when));
        self
    }
}

/// What the run knows of its plan.
#[derive(Default)]
pub(super) struct Faults {
    plan: Option<Plan>,
    seen: BTreeMap<&'static str, u64>,
    fired: BTreeMap<&'static str, u64>,
}

/// Puts `plan` in force; counters start at zero. `None` ends all faults.
pub fn set(plan: Option<Plan>) {
    with(|sim| {
        *sim.faults.borrow_mut() = Faults {
            plan,
            ..Faults::default()
        }
    });
}

/// Whether `point` fails now.
pub fn fire(point: &'static str) -> bool {
    with(|sim| {
        let mut faults = sim.faults.borrow_mut();
        let Faults {
            plan: Some(plan),
            seen,
            fired,
        } = &mut *faults
        else {
            return false;
        };
        let count = seen.entry(point).or_default();
        *count += 1;
        let fails = plan
            .rules
            .iter()
            .filter(|(name, _)| name == point)
            .any(|(_, when)| match *when {
                When::Nth(nth) => *count == nth,
                When::From(nth) => *count >= nth,
                When::PerMillion(chances) => {
                    sim.random.borrow_mut().below(Stream::Fault, 1_000_000) < u64::from(chances)
                }
            });
        if fails {
            *fired.entry(point).or_default() += 1;
        }
        fails
    })
}

/// How often `point` was asked since the plan was set.
pub fn seen(point: &str) -> u64 {
    with(|sim| sim.faults.borrow().seen.get(point).copied().unwrap_or(0))
}

/// How often `point` failed since the plan was set.
pub fn fired(point: &str) -> u64 {
    with(|sim| sim.faults.borrow().fired.get(point).copied().unwrap_or(0))
}
