//! What the call manager refuses, and what it does when memory runs out.

use std::sync::atomic::{AtomicU64, Ordering};

use cxndk::sys::condis as sys;
use cxndk::sys::ndis::{
    NDIS_OID_REQUEST, NdisRequestQueryInformation, NdisRequestSetInformation, OID_GEN_MAXIMUM_FRAME_SIZE,
    OID_GEN_MAXIMUM_TOTAL_SIZE,
};
use cxndk_testbed::consumers::condis::{CoHandle, News, OfferAnswer};
use cxndk_testbed::ndis::condis;
use cxndk_testbed::sim::{
    self,
    faults::{self, Plan, When},
};

use super::scene::{Scene, until};

const INVALID_DATA: i32 = 0xc001_0015_u32.cast_signed();
const FAILURE: i32 = 0xc000_0001_u32.cast_signed();
const NOT_SUPPORTED: i32 = 0xc000_00bb_u32.cast_signed();
const HOST_UNREACHABLE: i32 = 0xc000_023d_u32.cast_signed();
const IO_TIMEOUT: i32 = 0xc000_00b5_u32.cast_signed();

/// Proves AF-07, AF-08, AF-11: another family or version is not opened.
#[test]
fn another_family_or_version_is_refused() {
    Scene::run(1, 0, |scene| {
        assert_eq!(
            scene.a.open_family_of(sys::CO_ADDRESS_FAMILY_Q2931, (1, 0)),
            Err(FAILURE)
        );
        assert_eq!(
            scene.a.open_family_of(sys::CO_ADDRESS_FAMILY_INFINIBAND, (2, 0)),
            Err(FAILURE)
        );
    });
}

/// Proves SAP-02, SAP-04, SAP-12: a malformed SAP, a foreign address and a taken port get INVALID_DATA.
#[test]
fn a_sap_that_cannot_be_is_refused() {
    Scene::run(2, 0, |scene| {
        let malformed = scene.b.register_sap_bytes(scene.family_b, 1, &[0; 32]);
        until("an answer", || !scene.b.news(malformed).is_empty());
        assert_eq!(scene.b.news(malformed), [News::SapRegistered(INVALID_DATA)]);
        for local in [scene.call().remote, "10.9.9.9:80".parse().expect("an address")] {
            let sap = scene.b.register_sap(scene.family_b, local);
            until("an answer", || !scene.b.news(sap).is_empty());
            assert_eq!(scene.b.news(sap), [News::SapRegistered(INVALID_DATA)]);
        }
    });
}

/// Proves MAKE-03, CLOSE-05: parameters that cannot be kept, a second call on a VC, a close without a call.
#[test]
fn calls_that_cannot_be_are_refused() {
    Scene::run(3, 0, |scene| {
        // What NDIS leaves to the call manager.
        condis::tolerate(&["CLOSE-02", "MAKE-01", "VC-08"]);
        let vc = scene.a.create_vc(scene.family_a);
        let mut call = scene.call();
        call.receive_depth = 1;
        assert_eq!(scene.make(vc, call), NOT_SUPPORTED);
        assert_eq!(scene.try_close(vc, None, b""), FAILURE);
        assert_eq!(scene.a.delete_vc(vc), 0);
        let (vc, _) = scene.connect();
        assert_eq!(scene.make(vc, scene.call()), FAILURE);
        assert_eq!(scene.try_close(vc, None, &[0; 129]), INVALID_DATA);
        assert_eq!(scene.a.delete_vc(vc), 0x0001_0003, "VC-11: it has a call");
        let mut other = scene.call();
        other.message_size = 100;
        other.flow = cxndk::co::format::Flow {
            transmit: 100,
            receive: 100,
        };
        assert_eq!(scene.modify(vc, other), INVALID_DATA, "QOS-02");
        scene.end(vc);
    });
}

/// Proves MAKE-07, SAP-10: nobody listens there, or not any more.
#[test]
fn a_call_that_nobody_takes_fails() {
    Scene::run(4, 0, |scene| {
        let vc = scene.a.create_vc(scene.family_a);
        assert_eq!(scene.a.make_call(vc, scene.call_to(9999), None), 0x103);
        until("refused", || !scene.a.news(vc).is_empty());
        assert_eq!(
            scene.a.news(vc),
            [News::Made(0xc000_0236_u32.cast_signed(), false)]
        );
        assert_eq!(scene.a.delete_vc(vc), 0);
    });
}

/// Proves MAKE-07, MAKE-08: nobody is there, because the link is down, or nobody answers, because it loses everything; the call fails
/// after a time, the VC is good for another.
#[test]
fn a_call_without_an_answer_times_out() {
    Scene::run(8, 0, |scene| {
        let vc = scene.a.create_vc(scene.family_a);
        scene.link(false);
        assert_eq!(scene.make(vc, scene.call()), HOST_UNREACHABLE);
        scene.link(true);
        scene.lose(1_000_000);
        assert_eq!(scene.make(vc, scene.call()), IO_TIMEOUT);
        scene.lose(0);
        assert_eq!(scene.make(vc, scene.call()), 0);
        until("B is there", || !scene.incoming().is_empty());
        scene.end(vc);
    });
}

/// Proves MAKE-13, INC-04, INC-08: the caller closes while the other client thinks about the offer; when that accepts at last it is told
/// that the call is gone, and closes it.
#[test]
fn an_offer_that_is_accepted_too_late_is_closed() {
    for seed in 0..10 {
        Scene::run(seed, 0, |scene| {
            scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
            let vc = scene.a.create_vc(scene.family_a);
            scene.a.make_call(vc, scene.call(), None);
            let offered = [News::Offered(b"hi".to_vec())];
            until("offered", || {
                let peers = scene.incoming();
                peers.first().is_some_and(|peer| scene.b.news(*peer) == offered)
            });
            Scene::close(&scene.a, vc, None, b"");
            let peer = scene.incoming()[0];
            assert!(!scene.b.news(peer).contains(&News::Connected));
            scene.b.answer(peer, 0, None);
            scene.close_incoming();
            assert!(!scene.b.news(peer).contains(&News::Connected));
            assert_eq!(scene.a.delete_vc(vc), 0);
        });
    }
}

/// Proves INC-06, CLOSE-05, CLOSE-09: a client that has accepted a call may close it at once, before it is connected.
#[test]
fn a_call_is_closed_at_once_by_the_client_that_accepted_it() {
    for seed in 0..10 {
        Scene::run(seed, 0, |scene| {
            scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
            let vc = scene.a.create_vc(scene.family_a);
            scene.a.make_call(vc, scene.call(), None);
            until("offered", || {
                let peers = scene.incoming();
                let offered = |peer: &CoHandle| !scene.b.news(*peer).is_empty();
                peers.first().is_some_and(offered)
            });
            let peer = scene.incoming()[0];
            scene.b.answer(peer, 0, None);
            Scene::close(&scene.b, peer, None, b"");
            until("answered", || !scene.a.made(vc).is_empty());
            if scene.a.made(vc) == [0] {
                Scene::close(&scene.a, vc, None, b"");
            }
            assert_eq!(scene.a.delete_vc(vc), 0);
        });
    }
}

/// Proves AF-13, AF-14: a family with a VC closes when that is gone.
#[test]
fn a_family_closes_after_its_last_vc() {
    Scene::run(5, 0, |scene| {
        condis::tolerate(&["AF-12"]);
        let family = scene.a.open_family();
        let vc = scene.a.create_vc(family);
        scene.a.close_family(family);
        assert!(scene.a.news(family).is_empty(), "it pends");
        assert_eq!(scene.a.delete_vc(vc), 0);
        until("closed", || scene.a.news(family) == [News::FamilyClosed]);
    });
}

/// Proves MAKE-07, INC-02, VC-23: whichever allocation or service fails while a call is set up, the call fails or stands, and
/// nothing is left.
#[test]
fn a_call_survives_every_failure_of_its_set_up() {
    let points = [
        "pool",
        "NdisMAllocateSharedMemoryAsyncEx",
        "shared memory completion",
        "NdisAllocateMdl",
        "NdisAllocateNetBufferAndNetBufferList",
        "NdisMCmCreateVc",
        "NdisMCmActivateVc",
        "NdisAllocateIoWorkItem",
    ];
    for point in points {
        let fired = AtomicU64::new(0);
        for nth in 1..=40 {
            Scene::run(6, 0, |scene| {
                let vc = scene.a.create_vc(scene.family_a);
                faults::set(Some(Plan::new().fail(point, When::Nth(nth))));
                let status = scene.a.make_call(vc, scene.call(), None);
                if status == 0x103 {
                    until("made, or not", || !scene.a.made(vc).is_empty());
                }
                fired.fetch_add(faults::fired(point), Ordering::Relaxed);
                faults::set(None);
                if scene.a.news(vc).contains(&News::Made(0, false)) {
                    Scene::close(&scene.a, vc, None, b"");
                }
                assert_eq!(scene.a.delete_vc(vc), 0);
                scene.close_incoming();
            });
        }
        assert_ne!(fired.into_inner(), 0, "{point} is part of a call's set-up");
    }
}

fn request(kind: i32, oid: u32, buffer: &mut [u8]) -> Box<NDIS_OID_REQUEST> {
    // SAFETY: all fields of a request may be zero.
    let mut request: Box<NDIS_OID_REQUEST> = Box::new(unsafe { std::mem::zeroed() });
    request.RequestType = kind;
    request.DATA.INFORMATION.Oid = oid;
    request.DATA.INFORMATION.InformationBuffer = buffer.as_mut_ptr().cast();
    request.DATA.INFORMATION.InformationBufferLength = buffer.len() as u32;
    request
}

/// Proves OID-01, OID-03, OID-06, OID-12, OID-13 of the CoNDIS contract: the mandatory list, a short buffer, counters, the close of a
/// family, what is not known.
#[test]
fn requests_of_clients_are_answered() {
    Scene::run(7, 0, |scene| {
        let (vc, _) = scene.connect();
        scene.a.send(vc, &[vec![1; 100]]);
        until("it came back", || scene.a.sent(vc).len() == 1);
        let mut list = [0; 256];
        let mut query = request(
            NdisRequestQueryInformation,
            sys::OID_GEN_CO_SUPPORTED_LIST,
            &mut list,
        );
        assert_eq!(scene.a.request(None, None, &mut query), 0);
        // SAFETY: a query.
        let used = unsafe { query.DATA.INFORMATION.BytesUsed } as usize;
        for oid in list[..used].chunks(4) {
            let oid = u32::from_le_bytes(oid.try_into().expect("four bytes"));
            let mut buffer = [0; 256];
            let mut query = request(NdisRequestQueryInformation, oid, &mut buffer);
            if oid != sys::OID_GEN_CO_PROTOCOL_OPTIONS {
                assert_eq!(scene.a.request(None, Some(vc), &mut query), 0, "{oid:#x}");
            }
        }
        let mut counter = [0; 8];
        let mut query = request(
            NdisRequestQueryInformation,
            sys::OID_GEN_CO_XMIT_PDUS_OK,
            &mut counter,
        );
        assert_eq!(scene.a.request(None, None, &mut query), 0);
        assert_eq!(u64::from_le_bytes(counter), 1);
        let mut short = [0; 2];
        let mut query = request(NdisRequestQueryInformation, sys::OID_GEN_CO_VENDOR_ID, &mut short);
        assert_eq!(
            scene.a.request(None, None, &mut query),
            0xc001_0016_u32.cast_signed()
        );
        // SAFETY: a query.
        assert_eq!(unsafe { query.DATA.INFORMATION.BytesNeeded }, 4);
        let mut set = request(NdisRequestSetInformation, sys::OID_CO_AF_CLOSE, &mut []);
        assert_eq!(scene.a.request(Some(scene.family_a), None, &mut set), 0);
        let mut unknown = request(NdisRequestQueryInformation, 0x7777_7777, &mut short);
        assert_eq!(
            scene.a.request(Some(scene.family_a), None, &mut unknown),
            NOT_SUPPORTED
        );
        scene.end(vc);
    });
}

/// Proves OID-11 of the CoNDIS contract: requests that have nothing to do with calls come the ordinary way, one at a time, while calls
/// stand and requests about them are out.
#[test]
fn ordinary_requests_go_the_ordinary_way() {
    for seed in 0..8 {
        Scene::run(seed, 0, |scene| {
            let (vc, _) = scene.connect();
            let ask = |number: usize| {
                let client = scene.a.clone();
                scene.world.hosts[0].thread("asks", move || {
                    for _ in 0..4 {
                        let mut buffer = [0; 8];
                        let (oid, plain) = match number {
                            0 => (sys::OID_GEN_CO_XMIT_PDUS_OK, false),
                            1 => (OID_GEN_MAXIMUM_FRAME_SIZE, true),
                            _ => (OID_GEN_MAXIMUM_TOTAL_SIZE, true),
                        };
                        let mut query = request(NdisRequestQueryInformation, oid, &mut buffer);
                        let status = if plain {
                            client.plain_request(&mut query)
                        } else {
                            client.request(None, Some(vc), &mut query)
                        };
                        assert_eq!(status, 0, "{oid:#x}");
                    }
                })
            };
            (0..3)
                .map(ask)
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(sim::join);
            scene.end(vc);
        });
    }
}
