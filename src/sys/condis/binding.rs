//! Parameters of a protocol driver's bind, open, pause and restart, and of packet pools.

use core::ffi::c_void;

use wdk_sys::{_DEVICE_OBJECT as DEVICE_OBJECT, UNICODE_STRING};

use crate::sys::abi;
use crate::sys::ndis::{
    NDIS_MEDIA_CONNECT_STATE, NDIS_MEDIA_DUPLEX_STATE, NDIS_MEDIUM, NDIS_NDK_CAPABILITIES,
    NDIS_OBJECT_HEADER, NDIS_PHYSICAL_MEDIUM, NDIS_PM_CAPABILITIES, NDIS_PNP_CAPABILITIES,
    NDIS_RECEIVE_SCALE_CAPABILITIES, NDIS_RESTART_ATTRIBUTES, NET_IF_ACCESS_TYPE, NET_IF_CONNECTION_TYPE,
    NET_IF_DIRECTION_TYPE,
};

/// `NDIS_BIND_PARAMETERS`, 312 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_BIND_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub ProtocolSection: *mut UNICODE_STRING,
    /// At 0x10.
    pub AdapterName: *mut UNICODE_STRING,
    /// At 0x18.
    pub PhysicalDeviceObject: *mut DEVICE_OBJECT,
    /// At 0x20.
    pub MediaType: NDIS_MEDIUM,
    /// At 0x24.
    pub MtuSize: u32,
    /// At 0x28.
    pub MaxXmitLinkSpeed: u64,
    /// At 0x30.
    pub XmitLinkSpeed: u64,
    /// At 0x38.
    pub MaxRcvLinkSpeed: u64,
    /// At 0x40.
    pub RcvLinkSpeed: u64,
    /// At 0x48.
    pub MediaConnectState: NDIS_MEDIA_CONNECT_STATE,
    /// At 0x4c.
    pub MediaDuplexState: NDIS_MEDIA_DUPLEX_STATE,
    /// At 0x50.
    pub LookaheadSize: u32,
    /// At 0x58.
    pub PowerManagementCapabilities: *mut NDIS_PNP_CAPABILITIES,
    /// At 0x60.
    pub SupportedPacketFilters: u32,
    /// At 0x64.
    pub MaxMulticastListSize: u32,
    /// At 0x68.
    pub MacAddressLength: u16,
    /// At 0x6a.
    pub CurrentMacAddress: [u8; 32],
    /// At 0x8c.
    pub PhysicalMediumType: NDIS_PHYSICAL_MEDIUM,
    /// At 0x90.
    pub RcvScaleCapabilities: *mut NDIS_RECEIVE_SCALE_CAPABILITIES,
    /// At 0x98.
    pub BoundIfNetluid: u64,
    /// At 0xa0.
    pub BoundIfIndex: u32,
    /// At 0xa8.
    pub LowestIfNetluid: u64,
    /// At 0xb0.
    pub LowestIfIndex: u32,
    /// At 0xb4.
    pub AccessType: NET_IF_ACCESS_TYPE,
    /// At 0xb8.
    pub DirectionType: NET_IF_DIRECTION_TYPE,
    /// At 0xbc.
    pub ConnectionType: NET_IF_CONNECTION_TYPE,
    /// At 0xc0.
    pub IfType: u16,
    /// At 0xc2.
    pub IfConnectorPresent: u8,
    /// At 0xc8.
    pub ActivePorts: *mut c_void,
    /// At 0xd0.
    pub DataBackFillSize: u32,
    /// At 0xd4.
    pub ContextBackFillSize: u32,
    /// At 0xd8.
    pub MacOptions: u32,
    /// At 0xdc.
    pub CompartmentId: u32,
    /// At 0xe0.
    pub DefaultOffloadConfiguration: *mut c_void,
    /// At 0xe8.
    pub TcpConnectionOffloadCapabilities: *mut c_void,
    /// At 0xf0.
    pub BoundAdapterName: *mut UNICODE_STRING,
    /// At 0xf8.
    pub HDSplitCurrentConfig: *mut c_void,
    /// At 0x100.
    pub ReceiveFilterCapabilities: *mut c_void,
    /// At 0x108.
    pub PowerManagementCapabilitiesEx: *mut NDIS_PM_CAPABILITIES,
    /// At 0x110.
    pub NicSwitchCapabilities: *mut c_void,
    /// At 0x118.
    pub NDKEnabled: u8,
    /// At 0x120.
    pub NDKCapabilities: *mut NDIS_NDK_CAPABILITIES,
    /// At 0x128.
    pub SriovCapabilities: *mut c_void,
    /// At 0x130.
    pub NicSwitchArray: *mut c_void,
}
abi!(NDIS_BIND_PARAMETERS, 312, { Header: 0, ProtocolSection: 8, AdapterName: 16, PhysicalDeviceObject: 24, MediaType: 32, MtuSize: 36, MaxXmitLinkSpeed: 40, XmitLinkSpeed: 48, MaxRcvLinkSpeed: 56, RcvLinkSpeed: 64, MediaConnectState: 72, MediaDuplexState: 76, LookaheadSize: 80, PowerManagementCapabilities: 88, SupportedPacketFilters: 96, MaxMulticastListSize: 100, MacAddressLength: 104, CurrentMacAddress: 106, PhysicalMediumType: 140, RcvScaleCapabilities: 144, BoundIfNetluid: 152, BoundIfIndex: 160, LowestIfNetluid: 168, LowestIfIndex: 176, AccessType: 180, DirectionType: 184, ConnectionType: 188, IfType: 192, IfConnectorPresent: 194, ActivePorts: 200, DataBackFillSize: 208, ContextBackFillSize: 212, MacOptions: 216, CompartmentId: 220, DefaultOffloadConfiguration: 224, TcpConnectionOffloadCapabilities: 232, BoundAdapterName: 240, HDSplitCurrentConfig: 248, ReceiveFilterCapabilities: 256, PowerManagementCapabilitiesEx: 264, NicSwitchCapabilities: 272, NDKEnabled: 280, NDKCapabilities: 288, SriovCapabilities: 296, NicSwitchArray: 304 });

/// `NDIS_OPEN_PARAMETERS`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OPEN_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub AdapterName: *mut UNICODE_STRING,
    /// At 0x10.
    pub MediumArray: *mut NDIS_MEDIUM,
    /// At 0x18.
    pub MediumArraySize: u32,
    /// At 0x20.
    pub SelectedMediumIndex: *mut u32,
    /// At 0x28.
    pub FrameTypeArray: *mut u16,
    /// At 0x30.
    pub FrameTypeArraySize: u32,
}
abi!(NDIS_OPEN_PARAMETERS, 56, { Header: 0, AdapterName: 8, MediumArray: 16, MediumArraySize: 24, SelectedMediumIndex: 32, FrameTypeArray: 40, FrameTypeArraySize: 48 });

/// `NDIS_PROTOCOL_PAUSE_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PROTOCOL_PAUSE_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub PauseReason: u32,
}
abi!(NDIS_PROTOCOL_PAUSE_PARAMETERS, 12, { Header: 0, Flags: 4, PauseReason: 8 });

/// `NDIS_PROTOCOL_RESTART_PARAMETERS`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PROTOCOL_RESTART_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub FilterModuleNameBuffer: *mut u8,
    /// At 0x10.
    pub FilterModuleNameBufferLength: u32,
    /// At 0x18.
    pub RestartAttributes: *mut NDIS_RESTART_ATTRIBUTES,
    /// At 0x20.
    pub BoundIfIndex: u32,
    /// At 0x28.
    pub BoundIfNetluid: u64,
    /// At 0x30.
    pub Flags: u32,
}
abi!(NDIS_PROTOCOL_RESTART_PARAMETERS, 56, { Header: 0, FilterModuleNameBuffer: 8, FilterModuleNameBufferLength: 16, RestartAttributes: 24, BoundIfIndex: 32, BoundIfNetluid: 40, Flags: 48 });

/// `NET_BUFFER_LIST_POOL_PARAMETERS`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_BUFFER_LIST_POOL_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub ProtocolId: u8,
    /// At 0x5.
    pub fAllocateNetBuffer: u8,
    /// At 0x6.
    pub ContextSize: u16,
    /// At 0x8.
    pub PoolTag: u32,
    /// At 0xc.
    pub DataSize: u32,
}
abi!(NET_BUFFER_LIST_POOL_PARAMETERS, 16, { Header: 0, ProtocolId: 4, fAllocateNetBuffer: 5, ContextSize: 6, PoolTag: 8, DataSize: 12 });

/// `NET_BUFFER_POOL_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_BUFFER_POOL_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub PoolTag: u32,
    /// At 0x8.
    pub DataSize: u32,
}
abi!(NET_BUFFER_POOL_PARAMETERS, 12, { Header: 0, PoolTag: 4, DataSize: 8 });
