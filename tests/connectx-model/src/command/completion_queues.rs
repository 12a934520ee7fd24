//! `CREATE_CQ`, `MODIFY_CQ`, `DESTROY_CQ`, `QUERY_CQ` (connectx.md section 8).

use std::rc::Rc;

use cxndk::hw::layout::{Cqc, CreateCqIn, ModifyCqIn, QueryCqOut};

use super::event_queues::queue_buffer;
use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::completion_queue::{Cq, Ring};
use crate::ids::{Cqn, Eqn, Uarn};
use crate::init_segment::Health;
use crate::pages::Holder;

/// `MODIFY_CQ` `op_mod` 0: which fields change.
mod moderation {
    pub(super) const PERIOD: u32 = 0x01;
    pub(super) const COUNT: u32 = 0x02;
    pub(super) const OVERRUN: u32 = 0x04;
    pub(super) const EQN: u32 = 0x08;
    pub(super) const PERIOD_MODE: u32 = 0x10;
    pub(super) const ALL: u32 = 0x1f;
}

/// `MODIFY_CQ` `op_mod` 1: a new ring. All three fields belong to it.
const RESIZE_FIELDS: u32 = 0x7;
/// The field that a resize must name: the size.
const RESIZE_SIZE: u32 = 0x1;

pub(super) fn create(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateCqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = input.cq_context();
    check(device, context)?;
    let buffer = queue_buffer(
        request,
        ring_bytes(context),
        context.log_page_size(),
        context.page_offset(),
    )?;
    let free = |number| !device.cqs.borrow().contains_key(&Cqn(number));
    let cqn = device.numbers.next_cq.take(free).ok_or(Status::LimitsExceeded)?;
    device.claim(Holder::Cq(cqn), 0)?;
    let cq = Cq::new(Cqn(cqn), context, buffer);
    device.note_cq(&cq);
    device.cqs.borrow_mut().insert(cq.number, Rc::new(cq));
    number(cqn)
}

const fn ring_bytes(context: &Cqc) -> u64 {
    let entry = if context.cqe_sz() == 0 { 64 } else { 128 };
    entry << context.log_cq_size()
}

fn check(device: &Device, context: &Cqc) -> Result<(), Status> {
    if !reserved::is_clear(context.as_bytes(), &reserved::CQC) || context.status() != 0 {
        return Err(Status::BadParameter);
    }
    // What is not offered: compression, collapsed queues, other owners of the doorbell record.
    let extras = [
        context.cqe_comp_en(),
        context.cc(),
        context.apu_cq(),
        context.dbr_umem_valid(),
    ];
    if extras.iter().any(|extra| *extra != 0) || context.cqe_sz() > 2 {
        return Err(Status::BadParameter);
    }
    if context.dbr_addr() == 0 || !context.dbr_addr().is_multiple_of(8) {
        return Err(Status::BadParameter);
    }
    if !device.numbers.uars.borrow().contains(&Uarn(context.uar_page())) {
        return Err(Status::BadResource);
    }
    check_eqn(device, context.c_eqn_or_apu_element())?;
    check_size(device, context)
}

fn check_eqn(device: &Device, eqn: u32) -> Result<(), Status> {
    let exists = u8::try_from(eqn).is_ok_and(|eqn| device.eqs.borrow().contains_key(&Eqn(eqn)));
    if exists { Ok(()) } else { Err(Status::BadResource) }
}

fn check_size(device: &Device, context: &Cqc) -> Result<(), Status> {
    let limit = device.caps.borrow().general.log_max_cq_sz();
    if context.log_cq_size() <= limit {
        Ok(())
    } else {
        Err(Status::LimitsExceeded)
    }
}

fn find(device: &Device, request: &Request<'_>) -> Result<Rc<Cq>, Status> {
    device.cq(Cqn(request.dword(8))).ok_or(Status::BadResource)
}

pub(super) fn destroy(device: &Device, request: &Request<'_>) -> Outcome {
    let cq = find(device, request)?;
    let used = device.qps.borrow().values().any(|qp| {
        let attributes = qp.attributes.borrow();
        attributes.send_cq == cq.number || attributes.receive_cq == cq.number
    });
    if used || device.ether.uses_cq(cq.number) {
        return Err(Status::ResourceBusy.into());
    }
    device.quiesce_cq(&cq);
    device.cqs.borrow_mut().remove(&cq.number);
    device.numbers.next_cq.give_back(cq.number.0);
    device.release(Holder::Cq(cq.number.0));
    done()
}

pub(super) fn query(device: &Device, request: &Request<'_>) -> Outcome {
    let cq = find(device, request)?;
    let mut out = QueryCqOut::new();
    *out.cq_context_mut() = Device::cq_context(&cq);
    Ok(out.as_bytes().to_vec())
}

pub(super) fn modify(device: &Device, request: &Request<'_>) -> Outcome {
    let cq = find(device, request)?;
    let input = ModifyCqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let fields = request.dword(12);
    match request.op_mod {
        0 => moderate(device, &cq, fields, input.cq_context()),
        1 => resize(device, &cq, fields, request, input.cq_context()),
        _ => Err(Status::BadParameter.into()),
    }
}

fn moderate(device: &Device, cq: &Cq, fields: u32, new: &Cqc) -> Outcome {
    if fields & !moderation::ALL != 0 {
        return Err(Status::BadParameter.into());
    }
    if fields & moderation::EQN != 0 {
        check_eqn(device, new.c_eqn_or_apu_element())?;
        cq.eq.set(Eqn(new.c_eqn_or_apu_element() as u8));
        cq.context
            .borrow_mut()
            .set_c_eqn_or_apu_element(new.c_eqn_or_apu_element());
    }
    if fields & moderation::PERIOD != 0 {
        cq.period_us.set(new.cq_period());
    }
    if fields & moderation::COUNT != 0 {
        cq.max_count.set(new.cq_max_count());
    }
    if fields & moderation::OVERRUN != 0 {
        cq.ignore_overrun.set(new.oi() != 0);
        cq.context.borrow_mut().set_oi(new.oi());
    }
    if fields & moderation::PERIOD_MODE != 0 {
        cq.context.borrow_mut().set_cq_period_mode(new.cq_period_mode());
    }
    done()
}

fn resize(device: &Device, cq: &Cq, fields: u32, request: &Request<'_>, new: &Cqc) -> Outcome {
    if fields & RESIZE_SIZE == 0 || fields & !RESIZE_FIELDS != 0 {
        return Err(Status::BadParameter.into());
    }
    check_size(device, new)?;
    let bytes = cq.cqe_bytes << new.log_cq_size();
    let buffer = queue_buffer(request, bytes, new.log_page_size(), new.page_offset())?;
    match device.resize_cq(
        cq,
        Ring {
            buffer,
            log_size: new.log_cq_size(),
        },
    ) {
        Ok(true) => {
            cq.context
                .borrow_mut()
                .set_log_cq_size(new.log_cq_size())
                .set_log_page_size(new.log_page_size());
            done()
        }
        Ok(false) => Err(Status::BadSizeOutstandingCqes.into()),
        Err(_) => {
            device.die(Health::IcmFetch);
            Err(Status::InternalError.into())
        }
    }
}
