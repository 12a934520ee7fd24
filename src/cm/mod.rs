//! RoCE connection management: InfiniBand CM messages on QP1 with the RDMA IP CM service.
//!
//! | module | what lives there |
//! |---|---|
//! | [`mad`] | the datagrams, pure code |
//! | [`machine`], [`step`], [`timeouts`] | the state machine of one connection and its times, pure code |
//! | [`mtu`] | the path MTU: what is asked for, taken and offered instead, pure code |
//! | [`params`], [`events`], [`error`] | what goes up and down between this floor and its consumers |
//! | [`agent`] | one adapter's agent, as the floors above hold it |
//! | [`fabric`] | what the floors above build on |
//! | [`connection`], [`listener`] | what consumers hold |
//! | `arrivals`, `questions` | what arrives on QP1, and what waits until the way back is known |
//! | `request` | requests that no connection takes: offered or refused |
//! | `shared` | what all of them need: QP1, addresses, who is there and who listens |
//! | `registry` | who is there, and when to look again |
//! | `key`, `table`, [`index`] | connections by id, peer, queue pair and ends, and by deadline; the hash chains and the heap below |
//! | [`ports`] | local addresses and ports in use, counted |
//! | [`address`], [`resolve`] | SOCKADDRs; routes and neighbours from netio |
//! | `local` | the adapter's addresses and their entries in the port's table |
//!
//! # For consumers
//! `connect`, `listen` and `endpoint` need `PASSIVE_LEVEL`: they ask netio and set GIDs. Everything else may be called at
//! `<= DISPATCH_LEVEL`, also from inside an event. Events come at `<= DISPATCH_LEVEL` with no lock of this floor held. This floor
//! does not touch the consumer's queue pair: it says what to put into it ([`QpParameters`]) and expects it done.
//!
//! | active side | passive side |
//! |---|---|
//! | `Agent::connect` | `Agent::listen`, then `ListenerEvents::requested` |
//! | `replied`: QP to RTR and RTS, then `Connection::ready_to_use` | QP to RTR, then `Connection::reply` |
//! | | `established`, also by the queue pair's event of the peer's first packet: QP to RTS |
//! | either side: `Connection::disconnect`, then `disconnected` | `disconnect_requested`, then `Connection::disconnect` |
//! | at close: `Connection::abandon`, after which there are no more events | the same |

pub mod address;
pub mod agent;
mod arrivals;
mod backlog;
mod clock;
pub mod connection;
pub mod error;
pub mod events;
pub mod fabric;
mod gsi;
pub mod index;
mod key;
pub mod listener;
mod local;
pub mod machine;
pub mod mad;
pub mod mtu;
pub mod params;
pub mod ports;
mod questions;
mod random;
mod registry;
mod request;
pub mod resolve;
mod shared;
pub mod step;
mod table;
pub mod timeouts;

pub use self::{
    agent::Agent,
    connection::{Connection, Disconnect},
    error::{CmError, Illegal},
    events::{ConnectionEvents, Outcome},
    fabric::Fabric,
    listener::{Incoming, Listener, ListenerEvents},
    mtu::PathMtu,
    params::{
        Answer, ConnectRequest, MAX_CALLEE_DATA, MAX_CALLER_DATA, QpParameters, ReadLimits, Rejection, Reply,
    },
    ports::{Endpoint, PortTable},
    resolve::Route,
};
