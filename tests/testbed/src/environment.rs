//! The simulation as links and devices know it: virtual time, events of the executor, a seeded stream for each.

use std::rc::Rc;

use roce_wire::{Environment, EventId, Surroundings};
use winsim::sim::{self, Stream};

struct Simulated(Stream);

/// The running simulation, with choices from `stream`.
pub fn simulated(stream: Stream) -> Surroundings {
    Rc::new(Simulated(stream))
}

impl Environment for Simulated {
    fn now(&self) -> u64 {
        sim::now()
    }

    fn at(&self, time: u64, action: Box<dyn FnOnce()>) -> EventId {
        EventId(sim::at(time.max(sim::now()), action).to_bits())
    }

    fn cancel(&self, event: EventId) {
        sim::cancel(sim::EventId::from_bits(event.0));
    }

    fn choose(&self, bound: u64) -> u64 {
        sim::choose(self.0, bound)
    }
}
