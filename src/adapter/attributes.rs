//! What NDIS is told about the adapter: registration, general and Network Direct attributes, in this order (rule INIT-02).

use core::ptr::null_mut;

use super::{Adapter, link, oid};
use crate::{
    ether::scale::MOST_ENTRIES,
    nt::{Passive, Ref, Status},
    sys::ndis::{
        self, IF_TYPE_ETHERNET_CSMACD, NDIS_MAC_OPTION_8021P_PRIORITY, NDIS_MAC_OPTION_8021Q_VLAN,
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA, NDIS_MAC_OPTION_NO_LOOPBACK, NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
        NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES, NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1,
        NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2, NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
        NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE, NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK,
        NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, NDIS_PM_CAPABILITIES,
        NDIS_PM_CAPABILITIES_REVISION_2, NDIS_RECEIVE_SCALE_CAPABILITIES,
    },
};

/// `NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2`: without the padding at the end.
const REGISTRATION_SIZE: u16 = 0x1c;
/// `NdisHashFunctionToeplitz`.
const TOEPLITZ: u32 = 1;
/// Bytes of a station address.
const ADDRESS_LENGTH: u16 = 6;
/// All statistics are supported (the `NDIS_STATISTICS_*_SUPPORTED` family, open point M-09).
const STATISTICS: u32 = ndis::NDIS_STATISTICS_XMIT_OK_SUPPORTED
    | ndis::NDIS_STATISTICS_RCV_OK_SUPPORTED
    | ndis::NDIS_STATISTICS_XMIT_ERROR_SUPPORTED
    | ndis::NDIS_STATISTICS_RCV_ERROR_SUPPORTED
    | ndis::NDIS_STATISTICS_DIRECTED_BYTES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_DIRECTED_FRAMES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_MULTICAST_BYTES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_MULTICAST_FRAMES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_BROADCAST_BYTES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_BROADCAST_FRAMES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_DIRECTED_BYTES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_DIRECTED_FRAMES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_MULTICAST_BYTES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_MULTICAST_FRAMES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_BROADCAST_BYTES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_BROADCAST_FRAMES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_BYTES_RCV_SUPPORTED
    | ndis::NDIS_STATISTICS_BYTES_XMIT_SUPPORTED
    | ndis::NDIS_STATISTICS_RCV_DISCARDS_SUPPORTED
    | ndis::NDIS_STATISTICS_XMIT_DISCARDS_SUPPORTED
    | ndis::NDIS_STATISTICS_GEN_STATISTICS_SUPPORTED;

/// Gives NDIS the adapter's context; before anything is asked of it (rules ATTR-01, ATTR-02).
///
/// The adapter is connection-oriented, too, without being a telephone: `NOT_CO_NDIS` is not set, `DO_NOT_BIND_TO_ALL_CO` is (REG-10).
/// `NO_HALT_ON_SUSPEND` is not set: NDIS halts the adapter before the device sleeps and initializes it again after.
pub(super) fn set_registration(adapter: &Ref<Adapter>, _: Passive<'_>) -> Result<(), Status> {
    let mut attributes = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES as u8,
            Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2 as u8,
            Size: REGISTRATION_SIZE,
        },
        MiniportAdapterContext: Ref::as_ptr(adapter).cast_mut().cast(),
        AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE
            | NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK
            | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER
            | ndis::NDIS_MINIPORT_ATTRIBUTES_DO_NOT_BIND_TO_ALL_CO,
        CheckForHangTimeInSeconds: 0,
        InterfaceType: ndis::NdisInterfacePci,
    };
    // SAFETY: complete attributes; the context lives as long as NDIS uses it.
    Status(unsafe { ndis::NdisMSetMiniportAttributes(adapter.ndis.as_raw(), (&raw mut attributes).cast()) })
        .ok()
}

/// Describes the network card (rule ATTR-03).
pub(super) fn set_general(adapter: &Ref<Adapter>, _: Passive<'_>) -> Result<(), Status> {
    let mut power = no_power_management();
    let mut oids = oid::SUPPORTED;
    let mut scale = scaling(adapter);
    let mut attributes = general(adapter);
    if adapter.keywords().rss {
        attributes.RecvScaleCapabilities = &raw mut scale;
    }
    attributes.PowerManagementCapabilitiesEx = &raw mut power;
    attributes.SupportedOidList = (&raw mut oids).cast();
    attributes.SupportedOidListLength = size_of_val(&oids) as u32;
    // SAFETY: complete attributes; NDIS copies what they lead to.
    Status(unsafe { ndis::NdisMSetMiniportAttributes(adapter.ndis.as_raw(), (&raw mut attributes).cast()) })
        .ok()
}

fn general(adapter: &Adapter) -> NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES {
    let keywords = adapter.keywords();
    let link = adapter.port_link();
    *adapter.link.lock() = Some(link);
    let vlan = if keywords.tags.1 {
        NDIS_MAC_OPTION_8021Q_VLAN
    } else {
        0
    };
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES as u8,
            Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2 as u8,
            Size: size_of::<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>() as u16,
        },
        Flags: 0,
        MediaType: ndis::NdisMedium802_3,
        PhysicalMediumType: ndis::NdisPhysicalMedium802_3,
        MtuSize: keywords.mtu,
        MaxXmitLinkSpeed: link.max_speed,
        XmitLinkSpeed: link.speed,
        MaxRcvLinkSpeed: link.max_speed,
        RcvLinkSpeed: link.speed,
        MediaConnectState: link.media(),
        MediaDuplexState: link.duplex(),
        LookaheadSize: keywords.mtu,
        PowerManagementCapabilities: null_mut(),
        MacOptions: NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA
            | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND
            | NDIS_MAC_OPTION_NO_LOOPBACK
            | NDIS_MAC_OPTION_8021P_PRIORITY
            | vlan,
        SupportedPacketFilters: oid::PACKET_FILTERS,
        MaxMulticastListSize: oid::MAX_MULTICAST as u32,
        MacAddressLength: ADDRESS_LENGTH,
        PermanentMacAddress: padded(adapter.permanent_address()),
        CurrentMacAddress: padded(adapter.station_address()),
        RecvScaleCapabilities: null_mut(),
        AccessType: ndis::NET_IF_ACCESS_BROADCAST,
        DirectionType: ndis::NET_IF_DIRECTION_SENDRECEIVE,
        ConnectionType: ndis::NET_IF_CONNECTION_DEDICATED,
        IfType: IF_TYPE_ETHERNET_CSMACD as u16,
        IfConnectorPresent: 1,
        SupportedStatistics: STATISTICS,
        SupportedPauseFunctions: ndis::NdisPauseFunctionsUnknown as u32,
        DataBackFillSize: 0,
        ContextBackFillSize: 0,
        SupportedOidList: null_mut(),
        SupportedOidListLength: 0,
        AutoNegotiationFlags: link::AUTO_NEGOTIATED,
        PowerManagementCapabilitiesEx: null_mut(),
    }
}

/// What the adapter can do to spread received frames over processors (rules RSS-01 to RSS-04).
fn scaling(adapter: &Adapter) -> NDIS_RECEIVE_SCALE_CAPABILITIES {
    let queues = adapter.ether.get().map_or(1, |ether| ether.receive_queues());
    let messages = adapter
        .interrupts
        .get()
        .map_or(1, |interrupts| interrupts.count());
    NDIS_RECEIVE_SCALE_CAPABILITIES {
        Header: NDIS_OBJECT_HEADER {
            Type: ndis::NDIS_OBJECT_TYPE_RSS_CAPABILITIES as u8,
            Revision: ndis::NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2 as u8,
            Size: ndis::NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2 as u16,
        },
        CapabilitiesFlags: TOEPLITZ
            | ndis::NDIS_RSS_CAPS_MESSAGE_SIGNALED_INTERRUPTS
            | ndis::NDIS_RSS_CAPS_CLASSIFICATION_AT_ISR
            | ndis::NDIS_RSS_CAPS_USING_MSI_X
            | ndis::NDIS_RSS_CAPS_SUPPORTS_MSI_X
            | ndis::NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4
            | ndis::NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6
            | ndis::NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4
            | ndis::NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6,
        NumberOfInterruptMessages: messages,
        NumberOfReceiveQueues: queues as u32,
        NumberOfIndirectionTableEntries: MOST_ENTRIES as u16,
    }
}

/// An address in the field that NDIS has for addresses of all media.
fn padded(address: [u8; 6]) -> [u8; 32] {
    let mut field = [0; 32];
    for (place, byte) in field.iter_mut().zip(address) {
        *place = byte;
    }
    field
}

/// The adapter wakes nobody and offloads nothing in sleep (rule PWR-06).
fn no_power_management() -> NDIS_PM_CAPABILITIES {
    NDIS_PM_CAPABILITIES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
            Revision: NDIS_PM_CAPABILITIES_REVISION_2 as u8,
            Size: size_of::<NDIS_PM_CAPABILITIES>() as u16,
        },
        Flags: 0,
        SupportedWoLPacketPatterns: 0,
        NumTotalWoLPatterns: 0,
        MaxWoLPatternSize: 0,
        MaxWoLPatternOffset: 0,
        MaxWoLPacketSaveBuffer: 0,
        SupportedProtocolOffloads: 0,
        NumArpOffloadIPv4Addresses: 0,
        NumNSOffloadIPv6Addresses: 0,
        MinMagicPacketWakeUp: ndis::NdisDeviceStateUnspecified,
        MinPatternWakeUp: ndis::NdisDeviceStateUnspecified,
        MinLinkChangeWakeUp: ndis::NdisDeviceStateUnspecified,
        SupportedWakeUpEvents: 0,
        MediaSpecificWakeUpEvents: 0,
    }
}

/// Describes the Network Direct half, also while it is off (rules ADAPTER-02, ADAPTER-03, ATTR-07).
pub(super) fn set_network_direct(adapter: &Ref<Adapter>, _: Passive<'_>) -> Result<(), Status> {
    let provider = adapter.provider.get().ok_or(Status::INTERNAL_ERROR)?;
    let mut info = provider.adapter_info();
    let mut capabilities = provider.capabilities(&mut info);
    let mut attributes = NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES as u8,
            Revision: NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1 as u8,
            Size: size_of::<NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES>() as u16,
        },
        Enabled: u8::from(adapter.switch.is_wanted()),
        NdkCapabilities: &raw mut capabilities,
    };
    // SAFETY: complete attributes; NDIS copies what they lead to.
    Status(unsafe { ndis::NdisMSetMiniportAttributes(adapter.ndis.as_raw(), (&raw mut attributes).cast()) })
        .ok()
}
