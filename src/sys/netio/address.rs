//! Socket addresses, unicast addresses, routes and neighbours.

use wdk_sys::LARGE_INTEGER;

use super::{
    NL_DAD_STATE, NL_NEIGHBOR_STATE, NL_PREFIX_ORIGIN, NL_ROUTE_ORIGIN, NL_ROUTE_PROTOCOL, NL_SUFFIX_ORIGIN,
};
use crate::sys::abi;

/// `SOCKADDR`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SOCKADDR {
    /// At 0x0.
    pub sa_family: u16,
    /// At 0x2.
    pub sa_data: [i8; 14],
}
abi!(SOCKADDR, 16, { sa_family: 0, sa_data: 2 });

/// `SOCKADDR_IN`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SOCKADDR_IN {
    /// At 0x0.
    pub sin_family: u16,
    /// At 0x2.
    pub sin_port: u16,
    /// At 0x4.
    pub sin_addr: [u8; 4],
    /// At 0x8.
    pub sin_zero: [i8; 8],
}
abi!(SOCKADDR_IN, 16, { sin_family: 0, sin_port: 2, sin_addr: 4, sin_zero: 8 });

/// `SOCKADDR_IN6`, 28 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SOCKADDR_IN6 {
    /// At 0x0.
    pub sin6_family: u16,
    /// At 0x2.
    pub sin6_port: u16,
    /// At 0x4.
    pub sin6_flowinfo: u32,
    /// At 0x8.
    pub sin6_addr: [u8; 16],
    /// At 0x18.
    pub sin6_scope_id: u32,
}
abi!(SOCKADDR_IN6, 28, { sin6_family: 0, sin6_port: 2, sin6_flowinfo: 4, sin6_addr: 8, sin6_scope_id: 24 });

/// `SOCKADDR_INET`, 28 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub union SOCKADDR_INET {
    /// At 0x0.
    pub Ipv4: SOCKADDR_IN,
    /// At 0x0.
    pub Ipv6: SOCKADDR_IN6,
    /// At 0x0.
    pub si_family: u16,
}
abi!(SOCKADDR_INET, 28, { Ipv4: 0, Ipv6: 0, si_family: 0 });

/// `IP_ADDRESS_PREFIX`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IP_ADDRESS_PREFIX {
    /// At 0x0.
    pub Prefix: SOCKADDR_INET,
    /// At 0x1c.
    pub PrefixLength: u8,
}
abi!(IP_ADDRESS_PREFIX, 32, { Prefix: 0, PrefixLength: 28 });

/// `MIB_UNICASTIPADDRESS_ROW`, 80 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MIB_UNICASTIPADDRESS_ROW {
    /// At 0x0.
    pub Address: SOCKADDR_INET,
    /// At 0x20.
    pub InterfaceLuid: u64,
    /// At 0x28.
    pub InterfaceIndex: u32,
    /// At 0x2c.
    pub PrefixOrigin: NL_PREFIX_ORIGIN,
    /// At 0x30.
    pub SuffixOrigin: NL_SUFFIX_ORIGIN,
    /// At 0x34.
    pub ValidLifetime: u32,
    /// At 0x38.
    pub PreferredLifetime: u32,
    /// At 0x3c.
    pub OnLinkPrefixLength: u8,
    /// At 0x3d.
    pub SkipAsSource: u8,
    /// At 0x40.
    pub DadState: NL_DAD_STATE,
    /// At 0x44.
    pub ScopeId: u32,
    /// At 0x48.
    pub CreationTimeStamp: LARGE_INTEGER,
}
abi!(MIB_UNICASTIPADDRESS_ROW, 80, { Address: 0, InterfaceLuid: 32, InterfaceIndex: 40, PrefixOrigin: 44, SuffixOrigin: 48, ValidLifetime: 52, PreferredLifetime: 56, OnLinkPrefixLength: 60, SkipAsSource: 61, DadState: 64, ScopeId: 68, CreationTimeStamp: 72 });

/// `MIB_UNICASTIPADDRESS_TABLE`, 88 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MIB_UNICASTIPADDRESS_TABLE {
    /// At 0x0.
    pub NumEntries: u32,
    /// At 0x8.
    pub Table: [MIB_UNICASTIPADDRESS_ROW; 1],
}
abi!(MIB_UNICASTIPADDRESS_TABLE, 88, { NumEntries: 0, Table: 8 });

/// `MIB_IPFORWARD_ROW2`, 104 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MIB_IPFORWARD_ROW2 {
    /// At 0x0.
    pub InterfaceLuid: u64,
    /// At 0x8.
    pub InterfaceIndex: u32,
    /// At 0xc.
    pub DestinationPrefix: IP_ADDRESS_PREFIX,
    /// At 0x2c.
    pub NextHop: SOCKADDR_INET,
    /// At 0x48.
    pub SitePrefixLength: u8,
    /// At 0x4c.
    pub ValidLifetime: u32,
    /// At 0x50.
    pub PreferredLifetime: u32,
    /// At 0x54.
    pub Metric: u32,
    /// At 0x58.
    pub Protocol: NL_ROUTE_PROTOCOL,
    /// At 0x5c.
    pub Loopback: u8,
    /// At 0x5d.
    pub AutoconfigureAddress: u8,
    /// At 0x5e.
    pub Publish: u8,
    /// At 0x5f.
    pub Immortal: u8,
    /// At 0x60.
    pub Age: u32,
    /// At 0x64.
    pub Origin: NL_ROUTE_ORIGIN,
}
abi!(MIB_IPFORWARD_ROW2, 104, { InterfaceLuid: 0, InterfaceIndex: 8, DestinationPrefix: 12, NextHop: 44, SitePrefixLength: 72, ValidLifetime: 76, PreferredLifetime: 80, Metric: 84, Protocol: 88, Loopback: 92, AutoconfigureAddress: 93, Publish: 94, Immortal: 95, Age: 96, Origin: 100 });

/// `ReachabilityTime` of [`MIB_IPNET_ROW2`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union MIB_IPNET_ROW2_ReachabilityTime {
    /// See the header.
    pub LastReachable: u32,
    /// See the header.
    pub LastUnreachable: u32,
}

/// `MIB_IPNET_ROW2`, 88 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MIB_IPNET_ROW2 {
    /// At 0x0.
    pub Address: SOCKADDR_INET,
    /// At 0x1c.
    pub InterfaceIndex: u32,
    /// At 0x20.
    pub InterfaceLuid: u64,
    /// At 0x28.
    pub PhysicalAddress: [u8; 32],
    /// At 0x48.
    pub PhysicalAddressLength: u32,
    /// At 0x4c.
    pub State: NL_NEIGHBOR_STATE,
    /// At 0x50.
    pub Flags: u8,
    /// At 0x54.
    pub ReachabilityTime: MIB_IPNET_ROW2_ReachabilityTime,
}
abi!(MIB_IPNET_ROW2, 88, { Address: 0, InterfaceIndex: 28, InterfaceLuid: 32, PhysicalAddress: 40, PhysicalAddressLength: 72, State: 76, Flags: 80, ReachabilityTime: 84 });
