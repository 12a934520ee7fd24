//! CoNDIS for one client, which is the scenario itself: it asks the call manager through [`CallClient`] and reads what it was told.
//!
//! What is enforced here, of the CoNDIS contract: completions come once and for what pends (GEN-02), a VC is created, activated,
//! deactivated and deleted in order (VC-09, VC-20, VC-25), nothing is indicated before the call is connected or after its close
//! (INC-11, CLOSE-33), packets come back once (DATA-04, DATA-10), and nothing is left at the end of Halt (HALT-07).

pub(super) mod exports;
mod heard;
mod packets;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::Rc;

use cxndk::co::format::{ADDRESS_FAMILY, Call, FAMILY_MAJOR, FAMILY_MINOR, ManagerBuffer, Sap};
use cxndk::co::{params, upcall::Params};
use cxndk::sys::condis::{
    CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS, MULTIPOINT_VC, NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
    NDIS_MINIPORT_CO_CHARACTERISTICS,
};
use cxndk::sys::ndis::{
    NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST,
};

use super::adapter::AdapterState;
use super::kernel;
use super::pnp::Adapter;
use crate::sim;

/// A handle of CoNDIS: of a family, a SAP, a VC or a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoHandle(pub(super) usize);

impl CoHandle {
    /// Nothing: the party of a point-to-point call.
    pub const NULL: Self = Self(0);

    const fn raw(self) -> *mut c_void {
        self.0 as *mut c_void
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the calls")]
pub enum News {
    SapRegistered(NDIS_STATUS),
    SapDeregistered,
    FamilyClosed,
    CloseAsked,
    Made(NDIS_STATUS, bool),
    Offered(Vec<u8>),
    Activated,
    Connected,
    QosModified(NDIS_STATUS),
    QosOffered(u32, u32),
    PeerClosed(NDIS_STATUS, Vec<u8>),
    Closed(NDIS_STATUS, CoHandle),
    Deactivated,
    Deleted,
    PartyAdded(NDIS_STATUS),
    PartyDropped(NDIS_STATUS),
    PeerDropped(NDIS_STATUS, Vec<u8>),
}

/// How the client answers an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// From the handler itself.
    Inline(NDIS_STATUS),
    /// Later, by [`CallClient::answer`].
    Later,
}

/// What a handle names, and what happened to it.
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) adapter: Rc<AdapterState>,
    /// The call manager's context.
    pub(super) context: usize,
    /// The family of a SAP or VC; the VC of a party.
    pub(super) parent: CoHandle,
    pub(super) news: Vec<News>,
    pub(super) state: VcState,
}

/// What NDIS and the client know of a VC.
#[derive(Default)]
pub(super) struct VcState {
    pub(super) by_manager: bool,
    pub(super) active: bool,
    pub(super) connected: bool,
    pub(super) closing: bool,
    #[expect(clippy::vec_box, reason = "they stay where they are")]
    pub(super) parameters: Vec<Box<Lent>>,
    pub(super) offered: usize,
    /// Packets that the client has, and whether it keeps those that come.
    pub(super) held: Vec<usize>,
    pub(super) keeps: bool,
    pub(super) received: Vec<Vec<u8>>,
    pub(super) sending: BTreeMap<usize, packets::Sent>,
    pub(super) sent: Vec<NDIS_STATUS>,
}

/// Parameters of the client, at a fixed place.
pub(super) struct Lent {
    params: CO_CALL_PARAMETERS,
    manager: ManagerBuffer,
}

/// CoNDIS of one run.
#[derive(Default)]
pub(super) struct Calls {
    given: Cell<usize>,
    objects: RefCell<BTreeMap<CoHandle, Object>>,
    /// Adapters that registered the address family.
    families: RefCell<Vec<usize>>,
    /// How offers are answered, by family.
    answers: RefCell<BTreeMap<CoHandle, OfferAnswer>>,
}

/// The handlers that a driver registered.
#[derive(Clone, Copy)]
pub(super) struct Handlers {
    pub(super) miniport: Option<NDIS_MINIPORT_CO_CHARACTERISTICS>,
    pub(super) manager: Option<NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS>,
}

impl Handlers {
    pub(super) const NONE: Self = Self {
        miniport: None,
        manager: None,
    };
}

impl Calls {
    /// A handle for a new object.
    fn add(&self, object: Object) -> CoHandle {
        let n = self.given.get() + 1;
        self.given.set(n);
        let handle = CoHandle(FIRST + n * 16);
        self.objects.borrow_mut().insert(handle, object);
        handle
    }

    /// Looks at what a handle names.
    fn with<T>(&self, handle: CoHandle, ddi: &str, look: impl FnOnce(&mut Object) -> T) -> T {
        let mut objects = self.objects.borrow_mut();
        let Some(object) = objects.get_mut(&handle) else {
            sim::fail(super::STALE_HANDLE, format!("{ddi}: {handle:x?} names nothing"));
        };
        look(object)
    }

    fn tell(&self, handle: CoHandle, ddi: &'static str, news: News) {
        sim::note(format!("{ddi}: {handle:x?} {news:?}"));
        self.with(handle, ddi, |object| object.news.push(news));
    }
}

/// HALT-07: the adapter has neither families nor VCs when Halt is over.
pub(super) fn expect_nothing_left(adapter: &AdapterState) {
    let calls = sim::local::<Calls>();
    let key = adapter.handle as usize;
    calls.families.borrow_mut().retain(|handle| *handle != key);
    for (handle, object) in &*calls.objects.borrow() {
        let ended = match object.kind {
            "family" => object.news.contains(&News::FamilyClosed),
            "vc" => object.news.contains(&News::Deleted),
            _ => true,
        };
        if object.adapter.handle == adapter.handle && !ended {
            sim::fail(
                "HALT-07",
                format!("{} {handle:x?} is left after MiniportHaltEx", object.kind),
            );
        }
    }
}

/// Where the handles of scenarios begin, apart from all that NDIS gives to clients.
const FIRST: usize = 0x434f_4e44_0000_0000;

/// Whether a handle is one that a scenario gave to the call manager.
pub(super) fn owns(handle: *mut c_void) -> bool {
    (handle as usize) >> 32 == FIRST >> 32
}

/// Whether a scenario has a packet of the miniport, or the miniport has one of the scenario's.
pub(super) fn has_list(list: usize) -> bool {
    let calls = sim::local::<Calls>();
    let objects = calls.objects.borrow();
    objects
        .values()
        .any(|object| object.state.held.contains(&list) || object.state.sending.contains_key(&list))
}

/// A client of the call manager of one adapter.
#[derive(Clone)]
pub struct CallClient(Adapter);

impl Adapter {
    /// A client of the adapter's call manager.
    pub fn calls(&self) -> CallClient {
        CallClient(self.clone())
    }
}

/// Calls a handler of the call manager.
macro_rules! ask {
    ($adapter:expr, $handler:ident($($argument:expr),* $(,)?)) => {{
        let handlers = $adapter.driver.calls.get().manager.expect("a call manager");
        let handler = handlers.$handler.expect("all handlers are there");
        // SAFETY: the driver registered it; the arguments are those of the contract.
        let result = unsafe { handler($($argument),*) };
        kernel::expect_clean(stringify!($handler));
        result
    }};
}

impl CallClient {
    fn run<R: 'static>(
        &self,
        what: &'static str,
        f: impl FnOnce(&Rc<AdapterState>, &Calls) -> R + 'static,
    ) -> R {
        self.0
            .on_host(what, move |state| f(state, &sim::local::<Calls>()))
    }

    /// Opens a family; `CmOpenAf` answers at once or fails.
    ///
    /// # Errors
    /// The call manager's status.
    pub fn open_family_of(&self, family: u32, version: (u32, u32)) -> Result<CoHandle, NDIS_STATUS> {
        self.run("NdisClOpenAddressFamilyEx", move |adapter, calls| {
            assert!(
                calls.families.borrow().contains(&(adapter.handle as usize)),
                "the family is registered"
            );
            let handle = calls.add(object("family", adapter, CoHandle::NULL));
            let mut family = CO_ADDRESS_FAMILY {
                AddressFamily: family,
                MajorVersion: version.0,
                MinorVersion: version.1,
            };
            let mut context = null_mut();
            let status = ask!(
                adapter,
                CmOpenAfHandler(adapter.context(), &raw mut family, handle.raw(), &raw mut context)
            );
            if status != NDIS_STATUS_SUCCESS {
                calls.objects.borrow_mut().remove(&handle);
                return Err(status);
            }
            calls.with(handle, "CmOpenAf", |object| object.context = context as usize);
            Ok(handle)
        })
    }

    /// Opens the driver's family.
    ///
    /// # Panics
    /// When the call manager refuses.
    pub fn open_family(&self) -> CoHandle {
        self.open_family_of(ADDRESS_FAMILY, (FAMILY_MAJOR, FAMILY_MINOR))
            .expect("the call manager opens its family")
    }

    /// `NdisClCloseAddressFamily`; [`News::FamilyClosed`] follows.
    pub fn close_family(&self, family: CoHandle) {
        self.run("NdisClCloseAddressFamily", move |adapter, calls| {
            let context = calls.with(family, "NdisClCloseAddressFamily", |object| object.context);
            let status = ask!(adapter, CmCloseAfHandler(context as *mut c_void));
            if status == NDIS_STATUS_SUCCESS {
                calls.tell(family, "CmCloseAf", News::FamilyClosed);
            } else {
                assert_eq!(status, NDIS_STATUS_PENDING, "AF-13");
            }
        });
    }

    /// `NdisClRegisterSap` with these bytes as the record; [`News::SapRegistered`] follows.
    pub fn register_sap_bytes(&self, family: CoHandle, sap_type: u32, record: Vec<u8>) -> CoHandle {
        self.run("NdisClRegisterSap", move |adapter, calls| {
            let sap = calls.add(object("sap", adapter, family));
            let context = calls.with(family, "NdisClRegisterSap", |object| object.context);
            let mut bytes = sap_type.to_le_bytes().to_vec();
            bytes.extend((record.len() as u32).to_le_bytes());
            bytes.extend(record);
            // The buffer of a client lies where it likes, aligned for its first fields.
            let mut words = vec![0u64; bytes.len().div_ceil(8)];
            for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
                let mut whole = [0; 8];
                whole[..chunk.len()].copy_from_slice(chunk);
                *word = u64::from_le_bytes(whole);
            }
            let mut place = null_mut();
            let status = ask!(
                adapter,
                CmRegisterSapHandler(
                    context as *mut c_void,
                    words.as_mut_ptr().cast(),
                    sap.raw(),
                    &raw mut place
                )
            );
            if status != NDIS_STATUS_PENDING {
                calls.tell(sap, "CmRegisterSap", News::SapRegistered(status));
            }
            sap
        })
    }

    /// `NdisClRegisterSap`; [`News::SapRegistered`] follows.
    pub fn register_sap(&self, family: CoHandle, local: std::net::SocketAddr) -> CoHandle {
        let buffer = Sap { local }.encode();
        let record = buffer.record.bytes().to_vec();
        self.register_sap_bytes(family, buffer.sap_type, record)
    }

    /// `NdisClDeregisterSap`; [`News::SapDeregistered`] follows.
    pub fn deregister_sap(&self, sap: CoHandle) {
        self.run("NdisClDeregisterSap", move |adapter, calls| {
            let context = calls.with(sap, "NdisClDeregisterSap", |object| object.context);
            let status = ask!(adapter, CmDeregisterSapHandler(context as *mut c_void));
            if status == NDIS_STATUS_SUCCESS {
                calls.tell(sap, "CmDeregisterSap", News::SapDeregistered);
            }
        });
    }

    /// `NdisCoCreateVc`.
    pub fn create_vc(&self, family: CoHandle) -> CoHandle {
        self.run("NdisCoCreateVc", move |adapter, calls| {
            let vc = calls.add(object("vc", adapter, family));
            let context = calls.with(family, "NdisCoCreateVc", |object| object.context);
            let mut place = null_mut();
            let status = ask!(
                adapter,
                CmCreateVcHandler(context as *mut c_void, vc.raw(), &raw mut place)
            );
            assert_eq!(status, NDIS_STATUS_SUCCESS, "the call manager makes a VC");
            calls.with(vc, "NdisCoCreateVc", |object| object.context = place as usize);
            vc
        })
    }

    /// `NdisCoDeleteVc`; the call manager's answer.
    pub fn delete_vc(&self, vc: CoHandle) -> NDIS_STATUS {
        self.run("NdisCoDeleteVc", move |adapter, calls| {
            let context = calls.with(vc, "NdisCoDeleteVc", |object| object.context);
            let status = ask!(adapter, CmDeleteVcHandler(context as *mut c_void));
            if status == NDIS_STATUS_SUCCESS {
                calls.tell(vc, "NdisCoDeleteVc", News::Deleted);
            }
            status
        })
    }

    /// `NdisClMakeCall`, as a multipoint call if there is a party; the call manager's answer. [`News::Made`] follows PENDING.
    pub fn make_call(&self, vc: CoHandle, call: Call, party: Option<CoHandle>) -> NDIS_STATUS {
        self.run("NdisClMakeCall", move |adapter, calls| {
            let flags = if party.is_some() { MULTIPOINT_VC } else { 0 };
            let (context, params) = lend(calls, vc, &call, flags);
            let handle = party.unwrap_or(CoHandle::NULL);
            let mut place = null_mut();
            let status = ask!(
                adapter,
                CmMakeCallHandler(context as *mut c_void, params, handle.raw(), &raw mut place)
            );
            if let Some(party) = party {
                calls.with(party, "NdisClMakeCall", |object| object.context = place as usize);
            } else if !place.is_null() {
                sim::fail("MAKE-04", "a party context of a point-to-point call".to_owned());
            }
            status
        })
    }

    /// A handle for a party of a VC.
    pub fn party(&self, vc: CoHandle) -> CoHandle {
        self.run("a party", move |adapter, calls| {
            calls.add(object("party", adapter, vc))
        })
    }

    /// `NdisClAddParty`; [`News::PartyAdded`] follows PENDING.
    pub fn add_party(&self, vc: CoHandle, call: Call, party: CoHandle) -> NDIS_STATUS {
        self.run("NdisClAddParty", move |adapter, calls| {
            let (context, params) = lend(calls, vc, &call, 0);
            let mut place = null_mut();
            let status = ask!(
                adapter,
                CmAddPartyHandler(context as *mut c_void, params, party.raw(), &raw mut place)
            );
            calls.with(party, "NdisClAddParty", |object| object.context = place as usize);
            status
        })
    }

    /// `NdisClDropParty`; [`News::PartyDropped`] follows PENDING.
    pub fn drop_party(&self, party: CoHandle) -> NDIS_STATUS {
        self.run("NdisClDropParty", move |adapter, calls| {
            let context = calls.with(party, "NdisClDropParty", |object| object.context);
            ask!(adapter, CmDropPartyHandler(context as *mut c_void, null_mut(), 0))
        })
    }

    /// `NdisClCloseCall` with these last words; [`News::Closed`] follows PENDING.
    pub fn close_call(&self, vc: CoHandle, party: Option<CoHandle>, words: &[u8]) -> NDIS_STATUS {
        let mut words = words.to_vec();
        self.run("NdisClCloseCall", move |adapter, calls| {
            let context = calls.with(vc, "NdisClCloseCall", |object| {
                object.state.closing = true;
                object.context
            });
            let party = party.map_or(0, |party| {
                calls.with(party, "NdisClCloseCall", |object| object.context)
            });
            let length = words.len() as u32;
            let data = if words.is_empty() {
                null_mut()
            } else {
                words.as_mut_ptr().cast()
            };
            let status = ask!(
                adapter,
                CmCloseCallHandler(context as *mut c_void, party as *mut c_void, data, length)
            );
            if status != NDIS_STATUS_PENDING {
                calls.with(vc, "CmCloseCall", |object| object.state.closing = false);
            }
            status
        })
    }

    /// `NdisClModifyCallQoS`; [`News::QosModified`] follows PENDING.
    pub fn modify(&self, vc: CoHandle, call: Call) -> NDIS_STATUS {
        self.run("NdisClModifyCallQoS", move |adapter, calls| {
            let (context, params) = lend(calls, vc, &call, 0);
            ask!(adapter, CmModifyCallQoSHandler(context as *mut c_void, params))
        })
    }

    /// How offers on this family are answered; `Inline(SUCCESS)` if nothing is said.
    pub fn answer_offers(&self, family: CoHandle, answer: OfferAnswer) {
        self.run("answers", move |_, calls| {
            calls.answers.borrow_mut().insert(family, answer);
        });
    }

    /// `NdisClIncomingCallComplete`, with other parameters if the client wants some.
    pub fn answer(&self, vc: CoHandle, status: NDIS_STATUS, changed: Option<Call>) {
        self.run("NdisClIncomingCallComplete", move |adapter, calls| {
            let (context, params) = calls.with(vc, "NdisClIncomingCallComplete", |object| {
                (object.context, object.state.offered as *mut CO_CALL_PARAMETERS)
            });
            if let Some(call) = changed {
                // SAFETY: what was offered is the client's until its answer.
                unsafe { params::write_back(Params::new(params), &call) };
            }
            ask!(
                adapter,
                CmIncomingCallCompleteHandler(status, context as *mut c_void, params)
            );
        });
    }

    /// `NdisCoSendNetBufferLists`: one packet, with a buffer a message.
    pub fn send(&self, vc: CoHandle, messages: &[Vec<u8>]) {
        let messages = messages.to_vec();
        self.run("NdisCoSendNetBufferLists", move |adapter, calls| {
            let sent = packets::Sent::new(&messages, vc);
            let list = sent.list();
            let context = calls.with(vc, "NdisCoSendNetBufferLists", |object| {
                object.state.sending.insert(list as usize, sent);
                object.context
            });
            let miniport = adapter.driver.calls.get().miniport.expect("a CoNDIS miniport");
            let handler = miniport.CoSendNetBufferListsHandler.expect("it sends");
            // SAFETY: the driver registered it; the packet is the client's until it is completed.
            unsafe { handler(context as *mut c_void, list, 0) };
            kernel::expect_clean("MiniportCoSendNetBufferLists");
        });
    }

    /// Keeps packets that arrive, until [`Self::return_packets`].
    pub fn keep_packets(&self, vc: CoHandle, keep: bool) {
        self.run("keep", move |_, calls| {
            calls.with(vc, "keep", |object| object.state.keeps = keep)
        });
    }

    /// `NdisReturnNetBufferLists` with everything that was kept.
    pub fn return_packets(&self, vc: CoHandle) {
        self.run("NdisReturnNetBufferLists", move |adapter, calls| {
            give_back(adapter, calls, vc);
            kernel::expect_clean("MiniportReturnNetBufferLists");
        });
    }

    /// `NdisCoOidRequest`, of the miniport or, with a family, of the call manager.
    pub fn request(
        &self,
        family: Option<CoHandle>,
        vc: Option<CoHandle>,
        request: &mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS {
        let request = core::ptr::from_mut(request) as usize;
        self.run("NdisCoOidRequest", move |adapter, calls| {
            let of = |handle: Option<CoHandle>| {
                handle.map_or(0, |handle| {
                    calls.with(handle, "NdisCoOidRequest", |object| object.context)
                })
            };
            let (family, vc) = (of(family), of(vc) as *mut c_void);
            let request = request as *mut NDIS_OID_REQUEST;
            if family != 0 {
                return ask!(
                    adapter,
                    CmOidRequestHandler(family as *mut c_void, vc, null_mut(), request)
                );
            }
            let miniport = adapter.driver.calls.get().miniport.expect("a CoNDIS miniport");
            let handler = miniport.CoOidRequestHandler.expect("it answers");
            // SAFETY: the driver registered it; the request lives during the call.
            unsafe { handler(adapter.context(), vc, request) }
        })
    }
}

fn object(kind: &'static str, adapter: &Rc<AdapterState>, parent: CoHandle) -> Object {
    Object {
        kind,
        adapter: Rc::clone(adapter),
        context: 0,
        parent,
        news: Vec::new(),
        state: VcState::default(),
    }
}

/// Parameters that stay where they are, and the VC's context.
fn lend(calls: &Calls, vc: CoHandle, call: &Call, flags: u32) -> (usize, *mut CO_CALL_PARAMETERS) {
    let mut lent = Box::new(Lent {
        params: CO_CALL_PARAMETERS {
            Flags: flags,
            CallMgrParameters: null_mut(),
            MediaParameters: null_mut(),
        },
        manager: call.encode(),
    });
    lent.params.CallMgrParameters = (&raw mut lent.manager).cast();
    let params = &raw mut lent.params;
    calls.with(vc, "parameters", |object| {
        object.state.parameters.push(lent);
        (object.context, params)
    })
}

/// Gives the packets that a client has back to the miniport.
fn give_back(adapter: &AdapterState, calls: &Calls, vc: CoHandle) {
    let held = calls.with(vc, "NdisReturnNetBufferLists", |object| {
        std::mem::take(&mut object.state.held)
    });
    let handler = adapter.driver.characteristics.ReturnNetBufferListsHandler;
    let handler = handler.expect("it takes packets back");
    for list in held {
        // SAFETY: the driver registered it; the packet is one that it lent.
        unsafe { handler(adapter.context(), list as *mut NET_BUFFER_LIST, 0) };
    }
}
