//! Calls: messages both ways, parties, closes.

use std::process::Command;

use serde_json::Value;

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

/// What the link does not deliver breaks no rule; the report says what was waited for.
#[test]
fn a_call_over_a_link_that_loses_nearly_everything_fails_with_a_reason() {
    let (good, report) = call(&["--loss", "50", "--messages", "2000"]);
    assert!(!good, "{report}");
    assert_eq!(report["violations"], 0, "{report}");
    assert!(report["failure"].is_string(), "{report}");
}
