//! Event and completion queues.

layout! {
    /// `eqc`, 64 bytes.
    pub struct Eqc: 0x40 {
        bits status, set_status: 0x00[31:28];
        bits ec, set_ec: 0x00[18:18];
        bits oi, set_oi: 0x00[17:17];
        bits st, set_st: 0x00[11:8];
        bits page_offset, set_page_offset: 0x08[11:6];
        bits log_eq_size, set_log_eq_size: 0x0c[28:24];
        bits uar_page, set_uar_page: 0x0c[23:0];
        bits intr, set_intr: 0x14[11:0];
        bits log_page_size, set_log_page_size: 0x18[28:24];
        bits consumer_counter, set_consumer_counter: 0x28[23:0];
        bits producer_counter, set_producer_counter: 0x2c[23:0];
    }
}

layout! {
    /// `create_eq_in`, 272 bytes.
    pub struct CreateEqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested eq_context_entry, eq_context_entry_mut: 0x10[Eqc];
        qwords event_bitmask, set_event_bitmask: 0x58[4];
    }
}

layout! {
    /// `create_eq_out`, 16 bytes.
    pub struct CreateEqOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits eq_number, set_eq_number: 0x08[7:0];
    }
}

layout! {
    /// `destroy_eq_in`, 16 bytes.
    pub struct DestroyEqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits eq_number, set_eq_number: 0x08[7:0];
    }
}

layout! {
    /// `query_eq_in`, 16 bytes.
    pub struct QueryEqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits eq_number, set_eq_number: 0x08[7:0];
    }
}

layout! {
    /// `query_eq_out`, 272 bytes.
    pub struct QueryEqOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested eq_context_entry, eq_context_entry_mut: 0x10[Eqc];
        qword event_bitmask, set_event_bitmask: 0x58[63:0];
    }
}

layout! {
    /// `cqc`, 64 bytes.
    pub struct Cqc: 0x40 {
        bits status, set_status: 0x00[31:28];
        bits dbr_umem_valid, set_dbr_umem_valid: 0x00[25:25];
        bits apu_cq, set_apu_cq: 0x00[24:24];
        bits cqe_sz, set_cqe_sz: 0x00[23:21];
        bits cc, set_cc: 0x00[20:20];
        bits scqe_break_moderation_en, set_scqe_break_moderation_en: 0x00[18:18];
        bits oi, set_oi: 0x00[17:17];
        bits cq_period_mode, set_cq_period_mode: 0x00[16:15];
        bits cqe_comp_en, set_cqe_comp_en: 0x00[14:14];
        bits mini_cqe_res_format, set_mini_cqe_res_format: 0x00[13:12];
        bits st, set_st: 0x00[11:8];
        bits cqe_compression_layout, set_cqe_compression_layout: 0x00[1:0];
        bits page_offset, set_page_offset: 0x08[11:6];
        bits log_cq_size, set_log_cq_size: 0x0c[28:24];
        bits uar_page, set_uar_page: 0x0c[23:0];
        bits cq_period, set_cq_period: 0x10[27:16];
        bits cq_max_count, set_cq_max_count: 0x10[15:0];
        bits c_eqn_or_apu_element, set_c_eqn_or_apu_element: 0x14[31:0];
        bits log_page_size, set_log_page_size: 0x18[28:24];
        bits last_notified_index, set_last_notified_index: 0x20[23:0];
        bits last_solicit_index, set_last_solicit_index: 0x24[23:0];
        bits consumer_counter, set_consumer_counter: 0x28[23:0];
        bits producer_counter, set_producer_counter: 0x2c[23:0];
        qword dbr_addr, set_dbr_addr: 0x38[63:0];
    }
}

layout! {
    /// `create_cq_in`, 272 bytes.
    pub struct CreateCqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        nested cq_context, cq_context_mut: 0x10[Cqc];
        bits cq_umem_valid, set_cq_umem_valid: 0x5c[31:31];
    }
}

layout! {
    /// `create_cq_out`, 16 bytes.
    pub struct CreateCqOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits cqn, set_cqn: 0x08[23:0];
    }
}

layout! {
    /// `destroy_cq_in`, 16 bytes.
    pub struct DestroyCqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits cqn, set_cqn: 0x08[23:0];
    }
}

layout! {
    /// `modify_cq_in`, 272 bytes.
    pub struct ModifyCqIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits cqn, set_cqn: 0x08[23:0];
        bytes modify_field_select_resize_field_select, set_modify_field_select_resize_field_select: 0x0c[4];
        nested cq_context, cq_context_mut: 0x10[Cqc];
        bits cq_umem_valid, set_cq_umem_valid: 0x5c[31:31];
    }
}

layout! {
    /// `query_cq_in`, 16 bytes.
    pub struct QueryCqIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits cqn, set_cqn: 0x08[23:0];
    }
}

layout! {
    /// `query_cq_out`, 272 bytes.
    pub struct QueryCqOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested cq_context, cq_context_mut: 0x10[Cqc];
    }
}
