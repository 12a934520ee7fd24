//! What clients of the call manager write into SAPs and call parameters: format version 1.
//!
//! A `CO_SAP` of type [`SAP_TYPE`] carries a [`SapRecord`]. The `CallMgrSpecific` part of `CO_CALL_MANAGER_PARAMETERS`, of
//! type [`CALL_TYPE`], carries a [`CallRecord`]. All numbers are little-endian but the octets of addresses, which are in
//! network order. Both records are a multiple of 4 bytes long and may lie at any address. Every byte has a meaning: what
//! is reserved, or not used by the family or by the length of the private data, is zero.
//!
//! | record | offset | bytes | field |
//! |---|---|---|---|
//! | both | 0 | 2 | version: 1 |
//! | both | 2 | 2 | size of the record in bytes |
//! | SAP | 4 | 24 | the local address and port that calls are taken on; port 1..=65535 |
//! | SAP | 28 | 4 | reserved |
//! | call | 4 | 24 | the local address and port; port 0 lets the call manager choose |
//! | call | 28 | 24 | the peer's address and port; port 1..=65535 |
//! | call | 52 | 4 | bytes of the longest message, 1..=[`MAX_MESSAGE`] |
//! | call | 56 | 2 | messages that may be on their way to the peer, 1..=[`MAX_DEPTH`] |
//! | call | 58 | 2 | messages that may wait for this client, [`MIN_RECEIVES`]..=[`MAX_DEPTH`] |
//! | call | 60 | 2 | bytes of private data, 0..=[`MAX_PRIVATE_DATA`] |
//! | call | 62 | 2 | reserved |
//! | call | 64 | 40 | private data for the peer's client |
//!
//! An address is its family (`AF_INET` 2 or `AF_INET6` 23, 2 bytes), the port (2 bytes), the scope id (4 bytes, 0 for IPv4)
//! and 16 octets, of which IPv4 uses the first four. It names one host: not all zero, not a group.
//!
//! Of the two `FLOWSPEC`s, `MaxSduSize` bounds the messages of its direction: 1..=the longest message, or
//! `QOS_NOT_SPECIFIED`, which is the longest message. The service is `SERVICETYPE_BESTEFFORT`: rates, latencies and bucket
//! sizes are `QOS_NOT_SPECIFIED` unless the media parameters allow rounding (`ROUND_UP_FLOW` or `ROUND_DOWN_FLOW`), which
//! makes them so.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    cm::address::{AF_INET, AF_INET6},
    nt::{Captured, Status},
    sys::condis::{
        CO_CALL_MANAGER_PARAMETERS, CO_SAP, CO_SPECIFIC_PARAMETERS, FLOWSPEC, QOS_NOT_SPECIFIED,
        SERVICETYPE_BESTEFFORT,
    },
    sys::ndis::NDIS_STATUS_INVALID_ADDRESS,
};

/// The version that this page describes.
pub const VERSION: u16 = 1;
/// `CO_SAP.SapType`: "CxSp".
pub const SAP_TYPE: u32 = u32::from_le_bytes(*b"CxSp");
/// `CO_SPECIFIC_PARAMETERS.ParamType`: "CxCp".
pub const CALL_TYPE: u32 = u32::from_le_bytes(*b"CxCp");
/// The address family that the call manager registers: InfiniBand's, whose transport and connection management it speaks.
pub const ADDRESS_FAMILY: u32 = crate::sys::condis::CO_ADDRESS_FAMILY_INFINIBAND;
/// Major version of the address family.
pub const FAMILY_MAJOR: u32 = 1;
/// Minor version of the address family.
pub const FAMILY_MINOR: u32 = 0;
/// Bytes of the longest message that a call may have.
pub const MAX_MESSAGE: u32 = 64 * 1024;
/// The most messages on their way, and the most receive buffers, of a call.
pub const MAX_DEPTH: u16 = 1024;
/// The fewest receive buffers of a call: one for data and one for the call manager's own messages.
pub const MIN_RECEIVES: u16 = 2;
/// The most memory that the receive buffers of a call may take, in bytes.
pub const MAX_RECEIVE_MEMORY: u64 = 16 * 1024 * 1024;
/// Bytes of private data that a call's request has room for.
pub const MAX_PRIVATE_DATA: usize = 40;
/// The most close data that one side may send to the other, in bytes.
pub const MAX_CLOSE_DATA: usize = 128;

/// An address and port.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct AddressRecord {
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// The port.
    pub port: u16,
    /// IPv6: the zone of a link-local address. IPv4: 0.
    pub scope: u32,
    /// Octets in network order; IPv4 uses the first four.
    pub octets: [u8; 16],
}

/// What `CO_SAP.Sap` holds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct SapRecord {
    /// [`VERSION`].
    pub version: u16,
    /// Size of this record.
    pub size: u16,
    /// Where calls are taken.
    pub local: AddressRecord,
    /// 0.
    pub reserved: u32,
}

impl SapRecord {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// What `CallMgrSpecific.Parameters` holds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct CallRecord {
    /// [`VERSION`].
    pub version: u16,
    /// Size of this record.
    pub size: u16,
    /// This side.
    pub local: AddressRecord,
    /// The other side.
    pub remote: AddressRecord,
    /// Bytes of the longest message.
    pub message_size: u32,
    /// Messages on their way.
    pub send_depth: u16,
    /// Receive buffers.
    pub receive_depth: u16,
    /// Bytes of private data.
    pub private_length: u16,
    /// 0.
    pub reserved: u16,
    /// For the peer's client; zero after `private_length`.
    pub private_data: [u8; MAX_PRIVATE_DATA],
}

const _: () = {
    assert!(size_of::<AddressRecord>() == 24 && align_of::<AddressRecord>() == 4);
    assert!(core::mem::offset_of!(AddressRecord, octets) == 8);
    assert!(size_of::<SapRecord>() == 32 && core::mem::offset_of!(SapRecord, local) == 4);
    assert!(core::mem::offset_of!(SapRecord, reserved) == 28);
    assert!(size_of::<CallRecord>() == 104 && core::mem::offset_of!(CallRecord, remote) == 28);
    assert!(core::mem::offset_of!(CallRecord, message_size) == 52);
    assert!(core::mem::offset_of!(CallRecord, private_data) == 64);
    assert!(core::mem::offset_of!(CO_SAP, Sap) == core::mem::offset_of!(SapBuffer, record));
    assert!(
        core::mem::offset_of!(CO_CALL_MANAGER_PARAMETERS, CallMgrSpecific)
            + core::mem::offset_of!(CO_SPECIFIC_PARAMETERS, Parameters)
            == core::mem::offset_of!(ManagerBuffer, record)
    );
};

impl CallRecord {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// A `CO_SAP` with its record, as a client hands it over.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct SapBuffer {
    /// `CO_SAP.SapType`.
    pub sap_type: u32,
    /// `CO_SAP.SapLength`: bytes of the record.
    pub length: u32,
    /// `CO_SAP.Sap`.
    pub record: SapRecord,
}

/// A `CO_CALL_MANAGER_PARAMETERS` with its record, as clients and the call manager hand it over.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagerBuffer {
    /// `Transmit`.
    pub transmit: FLOWSPEC,
    /// `Receive`.
    pub receive: FLOWSPEC,
    /// `CallMgrSpecific.ParamType`.
    pub param_type: u32,
    /// `CallMgrSpecific.Length`: bytes of the record.
    pub length: u32,
    /// `CallMgrSpecific.Parameters`.
    pub record: CallRecord,
}

/// What is wrong with a SAP or with call parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// No call manager parameters.
    Missing,
    /// A SAP or parameters of another type.
    Type(u32),
    /// Shorter or longer than the record.
    Length(u32),
    /// A version that is not known.
    Version(u16),
    /// The record's own size is wrong.
    Size(u16),
    /// Neither IPv4 nor IPv6, or two families in one call.
    Family(u16),
    /// No host: unspecified, a group, or octets beyond those of the family.
    Address,
    /// A scope id of IPv4.
    Scope,
    /// Port 0 where one is needed.
    Port,
    /// Reserved bytes, or private data beyond its length, are not zero.
    Reserved,
    /// The longest message is 0 or longer than [`MAX_MESSAGE`].
    MessageSize(u32),
    /// A queue depth is out of range, or the buffers take more than [`MAX_RECEIVE_MEMORY`].
    Depth(u16),
    /// More private data than there is room for.
    PrivateData(u16),
    /// A flow specification that cannot be kept.
    Flow,
}

impl FormatError {
    /// What `CmRegisterSap` returns (SAP-02).
    pub const fn in_sap(self) -> Status {
        Status::NDIS_INVALID_DATA
    }

    /// What `CmMakeCall` and `CmAddParty` return (MAKE-03, PARTY-02).
    pub const fn in_call(self) -> Status {
        match self {
            Self::Address | Self::Scope | Self::Port => Status(NDIS_STATUS_INVALID_ADDRESS),
            _ => Status::NOT_SUPPORTED,
        }
    }

    /// What `CmModifyCallQoS` returns (QOS-02).
    pub const fn in_change(self) -> Status {
        Status::NDIS_INVALID_DATA
    }
}

/// A SAP as the call manager understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sap {
    /// Where calls are taken.
    pub local: SocketAddr,
}

/// The longest messages of both directions, in bytes: what quality of service comes down to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// From this side.
    pub transmit: u32,
    /// To this side.
    pub receive: u32,
}

impl Flow {
    /// As the other side sees it.
    pub const fn mirrored(self) -> Self {
        Self {
            transmit: self.receive,
            receive: self.transmit,
        }
    }
}

/// Call parameters as the call manager understands them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// This side.
    pub local: SocketAddr,
    /// The other side.
    pub remote: SocketAddr,
    /// Bytes of the longest message.
    pub message_size: u32,
    /// Messages on their way.
    pub send_depth: u16,
    /// Receive buffers.
    pub receive_depth: u16,
    /// The longest messages now.
    pub flow: Flow,
    /// For the peer's client, or from it.
    pub private_data: PrivateData,
}

/// Private data of a call's request.
pub type PrivateData = Captured<MAX_PRIVATE_DATA>;

/// What a client says at the end of a call, or when it drops a party (CLOSE-05).
pub type CloseData = Captured<MAX_CLOSE_DATA>;

impl PrivateData {
    /// A copy of `data`.
    ///
    /// # Errors
    /// [`FormatError::PrivateData`] for more than [`MAX_PRIVATE_DATA`] bytes.
    pub fn new(data: &[u8]) -> Result<Self, FormatError> {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        Self::capture(data).ok_or(FormatError::PrivateData(length))
    }
}

impl Sap {
    /// Reads the record of a `CO_SAP` of `sap_type`.
    ///
    /// # Errors
    /// [`FormatError`]: the first field that is wrong, in the order of the record.
    pub fn parse(sap_type: u32, record: &[u8]) -> Result<Self, FormatError> {
        if sap_type != SAP_TYPE {
            return Err(FormatError::Type(sap_type));
        }
        let record: SapRecord = whole(record)?;
        check_head(record.version, record.size, size_of::<SapRecord>())?;
        let local = record.local.parse()?;
        if local.port() == 0 {
            return Err(FormatError::Port);
        }
        if record.reserved != 0 {
            return Err(FormatError::Reserved);
        }
        Ok(Self { local })
    }

    /// The `CO_SAP`.
    pub fn encode(&self) -> SapBuffer {
        SapBuffer {
            sap_type: SAP_TYPE,
            length: size_of::<SapRecord>() as u32,
            record: SapRecord {
                version: VERSION,
                size: size_of::<SapRecord>() as u16,
                local: AddressRecord::new(self.local),
                reserved: 0,
            },
        }
    }
}

impl Call {
    /// Reads the flow specifications and the record of `CallMgrSpecific`. `round`: the media parameters allow to round.
    ///
    /// The second result says whether anything was rounded (CALL_PARAMETERS_CHANGED, VC-29).
    ///
    /// # Errors
    /// [`FormatError`]: the first field that is wrong, in the order of the record; flows last.
    pub fn parse(
        param_type: u32,
        record: &[u8],
        flows: (&FLOWSPEC, &FLOWSPEC),
        round: bool,
    ) -> Result<(Self, bool), FormatError> {
        if param_type != CALL_TYPE {
            return Err(FormatError::Type(param_type));
        }
        let record: CallRecord = whole(record)?;
        check_head(record.version, record.size, size_of::<CallRecord>())?;
        let (local, remote) = (record.local.parse()?, record.remote.parse()?);
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(FormatError::Family(record.remote.family));
        }
        if remote.port() == 0 {
            return Err(FormatError::Port);
        }
        record.check_sizes()?;
        let private_data = record.private()?;
        let size = record.message_size;
        let (transmit, changed) = longest(flows.0, size, round)?;
        let (receive, changed_too) = longest(flows.1, size, round)?;
        let call = Self {
            local,
            remote,
            message_size: size,
            send_depth: record.send_depth,
            receive_depth: record.receive_depth,
            flow: Flow { transmit, receive },
            private_data,
        };
        Ok((call, changed || changed_too))
    }

    /// The `CO_CALL_MANAGER_PARAMETERS`.
    pub fn encode(&self) -> ManagerBuffer {
        ManagerBuffer {
            transmit: flow_spec(self.flow.transmit),
            receive: flow_spec(self.flow.receive),
            param_type: CALL_TYPE,
            length: size_of::<CallRecord>() as u32,
            record: CallRecord {
                version: VERSION,
                size: size_of::<CallRecord>() as u16,
                local: AddressRecord::new(self.local),
                remote: AddressRecord::new(self.remote),
                message_size: self.message_size,
                send_depth: self.send_depth,
                receive_depth: self.receive_depth,
                private_length: self.private_data.len() as u16,
                reserved: 0,
                private_data: self.private_data.padded(),
            },
        }
    }
}

impl CallRecord {
    fn check_sizes(&self) -> Result<(), FormatError> {
        if self.message_size == 0 || self.message_size > MAX_MESSAGE {
            return Err(FormatError::MessageSize(self.message_size));
        }
        if self.send_depth == 0 || self.send_depth > MAX_DEPTH {
            return Err(FormatError::Depth(self.send_depth));
        }
        let memory = u64::from(self.receive_depth) * u64::from(self.message_size);
        if self.receive_depth < MIN_RECEIVES || self.receive_depth > MAX_DEPTH || memory > MAX_RECEIVE_MEMORY
        {
            return Err(FormatError::Depth(self.receive_depth));
        }
        Ok(())
    }

    fn private(&self) -> Result<PrivateData, FormatError> {
        let data = self
            .private_data
            .split_at_checked(usize::from(self.private_length))
            .ok_or(FormatError::PrivateData(self.private_length))?;
        if self.reserved != 0 || data.1.iter().any(|byte| *byte != 0) {
            return Err(FormatError::Reserved);
        }
        PrivateData::new(data.0)
    }
}

impl AddressRecord {
    /// The record of an address; flow information of IPv6 is not kept.
    pub fn new(address: SocketAddr) -> Self {
        let mut octets = [0; 16];
        let (family, scope) = match address {
            SocketAddr::V4(v4) => {
                for (to, from) in octets.iter_mut().zip(v4.ip().octets()) {
                    *to = from;
                }
                (AF_INET, 0)
            }
            SocketAddr::V6(v6) => {
                octets = v6.ip().octets();
                (AF_INET6, v6.scope_id())
            }
        };
        Self {
            family,
            port: address.port(),
            scope,
            octets,
        }
    }

    fn parse(&self) -> Result<SocketAddr, FormatError> {
        let address = match self.family {
            AF_INET => {
                let [a, b, c, d, rest @ ..] = self.octets;
                if self.scope != 0 {
                    return Err(FormatError::Scope);
                }
                if rest != [0; 12] {
                    return Err(FormatError::Address);
                }
                SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), self.port)
            }
            AF_INET6 => SocketAddrV6::new(Ipv6Addr::from(self.octets), self.port, 0, self.scope).into(),
            other => return Err(FormatError::Family(other)),
        };
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            return Err(FormatError::Address);
        }
        Ok(address)
    }
}

/// A record of exactly the right length, wherever it lies.
fn whole<T: FromBytes>(bytes: &[u8]) -> Result<T, FormatError> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    T::read_from_bytes(bytes).map_err(|_| FormatError::Length(length))
}

fn check_head(version: u16, size: u16, expected: usize) -> Result<(), FormatError> {
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    if usize::from(size) != expected {
        return Err(FormatError::Size(size));
    }
    Ok(())
}

/// The longest message that `flow` allows, and whether the rest of it was rounded to nothing.
fn longest(flow: &FLOWSPEC, message_size: u32, round: bool) -> Result<(u32, bool), FormatError> {
    let promises = [
        flow.TokenRate,
        flow.TokenBucketSize,
        flow.PeakBandwidth,
        flow.Latency,
        flow.DelayVariation,
        flow.MinimumPolicedSize,
    ];
    let plain = flow.ServiceType == SERVICETYPE_BESTEFFORT
        && promises.iter().all(|promise| *promise == QOS_NOT_SPECIFIED);
    if !plain && !round {
        return Err(FormatError::Flow);
    }
    match flow.MaxSduSize {
        QOS_NOT_SPECIFIED => Ok((message_size, !plain)),
        0 => Err(FormatError::Flow),
        longer if longer > message_size && !round => Err(FormatError::Flow),
        longer if longer > message_size => Ok((message_size, true)),
        size => Ok((size, !plain)),
    }
}

/// The flow specification of one direction.
pub const fn flow_spec(longest: u32) -> FLOWSPEC {
    FLOWSPEC {
        TokenRate: QOS_NOT_SPECIFIED,
        TokenBucketSize: QOS_NOT_SPECIFIED,
        PeakBandwidth: QOS_NOT_SPECIFIED,
        Latency: QOS_NOT_SPECIFIED,
        DelayVariation: QOS_NOT_SPECIFIED,
        ServiceType: SERVICETYPE_BESTEFFORT,
        MaxSduSize: longest,
        MinimumPolicedSize: QOS_NOT_SPECIFIED,
    }
}
