//! The send queue of a queue pair: posting work requests, ringing the doorbell, matching completions.
//!
//! No lock and no allocation. All methods take `&self`; state is relaxed atomics, which cost plain loads and stores. The caller
//! serialises posts with posts, and completions with completions (the Network Direct contract, rules QP-01 and CQ-01);
//! posting may run beside completing.
//!
//! | module | what lives there |
//! |---|---|
//! | `request` | work requests and what becomes of them |
//! | `element` | how long elements are, and what they say of completions and fences |
//! | `page_lists` | lists of pages that are too long for an element |
//! | `queue` | what is outstanding, the doorbell, completions |
//! | `build`, `post` | writing elements, for each kind of request |

mod build;
mod element;
pub(super) mod page_lists;
mod post;
mod queue;
mod request;

pub(super) use self::{
    element::{blocks_per_request, umr_reporting},
    page_lists::PageLists,
    queue::Parts,
};
pub use self::{
    post::MAX_READ_SGES,
    queue::SendQueue,
    request::{Completed, FastRegister, PostError, PostFlags, Posted, Sge, WqeKind},
};
pub use super::wqe::AddressVector as UdAddress;
