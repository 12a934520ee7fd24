//! Sets: checked before anything changes (rule OID-05).

use super::{Adapter, MAX_MULTICAST, SUPPORTED, request::Plain, request::Request};
use crate::{
    adapter::{keywords::Keywords, link::SPEED_UNKNOWN},
    nt::{Passive, Ref, Status, sync::Ordering},
    sys::ndis::{
        self, NDIS_LINK_PARAMETERS, NDIS_LINK_PARAMETERS_REVISION_1, NDIS_OBJECT_HEADER,
        NDIS_OBJECT_TYPE_DEFAULT, NDIS_PACKET_TYPE_ALL_MULTICAST, NDIS_PACKET_TYPE_BROADCAST,
        NDIS_PACKET_TYPE_DIRECTED, NDIS_PACKET_TYPE_MULTICAST, NDIS_PACKET_TYPE_PROMISCUOUS,
        NdisDeviceStateD0, NdisDeviceStateD3,
    },
};

/// Packet filters that the adapter takes (rule OID-13).
pub(in crate::adapter) const PACKET_FILTERS: u32 = NDIS_PACKET_TYPE_DIRECTED
    | NDIS_PACKET_TYPE_MULTICAST
    | NDIS_PACKET_TYPE_ALL_MULTICAST
    | NDIS_PACKET_TYPE_BROADCAST
    | NDIS_PACKET_TYPE_PROMISCUOUS;
/// Bytes of a station address.
const ADDRESS: usize = 6;

impl Adapter {
    /// Does what a set wants.
    pub(super) fn set(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Status {
        match request.oid() {
            ndis::OID_GEN_CURRENT_PACKET_FILTER => set_packet_filter(request),
            ndis::OID_GEN_CURRENT_LOOKAHEAD => this.set_lookahead(request),
            ndis::OID_802_3_MULTICAST_LIST => set_multicast_list(request),
            ndis::OID_GEN_LINK_PARAMETERS => Self::set_link_parameters(this, request),
            // Rule of the table of mandatory OIDs: what does not exist cannot be set.
            ndis::OID_GEN_INTERRUPT_MODERATION => Status::NDIS_INVALID_DATA,
            ndis::OID_PNP_SET_POWER => set_power(request),
            ndis::OID_NDK_SET_STATE => Self::set_network_direct_state(this, request, passive),
            oid if SUPPORTED.contains(&oid) => Status::NDIS_INVALID_OID,
            _ => Status::NOT_SUPPORTED,
        }
    }

    fn set_lookahead(&self, request: &mut Request) -> Status {
        match number(request) {
            Ok(bytes) if bytes <= self.keywords().mtu => {
                self.lookahead.store(bytes, Ordering::Relaxed);
                request.took(4)
            }
            Ok(_) => Status::NDIS_INVALID_DATA,
            Err(status) => status,
        }
    }

    /// The port negotiates its speed; it can be told to do so, but not to do otherwise (rule LINK-04).
    fn set_link_parameters(this: &Ref<Self>, request: &mut Request) -> Status {
        let wanted = match request
            .read_object::<NDIS_LINK_PARAMETERS>(NDIS_OBJECT_TYPE_DEFAULT, NDIS_LINK_PARAMETERS_REVISION_1)
        {
            Ok(wanted) => wanted,
            Err(status) => return status,
        };
        let speed = this.port_link().speed;
        let possible = |wanted: u64| wanted == SPEED_UNKNOWN || wanted == 0 || wanted == speed;
        if !possible(wanted.XmitLinkSpeed) || !possible(wanted.RcvLinkSpeed) {
            return Status::NDIS_INVALID_DATA;
        }
        // Said again, so that who asked hears an answer.
        *this.link.lock() = None;
        if let Some(work) = this.work.get() {
            work.link.queue(this.clone());
        }
        request.set_supported_revision(NDIS_LINK_PARAMETERS_REVISION_1 as u8);
        request.took(size_of::<NDIS_LINK_PARAMETERS>())
    }

    /// Rules ADAPTER-20 to ADAPTER-23.
    fn set_network_direct_state(this: &Ref<Self>, request: &mut Request, passive: Passive<'_>) -> Status {
        let Some(&wanted) = request.input().first() else {
            return request.needs(1, Status::NDIS_INVALID_LENGTH);
        };
        if wanted == 0 {
            Self::switch_network_direct(this, false);
        } else {
            match Keywords::read_network_direct(this.ndis, passive) {
                Ok(true) => Self::switch_network_direct(this, true),
                // Switched off in the registry: stays off (rule ADAPTER-22).
                Ok(false) => {}
                Err(status) => return status,
            }
        }
        request.took(1)
    }
}

/// Nothing is received, so that a legal filter needs no more than to be legal.
fn set_packet_filter(request: &mut Request) -> Status {
    match number(request) {
        Ok(filter) if filter & !PACKET_FILTERS == 0 => request.took(4),
        Ok(_) => Status::NOT_SUPPORTED,
        Err(status) => status,
    }
}

/// Rule OID-12. Nothing is received, so that a legal list needs no more than to be legal.
fn set_multicast_list(request: &mut Request) -> Status {
    let length = request.input().len();
    if !length.is_multiple_of(ADDRESS) {
        return request.needs(length.next_multiple_of(ADDRESS), Status::NDIS_INVALID_LENGTH);
    }
    if length > MAX_MULTICAST * ADDRESS {
        return request.needs(MAX_MULTICAST * ADDRESS, Status::NDIS_MULTICAST_FULL);
    }
    let (addresses, _) = request.input().as_chunks::<ADDRESS>();
    if addresses.iter().any(|address| address[0] & 1 == 0) {
        return Status::NDIS_INVALID_DATA;
    }
    request.took(length)
}

/// Rule PWR-01. The adapter asks for no power management, so that NDIS halts it before the device sleeps.
fn set_power(request: &mut Request) -> Status {
    match number(request) {
        Ok(state) if (NdisDeviceStateD0 as u32..=NdisDeviceStateD3 as u32).contains(&state) => {
            request.took(4)
        }
        Ok(_) | Err(_) => Status::NDIS_NOT_ACCEPTED,
    }
}

/// The one number of 32 bits that a set brings.
fn number(request: &mut Request) -> Result<u32, Status> {
    request
        .input()
        .first_chunk::<4>()
        .map(|bytes| u32::from_ne_bytes(*bytes))
        .ok_or_else(|| request.needs(4, Status::NDIS_INVALID_LENGTH))
}

// SAFETY: numbers only.
unsafe impl Plain for NDIS_LINK_PARAMETERS {
    fn header(&self) -> NDIS_OBJECT_HEADER {
        self.Header
    }
}
