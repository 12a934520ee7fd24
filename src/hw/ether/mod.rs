//! The Ethernet objects of a function: queues, what they hang on, and flow tables (connectx ethernet).
//!
//! | module | what lives there |
//! |---|---|
//! | [`caps`] | what the device offers |
//! | [`domain`] | transport domain and interface: what all queues share |
//! | [`send_ring`] | a send queue and its ring |
//! | [`receive_ring`] | a receive queue and its ring |
//! | [`spread`] | receive queue tables, transport interfaces of received frames |
//! | [`flow_table`] | flow tables |
//!
//! Every object is destroyed by its owner, once and in reverse order of creation; again is nothing.

pub mod caps;
pub mod domain;
pub mod flow_table;
pub mod receive_ring;
pub mod send_ring;
pub mod spread;

pub use self::{
    caps::EtherCaps,
    domain::Domain,
    flow_table::{FlowGroup, FlowTable},
    receive_ring::{Piece, ReceiveRing, ReceiveShape},
    send_ring::{Checksums, Frame, SendRing},
    spread::{ReceiveTable, ReceiveTarget},
};
pub use super::commands::{
    ether_target::{HASH_KEY, HashFields, Spread},
    steering::Destination,
};
