//! Arguments: bad paths, ranges, captures that would overwrite what the run reads, odd names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{file_of, run, said, testbed};

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

/// A number's range stands in the help and in the refusal.
#[test]
fn ranges_are_told() {
    for (command, argument, wrong, range) in [
        ("copy", "--loss", "51", ["0 to 50", "between 0 and 50"]),
        ("call", "--loss", "51", ["0 to 50", "between 0 and 50"]),
        ("call", "--parties", "0", ["1 to 64", "1..=64"]),
    ] {
        let help = testbed().args([command, "--help"]).output().unwrap();
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(help.contains(range[0]), "{help}");
        let refused = testbed().args([command, argument, wrong]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(said(&refused).contains(range[1]), "{}", said(&refused));
    }
}

/// Under its own name, another name, or as the driver's image: what the run reads is not overwritten.
#[test]
fn a_capture_does_not_overwrite_what_the_run_reads() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 5000);
    let before = fs::read(&file).unwrap();
    let (link, hard) = (directory.path().join("link"), directory.path().join("hard"));
    symlink(&file, &link).unwrap();
    fs::hard_link(&file, &hard).unwrap();
    for capture in [Path::new(&file), &link, &hard] {
        let capture = capture.to_str().unwrap();
        for arguments in [
            vec![&*file, "--capture", capture],
            vec!["--driver", &*file, "--capture", capture],
        ] {
            let output = run(&arguments);
            assert_eq!(output.status.code(), Some(1));
            let said = said(&output);
            assert!(
                said.contains("would overwrite") && said.contains(capture),
                "{said}"
            );
            assert_eq!(fs::read(&file).unwrap(), before);
        }
    }
    let mut command = testbed();
    command.args(["copy", "-", "--capture", &file]);
    let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert!(said(&output).contains("would overwrite"), "{}", said(&output));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_dash_is_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = file_of(directory.path(), 70_001);
    let direct = crate::json(&[&file]);
    let mut cat = Command::new("cat")
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut command = testbed();
    command.args(["copy", "-", "--json"]);
    let output = command.stdin(cat.stdout.take().unwrap()).output().unwrap();
    cat.wait().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let piped: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    crate::assert_good(&piped, 70_001);
    assert_eq!(piped["sha256_source"], direct["sha256_source"]);
}

#[test]
fn every_command_tells_its_version() {
    for arguments in [vec!["-V"], vec!["copy", "-V"], vec!["call", "--version"]] {
        let output = testbed().args(&arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    }
}
