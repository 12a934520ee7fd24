//! VCs, calls and parties that a client asks for.

use std::ptr;

use cxndk::co::{format::Call, params, upcall::Params};
use cxndk::sys::condis::{
    MULTIPOINT_VC, NdisClAddParty, NdisClCloseCall, NdisClDropParty, NdisClIncomingCallComplete,
    NdisClMakeCall, NdisClModifyCallQoS, NdisCoCreateVc, NdisCoDeleteVc,
};
use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS};

use super::object;
use super::{CallClient, CoHandle, News, until};

impl CallClient {
    /// `NdisCoCreateVc`.
    ///
    /// # Panics
    /// When NDIS or the call manager refuses.
    pub fn create_vc(&self, family: CoHandle) -> CoHandle {
        let (binding, vc) = (self.0.binding.get() as usize, self.add("VC", family));
        let id = vc.id;
        self.run("NdisCoCreateVc", move || {
            let family = object::get(family).handle.get();
            let (context, place) = (vc.context(), vc.handle.as_ptr());
            // SAFETY: the handles are of the binding and the family; the place holds NULL and stays with the object.
            let status = unsafe { NdisCoCreateVc(binding as *mut _, family, context, place) };
            assert_eq!(status, NDIS_STATUS_SUCCESS, "the call manager takes a VC");
        });
        id
    }

    /// `NdisCoDeleteVc`; the answer.
    pub fn delete_vc(&self, vc: CoHandle) -> NDIS_STATUS {
        self.run("NdisCoDeleteVc", move || {
            let vc = object::get(vc);
            // SAFETY: the handle is the VC's.
            let status = unsafe { NdisCoDeleteVc(vc.handle.get()) };
            if status == NDIS_STATUS_SUCCESS {
                vc.tell(News::Deleted);
            }
            status
        })
    }

    /// A party of a call on this VC, not added yet.
    pub fn party(&self, vc: CoHandle) -> CoHandle {
        self.add("party", vc).id
    }

    /// `NdisClMakeCall`, as a multipoint call if there is a party; [`News::Made`] comes, or has come.
    pub fn make_call(&self, vc: CoHandle, call: Call, party: Option<CoHandle>) -> NDIS_STATUS {
        self.run("NdisClMakeCall", move || {
            let (vc, party) = (object::get(vc), party.map(object::get));
            let params = vc.lend(&call, if party.is_some() { MULTIPOINT_VC } else { 0 });
            let context = party.as_ref().map_or(ptr::null_mut(), |party| party.context());
            let place = party
                .as_ref()
                .map_or(ptr::null_mut(), |party| party.handle.as_ptr());
            // SAFETY: the handle is the VC's; the parameters stay until the call is made, the place with the party.
            let status = unsafe { NdisClMakeCall(vc.handle.get(), params, context, place) };
            if status != NDIS_STATUS_PENDING {
                // SAFETY: complete parameters, still lent.
                let changed = unsafe { params::is_changed(params) };
                vc.tell(News::Made(status, changed));
            }
            status
        })
    }

    /// `NdisClAddParty`; [`News::PartyAdded`] comes, or has come.
    pub fn add_party(&self, vc: CoHandle, call: Call, party: CoHandle) -> NDIS_STATUS {
        self.run("NdisClAddParty", move || {
            let (vc, party) = (object::get(vc), object::get(party));
            let params = party.lend(&call, 0);
            let (context, place) = (party.context(), party.handle.as_ptr());
            // SAFETY: the handle is the VC's; the parameters stay until the party is added, the place with the party.
            let status = unsafe { NdisClAddParty(vc.handle.get(), context, params, place) };
            if status != NDIS_STATUS_PENDING {
                party.tell(News::PartyAdded(status));
            }
            status
        })
    }

    /// `NdisClDropParty`; [`News::PartyDropped`] comes, or has come.
    pub fn drop_party(&self, party: CoHandle) -> NDIS_STATUS {
        self.run("NdisClDropParty", move || {
            let party = object::get(party);
            // SAFETY: the handle is the party's; there are no last words.
            let status = unsafe { NdisClDropParty(party.handle.get(), ptr::null_mut(), 0) };
            if status != NDIS_STATUS_PENDING {
                party.tell(News::PartyDropped(status));
            }
            status
        })
    }

    /// `NdisClCloseCall` with these last words, when all packets are back; [`News::Closed`] comes, or has come.
    pub fn close_call(&self, vc: CoHandle, party: Option<CoHandle>, words: &[u8]) -> NDIS_STATUS {
        let words = words.to_vec();
        self.run("NdisClCloseCall", move || {
            let (vc, party) = (object::get(vc), party.map(object::get));
            until("packets come back before a close", || {
                vc.sending.borrow().is_empty()
            });
            let handle = party.as_ref().map_or(ptr::null_mut(), |party| party.handle.get());
            let (last, length) = (vc.lend_bytes(&words), words.len() as u32);
            // SAFETY: the handles are the VC's and the party's; the words stay until the call is closed.
            let status = unsafe { NdisClCloseCall(vc.handle.get(), handle, last, length) };
            if status != NDIS_STATUS_PENDING {
                vc.tell(News::Closed(
                    status,
                    party.map_or(CoHandle::NULL, |party| party.id),
                ));
            }
            status
        })
    }

    /// `NdisClModifyCallQoS`; [`News::QosModified`] comes, or has come.
    pub fn modify(&self, vc: CoHandle, call: Call) -> NDIS_STATUS {
        self.run("NdisClModifyCallQoS", move || {
            let vc = object::get(vc);
            let params = vc.lend(&call, 0);
            // SAFETY: the handle is the VC's; the parameters stay until the answer.
            let status = unsafe { NdisClModifyCallQoS(vc.handle.get(), params) };
            if status != NDIS_STATUS_PENDING {
                vc.tell(News::QosModified(status));
            }
            status
        })
    }

    /// `NdisClIncomingCallComplete`, with other parameters if the client wants some.
    pub fn answer(&self, vc: CoHandle, status: NDIS_STATUS, changed: Option<Call>) {
        self.run("NdisClIncomingCallComplete", move || {
            let vc = object::get(vc);
            let params = vc.offered.get();
            if let Some(call) = changed {
                // SAFETY: what was offered is the client's until its answer.
                let offered = unsafe { Params::new(params) };
                // SAFETY: as above; nobody else looks at it meanwhile.
                unsafe { params::write_back(offered, &call) };
            }
            // SAFETY: the handle is the VC's; the parameters are those of the offer.
            unsafe { NdisClIncomingCallComplete(status, vc.handle.get(), params) };
        });
    }
}
