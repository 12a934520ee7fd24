//! What the device checks of work queue elements: connectx.md 9 to 11.

use super::node::{ALL, RC, SEND_CQ};
use super::post::{code, receive, work};
use super::wire::{world, world_with};
use crate::{Service, Syndrome};

const FLUSHED: Option<Syndrome> = Some(Syndrome::Flushed);

/// Proves connectx 9, 10: the device checks index, number and shape of a WQE.
#[test]
fn malformed_work_is_a_local_operation_error() {
    read_of_31_pieces();
    let spoil: [fn(&mut [u8; 64]); 10] = [
        |block| block[2] ^= 1,             // WQE index
        |block| block[6] ^= 1,             // queue pair number
        |block| block[7] = 0,              // ds
        |block| block[7] = 2,              // ds without the remote address and data
        |block| block[3] = 0x7f,           // opcode
        |block| block[11] = 0x08 | 5 << 5, // fence mode
        |block| block[8] = 1,              // signature
        |block| block[9] = 1,              // stream
        |block| block[11] |= 1,            // reserved, beside the solicited bit
        |block| block[31] = 1,             // reserved, behind the remote key
    ];
    for (index, spoil) in spoil.into_iter().enumerate() {
        let mut world = world();
        let good = work(code::NOP).write(&world.nodes[0], RC);
        let bad = work(code::WRITE)
            .remote(ALL, 0)
            .data(0, 8)
            .write(&world.nodes[0], RC);
        spoil(
            &mut world.nodes[0]
                .host
                .rings
                .borrow_mut()
                .get_mut(&RC)
                .expect("rings")
                .send[usize::from(bad)],
        );
        let late = work(code::NOP).post(&mut world.nodes[0], 0);
        world.run();
        let expected = [
            (good, None),
            (bad, Some(Syndrome::LocalQpOperation)),
            (late, FLUSHED),
        ];
        if index == 3 {
            // A data segment is missing, so the write is empty, which is legal.
            assert_eq!(world.nodes[0].completions(SEND_CQ)[1], (bad, None));
        } else {
            assert_eq!(world.nodes[0].completions(SEND_CQ), expected, "case {index}");
        }
    }
}

/// Proves connectx 10: the service decides what may be posted: UMR queue pairs send nothing, unreliable ones do not read.
#[test]
fn work_that_the_service_does_not_have_is_a_local_operation_error() {
    for (service, opcode) in [
        (Service::Registration, code::WRITE),
        (Service::UnreliableConnection, code::READ),
    ] {
        let mut world = world_with(|_, attributes| attributes.service = service);
        let bad = work(opcode)
            .remote(ALL, 0)
            .data(0, 8)
            .post(&mut world.nodes[0], 0);
        world.run();
        let expected = [(bad, Some(Syndrome::LocalQpOperation))];
        assert_eq!(world.nodes[0].completions(SEND_CQ), expected);
    }
}

/// Proves connectx 10: a byte count of 0 in a posted receive is a mistake, its terminator is none.
#[test]
fn a_receive_with_a_piece_of_no_bytes_is_a_mistake() {
    for (pieces, mistakes) in [(&[(0, 64), (64, 0)][..], 1), (&[(0, 64)], 0)] {
        let mut world = world();
        receive(&world.nodes[1], RC, pieces);
        work(code::SEND).inline(b"hello").post(&mut world.nodes[0], 0);
        world.run();
        assert_eq!(world.nodes[1].host.mistakes.borrow().len(), mistakes);
    }
}

/// An element of a read has 512 bytes at most, and so 30 pieces.
fn read_of_31_pieces() {
    let read = |pieces| (0..pieces).fold(work(code::READ).remote(ALL, 0), |work, at| work.data(at * 8, 8));
    let mut world = world();
    let good = read(30).post(&mut world.nodes[0], 0);
    let bad = read(31).post(&mut world.nodes[0], 0);
    world.run();
    let expected = [(good, None), (bad, Some(Syndrome::LocalQpOperation))];
    assert_eq!(world.nodes[0].completions(SEND_CQ), expected);
}
