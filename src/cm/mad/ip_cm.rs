//! The RDMA IP CM service: ports as service ids, addresses in the private data of a REQ (IBTA annex A11).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of REQ private data that are left to the consumer after the IP header.
pub const IP_CM_CONSUMER_DATA: usize = 56;

/// Service id prefix of the TCP port space; the port is in the low 16 bits.
const TCP_SPACE: u64 = 0x0106_0000;

/// The name of what a REQ wants to talk to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u64);

impl ServiceId {
    /// The service of `port` in the TCP port space.
    pub const fn tcp(port: u16) -> Self {
        Self(TCP_SPACE | port as u64)
    }

    /// The port, if this is a service of the TCP port space.
    pub const fn tcp_port(self) -> Option<u16> {
        if self.0 & !0xffff == TCP_SPACE {
            Some(self.0 as u16)
        } else {
            None
        }
    }
}

/// Why the private data of a REQ has no usable IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpCmError {
    /// The header's version is not 0.0.
    Version(u8),
    /// Neither IPv4 nor IPv6.
    Family(u8),
    /// An IPv4 address has other than zeros before it.
    Ipv4Prefix,
}

/// The first 36 bytes of the private data of a REQ in an IP based port space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpCmHeader {
    /// Port of the requesting side; the other port is in the service id.
    pub source_port: u16,
    /// Address of the requesting side.
    pub source: IpAddr,
    /// Address that is asked; of the same family as `source`.
    pub destination: IpAddr,
}

impl IpCmHeader {
    /// Reads the header from the private data of a REQ.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(private_data: &[u8; 92]) -> Result<Self, IpCmError> {
        let [version, family, port_high, port_low, rest @ ..] = private_data;
        if *version != 0 {
            return Err(IpCmError::Version(*version));
        }
        let address: fn([u8; 16]) -> Result<IpAddr, IpCmError> = match family >> 4 {
            4 => ipv4,
            6 => |bytes| Ok(IpAddr::V6(Ipv6Addr::from(bytes))),
            other => return Err(IpCmError::Family(other)),
        };
        let mut source = [0; 16];
        let mut destination = [0; 16];
        source.copy_from_slice(&rest[..16]);
        destination.copy_from_slice(&rest[16..32]);
        Ok(Self {
            source_port: u16::from_be_bytes([*port_high, *port_low]),
            source: address(source)?,
            destination: address(destination)?,
        })
    }

    /// The private data of a REQ with this header and `consumer`, which is cut after [`IP_CM_CONSUMER_DATA`] bytes.
    pub fn encode(&self, consumer: &[u8]) -> [u8; 92] {
        let mut out = [0; 92];
        out[1] = if self.destination.is_ipv4() { 0x40 } else { 0x60 };
        out[2..4].copy_from_slice(&self.source_port.to_be_bytes());
        out[4..20].copy_from_slice(&octets(self.source));
        out[20..36].copy_from_slice(&octets(self.destination));
        for (to, from) in out[36..].iter_mut().zip(consumer) {
            *to = *from;
        }
        out
    }
}

fn ipv4(bytes: [u8; 16]) -> Result<IpAddr, IpCmError> {
    match bytes {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Ok(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        _ => Err(IpCmError::Ipv4Prefix),
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}
