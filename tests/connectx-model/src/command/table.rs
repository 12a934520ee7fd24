//! Which commands there are, when they are allowed, and who executes them.

use cxndk::hw::layout::{CmdIn, opcode as op};

use super::status::{Outcome, Status};
use super::{
    bring_up, completion_queues, ether_queues, ether_targets, event_queues, keys, network, queue_pairs,
    registers, resources, steering, transitions,
};
use crate::{Device, Phase};

/// One command of the device.
struct Entry {
    opcode: u16,
    /// Needs at least this phase.
    from: Phase,
    /// Needs at most this phase.
    until: Phase,
    /// Least length of the input, in bytes, without trailing arrays.
    input: usize,
    /// Least room for the output, in bytes.
    output: usize,
    /// Bits of input dwords 2 and 3 that mean something.
    fields: [u32; 2],
    run: fn(&Device, &Request<'_>) -> Outcome,
}

/// A command being executed.
pub(super) struct Request<'a> {
    /// Its input, header first.
    pub(super) input: &'a [u8],
    pub(super) opcode: u16,
    pub(super) op_mod: u32,
    /// Room for the output.
    pub(super) output: usize,
}

impl Request<'_> {
    /// The big-endian dword at byte `at`; the length was checked against the table.
    pub(super) fn dword(&self, at: usize) -> u32 {
        self.input.get(at..at + 4).map_or(0, |bytes| {
            u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        })
    }

    /// `count` bus addresses from byte `at` on.
    pub(super) fn addresses(&self, at: usize, count: usize) -> Result<Vec<u64>, Status> {
        let bytes = self.input.get(at..at + count * 8).ok_or(Status::BadInputLength)?;
        Ok(bytes
            .chunks_exact(8)
            .map(|entry| entry.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
            .collect())
    }
}

/// Output header for success, and room for `length` bytes in all.
pub(super) fn success(length: usize) -> Vec<u8> {
    vec![0; length]
}

/// Sixteen bytes of output with `value` in dword 2: what most commands that make something answer.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all commands")]
pub(super) fn number(value: u32) -> Outcome {
    let mut output = success(16);
    output[8..12].copy_from_slice(&value.to_be_bytes());
    Ok(output)
}

/// Sixteen bytes of success.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all commands")]
pub(super) fn done() -> Outcome {
    Ok(success(16))
}

const ANY: u32 = u32::MAX;
/// Low 24 bits: an object number.
const NUMBER: u32 = 0x00ff_ffff;

macro_rules! commands {
    ($($opcode:ident $from:ident..=$until:ident $input:literal $output:literal [$f0:expr, $f1:expr] $run:path;)*) => {
        &[$(Entry {
            opcode: op::$opcode,
            from: Phase::$from,
            until: Phase::$until,
            input: $input,
            output: $output,
            fields: [$f0, $f1],
            run: $run,
        }),*]
    };
}

#[rustfmt::skip]
const COMMANDS: &[Entry] = commands! {
    ENABLE_HCA Commands..=Commands 16 16 [0x8000_ffff, 0] bring_up::enable_hca;
    DISABLE_HCA Enabled..=Enabled 16 16 [0x8000_ffff, 0] bring_up::disable_hca;
    QUERY_ISSI Enabled..=Initialized 16 0x70 [0, 0] bring_up::query_issi;
    SET_ISSI Enabled..=Enabled 16 16 [0xffff, 0] bring_up::set_issi;
    QUERY_PAGES Enabled..=Initialized 16 16 [0x8000_ffff, 0] bring_up::query_pages;
    MANAGE_PAGES Enabled..=Initialized 16 16 [0x8000_ffff, ANY] bring_up::manage_pages;
    QUERY_HCA_CAP Enabled..=Initialized 16 0x1010 [0xffff, 0] bring_up::query_hca_cap;
    SET_HCA_CAP Enabled..=Enabled 0x1010 16 [0xffff, 0] bring_up::set_hca_cap;
    INIT_HCA Enabled..=Enabled 16 16 [0, 0x3fff_0000] bring_up::init_hca;
    TEARDOWN_HCA Initialized..=Initialized 16 16 [0xffff, 0] bring_up::teardown_hca;
    SET_DRIVER_VERSION Initialized..=Initialized 0x50 16 [0, 0] bring_up::set_driver_version;
    QUERY_ADAPTER Enabled..=Initialized 16 0x110 [0, 0] bring_up::query_adapter;
    QUERY_SPECIAL_CONTEXTS Initialized..=Initialized 16 0x20 [0, 0] bring_up::query_special_contexts;
    ACCESS_REG Enabled..=Initialized 16 16 [0xffff, ANY] registers::access;

    ALLOC_UAR Initialized..=Initialized 16 16 [0, 0] resources::alloc_uar;
    DEALLOC_UAR Initialized..=Initialized 16 16 [NUMBER, 0] resources::dealloc_uar;
    ALLOC_PD Initialized..=Initialized 16 16 [0, 0] resources::alloc_pd;
    DEALLOC_PD Initialized..=Initialized 16 16 [NUMBER, 0] resources::dealloc_pd;
    ALLOC_TRANSPORT_DOMAIN Initialized..=Initialized 16 16 [0, 0] resources::alloc_transport_domain;
    DEALLOC_TRANSPORT_DOMAIN Initialized..=Initialized 16 16 [NUMBER, 0] resources::dealloc_transport_domain;
    ALLOC_XRCD Initialized..=Initialized 16 16 [0, 0] resources::alloc_xrcd;
    DEALLOC_XRCD Initialized..=Initialized 16 16 [NUMBER, 0] resources::dealloc_xrcd;
    ALLOC_Q_COUNTER Initialized..=Initialized 16 16 [0, 0] resources::alloc_q_counter;
    DEALLOC_Q_COUNTER Initialized..=Initialized 16 16 [0xff, 0] resources::dealloc_q_counter;
    QUERY_Q_COUNTER Initialized..=Initialized 0x20 0x100 [0x8000_ffff, 0] resources::query_q_counter;

    CREATE_EQ Initialized..=Initialized 0x110 16 [0, 0] event_queues::create;
    DESTROY_EQ Initialized..=Initialized 16 16 [0xff, 0] event_queues::destroy;
    QUERY_EQ Initialized..=Initialized 16 0x110 [0xff, 0] event_queues::query;
    CREATE_CQ Initialized..=Initialized 0x110 16 [0, 0] completion_queues::create;
    DESTROY_CQ Initialized..=Initialized 16 16 [NUMBER, 0] completion_queues::destroy;
    QUERY_CQ Initialized..=Initialized 16 0x110 [NUMBER, 0] completion_queues::query;
    MODIFY_CQ Initialized..=Initialized 0x110 16 [NUMBER, ANY] completion_queues::modify;
    CREATE_MKEY Initialized..=Initialized 0x110 16 [0, 0x8000_0000] keys::create;
    DESTROY_MKEY Initialized..=Initialized 16 16 [NUMBER, 0] keys::destroy;
    QUERY_MKEY Initialized..=Initialized 16 0x110 [NUMBER, 0x8000_0000] keys::query;

    CREATE_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] queue_pairs::create;
    DESTROY_QP Initialized..=Initialized 16 16 [NUMBER, 0] queue_pairs::destroy;
    QUERY_QP Initialized..=Initialized 16 0x110 [NUMBER, 0] queue_pairs::query;
    RST2INIT_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    INIT2INIT_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    INIT2RTR_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    RTR2RTS_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    RTS2RTS_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    SQERR2RTS_QP Initialized..=Initialized 0x110 16 [NUMBER, 0] transitions::modify;
    QP_2ERR_QP Initialized..=Initialized 16 16 [NUMBER, 0] transitions::to_error;
    QP_2RST_QP Initialized..=Initialized 16 16 [NUMBER, 0] transitions::to_reset;

    CREATE_SQ Initialized..=Initialized 0x110 16 [0, 0] ether_queues::create_sq;
    MODIFY_SQ Initialized..=Initialized 0x110 16 [0xf0ff_ffff, 0] ether_queues::modify_sq;
    DESTROY_SQ Initialized..=Initialized 16 16 [NUMBER, 0] ether_queues::destroy_sq;
    QUERY_SQ Initialized..=Initialized 16 0x110 [NUMBER, 0] ether_queues::query_sq;
    CREATE_RQ Initialized..=Initialized 0x110 16 [0, 0] ether_queues::create_rq;
    MODIFY_RQ Initialized..=Initialized 0x110 16 [0xf0ff_ffff, 0] ether_queues::modify_rq;
    DESTROY_RQ Initialized..=Initialized 16 16 [NUMBER, 0] ether_queues::destroy_rq;
    QUERY_RQ Initialized..=Initialized 16 0x110 [NUMBER, 0] ether_queues::query_rq;
    CREATE_TIS Initialized..=Initialized 0xc0 16 [0, 0] ether_targets::create_tis;
    MODIFY_TIS Initialized..=Initialized 0xc0 16 [NUMBER, 0] ether_targets::modify_tis;
    DESTROY_TIS Initialized..=Initialized 16 16 [NUMBER, 0] ether_targets::destroy_tis;
    CREATE_RQT Initialized..=Initialized 0x110 16 [0, 0] ether_targets::create_rqt;
    MODIFY_RQT Initialized..=Initialized 0x110 16 [NUMBER, 0] ether_targets::modify_rqt;
    DESTROY_RQT Initialized..=Initialized 16 16 [NUMBER, 0] ether_targets::destroy_rqt;
    CREATE_TIR Initialized..=Initialized 0x110 16 [0, 0] ether_targets::create_tir;
    MODIFY_TIR Initialized..=Initialized 0x110 16 [NUMBER, 0] ether_targets::modify_tir;
    DESTROY_TIR Initialized..=Initialized 16 16 [NUMBER, 0] ether_targets::destroy_tir;
    CREATE_FLOW_TABLE Initialized..=Initialized 0x40 16 [0x8000_ffff, 0] steering::create_table;
    MODIFY_FLOW_TABLE Initialized..=Initialized 0x40 16 [0x8000_ffff, 0xffff] steering::modify_table;
    DESTROY_FLOW_TABLE Initialized..=Initialized 0x40 16 [0x8000_ffff, 0] steering::destroy_table;
    SET_FLOW_TABLE_ROOT Initialized..=Initialized 0x40 16 [0x8000_ffff, 0] steering::set_root;
    CREATE_FLOW_GROUP Initialized..=Initialized 0x400 16 [0x8000_ffff, 0] steering::create_group;
    DESTROY_FLOW_GROUP Initialized..=Initialized 0x40 16 [0x8000_ffff, 0] steering::destroy_group;
    SET_FLOW_TABLE_ENTRY Initialized..=Initialized 0x340 16 [0x8000_ffff, 0] steering::set_entry;
    DELETE_FLOW_TABLE_ENTRY Initialized..=Initialized 0x40 16 [0x8000_ffff, 0] steering::delete_entry;

    QUERY_VPORT_STATE Initialized..=Initialized 16 16 [0x8000_ffff, 0] network::query_vport_state;
    MODIFY_VPORT_STATE Initialized..=Initialized 16 16 [0x8000_ffff, 0xf0] network::modify_vport_state;
    QUERY_NIC_VPORT_CONTEXT Initialized..=Initialized 16 0x110 [0x8000_ffff, 0x0700_0000] network::query_nic_vport;
    MODIFY_NIC_VPORT_CONTEXT Initialized..=Initialized 0x200 16 [0x8000_ffff, 0xffff] network::modify_nic_vport;
    QUERY_ROCE_ADDRESS Initialized..=Initialized 16 0x30 [0xffff_000f, 0] network::query_roce_address;
    SET_ROCE_ADDRESS Initialized..=Initialized 0x30 16 [0xffff_000f, 0] network::set_roce_address;
    QUERY_VPORT_COUNTER Initialized..=Initialized 0x20 0x210 [0x8000_ffff, 0] network::query_vport_counter;
};

/// Executes one command, or says why not.
///
/// The checks come in the order of a device that trusts nothing: opcode, phase, lengths, reserved fields.
pub(super) fn dispatch(device: &Device, input: &[u8], output: usize) -> Outcome {
    let header = CmdIn::from_bytes(input).ok_or(Status::BadInputLength)?;
    let opcode = header.opcode() as u16;
    let entry = COMMANDS
        .iter()
        .find(|entry| entry.opcode == opcode)
        .ok_or(Status::BadOp)?;
    let phase = device.phase();
    if phase < entry.from || phase > entry.until {
        return Err(Status::BadSystemState.into());
    }
    if input.len() < entry.input {
        return Err(Status::BadInputLength.into());
    }
    if output < entry.output {
        return Err(Status::BadOutputLength.into());
    }
    let request = Request {
        input,
        opcode,
        op_mod: header.op_mod(),
        output,
    };
    // Kernel objects have no user id, and the upper half of dword 1 is reserved.
    let header_clear = input[2] == 0 && input[3] == 0 && input[4] == 0 && input[5] == 0;
    let fields_clear = request.dword(8) & !entry.fields[0] == 0 && request.dword(12) & !entry.fields[1] == 0;
    if !header_clear || !fields_clear {
        return Err(Status::BadParameter.into());
    }
    (entry.run)(device, &request)
}
