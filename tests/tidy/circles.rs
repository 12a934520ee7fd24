//! Circles of modules: no module of a floor imports, by itself or through others, one that imports it.
//!
//! `CXNDK_MAP=1 cargo test --test tidy circles -- --nocapture` shows who imports whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::visit::Visit;

use crate::{FLOORS, report, root, rust_files};

/// A module as its path below `src`, and those that it imports.
type Map = BTreeMap<String, BTreeSet<String>>;

/// What one file names of its own crate: paths from the crate's root.
struct Named {
    module: Vec<String>,
    paths: Vec<Vec<String>>,
    /// What imported names stand for.
    imported: BTreeMap<String, Vec<String>>,
    /// A folder's own file.
    is_folder: bool,
    /// It has something of its own, besides modules and imports.
    has_items: bool,
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
            name => (self.imported.get(name)?.clone(), &path[1..]),
        };
        Some([&base[..], rest].concat())
    }

    fn import(&mut self, name: &syn::Ident, path: &[String]) {
        if let Some(absolute) = self.absolute(path) {
            self.paths.push(absolute.clone());
            self.imported.insert(name.to_string(), absolute);
        }
    }

    fn note(&mut self, path: &[String]) {
        let absolute = self.absolute(path);
        self.paths.extend(absolute);
    }

    fn note_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.import(&syn::Ident::new(last, name.ident.span()), before);
                }
            }
            syn::UseTree::Name(name) => self.import(&name.ident, &with(&name.ident)),
            syn::UseTree::Rename(rename) => self.import(&rename.rename, &with(&rename.ident)),
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
fn read(path: &std::path::Path) -> (String, Named) {
    let below = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut module: Vec<_> = below
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let is_folder = module.last().is_some_and(|last| last == "mod");
    module.truncate(module.len() - usize::from(is_folder));
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    let is_own = |item: &syn::Item| !matches!(item, syn::Item::Mod(_) | syn::Item::Use(_));
    let mut named = Named {
        module: module.clone(),
        paths: Vec::new(),
        imported: BTreeMap::new(),
        is_folder,
        has_items: file.items.iter().any(is_own),
    };
    named.visit_file(&file);
    (module.join("/"), named)
}

/// The floors that a file names in its `use` trees and paths, however they are grouped or relative.
pub(crate) fn floors_named_in(path: &std::path::Path) -> BTreeSet<String> {
    let (_, named) = read(path);
    let first = named.paths.into_iter().filter_map(|path| path.into_iter().next());
    first.filter(|first| FLOORS.contains(&first.as_str())).collect()
}

/// Who imports whom on a floor. What a folder's own file only passes on counts as imported from where it comes; a folder whose file has something of
/// its own counts as a module, which its children may import: that it names them does not count.
fn map_of(floor: &str) -> Map {
    let files: Vec<_> = rust_files(&format!("src/{floor}"))
        .iter()
        .map(|path| read(path))
        .collect();
    let rooms = || {
        files
            .iter()
            .filter(|(_, named)| !named.is_folder || named.has_items)
    };
    let modules: BTreeSet<_> = rooms().map(|(module, _)| module.clone()).collect();
    let module_of = |path: &[String]| {
        let prefixes = (1..=path.len()).rev().map(|length| path[..length].join("/"));
        prefixes.into_iter().find(|prefix| modules.contains(prefix))
    };
    let mut passed_on = BTreeMap::new();
    for (folder, named) in files.iter().filter(|(_, named)| named.is_folder) {
        for (name, path) in &named.imported {
            passed_on.extend(module_of(path).map(|module| (format!("{folder}/{name}"), module)));
        }
    }
    let passed = |path: &[String]| {
        let prefixes = (1..=path.len()).rev().map(|length| path[..length].join("/"));
        prefixes
            .into_iter()
            .find_map(|prefix| passed_on.get(&prefix).cloned())
    };
    let mut map = Map::new();
    for (module, named) in rooms() {
        let imported = named
            .paths
            .iter()
            .filter_map(|path| passed(path).or_else(|| module_of(path)));
        let own = |other: &String| {
            named.is_folder
                && other
                    .strip_prefix(module.as_str())
                    .is_some_and(|below| below.starts_with('/'))
        };
        let imported = imported.filter(|other| other != module && !own(other)).collect();
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
        if !circle.is_empty() {
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
    assert!(
        map_of("hw")["hw/qp"].contains("hw/send_queue/element"),
        "paths through an imported name are read"
    );
    assert!(
        map_of("cm")["cm/connection"].contains("cm/mad"),
        "what a folder's own file has is its"
    );
}
