//! Bring-up and teardown of the function, pages, adapter identity.

layout! {
    /// `enable_hca_in`, 16 bytes.
    pub struct EnableHcaIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits embedded_cpu_function, set_embedded_cpu_function: 0x08[31:31];
        bits function_id, set_function_id: 0x08[15:0];
    }
}

layout! {
    /// `disable_hca_in`, 16 bytes.
    pub struct DisableHcaIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits embedded_cpu_function, set_embedded_cpu_function: 0x08[31:31];
        bits function_id, set_function_id: 0x08[15:0];
    }
}

layout! {
    /// `query_issi_in`, 16 bytes.
    pub struct QueryIssiIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `query_issi_out`, 112 bytes.
    pub struct QueryIssiOut: 0x70 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits current_issi, set_current_issi: 0x08[15:0];
        bits supported_issi_dw0, set_supported_issi_dw0: 0x6c[31:0];
    }
}

layout! {
    /// `set_issi_in`, 16 bytes.
    pub struct SetIssiIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits current_issi, set_current_issi: 0x08[15:0];
    }
}

layout! {
    /// `query_pages_in`, 16 bytes.
    pub struct QueryPagesIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits embedded_cpu_function, set_embedded_cpu_function: 0x08[31:31];
        bits function_id, set_function_id: 0x08[15:0];
    }
}

layout! {
    /// `query_pages_out`, 16 bytes.
    pub struct QueryPagesOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits embedded_cpu_function, set_embedded_cpu_function: 0x08[31:31];
        bits function_id, set_function_id: 0x08[15:0];
        bits num_pages, set_num_pages: 0x0c[31:0];
    }
}

layout! {
    /// `manage_pages_in`, 16 bytes.
    pub struct ManagePagesIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits embedded_cpu_function, set_embedded_cpu_function: 0x08[31:31];
        bits function_id, set_function_id: 0x08[15:0];
        bits input_num_entries, set_input_num_entries: 0x0c[31:0];
    }
}

layout! {
    /// `manage_pages_out`, 16 bytes.
    pub struct ManagePagesOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits output_num_entries, set_output_num_entries: 0x08[31:0];
    }
}

layout! {
    /// `init_hca_in`, 32 bytes.
    pub struct InitHcaIn: 0x20 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits sw_vhca_id, set_sw_vhca_id: 0x0c[29:16];
        dwords sw_owner_id, set_sw_owner_id: 0x10[4];
    }
}

layout! {
    /// `teardown_hca_in`, 16 bytes.
    pub struct TeardownHcaIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits profile, set_profile: 0x08[15:0];
    }
}

layout! {
    /// `teardown_hca_out`, 16 bytes.
    pub struct TeardownHcaOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits state, set_state: 0x0c[0:0];
    }
}

layout! {
    /// `set_driver_version_in`, 80 bytes.
    pub struct SetDriverVersionIn: 0x50 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bytes driver_version, set_driver_version: 0x10[64];
    }
}

layout! {
    /// `query_special_contexts_in`, 16 bytes.
    pub struct QuerySpecialContextsIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `query_special_contexts_out`, 32 bytes.
    pub struct QuerySpecialContextsOut: 0x20 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits dump_fill_mkey, set_dump_fill_mkey: 0x08[31:0];
        bits resd_lkey, set_resd_lkey: 0x0c[31:0];
        bits null_mkey, set_null_mkey: 0x10[31:0];
        bits terminate_scatter_list_mkey, set_terminate_scatter_list_mkey: 0x14[31:0];
        bits repeated_mkey, set_repeated_mkey: 0x18[31:0];
    }
}

layout! {
    /// `query_adapter_in`, 16 bytes.
    pub struct QueryAdapterIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `query_adapter_out`, 272 bytes.
    pub struct QueryAdapterOut: 0x110 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        nested query_adapter_struct, query_adapter_struct_mut: 0x10[QueryAdapterParamBlock];
    }
}

layout! {
    /// `query_adapter_param_block`, 256 bytes.
    pub struct QueryAdapterParamBlock: 0x100 {
        bits ieee_vendor_id, set_ieee_vendor_id: 0x18[23:0];
        bits vsd_vendor_id, set_vsd_vendor_id: 0x1c[15:0];
        bytes vsd, set_vsd: 0x20[208];
        bytes vsd_contd_psid, set_vsd_contd_psid: 0xf0[16];
    }
}
