//! What the client was told, and what arrived, for the scenario.

use cxndk::sys::ndis::NDIS_STATUS;

use super::{CallClient, CoHandle, News, object};

impl CallClient {
    /// What a handle was told, oldest first.
    pub fn news(&self, handle: CoHandle) -> Vec<News> {
        object::get(handle).news.borrow().clone()
    }

    /// How the calls that were made on a VC ended, oldest first.
    pub fn made(&self, vc: CoHandle) -> Vec<NDIS_STATUS> {
        let made = |news: &News| match news {
            News::Made(status, _) => Some(*status),
            _ => None,
        };
        object::get(vc).news.borrow().iter().filter_map(made).collect()
    }

    /// Whether the peer of a VC's call has closed it.
    pub fn peer_closed(&self, vc: CoHandle) -> bool {
        let closed = |news: &News| matches!(news, News::PeerClosed(..));
        object::get(vc).news.borrow().iter().any(closed)
    }

    /// How many closes of a VC's calls were completed.
    pub fn closes(&self, vc: CoHandle) -> usize {
        let closed = |news: &&News| matches!(news, News::Closed(..));
        object::get(vc).news.borrow().iter().filter(closed).count()
    }

    /// Messages that arrived on a VC.
    pub fn received(&self, vc: CoHandle) -> Vec<Vec<u8>> {
        object::get(vc).received.borrow().clone()
    }

    /// Whether NDIS was asked to add a party.
    pub fn was_asked(&self, party: CoHandle) -> bool {
        !object::get(party).handle.get().is_null() || !object::get(party).news.borrow().is_empty()
    }

    /// How many packets of a VC the client keeps.
    pub fn held(&self, vc: CoHandle) -> usize {
        object::get(vc).held.borrow().len()
    }

    /// Statuses of packets that came back on a VC.
    pub fn sent(&self, vc: CoHandle) -> Vec<NDIS_STATUS> {
        object::get(vc).sent.borrow().clone()
    }

    /// Messages that arrived on a VC since the last time, taken out.
    pub fn take_received(&self, vc: CoHandle) -> Vec<Vec<u8>> {
        object::get(vc).received.take()
    }

    /// Statuses of packets that came back on a VC since the last time, taken out.
    pub fn take_sent(&self, vc: CoHandle) -> Vec<NDIS_STATUS> {
        object::get(vc).sent.take()
    }

    /// VCs that the call manager made on a family, oldest first.
    pub fn incoming(&self, family: CoHandle) -> Vec<CoHandle> {
        object::matching(|object| object.by_manager.get() && object.parent == family)
            .iter()
            .map(|object| object.id)
            .collect()
    }
}
