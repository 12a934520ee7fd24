//! What a send on a VC costs: the call, and the mapping's result that the kernel brings in the midst of it.

use cxndk::co::edge::miniport_characteristics;
use cxndk::co::format::{Call, Flow, PrivateData};

use super::{MESSAGE, Row, entry, registers, watch, without_doorbells};
use crate::consumers::condis::{CallClient, CoHandle, News};
use crate::nt;
use crate::probe::{Cost, measure};
use crate::sim;
use crate::world::World;

/// Port of the SAP.
const PORT: u16 = 7000;
/// Leaves of the call that has several.
const LEAVES: usize = 4;

fn until(ready: impl Fn() -> bool) {
    while !ready() {
        sim::sleep(sim::MILLISECOND);
    }
}

/// Both ends of the calls.
struct Ends<'a> {
    world: &'a World,
    a: CallClient,
    b: CallClient,
    families: [CoHandle; 2],
}

impl Ends<'_> {
    fn parameters(&self) -> Call {
        Call {
            local: self.world.hosts[0].at(0),
            remote: self.world.hosts[1].at(PORT),
            message_size: 4096,
            send_depth: 32,
            receive_depth: 32,
            flow: Flow {
                transmit: 4096,
                receive: 4096,
            },
            private_data: PrivateData::EMPTY,
        }
    }

    /// A call to so many leaves, with the party that it is closed with; none to one leaf.
    fn connect(&self, leaves: usize) -> (CoHandle, Vec<CoHandle>) {
        let vc = self.a.create_vc(self.families[0]);
        let parties: Vec<_> = (1..leaves).map(|_| self.a.party(vc)).collect();
        let first = (leaves > 1).then(|| self.a.party(vc));
        self.a.make_call(vc, self.parameters(), first);
        until(|| self.a.news(vc).contains(&News::Made(0, false)));
        for party in &parties {
            self.a.add_party(vc, self.parameters(), *party);
            until(|| self.a.news(*party).contains(&News::PartyAdded(0)));
        }
        (vc, parties.into_iter().chain(first).collect())
    }

    fn close(&self, vc: CoHandle, mut parties: Vec<CoHandle>) {
        let last = parties.pop();
        for party in parties {
            self.a.drop_party(party);
            until(|| self.a.news(party).contains(&News::PartyDropped(0)));
        }
        self.a.close_call(vc, last, b"");
        let closed = |news: &News| matches!(news, News::Closed(0, _));
        until(|| self.a.news(vc).iter().any(closed));
        self.a.delete_vc(vc);
        for peer in self.b.incoming(self.families[1]) {
            until(|| {
                let news = self.b.news(peer);
                news.iter().any(|news| matches!(news, News::PeerClosed(..)))
            });
            if !self.b.news(peer).iter().any(closed) {
                self.b.close_call(peer, None, b"");
            }
            until(|| self.b.news(peer).contains(&News::Deleted));
        }
    }

    /// The cost of one send of one message in one piece.
    fn send(&self, vc: CoHandle) -> Cost {
        let device = self.world.hosts[0].device.clone();
        let function = entry(miniport_characteristics(None).CoSendNetBufferListsHandler);
        let mut watch = watch(registers(&device));
        watch.kernel.extend(nt::mapping_functions());
        let before = self.a.sent(vc).len();
        let cost = nt::on_host(self.world.hosts[0].id, "send", move || {
            // The first byte says: in one piece.
            let messages = [vec![0; MESSAGE]];
            let call = || measure(function, &watch, || CallClient::send_here(vc, &messages));
            without_doorbells(&device, call).0
        });
        // Its doorbell went nowhere; the next one's rings for both.
        self.a.send(vc, &[vec![0; MESSAGE]]);
        until(|| self.a.sent(vc).len() == before + 2);
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
    let client = |host: usize| CallClient::register(&world.hosts[host].adapter);
    let (a, b) = (client(0), client(1));
    let families = [a.open_family(), b.open_family()];
    let sap = b.register_sap(families[1], world.hosts[1].at(PORT));
    until(|| b.news(sap) == [News::SapRegistered(0)]);
    let ends = Ends {
        world,
        a,
        b,
        families,
    };
    let rows = vec![ends.row("VC send", 1), ends.row("VC send, to 4 parties", LEAVES)];
    let Ends { a, b, .. } = ends;
    b.deregister_sap(sap);
    until(|| b.news(sap).contains(&News::SapDeregistered));
    for (client, family) in [(a, families[0]), (b, families[1])] {
        client.close_family(family);
        until(|| client.news(family).contains(&News::FamilyClosed));
        client.deregister();
    }
    rows
}
