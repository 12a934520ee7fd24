//! Commands of flow tables (connectx-ethernet 4.1).

use cxndk::hw::layout::{
    CreateFlowGroupIn, CreateFlowTableIn, DeleteFteIn, DestFormatStruct, DestroyFlowGroupIn,
    DestroyFlowTableIn, FlowTableContext, ModifyFlowTableIn, SetFlowTableRootIn, SetFteIn,
};

use super::status::{Outcome, Status};
use super::table::{Request, done, number};
use crate::Device;
use crate::ether::Destination;

/// `table_type` of the receive side of a function.
const NIC_RECEIVE: u32 = 0;
/// Actions of an entry.
const ALLOW: u32 = 1;
const DROP: u32 = 2;
const FORWARD: u32 = 4;
/// Types of destinations, and where their list begins.
const TO_TABLE: u32 = 1;
const TO_TIR: u32 = 2;
const DESTINATIONS: usize = 0x340;
/// `table_miss_action`: forward.
const MISS_FORWARD: u32 = 1;
/// Outer headers are matched.
const OUTER: u32 = 1;
/// `op_mod` of `SET_FLOW_TABLE_ROOT`: take the root away.
const DISCONNECT: u32 = 1;
/// What of a table can be modified: where frames go that nothing matches.
const MISS_TABLE: u32 = 1;

fn own(table_type: u32, other_vport: u32) -> Result<(), Status> {
    if table_type == NIC_RECEIVE && other_vport == 0 {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

const fn miss(context: &FlowTableContext) -> Option<u32> {
    if context.table_miss_action() == MISS_FORWARD {
        Some(context.table_miss_id())
    } else {
        None
    }
}

pub(super) fn create_table(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateFlowTableIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let context = input.flow_table_context();
    let limits = *device.caps.borrow().flow.flow_table_properties_nic_receive();
    if context.log_size() > limits.log_max_ft_size() || context.level() >= limits.max_ft_level() {
        return Err(Status::LimitsExceeded.into());
    }
    let mut steering = device.ether.steering.borrow_mut();
    number(steering.create_table(context.level(), context.log_size(), miss(context))?)
}

pub(super) fn modify_table(device: &Device, request: &Request<'_>) -> Outcome {
    let input = ModifyFlowTableIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    if input.modify_field_select() & MISS_TABLE != 0 {
        let mut steering = device.ether.steering.borrow_mut();
        steering.set_miss(input.table_id(), miss(input.flow_table_context()))?;
    }
    done()
}

pub(super) fn destroy_table(device: &Device, request: &Request<'_>) -> Outcome {
    let input = DestroyFlowTableIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    device
        .ether
        .steering
        .borrow_mut()
        .destroy_table(input.table_id())?;
    done()
}

pub(super) fn set_root(device: &Device, request: &Request<'_>) -> Outcome {
    let input = SetFlowTableRootIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let root = (request.op_mod != DISCONNECT).then(|| input.table_id());
    device.ether.steering.borrow_mut().set_root(root)?;
    done()
}

pub(super) fn create_group(device: &Device, request: &Request<'_>) -> Outcome {
    let input = CreateFlowGroupIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let blank = input.match_criteria().as_bytes().iter().all(|byte| *byte == 0);
    // Criteria that are not enabled mean nothing, and others are not offered.
    if input.match_criteria_enable() & !OUTER != 0 || (input.match_criteria_enable() == 0 && !blank) {
        return Err(Status::BadParameter.into());
    }
    let range = (input.start_flow_index(), input.end_flow_index());
    let mut steering = device.ether.steering.borrow_mut();
    number(steering.create_group(input.table_id(), range, input.match_criteria())?)
}

pub(super) fn destroy_group(device: &Device, request: &Request<'_>) -> Outcome {
    let input = DestroyFlowGroupIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let mut steering = device.ether.steering.borrow_mut();
    steering.destroy_group(input.table_id(), input.group_id())?;
    done()
}

pub(super) fn set_entry(device: &Device, request: &Request<'_>) -> Outcome {
    let input = SetFteIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let context = input.flow_context();
    let destinations = match context.action() {
        ALLOW | DROP if context.destination_list_size() == 0 => Vec::new(),
        FORWARD => destinations(device, request, context.destination_list_size())?,
        _ => return Err(Status::BadParameter.into()),
    };
    if context.flow_counter_list_size() != 0 || request.op_mod > 1 {
        return Err(Status::BadParameter.into());
    }
    let mut steering = device.ether.steering.borrow_mut();
    steering.set_entry(
        input.table_id(),
        input.flow_index(),
        (context.group_id(), context.match_value()),
        destinations,
        request.op_mod == 1,
    )?;
    done()
}

fn destinations(device: &Device, request: &Request<'_>, count: u32) -> Result<Vec<Destination>, Status> {
    let most = 1
        << device
            .caps
            .borrow()
            .flow
            .flow_table_properties_nic_receive()
            .log_max_destination();
    if count == 0 || count > most {
        return Err(Status::BadParameter);
    }
    let list = request
        .input
        .get(DESTINATIONS..DESTINATIONS + count as usize * DestFormatStruct::SIZE)
        .ok_or(Status::BadInputLength)?;
    list.chunks_exact(DestFormatStruct::SIZE)
        .map(|entry| {
            let entry = DestFormatStruct::from_bytes(entry).ok_or(Status::BadInputLength)?;
            let number = entry.destination_id();
            match entry.destination_type() {
                TO_TABLE => Ok(Destination::Table(number)),
                TO_TIR if device.ether.tirs.borrow().contains_key(&number) => Ok(Destination::Tir(number)),
                TO_TIR => Err(Status::BadResource),
                _ => Err(Status::BadParameter),
            }
        })
        .collect()
}

pub(super) fn delete_entry(device: &Device, request: &Request<'_>) -> Outcome {
    let input = DeleteFteIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    own(input.table_type(), input.other_vport())?;
    let mut steering = device.ether.steering.borrow_mut();
    steering.delete_entry(input.table_id(), input.flow_index())?;
    done()
}
