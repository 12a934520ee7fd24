//! Address families and SAPs that a client asks for.

use std::net::SocketAddr;
use std::rc::Rc;

use cxndk::co::format::{ADDRESS_FAMILY, FAMILY_MAJOR, FAMILY_MINOR, Sap};
use cxndk::sys::condis::{
    CO_ADDRESS_FAMILY, NdisClCloseAddressFamily, NdisClDeregisterSap, NdisClNotifyCloseAddressFamilyComplete,
    NdisClOpenAddressFamilyEx, NdisClRegisterSap,
};
use cxndk::sys::ndis::{NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS};

use super::object::{self, Object};
use super::{CallClient, CoHandle, News, OfferAnswer, until};

impl CallClient {
    /// Opens a family, of the version `(major, minor)`, and waits for the answer.
    ///
    /// # Errors
    /// The status of NDIS or the call manager.
    pub fn open_family_of(&self, family: u32, version: (u32, u32)) -> Result<CoHandle, NDIS_STATUS> {
        let (client, object) = (Rc::clone(&self.0), self.add("family", CoHandle::NULL));
        self.run("NdisClOpenAddressFamilyEx", move || {
            let mut kind = CO_ADDRESS_FAMILY {
                AddressFamily: family,
                MajorVersion: version.0,
                MinorVersion: version.1,
            };
            let (binding, place) = (client.binding.get(), object.handle.as_ptr());
            // SAFETY: the handle is that of the binding; the place stays with the object.
            let status =
                unsafe { NdisClOpenAddressFamilyEx(binding, &raw mut kind, object.context(), place) };
            if status != NDIS_STATUS_PENDING {
                object.opened.set(Some(status));
            }
            until("the family opens", || object.opened.get().is_some());
            match object.opened.get() {
                Some(NDIS_STATUS_SUCCESS) => Ok(object.id),
                other => Err(other.unwrap_or(NDIS_STATUS_PENDING)),
            }
        })
    }

    /// Opens the driver's family, of which its call manager has told.
    ///
    /// # Panics
    /// When the call manager refuses.
    pub fn open_family(&self) -> CoHandle {
        let family = (ADDRESS_FAMILY, FAMILY_MAJOR, FAMILY_MINOR);
        let client = Rc::clone(&self.0);
        self.run("ProtocolCoAfRegisterNotify", move || {
            until("the family is there", || {
                client.families.borrow().contains(&family)
            });
        });
        self.open_family_of(ADDRESS_FAMILY, (FAMILY_MAJOR, FAMILY_MINOR))
            .expect("the call manager opens its family")
    }

    /// `NdisClCloseAddressFamily`; [`News::FamilyClosed`] follows.
    pub fn close_family(&self, family: CoHandle) {
        self.run("NdisClCloseAddressFamily", move || {
            let object = object::get(family);
            // SAFETY: the handle is the family's.
            let status = unsafe { NdisClCloseAddressFamily(object.handle.get()) };
            if status != NDIS_STATUS_PENDING {
                family_closed(&object, status);
            }
        });
    }

    /// `NdisClRegisterSap` with these bytes as the record; [`News::SapRegistered`] follows.
    pub fn register_sap_bytes(&self, family: CoHandle, sap_type: u32, record: &[u8]) -> CoHandle {
        let mut bytes = sap_type.to_le_bytes().to_vec();
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(record);
        let sap = self.add("SAP", family);
        let id = sap.id;
        self.run("NdisClRegisterSap", move || {
            let (family, description) = (object::get(family), sap.lend_bytes(&bytes));
            let (place, context) = (sap.handle.as_ptr(), sap.context());
            // SAFETY: the handle is the family's; the SAP stays until its registration is complete, the place with the object.
            let status =
                unsafe { NdisClRegisterSap(family.handle.get(), context, description.cast(), place) };
            if status != NDIS_STATUS_PENDING {
                sap_registered(&sap, status);
            }
        });
        id
    }

    /// `NdisClRegisterSap`; [`News::SapRegistered`] follows.
    pub fn register_sap(&self, family: CoHandle, local: SocketAddr) -> CoHandle {
        let buffer = Sap { local }.encode();
        self.register_sap_bytes(family, buffer.sap_type, buffer.record.bytes())
    }

    /// `NdisClDeregisterSap`; [`News::SapDeregistered`] follows.
    pub fn deregister_sap(&self, sap: CoHandle) {
        self.run("NdisClDeregisterSap", move || {
            let object = object::get(sap);
            // SAFETY: the handle is the SAP's.
            let status = unsafe { NdisClDeregisterSap(object.handle.get()) };
            if status == NDIS_STATUS_SUCCESS {
                object.tell(News::SapDeregistered);
            }
        });
    }

    /// How offers on this family are answered; `Inline(SUCCESS)` if nothing is said.
    pub fn answer_offers(&self, family: CoHandle, answer: OfferAnswer) {
        self.0.answers.borrow_mut().insert(family, answer);
    }
}

/// The family is closed; if the call manager had asked for it, it is told so.
pub(super) fn family_closed(family: &Object, status: NDIS_STATUS) {
    if status != NDIS_STATUS_SUCCESS {
        return;
    }
    let asked = family.was_told(&News::CloseAsked);
    if asked {
        // SAFETY: the handle of a closed family is good for this once more.
        unsafe { NdisClNotifyCloseAddressFamilyComplete(family.handle.get(), NDIS_STATUS_SUCCESS) };
    }
    family.tell(News::FamilyClosed);
}

pub(super) fn sap_registered(sap: &Object, status: NDIS_STATUS) {
    sap.take_bytes_back();
    sap.tell(News::SapRegistered(status));
}
