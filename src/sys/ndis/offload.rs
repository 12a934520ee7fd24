//! Task offloads: checksums and large sends.

use super::NDIS_OBJECT_HEADER;
use crate::sys::abi;

/// `NDIS_TCP_IP_CHECKSUM_OFFLOAD`, 32 bytes: an encapsulation and a word of two-bit answers for each version of IP and direction.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_IP_CHECKSUM_OFFLOAD {
    /// At 0x0.
    pub IPv4Transmit: [u32; 2],
    /// At 0x8.
    pub IPv4Receive: [u32; 2],
    /// At 0x10.
    pub IPv6Transmit: [u32; 2],
    /// At 0x18.
    pub IPv6Receive: [u32; 2],
}
abi!(NDIS_TCP_IP_CHECKSUM_OFFLOAD, 32, { IPv4Transmit: 0, IPv4Receive: 8, IPv6Transmit: 16, IPv6Receive: 24 });

/// `NDIS_TCP_LARGE_SEND_OFFLOAD_V2`, 28 bytes: encapsulation, longest message, fewest segments, and for IPv6 a word of two-bit answers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V2 {
    /// At 0x0.
    pub IPv4: [u32; 3],
    /// At 0xc.
    pub IPv6: [u32; 4],
}
abi!(NDIS_TCP_LARGE_SEND_OFFLOAD_V2, 28, { IPv4: 0, IPv6: 12 });

/// `NDIS_OFFLOAD`, 188 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OFFLOAD {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Checksum: NDIS_TCP_IP_CHECKSUM_OFFLOAD,
    /// At 0x24.
    pub LsoV1: [u32; 4],
    /// At 0x34.
    pub IPsecV1: [u32; 7],
    /// At 0x50.
    pub LsoV2: NDIS_TCP_LARGE_SEND_OFFLOAD_V2,
    /// At 0x6c.
    pub Flags: u32,
    /// At 0x70.
    pub IPsecV2: [u32; 8],
    /// At 0x90.
    pub Rsc: [u8; 2],
    /// At 0x94.
    pub EncapsulatedPacketTaskOffloadGre: [u32; 2],
    /// At 0x9c.
    pub EncapsulatedPacketTaskOffloadVxlan: [u32; 5],
    /// At 0xb0.
    pub EncapsulationTypes: u8,
    /// At 0xb4.
    pub Rfc6877Xlat: [u32; 2],
}
abi!(NDIS_OFFLOAD, 188, { Header: 0, Checksum: 4, LsoV1: 36, IPsecV1: 52, LsoV2: 80, Flags: 108, IPsecV2: 112, Rsc: 144, EncapsulatedPacketTaskOffloadGre: 148, EncapsulatedPacketTaskOffloadVxlan: 156, EncapsulationTypes: 176, Rfc6877Xlat: 180 });

/// `NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub DefaultOffloadConfiguration: *mut NDIS_OFFLOAD,
    /// At 0x10.
    pub HardwareOffloadCapabilities: *mut NDIS_OFFLOAD,
    /// At 0x18.
    pub DefaultTcpConnectionOffloadConfiguration: *mut core::ffi::c_void,
    /// At 0x20.
    pub TcpConnectionOffloadHardwareCapabilities: *mut core::ffi::c_void,
}
abi!(NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 40, { Header: 0, DefaultOffloadConfiguration: 8, HardwareOffloadCapabilities: 16, DefaultTcpConnectionOffloadConfiguration: 24, TcpConnectionOffloadHardwareCapabilities: 32 });

/// `NDIS_OFFLOAD_PARAMETERS`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OFFLOAD_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub IPv4Checksum: u8,
    /// At 0x5.
    pub TCPIPv4Checksum: u8,
    /// At 0x6.
    pub UDPIPv4Checksum: u8,
    /// At 0x7.
    pub TCPIPv6Checksum: u8,
    /// At 0x8.
    pub UDPIPv6Checksum: u8,
    /// At 0x9.
    pub LsoV1: u8,
    /// At 0xa.
    pub IPsecV1: u8,
    /// At 0xb.
    pub LsoV2IPv4: u8,
    /// At 0xc.
    pub LsoV2IPv6: u8,
    /// At 0xd.
    pub TcpConnectionIPv4: u8,
    /// At 0xe.
    pub TcpConnectionIPv6: u8,
    /// At 0x10.
    pub Flags: u32,
    /// At 0x14.
    pub IPsecV2: u8,
    /// At 0x15.
    pub IPsecV2IPv4: u8,
    /// At 0x16.
    pub RscIPv4: u8,
    /// At 0x17.
    pub RscIPv6: u8,
    /// At 0x18.
    pub EncapsulatedPacketTaskOffload: u8,
    /// At 0x19.
    pub EncapsulationTypes: u8,
    /// At 0x1c.
    pub EncapsulationProtocolParameters: u32,
}
abi!(NDIS_OFFLOAD_PARAMETERS, 32, { Header: 0, IPv4Checksum: 4, TCPIPv4Checksum: 5, UDPIPv4Checksum: 6, TCPIPv6Checksum: 7, UDPIPv6Checksum: 8, LsoV1: 9, IPsecV1: 10, LsoV2IPv4: 11, LsoV2IPv6: 12, TcpConnectionIPv4: 13, TcpConnectionIPv6: 14, Flags: 16, IPsecV2: 20, IPsecV2IPv4: 21, RscIPv4: 22, RscIPv6: 23, EncapsulatedPacketTaskOffload: 24, EncapsulationTypes: 25, EncapsulationProtocolParameters: 28 });

/// `NDIS_OFFLOAD_ENCAPSULATION`, 28 bytes: for each version of IP whether it is enabled, its encapsulation, and the bytes of its header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OFFLOAD_ENCAPSULATION {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub IPv4: [u32; 3],
    /// At 0x10.
    pub IPv6: [u32; 3],
}
abi!(NDIS_OFFLOAD_ENCAPSULATION, 28, { Header: 0, IPv4: 4, IPv6: 16 });
