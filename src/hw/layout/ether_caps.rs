//! Capabilities of the Ethernet path: offloads, flow tables.

layout! {
    /// `per_protocol_networking_offload_caps`, 256 bytes.
    pub struct EthernetOffloadCaps: 0x100 {
        bits csum_cap, set_csum_cap: 0x00[31:31];
        bits vlan_cap, set_vlan_cap: 0x00[30:30];
        bits wqe_vlan_insert, set_wqe_vlan_insert: 0x00[24:24];
        bits self_lb_en_modifiable, set_self_lb_en_modifiable: 0x00[23:23];
        bits max_lso_cap, set_max_lso_cap: 0x00[20:16];
        bits wqe_inline_mode, set_wqe_inline_mode: 0x00[13:12];
        bits rss_ind_tbl_cap, set_rss_ind_tbl_cap: 0x00[11:8];
        bits scatter_fcs, set_scatter_fcs: 0x00[6:6];
        bits swp, set_swp: 0x04[31:31];
    }
}

layout! {
    /// `flow_table_prop_layout`, 64 bytes.
    pub struct FlowTablePropLayout: 0x40 {
        bits ft_support, set_ft_support: 0x00[31:31];
        bits flow_modify_en, set_flow_modify_en: 0x00[28:28];
        bits modify_root, set_modify_root: 0x00[27:27];
        bits flow_table_modify, set_flow_table_modify: 0x00[25:25];
        bits log_max_ft_size, set_log_max_ft_size: 0x04[29:24];
        bits max_ft_level, set_max_ft_level: 0x04[7:0];
        bits log_max_ft_num, set_log_max_ft_num: 0x0c[7:0];
        bits log_max_destination, set_log_max_destination: 0x10[7:0];
        bits log_max_flow, set_log_max_flow: 0x14[7:0];
        nested ft_field_support, ft_field_support_mut: 0x20[FlowTableFieldsSupported];
    }
}

layout! {
    /// `flow_table_fields_supported`, 16 bytes.
    pub struct FlowTableFieldsSupported: 0x10 {
        bits outer_dmac, set_outer_dmac: 0x00[31:31];
        bits outer_smac, set_outer_smac: 0x00[30:30];
        bits outer_ether_type, set_outer_ether_type: 0x00[29:29];
        bits outer_ip_version, set_outer_ip_version: 0x00[28:28];
        bits outer_first_prio, set_outer_first_prio: 0x00[27:27];
        bits outer_first_vid, set_outer_first_vid: 0x00[25:25];
        bits outer_ip_protocol, set_outer_ip_protocol: 0x00[16:16];
        bits outer_udp_dport, set_outer_udp_dport: 0x00[12:12];
    }
}

layout! {
    /// `flow_table_nic_cap`, 512 bytes of 4096: those of the receive side.
    pub struct FlowTableNicCap: 0x200 {
        nested flow_table_properties_nic_receive, flow_table_properties_nic_receive_mut: 0x40[FlowTablePropLayout];
    }
}
