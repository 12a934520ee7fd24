//! What is proven of each rule, and where: on the driver, by the simulation that enforces it, by a wrong driver that is caught.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::contracts::{ids, prefixes};
use crate::mentions::Mentions;
use crate::{root, rust_files};

/// Where the simulation is, with the tests of its own.
const SIMULATION: [&str; 4] = [
    "tests/winsim",
    "tests/connectx-model",
    "tests/roce-wire",
    "tests/testbed/src",
];

/// Rules, and where each is proven: tests as `file::test`, or files.
pub type Proven = BTreeMap<String, BTreeSet<String>>;

/// What is proven, in three columns.
#[derive(Default)]
pub struct Proofs {
    /// The scenarios that name it in their doc comments.
    pub on_the_driver: Proven,
    /// The files of the simulation that end a run which breaks it.
    pub enforced: Proven,
    /// The tests of the simulation with a wrong driver, which is caught.
    pub caught: Proven,
}

/// A file as the table of coverage names it: its path below `tests`, without `src` and the extension.
fn label(path: &Path) -> String {
    let below = path
        .strip_prefix(root().join("tests"))
        .unwrap()
        .with_extension("");
    let parts = below.iter().map(|part| part.to_str().unwrap());
    let parts: Vec<_> = parts.filter(|part| !["src", "mod"].contains(part)).collect();
    parts.join("/")
}

impl Proofs {
    /// Reads what all files below `tests` prove of the rules.
    pub fn of(rules: &BTreeSet<String>) -> Self {
        let prefixes = prefixes(rules);
        let note = |column: &mut Proven, text: &str, place: &str| {
            for id in ids(text, &prefixes).filter(|id| rules.contains(*id)) {
                column.entry(id.to_owned()).or_default().insert(place.to_owned());
            }
        };
        let mut proofs = Self::default();
        let simulation = SIMULATION.map(|place| root().join(place));
        for path in rust_files("tests") {
            let (mentions, label) = (Mentions::of(&path), label(&path));
            let simulated = simulation.iter().any(|place| path.starts_with(place));
            let tests = if simulated {
                &mut proofs.caught
            } else {
                &mut proofs.on_the_driver
            };
            for test in &mentions.tests {
                note(tests, &test.doc, &format!("{label}::{}", test.name));
            }
            for text in mentions.strings.iter().filter(|_| simulated) {
                note(&mut proofs.enforced, text, &label);
            }
        }
        proofs
    }
}
