//! `CREATE_QP`, `DESTROY_QP`, QUERY_QP (connectx.md section 9). Transitions are in [`super::transitions`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout::{CreateQpIn, Qpc, QueryQpOut};

use super::event_queues::queue_buffer;
use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::ids::{Cqn, Pdn, Qpn, Uarn};
use crate::pages::Holder;
use crate::qp::{Attributes, Qp, Service, State};
use crate::{Device, transport};

/// The queue pair of the port's management datagrams.
const MANAGEMENT_QPN: u32 = 1;
/// Receive queue of its own.
const OWN_RECEIVE_QUEUE: u32 = 0;
/// No receive queue.
const NO_RECEIVE_QUEUE: u32 = 3;

pub(super) fn create(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateQpIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    // Numbers are the device's to choose; user memory and extended contexts are not offered.
    if input.input_qpn() != 0 || input.wq_umem_valid() != 0 || input.opt_param_mask() != 0 {
        return Err(Status::BadParameter.into());
    }
    let context = input.qpc();
    let service = Service::from_code(context.st()).ok_or(Status::BadParameter)?;
    check_context(context)?;
    check_objects(device, context)?;
    check_sizes(device, context)?;
    let attributes = Attributes::decode(context, service);
    let receive_bytes = u64::from(attributes.receive_entries) * u64::from(attributes.receive_stride);
    let bytes = receive_bytes + u64::from(attributes.send_blocks) * 64;
    let buffer = queue_buffer(request, bytes, context.log_page_size(), context.page_offset())?;
    let qpn = qp_number(device, service)?;
    device.claim(Holder::Qp(qpn.0), 0)?;
    let mut stored = *context;
    stored.set_state(State::Reset as u32);
    let qp = Qp {
        number: qpn,
        state: Cell::new(State::Reset),
        attributes: RefCell::new(attributes),
        context: RefCell::new(stored),
        buffer,
        send_offset: receive_bytes,
    };
    device.note_qp(&qp);
    device.qps.borrow_mut().insert(qpn, Rc::new(qp));
    number(qpn.0)
}

fn qp_number(device: &Device, service: Service) -> Result<Qpn, Status> {
    if service == Service::Management {
        let taken = device.qps.borrow().contains_key(&Qpn(MANAGEMENT_QPN));
        return if taken {
            Err(Status::LimitsExceeded)
        } else {
            Ok(Qpn(MANAGEMENT_QPN))
        };
    }
    let limit = 1 << device.caps.borrow().general.log_max_qp();
    if device.qps.borrow().len() >= limit {
        return Err(Status::LimitsExceeded);
    }
    let free = |number| device.is_free_queue(Qpn(number));
    let number = device.numbers.next_qp.take(free);
    number.map(Qpn).ok_or(Status::LimitsExceeded)
}

fn check_context(context: &Qpc) -> Result<(), Status> {
    if !reserved::is_clear(context.as_bytes(), &reserved::QPC) {
        return Err(Status::BadParameter);
    }
    // Not offered: data in CQEs, signatures, user memory records.
    let extras = [
        context.cs_req(),
        context.cs_res(),
        context.wq_signature(),
        context.dbr_umem_valid(),
    ];
    if extras.iter().any(|extra| *extra != 0) {
        return Err(Status::BadParameter);
    }
    let queues = context.no_sq() == 0 || context.rq_type() == OWN_RECEIVE_QUEUE;
    if queues && (context.dbr_addr() == 0 || !context.dbr_addr().is_multiple_of(8)) {
        return Err(Status::BadParameter);
    }
    Ok(())
}

pub(super) fn check_objects(device: &Device, context: &Qpc) -> Result<(), Status> {
    let pd = device.numbers.pds.borrow().contains(&Pdn(context.pd()));
    let uar = context.no_sq() != 0 || device.numbers.uars.borrow().contains(&Uarn(context.uar_page()));
    let send = context.no_sq() != 0 || device.cq(Cqn(context.cqn_snd())).is_some();
    let receive = context.rq_type() == NO_RECEIVE_QUEUE || device.cq(Cqn(context.cqn_rcv())).is_some();
    // Shared receive queues are not offered, so no number of one is good.
    let shared = !matches!(context.rq_type(), OWN_RECEIVE_QUEUE | NO_RECEIVE_QUEUE);
    let counters = context.counter_set_id() == 0 || device.counters.contains(context.counter_set_id() as u8);
    if pd && uar && send && receive && counters && !shared {
        Ok(())
    } else {
        Err(Status::BadResource)
    }
}

fn check_sizes(device: &Device, context: &Qpc) -> Result<(), Status> {
    let general = device.caps.borrow().general;
    let send = context.no_sq() != 0 || context.log_sq_size() <= general.log_max_qp_sz();
    let stride = 16 << context.log_rq_stride();
    let receive = context.rq_type() != OWN_RECEIVE_QUEUE
        || (context.log_rq_size() <= general.log_max_qp_sz() && stride <= general.max_wqe_sz_rq());
    if !send || !receive {
        return Err(Status::LimitsExceeded);
    }
    let bytes = stride << context.log_rq_size();
    // The send queue starts at a multiple of 64 bytes.
    if context.rq_type() == OWN_RECEIVE_QUEUE && bytes < 64 {
        Err(Status::BadParameter)
    } else {
        Ok(())
    }
}

pub(super) fn find(device: &Device, request: &Request<'_>) -> Result<Rc<Qp>, Status> {
    device.qp(Qpn(request.dword(8))).ok_or(Status::BadResource)
}

pub(super) fn destroy(device: &Device, request: &Request<'_>) -> Outcome {
    let qp = find(device, request)?;
    if device.mkeys.any(|mkey| mkey.qpn == qp.number && !mkey.free) {
        return Err(Status::ResourceBusy.into());
    }
    device.qps.borrow_mut().remove(&qp.number);
    if qp.number.0 != MANAGEMENT_QPN {
        device.numbers.next_qp.give_back(qp.number.0);
    }
    device.release(Holder::Qp(qp.number.0));
    transport::qp_destroyed(&device.me(), &qp);
    done()
}

pub(super) fn query(device: &Device, request: &Request<'_>) -> Outcome {
    let qp = find(device, request)?;
    let mut out = QueryQpOut::new();
    *out.qpc_mut() = *qp.context.borrow();
    if let Some((send_psn, receive_psn, block)) = device.engine.borrow().progress(qp.number) {
        out.qpc_mut()
            .set_next_send_psn(send_psn)
            .set_next_rcv_psn(receive_psn)
            .set_hw_sq_wqebb_counter(u32::from(block));
    }
    let mut out = out.as_bytes()[..0x110].to_vec();
    out.extend(qp.buffer.pages().iter().flat_map(|page| page.to_be_bytes()));
    Ok(out)
}
