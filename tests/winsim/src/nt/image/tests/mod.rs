//! Tests of the loader with images made by hand.

mod build;
mod crashes;
mod refusals;

use std::path::Path;

use super::{Image, ImageFile, Reason};
use crate::nt::{self, WdmDriver};
use crate::sim::{self, Failure};
use build::{BASE, CODE, Parts, slot};

fn parse(parts: &Parts) -> Result<ImageFile, Reason> {
    ImageFile::parse(Path::new("made.sys"), parts.build())
}

/// Loads the image on a host and runs its DriverEntry, which is expected not to register a miniport.
fn enter(parts: &Parts) -> Failure {
    let file = parse(parts).unwrap_or_else(|reason| panic!("{reason}"));
    sim::run(1, || {
        let host = nt::add_host("host", 1);
        let image = Image::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let _ = WdmDriver::load(host, "made", image.entry(), None);
    })
    .expect_err("the driver does something that ends the run")
}

#[test]
fn an_image_is_bound_to_the_kernels_functions() {
    let parts = Parts {
        names: vec!["KeGetCurrentIrql", "__chkstk"],
        ..Parts::default()
    };
    let file = parse(&parts).unwrap_or_else(|reason| panic!("{reason}"));
    sim::run(1, || {
        let image = Image::load(&file).expect("it loads");
        for (index, name) in ["KeGetCurrentIrql", "__chkstk"].into_iter().enumerate() {
            let place = (image.base() + slot(index as u32) as usize) as *const usize;
            // SAFETY: the image is mapped, and the slot is inside its data.
            let bound = unsafe { place.read() };
            assert_eq!(Some(bound), super::exports::find("NTOSKRNL.EXE", name));
        }
    })
    .expect("no rule is broken");
}

#[test]
fn addresses_in_an_image_move_with_it_and_each_copy_has_its_own() {
    let mut parts = Parts {
        relocation: Some((CODE + 16, 10)),
        ..Parts::default()
    };
    parts.code.resize(16, 0xcc);
    parts.code.extend((BASE + 0x1234).to_le_bytes());
    let file = parse(&parts).unwrap_or_else(|reason| panic!("{reason}"));
    sim::run(1, || {
        let images = [
            Image::load(&file).expect("it loads"),
            Image::load(&file).expect("it loads again"),
        ];
        assert_ne!(images[0].base(), images[1].base());
        for image in &images {
            let place = (image.base() + CODE as usize + 16) as *const usize;
            // SAFETY: the image is mapped.
            assert_eq!(unsafe { place.read() }, image.base() + 0x1234);
        }
    })
    .expect("no rule is broken");
}

/// Runs the code of an image as a DriverEntry; what it returned.
fn run_code(code: &[u8]) -> Result<i32, Failure> {
    let parts = Parts {
        code: code.to_vec(),
        names: vec!["memcpy", "memset"],
        ..Parts::default()
    };
    let file = parse(&parts).unwrap_or_else(|reason| panic!("{reason}"));
    sim::run(1, || {
        let host = nt::add_host("host", 1);
        let image = Image::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let entry = image.entry();
        nt::on_host(host, "driver", move || {
            // SAFETY: the code takes no arguments.
            let status = unsafe { entry(std::ptr::null_mut(), std::ptr::null_mut()) };
            nt::expect_clean("DriverEntry");
            status
        })
    })
}

/// Drivers have the IRQL inline: they read and write CR8. It is checked as the functions check it (IRQL-BALANCE).
#[test]
fn an_image_reads_and_writes_cr8() {
    let raise_and_lower = [
        0x44, 0x0f, 0x20, 0xc0, // mov rax, cr8
        0xb9, 2, 0, 0, 0, // mov ecx, 2
        0x44, 0x0f, 0x22, 0xc1, // mov cr8, rcx
        0x44, 0x0f, 0x20, 0xc2, // mov rdx, cr8
        0x44, 0x0f, 0x22, 0xc0, // mov cr8, rax
        0x89, 0xd0, // mov eax, edx
        0xc3, // ret
    ];
    assert_eq!(run_code(&raise_and_lower).expect("no rule is broken"), 2);
    let raise_only = [0xb9, 2, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc1, 0xc3];
    assert_eq!(
        run_code(&raise_only).expect_err("it stays raised").rule,
        "IRQL-BALANCE"
    );
    let too_high = [0xb9, 16, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc1, 0xc3];
    assert_eq!(
        run_code(&too_high).expect_err("there is no such IRQL").rule,
        "IRQL-BALANCE"
    );
}

/// The list of exports and the functions that the testbed exports are the same.
#[test]
fn every_export_of_the_testbed_can_be_imported() {
    let mut listed: Vec<_> = super::exports::names().map(|(_, name)| name.to_owned()).collect();
    let mut defined = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for (at, _) in text.match_indices("#[unsafe(no_mangle)]\n") {
            let rest = &text[at..];
            let name = rest.split(" fn ").nth(1).and_then(|rest| rest.split('(').next());
            defined.push(name.expect("a function follows").to_owned());
        }
    }
    listed.sort();
    defined.sort();
    assert!(defined.len() > 50, "the walk sees the testbed");
    assert_eq!(listed, defined);
}

fn rust_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
