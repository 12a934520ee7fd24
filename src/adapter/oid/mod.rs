//! OID requests: what NDIS asks and sets (rules OID-01 to OID-13).
//!
//! What needs the device waits for the work item at `PASSIVE_LEVEL`; the rest is answered at once.

mod calls;
mod lists;
mod offload;
mod pending;
mod query;
mod request;
mod scale;
mod set;
mod statistics;
mod wanted;

pub(super) use self::{calls::manager_request, pending::Requests, wanted::PACKET_FILTERS};
use self::{
    pending::Job,
    request::{Kind, Request},
};
use super::Adapter;
use crate::{
    ether::filter::MOST_MULTICAST,
    nt::{Passive, Ref, Status, sync::Ordering},
    sys::ndis::{self, NDIS_OID_REQUEST},
};

/// Every OID that the adapter handles, and no other (rule ATTR-08).
pub(super) const SUPPORTED: [u32; 30] = [
    ndis::OID_GEN_CURRENT_LOOKAHEAD,
    ndis::OID_GEN_CURRENT_PACKET_FILTER,
    ndis::OID_GEN_INTERRUPT_MODERATION,
    ndis::OID_GEN_LINK_PARAMETERS,
    ndis::OID_GEN_RECEIVE_SCALE_PARAMETERS,
    ndis::OID_TCP_OFFLOAD_PARAMETERS,
    ndis::OID_OFFLOAD_ENCAPSULATION,
    ndis::OID_GEN_MAXIMUM_FRAME_SIZE,
    ndis::OID_GEN_MAXIMUM_TOTAL_SIZE,
    ndis::OID_GEN_RCV_OK,
    ndis::OID_GEN_XMIT_OK,
    ndis::OID_GEN_RECEIVE_BLOCK_SIZE,
    ndis::OID_GEN_TRANSMIT_BLOCK_SIZE,
    ndis::OID_GEN_RECEIVE_BUFFER_SPACE,
    ndis::OID_GEN_TRANSMIT_BUFFER_SPACE,
    ndis::OID_GEN_STATISTICS,
    ndis::OID_GEN_VENDOR_ID,
    ndis::OID_GEN_VENDOR_DESCRIPTION,
    ndis::OID_GEN_VENDOR_DRIVER_VERSION,
    ndis::OID_GEN_DRIVER_VERSION,
    ndis::OID_802_3_MULTICAST_LIST,
    ndis::OID_802_3_PERMANENT_ADDRESS,
    ndis::OID_802_3_CURRENT_ADDRESS,
    ndis::OID_802_3_MAXIMUM_LIST_SIZE,
    ndis::OID_PNP_QUERY_POWER,
    ndis::OID_PNP_SET_POWER,
    ndis::OID_NDK_SET_STATE,
    ndis::OID_NDK_STATISTICS,
    ndis::OID_NDK_CONNECTIONS,
    ndis::OID_NDK_LOCAL_ENDPOINTS,
];

/// Addresses that the multicast list holds at most (rule ATTR-03 wants 32).
pub(super) const MAX_MULTICAST: usize = MOST_MULTICAST;

/// What becomes of a request.
enum Outcome {
    /// It is answered.
    Done(Status),
    /// It needs the device.
    NeedsDevice(Job),
}

impl Adapter {
    /// `MiniportOidRequest`.
    ///
    /// # Safety
    /// `request` is NDIS's and lives until it is completed.
    pub(super) unsafe fn request(
        this: &Ref<Self>,
        request: *mut NDIS_OID_REQUEST,
        passive: Passive<'_>,
    ) -> Status {
        // SAFETY: the caller's promise.
        let Some(mut request) = (unsafe { Request::new(request) }) else {
            return Status::UNSUCCESSFUL;
        };
        this.requests.entered.fetch_add(1, Ordering::AcqRel);
        let status = match Self::answer(this, &mut request, passive) {
            Outcome::Done(status) => status,
            Outcome::NeedsDevice(job) => {
                this.requests.put_normal(request, job);
                Self::watch_requests(this);
                Status::PENDING
            }
        };
        this.requests.entered.fetch_sub(1, Ordering::AcqRel);
        status
    }

    /// Answers what can be answered at once.
    fn answer(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Outcome {
        if this.is_removed() {
            // Rule PNP-01.
            return Outcome::Done(Status::NDIS_NOT_ACCEPTED);
        }
        match request.kind() {
            Kind::Query => this.query(request),
            Kind::Set => Self::set(this, request, passive),
            Kind::Other => Outcome::Done(Status::NOT_SUPPORTED),
        }
    }

    /// `MiniportDirectOidRequest` (rules OID-09, ADAPTER-41).
    ///
    /// # Safety
    /// `request` is NDIS's and lives until it is completed.
    pub(super) unsafe fn direct_request(this: &Ref<Self>, request: *mut NDIS_OID_REQUEST) -> Status {
        // SAFETY: the caller's promise.
        let Some(request) = (unsafe { Request::new(request) }) else {
            return Status::UNSUCCESSFUL;
        };
        if this.is_removed() {
            return Status::NDIS_NOT_ACCEPTED;
        }
        if request.kind() != Kind::Query || request.oid() != ndis::OID_NDK_STATISTICS {
            return Status::NOT_SUPPORTED;
        }
        this.requests.put_direct(request);
        Self::watch_requests(this);
        Status::PENDING
    }

    /// The work item: answers the requests that need the device.
    pub(super) fn run_requests(this: &Ref<Self>, passive: Passive<'_>) {
        if this.requests.has_direct() {
            let counters = this.network_direct_counters(passive);
            while let Some(mut request) = this.requests.take_direct() {
                let status = match counters {
                    Ok(counters) => this.reply_network_direct_statistics(&mut request, counters),
                    Err(status) => status,
                };
                this.complete_direct(request, status);
            }
        }
        while let Some((serial, job)) = this.requests.job() {
            let found = match job {
                Job::Count => this.look_at_counters(passive).map(Some),
                Job::Receive => this.want(serial, passive).map(|()| None),
                Job::Spread => this.spread(serial, passive).map(|()| None),
            };
            // NDIS may have it back.
            let Some(mut request) = this.requests.take(serial) else {
                continue;
            };
            let status = match found {
                Ok(Some(counters)) => this.reply_statistics(&mut request, &counters),
                Ok(None) => {
                    let length = request.input().len();
                    request.took(length)
                }
                Err(status) => status,
            };
            this.complete(request, status);
        }
    }
}
