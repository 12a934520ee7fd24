//! `CREATE_EQ`, `DESTROY_EQ`, `QUERY_EQ` (connectx.md section 7).

use std::rc::Rc;

use cxndk::hw::layout::{CreateEqIn, Eqc, QueryEqOut};

use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::event_queue::Eq;
use crate::ids::{Eqn, Uarn};
use crate::memory::PagedBuffer;
use crate::pages::Holder;

/// Bytes of an EQE.
const EQE: u64 = 64;
/// Types of events that this device can send: what an event mask may name.
const KNOWN_EVENTS: u64 = 0x0000_00ff_ffff_ffff;

/// The first `count` pages of a queue, checked for alignment.
pub(super) fn queue_buffer(
    request: &Request<'_>,
    bytes: u64,
    log_page_size: u32,
    page_offset: u32,
) -> Result<PagedBuffer, Status> {
    let shift = 12 + log_page_size;
    let page = 1_u64 << shift;
    let offset = u64::from(page_offset) * page / 64;
    let count = (offset + bytes).div_ceil(page) as usize;
    let pages = request.addresses(0x110, count)?;
    // Large pages need not be aligned to their size on the bus, but all are multiples of the device's page.
    if pages.iter().any(|address| *address == 0 || address % 4096 != 0) {
        return Err(Status::BadParameter);
    }
    Ok(PagedBuffer::new(pages, shift, offset))
}

pub(super) fn create(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateEqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = input.eq_context_entry();
    check(device, context)?;
    let mask = [0, 1, 2, 3].map(|word| input.event_bitmask(word));
    if mask[0] & !KNOWN_EVENTS != 0 || mask[1..].iter().any(|word| *word != 0) || mask[0] & 1 != 0 {
        return Err(Status::BadParameter.into());
    }
    let buffer = queue_buffer(
        request,
        EQE << context.log_eq_size(),
        context.log_page_size(),
        context.page_offset(),
    )?;
    let limit = device.caps.borrow().general.max_num_eqs().min(255) as u8;
    let free = |number| {
        let eqn = Eqn(number as u8);
        (1..=limit).contains(&eqn.0) && !device.eqs.borrow().contains_key(&eqn)
    };
    let eqn = device.numbers.next_eq.take(free).ok_or(Status::LimitsExceeded)?;
    let eqn = Eqn(eqn as u8);
    device.claim(Holder::Eq(u32::from(eqn.0)), 0)?;
    let eq = Eq::new(eqn, context, mask, buffer);
    device.note_eq(&eq);
    device.eqs.borrow_mut().insert(eqn, Rc::new(eq));
    number(u32::from(eqn.0))
}

fn check(device: &Device, context: &Eqc) -> Result<(), Status> {
    if !reserved::is_clear(context.as_bytes(), &reserved::EQC) || context.status() != 0 || context.ec() != 0 {
        return Err(Status::BadParameter);
    }
    if !device.numbers.uars.borrow().contains(&Uarn(context.uar_page())) {
        return Err(Status::BadResource);
    }
    if context.log_eq_size() > device.caps.borrow().general.log_max_eq_sz() {
        return Err(Status::LimitsExceeded);
    }
    if context.intr() >= device.vectors() || !matches!(context.st(), 0 | 9 | 0xa | 0xb) {
        return Err(Status::BadParameter);
    }
    Ok(())
}

fn find(device: &Device, request: &Request<'_>) -> Result<Rc<Eq>, Status> {
    let eqn = Eqn(request.dword(8) as u8);
    device.eqs.borrow().get(&eqn).cloned().ok_or(Status::BadResource)
}

pub(super) fn destroy(device: &Device, request: &Request<'_>) -> Outcome {
    let eq = find(device, request)?;
    if device.cqs.borrow().values().any(|cq| cq.eq.get() == eq.number) {
        return Err(Status::ResourceBusy.into());
    }
    device.eqs.borrow_mut().remove(&eq.number);
    device.numbers.next_eq.give_back(u32::from(eq.number.0));
    device.release(Holder::Eq(u32::from(eq.number.0)));
    done()
}

pub(super) fn query(device: &Device, request: &Request<'_>) -> Outcome {
    let eq = find(device, request)?;
    let mut out = QueryEqOut::new();
    *out.eq_context_entry_mut() = eq.query();
    out.set_event_bitmask(eq.mask[0]);
    Ok(out.as_bytes().to_vec())
}
