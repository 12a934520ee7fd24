//! Enumerations of NDIS.

/// `NDIS_DEVICE_PNP_EVENT`.
pub type NDIS_DEVICE_PNP_EVENT = i32;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventQueryRemoved: NDIS_DEVICE_PNP_EVENT = 0;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventRemoved: NDIS_DEVICE_PNP_EVENT = 1;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventSurpriseRemoved: NDIS_DEVICE_PNP_EVENT = 2;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventQueryStopped: NDIS_DEVICE_PNP_EVENT = 3;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventStopped: NDIS_DEVICE_PNP_EVENT = 4;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventPowerProfileChanged: NDIS_DEVICE_PNP_EVENT = 5;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventFilterListChanged: NDIS_DEVICE_PNP_EVENT = 6;
/// Of [`NDIS_DEVICE_PNP_EVENT`].
pub const NdisDevicePnPEventMaximum: NDIS_DEVICE_PNP_EVENT = 7;

/// `NDIS_DEVICE_POWER_STATE`.
pub type NDIS_DEVICE_POWER_STATE = i32;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateUnspecified: NDIS_DEVICE_POWER_STATE = 0;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateD0: NDIS_DEVICE_POWER_STATE = 1;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateD1: NDIS_DEVICE_POWER_STATE = 2;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateD2: NDIS_DEVICE_POWER_STATE = 3;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateD3: NDIS_DEVICE_POWER_STATE = 4;
/// Of [`NDIS_DEVICE_POWER_STATE`].
pub const NdisDeviceStateMaximum: NDIS_DEVICE_POWER_STATE = 5;

/// `NDIS_HALT_ACTION`.
pub type NDIS_HALT_ACTION = i32;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceDisabled: NDIS_HALT_ACTION = 0;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceInstanceDeInitialized: NDIS_HALT_ACTION = 1;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDevicePoweredDown: NDIS_HALT_ACTION = 2;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceSurpriseRemoved: NDIS_HALT_ACTION = 3;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceFailed: NDIS_HALT_ACTION = 4;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceInitializationFailed: NDIS_HALT_ACTION = 5;
/// Of [`NDIS_HALT_ACTION`].
pub const NdisHaltDeviceStopped: NDIS_HALT_ACTION = 6;

/// `NDIS_INTERFACE_TYPE`.
pub type NDIS_INTERFACE_TYPE = i32;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceInternal: NDIS_INTERFACE_TYPE = 0;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceIsa: NDIS_INTERFACE_TYPE = 1;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceEisa: NDIS_INTERFACE_TYPE = 2;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceMca: NDIS_INTERFACE_TYPE = 3;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceTurboChannel: NDIS_INTERFACE_TYPE = 4;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfacePci: NDIS_INTERFACE_TYPE = 5;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfacePcMcia: NDIS_INTERFACE_TYPE = 8;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceCBus: NDIS_INTERFACE_TYPE = 9;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceMPIBus: NDIS_INTERFACE_TYPE = 10;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceMPSABus: NDIS_INTERFACE_TYPE = 11;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceProcessorInternal: NDIS_INTERFACE_TYPE = 12;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceInternalPowerBus: NDIS_INTERFACE_TYPE = 13;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfacePNPISABus: NDIS_INTERFACE_TYPE = 14;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfacePNPBus: NDIS_INTERFACE_TYPE = 15;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceUSB: NDIS_INTERFACE_TYPE = 16;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterfaceIrda: NDIS_INTERFACE_TYPE = 17;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisInterface1394: NDIS_INTERFACE_TYPE = 18;
/// Of [`NDIS_INTERFACE_TYPE`].
pub const NdisMaximumInterfaceType: NDIS_INTERFACE_TYPE = 19;

/// `NDIS_INTERRUPT_MODERATION`.
pub type NDIS_INTERRUPT_MODERATION = i32;
/// Of [`NDIS_INTERRUPT_MODERATION`].
pub const NdisInterruptModerationUnknown: NDIS_INTERRUPT_MODERATION = 0;
/// Of [`NDIS_INTERRUPT_MODERATION`].
pub const NdisInterruptModerationNotSupported: NDIS_INTERRUPT_MODERATION = 1;
/// Of [`NDIS_INTERRUPT_MODERATION`].
pub const NdisInterruptModerationEnabled: NDIS_INTERRUPT_MODERATION = 2;
/// Of [`NDIS_INTERRUPT_MODERATION`].
pub const NdisInterruptModerationDisabled: NDIS_INTERRUPT_MODERATION = 3;

/// `NDIS_INTERRUPT_TYPE`.
pub type NDIS_INTERRUPT_TYPE = i32;
/// Of [`NDIS_INTERRUPT_TYPE`].
pub const NDIS_CONNECT_LINE_BASED: NDIS_INTERRUPT_TYPE = 1;
/// Of [`NDIS_INTERRUPT_TYPE`].
pub const NDIS_CONNECT_MESSAGE_BASED: NDIS_INTERRUPT_TYPE = 2;

/// `NDIS_MEDIA_CONNECT_STATE`.
pub type NDIS_MEDIA_CONNECT_STATE = i32;
/// Of [`NDIS_MEDIA_CONNECT_STATE`].
pub const MediaConnectStateUnknown: NDIS_MEDIA_CONNECT_STATE = 0;
/// Of [`NDIS_MEDIA_CONNECT_STATE`].
pub const MediaConnectStateConnected: NDIS_MEDIA_CONNECT_STATE = 1;
/// Of [`NDIS_MEDIA_CONNECT_STATE`].
pub const MediaConnectStateDisconnected: NDIS_MEDIA_CONNECT_STATE = 2;

/// `NDIS_MEDIA_DUPLEX_STATE`.
pub type NDIS_MEDIA_DUPLEX_STATE = i32;
/// Of [`NDIS_MEDIA_DUPLEX_STATE`].
pub const MediaDuplexStateUnknown: NDIS_MEDIA_DUPLEX_STATE = 0;
/// Of [`NDIS_MEDIA_DUPLEX_STATE`].
pub const MediaDuplexStateHalf: NDIS_MEDIA_DUPLEX_STATE = 1;
/// Of [`NDIS_MEDIA_DUPLEX_STATE`].
pub const MediaDuplexStateFull: NDIS_MEDIA_DUPLEX_STATE = 2;

/// `NDIS_MEDIA_STATE`.
pub type NDIS_MEDIA_STATE = i32;
/// Of [`NDIS_MEDIA_STATE`].
pub const NdisMediaStateConnected: NDIS_MEDIA_STATE = 0;
/// Of [`NDIS_MEDIA_STATE`].
pub const NdisMediaStateDisconnected: NDIS_MEDIA_STATE = 1;

/// `NDIS_MEDIUM`.
pub type NDIS_MEDIUM = i32;
/// Of [`NDIS_MEDIUM`].
pub const NdisMedium802_3: NDIS_MEDIUM = 0;
/// Of [`NDIS_MEDIUM`].
pub const NdisMedium802_5: NDIS_MEDIUM = 1;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumFddi: NDIS_MEDIUM = 2;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumWan: NDIS_MEDIUM = 3;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumLocalTalk: NDIS_MEDIUM = 4;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumDix: NDIS_MEDIUM = 5;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumArcnetRaw: NDIS_MEDIUM = 6;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumArcnet878_2: NDIS_MEDIUM = 7;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumAtm: NDIS_MEDIUM = 8;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumWirelessWan: NDIS_MEDIUM = 9;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumIrda: NDIS_MEDIUM = 10;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumBpc: NDIS_MEDIUM = 11;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumCoWan: NDIS_MEDIUM = 12;
/// Of [`NDIS_MEDIUM`].
pub const NdisMedium1394: NDIS_MEDIUM = 13;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumInfiniBand: NDIS_MEDIUM = 14;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumTunnel: NDIS_MEDIUM = 15;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumNative802_11: NDIS_MEDIUM = 16;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumLoopback: NDIS_MEDIUM = 17;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumWiMAX: NDIS_MEDIUM = 18;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumIP: NDIS_MEDIUM = 19;
/// Of [`NDIS_MEDIUM`].
pub const NdisMediumMax: NDIS_MEDIUM = 20;

/// `NDIS_PARAMETER_TYPE`.
pub type NDIS_PARAMETER_TYPE = i32;
/// Of [`NDIS_PARAMETER_TYPE`].
pub const NdisParameterInteger: NDIS_PARAMETER_TYPE = 0;
/// Of [`NDIS_PARAMETER_TYPE`].
pub const NdisParameterHexInteger: NDIS_PARAMETER_TYPE = 1;
/// Of [`NDIS_PARAMETER_TYPE`].
pub const NdisParameterString: NDIS_PARAMETER_TYPE = 2;
/// Of [`NDIS_PARAMETER_TYPE`].
pub const NdisParameterMultiString: NDIS_PARAMETER_TYPE = 3;
/// Of [`NDIS_PARAMETER_TYPE`].
pub const NdisParameterBinary: NDIS_PARAMETER_TYPE = 4;

/// `NDIS_PHYSICAL_MEDIUM`.
pub type NDIS_PHYSICAL_MEDIUM = i32;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumUnspecified: NDIS_PHYSICAL_MEDIUM = 0;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumWirelessLan: NDIS_PHYSICAL_MEDIUM = 1;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumCableModem: NDIS_PHYSICAL_MEDIUM = 2;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumPhoneLine: NDIS_PHYSICAL_MEDIUM = 3;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumPowerLine: NDIS_PHYSICAL_MEDIUM = 4;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumDSL: NDIS_PHYSICAL_MEDIUM = 5;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumFibreChannel: NDIS_PHYSICAL_MEDIUM = 6;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMedium1394: NDIS_PHYSICAL_MEDIUM = 7;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumWirelessWan: NDIS_PHYSICAL_MEDIUM = 8;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumNative802_11: NDIS_PHYSICAL_MEDIUM = 9;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumBluetooth: NDIS_PHYSICAL_MEDIUM = 10;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumInfiniband: NDIS_PHYSICAL_MEDIUM = 11;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumWiMax: NDIS_PHYSICAL_MEDIUM = 12;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumUWB: NDIS_PHYSICAL_MEDIUM = 13;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMedium802_3: NDIS_PHYSICAL_MEDIUM = 14;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMedium802_5: NDIS_PHYSICAL_MEDIUM = 15;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumIrda: NDIS_PHYSICAL_MEDIUM = 16;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumWiredWAN: NDIS_PHYSICAL_MEDIUM = 17;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumWiredCoWan: NDIS_PHYSICAL_MEDIUM = 18;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumOther: NDIS_PHYSICAL_MEDIUM = 19;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumNative802_15_4: NDIS_PHYSICAL_MEDIUM = 20;
/// Of [`NDIS_PHYSICAL_MEDIUM`].
pub const NdisPhysicalMediumMax: NDIS_PHYSICAL_MEDIUM = 21;

/// `NDIS_REQUEST_TYPE`.
pub type NDIS_REQUEST_TYPE = i32;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestQueryInformation: NDIS_REQUEST_TYPE = 0;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestSetInformation: NDIS_REQUEST_TYPE = 1;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestQueryStatistics: NDIS_REQUEST_TYPE = 2;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestOpen: NDIS_REQUEST_TYPE = 3;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestClose: NDIS_REQUEST_TYPE = 4;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestSend: NDIS_REQUEST_TYPE = 5;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestTransferData: NDIS_REQUEST_TYPE = 6;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestReset: NDIS_REQUEST_TYPE = 7;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestGeneric1: NDIS_REQUEST_TYPE = 8;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestGeneric2: NDIS_REQUEST_TYPE = 9;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestGeneric3: NDIS_REQUEST_TYPE = 10;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestGeneric4: NDIS_REQUEST_TYPE = 11;
/// Of [`NDIS_REQUEST_TYPE`].
pub const NdisRequestMethod: NDIS_REQUEST_TYPE = 12;

/// `NDIS_SHUTDOWN_ACTION`.
pub type NDIS_SHUTDOWN_ACTION = i32;
/// Of [`NDIS_SHUTDOWN_ACTION`].
pub const NdisShutdownPowerOff: NDIS_SHUTDOWN_ACTION = 0;
/// Of [`NDIS_SHUTDOWN_ACTION`].
pub const NdisShutdownBugCheck: NDIS_SHUTDOWN_ACTION = 1;

/// `NDIS_SUPPORTED_PAUSE_FUNCTIONS`.
pub type NDIS_SUPPORTED_PAUSE_FUNCTIONS = i32;
/// Of [`NDIS_SUPPORTED_PAUSE_FUNCTIONS`].
pub const NdisPauseFunctionsUnsupported: NDIS_SUPPORTED_PAUSE_FUNCTIONS = 0;
/// Of [`NDIS_SUPPORTED_PAUSE_FUNCTIONS`].
pub const NdisPauseFunctionsSendOnly: NDIS_SUPPORTED_PAUSE_FUNCTIONS = 1;
/// Of [`NDIS_SUPPORTED_PAUSE_FUNCTIONS`].
pub const NdisPauseFunctionsReceiveOnly: NDIS_SUPPORTED_PAUSE_FUNCTIONS = 2;
/// Of [`NDIS_SUPPORTED_PAUSE_FUNCTIONS`].
pub const NdisPauseFunctionsSendAndReceive: NDIS_SUPPORTED_PAUSE_FUNCTIONS = 3;
/// Of [`NDIS_SUPPORTED_PAUSE_FUNCTIONS`].
pub const NdisPauseFunctionsUnknown: NDIS_SUPPORTED_PAUSE_FUNCTIONS = 4;

/// `NET_DEVICE_PNP_EVENT_CODE`.
pub type NET_DEVICE_PNP_EVENT_CODE = i32;

/// `NET_IF_ACCESS_TYPE`.
pub type NET_IF_ACCESS_TYPE = i32;
/// Of [`NET_IF_ACCESS_TYPE`].
pub const NET_IF_ACCESS_LOOPBACK: NET_IF_ACCESS_TYPE = 1;
/// Of [`NET_IF_ACCESS_TYPE`].
pub const NET_IF_ACCESS_BROADCAST: NET_IF_ACCESS_TYPE = 2;
/// Of [`NET_IF_ACCESS_TYPE`].
pub const NET_IF_ACCESS_POINT_TO_POINT: NET_IF_ACCESS_TYPE = 3;
/// Of [`NET_IF_ACCESS_TYPE`].
pub const NET_IF_ACCESS_POINT_TO_MULTI_POINT: NET_IF_ACCESS_TYPE = 4;
/// Of [`NET_IF_ACCESS_TYPE`].
pub const NET_IF_ACCESS_MAXIMUM: NET_IF_ACCESS_TYPE = 5;

/// `NET_IF_CONNECTION_TYPE`.
pub type NET_IF_CONNECTION_TYPE = i32;
/// Of [`NET_IF_CONNECTION_TYPE`].
pub const NET_IF_CONNECTION_DEDICATED: NET_IF_CONNECTION_TYPE = 1;
/// Of [`NET_IF_CONNECTION_TYPE`].
pub const NET_IF_CONNECTION_PASSIVE: NET_IF_CONNECTION_TYPE = 2;
/// Of [`NET_IF_CONNECTION_TYPE`].
pub const NET_IF_CONNECTION_DEMAND: NET_IF_CONNECTION_TYPE = 3;
/// Of [`NET_IF_CONNECTION_TYPE`].
pub const NET_IF_CONNECTION_MAXIMUM: NET_IF_CONNECTION_TYPE = 4;

/// `NET_IF_DIRECTION_TYPE`.
pub type NET_IF_DIRECTION_TYPE = i32;
/// Of [`NET_IF_DIRECTION_TYPE`].
pub const NET_IF_DIRECTION_SENDRECEIVE: NET_IF_DIRECTION_TYPE = 0;
/// Of [`NET_IF_DIRECTION_TYPE`].
pub const NET_IF_DIRECTION_SENDONLY: NET_IF_DIRECTION_TYPE = 1;
/// Of [`NET_IF_DIRECTION_TYPE`].
pub const NET_IF_DIRECTION_RECEIVEONLY: NET_IF_DIRECTION_TYPE = 2;
/// Of [`NET_IF_DIRECTION_TYPE`].
pub const NET_IF_DIRECTION_MAXIMUM: NET_IF_DIRECTION_TYPE = 3;

/// `NET_PNP_EVENT_CODE`.
pub type NET_PNP_EVENT_CODE = i32;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventSetPower: NET_PNP_EVENT_CODE = 0;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventQueryPower: NET_PNP_EVENT_CODE = 1;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventQueryRemoveDevice: NET_PNP_EVENT_CODE = 2;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventCancelRemoveDevice: NET_PNP_EVENT_CODE = 3;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventReconfigure: NET_PNP_EVENT_CODE = 4;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventBindList: NET_PNP_EVENT_CODE = 5;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventBindsComplete: NET_PNP_EVENT_CODE = 6;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventPnPCapabilities: NET_PNP_EVENT_CODE = 7;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventPause: NET_PNP_EVENT_CODE = 8;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventRestart: NET_PNP_EVENT_CODE = 9;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventPortActivation: NET_PNP_EVENT_CODE = 10;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventPortDeactivation: NET_PNP_EVENT_CODE = 11;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventIMReEnableDevice: NET_PNP_EVENT_CODE = 12;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventNDKEnable: NET_PNP_EVENT_CODE = 13;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventNDKDisable: NET_PNP_EVENT_CODE = 14;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventFilterPreDetach: NET_PNP_EVENT_CODE = 15;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventBindFailed: NET_PNP_EVENT_CODE = 16;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventSwitchActivate: NET_PNP_EVENT_CODE = 17;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventAllowBindsAbove: NET_PNP_EVENT_CODE = 18;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventInhibitBindsAbove: NET_PNP_EVENT_CODE = 19;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventAllowStart: NET_PNP_EVENT_CODE = 20;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventRequirePause: NET_PNP_EVENT_CODE = 21;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventUploadGftFlowEntries: NET_PNP_EVENT_CODE = 22;
/// Of [`NET_PNP_EVENT_CODE`].
pub const NetEventMaximum: NET_PNP_EVENT_CODE = 23;
