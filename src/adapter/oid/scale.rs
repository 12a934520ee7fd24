//! `OID_GEN_RECEIVE_SCALE_PARAMETERS`: how NDIS wants received frames spread over processors (rules RSS-01 to RSS-14).

use core::mem::offset_of;

use super::request::Request;
use crate::{
    ether::{
        HASH_TYPES,
        scale::{MOST_ENTRIES, Processor, Scale},
    },
    hw::ether::HASH_KEY,
    nt::Status,
    sys::ndis::{
        NDIS_HASH_FUNCTION_MASK, NDIS_HASH_TYPE_MASK, NDIS_OBJECT_TYPE_RSS_PARAMETERS,
        NDIS_RECEIVE_SCALE_PARAMETERS as Parameters, NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2,
        NDIS_RSS_PARAM_FLAG_DISABLE_RSS, NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED,
        NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED, NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED,
        NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2,
    },
};

/// `NdisHashFunctionToeplitz`.
const TOEPLITZ: u32 = 1;
/// Bytes of an entry of the table: a `PROCESSOR_NUMBER`.
const ENTRY: usize = 4;

/// A number of the parameters.
macro_rules! field {
    ($bytes:ident, $field:ident: $type:ty) => {
        number::<{ size_of::<$type>() }>($bytes, offset_of!(Parameters, $field)) as $type
    };
}

/// A little-endian number of `SIZE` bytes; 0 beyond the end.
fn number<const SIZE: usize>(bytes: &[u8], at: usize) -> u64 {
    let digits = bytes.get(at..at + SIZE).unwrap_or_default();
    digits
        .iter()
        .rev()
        .fold(0, |sum, digit| sum << 8 | u64::from(*digit))
}

/// What a set wants, given what was wanted before: what the set leaves alone stays (rule RSS-05).
///
/// # Errors
/// The status to complete the request with; nothing changes then.
pub(super) fn scale(request: &mut Request, before: &Scale) -> Result<Scale, Status> {
    let least = NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2 as usize;
    if request.input().len() < least {
        return Err(request.needs(least, Status::NDIS_INVALID_LENGTH));
    }
    let bytes = request.input();
    let [kind, revision, ..] = *bytes else {
        return Err(Status::NDIS_INVALID_LENGTH);
    };
    let size = number::<2>(bytes, 2) as usize;
    if u32::from(kind) != NDIS_OBJECT_TYPE_RSS_PARAMETERS
        || u32::from(revision) < NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2
        || size < least
    {
        return Err(Status::NDIS_INVALID_DATA);
    }
    let flags = u32::from(field!(bytes, Flags: u16));
    if flags & NDIS_RSS_PARAM_FLAG_DISABLE_RSS != 0 {
        return Ok(Scale::OFF);
    }
    let mut wanted = *before;
    if flags & NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED == 0 {
        wanted.types = hash_types(field!(bytes, HashInformation: u32))?;
    }
    if flags & NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED == 0 {
        let (at, length) = (
            field!(bytes, HashSecretKeyOffset: u32) as usize,
            usize::from(field!(bytes, HashSecretKeySize: u16)),
        );
        let key = part(bytes, at, length)?;
        wanted.key = <[u8; HASH_KEY]>::try_from(key).map_err(|_| Status::NDIS_INVALID_DATA)?;
    }
    if flags & NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED == 0 {
        let (at, length) = (
            field!(bytes, IndirectionTableOffset: u32) as usize,
            usize::from(field!(bytes, IndirectionTableSize: u16)),
        );
        let (entries, rest) = part(bytes, at, length)?.as_chunks::<ENTRY>();
        let processors = entries.iter().map(|entry| Processor {
            group: u16::from_le_bytes([entry[0], entry[1]]),
            number: entry[2],
        });
        if !rest.is_empty() || entries.len() > MOST_ENTRIES || !wanted.set_table(processors) {
            return Err(Status::NDIS_INVALID_DATA);
        }
    }
    Ok(wanted)
}

/// Bytes of the parameters that an offset and a length name.
fn part(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Status> {
    let end = at.checked_add(length).ok_or(Status::NDIS_INVALID_LENGTH)?;
    bytes.get(at..end).ok_or(Status::NDIS_INVALID_LENGTH)
}

/// The types of hashes that are wanted (rule RSS-02).
fn hash_types(information: u32) -> Result<u32, Status> {
    let types = information & NDIS_HASH_TYPE_MASK;
    let function = information & NDIS_HASH_FUNCTION_MASK;
    if function != TOEPLITZ || types == 0 || types & !HASH_TYPES != 0 {
        return Err(Status::NDIS_INVALID_DATA);
    }
    Ok(types)
}
