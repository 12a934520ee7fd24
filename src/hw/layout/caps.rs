//! Capability areas and the commands that carry them.

layout! {
    /// `query_hca_cap_in`, 16 bytes.
    pub struct QueryHcaCapIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_function, set_other_function: 0x08[31:31];
        bits ec_vf_function, set_ec_vf_function: 0x08[30:30];
        bits function_id_type, set_function_id_type: 0x08[28:28];
        bits function_id, set_function_id: 0x08[15:0];
    }
}

layout! {
    /// `query_hca_cap_out`, 4112 bytes.
    pub struct QueryHcaCapOut: 0x1010 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bytes capability, set_capability: 0x10[4096];
    }
}

layout! {
    /// `set_hca_cap_in`, 4112 bytes.
    pub struct SetHcaCapIn: 0x1010 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_function, set_other_function: 0x08[31:31];
        bits ec_vf_function, set_ec_vf_function: 0x08[30:30];
        bits function_id_type, set_function_id_type: 0x08[28:28];
        bits function_id, set_function_id: 0x08[15:0];
        bytes capability, set_capability: 0x10[4096];
    }
}

layout! {
    /// `cmd_hca_cap`, 256 bytes.
    pub struct CmdHcaCap: 0x100 {
        bits page_request_disable, set_page_request_disable: 0x00[25:25];
        bits abs_native_port_num, set_abs_native_port_num: 0x00[24:24];
        bits vhca_id, set_vhca_id: 0x04[15:0];
        bits log_max_srq_sz, set_log_max_srq_sz: 0x10[31:24];
        bits log_max_qp_sz, set_log_max_qp_sz: 0x10[23:16];
        bits log_max_qp, set_log_max_qp: 0x10[4:0];
        bits log_max_cq_sz, set_log_max_cq_sz: 0x18[23:16];
        bits log_max_eq_sz, set_log_max_eq_sz: 0x1c[31:24];
        bits dump_fill_mkey, set_dump_fill_mkey: 0x1c[7:7];
        bits fast_teardown, set_fast_teardown: 0x1c[4:4];
        bits log_max_eq, set_log_max_eq: 0x1c[3:0];
        bits force_teardown, set_force_teardown: 0x20[15:15];
        bits umr_extended_translation_offset, set_umr_extended_translation_offset: 0x20[7:7];
        bits null_mkey, set_null_mkey: 0x20[6:6];
        bits log_max_klm_list_size, set_log_max_klm_list_size: 0x20[5:0];
        bits eth_wqe_too_small, set_eth_wqe_too_small: 0x24[13:13];
        bits release_all_pages, set_release_all_pages: 0x28[26:26];
        bits log_max_ra_req_qp, set_log_max_ra_req_qp: 0x28[21:16];
        bits log_max_ra_res_qp, set_log_max_ra_res_qp: 0x28[5:0];
        bits cache_line_128byte, set_cache_line_128byte: 0x2c[27:27];
        bits rts2rts_qp_counters_set_id, set_rts2rts_qp_counters_set_id: 0x2c[22:22];
        bits rts2rts_qp_dscp, set_rts2rts_qp_dscp: 0x2c[21:21];
        bits gid_table_size, set_gid_table_size: 0x2c[15:0];
        bits vport_counters, set_vport_counters: 0x30[30:30];
        bits debug, set_debug: 0x30[28:28];
        bits max_qp_cnt, set_max_qp_cnt: 0x30[25:16];
        bits pkey_table_size, set_pkey_table_size: 0x30[15:0];
        bits vport_group_manager, set_vport_group_manager: 0x34[31:31];
        bits nic_flow_table, set_nic_flow_table: 0x34[25:25];
        bits eswitch_manager, set_eswitch_manager: 0x34[24:24];
        bits pcam_reg, set_pcam_reg: 0x34[21:21];
        bits local_ca_ack_delay, set_local_ca_ack_delay: 0x34[20:16];
        bits port_type, set_port_type: 0x34[9:8];
        bits num_ports, set_num_ports: 0x34[7:0];
        bits log_max_msg, set_log_max_msg: 0x38[28:24];
        bits stat_rate_support, set_stat_rate_support: 0x3c[31:16];
        bits cqe_version, set_cqe_version: 0x3c[3:0];
        bits umr_fence, set_umr_fence: 0x40[21:20];
        bits drain_sigerr, set_drain_sigerr: 0x40[16:16];
        bits cmdif_checksum, set_cmdif_checksum: 0x40[15:14];
        bits wq_signature, set_wq_signature: 0x40[11:11];
        bits dct, set_dct: 0x40[5:5];
        bits qos, set_qos: 0x40[4:4];
        bits eth_net_offloads, set_eth_net_offloads: 0x40[3:3];
        bits roce, set_roce: 0x40[2:2];
        bits atomic, set_atomic: 0x40[1:1];
        bits cq_oi, set_cq_oi: 0x44[31:31];
        bits cq_resize, set_cq_resize: 0x44[30:30];
        bits cq_moderation, set_cq_moderation: 0x44[29:29];
        bits pg, set_pg: 0x44[24:24];
        bits cq_period_start_from_cqe, set_cq_period_start_from_cqe: 0x44[20:20];
        bits imaicl, set_imaicl: 0x44[14:14];
        bits set_deth_sqpn, set_set_deth_sqpn: 0x44[7:7];
        bits xrc, set_xrc: 0x44[3:3];
        bits ud, set_ud: 0x44[2:2];
        bits uc, set_uc: 0x44[1:1];
        bits rc, set_rc: 0x44[0:0];
        bits uar_4k, set_uar_4k: 0x48[31:31];
        bits log_pg_sz, set_log_pg_sz: 0x48[7:0];
        bits bf, set_bf: 0x4c[31:31];
        bits driver_version, set_driver_version: 0x4c[30:30];
        bits pad_tx_eth_packet, set_pad_tx_eth_packet: 0x4c[29:29];
        bits mkey_by_name, set_mkey_by_name: 0x4c[25:25];
        bits log_bf_reg_size, set_log_bf_reg_size: 0x4c[20:16];
        bits num_lag_ports, set_num_lag_ports: 0x4c[3:0];
        bits max_wqe_sz_sq, set_max_wqe_sz_sq: 0x50[15:0];
        bits max_wqe_sz_rq, set_max_wqe_sz_rq: 0x54[15:0];
        bits log_max_transport_domain, set_log_max_transport_domain: 0x64[28:24];
        bits relaxed_ordering_read, set_relaxed_ordering_read: 0x64[21:21];
        bits log_max_rq, set_log_max_rq: 0x6c[28:24];
        bits log_max_sq, set_log_max_sq: 0x6c[20:16];
        bits log_max_tir, set_log_max_tir: 0x6c[12:8];
        bits log_max_tis, set_log_max_tis: 0x6c[4:0];
        bits log_max_rqt, set_log_max_rqt: 0x70[20:16];
        bits log_max_rqt_size, set_log_max_rqt_size: 0x70[12:8];
        bits log_max_tis_per_sq, set_log_max_tis_per_sq: 0x70[4:0];
        bits roce_rw_supported, set_roce_rw_supported: 0x74[30:30];
        bits log_max_stride_sz_rq, set_log_max_stride_sz_rq: 0x74[28:24];
        bits log_min_stride_sz_rq, set_log_min_stride_sz_rq: 0x74[20:16];
        bits log_max_wq_sz, set_log_max_wq_sz: 0x78[4:0];
        bits disable_local_lb_uc, set_disable_local_lb_uc: 0x7c[30:30];
        bits disable_local_lb_mc, set_disable_local_lb_mc: 0x7c[29:29];
        bits log_max_vlan_list, set_log_max_vlan_list: 0x7c[20:16];
        bits log_max_current_mc_list, set_log_max_current_mc_list: 0x7c[12:8];
        bits log_max_current_uc_list, set_log_max_current_uc_list: 0x7c[4:0];
        bits crypto, set_crypto: 0x8c[22:22];
        bits max_num_eqs, set_max_num_eqs: 0x8c[15:0];
        bits log_uar_page_sz, set_log_uar_page_sz: 0x90[15:0];
        bits device_frequency_khz, set_device_frequency_khz: 0x9c[31:0];
        bits num_of_uars_per_page, set_num_of_uars_per_page: 0xa4[31:0];
        bits native_port_num, set_native_port_num: 0xc0[23:16];
        bits num_vhca_ports, set_num_vhca_ports: 0xc0[15:8];
        bits sw_owner_id, set_sw_owner_id: 0xc0[1:1];
        bits sf, set_sf: 0xd0[31:31];
    }
}

layout! {
    /// `roce_cap`, 256 bytes.
    pub struct RoceCap: 0x100 {
        bits roce_apm, set_roce_apm: 0x00[31:31];
        bits sw_r_roce_src_udp_port, set_sw_r_roce_src_udp_port: 0x00[27:27];
        bits fl_rc_qp_when_roce_disabled, set_fl_rc_qp_when_roce_disabled: 0x00[26:26];
        bits fl_rc_qp_when_roce_enabled, set_fl_rc_qp_when_roce_enabled: 0x00[25:25];
        bits roce_cc_general, set_roce_cc_general: 0x00[24:24];
        bits qp_ooo_transmit_default, set_qp_ooo_transmit_default: 0x00[23:23];
        bits qp_ts_format, set_qp_ts_format: 0x00[1:0];
        bits l3_type, set_l3_type: 0x10[19:16];
        bits roce_version, set_roce_version: 0x10[7:0];
        bits r_roce_dest_udp_port, set_r_roce_dest_udp_port: 0x14[15:0];
        bits r_roce_max_src_udp_port, set_r_roce_max_src_udp_port: 0x18[31:16];
        bits r_roce_min_src_udp_port, set_r_roce_min_src_udp_port: 0x18[15:0];
        bits roce_address_table_size, set_roce_address_table_size: 0x1c[15:0];
    }
}

layout! {
    /// `atomic_caps`, 256 bytes.
    pub struct AtomicCaps: 0x100 {
        bits atomic_req_8b_endianness_mode, set_atomic_req_8b_endianness_mode: 0x08[31:30];
        bits supported_atomic_req_8b_endianness_mode_1, set_supported_atomic_req_8b_endianness_mode_1: 0x08[25:25];
        bits atomic_operations, set_atomic_operations: 0x10[15:0];
        bits atomic_size_qp, set_atomic_size_qp: 0x14[15:0];
        bits atomic_size_dc, set_atomic_size_dc: 0x18[15:0];
    }
}
