//! A CoNDIS client: a protocol driver above the adapter that opens the call manager's address family, makes calls and takes them.
//!
//! It does what a scenario asks through [`CallClient`] and keeps what it is told for it ([`News`]); nothing is closed behind the
//! scenario's back. What the contract asks of every client it does by itself: its VC's packets are back before it closes a call, it
//! answers both kinds of results, at once and later, it returns packets, and it leaves an adapter only with every family closed.
//!
//! | module | what lives there |
//! |---|---|
//! | `protocol` | the protocol driver: registration, bind, unbind |
//! | `object` | what the client knows of a family, SAP, VC or party |
//! | `family`, `call`, `request` | what it asks for |
//! | `told` | `ProtocolCl*`: what it is told |
//! | `packets`, `data` | packets, and the two ways they go |
//! | `pair` | two hosts with a client each, ready for calls |

mod call;
mod data;
mod family;
mod heard;
mod object;
mod packets;
mod pair;
mod protocol;
mod request;
mod told;

use std::rc::Rc;

use cxndk::sys::ndis::NDIS_STATUS;

use self::object::Object;
use self::protocol::Protocol;
use crate::ndis::Adapter;
use crate::nt;
use crate::sim;

/// A family, SAP, VC or party of a client: the context that the client gives to NDIS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoHandle(usize);

impl CoHandle {
    /// Nothing: the party of a point-to-point call.
    pub const NULL: Self = Self(0);
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the handlers")]
pub enum News {
    SapRegistered(NDIS_STATUS),
    SapDeregistered,
    FamilyClosed,
    CloseAsked,
    Made(NDIS_STATUS, bool),
    Offered(Vec<u8>),
    Connected,
    QosModified(NDIS_STATUS),
    QosOffered(u32, u32),
    PeerClosed(NDIS_STATUS, Vec<u8>),
    Closed(NDIS_STATUS, CoHandle),
    Deleted,
    PartyAdded(NDIS_STATUS),
    PartyDropped(NDIS_STATUS),
    PeerDropped(NDIS_STATUS, Vec<u8>),
}

/// How the client answers an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// From the handler itself.
    Inline(NDIS_STATUS),
    /// Later, by [`CallClient::answer`].
    Later,
}

pub use self::pair::{CallPair, Ended, LARGEST, PORT};

/// Rule id of a client, or its scenario, that waits in vain.
pub const WAITS: &str = "CALL";
/// Longest that anybody waits, in virtual nanoseconds.
const PATIENCE: u64 = 600 * sim::SECOND;

/// Waits in the running context until something is true; looks less often the longer it takes.
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let (end, mut pause) = (sim::now() + PATIENCE, 2 * sim::MICROSECOND);
    while !ready() {
        if sim::now() >= end {
            sim::fail(WAITS, format!("waited in vain: {what}"));
        }
        sim::sleep(pause);
        pause = (pause + pause / 4).min(sim::MILLISECOND);
    }
}

/// A protocol driver that is a client of one adapter's call manager.
#[derive(Clone)]
pub struct CallClient(Rc<Protocol>);

impl CallClient {
    /// Registers the protocol driver on the adapter's host; it binds to this adapter, now and whenever it starts again.
    ///
    /// # Panics
    /// When the adapter has no interface, or NDIS refuses.
    pub fn register(adapter: &Adapter) -> Self {
        let interface = adapter.interface().expect("the adapter has an interface");
        let client = Self(Protocol::new(interface));
        let protocol = Rc::clone(&client.0);
        client.run("NdisRegisterProtocolDriver", move || protocol.register());
        client
    }

    /// Deregisters the protocol driver, whose families are closed.
    pub fn deregister(self) {
        let protocol = Rc::clone(&self.0);
        self.run("NdisDeregisterProtocolDriver", move || protocol.deregister());
    }

    /// Runs what a request does in a thread of the host, at `PASSIVE_LEVEL`.
    fn run<R: 'static>(&self, what: &'static str, body: impl FnOnce() -> R + 'static) -> R {
        nt::on_host(self.0.host(), what, body)
    }

    fn add(&self, kind: &'static str, parent: CoHandle) -> Rc<Object> {
        object::add(&self.0, kind, parent)
    }
}
