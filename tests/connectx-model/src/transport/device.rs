//! The device as the engine's host.

use std::rc::Rc;

use super::host::{Fault, Host, KeyUpdate, Place};
use crate::platform::DmaFault;
use crate::{
    Accessor, Counter, CqeSpec, Cqn, Device, GidEntry, Key, Qp, QpEvent, Qpn, Right, UmrRequest, gather,
    scatter,
};

/// A device while the engine works for it.
pub struct DeviceHost<'a>(pub &'a Rc<Device>);

impl DeviceHost<'_> {
    fn with_qp<T>(&self, number: Qpn, use_it: impl FnOnce(&Qp) -> Result<T, Fault>) -> Result<T, Fault> {
        self.0.qp(number).map_or(Err(Fault::Dma), |qp| use_it(&qp))
    }
}

impl From<DmaFault> for Fault {
    fn from(_: DmaFault) -> Self {
        Self::Dma
    }
}

impl Host for DeviceHost<'_> {
    fn send_block(&self, qp: Qpn, index: u16) -> Result<[u8; 64], Fault> {
        self.with_qp(qp, |qp| Ok(qp.send_block(self.0, index)?))
    }

    fn receive_wqe(&self, qp: Qpn, index: u16) -> Result<Vec<u8>, Fault> {
        self.with_qp(qp, |qp| Ok(qp.receive_wqe(self.0, u32::from(index))?))
    }

    fn posted_sends(&self, qp: Qpn) -> Result<u16, Fault> {
        self.with_qp(qp, |qp| Ok(qp.posted_sends(self.0)?))
    }

    fn posted_receives(&self, qp: Qpn) -> Result<u16, Fault> {
        self.with_qp(qp, |qp| Ok(qp.posted_receives(self.0)?))
    }

    fn check(&self, by: Accessor, place: Place, length: u64, right: Right) -> Result<(), Fault> {
        self.0.mkeys.access(place.key, place.address, length, right, by)?;
        Ok(())
    }

    fn read(&self, by: Accessor, place: Place, right: Right, into: &mut [u8]) -> Result<(), Fault> {
        let segments = self
            .0
            .mkeys
            .access(place.key, place.address, into.len() as u64, right, by)?;
        Ok(gather(self.0, &segments, into)?)
    }

    fn write(&self, by: Accessor, place: Place, right: Right, from: &[u8]) -> Result<(), Fault> {
        let segments = self
            .0
            .mkeys
            .access(place.key, place.address, from.len() as u64, right, by)?;
        Ok(scatter(self.0, &segments, from)?)
    }

    fn update_key(&self, qp: Qpn, key: Key, update: &KeyUpdate, list: &[u8]) -> Result<(), Fault> {
        let request = UmrRequest {
            key,
            control: &update.control,
            context: &update.context,
            list,
        };
        self.with_qp(qp, |qp| Ok(self.0.umr(qp, &request)?))
    }

    fn invalidate(&self, by: Accessor, key: Key) -> Result<(), Fault> {
        Ok(self.0.mkeys.invalidate_remotely(key, by)?)
    }

    fn complete(&self, queue: Cqn, completion: CqeSpec) -> bool {
        self.0.post_cqe(queue, &completion).is_ok()
    }

    fn mistake(&self, qp: Qpn, what: &str) {
        self.0
            .driver_error("connectx.md 10: data segment", &format!("{qp:?}: {what}"));
    }

    fn raise(&self, qp: Qpn, event: QpEvent) {
        self.0.raise_qp_event(qp, event);
    }

    fn failed(&self, qp: Qpn, send_queue_only: bool) {
        if let Some(qp) = self.0.qp(qp) {
            self.0.qp_error(&qp, send_queue_only);
        }
    }

    fn count(&self, qp: Qpn, counter: Counter) {
        if let Some(qp) = self.0.qp(qp) {
            self.0.count(&qp, counter);
        }
    }

    fn address(&self, index: u8) -> Option<GidEntry> {
        self.0.gids.get(index)
    }

    fn address_of(&self, gid: &[u8; 16]) -> Option<GidEntry> {
        self.0.gids.find(gid).map(|(_, entry)| entry)
    }

    fn send(&self, frame: Vec<u8>) {
        self.0.send_frame(frame);
    }
}
