//! [`Dma`]: the adapter's registration for bus mastering, and mapping of foreign memory for the device.

use core::{
    ffi::c_void,
    fmt,
    mem::transmute,
    ptr::{NonNull, null_mut},
};

use wdk_sys::{
    _DEVICE_DESCRIPTION as DEVICE_DESCRIPTION, _DEVICE_OBJECT as DEVICE_OBJECT, _DMA_ADAPTER as DMA_ADAPTER,
    _DMA_OPERATIONS as DMA_OPERATIONS, _INTERFACE_TYPE, _SCATTER_GATHER_ELEMENT as SCATTER_GATHER_ELEMENT,
    _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST, PDRIVER_LIST_CONTROL, PHYSICAL_ADDRESS, ntddk,
};

use super::{
    Event, Mdl, NdisHandle, OwnMdl, Passive, Ref, Status,
    irql::raise_to_dispatch,
    pool,
    sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering},
};
use crate::sys::ndis::{
    self, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, NDIS_SG_DMA_64_BIT_ADDRESS,
    NDIS_SG_DMA_DESCRIPTION, NDIS_SG_DMA_DESCRIPTION_REVISION_1,
};

/// `DEVICE_DESCRIPTION_VERSION2`, the first with 64-bit addresses.
const DEVICE_DESCRIPTION_VERSION2: u32 = 2;
/// Longest frame with segmentation offload, in bytes (rule DMA-01).
const MAX_FRAME: u32 = 0x4_0000;

/// Where the device finds something: a logical address of its bus, not a physical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct BusAddress(pub u64);

/// The adapter's DMA registration with NDIS, and its DMA adapter object for memory that is not NDIS's.
pub struct Dma {
    ndis: NdisHandle,
    registration: *mut c_void,
    /// Bytes of a list of pieces of a frame.
    list_bytes: u32,
    adapter: NonNull<DMA_ADAPTER>,
    device: *mut DEVICE_OBJECT,
    initializing: AtomicBool,
}

// SAFETY: handles and objects that the kernel lets every processor use at once.
unsafe impl Send for Dma {}
// SAFETY: as above.
unsafe impl Sync for Dma {}

impl fmt::Debug for Dma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dma")
    }
}

impl Dma {
    /// Registers the adapter. In `MiniportInitializeEx`, after the registration attributes (rule DMA-01).
    ///
    /// The last reference to it goes in Halt or a failing Initialize, at `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// What NDIS said; `INSUFFICIENT_RESOURCES`.
    pub fn register(ndis: NdisHandle, _: Passive<'_>) -> Result<Ref<Self>, Status> {
        let (physical_device, device) = device_objects(ndis);
        let adapter = dma_adapter(physical_device)?;
        let (registration, list_bytes) = match register_with_ndis(ndis) {
            Ok(registered) => registered,
            Err(status) => {
                put_adapter(adapter);
                return Err(status);
            }
        };
        let initializing = AtomicBool::new(true);
        Ok(Ref::try_new(Self {
            ndis,
            registration,
            list_bytes,
            adapter,
            device,
            initializing,
        })?)
    }

    /// From now on shared memory is allocated as NDIS wants it outside `MiniportInitializeEx` (rule DMA-07).
    pub fn initialized(&self) {
        self.initializing.store(false, Ordering::Release);
    }

    /// Bytes of the memory that NDIS wants for a frame's list of pieces.
    pub(super) const fn list_bytes(&self) -> u32 {
        self.list_bytes
    }

    /// The registration, for an NDIS call.
    pub(super) const fn registration(&self) -> *mut c_void {
        self.registration
    }

    /// The adapter's NDIS handle.
    pub const fn ndis(&self) -> NdisHandle {
        self.ndis
    }

    /// Maps the first `length` bytes of a chain of MDLs for the device; `done` gets the result at `DISPATCH_LEVEL`, before or after
    /// this returns. `<= DISPATCH_LEVEL`. The pages stay locked until the result is dropped; the chain may go when this returns: the
    /// kernel reads an MDL again when the mapping ends (`PutScatterGatherList`, wdm.h), and what it reads is a description of ours.
    ///
    /// # Errors
    /// `INSUFFICIENT_RESOURCES`; `INVALID_PARAMETER` if the chain has fewer bytes; then `done` is dropped, not called.
    pub fn map<F>(
        this: &Ref<Self>,
        mdl: Mdl<'_>,
        length: u64,
        direction: Direction,
        done: F,
    ) -> Result<(), Status>
    where
        F: FnOnce(ScatterGather) + Send + 'static,
    {
        mappable(mdl, length)?;
        Self::map_own(this, OwnMdl::of_chain(mdl, length)?, length, direction, done)
    }

    /// As [`Self::map`], for a description that is ours already.
    pub(super) fn map_own<F>(
        this: &Ref<Self>,
        own: OwnMdl,
        length: u64,
        direction: Direction,
        done: F,
    ) -> Result<(), Status>
    where
        F: FnOnce(ScatterGather) + Send + 'static,
    {
        let chain = own.chain();
        let short = mappable(chain, length)?;
        // SAFETY: the MDLs stay where they are, and go with the request or with the mapping that it becomes.
        let mdl = unsafe { Mdl::new(chain.as_raw()) }.ok_or(Status::INVALID_PARAMETER)?;
        let request = pool::try_box(MapRequest {
            dma: this.clone(),
            own,
            direction,
            done,
        })?;
        let (context, _) = super::Box::into_raw_with_allocator(request);
        this.get_scatter_gather_list(mdl, short, mapped::<F>, context.cast(), direction)
            .inspect_err(|_| {
                // SAFETY: refused, so that `mapped` will not run and the request is ours again.
                drop(unsafe { super::Box::from_raw_in(context, super::NonPaged) });
            })
    }

    /// As [`Self::map`], for an owner that maps one thing at a time and so needs no memory for the request.
    ///
    /// # Errors
    /// As [`Self::map`]; then [`MapsForDevice::mapped`] is not called.
    pub fn map_for<T: MapsForDevice>(owner: &Ref<T>, mdl: Mdl<'static>, length: u64) -> Result<(), Status> {
        let short = mappable(mdl, length)?;
        let context = Ref::into_raw(owner.clone());
        let (routine, raw) = (mapped_for::<T>, context.cast_mut().cast());
        owner
            .dma()
            .get_scatter_gather_list(mdl, short, routine, raw, T::DIRECTION)
            .inspect_err(|_| {
                // SAFETY: refused, so that `mapped_for` will not run and the reference is ours again.
                drop(unsafe { Ref::from_raw(context) });
            })
    }

    fn get_scatter_gather_list(
        &self,
        mdl: Mdl<'static>,
        length: u32,
        routine: ListControl,
        context: *mut c_void,
        direction: Direction,
    ) -> Result<(), Status> {
        // SAFETY: `ListControl` has the shape of DRIVER_LIST_CONTROL; win64 is the C convention of x64 Windows.
        let routine = unsafe { transmute::<ListControl, PDRIVER_LIST_CONTROL>(routine) };
        let address = mdl.virtual_address() as *mut c_void;
        let _dispatch = raise_to_dispatch();
        let Some(get) = operations(self.adapter).GetScatterGatherList else {
            return Err(Status::NOT_SUPPORTED);
        };
        // SAFETY: at DISPATCH_LEVEL, as it wants; our adapter and device objects, a chain of `length` bytes at least.
        let status = Status(unsafe {
            get(
                self.adapter.as_ptr(),
                self.device,
                mdl.as_raw(),
                address,
                length,
                routine,
                context,
                direction.writes_to_device(),
            )
        });
        match status {
            Status::SUCCESS => Ok(()),
            // The routine is called only after SUCCESS.
            other if other.is_success() => Err(Status::UNSUCCESSFUL),
            refused => Err(refused),
        }
    }

    /// Takes memory that driver and device share; for [`super::SharedMemory`].
    pub(super) fn allocate_shared(
        &self,
        length: u32,
        passive: Passive<'_>,
    ) -> Result<(NonNull<u8>, BusAddress), Status> {
        let (base, bus) = if self.initializing.load(Ordering::Acquire) {
            self.allocate_in_initialize(length)
        } else {
            self.allocate_at_run_time(length, passive)?
        };
        NonNull::new(base.cast())
            .map(|base| (base, bus))
            .ok_or(Status::INSUFFICIENT_RESOURCES)
    }

    fn allocate_in_initialize(&self, length: u32) -> (*mut c_void, BusAddress) {
        let mut base = null_mut();
        let mut bus = PHYSICAL_ADDRESS { QuadPart: 0 };
        // SAFETY: inside MiniportInitializeEx; places for the results.
        unsafe {
            ndis::NdisMAllocateSharedMemory(self.ndis.as_raw(), length, 1, &raw mut base, &raw mut bus);
        }
        // SAFETY: all 64 bits of the union are one number.
        (base, BusAddress(unsafe { bus.QuadPart }.cast_unsigned()))
    }

    fn allocate_at_run_time(
        &self,
        length: u32,
        passive: Passive<'_>,
    ) -> Result<(*mut c_void, BusAddress), Status> {
        let request = AllocateRequest {
            event: Event::try_new()?,
            base: AtomicPtr::new(null_mut()),
            bus: AtomicU64::new(0),
        };
        let context = (&raw const request).cast_mut().cast();
        // SAFETY: the request lives until its completion, which is waited for below.
        let status = unsafe { ndis::NdisMAllocateSharedMemoryAsyncEx(self.registration, length, 1, context) };
        if Status(status) != Status::PENDING {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        request.event.wait(passive);
        Ok((
            request.base.load(Ordering::Acquire),
            BusAddress(request.bus.load(Ordering::Acquire)),
        ))
    }
}

impl Drop for Dma {
    fn drop(&mut self) {
        // SAFETY: registered by `register`; whatever was mapped or allocated held a reference to `self`.
        unsafe { ndis::NdisMDeregisterScatterGatherDma(self.registration) }
        put_adapter(self.adapter);
    }
}

/// The bytes of a chain that are to be mapped, if it has them.
fn mappable(mdl: Mdl<'_>, length: u64) -> Result<u32, Status> {
    let short = u32::try_from(length).map_err(|_| Status::INVALID_PARAMETER)?;
    if length == 0 || mdl.byte_count() < length {
        return Err(Status::INVALID_PARAMETER);
    }
    Ok(short)
}

/// Who writes the mapped memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device only reads it.
    ToDevice,
    /// The device may write it.
    FromDevice,
}

impl Direction {
    const fn writes_to_device(self) -> u8 {
        matches!(self, Self::ToDevice) as u8
    }
}

/// Memory mapped for the device, until dropped (`<= DISPATCH_LEVEL`). The owner has made the device forget it by then.
pub struct ScatterGather {
    dma: Ref<Dma>,
    list: NonNull<SCATTER_GATHER_LIST>,
    direction: Direction,
    // What was mapped, if that is ours: goes after the list.
    _own: Option<OwnMdl>,
}

// SAFETY: the list is read only and its release may happen on any processor.
unsafe impl Send for ScatterGather {}
// SAFETY: as above.
unsafe impl Sync for ScatterGather {}

impl fmt::Debug for ScatterGather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl ScatterGather {
    /// Number of pieces.
    pub fn len(&self) -> usize {
        // SAFETY: the list lives until it is put back.
        unsafe { self.list.as_ref() }.NumberOfElements as usize
    }

    /// Whether there are no pieces.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order: where each begins, and its bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (BusAddress, u32)> + '_ {
        let list = self.list.as_ptr();
        // SAFETY: a field of a live list.
        let first = unsafe { &raw const (*list).Elements }.cast::<SCATTER_GATHER_ELEMENT>();
        (0..self.len()).map(move |index| {
            // SAFETY: the list has `len` elements, which follow each other.
            let element = unsafe { &*first.wrapping_add(index) };
            // SAFETY: all 64 bits of the union are one number.
            let address = unsafe { element.Address.QuadPart };
            (BusAddress(address.cast_unsigned()), element.Length)
        })
    }
}

impl Drop for ScatterGather {
    fn drop(&mut self) {
        let adapter = self.dma.adapter;
        let Some(put) = operations(adapter).PutScatterGatherList else {
            return;
        };
        let _dispatch = raise_to_dispatch();
        // SAFETY: at DISPATCH_LEVEL, as it wants; the list came from this adapter's GetScatterGatherList.
        unsafe {
            put(
                adapter.as_ptr(),
                self.list.as_ptr(),
                self.direction.writes_to_device(),
            );
        }
    }
}

/// Who maps one thing at a time for the device.
pub trait MapsForDevice: Send + Sync + Sized + 'static {
    /// Who writes the memory.
    const DIRECTION: Direction;

    /// The adapter's registration.
    fn dma(&self) -> &Ref<Dma>;

    /// The result of [`Dma::map_for`], at `DISPATCH_LEVEL`, before or after that returns.
    fn mapped(this: &Ref<Self>, map: ScatterGather);
}

struct MapRequest<F> {
    dma: Ref<Dma>,
    own: OwnMdl,
    direction: Direction,
    done: F,
}

type ListControl =
    unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut c_void, *mut SCATTER_GATHER_LIST, *mut c_void);

unsafe extern "win64" fn mapped<F: FnOnce(ScatterGather)>(
    _: *mut DEVICE_OBJECT,
    _: *mut c_void,
    list: *mut SCATTER_GATHER_LIST,
    context: *mut c_void,
) {
    // SAFETY: the request that `map` gave away; this runs once.
    let request = unsafe { super::Box::from_raw_in(context.cast::<MapRequest<F>>(), super::NonPaged) };
    let MapRequest {
        dma,
        own,
        direction,
        done,
    } = super::Box::into_inner(request);
    if let Some(list) = NonNull::new(list) {
        done(ScatterGather {
            dma,
            list,
            direction,
            _own: Some(own),
        });
    }
}

unsafe extern "win64" fn mapped_for<T: MapsForDevice>(
    _: *mut DEVICE_OBJECT,
    _: *mut c_void,
    list: *mut SCATTER_GATHER_LIST,
    context: *mut c_void,
) {
    // SAFETY: the reference that `map_for` gave away; this runs once.
    let owner = unsafe { Ref::from_raw(context.cast_const().cast::<T>()) };
    if let Some(list) = NonNull::new(list) {
        let (dma, direction) = (owner.dma().clone(), T::DIRECTION);
        let map = ScatterGather {
            dma,
            list,
            direction,
            _own: None,
        };
        T::mapped(&owner, map);
    }
}

struct AllocateRequest {
    event: Event,
    base: AtomicPtr<c_void>,
    bus: AtomicU64,
}

unsafe extern "win64" fn shared_memory_allocated(
    _: *mut c_void,
    base: *mut c_void,
    bus: *mut PHYSICAL_ADDRESS,
    _: u32,
    context: *mut c_void,
) {
    // SAFETY: the request of `allocate_at_run_time`, which waits for its event.
    let request = unsafe { &*context.cast::<AllocateRequest>() };
    // SAFETY: NULL or the place of an address.
    if let Some(bus) = unsafe { bus.as_ref() } {
        // SAFETY: all 64 bits of the union are one number.
        request
            .bus
            .store(unsafe { bus.QuadPart }.cast_unsigned(), Ordering::Release);
    }
    request.base.store(base, Ordering::Release);
    request.event.set();
}

/// A frame that NDIS maps: what the context of its mapping leads to begins with this.
#[repr(C)]
pub(super) struct ListRequest {
    /// Takes the list, with the context. `DISPATCH_LEVEL`.
    pub(super) ready: unsafe fn(NonNull<Self>, *mut SCATTER_GATHER_LIST),
}

/// `MiniportProcessSGList`. `DISPATCH_LEVEL`.
unsafe extern "win64" fn process_sg_list(
    _: *mut DEVICE_OBJECT,
    _: *mut c_void,
    list: *mut SCATTER_GATHER_LIST,
    context: *mut c_void,
) {
    let Some(request) = NonNull::new(context.cast::<ListRequest>()) else {
        return;
    };
    // SAFETY: the request that NDIS was asked with, whose owner waits for this call.
    let ready = unsafe { request.as_ref() }.ready;
    // SAFETY: as above.
    unsafe { ready(request, list) }
}

/// The registration, and the bytes of a list of pieces.
fn register_with_ndis(ndis: NdisHandle) -> Result<(*mut c_void, u32), Status> {
    let mut description = NDIS_SG_DMA_DESCRIPTION {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION as _,
            Revision: NDIS_SG_DMA_DESCRIPTION_REVISION_1 as _,
            Size: size_of::<NDIS_SG_DMA_DESCRIPTION>() as _,
        },
        Flags: NDIS_SG_DMA_64_BIT_ADDRESS as _,
        MaximumPhysicalMapping: MAX_FRAME,
        ProcessSGListHandler: Some(process_sg_list),
        SharedMemAllocateCompleteHandler: Some(shared_memory_allocated),
        ScatterGatherListSize: 0,
    };
    let mut registration = null_mut();
    // SAFETY: a live handle after its registration attributes, a complete description.
    let status = unsafe {
        ndis::NdisMRegisterScatterGatherDma(ndis.as_raw(), &raw mut description, &raw mut registration)
    };
    Status(status).ok()?;
    Ok((registration, description.ScatterGatherListSize))
}

/// The adapter's physical and functional device objects.
fn device_objects(ndis: NdisHandle) -> (*mut DEVICE_OBJECT, *mut DEVICE_OBJECT) {
    let (mut physical, mut functional) = (null_mut(), null_mut());
    // SAFETY: a live handle; NULL for what is not asked for.
    unsafe {
        ndis::NdisMGetDeviceProperty(
            ndis.as_raw(),
            &raw mut physical,
            &raw mut functional,
            null_mut(),
            null_mut(),
            null_mut(),
        );
    }
    (physical, functional)
}

fn dma_adapter(physical_device: *mut DEVICE_OBJECT) -> Result<NonNull<DMA_ADAPTER>, Status> {
    let mut description = DEVICE_DESCRIPTION {
        Version: DEVICE_DESCRIPTION_VERSION2,
        Master: 1,
        ScatterGather: 1,
        Dma32BitAddresses: 1,
        Dma64BitAddresses: 1,
        InterfaceType: _INTERFACE_TYPE::PCIBus,
        MaximumLength: u32::MAX,
        ..DEVICE_DESCRIPTION::default()
    };
    let mut map_registers = 0;
    // SAFETY: our physical device object, a complete description, PASSIVE_LEVEL.
    let adapter =
        unsafe { ntddk::IoGetDmaAdapter(physical_device, &raw mut description, &raw mut map_registers) };
    NonNull::new(adapter).ok_or(Status::INSUFFICIENT_RESOURCES)
}

fn operations(adapter: NonNull<DMA_ADAPTER>) -> &'static DMA_OPERATIONS {
    // SAFETY: a live adapter object.
    let operations = unsafe { (*adapter.as_ptr()).DmaOperations };
    // SAFETY: the kernel's table of functions stays where it is.
    unsafe { &*operations }
}

fn put_adapter(adapter: NonNull<DMA_ADAPTER>) {
    if let Some(put) = operations(adapter).PutDmaAdapter {
        // SAFETY: at PASSIVE_LEVEL; the adapter came from IoGetDmaAdapter and is not used any more.
        unsafe { put(adapter.as_ptr()) }
    }
}
