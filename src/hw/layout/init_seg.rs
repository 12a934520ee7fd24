//! Initialization segment and command queue entries (connectx interface, sections 2 and 3).

layout! {
    /// `initial_seg`, 16396 bytes.
    pub struct InitialSeg: 0x400c {
        bits fw_rev_minor, set_fw_rev_minor: 0x00[31:16];
        bits fw_rev_major, set_fw_rev_major: 0x00[15:0];
        bits cmd_interface_rev, set_cmd_interface_rev: 0x04[31:16];
        bits fw_rev_subminor, set_fw_rev_subminor: 0x04[15:0];
        bits cmdq_phy_addr_63_32, set_cmdq_phy_addr_63_32: 0x10[31:0];
        bits cmdq_phy_addr_31_12, set_cmdq_phy_addr_31_12: 0x14[31:12];
        bits nic_interface, set_nic_interface: 0x14[10:8];
        bits log_cmdq_size, set_log_cmdq_size: 0x14[7:4];
        bits log_cmdq_stride, set_log_cmdq_stride: 0x14[3:0];
        bits command_doorbell_vector, set_command_doorbell_vector: 0x18[31:0];
        bits initializing, set_initializing: 0x1fc[31:31];
        bits nic_interface_supported, set_nic_interface_supported: 0x1fc[26:24];
        bits embedded_cpu, set_embedded_cpu: 0x1fc[23:23];
        bytes health_buffer, set_health_buffer: 0x200[64];
        bits no_dram_nic_offset, set_no_dram_nic_offset: 0x240[31:0];
        bits clear_int, set_clear_int: 0x100c[0:0];
        bits health_syndrome, set_health_syndrome: 0x1010[31:24];
        bits health_counter, set_health_counter: 0x1010[23:0];
    }
}

layout! {
    /// `hw_health_buffer`, 64 bytes.
    pub struct HwHealthBuffer: 0x40 {
        bytes assert_var, set_assert_var: 0x00[24];
        bits assert_exit_ptr, set_assert_exit_ptr: 0x20[31:0];
        bits assert_callra, set_assert_callra: 0x24[31:0];
        bits time, set_time: 0x2c[31:0];
        bits fw_ver, set_fw_ver: 0x30[31:0];
        bits hw_id, set_hw_id: 0x34[31:0];
        bits rfr, set_rfr: 0x38[31:31];
        bits crr, set_crr: 0x38[30:30];
        bits valid, set_valid: 0x38[27:27];
        bits severity, set_severity: 0x38[26:24];
        bits irisc_index, set_irisc_index: 0x3c[31:24];
        bits synd, set_synd: 0x3c[23:16];
        bits ext_synd, set_ext_synd: 0x3c[15:0];
    }
}

layout! {
    /// `cmd_queue_entry`, 64 bytes.
    pub struct CmdQueueEntry: 0x40 {
        bits type_, set_type_: 0x00[31:24];
        bits input_length, set_input_length: 0x04[31:0];
        bits input_mailbox_pointer_63_32, set_input_mailbox_pointer_63_32: 0x08[31:0];
        bits input_mailbox_pointer_31_9, set_input_mailbox_pointer_31_9: 0x0c[31:9];
        bytes command_input_inline_data, set_command_input_inline_data: 0x10[16];
        bytes command_output_inline_data, set_command_output_inline_data: 0x20[16];
        bits output_mailbox_pointer_63_32, set_output_mailbox_pointer_63_32: 0x30[31:0];
        bits output_mailbox_pointer_31_9, set_output_mailbox_pointer_31_9: 0x34[31:9];
        bits output_length, set_output_length: 0x38[31:0];
        bits token, set_token: 0x3c[31:24];
        bits signature, set_signature: 0x3c[23:16];
        bits status, set_status: 0x3c[7:1];
        bits ownership, set_ownership: 0x3c[0:0];
    }
}

layout! {
    /// `cmd_if_box`, 576 bytes.
    pub struct CmdIfBox: 0x240 {
        bytes mailbox_data, set_mailbox_data: 0x00[512];
        bits next_pointer_63_32, set_next_pointer_63_32: 0x230[31:0];
        bits next_pointer_31_10, set_next_pointer_31_10: 0x234[31:10];
        bits block_number, set_block_number: 0x238[31:0];
        bits token, set_token: 0x23c[23:16];
        bits ctrl_signature, set_ctrl_signature: 0x23c[15:8];
        bits signature, set_signature: 0x23c[7:0];
    }
}

layout! {
    /// `cmd_in`, 8 bytes.
    pub struct CmdIn: 0x8 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `cmd_out`, 12 bytes.
    pub struct CmdOut: 0xc {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits command_output, set_command_output: 0x08[31:0];
    }
}
