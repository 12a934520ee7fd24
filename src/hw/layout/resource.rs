//! Small objects: UAR, protection domain, transport domain, XRC domain, queue counters.

layout! {
    /// `alloc_uar_in`, 16 bytes.
    pub struct AllocUarIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `alloc_uar_out`, 16 bytes.
    pub struct AllocUarOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits uar, set_uar: 0x08[23:0];
    }
}

layout! {
    /// `dealloc_uar_in`, 16 bytes.
    pub struct DeallocUarIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits uar, set_uar: 0x08[23:0];
    }
}

layout! {
    /// `alloc_pd_in`, 16 bytes.
    pub struct AllocPdIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `alloc_pd_out`, 16 bytes.
    pub struct AllocPdOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits pd, set_pd: 0x08[23:0];
    }
}

layout! {
    /// `dealloc_pd_in`, 16 bytes.
    pub struct DeallocPdIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits pd, set_pd: 0x08[23:0];
    }
}

layout! {
    /// `alloc_transport_domain_in`, 16 bytes.
    pub struct AllocTransportDomainIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `alloc_transport_domain_out`, 16 bytes.
    pub struct AllocTransportDomainOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits transport_domain, set_transport_domain: 0x08[23:0];
    }
}

layout! {
    /// `dealloc_transport_domain_in`, 16 bytes.
    pub struct DeallocTransportDomainIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits transport_domain, set_transport_domain: 0x08[23:0];
    }
}

layout! {
    /// `alloc_xrcd_in`, 16 bytes.
    pub struct AllocXrcdIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `alloc_xrcd_out`, 16 bytes.
    pub struct AllocXrcdOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits xrcd, set_xrcd: 0x08[23:0];
    }
}

layout! {
    /// `dealloc_xrcd_in`, 16 bytes.
    pub struct DeallocXrcdIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits xrcd, set_xrcd: 0x08[23:0];
    }
}

layout! {
    /// `alloc_q_counter_in`, 16 bytes.
    pub struct AllocQCounterIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits uid, set_uid: 0x00[15:0];
        bits op_mod, set_op_mod: 0x04[15:0];
    }
}

layout! {
    /// `alloc_q_counter_out`, 16 bytes.
    pub struct AllocQCounterOut: 0x10 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits counter_set_id, set_counter_set_id: 0x08[7:0];
    }
}

layout! {
    /// `dealloc_q_counter_in`, 16 bytes.
    pub struct DeallocQCounterIn: 0x10 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits counter_set_id, set_counter_set_id: 0x08[7:0];
    }
}

layout! {
    /// `query_q_counter_in`, 32 bytes.
    pub struct QueryQCounterIn: 0x20 {
        bits opcode, set_opcode: 0x00[31:16];
        bits op_mod, set_op_mod: 0x04[15:0];
        bits other_vport, set_other_vport: 0x08[31:31];
        bits vport_number, set_vport_number: 0x08[15:0];
        bits clear, set_clear: 0x18[31:31];
        bits aggregate, set_aggregate: 0x18[30:30];
        bits counter_set_id, set_counter_set_id: 0x1c[7:0];
    }
}

layout! {
    /// `query_q_counter_out`, 256 bytes.
    pub struct QueryQCounterOut: 0x100 {
        bits status, set_status: 0x00[31:24];
        bits syndrome, set_syndrome: 0x04[31:0];
        bits rx_write_requests, set_rx_write_requests: 0x10[31:0];
        bits rx_read_requests, set_rx_read_requests: 0x18[31:0];
        bits rx_atomic_requests, set_rx_atomic_requests: 0x20[31:0];
        bits rx_dct_connect, set_rx_dct_connect: 0x28[31:0];
        bits out_of_buffer, set_out_of_buffer: 0x30[31:0];
        bits out_of_sequence, set_out_of_sequence: 0x38[31:0];
        bits duplicate_request, set_duplicate_request: 0x40[31:0];
        bits rnr_nak_retry_err, set_rnr_nak_retry_err: 0x48[31:0];
        bits packet_seq_err, set_packet_seq_err: 0x50[31:0];
        bits implied_nak_seq_err, set_implied_nak_seq_err: 0x58[31:0];
        bits local_ack_timeout_err, set_local_ack_timeout_err: 0x60[31:0];
        bits req_rnr_retries_exceeded, set_req_rnr_retries_exceeded: 0x70[31:0];
        bits resp_local_length_error, set_resp_local_length_error: 0x78[31:0];
        bits req_local_length_error, set_req_local_length_error: 0x7c[31:0];
        bits resp_local_qp_error, set_resp_local_qp_error: 0x80[31:0];
        bits local_operation_error, set_local_operation_error: 0x84[31:0];
        bits resp_local_protection, set_resp_local_protection: 0x88[31:0];
        bits req_local_protection, set_req_local_protection: 0x8c[31:0];
        bits resp_cqe_error, set_resp_cqe_error: 0x90[31:0];
        bits req_cqe_error, set_req_cqe_error: 0x94[31:0];
        bits req_mw_binding, set_req_mw_binding: 0x98[31:0];
        bits req_bad_response, set_req_bad_response: 0x9c[31:0];
        bits req_remote_invalid_request, set_req_remote_invalid_request: 0xa0[31:0];
        bits resp_remote_invalid_request, set_resp_remote_invalid_request: 0xa4[31:0];
        bits req_remote_access_errors, set_req_remote_access_errors: 0xa8[31:0];
        bits resp_remote_access_errors, set_resp_remote_access_errors: 0xac[31:0];
        bits req_remote_operation_errors, set_req_remote_operation_errors: 0xb0[31:0];
        bits req_transport_retries_exceeded, set_req_transport_retries_exceeded: 0xb4[31:0];
        bits cq_overflow, set_cq_overflow: 0xb8[31:0];
        bits resp_cqe_flush_error, set_resp_cqe_flush_error: 0xbc[31:0];
        bits req_cqe_flush_error, set_req_cqe_flush_error: 0xc0[31:0];
        bits roce_adp_retrans, set_roce_adp_retrans: 0xc8[31:0];
        bits roce_adp_retrans_to, set_roce_adp_retrans_to: 0xcc[31:0];
        bits roce_slow_restart, set_roce_slow_restart: 0xd0[31:0];
        bits roce_slow_restart_cnps, set_roce_slow_restart_cnps: 0xd4[31:0];
        bits roce_slow_restart_trans, set_roce_slow_restart_trans: 0xd8[31:0];
    }
}
