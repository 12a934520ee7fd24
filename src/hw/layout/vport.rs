//! NIC vport context, vport state, RoCE addresses.

layout! {
    /// `nic_vport_context`, 256 bytes.
    pub struct NicVportContext: 0x100 {
        bits min_wqe_inline_mode, set_min_wqe_inline_mode: 0x00[26:24];
        bits disable_mc_local_lb, set_disable_mc_local_lb: 0x00[2:2];
        bits disable_uc_local_lb, set_disable_uc_local_lb: 0x00[1:1];
        bits roce_en, set_roce_en: 0x00[0:0];
        bits arm_change_event, set_arm_change_event: 0x04[31:31];
        bits event_on_mtu, set_event_on_mtu: 0x04[4:4];
        bits event_on_promisc_change, set_event_on_promisc_change: 0x04[3:3];
        bits event_on_vlan_change, set_event_on_vlan_change: 0x04[2:2];
        bits event_on_mc_address_change, set_event_on_mc_address_change: 0x04[1:1];
        bits event_on_uc_address_change, set_event_on_uc_address_change: 0x04[0:0];
        bits vhca_id_type, set_vhca_id_type: 0x08[31:31];
        bits affiliation_criteria, set_affiliation_criteria: 0x08[19:16];
        bits affiliated_vhca_id, set_affiliated_vhca_id: 0x08[15:0];
        bits sd_group, set_sd_group: 0x20[30:28];
        bits mtu, set_mtu: 0x24[15:0];
        qword system_image_guid, set_system_image_guid: 0x28[63:0];
        qword port_guid, set_port_guid: 0x30[63:0];
        qword node_guid, set_node_guid: 0x38[63:0];
        bits qkey_violation_counter, set_qkey_violation_counter: 0x68[31:16];
        bits promisc_uc, set_promisc_uc: 0xf0[31:31];
        bits promisc_mc, set_promisc_mc: 0xf0[30:30];
        bits promisc_all, set_promisc_all: 0xf0[29:29];
        bits allowed_list_type, set_allowed_list_type: 0xf0[26:24];
        bits allowed_list_size, set_allowed_list_size: 0xf0[11:0];
        nested permanent_address, permanent_address_mut: 0xf4[MacAddressLayout];
    }
}

layout! {
    /// `query_nic_vport_context_in`, 16 bytes.
    pub struct QueryNicVportContextIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits allowed_list_type, set_allowed_list_type: 0x0c[26:24];
    }
}

layout! {
    /// `query_nic_vport_context_out`, 272 bytes.
    pub struct QueryNicVportContextOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested nic_vport_context, nic_vport_context_mut: 0x10[NicVportContext];
    }
}

layout! {
    /// `modify_nic_vport_context_in`, 512 bytes.
    pub struct ModifyNicVportContextIn: 0x200 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits vport_number, set_vport_number: 0x08[15:0];
        nested field_select, field_select_mut: 0x0c[ModifyNicVportFieldSelect];
        nested nic_vport_context, nic_vport_context_mut: 0x100[NicVportContext];
    }
}

layout! {
    /// `modify_nic_vport_field_select`, 4 bytes.
    pub struct ModifyNicVportFieldSelect: 0x4 {
        bits affiliation, set_affiliation: 0x00[13:13];
        bits disable_uc_local_lb, set_disable_uc_local_lb: 0x00[11:11];
        bits disable_mc_local_lb, set_disable_mc_local_lb: 0x00[10:10];
        bits node_guid, set_node_guid: 0x00[9:9];
        bits port_guid, set_port_guid: 0x00[8:8];
        bits min_inline, set_min_inline: 0x00[7:7];
        bits mtu, set_mtu: 0x00[6:6];
        bits change_event, set_change_event: 0x00[5:5];
        bits promisc, set_promisc: 0x00[4:4];
        bits permanent_address, set_permanent_address: 0x00[3:3];
        bits addresses_list, set_addresses_list: 0x00[2:2];
        bits roce_en, set_roce_en: 0x00[1:1];
    }
}

layout! {
    /// `mac_address_layout`, 8 bytes.
    pub struct MacAddressLayout: 0x8 {
        bits mac_addr_47_32, set_mac_addr_47_32: 0x00[15:0];
        bits mac_addr_31_0, set_mac_addr_31_0: 0x04[31:0];
    }
}

layout! {
    /// `query_vport_state_in`, 16 bytes.
    pub struct QueryVportStateIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits vport_number, set_vport_number: 0x08[15:0];
    }
}

layout! {
    /// `query_vport_state_out`, 16 bytes.
    pub struct QueryVportStateOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits admin_state, set_admin_state: 0x0c[7:4];
        bits state, set_state: 0x0c[3:0];
    }
}

layout! {
    /// `modify_vport_state_in`, 16 bytes.
    pub struct ModifyVportStateIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits ingress_connect, set_ingress_connect: 0x0c[15:15];
        bits egress_connect, set_egress_connect: 0x0c[14:14];
        bits ingress_connect_valid, set_ingress_connect_valid: 0x0c[13:13];
        bits egress_connect_valid, set_egress_connect_valid: 0x0c[12:12];
        bits admin_state, set_admin_state: 0x0c[7:4];
    }
}

layout! {
    /// `roce_addr_layout`, 32 bytes.
    pub struct RoceAddrLayout: 0x20 {
        bytes source_l3_address, set_source_l3_address: 0x00[16];
        bits vlan_valid, set_vlan_valid: 0x10[28:28];
        bits vlan_id, set_vlan_id: 0x10[27:16];
        bits source_mac_47_32, set_source_mac_47_32: 0x10[15:0];
        bits source_mac_31_0, set_source_mac_31_0: 0x14[31:0];
        bits roce_l3_type, set_roce_l3_type: 0x18[11:8];
        bits roce_version, set_roce_version: 0x18[7:0];
    }
}

layout! {
    /// `set_roce_address_in`, 48 bytes.
    pub struct SetRoceAddressIn: 0x30 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits roce_address_index, set_roce_address_index: 0x08[31:16];
        bits vhca_port_num, set_vhca_port_num: 0x08[3:0];
        nested roce_address, roce_address_mut: 0x10[RoceAddrLayout];
    }
}

layout! {
    /// `query_roce_address_in`, 16 bytes.
    pub struct QueryRoceAddressIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits roce_address_index, set_roce_address_index: 0x08[31:16];
        bits vhca_port_num, set_vhca_port_num: 0x08[3:0];
    }
}

layout! {
    /// `query_roce_address_out`, 48 bytes.
    pub struct QueryRoceAddressOut: 0x30 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested roce_address, roce_address_mut: 0x10[RoceAddrLayout];
    }
}
