//! The simulated NT kernel of each host: ntoskrnl's exports as the driver imports them, and the verifier behind them.
//!
//! Every export begins with [`enter`]: the driver's posted writes go out, the IRQL is checked against the rule, and the
//! seeded scheduler may let another context run. A violation ends the run with the rule's id ([`crate::sim::fail`]).
//!
//! | for | use |
//! |---|---|
//! | a host | [`add_host`], [`processors`], [`host`] |
//! | kernel threads and DPCs | [`thread`], [`worker`], [`on_host`], [`queue_dpc`], [`connect_message`] |
//! | IRQL on behalf of the kernel | [`raise`], [`lower`], [`at_irql`] |
//! | a call into a driver | [`call_driver`], or [`expect_clean`] after it |
//! | preemption inside a driver's code | [`preempt_inside`] |
//! | waiting | [`event_initialize`], [`event_set`], [`event_reset`], [`event_wait`] |
//! | pool | [`pool_allocate`], [`pool_free`], [`pool_outstanding`], [`expect_pool`] |
//! | memory that devices see | [`HostMemory`] |
//! | MDLs | [`mdl_for`], [`mdl_free`], [`mdl_pieces`] |
//! | devices | [`device_object`], [`allocate_common`], [`free_common`] |
//! | I/O requests | [`Request`] |

mod buffer;
mod cng;
mod code;
mod context;
mod debugger;
mod device;
mod dma;
mod event;
mod frame_mapping;
mod handle;
pub mod image;
mod irp;
mod irql;
mod lock;
mod lookaside;
mod mdl;
mod memory;
mod pool;
mod queued_lock;
mod rundown;
mod runtime;
mod scheduling;
mod service_key;
#[cfg(test)]
mod tests;
mod thread;
mod time;
mod wdm;
mod work_item;

pub use buffer::Buffer;
pub use cng::BCryptGenRandom;
pub use code::preempt_inside;
pub use context::{
    Level, add_host, add_host_in_groups, at_irql, at_told_irql, call_driver, enter, expect_clean, group_of,
    group_processors, host, host_name, locks_held, lower, preempt, processors, raise,
};
pub use debugger::{DbgPrint, debugger_output};
pub use device::{
    IoAllocateDriverObjectExtension, IoGetDriverObjectExtension, device_object, release_driver_object,
};
pub use dma::{
    IoGetDmaAdapter, allocate_common, dma_outstanding, expect_no_dma, free_common, mapping_functions,
};
pub use event::{
    KeClearEvent, KeInitializeEvent, KeResetEvent, KeSetEvent, KeWaitForSingleObject, event_initialize,
    event_is_set, event_reset, event_set, event_wait,
};
pub use frame_mapping::FrameMapping;
pub use handle::{ZwClose, handles_outstanding};
pub use irp::{
    IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, IofCompleteRequest, Question, Request, requests_of,
};
pub use irql::{
    KeGetCurrentIrql, KeGetCurrentProcessorNumberEx, KeLowerIrql, KeQueryNodeActiveAffinity,
    KeStallExecutionProcessor, KfRaiseIrql,
};
pub use lock::{
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeInitializeSpinLock, KeReleaseSpinLock,
    KeReleaseSpinLockFromDpcLevel,
};
pub use lookaside::{
    ExDeleteLookasideListEx, ExDeleteNPagedLookasideList, ExFlushLookasideListEx,
    ExInitializeLookasideListEx, ExInitializeNPagedLookasideList, ExQueryDepthSList,
    ExpInterlockedFlushSList, ExpInterlockedPopEntrySList, ExpInterlockedPushEntrySList, GENERAL_LOOKASIDE,
    SLIST_ENTRY, SLIST_HEADER, lookaside_lists_outstanding,
};
pub use mdl::{
    IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl, MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache,
    mdl_for, mdl_for_locked, mdl_free, mdl_pieces, mdls_outstanding,
};
pub use memory::{HostMemory, Watcher, on_freed};
pub use pool::{
    ExAllocatePool2, ExAllocatePoolWithTag, ExFreePool, ExFreePoolWithTag, expect_no_pool, expect_pool,
    pool_allocate, pool_free, pool_outstanding, pool_report,
};
pub use queued_lock::{
    KLOCK_QUEUE_HANDLE, KeAcquireInStackQueuedSpinLock, KeAcquireInStackQueuedSpinLockAtDpcLevel,
    KeReleaseInStackQueuedSpinLock, KeReleaseInStackQueuedSpinLockFromDpcLevel,
};
pub use rundown::{
    ExAcquireRundownProtection, ExAcquireRundownProtectionEx, ExInitializeRundownProtection,
    ExReInitializeRundownProtection, ExReleaseRundownProtection, ExReleaseRundownProtectionEx,
    ExRundownCompleted, ExWaitForRundownProtectionRelease,
};
pub use runtime::{RtlIpv4StringToAddressExA, RtlIpv4StringToAddressExW};
pub use scheduling::{connect_message, disconnect_message, on_host, queue_dpc, thread, worker};
pub use service_key::{Key, ObjectAttributes, ZwOpenKey, ZwQueryValueKey, ZwSetValueKey, key};
pub use thread::{
    ObReferenceObjectByHandle, ObfDereferenceObject, PsCreateSystemThread, PsTerminateSystemThread,
    expect_no_threads,
};
pub use time::{
    KeBugCheckEx, KeQueryInterruptTimePrecise, KeQueryPerformanceCounter, KeQuerySystemTimePrecise,
    interrupt_time, system_time,
};
pub use wdm::{DriverEntry, WdmDriver, service_path};
pub use work_item::{
    IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, IoQueueWorkItemEx, work_items_outstanding,
};
