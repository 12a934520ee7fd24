//! The message sequences of the contract's section 14, call by call, as NDIS sees them.

use cxndk_testbed::consumers::condis::{CallClient, CoHandle, News, OfferAnswer};
use cxndk_testbed::ndis::condis::calls_on;
use cxndk_testbed::sim::{self, HostId};
use cxndk_testbed::world::World;

use super::scene::{Scene, until};

/// Every flow at this many seeds: NDIS has results at once, in the handler's context, or later, as the seed says.
const SEEDS: u64 = 20;
const SUCCESS: i32 = 0;
const FAILURE: i32 = 0xc000_0001_u32.cast_signed();

/// Where the journal of both hosts stood.
struct Mark([usize; 2]);

fn host(scene: &Scene<'_>, at: usize) -> HostId {
    scene.world.hosts[at].id
}

fn mark(scene: &Scene<'_>) -> Mark {
    Mark([0, 1].map(|at| calls_on(host(scene, at)).len()))
}

/// Whether NDIS pends an activation is its choice (VC-22), so its completion is no part of a sequence.
fn is_part(name: &&str) -> bool {
    *name != "CmActivateVcCompleteHandler"
}

/// Exactly these calls were made on a host since the mark.
fn expect(scene: &Scene<'_>, mark: &Mark, at: usize, sequence: &[&str]) {
    let calls: Vec<_> = calls_on(host(scene, at))[mark.0[at]..]
        .iter()
        .copied()
        .filter(is_part)
        .collect();
    assert_eq!(calls, sequence);
}

fn flow(scenario: impl Fn(&Scene<'_>) + Send + Sync) {
    for seed in 0..SEEDS {
        Scene::run(seed, 0, &scenario);
    }
}

/// What a host sees of a call that it makes.
const OUTGOING: [&str; 7] = [
    "NdisCoCreateVc",
    "CmCreateVcHandler",
    "NdisClMakeCall",
    "CmMakeCallHandler",
    "NdisMCmActivateVc",
    "NdisCmMakeCallComplete",
    "ClMakeCallCompleteHandler",
];

/// What a host sees of a call that comes and is accepted at once.
const INCOMING: [&str; 7] = [
    "NdisMCmCreateVc",
    "ClCreateVcHandler",
    "NdisMCmActivateVc",
    "NdisCmDispatchIncomingCall",
    "ClIncomingCallHandler",
    "NdisCmDispatchCallConnected",
    "ClCallConnectedHandler",
];

/// What a host sees of a close by its client.
const CLOSE: [&str; 5] = [
    "NdisClCloseCall",
    "CmCloseCallHandler",
    "NdisMCmDeactivateVc",
    "NdisCmCloseCallComplete",
    "ClCloseCallCompleteHandler",
];

/// What a host sees of a peer that closes.
const TOLD: [&str; 2] = ["NdisCmDispatchIncomingCloseCall", "ClIncomingCloseCallHandler"];
/// How a VC of the client goes.
const CLIENT_DELETES: [&str; 2] = ["NdisCoDeleteVc", "CmDeleteVcHandler"];
/// How a VC of the call manager goes.
const MANAGER_DELETES: [&str; 2] = ["NdisMCmDeleteVc", "ClDeleteVcHandler"];

fn joined(parts: &[&[&'static str]]) -> Vec<&'static str> {
    parts.concat()
}

fn deleted(scene: &Scene<'_>, peer: CoHandle) -> bool {
    scene.b.news(peer).contains(&News::Deleted)
}

/// "Start" and "Unbind". Proves AF-01, AF-03, AF-05, AF-06, AF-12, AF-15, HALT-01, REG-01, REG-02, VC-10: the family is registered, told of,
/// opened and closed again.
#[test]
fn start_and_unbind() {
    for seed in 0..SEEDS {
        World::new(seed)
            .run(|world| {
                let host = &world.hosts[0];
                assert_eq!(calls_on(host.id), ["NdisMCmRegisterAddressFamilyEx"]);
                let client = CallClient::register(&host.adapter);
                let family = client.open_family();
                let opened = [
                    "NdisMCmRegisterAddressFamilyEx",
                    "ProtocolCoAfRegisterNotify",
                    "NdisClOpenAddressFamilyEx",
                    "CmOpenAfHandler",
                ];
                let told = ["ClOpenAfCompleteHandlerEx"];
                let calls = calls_on(host.id);
                // The open succeeds at once; NDIS passes that on either way (GEN-01).
                assert!(calls == opened || calls == joined(&[&opened, &told]), "{calls:?}");
                let before = calls.len();
                client.close_family(family);
                until("it is closed", || client.news(family) == [News::FamilyClosed]);
                let closed = ["NdisClCloseAddressFamily", "CmCloseAfHandler"];
                let calls = &calls_on(host.id)[before..];
                assert!(calls == closed || calls == joined(&[&closed, &["ClCloseAfCompleteHandler"]]));
                client.deregister();
            })
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// Proves INIT-08: when a client is told of the family, calls work: one that waits for it calls at once.
#[test]
fn a_client_may_call_as_soon_as_it_is_told() {
    flow(|scene| {
        let host = &scene.world.hosts[0];
        scene.a.close_family(scene.family_a);
        until("it is closed", || {
            scene.a.news(scene.family_a).contains(&News::FamilyClosed)
        });
        host.adapter.stop();
        let adapter = host.adapter.clone();
        let start = host.thread("start", move || adapter.start().expect("it starts"));
        let family = scene.a.open_family();
        let vc = scene.a.create_vc(family);
        scene.connect_on(vc, scene.call(), None);
        sim::join(start);
        scene.end(vc);
        scene.a.close_family(family);
        until("it is closed", || {
            scene.a.news(family).contains(&News::FamilyClosed)
        });
    });
}

/// "SAP". Proves SAP-01, SAP-03, SAP-05, SAP-07, SAP-09, SAP-11.
#[test]
fn a_sap_is_registered_and_deregistered() {
    flow(|scene| {
        let at = mark(scene);
        let sap = scene
            .b
            .register_sap(scene.family_b, scene.world.hosts[1].at(7100));
        until("the SAP", || scene.b.news(sap) == [News::SapRegistered(0)]);
        let registered = [
            "NdisClRegisterSap",
            "CmRegisterSapHandler",
            "NdisCmRegisterSapComplete",
            "ClRegisterSapCompleteHandler",
        ];
        expect(scene, &at, 1, &registered);
        let at = mark(scene);
        scene.b.deregister_sap(sap);
        until("it is gone", || {
            scene.b.news(sap).contains(&News::SapDeregistered)
        });
        // Without calls it is gone at once; NDIS tells the client by its handler even so.
        let deregistered = [
            "NdisClDeregisterSap",
            "CmDeregisterSapHandler",
            "ClDeregisterSapCompleteHandler",
        ];
        expect(scene, &at, 1, &deregistered);
    });
}

/// "Outgoing", "Incoming", "Local close" of a client's VC, "Remote close" of a call manager's. Proves VC-02, VC-03, VC-05, VC-06, VC-10, VC-20, MAKE-05,
/// MAKE-06, INC-01, INC-07, CLOSE-08, CLOSE-09, CLOSE-10, CLOSE-17, CLOSE-21, CLOSE-30.
#[test]
fn a_call_goes_out_and_comes_in_and_the_caller_closes() {
    flow(|scene| {
        let at = mark(scene);
        let (vc, peer) = scene.connect();
        expect(scene, &at, 0, &OUTGOING);
        expect(scene, &at, 1, &INCOMING);
        let at = mark(scene);
        Scene::close(&scene.a, vc, None, b"bye");
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        expect(scene, &at, 0, &joined(&[&CLOSE, &CLIENT_DELETES]));
        until("B hears", || scene.b.peer_closed(peer));
        Scene::close(&scene.b, peer, None, b"");
        until("it is deleted", || deleted(scene, peer));
        expect(scene, &at, 1, &joined(&[&TOLD, &CLOSE, &MANAGER_DELETES]));
    });
}

/// "Local close" of a call manager's VC, "Remote close" of a client's. Proves CLOSE-21, CLOSE-24, CLOSE-30, CLOSE-31, CLOSE-32.
#[test]
fn the_called_side_closes() {
    flow(|scene| {
        let (vc, peer) = scene.connect();
        let at = mark(scene);
        Scene::close(&scene.b, peer, None, b"");
        until("it is deleted", || deleted(scene, peer));
        expect(scene, &at, 1, &joined(&[&CLOSE, &MANAGER_DELETES]));
        until("A hears", || scene.a.peer_closed(vc));
        Scene::close(&scene.a, vc, None, b"");
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        expect(scene, &at, 0, &joined(&[&TOLD, &CLOSE, &CLIENT_DELETES]));
    });
}

/// "Local close" with "or `NdisClMakeCall` again". Proves CLOSE-18, VC-27, VC-28.
#[test]
fn a_vc_is_used_for_another_call() {
    flow(|scene| {
        let (vc, _) = scene.connect();
        Scene::close(&scene.a, vc, None, b"");
        scene.close_incoming();
        let at = mark(scene);
        assert_eq!(scene.make(vc, scene.call()), SUCCESS);
        expect(scene, &at, 0, &OUTGOING[2..]);
        until("B is there", || scene.incoming().len() == 2);
        scene.end(vc);
    });
}

/// "Out fail" and "In reject", decided at once. Proves MAKE-07, MAKE-08, MAKE-10, INC-03, INC-09.
#[test]
fn a_call_is_refused_at_once() {
    flow(|scene| {
        scene
            .b
            .answer_offers(scene.family_b, OfferAnswer::Inline(FAILURE));
        let at = mark(scene);
        let vc = scene.a.create_vc(scene.family_a);
        assert_ne!(scene.make(vc, scene.call()), SUCCESS);
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        let outgoing: Vec<_> = OUTGOING
            .into_iter()
            .filter(|name| *name != "NdisMCmActivateVc")
            .collect();
        expect(scene, &at, 0, &joined(&[&outgoing, &CLIENT_DELETES]));
        until("it is deleted", || deleted(scene, scene.incoming()[0]));
        let refused = joined(&[&INCOMING[..5], &["NdisMCmDeactivateVc"], &MANAGER_DELETES]);
        expect(scene, &at, 1, &refused);
    });
}

/// "Incoming" and "In reject" with a client that decides later. Proves INC-04, INC-06, INC-09, INC-10, MAKE-02.
#[test]
fn a_call_is_decided_later() {
    for status in [SUCCESS, FAILURE] {
        flow(|scene| {
            scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
            let at = mark(scene);
            let vc = scene.a.create_vc(scene.family_a);
            scene.a.make_call(vc, scene.call(), None);
            let offered = || {
                let peers = scene.incoming();
                peers.iter().any(|peer| !scene.b.news(*peer).is_empty())
            };
            until("offered", offered);
            let peer = scene.incoming()[0];
            scene.b.answer(peer, status, None);
            let decided = joined(&[
                &INCOMING[..5],
                &["NdisClIncomingCallComplete", "CmIncomingCallCompleteHandler"],
            ]);
            let made = |news: &News| matches!(news, News::Made(..));
            until("made", || scene.a.news(vc).iter().any(made));
            if status == SUCCESS {
                until("connected", || scene.b.news(peer).contains(&News::Connected));
                expect(scene, &at, 1, &joined(&[&decided, &INCOMING[5..]]));
                scene.end(vc);
            } else {
                until("it is deleted", || deleted(scene, peer));
                let refused = joined(&[&decided, &["NdisMCmDeactivateVc"], &MANAGER_DELETES]);
                expect(scene, &at, 1, &refused);
                assert_eq!(scene.a.delete_vc(vc), SUCCESS);
            }
        });
    }
}

/// "In bad prm": the client accepts with what cannot be had. Proves INC-05, INC-08, INC-12.
#[test]
fn a_call_is_accepted_with_parameters_that_cannot_be() {
    flow(|scene| {
        scene.b.answer_offers(scene.family_b, OfferAnswer::Later);
        let at = mark(scene);
        let vc = scene.a.create_vc(scene.family_a);
        scene.a.make_call(vc, scene.call(), None);
        until("offered", || {
            let peers = scene.incoming();
            peers.iter().any(|peer| !scene.b.news(*peer).is_empty())
        });
        let peer = scene.incoming()[0];
        let mut call = scene.taken();
        call.message_size = 8192;
        scene.b.answer(peer, SUCCESS, Some(call));
        until("B hears", || scene.b.peer_closed(peer));
        Scene::close(&scene.b, peer, None, b"");
        until("it is deleted", || deleted(scene, peer));
        let decided = ["NdisClIncomingCallComplete", "CmIncomingCallCompleteHandler"];
        let all = joined(&[&INCOMING[..5], &decided, &TOLD, &CLOSE, &MANAGER_DELETES]);
        expect(scene, &at, 1, &all);
        let made = |news: &News| matches!(news, News::Made(status, _) if *status != SUCCESS);
        until("A's call fails", || scene.a.news(vc).iter().any(made));
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
    });
}

/// "`QoS` local" and "`QoS` remote". Proves QOS-03, QOS-05, QOS-06, QOS-07, QOS-08, QOS-09, VC-21.
#[test]
fn quality_of_service_changes() {
    flow(|scene| {
        let (vc, _) = scene.connect();
        let at = mark(scene);
        let mut change = scene.call();
        change.flow.transmit = 1000;
        assert_eq!(scene.modify(vc, change), SUCCESS);
        let local = [
            "NdisClModifyCallQoS",
            "CmModifyCallQoSHandler",
            "NdisMCmActivateVc",
            "NdisCmModifyCallQoSComplete",
            "ClModifyCallQoSCompleteHandler",
        ];
        expect(scene, &at, 0, &local);
        let remote = [
            "NdisMCmActivateVc",
            "NdisCmDispatchIncomingCallQoSChange",
            "ClIncomingCallQoSChangeHandler",
        ];
        expect(scene, &at, 1, &remote);
        scene.end(vc);
    });
}

/// A multipoint call of A with two leaves, made and added; its VC and its parties.
fn two_leaves(scene: &Scene<'_>) -> (CoHandle, [CoHandle; 2]) {
    let vc = scene.a.create_vc(scene.family_a);
    let parties = [scene.a.party(vc), scene.a.party(vc)];
    scene.a.make_call(vc, scene.call(), Some(parties[0]));
    until("made", || scene.a.news(vc).contains(&News::Made(SUCCESS, false)));
    assert_eq!(scene.add(vc, scene.call(), parties[1]), SUCCESS);
    until("both leaves", || {
        let peers = scene.incoming();
        let connected = |peer: &CoHandle| scene.b.news(*peer).contains(&News::Connected);
        peers.len() == 2 && peers.iter().all(connected)
    });
    (vc, parties)
}

/// How a party goes that its client drops.
const DROP: [&str; 4] = [
    "NdisClDropParty",
    "CmDropPartyHandler",
    "NdisCmDropPartyComplete",
    "ClDropPartyCompleteHandler",
];

/// "Multipoint" and "MP close": the close carries the party that is left, and its context comes back. Proves PARTY-02, PARTY-03, PARTY-05,
/// PARTY-07, PARTY-09, PARTY-13, MAKE-04, MAKE-12, CLOSE-03, CLOSE-07, CLOSE-16.
#[test]
fn a_multipoint_call_is_closed_with_the_party_that_is_left() {
    flow(|scene| {
        let at = mark(scene);
        let (vc, [first, second]) = two_leaves(scene);
        let added = [
            "NdisClAddParty",
            "CmAddPartyHandler",
            "NdisCmAddPartyComplete",
            "ClAddPartyCompleteHandler",
        ];
        expect(scene, &at, 0, &joined(&[&OUTGOING, &added]));
        let at = mark(scene);
        scene.drop_leaf(first);
        Scene::close(&scene.a, vc, Some(second), b"");
        assert!(scene.a.news(vc).contains(&News::Closed(SUCCESS, second)));
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        expect(scene, &at, 0, &joined(&[&DROP, &CLOSE, &CLIENT_DELETES]));
        scene.close_incoming();
    });
}

/// "MP remote": a leaf leaves, and the last one ends the call. Proves PARTY-10, PARTY-11, PARTY-12, CLOSE-30.
#[test]
fn leaves_leave_a_multipoint_call() {
    flow(|scene| {
        let (vc, parties) = two_leaves(scene);
        let at = mark(scene);
        Scene::close(&scene.b, scene.incoming()[0], None, b"");
        let left = |party: &CoHandle| {
            let news = scene.a.news(*party);
            news.iter().any(|news| matches!(news, News::PeerDropped(..)))
        };
        until("A hears", || parties.iter().any(left));
        let gone = *parties.iter().find(|party| left(party)).expect("one has left");
        let last = *parties.iter().find(|party| **party != gone).expect("one is left");
        scene.drop_leaf(gone);
        Scene::close(&scene.b, scene.incoming()[1], None, b"");
        until("A hears", || scene.a.peer_closed(vc));
        Scene::close(&scene.a, vc, Some(last), b"");
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        let leaves = ["NdisCmDispatchIncomingDropParty", "ClIncomingDropPartyHandler"];
        let all = joined(&[&leaves, &DROP, &TOLD, &CLOSE, &CLIENT_DELETES]);
        expect(scene, &at, 0, &all);
        scene.close_incoming();
    });
}

/// "Halt": with the family open the call manager tells its client, and waits. Proves AF-16, AF-20, AF-21, AF-22, AF-23, AF-24, HALT-03, HALT-04.
#[test]
fn an_adapter_halts_under_its_client() {
    flow(|scene| {
        let (vc, peer) = scene.connect();
        let at = mark(scene);
        let halt = scene.halt_a();
        until("A is asked", || {
            scene.a.news(scene.family_a).contains(&News::CloseAsked)
        });
        Scene::close(&scene.a, vc, None, b"");
        assert_eq!(scene.a.delete_vc(vc), SUCCESS);
        scene.a.close_family(scene.family_a);
        cxndk_testbed::sim::join(halt);
        let asked = ["NdisCmNotifyCloseAddressFamily", "ClNotifyCloseAfHandler"];
        let closed = ["NdisClCloseAddressFamily", "CmCloseAfHandler"];
        let answered = [
            "NdisClNotifyCloseAddressFamilyComplete",
            "CmNotifyCloseAfCompleteHandler",
        ];
        let start = joined(&[&asked, &CLOSE, &CLIENT_DELETES, &closed]);
        let calls = calls_on(host(scene, 0))[at.0[0]..].to_vec();
        assert_eq!(calls[..start.len()], start);
        // Whether the close of the family pends is the call manager's choice, so is how NDIS tells its end.
        assert_eq!(calls[calls.len() - 2..], answered);
        until("B hears", || scene.b.peer_closed(peer));
        scene.close_incoming();
        scene.start_a();
    });
}
