//! The main job as a user runs it: whole files, lossy links, seeds, bad paths.

use std::path::Path;
use std::process::{Command, Output};

use cxndk_testbed::driver_source::image_named_by;
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_cxndk-testbed");
    Command::new(binary)
        .arg("copy")
        .args(arguments)
        .output()
        .expect("the testbed runs")
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

#[test]
fn files_of_any_length_come_back_as_they_went() {
    let directory = tempfile::tempdir().unwrap();
    for length in [0, 1, 4095, 4097, 1 << 20, (1 << 20) + 1, 3_333_333] {
        assert_good(&json(&[&file_of(directory.path(), length)]), length);
    }
}

#[test]
fn a_lossy_link_delivers_the_file_and_counts_what_was_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 1_000_001);
    for seed in 0..5 {
        let report = json(&[&file, "--loss", "2", "--seed", &seed.to_string()]);
        assert_good(&report, 1_000_001);
        assert!(
            report["retransmitted"].as_u64().unwrap() > 0,
            "seed {seed}: {report}"
        );
    }
}

#[test]
fn one_seed_gives_one_capture_to_the_byte_and_another_seed_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 300_000);
    let capture = |name: &str, seed: &str| {
        let path = directory.path().join(name);
        json(&[
            &file,
            "--loss",
            "1",
            "--seed",
            seed,
            "--capture",
            path.to_str().unwrap(),
        ]);
        std::fs::read(path).unwrap()
    };
    let first = capture("first.pcap", "7");
    assert!(first.len() > 600_000, "the file went both ways over the wire");
    assert_eq!(first, capture("second.pcap", "7"));
    assert_ne!(first, capture("third.pcap", "8"));
}

#[test]
fn a_path_that_cannot_be_copied_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    for (path, reason) in [
        (missing.as_path(), "No such file"),
        (directory.path(), "is a directory"),
        (Path::new("/dev/null"), "not a regular file"),
    ] {
        let output = run(&[path.to_str().unwrap()]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains(reason) && message.contains(path.to_str().unwrap()),
            "{message}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_impossible_loss_is_a_usage_error() {
    for loss in ["-1", "101", "much"] {
        let output = run(&["--loss", loss]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The compiler that made it, where it lies, how it was bound: nothing of that shows on the wire.
#[test]
#[ignore = "compares with a built image: scripts/test-sys"]
fn the_image_and_the_linked_driver_put_the_same_bytes_on_the_wire() {
    let image =
        image_named_by("CXNDK_DRIVER").expect("CXNDK_DRIVER names an image; scripts/test-sys builds one");
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 400_001);
    for (seed, loss) in [("0", "0"), ("1", "2"), ("2", "5")] {
        let captures = [None, Some(&image)].map(|image| {
            let capture = directory.path().join("run.pcap");
            let mut command = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"));
            command
                .env_remove("CXNDK_DRIVER")
                .args(["copy", &file, "--seed", seed, "--loss", loss]);
            command.arg("--capture").arg(&capture);
            if let Some(image) = image {
                command.arg("--driver").arg(image);
            }
            let output = command.output().expect("the testbed runs");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(said.contains("(linked)"), image.is_none(), "{said}");
            std::fs::read(capture).unwrap()
        });
        assert!(captures[0].len() > 400_001);
        assert!(
            captures[0] == captures[1],
            "seed {seed}, loss {loss}: the captures differ"
        );
    }
}

#[test]
fn a_driver_that_is_none_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("nothing.sys");
    let text = directory.path().join("text.sys");
    std::fs::write(&text, "no image").unwrap();
    for (path, why) in [(&nothing, "No such file"), (&text, "MZ")] {
        let path = path.to_str().unwrap();
        let output = run(&["--driver", path]);
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(path) && said.contains(why), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn the_environment_names_the_driver_for_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("nothing.sys");
    for command in ["copy", "call"] {
        let output = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"))
            .env("CXNDK_DRIVER", &nothing)
            .arg(command)
            .output()
            .expect("the testbed runs");
        assert!(!output.status.success(), "{command}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(nothing.to_str().unwrap()), "{command}: {said}");
    }
}

fn call(arguments: &[&str]) -> (bool, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"));
    let output = command
        .arg("call")
        .args(arguments)
        .arg("--json")
        .output()
        .expect("the testbed runs");
    let report = serde_json::from_slice(&output.stdout).expect("one JSON object");
    (output.status.success(), report)
}

#[test]
fn calls_carry_messages_both_ways_and_are_closed_by_either_side() {
    for (seed, loss, messages) in [("0", "0", 2000), ("1", "2", 500), ("2", "0", 1), ("3", "0", 0)] {
        let (good, report) = call(&[
            "--seed",
            seed,
            "--loss",
            loss,
            "--messages",
            &messages.to_string(),
        ]);
        assert!(good, "{report}");
        assert_eq!(report["messages"], 2 * messages, "each side sends as many");
        assert_eq!((&report["calls"], &report["damaged"]), (&2.into(), &0.into()));
        assert_eq!(report["closes"]["pended"], report["closes"]["completed"]);
        assert_eq!((&report["violations"], &report["leaks"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_call_to_many_parties_reaches_each() {
    for (seed, parties) in [("0", 2), ("1", 8)] {
        let parties_text = parties.to_string();
        let (good, report) = call(&[
            "--seed",
            seed,
            "--parties",
            &parties_text,
            "--messages",
            "300",
            "--loss",
            "1",
        ]);
        assert!(good, "{report}");
        assert_eq!(report["messages"], 300 * parties);
        assert_eq!(report["parties"], parties);
    }
}

#[test]
fn a_call_to_nobody_or_to_too_many_is_a_usage_error() {
    for wrong in ["0", "65", "some"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cxndk-testbed"));
        let output = command
            .args(["call", "--parties", wrong])
            .output()
            .expect("the testbed runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--parties"));
    }
}
