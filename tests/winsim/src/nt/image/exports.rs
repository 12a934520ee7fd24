//! What the simulated kernel's modules export, by the names that images import.

use std::arch::naked_asm;

use super::super::runtime;

/// One export: its name and its address.
type Export = (&'static str, usize);

/// Declares every function once and makes the table of a module from the names.
macro_rules! exports {
    ($($module:literal => [$($name:ident),* $(,)?]),* $(,)?) => {
        mod declared {
            unsafe extern "win64" {
                $($(pub(super) fn $name();)*)*
            }
        }

        /// Every module with its exports, apart from those that compilers call.
        fn modules() -> &'static [(&'static str, Vec<Export>)] {
            static MODULES: std::sync::OnceLock<Vec<(&'static str, Vec<Export>)>> = std::sync::OnceLock::new();
            MODULES.get_or_init(|| {
                vec![$(($module, vec![$((stringify!($name), declared::$name as *const () as usize)),*])),*]
            })
        }
    };
}

exports! {
    "ntoskrnl.exe" => [
        DbgPrint,
        ExAcquireRundownProtection,
        ExAcquireRundownProtectionEx,
        ExAllocatePool2,
        ExAllocatePoolWithTag,
        ExDeleteLookasideListEx,
        ExDeleteNPagedLookasideList,
        ExFlushLookasideListEx,
        ExFreePool,
        ExFreePoolWithTag,
        ExInitializeLookasideListEx,
        ExInitializeNPagedLookasideList,
        ExInitializeRundownProtection,
        ExQueryDepthSList,
        ExReInitializeRundownProtection,
        ExReleaseRundownProtection,
        ExReleaseRundownProtectionEx,
        ExRundownCompleted,
        ExWaitForRundownProtectionRelease,
        ExpInterlockedFlushSList,
        ExpInterlockedPopEntrySList,
        ExpInterlockedPushEntrySList,
        IoAcquireCancelSpinLock,
        IoAllocateDriverObjectExtension,
        IoAllocateMdl,
        IoAllocateWorkItem,
        IoBuildPartialMdl,
        IoFreeMdl,
        IoFreeWorkItem,
        IoGetDmaAdapter,
        IoGetDriverObjectExtension,
        IoQueueWorkItem,
        IoQueueWorkItemEx,
        IoReleaseCancelSpinLock,
        IofCompleteRequest,
        KeAcquireInStackQueuedSpinLock,
        KeAcquireInStackQueuedSpinLockAtDpcLevel,
        KeAcquireSpinLockAtDpcLevel,
        KeAcquireSpinLockRaiseToDpc,
        KeBugCheckEx,
        KeClearEvent,
        KeGetCurrentIrql,
        KeGetCurrentProcessorNumberEx,
        KeInitializeEvent,
        KeInitializeSpinLock,
        KeLowerIrql,
        KeQueryInterruptTimePrecise,
        KeQueryNodeActiveAffinity,
        KeQueryPerformanceCounter,
        KeQuerySystemTimePrecise,
        KeReleaseInStackQueuedSpinLock,
        KeReleaseInStackQueuedSpinLockFromDpcLevel,
        KeReleaseSpinLock,
        KeReleaseSpinLockFromDpcLevel,
        KeResetEvent,
        KeSetEvent,
        KeStallExecutionProcessor,
        KeWaitForSingleObject,
        KfRaiseIrql,
        MmBuildMdlForNonPagedPool,
        MmMapLockedPagesSpecifyCache,
        ObReferenceObjectByHandle,
        ObfDereferenceObject,
        PsCreateSystemThread,
        PsTerminateSystemThread,
        RtlIpv4StringToAddressExA,
        RtlIpv4StringToAddressExW,
        ZwClose,
        ZwOpenKey,
        ZwQueryValueKey,
        ZwSetValueKey,
    ],
    "ndis.sys" => [
        NdisAdvanceNetBufferDataStart,
        NdisAllocateIoWorkItem,
        NdisAllocateMdl,
        NdisAllocateMemoryWithTagPriority,
        NdisAllocateNetBuffer,
        NdisAllocateNetBufferAndNetBufferList,
        NdisAllocateNetBufferList,
        NdisAllocateNetBufferListPool,
        NdisAllocateNetBufferMdlAndData,
        NdisAllocateNetBufferPool,
        NdisAllocateTimerObject,
        NdisCancelSendNetBufferLists,
        NdisCancelTimerObject,
        NdisClAddParty,
        NdisClCloseAddressFamily,
        NdisClCloseCall,
        NdisClDeregisterSap,
        NdisClDropParty,
        NdisClIncomingCallComplete,
        NdisClMakeCall,
        NdisClModifyCallQoS,
        NdisClNotifyCloseAddressFamilyComplete,
        NdisClOpenAddressFamilyEx,
        NdisClRegisterSap,
        NdisCloseAdapterEx,
        NdisCloseConfiguration,
        NdisCmAddPartyComplete,
        NdisCmCloseAddressFamilyComplete,
        NdisCmCloseCallComplete,
        NdisCmDeregisterSapComplete,
        NdisCmDispatchCallConnected,
        NdisCmDispatchIncomingCall,
        NdisCmDispatchIncomingCallQoSChange,
        NdisCmDispatchIncomingCloseCall,
        NdisCmDispatchIncomingDropParty,
        NdisCmDropPartyComplete,
        NdisCmMakeCallComplete,
        NdisCmModifyCallQoSComplete,
        NdisCmNotifyCloseAddressFamily,
        NdisCmOpenAddressFamilyComplete,
        NdisCmRegisterAddressFamilyEx,
        NdisCmRegisterSapComplete,
        NdisCoCreateVc,
        NdisCoDeleteVc,
        NdisCoOidRequest,
        NdisCoOidRequestComplete,
        NdisCoSendNetBufferLists,
        NdisCompleteBindAdapterEx,
        NdisCompleteUnbindAdapterEx,
        NdisCopyFromNetBufferToNetBuffer,
        NdisDeregisterDeviceEx,
        NdisDeregisterProtocolDriver,
        NdisFreeIoWorkItem,
        NdisFreeMdl,
        NdisFreeMemory,
        NdisFreeNetBuffer,
        NdisFreeNetBufferList,
        NdisFreeNetBufferListPool,
        NdisFreeNetBufferPool,
        NdisFreeTimerObject,
        NdisGetDataBuffer,
        NdisGetDeviceReservedExtension,
        NdisGetVersion,
        NdisInitializeEvent,
        NdisMAllocateNetBufferSGList,
        NdisMAllocateSharedMemory,
        NdisMAllocateSharedMemoryAsyncEx,
        NdisMCmActivateVc,
        NdisMCmCreateVc,
        NdisMCmDeactivateVc,
        NdisMCmDeleteVc,
        NdisMCmOidRequest,
        NdisMCmRegisterAddressFamilyEx,
        NdisMCoActivateVcComplete,
        NdisMCoDeactivateVcComplete,
        NdisMCoIndicateReceiveNetBufferLists,
        NdisMCoIndicateStatusEx,
        NdisMCoOidRequestComplete,
        NdisMCoSendNetBufferListsComplete,
        NdisMDeregisterInterruptEx,
        NdisMDeregisterMiniportDriver,
        NdisMDeregisterScatterGatherDma,
        NdisMDirectOidRequestComplete,
        NdisMFreeNetBufferSGList,
        NdisMFreeSharedMemory,
        NdisMGetBusData,
        NdisMGetDeviceProperty,
        NdisMIndicateReceiveNetBufferLists,
        NdisMIndicateStatusEx,
        NdisMMapIoSpace,
        NdisMNetPnPEvent,
        NdisMOidRequestComplete,
        NdisMPauseComplete,
        NdisMQueueDpc,
        NdisMQueueDpcEx,
        NdisMRegisterInterruptEx,
        NdisMRegisterMiniportDriver,
        NdisMRegisterScatterGatherDma,
        NdisMRemoveMiniport,
        NdisMRestartComplete,
        NdisMSendNetBufferListsComplete,
        NdisMSetBusData,
        NdisMSetMiniportAttributes,
        NdisMSleep,
        NdisMSynchronizeWithInterruptEx,
        NdisMUnmapIoSpace,
        NdisOidRequest,
        NdisOpenAdapterEx,
        NdisOpenConfigurationEx,
        NdisQueueIoWorkItem,
        NdisReadConfiguration,
        NdisReadNetworkAddress,
        NdisRegisterDeviceEx,
        NdisRegisterProtocolDriver,
        NdisResetEvent,
        NdisRetreatNetBufferDataStart,
        NdisReturnNetBufferLists,
        NdisSendNetBufferLists,
        NdisSetEvent,
        NdisSetOptionalHandlers,
        NdisSetTimerObject,
        NdisWaitEvent,
        NdisWriteErrorLogEntry,
    ],
    "cng.sys" => [BCryptGenRandom],
    "netio.sys" => [
        CancelMibChangeNotify2,
        ConvertInterfaceIndexToLuid,
        ConvertInterfaceLuidToAlias,
        FreeMibTable,
        GetBestRoute2,
        GetIpNetEntry2,
        GetUnicastIpAddressEntry,
        GetUnicastIpAddressTable,
        NotifyUnicastIpAddressChange,
        ResolveIpNetEntry2,
        WskCaptureProviderNPI,
        WskDeregister,
        WskRegister,
        WskReleaseProviderNPI,
    ],
}

/// The address of an export; module names are compared as Windows does, without case.
pub fn find(module: &str, name: &str) -> Option<usize> {
    let (module_name, table) = modules()
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(module))?;
    if *module_name == "ntoskrnl.exe"
        && let Some(address) = named_by_compilers(name)
    {
        return Some(address);
    }
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, address)| *address)
}

/// Exports whose names mean other functions where the testbed runs.
fn named_by_compilers(name: &str) -> Option<usize> {
    Some(match name {
        "__chkstk" => probe_stack as *const () as usize,
        "memcpy" | "memmove" => runtime::copy_memory as *const () as usize,
        "memset" => runtime::fill_memory as *const () as usize,
        "memcmp" => runtime::compare_memory as *const () as usize,
        _ => return None,
    })
}

/// All exported names but those that compilers call, with their modules.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    modules()
        .iter()
        .flat_map(|(module, table)| table.iter().map(move |(name, _)| (*module, *name)))
}

/// `__chkstk`: touches each page of a frame of RAX bytes below the caller's stack pointer, so that the guard page is met in
/// order. Keeps every register.
#[unsafe(naked)]
unsafe extern "C" fn probe_stack() {
    naked_asm!(
        "push rcx",
        "push rax",
        "lea rcx, [rsp + 24]",
        "2:",
        "cmp rax, 4096",
        "jb 3f",
        "sub rcx, 4096",
        "test qword ptr [rcx], rcx",
        "sub rax, 4096",
        "jmp 2b",
        "3:",
        "sub rcx, rax",
        "test qword ptr [rcx], rcx",
        "pop rax",
        "pop rcx",
        "ret",
    )
}
