//! A host answers under all of its addresses, as they come and go, whether anybody has opened Network Direct or not.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::rc::Rc;

use cxndk::cm::mad::RejectReason;
use cxndk_testbed::connectx;
use cxndk_testbed::consumers::copy::Desk;
use cxndk_testbed::consumers::ndk::Status;
use cxndk_testbed::consumers::node::{LIMITS, on};
use cxndk_testbed::consumers::smbd::Endpoint;
use cxndk_testbed::netio::{self, InterfaceId};
use cxndk_testbed::sim::{self, MILLISECOND};
use cxndk_testbed::wire::headers::gid;
use cxndk_testbed::world::{Host, World};

use super::stranger::Stranger;
use super::{DEAF, PORT, nobody, reachable, rejections};

/// The interface of the host's one adapter.
fn interface(host: &Host) -> InterfaceId {
    let id = InterfaceId {
        host: host.id,
        index: 4,
    };
    assert!(netio::interface(id).is_some(), "the host's first interface");
    id
}

/// Whether the device has an entry for the address.
fn has(device: &connectx::Device, address: IpAddr) -> bool {
    device.gids.find(&gid(address)).is_some()
}

/// Runs `main` and returns the reasons of the rejections that were sent meanwhile.
fn refused(seed: u64, main: impl FnOnce(&Host) + Send) -> Vec<RejectReason> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("refused.pcap");
    let config = World::new(seed).capture(&path);
    config.play(|world| {
        reachable(nobody(0));
        reachable("fd00::64".parse().expect("an address"));
        main(&world.hosts[1]);
    });
    rejections(&path)
}

/// Proves CONN-04 for peers of a host that has no consumer at all.
#[test]
fn a_host_without_consumers_says_that_nobody_listens() {
    for seed in 0..4 {
        let reasons = refused(seed, |host| {
            sim::sleep(MILLISECOND);
            Stranger::new(host, nobody(0)).request(DEAF, 1);
            Stranger::new(host, "fd00::64".parse().expect("an address")).request(DEAF, 2);
            sim::sleep(2 * MILLISECOND);
        });
        assert_eq!(reasons, [RejectReason::INVALID_SERVICE_ID; 2]);
    }
}

#[test]
fn addresses_are_followed_as_they_come_and_go() {
    for seed in 0..4 {
        let reasons = refused(seed, |host| {
            let late: IpAddr = "10.0.0.77".parse().expect("an address");
            let id = interface(host);
            let ask = |number| {
                sim::sleep(10 * MILLISECOND);
                Stranger::to(host, nobody(0), late).request(DEAF, number);
                sim::sleep(10 * MILLISECOND);
            };
            netio::add_tentative_address(id, late, 24);
            ask(1);
            assert!(!has(&host.device, late), "it may be somebody else's");
            netio::settle_address(id, late);
            ask(2);
            assert!(has(&host.device, late));
            netio::remove_address(id, late);
            ask(3);
            assert!(!has(&host.device, late), "it has left");
            netio::add_address(id, late, 24);
            ask(4);
        });
        // Of the second and of the fourth.
        assert_eq!(reasons, [RejectReason::INVALID_SERVICE_ID; 2]);
    }
}

/// As many addresses come and go as the port's table has entries, and more.
#[test]
fn entries_of_addresses_that_left_are_used_again() {
    let reasons = refused(5, |host| {
        let id = interface(host);
        for round in 0..600_u32 {
            let address = IpAddr::from([10, 0, 1 + (round / 250) as u8, (round % 250) as u8]);
            netio::add_address(id, address, 24);
            sim::sleep(MILLISECOND);
            assert!(has(&host.device, address), "round {round}");
            netio::remove_address(id, address);
            sim::sleep(MILLISECOND);
        }
    });
    assert_eq!(reasons, []);
}

/// Connects from A to B between `ends`, does `between` while there is a connection, and ends it.
fn connect(
    world: &cxndk_testbed::world::World,
    [from, to]: [SocketAddr; 2],
    seen: [SocketAddr; 2],
    between: impl FnOnce() + 'static,
) {
    let [a, b] = &world.hosts[..] else {
        unreachable!("a world has two hosts")
    };
    let opens = [a.open_ndk(), b.open_ndk()];
    let adapters = [opens[0].adapter(), opens[1].adapter()];
    let desk = Rc::new(Desk::default());
    let own = Rc::clone(&desk);
    let server = b.thread("server", move || {
        let listener = own.listen(adapters[1], to).expect("a listener");
        assert_eq!(listener.local_address(), Ok(seen[1]));
        let connector = own.next().expect("a connect event");
        let queues = Endpoint::new(adapters[1], LIMITS).expect("queues");
        let accepted = connector.accept(queues.qp, LIMITS.reads, &[], None, std::ptr::null_mut());
        accepted.wait().expect("an accept");
        assert_eq!(connector.local_address(), Ok(seen[1]));
        let peer = connector.peer_address().expect("an address");
        assert_eq!(zone(peer), zone(seen[0]).map(|_| 4));
        connector.disconnect().wait().expect("an end");
        connector.close_and_wait().expect("a close");
        queues.close_queue_pair().expect("a close");
        queues.close_rest().expect("a close");
        listener.close_and_wait().expect("a close");
    });
    desk.listening.wait("a listener");
    on(a.id, "client", move || {
        let queues = Endpoint::new(adapters[0], LIMITS).expect("queues");
        let connector = adapters[0].create_connector().expect("a connector");
        let connect = connector.connect(queues.qp, from, to, LIMITS.reads, &[]);
        connect.wait().expect("a connection");
        connector
            .complete_connect(None, std::ptr::null_mut())
            .wait()
            .expect("a connection");
        let own = connector.local_address().expect("an address");
        assert_eq!(zone(own), zone(seen[0]));
        assert_eq!(connector.peer_address(), Ok(seen[1]));
        between();
        // The peer may have asked first.
        let _ = connector.disconnect().wait();
        connector.close_and_wait().expect("a close");
        queues.close_queue_pair().expect("a close");
        queues.close_rest().expect("a close");
    });
    sim::join(server);
    for (open, host) in opens.into_iter().zip(&world.hosts) {
        sim::join(host.thread("close", move || open.close()));
    }
}

/// The zone of a link-local address.
fn zone(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => Some(v6.scope_id()),
        _ => None,
    }
}

fn link_local(last: u16, port: u16, zone: u32) -> SocketAddr {
    SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last), port, 0, zone).into()
}

/// Link-local addresses carry their zone wherever consumers see them, whether they named it or not. Proves CONN-46.
#[test]
fn link_local_addresses_carry_their_zone() {
    for (named, seed) in [(0, 6), (4, 7)] {
        World::new(seed).play(move |world| {
            for (host, last) in world.hosts.iter().zip(1..) {
                netio::add_address(interface(host), link_local(last, 0, 0).ip(), 64);
            }
            let ends = [link_local(1, 0, named), link_local(2, PORT, named)];
            connect(world, ends, [link_local(1, 0, 4), link_local(2, PORT, 4)], || {});
        });
    }
}

/// Proves CONN-07: an address of another zone is another address.
#[test]
fn addresses_of_other_zones_are_refused() {
    World::new(8).play(|world| {
        let host = &world.hosts[0];
        netio::add_address(interface(host), link_local(1, 0, 0).ip(), 64);
        let open = host.open_ndk();
        let adapter = open.adapter();
        on(host.id, "client", move || {
            let desk = Rc::new(Desk::default());
            let wrong = desk.listen(adapter, link_local(1, PORT, 5)).err();
            assert_eq!(wrong, Some(Status::INVALID_ADDRESS));
            let queues = Endpoint::new(adapter, LIMITS).expect("queues");
            let connector = adapter.create_connector().expect("a connector");
            let (from, to) = (link_local(1, 0, 0), link_local(2, PORT, 5));
            let result = connector.connect(queues.qp, from, to, LIMITS.reads, &[]).wait();
            assert_eq!(result, Err(Status::NETWORK_UNREACHABLE));
            connector.close_and_wait().expect("a close");
            queues.close_queue_pair().expect("a close");
            queues.close_rest().expect("a close");
        });
        sim::join(host.thread("close", move || open.close()));
    });
}

/// The entry of an address that leaves stays until its connections have ended.
#[test]
fn an_address_that_leaves_under_a_connection_stays_until_its_end() {
    World::new(9).play(|world| {
        let host = &world.hosts[0];
        let (id, late): (_, IpAddr) = (interface(host), "10.0.0.77".parse().expect("an address"));
        netio::add_address(id, late, 24);
        sim::sleep(MILLISECOND);
        let device = Rc::clone(&host.device);
        let (from, to) = (SocketAddr::new(late, 0), world.hosts[1].at(PORT));
        connect(world, [from, to], [from, to], move || {
            netio::remove_address(id, late);
            sim::sleep(10 * MILLISECOND);
            assert!(has(&device, late), "a connection uses it");
        });
        sim::sleep(5 * sim::SECOND);
        assert!(!has(&host.device, late), "nobody uses it any more");
    });
}
