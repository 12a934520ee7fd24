//! What an adapter says that it can do, and what becomes of requests at and beyond it.

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use cxndk::hw::layout::opcode;
use cxndk_testbed::connectx::{CommandFault, Matching};
use cxndk_testbed::consumers::ndk::{Adapter, Buffer, Pd, Status};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::world::World;
use support::{QUEUES, scenario};

/// `LIMITS_ERR` and `NO_RES_ERR` of the command interface: there is no more of it.
const FULL: [u8; 2] = [0x08, 0x0f];

/// Makes what a command of `code` makes.
fn make(adapter: Adapter, pd: Pd, code: u16) -> Result<(), Status> {
    match code {
        opcode::CREATE_CQ => adapter
            .create_cq(16, None, std::ptr::null_mut())
            .map(|cq| cq.close_and_wait().expect("closes")),
        opcode::CREATE_QP => {
            let cq = adapter
                .create_cq(64, None, std::ptr::null_mut())
                .expect("a queue");
            let made = pd.create_qp(cq, cq, 1, QUEUES);
            let made = made.map(|qp| qp.close_and_wait().expect("closes"));
            cq.close_and_wait().expect("closes");
            made
        }
        opcode::CREATE_MKEY => {
            let made = pd
                .register(&Buffer::new(10_000), support::ALL_RIGHTS)
                .map(|mr| mr.close_and_wait().expect("closes"));
            let fast = pd.create_mr(true).expect("a region");
            let initialised = fast.initialize_fast_register(64, true).wait();
            fast.close_and_wait().expect("closes");
            assert_eq!(made, initialised);
            made
        }
        _ => adapter.create_pd().map(|pd| pd.close_and_wait().expect("closes")),
    }
}

/// Proves CREATE-03, MR-01, MR-20: a device that is full is no broken device, and has room again later.
#[test]
fn a_device_that_is_full_is_a_lack_of_resources() {
    for code in [
        opcode::CREATE_CQ,
        opcode::CREATE_QP,
        opcode::CREATE_MKEY,
        opcode::ALLOC_PD,
    ] {
        for status in FULL {
            scenario(1, move |world: &World| {
                let host = &world.hosts[0];
                let device = host.device.clone();
                let open = host.open_ndk();
                on(host.id, "consumer", move || {
                    let pd = open.adapter().create_pd().expect("a domain");
                    device
                        .faults
                        .borrow_mut()
                        .add(Matching::opcode(code), CommandFault::Status(status, 0x1234));
                    let refused = make(open.adapter(), pd, code);
                    assert_eq!(
                        refused,
                        Err(Status::INSUFFICIENT_RESOURCES),
                        "{code:#x} {status:#x}"
                    );
                    device.faults.borrow_mut().clear();
                    assert_eq!(make(open.adapter(), pd, code), Ok(()));
                    pd.close_and_wait().expect("closes");
                    open.close();
                });
            });
        }
    }
}
