//! Network Direct capabilities, statistics and lists reported to NDIS.

use super::{NDIS_OBJECT_HEADER, NDK_RDMA_TECHNOLOGY, SOCKADDR_INET};
use crate::sys::abi;

/// `NDK_VERSION`, 4 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_VERSION {
    /// At 0x0.
    pub Major: u16,
    /// At 0x2.
    pub Minor: u16,
}
abi!(NDK_VERSION, 4, { Major: 0, Minor: 2 });

/// `NDK_ADAPTER_INFO`, 104 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER_INFO {
    /// At 0x0.
    pub Version: NDK_VERSION,
    /// At 0x4.
    pub VendorId: u32,
    /// At 0x8.
    pub DeviceId: u32,
    /// At 0x10.
    pub MaxRegistrationSize: usize,
    /// At 0x18.
    pub MaxWindowSize: usize,
    /// At 0x20.
    pub FRMRPageCount: u32,
    /// At 0x24.
    pub MaxInitiatorRequestSge: u32,
    /// At 0x28.
    pub MaxReceiveRequestSge: u32,
    /// At 0x2c.
    pub MaxReadRequestSge: u32,
    /// At 0x30.
    pub MaxTransferLength: u32,
    /// At 0x34.
    pub MaxInlineDataSize: u32,
    /// At 0x38.
    pub MaxInboundReadLimit: u32,
    /// At 0x3c.
    pub MaxOutboundReadLimit: u32,
    /// At 0x40.
    pub MaxReceiveQueueDepth: u32,
    /// At 0x44.
    pub MaxInitiatorQueueDepth: u32,
    /// At 0x48.
    pub MaxSrqDepth: u32,
    /// At 0x4c.
    pub MaxCqDepth: u32,
    /// At 0x50.
    pub LargeRequestThreshold: u32,
    /// At 0x54.
    pub MaxCallerData: u32,
    /// At 0x58.
    pub MaxCalleeData: u32,
    /// At 0x5c.
    pub AdapterFlags: u32,
    /// At 0x60.
    pub RdmaTechnology: NDK_RDMA_TECHNOLOGY,
}
abi!(NDK_ADAPTER_INFO, 104, { Version: 0, VendorId: 4, DeviceId: 8, MaxRegistrationSize: 16, MaxWindowSize: 24, FRMRPageCount: 32, MaxInitiatorRequestSge: 36, MaxReceiveRequestSge: 40, MaxReadRequestSge: 44, MaxTransferLength: 48, MaxInlineDataSize: 52, MaxInboundReadLimit: 56, MaxOutboundReadLimit: 60, MaxReceiveQueueDepth: 64, MaxInitiatorQueueDepth: 68, MaxSrqDepth: 72, MaxCqDepth: 76, LargeRequestThreshold: 80, MaxCallerData: 84, MaxCalleeData: 88, AdapterFlags: 92, RdmaTechnology: 96 });

/// `NDIS_NDK_CAPABILITIES`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CAPABILITIES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub MaxQpCount: u32,
    /// At 0xc.
    pub MaxCqCount: u32,
    /// At 0x10.
    pub MaxMrCount: u32,
    /// At 0x14.
    pub MaxPdCount: u32,
    /// At 0x18.
    pub MaxInboundReadLimit: u32,
    /// At 0x1c.
    pub MaxOutboundReadLimit: u32,
    /// At 0x20.
    pub MaxMwCount: u32,
    /// At 0x24.
    pub MaxSrqCount: u32,
    /// At 0x28.
    pub MissingCounterMask: u64,
    /// At 0x30.
    pub NdkInfo: *mut NDK_ADAPTER_INFO,
}
abi!(NDIS_NDK_CAPABILITIES, 56, { Header: 0, Flags: 4, MaxQpCount: 8, MaxCqCount: 12, MaxMrCount: 16, MaxPdCount: 20, MaxInboundReadLimit: 24, MaxOutboundReadLimit: 28, MaxMwCount: 32, MaxSrqCount: 36, MissingCounterMask: 40, NdkInfo: 48 });

/// `NDIS_NDK_PERFORMANCE_COUNTERS`, 240 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct NDIS_NDK_PERFORMANCE_COUNTERS {
    /// At 0x0.
    pub Connect: u64,
    /// At 0x8.
    pub Accept: u64,
    /// At 0x10.
    pub ConnectFailure: u64,
    /// At 0x18.
    pub ConnectionError: u64,
    /// At 0x20.
    pub ActiveConnection: u64,
    /// At 0x28.
    pub Reserved01: u64,
    /// At 0x30.
    pub Reserved02: u64,
    /// At 0x38.
    pub Reserved03: u64,
    /// At 0x40.
    pub Reserved04: u64,
    /// At 0x48.
    pub Reserved05: u64,
    /// At 0x50.
    pub Reserved06: u64,
    /// At 0x58.
    pub Reserved07: u64,
    /// At 0x60.
    pub Reserved08: u64,
    /// At 0x68.
    pub Reserved09: u64,
    /// At 0x70.
    pub Reserved10: u64,
    /// At 0x78.
    pub Reserved11: u64,
    /// At 0x80.
    pub Reserved12: u64,
    /// At 0x88.
    pub Reserved13: u64,
    /// At 0x90.
    pub Reserved14: u64,
    /// At 0x98.
    pub Reserved15: u64,
    /// At 0xa0.
    pub Reserved16: u64,
    /// At 0xa8.
    pub Reserved17: u64,
    /// At 0xb0.
    pub Reserved18: u64,
    /// At 0xb8.
    pub Reserved19: u64,
    /// At 0xc0.
    pub Reserved20: u64,
    /// At 0xc8.
    pub CQError: u64,
    /// At 0xd0.
    pub RDMAInOctets: u64,
    /// At 0xd8.
    pub RDMAOutOctets: u64,
    /// At 0xe0.
    pub RDMAInFrames: u64,
    /// At 0xe8.
    pub RDMAOutFrames: u64,
}
abi!(NDIS_NDK_PERFORMANCE_COUNTERS, 240, { Connect: 0, Accept: 8, ConnectFailure: 16, ConnectionError: 24, ActiveConnection: 32, Reserved01: 40, Reserved02: 48, Reserved03: 56, Reserved04: 64, Reserved05: 72, Reserved06: 80, Reserved07: 88, Reserved08: 96, Reserved09: 104, Reserved10: 112, Reserved11: 120, Reserved12: 128, Reserved13: 136, Reserved14: 144, Reserved15: 152, Reserved16: 160, Reserved17: 168, Reserved18: 176, Reserved19: 184, Reserved20: 192, CQError: 200, RDMAInOctets: 208, RDMAOutOctets: 216, RDMAInFrames: 224, RDMAOutFrames: 232 });

/// `NDIS_NDK_STATISTICS_INFO`, 248 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_STATISTICS_INFO {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub CounterSet: NDIS_NDK_PERFORMANCE_COUNTERS,
}
abi!(NDIS_NDK_STATISTICS_INFO, 248, { Header: 0, Flags: 4, CounterSet: 8 });

/// `NDIS_NDK_CONNECTION_ENTRY`, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CONNECTION_ENTRY {
    /// At 0x0.
    pub Local: SOCKADDR_INET,
    /// At 0x1c.
    pub Remote: SOCKADDR_INET,
    /// At 0x38.
    pub UserModeOwner: u8,
    /// At 0x3c.
    pub OwnerPid: u32,
}
abi!(NDIS_NDK_CONNECTION_ENTRY, 64, { Local: 0, Remote: 28, UserModeOwner: 56, OwnerPid: 60 });

/// `NDIS_NDK_CONNECTIONS`, 80 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_CONNECTIONS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub Count: u32,
    /// At 0xc.
    pub NDConnectionsMappedtoTCPConnections: u8,
    /// At 0x10.
    pub Connections: [NDIS_NDK_CONNECTION_ENTRY; 1],
}
abi!(NDIS_NDK_CONNECTIONS, 80, { Header: 0, Flags: 4, Count: 8, NDConnectionsMappedtoTCPConnections: 12, Connections: 16 });

/// `NDIS_NDK_LOCAL_ENDPOINT_ENTRY`, 36 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_LOCAL_ENDPOINT_ENTRY {
    /// At 0x0.
    pub Local: SOCKADDR_INET,
    /// At 0x1c.
    pub UserModeOwner: u8,
    /// At 0x1d.
    pub Listener: u8,
    /// At 0x20.
    pub OwnerPid: u32,
}
abi!(NDIS_NDK_LOCAL_ENDPOINT_ENTRY, 36, { Local: 0, UserModeOwner: 28, Listener: 29, OwnerPid: 32 });

/// `NDIS_NDK_LOCAL_ENDPOINTS`, 52 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_LOCAL_ENDPOINTS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub Count: u32,
    /// At 0xc.
    pub NDLocalEndpointsMappedtoTCPLocalEndpoints: u8,
    /// At 0x10.
    pub LocalEndpoints: [NDIS_NDK_LOCAL_ENDPOINT_ENTRY; 1],
}
abi!(NDIS_NDK_LOCAL_ENDPOINTS, 52, { Header: 0, Flags: 4, Count: 8, NDLocalEndpointsMappedtoTCPLocalEndpoints: 12, LocalEndpoints: 16 });
