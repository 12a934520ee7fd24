//! Packets of protocol drivers: SEND-01, SEND-08, SEND-12, RECV-02, DATA-12, VRF-37, VRF-38.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::{ended_by, frames, tiny};
use crate::ndis::Adapter;
use crate::ndis::lent::NdisReturnNetBufferLists;
use crate::ndis::protocol::NdisSendNetBufferLists;
use crate::{nt, sim};

const TAG: u32 = 0x796e_6954;
const PAUSE: i32 = 8;
/// `NDIS_PACKET_TYPE_DIRECTED` and `NDIS_PACKET_TYPE_BROADCAST`.
const DIRECTED: u32 = 1;
const BROADCAST: u32 = 8;

/// What two small protocol drivers know, by their numbers, which are their contexts too.
#[derive(Default)]
struct Listeners {
    protocols: [Cell<usize>; 2],
    bindings: [Cell<usize>; 2],
    /// What to complete when the adapter is open or closed.
    binds: [Cell<usize>; 2],
    pool: Cell<usize>,
    asked: Cell<bool>,
    /// It is wrong to.
    ignores_pause: Cell<bool>,
    /// Packets that were shown: to whom, the length of the frame, and whether for the call only.
    seen: RefCell<Vec<(usize, usize, bool)>>,
    /// Packets that are kept.
    kept: RefCell<Vec<(usize, usize)>>,
    /// Sends that are back, with their statuses.
    sent: RefCell<Vec<(usize, i32)>>,
}

fn listeners() -> Rc<Listeners> {
    sim::local::<Listeners>()
}

type Handle = *mut c_void;

const fn header(kind: u32, revision: u8, size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: revision,
        Size: size,
    }
}

fn of(cells: &[Cell<usize>; 2], which: usize) -> Handle {
    cells[which].get() as Handle
}

/// `NdisRegisterProtocolDriver`: binds to the adapter.
fn register(which: usize) {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    c.Header = header(NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS.into(), 2, 128);
    (c.MajorNdisVersion, c.MinorNdisVersion) = (6, 50);
    c.SetOptionsHandler = Some(set_options);
    c.BindAdapterHandlerEx = Some(bind);
    c.UnbindAdapterHandlerEx = Some(unbind);
    c.OpenAdapterCompleteHandlerEx = Some(opened);
    c.CloseAdapterCompleteHandlerEx = Some(closed);
    c.NetPnPEventHandler = Some(pnp_event);
    c.OidRequestCompleteHandler = Some(asked);
    c.StatusHandlerEx = Some(status);
    c.ReceiveNetBufferListsHandler = Some(received);
    c.SendNetBufferListsCompleteHandler = Some(sent);
    let mut handle = ptr::null_mut();
    // SAFETY: the characteristics are complete.
    let status = unsafe { NdisRegisterProtocolDriver(which as Handle, &raw mut c, &raw mut handle) };
    assert_eq!((status, handle), (0, of(&listeners().protocols, which)));
}

unsafe extern "win64" fn status(_context: Handle, _indication: *mut NDIS_STATUS_INDICATION) {}

unsafe extern "win64" fn bind(context: Handle, bind: Handle, parameters: *mut NDIS_BIND_PARAMETERS) -> i32 {
    let which = context as usize;
    let listeners = listeners();
    listeners.binds[which].set(bind as usize);
    let mut media = [NdisMedium802_3];
    let mut parameters = NDIS_OPEN_PARAMETERS {
        Header: header(NDIS_OBJECT_TYPE_OPEN_PARAMETERS, 1, 56),
        // SAFETY: NDIS gives complete parameters.
        AdapterName: unsafe { (*parameters).AdapterName },
        MediumArray: media.as_mut_ptr(),
        MediumArraySize: 1,
        SelectedMediumIndex: Box::leak(Box::new(9)),
        FrameTypeArray: ptr::null_mut(),
        FrameTypeArraySize: 0,
    };
    let mut handle = ptr::null_mut();
    let protocol = of(&listeners.protocols, which);
    // SAFETY: the handles and parameters are good.
    let status = unsafe { NdisOpenAdapterEx(protocol, context, &raw mut parameters, bind, &raw mut handle) };
    listeners.bindings[which].set(handle as usize);
    status
}

/// Tells the handle, which the binds of the registration need.
unsafe extern "win64" fn set_options(protocol: Handle, context: Handle) -> i32 {
    listeners().protocols[context as usize].set(protocol as usize);
    0
}

unsafe extern "win64" fn opened(context: Handle, status: i32) {
    let bind = of(&listeners().binds, context as usize);
    // SAFETY: the bind is pending.
    unsafe { NdisCompleteBindAdapterEx(bind, status) };
}

/// Returns what is kept and waits for what was sent.
fn settle(which: usize) {
    return_kept(which);
    while listeners()
        .sent
        .borrow()
        .iter()
        .filter(|(of, _)| *of == which)
        .count()
        < sends_of(which)
    {
        sim::sleep(sim::MICROSECOND);
    }
}

unsafe extern "win64" fn unbind(unbind: Handle, context: Handle) -> i32 {
    let which = context as usize;
    settle(which);
    listeners().binds[which].set(unbind as usize);
    // SAFETY: the handle is good.
    unsafe { NdisCloseAdapterEx(of(&listeners().bindings, which)) }
}

unsafe extern "win64" fn closed(context: Handle) {
    // SAFETY: the unbind is pending.
    unsafe { NdisCompleteUnbindAdapterEx(of(&listeners().binds, context as usize)) };
}

unsafe extern "win64" fn pnp_event(context: Handle, event: *mut NET_PNP_EVENT_NOTIFICATION) -> i32 {
    // SAFETY: NDIS gives an event.
    if unsafe { (*event).NetPnPEvent.NetEvent } == PAUSE && !listeners().ignores_pause.get() {
        settle(context as usize);
    }
    0
}

unsafe extern "win64" fn asked(_context: Handle, _request: *mut NDIS_OID_REQUEST, status: i32) {
    assert_eq!(status, 0);
    listeners().asked.set(true);
}

/// Sets the packet filter of a binding.
fn listen(which: usize, filter: u32) {
    let filter = Box::leak(Box::new(filter));
    // SAFETY: all fields of a request may be zero.
    let request: &mut NDIS_OID_REQUEST = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    request.Header = header(NDIS_OBJECT_TYPE_OID_REQUEST, 1, 0xec);
    request.RequestType = NdisRequestSetInformation;
    request.DATA.INFORMATION = NDIS_OID_REQUEST_INFORMATION {
        Oid: 0x0001_010e,
        InformationBuffer: ptr::from_mut(filter).cast(),
        InformationBufferLength: 4,
        BytesUsed: 0,
        BytesNeeded: 0,
    };
    listeners().asked.set(false);
    // SAFETY: the request and its buffer stay.
    unsafe { NdisOidRequest(of(&listeners().bindings, which), request) };
    while !listeners().asked.get() {
        sim::sleep(sim::MICROSECOND);
    }
}

unsafe extern "win64" fn received(
    context: Handle,
    first: *mut NET_BUFFER_LIST,
    _port: u32,
    count: u32,
    flags: u32,
) {
    let which = context as usize;
    let short = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    let (mut next, mut seen) = (first, 0);
    while !next.is_null() {
        // SAFETY: a packet that is shown.
        let length = unsafe { (*(*next).FirstNetBuffer).stDataLength };
        listeners().seen.borrow_mut().push((which, length, short));
        if !short {
            listeners().kept.borrow_mut().push((which, next as usize));
        }
        seen += 1;
        // SAFETY: as above.
        next = unsafe { (*next).Next };
    }
    assert_eq!(seen, count);
}

/// `NdisReturnNetBufferLists` of what a protocol driver kept, the last one first.
fn return_kept(which: usize) {
    let (own, others) = listeners()
        .kept
        .take()
        .into_iter()
        .partition(|(of, _)| *of == which);
    listeners().kept.replace(others);
    let own: Vec<(usize, usize)> = own;
    let mut first: *mut NET_BUFFER_LIST = ptr::null_mut();
    for (_, list) in own {
        let list = list as *mut NET_BUFFER_LIST;
        // SAFETY: a packet that the driver has.
        unsafe { (*list).Next = first };
        first = list;
    }
    give_back(which, first);
}

fn give_back(which: usize, first: *mut NET_BUFFER_LIST) {
    // SAFETY: it is checked.
    unsafe { NdisReturnNetBufferLists(of(&listeners().bindings, which), first, 0) };
}

/// Packets that are sent.
#[derive(Default)]
struct Outbox(RefCell<Vec<(usize, usize)>>);

fn sends_of(which: usize) -> usize {
    let outbox = sim::local::<Outbox>();
    outbox.0.borrow().iter().filter(|(of, _)| *of == which).count()
}

/// A packet with a frame of `length` bytes.
fn packet(which: usize, length: usize) -> *mut NET_BUFFER_LIST {
    let protocol = of(&listeners().protocols, which);
    if listeners().pool.get() == 0 {
        let mut parameters = NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, 16),
            ProtocolId: 0,
            fAllocateNetBuffer: 1,
            ContextSize: 0,
            PoolTag: TAG,
            DataSize: 2048,
        };
        // SAFETY: the parameters are complete.
        let pool = unsafe { NdisAllocateNetBufferListPool(protocol, &raw mut parameters) };
        listeners().pool.set(pool as usize);
    }
    // SAFETY: a pool of lists with buffers and data.
    let list = unsafe { NdisAllocateNetBufferList(listeners().pool.get() as Handle, 0, 0) };
    // SAFETY: a packet of ours.
    unsafe { (*list).SourceHandle = of(&listeners().bindings, which) };
    // SAFETY: as above.
    unsafe { (*(*list).FirstNetBuffer).stDataLength = length };
    list
}

/// `NdisSendNetBufferLists` of one packet.
fn send(which: usize, list: *mut NET_BUFFER_LIST, port: u32, flags: u32) {
    sim::local::<Outbox>().0.borrow_mut().push((which, list as usize));
    // SAFETY: it is checked.
    unsafe { NdisSendNetBufferLists(of(&listeners().bindings, which), list, port, flags) };
}

unsafe extern "win64" fn sent(context: Handle, first: *mut NET_BUFFER_LIST, _flags: u32) {
    let mut next = first;
    while !next.is_null() {
        // SAFETY: a packet of ours that is back.
        let (status, following) = unsafe { ((*next).Status, (*next).Next) };
        listeners().sent.borrow_mut().push((context as usize, status));
        next = following;
    }
}

/// Gives back what was sent, and the pool.
fn deregister(count: usize) {
    for (_, list) in sim::local::<Outbox>().0.take() {
        // SAFETY: it is back.
        unsafe { NdisFreeNetBufferList(list as *mut NET_BUFFER_LIST) };
    }
    let pool = listeners().pool.replace(0);
    if pool != 0 {
        // SAFETY: it is empty.
        unsafe { NdisFreeNetBufferListPool(pool as Handle) };
    }
    for which in 0..count {
        // SAFETY: the handle is good.
        unsafe { NdisDeregisterProtocolDriver(of(&listeners().protocols, which)) };
    }
}

/// The rule that ends a run in which a protocol driver does this with its binding; or "none".
fn ends(act: fn(&Adapter)) -> &'static str {
    ended_by(3, None, move |_, adapter| {
        tiny().keeps_sends.set(true);
        adapter.start().expect("the adapter starts");
        adapter.on_host("protocol", |_| {
            register(0);
            listen(0, DIRECTED);
        });
        act(adapter);
        adapter.pause();
        adapter.on_host("free", |_| frames::free());
        adapter.stop();
        adapter.on_host("protocol", |_| deregister(1));
    })
}

/// The rule that ends a run in which a protocol driver does this in a context of its host.
fn ends_with(act: fn()) -> &'static str {
    ended_by(3, None, move |_, adapter| {
        tiny().keeps_sends.set(true);
        adapter.start().expect("the adapter starts");
        adapter.on_host("protocol", move |_| {
            register(0);
            act();
        });
    })
}

/// Ways to send that no protocol driver may, with what they break.
const WRONGS: [(&str, fn()); 8] = [
    ("PACKET", || {
        let list = packet(0, 60);
        // SAFETY: a packet of ours.
        unsafe { (*list).SourceHandle = ptr::null_mut() };
        send(0, list, 0, 0);
    }),
    ("PACKET", || send(0, packet(0, 2049), 0, 0)),
    ("PACKET", || {
        // SAFETY: all fields may be zero.
        send(0, Box::leak(Box::new(unsafe { std::mem::zeroed() })), 0, 0);
    }),
    ("VRF-37", || {
        let list = packet(0, 60);
        send(0, list, 0, 0);
        send(0, list, 0, 0);
    }),
    ("VRF-38", || {
        let lock = tiny().lock.get() as *mut u64;
        // SAFETY: the lock is live.
        unsafe { nt::KeAcquireSpinLockRaiseToDpc(lock) };
        send(0, packet(0, 60), 0, 1);
    }),
    ("SEND-08", || send(0, packet(0, 60), 0, 1)),
    ("SEND-12", || send(0, packet(0, 60), 7, 0)),
    ("DATA-12", || give_back(0, packet(0, 60))),
];

/// Proves the checks of SEND-08, SEND-12, DATA-12, VRF-37 and VRF-38 for protocol drivers.
#[test]
fn packets_that_no_protocol_driver_may_send_or_return_are_caught() {
    for (at, (rule, act)) in WRONGS.iter().enumerate() {
        assert_eq!(ends_with(*act), *rule, "way {at}");
    }
}

/// Proves the checks of PROTO-BIND and RECV-02: a protocol driver that is told of a pause has given everything back, and writes to nothing
/// that it was shown.
#[test]
fn a_protocol_driver_gives_back_before_it_is_paused_what_it_was_lent() {
    let keeps: fn(&Adapter) = |adapter| {
        listeners().ignores_pause.set(true);
        adapter.on_host("receive", |_| frames::indicate(1));
    };
    assert_eq!(ends(keeps), "PROTO-BIND");
    let writes: fn(&Adapter) = |adapter| {
        adapter.on_host("receive", |_| {
            frames::indicate(1);
            let list = listeners().kept.borrow()[0].1 as *mut NET_BUFFER_LIST;
            // SAFETY: a packet that the driver has.
            unsafe { (*(*list).FirstNetBuffer).stDataLength -= 1 };
            return_kept(0);
        });
        sim::sleep(sim::MILLISECOND);
    };
    assert_eq!(ends(writes), "RECV-02");
    assert_eq!(ends(|_| {}), "none");
}

/// Proves SEND-01 and RECV-02: what protocol drivers send comes back to each, also from a miniport that is paused; of two that want a
/// frame the first sees it for the time of the call, and the miniport gets it back from the second.
#[test]
fn protocol_drivers_send_and_are_shown_what_they_want() {
    for seed in 0..20 {
        sim::run(seed, || {
            let (_, driver, adapter) = super::halted();
            adapter.start().expect("the adapter starts");
            adapter.on_host("protocols", |_| {
                register(0);
                register(1);
                frames::indicate(1);
                assert_eq!(*listeners().seen.borrow(), [], "nobody asked for frames");
                listen(1, DIRECTED);
                frames::indicate(1);
                assert_eq!(listeners().seen.take(), [(1, 60, false)]);
                listen(0, DIRECTED | BROADCAST);
                frames::indicate(2);
                let seen = [(0, 60, true), (0, 60, true), (1, 60, false), (1, 60, false)];
                assert_eq!(listeners().seen.take(), seen);
                listen(1, BROADCAST);
                frames::indicate(1);
                assert_eq!(listeners().seen.take(), [(0, 60, false)]);
                for which in [0, 1, 0] {
                    send(which, packet(which, 60), 0, 0);
                }
                assert_eq!(*listeners().sent.borrow(), [(0, 0), (1, 0), (0, 0)]);
                return_kept(0);
                return_kept(1);
            });
            frames::await_all(&adapter);
            adapter.pause();
            assert_eq!(*listeners().kept.borrow(), []);
            adapter.on_host("free", |_| frames::free());
            adapter.stop();
            adapter.on_host("protocols", |_| deregister(2));
            adapter.remove();
            driver.unload();
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}
