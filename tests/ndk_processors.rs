//! On which processors, and at which level, a consumer hears of its completion queues.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk_testbed::consumers::ndk::{Adapter, Cq, Notify, Qp};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::ndis::{Personality, ResourceList};
use cxndk_testbed::sim::{self, HostId};
use cxndk_testbed::world::{Machine, World, WorldPlan};
use support::{DISPATCH_LEVEL, QUEUES, occupy, queue_on};

/// More queues than a look at an event queue handles at a time.
const CROWD: usize = 150;

/// Processor and level of every notification.
type Heard = RefCell<Vec<(u32, u8)>>;

unsafe extern "win64" fn heard(context: *mut c_void, _: i32) {
    // SAFETY: the scenario keeps it until the queue is closed.
    let heard = unsafe { &*context.cast::<Heard>() };
    heard.borrow_mut().push((sim::processor(), sim::irql()));
}

fn wait_for(heard: &Heard, count: usize) {
    let end = sim::now() + 10 * sim::SECOND;
    while heard.borrow().len() < count && sim::now() < end {
        sim::sleep(sim::MILLISECOND);
    }
}

/// Where a queue that is preferred on these processors is heard of, over a few notifications.
fn places(adapter: &Adapter, processors: (u16, u64)) -> Vec<(u32, u8)> {
    let places = Rc::new(Heard::default());
    let cq = queue_on(adapter, processors, heard, Rc::as_ptr(&places).cast_mut().cast());
    let pd = adapter.create_pd().expect("a domain");
    for round in 1..=3 {
        let qp = pd.create_qp(cq, cq, 1, QUEUES).expect("a queue pair");
        cq.arm(Notify::Any);
        qp.receive(1, &[]).expect("posts");
        qp.flush();
        wait_for(&places, round);
        while cq.poll(&mut Vec::new(), 16) != 0 {}
        qp.close_and_wait().expect("closes");
    }
    pd.close_and_wait().expect("closes");
    cq.close_and_wait().expect("closes");
    places.take()
}

/// A world of such machines, whose systems keep to the device's wish for one processor for each message.
fn world(seed: u64, processors: u32, group: u32) -> WorldPlan {
    World::new(seed).machine(Machine {
        processors,
        group,
        spreads_messages: true,
    })
}

/// Proves CREATE-10, INT-10: notifications come at `DISPATCH_LEVEL` on the processor that the consumer prefers, wherever the system has
/// put the device's messages.
#[test]
fn a_queue_is_heard_of_on_the_processor_that_its_consumer_prefers() {
    for seed in 0..8 {
        world(seed, 4, 64).play(|world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            on(host.id, "consumer", move || {
                for processor in 0..4 {
                    assert_eq!(
                        places(&adapter, (0, 1 << processor)),
                        [(processor, DISPATCH_LEVEL); 3],
                        "seed {seed}"
                    );
                }
                let either = places(&adapter, (0, 0b1010));
                assert!(either.iter().all(|(processor, _)| processor % 2 == 1));
                // Nobody has such a processor: then any will do.
                for elsewhere in [(0, 0), (0, 1 << 40), (1, 1)] {
                    assert_eq!(places(&adapter, elsewhere).len(), 3);
                }
            });
            open.close();
        });
    }
}

/// Proves CREATE-10, INT-10: the same where processors are in groups, whichever of its lists of resources the bus driver's stack hands on.
#[test]
fn a_queue_is_heard_of_in_the_group_that_its_consumer_prefers() {
    for (seed, resources) in [ResourceList::Translated, ResourceList::Raw]
        .into_iter()
        .cycle()
        .take(4)
        .enumerate()
    {
        let seed = seed as u64;
        world(seed, 12, 4).play(|world| {
            let host = &world.hosts[0];
            host.adapter.stop();
            host.adapter.set_personality(Personality {
                resources,
                ..host.adapter.personality()
            });
            host.adapter.start().expect("it starts again");
            let open = host.open_ndk();
            let adapter = open.adapter();
            on(host.id, "consumer", move || {
                for processor in 0..12 {
                    let preferred = ((processor / 4) as u16, 1 << (processor % 4));
                    assert_eq!(
                        places(&adapter, preferred),
                        [(processor, DISPATCH_LEVEL); 3],
                        "seed {seed}"
                    );
                }
                let last = places(&adapter, (2, u64::MAX));
                assert!(last.iter().all(|(processor, _)| *processor >= 8), "{last:?}");
            });
            open.close();
        });
    }
}

/// Queues preferred on one processor, each with a queue pair that has a receive outstanding, all armed.
fn crowd(adapter: &Adapter, processors: (u16, u64), heard_of: &Rc<Heard>) -> Vec<(Cq, Qp)> {
    let pd = adapter.create_pd().expect("a domain");
    let context = Rc::as_ptr(heard_of).cast_mut().cast();
    let made = (0..CROWD)
        .map(|_| {
            let cq = queue_on(adapter, processors, heard, context);
            let qp = pd.create_qp(cq, cq, 1, QUEUES).expect("a queue pair");
            qp.receive(1, &[]).expect("posts");
            cq.arm(Notify::Any);
            (cq, qp)
        })
        .collect();
    // It ends after its queue pairs.
    let _ = pd.close();
    made
}

/// Proves INT-03, INT-09: so many queues want to be heard of on one processor that one look at their events is not enough, far beyond the
/// first 32 processors and in a group of their own. All are heard of, all there.
#[test]
fn looks_go_on_where_they_began_on_machines_with_many_processors() {
    let told = (0..6).filter(|&seed| {
        let group = if seed % 2 == 0 { 64 } else { 16 };
        world(seed, 48, group).play(move |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let (adapter, id) = (open.adapter(), host.id);
            let told = on(host.id, "consumer", move || tell_a_crowd(&adapter, id, group));
            open.close();
            told
        })
    });
    assert!(told.count() >= 2, "messages come to high processors");
}

/// Whether a message comes to a high processor; then a crowd is told there.
fn tell_a_crowd(adapter: &Adapter, host: HostId, group: u32) -> bool {
    let at = |processor: u32| ((processor / group) as u16, 1 << (processor % group));
    let mut high = (32..48).rev();
    let target = high.find(|&processor| places(adapter, at(processor))[0].0 == processor);
    let Some(target) = target else { return false };
    let heard_of = Rc::new(Heard::default());
    let queues = crowd(adapter, at(target), &heard_of);
    let end = occupy(host, target);
    for (_, qp) in &queues {
        qp.flush();
    }
    sim::sleep(100 * sim::MILLISECOND);
    assert_eq!(heard_of.borrow().len(), 0, "nobody can be told yet");
    end.set(true);
    wait_for(&heard_of, CROWD);
    assert_eq!(*heard_of.borrow(), [(target, DISPATCH_LEVEL); CROWD]);
    for (cq, qp) in queues {
        qp.close_and_wait().expect("closes");
        cq.close_and_wait().expect("closes");
    }
    true
}
