//! Socket addresses as the interface takes them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use cxndk::sys::ndkpi::SOCKADDR;

/// A `SOCKADDR_IN` or `SOCKADDR_IN6` in a buffer of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct SockAddr {
    bytes: [u8; 28],
    length: u32,
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 23;

impl SockAddr {
    /// Room for an answer.
    pub const fn empty() -> Self {
        Self {
            bytes: [0; 28],
            length: 28,
        }
    }

    /// Length in bytes: 16 or 28.
    pub const fn len(&self) -> u32 {
        self.length
    }

    /// Whether it is room only.
    pub const fn is_empty(&self) -> bool {
        self.bytes[0] == 0
    }

    /// For a parameter that the provider reads.
    pub const fn as_ptr(&self) -> *mut SOCKADDR {
        self.bytes.as_ptr().cast_mut().cast()
    }

    /// For a parameter that the provider writes, with its length.
    pub const fn as_mut_parts(&mut self) -> (*mut SOCKADDR, &mut u32) {
        (self.bytes.as_mut_ptr().cast(), &mut self.length)
    }

    /// The address; `None` for another family.
    pub fn to_socket_addr(self) -> Option<SocketAddr> {
        let b = &self.bytes;
        let port = u16::from_be_bytes([b[2], b[3]]);
        match u16::from_le_bytes([b[0], b[1]]) {
            AF_INET => Some(SocketAddr::new(
                IpAddr::from(<[u8; 4]>::try_from(&b[4..8]).ok()?),
                port,
            )),
            AF_INET6 => {
                let ip = Ipv6Addr::from(<[u8; 16]>::try_from(&b[8..24]).ok()?);
                let flow = u32::from_be_bytes(b[4..8].try_into().ok()?);
                let scope = u32::from_le_bytes(b[24..].try_into().ok()?);
                Some(SocketAddrV6::new(ip, port, flow, scope).into())
            }
            _ => None,
        }
    }
}

impl From<SocketAddr> for SockAddr {
    fn from(address: SocketAddr) -> Self {
        let mut bytes = [0; 28];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let (family, length) = match address {
            SocketAddr::V4(v4) => {
                bytes[4..8].copy_from_slice(&v4.ip().octets());
                (AF_INET, 16)
            }
            SocketAddr::V6(v6) => {
                bytes[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
                bytes[8..24].copy_from_slice(&v6.ip().octets());
                bytes[24..].copy_from_slice(&v6.scope_id().to_le_bytes());
                (AF_INET6, 28)
            }
        };
        bytes[..2].copy_from_slice(&family.to_le_bytes());
        Self { bytes, length }
    }
}
