//! Sends: SEND-03, SEND-04, SEND-08, OFL-07, VRF-08, VRF-09, VRF-37 ... VRF-40.

use super::{Wrong, assert_caught, caught, halted};
use crate::ndis::{Adapter, LargeSend, Outgoing};
use crate::{pci, sim};

fn send(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.send(&[&[0; 60]]);
    adapter.sent();
    adapter.stop();
}

fn send_and_pause(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.send(&[&[0; 60]]);
    adapter.stop();
}

fn send_paused(_: &pci::Function, adapter: &Adapter) {
    adapter.initialize().expect("the adapter starts");
    adapter.send(&[&[0; 60]]);
}

/// Every so often one more send, so that only the oldest is late.
fn keep_sending(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.send(&[&[0; 60]]);
    super::tiny().wrong.set(None);
    for _ in 0..5 {
        sim::sleep(7 * sim::SECOND);
        adapter.send(&[&[0; 60]]);
    }
    adapter.sent();
}

/// Proves VRF-08, VRF-09, VRF-37, VRF-38 and VRF-39: what a list held leads nowhere once it is completed.
#[test]
fn sends_are_completed_once_in_time_and_without_locks() {
    assert_caught(
        &[
            (Wrong::SendStalls, "VRF-09"),
            (Wrong::SendTwice, "VRF-37"),
            (Wrong::SendTouchedAfterwards, "FAULT"),
            (Wrong::SendUnderLock, "VRF-38"),
        ],
        send,
    );
    assert_eq!(caught(Wrong::SendNever, keep_sending), "VRF-08");
    assert_eq!(caught(Wrong::PauseWithSends, send_and_pause), "VRF-37");
}

/// Proves VRF-40.
#[test]
fn sends_in_paused_are_rejected_at_once() {
    assert_eq!(caught(Wrong::SendAcceptedInPaused, send_paused), "VRF-40");
    assert_eq!(caught(Wrong::SendStalls, send_paused), "VRF-40");
    sim::run(1, || {
        let (_, _, adapter) = halted();
        adapter.initialize().expect("the adapter starts");
        adapter.send(&[&[0; 60], &[0; 60]]);
        assert_eq!(adapter.sent(), [cxndk::sys::ndis::NDIS_STATUS_PAUSED; 2]);
        adapter.stop();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves the checks of SEND-03, SEND-04 and SEND-08.
#[test]
fn sends_come_back_as_they_were_with_a_status_that_sends_have() {
    assert_caught(
        &[
            (Wrong::SendPends, "SEND-03"),
            (Wrong::SendChangesData, "SEND-04"),
            (Wrong::SendChangesBuffer, "SEND-04"),
            (Wrong::SendLosesBuffer, "SEND-04"),
            (Wrong::SendLiesAboutLevel, "SEND-08"),
        ],
        |function, adapter| {
            // At some of the sends the flag is true.
            for _ in 0..2 {
                send(function, adapter);
            }
        },
    );
}

fn send_large(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    let packet = Outgoing {
        buffers: vec![vec![0x86; 4000]],
        large: Some(LargeSend {
            segment: 1000,
            tcp_header: 54,
        }),
        ..Outgoing::default()
    };
    adapter.send_packets(vec![packet]);
    assert_eq!(adapter.completions()[0].large, 1 << 30);
    adapter.stop();
}

/// Proves the check of OFL-07: a large send that is complete says that it was one, and nothing else.
#[test]
fn a_large_send_that_does_not_say_that_it_was_sent_is_caught() {
    for (finishes, rule) in [(false, "OFL-07"), (true, "none")] {
        let ended = super::ended_by(7, None, move |function, adapter| {
            super::tiny().finishes_large.set(finishes);
            send_large(function, adapter);
        });
        assert_eq!(ended, rule);
    }
}
