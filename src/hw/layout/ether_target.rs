//! What Ethernet queues hang on: TIS, receive queue tables, TIR and their hash.

layout! {
    /// `tisc`, 160 bytes.
    pub struct Tisc: 0xa0 {
        bits strict_lag_tx_port_affinity, set_strict_lag_tx_port_affinity: 0x00[31:31];
        bits tls_en, set_tls_en: 0x00[30:30];
        bits lag_tx_port_affinity, set_lag_tx_port_affinity: 0x00[27:24];
        bits prio, set_prio: 0x00[19:16];
        bits transport_domain, set_transport_domain: 0x24[23:0];
        bits underlay_qpn, set_underlay_qpn: 0x28[23:0];
        bits pd, set_pd: 0x2c[23:0];
    }
}

layout! {
    /// `create_tis_in`, 192 bytes.
    pub struct CreateTisIn: 0xc0 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested ctx, ctx_mut: 0x20[Tisc];
    }
}

layout! {
    /// `modify_tis_bitmask`, 8 bytes.
    pub struct ModifyTisBitmask: 0x8 {
        bits lag_tx_port_affinity, set_lag_tx_port_affinity: 0x04[2:2];
        bits strict_lag_tx_port_affinity, set_strict_lag_tx_port_affinity: 0x04[1:1];
        bits prio, set_prio: 0x04[0:0];
    }
}

layout! {
    /// `modify_tis_in`, 192 bytes.
    pub struct ModifyTisIn: 0xc0 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits tisn, set_tisn: 0x08[23:0];
        bytes bitmask, set_bitmask: 0x10[8];
        nested ctx, ctx_mut: 0x20[Tisc];
    }
}

layout! {
    /// `rqtc`, 240 bytes.
    pub struct Rqtc: 0xf0 {
        bits list_q_type, set_list_q_type: 0x14[26:24];
        bits rqt_max_size, set_rqt_max_size: 0x14[15:0];
        bits rq_vhca_id_format, set_rq_vhca_id_format: 0x18[31:31];
        bits rqt_actual_size, set_rqt_actual_size: 0x18[15:0];
    }
}

layout! {
    /// `create_rqt_in`, 272 bytes.
    pub struct CreateRqtIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested rqt_context, rqt_context_mut: 0x20[Rqtc];
    }
}

layout! {
    /// `rqt_bitmask`, 8 bytes.
    pub struct RqtBitmask: 0x8 {
        bits rqn_list, set_rqn_list: 0x04[0:0];
    }
}

layout! {
    /// `modify_rqt_in`, 272 bytes.
    pub struct ModifyRqtIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits rqtn, set_rqtn: 0x08[23:0];
        nested bitmask, bitmask_mut: 0x10[RqtBitmask];
        nested ctx, ctx_mut: 0x20[Rqtc];
    }
}

layout! {
    /// `rx_hash_field_select`, 4 bytes.
    pub struct RxHashFieldSelect: 0x4 {
        bits l3_prot_type, set_l3_prot_type: 0x00[31:31];
        bits l4_prot_type, set_l4_prot_type: 0x00[30:30];
        bits selected_fields, set_selected_fields: 0x00[29:0];
    }
}

layout! {
    /// `tirc`, 240 bytes.
    pub struct Tirc: 0xf0 {
        bits disp_type, set_disp_type: 0x04[31:28];
        bits tls_en, set_tls_en: 0x04[27:27];
        bits lro_timeout_period_usecs, set_lro_timeout_period_usecs: 0x10[27:12];
        bits packet_merge_mask, set_packet_merge_mask: 0x10[11:8];
        bits lro_max_ip_payload_size, set_lro_max_ip_payload_size: 0x10[7:0];
        bits inline_rqn, set_inline_rqn: 0x1c[23:0];
        bits rx_hash_symmetric, set_rx_hash_symmetric: 0x20[31:31];
        bits tunneled_offload_en, set_tunneled_offload_en: 0x20[29:29];
        bits indirect_table, set_indirect_table: 0x20[23:0];
        bits rx_hash_fn, set_rx_hash_fn: 0x24[31:28];
        bits self_lb_block, set_self_lb_block: 0x24[25:24];
        bits transport_domain, set_transport_domain: 0x24[23:0];
        bytes rx_hash_toeplitz_key, set_rx_hash_toeplitz_key: 0x28[40];
        nested rx_hash_field_selector_outer, rx_hash_field_selector_outer_mut: 0x50[RxHashFieldSelect];
        nested rx_hash_field_selector_inner, rx_hash_field_selector_inner_mut: 0x54[RxHashFieldSelect];
    }
}

layout! {
    /// `create_tir_in`, 272 bytes.
    pub struct CreateTirIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested ctx, ctx_mut: 0x20[Tirc];
    }
}

layout! {
    /// `modify_tir_bitmask`, 8 bytes.
    pub struct ModifyTirBitmask: 0x8 {
        bits self_lb_en, set_self_lb_en: 0x04[4:4];
        bits hash, set_hash: 0x04[2:2];
        bits packet_merge, set_packet_merge: 0x04[0:0];
    }
}

layout! {
    /// `modify_tir_in`, 272 bytes.
    pub struct ModifyTirIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits tirn, set_tirn: 0x08[23:0];
        nested bitmask, bitmask_mut: 0x10[ModifyTirBitmask];
        nested ctx, ctx_mut: 0x20[Tirc];
    }
}

layout! {
    /// `destroy_tir_in`, 16 bytes.
    pub struct DestroyTirIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits tirn, set_tirn: 0x08[23:0];
    }
}

layout! {
    /// `destroy_sq_in`, 16 bytes.
    pub struct DestroySqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits sqn, set_sqn: 0x08[23:0];
    }
}

layout! {
    /// `destroy_rq_in`, 16 bytes.
    pub struct DestroyRqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits rqn, set_rqn: 0x08[23:0];
    }
}

layout! {
    /// `destroy_tis_in`, 16 bytes.
    pub struct DestroyTisIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits tisn, set_tisn: 0x08[23:0];
    }
}

layout! {
    /// `destroy_rqt_in`, 16 bytes.
    pub struct DestroyRqtIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits rqtn, set_rqtn: 0x08[23:0];
    }
}

layout! {
    /// `create_tis_out`, 16 bytes.
    pub struct CreateTisOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits tisn, set_tisn: 0x08[23:0];
    }
}

layout! {
    /// `create_rqt_out`, 16 bytes.
    pub struct CreateRqtOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits rqtn, set_rqtn: 0x08[23:0];
    }
}

layout! {
    /// `create_tir_out`, 16 bytes.
    pub struct CreateTirOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits tirn, set_tirn: 0x08[23:0];
    }
}
