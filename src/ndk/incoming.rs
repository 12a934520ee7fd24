//! A peer asks for a connection: its connector is made, and the listener's consumer is told.

use super::{connector::Connector, listener::Listener, object::Object};
use crate::cm::{Incoming, ListenerEvents, mad::RejectReason};

impl ListenerEvents for Object<Listener> {
    fn requested(&self, incoming: Incoming) -> Result<(), RejectReason> {
        // Held until the callback has returned; no callback once the close began (LIFE-36, LIFE-38).
        let hold = self
            .myself()
            .and_then(|this| Self::event(&this))
            .ok_or(RejectReason::INVALID_SERVICE_ID)?;
        let listener = hold.object().clone();
        let adapter = Object::hold(&listener.kind().adapter);
        let connector = Connector::incoming(adapter, Self::hold(&listener), incoming)
            .map_err(|_| RejectReason::NO_RESOURCES)?;
        let handle = Object::hand_out(&connector);
        drop(connector);
        listener.kind().event.call(handle);
        drop(hold);
        Ok(())
    }
}
