//! `CREATE_SQ`, `CREATE_RQ` and what changes, asks for and ends them (connectx-ethernet 1.4, 1.5, 1.7).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout::{
    CreateRqIn, CreateSqIn, ModifyRqIn, ModifySqIn, QueryRqOut, QuerySqOut, Rqc, Sqc, Wq,
};

use super::event_queues::queue_buffer;
use super::status::{Outcome, Refusal, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::ether::{QueueState, Rq, Sq, WorkQueue};
use crate::ids::{Cqn, Pdn, Qpn, Uarn};
use crate::pages::Holder;

/// The only type of ring: cyclic.
const CYCLIC: u32 = 1;
/// log2 of the bytes of a send queue's block.
const LOG_BLOCK: u32 = 6;
/// `modify_bitmask` of `MODIFY_RQ`: VLAN stripping and the counter set.
const RQ_VSD: u64 = 0x02;
const RQ_COUNTER_SET: u64 = 0x08;

fn check_ring(device: &Device, wq: &Wq, log_stride: std::ops::RangeInclusive<u32>) -> Result<(), Status> {
    let limit = device.caps.borrow().general.log_max_wq_sz();
    let plain = wq.wq_type() == CYCLIC
        && wq.wq_signature() == 0
        && wq.wq_umem_valid() == 0
        && wq.dbr_umem_valid() == 0;
    if !plain || wq.dbr_addr() == 0 || !wq.dbr_addr().is_multiple_of(8) {
        return Err(Status::BadParameter);
    }
    if wq.log_wq_sz() > limit || !log_stride.contains(&wq.log_wq_stride()) {
        return Err(Status::LimitsExceeded);
    }
    if device.numbers.pds.borrow().contains(&Pdn(wq.pd())) {
        Ok(())
    } else {
        Err(Status::BadResource)
    }
}

fn ring(request: &Request<'_>, wq: &Wq) -> Result<WorkQueue, Status> {
    let buffer = queue_buffer(request, WorkQueue::bytes(wq), wq.log_wq_pg_sz(), wq.page_offset())?;
    Ok(WorkQueue::new(wq, buffer))
}

/// A number that no queue has, of queue pairs neither.
fn queue_number(device: &Device) -> Result<Qpn, Status> {
    let free = |number| device.is_free_queue(Qpn(number));
    let number = device.numbers.next_qp.take(free);
    number.map(Qpn).ok_or(Status::LimitsExceeded)
}

pub(super) fn create_sq(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateSqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = *input.ctx();
    check_ring(device, context.wq(), LOG_BLOCK..=LOG_BLOCK)?;
    check_sq(device, &context)?;
    let ring = ring(request, context.wq())?;
    let number_of = queue_number(device)?;
    device.claim(Holder::Sq(number_of.0), 0)?;
    let sq = Sq {
        number: number_of,
        state: Cell::new(QueueState::Reset),
        cq: Cqn(context.cqn()),
        tis: context.tis_num_0(),
        uar: Uarn(context.wq().uar_page()),
        ring,
        context: RefCell::new(context),
        awake: Cell::new(false),
    };
    device.note_ring(Holder::Sq(number_of.0), &sq.ring);
    device.ether.sqs.borrow_mut().insert(number_of, Rc::new(sq));
    number(number_of.0)
}

fn check_sq(device: &Device, context: &Sqc) -> Result<(), Status> {
    let extras = [
        context.state(),
        context.rlky(),
        context.allow_multi_pkt_send_wqe(),
        context.reg_umr(),
        context.allow_swp(),
        context.hairpin(),
    ];
    if extras.iter().any(|extra| *extra != 0) || context.tis_lst_sz() != 1 {
        return Err(Status::BadParameter);
    }
    let cq = device.cq(Cqn(context.cqn())).is_some();
    let tis = device.ether.tiss.borrow().contains_key(&context.tis_num_0());
    let uar = device
        .numbers
        .uars
        .borrow()
        .contains(&Uarn(context.wq().uar_page()));
    if cq && tis && uar {
        Ok(())
    } else {
        Err(Status::BadResource)
    }
}

pub(super) fn create_rq(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateRqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = *input.ctx();
    let strides = {
        let general = device.caps.borrow().general;
        general.log_min_stride_sz_rq()..=general.log_max_stride_sz_rq()
    };
    check_ring(device, context.wq(), strides)?;
    check_rq(device, &context)?;
    let ring = ring(request, context.wq())?;
    let number_of = queue_number(device)?;
    device.claim(Holder::Rq(number_of.0), 0)?;
    let rq = Rq {
        number: number_of,
        state: Cell::new(QueueState::Reset),
        cq: Cqn(context.cqn()),
        ring,
        context: RefCell::new(context),
    };
    device.note_ring(Holder::Rq(number_of.0), &rq.ring);
    device.ether.rqs.borrow_mut().insert(number_of, Rc::new(rq));
    number(number_of.0)
}

fn check_rq(device: &Device, context: &Rqc) -> Result<(), Status> {
    let extras = [
        context.state(),
        context.rlky(),
        context.mem_rq_type(),
        context.scatter_fcs(),
        context.hairpin(),
    ];
    if extras.iter().any(|extra| *extra != 0) {
        return Err(Status::BadParameter);
    }
    let cq = device.cq(Cqn(context.cqn())).is_some();
    if cq && counter_set_exists(device, context.counter_set_id()) {
        Ok(())
    } else {
        Err(Status::BadResource)
    }
}

fn counter_set_exists(device: &Device, id: u32) -> bool {
    id == 0 || device.counters.contains(id as u8)
}

fn find_sq(device: &Device, request: &Request<'_>) -> Result<Rc<Sq>, Status> {
    let number = Qpn(request.dword(8) & 0x00ff_ffff);
    device
        .ether
        .sqs
        .borrow()
        .get(&number)
        .cloned()
        .ok_or(Status::BadResource)
}

fn find_rq(device: &Device, request: &Request<'_>) -> Result<Rc<Rq>, Status> {
    let number = Qpn(request.dword(8) & 0x00ff_ffff);
    device
        .ether
        .rqs
        .borrow()
        .get(&number)
        .cloned()
        .ok_or(Status::BadResource)
}

/// The state that a command asks for, if it knows the present one and may go there.
fn next_state(now: QueueState, claimed: u32, wanted: u32) -> Result<QueueState, Status> {
    let wanted = QueueState::from_code(wanted).ok_or(Status::BadParameter)?;
    if claimed == now as u32 && now.may_become(wanted) {
        Ok(wanted)
    } else {
        Err(Status::BadResourceState)
    }
}

pub(super) fn modify_sq(device: &Device, request: &Request<'_>) -> Outcome {
    let sq = find_sq(device, request)?;
    let input = ModifySqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let state = next_state(sq.state.get(), input.sq_state(), input.ctx().state())?;
    let was = sq.state.replace(state);
    match (was, state) {
        (_, QueueState::Reset) => sq.ring.consumed.set(0),
        // What waits is flushed.
        (QueueState::Ready, QueueState::Error) => device.sq_doorbell(&sq),
        _ => {}
    }
    done()
}

pub(super) fn modify_rq(device: &Device, request: &Request<'_>) -> Outcome {
    let rq = find_rq(device, request)?;
    let input = ModifyRqIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let state = next_state(rq.state.get(), input.rq_state(), input.ctx().state())?;
    let fields = input.modify_bitmask();
    if fields & !(RQ_VSD | RQ_COUNTER_SET) != 0 {
        return Err(Status::BadParameter.into());
    }
    let mut context = *rq.context.borrow();
    if fields & RQ_VSD != 0 {
        context.set_vsd(input.ctx().vsd());
    }
    if fields & RQ_COUNTER_SET != 0 {
        if !counter_set_exists(device, input.ctx().counter_set_id()) {
            return Err(Status::BadResource.into());
        }
        context.set_counter_set_id(input.ctx().counter_set_id());
    }
    let starts = rq.state.get() == QueueState::Reset && state == QueueState::Ready;
    if starts {
        starts_at_zero(device, &rq)?;
    }
    rq.context.replace(context);
    rq.state.set(state);
    if state == QueueState::Reset {
        rq.ring.consumed.set(0);
    }
    done()
}

/// A queue begins to count at 0, and its record says so (connectx-ethernet 1.5).
fn starts_at_zero(device: &Device, rq: &Rq) -> Result<(), Refusal> {
    match rq.ring.posted(device, 0) {
        Ok(0) => Ok(()),
        Ok(posted) => {
            let text = format!("{:?} starts while its record says {posted}", rq.number);
            device.driver_error("connectx-ethernet 1.5: RQ record", &text);
            Err(Status::BadResourceState.into())
        }
        Err(_) => Err(Status::BadParameter.into()),
    }
}

pub(super) fn destroy_sq(device: &Device, request: &Request<'_>) -> Outcome {
    let sq = find_sq(device, request)?;
    device.ether.sqs.borrow_mut().remove(&sq.number);
    device.numbers.next_qp.give_back(sq.number.0);
    device.release(Holder::Sq(sq.number.0));
    done()
}

pub(super) fn destroy_rq(device: &Device, request: &Request<'_>) -> Outcome {
    let rq = find_rq(device, request)?;
    if device.ether.uses_rq(rq.number) {
        return Err(Status::ResourceBusy.into());
    }
    device.ether.rqs.borrow_mut().remove(&rq.number);
    device.numbers.next_qp.give_back(rq.number.0);
    device.release(Holder::Rq(rq.number.0));
    done()
}

pub(super) fn query_sq(device: &Device, request: &Request<'_>) -> Outcome {
    let sq = find_sq(device, request)?;
    let mut out = QuerySqOut::new();
    let mut context = *sq.context.borrow();
    context.set_state(sq.state.get() as u32);
    context.wq_mut().set_hw_counter(u32::from(sq.ring.consumed.get()));
    *out.sq_context_mut() = context;
    Ok(out.as_bytes().to_vec())
}

pub(super) fn query_rq(device: &Device, request: &Request<'_>) -> Outcome {
    let rq = find_rq(device, request)?;
    let mut out = QueryRqOut::new();
    let mut context = *rq.context.borrow();
    context.set_state(rq.state.get() as u32);
    context.wq_mut().set_hw_counter(u32::from(rq.ring.consumed.get()));
    *out.rq_context_mut() = context;
    Ok(out.as_bytes().to_vec())
}
