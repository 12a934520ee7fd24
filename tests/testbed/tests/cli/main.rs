//! The command line as a user runs it.

mod arguments;
mod calls;
mod copies;
mod drivers;
mod reports;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The program, for the linked driver and whatever the environment of the tests names.
fn testbed() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"))
}

fn run(arguments: &[&str]) -> Output {
    let mut command = testbed();
    command.arg("copy").args(arguments);
    command.output().expect("the testbed runs")
}

/// What a command said to standard error.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn file_of(directory: &Path, length: usize) -> String {
    let path = directory.join(format!("file-{length}"));
    std::fs::write(
        &path,
        (0..length).map(|i| (i * 7 + i / 251) as u8).collect::<Vec<_>>(),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

fn assert_good(report: &Value, length: usize) {
    assert_eq!(report["bytes"], length);
    assert_eq!(report["sha256_source"], report["sha256_a"]);
    assert_eq!(report["sha256_source"], report["sha256_b"]);
    assert_eq!(report["violations"], 0);
    assert_eq!(report["leaks"], 0);
    assert_eq!(report["closes"]["pended"], report["closes"]["completed"]);
}
