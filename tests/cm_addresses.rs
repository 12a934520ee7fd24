//! SOCKADDRs of NDK consumers, and local addresses and ports in use.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use cxndk::cm::address::{AddressError, from_sockaddr, to_sockaddr};
use cxndk::cm::{CmError, PortTable};
use cxndk::nt::Ref;
use cxndk_testbed::{nt, sim};

/// Runs `body` on a simulated host, which has no pool left over afterwards.
fn on_host(body: impl FnOnce() + Send + 'static) {
    sim::run(1, || {
        let host = nt::add_host("host", 1);
        sim::join(nt::thread(host, "test", body));
        nt::expect_no_pool(host, "POOL", "after the test");
    })
    .expect("no rule is broken");
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 9, 0, 1], port))
}

/// Proves CONN-46: ports are in network order, lengths those of the two structures.
#[test]
fn sockaddrs_of_both_families_are_read_and_written() {
    let mut v4 = [0; 16];
    v4[..8].copy_from_slice(&[2, 0, 0x01, 0xbd, 10, 9, 0, 1]);
    assert_eq!(from_sockaddr(&v4), Ok(local(445)));
    let (bytes, length) = to_sockaddr(local(445));
    assert_eq!(bytes[..length], v4);

    let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    let v6 = SocketAddr::V6(SocketAddrV6::new(address, 5445, 0x12345, 3));
    let (bytes, length) = to_sockaddr(v6);
    assert_eq!((length, &bytes[..4]), (28, &[23, 0, 0x15, 0x45][..]));
    assert_eq!(from_sockaddr(&bytes[..length]), Ok(v6));
}

#[test]
fn sockaddrs_that_are_short_or_of_other_families_are_refused() {
    let (v6, _) = to_sockaddr(SocketAddr::from((Ipv6Addr::LOCALHOST, 1)));
    for length in 0..v6.len() {
        assert_eq!(from_sockaddr(&v6[..length]), Err(AddressError));
    }
    let (v4, length) = to_sockaddr(local(1));
    assert_eq!(from_sockaddr(&v4[..length - 1]), Err(AddressError));
    assert_eq!(from_sockaddr(&[1; 28]), Err(AddressError));
}

/// Proves CONN-07, CONN-40 to CONN-43: a port is taken until the last of its references goes.
#[test]
fn a_port_is_taken_until_its_last_reference_goes() {
    on_host(|| {
        let ports = PortTable::try_new(0).expect("memory");
        let first = PortTable::reserve(&ports, local(445)).expect("free");
        let accepted = first.clone();
        assert_eq!(
            PortTable::reserve(&ports, local(445)).err(),
            Some(CmError::PortInUse)
        );
        // Another address has ports of its own.
        let other = SocketAddr::from(([10, 9, 1, 1], 445));
        drop(PortTable::reserve(&ports, other).expect("free"));
        drop(first);
        assert_eq!(
            PortTable::reserve(&ports, local(445)).err(),
            Some(CmError::PortInUse)
        );
        drop(accepted);
        drop(PortTable::reserve(&ports, local(445)).expect("free again"));
    });
}

/// Proves CONN-06 and CONN-21: port 0 takes one of 49152 to 65535, each once, until none is left.
#[test]
fn dynamic_ports_are_all_of_their_range_and_then_exhausted() {
    on_host(|| {
        let ports = PortTable::try_new(40_000).expect("memory");
        let mut taken: Vec<Ref<_>> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        // One of them is in use by name.
        let named = PortTable::reserve(&ports, local(50_000)).expect("free");
        while let Ok(endpoint) = PortTable::reserve(&ports, local(0)) {
            assert!(seen.insert(endpoint.local().port()), "given twice");
            taken.push(endpoint);
        }
        assert_eq!(
            PortTable::reserve(&ports, local(0)).err(),
            Some(CmError::PortsExhausted)
        );
        assert_eq!(
            (seen.len(), seen.first(), seen.last()),
            (16_383, Some(&49152), Some(&65535))
        );
        assert!(!seen.contains(&50_000));
        drop(named);
        let again = PortTable::reserve(&ports, local(0)).expect("one is free again");
        assert_eq!(again.local().port(), 50_000);
        drop((again, taken));
    });
}
