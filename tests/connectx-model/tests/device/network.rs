//! Vport, RoCE addresses, registers, counters (connectx.md sections 13 and 15).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, MAC, dword, header};
use super::ready;
use cxndk_testbed::sim;

const BAD_PARAMETER: Failed = Failed::Status(0x03);

impl Driver {
    pub(super) fn set_roce(&self, on: bool) -> Result<Vec<u8>, Failed> {
        let mut input = hw::ModifyNicVportContextIn::new();
        input
            .set_opcode(u32::from(op::MODIFY_NIC_VPORT_CONTEXT))
            .field_select_mut()
            .set_roce_en(1);
        input.nic_vport_context_mut().set_roce_en(u32::from(on));
        self.command(&input.as_bytes()[..], 16)
    }

    /// A version 2 GID with an IPv4 address.
    pub(super) fn set_gid(&self, index: u32, gid: &[u8; 16], mac: [u8; 6]) -> Result<Vec<u8>, Failed> {
        let mut input = hw::SetRoceAddressIn::new();
        input
            .set_opcode(u32::from(op::SET_ROCE_ADDRESS))
            .set_roce_address_index(index);
        let address = input.roce_address_mut();
        address.set_source_l3_address(gid).set_roce_version(2);
        address.set_source_mac_47_32(u32::from_be_bytes([0, 0, mac[0], mac[1]]));
        address.set_source_mac_31_0(u32::from_be_bytes([mac[2], mac[3], mac[4], mac[5]]));
        self.command(&input.as_bytes()[..], 16)
    }

    /// `ACCESS_REG`: read or write of `data`, and what comes back.
    fn register(&self, id: u32, read: bool, data: &[u8]) -> Result<Vec<u8>, Failed> {
        let input = [header(op::ACCESS_REG, u16::from(read), [id, 0]), data.to_vec()].concat();
        Ok(self.command(&input, 16 + data.len())?[16..].to_vec())
    }

    fn vport_state(&self) -> u32 {
        dword(
            &self
                .short(op::QUERY_VPORT_STATE, 0, [0, 0])
                .expect("QUERY_VPORT_STATE"),
            12,
        ) & 0xf
    }
}

const GID: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];

#[test]
fn the_vport_tells_its_address_and_keeps_what_it_is_told() {
    ready(1, |driver| {
        let query = || {
            driver
                .command(&header(op::QUERY_NIC_VPORT_CONTEXT, 0, [0, 0]), 0x110)
                .expect("query")
        };
        let out = query();
        // Two bytes of padding before the address.
        assert_eq!(out[0x10 + 0xf6..0x10 + 0xfc], MAC);
        assert_eq!(dword(&out, 0x10) & 1, 0, "RoCE is off at first");
        driver.set_roce(true).expect("MODIFY_NIC_VPORT_CONTEXT");
        assert_eq!(dword(&query(), 0x10) & 1, 1);
        assert!(driver.device.roce_enabled());
        let mut input = hw::ModifyNicVportContextIn::new();
        input
            .set_opcode(u32::from(op::MODIFY_NIC_VPORT_CONTEXT))
            .field_select_mut()
            .set_mtu(1);
        input.nic_vport_context_mut().set_mtu(20_000);
        assert_eq!(driver.command(&input.as_bytes()[..], 16), Err(BAD_PARAMETER));
        assert_eq!(dword(&query(), 0x10 + 0x24) & 0xffff, 1522);
    });
}

#[test]
fn addresses_need_roce_and_must_make_sense() {
    ready(2, |driver| {
        assert_eq!(
            driver.set_gid(0, &GID, MAC),
            Err(Failed::Status(0x09)),
            "RoCE is off"
        );
        driver.set_roce(true).expect("MODIFY_NIC_VPORT_CONTEXT");
        driver.set_gid(3, &GID, MAC).expect("SET_ROCE_ADDRESS");
        let entry = driver.device.gids.get(3).expect("set");
        assert_eq!(
            (entry.gid, entry.mac, entry.vlan, entry.ipv4, entry.version_2),
            (GID, MAC, None, true, true)
        );
        assert_eq!(driver.device.gids.find(&GID).map(|(index, _)| index), Some(3));
        let out = driver
            .command(&header(op::QUERY_ROCE_ADDRESS, 0, [3 << 16, 0]), 0x30)
            .expect("query");
        assert_eq!(out[0x10..0x20], GID);
        assert_eq!(driver.set_gid(255, &GID, MAC), Err(Failed::Status(0x0a)));
        assert_eq!(
            driver.set_gid(4, &GID, [1, 0, 0, 0, 0, 1]),
            Err(BAD_PARAMETER),
            "a multicast source"
        );
        assert_eq!(
            driver.set_gid(4, &[0x20; 16], MAC),
            Err(BAD_PARAMETER),
            "not a mapped IPv4 address"
        );
        let clear = [header(op::SET_ROCE_ADDRESS, 0, [3 << 16, 0]), vec![0; 32]].concat();
        driver.command(&clear, 16).expect("clear");
        assert!(driver.device.gids.get(3).is_none());
    });
}

#[test]
fn the_link_follows_the_carrier_and_the_administrator_and_tells_by_events() {
    ready(3, |driver| {
        assert_eq!(driver.vport_state(), 0);
        driver.drain_events(true);
        driver.device.set_carrier(true);
        let eqe = driver.next_event_of(9).expect("a port event");
        assert_eq!((eqe.event_sub_type(), eqe.event_data()[8] >> 4), (4, 1));
        assert_eq!(driver.vport_state(), 1);
        let mut down = [0; 16];
        down[1] = 1;
        down[2] = 2;
        driver.register(0x5006, false, &down).expect("PAOS without ase");
        assert_eq!(driver.vport_state(), 1, "nothing was written");
        down[4] = 0x80;
        let paos = driver.register(0x5006, false, &down).expect("PAOS");
        assert_eq!((paos[2] & 0xf, paos[3] & 0xf), (2, 2));
        assert_eq!(driver.next_event_of(9).expect("a port event").event_sub_type(), 1);
        assert_eq!(driver.vport_state(), 0);
    });
}

#[test]
fn registers_answer() {
    ready(4, |driver| {
        driver.device.set_carrier(true);
        let mut port = [0; 64];
        port[1] = 1;
        port[3] = 4;
        let ptys = driver.register(0x5004, true, &port).expect("PTYS");
        assert_ne!(
            dword(&ptys, 0x24) & dword(&ptys, 0x0c),
            0,
            "the mode in use is one of the possible"
        );
        let mut mtu = [0; 16];
        mtu[1] = 1;
        assert_eq!(
            driver.register(0x5003, true, &mtu).expect("PMTU")[0x0c..0x0e],
            1522_u16.to_be_bytes()
        );
        mtu[8..10].copy_from_slice(&4222_u16.to_be_bytes());
        driver.register(0x5003, false, &mtu).expect("PMTU");
        assert_eq!(driver.device.port_mtu(), 4222);
        mtu[8..10].copy_from_slice(&60_000_u16.to_be_bytes());
        assert_eq!(driver.register(0x5003, false, &mtu), Err(BAD_PARAMETER));
        let mut name = [0; 64];
        name[..4].copy_from_slice(b"node");
        driver.register(0x6001, false, &name).expect("NODE_DESC");
        assert_eq!(driver.register(0x6001, true, &[0; 64]).expect("NODE_DESC"), name);
        driver.register(0x7004, false, &[0; 16]).expect("HOST_ENDIANNESS");
        // DTOR is not offered, 0x507f (PCAM) is unknown.
        assert_eq!(driver.register(0xc00e, true, &[0; 64]), Err(BAD_PARAMETER));
        assert_eq!(driver.register(0x507f, true, &[0; 64]), Err(BAD_PARAMETER));
        let mut other = [0; 16];
        other[1] = 2;
        assert_eq!(
            driver.register(0x5003, true, &other),
            Err(BAD_PARAMETER),
            "there is no port 2"
        );
    });
}

#[test]
fn frames_go_out_and_are_counted() {
    ready(5, |driver| {
        let seen = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = std::rc::Rc::clone(&seen);
        driver
            .device
            .plug(move |frame| counter.set(counter.get() + frame.len()));
        driver.device.send_frame(vec![0; 60]);
        assert_eq!(seen.get(), 0, "no carrier");
        driver.device.set_carrier(true);
        driver.device.send_frame(vec![0; 60]);
        sim::sleep(sim::MILLISECOND);
        assert_eq!(seen.get(), 60);
        let mut ppcnt = vec![0; 256];
        ppcnt[1] = 1;
        let out = driver.register(0x5008, true, &ppcnt).expect("PPCNT");
        assert_eq!((dword(&out, 8 + 4), dword(&out, 8 + 0x24)), (1, 60));
        let mut query = header(op::QUERY_VPORT_COUNTER, 0, [0, 0]);
        query.resize(0x20, 0);
        let out = driver.command(&query, 0x210).expect("QUERY_VPORT_COUNTER");
        assert_eq!((dword(&out, 0x44), dword(&out, 0x4c)), (1, 60));
    });
}

#[test]
fn counter_sets_are_made_read_and_destroyed() {
    ready(6, |driver| {
        let id = driver
            .short(op::ALLOC_Q_COUNTER, 0, [0, 0])
            .expect("ALLOC_Q_COUNTER")[11];
        let mut query = header(op::QUERY_Q_COUNTER, 0, [0, 0]);
        query.resize(0x20, 0);
        query[0x1f] = id;
        driver.command(&query, 0x100).expect("QUERY_Q_COUNTER");
        driver
            .short(op::DEALLOC_Q_COUNTER, 0, [u32::from(id), 0])
            .expect("DEALLOC_Q_COUNTER");
        assert_eq!(driver.command(&query, 0x100), Err(Failed::Status(0x05)));
    });
}
