//! One OID request of NDIS: its kind, its buffer, its byte counts (rules OID-05, OID-06).

use core::{
    ffi::c_void,
    ptr::{NonNull, null_mut},
    slice,
};

use crate::{
    nt::Status,
    sys::ndis::{
        NDIS_OBJECT_HEADER, NDIS_OID_REQUEST, NDIS_OID_REQUEST_INFORMATION, NdisRequestQueryInformation,
        NdisRequestQueryStatistics, NdisRequestSetInformation,
    },
};

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Information or statistics.
    Query,
    /// A change.
    Set,
    /// A method; this driver has none.
    Other,
}

/// A request that the adapter owns until it completes it.
#[derive(Debug)]
pub(super) struct Request {
    raw: NonNull<NDIS_OID_REQUEST>,
}

// SAFETY: the adapter owns the request, whichever processor works on it.
unsafe impl Send for Request {}

impl Request {
    /// Takes a request over; `None` if it is NULL.
    ///
    /// # Safety
    /// `raw` is NULL or NDIS's request, the adapter's until it completes it.
    pub(super) unsafe fn new(raw: *mut NDIS_OID_REQUEST) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw })
    }

    /// The request, for its completion.
    pub(super) const fn into_raw(self) -> *mut NDIS_OID_REQUEST {
        self.raw.as_ptr()
    }

    fn request(&self) -> &NDIS_OID_REQUEST {
        // SAFETY: owned.
        unsafe { self.raw.as_ref() }
    }

    fn information(&self) -> &NDIS_OID_REQUEST_INFORMATION {
        // SAFETY: a query or a set; the two have the same fields at the same places. A method has its OID there too.
        unsafe { &self.request().DATA.INFORMATION }
    }

    fn information_mut(&mut self) -> &mut NDIS_OID_REQUEST_INFORMATION {
        // SAFETY: owned.
        let request = unsafe { self.raw.as_mut() };
        // SAFETY: as in `information`.
        unsafe { &mut request.DATA.INFORMATION }
    }

    pub(super) fn kind(&self) -> Kind {
        let kind = self.request().RequestType;
        if kind == NdisRequestQueryInformation || kind == NdisRequestQueryStatistics {
            Kind::Query
        } else if kind == NdisRequestSetInformation {
            Kind::Set
        } else {
            Kind::Other
        }
    }

    pub(super) fn oid(&self) -> u32 {
        self.information().Oid
    }

    /// What a cancellation names it by.
    pub(super) fn id(&self) -> *mut c_void {
        self.request().RequestId
    }

    /// The bytes of a set; any alignment.
    pub(super) fn input(&self) -> &[u8] {
        let information = self.information();
        let (start, length) = (
            information.InformationBuffer,
            information.InformationBufferLength as usize,
        );
        if start.is_null() || self.kind() != Kind::Set {
            return &[];
        }
        // SAFETY: the buffer of a set has this length and lives as long as the request.
        unsafe { slice::from_raw_parts(start.cast(), length) }
    }

    /// The buffer of a query; any alignment.
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "it gives out what only the owner may write"
    )]
    pub(super) fn output(&mut self) -> &mut [u8] {
        let information = self.information();
        let (start, length) = (
            information.InformationBuffer,
            information.InformationBufferLength as usize,
        );
        if start.is_null() || self.kind() != Kind::Query {
            return &mut [];
        }
        // SAFETY: the buffer of a query has this length, lives as long as the request, and is written by its owner only.
        unsafe { slice::from_raw_parts_mut(start.cast(), length) }
    }

    /// Answers a query.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Status {
        let length = bytes.len();
        if let Some(place) = self.output().get_mut(..length) {
            place.copy_from_slice(bytes);
            self.wrote(length)
        } else {
            self.needs(length, Status::NDIS_BUFFER_TOO_SHORT)
        }
    }

    /// Answers a query with a number of 32 bits.
    pub(super) fn reply_u32(&mut self, value: u32) -> Status {
        self.reply(&value.to_ne_bytes())
    }

    /// Answers a query with a counter: 64 bits, or 32 if the buffer has no room for more (rule STAT-03 has the asker choose).
    pub(super) fn reply_counter(&mut self, value: u64) -> Status {
        if matches!(self.output().len(), 4..=7) {
            let status = self.reply_u32(value as u32);
            self.information_mut().BytesNeeded = 8;
            return status;
        }
        self.reply(&value.to_ne_bytes())
    }

    /// A query was answered with this many bytes.
    pub(super) fn wrote(&mut self, length: usize) -> Status {
        self.information_mut().BytesUsed = length as u32;
        self.information_mut().BytesNeeded = length as u32;
        Status::SUCCESS
    }

    /// The request needs a buffer of `length` bytes.
    pub(super) fn needs(&mut self, length: usize, status: Status) -> Status {
        self.information_mut().BytesUsed = 0;
        self.information_mut().BytesNeeded = length as u32;
        status
    }

    /// A set was taken with this many bytes.
    pub(super) fn took(&mut self, length: usize) -> Status {
        self.information_mut().BytesUsed = length as u32;
        Status::SUCCESS
    }

    /// The revision that the answer to a set follows.
    pub(super) fn set_supported_revision(&mut self, revision: u8) {
        // SAFETY: owned.
        unsafe { self.raw.as_mut() }.SupportedRevision = revision;
    }

    /// Copies a structure with an object header out of a set, after checking type, revision and size.
    ///
    /// # Errors
    /// The status to complete the request with.
    pub(super) fn read_object<T: Plain>(&mut self, object_type: u32, revision: u32) -> Result<T, Status> {
        self.read_head(object_type, revision, size_of::<T>())
    }

    /// As [`Self::read_object`], of which the first `size` bytes have to be there: what an earlier revision lacks is zero.
    ///
    /// # Errors
    /// The status to complete the request with.
    pub(super) fn read_head<T: Plain>(
        &mut self,
        object_type: u32,
        revision: u32,
        size: usize,
    ) -> Result<T, Status> {
        if self.input().len() < size {
            return Err(self.needs(size, Status::NDIS_INVALID_LENGTH));
        }
        // SAFETY: `T: Plain` may hold any bytes.
        let mut value = unsafe { core::mem::zeroed::<T>() };
        let bytes = self.input();
        let count = bytes.len().min(size_of::<T>());
        // SAFETY: so many bytes are there, and `T` has as many.
        unsafe { bytes.as_ptr().copy_to((&raw mut value).cast(), count) };
        let header = value.header();
        if u32::from(header.Type) != object_type
            || u32::from(header.Revision) < revision
            || usize::from(header.Size) < size
        {
            return Err(Status::NDIS_INVALID_DATA);
        }
        Ok(value)
    }

    /// The request after this one in a list, which is taken off it.
    pub(super) fn take_next(&mut self) -> Option<Self> {
        let place = self.link();
        // SAFETY: what `set_next` wrote.
        let next = unsafe { place.read_unaligned() };
        // SAFETY: as above.
        unsafe { place.write_unaligned(null_mut()) };
        NonNull::new(next).map(|raw| Self { raw })
    }

    /// Puts a request after this one.
    pub(super) fn set_next(&mut self, next: Option<Self>) {
        let next = next.map_or(null_mut(), Self::into_raw);
        // SAFETY: room for one pointer in the part of the request that is ours.
        unsafe { self.link().write_unaligned(next) }
    }

    const fn link(&mut self) -> *mut *mut NDIS_OID_REQUEST {
        // SAFETY: a field of an owned request.
        unsafe { &raw mut (*self.raw.as_ptr()).MiniportReserved }.cast()
    }
}

/// Structures of numbers with an object header at their start.
///
/// # Safety
/// Any bytes are a value.
pub(super) unsafe trait Plain: Copy {
    /// The header at the start.
    fn header(&self) -> NDIS_OBJECT_HEADER;
}

/// The bytes of a structure of numbers that has no padding.
///
/// # Safety
/// `T` has no padding.
pub(super) const unsafe fn bytes_of<T: Copy>(value: &T) -> &[u8] {
    // SAFETY: every byte of `T` is initialised, as the caller promises.
    unsafe { slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }
}
