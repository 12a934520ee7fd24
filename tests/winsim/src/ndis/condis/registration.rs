//! What miniports and protocol drivers register with `NdisSetOptionalHandlers` for CoNDIS (REG).

use cxndk::sys::condis::{
    NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS, NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
    NDIS_MINIPORT_CO_CHARACTERISTICS, NDIS_PROTOCOL_CO_CHARACTERISTICS,
};

use crate::sim;

/// The handlers that a miniport driver registered.
#[derive(Clone, Copy)]
pub(in crate::ndis) struct Handlers {
    pub(in crate::ndis) miniport: Option<NDIS_MINIPORT_CO_CHARACTERISTICS>,
    pub(in crate::ndis) manager: Option<NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS>,
}

impl Handlers {
    pub(in crate::ndis) const NONE: Self = Self {
        miniport: None,
        manager: None,
    };
}

fn require(rule: &'static str, ok: bool, message: &str) {
    if !ok {
        sim::fail(rule, message.to_owned());
    }
}

/// Whether a structure of a header, a reserved word and handlers has an empty slot.
fn has_empty_slot<T>(table: &T) -> bool {
    let words = size_of::<T>() / size_of::<usize>();
    let first = std::ptr::from_ref(table).cast::<usize>();
    // SAFETY: the table consists of words: a header with its reserved half, then pointers.
    let words = unsafe { std::slice::from_raw_parts(first, words) };
    words[1..].contains(&0)
}

/// REG-05: requests to the miniport and to the call manager have entry points of their own.
pub(super) fn check_entries(handlers: &Handlers) {
    let one = handlers.miniport.and_then(|m| m.CoOidRequestHandler);
    let other = handlers.manager.and_then(|m| m.CmOidRequestHandler);
    require(
        "REG-05",
        one.map_or(0, |f| f as usize) != other.map_or(0, |f| f as usize),
        "one entry point for requests to miniport and call manager",
    );
}

/// REG-09: the connection-oriented handlers of a protocol driver.
pub(in crate::ndis) fn check_protocol(given: &NDIS_PROTOCOL_CO_CHARACTERISTICS) {
    require(
        "REG-09",
        !has_empty_slot(given) && given.Flags == 0,
        "a connection-oriented handler of the protocol driver is missing",
    );
}

/// REG-08: the handlers of a client.
pub(in crate::ndis) fn check_client(given: &NDIS_CO_CLIENT_OPTIONAL_HANDLERS) {
    require(
        "REG-08",
        !has_empty_slot(given) && given.Reserved == 0,
        "a handler of the CoNDIS client is missing",
    );
}
