//! What an object looks like when it is handed out: LIFE-01 ... LIFE-07.

use super::provider::spoil;
use super::{Consumer, Wrong, assert_broken};

fn make_cq(consumer: &Consumer) {
    consumer.cq();
}

fn close_cq(consumer: &Consumer) {
    let cq = consumer.cq();
    // SAFETY: the object is open and has a table.
    let close = unsafe { (*(*cq).Dispatch).NdkCloseCq }.expect("every slot is filled");
    spoil(cq);
    // SAFETY: the object is open.
    unsafe { close(cq.cast(), None, std::ptr::null_mut()) };
}

/// Proves the checks of LIFE-01, LIFE-02, LIFE-03, LIFE-05 and LIFE-07 (VRF-48).
#[test]
fn headers_and_tables_are_checked_when_an_object_is_handed_out() {
    assert_broken(Wrong::ObjectType, "LIFE-01", "VRF-48", make_cq);
    assert_broken(Wrong::Version, "LIFE-02", "VRF-48", make_cq);
    assert_broken(Wrong::Reserved, "LIFE-03", "VRF-48", make_cq);
    assert_broken(Wrong::NoTable, "LIFE-05", "VRF-48", make_cq);
    assert_broken(Wrong::EmptySlot, "LIFE-07", "VRF-48", make_cq);
}

/// Proves the check of VERSION-01 (VRF-48): who reports 1.2 has what 1.2 added.
#[test]
fn a_table_is_as_long_as_the_reported_version_says() {
    assert_broken(Wrong::ShortTable, "VERSION-01", "VRF-48", make_cq);
}

/// Proves the checks of LIFE-04 and LIFE-06 (VRF-48): the header belongs to the layer above.
#[test]
fn a_provider_leaves_header_and_dispatch_pointer_alone() {
    assert_broken(Wrong::TouchesReserved, "LIFE-04", "VRF-48", close_cq);
    assert_broken(Wrong::RewritesDispatch, "LIFE-04", "VRF-48", close_cq);
}
