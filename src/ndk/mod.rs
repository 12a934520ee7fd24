//! The Network Direct kernel provider: NDK objects over the device and the connection manager.
//!
//! | module | what lives there |
//! |---|---|
//! | [`provider`], [`services`] | what the adapter opens, asks and closes; what all objects work with |
//! | [`object`] | the lifetime rules: when a close ends |
//! | [`callback`], [`task`] | consumers' callbacks; work that may wait |
//! | [`adapter`], [`pd`], [`cq`], [`qp`], [`mr`], [`mw`], [`endpoint`], [`connector`], [`listener`] | one file an object |
//! | [`creation`] | what consumers make of adapters and domains |
//! | [`post`], [`users`], [`notify`] | the data path: posting, completions, notification |
//! | [`connect`], `incoming` | what happens to connectors; peers that ask for one |
//! | [`lam`], [`pages`] | consumers' memory as the device sees it |
//! | [`limits`], [`status`] | structures of limits and counters; statuses |
//! | [`edge`] | the dispatch tables |
//!
//! Rules named like LIFE-10 are those of the project's NDK reference.

pub mod adapter;
pub mod callback;
pub mod connect;
pub mod connector;
pub mod cq;
pub mod creation;
pub mod edge;
pub mod endpoint;
mod incoming;
pub mod lam;
pub mod limits;
pub mod listener;
pub mod mr;
pub mod mw;
pub mod notify;
pub mod object;
pub mod pages;
pub mod pd;
pub mod post;
pub mod provider;
pub mod qp;
pub mod services;
pub mod status;
pub mod task;
pub mod users;

pub use self::{provider::Provider, services::Config};
