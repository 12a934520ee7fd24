//! TIS, receive queue tables and TIR: made, changed, ended (connectx-ethernet 1.3, 1.6, 1.7).

use cxndk::hw::layout::{
    CreateRqtIn, CreateTirIn, CreateTisIn, ModifyRqtIn, ModifyTirIn, ModifyTisIn, Rqtc, Tirc,
};

use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::ether::{Hash, Spread, Target, Tir, Tis};
use crate::ids::Qpn;

/// `disp_type` of a TIR.
const DIRECT: u32 = 0;
const INDIRECT: u32 = 1;
/// `rx_hash_fn`: none, and Toeplitz.
const NO_HASH: u32 = 0;
const TOEPLITZ: u32 = 2;
/// Fields that can be hashed: addresses and ports.
const FIELDS: u32 = 0xf;
/// Modify masks.
const TIS_PRIORITY: u8 = 0x01;
const TIR_INDIRECT_TABLE: u8 = 0x02;
const TIR_HASH: u8 = 0x04;
const TIR_SELF_LOOPBACK: u8 = 0x10;
const RQT_LIST: u32 = 1;
/// Where the list of a receive queue table begins.
const LIST: usize = 0x110;

fn domain_exists(device: &Device, domain: u32) -> Result<u32, Status> {
    let exists = device.numbers.transport_domains.borrow().contains(&domain);
    exists.then_some(domain).ok_or(Status::BadResource)
}

/// A number for a TIS, TIR or table that nothing of its kind has.
fn fresh(device: &Device, taken: impl Fn(u32) -> bool) -> Result<u32, Status> {
    let next = device.numbers.next_target.take(|number| !taken(number));
    next.ok_or(Status::LimitsExceeded)
}

pub(super) fn create_tis(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateTisIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = input.ctx();
    if context.tls_en() != 0 || context.prio() & 1 != 0 {
        return Err(Status::BadParameter.into());
    }
    let tis = Tis {
        domain: domain_exists(device, context.transport_domain())?,
        priority: context.prio(),
    };
    let mut all = device.ether.tiss.borrow_mut();
    let number_of = fresh(device, |number| all.contains_key(&number))?;
    all.insert(number_of, tis);
    number(number_of)
}

pub(super) fn modify_tis(device: &Device, request: &Request<'_>) -> Outcome {
    let input = ModifyTisIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let mut all = device.ether.tiss.borrow_mut();
    let tis = all.get_mut(&input.tisn()).ok_or(Status::BadResource)?;
    if input.bitmask()[7] & TIS_PRIORITY != 0 {
        tis.priority = input.ctx().prio();
    }
    done()
}

pub(super) fn destroy_tis(device: &Device, request: &Request<'_>) -> Outcome {
    let tis = request.dword(8);
    if device.ether.sqs.borrow().values().any(|sq| sq.tis == tis) {
        return Err(Status::ResourceBusy.into());
    }
    let gone = device.ether.tiss.borrow_mut().remove(&tis);
    give_back(device, tis, gone.is_some())
}

fn give_back(device: &Device, number: u32, existed: bool) -> Outcome {
    if !existed {
        return Err(Status::BadResource.into());
    }
    device.numbers.next_target.give_back(number);
    done()
}

/// The queues of a list of `context`, which may not be longer than `limit`.
fn queues(device: &Device, request: &Request<'_>, context: &Rqtc, limit: u32) -> Result<Vec<Qpn>, Status> {
    let count = context.rqt_actual_size();
    if count == 0 || count > limit || !count.is_power_of_two() {
        return Err(Status::BadParameter);
    }
    if request.input.len() < LIST + count as usize * 4 {
        return Err(Status::BadInputLength);
    }
    let list: Vec<_> = (0..count as usize)
        .map(|entry| Qpn(request.dword(LIST + entry * 4) & 0x00ff_ffff))
        .collect();
    let rqs = device.ether.rqs.borrow();
    let exist = list.iter().all(|number| rqs.contains_key(number));
    exist.then_some(list).ok_or(Status::BadResource)
}

pub(super) fn create_rqt(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateRqtIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = input.rqt_context();
    let limit = context.rqt_max_size();
    if limit > 1 << device.caps.borrow().general.log_max_rqt_size() || context.list_q_type() != 0 {
        return Err(Status::LimitsExceeded.into());
    }
    let queues = queues(device, request, context, limit)?;
    let mut all = device.ether.tables.borrow_mut();
    let number_of = fresh(device, |number| all.contains_key(&number))?;
    all.insert(number_of, Spread { limit, queues });
    number(number_of)
}

pub(super) fn modify_rqt(device: &Device, request: &Request<'_>) -> Outcome {
    let input = ModifyRqtIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let limit = {
        let all = device.ether.tables.borrow();
        all.get(&input.rqtn()).ok_or(Status::BadResource)?.limit
    };
    if input.bitmask().rqn_list() == RQT_LIST {
        let queues = queues(device, request, input.ctx(), limit)?;
        let mut all = device.ether.tables.borrow_mut();
        if let Some(spread) = all.get_mut(&input.rqtn()) {
            spread.queues = queues;
        }
    }
    done()
}

pub(super) fn destroy_rqt(device: &Device, request: &Request<'_>) -> Outcome {
    let table = request.dword(8);
    let tirs = device.ether.tirs.borrow();
    if tirs.values().any(|tir| tir.target == Target::Table(table)) {
        return Err(Status::ResourceBusy.into());
    }
    let gone = device.ether.tables.borrow_mut().remove(&table);
    give_back(device, table, gone.is_some())
}

fn hash(context: &Tirc) -> Result<Option<Hash>, Status> {
    match context.rx_hash_fn() {
        NO_HASH => Ok(None),
        TOEPLITZ => {
            let fields = context.rx_hash_field_selector_outer().selected_fields();
            // Windows' hash is not the symmetric one.
            if fields & !FIELDS != 0 || context.rx_hash_symmetric() != 0 {
                return Err(Status::BadParameter);
            }
            Ok(Some(Hash {
                key: *context.rx_hash_toeplitz_key(),
                fields,
            }))
        }
        _ => Err(Status::BadParameter),
    }
}

fn target(device: &Device, context: &Tirc) -> Result<Target, Status> {
    match context.disp_type() {
        DIRECT if context.rx_hash_fn() == NO_HASH => {
            let queue = Qpn(context.inline_rqn());
            let exists = device.ether.rqs.borrow().contains_key(&queue);
            exists.then_some(Target::Direct(queue)).ok_or(Status::BadResource)
        }
        INDIRECT => {
            let table = context.indirect_table();
            let exists = device.ether.tables.borrow().contains_key(&table);
            exists.then_some(Target::Table(table)).ok_or(Status::BadResource)
        }
        _ => Err(Status::BadParameter),
    }
}

pub(super) fn create_tir(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateTirIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let context = input.ctx();
    let extras = [
        context.tls_en(),
        context.packet_merge_mask(),
        context.tunneled_offload_en(),
    ];
    if extras.iter().any(|extra| *extra != 0) {
        return Err(Status::BadParameter.into());
    }
    let tir = Tir {
        domain: domain_exists(device, context.transport_domain())?,
        target: target(device, context)?,
        hash: hash(context)?,
        takes_own: context.self_lb_block(),
    };
    let mut all = device.ether.tirs.borrow_mut();
    let number_of = fresh(device, |number| all.contains_key(&number))?;
    all.insert(number_of, tir);
    number(number_of)
}

pub(super) fn modify_tir(device: &Device, request: &Request<'_>) -> Outcome {
    let input = ModifyTirIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let mask = input.bitmask().as_bytes()[7];
    let context = input.ctx();
    let mut all = device.ether.tirs.borrow_mut();
    let tir = all.get_mut(&input.tirn()).ok_or(Status::BadResource)?;
    let mut changed = tir.clone();
    if mask & TIR_HASH != 0 {
        changed.hash = hash(context)?;
    }
    if mask & TIR_INDIRECT_TABLE != 0 {
        changed.target = target(device, context)?;
    }
    if mask & TIR_SELF_LOOPBACK != 0 {
        changed.takes_own = context.self_lb_block();
    }
    *tir = changed;
    done()
}

pub(super) fn destroy_tir(device: &Device, request: &Request<'_>) -> Outcome {
    let tir = request.dword(8);
    if device.ether.steering.borrow().leads_to(tir) {
        return Err(Status::ResourceBusy.into());
    }
    let gone = device.ether.tirs.borrow_mut().remove(&tir);
    give_back(device, tir, gone.is_some())
}
