//! The processors of the simulated hosts: which context has one, at which IRQL.
//!
//! A context at `DISPATCH_LEVEL` or above keeps its processor until it lowers or ends, waits included; only a higher IRQL
//! gets in between. Below it, contexts share the processors and move among the free ones.

use super::executor::{Sim, with};
use super::random::Stream;
use super::task::Task;
use super::{DISPATCH_LEVEL, TaskId};

/// A host of the run, by its order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub u32);

/// The processors of one host, each with the contexts that hold it, lowest IRQL first.
#[derive(Default)]
pub(super) struct Processors {
    holders: Vec<Vec<(TaskId, u8)>>,
}

/// Adds a host with `count` processors.
pub fn add_processors(count: u32) -> HostId {
    with(|sim| {
        let mut hosts = sim.hosts.borrow_mut();
        hosts.push(Processors {
            holders: vec![Vec::new(); count as usize],
        });
        HostId(hosts.len() as u32 - 1)
    })
}

/// The IRQL of the running context; `PASSIVE_LEVEL` on the executor's own stack.
pub fn irql() -> u8 {
    with(|sim| sim.with_current(|task| task.irql.get()).unwrap_or(0))
}

/// The IRQL that the running context was started at.
pub fn start_irql() -> u8 {
    with(|sim| sim.with_current(|task| task.start_irql).unwrap_or(0))
}

/// The processor, within its host, of the running context.
pub fn processor() -> u32 {
    with(|sim| sim.with_current(|task| task.processor.get()).unwrap_or(0))
}

/// Sets the IRQL of the running context and returns the old one. Does not yield.
pub fn set_irql(new: u8) -> u8 {
    with(|sim| {
        let old = sim.with_current(|task| {
            let old = task.irql.replace(new);
            if old < DISPATCH_LEVEL && new >= DISPATCH_LEVEL {
                sim.hold(task);
            } else if old >= DISPATCH_LEVEL && new < DISPATCH_LEVEL {
                sim.release(task);
            } else if new >= DISPATCH_LEVEL {
                sim.update_hold(task);
            }
            old
        });
        old.unwrap_or(0)
    })
}

/// Binds the running context to a processor of its host (below `DISPATCH_LEVEL` only). `None` lets it move again.
pub fn set_processor(processor: Option<u32>) {
    with(|sim| {
        sim.with_current(|task| {
            task.bound.set(processor.is_some());
            if let Some(processor) = processor {
                task.processor.set(processor);
            }
        });
    });
    super::yield_now();
}

impl Sim {
    pub(super) fn processor_count(&self, host: HostId) -> u32 {
        self.hosts.borrow()[host.0 as usize].holders.len() as u32
    }

    pub(super) fn hold(&self, task: &Task) {
        let Some(host) = task.host else { return };
        let mut hosts = self.hosts.borrow_mut();
        hosts[host.0 as usize].holders[task.processor.get() as usize].push((task.id, task.irql.get()));
    }

    fn update_hold(&self, task: &Task) {
        let Some(host) = task.host else { return };
        let mut hosts = self.hosts.borrow_mut();
        for entry in &mut hosts[host.0 as usize].holders[task.processor.get() as usize] {
            if entry.0 == task.id {
                entry.1 = task.irql.get();
            }
        }
    }

    pub(super) fn release(&self, task: &Task) {
        let Some(host) = task.host else { return };
        let mut hosts = self.hosts.borrow_mut();
        hosts[host.0 as usize].holders[task.processor.get() as usize].retain(|(id, _)| *id != task.id);
    }

    /// Whether `task` may run now; finds it a processor if it must have one.
    pub(super) fn claim(&self, task: &Task) -> bool {
        let Some(host) = task.host else { return true };
        let mut hosts = self.hosts.borrow_mut();
        let holders = &mut hosts[host.0 as usize].holders;
        let irql = task.irql.get();
        let place = &mut holders[task.processor.get() as usize];
        match place.last().copied() {
            Some((id, _)) if id == task.id => true,
            Some((_, above)) if irql > above => {
                place.push((task.id, irql));
                true
            }
            None => {
                if irql >= DISPATCH_LEVEL {
                    place.push((task.id, irql));
                }
                true
            }
            Some(_) if irql < DISPATCH_LEVEL && !task.bound.get() => {
                let free = holders.iter().filter(|place| place.is_empty()).count() as u64;
                if free == 0 {
                    return false;
                }
                let pick = self.random.borrow_mut().below(Stream::Schedule, free) as usize;
                let index = holders
                    .iter()
                    .enumerate()
                    .filter(|(_, place)| place.is_empty())
                    .nth(pick);
                task.processor.set(index.map_or(0, |(index, _)| index as u32));
                true
            }
            Some(_) => false,
        }
    }
}
