//! Every rule is proven, or known to be not; every rule that is named exists.

use std::collections::BTreeSet;
use std::fs;

use crate::contracts::{all, contracts, ids, is_id, prefixes, unproven};
use crate::mentions::Mentions;
use crate::proofs::{Proofs, Proven};
use crate::{all_files, name, report, rust_files};

/// The sections of unproven.txt whose rules the simulation watches in every scenario: under their own ids, or as part of another rule.
const WATCHED: &str = "the simulation ends a run that breaks it, and a wrong driver is caught";
const WATCHED_AS: &str =
    "the simulation ends a run that breaks it under the id of a wider rule, and a wrong driver is caught";

/// The counts of one contract.
fn row(proofs: &Proofs, contract: &str, rules: &BTreeSet<String>) -> String {
    let count = |proven: &Proven| rules.iter().filter(|id| proven.contains_key(*id)).count();
    let counts = [&proofs.on_the_driver, &proofs.enforced, &proofs.caught].map(count);
    let [driver, enforced, caught] = counts;
    format!(
        "{contract:<10}{:>6}{driver:>15}{enforced:>10}{caught:>8}",
        rules.len()
    )
}

/// Each rule is proven by a scenario, or listed with the reason why not; never both, except for the few ids that mean one thing in the
/// contract for miniports and another in that for CoNDIS. The counts are printed: `cargo tidy` shows them.
#[test]
fn every_rule_is_proven_or_known_to_be_not() {
    let contracts = contracts();
    let rules = all(&contracts);
    assert!(rules.len() > 300, "the rules must be seen");
    let proofs = Proofs::of(&rules);
    println!(
        "{:<10}{:>6}{:>15}{:>10}{:>8}",
        "contract", "rules", "on the driver", "enforced", "caught"
    );
    for (contract, rules) in &contracts {
        println!("{}", row(&proofs, contract, rules));
    }
    println!("{}", row(&proofs, "all", &rules));

    let twice: BTreeSet<_> = contracts["miniport"].intersection(&contracts["condis"]).collect();
    let unproven = all(&unproven());
    let mut complaints = Vec::new();
    for id in &rules {
        match (proofs.on_the_driver.contains_key(id), unproven.contains(id)) {
            (false, false) => complaints.push(format!(
                "{id}: no scenario's doc comment names it, and unproven.txt does not say why"
            )),
            (true, true) if !twice.contains(id) => {
                complaints.push(format!("{id}: a scenario proves it, so it leaves unproven.txt"));
            }
            _ => {}
        }
    }
    let strangers = unproven.difference(&rules);
    complaints.extend(strangers.map(|id| format!("{id}: no rule of these contracts")));
    report("rules", &complaints);
}

/// What unproven.txt says is watched by the simulation is.
#[test]
fn what_is_said_to_be_watched_is() {
    let rules = all(&contracts());
    let (proofs, unproven) = (Proofs::of(&rules), unproven());
    let mut complaints = Vec::new();
    for id in &unproven[WATCHED] {
        if !proofs.enforced.contains_key(id) || !proofs.caught.contains_key(id) {
            complaints.push(format!("{id}: not both enforced and caught"));
        }
    }
    for id in &unproven[WATCHED_AS] {
        if !proofs.caught.contains_key(id) || proofs.enforced.contains_key(id) {
            complaints.push(format!("{id}: not caught, or enforced under its own id"));
        }
    }
    report("watched rules", &complaints);
}

#[test]
fn rule_ids_that_the_source_names_exist() {
    let known = all(&contracts());
    let prefixes = prefixes(&known);
    let (mut complaints, mut seen) = (Vec::new(), BTreeSet::new());
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        for id in ids(&text, &prefixes) {
            seen.insert(id.to_owned());
            if !known.contains(id) {
                complaints.push(format!("{}: {id}", name(&path)));
            }
        }
    }
    assert!(seen.len() > 50, "only {} rules are named anywhere", seen.len());
    report("unknown rules", &complaints);
}

/// What looks like an id in a test's doc comment, and is none.
const NO_RULES: [&str; 2] = ["UTF-16", "EUI-64"];

/// The doc comment of a test names no rule that there is not, under no prefix.
#[test]
fn rule_ids_that_tests_name_exist() {
    let known = all(&contracts());
    let mut complaints = Vec::new();
    for path in rust_files("tests") {
        for test in Mentions::of(&path).tests {
            let words = test.doc.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            let strangers =
                words.filter(|word| is_id(word) && !known.contains(*word) && !NO_RULES.contains(word));
            complaints.extend(strangers.map(|id| format!("{}: {}: {id}", name(&path), test.name)));
        }
    }
    report("unknown rules in the docs of tests", &complaints);
}
