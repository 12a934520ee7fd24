//! Ethernet queues of two devices on a link: frames there, cut and spread, refused and dropped (connectx-ethernet).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::Failed;
use super::station::{KEY, OUTGOING, QUEUES, Station, create_sq, mac, modify_queue};
use super::traffic::piece;
use cxndk_testbed::environment::simulated;
use cxndk_testbed::sim::{self, Stream};
use cxndk_testbed::wire::link::{Link, LinkConfig};

const BAD_RESOURCE: Failed = Failed::Status(0x05);
const RESOURCE_BUSY: Failed = Failed::Status(0x06);
const BAD_STATE: Failed = Failed::Status(0x09);
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Two stations that listen to their own addresses.
fn two(seed: u64, scenario: impl FnOnce(&[Station; 2]) + Send) -> Result<(), sim::Failure> {
    sim::run(seed, move || {
        let link = Link::new(simulated(Stream::Wire), LinkConfig::default());
        let stations = [Station::new(0), Station::new(1)];
        for (index, station) in stations.iter().enumerate() {
            let port = link.port(index);
            let device = station.driver.device.clone();
            port.on_receive(move |frame| device.deliver_frame(&frame));
            station.driver.device.plug(move |frame| {
                port.transmit(frame);
            });
            station.listen(mac(index));
        }
        scenario(&stations);
        for (index, station) in stations.iter().enumerate() {
            link.port(index).disconnect();
            station.driver.device.plug(drop);
        }
    })
}

/// Ethernet, IPv4 and TCP or UDP, without checksums.
fn packet(to: usize, protocol: u8, source_port: u16, payload: &[u8]) -> Vec<u8> {
    let header = if protocol == TCP { 20 } else { 8 };
    let mut frame = [&mac(to)[..], &mac(1 - to), &[8, 0, 0x45, 0]].concat();
    frame.extend((20 + header + payload.len() as u16).to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, protocol, 0xde, 0xad, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(source_port.to_be_bytes());
    frame.extend([0x01, 0xbd]);
    if protocol == TCP {
        frame.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xff, 0xff, 0xbe, 0xef, 0, 0]);
    } else {
        frame.extend((header + payload.len() as u16).to_be_bytes());
        frame.extend([0xbe, 0xef]);
    }
    frame.extend(payload);
    frame
}

fn checksums(segment: &mut hw::HwWqeEthSeg) {
    segment.set_cs_flags(0xc0);
}

/// Proves connectx-ethernet 2.1, 3.2: checksums are computed and told good, a tag goes in on one side and out on the other.
#[test]
fn a_frame_goes_there_with_its_tag_and_checksums() {
    two(1, |[a, b]| {
        for queue in 0..QUEUES {
            b.fill(queue, 8);
        }
        let frame = packet(1, UDP, 1000, &[7; 100]);
        a.send(&frame, |segment| {
            segment
                .set_cs_flags(0xc0)
                .set_insert_type(0x8000)
                .set_vlan_tci(0x6005);
        });
        let done = a.sent().expect("it completes");
        assert_eq!((done.opcode(), done.qpn(), done.wqe_counter()), (0, a.sqn, 0));
        let arrived = b.any_arrival().expect("it arrives");
        let cqe = arrived.cqe;
        assert_eq!((cqe.opcode(), cqe.byte_cnt() as usize), (2, frame.len()));
        assert_eq!((cqe.cv(), cqe.vlan_info()), (1, 0x6005));
        assert_eq!((cqe.l2_ok(), cqe.l3_ok(), cqe.l4_ok()), (1, 1, 1));
        assert_eq!((cqe.l3_hdr_type(), cqe.l4_hdr_type()), (2, 2));
        assert_eq!(cqe.rx_hash_type(), 0x84);
        assert_eq!(arrived.bytes[42..], frame[42..]);
        assert_ne!(arrived.bytes[24..26], frame[24..26], "a checksum was computed");
        // As it is: the checksums are wrong, and nothing is said to be good.
        a.send(&frame, |_| ());
        let cqe = b.any_arrival().expect("it arrives").cqe;
        assert_eq!((cqe.cv(), cqe.l3_ok(), cqe.l4_ok()), (0, 0, 0));
        let counters = b.driver.device.ether_counters();
        assert_eq!(counters.received_unicast.0, 2);
    })
    .expect("no rule is broken");
}

/// Proves connectx-ethernet 5: flows spread over the queues of the table, each to the one of its hash, and a changed table holds at once.
#[test]
fn flows_keep_to_their_queue() {
    two(2, |[a, b]| {
        (0..QUEUES).for_each(|queue| b.fill(queue, 60));
        let mut seen = [0; QUEUES];
        for port in 0..40 {
            a.send(&packet(1, TCP, 5000 + port, &[1; 60]), checksums);
            let _ = a.sent().expect("it completes");
            let (queue, cqe) = (0..QUEUES)
                .find_map(|queue| b.arrival(queue).map(|arrived| (queue, arrived.cqe)))
                .expect("it arrives");
            assert_eq!(cqe.rx_hash_result() as usize % QUEUES, queue);
            assert_eq!(cqe.rx_hash_type(), 0x44);
            seen[queue] += 1;
        }
        assert!(seen.iter().all(|count| *count > 5), "{seen:?} under {KEY:x?}");
        let mut input = hw::ModifyRqtIn::new();
        input.set_opcode(u32::from(op::MODIFY_RQT)).set_rqtn(b.table);
        input.bitmask_mut().set_rqn_list(1);
        input.ctx_mut().set_rqt_actual_size(1);
        let input = [&input.as_bytes()[..], &b.receivers[1].number.to_be_bytes()].concat();
        b.driver.command(&input, 16).expect("MODIFY_RQT");
        for port in 0..5 {
            a.send(&packet(1, TCP, 5000 + port, &[1; 60]), checksums);
            let _ = a.sent().expect("it completes");
            assert!(b.arrival(1).is_some());
        }
    })
    .expect("no rule is broken");
}

/// Proves connectx-ethernet 2.2: 40000 bytes leave as segments, arrive in order, and all their checksums are right.
#[test]
fn a_large_send_is_cut() {
    two(3, |[a, b]| {
        (0..QUEUES).for_each(|queue| b.fill(queue, 60));
        let header = packet(1, TCP, 7777, &[]);
        let payload: Vec<u8> = (0..40_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
        a.data.write(OUTGOING, &payload);
        let mut segment = hw::HwWqeEthSeg::new();
        segment
            .set_cs_flags(0xc0)
            .set_mss(1400)
            .set_inline_hdr_sz(header.len() as u32);
        let mut segments = segment.as_bytes().to_vec();
        segments.splice(14..16, header.iter().copied());
        segments.resize(segments.len().next_multiple_of(16), 0);
        segments.extend(piece(a.key, a.data.bus + OUTGOING as u64, payload.len()));
        let doorbell = a.put(0x0e, &segments, |_| ());
        a.ring(doorbell);
        assert_eq!(a.sent().expect("it completes").opcode(), 0);
        let mut got = Vec::new();
        while got.len() < payload.len() {
            let arrived = b.any_arrival().expect("the next segment");
            assert_eq!((arrived.cqe.l3_ok(), arrived.cqe.l4_ok()), (1, 1));
            assert_eq!(arrived.bytes[38..42], (1 + got.len() as u32).to_be_bytes());
            got.extend_from_slice(&arrived.bytes[header.len()..]);
        }
        assert_eq!(got, payload);
    })
    .expect("no rule is broken");
}

/// Proves connectx-ethernet 3.1, 4: what nobody listens to, finds no element, is too short or the function's own, is dropped and counted.
#[test]
fn frames_that_nobody_waits_for_are_counted() {
    two(4, |[a, b]| {
        let frame = packet(1, UDP, 1, &[0; 60]);
        a.send(&frame, checksums);
        assert!(b.any_arrival().is_none());
        let counters = || b.driver.device.ether_counters();
        assert_eq!(counters().out_of_buffer, 1);
        (0..QUEUES).for_each(|queue| b.fill(queue, 8));
        let mut elsewhere = frame.clone();
        elsewhere[5] = 0x77;
        a.send(&elsewhere, checksums);
        assert!(b.any_arrival().is_none());
        assert_eq!(counters().unsteered, 1);
        let mut everywhere = frame.clone();
        everywhere[..6].fill(0xff);
        for station in [a, b] {
            station.listen([0xff; 6]);
        }
        (0..QUEUES).for_each(|queue| a.fill(queue, 8));
        a.send(&everywhere, checksums);
        assert!(b.any_arrival().is_some(), "a broadcast arrives");
        assert!(a.any_arrival().is_none(), "and not at its sender");
        a.send(&frame[..50], |_| ());
        assert!(b.any_arrival().is_none());
        assert_eq!(a.driver.device.ether_counters().runts_to_send, 1);
        b.driver.device.deliver_frame(&frame[..50]);
        assert_eq!(counters().undersized, 1);
    })
    .expect("no rule is broken");
}

/// Proves connectx-ethernet 2.4: a bad element stops the queue, the rest is flushed, and after a reset it works again.
#[test]
fn a_bad_element_stops_its_queue_until_it_is_reset() {
    let failure = two(5, |[a, b]| {
        (0..QUEUES).for_each(|queue| b.fill(queue, 8));
        let segment = hw::HwWqeEthSeg::new();
        let outside = [&segment.as_bytes()[..], &piece(a.key ^ 0x5500, a.data.bus, 60)].concat();
        a.put(0x0a, &outside, |_| ());
        let good = [&segment.as_bytes()[..], &piece(a.key, a.data.bus, 60)].concat();
        let doorbell = a.put(0x0a, &good, |_| ());
        a.ring(doorbell);
        let syndromes: Vec<_> = (0..2)
            .map(|_| {
                let cqe = a.sent().expect("it completes");
                let error = hw::HwErrCqe::from_bytes(cqe.as_bytes()).expect("64 bytes");
                (cqe.opcode(), error.syndrome())
            })
            .collect();
        assert_eq!(syndromes, [(13, 4), (13, 5)]);
        let state = |from, to| modify_queue(&a.driver, op::MODIFY_SQ, a.sqn, from, to);
        assert_eq!(state(1, 0), Err(BAD_STATE), "it is in error");
        state(3, 0).expect("reset");
        a.record.write_be32(4, 0);
        state(0, 1).expect("ready");
        a.restart();
        a.send(&packet(1, UDP, 9, &[3; 60]), checksums);
        assert_eq!(a.sent().expect("it completes").opcode(), 0);
        assert!(b.any_arrival().is_some());
        // An element that says it is another.
        let doorbell = a.put(0x0a, &good, |control| {
            control.set_wqe_index(0x55);
        });
        a.record.write_be32(4, 0x56);
        a.driver.device.bar_write(
            u64::from(a.driver.uar.get()) * 4096 + 0x800,
            &doorbell.to_be_bytes(),
            connectx_model::UNSEEN,
        );
        sim::sleep(sim::MILLISECOND);
    })
    .expect_err("more is counted than the ring holds");
    assert_eq!(failure.rule, "connectx-ethernet 2.3: ring");
}

/// Proves connectx-ethernet 1.7: what is in use stays, and what is not there is not used.
#[test]
fn objects_are_ended_in_the_reverse_of_their_making() {
    two(6, |[a, _]| {
        let driver = &a.driver;
        let end = |opcode, number| driver.short(opcode, 0, [number, 0]).map(|_| ());
        assert_eq!(end(op::DESTROY_TIS, a.tis), Err(RESOURCE_BUSY));
        assert_eq!(end(op::DESTROY_RQ, a.receivers[0].number), Err(RESOURCE_BUSY));
        assert_eq!(end(op::DESTROY_RQT, a.table), Err(RESOURCE_BUSY));
        assert_eq!(end(op::DESTROY_TIR, a.tir), Err(RESOURCE_BUSY));
        assert_eq!(end(op::DEALLOC_TRANSPORT_DOMAIN, a.domain), Err(RESOURCE_BUSY));
        assert_eq!(end(op::DEALLOC_PD, a.pd), Err(RESOURCE_BUSY));
        let (ring, record) = (driver.memory(4096), driver.memory(4096));
        let nobody = create_sq(driver, (a.pd, a.tis + 77, 0x500), (&ring, &record), |_| ());
        assert_eq!(nobody, Err(BAD_RESOURCE));
        let table = |opcode| {
            let mut input = hw::DestroyFlowTableIn::new();
            input.set_opcode(u32::from(opcode)).set_table_id(a.addresses);
            driver.command(&input.as_bytes()[..], 16).map(|_| ())
        };
        assert_eq!(table(op::DESTROY_FLOW_TABLE), Err(RESOURCE_BUSY));
        let mut input = hw::DeleteFteIn::new();
        input
            .set_opcode(u32::from(op::DELETE_FLOW_TABLE_ENTRY))
            .set_table_id(a.addresses);
        driver.command(&input.as_bytes()[..], 16).expect("the entry goes");
        driver
            .short(op::SET_FLOW_TABLE_ROOT, 1, [0, 0])
            .expect_err("too short");
        let mut input = hw::SetFlowTableRootIn::new();
        input.set_opcode(u32::from(op::SET_FLOW_TABLE_ROOT)).set_op_mod(1);
        driver.command(&input.as_bytes()[..], 16).expect("no root");
        let mut input = hw::DestroyFlowGroupIn::new();
        input
            .set_opcode(u32::from(op::DESTROY_FLOW_GROUP))
            .set_table_id(a.addresses)
            .set_group_id(a.group.get());
        driver.command(&input.as_bytes()[..], 16).expect("the group goes");
        table(op::DESTROY_FLOW_TABLE).expect("the table goes");
        end(op::DESTROY_TIR, a.tir).expect("the TIR goes");
        end(op::DESTROY_RQT, a.table).expect("the table goes");
        for receiver in &a.receivers {
            end(op::DESTROY_RQ, receiver.number).expect("the queue goes");
        }
        end(op::DESTROY_SQ, a.sqn).expect("the queue goes");
        end(op::DESTROY_TIS, a.tis).expect("the TIS goes");
        end(op::DEALLOC_TRANSPORT_DOMAIN, a.domain).expect("the domain goes");
    })
    .expect("no rule is broken");
}

/// Proves connectx-ethernet 1.5: a receive queue that starts with a record that is not 0 loses count.
#[test]
fn a_receive_queue_starts_with_an_empty_record() {
    let failure = two(7, |[a, _]| {
        let receiver = &a.receivers[0];
        modify_queue(&a.driver, op::MODIFY_RQ, receiver.number, 1, 0).expect("reset");
        receiver.record.write_be32(0, 3);
        let _ = modify_queue(&a.driver, op::MODIFY_RQ, receiver.number, 0, 1);
    });
    assert_eq!(
        failure.expect_err("it is found").rule,
        "connectx-ethernet 1.5: RQ record"
    );
}
