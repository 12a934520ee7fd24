//! What a copy reports, to a person and to a program.

use std::fmt::{self, Write as _};

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
    /// What broke, if something did.
    pub violation: Option<String>,
}

impl CopyReport {
    /// Whether the copy is what it must be.
    pub fn is_good(&self) -> bool {
        let same = self.sha256_source == self.sha256_a && self.sha256_source == self.sha256_b;
        same && self.violations == 0 && self.leaks == 0
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

impl fmt::Display for CopyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.details;
        let mut line = |name: &str, text: &str| writeln!(f, "{name:<12}{text}");
        line("device", &details.device)?;
        line("driver", &details.driver)?;
        line("connection", &details.connection)?;
        line("link", &details.link)?;
        line(
            "copied",
            &format!("{} bytes from host A to host B and back", grouped(self.bytes)),
        )?;
        line(
            "virtual",
            &way("A to B by RDMA read: ", self.bytes, details.to_b_ns),
        )?;
        line("", &way("B to A by RDMA write:", self.bytes, details.to_a_ns))?;
        line(
            "wall",
            &format!("{:.2} s on this machine", self.wall_ns as f64 / 1e9),
        )?;
        line("sha256", &format!("{} file", self.sha256_source))?;
        line(
            "",
            &format!(
                "{} on host B{}",
                self.sha256_b,
                verdict(&self.sha256_b, &self.sha256_source)
            ),
        )?;
        line(
            "",
            &format!(
                "{} back on A{}",
                self.sha256_a,
                verdict(&self.sha256_a, &self.sha256_source)
            ),
        )?;
        let mut work = String::new();
        write!(
            work,
            "{} WQEs, {} doorbells, ",
            grouped(self.traffic.wqes),
            grouped(self.traffic.doorbells)
        )?;
        write!(work, "{} interrupts", grouped(self.traffic.interrupts))?;
        line("work", &work)?;
        let mut packets = String::new();
        write!(
            packets,
            "{} sent, {} of them again; ",
            grouped(self.traffic.packets),
            grouped(self.traffic.retransmitted)
        )?;
        write!(packets, "the link damaged {}", grouped(self.traffic.faults))?;
        line("packets", &packets)?;
        let Closes {
            inline,
            pended,
            completed,
        } = self.closes;
        line(
            "closes",
            &format!("{inline} done at once, {pended} pended, {completed} completed"),
        )?;
        let rules = details.violation.as_deref().unwrap_or("no rule broken");
        line(
            "verifier",
            &format!("{rules}; {} violations, {} leaks", self.violations, self.leaks),
        )
    }
}

fn verdict(hash: &str, source: &str) -> &'static str {
    if hash == source { "" } else { "  DIFFERENT" }
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
        assert!(!CopyReport { leaks: 1, ..good }.is_good());
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }
}
