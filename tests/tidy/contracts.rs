//! The rules of the contracts: `tests/rules.txt`, and those that no scenario proves, `tests/unproven.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::root;

/// The sections of a list, with their ids.
fn sections(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join(file)).unwrap();
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

/// Every rule, by its contract: `ndk`, `miniport`, `condis`.
pub fn contracts() -> BTreeMap<String, BTreeSet<String>> {
    sections("tests/rules.txt")
}

/// The rules that no scenario proves, by the reason.
pub fn unproven() -> BTreeMap<String, BTreeSet<String>> {
    sections("tests/unproven.txt")
}

/// All ids of some sections.
pub fn all(sections: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    sections.values().flatten().cloned().collect()
}

/// Words that look like rule ids: a known prefix, a dash, two digits.
pub fn ids<'a>(text: &'a str, prefixes: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            word.rsplit_once('-').is_some_and(|(prefix, digits)| {
                prefixes.contains(prefix) && digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())
            })
        })
}

/// What stands before the number in the ids of rules.
pub fn prefixes(rules: &BTreeSet<String>) -> BTreeSet<String> {
    rules
        .iter()
        .map(|id| id.rsplit_once('-').unwrap().0.to_owned())
        .collect()
}
