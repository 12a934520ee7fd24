//! What the data path must not cost, whatever else it does: the benchmark `data_path` says the rest.

use cxndk_testbed::cost;
use cxndk_testbed::driver_source::DriverSource;
// What the driver imports.
use cxndk as _;

/// Proves QP-02: no post of Network Direct takes a lock or calls the kernel, a poll takes one lock; nothing allocates; at most one
/// register is written. A send on a VC allocates nothing either, and rings once for each leaf. A message takes no lock that completion
/// queues share, counts no references of theirs, and tells the device once for all its events (INT-09).
#[test]
fn posts_take_no_lock_and_nothing_allocates() {
    if DriverSource::from_environment() != DriverSource::Linked {
        // What is measured are functions of this program.
        return;
    }
    let rows = cost::table(1).expect("the world stands");
    assert!(rows.len() > 17, "{}", rows.len());
    for row in rows {
        let cost = row.cost;
        assert_eq!(cost.allocations, 0, "{}", row.name);
        if row.name.starts_with("VC ") {
            assert!((1..=4).contains(&cost.mmio_writes), "{}", row.name);
            continue;
        }
        if row.name.starts_with("message") {
            // The turn at the event queue is entered and left; all else is of the completion queues, each for itself.
            assert!(cost.kernel_calls <= 7 * row.operations, "{}: {cost:?}", row.name);
            assert!(cost.locked <= 6 * row.operations + 2, "{}: {cost:?}", row.name);
            assert_eq!(cost.mmio_writes, 1, "{}", row.name);
            continue;
        }
        let polls = row.name.starts_with("poll") || row.name == "arm";
        let lock = if polls { 2 } else { 0 };
        assert!(cost.kernel_calls <= lock, "{}: {cost:?}", row.name);
        assert_eq!(cost.locked, 0, "{}", row.name);
        assert!(cost.mmio_writes <= 1, "{}", row.name);
    }
}
