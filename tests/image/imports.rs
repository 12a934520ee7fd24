//! Imports: by name, of documented functions that Windows Server 2019 has, each of them used.

use std::collections::{BTreeMap, BTreeSet};

use object::LittleEndian as LE;
use object::read::pe::Import;

use crate::call_graph::instructions;
use crate::file::{Image, image};
use crate::functions::Functions;

/// Documented exports that Windows Server 2019 has, by module.
const DOCUMENTED: &str = include_str!("documented.txt");

/// One imported function.
struct Imported {
    module: String,
    name: String,
    slot: u32,
}

fn imports(image: &Image) -> Vec<Imported> {
    let pe = image.pe();
    let table = pe
        .import_table()
        .expect("imports that can be read")
        .expect("imports");
    let mut found = Vec::new();
    let mut descriptors = table.descriptors().unwrap();
    while let Some(descriptor) = descriptors.next().unwrap() {
        let module = String::from_utf8(table.name(descriptor.name.get(LE)).unwrap().to_vec()).unwrap();
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE)).unwrap();
        let mut slot = descriptor.first_thunk.get(LE);
        while let Some(thunk) = thunks.next::<object::pe::ImageNtHeaders64>().unwrap() {
            let name = match table.import::<object::pe::ImageNtHeaders64>(thunk).unwrap() {
                Import::Name(_, name) => String::from_utf8(name.to_vec()).unwrap(),
                Import::Ordinal(ordinal) => panic!("{module} ordinal {ordinal}: imports are by name"),
            };
            found.push(Imported {
                module: module.clone(),
                name,
                slot,
            });
            slot += 8;
        }
    }
    found
}

/// The slots of the import address table, with the names of what the loader puts there.
pub fn import_slots(image: &Image) -> BTreeMap<u32, String> {
    imports(image)
        .into_iter()
        .map(|import| (import.slot, import.name))
        .collect()
}

fn documented() -> BTreeSet<(String, String)> {
    let mut module = String::new();
    let mut set = BTreeSet::new();
    for line in DOCUMENTED.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut module);
        } else {
            set.extend(
                line.split_whitespace()
                    .map(|name| (module.clone(), name.to_owned())),
            );
        }
    }
    set
}

/// Proves GEN-05: of the call manager's functions whose names begin with `NdisMCm` six are exports, the others macros of C.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_call_manager_imports_what_is_exported() {
    let exports = [
        "NdisMCmActivateVc",
        "NdisMCmCreateVc",
        "NdisMCmDeactivateVc",
        "NdisMCmDeleteVc",
        "NdisMCmOidRequest",
        "NdisMCmRegisterAddressFamilyEx",
    ];
    let mut names = imports(image()).into_iter().map(|import| import.name);
    let macros: Vec<_> = names
        .by_ref()
        .filter(|name| name.starts_with("NdisMCm") && !exports.contains(&name.as_str()))
        .collect();
    assert!(macros.is_empty(), "{macros:?}");
}

/// What of these imports Windows Server 2019 does not export, or no page documents.
fn unknown(imports: &[Imported]) -> Vec<String> {
    let documented = documented();
    let known = |import: &&Imported| documented.contains(&(import.module.clone(), import.name.clone()));
    let unknown = imports.iter().filter(|import| !known(import));
    unknown
        .map(|import| format!("{}!{}", import.module, import.name))
        .collect()
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn every_import_is_a_documented_export_of_windows_server_2019() {
    let image = image();
    let imports = imports(image);
    assert!(
        imports.len() > 20,
        "a driver of this kind imports more than {}",
        imports.len()
    );
    let unknown = unknown(&imports);
    assert!(unknown.is_empty(), "not in documented.txt: {unknown:?}");
}

/// What wdk-alloc would bring along: pool functions that came after Windows Server 2019.
const NEWER_POOL: [&str; 3] = ["ExAllocatePool2", "ExAllocatePool3", "ExFreePool2"];

/// The allocator that `alloc` needs is the driver's own.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_pool_is_that_of_windows_server_2019() {
    let image = image();
    let names: BTreeSet<_> = imports(image).into_iter().map(|import| import.name).collect();
    assert!(names.contains("ExAllocatePoolWithTag"));
    assert!(NEWER_POOL.iter().all(|name| !names.contains(*name)));
}

#[test]
fn an_import_that_windows_server_2019_lacks_is_refused() {
    let import = |name: &str| Imported {
        module: "ntoskrnl.exe".to_owned(),
        name: name.to_owned(),
        slot: 0,
    };
    for name in NEWER_POOL {
        let unknown = unknown(&[import("KeLowerIrql"), import(name)]);
        assert_eq!(unknown, [format!("ntoskrnl.exe!{name}")]);
    }
}

/// Proves INIT-07: the driver waits by sleeping; it has no way to keep a processor for itself.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn nothing_that_stalls_a_processor_is_imported() {
    let image = image();
    let names: BTreeSet<_> = imports(image).into_iter().map(|import| import.name).collect();
    assert!(names.contains("NdisMSleep"));
    let stalls = [
        "KeStallExecutionProcessor",
        "NdisStallExecution",
        "KeDelayExecutionThread",
    ];
    assert!(stalls.iter().all(|name| !names.contains(*name)));
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn nothing_is_loaded_late() {
    let image = image();
    let pe = image.pe();
    assert!(
        pe.delay_load_import_table().unwrap().is_none(),
        "a kernel has no delay loading"
    );
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn every_import_is_used_by_code() {
    let image = image();
    let functions = Functions::of(image);
    let mut unused = import_slots(image);
    for function in functions.all() {
        for instruction in instructions(image, function) {
            if instruction.is_ip_rel_memory_operand() {
                unused.remove(&(instruction.ip_rel_memory_address() as u32));
            }
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
}

/// The import table of a driver binds when it is loaded; afterwards nobody writes it.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_import_address_table_is_not_writable() {
    let image = image();
    for slot in import_slots(image).into_keys() {
        let section = image.section_at(slot).expect("a section");
        assert!(!section.has(object::pe::IMAGE_SCN_MEM_WRITE), "{}", section.name);
    }
}
