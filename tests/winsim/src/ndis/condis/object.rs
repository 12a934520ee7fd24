//! Address families, SAPs, VCs and parties, and how their handles lead to them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::fmt;
use std::rc::{Rc, Weak};

use cxndk::sys::condis::CO_ADDRESS_FAMILY;
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS};

use super::request::Slot;
use crate::ndis::adapter::AdapterState;
use crate::ndis::protocol::Binding;
use crate::ndis::table::{self, Object};
use crate::sim::{self, Moment};

/// Where an object with an open and a close is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ndis) enum Life {
    Opening,
    Open,
    Closing,
}

/// Where the call of a VC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ndis) enum Phase {
    Idle,
    Making,
    /// Offered to the client, which has not decided.
    Offered,
    /// The client took it.
    Accepted,
    Connected,
    /// `NdisClCloseCall` was called.
    Closing,
}

/// An open address family: one client, one call manager.
pub(in crate::ndis) struct Family {
    pub(in crate::ndis) handle: NDIS_HANDLE,
    pub(in crate::ndis) adapter: Rc<AdapterState>,
    pub(in crate::ndis) binding: Rc<Binding>,
    pub(super) client_context: usize,
    pub(super) manager_context: Cell<usize>,
    pub(super) life: Cell<Life>,
    pub(super) open: Slot,
    pub(super) close: Slot,
    pub(super) notify: Slot,
}

/// A SAP of a client.
pub(in crate::ndis) struct Sap {
    pub(super) handle: NDIS_HANDLE,
    pub(super) family: Rc<Family>,
    pub(super) client_context: usize,
    pub(super) manager_context: Cell<usize>,
    /// The client's `CO_SAP`.
    pub(super) description: usize,
    pub(super) life: Cell<Life>,
    pub(super) register: Slot,
    pub(super) deregister: Slot,
}

/// A VC, its call and what moves on it.
pub(in crate::ndis) struct Vc {
    pub(super) handle: NDIS_HANDLE,
    pub(super) family: Rc<Family>,
    /// Made by the call manager, not by the client.
    pub(super) by_manager: bool,
    pub(super) client_context: Cell<usize>,
    pub(super) manager_context: Cell<usize>,
    pub(super) active: Cell<bool>,
    /// `NdisMCmActivateVc` pends.
    pub(super) activating: Cell<bool>,
    /// How often it was activated; and what that was when the client asked for a change, and when it last heard of parameters.
    pub(super) activations: Cell<u32>,
    pub(super) activations_asked: Cell<u32>,
    pub(super) activations_told: Cell<u32>,
    pub(super) phase: Cell<Phase>,
    /// CLOSE-19: the client must not use the handle.
    pub(super) barred: Cell<bool>,
    pub(super) multipoint: Cell<bool>,
    pub(super) parties: RefCell<Vec<Rc<Party>>>,
    pub(super) make: Slot,
    pub(super) offer: Slot,
    pub(super) modify: Slot,
    pub(super) close: Slot,
    /// The party that the call is made with, and that it is closed with.
    pub(super) made_with: RefCell<Option<Rc<Party>>>,
    pub(super) closed_with: RefCell<Option<Rc<Party>>>,
    /// When `ProtocolCmCloseCall` was entered.
    pub(super) close_time: Cell<Moment>,
    /// The client is being told that its call could not be made, and when it was: it may not know yet.
    pub(super) telling: Cell<bool>,
    pub(super) told_failed: Cell<Option<u64>>,
    pub(super) before_close: Cell<Phase>,
    /// When and why the client was told to close.
    pub(super) told: Cell<Option<(u64, NDIS_STATUS)>>,
    /// `ProtocolClCloseCallComplete` is on a stack.
    pub(super) in_close_complete: Cell<bool>,
    /// The call manager is in its delete handler: it does not count the VC any more.
    pub(super) deleting: Cell<bool>,
    /// Packets that the miniport has.
    pub(super) sends: RefCell<BTreeMap<usize, Sending>>,
    /// Packets of the miniport that the client has.
    pub(super) lent: RefCell<BTreeSet<usize>>,
    /// Receive handlers on stacks.
    pub(super) indicating: Cell<u32>,
}

/// A packet that the miniport has.
pub(in crate::ndis) struct Sending {
    /// Its first buffer.
    pub(super) buffer: usize,
    pub(super) time: u64,
    /// Sent when the adapter was Paused: it has to come back with PAUSED.
    pub(super) rejected: bool,
}

/// A party of a multipoint call.
pub(in crate::ndis) struct Party {
    pub(super) handle: NDIS_HANDLE,
    pub(super) vc: Weak<Vc>,
    pub(super) client_context: usize,
    pub(super) manager_context: Cell<usize>,
    pub(super) life: Cell<Life>,
    pub(super) add: Slot,
    pub(super) drop: Slot,
    /// When `ProtocolCmDropParty` was entered.
    pub(super) drop_time: Cell<Moment>,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address family {:p} ({:?})", self.handle, self.life.get())
    }
}

impl fmt::Display for Sap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SAP {:p} ({:?})", self.handle, self.life.get())
    }
}

impl fmt::Display for Vc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = if self.active.get() { "active" } else { "inactive" };
        write!(f, "VC {:p} ({active}, call {:?})", self.handle, self.phase.get())
    }
}

/// All objects of a run, by handle; and the families that call managers registered, by adapter.
#[derive(Default)]
pub(super) struct Objects {
    all: RefCell<BTreeMap<u64, Object>>,
    registered: RefCell<Vec<(usize, u32, u32, u32)>>,
}

fn objects() -> Rc<Objects> {
    sim::local::<Objects>()
}

/// Makes `handle` name `object`.
pub(super) fn insert(handle: NDIS_HANDLE, object: Object) {
    table::insert(handle, object.clone());
    objects().all.borrow_mut().insert(handle as u64, object);
}

/// Makes `handle` name nothing (any more).
pub(super) fn remove(handle: NDIS_HANDLE) {
    table::remove(handle);
    let gone = objects().all.borrow_mut().remove(&(handle as u64));
    drop(gone);
}

macro_rules! lookup {
    ($($manager:ident, $kind:ident: $type:ty, $word:literal;)*) => {$(
        /// The object of a handle that a call manager uses.
        pub(super) fn $manager(handle: NDIS_HANDLE, ddi: &str) -> Rc<$type> {
            match table::find(handle) {
                Some(Object::$kind(object)) => object,
                _ => dead(handle, ddi, $word),
            }
        }
    )*};
}

lookup! {
    family, Family: Family, "address family";
    sap, Sap: Sap, "SAP";
    vc, Vc: Vc, "VC";
    party, Party: Party, "party";
}

fn dead(handle: NDIS_HANDLE, ddi: &str, kind: &str) -> ! {
    sim::fail("VRF-50", format!("{ddi}: {handle:p} is no {kind} (any more)"))
}

/// The family that a client uses: it is open, and the client has not closed it (AF-12).
pub(super) fn open_family(handle: NDIS_HANDLE, ddi: &str) -> Rc<Family> {
    let family = family(handle, ddi);
    if family.life.get() != Life::Open {
        dead(handle, ddi, "open address family");
    }
    family
}

/// The VC that a client uses: not one that the call manager has back (CLOSE-19, CLOSE-20).
pub(super) fn client_vc(handle: NDIS_HANDLE, ddi: &str) -> Rc<Vc> {
    let vc = vc(handle, ddi);
    if vc.barred.get() {
        sim::fail(
            "VRF-50",
            format!("{ddi}: CLOSE-20: {vc} of the call manager is closed, its handle is invalid"),
        );
    }
    vc
}

/// The party that a client uses (MAKE-12, PARTY-06).
pub(super) fn client_party(handle: NDIS_HANDLE, ddi: &str) -> Rc<Party> {
    let party = party(handle, ddi);
    if party.life.get() != Life::Open {
        dead(handle, ddi, "party of a call");
    }
    party
}

/// Something of CoNDIS that the adapter still has.
pub(super) fn first_of(adapter: &AdapterState) -> Option<String> {
    let here = |family: &Family| family.adapter.handle == adapter.handle;
    objects().all.borrow().values().find_map(|object| match object {
        Object::Family(family) if here(family) => Some(family.to_string()),
        Object::Sap(sap) if here(&sap.family) => Some(sap.to_string()),
        Object::Vc(vc) if here(&vc.family) => Some(vc.to_string()),
        Object::Party(party) if party.vc.upgrade().is_none_or(|vc| here(&vc.family)) => {
            Some(format!("party {:p}", party.handle))
        }
        _ => None,
    })
}

/// All VCs of an adapter.
pub(super) fn vcs_of(adapter: &AdapterState) -> Vec<Rc<Vc>> {
    vcs(|vc| vc.family.adapter.handle == adapter.handle)
}

/// All VCs of which something is true.
pub(super) fn vcs(wanted: impl Fn(&Vc) -> bool) -> Vec<Rc<Vc>> {
    let objects = objects();
    let all = objects.all.borrow();
    all.values()
        .filter_map(|object| match object {
            Object::Vc(vc) if wanted(vc) => Some(Rc::clone(vc)),
            _ => None,
        })
        .collect()
}

/// What keeps a family from being closed: its VCs and SAPs.
pub(super) fn users_of(family: &Family) -> Vec<String> {
    let objects = objects();
    let all = objects.all.borrow();
    all.values()
        .filter_map(|object| match object {
            Object::Vc(vc) if vc.family.handle == family.handle && !vc.deleting.get() => Some(vc.to_string()),
            Object::Sap(sap) if sap.family.handle == family.handle => Some(sap.to_string()),
            _ => None,
        })
        .collect()
}

/// The families of an adapter, or of one binding.
pub(super) fn families(wanted: impl Fn(&Family) -> bool) -> Vec<Rc<Family>> {
    let objects = objects();
    let all = objects.all.borrow();
    all.values()
        .filter_map(|object| match object {
            Object::Family(family) if wanted(family) => Some(Rc::clone(family)),
            _ => None,
        })
        .collect()
}

/// Notes that the adapter has a call manager for the family; false if it has one already (AF-02).
pub(super) fn register_family(adapter: &AdapterState, family: &CO_ADDRESS_FAMILY) -> bool {
    let key = adapter.handle as usize;
    let objects = objects();
    let mut registered = objects.registered.borrow_mut();
    if registered
        .iter()
        .any(|(at, kind, ..)| *at == key && *kind == family.AddressFamily)
    {
        return false;
    }
    registered.push((
        key,
        family.AddressFamily,
        family.MajorVersion,
        family.MinorVersion,
    ));
    true
}

/// The families that the adapter's call manager registered, oldest first.
pub(super) fn registered_families(adapter: &AdapterState) -> Vec<CO_ADDRESS_FAMILY> {
    let key = adapter.handle as usize;
    let objects = objects();
    let registered = objects.registered.borrow();
    registered
        .iter()
        .filter(|(at, ..)| *at == key)
        .map(|(_, kind, major, minor)| CO_ADDRESS_FAMILY {
            AddressFamily: *kind,
            MajorVersion: *major,
            MinorVersion: *minor,
        })
        .collect()
}

/// The adapter has no call manager any more.
pub(in crate::ndis) fn forget_families(adapter: &AdapterState) {
    let key = adapter.handle as usize;
    objects().registered.borrow_mut().retain(|(at, ..)| *at != key);
}

/// A context as handlers take it.
pub(super) const fn pointer(context: usize) -> *mut c_void {
    context as *mut c_void
}
