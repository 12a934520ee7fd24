//! What it costs from a message of the device to the consumers' callbacks: service routine, DPC, event queue.

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::GROUP_AFFINITY;

use super::{Row, registers, undisturbed, watch};
use crate::consumers::ndk::{Adapter, Cq, Notify, Pd, Qp, QpLimits};
use crate::consumers::node::on;
use crate::ndis::{WaitingMessage, ndk};
use crate::pci::Function;
use crate::probe::{Cost, Watch, measure};
use crate::sim::{self, TaskSpec};
use crate::world::{Host, World};

/// Queues whose events come together, by several messages, since queues are dealt to the messages for a processor in turn.
const CROWD: usize = 64;
/// The processor that all notifications are for. Commands are served on another one.
const PROCESSOR: u32 = 2;
/// The message of all that is no completion.
const CONTROL: u32 = 0;
/// By when all events are there.
const ARRIVAL: u64 = 10 * sim::MILLISECOND;

/// Queues that take one receive.
const SIZES: QpLimits = QpLimits {
    receive_depth: 16,
    initiator_depth: 16,
    receive_sge: 1,
    initiator_sge: 1,
    inline_data: 0,
};

/// Counts: what consumers do is not the driver's.
unsafe extern "win64" fn heard(count: *mut c_void, _: i32) {
    // SAFETY: kept until the queues are closed.
    let count = unsafe { &*count.cast::<Cell<usize>>() };
    count.set(count.get() + 1);
}

/// Queues for one processor, each with a queue pair.
struct Queues {
    pd: Pd,
    heard: Rc<Cell<usize>>,
    pairs: Vec<(Cq, Qp)>,
}

impl Queues {
    fn new(adapter: Adapter, count: usize) -> Self {
        let counter = Rc::new(Cell::new(0));
        let context = Rc::as_ptr(&counter).cast_mut().cast();
        let pd = adapter.create_pd().expect("a domain");
        let processors = GROUP_AFFINITY {
            Mask: 1 << PROCESSOR,
            Group: 0,
            Reserved: [0; 3],
        };
        let pair = |number| {
            let cq = adapter
                .create_cq_on(64, Some(heard), context, Some(processors))
                .expect("a queue");
            let qp = pd.create_qp(cq, cq, number, SIZES).expect("a queue pair");
            (cq, qp)
        };
        let pairs = (0..count).map(pair).collect();
        Self {
            pd,
            heard: counter,
            pairs,
        }
    }

    /// One event in each.
    fn fire(&self) {
        for (cq, qp) in &self.pairs {
            cq.arm(Notify::Any);
            qp.receive(1, &[]).expect("a receive is accepted");
            qp.flush();
        }
    }

    fn close(self) {
        for (cq, qp) in self.pairs {
            while cq.poll(&mut Vec::new(), 16) != 0 {}
            qp.close_and_wait().expect("closes");
            cq.close_and_wait().expect("closes");
        }
        self.pd.close_and_wait().expect("closes");
    }
}

/// Both routines for a message that waits.
fn serve(function: &Function, watch: &Watch, waiting: &WaitingMessage) -> Cost {
    let (service, dpc) = waiting.routines();
    let mut cost = Cost::default();
    undisturbed(function, || {
        cost.add(measure(service, watch, || waiting.service()).0);
        cost.add(measure(dpc, watch, || waiting.dpc()).0);
    });
    cost
}

/// Occupies the processor until the events are there, then serves the first message before its DPC can.
fn row(host: &Host, name: &'static str, queues: usize) -> Row {
    let open = host.open_ndk();
    let adapter = open.adapter();
    let queues = on(host.id, "queues", move || Queues::new(adapter, queues));
    let (began, there) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let result = Rc::new(Cell::new(None));
    let (function, nic, heard) = (host.function.clone(), host.adapter.clone(), queues.heard.clone());
    let (begins, arrived, place) = (began.clone(), there.clone(), result.clone());
    let spec = TaskSpec::on("busy", host.id, sim::DISPATCH_LEVEL).bound_to(PROCESSOR);
    let busy = sim::spawn(spec, move || {
        begins.set(true);
        while !arrived.get() {
            sim::sleep(10 * sim::MICROSECOND);
        }
        let waiting = nic.waiting_messages();
        let first = waiting.iter().find(|one| one.message() != CONTROL);
        let mut watch = watch(registers(&function));
        watch.kernel.push(ndk::cq_notification());
        let cost = serve(&function, &watch, first.expect("a message waits"));
        place.set(Some((cost, heard.get() as u64)));
    });
    while !began.get() {
        sim::sleep(sim::MICROSECOND);
    }
    let queues = on(host.id, "events", move || {
        queues.fire();
        queues
    });
    sim::sleep(ARRIVAL);
    there.set(true);
    sim::join(busy);
    let (cost, operations) = result.take().expect("measured");
    on(host.id, "close", move || queues.close());
    open.close();
    Row {
        name,
        operations,
        cost,
        bar: None,
    }
}

/// Measures messages.
pub(super) fn rows(world: &World) -> Vec<Row> {
    let host = &world.hosts[0];
    vec![
        row(host, "message, one event", 1),
        row(host, "message, many events", CROWD),
    ]
}
