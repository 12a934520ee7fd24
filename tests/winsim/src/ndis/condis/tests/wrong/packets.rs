//! Miniports and clients that are wrong about packets.

use std::ptr;

use super::super::flows::make;
use super::super::{OUTGOING, Wrong, act, adapter, client, manager, pair};
use super::{assert_caught, call};
use crate::sim;

/// Proves VC-24, VC-25, INC-11, DATA-04, DATA-09, VRF-43: packets at a wrong time, miscounted, of another VC, twice.
#[test]
fn wrong_packets_of_the_miniport_are_caught() {
    assert_caught(Wrong::DeactivatesWithSends, "VC-25", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        act(|| manager::deactivate_vc(OUTGOING));
    });
    assert_caught(Wrong::DeactivatesWithReceives, "VC-25", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        act(|| manager::deactivate_vc(OUTGOING));
    });
    for what in [Wrong::SendTwice, Wrong::SendPending] {
        assert_caught(what, "DATA-04", || {
            make(0);
            act(client::send);
        });
    }
    assert_caught(Wrong::IndicatesEarly, "INC-11", call);
    assert_caught(Wrong::IndicatesInactive, "VC-24", || {
        make(0);
        act(|| manager::deactivate_vc(OUTGOING));
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
    });
    assert_caught(Wrong::IndicatesMiscounted, "VRF-43", || {
        make(0);
        act(|| manager::indicate(OUTGOING, 2, manager::outgoing()));
    });
    assert_caught(Wrong::IndicatesForeign, "DATA-09", || {
        make(0);
        act(|| manager::indicate(OUTGOING, 1, ptr::null_mut()));
    });
}

/// Proves DATA-05, VRF-39: what is under way is freed by its owner, list, buffer or memory; what is completed is touched by the miniport.
#[test]
fn packets_that_are_freed_or_touched_too_early_or_late_are_caught() {
    for what in [
        Wrong::FreesListUnderWay,
        Wrong::FreesBufferUnderWay,
        Wrong::FreesMdlUnderWay,
    ] {
        assert_caught(what, "DATA-05", || {
            pair().queues.set(true);
            make(0);
            act(client::send_and_free);
        });
    }
    assert_caught(Wrong::TouchesSent, "FAULT", || {
        make(0);
        act(client::send);
    });
}

/// Proves DATA-01 and the check PACKET: packets that are of no pool.
#[test]
fn packets_of_no_pool_are_caught() {
    assert_caught(Wrong::SendsOwnMemory, "DATA-01", || {
        make(0);
        act(client::send);
    });
    assert_caught(Wrong::IndicatesOwnMemory, "PACKET", || {
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
    });
}

/// Proves VRF-08: a packet that comes back after half a minute.
#[test]
fn packets_that_come_back_late_are_caught() {
    assert_caught(Wrong::CompletesSendLate, "VRF-08", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        sim::sleep(30 * sim::SECOND);
        let list = pair().queued.borrow()[0];
        act(move || manager::complete_send(list));
    });
}

/// Proves DATA-05, DATA-10, DATA-12: packets that are given away while the other side has them, or that the client does not have.
#[test]
fn packets_that_are_given_twice_are_caught() {
    assert_caught(Wrong::SendsUnderWay, "DATA-05", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        let list = pair().queued.borrow()[0];
        act(move || client::send_again(list));
    });
    assert_caught(Wrong::IndicatesLent, "DATA-10", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        let list = pair().kept.borrow()[0];
        act(move || manager::indicate_again(OUTGOING, 1, list as *mut _, 0));
    });
    assert_caught(Wrong::IgnoresResources, "DATA-12", || {
        make(0);
        act(|| manager::indicate_for_now(OUTGOING));
    });
}

/// Proves VRF-37, VRF-40, PAUSE-02: packets under way in Paused, and a packet that comes in there.
#[test]
fn packets_in_paused_are_caught() {
    assert_caught(Wrong::PausesWithSends, "VRF-37", || {
        pair().queues.set(true);
        make(0);
        act(client::send);
        adapter().pause();
    });
    assert_caught(Wrong::PausesWithReceives, "VRF-37", || {
        pair().keeps.set(true);
        make(0);
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
        adapter().pause();
    });
    assert_caught(Wrong::IgnoresPause, "VRF-40", || {
        make(0);
        adapter().pause();
        act(client::send);
    });
    assert_caught(Wrong::IndicatesPaused, "VRF-40", || {
        make(0);
        adapter().pause();
        act(|| manager::indicate(OUTGOING, 1, manager::outgoing()));
    });
}
