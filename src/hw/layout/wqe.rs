//! Work queue elements, completion and event queue elements, doorbells: what rings hold.

layout! {
    /// `hw_eqe`, 64 bytes.
    pub struct HwEqe: 0x40 {
        bits event_type, set_event_type: 0x00[23:16];
        bits event_sub_type, set_event_sub_type: 0x00[7:0];
        bytes event_data, set_event_data: 0x20[28];
        bits signature, set_signature: 0x3c[15:8];
        bits owner, set_owner: 0x3c[0:0];
    }
}

layout! {
    /// `hw_eqe_data_comp`, 28 bytes.
    pub struct HwEqeDataComp: 0x1c {
        bits cqn, set_cqn: 0x18[23:0];
    }
}

layout! {
    /// `hw_eqe_data_qp_srq`, 28 bytes.
    pub struct HwEqeDataQpSrq: 0x1c {
        bits queue_type, set_queue_type: 0x14[31:24];
        bits qp_srq_number, set_qp_srq_number: 0x18[23:0];
    }
}

layout! {
    /// `hw_eqe_data_cq_error`, 28 bytes.
    pub struct HwEqeDataCqError: 0x1c {
        bits cqn, set_cqn: 0x00[23:0];
        bits syndrome, set_syndrome: 0x08[7:0];
    }
}

layout! {
    /// `hw_eqe_data_cmd`, 28 bytes.
    pub struct HwEqeDataCmd: 0x1c {
        bits vector, set_vector: 0x00[31:0];
    }
}

layout! {
    /// `hw_eqe_data_page_request`, 28 bytes.
    pub struct HwEqeDataPageRequest: 0x1c {
        bits ec_function, set_ec_function: 0x00[31:31];
        bits release_all_pages, set_release_all_pages: 0x00[30:30];
        bits function_id, set_function_id: 0x00[15:0];
        bits num_pages, set_num_pages: 0x04[31:0];
    }
}

layout! {
    /// `hw_eqe_data_port`, 28 bytes.
    pub struct HwEqeDataPort: 0x1c {
        bits port_num, set_port_num: 0x08[31:28];
    }
}

layout! {
    /// `hw_eq_doorbell`, 4 bytes.
    pub struct HwEqDoorbell: 0x4 {
        bits eqn, set_eqn: 0x00[31:24];
        bits consumer_index, set_consumer_index: 0x00[23:0];
    }
}

layout! {
    /// `hw_cq_doorbell`, 8 bytes.
    pub struct HwCqDoorbell: 0x8 {
        bits cmd_sn, set_cmd_sn: 0x00[29:28];
        bits cmd, set_cmd: 0x00[24:24];
        bits consumer_index, set_consumer_index: 0x00[23:0];
        bits cqn, set_cqn: 0x04[23:0];
    }
}

layout! {
    /// `hw_cq_db_record`, 8 bytes.
    pub struct HwCqDbRecord: 0x8 {
        bits consumer_index, set_consumer_index: 0x00[23:0];
        bits arm_cmd_sn, set_arm_cmd_sn: 0x04[29:28];
        bits arm_cmd, set_arm_cmd: 0x04[24:24];
        bits arm_consumer_index, set_arm_consumer_index: 0x04[23:0];
    }
}

layout! {
    /// `hw_qp_db_record`, 8 bytes.
    pub struct HwQpDbRecord: 0x8 {
        bits receive_counter, set_receive_counter: 0x00[15:0];
        bits send_counter, set_send_counter: 0x04[15:0];
    }
}

layout! {
    /// `hw_wqe_ctrl_seg`, 16 bytes.
    pub struct HwWqeCtrlSeg: 0x10 {
        bits opmod, set_opmod: 0x00[31:24];
        bits wqe_index, set_wqe_index: 0x00[23:8];
        bits opcode, set_opcode: 0x00[7:0];
        bits qp_or_sq, set_qp_or_sq: 0x04[31:8];
        bits ds, set_ds: 0x04[5:0];
        bits signature, set_signature: 0x08[31:24];
        bits dci_stream_channel_id, set_dci_stream_channel_id: 0x08[23:8];
        bits fm_ce_se, set_fm_ce_se: 0x08[7:0];
        bits fence_mode, set_fence_mode: 0x08[7:5];
        bits completion_mode, set_completion_mode: 0x08[3:2];
        bits solicited_event, set_solicited_event: 0x08[1:1];
        bits imm_inv_umr_key, set_imm_inv_umr_key: 0x0c[31:0];
    }
}

layout! {
    /// `hw_wqe_raddr_seg`, 16 bytes.
    pub struct HwWqeRaddrSeg: 0x10 {
        qword remote_virtual_address, set_remote_virtual_address: 0x00[63:0];
        bits rkey, set_rkey: 0x08[31:0];
    }
}

layout! {
    /// `hw_wqe_data_seg`, 16 bytes.
    pub struct HwWqeDataSeg: 0x10 {
        bits byte_count, set_byte_count: 0x00[30:0];
        bits lkey, set_lkey: 0x04[31:0];
        qword local_virtual_address, set_local_virtual_address: 0x08[63:0];
    }
}

layout! {
    /// `hw_wqe_inline_seg`, 4 bytes.
    pub struct HwWqeInlineSeg: 0x4 {
        bits inline, set_inline: 0x00[31:31];
        bits byte_count, set_byte_count: 0x00[9:0];
    }
}

layout! {
    /// `hw_wqe_atomic_seg`, 16 bytes.
    pub struct HwWqeAtomicSeg: 0x10 {
        qword swap_or_add_data, set_swap_or_add_data: 0x00[63:0];
        qword compare_data, set_compare_data: 0x08[63:0];
    }
}

layout! {
    /// `hw_wqe_av_seg`, 48 bytes.
    pub struct HwWqeAvSeg: 0x30 {
        bits qkey, set_qkey: 0x00[31:0];
        qword dc_key, set_dc_key: 0x00[63:0];
        bits extended, set_extended: 0x08[31:31];
        bits dqpn, set_dqpn: 0x08[23:0];
        bits stat_rate, set_stat_rate: 0x0c[31:28];
        bits sl_eth_prio, set_sl_eth_prio: 0x0c[27:24];
        bits fl, set_fl: 0x0c[23:23];
        bits mlid, set_mlid: 0x0c[22:16];
        bits rlid_or_udp_sport, set_rlid_or_udp_sport: 0x0c[15:0];
        bits rmac_47_16, set_rmac_47_16: 0x14[31:0];
        bits rmac_15_0, set_rmac_15_0: 0x18[31:16];
        bits tclass, set_tclass: 0x18[15:8];
        bits hop_limit, set_hop_limit: 0x18[7:0];
        bits grh, set_grh: 0x1c[30:30];
        bits src_addr_index, set_src_addr_index: 0x1c[27:20];
        bits flow_label, set_flow_label: 0x1c[19:0];
        bytes rgid_or_rip, set_rgid_or_rip: 0x20[16];
    }
}

layout! {
    /// `hw_wqe_umr_ctrl_seg`, 48 bytes.
    pub struct HwWqeUmrCtrlSeg: 0x30 {
        bits flags, set_flags: 0x00[31:24];
        bits klm_octowords, set_klm_octowords: 0x04[31:16];
        bits translation_offset_or_bsf_octowords, set_translation_offset_or_bsf_octowords: 0x04[15:0];
        qword mkey_mask, set_mkey_mask: 0x08[63:0];
        bits translation_offset_47_16, set_translation_offset_47_16: 0x10[31:0];
    }
}

layout! {
    /// `hw_wqe_mkey_seg`, 64 bytes.
    pub struct HwWqeMkeySeg: 0x40 {
        bits free, set_free: 0x00[30:30];
        bits relaxed_ordering_write, set_relaxed_ordering_write: 0x00[18:18];
        bits small_fence_on_rdma_read_response, set_small_fence_on_rdma_read_response: 0x00[16:16];
        bits flags, set_flags: 0x00[15:8];
        bits access_mode_4_2, set_access_mode_4_2: 0x00[28:26];
        bits qpn, set_qpn: 0x04[31:8];
        bits mkey_7_0, set_mkey_7_0: 0x04[7:0];
        bits length64, set_length64: 0x0c[31:31];
        bits bsf_en, set_bsf_en: 0x0c[30:30];
        bits en_rinval, set_en_rinval: 0x0c[24:24];
        bits pd, set_pd: 0x0c[23:0];
        qword start_addr, set_start_addr: 0x10[63:0];
        qword len, set_len: 0x18[63:0];
        bits bsf_octword_size, set_bsf_octword_size: 0x20[31:0];
        bits translations_octword_size, set_translations_octword_size: 0x34[31:0];
        bits relaxed_ordering_read, set_relaxed_ordering_read: 0x38[6:6];
        bits log_page_size, set_log_page_size: 0x38[5:0];
    }
}

layout! {
    /// `hw_mtt`, 8 bytes.
    pub struct HwMtt: 0x8 {
        qword ptag_63_3, set_ptag_63_3: 0x00[63:0];
        bits wr_en, set_wr_en: 0x04[1:1];
        bits rd_en, set_rd_en: 0x04[0:0];
    }
}

layout! {
    /// `hw_cqe64`, 64 bytes.
    pub struct HwCqe64: 0x40 {
        bits outer_l3_tunneled, set_outer_l3_tunneled: 0x00[24:24];
        bits wqe_id, set_wqe_id: 0x00[15:0];
        bits lro_tcppsh_abort_dupack, set_lro_tcppsh_abort_dupack: 0x04[31:24];
        bits lro_min_ttl, set_lro_min_ttl: 0x04[23:16];
        bits lro_tcp_win, set_lro_tcp_win: 0x04[15:0];
        bits lro_ack_seq_num, set_lro_ack_seq_num: 0x08[31:0];
        bits rx_hash_result, set_rx_hash_result: 0x0c[31:0];
        bits rx_hash_type, set_rx_hash_type: 0x10[31:24];
        bits rx_hash_type_l4, set_rx_hash_type_l4: 0x10[31:30];
        bits rx_hash_type_ip, set_rx_hash_type_ip: 0x10[27:26];
        bits ml_path, set_ml_path: 0x10[23:16];
        bits check_sum, set_check_sum: 0x14[31:16];
        bits slid, set_slid: 0x14[15:0];
        bits grh, set_grh: 0x18[29:28];
        bits roce_l3_header_type, set_roce_l3_header_type: 0x18[25:24];
        bits sl, set_sl: 0x18[27:24];
        bits rqpn, set_rqpn: 0x18[23:0];
        bits l4_ok, set_l4_ok: 0x1c[26:26];
        bits l3_ok, set_l3_ok: 0x1c[25:25];
        bits l2_ok, set_l2_ok: 0x1c[24:24];
        bits l4_hdr_type, set_l4_hdr_type: 0x1c[22:20];
        bits l3_hdr_type, set_l3_hdr_type: 0x1c[19:18];
        bits ip_frag, set_ip_frag: 0x1c[23:23];
        bits cv, set_cv: 0x1c[16:16];
        bits vlan_info, set_vlan_info: 0x1c[15:0];
        bits lro_num_seg, set_lro_num_seg: 0x20[31:24];
        bits srqn_user_index, set_srqn_user_index: 0x20[23:0];
        bits imm_inval_pkey_metadata, set_imm_inval_pkey_metadata: 0x24[31:0];
        bits byte_cnt, set_byte_cnt: 0x2c[31:0];
        qword timestamp, set_timestamp: 0x30[63:0];
        bits send_wqe_opcode, set_send_wqe_opcode: 0x38[31:24];
        bits flow_tag, set_flow_tag: 0x38[23:0];
        bits qpn, set_qpn: 0x38[23:0];
        bits wqe_counter, set_wqe_counter: 0x3c[31:16];
        bits signature, set_signature: 0x3c[15:8];
        bits opcode, set_opcode: 0x3c[7:4];
        bits cqe_format, set_cqe_format: 0x3c[3:2];
        bits se, set_se: 0x3c[1:1];
        bits owner, set_owner: 0x3c[0:0];
    }
}

layout! {
    /// `hw_err_cqe`, 64 bytes.
    pub struct HwErrCqe: 0x40 {
        bits srqn_user_index, set_srqn_user_index: 0x20[23:0];
        bits hw_error_syndrome, set_hw_error_syndrome: 0x34[31:24];
        bits hw_syndrome_type, set_hw_syndrome_type: 0x34[23:20];
        bits vendor_error_syndrome, set_vendor_error_syndrome: 0x34[15:8];
        bits syndrome, set_syndrome: 0x34[7:0];
        bits s_wqe_opcode, set_s_wqe_opcode: 0x38[31:24];
        bits qpn, set_qpn: 0x38[23:0];
        bits wqe_counter, set_wqe_counter: 0x3c[31:16];
        bits signature, set_signature: 0x3c[15:8];
        bits opcode, set_opcode: 0x3c[7:4];
        bits owner, set_owner: 0x3c[0:0];
    }
}
