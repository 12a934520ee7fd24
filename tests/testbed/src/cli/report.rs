//! What a copy reports, to a person and to a program.

use std::fmt;

use serde::Serialize;

use super::describe::Traffic;

/// How the closes of Network Direct objects went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Closes {
    /// Done when the close returned.
    pub inline: u64,
    /// Returned PENDING.
    pub pended: u64,
    /// Close completions called.
    pub completed: u64,
}

impl fmt::Display for Closes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            inline,
            pended,
            completed,
        } = self;
        write!(f, "{inline} done at once, {pended} pended, {completed} completed")
    }
}

/// The outcome of one copy. Its JSON has these fields but the last.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CopyReport {
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256_source: String,
    /// SHA-256 of what came back to host A.
    pub sha256_a: String,
    /// SHA-256 of what host B has.
    pub sha256_b: String,
    /// The seed that repeats the run.
    pub seed: u64,
    /// Virtual time of both ways.
    pub virtual_ns: u64,
    /// Time of this machine for the whole run.
    pub wall_ns: u64,
    /// What devices and link did.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Closes of Network Direct objects.
    pub closes: Closes,
    /// Broken rules.
    pub violations: u64,
    /// Things the driver left behind.
    pub leaks: u64,
    /// Which rule was broken, and how.
    pub violation: Option<String>,
    /// Why the copy did not come to its end although no rule was broken.
    pub failure: Option<String>,
    /// What only a person reads.
    #[serde(skip)]
    pub details: Details,
}

/// The parts of the report that are text.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The device's name, ids and firmware.
    pub device: String,
    /// The driver and the version of its Network Direct interface.
    pub driver: String,
    /// Both ends of the connection.
    pub connection: String,
    /// The modelled link: speed, latency, loss.
    pub link: String,
    /// Virtual time of the way to host B.
    pub to_b_ns: u64,
    /// Virtual time of the way back.
    pub to_a_ns: u64,
}

impl CopyReport {
    /// Whether the copy is what it must be.
    pub fn is_good(&self) -> bool {
        let same = self.sha256_source == self.sha256_a && self.sha256_source == self.sha256_b;
        same && self.violations == 0 && self.leaks == 0 && self.failure.is_none()
    }
}

/// Gigabits per second of `bytes` in `ns`.
fn gigabits(bytes: u64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        bytes as f64 * 8.0 / ns as f64
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

fn way(name: &str, bytes: u64, ns: u64) -> String {
    if bytes == 0 {
        return format!("{name} nothing to move");
    }
    format!(
        "{name} {:.3} ms, {:.1} Gbit/s",
        ns as f64 / 1e6,
        gigabits(bytes, ns)
    )
}

/// One line of a report; none where there is nothing to say.
pub(super) fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(f, "{name:<12}{text}")
}

/// So many of something.
fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The end of a report: what the verifier says, and why there is no more to tell.
pub(super) fn verdict(
    f: &mut fmt::Formatter<'_>,
    violation: Option<&str>,
    violations: u64,
    leaks: u64,
    failure: Option<&str>,
) -> fmt::Result {
    let rules = violation.unwrap_or("no rule broken");
    let counts = (counted(violations, "violation"), counted(leaks, "leak"));
    line(f, "verifier", &format!("{rules}; {}, {}", counts.0, counts.1))?;
    line(f, "failed", failure.unwrap_or_default())
}

impl CopyReport {
    /// How long it took, and what arrived.
    fn outcome(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, details) = (self.bytes, &self.details);
        let text = format!("{} bytes from host A to host B and back", grouped(bytes));
        line(f, "copied", &text)?;
        let to_b = way("A to B by RDMA read: ", bytes, details.to_b_ns);
        line(f, "virtual", &to_b)?;
        line(f, "", &way("B to A by RDMA write:", bytes, details.to_a_ns))?;
        line(f, "sha256", &format!("{} file", self.sha256_source))?;
        for (hash, place) in [(&self.sha256_b, "on host B"), (&self.sha256_a, "back on A")] {
            let different = if *hash == self.sha256_source {
                ""
            } else {
                "  DIFFERENT"
            };
            line(f, "", &format!("{hash} {place}{different}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for CopyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.details;
        line(f, "device", &details.device)?;
        line(f, "driver", &details.driver)?;
        line(f, "connection", &details.connection)?;
        line(f, "link", &details.link)?;
        if self.violation.is_none() && self.failure.is_none() {
            self.outcome(f)?;
        }
        if self.violation.is_none() {
            self.traffic.lines(f)?;
            line(f, "closes", &self.closes.to_string())?;
        }
        let wall = format!("{:.2} s on this machine", self.wall_ns as f64 / 1e9);
        line(f, "wall", &wall)?;
        let (rule, failure) = (self.violation.as_deref(), self.failure.as_deref());
        verdict(f, rule, self.violations, self.leaks, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_another_hash_a_violation_or_a_leak_is_not_good() {
        let good = CopyReport::default();
        assert!(good.is_good());
        assert!(
            !CopyReport {
                sha256_a: "1".into(),
                ..good.clone()
            }
            .is_good()
        );
        assert!(
            !CopyReport {
                sha256_b: "1".into(),
                ..good.clone()
            }
            .is_good()
        );
        assert!(
            !CopyReport {
                violations: 1,
                ..good.clone()
            }
            .is_good()
        );
        assert!(
            !CopyReport {
                failure: Some("the link".into()),
                ..good.clone()
            }
            .is_good()
        );
        assert!(!CopyReport { leaks: 1, ..good }.is_good());
    }

    #[test]
    fn a_copy_that_failed_says_why_and_nothing_that_is_not_so() {
        let failed = CopyReport {
            failure: Some("the connection ended".into()),
            ..CopyReport::default()
        };
        let said = failed.to_string();
        assert!(
            said.ends_with("no rule broken; 0 violations, 0 leaks\nfailed      the connection ended\n"),
            "{said}"
        );
        assert!(!said.contains("sha256") && !said.contains("copied"), "{said}");
        let broken = CopyReport {
            violations: 1,
            violation: Some("DMA-10: memory".into()),
            ..CopyReport::default()
        };
        let said = broken.to_string();
        assert!(said.ends_with("DMA-10: memory; 1 violation, 0 leaks\n"), "{said}");
        assert!(said.lines().all(|line| line.len() > 12), "{said}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }
}
