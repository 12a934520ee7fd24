//! `SOCKADDR_INET` and Rust's addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cxndk::sys::netio::{SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_INET};

/// `AF_INET`.
pub const INET: u16 = 2;
/// `AF_INET6`.
pub const INET6: u16 = 23;

/// The address family.
pub fn family(address: &SOCKADDR_INET) -> u16 {
    // SAFETY: all variants begin with the family, and any bytes are a number.
    unsafe { address.si_family }
}

/// The IP address; `None` for an unknown family.
pub fn from_inet(address: &SOCKADDR_INET) -> Option<IpAddr> {
    match family(address) {
        INET => {
            // SAFETY: the family names the variant, and any bytes are an address.
            let v4 = unsafe { address.Ipv4 };
            Some(Ipv4Addr::from(v4.sin_addr).into())
        }
        INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { address.Ipv6 };
            Some(Ipv6Addr::from(v6.sin6_addr).into())
        }
        _ => None,
    }
}

/// Whether an address means something within its zone only.
pub const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// The zone that a link-local address names; 0 if it names none, and for all other addresses.
pub fn zone(address: &SOCKADDR_INET) -> u32 {
    if !from_inet(address).is_some_and(is_link_local) {
        return 0;
    }
    // SAFETY: link-local addresses are of IPv6, and any bytes are a number.
    unsafe { address.Ipv6.sin6_scope_id }
}

/// An address with port 0 and no zone.
pub fn to_inet(address: IpAddr) -> SOCKADDR_INET {
    to_inet_port(address, 0)
}

/// An address as the interface `zone` has it or reaches it.
pub fn to_inet_in(address: IpAddr, zone: u32) -> SOCKADDR_INET {
    let mut inet = to_inet(address);
    if is_link_local(address) {
        inet.Ipv6.sin6_scope_id = zone;
    }
    inet
}

/// An address and a port in host order.
pub fn to_inet_port(address: IpAddr, port: u16) -> SOCKADDR_INET {
    // SAFETY: all bytes of an address may be zero.
    let mut inet: SOCKADDR_INET = unsafe { std::mem::zeroed() };
    match address {
        IpAddr::V4(v4) => {
            inet.Ipv4 = SOCKADDR_IN {
                sin_family: INET,
                sin_port: port.to_be(),
                sin_addr: v4.octets(),
                sin_zero: [0; 8],
            };
        }
        IpAddr::V6(v6) => {
            inet.Ipv6 = SOCKADDR_IN6 {
                sin6_family: INET6,
                sin6_port: port.to_be(),
                sin6_flowinfo: 0,
                sin6_addr: v6.octets(),
                sin6_scope_id: 0,
            };
        }
    }
    inet
}

/// The unspecified address of the same family.
pub const fn unspecified_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
