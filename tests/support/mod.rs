//! A connected pair of queue pairs whose limits a scenario chooses.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ops::Range;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndkpi::{GROUP_AFFINITY, NDK_SGE};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{
    Adapter, Buffer, Completed, Connector, Cq, Listener, Mr, Notify, Object, Pd, Qp, QpLimits, ReadLimits,
    Remote, Started, Status, created, sge,
};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim::{self, HostId, TaskSpec};
use cxndk_testbed::world::{Host, OpenNdk, World};

/// Local write, remote read, remote write.
pub const ALL_RIGHTS: u32 = 1 | 2 | 5;
/// Bytes of a side's buffer.
pub const BUFFER: usize = 64 << 10;
/// Reads in flight.
pub const READS: ReadLimits = ReadLimits {
    inbound: 16,
    outbound: 16,
};
/// Queues of ordinary size.
pub const QUEUES: QpLimits = QpLimits {
    receive_depth: 16,
    initiator_depth: 16,
    receive_sge: 2,
    initiator_sge: 3,
    inline_data: 128,
};
/// Where DPCs run.
pub const DISPATCH_LEVEL: u8 = 2;
/// How long a scenario waits for a completion.
const PATIENCE: u64 = 100 * sim::SECOND;

/// Runs `body` in a context of the first host of a world, with its adapter open.
pub fn with_adapter(seed: u64, body: fn(Adapter)) {
    World::new(seed).play(|world| {
        let host = &world.hosts[0];
        let open = host.open_ndk();
        on(host.id, "consumer", move || {
            body(open.adapter());
            open.close();
        });
    });
}

/// What a completion queue's notifications were, and what the callback does.
#[derive(Default)]
pub struct Notes {
    /// The status of each.
    pub seen: RefCell<Vec<Status>>,
    /// The queue that the callback empties and arms again, and how.
    pub again: Cell<Option<(Cq, Notify)>>,
    /// What it took.
    pub taken: RefCell<Vec<Completed>>,
}

impl Notes {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.seen.borrow().len()
    }
}

unsafe extern "win64" fn notified(context: *mut c_void, status: i32) {
    // SAFETY: a side keeps its notes until its queue is closed.
    let notes = unsafe { &*context.cast::<Notes>() };
    notes.seen.borrow_mut().push(Status(status));
    if let Some((cq, how)) = notes.again.get() {
        while cq.poll(&mut *notes.taken.borrow_mut(), 16) != 0 {}
        cq.arm(how);
    }
}

/// A queue of 64 results whose notifications are preferred on these processors of a group, a bit each.
pub fn queue_on(
    adapter: &Adapter,
    (group, processors): (u16, u64),
    notification: unsafe extern "win64" fn(*mut c_void, i32),
    context: *mut c_void,
) -> Cq {
    let mut affinity = GROUP_AFFINITY {
        Mask: processors as usize,
        Group: group,
        Reserved: [0; 3],
    };
    // SAFETY: the adapter is open.
    let dispatch = unsafe { (*adapter.raw()).Dispatch };
    // SAFETY: its table stays.
    let create = unsafe { (*dispatch).NdkCreateCq }.expect("filled");
    let mut place = ptr::null_mut();
    let started = Started::run(|request| {
        let (preferred, completed) = (&raw mut affinity, Some(created as _));
        // SAFETY: the arguments are those of NdkCreateCq.
        unsafe {
            create(
                adapter.raw(),
                64,
                Some(notification),
                context,
                preferred,
                completed,
                request,
                &raw mut place,
            )
        }
    });
    Object::from_raw(started.wait_object(place).expect("a queue"))
}

/// Keeps a processor at `DISPATCH_LEVEL` until the result is set.
pub fn occupy(host: HostId, processor: u32) -> Rc<Cell<bool>> {
    let (began, end) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (beginning, ending) = (Rc::clone(&began), Rc::clone(&end));
    let spec = TaskSpec::on("busy", host, DISPATCH_LEVEL).bound_to(processor);
    sim::spawn(spec, move || {
        beginning.set(true);
        while !ending.get() {
            sim::sleep(10 * sim::MICROSECOND);
        }
    });
    while !began.get() {
        sim::sleep(sim::MICROSECOND);
    }
    end
}

/// The objects of one side.
pub struct Side {
    pub adapter: Adapter,
    pub cq: Cq,
    pub pd: Pd,
    pub qp: Qp,
    pub connector: Cell<Option<Connector>>,
    pub buffer: Buffer,
    pub mr: Mr,
    pub disconnects: Cell<u32>,
    pub notes: Rc<Notes>,
}

unsafe extern "win64" fn disconnected(context: *mut c_void) {
    // SAFETY: a side outlives its connector.
    let side = unsafe { &*context.cast::<Side>() };
    side.disconnects.set(side.disconnects.get() + 1);
}

impl Side {
    /// Makes everything but a connection.
    pub fn new(adapter: Adapter, limits: QpLimits) -> Rc<Self> {
        Self::with_queue(adapter, limits, limits.receive_depth + limits.initiator_depth)
    }

    /// The same, with a completion queue of that depth.
    pub fn with_queue(adapter: Adapter, limits: QpLimits, depth: u32) -> Rc<Self> {
        let notes = Rc::new(Notes::default());
        let context = Rc::as_ptr(&notes).cast_mut().cast();
        let cq = adapter
            .create_cq(depth, Some(notified), context)
            .expect("a completion queue");
        let pd = adapter.create_pd().expect("a domain");
        let qp = pd.create_qp(cq, cq, 7, limits).expect("a queue pair");
        let buffer = Buffer::new(BUFFER);
        let mr = pd.register(&buffer, ALL_RIGHTS).expect("a region");
        let (connector, disconnects) = (Cell::new(None), Cell::new(0));
        Rc::new(Self {
            adapter,
            cq,
            pd,
            qp,
            connector,
            buffer,
            mr,
            disconnects,
            notes,
        })
    }

    fn context(self: &Rc<Self>) -> *mut c_void {
        Rc::as_ptr(self).cast_mut().cast()
    }

    /// A piece of the buffer under the region's token.
    pub fn piece(&self, range: Range<usize>) -> NDK_SGE {
        sge(
            self.buffer.address().wrapping_add(range.start),
            range.len() as u32,
            self.mr.local_token(),
        )
    }

    /// A place of the buffer as the peer reaches it.
    pub fn remote(&self, start: usize) -> Remote {
        Remote {
            address: (self.buffer.address().addr() + start) as u64,
            token: self.mr.remote_token(),
        }
    }

    /// Writes into the buffer.
    pub fn fill(&self, range: Range<usize>, value: u8) {
        for at in range {
            assert!(at < BUFFER);
            // SAFETY: inside the buffer; the simulation has one thread.
            unsafe { self.buffer.address().wrapping_add(at).write(value) };
        }
    }

    /// Waits for `count` completions, or for as many as come.
    pub fn results(&self, count: usize) -> Vec<Completed> {
        let (mut results, mut pause) = (Vec::new(), 10_000);
        let deadline = sim::now() + PATIENCE;
        while results.len() < count && sim::now() < deadline {
            let missing = count - results.len();
            if self.cq.poll(&mut results, missing) == 0 {
                sim::sleep(pause);
                pause += pause / 4;
            }
        }
        results
    }

    /// Waits for one completion.
    pub fn result(&self) -> Completed {
        *self.results(1).first().expect("a completion comes")
    }

    /// That no completion comes for a while.
    pub fn nothing_more(&self) {
        sim::sleep(sim::SECOND);
        let mut results = Vec::new();
        assert_eq!(self.cq.poll(&mut results, 16), 0, "{results:?}");
    }

    /// Closes everything.
    pub fn close(&self) {
        if let Some(connector) = self.connector.take() {
            connector.close_and_wait().expect("closes");
        }
        self.qp.close_and_wait().expect("closes");
        self.mr.close_and_wait().expect("closes");
        self.pd.close_and_wait().expect("closes");
        self.cq.close_and_wait().expect("closes");
    }
}

/// Both sides, connected; A connected, B accepted.
pub struct Link {
    pub a: Rc<Side>,
    pub b: Rc<Side>,
    hosts: [HostId; 2],
    opens: [OpenNdk; 2],
    listener: Listener,
}

impl Link {
    /// Connects the two hosts of `world`.
    pub fn new(world: &World, limits: QpLimits) -> Self {
        Self::with_queue(world, limits, limits.receive_depth + limits.initiator_depth)
    }

    /// The same, with a completion queue of that depth on A.
    pub fn with_queue(world: &World, limits: QpLimits, depth: u32) -> Self {
        Self::with_version(world, limits, depth, (2, 0))
    }

    /// The same, where A asks for that version of the interface.
    pub fn with_version(world: &World, limits: QpLimits, depth: u32, version: (u16, u16)) -> Self {
        let [a, b] = &world.hosts[..] else {
            unreachable!("a world has two hosts")
        };
        let opens = [a.open_ndk_at(version), b.open_ndk()];
        let adapter = opens[1].adapter();
        let (at, desk) = (b.at(445), Rc::new(Desk::default()));
        let own = Rc::clone(&desk);
        let listener = on(b.id, "listen", move || own.listen(adapter, at)).expect("listens");
        let place = Rc::new(Cell::new(None));
        let result = Rc::clone(&place);
        let accepting = sim::spawn(TaskSpec::on("accept", b.id, sim::PASSIVE_LEVEL), move || {
            let side = Side::new(adapter, limits);
            let connector = desk.next().expect("a connect event");
            side.connector.set(Some(connector));
            let accept = connector.accept(side.qp, READS, &[], Some(disconnected), side.context());
            accept.wait().expect("accepts");
            result.set(Some(side));
        });
        let first = Self::connect(a, opens[0].adapter(), b, limits, depth);
        sim::join(accepting);
        let second = place.take().expect("accepted");
        Self {
            a: first,
            b: second,
            hosts: [a.id, b.id],
            opens,
            listener,
        }
    }

    fn connect(a: &Host, adapter: Adapter, b: &Host, limits: QpLimits, depth: u32) -> Rc<Side> {
        let (from, to) = (a.at(0), b.at(445));
        on(a.id, "connect", move || {
            let side = Side::with_queue(adapter, limits, depth);
            let connector = adapter.create_connector().expect("a connector");
            side.connector.set(Some(connector));
            connector
                .connect(side.qp, from, to, READS, &[])
                .wait()
                .expect("connects");
            connector
                .complete_connect(Some(disconnected), side.context())
                .wait()
                .expect("completes");
            side
        })
    }

    /// Runs `body` on host A.
    pub fn on_a<T: 'static>(&self, body: impl FnOnce(&Side) -> T + 'static) -> T {
        let side = Rc::clone(&self.a);
        on(self.hosts[0], "scenario on A", move || body(&side))
    }

    /// Runs `body` on host B.
    pub fn on_b<T: 'static>(&self, body: impl FnOnce(&Side) -> T + 'static) -> T {
        let side = Rc::clone(&self.b);
        on(self.hosts[1], "scenario on B", move || body(&side))
    }

    /// Closes what is B's; A has closed its objects already.
    pub fn close_what_b_has(self) {
        let listener = self.listener;
        self.on_b(Side::close);
        let closing = move || listener.close_and_wait();
        on(self.hosts[1], "close the listener", closing).expect("closes");
        for open in self.opens {
            open.close();
        }
    }

    /// Closes everything but what B has closed already: connector and queue pair.
    pub fn close_without_queue_pair_of_b(self) {
        let listener = self.listener;
        self.on_a(Side::close);
        self.on_b(|side| {
            side.mr.close_and_wait().expect("closes");
            side.pd.close_and_wait().expect("closes");
            side.cq.close_and_wait().expect("closes");
        });
        let closing = move || listener.close_and_wait();
        on(self.hosts[1], "close the listener", closing).expect("closes");
        for open in self.opens {
            open.close();
        }
    }

    /// Closes everything.
    pub fn close(self) {
        let listener = self.listener;
        self.on_a(Side::close);
        self.on_b(Side::close);
        on(self.hosts[1], "close the listener", move || {
            listener.close_and_wait()
        })
        .expect("closes");
        for open in self.opens {
            open.close();
        }
    }
}
