//! SOCKADDRs as NDK consumers give and take them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// `AF_INET`.
pub const AF_INET: u16 = 2;
/// `AF_INET6`.
pub const AF_INET6: u16 = 23;
/// Length of a `SOCKADDR_IN`.
pub const SOCKADDR_IN_SIZE: usize = 16;
/// Length of a `SOCKADDR_IN6`.
pub const SOCKADDR_IN6_SIZE: usize = 28;

/// A SOCKADDR of another family, or shorter than its family asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError;

/// Reads a `SOCKADDR_IN` or `SOCKADDR_IN6`; `bytes` may be longer. The scope id of IPv6 is kept.
///
/// # Errors
/// [`AddressError`].
pub fn from_sockaddr(bytes: &[u8]) -> Result<SocketAddr, AddressError> {
    let family = u16::from_le_bytes(field(bytes, 0)?);
    let port = u16::from_be_bytes(field(bytes, 2)?);
    match family {
        AF_INET if bytes.len() >= SOCKADDR_IN_SIZE => Ok(SocketAddr::new(
            IpAddr::V4(Ipv4Addr::from(field::<4>(bytes, 4)?)),
            port,
        )),
        AF_INET6 if bytes.len() >= SOCKADDR_IN6_SIZE => {
            let address = Ipv6Addr::from(field::<16>(bytes, 8)?);
            let flow = u32::from_be_bytes(field(bytes, 4)?);
            let scope = u32::from_le_bytes(field(bytes, 24)?);
            Ok(SocketAddr::V6(SocketAddrV6::new(address, port, flow, scope)))
        }
        _ => Err(AddressError),
    }
}

/// The bytes of a SOCKADDR and how many of them count: [`SOCKADDR_IN_SIZE`] or [`SOCKADDR_IN6_SIZE`] (CONN-46).
pub fn to_sockaddr(address: SocketAddr) -> ([u8; SOCKADDR_IN6_SIZE], usize) {
    let mut out = [0; SOCKADDR_IN6_SIZE];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in out.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    put(2, &address.port().to_be_bytes());
    let length = match address {
        SocketAddr::V4(v4) => {
            put(0, &AF_INET.to_le_bytes());
            put(4, &v4.ip().octets());
            SOCKADDR_IN_SIZE
        }
        SocketAddr::V6(v6) => {
            put(0, &AF_INET6.to_le_bytes());
            put(4, &v6.flowinfo().to_be_bytes());
            put(8, &v6.ip().octets());
            put(24, &v6.scope_id().to_le_bytes());
            SOCKADDR_IN6_SIZE
        }
    };
    (out, length)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], AddressError> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(AddressError)
}
