//! Protection domains, memory regions and logical address mappings of a consumer.

use std::ptr;

use cxndk::sys::ndkpi::{NDK_LOGICAL_ADDRESS_MAPPING, NDK_MR, NDK_PD, NDK_QP};

use super::adapter::Adapter;
use super::object::{Object, dispatch};
use super::queue::Cq;
use super::wait::{self, Started};
use super::{Buffer, Qp, Status};

/// A protection domain.
pub type Pd = Object<NDK_PD>;
/// A memory region.
pub type Mr = Object<NDK_MR>;

/// Depths and limits of a queue pair.
#[derive(Clone, Copy, Debug)]
pub struct QpLimits {
    /// Receives that may be outstanding.
    pub receive_depth: u32,
    /// Initiator requests that may be outstanding.
    pub initiator_depth: u32,
    /// Scatter/gather entries of a receive.
    pub receive_sge: u32,
    /// Scatter/gather entries of an initiator request.
    pub initiator_sge: u32,
    /// Bytes of inline data.
    pub inline_data: u32,
}

impl Pd {
    /// Makes a queue pair; `context` comes back in every result.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_qp(
        self,
        receive_cq: Cq,
        initiator_cq: Cq,
        context: usize,
        limits: QpLimits,
    ) -> Result<Qp, Status> {
        let mut qp = ptr::null_mut::<NDK_QP>();
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateQp(
                    receive_cq.raw(),
                    initiator_cq.raw(),
                    ptr::without_provenance_mut(context),
                    limits.receive_depth,
                    limits.initiator_depth,
                    limits.receive_sge,
                    limits.initiator_sge,
                    limits.inline_data,
                    Some(wait::created),
                    request,
                    &raw mut qp,
                )
            )
        });
        started.wait_object(qp).map(Object::from_raw)
    }

    /// Makes a memory region, for registration of MDLs or for fast registration.
    ///
    /// # Errors
    ///
    /// The final status of the create.
    pub fn create_mr(self, fast_register: bool) -> Result<Mr, Status> {
        let mut mr = ptr::null_mut::<NDK_MR>();
        let started = Started::run(|request| {
            dispatch!(
                self,
                NdkCreateMr(u8::from(fast_register), Some(wait::created), request, &raw mut mr)
            )
        });
        started.wait_object(mr).map(Object::from_raw)
    }

    /// A region that covers `buffer` with the rights `flags`.
    ///
    /// # Errors
    ///
    /// The final status of the create or of the registration.
    pub fn register(self, buffer: &Buffer, flags: u32) -> Result<Mr, Status> {
        let mr = self.create_mr(false)?;
        if let Err(status) = mr.register(buffer, flags).wait() {
            mr.close_and_wait()?;
            return Err(status);
        }
        Ok(mr)
    }

    /// The token of logical addresses.
    pub fn privileged_token(self) -> u32 {
        let mut token = 0;
        dispatch!(self, NdkGetPrivilegedMemoryRegionToken(&raw mut token));
        token
    }
}

impl Mr {
    /// Starts the registration of the whole of `buffer`.
    pub fn register(self, buffer: &Buffer, flags: u32) -> Started {
        Started::run(|request| {
            dispatch!(
                self,
                NdkRegisterMr(
                    buffer.mdl(),
                    buffer.len() as u64,
                    flags,
                    Some(wait::request_completed),
                    request
                )
            )
        })
    }

    /// Starts the end of the registration.
    pub fn deregister(self) -> Started {
        Started::run(|request| dispatch!(self, NdkDeregisterMr(Some(wait::request_completed), request)))
    }

    /// Starts the preparation for fast registration of up to `pages` pages.
    pub fn initialize_fast_register(self, pages: u32, remote_access: bool) -> Started {
        Started::run(|request| {
            dispatch!(
                self,
                NdkInitializeFastRegisterMr(
                    pages,
                    u8::from(remote_access),
                    Some(wait::request_completed),
                    request
                )
            )
        })
    }

    /// The token for scatter/gather entries.
    pub fn local_token(self) -> u32 {
        dispatch!(self, NdkGetLocalTokenFromMr())
    }

    /// The token for the peer.
    pub fn remote_token(self) -> u32 {
        dispatch!(self, NdkGetRemoteTokenFromMr())
    }
}

/// A logical address mapping that is being built; the provider may still write to it.
#[must_use = "a mapping that was built has to be released"]
pub struct Building {
    adapter: Adapter,
    room: Vec<u64>,
    /// The size of the structure, and where the buffer begins in its first page.
    sizes: Box<[u32; 2]>,
    started: Started,
}

impl Building {
    /// Whether the build pends or pended.
    pub const fn pended(&self) -> bool {
        self.started.pended()
    }

    /// The final status, if it is known already.
    pub fn status(&self) -> Option<Status> {
        self.started.status()
    }

    /// Waits for the mapping.
    ///
    /// # Errors
    ///
    /// The final status of `NdkBuildLAM`.
    pub fn wait(self) -> Result<Lam, Status> {
        self.started.wait()?;
        Ok(Lam {
            adapter: self.adapter,
            room: self.room,
            first_byte_offset: self.sizes[1],
        })
    }
}

/// A logical address mapping of a buffer: the pages as the adapter sees them.
pub struct Lam {
    adapter: Adapter,
    room: Vec<u64>,
    first_byte_offset: u32,
}

impl Lam {
    /// Builds the mapping of the whole of `buffer`.
    ///
    /// # Errors
    ///
    /// The final status of `NdkBuildLAM`.
    pub fn build(adapter: Adapter, buffer: &Buffer) -> Result<Self, Status> {
        Self::start(adapter, buffer).wait()
    }

    /// Starts to build it.
    pub fn start(adapter: Adapter, buffer: &Buffer) -> Building {
        let pages = buffer.len().div_ceil(4096) + 1;
        let mut room = vec![0_u64; 2 + pages];
        let mut sizes = Box::new([(room.len() * 8) as u32, 0]);
        let [size, first_byte_offset] = &mut *sizes;
        let mapping = room.as_mut_ptr().cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
        let started = Started::run(|request| {
            dispatch!(
                adapter,
                NdkBuildLAM(
                    buffer.mdl(),
                    buffer.len() as u64,
                    Some(wait::request_completed),
                    request,
                    mapping,
                    size,
                    first_byte_offset,
                )
            )
        });
        Building {
            adapter,
            room,
            sizes,
            started,
        }
    }

    /// The bus addresses of the pages.
    pub fn pages(&self) -> &[u64] {
        let count = self.room[1] as u32 as usize;
        &self.room[2..2 + count]
    }

    /// Where the buffer begins in its first page.
    pub const fn first_byte_offset(&self) -> u32 {
        self.first_byte_offset
    }

    /// Gives the mapping back.
    pub fn release(mut self) {
        let mapping = self.room.as_mut_ptr().cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
        dispatch!(self.adapter, NdkReleaseLAM(mapping));
    }
}
