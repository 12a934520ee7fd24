//! What `call` reports, to a person and to a program.

use std::fmt;

use serde::Serialize;

use super::describe::Traffic;
use super::report::{Closes, grouped, line, verdict};

/// The outcome of one run. Its JSON has these fields but the last three.
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
    /// Which rule was broken, and how.
    pub violation: Option<String>,
    /// Why the calls did not come to their end although no rule was broken.
    pub failure: Option<String>,
    /// The device's name, ids and firmware.
    #[serde(skip)]
    pub device: String,
    /// The driver.
    #[serde(skip)]
    pub driver: String,
    /// The modelled link.
    #[serde(skip)]
    pub link: String,
}

impl CallReport {
    /// Whether everything is what it must be.
    pub fn is_good(&self) -> bool {
        let closed = self.closes.pended + self.closes.inline == self.closes.completed;
        let whole = self.damaged == 0 && self.failure.is_none();
        closed && whole && self.violations == 0 && self.leaks == 0
    }
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "device", &self.device)?;
        line(f, "driver", &self.driver)?;
        line(f, "link", &self.link)?;
        if self.violation.is_none() && self.failure.is_none() {
            self.conversation(f)?;
        }
        let wall = format!("{:.2} s on this machine", self.wall_ns as f64 / 1e9);
        line(f, "wall", &wall)?;
        let (rule, failure) = (self.violation.as_deref(), self.failure.as_deref());
        verdict(f, rule, self.violations, self.leaks, failure)
    }
}

impl CallReport {
    /// What was said, and what it took.
    fn conversation(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaves = if self.parties == 1 {
            "point to point".to_owned()
        } else {
            format!("to {} parties", self.parties)
        };
        line(f, "calls", &format!("{}, {leaves}", self.calls))?;
        let damaged = grouped(self.damaged);
        let (messages, bytes) = (grouped(self.messages), grouped(self.bytes));
        let text = format!("{messages} of {bytes} bytes in all, {damaged} not as they were sent");
        line(f, "messages", &text)?;
        line(f, "virtual", &format!("{:.3} ms", self.virtual_ns as f64 / 1e6))?;
        self.traffic.lines(f)?;
        line(f, "closes", &self.closes.to_string())
    }
}
