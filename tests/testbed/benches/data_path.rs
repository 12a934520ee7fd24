//! Prints what each operation of the driver's data path costs, and which bar it beats.

use std::process::ExitCode;

use cxndk_testbed::cost;

fn main() -> ExitCode {
    let rows = match cost::table(0) {
        Ok(rows) => rows,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{:<28} {:>12} {:>7} {:>7} {:>7} {:>7} {:>7} {:>12}",
        "operation", "instructions", "locked", "fences", "MMIO", "kernel", "allocs", "bar"
    );
    for row in rows {
        let bar = row.bar.map_or_else(String::new, |bar| {
            let verdict = if row.instructions() <= bar {
                "beaten"
            } else {
                "missed"
            };
            format!("{bar} {verdict}")
        });
        let cost = row.cost;
        println!(
            "{:<28} {:>12} {:>7} {:>7} {:>7} {:>7} {:>7} {:>12}",
            row.name,
            row.instructions(),
            cost.locked,
            cost.fences,
            cost.mmio_writes,
            cost.kernel_calls,
            cost.allocations,
            bar
        );
    }
    ExitCode::SUCCESS
}
