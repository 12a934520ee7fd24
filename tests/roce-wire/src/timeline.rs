//! An environment of its own: time that its owner moves, actions in the order of their time, seeded chance.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::environment::{Environment, EventId};

type Action = Box<dyn FnOnce()>;

/// Time stands still but for [`Self::run_until`]: its caller may follow a clock on the wall or hurry from event to event.
pub struct Timeline {
    now: Cell<u64>,
    asked: Cell<u64>,
    /// By time, then by the order of asking.
    waiting: RefCell<BTreeMap<(u64, u64), Action>>,
    /// The time of what waits, by the order of asking.
    times: RefCell<BTreeMap<u64, u64>>,
    random: RefCell<ChaCha8Rng>,
}

impl Timeline {
    /// A timeline at 0 whose choices follow from `seed`.
    pub fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(0),
            asked: Cell::new(0),
            waiting: RefCell::default(),
            times: RefCell::default(),
            random: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
        })
    }

    /// When the next action is due.
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.borrow().keys().next().map(|(time, _)| *time)
    }

    /// Runs what is due up to `time`, each at its own time, then stands at `time`. A time that is past runs nothing.
    pub fn run_until(&self, time: u64) {
        while let Some(action) = self.pop_due(time) {
            action();
        }
        self.now.set(self.now.get().max(time));
    }

    /// Lets so many nanoseconds pass.
    pub fn run_for(&self, nanoseconds: u64) {
        self.run_until(self.now.get().saturating_add(nanoseconds));
    }

    fn pop_due(&self, end: u64) -> Option<Action> {
        let mut waiting = self.waiting.borrow_mut();
        let first = waiting.first_entry().filter(|first| first.key().0 <= end)?;
        let ((time, order), action) = first.remove_entry();
        self.times.borrow_mut().remove(&order);
        self.now.set(self.now.get().max(time));
        Some(action)
    }
}

impl Environment for Timeline {
    fn now(&self) -> u64 {
        self.now.get()
    }

    fn at(&self, time: u64, action: Action) -> EventId {
        let order = self.asked.get();
        self.asked.set(order + 1);
        let time = time.max(self.now.get());
        self.waiting.borrow_mut().insert((time, order), action);
        self.times.borrow_mut().insert(order, time);
        EventId(order)
    }

    fn cancel(&self, event: EventId) {
        let time = self.times.borrow_mut().remove(&event.0);
        let action = time.and_then(|time| self.waiting.borrow_mut().remove(&(time, event.0)));
        // It is dropped when nothing is borrowed: what it holds may ask for something.
        drop(action);
    }

    fn choose(&self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        let draw = self.random.borrow_mut().next_u64();
        ((u128::from(draw) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_run_in_the_order_of_their_time_and_then_of_asking() {
        let timeline = Timeline::new(1);
        let log = Rc::new(RefCell::new(Vec::new()));
        let note = |name: &'static str| -> Action {
            let (log, timeline) = (Rc::clone(&log), Rc::clone(&timeline));
            Box::new(move || log.borrow_mut().push((timeline.now(), name)))
        };
        timeline.at(20, note("late"));
        timeline.at(10, note("first of two"));
        let cancelled = timeline.at(10, note("cancelled"));
        timeline.at(10, note("second of two"));
        timeline.cancel(cancelled);
        timeline.cancel(cancelled);
        timeline.run_until(15);
        assert_eq!((timeline.now(), timeline.next_due()), (15, Some(20)));
        timeline.at(3, note("past"));
        timeline.run_for(5);
        let expected = [
            (10, "first of two"),
            (10, "second of two"),
            (15, "past"),
            (20, "late"),
        ];
        assert_eq!(*log.borrow(), expected);
        assert_eq!((timeline.now(), timeline.next_due()), (20, None));
    }

    fn tick(timeline: &Rc<Timeline>, count: &Rc<Cell<u32>>) {
        count.set(count.get() + 1);
        let (again, counted) = (Rc::clone(timeline), Rc::clone(count));
        timeline.after(10, Box::new(move || tick(&again, &counted)));
    }

    #[test]
    fn what_an_action_asks_for_runs_when_its_time_comes() {
        let timeline = Timeline::new(1);
        let count = Rc::new(Cell::new(0));
        tick(&timeline, &count);
        timeline.run_until(95);
        assert_eq!(count.get(), 10);
    }

    #[test]
    fn choices_follow_from_the_seed() {
        let draws = |seed| {
            let timeline = Timeline::new(seed);
            (0..100).map(|_| timeline.choose(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        assert!(draws(7).iter().all(|draw| *draw < 1000));
        assert_eq!(Timeline::new(7).choose(1), 0);
    }
}
