//! What the client of a scenario was told, and what arrived.

use cxndk::sys::ndis::NDIS_STATUS;

use super::{CallClient, Calls, CoHandle, News};
use crate::sim;

impl CallClient {
    /// What a handle was told, oldest first.
    pub fn news(&self, handle: CoHandle) -> Vec<News> {
        sim::local::<Calls>().with(handle, "news", |object| object.news.clone())
    }

    /// Messages that arrived on a VC.
    pub fn received(&self, vc: CoHandle) -> Vec<Vec<u8>> {
        sim::local::<Calls>().with(vc, "received", |object| object.state.received.clone())
    }

    /// Statuses of packets that came back on a VC.
    pub fn sent(&self, vc: CoHandle) -> Vec<NDIS_STATUS> {
        sim::local::<Calls>().with(vc, "sent", |object| object.state.sent.clone())
    }

    /// Messages that arrived on a VC since the last time, taken out.
    pub fn take_received(&self, vc: CoHandle) -> Vec<Vec<u8>> {
        sim::local::<Calls>().with(vc, "received", |object| {
            std::mem::take(&mut object.state.received)
        })
    }

    /// Statuses of packets that came back on a VC since the last time, taken out.
    pub fn take_sent(&self, vc: CoHandle) -> Vec<NDIS_STATUS> {
        sim::local::<Calls>().with(vc, "sent", |object| std::mem::take(&mut object.state.sent))
    }

    /// VCs that the call manager made on a family, oldest first.
    pub fn incoming(&self, family: CoHandle) -> Vec<CoHandle> {
        let calls = sim::local::<Calls>();
        let objects = calls.objects.borrow();
        objects
            .iter()
            .filter(|(_, object)| object.state.by_manager && object.parent == family)
            .map(|(handle, _)| *handle)
            .collect()
    }
}
