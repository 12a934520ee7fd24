//! Types of ndis.h, ndkpi.h, wdm.h and netioapi.h in `src/sys` against the published headers: sizes and offsets for x86-64.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Types that have no name of their own in the headers: members of a published one, which has them at its offsets.
const UNNAMED: [&str; 10] = [
    "FLOWSPEC",
    "IO_STATUS_BLOCK",
    "IO_DEVICE_CONTROL_PARAMETERS",
    "CM_PARTIAL_RESOURCE_DESCRIPTOR_u",
    "CM_MEMORY_RESOURCE",
    "NDIS_CONFIGURATION_PARAMETER_ParameterData",
    "NDIS_OID_REQUEST_INFORMATION",
    "NDIS_OID_REQUEST_METHOD",
    "NDIS_OID_REQUEST_DATA",
    "MIB_IPNET_ROW2_ReachabilityTime",
];

/// One type, checked.
struct Checked {
    name: &'static str,
    /// What is told, ours, published.
    facts: Vec<(&'static str, usize, usize)>,
}

macro_rules! types {
    ($($module:ident $name:ident $size:literal { $($field:ident $offset:literal),* })*) => {
        fn checked() -> Vec<Checked> {
            vec![$({
                use cxndk::sys::$module::$name as Type;
                Checked {
                    name: stringify!($name),
                    facts: vec![
                        ("its size", size_of::<Type>(), $size),
                        $((stringify!($field), std::mem::offset_of!(Type, $field), $offset)),*
                    ],
                }
            }),*]
        }
    };
}

// Name, bytes, then fields with their offsets, as the headers lay them out for x86-64.
types! {
    condis NDIS_BIND_PARAMETERS 312 { Header 0, ProtocolSection 8, AdapterName 16, PhysicalDeviceObject 24,
        MediaType 32, MtuSize 36, MaxXmitLinkSpeed 40, XmitLinkSpeed 48, MaxRcvLinkSpeed 56,
        RcvLinkSpeed 64, MediaConnectState 72, MediaDuplexState 76, LookaheadSize 80,
        PowerManagementCapabilities 88, SupportedPacketFilters 96, MaxMulticastListSize 100,
        MacAddressLength 104, CurrentMacAddress 106, PhysicalMediumType 140, RcvScaleCapabilities 144,
        BoundIfNetluid 152, BoundIfIndex 160, LowestIfNetluid 168, LowestIfIndex 176, AccessType 180,
        DirectionType 184, ConnectionType 188, IfType 192, IfConnectorPresent 194, ActivePorts 200,
        DataBackFillSize 208, ContextBackFillSize 212, MacOptions 216, CompartmentId 220,
        DefaultOffloadConfiguration 224, TcpConnectionOffloadCapabilities 232, BoundAdapterName 240,
        HDSplitCurrentConfig 248, ReceiveFilterCapabilities 256, PowerManagementCapabilitiesEx 264,
        NicSwitchCapabilities 272, NDKEnabled 280, NDKCapabilities 288, SriovCapabilities 296,
        NicSwitchArray 304 }
    condis NDIS_OPEN_PARAMETERS 56 { Header 0, AdapterName 8, MediumArray 16, MediumArraySize 24,
        SelectedMediumIndex 32, FrameTypeArray 40, FrameTypeArraySize 48 }
    condis NDIS_PROTOCOL_PAUSE_PARAMETERS 12 { Header 0, Flags 4, PauseReason 8 }
    condis NDIS_PROTOCOL_RESTART_PARAMETERS 56 { Header 0, FilterModuleNameBuffer 8,
        FilterModuleNameBufferLength 16, RestartAttributes 24, BoundIfIndex 32, BoundIfNetluid 40, Flags 48 }
    condis NET_BUFFER_LIST_POOL_PARAMETERS 16 { Header 0, ProtocolId 4, fAllocateNetBuffer 5, ContextSize 6,
        PoolTag 8, DataSize 12 }
    condis NET_BUFFER_POOL_PARAMETERS 12 { Header 0, PoolTag 4, DataSize 8 }
    condis CO_ADDRESS_FAMILY 12 { AddressFamily 0, MajorVersion 4, MinorVersion 8 }
    condis CO_SAP 12 { SapType 0, SapLength 4, Sap 8 }
    condis CO_SPECIFIC_PARAMETERS 12 { ParamType 0, Length 4, Parameters 8 }
    condis CO_CALL_MANAGER_PARAMETERS 76 { Transmit 0, Receive 32, CallMgrSpecific 64 }
    condis CO_MEDIA_PARAMETERS 32 { Flags 0, ReceivePriority 4, ReceiveSizeHint 8, MediaSpecific 16 }
    condis CO_CALL_PARAMETERS 24 { Flags 0, CallMgrParameters 8, MediaParameters 16 }
    condis CO_PVC 24 { NdisAfHandle 0, PvcParameters 8 }
    condis CO_ADDRESS 8 { AddressSize 0, Address 4 }
    condis CO_ADDRESS_LIST 16 { NumberOfAddressesAvailable 0, NumberOfAddresses 4, AddressList 8 }
    condis NDIS_CO_LINK_SPEED 8 { Outbound 0, Inbound 4 }
    condis NDIS_MINIPORT_CO_CHARACTERISTICS 56 { Header 0, Flags 4, CoCreateVcHandler 8,
        CoDeleteVcHandler 16, CoActivateVcHandler 24, CoDeactivateVcHandler 32,
        CoSendNetBufferListsHandler 40, CoOidRequestHandler 48 }
    condis NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS 144 { Header 0, Reserved 4, CmCreateVcHandler 8,
        CmDeleteVcHandler 16, CmOpenAfHandler 24, CmCloseAfHandler 32, CmRegisterSapHandler 40,
        CmDeregisterSapHandler 48, CmMakeCallHandler 56, CmCloseCallHandler 64,
        CmIncomingCallCompleteHandler 72, CmAddPartyHandler 80, CmDropPartyHandler 88,
        CmActivateVcCompleteHandler 96, CmDeactivateVcCompleteHandler 104, CmModifyCallQoSHandler 112,
        CmOidRequestHandler 120, CmOidRequestCompleteHandler 128, CmNotifyCloseAfCompleteHandler 136 }
    condis NDIS_PROTOCOL_CO_CHARACTERISTICS 40 { Header 0, Flags 4, CoStatusHandlerEx 8,
        CoAfRegisterNotifyHandler 16, CoReceiveNetBufferListsHandler 24,
        CoSendNetBufferListsCompleteHandler 32 }
    condis NDIS_CO_CLIENT_OPTIONAL_HANDLERS 160 { Header 0, Reserved 4, ClCreateVcHandler 8,
        ClDeleteVcHandler 16, ClOidRequestHandler 24, ClOidRequestCompleteHandler 32,
        ClOpenAfCompleteHandlerEx 40, ClCloseAfCompleteHandler 48, ClRegisterSapCompleteHandler 56,
        ClDeregisterSapCompleteHandler 64, ClMakeCallCompleteHandler 72, ClModifyCallQoSCompleteHandler 80,
        ClCloseCallCompleteHandler 88, ClAddPartyCompleteHandler 96, ClDropPartyCompleteHandler 104,
        ClIncomingCallHandler 112, ClIncomingCallQoSChangeHandler 120, ClIncomingCloseCallHandler 128,
        ClIncomingDropPartyHandler 136, ClCallConnectedHandler 144, ClNotifyCloseAfHandler 152 }
    condis NDIS_PROTOCOL_DRIVER_CHARACTERISTICS 128 { Header 0, MajorNdisVersion 4, MinorNdisVersion 5,
        MajorDriverVersion 6, MinorDriverVersion 7, Flags 8, Name 16, SetOptionsHandler 32,
        BindAdapterHandlerEx 40, UnbindAdapterHandlerEx 48, OpenAdapterCompleteHandlerEx 56,
        CloseAdapterCompleteHandlerEx 64, NetPnPEventHandler 72, UninstallHandler 80,
        OidRequestCompleteHandler 88, StatusHandlerEx 96, ReceiveNetBufferListsHandler 104,
        SendNetBufferListsCompleteHandler 112, DirectOidRequestCompleteHandler 120 }
    condis IRP 208 { Type 0, Size 2, MdlAddress 8, Flags 16, AssociatedIrp 24, ThreadListEntry 32,
        IoStatus 48, RequestorMode 64, PendingReturned 65, StackCount 66, CurrentLocation 67, Cancel 68,
        CancelIrql 69, CancelRoutine 104 }
    condis IO_STACK_LOCATION 72 { MajorFunction 0, MinorFunction 1, Flags 2, Control 3, Parameters 8,
        DeviceObject 40, FileObject 48, CompletionRoutine 56, Context 64 }
    condis NDIS_DEVICE_OBJECT_ATTRIBUTES 56 { Header 0, DeviceName 8, SymbolicName 16, MajorFunctions 24,
        ExtensionSize 32, DefaultSDDLString 40, DeviceClassGuid 48 }
    ndis NDIS_MINIPORT_INIT_PARAMETERS 64 { Header 0, Flags 4, AllocatedResources 8,
        IMDeviceInstanceContext 16, MiniportAddDeviceContext 24, IfIndex 32, NetLuid 40,
        DefaultPortAuthStates 48, PciDeviceCustomProperties 56 }
    ndis NDIS_MINIPORT_RESTART_PARAMETERS 24 { Header 0, RestartAttributes 8, Flags 16 }
    ndis NDIS_MINIPORT_PAUSE_PARAMETERS 12 { Header 0, Flags 4, PauseReason 8 }
    ndis NDIS_RESTART_ATTRIBUTES 32 { Next 0, Oid 8, DataLength 12, Data 16 }
    ndis NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES 32 { Header 0, MiniportAdapterContext 8,
        AttributeFlags 16, CheckForHangTimeInSeconds 20, InterfaceType 24 }
    ndis NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES 24 { Header 0, MiniportAddDeviceContext 8,
        Flags 16 }
    ndis NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES 224 { Header 0, Flags 4, MediaType 8,
        PhysicalMediumType 12, MtuSize 16, MaxXmitLinkSpeed 24, XmitLinkSpeed 32, MaxRcvLinkSpeed 40,
        RcvLinkSpeed 48, MediaConnectState 56, MediaDuplexState 60, LookaheadSize 64,
        PowerManagementCapabilities 72, MacOptions 80, SupportedPacketFilters 84, MaxMulticastListSize 88,
        MacAddressLength 92, PermanentMacAddress 94, CurrentMacAddress 126, RecvScaleCapabilities 160,
        AccessType 168, DirectionType 172, ConnectionType 176, IfType 180, IfConnectorPresent 182,
        SupportedStatistics 184, SupportedPauseFunctions 188, DataBackFillSize 192, ContextBackFillSize 196,
        SupportedOidList 200, SupportedOidListLength 208, AutoNegotiationFlags 212,
        PowerManagementCapabilitiesEx 216 }
    ndis NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES 16 { Header 0, Enabled 4, NdkCapabilities 8 }
    ndis NDIS_PNP_CAPABILITIES 16 { Flags 0, WakeUpCapabilities 4 }
    ndis NDIS_PM_WAKE_UP_CAPABILITIES 12 { MinMagicPacketWakeUp 0, MinPatternWakeUp 4, MinLinkChangeWakeUp 8 }
    ndis NDIS_PM_CAPABILITIES 60 { Header 0, Flags 4, SupportedWoLPacketPatterns 8, NumTotalWoLPatterns 12,
        MaxWoLPatternSize 16, MaxWoLPatternOffset 20, MaxWoLPacketSaveBuffer 24,
        SupportedProtocolOffloads 28, NumArpOffloadIPv4Addresses 32, NumNSOffloadIPv6Addresses 36,
        MinMagicPacketWakeUp 40, MinPatternWakeUp 44, MinLinkChangeWakeUp 48, SupportedWakeUpEvents 52,
        MediaSpecificWakeUpEvents 56 }
    ndis NDIS_RECEIVE_SCALE_CAPABILITIES 20 { Header 0, CapabilitiesFlags 4, NumberOfInterruptMessages 8,
        NumberOfReceiveQueues 12, NumberOfIndirectionTableEntries 16 }
    ndis NDIS_RECEIVE_SCALE_PARAMETERS 44 { Header 0, Flags 4, BaseCpuNumber 6, HashInformation 8,
        IndirectionTableSize 12, IndirectionTableOffset 16, HashSecretKeySize 20, HashSecretKeyOffset 24,
        ProcessorMasksOffset 28, NumberOfProcessorMasks 32, ProcessorMasksEntrySize 36,
        DefaultProcessorNumber 40 }
    ndis NDIS_TCP_IP_CHECKSUM_OFFLOAD 32 { IPv4Transmit 0, IPv4Receive 8, IPv6Transmit 16, IPv6Receive 24 }
    ndis NDIS_TCP_LARGE_SEND_OFFLOAD_V2 28 { IPv4 0, IPv6 12 }
    ndis NDIS_OFFLOAD 188 { Header 0, Checksum 4, LsoV1 36, IPsecV1 52, LsoV2 80, Flags 108, IPsecV2 112,
        Rsc 144, EncapsulatedPacketTaskOffloadGre 148, EncapsulatedPacketTaskOffloadVxlan 156,
        EncapsulationTypes 176, Rfc6877Xlat 180 }
    ndis NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES 40 { Header 0, DefaultOffloadConfiguration 8,
        HardwareOffloadCapabilities 16, DefaultTcpConnectionOffloadConfiguration 24,
        TcpConnectionOffloadHardwareCapabilities 32 }
    ndis NDIS_OFFLOAD_PARAMETERS 32 { Header 0, IPv4Checksum 4, TCPIPv4Checksum 5, UDPIPv4Checksum 6,
        TCPIPv6Checksum 7, UDPIPv6Checksum 8, LsoV1 9, IPsecV1 10, LsoV2IPv4 11, LsoV2IPv6 12,
        TcpConnectionIPv4 13, TcpConnectionIPv6 14, Flags 16, IPsecV2 20, IPsecV2IPv4 21, RscIPv4 22,
        RscIPv6 23, EncapsulatedPacketTaskOffload 24, EncapsulationTypes 25,
        EncapsulationProtocolParameters 28 }
    ndis NDIS_OFFLOAD_ENCAPSULATION 28 { Header 0, IPv4 4, IPv6 16 }
    ndis NET_DEVICE_PNP_EVENT 48 { Header 0, PortNumber 4, DevicePnPEvent 8, InformationBuffer 16,
        InformationBufferLength 24, NdisReserved 28 }
    ndis NET_PNP_EVENT 152 { NetEvent 0, Buffer 8, BufferLength 16, NdisReserved 24, TransportReserved 56,
        TdiReserved 88, TdiClientReserved 120 }
    ndis NET_PNP_EVENT_NOTIFICATION 176 { Header 0, PortNumber 4, NetPnPEvent 8, Flags 160, SwitchId 164,
        VPortId 168 }
    ndis NDIS_MINIPORT_DRIVER_CHARACTERISTICS 160 { Header 0, MajorNdisVersion 4, MinorNdisVersion 5,
        MajorDriverVersion 6, MinorDriverVersion 7, Flags 8, SetOptionsHandler 16, InitializeHandlerEx 24,
        HaltHandlerEx 32, UnloadHandler 40, PauseHandler 48, RestartHandler 56, OidRequestHandler 64,
        SendNetBufferListsHandler 72, ReturnNetBufferListsHandler 80, CancelSendHandler 88,
        CheckForHangHandlerEx 96, ResetHandlerEx 104, DevicePnPEventNotifyHandler 112,
        ShutdownHandlerEx 120, CancelOidRequestHandler 128, DirectOidRequestHandler 136,
        CancelDirectOidRequestHandler 144, SynchronousOidRequestHandler 152 }
    ndis NDIS_MINIPORT_PNP_CHARACTERISTICS 48 { Header 0, MiniportAddDeviceHandler 8,
        MiniportRemoveDeviceHandler 16, MiniportFilterResourceRequirementsHandler 24,
        MiniportStartDeviceHandler 32, Flags 40 }
    ndis NDIS_NDK_PROVIDER_CHARACTERISTICS 24 { Header 0, Flags 4, OpenNDKAdapterHandler 8,
        CloseNDKAdapterHandler 16 }
    ndis NDIS_OPEN_NDK_ADAPTER_PARAMETERS 12 { Version 0, SwitchId 4, VPortId 8 }
    ndis CM_PARTIAL_RESOURCE_DESCRIPTOR 20 { Type 0, ShareDisposition 1, Flags 2, u 4 }
    ndis NDIS_OBJECT_HEADER 4 { Type 0, Revision 1, Size 2 }
    ndis CM_PARTIAL_RESOURCE_LIST 28 { Version 0, Revision 2, Count 4, PartialDescriptors 8 }
    ndis IO_INTERRUPT_MESSAGE_INFO_ENTRY 48 { MessageAddress 0, TargetProcessorSet 8, InterruptObject 16,
        MessageData 24, Vector 28, Irql 32, Mode 36, Polarity 40 }
    ndis IO_INTERRUPT_MESSAGE_INFO 56 { UnifiedIrql 0, MessageCount 4, MessageInfo 8 }
    ndis GROUP_AFFINITY 16 { Mask 0, Group 8, Reserved 10 }
    ndis PROCESSOR_NUMBER 4 { Group 0, Number 2, Reserved 3 }
    ndis NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS 96 { Header 0, InterruptHandler 8, InterruptDpcHandler 16,
        DisableInterruptHandler 24, EnableInterruptHandler 32, MsiSupported 40, MsiSyncWithAllMessages 41,
        MessageInterruptHandler 48, MessageInterruptDpcHandler 56, DisableMessageInterruptHandler 64,
        EnableMessageInterruptHandler 72, InterruptType 80, MessageInfoTable 88 }
    ndis NDIS_RECEIVE_THROTTLE_PARAMETERS 8 { MaxNblsToIndicate 0 }
    ndis NDIS_SG_DMA_DESCRIPTION 40 { Header 0, Flags 4, MaximumPhysicalMapping 8, ProcessSGListHandler 16,
        SharedMemAllocateCompleteHandler 24, ScatterGatherListSize 32 }
    ndis NDIS_TIMER_CHARACTERISTICS 24 { Header 0, AllocationTag 4, TimerFunction 8, FunctionContext 16 }
    ndis NDIS_EVENT 24 { Event 0 }
    ndis NDIS_CONFIGURATION_OBJECT 24 { Header 0, NdisHandle 8, Flags 16 }
    ndis NDIS_CONFIGURATION_PARAMETER 24 { ParameterType 0, ParameterData 8 }
    ndis NET_BUFFER_LIST 368 { Next 0, FirstNetBuffer 8, Context 16, ParentNetBufferList 24,
        NdisPoolHandle 32, NdisReserved 48, ProtocolReserved 64, MiniportReserved 96, Scratch 112,
        SourceHandle 120, NblFlags 128, ChildRefCount 132, Flags 136, Status 140, NetBufferListInfo 144 }
    ndis NET_BUFFER 176 { Next 0, CurrentMdl 8, CurrentMdlOffset 16, stDataLength 24, MdlChain 32,
        DataOffset 40, ChecksumBias 48, Reserved 50, NdisPoolHandle 56, NdisReserved 64,
        ProtocolReserved 80, MiniportReserved 128, DataPhysicalAddress 160, SharedMemoryInfo 168 }
    ndis NDK_VERSION 4 { Major 0, Minor 2 }
    ndis NDK_ADAPTER_INFO 104 { Version 0, VendorId 4, DeviceId 8, MaxRegistrationSize 16, MaxWindowSize 24,
        FRMRPageCount 32, MaxInitiatorRequestSge 36, MaxReceiveRequestSge 40, MaxReadRequestSge 44,
        MaxTransferLength 48, MaxInlineDataSize 52, MaxInboundReadLimit 56, MaxOutboundReadLimit 60,
        MaxReceiveQueueDepth 64, MaxInitiatorQueueDepth 68, MaxSrqDepth 72, MaxCqDepth 76,
        LargeRequestThreshold 80, MaxCallerData 84, MaxCalleeData 88, AdapterFlags 92, RdmaTechnology 96 }
    ndis NDIS_NDK_CAPABILITIES 56 { Header 0, Flags 4, MaxQpCount 8, MaxCqCount 12, MaxMrCount 16,
        MaxPdCount 20, MaxInboundReadLimit 24, MaxOutboundReadLimit 28, MaxMwCount 32, MaxSrqCount 36,
        MissingCounterMask 40, NdkInfo 48 }
    ndis NDIS_NDK_PERFORMANCE_COUNTERS 240 { Connect 0, Accept 8, ConnectFailure 16, ConnectionError 24,
        ActiveConnection 32, Reserved01 40, Reserved02 48, Reserved03 56, Reserved04 64, Reserved05 72,
        Reserved06 80, Reserved07 88, Reserved08 96, Reserved09 104, Reserved10 112, Reserved11 120,
        Reserved12 128, Reserved13 136, Reserved14 144, Reserved15 152, Reserved16 160, Reserved17 168,
        Reserved18 176, Reserved19 184, Reserved20 192, CQError 200, RDMAInOctets 208, RDMAOutOctets 216,
        RDMAInFrames 224, RDMAOutFrames 232 }
    ndis NDIS_NDK_STATISTICS_INFO 248 { Header 0, Flags 4, CounterSet 8 }
    ndis NDIS_NDK_CONNECTION_ENTRY 64 { Local 0, Remote 28, UserModeOwner 56, OwnerPid 60 }
    ndis NDIS_NDK_CONNECTIONS 80 { Header 0, Flags 4, Count 8, NDConnectionsMappedtoTCPConnections 12,
        Connections 16 }
    ndis NDIS_NDK_LOCAL_ENDPOINT_ENTRY 36 { Local 0, UserModeOwner 28, Listener 29, OwnerPid 32 }
    ndis NDIS_NDK_LOCAL_ENDPOINTS 52 { Header 0, Flags 4, Count 8,
        NDLocalEndpointsMappedtoTCPLocalEndpoints 12, LocalEndpoints 16 }
    ndis NDIS_OID_REQUEST 248 { Header 0, RequestType 4, PortNumber 8, Timeout 12, RequestId 16,
        RequestHandle 24, DATA 32, NdisReserved 72, MiniportReserved 200, SourceReserved 216,
        SupportedRevision 232, Reserved1 233, Reserved2 234, SwitchId 236, VPortId 240, Flags 244 }
    ndis NDIS_STATUS_INDICATION 112 { Header 0, SourceHandle 8, PortNumber 16, StatusCode 20, Flags 24,
        DestinationHandle 32, RequestId 40, StatusBuffer 48, StatusBufferSize 56, Guid 60, NdisReserved 80 }
    ndis NDIS_LINK_STATE 40 { Header 0, MediaConnectState 4, MediaDuplexState 8, XmitLinkSpeed 16,
        RcvLinkSpeed 24, PauseFunctions 32, AutoNegotiationFlags 36 }
    ndis NDIS_LINK_PARAMETERS 32 { Header 0, MediaDuplexState 4, XmitLinkSpeed 8, RcvLinkSpeed 16,
        PauseFunctions 24, AutoNegotiationFlags 28 }
    ndis NDIS_STATISTICS_INFO 152 { Header 0, SupportedStatistics 4, ifInDiscards 8, ifInErrors 16,
        ifHCInOctets 24, ifHCInUcastPkts 32, ifHCInMulticastPkts 40, ifHCInBroadcastPkts 48,
        ifHCOutOctets 56, ifHCOutUcastPkts 64, ifHCOutMulticastPkts 72, ifHCOutBroadcastPkts 80,
        ifOutErrors 88, ifOutDiscards 96, ifHCInUcastOctets 104, ifHCInMulticastOctets 112,
        ifHCInBroadcastOctets 120, ifHCOutUcastOctets 128, ifHCOutMulticastOctets 136,
        ifHCOutBroadcastOctets 144 }
    ndis NDIS_INTERRUPT_MODERATION_PARAMETERS 12 { Header 0, Flags 4, InterruptModeration 8 }
    ndis NDIS_PM_PARAMETERS 20 { Header 0, EnabledWoLPacketPatterns 4, EnabledProtocolOffloads 8,
        WakeUpFlags 12, MediaSpecificWakeUpEvents 16 }
    ndkpi NDK_ADAPTER_DISPATCH 72 { NdkQueryExtension 0, NdkQueryAdapterInfo 8, NdkCreateCq 16,
        NdkCreatePd 24, NdkCreateSharedEndpoint 32, NdkCreateConnector 40, NdkCreateListener 48,
        NdkBuildLAM 56, NdkReleaseLAM 64 }
    ndkpi NDK_CQ_DISPATCH 56 { NdkCloseCq 0, NdkQueryExtension 8, NdkResizeCq 16, NdkArmCq 24,
        NdkGetCqResults 32, NdkControlCqInterruptModeration 40, NdkGetCqResultsEx 48 }
    ndkpi NDK_PD_DISPATCH 64 { NdkClosePd 0, NdkQueryExtension 8, NdkCreateMr 16, NdkCreateMw 24,
        NdkCreateSrq 32, NdkCreateQp 40, NdkCreateQpWithSrq 48, NdkGetPrivilegedMemoryRegionToken 56 }
    ndkpi NDK_MR_DISPATCH 56 { NdkCloseMr 0, NdkQueryExtension 8, NdkRegisterMr 16, NdkDeregisterMr 24,
        NdkInitializeFastRegisterMr 32, NdkGetRemoteTokenFromMr 40, NdkGetLocalTokenFromMr 48 }
    ndkpi NDK_MW_DISPATCH 24 { NdkCloseMw 0, NdkQueryExtension 8, NdkGetRemoteTokenFromMw 16 }
    ndkpi NDK_SRQ_DISPATCH 32 { NdkCloseSrq 0, NdkQueryExtension 8, NdkModifySrq 16, NdkSrqReceive 24 }
    ndkpi NDK_QP_DISPATCH 88 { NdkCloseQp 0, NdkQueryExtension 8, NdkFlush 16, NdkSend 24, NdkReceive 32,
        NdkBind 40, NdkFastRegister 48, NdkInvalidate 56, NdkRead 64, NdkWrite 72, NdkSendAndInvalidate 80 }
    ndkpi NDK_SHARED_ENDPOINT_DISPATCH 24 { NdkCloseSharedEndpoint 0, NdkQueryExtension 8,
        NdkGetLocalAddress 16 }
    ndkpi NDK_CONNECTOR_DISPATCH 88 { NdkCloseConnector 0, NdkQueryExtension 8, NdkConnect 16,
        NdkConnectWithSharedEndpoint 24, NdkCompleteConnect 32, NdkAccept 40, NdkReject 48,
        NdkGetConnectionData 56, NdkGetLocalAddress 64, NdkGetPeerAddress 72, NdkDisconnect 80 }
    ndkpi NDK_LISTENER_DISPATCH 40 { NdkCloseListener 0, NdkQueryExtension 8, NdkListen 16,
        NdkGetLocalAddress 24, NdkControlConnectEvents 32 }
    ndkpi NDK_OBJECT_HEADER_RESERVED_BLOCK 32 { rf 0 }
    ndkpi NDK_OBJECT_HEADER 40 { Version 0, ObjectType 4, NdkReserved 8 }
    ndkpi NDK_ADAPTER 48 { Header 0, Dispatch 40 }
    ndkpi NDK_CQ 48 { Header 0, Dispatch 40 }
    ndkpi NDK_PD 48 { Header 0, Dispatch 40 }
    ndkpi NDK_MR 48 { Header 0, Dispatch 40 }
    ndkpi NDK_MW 48 { Header 0, Dispatch 40 }
    ndkpi NDK_SRQ 48 { Header 0, Dispatch 40 }
    ndkpi NDK_QP 48 { Header 0, Dispatch 40 }
    ndkpi NDK_SHARED_ENDPOINT 48 { Header 0, Dispatch 40 }
    ndkpi NDK_CONNECTOR 48 { Header 0, Dispatch 40 }
    ndkpi NDK_LISTENER 48 { Header 0, Dispatch 40 }
    ndkpi NDK_RESULT 24 { Status 0, BytesTransferred 4, QPContext 8, RequestContext 16 }
    ndkpi NDK_RESULT_EX 40 { Status 0, BytesTransferred 4, QPContext 8, RequestContext 16, Type 24,
        TypeSpecificCompletionOutput 32 }
    ndkpi NDK_LOGICAL_ADDRESS_MAPPING 24 { AdapterContext 0, AdapterPageCount 8, AdapterPageArray 16 }
    ndkpi NDK_SGE 16 { VirtualAddress 0, Length 8, MemoryRegionToken 12 }
    ndkpi NDK_EXTENSION_INTERFACE 8 { Dispatch 0 }
    netio SOCKADDR 16 { sa_family 0, sa_data 2 }
    netio SOCKADDR_IN 16 { sin_family 0, sin_port 2, sin_addr 4, sin_zero 8 }
    netio SOCKADDR_IN6 28 { sin6_family 0, sin6_port 2, sin6_flowinfo 4, sin6_addr 8, sin6_scope_id 24 }
    netio SOCKADDR_INET 28 { Ipv4 0, Ipv6 0, si_family 0 }
    netio IP_ADDRESS_PREFIX 32 { Prefix 0, PrefixLength 28 }
    netio MIB_UNICASTIPADDRESS_ROW 80 { Address 0, InterfaceLuid 32, InterfaceIndex 40, PrefixOrigin 44,
        SuffixOrigin 48, ValidLifetime 52, PreferredLifetime 56, OnLinkPrefixLength 60, SkipAsSource 61,
        DadState 64, ScopeId 68, CreationTimeStamp 72 }
    netio MIB_UNICASTIPADDRESS_TABLE 88 { NumEntries 0, Table 8 }
    netio MIB_IPFORWARD_ROW2 104 { InterfaceLuid 0, InterfaceIndex 8, DestinationPrefix 12, NextHop 44,
        SitePrefixLength 72, ValidLifetime 76, PreferredLifetime 80, Metric 84, Protocol 88, Loopback 92,
        AutoconfigureAddress 93, Publish 94, Immortal 95, Age 96, Origin 100 }
    netio MIB_IPNET_ROW2 88 { Address 0, InterfaceIndex 28, InterfaceLuid 32, PhysicalAddress 40,
        PhysicalAddressLength 72, State 76, Flags 80, ReachabilityTime 84 }
}

/// What is not as it is published.
fn complaints(types: &[Checked]) -> Vec<String> {
    let each = types
        .iter()
        .flat_map(|one| one.facts.iter().map(move |fact| (one.name, fact)));
    each.filter(|(_, (_, ours, published))| ours != published)
        .map(|(name, (what, ours, published))| format!("{name}, {what}: {ours}, published {published}"))
        .collect()
}

#[test]
fn windows_types_are_as_published() {
    let types = checked();
    let wrong = complaints(&types);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let facts: usize = types.iter().map(|one| one.facts.len()).sum();
    assert!(facts > 800, "{facts} facts");
}

/// A type that lies otherwise is found.
#[test]
fn a_wrong_offset_is_found() {
    let one = Checked {
        name: "TYPE",
        facts: vec![("Right", 8, 8), ("Wrong", 8, 16)],
    };
    assert_eq!(complaints(&[one]), ["TYPE, Wrong: 8, published 16"]);
}

/// Structures and unions of C in a source file, by name.
fn declared(text: &str, found: &mut BTreeSet<String>) {
    let file = syn::parse_file(text).expect("a source file");
    for item in file.items {
        let (attributes, name) = match item {
            syn::Item::Struct(item) => (item.attrs, item.ident),
            syn::Item::Union(item) => (item.attrs, item.ident),
            _ => continue,
        };
        let is_c = |attribute: &syn::Attribute| {
            let list = attribute.meta.require_list().ok();
            let first = list.and_then(|list| list.tokens.clone().into_iter().next());
            attribute.path().is_ident("repr") && first.is_some_and(|word| word.to_string() == "C")
        };
        if attributes.iter().any(is_c) {
            found.insert(name.to_string());
        }
    }
}

fn walk(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            declared(&fs::read_to_string(&path).expect("a source file"), found);
        }
    }
}

/// No type of the driver's is left out.
#[test]
fn every_windows_type_is_checked() {
    let mut declared = BTreeSet::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys"),
        &mut declared,
    );
    let mut known: BTreeSet<_> = checked().iter().map(|one| one.name.to_owned()).collect();
    known.extend(UNNAMED.map(str::to_owned));
    let difference: Vec<_> = declared.symmetric_difference(&known).collect();
    assert!(difference.is_empty(), "{difference:?}");
}
