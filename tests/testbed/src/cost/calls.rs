//! What a send on a VC costs: the call, and the mapping's result that the kernel brings in the midst of it.

use cxndk::co::edge::miniport_characteristics;

use super::{MESSAGE, Row, entry, registers, undisturbed, watch};
use crate::consumers::condis::{CallClient, CallPair, CoHandle, until};
use crate::nt;
use crate::probe::{Cost, measure};
use crate::world::World;

/// Leaves of the call that has several.
const LEAVES: usize = 4;

/// Both ends of the calls.
struct Ends<'a> {
    world: &'a World,
    pair: CallPair,
}

impl Ends<'_> {
    /// A call to so many leaves, with the parties, the one that it is closed with last; none to one leaf.
    fn connect(&self, leaves: usize) -> (CoHandle, Vec<CoHandle>) {
        let (pair, call) = (&self.pair, self.pair.parameters());
        let vc = pair.a.create_vc(pair.family_a);
        let several = if leaves > 1 { leaves } else { 0 };
        let parties: Vec<_> = (0..several).map(|_| pair.a.party(vc)).collect();
        pair.connect_on(vc, call, parties.last().copied());
        for party in parties.iter().rev().skip(1) {
            pair.add_leaf(vc, call, *party);
        }
        (vc, parties)
    }

    fn close(&self, vc: CoHandle, mut parties: Vec<CoHandle>) {
        let (pair, last) = (&self.pair, parties.pop());
        for party in parties {
            pair.drop_leaf(party);
        }
        pair.a.end_call(vc, last, b"");
        pair.a.delete_vc(vc);
        pair.close_incoming();
    }

    /// The cost of one send of one message in one piece.
    fn send(&self, vc: CoHandle) -> Cost {
        let bus = self.world.hosts[0].function.clone();
        let function = entry(miniport_characteristics(None).CoSendNetBufferListsHandler);
        let mut watch = watch(registers(&bus));
        watch.kernel.extend(nt::mapping_functions());
        let before = self.pair.a.sent(vc).len();
        let cost = nt::on_host(self.world.hosts[0].id, "send", move || {
            // The first byte says: in one piece.
            let messages = [vec![0; MESSAGE]];
            let call = || measure(function, &watch, || CallClient::send_here(vc, &messages));
            undisturbed(&bus, call).0
        });
        // Its doorbell went nowhere; the next one's rings for both.
        self.pair.a.send(vc, &[vec![0; MESSAGE]]);
        until("both packets come back", || {
            self.pair.a.sent(vc).len() == before + 2
        });
        cost
    }

    /// A send whose mapping had no need to wait: then the doorbell is part of it.
    fn row(&self, name: &'static str, leaves: usize) -> Row {
        let (vc, parties) = self.connect(leaves);
        self.send(vc);
        let cost = loop {
            let cost = self.send(vc);
            if cost.mmio_writes == leaves as u64 {
                break cost;
            }
        };
        self.close(vc, parties);
        Row {
            name,
            operations: 1,
            cost,
            bar: None,
        }
    }
}

/// Measures sends on VCs.
pub(super) fn rows(world: &World) -> Vec<Row> {
    let pair = CallPair::open(world);
    let ends = Ends { world, pair };
    let rows = vec![ends.row("VC send", 1), ends.row("VC send, to 4 parties", LEAVES)];
    ends.pair.leave();
    rows
}
