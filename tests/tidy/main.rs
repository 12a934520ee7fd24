//! What no lint checks of our own source: sizes, first lines, floors, rules, leftovers.

mod circles;
mod contracts;
mod coverage;
mod docs;
mod mentions;
mod proofs;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::Visit;

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;

/// The floors of the driver, low to high; a module imports only from lower ones.
const FLOORS: [&str; 9] = ["sys", "nt", "hw", "ether", "cm", "ndk", "co", "adapter", "driver"];
/// Floors that stand side by side: none imports from another.
const SIDE_BY_SIDE: [&str; 2] = ["ndk", "co"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(under), &mut found);
    found.sort();
    found
}

fn all_files() -> Vec<PathBuf> {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    assert!(files.len() > 50, "the walk must see the whole tree");
    files
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn report(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n{}", complaints.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut complaints = Vec::new();
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            complaints.push(format!("{}: {lines} lines", name(&path)));
        }
        if !text.starts_with("//! ") {
            complaints.push(format!(
                "{}: the first line does not say what it is for",
                name(&path)
            ));
        }
    }
    report("files", &complaints);
}

struct LongFunctions(Vec<(String, usize)>);

impl LongFunctions {
    fn note(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line - span.start().line + 1;
        if lines > MAX_FUNCTION_LINES {
            self.0.push((name.to_string(), lines));
        }
    }
}

impl Visit<'_> for LongFunctions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn functions_are_short() {
    let mut complaints = Vec::new();
    for path in all_files() {
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut long = LongFunctions(Vec::new());
        long.visit_file(&file);
        complaints.extend(
            long.0
                .iter()
                .map(|(f, lines)| format!("{}: {f}: {lines} lines", name(&path))),
        );
    }
    report("functions", &complaints);
}

/// The module of the driver that a file of `src` belongs to.
fn floor_of(path: &Path) -> Option<usize> {
    let first = path.strip_prefix(root().join("src")).ok()?.components().next()?;
    let module = Path::new(first.as_os_str()).file_stem()?.to_str()?;
    FLOORS.iter().position(|floor| *floor == module)
}

#[test]
fn modules_of_the_driver_import_only_downward() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in rust_files("src") {
        let Some(floor) = floor_of(&path) else { continue };
        // What macros are given is no path for a parser.
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect();
        let paths = circles::floors_named_in(&path);
        for (above, module) in FLOORS.iter().enumerate() {
            let named = paths.contains(*module) || code.contains(&format!("crate::{module}::"));
            seen += usize::from(named);
            let beside =
                above != floor && SIDE_BY_SIDE.contains(module) && SIDE_BY_SIDE.contains(&FLOORS[floor]);
            if named && (above > floor || beside) {
                complaints.push(format!("{}: imports {module}", name(&path)));
            }
        }
    }
    assert!(seen > 20, "the driver's imports must be seen");
    report("floors", &complaints);
}

/// Proves GEN-06: what is a client's or a stand-alone call manager's to call is not called by the integrated one.
#[test]
fn the_call_manager_calls_nothing_of_clients() {
    let forbidden = [
        "NdisCoCreateVc",
        "NdisCoDeleteVc",
        "NdisCoOidRequest",
        "NdisCoSendNetBufferLists",
        "NdisCoAssignInstanceName",
    ];
    let mut complaints = Vec::new();
    for path in rust_files("src/co").into_iter().chain(rust_files("src/adapter")) {
        // The driver's own client, for the self-test, is a client.
        if name(&path).contains("/client") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for word in forbidden {
            let called = format!("{word}(");
            if code.iter().any(|line| line.contains(&called)) {
                complaints.push(format!("{}: calls {word}", name(&path)));
            }
        }
    }
    report("call manager", &complaints);
}

#[test]
fn nothing_unfinished_is_left() {
    // Spelled in pieces so that this file does not find itself.
    let leftovers = [
        ["to", "do!("],
        ["unimple", "mented!("],
        ["db", "g!("],
        ["TO", "DO"],
        ["FIX", "ME"],
        // A test that does not run is ignored, with the reason.
        ["SKIP", "PED"],
    ]
    .map(|p| p.concat());
    let mut complaints = Vec::new();
    for path in all_files() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(word) = leftovers.iter().find(|word| line.contains(word.as_str())) {
                complaints.push(format!("{}:{}: {word}", name(&path), number + 1));
            }
        }
    }
    report("leftovers", &complaints);
}

#[test]
fn the_driver_has_no_test_hooks_no_mutable_statics_and_no_unwrap() {
    let forbidden = [
        "cfg(test)",
        "static mut",
        ".unwrap()",
        "#[test]",
        "lazy_static",
        "OnceLock",
    ];
    let mut complaints = Vec::new();
    for path in rust_files("src") {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(word) = forbidden.iter().find(|word| line.contains(*word)) {
                complaints.push(format!("{}:{}: {word}", name(&path), number + 1));
            }
        }
    }
    report("driver", &complaints);
}
