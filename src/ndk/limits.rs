//! What the adapter can do, in the structures that NDIS and consumers read.

use core::net::SocketAddr;

use super::services::{Config, Counters};
use crate::{
    cm::{MAX_CALLEE_DATA, MAX_CALLER_DATA, ReadLimits},
    hw::caps::Caps,
    nt::sync::{AtomicU64, Ordering},
    sys::{
        ndis::{
            NDIS_NDK_CAPABILITIES, NDIS_NDK_CAPABILITIES_REVISION_1, NDIS_NDK_CONNECTION_ENTRY,
            NDIS_NDK_LOCAL_ENDPOINT_ENTRY, NDIS_NDK_PERFORMANCE_COUNTERS, NDIS_OBJECT_HEADER,
            NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_NDK_CAPABILITIES_REVISION_1, NDK_ADAPTER_INFO, NDK_VERSION,
        },
        ndkpi::{
            NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED,
            NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED, NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED,
            NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED, NdkRoCEv2,
        },
        netio::{SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_INET},
    },
};

/// The vendor's OUI.
const VENDOR: u32 = 0x0000_02c9;
/// Bytes of one request at most: what the device's messages hold less the sign bit of lengths.
pub const MAX_TRANSFER: u32 = 1 << 30;
/// Bytes of a registration: its page list is one command's input.
const MAX_REGISTRATION: usize = 64 << 20;
/// Pages of a fast registration: an unaligned 1 MiB and more. A list of them is one page, for each request that a queue pair of a
/// domain with such regions holds.
const FAST_PAGES: u32 = 512;
/// Pieces of a request, where the device's elements are that long: an unaligned 64 KiB has 17 pages.
const MAX_SGES: u32 = 32;
/// Bytes of a piece in an element of a queue, and of all that may come before the pieces.
const SEGMENT: u32 = 16;
const HEAD: u32 = 2 * SEGMENT;
/// Bytes of inline data: with these a request fits 256 bytes, the least that devices take.
const MAX_INLINE: u32 = 220;
/// log2 of the longest queue: a 16-bit counter tells its elements apart.
const LOG_QUEUE: u32 = 15;
/// log2 of the blocks of 64 bytes that a request of the deepest send queue has: a send of seven pieces, a write or read of six. Queues up to
/// a ninth of the device's longest hold as many of the longest requests as they are deep (QP-14); in deeper ones longer requests
/// take the room of others, and one that finds none is refused as by a full queue (QP-13).
const LOG_BLOCKS: u32 = 1;
/// Above this many bytes a read or write costs less than sends: a page of protocol data and its copies.
const LARGE_REQUEST: u32 = 8192;
/// `RDMAInOctets` to `RDMAOutFrames` as bits of a mask of counters (ADAPTER-43, ADAPTER-45).
const TRAFFIC_COUNTERS: u64 = 0xf << 26;
/// Windows, domains, regions: the device has more than that, memory decides.
const MANY: u32 = 1 << 16;

/// The limits as every open reports them; the version is that of the highest grant (ADAPTER-14).
pub fn adapter_info(caps: &Caps, config: &Config) -> NDK_ADAPTER_INFO {
    let elements = 1 << caps.log_max_qp_blocks.min(LOG_QUEUE);
    let send_sges = MAX_SGES.min((caps.max_send_wqe - HEAD) / SEGMENT);
    // Elements of the receive queue have a power of two of segments.
    let receive_sges = MAX_SGES.min(1 << (caps.max_receive_wqe / SEGMENT).ilog2());
    let moderation = if caps.cq_moderation {
        NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED
    } else {
        0
    };
    NDK_ADAPTER_INFO {
        Version: NDK_VERSION { Major: 2, Minor: 0 },
        VendorId: VENDOR,
        DeviceId: u32::from(config.device_id),
        MaxRegistrationSize: MAX_REGISTRATION,
        // Windows cannot be bound.
        MaxWindowSize: 0,
        FRMRPageCount: FAST_PAGES,
        MaxInitiatorRequestSge: send_sges,
        MaxReceiveRequestSge: receive_sges,
        MaxReadRequestSge: send_sges,
        MaxTransferLength: MAX_TRANSFER.min(1 << caps.log_max_message.min(31)),
        MaxInlineDataSize: MAX_INLINE,
        MaxInboundReadLimit: 1 << caps.log_max_responder_reads,
        MaxOutboundReadLimit: 1 << caps.log_max_initiator_reads,
        MaxReceiveQueueDepth: elements,
        MaxInitiatorQueueDepth: elements >> LOG_BLOCKS,
        // No shared receive queues (SRQ-01).
        MaxSrqDepth: 0,
        // One element stays free.
        MaxCqDepth: (1 << caps.log_max_cq_entries) - 1,
        LargeRequestThreshold: LARGE_REQUEST,
        MaxCallerData: MAX_CALLER_DATA as u32,
        MaxCalleeData: MAX_CALLEE_DATA as u32,
        AdapterFlags: NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED
            | NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED
            | NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED
            | moderation,
        RdmaTechnology: NdkRoCEv2,
    }
}

/// What NDIS is told at initialization; points at `info`.
pub fn capabilities(caps: &Caps, info: &mut NDK_ADAPTER_INFO) -> NDIS_NDK_CAPABILITIES {
    NDIS_NDK_CAPABILITIES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT as _,
            Revision: NDIS_NDK_CAPABILITIES_REVISION_1 as _,
            Size: NDIS_SIZEOF_NDK_CAPABILITIES_REVISION_1 as _,
        },
        Flags: 0,
        MaxQpCount: 1 << caps.log_max_qps.min(30),
        MaxCqCount: MANY,
        MaxMrCount: MANY,
        MaxPdCount: MANY,
        MaxInboundReadLimit: 0,
        MaxOutboundReadLimit: 0,
        MaxMwCount: 0,
        MaxSrqCount: 0,
        MissingCounterMask: if caps.vport_counters { 0 } else { TRAFFIC_COUNTERS },
        NdkInfo: info,
    }
}

/// The provider's counters in the structure of `OID_NDK_STATISTICS`.
pub fn performance_counters(counters: &Counters) -> NDIS_NDK_PERFORMANCE_COUNTERS {
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    NDIS_NDK_PERFORMANCE_COUNTERS {
        Connect: value(&counters.connect),
        Accept: value(&counters.accept),
        ConnectFailure: value(&counters.connect_failure),
        ConnectionError: value(&counters.connection_error),
        ActiveConnection: value(&counters.active),
        CQError: value(&counters.cq_error),
        // Reserved, or the adapter's to fill in.
        ..Default::default()
    }
}

/// The limits of a consumer, capped to the adapter's (CONN-10).
pub fn cap(info: &NDK_ADAPTER_INFO, limits: ReadLimits) -> ReadLimits {
    let most = |limit: u32| u8::try_from(limit).unwrap_or(u8::MAX);
    ReadLimits {
        inbound: limits.inbound.min(most(info.MaxInboundReadLimit)),
        outbound: limits.outbound.min(most(info.MaxOutboundReadLimit)),
    }
}

/// A line of `OID_NDK_CONNECTIONS`.
pub fn connection_entry(local: SocketAddr, remote: SocketAddr) -> NDIS_NDK_CONNECTION_ENTRY {
    NDIS_NDK_CONNECTION_ENTRY {
        Local: inet(local),
        Remote: inet(remote),
        UserModeOwner: 0,
        OwnerPid: 0,
    }
}

/// A line of `OID_NDK_LOCAL_ENDPOINTS`.
pub fn endpoint_entry(local: SocketAddr, listener: bool) -> NDIS_NDK_LOCAL_ENDPOINT_ENTRY {
    let listener = u8::from(listener);
    NDIS_NDK_LOCAL_ENDPOINT_ENTRY {
        Local: inet(local),
        UserModeOwner: 0,
        Listener: listener,
        OwnerPid: 0,
    }
}

fn inet(address: SocketAddr) -> SOCKADDR_INET {
    /// Address families.
    const AF_INET: u16 = 2;
    const AF_INET6: u16 = 23;
    // A whole IPv6 address first, so that no byte of the union is undefined.
    let mut v6 = SOCKADDR_IN6 {
        sin6_family: AF_INET6,
        sin6_port: address.port().to_be(),
        sin6_flowinfo: 0,
        sin6_addr: [0; 16],
        sin6_scope_id: 0,
    };
    match address {
        SocketAddr::V6(address) => {
            v6.sin6_addr = address.ip().octets();
            v6.sin6_flowinfo = address.flowinfo().to_be();
            v6.sin6_scope_id = address.scope_id();
            SOCKADDR_INET { Ipv6: v6 }
        }
        SocketAddr::V4(address) => {
            let mut inet = SOCKADDR_INET { Ipv6: v6 };
            inet.Ipv4 = SOCKADDR_IN {
                sin_family: AF_INET,
                sin_port: address.port().to_be(),
                sin_addr: address.ip().octets(),
                sin_zero: [0; 8],
            };
            inet
        }
    }
}
