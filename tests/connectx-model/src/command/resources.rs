//! UARs, protection and transport domains, XRC domains, counter sets.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cxndk::hw::layout::{QueryQCounterIn, QueryQCounterOut};

use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::ids::{Pdn, Uarn};

pub(super) fn alloc_uar(device: &Device, _request: &Request<'_>) -> Outcome {
    let numbers = &device.numbers;
    let free = numbers
        .next_uar
        .take(|number| !numbers.uars.borrow().contains(&Uarn(number)))
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
    if by_eq || by_cq || by_qp || device.ether.uses_uar(uar) {
        return Err(Status::ResourceBusy.into());
    }
    device.numbers.uars.borrow_mut().remove(&uar);
    device.numbers.next_uar.give_back(uar.0);
    done()
}

pub(super) fn alloc_pd(device: &Device, _request: &Request<'_>) -> Outcome {
    let numbers = &device.numbers;
    let free = numbers
        .next_pd
        .take(|number| !numbers.pds.borrow().contains(&Pdn(number)))
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
    if by_qp || device.ether.uses_pd(pd) || device.mkeys.any(|mkey| mkey.pd == pd) {
        return Err(Status::ResourceBusy.into());
    }
    device.numbers.pds.borrow_mut().remove(&pd);
    device.numbers.next_pd.give_back(pd.0);
    done()
}

pub(super) fn alloc_transport_domain(device: &Device, _request: &Request<'_>) -> Outcome {
    alloc_domain(device, &device.numbers.transport_domains)
}

pub(super) fn dealloc_transport_domain(device: &Device, request: &Request<'_>) -> Outcome {
    if device.ether.uses_domain(request.dword(8)) {
        return Err(Status::ResourceBusy.into());
    }
    dealloc_domain(device, &device.numbers.transport_domains, request)
}

pub(super) fn alloc_xrcd(device: &Device, _request: &Request<'_>) -> Outcome {
    alloc_domain(device, &device.numbers.xrcds)
}

pub(super) fn dealloc_xrcd(device: &Device, request: &Request<'_>) -> Outcome {
    dealloc_domain(device, &device.numbers.xrcds, request)
}

fn alloc_domain(device: &Device, domains: &RefCell<BTreeSet<u32>>) -> Outcome {
    let free = device
        .numbers
        .next_domain
        .take(|number| !domains.borrow().contains(&number))
        .ok_or(Status::LimitsExceeded)?;
    domains.borrow_mut().insert(free);
    number(free)
}

fn dealloc_domain(device: &Device, domains: &RefCell<BTreeSet<u32>>, request: &Request<'_>) -> Outcome {
    let domain = request.dword(8);
    if domains.borrow_mut().remove(&domain) {
        device.numbers.next_domain.give_back(domain);
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
        || device.ether.uses_counters(id)
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
        let mut lines = self.ether.living();
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
