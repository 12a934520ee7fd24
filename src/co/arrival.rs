//! A peer's call arrives on a SAP: it gets a VC.

use super::{sap::Sap, vc::Vc, wire::Hello};
use crate::cm::{Incoming, ListenerEvents, mad::RejectReason};

impl ListenerEvents for Sap {
    fn requested(&self, incoming: Incoming) -> Result<(), RejectReason> {
        let hold = self.hold().ok_or(RejectReason::INVALID_SERVICE_ID)?;
        let (hello, data) = Hello::parse(&incoming.private_data).map_err(|_| RejectReason::CONSUMER)?;
        Vc::incoming(hold, incoming, &hello, data).map_err(|_| RejectReason::NO_RESOURCES)
    }
}
