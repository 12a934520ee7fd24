//! `docs/coverage.md`: what is proven of each rule, and where; written by the test that checks it.
//!
//! `CXNDK_COVERAGE=1 cargo test --test tidy coverage` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::contracts::{all, contracts, unproven};
use crate::proofs::{Proofs, Proven};
use crate::root;

const FILE: &str = "docs/coverage.md";

const HEAD: &str = "# What is proven of each rule

Written by `CXNDK_COVERAGE=1 cargo test --test tidy coverage`; not to be edited. A test is `file::test`, with `src` left out of the path.

- **On the driver**: scenarios and model checks that name the rule in their doc comments; or, in italics, why none does (`tests/unproven.txt`).
- **Enforced by**: the files of the simulation that end a run which breaks the rule.
- **A wrong driver is caught by**: tests of the simulation in which something breaks the rule and is caught.

The rules themselves: [rules](rules/README.md). `cargo tidy` prints the counts.
";

/// The places of one column, or what stands there if there are none.
fn places(column: &Proven, id: &str, otherwise: &str) -> String {
    let places = column.get(id).into_iter().flatten();
    let places: Vec<_> = places.map(|place| format!("`{place}`")).collect();
    if places.is_empty() {
        otherwise.to_owned()
    } else {
        places.join("<br>")
    }
}

/// The table of one contract: a line a rule, sorted.
fn table(rules: &BTreeSet<String>, proofs: &Proofs, reasons: &BTreeMap<String, String>) -> String {
    let mut table = String::from(
        "| rule | on the driver | enforced by | a wrong driver is caught by |\n|---|---|---|---|\n",
    );
    for id in rules {
        let reason = reasons
            .get(id)
            .map_or_else(String::new, |reason| format!("*{reason}*"));
        let driver = places(&proofs.on_the_driver, id, &reason);
        let [enforced, caught] = [&proofs.enforced, &proofs.caught].map(|column| places(column, id, ""));
        writeln!(table, "| {id} | {driver} | {enforced} | {caught} |").unwrap();
    }
    table
}

/// The whole file, from the tests as they are.
fn coverage() -> String {
    let contracts = contracts();
    let proofs = Proofs::of(&all(&contracts));
    let reasons = unproven()
        .into_iter()
        .flat_map(|(reason, ids)| ids.into_iter().map(move |id| (id, reason.clone())))
        .collect();
    let mut text = String::from(HEAD);
    for (contract, rules) in &contracts {
        write!(
            text,
            "\n## [{contract}](rules/{contract}.md)\n\n{}",
            table(rules, &proofs, &reasons)
        )
        .unwrap();
    }
    text
}

#[test]
fn the_table_of_coverage_is_up_to_date() {
    let (path, wanted) = (root().join(FILE), coverage());
    if std::env::var_os("CXNDK_COVERAGE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found != wanted {
        let [found, wanted]: [BTreeSet<_>; 2] = [&found, &wanted].map(|text| text.lines().collect());
        let differing = found
            .symmetric_difference(&wanted)
            .filter_map(|line| line.split(" | ").next());
        let differing: BTreeSet<_> = differing.map(str::to_owned).collect();
        let rows = Vec::from_iter(differing).join("\n");
        panic!(
            "{FILE} is out of date, `CXNDK_COVERAGE=1 cargo test --test tidy coverage` writes it anew:\n{rows}"
        );
    }
}
