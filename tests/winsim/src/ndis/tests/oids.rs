//! OID requests: VRF-01 ... VRF-07, VRF-12, VRF-44.

use super::{Wrong, assert_caught, caught, halted, life};
use crate::ndis::Adapter;
use crate::{pci, sim};

/// Proves VRF-01, VRF-02, VRF-03, VRF-06 and VRF-44.
#[test]
fn a_request_is_completed_once_in_time_by_its_own_function_and_not_with_pending() {
    let cases = [
        (Wrong::OidTwice, "VRF-01"),
        (Wrong::OidTwiceByWorkItem, "VRF-01"),
        (Wrong::OidCompletedPending, "VRF-03"),
        (Wrong::OidNever, "VRF-06"),
        (Wrong::OidByDirect, "VRF-44"),
    ];
    assert_caught(&cases, life);
}

fn set_power(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    let _ = adapter.set(0xFD01_0101, &1_u32.to_le_bytes());
}

fn remove_pattern(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    let _ = adapter.set(0xFD01_010B, &1_u32.to_le_bytes());
}

fn query(_: &pci::Function, adapter: &Adapter) {
    adapter.initialize().expect("the adapter starts");
    let _ = adapter.query(0x0001_0111, &mut [0; 8]);
}

fn query_without_id(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    let _ = adapter.query_without_id(0x0001_0111, 8);
}

fn mandatory(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.check_mandatory_oids();
}

/// Proves VRF-04, VRF-05, VRF-12, OID-06 and OID-08.
#[test]
fn some_requests_may_not_fail_and_none_that_is_mandatory_may_be_unknown() {
    assert_eq!(caught(Wrong::SetPowerFails, set_power), "VRF-04");
    assert_eq!(caught(Wrong::RemovePatternFails, remove_pattern), "VRF-05");
    assert_eq!(caught(Wrong::ShortBufferNeedsNothing, query), "OID-06");
    assert_eq!(caught(Wrong::OidUnknown, mandatory), "VRF-12");
    assert_eq!(caught(Wrong::AbortsWithoutId, query_without_id), "OID-08");
}

/// Proves OID-01 and VRF-07: however many ask, the driver sees one request at a time.
#[test]
fn requests_of_many_contexts_are_serialized_and_direct_ones_are_not() {
    sim::run(3, || {
        let (_, _, adapter) = halted();
        adapter.start().expect("the adapter starts");
        #[expect(clippy::needless_collect, reason = "all begin before one is waited for")]
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let adapter = adapter.clone();
                sim::spawn(sim::TaskSpec::new("asks"), move || {
                    adapter
                        .set(0x0001_010E, &[n, 0, 0, 0])
                        .expect("the filter is set");
                    adapter
                        .direct_query(0xFC04_0202, &mut [0; 16])
                        .expect("and statistics read");
                })
            })
            .collect();
        tasks.into_iter().for_each(sim::join);
        adapter.stop();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}
