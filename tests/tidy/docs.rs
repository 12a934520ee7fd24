//! The documentation names what there is: files, and in the walks of `docs/architecture.md` the functions in them. So does the source, of
//! the documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::contracts::cells;
use crate::{all_files, name, report, root};

/// Pages that people read.
const PAGES: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/testing.md",
    "docs/rules/README.md",
];

/// Beginnings of what is a path of ours.
const PLACES: [&str; 4] = ["src/", "tests/", "scripts/", "docs/"];

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What stands between backticks in a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The files that a page links to, below `from`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.starts_with("http"))
}

#[test]
fn files_that_the_documentation_names_exist() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for page in PAGES {
        let text = read(page);
        let paths = code(&text).filter(|word| PLACES.iter().any(|place| word.starts_with(place)));
        for path in paths.filter(|path| !path.contains(['*', ' '])) {
            seen += 1;
            if !root().join(path).exists() {
                complaints.push(format!("{page}: there is no {path}"));
            }
        }
        let beside = Path::new(page).parent().unwrap();
        for link in links(&text).filter(|link| !root().join(beside).join(link).exists()) {
            complaints.push(format!("{page}: there is no {link}"));
        }
    }
    assert!(seen > 50, "paths must be seen");
    report("paths in the documentation", &complaints);
}

/// A row of a walk begins with a file and the functions in it that are passed, the last part of whose paths is their name.
#[test]
fn functions_of_the_walks_are_where_they_are_said_to_be() {
    let page = "docs/architecture.md";
    let text = read(page);
    let mut complaints = Vec::new();
    let mut seen = 0;
    for row in text.lines().filter_map(cells) {
        let Some(file) = code(row[0]).next().filter(|file| root().join(file).is_file()) else {
            continue;
        };
        let source = read(file);
        for path in code(row[1]) {
            seen += 1;
            let name = path.rsplit("::").next().unwrap();
            let defined = ["(", "<"]
                .iter()
                .any(|after| source.contains(&format!("fn {name}{after}")));
            if !defined {
                complaints.push(format!("{page}: {file} has no {path}"));
            }
        }
    }
    assert!(seen > 30, "walks must be seen");
    report("walks", &complaints);
}

/// The number that a text begins with: `4`, `4.2`.
fn number(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    number.starts_with(|c: char| c.is_ascii_digit()).then_some(number)
}

/// The numbers of a page's sections.
fn sections(text: &str) -> BTreeSet<&str> {
    let headings = text.lines().filter_map(|line| line.strip_prefix("##"));
    headings
        .filter_map(|heading| number(heading.trim_start_matches(['#', ' '])))
        .collect()
}

/// The section that a text after the name of a page names: `connectx.md 9`, `connectx.md section 9`.
fn section(after: &str) -> Option<&str> {
    let mut words = after.trim_start_matches([',', '`']).split_whitespace();
    words.find(|word| !word.starts_with("section")).and_then(number)
}

#[test]
fn sections_that_the_source_names_exist() {
    let pages = [
        ("connectx.md", "connectx"),
        ("connectx interface", "connectx"),
        ("connectx-ethernet", "connectx-ethernet"),
        ("roce-wire.md", "roce-wire"),
    ];
    let mut complaints = Vec::new();
    let mut seen = 0;
    for (spelling, page) in pages {
        let page = format!("docs/rules/{page}.md");
        let text = read(&page);
        let known = sections(&text);
        for path in all_files() {
            let source = fs::read_to_string(&path).unwrap();
            for section in source.split(spelling).skip(1).filter_map(section) {
                seen += 1;
                if !known.contains(section) {
                    complaints.push(format!("{}: {page} has no section {section}", name(&path)));
                }
            }
        }
    }
    assert!(seen > 80, "only {seen} sections are named");
    report("sections", &complaints);
}
