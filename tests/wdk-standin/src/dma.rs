//! DMA adapters and scatter/gather lists of wdm.h.

use core::ffi::c_void;

use crate::{BOOLEAN, PDEVICE_OBJECT, PHYSICAL_ADDRESS, PMDL, PVOID, ULONG, ULONG_PTR, USHORT};

/// `SCATTER_GATHER_ELEMENT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _SCATTER_GATHER_ELEMENT {
    /// Bus address.
    pub Address: PHYSICAL_ADDRESS,
    /// Length in bytes.
    pub Length: ULONG,
    /// Opaque.
    pub Reserved: ULONG_PTR,
}

/// What bindgen makes of a flexible array member.
#[repr(C)]
#[derive(Default)]
pub struct __IncompleteArrayField<T>(core::marker::PhantomData<T>, [T; 0]);

impl<T> __IncompleteArrayField<T> {
    /// The first element.
    #[inline]
    pub const fn as_ptr(&self) -> *const T {
        core::ptr::from_ref(self).cast()
    }

    /// The elements.
    ///
    /// # Safety
    ///
    /// There must be at least `len` of them.
    #[inline]
    pub const unsafe fn as_slice(&self, len: usize) -> &[T] {
        // SAFETY: the caller says that `len` elements follow.
        unsafe { core::slice::from_raw_parts(self.as_ptr(), len) }
    }
}

/// `SCATTER_GATHER_LIST`.
#[repr(C)]
pub struct _SCATTER_GATHER_LIST {
    /// How many elements follow.
    pub NumberOfElements: ULONG,
    /// Opaque.
    pub Reserved: ULONG_PTR,
    /// The elements.
    pub Elements: __IncompleteArrayField<_SCATTER_GATHER_ELEMENT>,
}
/// `PSCATTER_GATHER_LIST`.
pub type PSCATTER_GATHER_LIST = *mut _SCATTER_GATHER_LIST;

/// `DRIVER_LIST_CONTROL`: receives the scatter/gather list, at `DISPATCH_LEVEL`.
pub type DRIVER_LIST_CONTROL = Option<
    unsafe extern "win64" fn(
        DeviceObject: PDEVICE_OBJECT,
        Irp: *mut c_void,
        ScatterGather: PSCATTER_GATHER_LIST,
        Context: PVOID,
    ),
>;
/// `PDRIVER_LIST_CONTROL`.
pub type PDRIVER_LIST_CONTROL = DRIVER_LIST_CONTROL;

/// `DMA_ADAPTER`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DMA_ADAPTER {
    /// 1.
    pub Version: USHORT,
    /// Size in bytes.
    pub Size: USHORT,
    /// The adapter's functions.
    pub DmaOperations: *mut _DMA_OPERATIONS,
}
/// `PDMA_ADAPTER`.
pub type PDMA_ADAPTER = *mut _DMA_ADAPTER;

/// `PUT_DMA_ADAPTER`.
pub type PPUT_DMA_ADAPTER = Option<unsafe extern "win64" fn(DmaAdapter: PDMA_ADAPTER)>;
/// `GET_SCATTER_GATHER_LIST`.
pub type PGET_SCATTER_GATHER_LIST = Option<
    unsafe extern "win64" fn(
        DmaAdapter: PDMA_ADAPTER,
        DeviceObject: PDEVICE_OBJECT,
        Mdl: PMDL,
        CurrentVa: PVOID,
        Length: ULONG,
        ExecutionRoutine: PDRIVER_LIST_CONTROL,
        Context: PVOID,
        WriteToDevice: BOOLEAN,
    ) -> crate::NTSTATUS,
>;
/// `PUT_SCATTER_GATHER_LIST`.
pub type PPUT_SCATTER_GATHER_LIST = Option<
    unsafe extern "win64" fn(
        DmaAdapter: PDMA_ADAPTER,
        ScatterGather: PSCATTER_GATHER_LIST,
        WriteToDevice: BOOLEAN,
    ),
>;

/// `DMA_OPERATIONS`, version 1; the entries that the driver does not call are untyped.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DMA_OPERATIONS {
    /// Size in bytes.
    pub Size: ULONG,
    /// Gives the adapter back, at `PASSIVE_LEVEL`.
    pub PutDmaAdapter: PPUT_DMA_ADAPTER,
    /// `AllocateCommonBuffer`.
    pub AllocateCommonBuffer: PVOID,
    /// `FreeCommonBuffer`.
    pub FreeCommonBuffer: PVOID,
    /// `AllocateAdapterChannel`.
    pub AllocateAdapterChannel: PVOID,
    /// `FlushAdapterBuffers`.
    pub FlushAdapterBuffers: PVOID,
    /// `FreeAdapterChannel`.
    pub FreeAdapterChannel: PVOID,
    /// `FreeMapRegisters`.
    pub FreeMapRegisters: PVOID,
    /// `MapTransfer`.
    pub MapTransfer: PVOID,
    /// `GetDmaAlignment`.
    pub GetDmaAlignment: PVOID,
    /// `ReadDmaCounter`.
    pub ReadDmaCounter: PVOID,
    /// Maps a buffer, exactly at `DISPATCH_LEVEL`; the routine gets the list.
    pub GetScatterGatherList: PGET_SCATTER_GATHER_LIST,
    /// Unmaps it, exactly at `DISPATCH_LEVEL`.
    pub PutScatterGatherList: PPUT_SCATTER_GATHER_LIST,
}

/// `DEVICE_DESCRIPTION`, version 2.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct _DEVICE_DESCRIPTION {
    /// `DEVICE_DESCRIPTION_VERSION*`.
    pub Version: ULONG,
    /// Bus master.
    pub Master: BOOLEAN,
    /// The device does scatter/gather.
    pub ScatterGather: BOOLEAN,
    /// ISA only.
    pub DemandMode: BOOLEAN,
    /// ISA only.
    pub AutoInitialize: BOOLEAN,
    /// 32-bit addresses.
    pub Dma32BitAddresses: BOOLEAN,
    /// ISA only.
    pub IgnoreCount: BOOLEAN,
    /// Zero.
    pub Reserved1: BOOLEAN,
    /// 64-bit addresses.
    pub Dma64BitAddresses: BOOLEAN,
    /// Zero.
    pub BusNumber: ULONG,
    /// ISA only.
    pub DmaChannel: ULONG,
    /// The bus.
    pub InterfaceType: crate::INTERFACE_TYPE,
    /// ISA only.
    pub DmaWidth: core::ffi::c_int,
    /// ISA only.
    pub DmaSpeed: core::ffi::c_int,
    /// Longest transfer in bytes.
    pub MaximumLength: ULONG,
    /// ISA only.
    pub DmaPort: ULONG,
}
