//! Nonpaged memory, described by an MDL and registered, so that this adapter and the peer's reach it.

use core::ffi::c_void;
use core::ptr;
use core::slice;

use crate::abi::{self, MR_ALL, NO_RESOURCES, NdkMr, NdkPd, Sge, Status};
use crate::request::{self, Owned};

/// `NonPagedPoolNx`.
const POOL: i32 = 512;
const TAG: u32 = u32::from_le_bytes(*b"NdkC");

/// Pool that is freed with it.
struct Pool {
    memory: *mut u8,
    length: u32,
}

impl Pool {
    fn new(length: u32) -> Result<Self, Status> {
        // SAFETY: callable at PASSIVE_LEVEL.
        let memory = unsafe { abi::ExAllocatePoolWithTag(POOL, u64::from(length), TAG) }.cast::<u8>();
        if memory.is_null() {
            return Err(NO_RESOURCES);
        }
        // SAFETY: allocated with this length.
        unsafe { memory.write_bytes(0, length as usize) };
        Ok(Self { memory, length })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`; nothing uses it any more.
        unsafe { abi::ExFreePoolWithTag(self.memory.cast(), TAG) }
    }
}

/// An MDL that is freed with it.
struct Mdl(*mut c_void);

impl Mdl {
    fn new(pool: &Pool) -> Result<Self, Status> {
        // SAFETY: the memory is not touched.
        let mdl = unsafe { abi::IoAllocateMdl(pool.memory.cast(), pool.length, 0, 0, ptr::null_mut()) };
        if mdl.is_null() {
            return Err(NO_RESOURCES);
        }
        // SAFETY: a fresh MDL of nonpaged pool.
        unsafe { abi::MmBuildMdlForNonPagedPool(mdl) };
        Ok(Self(mdl))
    }
}

impl Drop for Mdl {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`; the registration is over.
        unsafe { abi::IoFreeMdl(self.0) }
    }
}

/// A registration that ends with it.
struct Registration(Owned<NdkMr>);

impl Drop for Registration {
    fn drop(&mut self) {
        let mr = self.0.get();
        // SAFETY: the region is open and registered.
        let _ = request::run(|context| unsafe {
            ((*(*mr).dispatch).deregister)(mr, request::completed, context)
        });
    }
}

/// Registered memory. What is declared first goes first.
pub struct Buffer {
    registration: Registration,
    _mdl: Mdl,
    pool: Pool,
}

impl Buffer {
    /// Allocates and registers `length` bytes, zeroed. `PASSIVE_LEVEL`.
    pub fn new(pd: *mut NdkPd, length: u32) -> Result<Self, Status> {
        let pool = Pool::new(length)?;
        let mdl = Mdl::new(&pool)?;
        let mr = request::create(
            // SAFETY: the domain is open.
            |context, place| unsafe {
                ((*(*pd).dispatch).create_mr)(pd, 0, request::created, context, place)
            },
            // SAFETY: the region was made just now.
            |mr: *mut NdkMr| unsafe { (*(*mr).dispatch).close },
        )?;
        let object = mr.get();
        request::run(|context| {
            let length = u64::from(length);
            // SAFETY: the region is open, the MDL lives longer than the registration.
            unsafe {
                ((*(*object).dispatch).register)(object, mdl.0, length, MR_ALL, request::completed, context)
            }
        })?;
        Ok(Self {
            registration: Registration(mr),
            _mdl: mdl,
            pool,
        })
    }

    fn mr(&self) -> *mut NdkMr {
        self.registration.0.get()
    }

    /// The peer's key to it.
    pub fn remote_token(&self) -> u32 {
        // SAFETY: the region is registered.
        unsafe { ((*(*self.mr()).dispatch).remote_token)(self.mr()) }
    }

    /// The address by which the peer reaches byte `at`.
    pub fn remote_address(&self, at: u32) -> u64 {
        self.pool.memory.wrapping_add(at as usize).addr() as u64
    }

    /// A piece of it for a request.
    pub fn piece(&self, at: u32, length: u32) -> Sge {
        Sge {
            address: self.pool.memory.wrapping_add(at as usize).cast(),
            length,
            // SAFETY: the region is registered.
            token: unsafe { ((*(*self.mr()).dispatch).local_token)(self.mr()) },
        }
    }

    /// The bytes. No request that writes them is outstanding.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this length, and nobody else writes now.
        unsafe { slice::from_raw_parts_mut(self.pool.memory, self.pool.length as usize) }
    }
}
