//! Peers that lie: calls come in over raw queue pairs of a Network Direct consumer, which says what no call manager says.

use cxndk::co::format::{Flow, PrivateData};
use cxndk::co::wire::{Head, Hello, Kind};
use cxndk_testbed::consumers::condis::{CoHandle, News};
use cxndk_testbed::consumers::node::{LIMITS, Node};
use cxndk_testbed::ndis::condis;
use cxndk_testbed::sim;

use super::scene::{Scene, numbered, until};

/// The longest message of the calls here.
const LONGEST: u32 = 1024;

fn hello() -> Vec<u8> {
    let hello = Hello {
        message_size: LONGEST,
        takes: LONGEST,
    };
    let data = PrivateData::new(b"hi").expect("it is short");
    hello.request(&data).to_vec()
}

/// Host A as a raw peer that B's client has accepted, and B's VC of it.
fn dial(scene: &Scene<'_>) -> (Node, CoHandle) {
    let before = scene.incoming().len();
    let to = scene.world.hosts[1].at(7000);
    let node = Node::dial(&scene.world.hosts[0], to, LIMITS, hello()).expect("B takes the call");
    for n in 0..LIMITS.receives as usize {
        node.receive(n as u64, 0x8000 + n * 0x1000..0x9000 + n * 0x1000)
            .expect("a receive is posted");
    }
    until("B is connected", || {
        let peers = scene.incoming();
        peers
            .get(before)
            .is_some_and(|peer| scene.b.news(*peer).contains(&News::Connected))
    });
    (node, scene.incoming()[before])
}

fn say(node: &Node, bytes: &[u8]) {
    node.put(bytes);
    node.send(1, 0..bytes.len(), 0).expect("it is posted");
    let _ = node.result();
}

fn head(kind: Kind, length: u32) -> Vec<u8> {
    Head { kind, length }.bytes().to_vec()
}

fn broke(scene: &Scene<'_>, peer: CoHandle) -> bool {
    let lost = |news: &News| matches!(news, News::PeerClosed(status, _) if *status != 0);
    scene.b.news(peer).iter().any(lost)
}

/// What no call manager sends.
fn nonsense() -> Vec<Vec<u8>> {
    let flow = |transmit, receive| Kind::Change(Flow { transmit, receive });
    let data = |length, follow: usize| [head(Kind::Data, length), vec![7; follow]].concat();
    let mut reserved = head(Kind::Data, 0);
    reserved[2] = 1;
    let mut unknown = head(Kind::Data, 0);
    unknown[0] = 9;
    let mut answer = head(Kind::Answer { accepted: true }, 0);
    answer[1] = 2;
    let mut nothing = head(flow(1, 1), 0);
    nothing[8..16].fill(0);
    vec![
        vec![1],
        vec![0; 15],
        vec![0; 16],
        vec![0xff; 600],
        reserved,
        unknown,
        answer,
        nothing,
        data(3, 2),
        data(2, 3),
        data(u32::MAX, 4),
        // Longer than was agreed.
        data(LONGEST + 1, LONGEST as usize + 1),
        data(LONGEST * 4, LONGEST as usize * 4),
        // More last words than there may be.
        [head(Kind::Close, 400), vec![7; 400]].concat(),
        // What has no bytes after it, with some.
        [head(Kind::Answer { accepted: true }, 1), vec![7]].concat(),
        [head(flow(1, 1), 1), vec![7]].concat(),
    ]
}

/// Proves CLOSE-30, INC-11: whatever a peer says that makes no sense, the client is told that the call is lost, what came before has arrived,
/// and the close works.
#[test]
fn nonsense_ends_the_call() {
    for (n, nonsense) in nonsense().into_iter().enumerate() {
        Scene::run(n as u64, 0, |scene| {
            condis::tolerate(&["CLOSE-31"]);
            let (node, peer) = dial(scene);
            let good = numbered(n, 100);
            say(&node, &[head(Kind::Data, 100), good.clone()].concat());
            say(&node, &nonsense);
            until("the call is lost", || broke(scene, peer));
            assert_eq!(scene.b.received(peer), [good], "nonsense {n}");
            scene.close_incoming();
            node.close().expect("everything closes");
        });
    }
}

/// Proves QOS-02, QOS-04: answers that nobody asked for are nothing; changes that cannot be are refused; the call goes on.
#[test]
fn uncalled_for_answers_and_absurd_changes_leave_the_call() {
    Scene::run(1, 0, |scene| {
        let (node, peer) = dial(scene);
        for accepted in [false, true] {
            say(&node, &head(Kind::Answer { accepted }, 0));
        }
        for flow in [(u32::MAX, 1), (1, u32::MAX), (LONGEST + 1, 1)] {
            let change = Flow {
                transmit: flow.0,
                receive: flow.1,
            };
            say(&node, &head(Kind::Change(change), 0));
        }
        say(&node, &[head(Kind::Data, 10), numbered(1, 10)].concat());
        until("it arrived", || scene.b.received(peer) == [numbered(1, 10)]);
        sim::sleep(sim::MILLISECOND);
        assert_eq!(
            scene.b.news(peer),
            [News::Offered(b"hi".to_vec()), News::Connected]
        );
        node.close().expect("everything closes");
        scene.close_incoming();
    });
}

/// Proves INC-01, INC-02: a request whose private data is not a call manager's is refused; no client hears of it.
#[test]
fn a_request_that_is_no_call_is_refused() {
    let good = hello();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let bad = [
        Vec::new(),
        vec![0; 16],
        good[..8].to_vec(),
        with(0, b'X'),
        with(4, 2),
        with(5, 255),
        with(6, 1),
        // No longest message, or one of 2 GiB; more is taken than that.
        [good[..8].to_vec(), vec![0; 8]].concat(),
        with(8, 0x80),
        with(12, 0x80),
    ];
    Scene::run(2, 0, |scene| {
        let to = scene.world.hosts[1].at(7000);
        for data in &bad {
            let dialed = Node::dial(&scene.world.hosts[0], to, LIMITS, data.clone());
            assert!(dialed.is_err(), "{data:?}");
        }
        assert!(scene.incoming().is_empty(), "no client hears of it");
    });
}

/// Proves CLOSE-30, HALT-07: a peer that vanishes in the middle of its set-up, or right after it, leaves nothing.
#[test]
fn a_peer_that_goes_at_once_leaves_nothing() {
    for seed in 0..20 {
        Scene::run(seed, 20_000, |scene| {
            let to = scene.world.hosts[1].at(7000);
            let node = Node::dial(&scene.world.hosts[0], to, LIMITS, hello()).expect("B takes the call");
            node.close().expect("everything closes");
            scene.close_incoming();
        });
    }
}
