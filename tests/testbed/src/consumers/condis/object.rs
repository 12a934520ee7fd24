//! What a client knows of its families, SAPs, VCs and parties.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::co::format::{Call, ManagerBuffer};
use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS};

use super::packets::Sent;
use super::protocol::Protocol;
use super::{CoHandle, News};
use crate::ndis::STALE_HANDLE;
use crate::sim;

/// One of them.
pub(super) struct Object {
    pub(super) id: CoHandle,
    pub(super) kind: &'static str,
    pub(super) client: Rc<Protocol>,
    /// The family of a SAP or VC; the VC of a party.
    pub(super) parent: CoHandle,
    /// The handle of NDIS, in the place that NDIS was given for it.
    pub(super) handle: Cell<NDIS_HANDLE>,
    pub(super) news: RefCell<Vec<News>>,
    /// The result of the open of a family.
    pub(super) opened: Cell<Option<NDIS_STATUS>>,
    /// The call manager made it, for a call that comes in.
    pub(super) by_manager: Cell<bool>,
    /// Parameters of the offer, until the client has answered.
    pub(super) offered: Cell<*mut CO_CALL_PARAMETERS>,
    /// Call parameters and bytes that stay where they are until a request is over.
    #[expect(clippy::vec_box, reason = "they stay where they are")]
    lent: RefCell<Vec<Box<Parameters>>>,
    bytes: RefCell<Vec<Box<[u64]>>>,
    /// Packets that the client has, and whether it keeps those that come.
    pub(super) held: RefCell<Vec<usize>>,
    pub(super) keeps: Cell<bool>,
    pub(super) received: RefCell<Vec<Vec<u8>>>,
    pub(super) sending: RefCell<BTreeMap<usize, Sent>>,
    pub(super) sent: RefCell<Vec<NDIS_STATUS>>,
}

/// Call parameters of the client.
struct Parameters {
    params: CO_CALL_PARAMETERS,
    manager: ManagerBuffer,
}

impl Object {
    /// What the client passes to NDIS as its context.
    pub(super) const fn context(&self) -> *mut c_void {
        self.id.0 as *mut c_void
    }

    pub(super) fn tell(&self, news: News) {
        sim::note(format!("client, {} {:?}: {news:?}", self.kind, self.id));
        self.news.borrow_mut().push(news);
    }

    pub(super) fn was_told(&self, news: &News) -> bool {
        self.news.borrow().contains(news)
    }

    /// Call parameters that stay where they are.
    pub(super) fn lend(&self, call: &Call, flags: u32) -> *mut CO_CALL_PARAMETERS {
        let mut lent = Box::new(Parameters {
            params: CO_CALL_PARAMETERS {
                Flags: flags,
                CallMgrParameters: std::ptr::null_mut(),
                MediaParameters: std::ptr::null_mut(),
            },
            manager: call.encode(),
        });
        lent.params.CallMgrParameters = (&raw mut lent.manager).cast();
        let params = &raw mut lent.params;
        self.lent.borrow_mut().push(lent);
        params
    }

    /// Bytes that stay where they are, aligned for anything; NULL for none.
    pub(super) fn lend_bytes(&self, bytes: &[u8]) -> *mut c_void {
        if bytes.is_empty() {
            return std::ptr::null_mut();
        }
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut words: Box<[u64]> = words.collect();
        let at = words.as_mut_ptr().cast();
        self.bytes.borrow_mut().push(words);
        at
    }

    /// Drops the parameters that were lent: no request with some is pending.
    pub(super) fn take_parameters_back(&self) {
        self.lent.borrow_mut().clear();
    }

    /// Drops the bytes that were lent: no request with some is pending.
    pub(super) fn take_bytes_back(&self) {
        self.bytes.borrow_mut().clear();
    }
}

/// All objects of a run.
#[derive(Default)]
struct Objects {
    given: Cell<usize>,
    objects: RefCell<BTreeMap<CoHandle, Rc<Object>>>,
}

/// A new object of a client.
pub(super) fn add(client: &Rc<Protocol>, kind: &'static str, parent: CoHandle) -> Rc<Object> {
    let all = sim::local::<Objects>();
    let id = all.given.get() + 1;
    all.given.set(id);
    let object = Rc::new(Object {
        id: CoHandle(id),
        kind,
        client: Rc::clone(client),
        parent,
        handle: Cell::new(std::ptr::null_mut()),
        news: RefCell::default(),
        opened: Cell::new(None),
        by_manager: Cell::new(false),
        offered: Cell::new(std::ptr::null_mut()),
        lent: RefCell::default(),
        bytes: RefCell::default(),
        held: RefCell::default(),
        keeps: Cell::new(false),
        received: RefCell::default(),
        sending: RefCell::default(),
        sent: RefCell::default(),
    });
    all.objects.borrow_mut().insert(object.id, Rc::clone(&object));
    object
}

/// The object that a scenario means.
pub(super) fn get(id: CoHandle) -> Rc<Object> {
    let all = sim::local::<Objects>();
    let objects = all.objects.borrow();
    let Some(object) = objects.get(&id) else {
        sim::fail(STALE_HANDLE, format!("the client has no {id:?}"));
    };
    Rc::clone(object)
}

/// The object whose context NDIS passes back.
pub(super) fn of_context(context: *mut c_void) -> Rc<Object> {
    get(CoHandle(context as usize))
}

/// Objects that `wanted` picks, oldest first.
pub(super) fn matching(wanted: impl Fn(&Object) -> bool) -> Vec<Rc<Object>> {
    let all = sim::local::<Objects>();
    let objects = all.objects.borrow();
    objects
        .values()
        .filter(|object| wanted(object))
        .cloned()
        .collect()
}
