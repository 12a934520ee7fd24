//! The simulation: stackful coroutines on one thread, virtual time, seeded choices, planned faults.
//!
//! [`run`] builds a world on a thread of its own and runs `main` as its first context. Everything that happens
//! afterwards is a function of the seed: which runnable context goes next, where a simulated kernel call is a preemption,
//! every draw of [`choose`]. Virtual time stands still while a context runs and moves to the next event when none can.
//!
//! | call | what it does |
//! |---|---|
//! | [`spawn`], [`join`] | start a context, wait for its end |
//! | [`yield_now`], [`preempt`] | let others run, always or by the seed |
//! | [`enter_driver`], [`set_windows`] | preempt a driver between two instructions, by the seed |
//! | [`park`], [`park_until`], [`unpark`], [`sleep`] | wait for another context, for time |
//! | [`after`], [`cancel`] | run a closure later, on the executor's stack |
//! | [`turns`], [`wait_for_turn`] | count the smallest steps of a run, wait for one |
//! | [`choose`], [`chance`] | seeded draws, one stream a purpose |
//! | [`Deadline`], [`on_failure`] | a verdict on what takes too long; what was open then |
//! | [`fail`] | end the run: the rule that was broken, and what led to it |
//! | [`trace`], [`note`] | what the history shows |
//! | [`local`] | state of other modules that lives and dies with the run |

mod contexts;
mod deadline;
mod events;
mod executor;
mod failure;
pub mod faults;
mod history;
mod processors;
mod random;
pub mod stepping;
mod task;
#[cfg(test)]
mod tests;
mod turns;
mod window;

pub use contexts::{
    current, current_name, host, is_done, join, park, park_for, park_until, preempt, set_preemption, sleep,
    spawn, stack, unpark, with_task_local, yield_now,
};
pub use deadline::{Deadline, LONGEST, Witness, on_failure};
pub use events::EventId;
pub use executor::{after, at, cancel, is_running, local, now, on_switch, run, seed};
pub use failure::{Failure, fail};
pub use history::{fingerprint, note, trace};
pub use processors::{HostId, add_processors, irql, processor, set_irql, set_processor, start_irql};
pub use random::{Stream, chance, choose, fill};
pub use task::{TaskId, TaskSpec};
pub use turns::{turns, wait_for_turn};
pub use window::{
    InDriver, LANDMARK, Moment, enter_driver, landmark, longest_standstill, preemptions_inside,
    set_driver_code, set_windows, stood_still, true_return_address,
};

/// One microsecond of virtual time, in nanoseconds.
pub const MICROSECOND: u64 = 1_000;
/// One millisecond of virtual time, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
/// One second of virtual time, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// `IRQL` of code that may wait.
pub const PASSIVE_LEVEL: u8 = 0;
/// `IRQL` at which DPCs run and spin locks are held.
pub const DISPATCH_LEVEL: u8 = 2;
