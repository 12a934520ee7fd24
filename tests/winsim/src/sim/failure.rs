//! How a run ends badly: the rule that was broken, and the history that led to it.

use super::executor::{self, Sim};
use super::task::State;
use std::cell::RefCell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

/// Rule id of a panic in simulated or testbed code.
pub(super) const PANIC: &str = "PANIC";
/// Rule id of a run in which nothing can happen any more.
pub(super) const DEADLOCK: &str = "SIM-DEADLOCK";
/// Rule id of a run that never lets time move.
pub(super) const RUN_AWAY: &str = "SIM-RUN-AWAY";

/// The environment variable that, if it is `full`, has a report show everything that is known.
const HISTORY_VARIABLE: &str = "CXNDK_HISTORY";
/// Records that a report shows.
const RECORDS: usize = 40;
/// Contexts that a report shows.
const CONTEXTS: usize = 16;
/// Records that a report leaves out.
const ROUTINE: [&str; 10] = [
    "KeAcquireSpinLockAtDpcLevel",
    "KeAcquireSpinLockRaiseToDpc",
    "KeGetCurrentIrql",
    "KeGetCurrentProcessorNumberEx",
    "KeLowerIrql",
    "KeQueryInterruptTimePrecise",
    "KeQuerySystemTimePrecise",
    "KeReleaseSpinLock",
    "KeReleaseSpinLockFromDpcLevel",
    "KfRaiseIrql",
];
/// Rule id of a run that does not end.
pub(super) const ENDLESS: &str = "SIM-ENDLESS";

/// Why a run ended before its main context did.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The broken rule, by its id in the reference, or `PANIC`, `SIM-DEADLOCK`, `SIM-RUN-AWAY`, `SIM-ENDLESS`.
    pub rule: &'static str,
    /// What happened.
    pub message: String,
    /// The seed that does it again.
    pub seed: u64,
    /// Virtual time, in nanoseconds.
    pub time: u64,
    /// The context that did it; `executor` for an event.
    pub context: String,
    /// The last records, oldest first.
    pub history: Vec<String>,
    /// What was open, and what held it.
    pub open: Vec<String>,
    /// All contexts that had not ended, and what they were waiting for.
    pub contexts: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.message)?;
        writeln!(f, "  in {} at {} ns, seed {}", self.context, self.time, self.seed)?;
        let full = std::env::var_os(HISTORY_VARIABLE).is_some_and(|value| value == "full");
        let records: Vec<_> = self
            .history
            .iter()
            .filter(|line| full || !routine(line))
            .collect();
        let first = if full {
            0
        } else {
            records.len().saturating_sub(RECORDS)
        };
        let left_out = self.history.len() - records.len() + first;
        if left_out > 0 {
            writeln!(
                f,
                "  | ({left_out} records, of locks, levels and time or older, are left out; {HISTORY_VARIABLE}=full shows all)"
            )?;
        }
        for line in &records[first..] {
            writeln!(f, "  | {line}")?;
        }
        for line in &self.open {
            writeln!(f, "  open: {line}")?;
        }
        let shown = if full { usize::MAX } else { CONTEXTS };
        for line in self.contexts.iter().take(shown) {
            writeln!(f, "  * {line}")?;
        }
        match self.contexts.len().saturating_sub(shown) {
            0 => Ok(()),
            more => writeln!(f, "  * and {more} more contexts"),
        }
    }
}

/// Whether a record tells of what every line of a driver does and hardly any failure comes from.
fn routine(line: &str) -> bool {
    let what = line.split_once(": ").map_or(line, |(_, what)| what);
    let name = what.split(' ').next().unwrap_or_default();
    ROUTINE.contains(&name)
}

impl std::error::Error for Failure {}

/// Ends the run: `rule` was broken. Unwinds nothing; the frames of the caller are simply left, the driver's among them.
pub fn fail(rule: &'static str, message: impl Into<String>) -> ! {
    executor::abandon(rule, message.into())
}

/// Describes the run as it stands.
pub(super) fn describe(sim: &Sim, rule: &'static str, message: String) -> Failure {
    Failure {
        rule,
        message,
        seed: sim.seed,
        time: sim.now.get(),
        context: sim
            .with_current(|task| task.name.to_string())
            .unwrap_or_else(|| "executor".to_owned()),
        history: history(sim),
        open: sim.witnesses.testimony(),
        contexts: contexts(sim),
    }
}

fn history(sim: &Sim) -> Vec<String> {
    let Ok(history) = sim.history.try_borrow() else {
        return Vec::new();
    };
    let line = |record: &super::history::Record| {
        let who = record.who.as_deref().unwrap_or("executor");
        let values = record
            .values
            .map_or_else(String::new, |(a, b)| format!(" {a:#x} {b:#x}"));
        format!("{:>12} {}: {}{values}", record.time, who, record.what)
    };
    history.records().map(line).collect()
}

fn contexts(sim: &Sim) -> Vec<String> {
    let Ok(tasks) = sim.tasks.try_borrow() else {
        return Vec::new();
    };
    let live = tasks.iter().filter_map(|slot| slot.task.as_ref());
    live.map(|task| {
        let state = match task.state.get() {
            State::Parked => format!("waits for {}", task.waits_for.get()),
            State::Sleeping => "sleeps".to_owned(),
            State::Ready => "ready".to_owned(),
            State::Running => "running".to_owned(),
            State::Done => "done".to_owned(),
        };
        let host = task.host.map_or_else(String::new, |host| {
            format!(" host {} cpu {}", host.0, task.processor.get())
        });
        format!("{}{host} irql {}: {state}", task.name, task.irql.get())
    })
    .collect()
}

thread_local! {
    /// The panic that is unwinding the running context, if there is one.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes a panic inside a simulation known to [`guarded`], which ends the run when the context has unwound.
///
/// A driver's frames cannot be unwound: the panic that says so comes second, and ends the process with a report.
pub(super) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !executor::is_running() {
                return previous(info);
            }
            if std::env::var_os("RUST_BACKTRACE").is_some() {
                previous(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let first = PANICKED.with(|panicked| panicked.borrow().clone());
            match first {
                None => PANICKED.with(|panicked| *panicked.borrow_mut() = Some(format!("{text} ({place})"))),
                // The frames of a driver cannot be unwound, and nobody could take the run's result from inside a panic.
                Some(first) => {
                    eprintln!("{}", executor::with(|sim| describe(sim, PANIC, first)));
                    std::process::abort();
                }
            }
        }));
    });
}

/// Runs `body`; a panic in it ends the run.
pub(super) fn guarded(body: impl FnOnce()) {
    if std::panic::catch_unwind(AssertUnwindSafe(body)).is_err() {
        let what = PANICKED.with(RefCell::take).unwrap_or_default();
        executor::abandon(PANIC, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_short_and_says_what_it_leaves_out() {
        let mut history = vec!["  1 thread: NdisMSleep 0x0 0x0".to_owned()];
        history.extend((0..500).map(|time| format!("  {time} thread: KeAcquireSpinLockRaiseToDpc 0x0 0x0")));
        history.extend((0..50).map(|time| format!("  {time} dpc: doorbell {time:#x} 0x0")));
        let failure = Failure {
            rule: "RULE-01",
            message: "it is broken".to_owned(),
            seed: 7,
            time: 1000,
            context: "thread".to_owned(),
            history,
            open: Vec::new(),
            contexts: (0..40).map(|cpu| format!("idle {cpu}")).collect(),
        };
        let said = failure.to_string();
        assert!(said.lines().count() < 70, "{said}");
        assert!(
            said.contains("(511 records,") && said.contains("doorbell 0x31"),
            "{said}"
        );
        assert!(said.contains("and 24 more contexts"), "{said}");
        assert!(
            !said.contains("SpinLock") && !said.contains("NdisMSleep"),
            "{said}"
        );
    }
}
