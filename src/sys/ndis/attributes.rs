//! Miniport adapter attributes and the parameters of its handlers.

use wdk_sys::_PROCESSOR_NUMBER as PROCESSOR_NUMBER;

use core::ffi::c_void;

use super::{
    NDIS_DEVICE_PNP_EVENT, NDIS_DEVICE_POWER_STATE, NDIS_HANDLE, NDIS_INTERFACE_TYPE,
    NDIS_MEDIA_CONNECT_STATE, NDIS_MEDIA_DUPLEX_STATE, NDIS_MEDIUM, NDIS_NDK_CAPABILITIES,
    NDIS_OBJECT_HEADER, NDIS_PHYSICAL_MEDIUM, NET_IF_ACCESS_TYPE, NET_IF_CONNECTION_TYPE,
    NET_IF_DIRECTION_TYPE, NET_PNP_EVENT_CODE,
};
use crate::sys::abi;

/// `NDIS_MINIPORT_INIT_PARAMETERS`, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_INIT_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub AllocatedResources: *mut c_void,
    /// At 0x10.
    pub IMDeviceInstanceContext: NDIS_HANDLE,
    /// At 0x18.
    pub MiniportAddDeviceContext: NDIS_HANDLE,
    /// At 0x20.
    pub IfIndex: u32,
    /// At 0x28.
    pub NetLuid: u64,
    /// At 0x30.
    pub DefaultPortAuthStates: *mut c_void,
    /// At 0x38.
    pub PciDeviceCustomProperties: *mut c_void,
}
abi!(NDIS_MINIPORT_INIT_PARAMETERS, 64, { Header: 0, Flags: 4, AllocatedResources: 8, IMDeviceInstanceContext: 16, MiniportAddDeviceContext: 24, IfIndex: 32, NetLuid: 40, DefaultPortAuthStates: 48, PciDeviceCustomProperties: 56 });

/// `NDIS_MINIPORT_RESTART_PARAMETERS`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_RESTART_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub RestartAttributes: *mut NDIS_RESTART_ATTRIBUTES,
    /// At 0x10.
    pub Flags: u32,
}
abi!(NDIS_MINIPORT_RESTART_PARAMETERS, 24, { Header: 0, RestartAttributes: 8, Flags: 16 });

/// `NDIS_MINIPORT_PAUSE_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_PAUSE_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub PauseReason: u32,
}
abi!(NDIS_MINIPORT_PAUSE_PARAMETERS, 12, { Header: 0, Flags: 4, PauseReason: 8 });

/// `NDIS_RESTART_ATTRIBUTES`, 32 bytes.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct NDIS_RESTART_ATTRIBUTES {
    /// At 0x0.
    pub Next: *mut Self,
    /// At 0x8.
    pub Oid: u32,
    /// At 0xc.
    pub DataLength: u32,
    /// At 0x10.
    pub Data: [u8; 1],
}
abi!(NDIS_RESTART_ATTRIBUTES, 32, { Next: 0, Oid: 8, DataLength: 12, Data: 16 });

/// `NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub MiniportAdapterContext: NDIS_HANDLE,
    /// At 0x10.
    pub AttributeFlags: u32,
    /// At 0x14.
    pub CheckForHangTimeInSeconds: u32,
    /// At 0x18.
    pub InterfaceType: NDIS_INTERFACE_TYPE,
}
abi!(NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 32, { Header: 0, MiniportAdapterContext: 8, AttributeFlags: 16, CheckForHangTimeInSeconds: 20, InterfaceType: 24 });

/// `NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub MiniportAddDeviceContext: NDIS_HANDLE,
    /// At 0x10.
    pub Flags: u32,
}
abi!(NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES, 24, { Header: 0, MiniportAddDeviceContext: 8, Flags: 16 });

/// `NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES`, 224 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub MediaType: NDIS_MEDIUM,
    /// At 0xc.
    pub PhysicalMediumType: NDIS_PHYSICAL_MEDIUM,
    /// At 0x10.
    pub MtuSize: u32,
    /// At 0x18.
    pub MaxXmitLinkSpeed: u64,
    /// At 0x20.
    pub XmitLinkSpeed: u64,
    /// At 0x28.
    pub MaxRcvLinkSpeed: u64,
    /// At 0x30.
    pub RcvLinkSpeed: u64,
    /// At 0x38.
    pub MediaConnectState: NDIS_MEDIA_CONNECT_STATE,
    /// At 0x3c.
    pub MediaDuplexState: NDIS_MEDIA_DUPLEX_STATE,
    /// At 0x40.
    pub LookaheadSize: u32,
    /// At 0x48.
    pub PowerManagementCapabilities: *mut NDIS_PNP_CAPABILITIES,
    /// At 0x50.
    pub MacOptions: u32,
    /// At 0x54.
    pub SupportedPacketFilters: u32,
    /// At 0x58.
    pub MaxMulticastListSize: u32,
    /// At 0x5c.
    pub MacAddressLength: u16,
    /// At 0x5e.
    pub PermanentMacAddress: [u8; 32],
    /// At 0x7e.
    pub CurrentMacAddress: [u8; 32],
    /// At 0xa0.
    pub RecvScaleCapabilities: *mut NDIS_RECEIVE_SCALE_CAPABILITIES,
    /// At 0xa8.
    pub AccessType: NET_IF_ACCESS_TYPE,
    /// At 0xac.
    pub DirectionType: NET_IF_DIRECTION_TYPE,
    /// At 0xb0.
    pub ConnectionType: NET_IF_CONNECTION_TYPE,
    /// At 0xb4.
    pub IfType: u16,
    /// At 0xb6.
    pub IfConnectorPresent: u8,
    /// At 0xb8.
    pub SupportedStatistics: u32,
    /// At 0xbc.
    pub SupportedPauseFunctions: u32,
    /// At 0xc0.
    pub DataBackFillSize: u32,
    /// At 0xc4.
    pub ContextBackFillSize: u32,
    /// At 0xc8.
    pub SupportedOidList: *mut u32,
    /// At 0xd0.
    pub SupportedOidListLength: u32,
    /// At 0xd4.
    pub AutoNegotiationFlags: u32,
    /// At 0xd8.
    pub PowerManagementCapabilitiesEx: *mut NDIS_PM_CAPABILITIES,
}
abi!(NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 224, { Header: 0, Flags: 4, MediaType: 8, PhysicalMediumType: 12, MtuSize: 16, MaxXmitLinkSpeed: 24, XmitLinkSpeed: 32, MaxRcvLinkSpeed: 40, RcvLinkSpeed: 48, MediaConnectState: 56, MediaDuplexState: 60, LookaheadSize: 64, PowerManagementCapabilities: 72, MacOptions: 80, SupportedPacketFilters: 84, MaxMulticastListSize: 88, MacAddressLength: 92, PermanentMacAddress: 94, CurrentMacAddress: 126, RecvScaleCapabilities: 160, AccessType: 168, DirectionType: 172, ConnectionType: 176, IfType: 180, IfConnectorPresent: 182, SupportedStatistics: 184, SupportedPauseFunctions: 188, DataBackFillSize: 192, ContextBackFillSize: 196, SupportedOidList: 200, SupportedOidListLength: 208, AutoNegotiationFlags: 212, PowerManagementCapabilitiesEx: 216 });

/// `NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Enabled: u8,
    /// At 0x8.
    pub NdkCapabilities: *mut NDIS_NDK_CAPABILITIES,
}
abi!(NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES, 16, { Header: 0, Enabled: 4, NdkCapabilities: 8 });

/// `NDIS_PNP_CAPABILITIES`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PNP_CAPABILITIES {
    /// At 0x0.
    pub Flags: u32,
    /// At 0x4.
    pub WakeUpCapabilities: NDIS_PM_WAKE_UP_CAPABILITIES,
}
abi!(NDIS_PNP_CAPABILITIES, 16, { Flags: 0, WakeUpCapabilities: 4 });

/// `NDIS_PM_WAKE_UP_CAPABILITIES`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PM_WAKE_UP_CAPABILITIES {
    /// At 0x0.
    pub MinMagicPacketWakeUp: NDIS_DEVICE_POWER_STATE,
    /// At 0x4.
    pub MinPatternWakeUp: NDIS_DEVICE_POWER_STATE,
    /// At 0x8.
    pub MinLinkChangeWakeUp: NDIS_DEVICE_POWER_STATE,
}
abi!(NDIS_PM_WAKE_UP_CAPABILITIES, 12, { MinMagicPacketWakeUp: 0, MinPatternWakeUp: 4, MinLinkChangeWakeUp: 8 });

/// `NDIS_PM_CAPABILITIES`, 60 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PM_CAPABILITIES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub SupportedWoLPacketPatterns: u32,
    /// At 0xc.
    pub NumTotalWoLPatterns: u32,
    /// At 0x10.
    pub MaxWoLPatternSize: u32,
    /// At 0x14.
    pub MaxWoLPatternOffset: u32,
    /// At 0x18.
    pub MaxWoLPacketSaveBuffer: u32,
    /// At 0x1c.
    pub SupportedProtocolOffloads: u32,
    /// At 0x20.
    pub NumArpOffloadIPv4Addresses: u32,
    /// At 0x24.
    pub NumNSOffloadIPv6Addresses: u32,
    /// At 0x28.
    pub MinMagicPacketWakeUp: NDIS_DEVICE_POWER_STATE,
    /// At 0x2c.
    pub MinPatternWakeUp: NDIS_DEVICE_POWER_STATE,
    /// At 0x30.
    pub MinLinkChangeWakeUp: NDIS_DEVICE_POWER_STATE,
    /// At 0x34.
    pub SupportedWakeUpEvents: u32,
    /// At 0x38.
    pub MediaSpecificWakeUpEvents: u32,
}
abi!(NDIS_PM_CAPABILITIES, 60, { Header: 0, Flags: 4, SupportedWoLPacketPatterns: 8, NumTotalWoLPatterns: 12, MaxWoLPatternSize: 16, MaxWoLPatternOffset: 20, MaxWoLPacketSaveBuffer: 24, SupportedProtocolOffloads: 28, NumArpOffloadIPv4Addresses: 32, NumNSOffloadIPv6Addresses: 36, MinMagicPacketWakeUp: 40, MinPatternWakeUp: 44, MinLinkChangeWakeUp: 48, SupportedWakeUpEvents: 52, MediaSpecificWakeUpEvents: 56 });

/// `NDIS_RECEIVE_SCALE_CAPABILITIES`, 20 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_SCALE_CAPABILITIES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub CapabilitiesFlags: u32,
    /// At 0x8.
    pub NumberOfInterruptMessages: u32,
    /// At 0xc.
    pub NumberOfReceiveQueues: u32,
    /// At 0x10.
    pub NumberOfIndirectionTableEntries: u16,
}
abi!(NDIS_RECEIVE_SCALE_CAPABILITIES, 20, { Header: 0, CapabilitiesFlags: 4, NumberOfInterruptMessages: 8, NumberOfReceiveQueues: 12, NumberOfIndirectionTableEntries: 16 });

/// `NDIS_RECEIVE_SCALE_PARAMETERS`, 44 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_SCALE_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u16,
    /// At 0x6.
    pub BaseCpuNumber: u16,
    /// At 0x8.
    pub HashInformation: u32,
    /// At 0xc.
    pub IndirectionTableSize: u16,
    /// At 0x10.
    pub IndirectionTableOffset: u32,
    /// At 0x14.
    pub HashSecretKeySize: u16,
    /// At 0x18.
    pub HashSecretKeyOffset: u32,
    /// At 0x1c.
    pub ProcessorMasksOffset: u32,
    /// At 0x20.
    pub NumberOfProcessorMasks: u32,
    /// At 0x24.
    pub ProcessorMasksEntrySize: u32,
    /// At 0x28.
    pub DefaultProcessorNumber: PROCESSOR_NUMBER,
}
abi!(NDIS_RECEIVE_SCALE_PARAMETERS, 44, { Header: 0, Flags: 4, BaseCpuNumber: 6, HashInformation: 8, IndirectionTableSize: 12, IndirectionTableOffset: 16, HashSecretKeySize: 20, HashSecretKeyOffset: 24, ProcessorMasksOffset: 28, NumberOfProcessorMasks: 32, ProcessorMasksEntrySize: 36, DefaultProcessorNumber: 40 });

/// `NET_DEVICE_PNP_EVENT`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_DEVICE_PNP_EVENT {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub PortNumber: u32,
    /// At 0x8.
    pub DevicePnPEvent: NDIS_DEVICE_PNP_EVENT,
    /// At 0x10.
    pub InformationBuffer: *mut c_void,
    /// At 0x18.
    pub InformationBufferLength: u32,
    /// At 0x1c.
    pub NdisReserved: [u8; 16],
}
abi!(NET_DEVICE_PNP_EVENT, 48, { Header: 0, PortNumber: 4, DevicePnPEvent: 8, InformationBuffer: 16, InformationBufferLength: 24, NdisReserved: 28 });

/// `NET_PNP_EVENT`, 152 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_PNP_EVENT {
    /// At 0x0.
    pub NetEvent: NET_PNP_EVENT_CODE,
    /// At 0x8.
    pub Buffer: *mut c_void,
    /// At 0x10.
    pub BufferLength: u32,
    /// At 0x18.
    pub NdisReserved: [usize; 4],
    /// At 0x38.
    pub TransportReserved: [usize; 4],
    /// At 0x58.
    pub TdiReserved: [usize; 4],
    /// At 0x78.
    pub TdiClientReserved: [usize; 4],
}
abi!(NET_PNP_EVENT, 152, { NetEvent: 0, Buffer: 8, BufferLength: 16, NdisReserved: 24, TransportReserved: 56, TdiReserved: 88, TdiClientReserved: 120 });

/// `NET_PNP_EVENT_NOTIFICATION`, 176 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NET_PNP_EVENT_NOTIFICATION {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub PortNumber: u32,
    /// At 0x8.
    pub NetPnPEvent: NET_PNP_EVENT,
    /// At 0xa0.
    pub Flags: u32,
    /// At 0xa4.
    pub SwitchId: u32,
    /// At 0xa8.
    pub VPortId: u32,
}
abi!(NET_PNP_EVENT_NOTIFICATION, 176, { Header: 0, PortNumber: 4, NetPnPEvent: 8, Flags: 160, SwitchId: 164, VPortId: 168 });
