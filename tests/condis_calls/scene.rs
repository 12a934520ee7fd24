//! Two hosts with a client each: B takes calls on a SAP, A makes them.

use std::net::SocketAddr;

use cxndk::co::format::{Call, Flow, PrivateData};
use cxndk_testbed::connectx::Health;
use cxndk_testbed::consumers::condis::{CallClient, CoHandle, News};
use cxndk_testbed::sim;
use cxndk_testbed::wire::link::Faults;
use cxndk_testbed::world::{World, WorldConfig};

/// Port of the SAP.
const PORT: u16 = 7000;
/// How long a scenario waits, in virtual nanoseconds.
const PATIENCE: u64 = 200 * sim::SECOND;

/// What [`News::Closed`] says of a point-to-point call.
pub const NO_PARTY: CoHandle = CoHandle::NULL;

/// See the module's page.
pub struct Scene<'a> {
    pub world: &'a World,
    pub a: CallClient,
    pub b: CallClient,
    pub family_a: CoHandle,
    pub family_b: CoHandle,
    pub sap: CoHandle,
}

/// Waits for something to become true.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let end = sim::now() + PATIENCE;
    while !condition() {
        assert!(sim::now() < end, "waited in vain: {what}");
        sim::sleep(sim::MILLISECOND);
    }
}

/// A message that tells its number.
pub fn numbered(n: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (n * 31 + at) as u8).collect()
}

impl Scene<'_> {
    /// Runs a scenario with families open and a SAP registered; afterwards everything is closed and unloaded. `loss` in millionths.
    pub fn run(seed: u64, loss: u32, scenario: impl FnOnce(&Scene<'_>) + Send) {
        let mut config = WorldConfig::new(seed);
        config.link.faults.loss = loss;
        let run = World::run(&config, |world| {
            let client = |host: usize| CallClient::register(&world.hosts[host].adapter);
            let (a, b) = (client(0), client(1));
            let (family_a, family_b) = (a.open_family(), b.open_family());
            let sap = b.register_sap(family_b, world.hosts[1].at(PORT));
            until("the SAP", || b.news(sap) == [News::SapRegistered(0)]);
            let scene = Scene {
                world,
                a,
                b,
                family_a,
                family_b,
                sap,
            };
            scenario(&scene);
            scene.finish();
        });
        run.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }

    fn finish(&self) {
        self.b.deregister_sap(self.sap);
        until("the SAP is gone", || {
            self.b.news(self.sap).contains(&News::SapDeregistered)
        });
        if !self.a.news(self.family_a).contains(&News::FamilyClosed) {
            self.a.close_family(self.family_a);
        }
        self.b.close_family(self.family_b);
        let closed = |client: &CallClient, family| client.news(family).contains(&News::FamilyClosed);
        until("the families are closed", || {
            closed(&self.a, self.family_a) && closed(&self.b, self.family_b)
        });
        self.a.clone().deregister();
        self.b.clone().deregister();
    }

    /// The parameters of a call from A to the SAP.
    pub fn call(&self) -> Call {
        self.call_to(PORT)
    }

    /// The parameters of a call from A to a port of B.
    pub fn call_to(&self, port: u16) -> Call {
        call(self.world.hosts[0].at(0), self.world.hosts[1].at(port))
    }

    /// The parameters of a call that B has taken.
    pub fn call_of(&self, _: CoHandle) -> Call {
        let mut call = call(self.world.hosts[1].at(PORT), self.world.hosts[0].at(1));
        (call.send_depth, call.receive_depth) = (32, 32);
        call
    }

    /// VCs of calls that B was offered.
    pub fn incoming(&self) -> Vec<CoHandle> {
        self.b.incoming(self.family_b)
    }

    /// A connected call: A's VC and B's.
    pub fn connect(&self) -> (CoHandle, CoHandle) {
        let before = self.incoming().len();
        let vc = self.a.create_vc(self.family_a);
        assert_eq!(self.a.make_call(vc, self.call(), None), 0x103);
        until("the call is made", || {
            self.a.news(vc).contains(&News::Made(0, false))
        });
        until("the peer is connected", || {
            self.incoming()
                .get(before)
                .is_some_and(|peer| self.b.news(*peer).contains(&News::Connected))
        });
        (vc, self.incoming()[before])
    }

    /// Asks for something and waits for the answer of a handle of A, which comes at once or later.
    pub fn answer(
        &self,
        of: CoHandle,
        ask: impl FnOnce() -> i32,
        answer: impl Fn(&News) -> Option<i32>,
    ) -> i32 {
        let answers = || self.a.news(of).iter().filter_map(&answer).collect::<Vec<_>>();
        let before = answers().len();
        ask();
        until("an answer", || answers().len() > before);
        let answers = answers();
        assert_eq!(answers.len(), before + 1, "one answer");
        answers[before]
    }

    /// Makes a call on a VC of A; how it ended.
    pub fn make(&self, vc: CoHandle, call: Call) -> i32 {
        let ask = || self.a.make_call(vc, call, None);
        self.answer(vc, ask, |news| match news {
            News::Made(status, _) => Some(*status),
            _ => None,
        })
    }

    /// Adds a party to a call of A; how it ended.
    pub fn add(&self, vc: CoHandle, call: Call, party: CoHandle) -> i32 {
        let ask = || self.a.add_party(vc, call, party);
        self.answer(party, ask, |news| match news {
            News::PartyAdded(status) => Some(*status),
            _ => None,
        })
    }

    /// Closes a call of A, which may fail; how it ended.
    pub fn try_close(&self, vc: CoHandle, party: Option<CoHandle>, words: &[u8]) -> i32 {
        let ask = || self.a.close_call(vc, party, words);
        self.answer(vc, ask, |news| match news {
            News::Closed(status, _) => Some(*status),
            _ => None,
        })
    }

    /// Asks for another quality of service of a call of A; how it ended.
    pub fn modify(&self, vc: CoHandle, call: Call) -> i32 {
        let ask = || self.a.modify(vc, call);
        self.answer(vc, ask, |news| match news {
            News::QosModified(status) => Some(*status),
            _ => None,
        })
    }

    /// How often a VC of A was told something.
    pub fn count(&self, vc: CoHandle, what: &News) -> usize {
        self.a.news(vc).iter().filter(|news| *news == what).count()
    }

    /// Closes a call and waits for its one completion.
    pub fn close(client: &CallClient, vc: CoHandle, party: Option<CoHandle>, words: &[u8]) {
        let closes = || {
            client
                .news(vc)
                .iter()
                .filter(|news| matches!(news, News::Closed(..)))
                .count()
        };
        let before = closes();
        client.keep_packets(vc, false);
        client.return_packets(vc);
        assert_eq!(client.close_call(vc, party, words), 0x103, "the close pends");
        until("the call is closed", || closes() > before);
        assert_eq!(closes(), before + 1);
    }

    /// Closes every call of B whose peer has closed, until none of B's VCs is left.
    pub fn close_incoming(&self) {
        until("B's calls are gone", || {
            for vc in self.incoming() {
                let news = self.b.news(vc);
                let told = news.iter().any(|news| matches!(news, News::PeerClosed(..)));
                if told && !news.contains(&News::Deleted) {
                    Self::close(&self.b, vc, None, b"");
                }
            }
            self.incoming()
                .iter()
                .all(|vc| self.b.news(*vc).contains(&News::Deleted))
        });
    }

    /// Closes a call from A's side, then B's, and deletes A's VC.
    pub fn end(&self, vc: CoHandle, _peer: CoHandle) {
        Self::close(&self.a, vc, None, b"");
        self.close_incoming();
        assert_eq!(self.a.delete_vc(vc), 0);
    }

    /// Cuts the link, or joins it.
    pub fn link(&self, up: bool) {
        self.world.link.set_up(up);
    }

    /// The link loses so many of a million packets.
    pub fn lose(&self, loss: u32) {
        self.world.link.set_faults(Faults {
            loss,
            ..Faults::default()
        });
    }

    /// The firmware of A's device dies.
    pub fn kill_a(&self) {
        self.world.hosts[0].device.die(Health::Internal);
    }

    /// NDIS halts A's adapter before it undoes its bindings, in a thread of its own.
    pub fn halt_a(&self) -> sim::TaskId {
        let adapter = self.world.hosts[0].adapter.clone();
        self.world.hosts[0].thread("stop", move || {
            adapter.pause();
            adapter.halt_bound(0);
        })
    }

    /// A's adapter is pulled out; its clients do `meanwhile` before it has gone.
    pub fn pull_a(&self, meanwhile: impl FnOnce()) {
        let adapter = self.world.hosts[0].adapter.clone();
        let pulled = self.world.hosts[0].thread("pull", move || adapter.surprise_remove());
        meanwhile();
        sim::join(pulled);
        // The world wants one that runs to stop at its end.
        self.start_a();
    }

    /// NDIS starts A's adapter again.
    pub fn start_a(&self) {
        self.world.hosts[0].adapter.start().expect("it starts");
    }

    /// NDIS pauses B's adapter and starts it again.
    pub fn pause_and_restart_b(&self) {
        self.world.hosts[1].adapter.pause();
        self.world.hosts[1].adapter.restart().expect("it restarts");
    }
}

fn call(local: SocketAddr, remote: SocketAddr) -> Call {
    Call {
        local,
        remote,
        message_size: 4096,
        send_depth: 8,
        receive_depth: 8,
        flow: Flow {
            transmit: 4096,
            receive: 4096,
        },
        private_data: PrivateData::new(b"hi").expect("it is short"),
    }
}
