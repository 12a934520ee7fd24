//! Sections: protection, what may be discarded, what may be paged out.

use object::LittleEndian as LE;
use object::pe;

use crate::call_graph::CallGraph;
use crate::file::image;
use crate::functions::Functions;

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn no_section_can_be_written_and_executed() {
    let image = image();
    for section in image.sections() {
        let both = section.executable() && section.has(pe::IMAGE_SCN_MEM_WRITE);
        assert!(!both, "{}", section.name);
        assert!(section.has(pe::IMAGE_SCN_MEM_READ), "{}", section.name);
    }
}

/// Several hosts of one simulation, and several adapters of one host, share the image: it has no state.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn nothing_in_the_image_can_be_written() {
    let image = image();
    for section in image.sections() {
        assert!(!section.has(pe::IMAGE_SCN_MEM_WRITE), "{}", section.name);
    }
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn code_that_runs_once_is_discardable() {
    let image = image();
    let entry = image.nt().optional_header.address_of_entry_point.get(LE);
    let init = image.section_at(entry).expect("the entry point's section");
    assert_eq!(init.name, "INIT");
    assert!(init.has(pe::IMAGE_SCN_MEM_DISCARDABLE));
    assert!(init.executable());
    let discardable: Vec<_> = image
        .sections()
        .into_iter()
        .filter(|section| section.has(pe::IMAGE_SCN_MEM_DISCARDABLE))
        .map(|section| section.name)
        .collect();
    assert_eq!(discardable, ["INIT", ".reloc"]);
}

/// What is left after initialization must not reach what is gone.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn nothing_else_leads_into_discarded_code() {
    let image = image();
    let init = image
        .sections()
        .into_iter()
        .find(|section| section.name == "INIT")
        .expect("an INIT section");
    assert!(
        image.pointed_to().into_iter().all(|target| !init.holds(target)),
        "a pointer in data"
    );
    let functions = Functions::of(image);
    let graph = CallGraph::of(image, &functions);
    for function in functions.all() {
        let from_outside = !init.holds(function.start);
        for target in graph.leads_to(function.start) {
            assert!(
                !(from_outside && init.holds(target)),
                "{} leads to {target:#x}",
                function.name
            );
        }
    }
}

/// Much of the driver runs at `DISPATCH_LEVEL`, where a page fault is fatal: none of it is in a section of the kind that is
/// paged out (names beginning with `PAGE`).
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn no_code_is_pageable() {
    let image = image();
    for section in image.sections() {
        assert!(!section.name.starts_with("PAGE"), "{}", section.name);
    }
}
