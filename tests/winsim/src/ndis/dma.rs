//! DMA as NDIS offers it: registration, and memory shared with the device.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, NDIS_SG_DMA_64_BIT_ADDRESS, NDIS_SG_DMA_DESCRIPTION,
    NDIS_STATUS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_SUPPORTED,
    NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};
use wdk_standin::{LARGE_INTEGER, PHYSICAL_ADDRESS};

use super::adapter::{self, AdapterState, Region, State};
use super::attributes::BUS_MASTER;
use super::kernel::{self, Level};
use super::sg_list::Lists;
use super::table::{self, Object};
use crate::sim::{self, MICROSECOND, Stream, faults};

/// Bytes of the scatter/gather list buffer that `NdisMRegisterScatterGatherDma` asks for (DMA-02).
const LIST_SIZE: u32 = 1024;

/// The longest piece of contiguous memory that a host has left, in bytes, as the seed says: one that runs for long has few pages
/// together.
const LONGEST_SHARED: [u32; 2] = [32 * 4096, u32::MAX];

/// One registration of a bus master.
pub(super) struct Dma {
    adapter: Rc<AdapterState>,
    description: NDIS_SG_DMA_DESCRIPTION,
    pending: Cell<u32>,
    /// Lists of frames.
    pub(super) lists: Lists,
}

impl Dma {
    /// The device.
    pub(super) fn function(&self) -> &crate::pci::Function {
        &self.adapter.function
    }

    /// `MiniportProcessSGList`.
    pub(super) fn list_handler(
        &self,
    ) -> unsafe extern "win64" fn(
        *mut wdk_standin::_DEVICE_OBJECT,
        *mut c_void,
        *mut wdk_standin::_SCATTER_GATHER_LIST,
        *mut c_void,
    ) {
        self.description
            .ProcessSGListHandler
            .expect("checked at registration")
    }

    /// Bytes that a packet may have.
    pub(super) const fn largest_mapping(&self) -> u32 {
        self.description.MaximumPhysicalMapping
    }
}

/// `NdisMRegisterScatterGatherDma`.
///
/// # Safety
/// The pointers are good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMRegisterScatterGatherDma(
    handle: NDIS_HANDLE,
    description: *mut NDIS_SG_DMA_DESCRIPTION,
    dma_handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisMRegisterScatterGatherDma";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    adapter.expect("VRF-41", ddi, &[State::Initializing]);
    adapter.expect_registered(ddi);
    // SAFETY: the caller's description.
    let given = unsafe { description.read() };
    if u32::from(given.Header.Type) != NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION || given.Header.Size < 36 {
        return NDIS_STATUS_BAD_VERSION;
    }
    if adapter.attributes.flags.get() & BUS_MASTER == 0 || given.ProcessSGListHandler.is_none() {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    if given.Flags & NDIS_SG_DMA_64_BIT_ADDRESS == 0 {
        sim::fail(
            "DMA-01",
            format!("{ddi} on {} without 64-bit addresses", adapter.name),
        );
    }
    if faults::fire("NdisMRegisterScatterGatherDma") {
        return NDIS_STATUS_RESOURCES;
    }
    let fresh = table::reserve();
    adapter.held.dma.borrow_mut().push(fresh);
    let longest = LONGEST_SHARED[sim::choose(Stream::Bus, LONGEST_SHARED.len() as u64) as usize];
    adapter.held.longest_shared.set(longest);
    let dma = Dma {
        adapter,
        description: given,
        pending: Cell::new(0),
        lists: Lists::default(),
    };
    table::insert(fresh, Object::Dma(Rc::new(dma)));
    // SAFETY: the caller's description, in which NDIS returns the size of its lists.
    unsafe { (*description).ScatterGatherListSize = LIST_SIZE };
    // SAFETY: the caller gives a place for the handle.
    unsafe { dma_handle.write(fresh) };
    NDIS_STATUS_SUCCESS
}

/// `NdisMDeregisterScatterGatherDma`: nothing may be allocated through the registration any more.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMDeregisterScatterGatherDma(handle: NDIS_HANDLE) {
    let ddi = "NdisMDeregisterScatterGatherDma";
    kernel::enter(ddi, Level::Passive);
    let dma = table::dma(handle, ddi);
    let shared = dma.adapter.held.shared.borrow().len();
    let lists = dma.lists.count();
    if shared > 0 || dma.pending.get() > 0 || lists > 0 {
        let pending = dma.pending.get();
        sim::fail(
            "VRF-45",
            format!(
                "{ddi}: {shared} pieces of shared memory and {lists} lists of frames left, {pending} pending"
            ),
        );
    }
    adapter::release(&dma.adapter.held.dma, handle);
    table::remove(handle);
}

/// `NdisMAllocateSharedMemory`: memory that processor and device see, from Initialize only (DMA-07).
///
/// # Safety
/// The last two pointers are places for the results.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMAllocateSharedMemory(
    handle: NDIS_HANDLE,
    length: u32,
    cached: u8,
    address: *mut *mut c_void,
    physical: *mut PHYSICAL_ADDRESS,
) {
    let ddi = "NdisMAllocateSharedMemory";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    adapter.expect("DMA-07", ddi, &[State::Initializing]);
    if adapter.held.dma.borrow().is_empty() {
        sim::fail(
            "INIT-03",
            format!("{ddi} on {} before NdisMRegisterScatterGatherDma", adapter.name),
        );
    }
    let region = (!faults::fire("NdisMAllocateSharedMemory"))
        .then(|| allocate(&adapter, length, cached != 0))
        .flatten();
    if region.is_none() {
        adapter.unlogged_failure.set(true);
    }
    // SAFETY: the caller gives places for the results.
    unsafe { address.write(region.map_or(ptr::null_mut(), |r| r.address as *mut c_void)) };
    let bus = PHYSICAL_ADDRESS {
        QuadPart: region.map_or(0, |r| r.bus as i64),
    };
    // SAFETY: as above.
    unsafe { physical.write(bus) };
}

fn allocate(adapter: &AdapterState, length: u32, cached: bool) -> Option<Region> {
    if length == 0 || length > adapter.held.longest_shared.get() {
        return None;
    }
    let (address, bus) = kernel::allocate_common(&adapter.function, length)?;
    let region = Region {
        address: address as usize,
        bus,
        length,
        cached,
    };
    adapter.held.shared.borrow_mut().push(region);
    Some(region)
}

/// `NdisMFreeSharedMemory`: all of it as it was allocated, not by `MiniportShutdownEx` (VRF-22). Whoever else is just freeing something may.
///
/// # Safety
/// None beyond a live simulation; the arguments are checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMFreeSharedMemory(
    handle: NDIS_HANDLE,
    length: u32,
    cached: u8,
    address: *mut c_void,
    physical: PHYSICAL_ADDRESS,
) {
    let ddi = "NdisMFreeSharedMemory";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    let inside = adapter
        .operator
        .get()
        .is_some_and(|operator| sim::current() == Some(operator));
    if adapter.state.get() == State::Shutdown && inside {
        sim::fail(
            "VRF-22",
            format!("{ddi} on {} inside MiniportShutdownEx", adapter.name),
        );
    }
    // SAFETY: both views of the union are plain integers.
    let bus = unsafe { physical.QuadPart } as u64;
    let wanted = Region {
        address: address as usize,
        bus,
        length,
        cached: cached != 0,
    };
    let found = {
        let mut shared = adapter.held.shared.borrow_mut();
        let at = shared.iter().position(|r| *r == wanted);
        at.map(|at| shared.swap_remove(at))
    };
    let Some(region) = found else {
        sim::fail(
            "VRF-42",
            format!(
                "{ddi}: {address:p}+{length:#x} at {bus:#x} was not allocated so for {}",
                adapter.name
            ),
        );
    };
    kernel::free_common(
        &adapter.function,
        region.address as *mut u8,
        region.bus,
        region.length,
    );
}

/// `NdisMAllocateSharedMemoryAsyncEx`: the same at run time; `SharedMemAllocateCompleteHandler` brings the result.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMAllocateSharedMemoryAsyncEx(
    handle: NDIS_HANDLE,
    length: u32,
    cached: u8,
    context: *mut c_void,
) -> NDIS_STATUS {
    let ddi = "NdisMAllocateSharedMemoryAsyncEx";
    kernel::enter(ddi, Level::Dispatch);
    let dma = table::dma(handle, ddi);
    if dma.description.SharedMemAllocateCompleteHandler.is_none() {
        return NDIS_STATUS_FAILURE;
    }
    if faults::fire("NdisMAllocateSharedMemoryAsyncEx") {
        return NDIS_STATUS_RESOURCES;
    }
    dma.pending.set(dma.pending.get() + 1);
    dma.adapter
        .held
        .shared_pending
        .set(dma.adapter.held.shared_pending.get() + 1);
    let context = context as usize;
    let host = dma.adapter.host;
    kernel::worker(host, "shared memory", move || {
        complete(&dma, length, cached != 0, context);
    });
    NDIS_STATUS_PENDING
}

fn complete(dma: &Dma, length: u32, cached: bool, context: usize) {
    sim::sleep(MICROSECOND * (1 + sim::choose(Stream::Ndis, 40)));
    let adapter = &dma.adapter;
    let region = (!faults::fire("shared memory completion"))
        .then(|| allocate(adapter, length, cached))
        .flatten();
    let mut bus = LARGE_INTEGER {
        QuadPart: region.map_or(0, |r| r.bus as i64),
    };
    let address = region.map_or(0, |r| r.address);
    // Whoever waits for the handler may halt the adapter as soon as the handler has told it so.
    dma.pending.set(dma.pending.get() - 1);
    adapter
        .held
        .shared_pending
        .set(adapter.held.shared_pending.get() - 1);
    // The page allows any level up to DISPATCH_LEVEL.
    let old = (sim::choose(Stream::Ndis, 2) == 1).then(|| kernel::raise(sim::DISPATCH_LEVEL));
    if let Some(handler) = dma.description.SharedMemAllocateCompleteHandler {
        // SAFETY: the driver registered this handler and is not halted while an allocation is pending (checked there).
        unsafe {
            handler(
                adapter.context(),
                address as *mut c_void,
                &raw mut bus,
                length,
                context as *mut c_void,
            );
        };
    }
    if let Some(old) = old {
        kernel::lower(old);
    }
    kernel::expect_clean("MiniportSharedMemoryAllocateComplete");
}
