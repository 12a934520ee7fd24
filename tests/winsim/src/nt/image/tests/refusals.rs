//! Files that are no driver images: each is refused with the reason.

use std::path::Path;

use proptest::prelude::*;

use super::super::{Image, ImageFile};
use super::build::{CODE, Parts};
use super::parse;
use crate::sim;

/// What the refusal of an image says.
fn refusal(parts: &Parts) -> String {
    match parse(parts) {
        Err(reason) => reason.to_string(),
        Ok(_) => panic!("the image is taken"),
    }
}

#[track_caller]
fn refused(parts: &Parts, words: &str) {
    let said = refusal(parts);
    assert!(said.contains(words), "{said:?} does not say {words:?}");
}

fn with(change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = Parts::default();
    change(&mut parts);
    parts
}

#[test]
fn images_of_other_kinds_are_refused() {
    refused(&with(|parts| parts.magic = 0x10b), "32-bit");
    refused(&with(|parts| parts.machine = 0xaa64), "machine");
    refused(&with(|parts| parts.subsystem = 3), "subsystem is 3");
    refused(&with(|parts| parts.characteristics = 0x20), "EXECUTABLE_IMAGE");
    refused(
        &with(|parts| parts.characteristics = 0x23),
        "relocations are stripped",
    );
}

#[test]
fn images_that_contradict_themselves_are_refused() {
    refused(&with(|parts| parts.right_checksum = false), "checksum");
    refused(
        &with(|parts| parts.code_flags = 0xe000_0020),
        ".text is writable and executable",
    );
    refused(&with(|parts| parts.code_address = 0x2000), "overlaps");
    refused(&with(|parts| parts.entry = 0x2000), "no executable section");
    refused(
        &with(|parts| parts.relocation = Some((0x9000, 10))),
        "in no section",
    );
    refused(
        &with(|parts| parts.relocation = Some((CODE, 3))),
        "relocation of type",
    );
}

#[test]
fn imports_must_be_names() {
    let parts = with(|parts| {
        parts.names = vec!["KeBugCheckEx"];
        parts.ordinal = true;
    });
    refused(&parts, "ordinal 7 from ntoskrnl.exe");
}

#[test]
fn an_unknown_import_is_named() {
    let cases = [("ntoskrnl.exe", "KeDoesNotExist"), ("win32k.sys", "KeBugCheckEx")];
    for (module, name) in cases {
        let file = parse(&with(|parts| {
            parts.module = module;
            parts.names = vec![name];
        }));
        let file = file.unwrap_or_else(|reason| panic!("{reason}"));
        let said = sim::run(1, || Image::load(&file).err().map(|error| error.to_string()));
        let said = said.expect("no rule is broken").expect("a refusal");
        assert!(
            said.contains(name) && said.contains(module) && said.contains("made.sys"),
            "{said}"
        );
    }
}

#[test]
fn files_that_are_no_images_are_refused() {
    let missing = ImageFile::open(Path::new("/nonexistent/driver.sys"))
        .err()
        .expect("a refusal");
    assert!(
        missing.to_string().contains("/nonexistent/driver.sys"),
        "{missing}"
    );
    for (bytes, words) in [(&b""[..], "MZ"), (b"#!/bin/sh", "MZ"), (b"MZ", "headers")] {
        let said = ImageFile::parse(Path::new("made.sys"), bytes.to_vec());
        let said = said.err().expect("a refusal").to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_image_that_ends_early_is_refused_wherever_it_ends() {
    let whole = Parts {
        names: vec!["KeBugCheckEx"],
        relocation: Some((CODE + 8, 10)),
        ..Parts::default()
    }
    .build();
    for length in 0..whole.len() {
        assert!(
            ImageFile::parse(Path::new("made.sys"), whole[..length].to_vec()).is_err(),
            "{length}"
        );
    }
}

proptest! {
    /// Whatever stands in the file: refused, or loaded and unloaded; never a panic.
    #[test]
    fn no_file_makes_the_loader_panic(changes in prop::collection::vec((0_usize..0xc00, any::<u8>()), 1..8)) {
        let mut file = Parts {
            names: vec!["KeBugCheckEx", "KeGetCurrentIrql"],
            relocation: Some((CODE + 8, 10)),
            ..Parts::default()
        }
        .build();
        for (place, value) in changes {
            file[place] = value;
        }
        let sum = super::super::file::checksum(&file);
        if let (Some(sum), Some(nt)) = (sum, file.get(0x3c..0x40)) {
            // A right checksum, so that the rest is looked at.
            let field = u32::from_le_bytes(nt.try_into().unwrap()) as usize + 24 + 64;
            if let Some(place) = file.get_mut(field..field + 4) {
                place.copy_from_slice(&sum.to_le_bytes());
            }
        }
        if let Ok(image) = ImageFile::parse(Path::new("made.sys"), file) {
            let loaded = sim::run(1, || Image::load(&image).map(|image| image.unload()).is_ok());
            prop_assert!(loaded.is_ok());
        }
    }
}
