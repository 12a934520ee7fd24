//! Frames of an adapter, for consumers: sent in every shape, seen as they arrive.

use cxndk::sys::ndis::NDIS_STATUS;

use super::outgoing::Outgoing;
use super::pnp::Adapter;
use super::receive::Listener;
use super::send::Completion;

impl Adapter {
    /// Sends frames, a list each, in one chain and waits for nothing.
    pub fn send(&self, frames: &[&[u8]]) {
        let lists: Vec<Vec<&[u8]>> = frames.iter().map(|frame| vec![*frame]).collect();
        self.send_lists(&lists);
    }

    /// Sends lists of frames in one chain and waits for nothing.
    pub fn send_lists(&self, lists: &[Vec<&[u8]>]) {
        let packet = |list: &Vec<&[u8]>| Outgoing {
            buffers: list.iter().map(|frame| frame.to_vec()).collect(),
            ..Outgoing::default()
        };
        self.send_packets(lists.iter().map(packet).collect());
    }

    /// Sends packets in one chain and waits for nothing. What they are called.
    pub fn send_packets(&self, packets: Vec<Outgoing>) -> Vec<u64> {
        self.on_host("send", move |state| state.send(&packets))
    }

    /// Cancels the sends of a cancel id, as far as they wait.
    pub fn cancel_sends(&self, id: usize) {
        self.on_host("cancel sends", move |state| state.cancel_sends(id));
    }

    /// Waits for all sends (VRF-08, VRF-09) and returns what came back, oldest first.
    pub fn completions(&self) -> Vec<Completion> {
        self.on_host("await sends", |state| {
            state.drain_sends();
            state.sends.take_completed()
        })
    }

    /// Waits for all sends and returns their statuses.
    pub fn sent(&self) -> Vec<NDIS_STATUS> {
        let completions = self.completions();
        completions.iter().map(|packet| packet.status).collect()
    }

    /// Shows received frames to `listener` from now on, at `DISPATCH_LEVEL`.
    pub fn on_receive(&self, listener: Listener) {
        self.state.receives.listen(listener);
    }
}
