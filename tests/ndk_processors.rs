//! On which processors, and at which level, a consumer hears of its completion queues.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk_testbed::consumers::ndk::{Adapter, Notify};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim;
use support::{QUEUES, queue_on, scenario};

const DISPATCH_LEVEL: u8 = 2;
/// Of a simulated host.
const PROCESSORS: u32 = 4;

/// Processor and level of every notification.
type Heard = RefCell<Vec<(u32, u8)>>;

unsafe extern "win64" fn heard(context: *mut c_void, _: i32) {
    // SAFETY: the scenario keeps it until the queue is closed.
    let heard = unsafe { &*context.cast::<Heard>() };
    heard.borrow_mut().push((sim::processor(), sim::irql()));
}

/// Where a queue that is preferred on these processors is heard of, over a few notifications.
fn places(adapter: &Adapter, processors: u64) -> Vec<(u32, u8)> {
    let places = Rc::new(Heard::default());
    let cq = queue_on(adapter, processors, heard, Rc::as_ptr(&places).cast_mut().cast());
    let pd = adapter.create_pd().expect("a domain");
    for round in 1..=3 {
        let qp = pd.create_qp(cq, cq, 1, QUEUES).expect("a queue pair");
        cq.arm(Notify::Any);
        qp.receive(1, &[]).expect("posts");
        qp.flush();
        let end = sim::now() + 10 * sim::SECOND;
        while places.borrow().len() < round && sim::now() < end {
            sim::sleep(sim::MILLISECOND);
        }
        while cq.poll(&mut Vec::new(), 16) != 0 {}
        qp.close_and_wait().expect("closes");
    }
    pd.close_and_wait().expect("closes");
    cq.close_and_wait().expect("closes");
    places.take()
}

/// Proves CREATE-10, INT-10: notifications come at `DISPATCH_LEVEL` on the processor that the consumer prefers, wherever the system has
/// put the device's messages.
#[test]
fn a_queue_is_heard_of_on_the_processor_that_its_consumer_prefers() {
    for seed in 0..8 {
        scenario(seed, |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            on(host.id, "consumer", move || {
                for processor in 0..PROCESSORS {
                    assert_eq!(
                        places(&adapter, 1 << processor),
                        [(processor, DISPATCH_LEVEL); 3],
                        "seed {seed}"
                    );
                }
                let either = places(&adapter, 0b1010);
                assert!(either.iter().all(|(processor, _)| processor % 2 == 1));
                // Nobody has such a processor: then any will do.
                for elsewhere in [0, 1 << 40] {
                    assert_eq!(places(&adapter, elsewhere).len(), 3);
                }
            });
            open.close();
        });
    }
}
