//! A small provider that keeps the rules, and all the ways in which it, or its consumer, can be told to break one.

mod closes;
mod completions;
mod ledger_consumer;
mod memory;
mod objects;
mod opens;
mod provider;
mod queues;
mod requests;
mod results;

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndkpi::*;

use super::super::inf::Inf;
use super::super::{Adapter, Device, Driver, NdkAdapter};
use crate::pci::{self, PciFunction};
use crate::{nt, sim};

const PENDING: i32 = 0x103;

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ObjectType,
    Version,
    Reserved,
    NoTable,
    EmptySlot,
    ShortTable,
    TouchesReserved,
    RewritesDispatch,
    CreatesTwice,
    CompletesInlineCreate,
    WritesOut,
    FailsWithObject,
    CompletesTwice,
    CompletesInlineRequest,
    CompletesPending,
    CompletesAtHighIrql,
    CompletesUnderLock,
    OtherContext,
    CloseFails,
    CloseSucceedsTwice,
    CloseIgnoresRequests,
    CloseIgnoresCallbacks,
    CloseIgnoresSuccessors,
    CloseCompletesTwice,
    CloseCompletesEarly,
    ParentFirst,
    EventAfterClose,
    OpensDisabled,
    OpenPends,
    OpenLowers,
    AdapterCloseReturnsEarly,
    NotifiesTwice,
    NotifiesOddly,
    TooManyResults,
    ReportsAfterError,
    CompletesInside,
    OddCounters,
    ProviderFlags,
    NoNdkOids,
    PostPends,
    FailsWithResult,
    FullEarly,
    Reorders,
    ReportsTwice,
    ReportsSilent,
    OtherRequest,
    OtherPair,
    OddType,
    OddStatus,
    TooManyBytes,
    SucceedsAfterFailure,
    LosesFlushed,
    GrantsEverything,
}

struct Nothing;

impl PciFunction for Nothing {
    fn bar_write(&self, _bar: usize, _offset: u64, _bytes: &[u8]) {}
}

const INF: &str = "[Manufacturer]\nM = Models\n[Models]\nD = Ndk, PCI\\A\n[Ndk]\n*IfType = 6\n";

fn started() -> (Driver, Adapter) {
    let identity = pci::Identity {
        vendor: 1,
        device: 1,
        revision: 0,
        class: 0x02_0000,
        subsystem_vendor: 1,
        subsystem: 1,
    };
    let host = nt::add_host("ndk", 4);
    let function = pci::Function::plain("nothing", &identity, &[0x1000], 1);
    function.plug(std::rc::Rc::new(Nothing));
    let inf = Inf::parse(INF).expect("the INF is right");
    let device = Device::installed(function, &inf, "PCI\\A").expect("and has the device");
    let driver = Driver::load(host, provider::driver::entry).expect("the driver loads");
    let adapter = driver.add_device(device).expect("there is no AddDevice");
    adapter.start().expect("the adapter starts");
    (driver, adapter)
}

fn on_host<R: 'static>(f: impl FnOnce() -> R + 'static) -> R {
    nt::on_host(sim::HostId(0), "consumer", f)
}

/// Runs a consumer against the provider; the broken rule of ndk.md and the verifier's, or "none".
fn broken(what: Option<Wrong>, consumer: fn(&Consumer)) -> (String, &'static str) {
    let result = sim::run(11, move || {
        provider::state().wrong.set(what);
        let (_driver, adapter) = started();
        adapter.inspect_keys(std::rc::Rc::new(|_| Some(provider::state().granted.get())));
        let ndk = adapter.open_ndk(1, 2).expect("the adapter opens");
        on_host(move || consumer(&Consumer { ndk }));
    });
    result.err().map_or_else(
        || ("none".to_owned(), "none"),
        |failure| {
            (
                failure.message.split(':').next().unwrap_or_default().to_owned(),
                failure.rule,
            )
        },
    )
}

fn assert_broken(what: Wrong, rule: &str, verifier: &str, consumer: fn(&Consumer)) {
    let (found, by) = broken(Some(what), consumer);
    assert_eq!((found.as_str(), by), (rule, verifier), "{what:?}");
}

fn assert_misuse(rule: &str, consumer: fn(&Consumer)) {
    assert_eq!(broken(None, consumer).0, rule);
}

/// What the callbacks of the consumer saw.
#[derive(Default)]
struct Seen {
    created: Cell<usize>,
    status: Cell<i32>,
    completions: Cell<u32>,
    closes: Cell<u32>,
    notifications: Cell<u32>,
    connector: Cell<usize>,
    disconnects: Cell<u32>,
    /// What the next callback does before it returns.
    action: Cell<Option<fn()>>,
}

fn seen() -> std::rc::Rc<Seen> {
    sim::local::<Seen>()
}

fn act() {
    if let Some(action) = seen().action.take() {
        action();
    }
}

unsafe extern "win64" fn on_created(_context: *mut c_void, status: i32, object: *mut NDK_OBJECT_HEADER) {
    seen().status.set(status);
    seen().created.set(object as usize);
    act();
}

unsafe extern "win64" fn on_request(_context: *mut c_void, status: i32) {
    seen().status.set(status);
    seen().completions.set(seen().completions.get() + 1);
    act();
}

unsafe extern "win64" fn on_closed(_context: *mut c_void) {
    seen().closes.set(seen().closes.get() + 1);
    act();
}

unsafe extern "win64" fn on_notify(_context: *mut c_void, _status: i32) {
    seen().notifications.set(seen().notifications.get() + 1);
    act();
}

unsafe extern "win64" fn on_incoming(_context: *mut c_void, connector: *mut NDK_CONNECTOR) {
    seen().connector.set(connector as usize);
    act();
}

unsafe extern "win64" fn on_disconnected(_context: *mut c_void) {
    seen().disconnects.set(seen().disconnects.get() + 1);
}

/// A consumer with one open adapter.
struct Consumer {
    ndk: NdkAdapter,
}

/// Calls a slot of the object's dispatch table, whatever it is at the moment.
macro_rules! dispatch {
    ($object:expr, $slot:ident $(, $arg:expr)*) => {{
        let object = $object;
        // SAFETY: the object is open and has a table.
        let function = unsafe { (*(*object).Dispatch).$slot }.expect("every slot is filled");
        // SAFETY: the arguments are those of the function.
        unsafe { function(object.cast() $(, $arg)*) }
    }};
}
use dispatch;

impl Consumer {
    fn adapter(&self) -> *mut NDK_ADAPTER {
        self.ndk.as_ptr()
    }

    /// What a create made, inline or by its completion.
    fn made<T>(status: i32, out: *mut T) -> *mut T {
        match status {
            0 => out,
            PENDING => {
                while seen().created.get() == 0 {
                    sim::sleep(sim::MICROSECOND);
                }
                seen().created.replace(0) as *mut T
            }
            _ => ptr::null_mut(),
        }
    }

    fn cq(&self) -> *mut NDK_CQ {
        self.cq_of(16)
    }

    fn cq_of(&self, depth: u32) -> *mut NDK_CQ {
        let mut out = ptr::null_mut();
        let none = ptr::null_mut();
        let status = dispatch!(
            self.adapter(),
            NdkCreateCq,
            depth,
            Some(on_notify),
            none,
            ptr::null_mut(),
            Some(on_created),
            none,
            &raw mut out
        );
        Self::made(status, out)
    }

    fn pd(&self) -> *mut NDK_PD {
        let mut out = ptr::null_mut();
        let status = dispatch!(
            self.adapter(),
            NdkCreatePd,
            Some(on_created),
            ptr::null_mut(),
            &raw mut out
        );
        Self::made(status, out)
    }

    fn qp(pd: *mut NDK_PD, cq: *mut NDK_CQ) -> *mut NDK_QP {
        let mut out = ptr::null_mut();
        let none = ptr::null_mut();
        let status = dispatch!(
            pd,
            NdkCreateQp,
            cq,
            cq,
            none,
            4,
            4,
            1,
            1,
            0,
            Some(on_created),
            none,
            &raw mut out
        );
        Self::made(status, out)
    }

    fn connector(&self) -> *mut NDK_CONNECTOR {
        let mut out = ptr::null_mut();
        let status = dispatch!(
            self.adapter(),
            NdkCreateConnector,
            Some(on_created),
            ptr::null_mut(),
            &raw mut out
        );
        Self::made(status, out)
    }

    fn listener(&self) -> *mut NDK_LISTENER {
        let mut out = ptr::null_mut();
        let none = ptr::null_mut();
        let status = dispatch!(
            self.adapter(),
            NdkCreateListener,
            Some(on_incoming),
            none,
            Some(on_created),
            none,
            &raw mut out
        );
        Self::made(status, out)
    }

    fn connect(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP) -> i32 {
        let none = ptr::null_mut();
        let nowhere = ptr::null_mut();
        dispatch!(
            connector,
            NdkConnect,
            qp,
            nowhere,
            0,
            nowhere,
            0,
            0,
            0,
            none,
            0,
            Some(on_request),
            none
        )
    }
}

/// Closes any object but the adapter: close is the first slot everywhere.
fn close<T>(object: *mut T) -> i32 {
    dispatch!(
        object.cast::<NDK_CQ>(),
        NdkCloseCq,
        Some(on_closed),
        ptr::null_mut()
    )
}

/// The consumer does everything once; for every seed nothing is broken and everything is closed.
fn everything(consumer: &Consumer) {
    let (cq, pd) = (consumer.cq(), consumer.pd());
    let qp = Consumer::qp(pd, cq);
    let (connector, listener) = (consumer.connector(), consumer.listener());
    dispatch!(cq, NdkArmCq, 1);
    provider::notify(cq, 0);
    if Consumer::connect(connector, qp) == PENDING {
        provider::complete_all(0);
    }
    let status = dispatch!(
        connector,
        NdkCompleteConnect,
        Some(on_disconnected),
        ptr::null_mut(),
        Some(on_request),
        ptr::null_mut()
    );
    assert_eq!(status, PENDING);
    provider::complete_all(0);
    provider::disconnect(connector);
    provider::incoming(listener);
    let incoming = seen().connector.get() as *mut NDK_CONNECTOR;
    // Antecedents first: none can complete before its successors.
    let mut pended = 0;
    for status in [
        close(pd),
        close(cq),
        close(listener),
        close(qp),
        close(connector),
        close(incoming),
    ] {
        assert!(matches!(status, 0 | PENDING));
        pended += u32::from(status == PENDING);
    }
    while seen().closes.get() < pended {
        sim::sleep(sim::MICROSECOND);
    }
    assert_eq!(seen().notifications.get(), 1);
    assert_eq!(seen().disconnects.get(), 1);
}

#[test]
fn a_provider_that_keeps_the_rules_passes_at_every_seed() {
    for seed in 0..60 {
        sim::run(seed, || {
            let (driver, adapter) = started();
            let ndk = adapter.open_ndk(1, 1).expect("a lower minor is fine");
            assert_eq!(ndk.version(), (1, 2));
            on_host(move || {
                let consumer = Consumer { ndk };
                everything(&consumer);
                consumer.ndk.close();
            });
            let counts = super::counts();
            assert_eq!(counts.inline + counts.pended, 6);
            assert_eq!(counts.pended, counts.completed);
            assert!(counts.pended >= 3);
            assert_eq!(super::live_objects(), [""; 0]);
            adapter.stop();
            adapter.remove();
            driver.unload();
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}
