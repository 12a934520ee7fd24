//! Event queue elements are decoded as the connectx interface page describes them.

// The simulated kernel, which the driver's code links to.
use cxndk::hw::cq::CqFault;
use cxndk::hw::events::Event;
use cxndk::hw::layout::{HwEqe, HwEqeDataCqError, HwEqeDataPageRequest, HwEqeDataQpSrq};
use cxndk::hw::qp::{QpEvent, udp_source_port};
use cxndk::hw::types::{Cqn, Qpn};
use cxndk_testbed as _;

/// Decodes an element with `data` at byte 0x20, as the driver reads it: in 64-bit words.
fn decode(kind: u32, subtype: u32, data: [u8; 28]) -> Event {
    let mut element = HwEqe::new();
    element
        .set_event_type(kind)
        .set_event_sub_type(subtype)
        .set_event_data(&data)
        .set_owner(1);
    let word = |at: usize| u64::from_be_bytes(element.as_bytes()[at..at + 8].try_into().unwrap());
    let head = word(0);
    Event::decode(
        (head >> 48) as u8,
        (head >> 32) as u8,
        [word(0x20), word(0x28), word(0x30), word(0x38)],
    )
}

fn numbered(kind: u32, number: u32) -> Event {
    let mut data = HwEqeDataQpSrq::new();
    data.set_qp_srq_number(number);
    decode(kind, 0, *data.as_bytes())
}

#[test]
fn completions_name_their_queue() {
    assert_eq!(
        numbered(0x00, 0x00ab_cdef),
        Event::Completion(Cqn::new(0x00ab_cdef))
    );
}

#[test]
fn queue_pair_events_name_their_queue_pair() {
    let expected = [
        (0x02, QpEvent::CommunicationEstablished),
        (0x03, QpEvent::SendQueueDrained),
        (0x05, QpEvent::Catastrophic),
        (0x10, QpEvent::InvalidRequest),
        (0x11, QpEvent::AccessError),
        (0x13, QpEvent::LastWqe),
        (0x01, QpEvent::Path),
    ];
    for (kind, event) in expected {
        assert_eq!(numbered(kind, 0x1234), Event::Qp(Qpn::new(0x1234), event));
    }
}

#[test]
fn completion_queue_errors_carry_a_syndrome() {
    let error = |syndrome| {
        let mut data = HwEqeDataCqError::new();
        data.set_cqn(0x77).set_syndrome(syndrome);
        decode(0x04, 0, *data.as_bytes())
    };
    assert_eq!(error(1), Event::CqError(Cqn::new(0x77), CqFault::Overrun));
    assert_eq!(error(2), Event::CqError(Cqn::new(0x77), CqFault::Other(2)));
}

#[test]
fn page_requests_are_signed() {
    let request = |count: i32| {
        let mut data = HwEqeDataPageRequest::new();
        data.set_function_id(3).set_num_pages(count.cast_unsigned());
        decode(0x0b, 0, *data.as_bytes())
    };
    assert_eq!(request(64), Event::PageRequest(3, 64));
    assert_eq!(request(-7), Event::PageRequest(3, -7));
}

#[test]
fn the_port_goes_up_and_down_by_subtype() {
    assert_eq!(decode(0x09, 4, [0; 28]), Event::Port(Some(true)));
    assert_eq!(decode(0x09, 1, [0; 28]), Event::Port(Some(false)));
    assert_eq!(decode(0x09, 7, [0; 28]), Event::Port(None));
}

#[test]
fn commands_are_done_by_bit_and_unknown_events_are_harmless() {
    let mut data = [0; 28];
    data[3] = 0x05;
    assert_eq!(decode(0x0a, 0, data), Event::Commands(5));
    assert_eq!(decode(0x08, 0, [0; 28]), Event::InternalError);
    assert_eq!(decode(0xee, 0, [0xff; 28]), Event::Other(0xee));
}

#[test]
fn udp_source_ports_spread_connections_above_c000() {
    // A flow label of 20 bits folds into 14.
    assert_eq!(
        udp_source_port(0xf_ffff, Qpn::new(1), Qpn::new(2)),
        0xc000 | (0x3fff ^ 0x3f)
    );
    assert_eq!(udp_source_port(0x4001, Qpn::new(1), Qpn::new(2)), 0xc000);
    // Without one the queue pair numbers make it: 0x123 * 0x456 = 0x4edc2, folded.
    let product = 0x123_u32 * 0x456;
    let expected = (product & 0x3fff) ^ ((product & 0xf_c000) >> 14) | 0xc000;
    assert_eq!(
        u32::from(udp_source_port(0, Qpn::new(0x123), Qpn::new(0x456))),
        expected
    );
}
