//! What the device can do: the capability areas, and which fields a driver may change (connectx.md sections 4 and 5).

use cxndk::hw::layout::{AtomicCaps, CmdHcaCap, RoceCap};

/// Capability types that this device has, as in `op_mod` of `QUERY_HCA_CAP` shifted right by one.
const TYPE_GENERAL: u32 = 0;
const TYPE_ATOMIC: u32 = 3;
const TYPE_ROCE: u32 = 4;

/// The capability areas. The default is that of a ConnectX-5 Ethernet function without the parts that the model does
/// not have: Ethernet queues, flow steering, virtual functions, on-demand paging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// General device capabilities.
    pub general: CmdHcaCap,
    /// Atomic operations.
    pub atomic: AtomicCaps,
    /// RoCE.
    pub roce: RoceCap,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            general: general(),
            atomic: atomic(),
            roce: roce(),
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
