//! NIC vport, RoCE addresses, vport counters (connectx.md section 13).

use cxndk::hw::layout::{
    ModifyNicVportContextIn, ModifyVportStateIn, NicVportContext, QueryNicVportContextIn,
    QueryNicVportContextOut, QueryRoceAddressIn, QueryRoceAddressOut, QueryVportStateOut, RoceAddrLayout,
    SetRoceAddressIn,
};

use super::reserved;
use super::status::{Outcome, Status};
use super::table::{Request, done, success};
use crate::Device;
use crate::gid::GidEntry;
use crate::mac;

/// Longest lists of allowed addresses: `log_max_current` lists are not offered, so this is the device's own limit.
const MAX_LIST: usize = 512;
/// Field select bits of `MODIFY_NIC_VPORT_CONTEXT` that this device knows (`min_inline` and affiliation are not offered).
const KNOWN_FIELDS: u32 = 0x0f7e;

/// This device has one vport, its own.
fn own_vport(request: &Request<'_>) -> Result<(), Status> {
    if request.dword(8) == 0 {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

pub(super) fn query_vport_state(device: &Device, request: &Request<'_>) -> Outcome {
    own_vport(request)?;
    if request.op_mod != 0 {
        return Err(Status::BadParameter.into());
    }
    let mut out = QueryVportStateOut::new();
    out.set_admin_state(device.port.vport_admin.get())
        .set_state(u32::from(device.port.is_up()));
    Ok(out.as_bytes().to_vec())
}

pub(super) fn modify_vport_state(device: &Device, request: &Request<'_>) -> Outcome {
    own_vport(request)?;
    let input = ModifyVportStateIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let state = input.admin_state();
    if request.op_mod != 0 || state > 2 {
        return Err(Status::BadParameter.into());
    }
    device.change_port(|port| port.vport_admin.set(state));
    done()
}

pub(super) fn query_nic_vport(device: &Device, request: &Request<'_>) -> Outcome {
    own_vport(request)?;
    let input = QueryNicVportContextIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    let kind = input.allowed_list_type();
    let lists = device.port.allowed.borrow();
    let list = lists.get(kind as usize).ok_or(Status::BadParameter)?;
    let mut context = *device.port.vport.borrow();
    context
        .set_allowed_list_type(kind)
        .set_allowed_list_size(list.len() as u32);
    let mut out = QueryNicVportContextOut::new();
    *out.nic_vport_context_mut() = context;
    let mut out = out.as_bytes().to_vec();
    out.extend(list.concat());
    Ok(out)
}

pub(super) fn modify_nic_vport(device: &Device, request: &Request<'_>) -> Outcome {
    own_vport(request)?;
    let input = ModifyNicVportContextIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    if request.dword(12) & !KNOWN_FIELDS != 0 {
        return Err(Status::BadParameter.into());
    }
    let fields = input.field_select();
    let new = input.nic_vport_context();
    let mut vport = *device.port.vport.borrow();
    if fields.mtu() != 0 {
        if new.mtu() > device.port.pmtu().max_mtu() {
            return Err(Status::BadParameter.into());
        }
        vport.set_mtu(new.mtu());
    }
    if fields.roce_en() != 0 {
        if new.roce_en() != 0 && device.caps.borrow().general.roce() == 0 {
            return Err(Status::BadParameter.into());
        }
        vport.set_roce_en(new.roce_en());
    }
    if fields.addresses_list() != 0 {
        set_list(device, request, new)?;
    }
    take_simple(&mut vport, input);
    device.port.vport.replace(vport);
    done()
}

fn take_simple(vport: &mut NicVportContext, input: &ModifyNicVportContextIn) {
    let fields = input.field_select();
    let new = input.nic_vport_context();
    if fields.permanent_address() != 0 {
        *vport.permanent_address_mut() = *new.permanent_address();
    }
    if fields.promisc() != 0 {
        vport
            .set_promisc_uc(new.promisc_uc())
            .set_promisc_mc(new.promisc_mc())
            .set_promisc_all(new.promisc_all());
    }
    if fields.change_event() != 0 {
        vport.set_arm_change_event(new.arm_change_event());
    }
    if fields.port_guid() != 0 {
        vport.set_port_guid(new.port_guid());
    }
    if fields.node_guid() != 0 {
        vport.set_node_guid(new.node_guid());
    }
    if fields.disable_mc_local_lb() != 0 {
        vport.set_disable_mc_local_lb(new.disable_mc_local_lb());
    }
    if fields.disable_uc_local_lb() != 0 {
        vport.set_disable_uc_local_lb(new.disable_uc_local_lb());
    }
}

fn set_list(device: &Device, request: &Request<'_>, new: &NicVportContext) -> Result<(), Status> {
    let (kind, count) = (new.allowed_list_type() as usize, new.allowed_list_size() as usize);
    if count > MAX_LIST {
        return Err(Status::LimitsExceeded);
    }
    let bytes = request
        .input
        .get(0x200..0x200 + count * 8)
        .ok_or(Status::BadInputLength)?;
    let mut lists = device.port.allowed.borrow_mut();
    let list = lists.get_mut(kind).ok_or(Status::BadParameter)?;
    *list = bytes.as_chunks::<8>().0.to_vec();
    Ok(())
}

pub(super) fn set_roce_address(device: &Device, request: &Request<'_>) -> Outcome {
    let input = SetRoceAddressIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    if !device.port.roce_enabled() {
        return Err(Status::BadResourceState.into());
    }
    check_port(input.vhca_port_num())?;
    let entry = decode(input.roce_address())?;
    if device.gids.set(input.roce_address_index() as u16, entry) {
        done()
    } else {
        Err(Status::BadIndex.into())
    }
}

/// Single-port functions may leave the port number 0.
const fn check_port(port: u32) -> Result<(), Status> {
    if port <= 1 {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

/// All zero clears the slot.
fn decode(address: &RoceAddrLayout) -> Result<Option<GidEntry>, Status> {
    if address.as_bytes().iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let gid = *address.source_l3_address();
    let mapped = gid[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let mac = mac::from_fields(address.source_mac_47_32(), address.source_mac_31_0());
    let good = reserved::is_clear(address.as_bytes(), &reserved::ROCE_ADDRESS)
        && matches!(address.roce_version(), 0 | 2)
        && address.roce_l3_type() <= 1
        && (address.roce_l3_type() == 1 || mapped || address.roce_version() == 0)
        && mac != [0; 6]
        && mac[0] & 1 == 0
        && gid != [0; 16]
        && (address.vlan_valid() != 0 || address.vlan_id() == 0);
    if !good {
        return Err(Status::BadParameter);
    }
    Ok(Some(GidEntry {
        gid,
        mac,
        vlan: (address.vlan_valid() != 0).then(|| address.vlan_id() as u16),
        ipv4: address.roce_l3_type() == 0,
        version_2: address.roce_version() == 2,
    }))
}

pub(super) fn query_roce_address(device: &Device, request: &Request<'_>) -> Outcome {
    let input = QueryRoceAddressIn::from_bytes(request.input).ok_or(Status::BadInputLength)?;
    check_port(input.vhca_port_num())?;
    if input.roce_address_index() >= device.caps.borrow().roce.roce_address_table_size() {
        return Err(Status::BadIndex.into());
    }
    let mut out = QueryRoceAddressOut::new();
    if let Some(entry) = device.gids.get(input.roce_address_index() as u8) {
        let (mac_high, mac_low) = mac::to_fields(entry.mac);
        let address = out.roce_address_mut();
        address.set_source_l3_address(&entry.gid);
        address.set_source_mac_47_32(mac_high);
        address.set_source_mac_31_0(mac_low);
        address
            .set_vlan_valid(u32::from(entry.vlan.is_some()))
            .set_vlan_id(u32::from(entry.vlan.unwrap_or(0)));
        address
            .set_roce_l3_type(u32::from(!entry.ipv4))
            .set_roce_version(if entry.version_2 { 2 } else { 0 });
    }
    Ok(out.as_bytes().to_vec())
}

/// All traffic of the port is RDMA traffic of this vport; it counts as InfiniBand unicast.
pub(super) fn query_vport_counter(device: &Device, request: &Request<'_>) -> Outcome {
    own_vport(request)?;
    if device.config.capabilities.general.vport_counters() == 0 {
        return Err(Status::BadOp.into());
    }
    let traffic = device.traffic();
    let mut out = success(0x210);
    let pairs = [
        (0x10, traffic.discarded, 0),
        (0x30, traffic.received_frames, traffic.received_bytes),
        (0x40, traffic.sent_frames, traffic.sent_bytes),
    ];
    for (at, packets, octets) in pairs {
        out[at..at + 8].copy_from_slice(&packets.to_be_bytes());
        out[at + 8..at + 16].copy_from_slice(&octets.to_be_bytes());
    }
    if request.dword(0x18) >> 31 != 0 {
        device.port.traffic.take();
    }
    Ok(out)
}
