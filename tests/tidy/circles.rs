//! Circles of modules: no module of a floor imports, by itself or through others, one that imports it.
//!
//! `CXNDK_MAP=1 cargo test --test tidy circles -- --nocapture` shows who imports whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::visit::Visit;

use crate::{FLOORS, report, root, rust_files};

/// Floors that may still have circles.
const WITH_CIRCLES: [&str; 0] = [];

/// A module as its path below `src`, and those that it imports.
type Map = BTreeMap<String, BTreeSet<String>>;

/// What one file names of its own crate: paths from the crate's root.
struct Named {
    module: Vec<String>,
    paths: Vec<Vec<String>>,
}

impl Named {
    /// A path as from the crate's root, if it leads into the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let first = path.iter().position(|part| part != "super")?;
        let up = first;
        let (base, rest) = match path[first].as_str() {
            "crate" if up == 0 => (Vec::new(), &path[1..]),
            "self" if up == 0 => (self.module.clone(), &path[1..]),
            _ if up > 0 => {
                let stays = self.module.len().checked_sub(up)?;
                (self.module[..stays].to_vec(), &path[up..])
            }
            _ => return None,
        };
        Some([&base[..], rest].concat())
    }

    fn note(&mut self, path: &[String]) {
        let absolute = self.absolute(path);
        self.paths.extend(absolute);
    }

    fn note_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.note(before),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.note_tree(before, item)),
        }
    }
}

impl Visit<'_> for Named {
    fn visit_use_tree(&mut self, tree: &syn::UseTree) {
        self.note_tree(&[], tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.note(&parts);
        syn::visit::visit_path(self, path);
    }
}

/// Reads a file: what it is called, and what it names.
fn read(path: &std::path::Path) -> (String, bool, Named) {
    let below = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut module: Vec<_> = below
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let is_folder = module.last().is_some_and(|last| last == "mod");
    module.truncate(module.len() - usize::from(is_folder));
    let mut named = Named {
        module: module.clone(),
        paths: Vec::new(),
    };
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    named.visit_file(&file);
    (module.join("/"), is_folder, named)
}

/// The floors that a file names in its `use` trees and paths, however they are grouped or relative.
pub(crate) fn floors_named_in(path: &std::path::Path) -> BTreeSet<String> {
    let (_, _, named) = read(path);
    let first = named.paths.into_iter().filter_map(|path| path.into_iter().next());
    first.filter(|first| FLOORS.contains(&first.as_str())).collect()
}

/// Who imports whom on a floor. What a folder's own file only passes on counts as imported from where it comes.
fn map_of(floor: &str) -> Map {
    let files: Vec<_> = rust_files(&format!("src/{floor}"))
        .iter()
        .map(|path| read(path))
        .collect();
    let modules: BTreeSet<_> = files
        .iter()
        .filter(|(_, is_folder, _)| !is_folder)
        .map(|(module, ..)| module.clone())
        .collect();
    let module_of = |path: &[String]| {
        let prefixes = (1..=path.len()).rev().map(|length| path[..length].join("/"));
        prefixes.into_iter().find(|prefix| modules.contains(prefix))
    };
    let mut passed_on = BTreeMap::new();
    for (folder, _, named) in files.iter().filter(|(_, is_folder, _)| *is_folder) {
        for path in &named.paths {
            if let (Some(module), Some(name)) = (module_of(path), path.last()) {
                passed_on.insert(format!("{folder}/{name}"), module);
            }
        }
    }
    let mut map = Map::new();
    for (module, _, named) in files.iter().filter(|(_, is_folder, _)| !is_folder) {
        let imported = named.paths.iter().filter_map(|path| {
            let passed =
                || (1..=path.len()).find_map(|length| passed_on.get(&path[..length].join("/")).cloned());
            module_of(path).or_else(passed)
        });
        let imported = imported.filter(|other| other != module).collect();
        map.insert(module.clone(), imported);
    }
    map
}

/// Everything that a module imports, by itself or through others.
fn reached(map: &Map, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(module) = next.pop() {
        for other in map.get(&module).into_iter().flatten() {
            if reached.insert(other.clone()) {
                next.push(other.clone());
            }
        }
    }
    reached
}

fn in_circles(map: &Map) -> Vec<String> {
    map.keys()
        .filter(|module| reached(map, module).contains(*module))
        .cloned()
        .collect()
}

#[test]
fn no_module_of_a_floor_imports_one_that_imports_it() {
    let mut complaints = Vec::new();
    for floor in FLOORS
        .iter()
        .filter(|floor| root().join("src").join(floor).is_dir())
    {
        let map = map_of(floor);
        if std::env::var_os("CXNDK_MAP").is_some() {
            map.iter()
                .for_each(|(module, imported)| println!("{module}: {imported:?}"));
        }
        let circle = in_circles(&map);
        if !circle.is_empty() && !WITH_CIRCLES.contains(floor) {
            complaints.push(format!("{floor}: in circles: {}", circle.join(", ")));
        }
    }
    report("circles", &complaints);
}

/// A circle is seen, also one through a third module.
#[test]
fn circles_are_seen() {
    let map = |edges: &[(&str, &str)]| {
        let mut map = Map::new();
        for (from, to) in edges {
            map.entry((*from).into()).or_default().insert((*to).into());
        }
        map
    };
    assert_eq!(in_circles(&map(&[("a", "b"), ("b", "c")])), [""; 0]);
    assert_eq!(
        in_circles(&map(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")])),
        ["a", "b", "c"]
    );
    let map = map_of("co");
    assert!(
        map["co/vc"].contains("co/leg") && map["co/leg"].contains("co/machine/leg"),
        "grouped imports are read"
    );
    assert!(
        map["co/client/ask"].contains("co/upcall"),
        "paths from the root are read"
    );
}
