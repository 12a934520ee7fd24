//! What `call` reports, to a person and to a program.

use std::fmt;

use serde::Serialize;

use super::describe::Traffic;
use super::report::{Closes, grouped};

/// The outcome of one run. Its JSON has these fields but the last five.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallReport {
    /// Messages that arrived, each checked.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Leaves of the call.
    pub parties: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Closes of calls.
    pub closes: Closes,
    /// The seed that repeats the run.
    pub seed: u64,
    /// Virtual time from the first message to the last.
    pub virtual_ns: u64,
    /// Time of this machine for the whole run.
    pub wall_ns: u64,
    /// What devices and link did.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Broken rules.
    pub violations: u64,
    /// Things the driver left behind.
    pub leaks: u64,
    /// Messages that were not what was sent, or did not arrive.
    pub damaged: u64,
    /// The device's name, ids and firmware.
    #[serde(skip)]
    pub device: String,
    /// The driver.
    #[serde(skip)]
    pub driver: String,
    /// The modelled link.
    #[serde(skip)]
    pub link: String,
    /// What broke, if something did.
    #[serde(skip)]
    pub violation: Option<String>,
}

impl CallReport {
    /// Whether everything is what it must be.
    pub fn is_good(&self) -> bool {
        let closed = self.closes.pended + self.closes.inline == self.closes.completed;
        closed && self.damaged == 0 && self.violations == 0 && self.leaks == 0
    }
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: &str| writeln!(f, "{name:<12}{text}");
        line("device", &self.device)?;
        line("driver", &self.driver)?;
        line("link", &self.link)?;
        let leaves = if self.parties == 1 {
            "point to point".to_owned()
        } else {
            format!("to {} parties", self.parties)
        };
        line("calls", &format!("{}, {leaves}", self.calls))?;
        line(
            "messages",
            &format!(
                "{} of {} bytes in all, {} not as they were sent",
                grouped(self.messages),
                grouped(self.bytes),
                grouped(self.damaged)
            ),
        )?;
        line("virtual", &format!("{:.3} ms", self.virtual_ns as f64 / 1e6))?;
        line(
            "wall",
            &format!("{:.2} s on this machine", self.wall_ns as f64 / 1e9),
        )?;
        line(
            "work",
            &format!(
                "{} WQEs, {} doorbells, {} interrupts",
                grouped(self.traffic.wqes),
                grouped(self.traffic.doorbells),
                grouped(self.traffic.interrupts)
            ),
        )?;
        line(
            "packets",
            &format!(
                "{} sent, {} of them again",
                grouped(self.traffic.packets),
                grouped(self.traffic.retransmitted)
            ),
        )?;
        let Closes {
            inline,
            pended,
            completed,
        } = self.closes;
        line(
            "closes",
            &format!("{inline} done at once, {pended} pended, {completed} completed"),
        )?;
        let rules = self.violation.as_deref().unwrap_or("no rule broken");
        line(
            "verifier",
            &format!("{rules}; {} violations, {} leaks", self.violations, self.leaks),
        )
    }
}
