//! Connections between two hosts, from the Network Direct consumer's side down to the datagrams on the wire.

mod faults;
mod outages;
mod peers;
mod tamper;

use std::cell::Cell;
use std::ffi::c_void;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use cxndk::cm::mad::{MAD_SIZE, Mad};
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::{Adapter, Connector, Listener, ReadLimits, Status};
use cxndk_testbed::consumers::node::{LIMITS, on};
use cxndk_testbed::consumers::signal::Signal;
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::sim;
use cxndk_testbed::wire::{Faults, Opcode, Packet};
use cxndk_testbed::world::{Host, Nic, OpenNdk, World, WorldPlan};
use pcap_file::pcap::PcapReader;

const PORT: u16 = 445;
/// Attributes of the datagrams of a connection from its request to its release.
const LIFE: [u16; 5] = [0x10, 0x13, 0x14, 0x15, 0x16];

/// An opened adapter with queues: everything that a connection needs but the connector.
struct Side {
    endpoint: Endpoint,
    open: OpenNdk,
    /// Disconnect events so far.
    events: Rc<Cell<u32>>,
}

unsafe extern "win64" fn disconnect_event(context: *mut c_void) {
    // SAFETY: the side keeps its counter until its connector is closed, after which no event comes (LIFE-38).
    let events = unsafe { &*context.cast::<Cell<u32>>() };
    events.set(events.get() + 1);
}

impl Side {
    fn open(host: &Host) -> Self {
        let open = host.open_ndk();
        let adapter = open.adapter();
        let endpoint = on(host.id, "make queues", move || {
            Endpoint::new(adapter, LIMITS).expect("queues")
        });
        Self {
            endpoint,
            open,
            events: Rc::default(),
        }
    }

    fn adapter(&self) -> Adapter {
        self.open.adapter()
    }

    fn context(&self) -> *mut c_void {
        Rc::as_ptr(&self.events).cast_mut().cast()
    }

    fn connect(&self, from: SocketAddr, to: SocketAddr, data: &[u8]) -> (Connector, Result<(), Status>) {
        let connector = self.adapter().create_connector().expect("a connector");
        let result = connector
            .connect(self.endpoint.qp, from, to, LIMITS.reads, data)
            .wait();
        (connector, result)
    }

    fn complete(&self, connector: Connector) -> Result<(), Status> {
        connector
            .complete_connect(Some(disconnect_event), self.context())
            .wait()
    }

    fn accept(&self, connector: Connector, limits: ReadLimits, data: &[u8]) -> Result<(), Status> {
        connector
            .accept(
                self.endpoint.qp,
                limits,
                data,
                Some(disconnect_event),
                self.context(),
            )
            .wait()
    }

    fn close(self, connector: Connector) {
        connector.close_and_wait().expect("a close");
        self.close_queues();
    }

    fn close_all(self, connector: Option<Connector>) {
        match connector {
            Some(connector) => self.close(connector),
            None => self.close_queues(),
        }
    }

    fn close_queues(self) {
        self.endpoint.close_queue_pair().expect("a close");
        self.endpoint.close_rest().expect("a close");
        self.open.close();
    }
}

/// Two consumers: one listens on host B at `at` and does `server` with the connector of its first connect event, the other does
/// `client` on host A once there is a listener.
fn meet(
    world: &World,
    at: SocketAddr,
    server: impl FnOnce(&Side, Connector) + 'static,
    client: impl FnOnce(&Side) -> Connector + 'static,
) {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let (serving, connecting) = (Side::open(b), Side::open(a));
    let listening = Rc::new(Signal::default());
    let told = Rc::clone(&listening);
    let serving = b.thread("server", move || {
        let desk = Rc::new(Desk::default());
        let listener = desk.listen(serving.adapter(), at).expect("a listener");
        told.set();
        let connector = desk.next().expect("a connect event");
        server(&serving, connector);
        // The listener's close pends until the connector that it brought is closed (CONN-44, LIFE-33).
        let closing = listener.close();
        serving.close(connector);
        closing.wait().expect("a close");
    });
    let connecting = a.thread("client", move || {
        listening.wait("a listener");
        let connector = client(&connecting);
        connecting.close(connector);
    });
    sim::join(connecting);
    sim::join(serving);
}

/// Waits until `ready` says so.
fn until(what: &'static str, ready: impl Fn() -> bool) {
    let deadline = sim::now() + 600 * sim::SECOND;
    while !ready() {
        assert!(sim::now() < deadline, "{what} within ten minutes");
        sim::sleep(sim::MILLISECOND);
    }
}

/// The CM datagrams in a capture, in their order.
fn datagrams(path: &Path) -> Vec<u16> {
    let mut reader = PcapReader::new(File::open(path).expect("a capture")).expect("a pcap file");
    let mut attributes = Vec::new();
    while let Some(frame) = reader.next_packet() {
        let frame = frame.expect("a whole record").data;
        let packet = Packet::parse(&frame).expect("a packet with a good ICRC");
        if packet.headers.bth.opcode == Opcode::UdSendOnly {
            let mad: &[u8; MAD_SIZE] = packet.payload.try_into().expect("a datagram");
            attributes.push(Mad::parse(mad).expect("a CM message").message.attribute());
        }
    }
    attributes
}

/// A connection from connect to disconnect, by the client's wish.
fn whole_life(config: &WorldPlan, addresses: fn(&Nic, u16) -> SocketAddr) {
    config.play(move |world| {
        let (from, to) = (addresses(&world.hosts[0], 0), addresses(&world.hosts[1], PORT));
        meet(
            world,
            to,
            move |side, connector| {
                let offered = connector.connection_data().expect("data of the request");
                assert_eq!(
                    (offered.private_data.len(), &offered.private_data[..5]),
                    (56, &b"ping\0"[..])
                );
                assert_eq!(offered.limits, LIMITS.reads);
                assert_eq!(connector.local_address(), Ok(to));
                let few = ReadLimits {
                    inbound: 4,
                    outbound: 2,
                };
                side.accept(connector, few, b"pong").expect("an accept");
                until("a disconnect event", || side.events.get() == 1);
                connector.disconnect().wait().expect("the peer asked for it");
                assert_eq!(side.events.get(), 1);
            },
            move |side| {
                let (connector, result) = side.connect(from, to, b"ping");
                assert_eq!(result, Ok(()));
                let answer = connector.connection_data().expect("data of the reply");
                assert_eq!(
                    (answer.private_data.len(), &answer.private_data[..5]),
                    (148, &b"pong\0"[..])
                );
                // What one side may read, the other serves.
                assert_eq!(
                    answer.limits,
                    ReadLimits {
                        inbound: 2,
                        outbound: 4
                    }
                );
                side.complete(connector).expect("a connection");
                assert_eq!(connector.peer_address(), Ok(to));
                let own = connector.local_address().expect("an address");
                assert_eq!(own.ip(), from.ip());
                assert!(own.port() >= 49152);
                connector.disconnect().wait().expect("a graceful end");
                assert_eq!(side.events.get(), 0);
                connector
            },
        );
    });
}

/// Proves CONN-03, CONN-06, CONN-11, CONN-23, CONN-28, CONN-46, CONN-54, CONN-61, CONN-63, CONN-72.
#[test]
fn a_connection_lives_from_connect_to_disconnect_over_ipv4() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("life.pcap");
    let config = World::new(1).capture(&path);
    whole_life(&config, Nic::at);
    assert_eq!(datagrams(&path), LIFE);
}

/// Proves CREATE-25.
#[test]
fn a_connection_lives_from_connect_to_disconnect_over_ipv6() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("life.pcap");
    let config = World::new(2).capture(&path);
    whole_life(&config, Nic::at_v6);
    assert_eq!(datagrams(&path), LIFE);
}

#[test]
fn connections_are_made_and_ended_over_a_wire_that_loses_duplicates_reorders_and_damages() {
    for seed in 0..20 {
        let mut config = World::new(seed);
        config.link.faults = Faults {
            loss: 150_000,
            duplication: 50_000,
            reordering: 50_000,
            corruption: 50_000,
        };
        whole_life(&config, Nic::at);
    }
}

/// Connects from A to B where `prepare` has done something to the world, and returns how it ended.
fn connect_alone(config: &WorldPlan, prepare: impl FnOnce(&World) + Send) -> (Result<(), Status>, u64) {
    let outcome = Arc::new(Mutex::new(None));
    let place = Arc::clone(&outcome);
    config.play(move |world| {
        prepare(world);
        let side = Side::open(&world.hosts[0]);
        // Host B has a consumer, but none that listens.
        let other = world.hosts[1].open_ndk();
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        let client = world.hosts[0].thread("client", move || {
            let before = sim::now();
            let (connector, result) = side.connect(from, to, &[]);
            *place.lock().expect("one thread") = Some((result, sim::now() - before));
            side.close(connector);
        });
        sim::join(client);
        sim::join(world.hosts[1].thread("close", move || other.close()));
    });
    let outcome = outcome.lock().expect("one thread").take();
    outcome.expect("the client has run")
}

/// Proves CONN-04: nobody listens, and the peer says so at once.
#[test]
fn a_connect_where_nobody_listens_is_refused() {
    let (result, waited) = connect_alone(&World::new(3), |_| {});
    assert_eq!(result, Err(Status::CONNECTION_REFUSED));
    assert!(waited < 100 * sim::MILLISECOND, "{waited} ns");
}

/// Proves CONN-01: a peer that never answers ends the connect in bounded time.
#[test]
fn a_connect_to_nobody_times_out() {
    let mut config = World::new(4);
    config.link.faults = Faults {
        loss: 1_000_000,
        ..Faults::default()
    };
    let (result, waited) = connect_alone(&config, |_| {});
    assert_eq!(result, Err(Status::IO_TIMEOUT));
    assert!(
        (8 * sim::SECOND..12 * sim::SECOND).contains(&waited),
        "{waited} ns"
    );
}

/// Proves CONN-30 and CONN-32: the peer learns of the reject and of its data.
#[test]
fn a_rejected_connect_is_refused_with_the_private_data() {
    World::new(5).play(|world| {
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        meet(
            world,
            to,
            |_, connector| connector.reject(b"busy").expect("a reject"),
            move |side| {
                let (connector, result) = side.connect(from, to, &[]);
                assert_eq!(result, Err(Status::CONNECTION_REFUSED));
                let data = connector
                    .connection_data()
                    .expect("the reject's data")
                    .private_data;
                assert_eq!((data.len(), &data[..5]), (148, &b"busy\0"[..]));
                connector
            },
        );
    });
}

/// Proves CONN-31 and CONN-32: the active side changes its mind after the reply.
#[test]
fn an_accept_whose_reply_is_rejected_is_aborted() {
    World::new(6).play(|world| {
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        meet(
            world,
            to,
            |side, connector| {
                let result = side.accept(connector, LIMITS.reads, &[]);
                assert_eq!(result, Err(Status::CONNECTION_ABORTED));
            },
            move |side| {
                let (connector, result) = side.connect(from, to, &[]);
                assert_eq!(result, Ok(()));
                connector.reject(&[]).expect("a reject");
                connector
            },
        );
    });
}

/// Proves CONN-73: both disconnect at once and both succeed.
#[test]
fn crossing_disconnects_both_succeed() {
    for seed in 0..10 {
        World::new(seed).play(|world| {
            let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
            let meeting = Rc::new(Signal::default());
            let told = Rc::clone(&meeting);
            meet(
                world,
                to,
                move |side, connector| {
                    side.accept(connector, LIMITS.reads, &[]).expect("an accept");
                    told.set();
                    assert_eq!(connector.disconnect().wait(), Ok(()));
                },
                move |side| {
                    let (connector, result) = side.connect(from, to, &[]);
                    assert_eq!(result, Ok(()));
                    side.complete(connector).expect("a connection");
                    meeting.wait("the accept");
                    assert_eq!(connector.disconnect().wait(), Ok(()));
                    connector
                },
            );
        });
    }
}

/// Proves CONN-25 and CONN-44: a paused listener refuses, and listens again afterwards.
#[test]
fn a_paused_listener_refuses() {
    World::new(7).play(|world| {
        let (from, to) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        let (server, client) = (Side::open(&world.hosts[1]), Side::open(&world.hosts[0]));
        let host = world.hosts[1].id;
        let desk = Rc::new(Desk::default());
        let adapter = server.adapter();
        let listener: Listener = on(host, "listen", move || {
            desk.listen(adapter, to)
                .inspect(|listener| listener.control_connect_events(true))
                .expect("a listener")
        });
        sim::join(world.hosts[0].thread("client", move || {
            let (connector, result) = client.connect(from, to, &[]);
            assert_eq!(result, Err(Status::CONNECTION_REFUSED));
            client.close(connector);
        }));
        on(host, "close", move || {
            listener.close_and_wait().expect("a close");
            server.close_queues();
        });
    });
}

/// Proves CONN-07, CONN-08, CONN-20 and CONN-43.
#[test]
fn addresses_ports_and_private_data_are_checked() {
    World::new(8).play(|world| {
        let (own, peer) = (world.hosts[0].at(PORT), world.hosts[1].at(PORT));
        let side = Side::open(&world.hosts[0]);
        sim::join(world.hosts[0].thread("client", move || {
            let (desk, adapter) = (Rc::new(Desk::default()), side.adapter());
            let listener = desk.listen(adapter, own).expect("a listener");
            assert_eq!(desk.listen(adapter, own).err(), Some(Status::SHARING_VIOLATION));
            let foreign = SocketAddr::from(([10, 99, 0, 1], PORT));
            assert_eq!(desk.listen(adapter, foreign).err(), Some(Status::INVALID_ADDRESS));
            let attempt = |from, data: &[u8], expected| {
                let (connector, result) = side.connect(from, peer, data);
                assert_eq!(result, Err(expected));
                connector.close_and_wait().expect("a close");
            };
            attempt(own, &[], Status::SHARING_VIOLATION);
            attempt(foreign, &[], Status::INVALID_ADDRESS);
            attempt(own, &[7; 57], Status::INVALID_BUFFER_SIZE);
            listener.close_and_wait().expect("a close");
            // The port is free again with its last reference.
            let again = desk.listen(adapter, own).expect("a listener");
            again.close_and_wait().expect("a close");
            side.close_queues();
        }));
    });
}
