//! What the device can do: the capability areas, and which fields a driver may change (connectx.md sections 4 and 5).

use cxndk::hw::layout::{AtomicCaps, CmdHcaCap, EthernetOffloadCaps, FlowTableNicCap, RoceCap};

/// Capability types that this device has, as in `op_mod` of `QUERY_HCA_CAP` shifted right by one.
const TYPE_GENERAL: u32 = 0;
const TYPE_OFFLOADS: u32 = 1;
const TYPE_ATOMIC: u32 = 3;
const TYPE_ROCE: u32 = 4;
const TYPE_FLOW_TABLE: u32 = 7;

/// The capability areas. The default is that of a ConnectX-5 Ethernet function without the parts that the model does
/// not have: virtual functions, on-demand paging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// General device capabilities.
    pub general: CmdHcaCap,
    /// Atomic operations.
    pub atomic: AtomicCaps,
    /// RoCE.
    pub roce: RoceCap,
    /// What Ethernet queues do for a driver.
    pub offloads: EthernetOffloadCaps,
    /// Flow tables.
    pub flow: FlowTableNicCap,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            general: general(),
            atomic: atomic(),
            roce: roce(),
            offloads: offloads(),
            flow: flow(),
        }
    }
}

fn general() -> CmdHcaCap {
    let mut cap = CmdHcaCap::new();
    cap.set_port_type(1).set_num_ports(1).set_native_port_num(1);
    cap.set_roce(1)
        .set_xrc(1)
        .set_rc(1)
        .set_uc(1)
        .set_ud(1)
        .set_atomic(1);
    cap.set_cqe_version(1)
        .set_bf(1)
        .set_log_bf_reg_size(9)
        .set_log_pg_sz(12);
    cap.set_log_max_qp(17)
        .set_log_max_qp_sz(15)
        .set_log_max_cq_sz(22)
        .set_log_max_eq_sz(22)
        .set_log_max_srq_sz(15);
    cap.set_log_max_eq(6).set_max_num_eqs(64);
    cap.set_max_wqe_sz_sq(1024).set_max_wqe_sz_rq(512);
    cap.set_log_max_ra_req_qp(4)
        .set_log_max_ra_res_qp(4)
        .set_log_max_msg(30);
    cap.set_log_max_klm_list_size(10)
        .set_umr_extended_translation_offset(1)
        .set_umr_fence(2)
        .set_imaicl(1);
    cap.set_max_qp_cnt(64).set_vport_counters(1);
    cap.set_cq_moderation(1)
        .set_cq_period_start_from_cqe(1)
        .set_cq_resize(1)
        .set_cq_oi(1);
    cap.set_local_ca_ack_delay(16).set_device_frequency_khz(156_250);
    cap.set_driver_version(1)
        .set_fast_teardown(1)
        .set_force_teardown(1);
    cap.set_null_mkey(1).set_dump_fill_mkey(1);
    cap.set_eth_net_offloads(1).set_nic_flow_table(1);
    cap.set_log_max_rq(14).set_log_max_sq(14).set_log_max_wq_sz(15);
    cap.set_log_max_tir(14)
        .set_log_max_tis(14)
        .set_log_max_transport_domain(14);
    cap.set_log_max_rqt(14)
        .set_log_max_rqt_size(11)
        .set_log_max_tis_per_sq(0);
    cap.set_log_min_stride_sz_rq(4).set_log_max_stride_sz_rq(9);
    cap.set_log_max_current_uc_list(7)
        .set_log_max_current_mc_list(7)
        .set_log_max_vlan_list(12);
    cap.set_disable_local_lb_uc(1).set_disable_local_lb_mc(1);
    cap
}

fn offloads() -> EthernetOffloadCaps {
    let mut cap = EthernetOffloadCaps::new();
    cap.set_csum_cap(1).set_vlan_cap(1).set_wqe_vlan_insert(1);
    // The elements' headers may be anywhere; a large send takes 256 KiB.
    cap.set_wqe_inline_mode(2)
        .set_max_lso_cap(18)
        .set_rss_ind_tbl_cap(11);
    cap
}

fn flow() -> FlowTableNicCap {
    let mut cap = FlowTableNicCap::new();
    let receive = cap.flow_table_properties_nic_receive_mut();
    receive
        .set_ft_support(1)
        .set_flow_modify_en(1)
        .set_modify_root(1)
        .set_flow_table_modify(1);
    receive
        .set_log_max_ft_size(16)
        .set_max_ft_level(64)
        .set_log_max_ft_num(8)
        .set_log_max_destination(2)
        .set_log_max_flow(16);
    let fields = receive.ft_field_support_mut();
    fields
        .set_outer_dmac(1)
        .set_outer_smac(1)
        .set_outer_ether_type(1)
        .set_outer_ip_version(1);
    fields
        .set_outer_first_prio(1)
        .set_outer_first_vid(1)
        .set_outer_ip_protocol(1)
        .set_outer_udp_dport(1);
    cap
}

fn atomic() -> AtomicCaps {
    let mut cap = AtomicCaps::new();
    cap.set_atomic_operations(0x3)
        .set_atomic_size_qp(0x8)
        .set_supported_atomic_req_8b_endianness_mode_1(1);
    cap
}

fn roce() -> RoceCap {
    let mut cap = RoceCap::new();
    cap.set_l3_type(0x6)
        .set_roce_version(0x5)
        .set_r_roce_dest_udp_port(4791);
    cap.set_r_roce_min_src_udp_port(0xc000)
        .set_r_roce_max_src_udp_port(0xffff);
    cap.set_roce_address_table_size(255).set_sw_r_roce_src_udp_port(1);
    cap
}

/// Why `SET_HCA_CAP` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CapRefusal {
    /// There is no such area, or it cannot be set.
    NoArea,
    /// A field that is fixed was changed, or one goes beyond the maximum.
    Field,
}

impl Capabilities {
    /// The area of `kind`, as the head of the 4096 bytes of `QUERY_HCA_CAP`'s output.
    pub(super) fn area(&self, kind: u32) -> Option<&[u8]> {
        match kind {
            TYPE_GENERAL => Some(self.general.as_bytes()),
            TYPE_ATOMIC => Some(self.atomic.as_bytes()),
            TYPE_ROCE => Some(self.roce.as_bytes()),
            TYPE_OFFLOADS => Some(self.offloads.as_bytes()),
            TYPE_FLOW_TABLE => Some(self.flow.as_bytes()),
            _ => None,
        }
    }

    /// Before the driver has set anything: what is in force. Features that a driver must ask for are off.
    pub(super) fn initial(&self) -> Self {
        let mut initial = self.clone();
        initial.roce.set_sw_r_roce_src_udp_port(0);
        initial.general.set_log_max_qp(self.general.log_max_qp().min(16));
        initial
    }

    /// Takes over a complete area as written by `SET_HCA_CAP`, if only settable fields differ and stay within `maximum`.
    pub(super) fn set_area(&mut self, kind: u32, area: &[u8], maximum: &Self) -> Result<(), CapRefusal> {
        let ok = match kind {
            TYPE_GENERAL => self.set_general(area, &maximum.general),
            TYPE_ATOMIC => self.set_atomic(area, &maximum.atomic),
            TYPE_ROCE => self.set_roce(area, &maximum.roce),
            _ => return Err(CapRefusal::NoArea),
        };
        ok.ok_or(CapRefusal::Field)
    }

    fn set_general(&mut self, area: &[u8], maximum: &CmdHcaCap) -> Option<()> {
        let wanted = CmdHcaCap::from_bytes(area)?;
        let mut new = self.general;
        new.set_pkey_table_size(wanted.pkey_table_size());
        new.set_log_max_qp(at_most(wanted.log_max_qp(), maximum.log_max_qp())?);
        new.set_cmdif_checksum(at_most(wanted.cmdif_checksum(), 0)?);
        new.set_drain_sigerr(wanted.drain_sigerr());
        new.set_uar_4k(wanted.uar_4k());
        new.set_log_uar_page_sz(at_most(wanted.log_uar_page_sz(), 4)?);
        new.set_cache_line_128byte(wanted.cache_line_128byte());
        new.set_dct(at_most(wanted.dct(), maximum.dct())?);
        new.set_num_vhca_ports(at_most(wanted.num_vhca_ports(), maximum.num_vhca_ports())?);
        new.set_release_all_pages(at_most(wanted.release_all_pages(), maximum.release_all_pages())?);
        new.set_mkey_by_name(at_most(wanted.mkey_by_name(), maximum.mkey_by_name())?);
        new.set_abs_native_port_num(at_most(
            wanted.abs_native_port_num(),
            maximum.abs_native_port_num(),
        )?);
        if maximum.roce_rw_supported() != 0 {
            new.set_roce(at_most(wanted.roce(), maximum.roce())?);
        }
        // P_Key tables have 128 << n entries; this device has no more than 128.
        (new == *wanted && new.pkey_table_size() == 0).then(|| self.general = new)
    }

    fn set_atomic(&mut self, area: &[u8], maximum: &AtomicCaps) -> Option<()> {
        let wanted = AtomicCaps::from_bytes(area)?;
        let mut new = self.atomic;
        let limit = maximum.supported_atomic_req_8b_endianness_mode_1();
        new.set_atomic_req_8b_endianness_mode(at_most(wanted.atomic_req_8b_endianness_mode(), limit)?);
        (new == *wanted).then(|| self.atomic = new)
    }

    fn set_roce(&mut self, area: &[u8], maximum: &RoceCap) -> Option<()> {
        let wanted = RoceCap::from_bytes(area)?;
        let mut new = self.roce;
        new.set_sw_r_roce_src_udp_port(at_most(
            wanted.sw_r_roce_src_udp_port(),
            maximum.sw_r_roce_src_udp_port(),
        )?);
        (new == *wanted).then(|| self.roce = new)
    }
}

fn at_most(value: u32, limit: u32) -> Option<u32> {
    (value <= limit).then_some(value)
}
