//! Address families, SAPs, call parameters and addresses of CoNDIS.

use crate::sys::abi;
use crate::sys::ndis::NDIS_HANDLE;

/// `FLOWSPEC`, 32 bytes: the traffic of one direction of a call (qos.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FLOWSPEC {
    /// At 0x0; bytes in a second, [`QOS_NOT_SPECIFIED`] for any.
    pub TokenRate: u32,
    /// At 0x4; bytes.
    pub TokenBucketSize: u32,
    /// At 0x8; bytes in a second.
    pub PeakBandwidth: u32,
    /// At 0xc; microseconds.
    pub Latency: u32,
    /// At 0x10; microseconds.
    pub DelayVariation: u32,
    /// At 0x14; one of `SERVICETYPE_*`.
    pub ServiceType: u32,
    /// At 0x18; bytes of the largest message.
    pub MaxSduSize: u32,
    /// At 0x1c; bytes.
    pub MinimumPolicedSize: u32,
}
abi!(FLOWSPEC, 32, { TokenRate: 0, TokenBucketSize: 4, PeakBandwidth: 8, Latency: 12, DelayVariation: 16, ServiceType: 20, MaxSduSize: 24, MinimumPolicedSize: 28 });

/// A member of [`FLOWSPEC`] that says nothing.
pub const QOS_NOT_SPECIFIED: u32 = 0xffff_ffff;
/// No traffic in this direction.
pub const SERVICETYPE_NOTRAFFIC: u32 = 0;
/// No promise.
pub const SERVICETYPE_BESTEFFORT: u32 = 1;
/// As on an unloaded network.
pub const SERVICETYPE_CONTROLLEDLOAD: u32 = 2;
/// Rate and latency are promised.
pub const SERVICETYPE_GUARANTEED: u32 = 3;

/// `CO_ADDRESS_FAMILY`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_ADDRESS_FAMILY {
    /// At 0x0.
    pub AddressFamily: u32,
    /// At 0x4.
    pub MajorVersion: u32,
    /// At 0x8.
    pub MinorVersion: u32,
}
abi!(CO_ADDRESS_FAMILY, 12, { AddressFamily: 0, MajorVersion: 4, MinorVersion: 8 });

/// `CO_SAP`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_SAP {
    /// At 0x0.
    pub SapType: u32,
    /// At 0x4.
    pub SapLength: u32,
    /// At 0x8.
    pub Sap: [u8; 1],
}
abi!(CO_SAP, 12, { SapType: 0, SapLength: 4, Sap: 8 });

/// `CO_SPECIFIC_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_SPECIFIC_PARAMETERS {
    /// At 0x0.
    pub ParamType: u32,
    /// At 0x4.
    pub Length: u32,
    /// At 0x8.
    pub Parameters: [u8; 1],
}
abi!(CO_SPECIFIC_PARAMETERS, 12, { ParamType: 0, Length: 4, Parameters: 8 });

/// `CO_CALL_MANAGER_PARAMETERS`, 76 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_CALL_MANAGER_PARAMETERS {
    /// At 0x0.
    pub Transmit: FLOWSPEC,
    /// At 0x20.
    pub Receive: FLOWSPEC,
    /// At 0x40.
    pub CallMgrSpecific: CO_SPECIFIC_PARAMETERS,
}
abi!(CO_CALL_MANAGER_PARAMETERS, 76, { Transmit: 0, Receive: 32, CallMgrSpecific: 64 });

/// `CO_MEDIA_PARAMETERS`, 32 bytes.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct CO_MEDIA_PARAMETERS {
    /// At 0x0.
    pub Flags: u32,
    /// At 0x4.
    pub ReceivePriority: u32,
    /// At 0x8.
    pub ReceiveSizeHint: u32,
    /// At 0xc.
    pub Padding: u32,
    /// At 0x10.
    pub MediaSpecific: CO_SPECIFIC_PARAMETERS,
}
abi!(CO_MEDIA_PARAMETERS, 32, { Flags: 0, ReceivePriority: 4, ReceiveSizeHint: 8, Padding: 12, MediaSpecific: 16 });

/// `CO_CALL_PARAMETERS`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_CALL_PARAMETERS {
    /// At 0x0.
    pub Flags: u32,
    /// At 0x8.
    pub CallMgrParameters: *mut CO_CALL_MANAGER_PARAMETERS,
    /// At 0x10.
    pub MediaParameters: *mut CO_MEDIA_PARAMETERS,
}
abi!(CO_CALL_PARAMETERS, 24, { Flags: 0, CallMgrParameters: 8, MediaParameters: 16 });

/// `CO_PVC`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_PVC {
    /// At 0x0.
    pub NdisAfHandle: NDIS_HANDLE,
    /// At 0x8.
    pub PvcParameters: CO_SPECIFIC_PARAMETERS,
}
abi!(CO_PVC, 24, { NdisAfHandle: 0, PvcParameters: 8 });

/// `CO_ADDRESS`, 8 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_ADDRESS {
    /// At 0x0.
    pub AddressSize: u32,
    /// At 0x4.
    pub Address: [u8; 1],
}
abi!(CO_ADDRESS, 8, { AddressSize: 0, Address: 4 });

/// `CO_ADDRESS_LIST`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CO_ADDRESS_LIST {
    /// At 0x0.
    pub NumberOfAddressesAvailable: u32,
    /// At 0x4.
    pub NumberOfAddresses: u32,
    /// At 0x8.
    pub AddressList: CO_ADDRESS,
}
abi!(CO_ADDRESS_LIST, 16, { NumberOfAddressesAvailable: 0, NumberOfAddresses: 4, AddressList: 8 });

/// `NDIS_CO_LINK_SPEED`, 8 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CO_LINK_SPEED {
    /// At 0x0.
    pub Outbound: u32,
    /// At 0x4.
    pub Inbound: u32,
}
abi!(NDIS_CO_LINK_SPEED, 8, { Outbound: 0, Inbound: 4 });
