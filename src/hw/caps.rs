//! What the device can do, as far as the driver asks.

use super::{
    command::Commander,
    commands::hca::{CapArea, CapKind, QueryHcaCap, SetHcaCap},
    error::{HwError, Lie},
    wqe::fm_ce_se,
};
use crate::nt::Passive;

/// The longest message that the interface allows, log2 of bytes.
const LOG_MAX_MESSAGE: u32 = 31;
/// The least that queues may hold, log2: what connection management needs for itself.
const LOG_LEAST_QP: u32 = 7;
const LOG_LEAST_CQ: u32 = 8;
/// `l3_type` bits: IPv4 and IPv6.
const L3_IPV4: u32 = 1 << 1;
const L3_IPV6: u32 = 1 << 2;
/// `roce_version` bit of v2.
const ROCE_V2: u32 = 1 << 2;
/// `port_type` of Ethernet.
const ETHERNET: u32 = 1;

/// Capabilities in force.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the device has that many yes-or-no capabilities"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// Event queues.
    pub max_eqs: u32,
    /// log2 of the elements of an event queue.
    pub log_max_eq_entries: u32,
    /// log2 of the elements of a completion queue.
    pub log_max_cq_entries: u32,
    /// log2 of the queue pairs.
    pub log_max_qps: u32,
    /// log2 of a send queue's blocks and of a receive queue's elements.
    pub log_max_qp_blocks: u32,
    /// Bytes of a send element.
    pub max_send_wqe: u32,
    /// Bytes of a receive element.
    pub max_receive_wqe: u32,
    /// log2 of the reads that a queue pair may have outstanding.
    pub log_max_initiator_reads: u32,
    /// log2 of the reads of the peer that a queue pair serves.
    pub log_max_responder_reads: u32,
    /// log2 of the bytes of a message.
    pub log_max_message: u32,
    /// Our part of acknowledgement delays, as a timeout code.
    pub ack_delay: u8,
    /// Completion queues can be moderated.
    pub cq_moderation: bool,
    /// The traffic of the vport is counted.
    pub vport_counters: bool,
    /// Completions carry the queue pair's `user_index`.
    pub cqe_user_index: bool,
    /// Fence that a UMR element needs, as bits of its `fm_ce_se` byte.
    pub umr_fence: u32,
    /// log2 of the bytes of a send doorbell register.
    pub log_bf_register: u32,
    /// Entries of the table of `RoCE` addresses.
    pub roce_addresses: u32,
    /// Addresses may be IPv6.
    pub roce_ipv6: bool,
    /// Software may choose UDP source ports.
    pub software_udp_ports: bool,
    /// The least UDP source port.
    pub min_udp_port: u16,
    /// The firmware wants to know the driver's version.
    pub driver_version: bool,
    /// The function wants an owner id when it is initialized.
    pub owner_id: bool,
    /// The device never asks for pages by event.
    pub page_request_disable: bool,
    /// Teardown at once is possible through the `nic_interface` register.
    pub fast_teardown: bool,
    /// Teardown at once is possible by command.
    pub force_teardown: bool,
}

/// Sets what the driver wants to be different from the device's own choice, before the function is initialized.
pub(super) fn negotiate(commander: &Commander, passive: Passive<'_>) -> Result<(), HwError> {
    let most = query(commander, CapKind::General, false, passive)?;
    let mut wanted = query(commander, CapKind::General, true, passive)?;
    let has_roce = {
        let (Some(most), Some(wanted)) = (most.general(), wanted.general_mut()) else {
            return Err(Lie::Capability("area").into());
        };
        // 128 partition keys is code 0; no signatures on mailboxes.
        wanted
            .set_pkey_table_size(0)
            .set_cmdif_checksum(0)
            .set_drain_sigerr(1)
            .set_log_uar_page_sz(0);
        if most.roce_rw_supported() != 0 {
            wanted.set_roce(1);
        }
        wanted.roce() != 0
    };
    set(commander, CapKind::General, &wanted, passive)?;
    if has_roce {
        let most = query(commander, CapKind::Roce, false, passive)?;
        if most.roce().is_some_and(|most| most.sw_r_roce_src_udp_port() != 0) {
            let mut wanted = query(commander, CapKind::Roce, true, passive)?;
            if let Some(wanted) = wanted.roce_mut() {
                wanted.set_sw_r_roce_src_udp_port(1);
            }
            set(commander, CapKind::Roce, &wanted, passive)?;
        }
    }
    Ok(())
}

impl Caps {
    /// The capabilities in force, after the function was initialized.
    pub(super) fn read(commander: &Commander, passive: Passive<'_>) -> Result<Self, HwError> {
        let general = query(commander, CapKind::General, true, passive)?;
        let has_roce = general.general().is_some_and(|general| general.roce() != 0);
        if !has_roce {
            return Err(HwError::Limit("no RoCE"));
        }
        let roce = query(commander, CapKind::Roce, true, passive)?;
        Self::from_areas(&general, &roce)
    }

    /// Whether the device says what can be true, and enough of it.
    fn from_areas(general: &CapArea, roce: &CapArea) -> Result<Self, HwError> {
        let (Some(general), Some(roce)) = (general.general(), roce.roce()) else {
            return Err(Lie::Capability("area").into());
        };
        if general.port_type() != ETHERNET || general.num_ports() == 0 {
            return Err(HwError::Limit("no Ethernet port"));
        }
        if general.rc() == 0 || general.ud() == 0 {
            return Err(HwError::Limit("no RC or UD transport"));
        }
        if roce.roce_version() & ROCE_V2 == 0 || roce.l3_type() & L3_IPV4 == 0 {
            return Err(HwError::Limit("no RoCE v2"));
        }
        let max_eqs = if general.max_num_eqs() == 0 {
            1 << general.log_max_eq()
        } else {
            general.max_num_eqs()
        };
        let ports = (roce.r_roce_min_src_udp_port(), roce.r_roce_max_src_udp_port());
        Ok(Self {
            max_eqs: at_least(max_eqs, 4, "event queues")?,
            log_max_eq_entries: between(general.log_max_eq_sz(), 8, 23, "log_max_eq_sz")?,
            log_max_cq_entries: between(general.log_max_cq_sz(), LOG_LEAST_CQ, 23, "log_max_cq_sz")?,
            log_max_qps: between(general.log_max_qp(), 4, 24, "log_max_qp")?,
            log_max_qp_blocks: between(general.log_max_qp_sz(), LOG_LEAST_QP, 31, "log_max_qp_sz")?.min(15),
            max_send_wqe: at_least(general.max_wqe_sz_sq(), 256, "max_wqe_sz_sq")?,
            max_receive_wqe: at_least(general.max_wqe_sz_rq(), 64, "max_wqe_sz_rq")?,
            log_max_initiator_reads: general.log_max_ra_req_qp().min(7),
            log_max_responder_reads: general.log_max_ra_res_qp().min(7),
            log_max_message: between(general.log_max_msg(), 20, LOG_MAX_MESSAGE, "log_max_msg")?,
            ack_delay: general.local_ca_ack_delay() as u8,
            cq_moderation: general.cq_moderation() != 0,
            vport_counters: general.vport_counters() != 0,
            cqe_user_index: general.cqe_version() != 0,
            umr_fence: umr_fence(general.umr_fence()),
            log_bf_register: general.log_bf_reg_size(),
            roce_addresses: at_least(roce.roce_address_table_size(), 1, "roce_address_table_size")?.min(256),
            roce_ipv6: roce.l3_type() & L3_IPV6 != 0,
            software_udp_ports: roce.sw_r_roce_src_udp_port() != 0,
            min_udp_port: between(ports.0, 0xc000.min(ports.1), 0xffff, "UDP source ports")? as u16,
            driver_version: general.driver_version() != 0,
            owner_id: general.sw_owner_id() != 0,
            page_request_disable: general.page_request_disable() != 0,
            fast_teardown: general.fast_teardown() != 0,
            force_teardown: general.force_teardown() != 0,
        })
    }
}

/// Fence of UMR elements by the code of the `umr_fence` capability.
const fn umr_fence(code: u32) -> u32 {
    match code {
        1 => fm_ce_se::SMALL_FENCE,
        2 => 0,
        _ => fm_ce_se::STRONG,
    }
}

const fn at_least(value: u32, least: u32, name: &'static str) -> Result<u32, HwError> {
    if value < least {
        Err(HwError::Lie(Lie::Capability(name)))
    } else {
        Ok(value)
    }
}

const fn between(value: u32, least: u32, most: u32, name: &'static str) -> Result<u32, HwError> {
    if value < least || value > most {
        Err(HwError::Lie(Lie::Capability(name)))
    } else {
        Ok(value)
    }
}

fn query(
    commander: &Commander,
    kind: CapKind,
    current: bool,
    passive: Passive<'_>,
) -> Result<CapArea, HwError> {
    Ok(commander.execute(&QueryHcaCap { kind, current }, passive)??)
}

fn set(commander: &Commander, kind: CapKind, area: &CapArea, passive: Passive<'_>) -> Result<(), HwError> {
    Ok(commander.execute(&SetHcaCap { kind, area }, passive)?)
}
