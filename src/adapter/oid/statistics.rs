//! Statistics: the device's counters of the port, and the provider's (rules STAT-01 to STAT-03, ADAPTER-42 to ADAPTER-45).

use super::{Adapter, request::Request, request::bytes_of};
use crate::{
    hw::commands::{
        counter::{QueryVportCounter, Traffic, VportCounters},
        register::{read_interface_counters, received_discards},
    },
    nt::{Passive, Status},
    sys::ndis::{
        self, NDIS_NDK_STATISTICS_INFO, NDIS_NDK_STATISTICS_INFO_REVISION_1, NDIS_OBJECT_HEADER,
        NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATISTICS_INFO, NDIS_STATISTICS_INFO_REVISION_1,
    },
};

/// All counters of `NDIS_STATISTICS_INFO` are valid (the `NDIS_STATISTICS_FLAGS_VALID_*` family).
const ALL_VALID: u32 = ndis::NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS
    | ndis::NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR
    | ndis::NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR
    | ndis::NDIS_STATISTICS_FLAGS_VALID_XMIT_DISCARDS
    | ndis::NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_RCV
    | ndis::NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_XMIT
    | ndis::NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_XMIT;

/// What the device says for the general statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    port: VportCounters,
    /// What the port dropped; `None` where the device does not say.
    discards: Option<u64>,
}

impl Adapter {
    /// Looks at what the general statistics are made of.
    pub(super) fn look_at_counters(&self, passive: Passive<'_>) -> Result<Counters, Status> {
        Ok(Counters {
            port: self.counters(passive)?,
            discards: self.received_discards(passive),
        })
    }

    /// Answers the general statistics. RDMA traffic is in them (rule ADAPTER-50).
    pub(super) fn reply_statistics(&self, request: &mut Request, counters: &Counters) -> Status {
        let received = Direction::received(&counters.port);
        let sent = Direction::sent(&counters.port);
        match request.oid() {
            ndis::OID_GEN_RCV_OK => request.reply_counter(received.frames()),
            ndis::OID_GEN_XMIT_OK => request.reply_counter(sent.frames()),
            _ => {
                let statistics = self.statistics(&counters.port, counters.discards, (received, sent));
                // SAFETY: the fields leave no gap: 4 and 4 bytes, then numbers of 8 bytes each.
                request.reply(unsafe { bytes_of(&statistics) })
            }
        }
    }

    /// Looks at what the Network Direct statistics are made of; a device that does not count traffic has no counters (rule ADAPTER-45).
    pub(super) fn network_direct_counters(&self, passive: Passive<'_>) -> Result<VportCounters, Status> {
        if self.counts_traffic() {
            self.counters(passive)
        } else {
            Ok(VportCounters::default())
        }
    }

    /// Answers the Network Direct statistics.
    pub(super) fn reply_network_direct_statistics(
        &self,
        request: &mut Request,
        counters: VportCounters,
    ) -> Status {
        let Some(provider) = self.provider.get() else {
            return Status::NDIS_NOT_ACCEPTED;
        };
        let mut set = provider.counters_now();
        set.RDMAInFrames = counters.received_rdma.packets;
        set.RDMAInOctets = counters.received_rdma.octets;
        set.RDMAOutFrames = counters.sent_rdma.packets;
        set.RDMAOutOctets = counters.sent_rdma.octets;
        let statistics = NDIS_NDK_STATISTICS_INFO {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: NDIS_NDK_STATISTICS_INFO_REVISION_1 as u8,
                Size: size_of::<NDIS_NDK_STATISTICS_INFO>() as u16,
            },
            Flags: 0,
            CounterSet: set,
        };
        // SAFETY: the fields leave no gap: 4 and 4 bytes, then numbers of 8 bytes each.
        request.reply(unsafe { bytes_of(&statistics) })
    }

    fn counts_traffic(&self) -> bool {
        self.device
            .get()
            .is_some_and(|device| device.caps().vport_counters)
    }

    /// The device's counters, as they are now (rule STAT-02).
    fn counters(&self, passive: Passive<'_>) -> Result<VportCounters, Status> {
        let device = self.device.get().ok_or(Status::NDIS_NOT_ACCEPTED)?;
        device
            .commander()
            .execute(&QueryVportCounter {}, passive)
            .map_err(|_| Status::UNSUCCESSFUL)
    }

    /// What the port dropped, as it is now; `None` where the device does not say: virtual functions may not see the port.
    fn received_discards(&self, passive: Passive<'_>) -> Option<u64> {
        let counters = self
            .device
            .get()?
            .commander()
            .execute(&read_interface_counters(), passive);
        counters.ok().as_ref().map(received_discards)
    }

    /// A counter that is not counted is not said to be valid.
    fn statistics(
        &self,
        counters: &VportCounters,
        discards: Option<u64>,
        (received, sent): (Direction, Direction),
    ) -> NDIS_STATISTICS_INFO {
        let uncounted = match discards {
            Some(_) => 0,
            None => ndis::NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS,
        };
        let ((unsent, failed), (bad, untaken)) =
            self.ether.get().map_or(((0, 0), (0, 0)), |ether| ether.lost());
        NDIS_STATISTICS_INFO {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: NDIS_STATISTICS_INFO_REVISION_1 as u8,
                Size: size_of::<NDIS_STATISTICS_INFO>() as u16,
            },
            SupportedStatistics: ALL_VALID & !uncounted,
            ifInDiscards: discards.unwrap_or(0) + untaken,
            ifInErrors: counters.receive_errors.packets + bad,
            ifHCInOctets: received.octets(),
            ifHCInUcastPkts: received.unicast.packets,
            ifHCInMulticastPkts: received.multicast.packets,
            ifHCInBroadcastPkts: received.broadcast.packets,
            ifHCOutOctets: sent.octets(),
            ifHCOutUcastPkts: sent.unicast.packets,
            ifHCOutMulticastPkts: sent.multicast.packets,
            ifHCOutBroadcastPkts: sent.broadcast.packets,
            ifOutErrors: counters.transmit_errors.packets + failed,
            ifOutDiscards: unsent,
            ifHCInUcastOctets: received.unicast.octets,
            ifHCInMulticastOctets: received.multicast.octets,
            ifHCInBroadcastOctets: received.broadcast.octets,
            ifHCOutUcastOctets: sent.unicast.octets,
            ifHCOutMulticastOctets: sent.multicast.octets,
            ifHCOutBroadcastOctets: sent.broadcast.octets,
        }
    }
}

/// Traffic of one direction, Ethernet and RDMA together.
#[derive(Clone, Copy, Debug)]
struct Direction {
    unicast: Traffic,
    multicast: Traffic,
    broadcast: Traffic,
}

impl Direction {
    fn received(counters: &VportCounters) -> Self {
        Self {
            unicast: counters.received_unicast + counters.received_rdma,
            multicast: counters.received_multicast + counters.received_rdma_multicast,
            broadcast: counters.received_broadcast,
        }
    }

    fn sent(counters: &VportCounters) -> Self {
        Self {
            unicast: counters.sent_unicast + counters.sent_rdma,
            multicast: counters.sent_multicast + counters.sent_rdma_multicast,
            broadcast: counters.sent_broadcast,
        }
    }

    fn frames(self) -> u64 {
        (self.unicast + self.multicast + self.broadcast).packets
    }

    fn octets(self) -> u64 {
        (self.unicast + self.multicast + self.broadcast).octets
    }
}
