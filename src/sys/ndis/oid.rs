//! OID requests, status indications, statistics.

use core::ffi::c_void;

use wdk_sys::GUID;

use super::{
    NDIS_HANDLE, NDIS_INTERRUPT_MODERATION, NDIS_MEDIA_CONNECT_STATE, NDIS_MEDIA_DUPLEX_STATE,
    NDIS_OBJECT_HEADER, NDIS_REQUEST_TYPE, NDIS_STATUS, NDIS_SUPPORTED_PAUSE_FUNCTIONS,
};
use crate::sys::abi;

/// `DATA.QUERY_INFORMATION` and `DATA.SET_INFORMATION` (`BytesRead` in the second place's name for a set).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST_INFORMATION {
    /// The OID.
    pub Oid: u32,
    /// The buffer of the request.
    pub InformationBuffer: *mut c_void,
    /// Its length in bytes.
    pub InformationBufferLength: u32,
    /// `BytesWritten` of a query, `BytesRead` of a set.
    pub BytesUsed: u32,
    /// How many bytes the request needs.
    pub BytesNeeded: u32,
}

/// `DATA.METHOD_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST_METHOD {
    /// The OID.
    pub Oid: u32,
    /// The buffer of the request.
    pub InformationBuffer: *mut c_void,
    /// Bytes of input.
    pub InputBufferLength: u32,
    /// Room for output.
    pub OutputBufferLength: u32,
    /// The method.
    pub MethodId: u32,
    /// At 0x1c.
    pub BytesWritten: u32,
    /// At 0x20.
    pub BytesRead: u32,
    /// At 0x24.
    pub BytesNeeded: u32,
}

/// `DATA` of [`NDIS_OID_REQUEST`], by request type.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_OID_REQUEST_DATA {
    /// Queries and sets.
    pub INFORMATION: NDIS_OID_REQUEST_INFORMATION,
    /// Methods.
    pub METHOD_INFORMATION: NDIS_OID_REQUEST_METHOD,
}

/// `NDIS_OID_REQUEST`, 248 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OID_REQUEST {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub RequestType: NDIS_REQUEST_TYPE,
    /// At 0x8.
    pub PortNumber: u32,
    /// At 0xc.
    pub Timeout: u32,
    /// At 0x10.
    pub RequestId: *mut c_void,
    /// At 0x18.
    pub RequestHandle: NDIS_HANDLE,
    /// At 0x20.
    pub DATA: NDIS_OID_REQUEST_DATA,
    /// At 0x48.
    pub NdisReserved: [u8; 128],
    /// At 0xc8.
    pub MiniportReserved: [u8; 16],
    /// At 0xd8.
    pub SourceReserved: [u8; 16],
    /// At 0xe8.
    pub SupportedRevision: u8,
    /// At 0xe9.
    pub Reserved1: u8,
    /// At 0xea.
    pub Reserved2: u16,
    /// At 0xec.
    pub SwitchId: u32,
    /// At 0xf0.
    pub VPortId: u32,
    /// At 0xf4.
    pub Flags: u32,
}
abi!(NDIS_OID_REQUEST, 248, { Header: 0, RequestType: 4, PortNumber: 8, Timeout: 12, RequestId: 16, RequestHandle: 24, DATA: 32, NdisReserved: 72, MiniportReserved: 200, SourceReserved: 216, SupportedRevision: 232, Reserved1: 233, Reserved2: 234, SwitchId: 236, VPortId: 240, Flags: 244 });

/// `NDIS_STATUS_INDICATION`, 112 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_STATUS_INDICATION {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub SourceHandle: NDIS_HANDLE,
    /// At 0x10.
    pub PortNumber: u32,
    /// At 0x14.
    pub StatusCode: NDIS_STATUS,
    /// At 0x18.
    pub Flags: u32,
    /// At 0x20.
    pub DestinationHandle: NDIS_HANDLE,
    /// At 0x28.
    pub RequestId: *mut c_void,
    /// At 0x30.
    pub StatusBuffer: *mut c_void,
    /// At 0x38.
    pub StatusBufferSize: u32,
    /// At 0x3c.
    pub Guid: GUID,
    /// At 0x50.
    pub NdisReserved: [*mut c_void; 4],
}
abi!(NDIS_STATUS_INDICATION, 112, { Header: 0, SourceHandle: 8, PortNumber: 16, StatusCode: 20, Flags: 24, DestinationHandle: 32, RequestId: 40, StatusBuffer: 48, StatusBufferSize: 56, Guid: 60, NdisReserved: 80 });

/// `NDIS_LINK_STATE`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_LINK_STATE {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub MediaConnectState: NDIS_MEDIA_CONNECT_STATE,
    /// At 0x8.
    pub MediaDuplexState: NDIS_MEDIA_DUPLEX_STATE,
    /// At 0x10.
    pub XmitLinkSpeed: u64,
    /// At 0x18.
    pub RcvLinkSpeed: u64,
    /// At 0x20.
    pub PauseFunctions: NDIS_SUPPORTED_PAUSE_FUNCTIONS,
    /// At 0x24.
    pub AutoNegotiationFlags: u32,
}
abi!(NDIS_LINK_STATE, 40, { Header: 0, MediaConnectState: 4, MediaDuplexState: 8, XmitLinkSpeed: 16, RcvLinkSpeed: 24, PauseFunctions: 32, AutoNegotiationFlags: 36 });

/// `NDIS_LINK_PARAMETERS`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_LINK_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub MediaDuplexState: NDIS_MEDIA_DUPLEX_STATE,
    /// At 0x8.
    pub XmitLinkSpeed: u64,
    /// At 0x10.
    pub RcvLinkSpeed: u64,
    /// At 0x18.
    pub PauseFunctions: NDIS_SUPPORTED_PAUSE_FUNCTIONS,
    /// At 0x1c.
    pub AutoNegotiationFlags: u32,
}
abi!(NDIS_LINK_PARAMETERS, 32, { Header: 0, MediaDuplexState: 4, XmitLinkSpeed: 8, RcvLinkSpeed: 16, PauseFunctions: 24, AutoNegotiationFlags: 28 });

/// `NDIS_STATISTICS_INFO`, 152 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_STATISTICS_INFO {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub SupportedStatistics: u32,
    /// At 0x8.
    pub ifInDiscards: u64,
    /// At 0x10.
    pub ifInErrors: u64,
    /// At 0x18.
    pub ifHCInOctets: u64,
    /// At 0x20.
    pub ifHCInUcastPkts: u64,
    /// At 0x28.
    pub ifHCInMulticastPkts: u64,
    /// At 0x30.
    pub ifHCInBroadcastPkts: u64,
    /// At 0x38.
    pub ifHCOutOctets: u64,
    /// At 0x40.
    pub ifHCOutUcastPkts: u64,
    /// At 0x48.
    pub ifHCOutMulticastPkts: u64,
    /// At 0x50.
    pub ifHCOutBroadcastPkts: u64,
    /// At 0x58.
    pub ifOutErrors: u64,
    /// At 0x60.
    pub ifOutDiscards: u64,
    /// At 0x68.
    pub ifHCInUcastOctets: u64,
    /// At 0x70.
    pub ifHCInMulticastOctets: u64,
    /// At 0x78.
    pub ifHCInBroadcastOctets: u64,
    /// At 0x80.
    pub ifHCOutUcastOctets: u64,
    /// At 0x88.
    pub ifHCOutMulticastOctets: u64,
    /// At 0x90.
    pub ifHCOutBroadcastOctets: u64,
}
abi!(NDIS_STATISTICS_INFO, 152, { Header: 0, SupportedStatistics: 4, ifInDiscards: 8, ifInErrors: 16, ifHCInOctets: 24, ifHCInUcastPkts: 32, ifHCInMulticastPkts: 40, ifHCInBroadcastPkts: 48, ifHCOutOctets: 56, ifHCOutUcastPkts: 64, ifHCOutMulticastPkts: 72, ifHCOutBroadcastPkts: 80, ifOutErrors: 88, ifOutDiscards: 96, ifHCInUcastOctets: 104, ifHCInMulticastOctets: 112, ifHCInBroadcastOctets: 120, ifHCOutUcastOctets: 128, ifHCOutMulticastOctets: 136, ifHCOutBroadcastOctets: 144 });

/// `NDIS_INTERRUPT_MODERATION_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_INTERRUPT_MODERATION_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub InterruptModeration: NDIS_INTERRUPT_MODERATION,
}
abi!(NDIS_INTERRUPT_MODERATION_PARAMETERS, 12, { Header: 0, Flags: 4, InterruptModeration: 8 });

/// `NDIS_PM_PARAMETERS`, 20 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PM_PARAMETERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub EnabledWoLPacketPatterns: u32,
    /// At 0x8.
    pub EnabledProtocolOffloads: u32,
    /// At 0xc.
    pub WakeUpFlags: u32,
    /// At 0x10.
    pub MediaSpecificWakeUpEvents: u32,
}
abi!(NDIS_PM_PARAMETERS, 20, { Header: 0, EnabledWoLPacketPatterns: 4, EnabledProtocolOffloads: 8, WakeUpFlags: 12, MediaSpecificWakeUpEvents: 16 });
