//! Memory keys.

layout! {
    /// `mkc`, 64 bytes.
    pub struct Mkc: 0x40 {
        bits free, set_free: 0x00[30:30];
        bits access_mode_4_2, set_access_mode_4_2: 0x00[28:26];
        bits relaxed_ordering_write, set_relaxed_ordering_write: 0x00[18:18];
        bits small_fence_on_rdma_read_response, set_small_fence_on_rdma_read_response: 0x00[16:16];
        bits umr_en, set_umr_en: 0x00[15:15];
        bits a, set_a: 0x00[14:14];
        bits rw, set_rw: 0x00[13:13];
        bits rr, set_rr: 0x00[12:12];
        bits lw, set_lw: 0x00[11:11];
        bits lr, set_lr: 0x00[10:10];
        bits access_mode_1_0, set_access_mode_1_0: 0x00[9:8];
        bits ma_translation_mode, set_ma_translation_mode: 0x00[5:4];
        bits qpn, set_qpn: 0x04[31:8];
        bits mkey_7_0, set_mkey_7_0: 0x04[7:0];
        bits length64, set_length64: 0x0c[31:31];
        bits bsf_en, set_bsf_en: 0x0c[30:30];
        bits sync_umr, set_sync_umr: 0x0c[29:29];
        bits expected_sigerr_count, set_expected_sigerr_count: 0x0c[26:26];
        bits en_rinval, set_en_rinval: 0x0c[24:24];
        bits pd, set_pd: 0x0c[23:0];
        qword start_addr, set_start_addr: 0x10[63:0];
        qword len, set_len: 0x18[63:0];
        bits bsf_octword_size, set_bsf_octword_size: 0x20[31:0];
        bits crossing_target_vhca_id, set_crossing_target_vhca_id: 0x30[31:16];
        bits translations_octword_size, set_translations_octword_size: 0x34[31:0];
        bits relaxed_ordering_read, set_relaxed_ordering_read: 0x38[6:6];
        bits log_page_size, set_log_page_size: 0x38[5:0];
    }
}

layout! {
    /// `create_mkey_in`, 272 bytes.
    pub struct CreateMkeyIn: 0x110 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits pg_access, set_pg_access: 0x0c[31:31];
        bits mkey_umem_valid, set_mkey_umem_valid: 0x0c[30:30];
        bits data_direct, set_data_direct: 0x0c[29:29];
        nested memory_key_mkey_entry, memory_key_mkey_entry_mut: 0x10[Mkc];
        bits translations_octword_actual_size, set_translations_octword_actual_size: 0x60[31:0];
    }
}

layout! {
    /// `create_mkey_out`, 16 bytes.
    pub struct CreateMkeyOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits mkey_index, set_mkey_index: 0x08[23:0];
    }
}

layout! {
    /// `destroy_mkey_in`, 16 bytes.
    pub struct DestroyMkeyIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits mkey_index, set_mkey_index: 0x08[23:0];
    }
}

layout! {
    /// `query_mkey_in`, 16 bytes.
    pub struct QueryMkeyIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits mkey_index, set_mkey_index: 0x08[23:0];
        bits pg_access, set_pg_access: 0x0c[31:31];
    }
}

layout! {
    /// `query_mkey_out`, 304 bytes.
    pub struct QueryMkeyOut: 0x130 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested memory_key_mkey_entry, memory_key_mkey_entry_mut: 0x10[Mkc];
        bytes bsf0_klm0_pas_mtt0_1, set_bsf0_klm0_pas_mtt0_1: 0x110[16];
        bytes bsf1_klm1_pas_mtt2_3, set_bsf1_klm1_pas_mtt2_3: 0x120[16];
    }
}
