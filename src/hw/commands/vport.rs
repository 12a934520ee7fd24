//! The virtual port and the table of `RoCE` addresses.

use super::{
    super::{
        command::{Command, Sink, Source},
        error::Lie,
        layout::opcode::MODIFY_NIC_VPORT_CONTEXT,
        layout::{
            ModifyNicVportContextIn, QueryNicVportContextIn, QueryNicVportContextOut, QueryVportStateIn,
            QueryVportStateOut, SetRoceAddressIn,
        },
        types::{Gid, GidIndex, Mac},
    },
    ACK, command,
};

/// `allowed_list_type` of unicast addresses, and of group addresses.
const UNICAST_LIST: u32 = 0;
const MULTICAST_LIST: u32 = 1;
/// Bytes of an entry of such a list.
const LIST_ENTRY: usize = 8;

/// What the virtual port says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NicVport {
    /// Permanent address.
    pub mac: Mac,
    /// Whole-frame MTU: 22 bytes more than that of IP.
    pub mtu: u32,
    /// `RoCE` is on.
    pub roce_enabled: bool,
}

command! {
    /// Asks the virtual port about itself.
    pub struct QueryNicVport {}
    QUERY_NIC_VPORT_CONTEXT, QueryNicVportContextIn as |_this, _input| {},
    QueryNicVportContextOut -> NicVport as |output| {
        let context = output.nic_vport_context();
        let address = context.permanent_address();
        let mac = Mac::from_parts(address.mac_addr_47_32(), address.mac_addr_31_0());
        if !mac.is_unicast() {
            return Err(Lie::Capability("permanent address"));
        }
        Ok(NicVport { mac, mtu: context.mtu(), roce_enabled: context.roce_en() != 0 })
    }
}

command! {
    /// Asks which headers send elements have to carry themselves: 0 none, 1 that of layer 2, 2 IP, 3 TCP.
    pub struct QueryMinimumInline {}
    QUERY_NIC_VPORT_CONTEXT, QueryNicVportContextIn as |_this, _input| {},
    QueryNicVportContextOut -> u32 as |output| { Ok(output.nic_vport_context().min_wqe_inline_mode()) }
}

command! {
    /// Switches `RoCE` on or off.
    pub struct EnableRoce {
        /// On.
        pub enable: bool,
    }
    MODIFY_NIC_VPORT_CONTEXT, ModifyNicVportContextIn as |this, input| {
        input.field_select_mut().set_roce_en(1);
        input.nic_vport_context_mut().set_roce_en(u32::from(this.enable));
    }
}

command! {
    /// Sets the MTU of the virtual port.
    pub struct SetVportMtu {
        /// Whole-frame MTU.
        pub mtu: u32,
    }
    MODIFY_NIC_VPORT_CONTEXT, ModifyNicVportContextIn as |this, input| {
        input.field_select_mut().set_mtu(1);
        input.nic_vport_context_mut().set_mtu(this.mtu);
    }
}

/// Sets the unicast addresses, besides the permanent one, whose frames the virtual port takes: one or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetVportAddress {
    /// The address.
    pub address: Option<Mac>,
}

impl Command for SetVportAddress {
    const OPCODE: u16 = MODIFY_NIC_VPORT_CONTEXT;
    type Out = ();

    fn input_length(&self) -> usize {
        ModifyNicVportContextIn::SIZE + self.address.iter().len() * LIST_ENTRY
    }

    fn output_length(&self) -> usize {
        ACK
    }

    fn encode(&self, input: &mut dyn Sink) {
        put_list(input, UNICAST_LIST, self.address.iter().copied());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

/// Writes the input that sets a list of addresses.
fn put_list(input: &mut dyn Sink, kind: u32, addresses: impl Iterator<Item = Mac> + Clone) {
    let mut head = ModifyNicVportContextIn::new();
    head.set_opcode(u32::from(MODIFY_NIC_VPORT_CONTEXT));
    head.field_select_mut().set_addresses_list(1);
    head.nic_vport_context_mut()
        .set_allowed_list_type(kind)
        .set_allowed_list_size(addresses.clone().count() as u32);
    input.put(head.as_bytes());
    for address in addresses {
        input.put(&[0; LIST_ENTRY - 6]);
        input.put(&address.0);
    }
}

/// Sets the group addresses, broadcast among them, whose frames the virtual port takes.
#[derive(Clone, Debug)]
pub struct SetVportMulticast<A> {
    /// The addresses.
    pub addresses: A,
}

impl<A: Iterator<Item = Mac> + Clone> Command for SetVportMulticast<A> {
    const OPCODE: u16 = MODIFY_NIC_VPORT_CONTEXT;
    type Out = ();

    fn input_length(&self) -> usize {
        ModifyNicVportContextIn::SIZE + self.addresses.clone().count() * LIST_ENTRY
    }

    fn output_length(&self) -> usize {
        ACK
    }

    fn encode(&self, input: &mut dyn Sink) {
        put_list(input, MULTICAST_LIST, self.addresses.clone());
    }

    fn decode(&self, _: &dyn Source) -> Result<(), Lie> {
        Ok(())
    }
}

command! {
    /// Sets which frames the virtual port takes beyond its lists.
    pub struct SetPromiscuous {
        /// Those to all group addresses.
        pub groups: bool,
        /// All.
        pub all: bool,
    }
    MODIFY_NIC_VPORT_CONTEXT, ModifyNicVportContextIn as |this, input| {
        input.field_select_mut().set_promisc(1);
        input
            .nic_vport_context_mut()
            .set_promisc_mc(u32::from(this.groups))
            .set_promisc_all(u32::from(this.all));
    }
}

command! {
    /// Asks whether the virtual port is up.
    pub struct QueryVportState {}
    QUERY_VPORT_STATE, QueryVportStateIn as |_this, _input| {},
    QueryVportStateOut -> bool as |output| { Ok(output.state() == 1) }
}

/// An entry of the table of `RoCE` addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoceAddress {
    /// Address.
    pub gid: Gid,
    /// Source address of frames.
    pub mac: Mac,
    /// VLAN of frames.
    pub vlan: Option<u16>,
}

/// `roce_version` of `RoCE` v2.
const ROCE_V2: u32 = 2;
/// `roce_l3_type` codes.
const L3_IPV4: u32 = 0;
const L3_IPV6: u32 = 1;
/// The port: functions have one.
const PORT: u32 = 1;

command! {
    /// Writes an entry of the table of `RoCE` addresses; `None` clears it.
    pub struct SetRoceAddress {
        /// Which entry.
        pub index: GidIndex,
        /// The address, of `RoCE` v2.
        pub address: Option<RoceAddress>,
    }
    SET_ROCE_ADDRESS, SetRoceAddressIn as |this, input| {
        input.set_roce_address_index(u32::from(this.index.0)).set_vhca_port_num(PORT);
        if let Some(address) = &this.address {
            let l3_type = if address.gid.to_v4().is_some() { L3_IPV4 } else { L3_IPV6 };
            input
                .roce_address_mut()
                .set_source_l3_address(&address.gid.0)
                .set_vlan_valid(u32::from(address.vlan.is_some()))
                .set_vlan_id(u32::from(address.vlan.unwrap_or(0)))
                .set_source_mac_47_32(address.mac.high())
                .set_source_mac_31_0(address.mac.low())
                .set_roce_l3_type(l3_type)
                .set_roce_version(ROCE_V2);
        }
    }
}
