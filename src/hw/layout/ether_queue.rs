//! Ethernet queues: work queues, send and receive queues (`wq`, `sqc`, `rqc` and their commands).

layout! {
    /// `wq`, 192 bytes.
    pub struct Wq: 0xc0 {
        bits wq_type, set_wq_type: 0x00[31:28];
        bits wq_signature, set_wq_signature: 0x00[27:27];
        bits end_padding_mode, set_end_padding_mode: 0x00[26:25];
        bits cd_slave, set_cd_slave: 0x00[24:24];
        bits hds_skip_first_sge, set_hds_skip_first_sge: 0x04[31:31];
        bits log2_hds_buf_size, set_log2_hds_buf_size: 0x04[30:28];
        bits page_offset, set_page_offset: 0x04[20:16];
        bits lwm, set_lwm: 0x04[15:0];
        bits pd, set_pd: 0x08[23:0];
        bits uar_page, set_uar_page: 0x0c[23:0];
        qword dbr_addr, set_dbr_addr: 0x10[63:0];
        bits hw_counter, set_hw_counter: 0x18[31:0];
        bits sw_counter, set_sw_counter: 0x1c[31:0];
        bits log_wq_stride, set_log_wq_stride: 0x20[19:16];
        bits log_wq_pg_sz, set_log_wq_pg_sz: 0x20[12:8];
        bits log_wq_sz, set_log_wq_sz: 0x20[4:0];
        bits dbr_umem_valid, set_dbr_umem_valid: 0x24[31:31];
        bits wq_umem_valid, set_wq_umem_valid: 0x24[30:30];
        bits log_hairpin_num_packets, set_log_hairpin_num_packets: 0x24[28:24];
        bits log_hairpin_data_sz, set_log_hairpin_data_sz: 0x24[20:16];
        bits log_wqe_num_of_strides, set_log_wqe_num_of_strides: 0x24[11:8];
        bits two_byte_shift_en, set_two_byte_shift_en: 0x24[7:7];
        bits log_wqe_stride_size, set_log_wqe_stride_size: 0x24[2:0];
        bits dbr_umem_id, set_dbr_umem_id: 0x28[31:0];
        bits wq_umem_id, set_wq_umem_id: 0x2c[31:0];
        qword wq_umem_offset, set_wq_umem_offset: 0x30[63:0];
        bits headers_mkey, set_headers_mkey: 0x38[31:0];
        bits shampo_enable, set_shampo_enable: 0x3c[31:31];
        bits shampo_mode, set_shampo_mode: 0x3c[29:28];
        bits log_reservation_size, set_log_reservation_size: 0x3c[26:24];
        bits log_max_num_of_packets_per_reservation, set_log_max_num_of_packets_per_reservation: 0x3c[18:16];
        bits log_headers_entry_size, set_log_headers_entry_size: 0x3c[9:8];
        bits log_headers_buffer_entry_num, set_log_headers_buffer_entry_num: 0x3c[3:0];
    }
}

layout! {
    /// `sqc`, 240 bytes.
    pub struct Sqc: 0xf0 {
        bits rlky, set_rlky: 0x00[31:31];
        bits cd_master, set_cd_master: 0x00[30:30];
        bits fre, set_fre: 0x00[29:29];
        bits flush_in_error_en, set_flush_in_error_en: 0x00[28:28];
        bits allow_multi_pkt_send_wqe, set_allow_multi_pkt_send_wqe: 0x00[27:27];
        bits min_wqe_inline_mode, set_min_wqe_inline_mode: 0x00[26:24];
        bits state, set_state: 0x00[23:20];
        bits reg_umr, set_reg_umr: 0x00[19:19];
        bits allow_swp, set_allow_swp: 0x00[18:18];
        bits hairpin, set_hairpin: 0x00[17:17];
        bits non_wire, set_non_wire: 0x00[16:16];
        bits ts_format, set_ts_format: 0x00[5:4];
        bits user_index, set_user_index: 0x04[23:0];
        bits cqn, set_cqn: 0x08[23:0];
        bits hairpin_peer_rq, set_hairpin_peer_rq: 0x0c[23:0];
        bits hairpin_peer_vhca, set_hairpin_peer_vhca: 0x10[15:0];
        bits ts_cqe_to_dest_cqn, set_ts_cqe_to_dest_cqn: 0x18[23:0];
        bits packet_pacing_rate_limit_index, set_packet_pacing_rate_limit_index: 0x1c[15:0];
        bits tis_lst_sz, set_tis_lst_sz: 0x20[31:16];
        bits qos_queue_group_id, set_qos_queue_group_id: 0x20[15:0];
        bits tis_num_0, set_tis_num_0: 0x2c[23:0];
        nested wq, wq_mut: 0x30[Wq];
    }
}

layout! {
    /// `create_sq_in`, 272 bytes.
    pub struct CreateSqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested ctx, ctx_mut: 0x20[Sqc];
    }
}

layout! {
    /// `modify_sq_in`, 272 bytes.
    pub struct ModifySqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits sq_state, set_sq_state: 0x08[31:28];
        bits sqn, set_sqn: 0x08[23:0];
        qword modify_bitmask, set_modify_bitmask: 0x10[63:0];
        nested ctx, ctx_mut: 0x20[Sqc];
    }
}

layout! {
    /// `query_sq_in`, 16 bytes.
    pub struct QuerySqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits sqn, set_sqn: 0x08[23:0];
    }
}

layout! {
    /// `query_sq_out`, 272 bytes.
    pub struct QuerySqOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested sq_context, sq_context_mut: 0x20[Sqc];
    }
}

layout! {
    /// `rqc`, 240 bytes.
    pub struct Rqc: 0xf0 {
        bits rlky, set_rlky: 0x00[31:31];
        bits delay_drop_en, set_delay_drop_en: 0x00[30:30];
        bits scatter_fcs, set_scatter_fcs: 0x00[29:29];
        bits vsd, set_vsd: 0x00[28:28];
        bits mem_rq_type, set_mem_rq_type: 0x00[27:24];
        bits state, set_state: 0x00[23:20];
        bits flush_in_error_en, set_flush_in_error_en: 0x00[18:18];
        bits hairpin, set_hairpin: 0x00[17:17];
        bits ts_format, set_ts_format: 0x00[5:4];
        bits user_index, set_user_index: 0x04[23:0];
        bits cqn, set_cqn: 0x08[23:0];
        bits counter_set_id, set_counter_set_id: 0x0c[31:24];
        bits rmpn, set_rmpn: 0x10[23:0];
        bits hairpin_peer_sq, set_hairpin_peer_sq: 0x14[23:0];
        bits hairpin_peer_vhca, set_hairpin_peer_vhca: 0x18[15:0];
        bits shampo_no_match_alignment_granularity, set_shampo_no_match_alignment_granularity: 0x24[25:24];
        bits shampo_match_criteria_type, set_shampo_match_criteria_type: 0x24[17:16];
        bits reservation_timeout, set_reservation_timeout: 0x24[15:0];
        nested wq, wq_mut: 0x30[Wq];
    }
}

layout! {
    /// `create_rq_in`, 272 bytes.
    pub struct CreateRqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested ctx, ctx_mut: 0x20[Rqc];
    }
}

layout! {
    /// `modify_rq_in`, 272 bytes.
    pub struct ModifyRqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits rq_state, set_rq_state: 0x08[31:28];
        bits rqn, set_rqn: 0x08[23:0];
        qword modify_bitmask, set_modify_bitmask: 0x10[63:0];
        nested ctx, ctx_mut: 0x20[Rqc];
    }
}

layout! {
    /// `query_rq_in`, 16 bytes.
    pub struct QueryRqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits rqn, set_rqn: 0x08[23:0];
    }
}

layout! {
    /// `query_rq_out`, 272 bytes.
    pub struct QueryRqOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested rq_context, rq_context_mut: 0x20[Rqc];
    }
}

layout! {
    /// `hw_wqe_eth_seg`, 16 bytes: the second segment of a packet's WQE. Inline header and VLAN tag share its last dword.
    pub struct HwWqeEthSeg: 0x10 {
        bits cs_flags, set_cs_flags: 0x04[31:24];
        bits mss, set_mss: 0x04[15:0];
        bits flow_table_metadata, set_flow_table_metadata: 0x08[31:0];
        bits inline_hdr_sz, set_inline_hdr_sz: 0x0c[31:16];
        bits inline_hdr_start, set_inline_hdr_start: 0x0c[15:0];
        bits insert_type, set_insert_type: 0x0c[31:16];
        bits vlan_tci, set_vlan_tci: 0x0c[15:0];
    }
}

layout! {
    /// `create_sq_out`, 16 bytes.
    pub struct CreateSqOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits sqn, set_sqn: 0x08[23:0];
    }
}

layout! {
    /// `create_rq_out`, 16 bytes.
    pub struct CreateRqOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits rqn, set_rqn: 0x08[23:0];
    }
}
