//! Which addresses hold a driver's code: the images that are loaded, and what is linked into this program.
//!
//! The linker mixes driver and simulation; the program's own symbol table tells them apart.

use std::ops::Range;
use std::sync::OnceLock;

use object::{Object, ObjectSymbol, SymbolKind};

use super::image;
use crate::sim;

/// What the mangled names of such functions contain.
const MARKS: [&str; 3] = ["cxndk", "ndk_consumer", "small_driver"];
/// Crates that are drivers.
const DRIVERS: [&str; 2] = ["cxndk::", "ndk_consumer::"];
/// The module of a test that is a driver.
const SMALL_DRIVER: &str = "::small_driver::";
/// Between two functions lies padding of fewer bytes.
const PADDING: usize = 16;

static LINKED: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Has drivers preempted between two instructions by the seed, or not any more. Returns what was before.
///
/// # Panics
/// When this program has no symbols: then nothing tells a linked driver from the simulation.
pub fn preempt_inside(on: bool) -> bool {
    LINKED.get_or_init(|| read_symbols().expect("this program's own symbols"));
    sim::set_driver_code(is_driver_code);
    sim::set_windows(on)
}

/// Whether a driver's code lies there. Safe in a signal handler that stopped a driver.
fn is_driver_code(address: usize) -> bool {
    let linked = LINKED.get().is_some_and(|ranges| {
        let after = ranges.partition_point(|range| range.start <= address);
        after > 0 && ranges[after - 1].contains(&address)
    });
    linked || image::is_loaded(address)
}

fn is_driver_name(name: &str) -> bool {
    // A program has a hundred thousand symbols, and each test program reads them.
    if !MARKS.iter().any(|mark| name.contains(mark)) {
        return false;
    }
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let glue = name.strip_prefix("core::ptr::drop_in_place").unwrap_or(&name);
    let path = glue
        .trim_start_matches(['<', '&', '*'])
        .trim_start_matches("mut ");
    DRIVERS.iter().any(|driver| path.starts_with(driver)) || path.contains(SMALL_DRIVER)
}

/// The functions of linked drivers, in the order of their addresses, neighbours joined.
fn read_symbols() -> Result<Vec<Range<usize>>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read("/proc/self/exe")?;
    let file = object::File::parse(&*bytes)?;
    let landmark = file
        .symbols()
        .find(|symbol| symbol.name() == Ok(sim::LANDMARK))
        .ok_or("the program's symbols are stripped")?;
    let moved = sim::landmark().wrapping_sub(landmark.address() as usize);
    let mut functions: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter(|symbol| symbol.name().is_ok_and(is_driver_name))
        .map(|symbol| {
            let start = moved.wrapping_add(symbol.address() as usize);
            start..start + symbol.size() as usize
        })
        .collect();
    functions.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for function in functions {
        match joined.last_mut() {
            Some(last) if function.start < last.end + PADDING => last.end = last.end.max(function.end),
            _ => joined.push(function),
        }
    }
    Ok(joined)
}
