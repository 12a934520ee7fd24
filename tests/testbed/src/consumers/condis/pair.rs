//! Two hosts with a client each: B takes calls on a SAP, A makes them.

use std::net::SocketAddr;

use cxndk::co::format::{Call, Flow, PrivateData};

use super::{CallClient, CoHandle, News, WAITS, until};
use crate::sim;
use crate::world::World;

/// Port of the SAP.
pub const PORT: u16 = 7000;
/// Largest message of [`CallPair::parameters`].
pub const LARGEST: u32 = 4096;

/// Both clients, with a family open each and B's SAP registered.
pub struct CallPair {
    /// The client that makes calls.
    pub a: CallClient,
    /// The client that takes them.
    pub b: CallClient,
    /// A's family.
    pub family_a: CoHandle,
    /// B's family.
    pub family_b: CoHandle,
    /// B's SAP.
    pub sap: CoHandle,
    local: SocketAddr,
    remote: SocketAddr,
}

impl CallPair {
    /// Registers the clients on the world's first two hosts and makes all of it.
    pub fn open(world: &World) -> Self {
        let client = |host: usize| CallClient::register(&world.hosts[host].adapter);
        let (a, b) = (client(0), client(1));
        let (family_a, family_b) = (a.open_family(), b.open_family());
        let (local, remote) = (world.hosts[0].at(0), world.hosts[1].at(PORT));
        let sap = b.register_sap(family_b, remote);
        until("the SAP is registered", || {
            b.news(sap) == [News::SapRegistered(0)]
        });
        Self {
            a,
            b,
            family_a,
            family_b,
            sap,
            local,
            remote,
        }
    }

    /// The parameters of a call from A to the SAP.
    pub const fn parameters(&self) -> Call {
        Call {
            local: self.local,
            remote: self.remote,
            message_size: LARGEST,
            send_depth: 32,
            receive_depth: 32,
            flow: Flow {
                transmit: LARGEST,
                receive: LARGEST,
            },
            private_data: PrivateData::EMPTY,
        }
    }

    /// VCs of calls that B was offered.
    pub fn incoming(&self) -> Vec<CoHandle> {
        self.b.incoming(self.family_b)
    }

    /// Makes a call on a VC of A, as a multipoint call if there is a party, and waits until both sides are connected; B's VC.
    pub fn connect_on(&self, vc: CoHandle, call: Call, party: Option<CoHandle>) -> CoHandle {
        let (made, taken) = (self.a.made(vc).len(), self.incoming().len());
        self.a.make_call(vc, call, party);
        until("the call is made", || self.a.made(vc).len() > made);
        let status = self.a.made(vc)[made];
        if status != 0 {
            sim::fail(WAITS, format!("the call fails with {status:#x}"));
        }
        self.connected_peer(taken)
    }

    /// Adds a leaf to a call of A and waits until both sides are connected; B's VC.
    pub fn add_leaf(&self, vc: CoHandle, call: Call, party: CoHandle) -> CoHandle {
        let taken = self.incoming().len();
        self.a.add_party(vc, call, party);
        until("the party is added", || {
            self.a.news(party).contains(&News::PartyAdded(0))
        });
        self.connected_peer(taken)
    }

    fn connected_peer(&self, at: usize) -> CoHandle {
        until("the peer is connected", || {
            let peer = self.incoming().get(at).copied();
            peer.is_some_and(|peer| self.b.news(peer).contains(&News::Connected))
        });
        self.incoming()[at]
    }

    /// Drops a leaf of a call of A and waits until it has gone; what `NdisClDropParty` gave.
    pub fn drop_leaf(&self, party: CoHandle) -> i32 {
        let status = self.a.drop_party(party);
        until("the party goes", || {
            self.a.news(party).contains(&News::PartyDropped(0))
        });
        status
    }

    /// Closes every call of B whose peer has closed, until none of B's VCs is left; how each close ended.
    pub fn close_incoming(&self) -> Vec<Ended> {
        let mut ended = Vec::new();
        until("B's calls are gone", || {
            for vc in self.incoming() {
                if self.b.peer_closed(vc) && !self.b.news(vc).contains(&News::Deleted) {
                    ended.push(self.b.end_call(vc, None, b""));
                }
            }
            let gone = |vc: &CoHandle| self.b.news(*vc).contains(&News::Deleted);
            self.incoming().iter().all(gone)
        });
        ended
    }

    /// Deregisters the SAP, closes the families that are open, and deregisters the clients.
    pub fn leave(self) {
        self.b.deregister_sap(self.sap);
        until("the SAP goes", || {
            self.b.news(self.sap).contains(&News::SapDeregistered)
        });
        for (client, family) in [(&self.a, self.family_a), (&self.b, self.family_b)] {
            let is_closed = || client.news(family).contains(&News::FamilyClosed);
            if !is_closed() {
                client.close_family(family);
                until("the family closes", is_closed);
            }
        }
        self.a.deregister();
        self.b.deregister();
    }
}

/// How a close came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What `NdisClCloseCall` gave.
    pub status: i32,
    /// How often it was completed, inline or later.
    pub completions: usize,
}

impl CallClient {
    /// Closes a call, its packets given back, and waits until that is completed.
    pub fn end_call(&self, vc: CoHandle, party: Option<CoHandle>, words: &[u8]) -> Ended {
        let before = self.closes(vc);
        self.keep_packets(vc, false);
        self.return_packets(vc);
        let status = self.close_call(vc, party, words);
        until("the call is closed", || self.closes(vc) > before);
        Ended {
            status,
            completions: self.closes(vc) - before,
        }
    }
}
