//! Multipoint calls.

use cxndk_testbed::consumers::condis::{CoHandle, News};
use cxndk_testbed::ndis::condis;

use super::scene::{Scene, numbered, until};

const PENDING: i32 = 0x103;

fn told(scene: &Scene<'_>, party: CoHandle, what: &News) -> bool {
    scene.a.news(party).contains(what)
}

/// A multipoint call with `count` parties, each of which was sent to while the next was added.
fn multipoint(scene: &Scene<'_>, count: usize) -> (CoHandle, Vec<CoHandle>) {
    let before = scene.incoming().len();
    let vc = scene.a.create_vc(scene.family_a);
    let parties: Vec<_> = (0..count).map(|_| scene.a.party(vc)).collect();
    assert_eq!(scene.a.make_call(vc, scene.call(), Some(parties[0])), PENDING);
    until("made", || scene.a.news(vc).contains(&News::Made(0, false)));
    for party in &parties[1..] {
        assert_eq!(scene.a.add_party(vc, scene.call(), *party), PENDING);
        for n in 0..5 {
            scene.a.send(vc, &[numbered(n, 700)]);
        }
        until("added", || told(scene, *party, &News::PartyAdded(0)));
    }
    until("all leaves", || scene.incoming().len() == before + count);
    (vc, parties)
}

/// Proves PARTY-14, PARTY-02, PARTY-03, PARTY-07, PARTY-09, PARTY-10, PARTY-13, MAKE-04, CLOSE-03, CLOSE-04, CLOSE-07, CLOSE-16: parties come and
/// go while traffic flows, every packet comes back after its last leaf, one leaf leaves by itself, the last party closes.
#[test]
fn parties_come_and_go_while_traffic_flows() {
    for seed in 0..6 {
        let loss = if seed % 2 == 0 { 0 } else { 20_000 };
        Scene::run(seed, loss, |scene| {
            let (vc, parties) = multipoint(scene, 4);
            let [first, dropped, rest @ ..] = parties.as_slice() else {
                unreachable!("there are four")
            };
            // Not with more than one party.
            let status = scene.try_close(vc, Some(*first), b"");
            assert_eq!(status, 0xc000_0001_u32.cast_signed());
            assert_eq!(scene.a.drop_party(*dropped), PENDING);
            for n in 0..20 {
                scene.a.send(vc, &[numbered(n, 700)]);
            }
            until("dropped", || told(scene, *dropped, &News::PartyDropped(0)));
            until("all came back", || scene.a.sent(vc).len() == 35);
            assert!(scene.a.sent(vc).iter().all(|status| *status == 0));
            leave(scene);
            let gone = |party: &&CoHandle| told(scene, **party, &News::PeerDropped(0, b"gone".to_vec()));
            until("the root hears", || parties.iter().any(|party| gone(&party)));
            let left = *parties.iter().find(gone).expect("one has left");
            assert_eq!(scene.drop_leaf(left), PENDING);
            let mut live: Vec<_> = std::iter::once(first)
                .chain(rest)
                .filter(|party| **party != left)
                .collect();
            let last = *live.pop().expect("one is left");
            for party in live {
                assert_eq!(scene.drop_leaf(*party), PENDING);
            }
            Scene::close(&scene.a, vc, Some(last), b"end");
            assert!(scene.a.news(vc).contains(&News::Closed(0, last)));
            scene.close_incoming();
            assert_eq!(scene.a.delete_vc(vc), 0);
        });
    }
}

/// One leaf that was not dropped closes.
fn leave(scene: &Scene<'_>) {
    let stays = |vc: &CoHandle| !scene.b.peer_closed(*vc);
    until("a leaf was dropped", || {
        scene.incoming().iter().filter(|vc| !stays(vc)).count() == 1
    });
    let leaf = scene.incoming().into_iter().find(stays).expect("a leaf is left");
    Scene::close(&scene.b, leaf, None, b"gone");
}

/// Proves PARTY-02, PARTY-04: a party of a point-to-point call, or with other messages, is refused.
#[test]
fn a_party_that_does_not_fit_is_refused() {
    Scene::run(9, 0, |scene| {
        let (vc, _) = scene.connect();
        let party = scene.a.party(vc);
        // NDIS leaves it to the call manager.
        condis::tolerate(&["PARTY-01"]);
        assert_ne!(scene.add(vc, scene.call(), party), 0);
        condis::tolerate(&[]);
        scene.end(vc);
        let (vc, parties) = multipoint(scene, 1);
        let party = scene.a.party(vc);
        let mut other = scene.call();
        other.message_size = 8192;
        assert_eq!(scene.add(vc, other, party), 0xc000_00bb_u32.cast_signed());
        Scene::close(&scene.a, vc, Some(parties[0]), b"");
        scene.close_incoming();
        assert_eq!(scene.a.delete_vc(vc), 0);
    });
}
