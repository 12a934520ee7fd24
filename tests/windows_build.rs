//! What `cargo make` and `cargo wdk build` do on Windows, as far as it can be done here: they build the driver, and find its
//! library and its INF source where they look.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

const PACKAGE: &str = "cxndk";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn makefile() -> String {
    fs::read_to_string(root().join("Makefile.toml")).unwrap()
}

/// The lines of one table of the makefile.
fn table(name: &str) -> Vec<String> {
    let text = makefile();
    let lines = text.lines().skip_while(|line| *line != format!("[{name}]"));
    let lines: Vec<_> = lines
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "the makefile has no [{name}]");
    lines
}

/// The strings in a line of the makefile that begins with `key`.
fn strings(table: &[String], key: &str) -> Vec<String> {
    let line = table.iter().find(|line| line.starts_with(key)).expect(key);
    let parts = line.split('"').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn cargo(arguments: &[String]) -> std::process::Output {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn metadata() -> Value {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked"];
    let output = cargo(&arguments.map(str::to_owned));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn package<'a>(metadata: &'a Value, name: &str) -> &'a Value {
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|package| package["name"] == name);
    found.unwrap_or_else(|| panic!("no package {name}"))
}

/// A target directory of its own: in that of the tests the driver alone would be built with other features of what it depends on, and
/// take the place of the one that the testbed is linked with.
fn target_directory() -> PathBuf {
    let test = env::current_exe().unwrap();
    let mut above = test.ancestors().skip(3);
    above.next().expect("the target directory").join("makefile")
}

/// cargo-make's flow copies the library from the output directory: a dependency's would not be there.
#[test]
fn the_build_of_the_makefile_leaves_the_drivers_library() {
    let build = table("tasks.build");
    assert_eq!(strings(&build, "command"), ["cargo"]);
    // What begins with @@ is for cargo-make: flags that its caller gives.
    let mut arguments = strings(&build, "args");
    arguments.retain(|argument| !argument.starts_with("@@"));
    arguments.push("--locked".to_owned());
    let directory = target_directory();
    arguments.extend(["--target-dir".to_owned(), directory.display().to_string()]);
    let name = format!("{}{PACKAGE}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let library = directory.join("debug").join(name);
    drop(fs::remove_file(&library));
    cargo(&arguments);
    assert!(library.is_file(), "{} is not there", library.display());
}

/// A plain `cargo build` builds the driver itself, not only what depends on it.
#[test]
fn a_plain_build_builds_the_driver() {
    let metadata = metadata();
    let driver = &package(&metadata, PACKAGE)["id"];
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    assert!(defaults.contains(driver), "{defaults:?}");
}

/// What is for Linux; elsewhere it is empty.
const TESTBED: [&str; 5] = [
    "intervals",
    "winsim",
    "roce-wire",
    "connectx-model",
    "cxndk-testbed",
];

/// `cargo wdk build` builds every package of the workspace. Those of the testbed are empty on Windows and need nothing there.
#[test]
fn what_is_not_for_windows_needs_nothing_there() {
    let metadata = metadata();
    for name in TESTBED {
        let needed = package(&metadata, name)["dependencies"].as_array().unwrap();
        for dependency in needed.iter().filter(|dependency| dependency["kind"].is_null()) {
            let on = &dependency["target"];
            assert_eq!(on, "cfg(not(windows))", "{name}: {}", dependency["name"]);
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let source = path.join(name.trim_start_matches("cxndk-")).join("src/lib.rs");
        let text = fs::read_to_string(&source).expect("a library");
        assert!(text.contains("\n#![cfg(not(windows))]\n"), "{name}");
    }
}

/// Without the flags of `scripts/build-sys` no other package can be linked as an image.
#[test]
fn nothing_but_the_driver_is_an_image() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let targets = package["targets"].as_array().unwrap();
        let mut kinds = targets
            .iter()
            .flat_map(|target| target["crate_types"].as_array().unwrap());
        let is_image = kinds.any(|kind| kind == "cdylib");
        assert_eq!(is_image, package["name"] == PACKAGE, "{}", package["name"]);
    }
}

/// Both tools take the INF source from the package's directory, under the package's name.
#[test]
fn the_inf_source_is_where_the_tools_look() {
    let inf = root().join(format!("{PACKAGE}.inx"));
    let text = fs::read_to_string(&inf).unwrap();
    assert!(
        text.contains(&format!("CatalogFile = {PACKAGE}.cat")),
        "{}",
        inf.display()
    );
    assert!(
        !makefile().contains("copy-inx-to-output"),
        "the flow's own task copies it"
    );
}

/// The driver is for servers, and a catalog is valid only on what it names.
#[test]
fn the_catalog_is_for_the_servers() {
    let task = table("tasks.inf2cat");
    assert_eq!(strings(&task, "env")[1], "${CXNDK_INF2CAT_OS}");
    let names = strings(&table("env"), "CXNDK_INF2CAT_OS");
    for server in ["ServerRS5_X64", "ServerFE_X64", "Server2025_X64"] {
        assert!(
            names[0].split(',').any(|name| name == server),
            "{server}: {names:?}"
        );
    }
}
