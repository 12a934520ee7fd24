//! Work queue elements are encoded as the connectx interface page describes them, byte by byte.

// The simulated kernel, which the driver's code links to.
use cxndk::hw::layout::{
    HwWqeAvSeg, HwWqeCtrlSeg, HwWqeDataSeg, HwWqeMkeySeg, HwWqeRaddrSeg, HwWqeUmrCtrlSeg,
};
use cxndk::hw::types::{Gid, GidIndex, Key, Mac, Pdn, Qpn};
use cxndk::hw::wqe::{self, AddressVector, Opcode, fm_ce_se, umr};
use cxndk_testbed as _;

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn a_control_segment_names_counter_opcode_queue_pair_and_length() {
    let how = fm_ce_se::FENCE | fm_ce_se::COMPLETION | fm_ce_se::SOLICITED;
    let words = wqe::control(
        0x1234,
        Opcode::SendInvalidate,
        Qpn::new(0x00ab_cdef),
        5,
        how,
        0xcafe_f00d,
    );
    assert_eq!(
        bytes(&words),
        [
            0x00, 0x12, 0x34, 0x01, 0xab, 0xcd, 0xef, 0x05, 0x00, 0x00, 0x00, 0x4a, 0xca, 0xfe, 0xf0, 0x0d
        ]
    );
    let bytes = bytes(&words);
    let segment = HwWqeCtrlSeg::from_bytes(&bytes).unwrap();
    assert_eq!((segment.wqe_index(), segment.opcode()), (0x1234, 0x01));
    assert_eq!((segment.qp_or_sq(), segment.ds()), (0x00ab_cdef, 5));
    assert_eq!(
        (
            segment.fence_mode(),
            segment.completion_mode(),
            segment.solicited_event()
        ),
        (2, 2, 1)
    );
    assert_eq!(segment.imm_inv_umr_key(), 0xcafe_f00d);
}

#[test]
fn fences_have_the_codes_of_the_interface() {
    let modes = [
        (fm_ce_se::SMALL_FENCE, 1),
        (fm_ce_se::FENCE, 2),
        (fm_ce_se::STRONG, 3),
        (fm_ce_se::SMALL_AND_FENCE, 4),
    ];
    for (bits, mode) in modes {
        let mut segment = HwWqeCtrlSeg::new();
        segment.set_fm_ce_se(bits);
        assert_eq!(segment.fence_mode(), mode);
        assert_eq!(segment.completion_mode(), 0);
    }
}

#[test]
fn data_and_remote_address_segments_are_big_endian() {
    let bytes_of_data = bytes(&wqe::data(0x1122_3344_5566_7788, 0x0001_0203, Key(0xaabb_ccdd)));
    assert_eq!(
        bytes_of_data,
        [
            0, 1, 2, 3, 0xaa, 0xbb, 0xcc, 0xdd, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
        ]
    );
    let data = HwWqeDataSeg::from_bytes(&bytes_of_data).unwrap();
    assert_eq!((data.byte_count(), data.lkey()), (0x0001_0203, 0xaabb_ccdd));

    let remote = bytes(&wqe::remote_address(0x0102_0304_0506_0708, Key(0x5566_7788)));
    let remote = HwWqeRaddrSeg::from_bytes(&remote).unwrap();
    assert_eq!(
        (remote.remote_virtual_address(), remote.rkey()),
        (0x0102_0304_0506_0708, 0x5566_7788)
    );
}

#[test]
fn a_short_receive_list_ends_with_the_terminating_key() {
    assert_eq!(
        bytes(&wqe::terminator(Key(0x100))),
        [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn inline_data_counts_its_header_into_whole_segments() {
    assert_eq!(wqe::inline_header(7).to_be_bytes(), [0x80, 0, 0, 7]);
    let segments: Vec<u32> = [1, 12, 13, 28, 29]
        .into_iter()
        .map(wqe::inline_segments)
        .collect();
    assert_eq!(segments, [1, 1, 2, 2, 3]);
    // Control and remote address segments before the longest inline data still fit the 6-bit length.
    assert!(2 + wqe::inline_segments(wqe::MAX_INLINE) <= 63);
}

#[test]
fn a_fast_registration_sets_the_fields_of_a_key_in_free_state() {
    let octowords = umr::octowords(9);
    assert_eq!(octowords, 8, "nine entries are rounded up to 128 bytes");
    let mut control = bytes(&umr::control(
        umr::FAIL_IF_NOT_FREE | umr::INLINE,
        octowords,
        umr::mask::REGISTER,
    ));
    control.resize(HwWqeUmrCtrlSeg::SIZE, 0);
    let control = HwWqeUmrCtrlSeg::from_bytes(&control).unwrap();
    assert_eq!((control.flags(), control.klm_octowords()), (0xa0, 8));
    let bits = [0, 1, 6, 8, 13, 17, 18, 19, 20, 23, 29];
    assert_eq!(
        control.mkey_mask(),
        bits.into_iter().map(|bit| 1_u64 << bit).sum::<u64>()
    );

    let context = bytes(&umr::register(
        Key(0x1234_5678),
        0x2c,
        Pdn::new(0x42),
        0x7000_0123,
        0x8765,
        octowords,
    ));
    let context = HwWqeMkeySeg::from_bytes(&context).unwrap();
    assert_eq!(
        (context.free(), context.flags()),
        (0, 0x2d),
        "rights and access mode MTT"
    );
    assert_eq!((context.qpn(), context.mkey_7_0()), (0x00ff_ffff, 0x78));
    assert_eq!(
        (context.en_rinval(), context.pd(), context.length64()),
        (1, 0x42, 0)
    );
    assert_eq!((context.start_addr(), context.len()), (0x7000_0123, 0x8765));
    assert_eq!(
        (context.translations_octword_size(), context.log_page_size()),
        (8, 12)
    );
    assert_eq!(
        umr::translation(0x1_2345_6fff),
        0x1_2345_6003,
        "page address, readable and writable"
    );
}

#[test]
fn an_invalidation_makes_the_key_free() {
    let context = bytes(&umr::invalidate());
    let mut expected = HwWqeMkeySeg::new();
    expected.set_free(1);
    assert_eq!(context, expected.as_bytes());
}

#[test]
fn an_address_vector_carries_the_next_hop() {
    let vector = AddressVector {
        qkey: 0x8001_0000,
        dqpn: Qpn::GSI,
        source: GidIndex(5),
        destination: Gid::from_v4([10, 1, 2, 3]),
        mac: Mac([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]),
        udp_source_port: 0xc123,
        hop_limit: 64,
        traffic_class: 0x6a,
        priority: 3,
    };
    let encoded = bytes(&vector.words());
    let segment = HwWqeAvSeg::from_bytes(&encoded).unwrap();
    assert_eq!(
        (segment.qkey(), segment.extended(), segment.dqpn()),
        (0x8001_0000, 1, 1)
    );
    assert_eq!(
        (segment.stat_rate(), segment.sl_eth_prio()),
        (0, 6),
        "priority is shifted by one"
    );
    assert_eq!(segment.rlid_or_udp_sport(), 0xc123);
    assert_eq!(encoded[0x14..0x1a], vector.mac.0);
    assert_eq!((segment.tclass(), segment.hop_limit()), (0x6a, 64));
    assert_eq!(
        (segment.grh(), segment.src_addr_index(), segment.flow_label()),
        (1, 5, 0)
    );
    assert_eq!(
        *segment.rgid_or_rip(),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3]
    );
}
