//! Safe wrappers of the kernel services that the driver uses; with `sys` the only home of `unsafe` besides FFI edges.
//!
//! | module | what it wraps |
//! |---|---|
//! | [`status`] | `NTSTATUS` / `NDIS_STATUS` as one type |
//! | [`irql`] | the [`Passive`] token, raising to `DISPATCH_LEVEL`, sleeping |
//! | [`pool`] | fallible nonpaged pool: `Box`, `Vec` |
//! | [`rc`], [`slot`] | [`Ref`]: counted pointers that may unsize to trait objects; a place for one |
//! | [`lock`] | [`SpinLock`] |
//! | [`once`] | [`Once`]: a value that comes later |
//! | [`event`] | [`Event`]: signalled from any callback, waited for at `PASSIVE_LEVEL` |
//! | [`timer`], [`work`], [`task`] | callbacks later: at `DISPATCH_LEVEL`, at `PASSIVE_LEVEL`; once, from a closure |
//! | [`mmio`], [`pci`] | device registers; configuration space |
//! | [`ring`] | rings of shared memory, doorbell records and registers for the data path |
//! | [`dma`], [`mdl`] | memory shared with the device; mapping of foreign memory for it |
//! | [`frame_map`], [`out_of_band`] | frames of senders mapped for the device; what travels beside their data |
//! | [`packet`], [`message`] | `NET_BUFFER_LIST`s: chains, and packets and messages of our own |
//! | [`config`], [`log`] | registry keywords; event log |
//! | [`lifetime`], [`registry`] | when an object's close ends; lists of live objects |
//! | [`turn`], [`turn_table`] | one processor at a time at a queue, no message lost; objects that it finds without a lock |
//! | [`captured`] | a few bytes of somebody else's, kept by value |
//! | [`driver_object`] | what the driver keeps with its driver object |
//! | [`control_device`], [`irp`] | the driver's control device; requests to it |
//! | [`time`], [`sync`] | clock; atomics and store ordering |

pub mod address_watch;
pub mod captured;
pub mod config;
pub mod control_device;
pub mod dma;
pub mod driver_object;
pub mod event;
pub mod frame_map;
pub mod irp;
pub mod irql;
pub mod lifetime;
pub mod lock;
pub mod log;
pub mod mdl;
pub mod message;
pub mod mmio;
pub mod net;
pub mod once;
pub mod out_of_band;
pub mod packet;
pub mod pci;
pub mod pool;
pub mod random;
pub mod rc;
pub mod registry;
pub mod ring;
pub mod shared;
pub mod slot;
pub mod status;
pub mod sync;
pub mod task;
pub mod time;
pub mod timer;
pub mod turn;
pub mod turn_table;
pub mod work;

use core::ffi::c_void;

pub use self::{
    address_watch::AddressWatch,
    captured::Captured,
    dma::{BusAddress, Dma, ScatterGather},
    event::Event,
    irql::{DispatchGuard, Passive},
    lock::{SpinGuard, SpinLock},
    log::EventLog,
    mdl::{Mdl, OwnMdl},
    mmio::Mmio,
    once::Once,
    pool::{Box, NonPaged, Vec},
    rc::Ref,
    shared::SharedMemory,
    slot::Slot,
    status::{NoMemory, Status},
    timer::Timer,
    work::WorkItem,
};

/// The handle by which NDIS knows one adapter of this driver (`MiniportAdapterHandle`).
///
/// NDIS hands it to `MiniportInitializeEx`; it stays valid until `MiniportHaltEx` returned. Everything that keeps a copy
/// lives inside the adapter and is gone by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct NdisHandle(*mut c_void);

// SAFETY: an opaque value; NDIS synchronises what is behind it, and accepts it on every processor.
unsafe impl Send for NdisHandle {}
// SAFETY: as above.
unsafe impl Sync for NdisHandle {}

impl NdisHandle {
    /// Wraps a handle that NDIS gave us.
    ///
    /// # Safety
    /// `raw` is a live miniport adapter handle (or miniport driver handle, for the functions that take one) and stays so
    /// while any copy of the result is in use.
    pub const unsafe fn new(raw: *mut c_void) -> Self {
        Self(raw)
    }

    /// The handle, for an NDIS call.
    pub const fn as_raw(self) -> *mut c_void {
        self.0
    }
}
