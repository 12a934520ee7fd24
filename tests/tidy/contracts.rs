//! The rules of the contracts: the pages of `docs/rules`; and those that no scenario proves: `tests/unproven.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{report, root};

/// The pages of `docs/rules`, one a contract.
const CONTRACTS: [&str; 3] = ["ndk", "miniport", "condis"];

/// The text of a contract's page.
fn page(contract: &str) -> String {
    fs::read_to_string(root().join(format!("docs/rules/{contract}.md"))).unwrap()
}

/// The cells of a table's row.
pub fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(row.split(" | ").map(str::trim).collect())
}

/// Whether this is `PREFIX-nn`.
pub fn is_id(word: &str) -> bool {
    word.rsplit_once('-').is_some_and(|(prefix, digits)| {
        !prefix.is_empty()
            && prefix.bytes().all(|b| b.is_ascii_uppercase())
            && digits.len() == 2
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The rows of a page that are rules: those that begin with an id.
fn rules_of(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines().filter_map(cells).filter(|cells| is_id(cells[0]))
}

/// Every rule, by its contract: `ndk`, `miniport`, `condis`.
pub fn contracts() -> BTreeMap<String, BTreeSet<String>> {
    let ids = |contract| {
        rules_of(&page(contract))
            .map(|cells| cells[0].to_owned())
            .collect()
    };
    CONTRACTS
        .map(|contract| (contract.to_owned(), ids(contract)))
        .into()
}

/// The rules that no scenario proves, by the reason.
pub fn unproven() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("tests/unproven.txt")).unwrap();
    let mut section = String::new();
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if !section.is_empty() {
            let ids = line.split_whitespace().map(str::to_owned);
            sections.entry(section.clone()).or_default().extend(ids);
        }
    }
    sections
}

/// All ids of some sections.
pub fn all(sections: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    sections.values().flatten().cloned().collect()
}

/// Words that look like rule ids: a known prefix, a dash, two digits.
pub fn ids<'a>(text: &'a str, prefixes: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| is_id(word) && prefixes.contains(word.rsplit_once('-').unwrap().0))
}

/// What stands before the number in the ids of rules.
pub fn prefixes(rules: &BTreeSet<String>) -> BTreeSet<String> {
    rules
        .iter()
        .map(|id| id.rsplit_once('-').unwrap().0.to_owned())
        .collect()
}

/// What is wrong with the rules of a page: an id that stands twice, a rule without its text or its source.
fn faults(contract: &str, page: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for cells in rules_of(page) {
        let id = cells[0];
        if !seen.insert(id) {
            faults.push(format!("{contract}: {id} stands twice"));
        }
        if cells.len() < 3 || cells.iter().any(|cell| cell.is_empty()) {
            faults.push(format!("{contract}: {id} has no text or no source"));
        }
    }
    faults
}

/// The pages to which the rows of a page link by name, code apart, and of which it does not say where they are.
fn lost_links(page: &str) -> BTreeSet<&str> {
    let known: BTreeSet<_> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix('[')?
                .split_once("]: http")
                .map(|(name, _)| name)
        })
        .collect();
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let prose = rows.flat_map(|row| row.split('`').step_by(2));
    let links = prose.flat_map(|text| text.split('[').skip(1));
    links
        .filter_map(|link| link.split_once(']'))
        .filter(|(_, after)| !after.starts_with('('))
        .map(|(name, _)| name)
        .filter(|name| !known.contains(name))
        .collect()
}

/// Each rule stands once on its page, with its text and its source; each link of a row leads somewhere.
#[test]
fn every_rule_has_its_source() {
    let mut complaints = Vec::new();
    for contract in CONTRACTS {
        let page = page(contract);
        complaints.extend(faults(contract, &page));
        complaints.extend(
            lost_links(&page)
                .iter()
                .map(|link| format!("{contract}: [{link}] leads nowhere")),
        );
    }
    report("pages of rules", &complaints);
}

/// A page's faults are seen.
#[test]
fn faults_of_a_page_are_seen() {
    let page =
        "| ID | Rule | Source |\n| X-01 | a | [p] |\n| X-01 | b |  |\n| X-02 | c | [q] |\n\n[p]: https://p";
    assert_eq!(
        faults("x", page),
        ["x: X-01 stands twice", "x: X-01 has no text or no source"]
    );
    assert_eq!(lost_links(page), BTreeSet::from(["q"]));
}
