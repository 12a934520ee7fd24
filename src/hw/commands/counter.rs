//! Counters of the traffic that passed the virtual port.

use core::ops::Add;

use super::{
    super::layout::{QueryVportCounterIn, QueryVportCounterOut, TrafficCounter},
    command,
};

/// Frames and their bytes, layer 2 included.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// Frames.
    pub packets: u64,
    /// Bytes.
    pub octets: u64,
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets.wrapping_add(other.packets),
            octets: self.octets.wrapping_add(other.octets),
        }
    }
}

impl From<&TrafficCounter> for Traffic {
    fn from(counter: &TrafficCounter) -> Self {
        Self {
            packets: counter.packets(),
            octets: counter.octets(),
        }
    }
}

/// What passed the virtual port since it exists. RDMA traffic is counted apart from Ethernet traffic.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct VportCounters {
    pub receive_errors: Traffic,
    pub transmit_errors: Traffic,
    pub received_rdma: Traffic,
    pub sent_rdma: Traffic,
    pub received_rdma_multicast: Traffic,
    pub sent_rdma_multicast: Traffic,
    pub received_broadcast: Traffic,
    pub sent_broadcast: Traffic,
    pub received_unicast: Traffic,
    pub sent_unicast: Traffic,
    pub received_multicast: Traffic,
    pub sent_multicast: Traffic,
}

command! {
    /// Asks for the counters of the virtual port (connectx interface, section 15).
    pub struct QueryVportCounter {}
    QUERY_VPORT_COUNTER, QueryVportCounterIn as |_this, _input| {},
    QueryVportCounterOut -> VportCounters as |output| {
        Ok(VportCounters {
            receive_errors: output.received_errors().into(),
            transmit_errors: output.transmit_errors().into(),
            received_rdma: output.received_ib_unicast().into(),
            sent_rdma: output.transmitted_ib_unicast().into(),
            received_rdma_multicast: output.received_ib_multicast().into(),
            sent_rdma_multicast: output.transmitted_ib_multicast().into(),
            received_broadcast: output.received_eth_broadcast().into(),
            sent_broadcast: output.transmitted_eth_broadcast().into(),
            received_unicast: output.received_eth_unicast().into(),
            sent_unicast: output.transmitted_eth_unicast().into(),
            received_multicast: output.received_eth_multicast().into(),
            sent_multicast: output.transmitted_eth_multicast().into(),
        })
    }
}
