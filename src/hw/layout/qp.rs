//! Queue pair contexts, transitions and address vectors.

layout! {
    /// `ads`, 44 bytes.
    pub struct Ads: 0x2c {
        bits fl, set_fl: 0x00[31:31];
        bits free_ar, set_free_ar: 0x00[30:30];
        bits pkey_index, set_pkey_index: 0x00[15:0];
        bits plane_index, set_plane_index: 0x04[31:24];
        bits grh, set_grh: 0x04[23:23];
        bits mlid, set_mlid: 0x04[22:16];
        bits rlid, set_rlid: 0x04[15:0];
        bits ack_timeout, set_ack_timeout: 0x08[31:27];
        bits src_addr_index, set_src_addr_index: 0x08[23:16];
        bits stat_rate, set_stat_rate: 0x08[11:8];
        bits hop_limit, set_hop_limit: 0x08[7:0];
        bits tclass, set_tclass: 0x0c[27:20];
        bits flow_label, set_flow_label: 0x0c[19:0];
        bytes rgid_rip, set_rgid_rip: 0x10[16];
        bits f_dscp, set_f_dscp: 0x20[27:27];
        bits f_ecn, set_f_ecn: 0x20[26:26];
        bits f_eth_prio, set_f_eth_prio: 0x20[24:24];
        bits ecn, set_ecn: 0x20[23:22];
        bits dscp, set_dscp: 0x20[21:16];
        bits udp_sport, set_udp_sport: 0x20[15:0];
        bits dei_cfi, set_dei_cfi: 0x24[31:31];
        bits eth_prio, set_eth_prio: 0x24[30:28];
        bits sl, set_sl: 0x24[27:24];
        bits vhca_port_num, set_vhca_port_num: 0x24[23:16];
        bits rmac_47_32, set_rmac_47_32: 0x24[15:0];
        bits rmac_31_0, set_rmac_31_0: 0x28[31:0];
    }
}

layout! {
    /// `qpc`, 232 bytes.
    pub struct Qpc: 0xe8 {
        bits state, set_state: 0x00[31:28];
        bits lag_tx_port_affinity, set_lag_tx_port_affinity: 0x00[27:24];
        bits st, set_st: 0x00[23:16];
        bits isolate_vl_tc, set_isolate_vl_tc: 0x00[13:13];
        bits pm_state, set_pm_state: 0x00[12:11];
        bits req_e2e_credit_mode, set_req_e2e_credit_mode: 0x00[9:8];
        bits offload_type, set_offload_type: 0x00[7:4];
        bits end_padding_mode, set_end_padding_mode: 0x00[3:2];
        bits wq_signature, set_wq_signature: 0x04[31:31];
        bits block_lb_mc, set_block_lb_mc: 0x04[30:30];
        bits atomic_like_write_en, set_atomic_like_write_en: 0x04[29:29];
        bits latency_sensitive, set_latency_sensitive: 0x04[28:28];
        bits drain_sigerr, set_drain_sigerr: 0x04[26:26];
        bits dp_ordering_force, set_dp_ordering_force: 0x04[24:24];
        bits pd, set_pd: 0x04[23:0];
        bits mtu, set_mtu: 0x08[31:29];
        bits log_msg_max, set_log_msg_max: 0x08[28:24];
        bits log_rq_size, set_log_rq_size: 0x08[22:19];
        bits log_rq_stride, set_log_rq_stride: 0x08[18:16];
        bits no_sq, set_no_sq: 0x08[15:15];
        bits log_sq_size, set_log_sq_size: 0x08[14:11];
        bits retry_mode, set_retry_mode: 0x08[9:8];
        bits ts_format, set_ts_format: 0x08[7:6];
        bits rlky, set_rlky: 0x08[4:4];
        bits ulp_stateless_offload_mode, set_ulp_stateless_offload_mode: 0x08[3:0];
        bits counter_set_id, set_counter_set_id: 0x0c[31:24];
        bits uar_page, set_uar_page: 0x0c[23:0];
        bits user_index, set_user_index: 0x10[23:0];
        bits log_page_size, set_log_page_size: 0x14[28:24];
        bits remote_qpn, set_remote_qpn: 0x14[23:0];
        nested primary_address_path, primary_address_path_mut: 0x18[Ads];
        nested secondary_address_path, secondary_address_path_mut: 0x44[Ads];
        bits log_ack_req_freq, set_log_ack_req_freq: 0x70[31:28];
        bits log_sra_max, set_log_sra_max: 0x70[23:21];
        bits retry_count, set_retry_count: 0x70[18:16];
        bits rnr_retry, set_rnr_retry: 0x70[15:13];
        bits fre, set_fre: 0x70[11:11];
        bits cur_rnr_retry, set_cur_rnr_retry: 0x70[10:8];
        bits cur_retry_count, set_cur_retry_count: 0x70[7:5];
        bits next_send_psn, set_next_send_psn: 0x78[23:0];
        bits log_num_dci_stream_channels, set_log_num_dci_stream_channels: 0x7c[28:24];
        bits cqn_snd, set_cqn_snd: 0x7c[23:0];
        bits log_num_dci_errored_streams, set_log_num_dci_errored_streams: 0x80[28:24];
        bits deth_sqpn, set_deth_sqpn: 0x80[23:0];
        bits last_acked_psn, set_last_acked_psn: 0x88[23:0];
        bits ssn, set_ssn: 0x8c[23:0];
        bits log_rra_max, set_log_rra_max: 0x90[23:21];
        bits atomic_mode, set_atomic_mode: 0x90[19:16];
        bits rre, set_rre: 0x90[15:15];
        bits rwe, set_rwe: 0x90[14:14];
        bits rae, set_rae: 0x90[13:13];
        bits page_offset, set_page_offset: 0x90[11:6];
        bits dp_ordering_1, set_dp_ordering_1: 0x90[3:3];
        bits cd_slave_receive, set_cd_slave_receive: 0x90[2:2];
        bits cd_slave_send, set_cd_slave_send: 0x90[1:1];
        bits cd_master, set_cd_master: 0x90[0:0];
        bits min_rnr_nak, set_min_rnr_nak: 0x94[28:24];
        bits next_rcv_psn, set_next_rcv_psn: 0x94[23:0];
        bits xrcd, set_xrcd: 0x98[23:0];
        bits cqn_rcv, set_cqn_rcv: 0x9c[23:0];
        qword dbr_addr, set_dbr_addr: 0xa0[63:0];
        bits q_key, set_q_key: 0xa8[31:0];
        bits rq_type, set_rq_type: 0xac[26:24];
        bits srqn_rmpn_xrqn, set_srqn_rmpn_xrqn: 0xac[23:0];
        bits rmsn, set_rmsn: 0xb0[23:0];
        bits hw_sq_wqebb_counter, set_hw_sq_wqebb_counter: 0xb4[31:16];
        bits sw_sq_wqebb_counter, set_sw_sq_wqebb_counter: 0xb4[15:0];
        bits hw_rq_counter, set_hw_rq_counter: 0xb8[31:0];
        bits sw_rq_counter, set_sw_rq_counter: 0xbc[31:0];
        bits cgs, set_cgs: 0xc4[16:16];
        bits cs_req, set_cs_req: 0xc4[15:8];
        bits cs_res, set_cs_res: 0xc4[7:0];
        qword dc_access_key, set_dc_access_key: 0xc8[63:0];
        bits dbr_umem_valid, set_dbr_umem_valid: 0xd0[28:28];
    }
}

layout! {
    /// `create_qp_in`, 272 bytes.
    pub struct CreateQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpc_ext, set_qpc_ext: 0x08[31:31];
        bits input_qpn, set_input_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
        qword wq_umem_offset, set_wq_umem_offset: 0x100[63:0];
        bits wq_umem_id, set_wq_umem_id: 0x108[31:0];
        bits wq_umem_valid, set_wq_umem_valid: 0x10c[31:31];
    }
}

layout! {
    /// `create_qp_out`, 16 bytes.
    pub struct CreateQpOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits ece, set_ece: 0x0c[31:0];
    }
}

layout! {
    /// `destroy_qp_in`, 16 bytes.
    pub struct DestroyQpIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
    }
}

layout! {
    /// `query_qp_in`, 16 bytes.
    pub struct QueryQpIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpc_ext, set_qpc_ext: 0x08[31:31];
        bits qpn, set_qpn: 0x08[23:0];
    }
}

layout! {
    /// `query_qp_out`, 464 bytes.
    pub struct QueryQpOut: 0x1d0 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
        bytes qp_pas_or_qpc_ext_and_pas, set_qp_pas_or_qpc_ext_and_pas: 0x110[192];
    }
}

layout! {
    /// `rst2init_qp_in`, 272 bytes.
    pub struct Rst2initQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `init2init_qp_in`, 272 bytes.
    pub struct Init2initQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `init2rtr_qp_in`, 272 bytes.
    pub struct Init2rtrQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `rtr2rts_qp_in`, 272 bytes.
    pub struct Rtr2rtsQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `rts2rts_qp_in`, 272 bytes.
    pub struct Rts2rtsQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        bits ece, set_ece: 0x14[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `sqerr2rts_qp_in`, 272 bytes.
    pub struct Sqerr2rtsQpIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
        bits opt_param_mask, set_opt_param_mask: 0x10[31:0];
        nested qpc, qpc_mut: 0x18[Qpc];
    }
}

layout! {
    /// `qp_2err_in`, 16 bytes.
    pub struct Qp2errIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
    }
}

layout! {
    /// `qp_2rst_in`, 16 bytes.
    pub struct Qp2rstIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits qpn, set_qpn: 0x08[23:0];
    }
}
