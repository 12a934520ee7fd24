//! Commands are encoded as the connectx interface page describes them, and answers that cannot be true are refused.

use std::cell::RefCell;

// The simulated kernel, which the driver's code links to.
use cxndk::hw::command::signature::{BLOCK, sign_block, sign_entry};
use cxndk::hw::command::{Command, Sink, Source, blocks};
use cxndk::hw::commands::hca::{
    CannotGivePages, CapKind, GivePages, InitHca, PagePhase, QueryHcaCap, QueryPages, TakePages,
};
use cxndk::hw::commands::mkey::CreateMkey;
use cxndk::hw::commands::qp::{Init2Rtr, Rtr2Rts};
use cxndk::hw::commands::register::{little_endian_host, read_ptys};
use cxndk::hw::commands::resource::{AllocPd, DeallocUar};
use cxndk::hw::commands::vport::{EnableRoce, QueryNicVport, RoceAddress, SetRoceAddress};
use cxndk::hw::error::{CommandStatus, DeliveryStatus};
use cxndk::hw::layout::{Init2rtrQpIn, Mkc, PtysReg, Rtr2rtsQpIn};
use cxndk::hw::port::{Speed, speed};
use cxndk::hw::types::{Gid, GidIndex, Key, Mac, MkeyIndex, Mtu, Pdn, Psn, Qpn, UarIndex, ceil_log2};
use cxndk::hw::{Lie, ReadyToReceive, ReadyToSend};
use cxndk_testbed as _;

#[derive(Default)]
struct Input(Vec<u8>);

impl Sink for Input {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

struct Output(Vec<u8>);

impl Source for Output {
    fn read(&self, offset: usize, into: &mut [u8]) {
        for (to, from) in into.iter_mut().zip(&self.0[offset..]) {
            *to = *from;
        }
    }
}

/// The input of a command, whose length must be what the command announced.
fn encode<C: Command>(command: &C) -> Vec<u8> {
    let mut input = Input::default();
    command.encode(&mut input);
    assert_eq!(input.0.len(), command.input_length());
    assert_eq!(input.0[..2], C::OPCODE.to_be_bytes());
    input.0
}

fn decode<C: Command>(command: &C, fill: impl FnOnce(&mut [u8])) -> Result<C::Out, Lie> {
    let mut bytes = vec![0; command.output_length()];
    fill(&mut bytes);
    command.decode(&Output(bytes))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn an_entry_is_signed_so_that_all_its_bytes_fold_to_ff() {
    let mut entry: [u8; 64] = std::array::from_fn(|index| (index * 7) as u8);
    sign_entry(&mut entry);
    assert_eq!(entry.iter().fold(0, |sum, byte| sum ^ byte), 0xff);
    let before = entry;
    sign_entry(&mut entry);
    assert_eq!(entry, before, "signing again changes nothing");
}

#[test]
fn a_block_is_signed_in_its_control_part_and_as_a_whole() {
    let mut block: [u8; BLOCK] = std::array::from_fn(|index| (index % 251) as u8);
    sign_block(&mut block);
    assert_eq!(block[0x200..0x23f].iter().fold(0, |sum, byte| sum ^ byte), 0xff);
    assert_eq!(block.iter().fold(0, |sum, byte| sum ^ byte), 0xff);
}

#[test]
fn mailboxes_hold_what_the_entry_does_not() {
    let counts: Vec<usize> = [0, 16, 17, 528, 529, 4112].into_iter().map(blocks).collect();
    assert_eq!(counts, [0, 0, 1, 1, 2, 8]);
}

#[test]
fn statuses_are_told_apart_and_zero_is_success() {
    assert_eq!(CommandStatus::check(0), Ok(()));
    assert_eq!(CommandStatus::check(0x10), Err(CommandStatus::BadQpState));
    assert_eq!(CommandStatus::check(0x0f), Err(CommandStatus::NoResources));
    assert_eq!(CommandStatus::check(0x77), Err(CommandStatus::Unknown(0x77)));
    assert_eq!(DeliveryStatus::check(0), Ok(()));
    assert_eq!(DeliveryStatus::check(2), Err(DeliveryStatus::Token));
    assert_eq!(DeliveryStatus::check(0x11), Err(DeliveryStatus::Unknown(0x11)));
}

#[test]
fn small_commands_name_their_object() {
    assert_eq!(
        encode(&AllocPd {}),
        [0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    let dealloc = encode(&DeallocUar {
        uar: UarIndex::new(0x0001_0203),
    });
    assert_eq!(dealloc, [0x08, 0x03, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0]);
    let pd = decode(&AllocPd {}, |out| {
        out[8..12].copy_from_slice(&0x00ab_cdef_u32.to_be_bytes());
    });
    assert_eq!(pd, Ok(Pdn::new(0x00ab_cdef)));
}

#[test]
fn pages_are_counted_with_a_sign() {
    let query = QueryPages {
        phase: PagePhase::Init,
    };
    assert_eq!(be32(&encode(&query), 4), 2, "op_mod 2 is init");
    let less = decode(&query, |out| out[12..16].copy_from_slice(&(-5_i32).to_be_bytes()));
    assert_eq!(less, Ok(-5));

    let pages = [0x1_0000_1000, 0x2000];
    let give = encode(&GivePages { pages: &pages });
    assert_eq!((be32(&give, 4), be32(&give, 12), give.len()), (1, 2, 32));
    assert_eq!([be64(&give, 16), be64(&give, 24)], pages);
    assert_eq!(be32(&encode(&CannotGivePages), 4), 0);
}

#[test]
fn more_pages_back_than_asked_for_is_a_lie() {
    let returned = RefCell::new(Vec::new());
    let each = |page| returned.borrow_mut().push(page);
    let take = TakePages {
        count: 4,
        each: &each,
    };
    assert_eq!((be32(&encode(&take), 4), take.output_length()), (2, 16 + 32));
    let refused = decode(&take, |out| out[8..12].copy_from_slice(&5_u32.to_be_bytes()));
    assert!(matches!(refused, Err(Lie::Pages)));
    assert!(returned.borrow().is_empty(), "none of them is believed");
}

#[test]
fn capability_queries_carry_type_and_mode_in_op_mod() {
    let op_mod = |kind, current| be32(&encode(&QueryHcaCap { kind, current }), 4);
    assert_eq!(op_mod(CapKind::General, false), 0);
    assert_eq!(op_mod(CapKind::General, true), 1);
    assert_eq!(op_mod(CapKind::Roce, false), 8);
    assert_eq!(op_mod(CapKind::Roce, true), 9);
    assert_eq!(
        QueryHcaCap {
            kind: CapKind::Roce,
            current: true
        }
        .output_length(),
        4112
    );
}

#[test]
fn init_hca_is_32_bytes_long() {
    let input = encode(&InitHca {
        owner: Some([1, 2, 3, 4]),
    });
    assert_eq!(input.len(), 32);
    assert_eq!([be32(&input, 16), be32(&input, 28)], [1, 4]);
}

#[test]
fn a_region_key_carries_its_pages_in_whole_octowords() {
    let mut context = Mkc::new();
    context.set_lr(1).set_pd(7);
    let create = CreateMkey {
        context,
        entries: 3,
        pages: [0x1000, 0x5000, 0x3000].into_iter(),
    };
    let input = encode(&create);
    assert_eq!(be32(&input, 0x0c) >> 31, 1, "permissions of the entries count");
    assert_eq!(be32(&input, 0x60), 2, "octowords given");
    assert_eq!(input[0x10..0x50], *context.as_bytes());
    let entries: Vec<u64> = (0..4).map(|index| be64(&input, 0x110 + 8 * index)).collect();
    assert_eq!(entries, [0x1003, 0x5003, 0x3003, 0]);
    let zero = decode(&create, |_| ());
    assert!(matches!(zero, Err(Lie::Capability(_))), "no key has index 0");
}

#[test]
fn a_key_is_its_index_and_a_variant() {
    let key = Key::new(MkeyIndex::new(0x0012_3456), 0x9a);
    assert_eq!(
        (key, key.index()),
        (Key(0x1234_569a), MkeyIndex::new(0x0012_3456))
    );
}

fn attributes() -> ReadyToReceive {
    ReadyToReceive {
        remote_qpn: Qpn::new(0x0a0b0c),
        receive_psn: Psn::new(0x123456),
        mtu: Mtu::B1024,
        source: GidIndex(9),
        destination: Gid::from_v4([192, 168, 0, 1]),
        mac: Mac([0x02, 1, 2, 3, 4, 5]),
        udp_source_port: 0xc0de,
        hop_limit: 1,
        traffic_class: 0x68,
        priority: 5,
        responder_resources: 4,
        min_rnr_nak: 12,
        allow_write: true,
    }
}

#[test]
fn ready_to_receive_carries_the_path_of_roce_v2() {
    let input = encode(&Init2Rtr::connected(Qpn::new(0x55), &attributes(), 30, 2));
    let layout = Init2rtrQpIn::from_bytes(&input).unwrap();
    assert_eq!((input.len(), layout.qpn()), (272, 0x55));
    assert_eq!(layout.opt_param_mask(), 1 << 1 | 1 << 3);
    let context = layout.qpc();
    assert_eq!(
        (context.mtu(), context.log_msg_max(), context.remote_qpn()),
        (3, 30, 0x0a0b0c)
    );
    assert_eq!((context.rre(), context.rwe(), context.rae()), (1, 1, 0));
    assert_eq!(
        (
            context.log_rra_max(),
            context.min_rnr_nak(),
            context.next_rcv_psn()
        ),
        (2, 12, 0x123456)
    );
    let path = context.primary_address_path();
    assert_eq!((path.src_addr_index(), path.vhca_port_num()), (9, 1));
    assert_eq!(path.hop_limit(), 64, "a hop limit below 2 is raised");
    assert_eq!(
        (path.dscp(), path.udp_sport(), path.eth_prio()),
        (0x1a, 0xc0de, 5)
    );
    assert_eq!((path.rmac_47_32(), path.rmac_31_0()), (0x0201, 0x0203_0405));
    assert_eq!(path.rgid_rip()[10..], [0xff, 0xff, 192, 168, 0, 1]);
    assert_eq!(
        (path.rlid(), path.grh(), path.sl()),
        (0, 0, 0),
        "InfiniBand's fields stay clear"
    );
}

#[test]
fn without_responder_resources_reads_are_denied_but_writes_are_not() {
    let attributes = ReadyToReceive {
        responder_resources: 0,
        ..attributes()
    };
    let input = encode(&Init2Rtr::connected(Qpn::new(2), &attributes, 30, 0));
    let context = Init2rtrQpIn::from_bytes(&input).unwrap().qpc();
    assert_eq!((context.rre(), context.rwe()), (0, 1));
}

#[test]
fn ready_to_send_carries_retries_and_the_first_packet_number() {
    let attributes = ReadyToSend {
        send_psn: Psn::new(0xfff0ff),
        ack_timeout: 14,
        retry_count: 7,
        rnr_retry: 6,
        initiator_depth: 8,
    };
    let input = encode(&Rtr2Rts::connected(Qpn::new(3), &attributes, 3));
    let layout = Rtr2rtsQpIn::from_bytes(&input).unwrap();
    let context = layout.qpc();
    assert_eq!((layout.opt_param_mask(), context.next_send_psn()), (0, 0xfff0ff));
    assert_eq!((context.retry_count(), context.rnr_retry()), (7, 6));
    assert_eq!((context.log_sra_max(), context.log_ack_req_freq()), (3, 8));
    assert_eq!(context.primary_address_path().ack_timeout(), 14);
}

#[test]
fn roce_addresses_tell_ip_versions_apart() {
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    let set = |gid, vlan| {
        let address = Some(RoceAddress { gid, mac, vlan });
        encode(&SetRoceAddress {
            index: GidIndex(3),
            address,
        })
    };
    let v4 = set(Gid::from_v4([1, 2, 3, 4]), None);
    assert_eq!((v4.len(), be32(&v4, 8)), (48, 3 << 16 | 1));
    assert_eq!(be32(&v4, 0x28), 2, "IPv4, RoCE v2");
    assert_eq!((be32(&v4, 0x20), be32(&v4, 0x24)), (0x0200, 9));
    let v6 = set(Gid([0xfe; 16]), Some(100));
    assert_eq!(be32(&v6, 0x28), 1 << 8 | 2, "IPv6, RoCE v2");
    assert_eq!(be32(&v6, 0x20), 1 << 28 | 100 << 16 | 0x0200);
    let clear = encode(&SetRoceAddress {
        index: GidIndex(3),
        address: None,
    });
    assert!(clear[0x10..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_permanent_address_that_is_no_station_is_a_lie() {
    let query = |mac: [u8; 6]| {
        decode(&QueryNicVport {}, |out| {
            out[0x10 + 0xf6..][..6].copy_from_slice(&mac);
        })
    };
    assert_eq!(query([2, 1, 2, 3, 4, 5]).unwrap().mac, Mac([2, 1, 2, 3, 4, 5]));
    assert!(query([0; 6]).is_err());
    assert!(query([0x01, 0, 0x5e, 0, 0, 1]).is_err());
}

#[test]
fn roce_is_switched_by_its_own_field_select_bit() {
    let input = encode(&EnableRoce { enable: true });
    assert_eq!(
        (input.len(), be32(&input, 0x0c), be32(&input, 0x100)),
        (512, 1 << 1, 1)
    );
    assert_eq!(be32(&encode(&EnableRoce { enable: false }), 0x100), 0);
}

#[test]
fn registers_are_written_and_read_by_id() {
    let host = encode(&little_endian_host());
    assert_eq!((be32(&host, 4), be32(&host, 8), be32(&host, 16)), (0, 0x7004, 0));
    let ptys = encode(&read_ptys());
    assert_eq!((be32(&ptys, 4), be32(&ptys, 8)), (1, 0x5004));
    assert_eq!(be32(&ptys, 16), 1 << 16 | 4, "port 1, Ethernet");
}

#[test]
fn the_fastest_operational_link_mode_is_the_speed() {
    let mut register = PtysReg::new();
    assert_eq!(speed(&register), None);
    register.set_eth_proto_oper(1 << 23 | 1 << 12);
    assert_eq!(speed(&register), Some(Speed(100_000_000_000)));
    register.set_ext_eth_proto_oper(1 << 12);
    assert_eq!(speed(&register), Some(Speed(200_000_000_000)));
}

#[test]
fn path_mtus_leave_room_for_headers() {
    assert_eq!(Mtu::for_link(1500), Mtu::B1024);
    assert_eq!(Mtu::for_link(4200), Mtu::B4096);
    assert_eq!(Mtu::for_link(4191), Mtu::B2048);
    assert_eq!(Mtu::for_link(0), Mtu::B256);
    assert_eq!(Mtu::B4096.bytes(), 4096);
    let logs: Vec<u32> = [0, 1, 2, 3, 4, 5, 1024, 1025]
        .into_iter()
        .map(ceil_log2)
        .collect();
    assert_eq!(logs, [0, 0, 1, 2, 2, 3, 10, 11]);
}
