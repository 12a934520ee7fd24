//! Access registers.

layout! {
    /// `access_register_in`, 16 bytes.
    pub struct AccessRegisterIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits register_id, set_register_id: 0x08[15:0];
        bits argument, set_argument: 0x0c[31:0];
    }
}

layout! {
    /// `access_register_out`, 16 bytes.
    pub struct AccessRegisterOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
    }
}

layout! {
    /// `register_host_endianness`, 16 bytes.
    pub struct RegisterHostEndianness: 0x10 {
        bits he, set_he: 0x00[31:31];
    }
}

layout! {
    /// `ptys_reg`, 64 bytes.
    pub struct PtysReg: 0x40 {
        bits an_disable_admin, set_an_disable_admin: 0x00[30:30];
        bits an_disable_cap, set_an_disable_cap: 0x00[29:29];
        bits local_port, set_local_port: 0x00[23:16];
        bits plane_ind, set_plane_ind: 0x00[7:4];
        bits proto_mask, set_proto_mask: 0x00[2:0];
        bits an_status, set_an_status: 0x04[31:28];
        bits data_rate_oper, set_data_rate_oper: 0x04[15:0];
        bits ext_eth_proto_capability, set_ext_eth_proto_capability: 0x08[31:0];
        bits eth_proto_capability, set_eth_proto_capability: 0x0c[31:0];
        bits ib_link_width_capability, set_ib_link_width_capability: 0x10[31:16];
        bits ib_proto_capability, set_ib_proto_capability: 0x10[15:0];
        bits ext_eth_proto_admin, set_ext_eth_proto_admin: 0x14[31:0];
        bits eth_proto_admin, set_eth_proto_admin: 0x18[31:0];
        bits ib_link_width_admin, set_ib_link_width_admin: 0x1c[31:16];
        bits ib_proto_admin, set_ib_proto_admin: 0x1c[15:0];
        bits ext_eth_proto_oper, set_ext_eth_proto_oper: 0x20[31:0];
        bits eth_proto_oper, set_eth_proto_oper: 0x24[31:0];
        bits ib_link_width_oper, set_ib_link_width_oper: 0x28[31:16];
        bits ib_proto_oper, set_ib_proto_oper: 0x28[15:0];
        bits connector_type, set_connector_type: 0x2c[3:0];
        bits eth_proto_lp_advertise, set_eth_proto_lp_advertise: 0x30[31:0];
    }
}

layout! {
    /// `pmtu_reg`, 16 bytes.
    pub struct PmtuReg: 0x10 {
        bits local_port, set_local_port: 0x00[23:16];
        bits max_mtu, set_max_mtu: 0x04[31:16];
        bits admin_mtu, set_admin_mtu: 0x08[31:16];
        bits oper_mtu, set_oper_mtu: 0x0c[31:16];
    }
}

layout! {
    /// `paos_reg`, 16 bytes.
    pub struct PaosReg: 0x10 {
        bits swid, set_swid: 0x00[31:24];
        bits local_port, set_local_port: 0x00[23:16];
        bits admin_status, set_admin_status: 0x00[11:8];
        bits oper_status, set_oper_status: 0x00[3:0];
        bits ase, set_ase: 0x04[31:31];
        bits ee, set_ee: 0x04[30:30];
        bits e, set_e: 0x04[1:0];
    }
}

layout! {
    /// `ppcnt_reg`, 256 bytes.
    pub struct PpcntReg: 0x100 {
        bits swid, set_swid: 0x00[31:24];
        bits local_port, set_local_port: 0x00[23:16];
        bits pnat, set_pnat: 0x00[15:14];
        bits grp, set_grp: 0x00[5:0];
        bits clr, set_clr: 0x04[31:31];
        bits plane_ind, set_plane_ind: 0x04[11:8];
        bits prio_tc, set_prio_tc: 0x04[4:0];
        bytes counter_set, set_counter_set: 0x08[248];
    }
}

layout! {
    /// `dtor_reg`, 64 bytes.
    pub struct DtorReg: 0x40 {
        bytes pcie_toggle_to, set_pcie_toggle_to: 0x04[4];
        bytes health_poll_to, set_health_poll_to: 0x14[4];
        bytes full_crdump_to, set_full_crdump_to: 0x18[4];
        bytes fw_reset_to, set_fw_reset_to: 0x1c[4];
        bytes flush_on_err_to, set_flush_on_err_to: 0x20[4];
        bytes pci_sync_update_to, set_pci_sync_update_to: 0x24[4];
        bytes tear_down_to, set_tear_down_to: 0x28[4];
        bytes fsm_reactivate_to, set_fsm_reactivate_to: 0x2c[4];
        bytes reclaim_pages_to, set_reclaim_pages_to: 0x30[4];
        bytes reclaim_vfs_pages_to, set_reclaim_vfs_pages_to: 0x34[4];
        bytes reset_unload_to, set_reset_unload_to: 0x38[4];
    }
}
