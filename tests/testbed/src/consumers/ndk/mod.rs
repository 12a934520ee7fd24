//! The consumer's side of the Network Direct kernel interface.
//!
//! Thin: each method is one call of the interface, with its completion callback turned into [`Started`], which a context
//! can wait for. Nothing is closed behind the consumer's back, because when and in which order it closes is what tests
//! are about.

mod adapter;
mod address;
mod connector;
mod memory;
mod object;
mod qp;
mod queue;
mod status;
mod wait;

pub use adapter::Adapter;
pub use address::SockAddr;
pub use connector::{ConnectionData, Connector, Listener, ReadLimits};
pub use memory::{Building, Lam, Mr, Pd, QpLimits};
pub use object::{Kind, Object};
pub use qp::{Qp, Registration, Remote, sge};
pub use queue::{Completed, Cq, Notify};
pub use status::Status;
pub use wait::{Completion, Outcome, Started, closed, created, request_completed};
pub use winsim::nt::Buffer;
