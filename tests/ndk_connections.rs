//! Connections as a consumer sees them: limits, data, endpoints, and what an end of a connection does to its queues.
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a look into a dispatch table is one step"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ptr;
use std::rc::Rc;

use cxndk_testbed::consumers::ndk::{
    Adapter, Completed, Connector, Object, ReadLimits, SockAddr, Status, request_completed,
};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim;
use cxndk_testbed::wire::{self, link::Faults};
use cxndk_testbed::world::{Host, OpenNdk, World};
use support::{Link, QUEUES, READS, Side};

const CANCELLED: Status = Status::CANCELLED;

fn statuses(results: &[Completed]) -> Vec<Status> {
    results.iter().map(|result| result.status).collect()
}

/// `NdkGetConnectionData` with a buffer of `room` bytes: status, the length that came back, both limits.
fn data(connector: Connector, room: usize) -> (Status, usize, [u32; 2]) {
    let (mut limits, mut buffer, mut length) = ([0; 2], vec![0xee_u8; room], room as u32);
    let [inbound, outbound] = &mut limits;
    let place = if room == 0 {
        ptr::null_mut()
    } else {
        buffer.as_mut_ptr()
    };
    // SAFETY: the connector is live.
    let get = unsafe { (*(*connector.raw()).Dispatch).NdkGetConnectionData }.expect("filled");
    // SAFETY: the buffer has so much room.
    let status = unsafe { get(connector.raw(), inbound, outbound, place.cast(), &raw mut length) };
    (Status(status), length as usize, limits)
}

/// An accepting side on B for one connection, with these limits; then what `client` on A sees.
fn connect_with(limits: ReadLimits, client: fn(Connector)) {
    World::new(4).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        let opens = [a.open_ndk(), b.open_ndk()];
        let (near, far) = (opens[0].adapter(), opens[1].adapter());
        let (from, to) = (a.at(0), b.at(445));
        let desk = std::rc::Rc::new(cxndk_testbed::consumers::copy::Desk::default());
        let own = std::rc::Rc::clone(&desk);
        let listener = on(b.id, "listen", move || own.listen(far, to)).expect("listens");
        let accepting = b.thread("accept", move || {
            let side = Side::new(far, QUEUES);
            let connector = desk.next().expect("a connect event");
            side.connector.set(Some(connector));
            // A connect-event connector tells the peer's data before it is accepted (CONN-55).
            let (status, length, _) = data(connector, 0);
            assert_eq!(status, Status::SUCCESS);
            assert!(length >= 3, "private data");
            let accepted = connector.accept(side.qp, limits, b"yes", None, ptr::null_mut());
            accepted.wait().expect("accepts");
            connector.disconnect().wait().expect("disconnects");
            side.close();
        });
        on(a.id, "connect", move || {
            let side = Side::new(near, QUEUES);
            let connector = near.create_connector().expect("a connector");
            side.connector.set(Some(connector));
            assert_eq!(
                connector.peer_address(),
                Err(Status::CONNECTION_INVALID),
                "not connected yet"
            );
            let started = connector.connect(side.qp, from, to, limits, b"who");
            started.wait().expect("connects");
            client(connector);
            connector
                .complete_connect(None, ptr::null_mut())
                .wait()
                .expect("completes");
            connector.disconnect().wait().expect("disconnects");
            side.close();
        });
        sim::join(accepting);
        on(b.id, "stop listening", move || listener.close_and_wait()).expect("closes");
        opens.into_iter().for_each(OpenNdk::close);
    });
}

/// Proves CONN-10, CONN-50: limits beyond the adapter's are capped without a word, and what is effective is told.
#[test]
fn read_limits_are_capped_silently() {
    let most = ReadLimits {
        inbound: u32::MAX,
        outbound: u32::MAX,
    };
    connect_with(most, |connector| {
        let (status, _, limits) = data(connector, 0);
        assert_eq!(status, Status::SUCCESS);
        assert!(limits.iter().all(|limit| (1..=64).contains(limit)), "{limits:?}");
    });
}

/// Proves CONN-10: no reads at all are legal too.
#[test]
fn a_connection_without_reads_is_legal() {
    connect_with(
        ReadLimits {
            inbound: 0,
            outbound: 0,
        },
        |connector| {
            assert_eq!(data(connector, 0).2, [0, 0]);
        },
    );
}

/// Proves CONN-15 and CONN-70 (no event is wanted: none comes), CONN-47, CONN-51, CONN-52, CONN-55.
#[test]
fn connection_data_is_given_by_the_room_there_is() {
    connect_with(READS, |connector| {
        let (status, required, _) = data(connector, 0);
        assert_eq!(status, Status::SUCCESS, "asking for the length");
        assert!(required >= 3);
        assert_eq!(data(connector, required).0, Status::SUCCESS);
        assert_eq!(
            data(connector, required + 100).1,
            required,
            "more room than needed"
        );
        let (status, length, _) = data(connector, required - 1);
        assert_eq!((status, length), (Status::BUFFER_TOO_SMALL, required));
        assert!(connector.local_address().is_ok());
        let told = connector.connection_data().expect("data");
        assert_eq!(&told.private_data[..3], b"yes");
    });
}

/// Proves CONN-13: a queue pair has one connection, and a refused second one does not disturb it.
#[test]
fn a_connected_queue_pair_is_not_connected_again() {
    World::new(5).play(|world| {
        let link = Link::new(world, QUEUES);
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(445));
        link.on_a(move |side| {
            let second = side.adapter.create_connector().expect("a connector");
            let refused = second.connect(side.qp, from, to, READS, &[]).wait();
            assert_eq!(refused, Err(Status::CONNECTION_ACTIVE));
            second.close_and_wait().expect("closes");
        });
        link.on_b(|side| side.qp.receive(1, &[side.piece(0..64)]))
            .expect("posts");
        link.on_a(|side| side.qp.send(2, &[side.piece(0..64)], 0))
            .expect("posts");
        assert_eq!(link.on_b(Side::result).bytes, 64);
        assert_eq!(link.on_a(Side::result).status, Status::SUCCESS);
        link.close();
    });
}

/// Proves CONN-62, CONN-64, CONN-67, CONN-68: who disconnects is flushed; who is told keeps its requests until it disconnects too;
/// neither queue pair nor connector lives a second time.
#[test]
fn a_disconnect_flushes_its_own_side_and_is_final() {
    World::new(6).play(|world| {
        let link = Link::new(world, QUEUES);
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(445));
        let post = |side: &Side| {
            for context in 0..3 {
                side.qp.receive(context, &[side.piece(0..64)]).expect("posts");
            }
        };
        link.on_a(post);
        link.on_b(post);
        let closing = link.on_a(|side| side.connector.get().expect("connected").disconnect());
        sim::sleep(sim::MILLISECOND);
        link.on_b(|side| {
            assert_eq!(side.disconnects.get(), 1, "one event");
            side.nothing_more();
            side.connector
                .get()
                .expect("connected")
                .disconnect()
                .wait()
                .expect("disconnects");
            assert_eq!(statuses(&side.results(3)), [CANCELLED; 3]);
        });
        closing.wait().expect("disconnects");
        link.on_a(move |side| {
            assert_eq!(statuses(&side.results(3)), [CANCELLED; 3]);
            assert_eq!(side.disconnects.get(), 0, "who asked is not told");
            let connector = side.connector.get().expect("it was connected");
            assert!(
                side.qp.send(9, &[side.piece(0..8)], 0).is_err(),
                "nothing goes any more"
            );
            assert!(
                connector.connect(side.qp, from, to, READS, &[]).wait().is_err(),
                "the connector is used up"
            );
            let fresh = side.adapter.create_connector().expect("a connector");
            assert!(
                fresh.connect(side.qp, from, to, READS, &[]).wait().is_err(),
                "the queue pair is used up"
            );
            fresh.close_and_wait().expect("closes");
        });
        link.close();
    });
}

type Endpoint = Object<cxndk::sys::ndkpi::NDK_SHARED_ENDPOINT>;

fn endpoint_address(endpoint: Endpoint) -> SocketAddr {
    let mut address = SockAddr::empty();
    let (place, length) = address.as_mut_parts();
    // SAFETY: the endpoint is live.
    let get = unsafe { (*(*endpoint.raw()).Dispatch).NdkGetLocalAddress }.expect("filled");
    // SAFETY: the place has room for any address.
    assert_eq!(unsafe { get(endpoint.raw(), place, length) }, 0);
    address.to_socket_addr().expect("an address")
}

fn connect_shared(side: &Side, endpoint: Endpoint, to: SocketAddr) -> Result<(), Status> {
    let connector = side.connector.get().expect("a connector");
    let to = SockAddr::from(to);
    // SAFETY: the connector is live.
    let connect = unsafe { (*(*connector.raw()).Dispatch).NdkConnectWithSharedEndpoint }.expect("filled");
    let started = cxndk_testbed::consumers::ndk::Started::run(|context| {
        // SAFETY: all objects are live; the address is read during the call.
        unsafe {
            connect(
                connector.raw(),
                side.qp.raw(),
                endpoint.raw(),
                to.as_ptr(),
                to.len(),
                READS.inbound,
                READS.outbound,
                ptr::null_mut(),
                0,
                Some(request_completed),
                context,
            )
        }
    });
    started.wait()
}

fn endpoint(adapter: Adapter, at: SocketAddr) -> Result<Endpoint, Status> {
    adapter.create_shared_endpoint(&SockAddr::from(at))
}

fn local(host: &Host, port: u16) -> SocketAddr {
    host.at(port)
}

/// Proves CREATE-21, CREATE-22, CONN-42, CONN-43: an address has one endpoint, for as long as anybody holds it.
#[test]
fn a_shared_endpoint_takes_its_address() {
    World::new(7).play(|world| {
        let host = &world.hosts[0];
        let (own, any) = (local(host, 7000), local(host, 0));
        let open = host.open_ndk();
        let adapter = open.adapter();
        on(host.id, "endpoints", move || {
            let first = endpoint(adapter, own).expect("an endpoint");
            assert_eq!(endpoint_address(first), own);
            assert_eq!(endpoint(adapter, own).err(), Some(Status::SHARING_VIOLATION));
            let foreign = SocketAddr::from(([10, 99, 0, 1], 7000));
            assert_eq!(endpoint(adapter, foreign).err(), Some(Status::INVALID_ADDRESS));
            let picked = endpoint(adapter, any).expect("an endpoint");
            assert!(endpoint_address(picked).port() >= 49152, "a dynamic port");
            first.close_and_wait().expect("closes");
            let again = endpoint(adapter, own).expect("the address is free again");
            again.close_and_wait().expect("closes");
            picked.close_and_wait().expect("closes");
        });
        open.close();
    });
}

/// Listens, accepts one connection from port 7001, takes one message, and ends.
fn serve(adapter: Adapter, at: SocketAddr) {
    let desk = std::rc::Rc::new(cxndk_testbed::consumers::copy::Desk::default());
    let listener = desk.listen(adapter, at).expect("listens");
    let side = Side::new(adapter, QUEUES);
    let connector = desk.next().expect("a connect event");
    side.connector.set(Some(connector));
    let accept = connector.accept(side.qp, READS, &[], None, ptr::null_mut());
    accept.wait().expect("accepts");
    assert_eq!(connector.peer_address().expect("connected").port(), 7001);
    side.qp.receive(1, &[side.piece(0..8)]).expect("posts");
    assert_eq!(side.result().bytes, 8);
    connector.disconnect().wait().expect("disconnects");
    side.close();
    listener.close_and_wait().expect("closes");
}

/// Proves CONN-02, CONN-05, CONN-45: many connections go out from one endpoint, to different peers.
#[test]
fn connections_share_an_endpoint() {
    World::new(8).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        let opens = [a.open_ndk(), b.open_ndk()];
        let (near, far) = (opens[0].adapter(), opens[1].adapter());
        let (own, ports) = (local(a, 7001), [local(b, 8001), local(b, 8002)]);
        let servers = ports.map(|port| b.thread("server", move || serve(far, port)));
        on(a.id, "clients", move || {
            sim::sleep(sim::MILLISECOND);
            let shared = endpoint(near, own).expect("an endpoint");
            let sides = ports.map(|to| {
                let side = Side::new(near, QUEUES);
                side.connector
                    .set(Some(near.create_connector().expect("a connector")));
                connect_shared(&side, shared, to).expect("connects");
                let connector = side.connector.get().expect("a connector");
                connector
                    .complete_connect(None, ptr::null_mut())
                    .wait()
                    .expect("completes");
                side
            });
            // The same way a second time is refused.
            let again = Side::new(near, QUEUES);
            again
                .connector
                .set(Some(near.create_connector().expect("a connector")));
            assert_eq!(
                connect_shared(&again, shared, ports[0]),
                Err(Status::ADDRESS_ALREADY_EXISTS)
            );
            again.close();
            for side in &sides {
                sim::sleep(sim::MILLISECOND);
                side.qp.send(1, &[side.piece(0..8)], 0).expect("posts");
                assert_eq!(side.result().status, Status::SUCCESS);
            }
            for side in &sides {
                side.connector
                    .get()
                    .expect("connected")
                    .disconnect()
                    .wait()
                    .expect("disconnects");
                side.close();
            }
            shared.close_and_wait().expect("closes");
        });
        servers.into_iter().for_each(sim::join);
        opens.into_iter().for_each(OpenNdk::close);
    });
}

/// Proves CREATE-23: a listener that does not listen yet hears nothing.
#[test]
fn a_listener_that_does_not_listen_hears_nothing() {
    unsafe extern "win64" fn event(_: *mut std::ffi::c_void, _: *mut cxndk::sys::ndkpi::NDK_CONNECTOR) {
        panic!("nobody listens");
    }
    World::new(9).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        let opens = [a.open_ndk(), b.open_ndk()];
        let (near, far) = (opens[0].adapter(), opens[1].adapter());
        let (from, to) = (a.at(0), b.at(445));
        let listener = on(b.id, "create", move || {
            far.create_listener(Some(event), ptr::null_mut())
        });
        on(a.id, "connect", move || {
            let side = Side::new(near, QUEUES);
            let connector = near.create_connector().expect("a connector");
            let refused = connector.connect(side.qp, from, to, READS, &[]).wait();
            assert_eq!(refused, Err(Status::CONNECTION_REFUSED));
            connector.close_and_wait().expect("closes");
            side.close();
        });
        on(b.id, "close", move || {
            listener.expect("a listener").close_and_wait()
        })
        .expect("closes");
        opens.into_iter().for_each(OpenNdk::close);
    });
}

/// Proves CONN-41: a connection holds its local port until its connector is closed.
#[test]
fn a_connection_holds_its_port() {
    World::new(10).play(|world| {
        let link = Link::new(world, QUEUES);
        let address = world.hosts[0].at(0);
        link.on_a(move |side| {
            let connector = side.connector.take().expect("connected");
            let own = connector.local_address().expect("connected");
            assert_eq!(own.ip(), address.ip());
            let adapter = side.adapter;
            assert_eq!(endpoint(adapter, own).err(), Some(Status::SHARING_VIOLATION));
            connector.close_and_wait().expect("closes");
            let free = endpoint(adapter, own).expect("free again");
            free.close_and_wait().expect("closes");
        });
        link.close();
    });
}

/// What the accepting side of a connection knows of its Accept.
#[derive(Default)]
struct Accepting {
    side: RefCell<Option<Rc<Side>>>,
    /// Its callback does not return before a receive is done.
    waits: Cell<bool>,
    /// The receive that was done before it returned.
    first: RefCell<Vec<Completed>>,
    returned: Cell<bool>,
}

unsafe extern "win64" fn accepted(context: *mut std::ffi::c_void, status: i32) {
    // SAFETY: the scenario keeps it until the connection is closed.
    let state = unsafe { &*context.cast::<Accepting>() };
    assert_eq!(Status(status), Status::SUCCESS);
    let side = state.side.borrow().clone().expect("there is one");
    let deadline = sim::now() + sim::SECOND;
    while state.waits.get() && state.first.borrow().is_empty() && sim::now() < deadline {
        side.cq.poll(&mut *state.first.borrow_mut(), 1);
        sim::sleep(sim::MICROSECOND);
    }
    state.returned.set(true);
}

/// Accepts with [`accepted`] as the completion.
fn accept(connector: Connector, state: &Rc<Accepting>) {
    // SAFETY: the connector is live.
    let accept = unsafe { (*(*connector.raw()).Dispatch).NdkAccept }.expect("filled");
    let qp = state.side.borrow().as_ref().expect("there is one").qp;
    let none = ptr::null_mut();
    let context = Rc::as_ptr(state).cast_mut().cast();
    let (inbound, outbound) = (READS.inbound, READS.outbound);
    // SAFETY: the arguments are those of NdkAccept.
    let status = unsafe {
        accept(
            connector.raw(),
            qp.raw(),
            inbound,
            outbound,
            none,
            0,
            None,
            none,
            Some(accepted),
            context,
        )
    };
    assert_eq!(Status(status), Status::PENDING);
}

/// Connects and sends at once; the message that says that this side is ready is `lost` on its way.
fn connect_and_send(
    adapter: Adapter,
    (from, to): (SocketAddr, SocketAddr),
    wire: &wire::link::Link,
    lost: bool,
) {
    let side = Side::new(adapter, QUEUES);
    let connector = adapter.create_connector().expect("a connector");
    side.connector.set(Some(connector));
    let connecting = connector.connect(side.qp, from, to, READS, &[]);
    connecting.wait().expect("connects");
    wire.set_faults(Faults {
        loss: if lost { 1_000_000 } else { 0 },
        ..Faults::default()
    });
    let completing = connector.complete_connect(None, ptr::null_mut());
    completing.wait().expect("completes");
    sim::sleep(20 * sim::MICROSECOND);
    wire.set_faults(Faults::default());
    side.fill(0..64, 0x77);
    side.qp.send(1, &[side.piece(0..64)], 0).expect("posts");
    assert_eq!(side.result().status, Status::SUCCESS);
    sim::sleep(sim::SECOND);
    side.close();
}

/// A connects and sends; B has a receive posted since before its Accept. How many of the receives were done
/// before Accept had completed.
fn receive_while_accepting(seed: u64, lost: bool, waits: bool) -> usize {
    World::new(seed).play(|world| {
        let [a, b] = &world.hosts[..] else {
            unreachable!("two hosts")
        };
        let opens = [a.open_ndk(), b.open_ndk()];
        let (near, far) = (opens[0].adapter(), opens[1].adapter());
        let (from, to) = (a.at(0), b.at(445));
        let desk = Rc::new(cxndk_testbed::consumers::copy::Desk::default());
        let own = Rc::clone(&desk);
        let listener = on(b.id, "listen", move || own.listen(far, to)).expect("listens");
        let early = Rc::new(Cell::new(0));
        let count = Rc::clone(&early);
        let accepting = b.thread("accept", move || {
            let side = Side::new(far, QUEUES);
            side.qp.receive(1, &[side.piece(0..64)]).expect("posts");
            let state = Rc::new(Accepting::default());
            state.waits.set(waits);
            state.side.replace(Some(Rc::clone(&side)));
            let connector = desk.next().expect("a connect event");
            side.connector.set(Some(connector));
            accept(connector, &state);
            let deadline = sim::now() + 10 * sim::SECOND;
            while !waits && state.first.borrow().is_empty() && sim::now() < deadline {
                side.cq.poll(&mut *state.first.borrow_mut(), 1);
                count.set(usize::from(!state.returned.get()));
                sim::sleep(sim::choose(sim::Stream::Ndis, 1000));
            }
            while !state.returned.get() && sim::now() < deadline {
                sim::sleep(sim::MICROSECOND);
            }
            assert!(state.returned.get(), "seed {seed}: Accept completes, too");
            let first = *state.first.borrow().first().expect("a receive");
            assert_eq!(
                (first.status, first.request, first.bytes),
                (Status::SUCCESS, 1, 64)
            );
            assert_eq!(side.buffer.bytes()[..64], [0x77; 64]);
            state.side.replace(None);
            side.close();
        });
        let wire = world.link.clone();
        on(a.id, "connect", move || {
            connect_and_send(near, (from, to), &wire, lost)
        });
        sim::join(accepting);
        on(b.id, "stop listening", move || listener.close_and_wait()).expect("closes");
        opens.into_iter().for_each(OpenNdk::close);
        early.get()
    })
}

/// Proves CONN-29: a receive is done as soon as the data is there. Inside the callback of Accept, which waits for it; and before Accept
/// completes at all, when the peer's word that it is ready is lost and its data is the first that comes.
#[test]
fn receives_complete_before_accept_has() {
    for seed in 0..10 {
        receive_while_accepting(seed, false, true);
    }
    let early: usize = (0..20)
        .map(|seed| receive_while_accepting(seed, true, false))
        .sum();
    assert!(early > 0, "never before");
}
