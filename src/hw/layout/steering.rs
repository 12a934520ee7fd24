//! Flow tables, groups and entries of the receive side.

layout! {
    /// `flow_table_context`, 40 bytes.
    pub struct FlowTableContext: 0x28 {
        bits reformat_en, set_reformat_en: 0x00[31:31];
        bits decap_en, set_decap_en: 0x00[30:30];
        bits sw_owner, set_sw_owner: 0x00[29:29];
        bits termination_table, set_termination_table: 0x00[28:28];
        bits table_miss_action, set_table_miss_action: 0x00[27:24];
        bits level, set_level: 0x00[23:16];
        bits rtc_valid, set_rtc_valid: 0x00[15:15];
        bits log_size, set_log_size: 0x00[7:0];
        bits table_miss_id, set_table_miss_id: 0x04[23:0];
        bits lag_master_next_table_id, set_lag_master_next_table_id: 0x08[23:0];
        bytes sws, set_sws: 0x18[16];
        bytes hws, set_hws: 0x18[16];
    }
}

layout! {
    /// `create_flow_table_in`, 64 bytes.
    pub struct CreateFlowTableIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        nested flow_table_context, flow_table_context_mut: 0x18[FlowTableContext];
    }
}

layout! {
    /// `create_flow_table_out`, 16 bytes.
    pub struct CreateFlowTableOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits icm_address_63_40, set_icm_address_63_40: 0x00[23:0];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits icm_address_39_32, set_icm_address_39_32: 0x08[31:24];
        bits table_id, set_table_id: 0x08[23:0];
        bits icm_address_31_0, set_icm_address_31_0: 0x0c[31:0];
    }
}

layout! {
    /// `destroy_flow_table_in`, 64 bytes.
    pub struct DestroyFlowTableIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
    }
}

layout! {
    /// `modify_flow_table_in`, 64 bytes.
    pub struct ModifyFlowTableIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits modify_field_select, set_modify_field_select: 0x0c[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        nested flow_table_context, flow_table_context_mut: 0x18[FlowTableContext];
    }
}

layout! {
    /// `set_flow_table_root_in`, 64 bytes.
    pub struct SetFlowTableRootIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x0c[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits table_of_other_vport, set_table_of_other_vport: 0x10[16:16];
        bits table_vport_number, set_table_vport_number: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        bits underlay_qpn, set_underlay_qpn: 0x18[23:0];
        bits table_eswitch_owner_vhca_id_valid, set_table_eswitch_owner_vhca_id_valid: 0x1c[31:31];
        bits table_eswitch_owner_vhca_id, set_table_eswitch_owner_vhca_id: 0x1c[15:0];
    }
}

layout! {
    /// `fte_match_set_lyr_2_4`, 64 bytes.
    pub struct FteMatchSetLyr24: 0x40 {
        bits smac_47_16, set_smac_47_16: 0x00[31:0];
        bits smac_15_0, set_smac_15_0: 0x04[31:16];
        bits ethertype, set_ethertype: 0x04[15:0];
        bits dmac_47_16, set_dmac_47_16: 0x08[31:0];
        bits dmac_15_0, set_dmac_15_0: 0x0c[31:16];
        bits first_prio, set_first_prio: 0x0c[15:13];
        bits first_cfi, set_first_cfi: 0x0c[12:12];
        bits first_vid, set_first_vid: 0x0c[11:0];
        bits ip_protocol, set_ip_protocol: 0x10[31:24];
        bits ip_dscp, set_ip_dscp: 0x10[23:18];
        bits ip_ecn, set_ip_ecn: 0x10[17:16];
        bits cvlan_tag, set_cvlan_tag: 0x10[15:15];
        bits svlan_tag, set_svlan_tag: 0x10[14:14];
        bits frag, set_frag: 0x10[13:13];
        bits ip_version, set_ip_version: 0x10[12:9];
        bits tcp_flags, set_tcp_flags: 0x10[8:0];
        bits tcp_sport, set_tcp_sport: 0x14[31:16];
        bits tcp_dport, set_tcp_dport: 0x14[15:0];
        bits l4_type, set_l4_type: 0x18[31:30];
        bits ipv4_ihl, set_ipv4_ihl: 0x18[15:12];
        bits ttl_hoplimit, set_ttl_hoplimit: 0x18[7:0];
        bits udp_sport, set_udp_sport: 0x1c[31:16];
        bits udp_dport, set_udp_dport: 0x1c[15:0];
        bytes src_ipv4_src_ipv6, set_src_ipv4_src_ipv6: 0x20[16];
        bytes dst_ipv4_dst_ipv6, set_dst_ipv4_dst_ipv6: 0x30[16];
    }
}

layout! {
    /// `fte_match_param`, 512 bytes, of which a function without tunnels uses the outer headers.
    pub struct FteMatchParam: 0x200 {
        nested outer_headers, outer_headers_mut: 0x00[FteMatchSetLyr24];
    }
}

layout! {
    /// `create_flow_group_in`, 1024 bytes.
    pub struct CreateFlowGroupIn: 0x400 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits group_type, set_group_type: 0x10[19:16];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        bits source_eswitch_owner_vhca_id_valid, set_source_eswitch_owner_vhca_id_valid: 0x18[31:31];
        bits start_flow_index, set_start_flow_index: 0x1c[31:0];
        bits end_flow_index, set_end_flow_index: 0x24[31:0];
        bits match_definer_id, set_match_definer_id: 0x28[15:0];
        bits match_criteria_enable, set_match_criteria_enable: 0x3c[7:0];
        nested match_criteria, match_criteria_mut: 0x40[FteMatchParam];
    }
}

layout! {
    /// `create_flow_group_out`, 16 bytes.
    pub struct CreateFlowGroupOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits group_id, set_group_id: 0x08[23:0];
    }
}

layout! {
    /// `destroy_flow_group_in`, 64 bytes.
    pub struct DestroyFlowGroupIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        bits group_id, set_group_id: 0x18[31:0];
    }
}

layout! {
    /// `flow_context`, 768 bytes.
    pub struct FlowContext: 0x300 {
        bits push_vlan, set_push_vlan: 0x00[31:0];
        bits group_id, set_group_id: 0x04[31:0];
        bits flow_tag, set_flow_tag: 0x08[23:0];
        bits action, set_action: 0x0c[15:0];
        bits destination_list_size, set_destination_list_size: 0x10[23:0];
        bits flow_counter_list_size, set_flow_counter_list_size: 0x14[23:0];
        nested match_value, match_value_mut: 0x40[FteMatchParam];
    }
}

layout! {
    /// `set_fte_in`, 832 bytes.
    pub struct SetFteIn: 0x340 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        bits ignore_flow_level, set_ignore_flow_level: 0x18[31:31];
        bits modify_enable_mask, set_modify_enable_mask: 0x18[7:0];
        bits flow_index, set_flow_index: 0x20[31:0];
        nested flow_context, flow_context_mut: 0x40[FlowContext];
    }
}

layout! {
    /// `delete_fte_in`, 64 bytes.
    pub struct DeleteFteIn: 0x40 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits other_eswitch, set_other_eswitch: 0x08[30:30];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits table_type, set_table_type: 0x10[31:24];
        bits eswitch_owner_vhca_id, set_eswitch_owner_vhca_id: 0x10[15:0];
        bits table_id, set_table_id: 0x14[23:0];
        bits flow_index, set_flow_index: 0x20[31:0];
    }
}

layout! {
    /// `dest_format_struct`, 8 bytes.
    pub struct DestFormatStruct: 0x8 {
        bits destination_type, set_destination_type: 0x00[31:24];
        bits destination_id, set_destination_id: 0x00[23:0];
        bits destination_eswitch_owner_vhca_id_valid, set_destination_eswitch_owner_vhca_id_valid: 0x04[31:31];
        bits packet_reformat, set_packet_reformat: 0x04[30:30];
        bits destination_table_type, set_destination_table_type: 0x04[23:16];
        bits destination_eswitch_owner_vhca_id, set_destination_eswitch_owner_vhca_id: 0x04[15:0];
    }
}
