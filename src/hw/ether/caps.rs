//! What the device offers for Ethernet (connectx ethernet, section 1.1).

use crate::{
    hw::{
        command::Commander,
        commands::{
            hca::{CapKind, QueryHcaCap},
            vport::QueryMinimumInline,
        },
        device::Device,
        error::{HwError, Lie},
    },
    nt::Passive,
};

/// Levels of flow tables that the driver uses.
const LEVELS: u32 = 3;
/// The least that tables and queues may hold, log2.
const LOG_LEAST_FLOW_TABLE: u32 = 8;
const LOG_LEAST_QUEUE: u32 = 7;

/// Ethernet capabilities in force.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the device has that many yes-or-no capabilities"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EtherCaps {
    /// Checksums are computed and verified.
    pub checksums: bool,
    /// The device puts VLAN tags into frames.
    pub inserts_tags: bool,
    /// log2 of the bytes of the largest message that the device segments.
    pub log_max_large_send: u32,
    /// Elements carry the first bytes of the frame themselves (the oldest chips).
    pub inline_headers: bool,
    /// log2 of the elements of a queue.
    pub log_max_queue: u32,
    /// log2 of the entries of a receive queue table.
    pub log_max_table: u32,
    /// Multicast addresses that the virtual port can be told of.
    pub multicast_list: u32,
    /// Frames can be told apart by their IP version; else by their `EtherType`.
    pub matches_ip_version: bool,
}

/// `wqe_inline_mode` codes.
const INLINE_BY_VPORT: u32 = 1;
const INLINE_NONE: u32 = 2;

impl EtherCaps {
    /// Asks the device.
    ///
    /// # Errors
    /// [`HwError::Limit`] for what the driver cannot do without, the commands'.
    pub fn read(device: &Device, passive: Passive<'_>) -> Result<Self, HwError> {
        let commander = device.commander();
        let area = |kind| -> Result<_, HwError> {
            let current = true;
            Ok(commander.execute(&QueryHcaCap { kind, current }, passive)??)
        };
        let (general, offloads, tables) = (
            area(CapKind::General)?,
            area(CapKind::Offloads)?,
            area(CapKind::FlowTable)?,
        );
        let lie = || HwError::from(Lie::Capability("area"));
        let general = general.general().ok_or_else(lie)?;
        let offloads = offloads.offloads().ok_or_else(lie)?;
        let steering = tables.flow_table().ok_or_else(lie)?;
        let receive = steering.flow_table_properties_nic_receive();
        let fields = receive.ft_field_support();
        if general.eth_net_offloads() == 0 || general.nic_flow_table() == 0 || receive.ft_support() == 0 {
            return Err(HwError::Limit("no Ethernet queues"));
        }
        if receive.max_ft_level() < LEVELS || receive.log_max_ft_size() < LOG_LEAST_FLOW_TABLE {
            return Err(HwError::Limit("flow tables"));
        }
        if fields.outer_dmac() == 0 || general.log_max_wq_sz() < LOG_LEAST_QUEUE {
            return Err(HwError::Limit("Ethernet queues"));
        }
        Ok(Self {
            checksums: offloads.csum_cap() != 0,
            inserts_tags: offloads.wqe_vlan_insert() != 0,
            log_max_large_send: offloads.max_lso_cap(),
            inline_headers: inline_headers(commander, offloads.wqe_inline_mode(), passive)?,
            // Each element may have a completion, and completion queues hold one more.
            log_max_queue: general.log_max_wq_sz().min(device.caps().log_max_cq_entries - 1),
            log_max_table: general.log_max_rqt_size(),
            multicast_list: 1 << general.log_max_current_mc_list(),
            matches_ip_version: fields.outer_ip_version() != 0,
        })
    }
}

fn inline_headers(commander: &Commander, mode: u32, passive: Passive<'_>) -> Result<bool, HwError> {
    Ok(match mode {
        INLINE_NONE => false,
        INLINE_BY_VPORT => commander.execute(&QueryMinimumInline {}, passive)? != 0,
        _ => true,
    })
}
