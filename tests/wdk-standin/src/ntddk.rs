//! Imports from ntoskrnl.exe.

use crate::{
    _DEVICE_DESCRIPTION, _DMA_ADAPTER, BOOLEAN, KIRQL, KPROCESSOR_MODE, LARGE_INTEGER, MEMORY_CACHING_TYPE,
    NTSTATUS, PCSTR, PDEVICE_OBJECT, PDRIVER_OBJECT, PIRP, PKSPIN_LOCK, PLARGE_INTEGER, PMDL,
    PPROCESSOR_NUMBER, PULONG, PULONG64, PVOID, ULONG, ULONG_PTR, ULONG64,
};

#[cfg_attr(
    windows,
    link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    /// `KeInitializeSpinLock`.
    pub fn KeInitializeSpinLock(SpinLock: PKSPIN_LOCK);
    /// `KeAcquireSpinLockRaiseToDpc`.
    pub fn KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL;
    /// `KeReleaseSpinLock`.
    pub fn KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL);
    /// `KeAcquireSpinLockAtDpcLevel`.
    pub fn KeAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK);
    /// `KeReleaseSpinLockFromDpcLevel`.
    pub fn KeReleaseSpinLockFromDpcLevel(SpinLock: PKSPIN_LOCK);
    /// `KfRaiseIrql`.
    pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL;
    /// `KeLowerIrql`.
    pub fn KeLowerIrql(NewIrql: KIRQL);
    /// `KeStallExecutionProcessor`.
    pub fn KeStallExecutionProcessor(MicroSeconds: ULONG);
    /// `KeQueryPerformanceCounter`.
    pub fn KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER;
    /// `KeQueryInterruptTimePrecise`.
    pub fn KeQueryInterruptTimePrecise(QpcTimeStamp: PULONG64) -> ULONG64;
    /// `KeQuerySystemTimePrecise`.
    pub fn KeQuerySystemTimePrecise(CurrentTime: PLARGE_INTEGER);
    /// `KeBugCheckEx`.
    pub fn KeBugCheckEx(
        BugCheckCode: ULONG,
        BugCheckParameter1: ULONG_PTR,
        BugCheckParameter2: ULONG_PTR,
        BugCheckParameter3: ULONG_PTR,
        BugCheckParameter4: ULONG_PTR,
    ) -> !;
    /// `DbgPrint`: to the debugger, at any IRQL up to that of a device.
    pub fn DbgPrint(Format: PCSTR, ...) -> ULONG;
    /// `ExFreePoolWithTag`.
    pub fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);
    /// `IoGetDmaAdapter`.
    pub fn IoGetDmaAdapter(
        PhysicalDeviceObject: PDEVICE_OBJECT,
        DeviceDescription: *mut _DEVICE_DESCRIPTION,
        NumberOfMapRegisters: PULONG,
    ) -> *mut _DMA_ADAPTER;
    /// `IoAllocateMdl`.
    pub fn IoAllocateMdl(
        VirtualAddress: PVOID,
        Length: ULONG,
        SecondaryBuffer: BOOLEAN,
        ChargeQuota: BOOLEAN,
        Irp: PIRP,
    ) -> PMDL;
    /// `IoBuildPartialMdl`.
    pub fn IoBuildPartialMdl(SourceMdl: PMDL, TargetMdl: PMDL, VirtualAddress: PVOID, Length: ULONG);
    /// `IoFreeMdl`.
    pub fn IoFreeMdl(Mdl: PMDL);
    /// `MmBuildMdlForNonPagedPool`.
    pub fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL);
    /// `IoAllocateDriverObjectExtension`.
    pub fn IoAllocateDriverObjectExtension(
        DriverObject: PDRIVER_OBJECT,
        ClientIdentificationAddress: PVOID,
        DriverObjectExtensionSize: ULONG,
        DriverObjectExtension: *mut PVOID,
    ) -> NTSTATUS;
    /// `IoGetDriverObjectExtension`.
    pub fn IoGetDriverObjectExtension(
        DriverObject: PDRIVER_OBJECT,
        ClientIdentificationAddress: PVOID,
    ) -> PVOID;
    /// `KeGetCurrentProcessorNumberEx`.
    pub fn KeGetCurrentProcessorNumberEx(ProcNumber: PPROCESSOR_NUMBER) -> ULONG;
    /// `MmMapLockedPagesSpecifyCache`.
    pub fn MmMapLockedPagesSpecifyCache(
        MemoryDescriptorList: PMDL,
        AccessMode: KPROCESSOR_MODE,
        CacheType: MEMORY_CACHING_TYPE,
        RequestedAddress: PVOID,
        BugCheckOnFailure: ULONG,
        Priority: ULONG,
    ) -> PVOID;
}
