//! Queue pairs: every kind of post.

use std::ptr;

use cxndk::sys::ndkpi::{NDK_QP, NDK_SGE};

use super::object::{Object, dispatch};
use super::queue::request_context;
use super::{Mr, Status};

/// A queue pair.
pub type Qp = Object<NDK_QP>;

/// Memory at the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Address that the peer's token gives meaning to.
    pub address: u64,
    /// The peer's remote token.
    pub token: u32,
}

/// What a fast registration makes of a list of pages.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// Bus addresses of the pages.
    pub pages: &'a [u64],
    /// Where the region begins in the first page.
    pub first_byte_offset: u32,
    /// Length in bytes.
    pub length: u64,
    /// The address that the region shall have.
    pub base: u64,
}

/// A scatter/gather entry.
pub const fn sge(address: *mut u8, length: u32, token: u32) -> NDK_SGE {
    NDK_SGE {
        VirtualAddress: address.cast(),
        Length: length,
        MemoryRegionToken: token,
    }
}

const fn list(sges: &[NDK_SGE]) -> *const NDK_SGE {
    if sges.is_empty() {
        ptr::null()
    } else {
        sges.as_ptr()
    }
}

impl Qp {
    /// Posts a receive.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn receive(self, context: u64, sges: &[NDK_SGE]) -> Result<(), Status> {
        Status(dispatch!(
            self,
            NdkReceive(request_context(context), list(sges), sges.len() as u32)
        ))
        .check()
    }

    /// Posts a send.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn send(self, context: u64, sges: &[NDK_SGE], flags: u32) -> Result<(), Status> {
        Status(dispatch!(
            self,
            NdkSend(request_context(context), list(sges), sges.len() as u32, flags)
        ))
        .check()
    }

    /// Posts a send that invalidates a token of the peer.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn send_and_invalidate(
        self,
        context: u64,
        sges: &[NDK_SGE],
        flags: u32,
        token: u32,
    ) -> Result<(), Status> {
        let (sge, count) = (list(sges), sges.len() as u32);
        Status(dispatch!(
            self,
            NdkSendAndInvalidate(request_context(context), sge, count, flags, token)
        ))
        .check()
    }

    /// Posts an RDMA read.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn read(self, context: u64, sges: &[NDK_SGE], remote: Remote, flags: u32) -> Result<(), Status> {
        let (sge, count) = (list(sges), sges.len() as u32);
        Status(dispatch!(
            self,
            NdkRead(
                request_context(context),
                sge,
                count,
                remote.address,
                remote.token,
                flags
            )
        ))
        .check()
    }

    /// Posts an RDMA write.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn write(self, context: u64, sges: &[NDK_SGE], remote: Remote, flags: u32) -> Result<(), Status> {
        let (sge, count) = (list(sges), sges.len() as u32);
        Status(dispatch!(
            self,
            NdkWrite(
                request_context(context),
                sge,
                count,
                remote.address,
                remote.token,
                flags
            )
        ))
        .check()
    }

    /// Posts a fast registration.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn fast_register(
        self,
        context: u64,
        mr: Mr,
        what: &Registration<'_>,
        flags: u32,
    ) -> Result<(), Status> {
        Status(dispatch!(
            self,
            NdkFastRegister(
                request_context(context),
                mr.raw(),
                what.pages.len() as u32,
                what.pages.as_ptr().cast(),
                what.first_byte_offset,
                what.length,
                ptr::without_provenance_mut(what.base as usize),
                flags,
            )
        ))
        .check()
    }

    /// Posts the invalidation of a fast-registered region.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn invalidate(self, context: u64, mr: Mr, flags: u32) -> Result<(), Status> {
        Status(dispatch!(
            self,
            NdkInvalidate(request_context(context), mr.header(), flags)
        ))
        .check()
    }

    /// Cancels all that is outstanding.
    pub fn flush(self) {
        dispatch!(self, NdkFlush());
    }
}
