//! The data path cannot panic: no way leads from its functions to the bug check that a panic ends in.

use std::collections::BTreeMap;

use crate::call_graph::CallGraph;
use crate::file::image;
use crate::functions::{Function, Functions};

/// What SMB Direct calls for every message.
const DATA_PATH: [&str; 10] = [
    "edge::qp::send",
    "edge::qp::send_and_invalidate",
    "edge::qp::receive",
    "edge::qp::read",
    "edge::qp::write",
    "edge::qp::fast_register",
    "edge::qp::invalidate",
    "edge::cq::get_results",
    "edge::cq::get_results_ex",
    "edge::cq::arm",
];

/// A panic's end.
const BUG_CHECK: &str = "KeBugCheckEx";

/// Where the data path leaves the ordinary way.
const RARE: [&str; 4] = [
    "ndk::cq::failure<cxndk::ndk::qp::Qp>",
    "Object::notify<cxndk::ndk::qp::Qp>",
    "Object::armed_after_loss<cxndk::ndk::qp::Qp>",
    "Qp::received_late",
];

/// What the ordinary way imports: a lock, nothing else.
const LOCKS: [&str; 2] = ["KeAcquireSpinLockRaiseToDpc", "KeReleaseSpinLock"];

fn entry<'a>(functions: &'a Functions, path: &str) -> &'a Function {
    match functions.named(path).as_slice() {
        [one] => one,
        none_or_many => panic!("{path} names {} functions of the image", none_or_many.len()),
    }
}

fn way(functions: &Functions, from: &BTreeMap<u32, u32>, mut at: u32) -> String {
    let mut names = Vec::new();
    loop {
        names.push(
            functions
                .holding(at)
                .map_or_else(|| format!("{at:#x}"), |function| function.name.clone()),
        );
        let before = from[&at];
        if before == at {
            break;
        }
        at = before;
    }
    names.reverse();
    names.join("\n  -> ")
}

#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn no_panic_is_reached_from_the_data_path() {
    let image = image();
    let functions = Functions::of(image);
    let graph = CallGraph::of(image, &functions);
    for path in DATA_PATH {
        let from = graph.reached_from(entry(&functions, path).start, &[]);
        for &at in from.keys() {
            let leads = graph.leads(at);
            assert!(
                !leads.imports.contains(BUG_CHECK),
                "{}",
                way(&functions, &from, at)
            );
            assert!(
                leads.traps.is_empty(),
                "{:x?} of {}",
                leads.traps,
                way(&functions, &from, at)
            );
        }
    }
}

/// What is called through a pointer cannot be followed in the file, so the data path does it in four places only, all off
/// the way of every message: when a request has failed and its connection ends, when a broken queue calls its consumer
/// back, and when a queue is armed, or a receive posted, whose device is dead. There it is the consumer's callback, or the end of an object whose
/// last reference this was.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn the_data_path_calls_nothing_through_a_pointer() {
    let image = image();
    let functions = Functions::of(image);
    let graph = CallGraph::of(image, &functions);
    let rare: Vec<u32> = RARE.iter().map(|path| entry(&functions, path).start).collect();
    for path in DATA_PATH {
        let from = graph.reached_from(entry(&functions, path).start, &rare);
        for &at in from.keys().filter(|at| !rare.contains(at)) {
            let leads = graph.leads(at);
            assert!(
                leads.indirect.is_empty(),
                "at {:x?} of {}",
                leads.indirect,
                way(&functions, &from, at)
            );
            for import in &leads.imports {
                assert!(
                    LOCKS.contains(&import.as_str()),
                    "{import} in {}",
                    way(&functions, &from, at)
                );
            }
        }
    }
}

/// The check can see a panic: one is there, and the dispatch tables' slow functions reach it.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn panics_elsewhere_are_seen() {
    let image = image();
    let functions = Functions::of(image);
    let graph = CallGraph::of(image, &functions);
    let panicking = functions
        .all()
        .filter(|function| graph.leads(function.start).imports.contains(BUG_CHECK))
        .count();
    assert!(panicking > 0, "the panic handler calls {BUG_CHECK}");
}
