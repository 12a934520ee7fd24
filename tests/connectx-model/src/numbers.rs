//! The numbers that the device gives out, and the objects that are but a number.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::ids::{MkeyIndex, Pdn, Pool, Reuse, Uarn};
use super::uar::FIRST_UAR;
use super::{Device, config_space};

/// UARs that BAR0 has room for end here.
const UARS_END: u32 = (config_space::BAR_SIZE / 4096) as u32;
/// Domains of each kind: `log_max_pd` and its likes are 16.
const DOMAINS: std::ops::Range<u32> = 1..1 << 16;
/// 0 and 1 are special, and the first ones look too much like indices.
const QPNS: std::ops::Range<u32> = 0x40..0x0002_0000;
const CQNS: std::ops::Range<u32> = 0x0400..0x0002_0000;
/// 0 is a number like any other, which nobody expects.
const TARGETS: std::ops::Range<u32> = 0..0x1_0000;
/// Below lie the reserved keys.
const KEYS: std::ops::Range<u32> = 0x100..0x0010_0000;

/// Who is who, and who may be next.
pub(super) struct Numbers {
    pub(super) uars: RefCell<BTreeSet<Uarn>>,
    pub(super) pds: RefCell<BTreeSet<Pdn>>,
    pub(super) transport_domains: RefCell<BTreeSet<u32>>,
    pub(super) xrcds: RefCell<BTreeSet<u32>>,
    pub(super) next_uar: Pool,
    pub(super) next_pd: Pool,
    /// Transport domains and XRC domains.
    pub(super) next_domain: Pool,
    pub(super) next_eq: Pool,
    pub(super) next_cq: Pool,
    pub(super) next_qp: Pool,
    pub(super) next_key: Pool,
    /// TIS, TIR and receive queue tables.
    pub(super) next_target: Pool,
}

impl Numbers {
    pub(super) fn new(reuse: Reuse) -> Self {
        Self {
            uars: RefCell::default(),
            pds: RefCell::default(),
            transport_domains: RefCell::default(),
            xrcds: RefCell::default(),
            next_uar: Pool::new(FIRST_UAR..UARS_END, reuse),
            next_pd: Pool::new(DOMAINS, reuse),
            next_domain: Pool::new(DOMAINS, reuse),
            // The device says at run time how many there may be.
            next_eq: Pool::new(0..0x100, reuse),
            next_cq: Pool::new(CQNS, reuse),
            next_qp: Pool::new(QPNS, reuse),
            next_key: Pool::new(KEYS, reuse),
            next_target: Pool::new(TARGETS, reuse),
        }
    }

    /// The device was reset.
    pub(super) fn forget(&self) {
        self.uars.borrow_mut().clear();
        self.pds.borrow_mut().clear();
        self.transport_domains.borrow_mut().clear();
        self.xrcds.borrow_mut().clear();
        let pools = [
            &self.next_uar,
            &self.next_pd,
            &self.next_domain,
            &self.next_eq,
            &self.next_cq,
            &self.next_qp,
            &self.next_key,
            &self.next_target,
        ];
        pools.into_iter().for_each(Pool::forget);
    }
}

impl Device {
    /// A memory key index that is not in use.
    pub(super) fn fresh_key(&self) -> Option<MkeyIndex> {
        let free = |number| self.mkeys.get(MkeyIndex(number)).is_none();
        self.numbers.next_key.take(free).map(MkeyIndex)
    }
}
