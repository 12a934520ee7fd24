//! What a world is made of, before it runs.

use std::path::PathBuf;

use connectx_model::{Capabilities, Generation, Reuse};
use roce_wire::{LinkConfig, SwitchConfig};
use winsim::ndis::registry::Value;
use winsim::sim;

use super::{Machine, World, WorldError};
use crate::driver_source::DriverSource;

/// Longer than any scenario takes, in virtual nanoseconds.
const LONGEST: u64 = 3_600 * sim::SECOND;

/// A ConnectX of a host.
#[derive(Clone, Debug)]
pub struct AdapterPlan {
    /// Which chip.
    pub generation: Generation,
    /// What the device says it can do.
    pub capabilities: Capabilities,
    /// When the device reuses numbers; the seed chooses where this does not.
    pub reuse: Option<Reuse>,
}

impl AdapterPlan {
    /// An ordinary one.
    pub fn new(generation: Generation) -> Self {
        Self {
            generation,
            capabilities: Capabilities::default(),
            reuse: None,
        }
    }
}

impl Default for AdapterPlan {
    fn default() -> Self {
        Self::new(Generation::ConnectX5)
    }
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// The machine that it is.
    pub machine: Machine,
    /// Its adapters, at least one; the driver serves all of them.
    pub adapters: Vec<AdapterPlan>,
    /// Keywords of all its adapters that an administrator has changed from the INF's defaults; of two of one name the later counts.
    pub keywords: Vec<(String, Value)>,
}

impl HostPlan {
    /// One ConnectX-5 with jumbo frames, as an administrator sets it up for storage traffic.
    pub fn new(machine: Machine) -> Self {
        let plan = Self {
            machine,
            adapters: vec![AdapterPlan::default()],
            keywords: Vec::new(),
        };
        plan.keyword("*JumboPacket", "9014")
            .keyword("*NetworkDirectRoCEFrameSize", "4096")
    }

    /// Gives a keyword this value in the registry.
    #[must_use]
    pub fn keyword(mut self, name: &str, value: &str) -> Self {
        self.keywords
            .push((name.to_owned(), Value::Text(value.to_owned())));
        self
    }

    /// Leaves all keywords as the INF has them.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.keywords.clear();
        self
    }

    /// Puts one more adapter in.
    #[must_use]
    pub fn adapter(mut self, adapter: AdapterPlan) -> Self {
        self.adapters.push(adapter);
        self
    }
}

/// A world that can be run; made by [`World::new`].
#[derive(Clone, Debug)]
pub struct WorldPlan {
    /// The seed of every choice.
    pub seed: u64,
    /// The hosts: A, B and so on.
    pub hosts: Vec<HostPlan>,
    /// What each link is like.
    pub link: LinkConfig,
    /// The switch that every adapter has a link to. Without one there are two hosts, and each adapter of the first is joined to the same of
    /// the second.
    pub switch: Option<SwitchConfig>,
    /// Where the frames of all links are recorded.
    pub capture: Option<PathBuf>,
    /// The driver that all hosts run.
    pub driver: DriverSource,
    /// Whether the driver is preempted between two of its instructions too, not at kernel calls alone; where, the seed says.
    pub preempt_inside: bool,
}

impl WorldPlan {
    pub(super) fn new(seed: u64) -> Self {
        let host = HostPlan::new(Machine::of_seed(seed));
        Self {
            seed,
            hosts: vec![host.clone(), host],
            link: LinkConfig::default(),
            switch: None,
            capture: None,
            driver: DriverSource::from_environment(),
            preempt_inside: false,
        }
    }

    /// So many hosts, each like the first, on a switch.
    #[must_use]
    pub fn hosts(mut self, count: usize) -> Self {
        if let Some(first) = self.hosts.first().cloned() {
            self.hosts = vec![first; count];
        }
        self.switch.get_or_insert_default();
        self
    }

    /// Changes host `index`: 0 is A.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn on(mut self, index: usize, change: impl FnOnce(HostPlan) -> HostPlan) -> Self {
        self.hosts[index] = change(self.hosts[index].clone());
        self
    }

    /// Changes all hosts.
    #[must_use]
    pub fn everywhere(mut self, change: impl Fn(HostPlan) -> HostPlan) -> Self {
        self.hosts = self.hosts.into_iter().map(change).collect();
        self
    }

    /// All hosts are such machines.
    #[must_use]
    pub fn machine(self, machine: Machine) -> Self {
        self.everywhere(|host| HostPlan { machine, ..host })
    }

    /// All devices reuse numbers so.
    #[must_use]
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.every_adapter(|adapter| adapter.reuse = Some(reuse));
        self
    }

    /// Has all devices say that they can do this.
    #[must_use]
    pub fn capabilities(mut self, change: impl Fn(&mut Capabilities)) -> Self {
        self.every_adapter(|adapter| change(&mut adapter.capabilities));
        self
    }

    fn every_adapter(&mut self, change: impl Fn(&mut AdapterPlan)) {
        let adapters = self.hosts.iter_mut().flat_map(|host| &mut host.adapters);
        adapters.for_each(change);
    }

    /// Changes what the links are like.
    #[must_use]
    pub fn link(mut self, change: impl FnOnce(&mut LinkConfig)) -> Self {
        change(&mut self.link);
        self
    }

    /// Joins all adapters by a switch.
    #[must_use]
    pub fn switch(mut self, switch: SwitchConfig) -> Self {
        self.switch = Some(switch);
        self
    }

    /// Records the frames of all links in this file.
    #[must_use]
    pub fn capture(mut self, path: impl Into<PathBuf>) -> Self {
        self.capture = Some(path.into());
        self
    }

    /// Whether the driver is preempted between two of its instructions.
    #[must_use]
    pub const fn preempt_inside(mut self, inside: bool) -> Self {
        self.preempt_inside = inside;
        self
    }

    /// Builds the world, starts the driver on its hosts, runs `main`, stops and unloads the driver.
    ///
    /// # Errors
    ///
    /// The rule that was broken, what could not be started, or what no world can be made of.
    pub fn run<T: Send>(&self, main: impl FnOnce(&World) -> T + Send) -> Result<T, WorldError> {
        World::run(self, main)
    }

    /// [`Self::run`] for tests: whatever rule is broken or object leaked fails, and so does what does not end.
    ///
    /// # Panics
    ///
    /// With the report of the failure.
    pub fn play<T: Send>(&self, main: impl FnOnce(&World) -> T + Send) -> T {
        let bounded = |world: &World| {
            let end = sim::after(LONGEST, || sim::fail("TEST", "the scenario does not end"));
            let result = main(world);
            sim::cancel(end);
            result
        };
        let run = self.run(bounded);
        run.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed))
    }

    /// What is wrong with the plan.
    pub(super) fn check(&self) -> Result<(), WorldError> {
        let adapters: Vec<_> = self.hosts.iter().map(|host| host.adapters.len()).collect();
        let problem = match &adapters[..] {
            [] => "a world needs a host",
            some if some.contains(&0) => "a host needs an adapter",
            some if some.len() > 200 || some.iter().any(|count| *count > 200) => {
                "a world has 200 hosts of 200 adapters at most"
            }
            [a, b] if self.switch.is_none() && a == b => return Ok(()),
            _ if self.switch.is_some() => return Ok(()),
            _ => "without a switch there are two hosts with equally many adapters",
        };
        Err(WorldError::Plan(problem))
    }
}
