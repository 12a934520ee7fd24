//! DMA adapters and scatter/gather lists of wdm.h.

use crate::{
    _DEVICE_OBJECT, BOOLEAN, INTERFACE_TYPE, NTSTATUS, PDEVICE_OBJECT, PHYSICAL_ADDRESS, PMDL, PVOID, ULONG,
    ULONG_PTR, USHORT,
};

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
    pub fn as_ptr(&self) -> *const T {
        core::ptr::from_ref(self).cast()
    }

    /// The elements.
    ///
    /// # Safety
    ///
    /// There must be at least `len` of them.
    #[inline]
    pub unsafe fn as_slice(&self, len: usize) -> &[T] {
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

/// `IRP`; opaque.
#[repr(C)]
pub struct _IRP {
    _unused: [u8; 0],
}

/// `DRIVER_LIST_CONTROL`: receives the scatter/gather list, at `DISPATCH_LEVEL`.
pub type DRIVER_LIST_CONTROL = Option<
    unsafe extern "win64" fn(
        DeviceObject: *mut _DEVICE_OBJECT,
        Irp: *mut _IRP,
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
    ) -> NTSTATUS,
>;
/// `PUT_SCATTER_GATHER_LIST`.
pub type PPUT_SCATTER_GATHER_LIST = Option<
    unsafe extern "win64" fn(
        DmaAdapter: PDMA_ADAPTER,
        ScatterGather: PSCATTER_GATHER_LIST,
        WriteToDevice: BOOLEAN,
    ),
>;

/// `DMA_OPERATIONS`, version 1; the entries that the driver does not call have no names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DMA_OPERATIONS {
    /// Size in bytes.
    pub Size: ULONG,
    /// Gives the adapter back, at `PASSIVE_LEVEL`.
    pub PutDmaAdapter: PPUT_DMA_ADAPTER,
    not_called: [PVOID; 9],
    /// Maps a buffer, exactly at `DISPATCH_LEVEL`; the routine gets the list.
    pub GetScatterGatherList: PGET_SCATTER_GATHER_LIST,
    /// Unmaps it, exactly at `DISPATCH_LEVEL`.
    pub PutScatterGatherList: PPUT_SCATTER_GATHER_LIST,
}

/// `DMA_WIDTH`.
pub mod _DMA_WIDTH {
    /// An enumeration's type.
    pub type Type = core::ffi::c_int;
}
/// `DMA_WIDTH`.
pub use self::_DMA_WIDTH::Type as DMA_WIDTH;
/// `DMA_SPEED`.
pub mod _DMA_SPEED {
    /// An enumeration's type.
    pub type Type = core::ffi::c_int;
}
/// `DMA_SPEED`.
pub use self::_DMA_SPEED::Type as DMA_SPEED;

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
    pub InterfaceType: INTERFACE_TYPE,
    /// ISA only.
    pub DmaWidth: DMA_WIDTH,
    /// ISA only.
    pub DmaSpeed: DMA_SPEED,
    /// Longest transfer in bytes.
    pub MaximumLength: ULONG,
    /// ISA only.
    pub DmaPort: ULONG,
}

const _: () = {
    assert!(size_of::<_DMA_OPERATIONS>() == 104);
    assert!(size_of::<_DEVICE_DESCRIPTION>() == 40);
    assert!(size_of::<_SCATTER_GATHER_ELEMENT>() == 24);
    assert!(size_of::<_SCATTER_GATHER_LIST>() == 16);
};
