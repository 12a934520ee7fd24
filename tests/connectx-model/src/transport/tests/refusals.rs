//! What an end refuses, and how a connection dies: roce-wire.md 2.5, 2.8, 2.9; connectx.md 8 to 12.

use super::node::{ALL, EVERYTHING, Node, PD, RC, RECEIVE_CQ, SEND_CQ, address, connected, key};
use super::post::{Work, code, receive, work};
use super::wire::{World, world, world_with};
use crate::{Key, Mkey, Pdn, QpEvent, Rights, State, Syndrome};
use roce_wire::headers::address_of;
use roce_wire::{Bth, Ethernet, Extended, Headers, Mac, Network, Opcode, Reth};

const FLUSHED: Option<Syndrome> = Some(Syndrome::Flushed);

/// Posts `bad` and something behind it, and checks how both sides end.
fn dies_of(world: &mut World, bad: Work, requester: Syndrome, nak: u8, event: QpEvent) {
    receive(&world.nodes[1], RC, &[(0x10_0000, 64)]);
    let first = bad.post(&mut world.nodes[0], 0);
    let second = work(code::NOP).post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(
        world
            .sent_by(1)
            .last()
            .and_then(|seen| seen.aeth)
            .map(|aeth| aeth.0),
        Some(nak)
    );
    assert_eq!(
        world.nodes[0].completions(SEND_CQ),
        [(first, Some(requester)), (second, FLUSHED)]
    );
    assert_eq!(world.failed(), [true, true]);
    assert_eq!(*world.nodes[1].host.events.borrow(), [event]);
}

/// Proves roce-wire 2.5, step 6 and the table: what a key does not allow is a remote access error, for the responder an
/// event, and no receive WQE is used up but by the flush.
#[test]
fn a_key_that_does_not_fit_is_a_remote_access_error() {
    let readable = Rights {
        remote_read: true,
        ..Rights::default()
    };
    let writable = Rights {
        remote_write: true,
        ..Rights::default()
    };
    let cases: [(u32, usize, usize, Mkey); 7] = [
        (code::WRITE, 0x1000, 4096, key(0x1000, 4095, EVERYTHING)),
        (code::WRITE, 0xfff, 16, key(0x1000, 4096, EVERYTHING)),
        (code::READ, 0x2000, 1, key(0x1000, 4096, EVERYTHING)),
        (code::WRITE, 0x1000, 16, key(0x1000, 4096, readable)),
        (code::READ, 0x1000, 16, key(0x1000, 4096, writable)),
        (
            code::READ,
            0x1000,
            16,
            Mkey {
                pd: Pdn(PD.0 + 1),
                ..key(0x1000, 4096, EVERYTHING)
            },
        ),
        (
            code::WRITE,
            0x1000,
            16,
            Mkey {
                free: true,
                ..key(0x1000, 4096, EVERYTHING)
            },
        ),
    ];
    for (opcode, at, length, mkey) in cases {
        let mut world = world();
        world.nodes[0].fill(0, length, 1);
        let before = world.nodes[1].bytes(0x1000, 4096);
        let name = world.nodes[1].add_key(0x55, mkey);
        let bad = work(opcode).remote(name, at).data(0, length);
        dies_of(
            &mut world,
            bad,
            Syndrome::RemoteAccess,
            0x62,
            QpEvent::AccessViolation,
        );
        assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, FLUSHED)]);
        assert_eq!(world.nodes[1].bytes(0x1000, 4096), before, "nothing was written");
    }
    let mut world = world();
    let bad = work(code::READ).remote(Key(0x0123_4567), 0).data(0, 8);
    dies_of(
        &mut world,
        bad,
        Syndrome::RemoteAccess,
        0x62,
        QpEvent::AccessViolation,
    );
}

/// Proves roce-wire 2.5, step 3 and 4: what the queue pair does not allow is an invalid request, whatever the key.
#[test]
fn an_operation_that_is_not_enabled_is_an_invalid_request() {
    let target = |opcode| work(opcode).remote(ALL, 0).data(0, 8);
    let mut no_read = world_with(|_, attributes| attributes.remote_read = false);
    dies_of(
        &mut no_read,
        target(code::READ),
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
    let mut no_write = world_with(|_, attributes| attributes.remote_write = false);
    dies_of(
        &mut no_write,
        target(code::WRITE),
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
    let mut no_slot = world_with(|_, attributes| attributes.max_served = 0);
    dies_of(
        &mut no_slot,
        target(code::READ),
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
    let mut too_many = world_with(|index, attributes| {
        attributes.max_initiated = 8;
        attributes.max_served = if index == 1 { 1 } else { 8 };
    });
    for _ in 0..4 {
        work(code::READ)
            .silent()
            .remote(ALL, 0)
            .data(0, 32 << 10)
            .post(&mut too_many.nodes[0], 0);
    }
    too_many.run();
    assert_eq!(too_many.failed(), [true, true]);
    let no_atomic = |attributes: &mut crate::Attributes| attributes.remote_atomic = false;
    let mut world = world_with(|_, attributes| no_atomic(attributes));
    let bad = work(code::FETCH_ADD).remote(ALL, 0).atomic(1, 0).data(0, 8);
    dies_of(
        &mut world,
        bad,
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
}

/// Proves roce-wire 2.5, step 5: an atomic at an address that is no multiple of 8 is an invalid request.
#[test]
fn a_crooked_atomic_is_an_invalid_request() {
    let mut world = world();
    let bad = work(code::FETCH_ADD).remote(ALL, 4).atomic(1, 0).data(0, 8);
    dies_of(
        &mut world,
        bad,
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
}

/// Proves roce-wire 2.5, step 5: a SEND longer than the receive buffer; the receive ends with a local length error.
#[test]
fn a_send_beyond_the_receive_is_an_invalid_request() {
    let mut world = world();
    receive(&world.nodes[1], RC, &[(0, 2000)]);
    let bad = work(code::SEND).data(0, 2001);
    dies_of(
        &mut world,
        bad,
        Syndrome::RemoteInvalidRequest,
        0x61,
        QpEvent::InvalidRequest,
    );
    assert_eq!(
        world.nodes[1].completions(RECEIVE_CQ),
        [(0, Some(Syndrome::LocalLength)), (1, FLUSHED)]
    );
}

/// Proves roce-wire 2.5, step 7: a receive buffer that cannot be written is the responder's fault.
#[test]
fn a_receive_without_a_good_key_is_a_remote_operational_error() {
    let mut world = world();
    receive(&world.nodes[1], RC, &[(super::node::MEMORY - 10, 64)]);
    let first = work(code::SEND).data(0, 64).post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(
        world.nodes[0].completions(SEND_CQ),
        [(first, Some(Syndrome::RemoteOperation))]
    );
    assert_eq!(
        world.nodes[1].completions(RECEIVE_CQ),
        [(0, Some(Syndrome::LocalProtection))]
    );
    assert_eq!(world.failed(), [true, true]);
}

/// Proves roce-wire 2.9: a key that may not be invalidated kills the responder without a NAK.
#[test]
fn invalidating_a_strange_key_kills_the_responder() {
    let mut world = world_with(|_, attributes| attributes.retry_count = 1);
    receive(&world.nodes[1], RC, &[(0, 64)]);
    let first = work(code::SEND_INVALIDATE)
        .immediate(0x0bad_0000)
        .inline(b"x")
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.sent_by(1), []);
    assert_eq!(
        world.nodes[1].completions(RECEIVE_CQ),
        [(0, Some(Syndrome::MemoryWindowBind))]
    );
    assert_eq!(
        world.nodes[0].completions(SEND_CQ),
        [(first, Some(Syndrome::TransportRetryExceeded))]
    );
}

/// Proves roce-wire 2.8: a gather list that cannot be read stops the stream; earlier work still completes well.
#[test]
fn a_bad_gather_list_fails_behind_what_was_good() {
    let mut world = world();
    let good = work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 3000)
        .post(&mut world.nodes[0], 0);
    let bad = work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 1500)
        .data_with(Key(0x99_0000), 0, 10);
    let bad = bad.post(&mut world.nodes[0], 0);
    let late = work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 10)
        .post(&mut world.nodes[0], 0);
    world.run();
    let expected = [
        (good, None),
        (bad, Some(Syndrome::LocalProtection)),
        (late, FLUSHED),
    ];
    assert_eq!(world.nodes[0].completions(SEND_CQ), expected);
    assert_eq!(world.failed(), [true, false]);
    assert_eq!(world.opcodes(0).len(), 4);
}

/// Proves roce-wire 2.8: a scatter list that cannot be written fails the read.
#[test]
fn a_bad_scatter_list_fails_the_read() {
    let mut world = world();
    let bad = work(code::READ)
        .remote(ALL, 0)
        .data(super::node::MEMORY - 100, 2000)
        .post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(
        world.nodes[0].completions(SEND_CQ),
        [(bad, Some(Syndrome::LocalProtection))]
    );
}

/// Proves connectx 7: a doorbell record that counts more than the ring holds breaks the work queue.
#[test]
fn an_impossible_doorbell_record_is_catastrophic() {
    let mut world = world();
    world.nodes[0]
        .host
        .rings
        .borrow_mut()
        .get_mut(&RC)
        .expect("rings")
        .posted_sends = 65;
    let node = &mut world.nodes[0];
    node.engine.doorbell(&node.host, 0, RC);
    assert_eq!(*node.host.events.borrow(), [QpEvent::WorkQueueCatastrophic]);
    assert_eq!(node.engine.state(RC), Some(State::Error));
    assert_eq!(node.host.failed.get(), 1);
}

/// Proves connectx 8: a completion queue that overruns takes the queue pair with it.
#[test]
fn a_full_completion_queue_fails_the_queue_pair() {
    let mut world = world();
    world.nodes[0].host.room.set(1);
    work(code::NOP).post(&mut world.nodes[0], 0);
    work(code::NOP).post(&mut world.nodes[0], 0);
    world.run();
    assert_eq!(world.failed(), [true, false]);
}

/// Proves connectx 9: a queue pair moved to error by the driver flushes what is posted, and what is posted later.
#[test]
fn work_posted_in_error_is_flushed_too() {
    let mut world = world();
    world.judge = Some(Box::new(|_, _| super::wire::Verdict::Drop));
    receive(&world.nodes[0], RC, &[(0, 64)]);
    work(code::WRITE)
        .silent()
        .remote(ALL, 0)
        .data(0, 8)
        .post(&mut world.nodes[0], 0);
    world.run_for(1_000);
    let node = &mut world.nodes[0];
    node.engine
        .transition(&node.host, 1_000, (RC, State::Error), &connected(0));
    assert_eq!(node.completions(SEND_CQ), [(0, FLUSHED)]);
    assert_eq!(node.completions(RECEIVE_CQ), [(0, FLUSHED)]);
    receive(node, RC, &[(0, 64)]);
    work(code::SEND).inline(b"drain").post(node, 1_000);
    assert_eq!(node.completions(SEND_CQ), [(0, FLUSHED), (1, FLUSHED)]);
    world.run_for(50_000);
    assert_eq!(
        world.nodes[0].completions(RECEIVE_CQ),
        [(0, FLUSHED), (1, FLUSHED)]
    );
    assert_eq!(world.opcodes(0).len(), 1, "a queue pair in error sends nothing");
}

/// Proves roce-wire 2.8, 2.10: in RTR requests are answered, the first one is an event, and nothing is sent by itself.
#[test]
fn in_rtr_a_queue_pair_answers_and_reports_that_the_peer_is_there() {
    let mut world = world();
    let mut quiet = Node::new(1);
    quiet.raise(RC, State::ReadyToReceive, &connected(1));
    world.nodes[1] = quiet;
    receive(&world.nodes[1], RC, &[(0, 64)]);
    work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 8)
        .post(&mut world.nodes[1], 0);
    work(code::SEND).inline(b"hello").post(&mut world.nodes[0], 0);
    work(code::SEND).inline(b"again").post(&mut world.nodes[0], 0);
    receive(&world.nodes[1], RC, &[(0, 64)]);
    world.run();
    assert_eq!(
        *world.nodes[1].host.events.borrow(),
        [QpEvent::CommunicationEstablished]
    );
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ).len(), 2);
    assert!(
        world
            .opcodes(1)
            .iter()
            .all(|&opcode| opcode == Opcode::Acknowledge)
    );
    let node = &mut world.nodes[1];
    node.engine
        .transition(&node.host, world.now, (RC, State::ReadyToSend), &connected(1));
    world.run();
    assert_eq!(world.nodes[1].completions(SEND_CQ), [(0, None)]);
}

/// A frame from node 0 to the connected queue pair of node 1.
fn frame(bth: Bth, extended: Extended, payload: &[u8]) -> (Headers, Vec<u8>) {
    let (from, to) = (address(0), address(1));
    let network = Network::between(address_of(from.gid), address_of(to.gid), 2, 64).expect("one family");
    let ethernet = Ethernet {
        destination: Mac(to.mac),
        source: Mac(from.mac),
        vlan: None,
    };
    let headers = Headers {
        ethernet,
        network,
        source_port: 0xc123,
        udp_checksum: 0,
        bth,
        extended,
    };
    let frame = headers.encode_with(payload.len(), |space| space.copy_from_slice(payload));
    (headers, frame)
}

fn request(opcode: Opcode, psn: u32) -> Bth {
    Bth {
        ack_request: true,
        ..Bth::new(opcode, RC.0, psn)
    }
}

/// Packets of one try.
type Packets<'a> = Vec<(Opcode, Extended, &'a [u8])>;

/// Proves roce-wire 2.2, 2.5 steps 2 and 5: sequences and lengths that no message has.
#[test]
fn packets_out_of_line_are_invalid_requests() {
    let first = 0x00ff_fff0;
    let reth = |length| {
        Extended::Reth(Reth {
            address: 0,
            r_key: ALL.0,
            length,
        })
    };
    let full = [1; 1024];
    let cases: Vec<Packets<'_>> = vec![
        vec![(Opcode::SendMiddle, Extended::Plain, &full)],
        vec![(Opcode::SendLast, Extended::Plain, &full)],
        vec![(Opcode::WriteLast, Extended::Plain, &full)],
        vec![
            (Opcode::SendFirst, Extended::Plain, &full),
            (Opcode::SendOnly, Extended::Plain, &full),
        ],
        vec![
            (Opcode::SendFirst, Extended::Plain, &full),
            (Opcode::WriteMiddle, Extended::Plain, &full),
        ],
        vec![
            (Opcode::SendFirst, Extended::Plain, &full),
            (Opcode::ReadRequest, reth(8), &[]),
        ],
        vec![(Opcode::SendFirst, Extended::Plain, &full[..1020])],
        vec![
            (Opcode::SendFirst, Extended::Plain, &full),
            (Opcode::SendLast, Extended::Plain, &[]),
        ],
        vec![(Opcode::WriteOnly, reth(9), &full[..8])],
        vec![(Opcode::WriteOnly, reth(7), &full[..8])],
        vec![(Opcode::WriteFirst, reth(1024), &full)],
        vec![
            (Opcode::WriteFirst, reth(1030), &full),
            (Opcode::WriteLast, Extended::Plain, &full[..8]),
        ],
        vec![(Opcode::ReadRequest, reth(u32::MAX), &[])],
    ];
    for (index, packets) in cases.into_iter().enumerate() {
        let mut world = world();
        receive(&world.nodes[1], RC, &[(0, 4096)]);
        let count = packets.len() as u32;
        for (step, (opcode, extended, payload)) in packets.into_iter().enumerate() {
            let (_, frame) = frame(request(opcode, first + step as u32), extended, payload);
            world.give(1, &frame);
        }
        world.judge = Some(Box::new(|_, _| super::wire::Verdict::Drop));
        world.run();
        let answer = *world
            .sent_by(1)
            .last()
            .unwrap_or_else(|| panic!("case {index} has no answer"));
        assert_eq!(answer.aeth.map(|aeth| aeth.0), Some(0x61), "case {index}");
        assert_eq!(answer.psn, first + count - 1, "case {index}");
        assert_eq!(
            world.nodes[1].engine.state(RC),
            Some(State::Error),
            "case {index}"
        );
    }
}

/// Proves roce-wire 1.2: what the filter does not let through leaves no trace but a count.
#[test]
fn frames_for_others_are_dropped_silently() {
    let first = 0x00ff_fff0;
    let bth = request(Opcode::SendOnly, first);
    let (good, frame) = frame(bth, Extended::Plain, b"12345678");
    let spoiled = |change: &dyn Fn(&mut Headers)| {
        let mut headers = good;
        change(&mut headers);
        headers.encode_with(8, |space| space.copy_from_slice(b"12345678"))
    };
    let stranger = Network::between(address_of([9; 16]), address_of(address(1).gid), 2, 64);
    assert!(stranger.is_err());
    let other = |last: u8| {
        address_of({
            let mut gid = address(0).gid;
            gid[15] = last;
            gid
        })
    };
    let between = |from, to| Network::between(other(from), other(to), 2, 64).expect("one family");
    let mut damaged = frame.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    let cases = [
        spoiled(&|headers| headers.bth.dest_qpn = 0x99),
        spoiled(&|headers| headers.bth.p_key = 0x1234),
        spoiled(&|headers| headers.network = between(9, 2)),
        spoiled(&|headers| headers.network = between(1, 9)),
        spoiled(&|headers| headers.ethernet.destination = Mac([9; 6])),
        spoiled(&|headers| headers.ethernet.vlan = Some(5)),
        damaged,
    ];
    let mut world = world();
    receive(&world.nodes[1], RC, &[(0, 64)]);
    for case in &cases {
        world.give(1, case);
    }
    world.run();
    let counters = *world.nodes[1].engine.counters();
    assert_eq!(
        (counters.filtered, counters.bad_frames, counters.packets_sent),
        (6, 1, 0)
    );
    world.give(1, &frame);
    world.run();
    assert_eq!(world.nodes[1].completions(RECEIVE_CQ), [(0, None)]);
}

/// Proves roce-wire 2.7: acknowledgements behind the window or for PSNs never sent are ignored.
#[test]
fn ghost_acknowledgements_are_ignored() {
    let mut world = world();
    world.judge = Some(Box::new(|_, _| super::wire::Verdict::Drop));
    work(code::WRITE)
        .remote(ALL, 0)
        .data(0, 8)
        .post(&mut world.nodes[0], 0);
    world.run_for(1_000);
    let (to, from) = (address(0), address(1));
    for (psn, syndrome) in [
        (0x00ff_fff1, 0x1f),
        (0x00ff_ffef, 0x1f),
        (0x7f_0000, 0x62),
        (0x00ff_ffef, 0x60),
    ] {
        let extended = Extended::Aeth(roce_wire::Aeth { syndrome, msn: 1 });
        let network = Network::between(address_of(from.gid), address_of(to.gid), 2, 64).expect("one family");
        let ethernet = Ethernet {
            destination: Mac(to.mac),
            source: Mac(from.mac),
            vlan: None,
        };
        let bth = Bth::new(Opcode::Acknowledge, RC.0, psn);
        let headers = Headers {
            ethernet,
            network,
            source_port: 0xc123,
            udp_checksum: 0,
            bth,
            extended,
        };
        world.give(0, &headers.encode_with(0, |_| ()));
    }
    assert_eq!(world.nodes[0].completions(SEND_CQ), []);
    assert_eq!(world.failed(), [false, false]);
}
