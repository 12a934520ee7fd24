//! What is proven of each rule: on the driver, by the simulation that enforces it, by a wrong driver that is caught.

use std::collections::BTreeSet;
use std::fs;

use crate::contracts::{all, contracts, ids, prefixes, unproven};
use crate::mentions::Mentions;
use crate::{all_files, name, report, root, rust_files};

/// The sections of unproven.txt whose rules the simulation watches in every scenario: under their own ids, or as part of another rule.
const WATCHED: &str = "the simulation ends a run that breaks it, and a wrong driver is caught";
const WATCHED_AS: &str =
    "the simulation ends a run that breaks it under the id of a wider rule, and a wrong driver is caught";

/// Where the simulation is, with the tests of its own.
const SIMULATION: [&str; 4] = [
    "tests/winsim",
    "tests/connectx-model",
    "tests/roce-wire",
    "tests/testbed/src",
];

/// What is proven, in three columns.
#[derive(Default)]
struct Proofs {
    /// A scenario names it in its doc comment.
    on_the_driver: BTreeSet<String>,
    /// The simulation ends a run that breaks it.
    enforced: BTreeSet<String>,
    /// A test of the simulation has a wrong driver, which is caught.
    caught: BTreeSet<String>,
}

impl Proofs {
    fn of(rules: &BTreeSet<String>) -> Self {
        let prefixes = prefixes(rules);
        let named = |texts: &[String]| -> Vec<String> {
            let found = texts.iter().flat_map(|text| ids(text, &prefixes));
            found
                .filter(|id| rules.contains(*id))
                .map(str::to_owned)
                .collect()
        };
        let mut proofs = Self::default();
        let simulation = SIMULATION.map(|place| root().join(place));
        for path in rust_files("tests") {
            let mentions = Mentions::of(&path);
            if simulation.iter().any(|place| path.starts_with(place)) {
                proofs.enforced.extend(named(&mentions.strings));
                proofs.caught.extend(named(&mentions.test_docs));
            } else {
                proofs.on_the_driver.extend(named(&mentions.test_docs));
            }
        }
        proofs
    }

    /// The counts of one contract.
    fn row(&self, contract: &str, rules: &BTreeSet<String>) -> String {
        let count = |proven: &BTreeSet<String>| rules.intersection(proven).count();
        let counts = [&self.on_the_driver, &self.enforced, &self.caught].map(count);
        let [driver, enforced, caught] = counts;
        format!(
            "{contract:<10}{:>6}{driver:>15}{enforced:>10}{caught:>8}",
            rules.len()
        )
    }
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
        println!("{}", proofs.row(contract, rules));
    }
    println!("{}", proofs.row("all", &rules));

    let twice: BTreeSet<_> = contracts["miniport"].intersection(&contracts["condis"]).collect();
    let unproven = all(&unproven());
    let mut complaints = Vec::new();
    for id in &rules {
        match (proofs.on_the_driver.contains(id), unproven.contains(id)) {
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
        if !proofs.enforced.contains(id) || !proofs.caught.contains(id) {
            complaints.push(format!("{id}: not both enforced and caught"));
        }
    }
    for id in &unproven[WATCHED_AS] {
        if !proofs.caught.contains(id) || proofs.enforced.contains(id) {
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
