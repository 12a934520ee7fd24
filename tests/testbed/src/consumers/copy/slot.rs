//! Memory for one request: the client's is fast-registered for each request, the server's is registered once.

use super::{CHUNK, CopyError, DEPTH};
use crate::consumers::ndk::{Adapter, Buffer, Lam, Mr, Pd, Qp, Registration};
use crate::consumers::smb2::Direction;

/// `NDK_OP_FLAG_SILENT_SUCCESS`.
const SILENT_SUCCESS: u32 = 0x1;
/// `NDK_OP_FLAG_ALLOW_REMOTE_READ`.
const ALLOW_REMOTE_READ: u32 = 0x8;
/// `NDK_OP_FLAG_ALLOW_REMOTE_WRITE`.
const ALLOW_REMOTE_WRITE: u32 = 0x30;
/// `NDK_OP_FLAG_DEFER`.
const DEFER: u32 = 0x200;
/// `NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_RDMA_READ_SINK`.
const READ_SINK: u32 = 0x9;
const PAGE: usize = 4096;

/// Makes [`DEPTH`] slots; when one cannot be made, those before it are closed again.
pub(super) fn make_slots<T>(
    mut make: impl FnMut(u64) -> Result<T, CopyError>,
    close: impl Fn(T) -> Result<(), CopyError>,
) -> Result<Vec<T>, CopyError> {
    let mut slots = Vec::with_capacity(DEPTH);
    while slots.len() < DEPTH {
        match make(slots.len() as u64) {
            Ok(slot) => slots.push(slot),
            Err(error) => {
                slots.into_iter().try_for_each(&close)?;
                return Err(error);
            }
        }
    }
    Ok(slots)
}

/// A client's buffer, mapped once, with a fast-registration region.
pub(super) struct ClientSlot {
    /// The address that the peer knows the memory by: not the host's own, which differs from run to run.
    base: u64,
    pub(super) buffer: Buffer,
    lam: Lam,
    mr: Mr,
}

impl ClientSlot {
    pub(super) fn new(adapter: Adapter, pd: Pd, index: u64) -> Result<Self, CopyError> {
        let buffer = Buffer::new(CHUNK);
        let lam = Lam::build(adapter, &buffer).map_err(CopyError::ndk("NdkBuildLAM"))?;
        match Self::region(pd) {
            Ok(mr) => Ok(Self {
                base: (index + 1) << 32,
                buffer,
                lam,
                mr,
            }),
            Err(error) => {
                lam.release();
                Err(error)
            }
        }
    }

    fn region(pd: Pd) -> Result<Mr, CopyError> {
        let mr = pd.create_mr(true).map_err(CopyError::ndk("NdkCreateMr"))?;
        let ready = mr.initialize_fast_register((CHUNK / PAGE) as u32, true).wait();
        if let Err(status) = ready {
            mr.close_and_wait().map_err(CopyError::ndk("NdkCloseMr"))?;
            return Err(CopyError::ndk("NdkInitializeFastRegisterMr")(status));
        }
        Ok(mr)
    }

    /// Posts the registration of the first `length` bytes for the peer; the next send rings for it.
    pub(super) fn expose(&self, qp: Qp, direction: Direction, length: usize) -> Result<(), CopyError> {
        let rights = match direction {
            Direction::Write => ALLOW_REMOTE_READ,
            Direction::Read => ALLOW_REMOTE_WRITE,
        };
        let what = Registration {
            pages: &self.lam.pages()[..length.div_ceil(PAGE)],
            first_byte_offset: self.lam.first_byte_offset(),
            length: length as u64,
            base: self.base,
        };
        qp.fast_register(0, self.mr, &what, SILENT_SUCCESS | DEFER | rights)
            .map_err(CopyError::ndk("NdkFastRegister"))
    }

    /// Posts the local invalidation, for when the peer did not invalidate.
    pub(super) fn hide(&self, qp: Qp) -> Result<(), CopyError> {
        qp.invalidate(0, self.mr, SILENT_SUCCESS)
            .map_err(CopyError::ndk("NdkInvalidate"))
    }

    /// What the peer puts into its requests.
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn token(&self) -> u32 {
        self.mr.remote_token()
    }

    /// Gives region and mapping back, when nothing uses them any more.
    pub(super) fn close(self) -> Result<(), CopyError> {
        self.mr.close_and_wait().map_err(CopyError::ndk("NdkCloseMr"))?;
        self.lam.release();
        Ok(())
    }
}

/// A server's buffer, registered for local use.
pub(super) struct ServerSlot {
    pub(super) buffer: Buffer,
    pub(super) mr: Mr,
}

impl ServerSlot {
    pub(super) fn new(pd: Pd) -> Result<Self, CopyError> {
        let buffer = Buffer::new(CHUNK);
        let mr = pd
            .register(&buffer, READ_SINK)
            .map_err(CopyError::ndk("NdkRegisterMr"))?;
        Ok(Self { buffer, mr })
    }

    pub(super) fn close(self) -> Result<(), CopyError> {
        self.mr.close_and_wait().map_err(CopyError::ndk("NdkCloseMr"))
    }
}
