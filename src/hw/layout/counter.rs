//! Traffic counters of a vport.

layout! {
    /// `traffic_counter`, 16 bytes.
    pub struct TrafficCounter: 0x10 {
        qword packets, set_packets: 0x00[63:0];
        qword octets, set_octets: 0x08[63:0];
    }
}

layout! {
    /// `query_vport_counter_in`, 32 bytes.
    pub struct QueryVportCounterIn: 0x20 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits port_num, set_port_num: 0x08[19:16];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits clear, set_clear: 0x18[31:31];
    }
}

layout! {
    /// `query_vport_counter_out`, 528 bytes.
    pub struct QueryVportCounterOut: 0x210 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested received_errors, received_errors_mut: 0x10[TrafficCounter];
        nested transmit_errors, transmit_errors_mut: 0x20[TrafficCounter];
        nested received_ib_unicast, received_ib_unicast_mut: 0x30[TrafficCounter];
        nested transmitted_ib_unicast, transmitted_ib_unicast_mut: 0x40[TrafficCounter];
        nested received_ib_multicast, received_ib_multicast_mut: 0x50[TrafficCounter];
        nested transmitted_ib_multicast, transmitted_ib_multicast_mut: 0x60[TrafficCounter];
        nested received_eth_broadcast, received_eth_broadcast_mut: 0x70[TrafficCounter];
        nested transmitted_eth_broadcast, transmitted_eth_broadcast_mut: 0x80[TrafficCounter];
        nested received_eth_unicast, received_eth_unicast_mut: 0x90[TrafficCounter];
        nested transmitted_eth_unicast, transmitted_eth_unicast_mut: 0xa0[TrafficCounter];
        nested received_eth_multicast, received_eth_multicast_mut: 0xb0[TrafficCounter];
        nested transmitted_eth_multicast, transmitted_eth_multicast_mut: 0xc0[TrafficCounter];
        nested local_loopback, local_loopback_mut: 0xd0[TrafficCounter];
    }
}
