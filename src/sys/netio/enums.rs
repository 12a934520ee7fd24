//! Enumerations of the IP helper interface.

/// `NL_DAD_STATE`.
pub type NL_DAD_STATE = i32;
/// Of [`NL_DAD_STATE`].
pub const NldsInvalid: NL_DAD_STATE = 0;
/// Of [`NL_DAD_STATE`].
pub const NldsTentative: NL_DAD_STATE = 1;
/// Of [`NL_DAD_STATE`].
pub const NldsDuplicate: NL_DAD_STATE = 2;
/// Of [`NL_DAD_STATE`].
pub const NldsDeprecated: NL_DAD_STATE = 3;
/// Of [`NL_DAD_STATE`].
pub const NldsPreferred: NL_DAD_STATE = 4;
/// Of [`NL_DAD_STATE`].
pub const IpDadStateInvalid: NL_DAD_STATE = 0;
/// Of [`NL_DAD_STATE`].
pub const IpDadStateTentative: NL_DAD_STATE = 1;
/// Of [`NL_DAD_STATE`].
pub const IpDadStateDuplicate: NL_DAD_STATE = 2;
/// Of [`NL_DAD_STATE`].
pub const IpDadStateDeprecated: NL_DAD_STATE = 3;
/// Of [`NL_DAD_STATE`].
pub const IpDadStatePreferred: NL_DAD_STATE = 4;

/// `MIB_NOTIFICATION_TYPE`.
pub type MIB_NOTIFICATION_TYPE = i32;
/// Of [`MIB_NOTIFICATION_TYPE`].
pub const MibParameterNotification: MIB_NOTIFICATION_TYPE = 0;
/// Of [`MIB_NOTIFICATION_TYPE`].
pub const MibAddInstance: MIB_NOTIFICATION_TYPE = 1;
/// Of [`MIB_NOTIFICATION_TYPE`].
pub const MibDeleteInstance: MIB_NOTIFICATION_TYPE = 2;
/// Of [`MIB_NOTIFICATION_TYPE`].
pub const MibInitialNotification: MIB_NOTIFICATION_TYPE = 3;

/// `NL_NEIGHBOR_STATE`.
pub type NL_NEIGHBOR_STATE = i32;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsUnreachable: NL_NEIGHBOR_STATE = 0;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsIncomplete: NL_NEIGHBOR_STATE = 1;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsProbe: NL_NEIGHBOR_STATE = 2;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsDelay: NL_NEIGHBOR_STATE = 3;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsStale: NL_NEIGHBOR_STATE = 4;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsReachable: NL_NEIGHBOR_STATE = 5;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsPermanent: NL_NEIGHBOR_STATE = 6;
/// Of [`NL_NEIGHBOR_STATE`].
pub const NlnsMaximum: NL_NEIGHBOR_STATE = 7;

/// `NL_PREFIX_ORIGIN`.
pub type NL_PREFIX_ORIGIN = i32;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginOther: NL_PREFIX_ORIGIN = 0;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginManual: NL_PREFIX_ORIGIN = 1;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginWellKnown: NL_PREFIX_ORIGIN = 2;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginDhcp: NL_PREFIX_ORIGIN = 3;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginRouterAdvertisement: NL_PREFIX_ORIGIN = 4;
/// Of [`NL_PREFIX_ORIGIN`].
pub const IpPrefixOriginUnchanged: NL_PREFIX_ORIGIN = 16;

/// `NL_ROUTE_ORIGIN`.
pub type NL_ROUTE_ORIGIN = i32;
/// Of [`NL_ROUTE_ORIGIN`].
pub const NlroManual: NL_ROUTE_ORIGIN = 0;
/// Of [`NL_ROUTE_ORIGIN`].
pub const NlroWellKnown: NL_ROUTE_ORIGIN = 1;
/// Of [`NL_ROUTE_ORIGIN`].
pub const NlroDHCP: NL_ROUTE_ORIGIN = 2;
/// Of [`NL_ROUTE_ORIGIN`].
pub const NlroRouterAdvertisement: NL_ROUTE_ORIGIN = 3;
/// Of [`NL_ROUTE_ORIGIN`].
pub const Nlro6to4: NL_ROUTE_ORIGIN = 4;

/// `NL_ROUTE_PROTOCOL`.
pub type NL_ROUTE_PROTOCOL = i32;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolOther: NL_ROUTE_PROTOCOL = 1;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolLocal: NL_ROUTE_PROTOCOL = 2;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolNetMgmt: NL_ROUTE_PROTOCOL = 3;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolIcmp: NL_ROUTE_PROTOCOL = 4;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolEgp: NL_ROUTE_PROTOCOL = 5;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolGgp: NL_ROUTE_PROTOCOL = 6;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolHello: NL_ROUTE_PROTOCOL = 7;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolRip: NL_ROUTE_PROTOCOL = 8;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolIsIs: NL_ROUTE_PROTOCOL = 9;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolEsIs: NL_ROUTE_PROTOCOL = 10;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolCisco: NL_ROUTE_PROTOCOL = 11;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolBbn: NL_ROUTE_PROTOCOL = 12;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolOspf: NL_ROUTE_PROTOCOL = 13;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolBgp: NL_ROUTE_PROTOCOL = 14;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolIdpr: NL_ROUTE_PROTOCOL = 15;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolEigrp: NL_ROUTE_PROTOCOL = 16;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolDvmrp: NL_ROUTE_PROTOCOL = 17;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolRpl: NL_ROUTE_PROTOCOL = 18;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const RouteProtocolDhcp: NL_ROUTE_PROTOCOL = 19;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_OTHER: NL_ROUTE_PROTOCOL = 1;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_OTHER: NL_ROUTE_PROTOCOL = 1;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_LOCAL: NL_ROUTE_PROTOCOL = 2;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_LOCAL: NL_ROUTE_PROTOCOL = 2;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_NETMGMT: NL_ROUTE_PROTOCOL = 3;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_NETMGMT: NL_ROUTE_PROTOCOL = 3;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_ICMP: NL_ROUTE_PROTOCOL = 4;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_ICMP: NL_ROUTE_PROTOCOL = 4;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_EGP: NL_ROUTE_PROTOCOL = 5;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_EGP: NL_ROUTE_PROTOCOL = 5;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_GGP: NL_ROUTE_PROTOCOL = 6;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_GGP: NL_ROUTE_PROTOCOL = 6;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_HELLO: NL_ROUTE_PROTOCOL = 7;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_HELLO: NL_ROUTE_PROTOCOL = 7;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_RIP: NL_ROUTE_PROTOCOL = 8;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_RIP: NL_ROUTE_PROTOCOL = 8;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_IS_IS: NL_ROUTE_PROTOCOL = 9;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_IS_IS: NL_ROUTE_PROTOCOL = 9;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_ES_IS: NL_ROUTE_PROTOCOL = 10;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_ES_IS: NL_ROUTE_PROTOCOL = 10;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_CISCO: NL_ROUTE_PROTOCOL = 11;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_CISCO: NL_ROUTE_PROTOCOL = 11;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_BBN: NL_ROUTE_PROTOCOL = 12;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_BBN: NL_ROUTE_PROTOCOL = 12;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_OSPF: NL_ROUTE_PROTOCOL = 13;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_OSPF: NL_ROUTE_PROTOCOL = 13;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_BGP: NL_ROUTE_PROTOCOL = 14;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_BGP: NL_ROUTE_PROTOCOL = 14;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_IDPR: NL_ROUTE_PROTOCOL = 15;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_IDPR: NL_ROUTE_PROTOCOL = 15;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_EIGRP: NL_ROUTE_PROTOCOL = 16;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_EIGRP: NL_ROUTE_PROTOCOL = 16;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_DVMRP: NL_ROUTE_PROTOCOL = 17;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_DVMRP: NL_ROUTE_PROTOCOL = 17;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_RPL: NL_ROUTE_PROTOCOL = 18;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_RPL: NL_ROUTE_PROTOCOL = 18;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_DHCP: NL_ROUTE_PROTOCOL = 19;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_DHCP: NL_ROUTE_PROTOCOL = 19;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_NT_AUTOSTATIC: NL_ROUTE_PROTOCOL = 10002;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_NT_AUTOSTATIC: NL_ROUTE_PROTOCOL = 10002;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_NT_STATIC: NL_ROUTE_PROTOCOL = 10006;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_NT_STATIC: NL_ROUTE_PROTOCOL = 10006;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const MIB_IPPROTO_NT_STATIC_NON_DOD: NL_ROUTE_PROTOCOL = 10007;
/// Of [`NL_ROUTE_PROTOCOL`].
pub const PROTO_IP_NT_STATIC_NON_DOD: NL_ROUTE_PROTOCOL = 10007;

/// `NL_SUFFIX_ORIGIN`.
pub type NL_SUFFIX_ORIGIN = i32;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoOther: NL_SUFFIX_ORIGIN = 0;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoManual: NL_SUFFIX_ORIGIN = 1;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoWellKnown: NL_SUFFIX_ORIGIN = 2;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoDhcp: NL_SUFFIX_ORIGIN = 3;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoLinkLayerAddress: NL_SUFFIX_ORIGIN = 4;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const NlsoRandom: NL_SUFFIX_ORIGIN = 5;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginOther: NL_SUFFIX_ORIGIN = 0;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginManual: NL_SUFFIX_ORIGIN = 1;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginWellKnown: NL_SUFFIX_ORIGIN = 2;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginDhcp: NL_SUFFIX_ORIGIN = 3;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginLinkLayerAddress: NL_SUFFIX_ORIGIN = 4;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginRandom: NL_SUFFIX_ORIGIN = 5;
/// Of [`NL_SUFFIX_ORIGIN`].
pub const IpSuffixOriginUnchanged: NL_SUFFIX_ORIGIN = 16;

/// `AF_INET`.
pub const AF_INET: u32 = 0x2;

/// `AF_INET6`.
pub const AF_INET6: u32 = 0x17;

/// `AF_UNSPEC`.
pub const AF_UNSPEC: u32 = 0x0;
