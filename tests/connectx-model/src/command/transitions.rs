//! Transitions of queue pairs: which are legal, what each takes from its input, which options it allows
//! (connectx.md section 9).

use cxndk::hw::layout::{Qpc, Rst2initQpIn, opcode as op};

use super::queue_pairs::{check_objects, find};
use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done};
use crate::qp::{Attributes, Qp, Service, State};
use crate::{Device, transport};

/// Bits of `opt_param_mask`.
mod option {
    pub(super) const ALT_PATH: u32 = 1 << 0;
    pub(super) const RRE: u32 = 1 << 1;
    pub(super) const RAE: u32 = 1 << 2;
    pub(super) const RWE: u32 = 1 << 3;
    pub(super) const PKEY: u32 = 1 << 4;
    pub(super) const Q_KEY: u32 = 1 << 5;
    pub(super) const RNR_TIMEOUT: u32 = 1 << 6;
    pub(super) const PM_STATE: u32 = 1 << 10;
    pub(super) const LAG: u32 = 1 << 15;
    pub(super) const PORT: u32 = 1 << 16;
    pub(super) const ACCESS: u32 = RRE | RAE | RWE;
}

/// One kind of transition.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Transition {
    from: State,
    to: State,
}

const fn transition(opcode: u16) -> Option<Transition> {
    let (from, to) = match opcode {
        op::RST2INIT_QP => (State::Reset, State::Init),
        op::INIT2INIT_QP => (State::Init, State::Init),
        op::INIT2RTR_QP => (State::Init, State::ReadyToReceive),
        op::RTR2RTS_QP => (State::ReadyToReceive, State::ReadyToSend),
        op::RTS2RTS_QP => (State::ReadyToSend, State::ReadyToSend),
        op::SQERR2RTS_QP => (State::SendQueueError, State::ReadyToSend),
        _ => return None,
    };
    Some(Transition { from, to })
}

/// Options that a transition allows for a service.
const fn allowed(opcode: u16, service: Service) -> u32 {
    use option::{ACCESS, ALT_PATH, LAG, PKEY, PM_STATE, PORT, Q_KEY, RNR_TIMEOUT, RWE};
    match (opcode, service) {
        (op::INIT2INIT_QP, Service::ReliableConnection) => ACCESS | PKEY | PORT | LAG,
        (op::INIT2INIT_QP, Service::UnreliableConnection) => RWE | PKEY | PORT | LAG,
        (op::INIT2INIT_QP, _) => PKEY | Q_KEY | PORT,
        (op::INIT2RTR_QP, Service::ReliableConnection) => ALT_PATH | ACCESS | PKEY | LAG,
        (op::INIT2RTR_QP, Service::UnreliableConnection) => ALT_PATH | RWE | PKEY | LAG,
        (op::INIT2RTR_QP, _) => PKEY | Q_KEY,
        (op::RTR2RTS_QP | op::RTS2RTS_QP, Service::ReliableConnection) => {
            ALT_PATH | ACCESS | PM_STATE | RNR_TIMEOUT
        }
        (op::RTR2RTS_QP | op::RTS2RTS_QP, Service::UnreliableConnection) => ALT_PATH | RWE | PM_STATE,
        (op::SQERR2RTS_QP, Service::ReliableConnection) => ACCESS | RNR_TIMEOUT,
        (op::SQERR2RTS_QP, Service::UnreliableConnection) => RWE,
        (op::RTR2RTS_QP | op::RTS2RTS_QP | op::SQERR2RTS_QP, _) => Q_KEY,
        _ => 0,
    }
}

/// RST2INIT and all others with a context: the inputs have one shape.
pub(super) fn modify(device: &Device, request: &Request<'_>) -> Outcome {
    let qp = find(device, request)?;
    let input = Rst2initQpIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let transition = transition(request.opcode).ok_or(Status::BadOp)?;
    if qp.state.get() != transition.from {
        return Err(Status::BadQpState.into());
    }
    let service = qp.attributes.borrow().service;
    let options = input.opt_param_mask();
    let new = input.qpc();
    if options & !allowed(request.opcode, service) != 0
        || options & option::ALT_PATH != 0
        || !reserved::is_clear(new.as_bytes(), &reserved::QPC)
    {
        return Err(Status::BadParameter.into());
    }
    let mut context = *qp.context.borrow();
    take_options(&mut context, new, options);
    match request.opcode {
        op::RST2INIT_QP => to_init(device, &mut context, new, service)?,
        op::INIT2RTR_QP => to_rtr(device, &mut context, new, service)?,
        op::RTR2RTS_QP => to_rts(device, &mut context, new, service)?,
        _ => {}
    }
    enter(device, &qp, context, transition.to);
    done()
}

fn enter(device: &Device, qp: &std::rc::Rc<Qp>, context: Qpc, to: State) {
    let old = qp.state.get();
    let service = qp.attributes.borrow().service;
    let by_software = device.caps.borrow().roce.sw_r_roce_src_udp_port() != 0;
    let mut attributes = Attributes::decode(&context, service);
    if !by_software {
        attributes.path.udp_source_port = attributes.computed_source_port(qp.number);
    }
    qp.attributes.replace(attributes);
    qp.context.replace(context);
    qp.enter(to);
    transport::qp_transition(&device.me(), qp, old);
}

fn take_options(context: &mut Qpc, new: &Qpc, options: u32) {
    if options & option::RRE != 0 {
        context.set_rre(new.rre());
    }
    if options & option::RAE != 0 {
        context.set_rae(new.rae());
    }
    if options & option::RWE != 0 {
        context.set_rwe(new.rwe());
    }
    if options & option::Q_KEY != 0 {
        context.set_q_key(new.q_key());
    }
    if options & option::RNR_TIMEOUT != 0 {
        context.set_min_rnr_nak(new.min_rnr_nak());
    }
    if options & option::PKEY != 0 {
        context
            .primary_address_path_mut()
            .set_pkey_index(new.primary_address_path().pkey_index());
    }
    if options & option::PORT != 0 {
        context
            .primary_address_path_mut()
            .set_vhca_port_num(new.primary_address_path().vhca_port_num());
    }
    if options & option::PM_STATE != 0 {
        context.set_pm_state(new.pm_state());
    }
}

/// There is one port and one P_Key.
fn check_port(path: &cxndk::hw::layout::Ads) -> Result<(), Status> {
    if path.pkey_index() != 0 {
        return Err(Status::BadIndex);
    }
    if path.vhca_port_num() == 1 {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

const fn is_datagram(service: Service) -> bool {
    matches!(service, Service::UnreliableDatagram | Service::Management)
}

fn to_init(device: &Device, context: &mut Qpc, new: &Qpc, service: Service) -> Result<(), Status> {
    let mut named = *context;
    named
        .set_pd(new.pd())
        .set_cqn_snd(new.cqn_snd())
        .set_cqn_rcv(new.cqn_rcv());
    named.set_counter_set_id(new.counter_set_id());
    check_objects(device, &named)?;
    if service != Service::Registration {
        check_port(new.primary_address_path())?;
    }
    let own_receive_queue = context.rq_type() == 0;
    if own_receive_queue && (new.dbr_addr() == 0 || !new.dbr_addr().is_multiple_of(8)) {
        return Err(Status::BadParameter);
    }
    *context = named;
    context
        .set_rre(new.rre())
        .set_rwe(new.rwe())
        .set_rae(new.rae())
        .set_atomic_mode(new.atomic_mode());
    context.set_pm_state(new.pm_state()).set_rlky(new.rlky());
    if own_receive_queue {
        context.set_dbr_addr(new.dbr_addr());
    }
    if is_datagram(service) {
        context.set_q_key(new.q_key());
    }
    let path = new.primary_address_path();
    context
        .primary_address_path_mut()
        .set_pkey_index(path.pkey_index())
        .set_vhca_port_num(path.vhca_port_num());
    Ok(())
}

fn to_rtr(device: &Device, context: &mut Qpc, new: &Qpc, service: Service) -> Result<(), Status> {
    if service == Service::Registration {
        return Ok(());
    }
    let general = device.caps.borrow().general;
    if !(1..=5).contains(&new.mtu()) || new.log_msg_max() > general.log_max_msg() {
        return Err(Status::BadParameter);
    }
    context.set_mtu(new.mtu()).set_log_msg_max(new.log_msg_max());
    if is_datagram(service) {
        return Ok(());
    }
    if new.log_rra_max() > general.log_max_ra_res_qp() {
        return Err(Status::LimitsExceeded);
    }
    check_path(device, new)?;
    *context.primary_address_path_mut() = *new.primary_address_path();
    context
        .set_remote_qpn(new.remote_qpn())
        .set_next_rcv_psn(new.next_rcv_psn());
    context
        .set_log_rra_max(new.log_rra_max())
        .set_min_rnr_nak(new.min_rnr_nak());
    context.set_atomic_mode(new.atomic_mode());
    Ok(())
}

fn check_path(device: &Device, new: &Qpc) -> Result<(), Status> {
    let path = new.primary_address_path();
    check_port(path)?;
    if !device.port.roce_enabled() {
        return Err(Status::BadResourceState);
    }
    let (index, slots) = (
        path.src_addr_index(),
        device.caps.borrow().roce.roce_address_table_size(),
    );
    if index >= slots {
        return Err(Status::BadIndex);
    }
    let entry = device.gids.get(index as u8).ok_or(Status::BadResource)?;
    let multicast_mac = path.rmac_47_32() & 0x0100 != 0;
    let no_mac = path.rmac_47_32() == 0 && path.rmac_31_0() == 0;
    if multicast_mac || no_mac || path.rgid_rip().iter().all(|byte| *byte == 0) {
        return Err(Status::BadParameter);
    }
    if entry.version_2 && path.hop_limit() == 0 {
        return Err(Status::BadParameter);
    }
    let roce = device.caps.borrow().roce;
    let ports = roce.r_roce_min_src_udp_port()..=roce.r_roce_max_src_udp_port();
    let chosen_by_driver = entry.version_2 && roce.sw_r_roce_src_udp_port() != 0;
    if chosen_by_driver && !ports.contains(&path.udp_sport()) {
        return Err(Status::BadParameter);
    }
    // Only rates that the capabilities name, and "no limit".
    let rate = path.stat_rate();
    if rate != 0 && device.caps.borrow().general.stat_rate_support() >> rate & 1 == 0 {
        return Err(Status::BadParameter);
    }
    Ok(())
}

fn to_rts(device: &Device, context: &mut Qpc, new: &Qpc, service: Service) -> Result<(), Status> {
    context.set_next_send_psn(new.next_send_psn());
    if service != Service::ReliableConnection {
        return Ok(());
    }
    if new.log_sra_max() > device.caps.borrow().general.log_max_ra_req_qp() {
        return Err(Status::LimitsExceeded);
    }
    context
        .set_log_sra_max(new.log_sra_max())
        .set_log_ack_req_freq(new.log_ack_req_freq());
    context
        .set_retry_count(new.retry_count())
        .set_rnr_retry(new.rnr_retry());
    let ack_timeout = new.primary_address_path().ack_timeout();
    context.primary_address_path_mut().set_ack_timeout(ack_timeout);
    Ok(())
}

/// 2ERR: legal in every state.
pub(super) fn to_error(device: &Device, request: &Request<'_>) -> Outcome {
    leave(device, request, State::Error)
}

/// 2RST: legal in every state; what the rings hold is lost.
pub(super) fn to_reset(device: &Device, request: &Request<'_>) -> Outcome {
    leave(device, request, State::Reset)
}

fn leave(device: &Device, request: &Request<'_>, to: State) -> Outcome {
    let qp = find(device, request)?;
    let old = qp.state.get();
    qp.enter(to);
    transport::qp_transition(&device.me(), &qp, old);
    done()
}
