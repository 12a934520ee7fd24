//! What the calls of the driver's data path cost, measured on a connected pair and on calls by stepping through them.
//!
//! The doorbell pages are plain memory while a call is measured, so that its register writes cost what they cost the driver.
//! A request that is not measured follows and rings for those that were.

mod calls;
mod messages;

use std::ops::Range;

use cxndk::ndk::edge::{cq as cq_edge, qp as qp_edge};
use cxndk::sys::ndkpi::{self, NDK_SGE};
use cxndk::sys::ntoskrnl;
use wdk_standin::ntddk;

use crate::consumers::ndk::{Buffer, Completed, Cq, Lam, Mr, Notify, Qp, Registration, Remote, sge};
use crate::consumers::node::{Node, Pair, on};
use crate::consumers::smbd::SmbdError;
use crate::pci::Function;
use crate::probe::{Cost, Watch, measure};
use crate::sim;
use crate::world::{World, WorldError};

/// Success leaves no completion.
const SILENT: u32 = ndkpi::NDK_OP_FLAG_SILENT_SUCCESS;
/// The doorbell may wait.
const DEFER: u32 = ndkpi::NDK_OP_FLAG_DEFER;
/// Rights of fast registrations.
const RIGHTS: u32 = ndkpi::NDK_OP_FLAG_ALLOW_REMOTE_READ | ndkpi::NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
/// Requests of a batch.
const BATCH: u64 = 16;
/// Pages of the longer fast registration.
const MANY_PAGES: usize = 64;
/// Bytes of a message.
const MESSAGE: usize = 256;
/// Doorbell pages: from the first behind the initialization segment, as many as the driver ever takes.
const DOORBELLS: Range<u64> = 0x4000..0x4_0000;

/// What one operation costs.
#[derive(Clone, Debug)]
pub struct Row {
    /// The operation.
    pub name: &'static str,
    /// Operations that the cost is the sum of.
    pub operations: u64,
    /// All of them together.
    pub cost: Cost,
    /// Instructions of one operation that it shall not exceed.
    pub bar: Option<u64>,
}

impl Row {
    /// Instructions of one operation, rounded up.
    pub const fn instructions(&self) -> u64 {
        self.cost.instructions.div_ceil(self.operations)
    }
}

/// Measures everything.
///
/// # Errors
///
/// What went wrong in the world.
///
/// # Panics
///
/// When the pair cannot be connected or a request fails.
pub fn table(seed: u64) -> Result<Vec<Row>, WorldError> {
    World::new(seed).run(|world| {
        let pair = Pair::connect(world, 4420).expect("the pair connects");
        let mut rows = rows(&world.hosts[0].function, &pair);
        pair.close().unwrap_or_else(|error: SmbdError| panic!("{error}"));
        rows.extend(messages::rows(world));
        rows.extend(calls::rows(world));
        rows
    })
}

/// What a data path may be tempted to call, and its registers.
fn watch(registers: Range<usize>) -> Watch {
    let allocate = ntoskrnl::ExAllocatePoolWithTag as *const () as usize;
    let kernel = vec![
        ntddk::KeAcquireSpinLockRaiseToDpc as *const () as usize,
        ntddk::KeReleaseSpinLock as *const () as usize,
        ntddk::KfRaiseIrql as *const () as usize,
        ntddk::KeLowerIrql as *const () as usize,
        ntddk::ExFreePoolWithTag as *const () as usize,
        allocate,
    ];
    Watch {
        kernel,
        allocators: vec![allocate],
        registers,
    }
}

/// Where the device's registers lie.
fn registers(function: &Function) -> Range<usize> {
    let bar = function.bar(0);
    let from = bar.driver_pointer() as usize;
    from..from + bar.size()
}

/// Runs `call` with doorbell pages that are plain memory, and with no other context in between.
fn undisturbed<T>(function: &Function, call: impl FnOnce() -> T) -> T {
    let bar = function.bar(0);
    let length = (DOORBELLS.end - DOORBELLS.start) as usize;
    bar.set_plain(DOORBELLS.start, length, true);
    let preemption = sim::set_preemption(0);
    let result = call();
    sim::set_preemption(preemption);
    bar.set_plain(DOORBELLS.start, length, false);
    result
}

/// The measuring end.
#[derive(Clone)]
struct Meter {
    function: Function,
    watch: Watch,
    qp: Qp,
    cq: Cq,
    entry: NDK_SGE,
    remote: Remote,
}

impl Meter {
    fn new(function: &Function, a: &Node, b: &Node) -> Self {
        let address = a.buffer.borrow().address();
        Self {
            function: function.clone(),
            watch: watch(registers(function)),
            qp: a.qp,
            cq: a.cq,
            entry: sge(address, MESSAGE as u32, a.mr.local_token()),
            remote: b.remote(0),
        }
    }

    /// Measures one call of the driver's `function`, which `call` makes.
    fn once<T>(&self, function: usize, call: impl FnOnce() -> T) -> Cost {
        undisturbed(&self.function, || measure(function, &self.watch, call)).0
    }

    /// Measures `operations` calls, the last of which is told so.
    fn row(
        &self,
        (name, bar): (&'static str, Option<u64>),
        function: usize,
        operations: u64,
        mut call: impl FnMut(bool),
    ) -> Row {
        let mut cost = Cost::default();
        for index in 1..=operations {
            cost.add(self.once(function, || call(index == operations)));
        }
        Row {
            name,
            operations,
            cost,
            bar,
        }
    }

    fn send(&self, flags: u32) {
        self.qp.send(1, &[self.entry], flags).expect("a send is accepted");
    }

    fn write(&self, flags: u32) {
        self.qp
            .write(2, &[self.entry], self.remote, flags)
            .expect("a write is accepted");
    }

    fn read(&self, flags: u32) {
        self.qp
            .read(3, &[self.entry], self.remote, flags)
            .expect("a read is accepted");
    }

    fn posts(&self) -> Vec<Row> {
        let (send, write, read) = (
            entry(qp_edge::DISPATCH.NdkSend),
            entry(qp_edge::DISPATCH.NdkWrite),
            entry(qp_edge::DISPATCH.NdkRead),
        );
        let last = |last| if last { 0 } else { DEFER };
        vec![
            self.row(("send", Some(150)), send, 1, |_| self.send(SILENT)),
            self.row(("send, deferred", Some(100)), send, 1, |_| {
                self.send(SILENT | DEFER)
            }),
            self.row(("send, 16 with one doorbell", None), send, BATCH, |end| {
                self.send(SILENT | last(end))
            }),
            self.row(("write", Some(150)), write, 1, |_| self.write(SILENT)),
            self.row(("write, 16 with one doorbell", None), write, BATCH, |end| {
                self.write(SILENT | last(end))
            }),
            self.row(("read", Some(150)), read, 1, |_| self.read(SILENT)),
            self.row(("read, deferred", Some(100)), read, 1, |_| {
                self.read(SILENT | DEFER)
            }),
        ]
    }

    fn registrations(&self, mr: Mr, pages: &[u64]) -> Vec<Row> {
        let register = entry(qp_edge::DISPATCH.NdkFastRegister);
        let invalidate = entry(qp_edge::DISPATCH.NdkInvalidate);
        let row = |name, count: usize| {
            self.row((name, None), register, 1, |_| {
                let what = Registration {
                    pages: &pages[..count],
                    first_byte_offset: 0,
                    length: count as u64 * 4096,
                    base: 0x1000_0000,
                };
                let registered = self.qp.fast_register(4, mr, &what, SILENT | RIGHTS);
                registered.expect("a fast registration is accepted");
            })
        };
        let release = |bar| {
            self.row(("invalidate", bar), invalidate, 1, |_| {
                self.qp
                    .invalidate(5, mr, SILENT)
                    .expect("an invalidation is accepted");
            })
        };
        let mut rows = vec![row("fast register, 1 page", 1), release(Some(150))];
        rows.push(row("fast register, 8 pages", 8));
        release(None);
        rows.push(row("fast register, 64 pages", MANY_PAGES));
        release(None);
        rows
    }

    fn receives(&self) -> Vec<Row> {
        let function = entry(qp_edge::DISPATCH.NdkReceive);
        let post = || self.qp.receive(6, &[self.entry]).expect("a receive is accepted");
        vec![self.row(("receive", Some(80)), function, 1, |_| post())]
    }

    /// Measures polling with `ready` completions present, and arming.
    fn polls(&self, ready: u64) -> Vec<Row> {
        let function = entry(cq_edge::DISPATCH.NdkGetCqResultsEx);
        let arm = entry(cq_edge::DISPATCH.NdkArmCq);
        let mut taken: Vec<Completed> = Vec::with_capacity(64);
        let mut poll = |name, bar, count: u64| {
            let mut row = self.row((name, bar), function, 1, |_| {
                assert_eq!(self.cq.poll(&mut taken, count as usize) as u64, count);
            });
            row.operations = count.max(1);
            row
        };
        // The first one retires the silent requests before it.
        poll("poll, the silent ones", None, 1);
        let rows = vec![
            poll("poll, one completion", Some(90), 1),
            poll("poll, a batch of 16", Some(90), BATCH),
            poll("poll, the rest", None, ready - 2 - BATCH),
            poll("poll, nothing there", None, 0),
        ];
        let armed = self.row(("arm", None), arm, 1, |_| self.cq.arm(Notify::Any));
        rows.into_iter()
            .filter(|row| row.name != "poll, the rest")
            .chain([armed])
            .collect()
    }
}

/// The address of an entry of a dispatch table.
fn entry<F: Copy>(function: Option<F>) -> usize {
    const { assert!(size_of::<F>() == size_of::<usize>()) };
    let function = function.expect("the driver's tables are complete");
    // SAFETY: a function pointer, which is a number of that size.
    unsafe { *(&raw const function).cast::<usize>() }
}

fn rows(function: &Function, pair: &Pair) -> Vec<Row> {
    let (a, b) = (&pair.a, &pair.b);
    for index in 0..48 {
        b.receive(index, 0..MESSAGE).expect("a receive is accepted");
    }
    let meter = Meter::new(function, a, b);
    let (pd, adapter, host) = (a.pd, a.adapter(), a.host);
    let ready = BATCH + 1 + 3;
    let own = meter.clone();
    let (mut rows, memory) = on(host, "posts", move || {
        // What is done once does not count: tables of the decoder, pages of the driver.
        own.send(SILENT);
        let mut rows = own.posts();
        let buffer = Buffer::new(MANY_PAGES * 4096);
        let lam = Lam::build(adapter, &buffer).expect("a mapping");
        let mr = pd.create_mr(true).expect("a region for fast registration");
        mr.initialize_fast_register(MANY_PAGES as u32, true)
            .wait()
            .expect("room for pages");
        rows.extend(own.registrations(mr, lam.pages()));
        rows.extend(own.receives());
        for _ in 0..ready {
            own.write(0);
        }
        (rows, (buffer, lam, mr))
    });
    on(host, "wait", || crate::sim::sleep(crate::sim::SECOND));
    let own = meter;
    rows.extend(on(host, "polls", move || own.polls(ready)));
    on(host, "release", move || {
        let (buffer, lam, mr) = memory;
        mr.close_and_wait().expect("a region closes");
        lam.release();
        drop(buffer);
    });
    rows
}
