//! Lists of Network Direct connections and endpoints (rules ADAPTER-46 to ADAPTER-49).

use super::{Adapter, request::Request};
use crate::{
    nt::{Status, Vec, pool},
    sys::ndis::{
        NDIS_NDK_CONNECTION_ENTRY, NDIS_NDK_CONNECTIONS, NDIS_NDK_CONNECTIONS_REVISION_1,
        NDIS_NDK_LOCAL_ENDPOINT_ENTRY, NDIS_NDK_LOCAL_ENDPOINTS, NDIS_NDK_LOCAL_ENDPOINTS_REVISION_1,
        NDIS_OBJECT_TYPE_DEFAULT,
    },
};

/// Offset of `Count` in both list structures.
const COUNT: usize = core::mem::offset_of!(NDIS_NDK_CONNECTIONS, Count);
const _: () = assert!(COUNT == core::mem::offset_of!(NDIS_NDK_LOCAL_ENDPOINTS, Count));

/// Answers with the established connections.
pub(super) fn connections(adapter: &Adapter, request: &mut Request) -> Status {
    let Some(provider) = adapter.provider.get() else {
        return Status::NDIS_NOT_ACCEPTED;
    };
    let entries = match snapshot(|entries| provider.connections(entries)) {
        Ok(entries) => entries,
        Err(status) => return status,
    };
    let start = core::mem::offset_of!(NDIS_NDK_CONNECTIONS, Connections);
    reply::<NDIS_NDK_CONNECTION_ENTRY>(request, NDIS_NDK_CONNECTIONS_REVISION_1, start, &entries)
}

/// Answers with the listeners and shared endpoints.
pub(super) fn local_endpoints(adapter: &Adapter, request: &mut Request) -> Status {
    let Some(provider) = adapter.provider.get() else {
        return Status::NDIS_NOT_ACCEPTED;
    };
    let entries = match snapshot(|entries| provider.local_endpoints(entries)) {
        Ok(entries) => entries,
        Err(status) => return status,
    };
    let start = core::mem::offset_of!(NDIS_NDK_LOCAL_ENDPOINTS, LocalEndpoints);
    reply::<NDIS_NDK_LOCAL_ENDPOINT_ENTRY>(request, NDIS_NDK_LOCAL_ENDPOINTS_REVISION_1, start, &entries)
}

/// Entries of a list: numbers and addresses, of which all zero bytes are a value.
trait Entry: Copy {
    const ZERO: Self;
}

impl Entry for NDIS_NDK_CONNECTION_ENTRY {
    // SAFETY: all zero bytes are a value.
    const ZERO: Self = unsafe { core::mem::zeroed() };
}

impl Entry for NDIS_NDK_LOCAL_ENDPOINT_ENTRY {
    // SAFETY: all zero bytes are a value.
    const ZERO: Self = unsafe { core::mem::zeroed() };
}

/// The list as it is now: `fill` says how many there are, and fills in as many as fit.
fn snapshot<E: Entry>(fill: impl Fn(&mut [E]) -> usize) -> Result<Vec<E>, Status> {
    let mut room = fill(&mut []);
    // It may grow between two looks; who makes connections that fast gets the list of a moment ago.
    loop {
        let mut entries = pool::try_vec(room, |_| E::ZERO)?;
        let count = fill(&mut entries);
        if count <= room {
            entries.truncate(count);
            return Ok(entries);
        }
        room = count.saturating_mul(2);
    }
}

/// Writes a list: header, flags 0, count, "not mapped to TCP" 0, entries.
fn reply<E: Entry>(request: &mut Request, revision: u32, start: usize, entries: &[E]) -> Status {
    let length = start + size_of_val(entries);
    let Some(bytes) = request.output().get_mut(..length) else {
        return request.needs(length, Status::NDIS_BUFFER_TOO_SHORT);
    };
    bytes.fill(0);
    let size = u16::try_from(length).unwrap_or(u16::MAX);
    let [low, high] = size.to_ne_bytes();
    let header = [NDIS_OBJECT_TYPE_DEFAULT as u8, revision as u8, low, high];
    let (head, list) = bytes.split_at_mut(start);
    if let Some(place) = head.get_mut(..header.len()) {
        place.copy_from_slice(&header);
    }
    if let Some(place) = head.get_mut(COUNT..COUNT + 4) {
        place.copy_from_slice(&(entries.len() as u32).to_ne_bytes());
    }
    for (place, entry) in list.chunks_exact_mut(size_of::<E>()).zip(entries) {
        // SAFETY: as many bytes as an entry has; the place may have any alignment.
        unsafe { place.as_mut_ptr().cast::<E>().write_unaligned(*entry) };
    }
    request.wrote(length)
}
