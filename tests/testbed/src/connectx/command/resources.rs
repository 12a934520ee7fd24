//! UARs, protection and transport domains, XRC domains, counter sets.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cxndk::hw::layout::{QueryQCounterIn, QueryQCounterOut};

use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::connectx::ids::{Pdn, Uarn};
use crate::connectx::uar::FIRST_UAR;
use crate::connectx::{Device, Numbers};

impl Numbers {
    /// A number that is not in `taken`: the next after the last one given out, so that a stale number names nothing for
    /// as long as possible.
    fn fresh<T: Copy + Ord>(
        &self,
        taken: &RefCell<BTreeSet<T>>,
        range: (u32, u32),
        make: impl Fn(u32) -> T,
    ) -> Option<u32> {
        let (first, count) = range;
        let taken = taken.borrow();
        let start = self.last.get();
        let free = (1..=count)
            .map(|step| first + (start + step) % count)
            .find(|&number| !taken.contains(&make(number)))?;
        self.last.set(free - first);
        Some(free)
    }

    pub(in crate::connectx) fn forget(&self) {
        self.uars.borrow_mut().clear();
        self.pds.borrow_mut().clear();
        self.transport_domains.borrow_mut().clear();
        self.xrcds.borrow_mut().clear();
    }
}

/// UARs that BAR0 has room for.
const UAR_COUNT: u32 = (crate::connectx::function::BAR_SIZE / 4096) as u32 - FIRST_UAR;
/// Domains of each kind: `log_max_pd` and its likes are 16.
const DOMAIN_COUNT: u32 = (1 << 16) - 1;

pub(super) fn alloc_uar(device: &Device, _request: &Request<'_>) -> Outcome {
    let numbers = &device.numbers;
    let free = numbers
        .fresh(&numbers.uars, (FIRST_UAR, UAR_COUNT), Uarn)
        .ok_or(Status::LimitsExceeded)?;
    numbers.uars.borrow_mut().insert(Uarn(free));
    number(free)
}

pub(super) fn dealloc_uar(device: &Device, request: &Request<'_>) -> Outcome {
    let uar = Uarn(request.dword(8));
    if !device.numbers.uars.borrow().contains(&uar) {
        return Err(Status::BadResource.into());
    }
    let by_eq = device.eqs.borrow().values().any(|eq| eq.uar == uar);
    let by_cq = device.cqs.borrow().values().any(|cq| cq.uar == uar);
    let by_qp = device
        .qps
        .borrow()
        .values()
        .any(|qp| qp.attributes.borrow().uar == uar);
    if by_eq || by_cq || by_qp {
        return Err(Status::ResourceBusy.into());
    }
    device.numbers.uars.borrow_mut().remove(&uar);
    done()
}

pub(super) fn alloc_pd(device: &Device, _request: &Request<'_>) -> Outcome {
    let numbers = &device.numbers;
    let free = numbers
        .fresh(&numbers.pds, (1, DOMAIN_COUNT), Pdn)
        .ok_or(Status::LimitsExceeded)?;
    numbers.pds.borrow_mut().insert(Pdn(free));
    number(free)
}

pub(super) fn dealloc_pd(device: &Device, request: &Request<'_>) -> Outcome {
    let pd = Pdn(request.dword(8));
    if !device.numbers.pds.borrow().contains(&pd) {
        return Err(Status::BadResource.into());
    }
    let by_qp = device
        .qps
        .borrow()
        .values()
        .any(|qp| qp.attributes.borrow().pd == pd);
    if by_qp || device.mkeys.any(|mkey| mkey.pd == pd) {
        return Err(Status::ResourceBusy.into());
    }
    device.numbers.pds.borrow_mut().remove(&pd);
    done()
}

pub(super) fn alloc_transport_domain(device: &Device, _request: &Request<'_>) -> Outcome {
    alloc_domain(device, &device.numbers.transport_domains)
}

pub(super) fn dealloc_transport_domain(device: &Device, request: &Request<'_>) -> Outcome {
    dealloc_domain(&device.numbers.transport_domains, request)
}

pub(super) fn alloc_xrcd(device: &Device, _request: &Request<'_>) -> Outcome {
    alloc_domain(device, &device.numbers.xrcds)
}

pub(super) fn dealloc_xrcd(device: &Device, request: &Request<'_>) -> Outcome {
    dealloc_domain(&device.numbers.xrcds, request)
}

fn alloc_domain(device: &Device, domains: &RefCell<BTreeSet<u32>>) -> Outcome {
    let free = device
        .numbers
        .fresh(domains, (1, DOMAIN_COUNT), |number| number)
        .ok_or(Status::LimitsExceeded)?;
    domains.borrow_mut().insert(free);
    number(free)
}

fn dealloc_domain(domains: &RefCell<BTreeSet<u32>>, request: &Request<'_>) -> Outcome {
    if domains.borrow_mut().remove(&request.dword(8)) {
        done()
    } else {
        Err(Status::BadResource.into())
    }
}

pub(super) fn alloc_q_counter(device: &Device, _request: &Request<'_>) -> Outcome {
    let limit = device.caps.borrow().general.max_qp_cnt();
    let id = device.counters.allocate(limit).ok_or(Status::LimitsExceeded)?;
    number(u32::from(id))
}

pub(super) fn dealloc_q_counter(device: &Device, request: &Request<'_>) -> Outcome {
    let id = request.dword(8) as u8;
    if !device.counters.contains(id) {
        return Err(Status::BadResource.into());
    }
    if device
        .qps
        .borrow()
        .values()
        .any(|qp| qp.attributes.borrow().counter_set == id)
    {
        return Err(Status::ResourceBusy.into());
    }
    device.counters.release(id);
    done()
}

pub(super) fn query_q_counter(device: &Device, request: &Request<'_>) -> Outcome {
    let input = QueryQCounterIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    if input.aggregate() != 0 || input.other_vport() != 0 {
        return Err(Status::BadParameter.into());
    }
    let id = input.counter_set_id() as u8;
    let values = device.counters.read(id).ok_or(Status::BadResource)?;
    if input.clear() != 0 {
        device.counters.zero(id);
    }
    let mut out = *QueryQCounterOut::new().as_bytes();
    for (offset, value) in values {
        out[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
    }
    Ok(out.to_vec())
}

impl Device {
    /// Everything that the driver made and has not destroyed, one line an object.
    pub fn living_objects(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.qps.borrow().keys().map(|number| format!("{number:?}")));
        lines.extend(self.cqs.borrow().keys().map(|number| format!("{number:?}")));
        lines.extend(self.eqs.borrow().keys().map(|number| format!("{number:?}")));
        lines.extend(self.mkeys.indices().iter().map(|index| format!("{index:?}")));
        lines.extend(
            self.numbers
                .pds
                .borrow()
                .iter()
                .map(|number| format!("{number:?}")),
        );
        lines.extend(
            self.numbers
                .uars
                .borrow()
                .iter()
                .map(|number| format!("{number:?}")),
        );
        lines.extend(
            self.numbers
                .transport_domains
                .borrow()
                .iter()
                .map(|number| format!("transport domain {number}")),
        );
        lines.extend(
            self.numbers
                .xrcds
                .borrow()
                .iter()
                .map(|number| format!("XRC domain {number}")),
        );
        lines.extend(self.counters.ids().iter().map(|id| format!("counter set {id}")));
        lines
    }
}
