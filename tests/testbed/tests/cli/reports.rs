//! Reports: what a failed run says, and an output that takes nothing.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::{file_of, json, run, said, testbed};

/// Standard output that is full, or whose reader is gone.
#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 100);
    for arguments in [
        vec!["copy", &*file],
        vec!["copy", &*file, "--json"],
        vec!["call", "--messages", "2"],
        vec!["call", "--messages", "2", "--json"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = testbed().args(&arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = said(&output);
        assert!(said.contains("cannot write the report"), "{arguments:?}: {said}");

        let mut command = testbed();
        let mut child = command
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            crate::said(&output)
        );
    }
}

/// Standard error that is full takes nothing away from the exit status.
#[test]
fn an_error_that_nobody_can_read_is_still_an_error() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = testbed()
        .args(["copy", "/missing"])
        .stderr(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

/// A link that loses so much that the connection ends: no rule is broken, and both reports say what happened.
#[test]
fn a_link_that_fails_is_no_broken_rule_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 4_000_000);
    let output = run(&[&file, "--loss", "50"]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        report.contains("no rule broken; 0 violations, 0 leaks"),
        "{report}"
    );
    let reason = report.lines().find_map(|line| line.strip_prefix("failed      "));
    let reason = reason.unwrap_or_else(|| panic!("{report}"));
    assert!(reason.len() > 10, "{report}");
    let driver = report.lines().find(|line| line.starts_with("driver "));
    assert!(
        report.contains("ConnectX-5") && driver.is_some_and(|line| line.contains("cxndk")),
        "{report}"
    );
    assert!(report.lines().all(|line| line.len() > 12), "{report}");

    let output = run(&[&file, "--loss", "50", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failure"], reason);
    assert_eq!(
        (&report["violations"], &report["violation"]),
        (&0.into(), &serde_json::Value::Null)
    );
}

#[test]
fn a_good_report_has_no_reason() {
    let directory = tempfile::tempdir().unwrap();
    let report = json(&[&file_of(directory.path(), 100)]);
    assert!(
        report["failure"].is_null() && report["violation"].is_null(),
        "{report}"
    );
}
