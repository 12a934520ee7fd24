//! Two hosts with a client each: B takes calls on a SAP, A makes them.

use std::ops::Deref;

use cxndk::co::format::{Call, PrivateData};
use cxndk_testbed::connectx::{CommandFault, Health, Matching};
pub use cxndk_testbed::consumers::condis::until;
use cxndk_testbed::consumers::condis::{CallClient, CallPair, CoHandle, News, PORT};
use cxndk_testbed::sim;
use cxndk_testbed::wire::link::Faults;
use cxndk_testbed::world::World;

/// What [`News::Closed`] says of a point-to-point call.
pub const NO_PARTY: CoHandle = CoHandle::NULL;

/// See the module's page.
pub struct Scene<'a> {
    pub world: &'a World,
    pair: CallPair,
}

impl Deref for Scene<'_> {
    type Target = CallPair;

    fn deref(&self) -> &CallPair {
        &self.pair
    }
}

/// A message that tells its number.
pub fn numbered(n: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (n * 31 + at) as u8).collect()
}

impl Scene<'_> {
    /// Runs a scenario with families open and a SAP registered; afterwards everything is closed and unloaded. `loss` in millionths.
    pub fn run(seed: u64, loss: u32, scenario: impl FnOnce(&Scene<'_>) + Send) {
        let mut config = World::new(seed);
        config.link.faults.loss = loss;
        let run = World::run(&config, |world| {
            let pair = CallPair::open(world);
            let scene = Scene { world, pair };
            scenario(&scene);
            scene.pair.leave();
        });
        run.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }

    /// The parameters of a call from A to the SAP.
    pub fn call(&self) -> Call {
        Call {
            send_depth: 8,
            receive_depth: 8,
            private_data: PrivateData::new(b"hi").expect("it is short"),
            ..self.parameters()
        }
    }

    /// The parameters of a call from A to a port of B.
    pub fn call_to(&self, port: u16) -> Call {
        Call {
            remote: self.world.hosts[1].at(port),
            ..self.call()
        }
    }

    /// The parameters of a call that B has taken.
    pub fn taken(&self) -> Call {
        Call {
            local: self.world.hosts[1].at(PORT),
            remote: self.world.hosts[0].at(1),
            private_data: self.call().private_data,
            ..self.parameters()
        }
    }

    /// A connected call: A's VC and B's.
    pub fn connect(&self) -> (CoHandle, CoHandle) {
        let vc = self.a.create_vc(self.family_a);
        (vc, self.connect_on(vc, self.call(), None))
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
        let ended = client.end_call(vc, party, words);
        assert_eq!((ended.status, ended.completions), (0x103, 1), "the close pends");
    }

    /// Closes every call of B whose peer has closed, until none is left: each close is completed once.
    pub fn close_incoming(&self) {
        for ended in self.pair.close_incoming() {
            assert_eq!((ended.status, ended.completions), (0x103, 1), "the close pends");
        }
    }

    /// Closes a call from A's side, then B's, and deletes A's VC.
    pub fn end(&self, vc: CoHandle) {
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

    /// A's device refuses these commands from now on.
    pub fn refuse_on_a(&self, opcodes: &[u16]) {
        for opcode in opcodes {
            // Bad resource state.
            let refusal = CommandFault::Status(0x09, 0x1234);
            let mut faults = self.world.hosts[0].device.faults.borrow_mut();
            faults.add(Matching::opcode(*opcode), refusal);
        }
    }

    /// Whether A's device reaches memory.
    pub fn a_reaches_memory(&self) -> bool {
        self.world.hosts[0].function.is_master()
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
