//! OID requests of CoNDIS clients (rules OID-01 to OID-13 of that contract). All are answered at once, so none can be cancelled.

use super::{
    Adapter,
    request::{Kind, Request, bytes_of},
};
use crate::{
    adapter::version::{DRIVER_MAJOR, DRIVER_MINOR, NDIS_MAJOR, NDIS_MINOR},
    co::vc::Vc,
    nt::{Status, sync::Ordering},
    sys::{
        condis::{self, NDIS_CO_LINK_SPEED},
        ndis::{self, NDIS_OID_REQUEST},
    },
};

/// Every OID that `MiniportCoOidRequest` answers (OID-12).
const SUPPORTED: [u32; 21] = [
    condis::OID_GEN_CO_SUPPORTED_LIST,
    condis::OID_GEN_CO_HARDWARE_STATUS,
    condis::OID_GEN_CO_MEDIA_SUPPORTED,
    condis::OID_GEN_CO_MEDIA_IN_USE,
    condis::OID_GEN_CO_LINK_SPEED,
    condis::OID_GEN_CO_MINIMUM_LINK_SPEED,
    condis::OID_GEN_CO_VENDOR_ID,
    condis::OID_GEN_CO_VENDOR_DESCRIPTION,
    condis::OID_GEN_CO_VENDOR_DRIVER_VERSION,
    condis::OID_GEN_CO_DRIVER_VERSION,
    condis::OID_GEN_CO_MAC_OPTIONS,
    condis::OID_GEN_CO_MEDIA_CONNECT_STATUS,
    condis::OID_GEN_CO_PROTOCOL_OPTIONS,
    condis::OID_GEN_CO_XMIT_PDUS_OK,
    condis::OID_GEN_CO_RCV_PDUS_OK,
    condis::OID_GEN_CO_XMIT_PDUS_ERROR,
    condis::OID_GEN_CO_RCV_PDUS_ERROR,
    condis::OID_GEN_CO_RCV_PDUS_NO_BUFFER,
    condis::OID_GEN_CO_BYTES_XMIT,
    condis::OID_GEN_CO_BYTES_RCV,
    condis::OID_GEN_CO_BYTES_XMIT_OUTSTANDING,
];

/// `NdisHardwareStatusReady`.
const READY: u32 = 0;
/// Bits in a second of the units of `NDIS_CO_LINK_SPEED`.
const LINK_UNIT: u64 = 100;

impl Adapter {
    /// `MiniportCoOidRequest`. `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// `request` is NDIS's and lives during the call.
    pub(in crate::adapter) unsafe fn call_request(
        &self,
        vc: Option<&Vc>,
        request: *mut NDIS_OID_REQUEST,
    ) -> Status {
        // SAFETY: the caller's promise.
        let Some(mut request) = (unsafe { Request::new(request) }) else {
            return Status::UNSUCCESSFUL;
        };
        if self.is_removed() {
            // HALT-05.
            return Status::NDIS_NOT_ACCEPTED;
        }
        match request.kind() {
            Kind::Query => self.query_calls(vc, &mut request),
            Kind::Set if request.oid() == condis::OID_GEN_CO_PROTOCOL_OPTIONS => set_options(&mut request),
            Kind::Set if SUPPORTED.contains(&request.oid()) => Status::NDIS_INVALID_OID,
            Kind::Set | Kind::Other => Status::NOT_SUPPORTED,
        }
    }

    fn query_calls(&self, vc: Option<&Vc>, request: &mut Request) -> Status {
        match request.oid() {
            condis::OID_GEN_CO_SUPPORTED_LIST => {
                // SAFETY: an array of numbers has no padding.
                request.reply(unsafe { bytes_of(&SUPPORTED) })
            }
            condis::OID_GEN_CO_VENDOR_DESCRIPTION => request.reply(super::query::DESCRIPTION),
            condis::OID_GEN_CO_DRIVER_VERSION => request.reply(&[NDIS_MINOR, NDIS_MAJOR]),
            condis::OID_GEN_CO_LINK_SPEED | condis::OID_GEN_CO_MINIMUM_LINK_SPEED => {
                self.query_speed(request)
            }
            oid => match (self.call_number(oid), self.call_counter(vc, oid)) {
                (Some(number), _) => request.reply_u32(number),
                (None, Some(counter)) => request.reply_counter(counter),
                (None, None) if SUPPORTED.contains(&oid) => Status::NDIS_INVALID_OID,
                (None, None) => Status::NOT_SUPPORTED,
            },
        }
    }

    fn query_speed(&self, request: &mut Request) -> Status {
        let units = u32::try_from(self.port_link().speed / LINK_UNIT).unwrap_or(u32::MAX);
        let speed = NDIS_CO_LINK_SPEED {
            Outbound: units,
            Inbound: units,
        };
        // SAFETY: two numbers of 4 bytes.
        request.reply(unsafe { bytes_of(&speed) })
    }

    fn call_number(&self, oid: u32) -> Option<u32> {
        let [first, second, third, ..] = self.permanent_address();
        Some(match oid {
            condis::OID_GEN_CO_HARDWARE_STATUS => READY,
            condis::OID_GEN_CO_MEDIA_SUPPORTED | condis::OID_GEN_CO_MEDIA_IN_USE => {
                ndis::NdisMedium802_3.cast_unsigned()
            }
            condis::OID_GEN_CO_VENDOR_ID => u32::from_le_bytes([first, second, third, 0]),
            condis::OID_GEN_CO_VENDOR_DRIVER_VERSION => {
                u32::from(DRIVER_MAJOR) << 16 | u32::from(DRIVER_MINOR)
            }
            condis::OID_GEN_CO_MAC_OPTIONS => 0,
            // `NdisMediaStateConnected` is 0, `NdisMediaStateDisconnected` 1.
            condis::OID_GEN_CO_MEDIA_CONNECT_STATUS => {
                u32::from(self.port_link().media() != ndis::MediaConnectStateConnected)
            }
            _ => return None,
        })
    }

    /// A counter of all calls, or of one VC where it keeps one.
    fn call_counter(&self, vc: Option<&Vc>, oid: u32) -> Option<u64> {
        let calls = self.calls.get()?;
        let counters = calls.counters();
        let counter = match oid {
            condis::OID_GEN_CO_XMIT_PDUS_OK => &counters.sent,
            condis::OID_GEN_CO_RCV_PDUS_OK => &counters.received,
            condis::OID_GEN_CO_XMIT_PDUS_ERROR => &counters.send_errors,
            condis::OID_GEN_CO_RCV_PDUS_ERROR => &counters.receive_errors,
            condis::OID_GEN_CO_BYTES_XMIT => &counters.sent_bytes,
            condis::OID_GEN_CO_BYTES_RCV => &counters.received_bytes,
            // The peer waits when there is no buffer: nothing is ever lost for want of one.
            condis::OID_GEN_CO_RCV_PDUS_NO_BUFFER => return Some(0),
            condis::OID_GEN_CO_BYTES_XMIT_OUTSTANDING => {
                return Some(vc.map_or_else(|| calls.outstanding(), Vc::outstanding));
            }
            _ => return None,
        };
        Some(counter.load(Ordering::Relaxed))
    }
}

/// There are no options that this adapter knows; what protocols set is taken and changes nothing.
fn set_options(request: &mut Request) -> Status {
    if request.input().len() < 4 {
        return request.needs(4, Status::NDIS_INVALID_LENGTH);
    }
    request.took(4)
}

/// `ProtocolCoOidRequest` of the call manager. `<= DISPATCH_LEVEL`.
///
/// # Safety
/// `request` is NDIS's and lives during the call.
pub(in crate::adapter) unsafe fn manager_request(vc: Option<&Vc>, request: *mut NDIS_OID_REQUEST) -> Status {
    // SAFETY: the caller's promise.
    let Some(mut request) = (unsafe { Request::new(request) }) else {
        return Status::UNSUCCESSFUL;
    };
    match (request.kind(), request.oid()) {
        // The client is about to close its family; its close says when it may end.
        (Kind::Set, condis::OID_CO_AF_CLOSE) => request.took(0),
        (Kind::Query, condis::OID_CO_GET_CALL_INFORMATION) => {
            let Some(call) = vc.and_then(Vc::call) else {
                return Status::NDIS_INVALID_DATA;
            };
            let parameters = call.encode();
            // SAFETY: numbers of 4 and 2 bytes and bytes, which leave no gap.
            request.reply(unsafe { bytes_of(&parameters) })
        }
        _ => Status::NOT_SUPPORTED,
    }
}
