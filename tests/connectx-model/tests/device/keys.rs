//! Memory keys: creation, access, updates by work queue element (connectx.md section 12).

use cxndk::hw::layout::{self as hw, opcode as op};

use super::driver::{Driver, Failed, dword, header};
use super::queue_pairs::Pair;
use super::ready;
use connectx_model::{AccessFault, Accessor, Key, MkeyIndex, Pdn, Qpn, Right, Segment, UmrFault, UmrRequest};

const ANY_QP: u32 = 0x00ff_ffff;

/// A translated key of four pages from 0x10100 on, readable and writable by all, with variant 0x42.
fn paged(pd: u32) -> hw::CreateMkeyIn {
    let mut input = hw::CreateMkeyIn::new();
    input
        .set_opcode(u32::from(op::CREATE_MKEY))
        .set_pg_access(1)
        .set_translations_octword_actual_size(2);
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_access_mode_1_0(1)
        .set_pd(pd)
        .set_qpn(ANY_QP)
        .set_mkey_7_0(0x42);
    context
        .set_lr(1)
        .set_lw(1)
        .set_rr(1)
        .set_rw(1)
        .set_log_page_size(12);
    context
        .set_start_addr(0x10100)
        .set_len(0x3000)
        .set_translations_octword_size(2);
    input
}

fn create(driver: &Driver, input: &hw::CreateMkeyIn, list: &[u64]) -> Result<MkeyIndex, Failed> {
    let mut bytes = input.as_bytes().to_vec();
    bytes.extend(list.iter().flat_map(|entry| entry.to_be_bytes()));
    Ok(MkeyIndex(dword(&driver.command(&bytes, 16)?, 8) & 0x00ff_ffff))
}

const LIST: [u64; 4] = [0x0007_0003, 0x0009_0003, 0x0009_1003, 0x000b_0001];

const fn local(pd: u32) -> Accessor {
    Accessor {
        pd: Pdn(pd),
        qpn: Qpn(0x99),
        reserved_lkey: false,
    }
}

#[test]
fn a_translated_key_gives_the_pieces_of_its_pages() {
    ready(1, |driver| {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let index = create(driver, &paged(pd), &LIST).expect("CREATE_MKEY");
        let (keys, key) = (&driver.device.mkeys, Key::new(index, 0x42));
        let pieces = keys
            .access(key, 0x10100, 0x2000, Right::LocalWrite, local(pd))
            .expect("inside");
        let expected = [
            Segment {
                bus: 0x0007_0100,
                length: 0xf00,
            },
            Segment {
                bus: 0x0009_0000,
                length: 0x1100,
            },
        ];
        assert_eq!(pieces, expected, "contiguous pages are joined");
        assert_eq!(
            keys.access(key, 0x10100, 0, Right::RemoteRead, local(pd)),
            Ok(Vec::new())
        );
    });
}

#[test]
fn every_reason_for_a_refusal_is_told_apart() {
    ready(2, |driver| {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let index = create(driver, &paged(pd), &LIST).expect("CREATE_MKEY");
        let key = Key::new(index, 0x42);
        let access =
            |key, at, length, right, by| driver.device.mkeys.access(key, at, length, right, by).err();
        let stale = Key::new(index, 0x41);
        assert_eq!(
            access(stale, 0x10100, 1, Right::LocalRead, local(pd)),
            Some(AccessFault::NoKey(stale))
        );
        let bounds = Some(AccessFault::Bounds);
        assert_eq!(access(key, 0x100ff, 1, Right::LocalRead, local(pd)), bounds);
        assert_eq!(access(key, 0x13000, 0x101, Right::LocalRead, local(pd)), bounds);
        assert_eq!(
            access(key, 0x10100, u64::MAX, Right::LocalRead, local(pd)),
            bounds
        );
        assert_eq!(
            access(key, 0x10100, 1, Right::LocalRead, local(pd + 1)),
            Some(AccessFault::ProtectionDomain)
        );
        let denied = |right| Some(AccessFault::Right(right));
        assert_eq!(
            access(key, 0x10100, 8, Right::RemoteAtomic, local(pd)),
            denied(Right::RemoteAtomic)
        );
        assert_eq!(
            access(key, 0x13000, 1, Right::RemoteWrite, local(pd)),
            denied(Right::RemoteWrite),
            "the last page is read-only"
        );
        assert_eq!(access(key, 0x13000, 1, Right::RemoteRead, local(pd)), None);
    });
}

#[test]
fn physical_and_reserved_keys_reach_the_bus_itself() {
    ready(3, |driver| {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let mut input = hw::CreateMkeyIn::new();
        input.set_opcode(u32::from(op::CREATE_MKEY));
        input
            .memory_key_mkey_entry_mut()
            .set_pd(pd)
            .set_qpn(ANY_QP)
            .set_lr(1)
            .set_length64(1);
        let index = create(driver, &input, &[]).expect("CREATE_MKEY");
        let keys = &driver.device.mkeys;
        let whole = vec![Segment {
            bus: 0x1234_5678,
            length: 99,
        }];
        assert_eq!(
            keys.access(Key::new(index, 0), 0x1234_5678, 99, Right::LocalRead, local(pd)),
            Ok(whole.clone())
        );
        let out = driver
            .command(&header(op::QUERY_SPECIAL_CONTEXTS, 0, [0, 0]), 0x20)
            .expect("special contexts");
        let reserved = Key(dword(&out, 0x0c));
        let privileged = Accessor {
            reserved_lkey: true,
            ..local(pd)
        };
        assert_eq!(
            keys.access(reserved, 0x1234_5678, 99, Right::LocalRead, privileged),
            Ok(whole)
        );
        assert!(keys.access(reserved, 0, 1, Right::LocalRead, local(pd)).is_err());
        assert!(
            keys.access(reserved, 0, 1, Right::RemoteRead, privileged)
                .is_err()
        );
    });
}

#[test]
fn creation_is_checked() {
    ready(4, |driver| {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let refused = |change: fn(&mut hw::Mkc)| {
            let mut input = paged(pd);
            change(input.memory_key_mkey_entry_mut());
            create(driver, &input, &LIST).err()
        };
        let bad_parameter = Some(Failed::Status(0x03));
        assert_eq!(
            refused(|context| {
                context.set_pd(0x0077_7777);
            }),
            Some(Failed::Status(0x05))
        );
        assert_eq!(
            refused(|context| {
                context.set_log_page_size(11);
            }),
            bad_parameter
        );
        assert_eq!(
            refused(|context| {
                context.set_len(0x4001);
            }),
            bad_parameter
        );
        assert_eq!(
            refused(|context| {
                context.set_translations_octword_size(1);
            }),
            bad_parameter
        );
        assert_eq!(
            refused(|context| {
                context.set_access_mode_1_0(0);
            }),
            bad_parameter
        );
        assert_eq!(
            refused(|context| {
                context.set_free(1);
            }),
            bad_parameter
        );
        assert_eq!(refused(|context| context.as_bytes_mut()[8] = 1), bad_parameter);
        assert_eq!(create(driver, &paged(pd), &LIST[..2]), Err(Failed::Status(0x50)));
        assert_eq!(
            driver.short(op::DESTROY_MKEY, 0, [0x7777, 0]),
            Err(Failed::Status(0x05))
        );
    });
}

#[test]
fn a_domain_with_keys_is_busy() {
    ready(5, |driver| {
        let pd = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let index = create(driver, &paged(pd), &LIST).expect("CREATE_MKEY");
        assert_eq!(
            driver.short(op::DEALLOC_PD, 0, [pd, 0]),
            Err(Failed::Status(0x06))
        );
        let out = driver
            .command(&header(op::QUERY_MKEY, 0, [index.0, 0]), 0x130)
            .expect("QUERY_MKEY");
        assert_eq!(dword(&out, 0x10 + 4), ANY_QP << 8 | 0x42);
        driver
            .short(op::DESTROY_MKEY, 0, [index.0, 0])
            .expect("DESTROY_MKEY");
        driver.short(op::DEALLOC_PD, 0, [pd, 0]).expect("DEALLOC_PD");
        assert_eq!(
            driver.short(op::DEALLOC_PD, 0, [pd, 0]),
            Err(Failed::Status(0x05))
        );
    });
}

/// A free key with room for eight pages.
fn fast(driver: &Driver, pd: u32) -> MkeyIndex {
    let mut input = hw::CreateMkeyIn::new();
    input.set_opcode(u32::from(op::CREATE_MKEY));
    let context = input.memory_key_mkey_entry_mut();
    context
        .set_free(1)
        .set_umr_en(1)
        .set_access_mode_1_0(1)
        .set_pd(pd)
        .set_qpn(ANY_QP)
        .set_lr(1);
    context.set_translations_octword_size(4);
    create(driver, &input, &[]).expect("CREATE_MKEY")
}

/// Fast registration as verbs drivers post it: start 0x5000, two pages, remote read and write.
fn registration(variant: u8) -> ([u8; 48], [u8; 64], Vec<u8>) {
    let mut control = hw::HwWqeUmrCtrlSeg::new();
    let bits = [0, 1, 6, 8, 13, 17, 18, 19, 20, 23, 29];
    control
        .set_flags(0xa0)
        .set_klm_octowords(4)
        .set_mkey_mask(bits.iter().fold(0, |mask, bit| mask | 1 << bit));
    let mut segment = hw::HwWqeMkeySeg::new();
    segment
        .set_flags(0x04 | 0x08 | 0x10 | 0x20 | 1)
        .set_qpn(ANY_QP)
        .set_mkey_7_0(u32::from(variant));
    segment
        .set_en_rinval(1)
        .set_start_addr(0x5000)
        .set_len(0x2000)
        .set_log_page_size(12);
    segment.set_translations_octword_size(4);
    let list: [u64; 8] = [0x0040_0003, 0x0050_0003, 0, 0, 0, 0, 0, 0];
    let list = list.iter().flat_map(|entry| entry.to_be_bytes()).collect();
    (*control.as_bytes(), *segment.as_bytes(), list)
}

fn invalidation() -> ([u8; 48], [u8; 64]) {
    let mut control = hw::HwWqeUmrCtrlSeg::new();
    control.set_flags(0x80).set_mkey_mask(1 << 29);
    let mut segment = hw::HwWqeMkeySeg::new();
    segment.set_free(1);
    (*control.as_bytes(), *segment.as_bytes())
}

#[test]
fn fast_registration_and_invalidation() {
    ready(6, |driver| {
        let pair = Pair::new(driver);
        let index = fast(driver, pair.pd);
        let (keys, qp) = (&driver.device.mkeys, pair.object());
        let key = Key::new(index, 0x11);
        let remote = || keys.access(key, 0x5800, 0x1000, Right::RemoteRead, local(pair.pd));
        assert!(remote().is_err());
        let (control, context, list) = registration(0x11);
        assert!(UmrRequest::list_is_inline(&control));
        assert_eq!(UmrRequest::list_bytes(&control), 64);
        let request = UmrRequest {
            key,
            control: &control,
            context: &context,
            list: &list,
        };
        driver.device.umr(&qp, &request).expect("registered");
        let pieces = [
            Segment {
                bus: 0x0040_0800,
                length: 0x800,
            },
            Segment {
                bus: 0x0050_0000,
                length: 0x800,
            },
        ];
        assert_eq!(remote().expect("registered"), pieces);
        assert_eq!(
            driver.device.umr(&qp, &request),
            Err(UmrFault::FreeState),
            "it must be free"
        );
        let (control, context) = invalidation();
        let stale = UmrRequest {
            key: Key::new(index, 0x10),
            control: &control,
            context: &context,
            list: &[],
        };
        assert!(driver.device.umr(&qp, &stale).is_err());
        let request = UmrRequest {
            key,
            control: &control,
            context: &context,
            list: &[],
        };
        driver.device.umr(&qp, &request).expect("invalidated");
        assert_eq!(remote(), Err(AccessFault::Free));
    });
}

#[test]
fn updates_are_checked() {
    ready(7, |driver| {
        let pair = Pair::new(driver);
        let other = driver.allocate(op::ALLOC_PD).expect("ALLOC_PD");
        let (mine, foreign) = (fast(driver, pair.pd), fast(driver, other));
        let qp = pair.object();
        let (control, context, list) = registration(1);
        let apply = |index: MkeyIndex, control: &[u8; 48], list: &[u8]| {
            driver.device.umr(
                &qp,
                &UmrRequest {
                    key: Key::new(index, 1),
                    control,
                    context: &context,
                    list,
                },
            )
        };
        assert_eq!(apply(foreign, &control, &list), Err(UmrFault::ProtectionDomain));
        assert_eq!(apply(mine, &control, &list[..32]), Err(UmrFault::ListSize));
        let mut long = control;
        hw::HwWqeUmrCtrlSeg::from_bytes_mut(&mut long)
            .expect("48 bytes")
            .set_klm_octowords(8);
        assert_eq!(
            apply(mine, &long, &[0; 128]),
            Err(UmrFault::ListSize),
            "more than there is room for"
        );
        let fixed = create(driver, &paged(pair.pd), &LIST).expect("CREATE_MKEY");
        assert_eq!(
            apply(fixed, &control, &list),
            Err(UmrFault::NoKey(Key::new(fixed, 1))),
            "not made for updates"
        );
        apply(mine, &control, &list).expect("a good one");
    });
}

#[test]
fn the_peer_may_invalidate_what_allows_it() {
    ready(8, |driver| {
        let pair = Pair::new(driver);
        let index = fast(driver, pair.pd);
        let key = Key::new(index, 3);
        let (control, context, list) = registration(3);
        let request = UmrRequest {
            key,
            control: &control,
            context: &context,
            list: &list,
        };
        driver.device.umr(&pair.object(), &request).expect("registered");
        let keys = &driver.device.mkeys;
        assert!(
            keys.invalidate_remotely(Key::new(index, 4), local(pair.pd))
                .is_err()
        );
        assert_eq!(keys.invalidate_remotely(key, local(pair.pd)), Ok(()));
        assert_eq!(
            keys.invalidate_remotely(key, local(pair.pd)),
            Err(AccessFault::Free)
        );
        let fixed = create(driver, &paged(pair.pd), &LIST).expect("CREATE_MKEY");
        assert!(
            keys.invalidate_remotely(Key::new(fixed, 0x42), local(pair.pd))
                .is_err()
        );
    });
}
