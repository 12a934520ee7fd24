//! What sets say that NDIS wants to receive: packet filters and multicast lists, checked.

use super::{MAX_MULTICAST, request::Request};
use crate::{
    ether::filter::{Multicast, Wanted},
    hw::Mac,
    nt::Status,
    sys::ndis::{
        self, NDIS_PACKET_TYPE_ALL_MULTICAST, NDIS_PACKET_TYPE_BROADCAST, NDIS_PACKET_TYPE_DIRECTED,
        NDIS_PACKET_TYPE_MULTICAST, NDIS_PACKET_TYPE_PROMISCUOUS,
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

/// Writes what a set wants to receive.
pub(super) fn change(request: &mut Request, wanted: &mut Wanted) -> Result<(), Status> {
    if request.oid() == ndis::OID_GEN_CURRENT_PACKET_FILTER {
        wanted.filter = packet_filter(request)?;
    } else {
        wanted.multicast = multicast_list(request)?;
    }
    Ok(())
}

/// The packet filter that a set brings (rule OID-13).
fn packet_filter(request: &mut Request) -> Result<u32, Status> {
    let filter = number(request)?;
    if filter & !PACKET_FILTERS == 0 {
        Ok(filter)
    } else {
        Err(Status::NOT_SUPPORTED)
    }
}

/// The multicast list that a set brings (rule OID-12).
fn multicast_list(request: &mut Request) -> Result<Multicast, Status> {
    let length = request.input().len();
    if !length.is_multiple_of(ADDRESS) {
        return Err(request.needs(length.next_multiple_of(ADDRESS), Status::NDIS_INVALID_LENGTH));
    }
    if length > MAX_MULTICAST * ADDRESS {
        return Err(request.needs(MAX_MULTICAST * ADDRESS, Status::NDIS_MULTICAST_FULL));
    }
    let (addresses, _) = request.input().as_chunks::<ADDRESS>();
    if addresses.iter().any(|address| address[0] & 1 == 0) {
        return Err(Status::NDIS_INVALID_DATA);
    }
    Ok(Multicast::of(addresses.iter().copied().map(Mac)))
}

/// The one number of 32 bits that a set brings.
pub(super) fn number(request: &mut Request) -> Result<u32, Status> {
    request
        .input()
        .first_chunk::<4>()
        .map(|bytes| u32::from_ne_bytes(*bytes))
        .ok_or_else(|| request.needs(4, Status::NDIS_INVALID_LENGTH))
}
