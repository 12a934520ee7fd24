//! The tiny miniport.

mod requests;
mod transitions;

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::*;
use cxndk::sys::netio::MIB_UNICASTIPADDRESS_ROW;
use wdk_standin::{_DRIVER_OBJECT as DRIVER_OBJECT, LARGE_INTEGER, PHYSICAL_ADDRESS, UNICODE_STRING};

pub(super) use self::requests::complete_send;
use self::requests::{direct_oid, oid, send};
use self::transitions::{pause, restart};
use super::maps::process_list;
use super::{Wrong, frames, handle, tiny, wrong};
use crate::ndis::condis::tests as connections;
use crate::{netio, nt, sim};

const TAG: u32 = 0x796e_6954;
const OIDS: [u32; 1] = [0x0001_010E];

fn header(kind: u32, revision: u8, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: revision,
        Size: size as u16,
    }
}

/// `DriverEntry`.
pub(super) unsafe extern "win64" fn entry(object: *mut DRIVER_OBJECT, path: *mut UNICODE_STRING) -> i32 {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_MINIPORT_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    c.Header = header(NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, 2, 0x98);
    (c.MajorNdisVersion, c.MinorNdisVersion) = (6, 50);
    c.SetOptionsHandler = Some(set_options);
    c.InitializeHandlerEx = Some(initialize);
    c.HaltHandlerEx = Some(halt);
    c.UnloadHandler = Some(unload);
    c.PauseHandler = Some(pause);
    c.RestartHandler = Some(restart);
    c.OidRequestHandler = Some(oid);
    c.SendNetBufferListsHandler = Some(send);
    c.ReturnNetBufferListsHandler = Some(returned);
    c.CancelSendHandler = Some(cancel);
    c.DevicePnPEventNotifyHandler = Some(pnp_event);
    c.ShutdownHandlerEx = Some(shutdown);
    c.CancelOidRequestHandler = Some(cancel);
    c.DirectOidRequestHandler = Some(direct_oid);
    c.CancelDirectOidRequestHandler = Some(cancel);
    if let Some(offset) = tiny().lacks.get() {
        // SAFETY: the offset is that of a handler; NULL is none.
        unsafe { (&raw mut c).byte_add(offset).cast::<usize>().write(0) };
    }
    if let Some(spoil) = tiny().characteristics.get() {
        spoil(&mut c);
    }
    let mut out = ptr::null_mut();
    // SAFETY: the pointers are good.
    let status =
        unsafe { NdisMRegisterMiniportDriver(object, path, ptr::null_mut(), &raw mut c, &raw mut out) };
    tiny().driver.set(out as usize);
    if wrong(Wrong::StaysRegistered) {
        NDIS_STATUS_FAILURE
    } else {
        status
    }
}

unsafe extern "win64" fn unload(_object: *mut DRIVER_OBJECT) {
    if !wrong(Wrong::NeverDeregisters) {
        // SAFETY: the handle is that of the registration.
        unsafe { NdisMDeregisterMiniportDriver(handle(&tiny().driver)) };
    }
}

unsafe extern "win64" fn returned(_context: *mut c_void, lists: *mut NET_BUFFER_LIST, _flags: u32) {
    if !frames::returned(lists) {
        connections::returned(lists);
    }
}

unsafe extern "win64" fn set_options(driver: *mut c_void, _context: *mut c_void) -> i32 {
    connections::set_options(driver)
}
unsafe extern "win64" fn cancel(_context: *mut c_void, _id: *mut c_void) {}
unsafe extern "win64" fn pnp_event(_context: *mut c_void, _event: *mut NET_DEVICE_PNP_EVENT) {
    let paused = tiny().paused.get();
    tiny().paused_at_events.borrow_mut().push(paused);
}

unsafe extern "win64" fn initialize(
    adapter: *mut c_void,
    _driver: *mut c_void,
    parameters: *mut NDIS_MINIPORT_INIT_PARAMETERS,
) -> i32 {
    tiny().adapter.set(adapter as usize);
    tiny().paused.set(true);
    // SAFETY: the parameters are good.
    let status = unsafe { bring_up(parameters) };
    if status != NDIS_STATUS_SUCCESS {
        if !wrong(Wrong::SilentFailure) && !wrong(Wrong::SilentSharedFailure) {
            write_log(status);
        }
        tear_down();
        if wrong(Wrong::PoolLeftOnFailure) {
            allocate(TAG);
        }
    }
    status
}

/// Says in the event log that a start failed.
fn write_log(status: i32) {
    // SAFETY: the handle is the adapter's.
    unsafe { NdisWriteErrorLogEntry(handle(&tiny().adapter), 0xc000_1389, 1, status as usize, 0, 0) };
}

fn allocate(tag: u32) -> usize {
    // SAFETY: the handle is the adapter's.
    unsafe { NdisAllocateMemoryWithTagPriority(handle(&tiny().adapter), 100, tag, 0) as usize }
}

unsafe fn bring_up(parameters: *mut NDIS_MINIPORT_INIT_PARAMETERS) -> i32 {
    let adapter = handle(&tiny().adapter);
    if wrong(Wrong::IndicateEarly) {
        indicate();
    }
    if wrong(Wrong::ClaimFirst) {
        register_dma();
    }
    if wrong(Wrong::GeneralFirst) {
        set_general(adapter);
    }
    let status = set_registration(adapter);
    if status != 0 {
        return status;
    }
    read_configuration();
    leave_with_netio();
    if wrong(Wrong::SharedBeforeDma) {
        allocate_shared();
    }
    // SAFETY: the list in the parameters begins with the memory of the device.
    let status = unsafe { map(parameters) };
    if status != 0 {
        return status;
    }
    let status = register_dma();
    if status != 0 {
        return status;
    }
    if !allocate_shared() {
        return NDIS_STATUS_RESOURCES;
    }
    tiny()
        .memory
        .set(allocate(if wrong(Wrong::NoTag) { 0 } else { TAG }));
    if tiny().memory.get() == 0 {
        return NDIS_STATUS_RESOURCES;
    }
    let status = services(adapter);
    if status != 0 {
        return status;
    }
    if !wrong(Wrong::NoGeneral) {
        let status = set_general(adapter);
        if status != 0 {
            return status;
        }
    }
    tiny()
        .more_attributes
        .get()
        .into_iter()
        .for_each(|more| more(adapter));
    if connections::registers_early() {
        return connections::register_family(adapter);
    }
    let status = register_interrupt(adapter);
    if status != 0 {
        return status;
    }
    connections::register_family(adapter)
}

fn set_registration(adapter: NDIS_HANDLE) -> i32 {
    let mut registration = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
        Header: header(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 2, 32),
        MiniportAdapterContext: adapter,
        AttributeFlags: connections::attribute_flags(adapter),
        CheckForHangTimeInSeconds: 0,
        InterfaceType: NdisInterfacePci,
    };
    if let Some(spoil) = tiny().registration.get() {
        spoil(&mut registration);
    }
    // SAFETY: the attributes are good.
    unsafe { NdisMSetMiniportAttributes(adapter, (&raw mut registration).cast()) }
}

/// Forgets to give back what netio gave.
fn leave_with_netio() {
    if wrong(Wrong::NotificationLeft) {
        let mut place = ptr::null_mut();
        // SAFETY: the callback takes what comes, the place is good.
        let status = unsafe {
            netio::NotifyUnicastIpAddressChange(0, Some(changed), ptr::null_mut(), 0, &raw mut place)
        };
        assert_eq!(status, 0);
    }
    if wrong(Wrong::TableLeft) {
        let interface = netio::add_interface(nt::host(), [2, 0, 0, 0, 0, 1], 1);
        netio::add_address(interface, [10, 0, 0, 1].into(), 24);
        let mut place = ptr::null_mut();
        // SAFETY: the place is good.
        let status = unsafe { netio::GetUnicastIpAddressTable(0, &raw mut place) };
        assert_eq!(status, 0);
    }
}

unsafe extern "win64" fn changed(_: *mut c_void, _: *mut MIB_UNICASTIPADDRESS_ROW, _: i32) {}

fn read_configuration() {
    let mut object = NDIS_CONFIGURATION_OBJECT {
        Header: header(NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, 1, 24),
        NdisHandle: handle(&tiny().adapter),
        Flags: 0,
    };
    let mut configuration = ptr::null_mut();
    // SAFETY: the pointers are good.
    if unsafe { NdisOpenConfigurationEx(&raw mut object, &raw mut configuration) } != 0 {
        return;
    }
    let mut units: Vec<u16> = "*JumboPacket".encode_utf16().collect();
    let bytes = units.len() as u16 * 2;
    let mut name = UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: units.as_mut_ptr(),
    };
    let (mut status, mut value) = (0, ptr::null_mut());
    // SAFETY: the pointers are good.
    unsafe {
        NdisReadConfiguration(
            &raw mut status,
            &raw mut value,
            configuration,
            &raw mut name,
            NdisParameterInteger,
        );
    };
    if status == 0 {
        // SAFETY: a successful read gives an integer.
        tiny().jumbo.set(unsafe { (*value).ParameterData.IntegerData });
    }
    if !wrong(Wrong::ConfigurationLeft) {
        // SAFETY: the handle is open.
        unsafe { NdisCloseConfiguration(configuration) };
    }
}

unsafe fn map(parameters: *mut NDIS_MINIPORT_INIT_PARAMETERS) -> i32 {
    // SAFETY: NDIS gives a resource list whose first entry is the device's memory.
    let memory = unsafe {
        let list: *mut CM_PARTIAL_RESOURCE_LIST = (*parameters).AllocatedResources.cast();
        ptr::addr_of!((*list).PartialDescriptors[0].u.Memory).read_unaligned()
    };
    map_at(memory.Start, memory.Length)
}

fn map_at(start: i64, length: u32) -> i32 {
    let mut mapped = ptr::null_mut();
    let physical = PHYSICAL_ADDRESS { QuadPart: start };
    // SAFETY: the pointers are good.
    let status = unsafe { NdisMMapIoSpace(&raw mut mapped, handle(&tiny().adapter), physical, length) };
    if status == 0 {
        tiny().io.set((mapped as usize, length));
    }
    status
}

unsafe extern "win64" fn shared_allocated(
    _context: *mut c_void,
    address: *mut c_void,
    physical: *mut LARGE_INTEGER,
    _length: u32,
    _request: *mut c_void,
) {
    tiny().async_shared.set(address as usize);
    // SAFETY: NDIS gives the address; the union is a number.
    tiny()
        .shared
        .set((address as usize, unsafe { (*physical).QuadPart }));
}

fn register_dma() -> i32 {
    let mut description = NDIS_SG_DMA_DESCRIPTION {
        Header: header(NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, 40),
        Flags: u32::from(!wrong(Wrong::DmaBelowFourGigabytes)),
        MaximumPhysicalMapping: if wrong(Wrong::DmaTooShort) { 1514 } else { 65536 },
        ProcessSGListHandler: Some(process_list),
        SharedMemAllocateCompleteHandler: Some(shared_allocated),
        ScatterGatherListSize: 0,
    };
    let mut dma = ptr::null_mut();
    // SAFETY: the pointers are good.
    let status =
        unsafe { NdisMRegisterScatterGatherDma(handle(&tiny().adapter), &raw mut description, &raw mut dma) };
    if status == 0 {
        tiny().dma.set(dma as usize);
    }
    status
}

fn allocate_shared() -> bool {
    let (mut address, mut physical) = (ptr::null_mut(), PHYSICAL_ADDRESS { QuadPart: 0 });
    // SAFETY: the pointers are good.
    unsafe {
        NdisMAllocateSharedMemory(
            handle(&tiny().adapter),
            8192,
            1,
            &raw mut address,
            &raw mut physical,
        );
    };
    // SAFETY: the union is a number.
    tiny()
        .shared
        .set((address as usize, unsafe { physical.QuadPart }));
    !address.is_null()
}

/// Timer, work item and lock.
fn services(adapter: NDIS_HANDLE) -> i32 {
    let mut characteristics = NDIS_TIMER_CHARACTERISTICS {
        Header: header(NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, 24),
        AllocationTag: TAG,
        TimerFunction: Some(timer_due),
        FunctionContext: ptr::null_mut(),
    };
    let mut timer = ptr::null_mut();
    // SAFETY: the pointers are good.
    let status = unsafe { NdisAllocateTimerObject(adapter, &raw mut characteristics, &raw mut timer) };
    if status != 0 {
        return status;
    }
    tiny().timer.set(timer as usize);
    // SAFETY: the handle is the adapter's.
    tiny()
        .work_item
        .set(unsafe { NdisAllocateIoWorkItem(adapter) } as usize);
    if tiny().work_item.get() == 0 {
        return NDIS_STATUS_RESOURCES;
    }
    let lock = Box::into_raw(Box::new(0_u64));
    tiny().lock.set(lock as usize);
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn timer_due(_: *mut c_void, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    tiny().timer_runs.set(tiny().timer_runs.get() + 1);
    if wrong(Wrong::PeriodicCancelAtDispatch) {
        // SAFETY: the handle is a timer's.
        unsafe { NdisCancelTimerObject(handle(&tiny().timer)) };
    }
}

fn set_timer(milliseconds: i64, period: i32) {
    let due = LARGE_INTEGER {
        QuadPart: -milliseconds * 10_000,
    };
    // SAFETY: the handle is a timer's.
    unsafe { NdisSetTimerObject(handle(&tiny().timer), due, period, ptr::null_mut()) };
}

fn set_general(adapter: NDIS_HANDLE) -> i32 {
    // SAFETY: all fields may be zero.
    let mut power: NDIS_PM_CAPABILITIES = unsafe { std::mem::zeroed() };
    // SAFETY: all fields may be zero.
    let mut general: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES = unsafe { std::mem::zeroed() };
    general.Header = header(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2, 224);
    general.PhysicalMediumType = 14;
    general.MtuSize = 1500;
    (general.MaxXmitLinkSpeed, general.MaxRcvLinkSpeed) = (1, 1);
    general.LookaheadSize = 1500;
    general.MacOptions = 0x45;
    general.MaxMulticastListSize = 32;
    general.MacAddressLength = 6;
    general.PermanentMacAddress[5] = 1;
    general.CurrentMacAddress[5] = 1;
    general.IfType = 6;
    general.IfConnectorPresent = 1;
    let mut oids = OIDS;
    general.SupportedOidList = oids.as_mut_ptr();
    general.SupportedOidListLength = 4;
    general.PowerManagementCapabilitiesEx = &raw mut power;
    if let Some(spoil) = tiny().general.get() {
        spoil(&mut general);
    }
    // SAFETY: the attributes are good.
    unsafe { NdisMSetMiniportAttributes(adapter, (&raw mut general).cast()) }
}

unsafe extern "win64" fn line_isr(_: *mut c_void, _: *mut u8, _: *mut u32) -> u8 {
    0
}

unsafe extern "win64" fn line_dpc(_: *mut c_void, _: *mut c_void, _: *mut c_void, _: *mut c_void) {}

unsafe extern "win64" fn isr(_context: *mut c_void, _message: u32, queue: *mut u8, targets: *mut u32) -> u8 {
    let count = tiny().isrs.get() + 1;
    tiny().isrs.set(count);
    if count.is_multiple_of(2) {
        // SAFETY: NDIS gives a place for the answer.
        unsafe { targets.write(0b11) };
    } else {
        // SAFETY: as above.
        unsafe { queue.write(1) };
    }
    u8::from(!wrong(Wrong::IsrSaysNo))
}

/// Every fifth DPC wants another on the first processor, and on which the rules have none.
fn queue_again(message: u32, count: u32) {
    let interrupt = tiny().interrupt.get() as NDIS_HANDLE;
    let may = !interrupt.is_null() && count.is_multiple_of(5);
    if !may && !wrong(Wrong::DpcKnowsHandle) {
        return;
    }
    let mut target = GROUP_AFFINITY {
        Mask: if wrong(Wrong::DpcNowhere) { 1 << 63 } else { 1 },
        Group: u16::from(wrong(Wrong::DpcInNoGroup)),
        Reserved: [0; 3],
    };
    // SAFETY: a live registration, as its DPC runs.
    unsafe { NdisMQueueDpcEx(interrupt, message, &raw mut target, ptr::null_mut()) };
}

unsafe extern "win64" fn dpc(
    _: *mut c_void,
    message: u32,
    _: *mut c_void,
    throttle: *mut c_void,
    _: *mut c_void,
) {
    let count = tiny().dpcs.get() + 1;
    tiny().dpcs.set(count);
    // SAFETY: NDIS passes throttle parameters.
    let throttle = unsafe { &mut *throttle.cast::<NDIS_RECEIVE_THROTTLE_PARAMETERS>() };
    let limited = throttle.MaxNblsToIndicate != u32::MAX;
    throttle.BitField4 = u32::from(limited && count.is_multiple_of(3) || wrong(Wrong::DpcPretendsMore));
    queue_again(message, count);
    if wrong(Wrong::DpcIndicatesTooMany) && limited {
        frames::indicate(throttle.MaxNblsToIndicate as usize + 1);
    }
    if wrong(Wrong::DpcTooLong) {
        sim::sleep(sim::SECOND);
    }
    if wrong(Wrong::DpcHoldsLock) {
        // SAFETY: the lock is live.
        unsafe { nt::KeAcquireSpinLockAtDpcLevel(tiny().lock.get() as *mut u64) };
    }
}

fn register_interrupt(adapter: NDIS_HANDLE) -> i32 {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    c.Header = header(NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, 96);
    if !wrong(Wrong::NoLineHandlers) {
        c.InterruptHandler = Some(line_isr);
        c.InterruptDpcHandler = Some(line_dpc);
    }
    c.MsiSupported = 1;
    c.MessageInterruptHandler = Some(isr);
    c.MessageInterruptDpcHandler = Some(dpc);
    let mut out = ptr::null_mut();
    // SAFETY: the pointers are good.
    let status = unsafe { NdisMRegisterInterruptEx(adapter, adapter, &raw mut c, &raw mut out) };
    if status == 0 {
        tiny().interrupt.set(out as usize);
        // SAFETY: NDIS filled the table in.
        assert_eq!(unsafe { (*c.MessageInfoTable).MessageCount }, 4);
    }
    status
}

unsafe extern "win64" fn synchronized(_context: *mut c_void) -> u8 {
    assert_eq!(sim::irql(), crate::ndis::DEVICE_IRQL);
    1
}

unsafe extern "win64" fn halt(_context: *mut c_void, _action: i32) {
    connections::halt();
    // SAFETY: the handle is the interrupt's.
    let result = unsafe {
        NdisMSynchronizeWithInterruptEx(handle(&tiny().interrupt), 0, Some(synchronized), ptr::null_mut())
    };
    assert_eq!(result, 1);
    if wrong(Wrong::TimerLeftSet) {
        set_timer(1000, 0);
    }
    tear_down();
    if wrong(Wrong::IndicateLate) {
        let adapter = tiny().adapter.get();
        sim::spawn(sim::TaskSpec::on("late", nt::host(), 0), move || {
            sim::sleep(sim::MILLISECOND);
            tiny().adapter.set(adapter);
            indicate();
        });
    }
}

fn tear_down() {
    let t = tiny();
    let adapter = handle(&t.adapter);
    let take = |cell: &std::cell::Cell<usize>| cell.replace(0) as *mut c_void;
    let interrupt = t.interrupt.get() as *mut c_void;
    if !interrupt.is_null() && !wrong(Wrong::InterruptLeft) {
        // SAFETY: the handle is live.
        unsafe { NdisMDeregisterInterruptEx(take(&t.interrupt)) };
    }
    if wrong(Wrong::SynchronizeLate) {
        // SAFETY: none; the handle is dead on purpose.
        unsafe { NdisMSynchronizeWithInterruptEx(interrupt, 0, Some(synchronized), ptr::null_mut()) };
    }
    if t.timer.get() != 0 && !wrong(Wrong::TimerLeft) && !wrong(Wrong::TimerLeftSet) {
        // SAFETY: the handle is live.
        unsafe { NdisCancelTimerObject(handle(&t.timer)) };
        // SAFETY: as above.
        unsafe { NdisFreeTimerObject(take(&t.timer)) };
    }
    if t.work_item.get() != 0 && !wrong(Wrong::WorkItemLeft) {
        let item = take(&t.work_item);
        // SAFETY: the handle is live.
        unsafe { NdisFreeIoWorkItem(item) };
        if wrong(Wrong::HandleAfterFree) {
            // SAFETY: none; the handle is dead on purpose.
            unsafe { NdisQueueIoWorkItem(item, None, ptr::null_mut()) };
        }
    }
    if t.memory.get() != 0 && !wrong(Wrong::PoolLeft) {
        // SAFETY: the memory is ours.
        unsafe { NdisFreeMemory(take(&t.memory), 0, 0) };
    }
    if !wrong(Wrong::SharedLeft) {
        free_shared();
    }
    if t.dma.get() != 0 && !wrong(Wrong::DmaLeft) {
        // SAFETY: the handle is live.
        unsafe { NdisMDeregisterScatterGatherDma(take(&t.dma)) };
    }
    let (io, length) = t.io.replace((0, 0));
    if io != 0 && !wrong(Wrong::IoLeft) {
        // SAFETY: the mapping is ours.
        unsafe { NdisMUnmapIoSpace(adapter, io as *mut c_void, length) };
    }
}

fn free_shared() {
    let (address, bus) = tiny().shared.replace((0, 0));
    if address != 0 {
        let physical = PHYSICAL_ADDRESS { QuadPart: bus };
        // SAFETY: the memory is ours.
        unsafe { NdisMFreeSharedMemory(handle(&tiny().adapter), 8192, 1, address as *mut c_void, physical) };
    }
}

unsafe extern "win64" fn shutdown(_context: *mut c_void, _action: i32) {
    if wrong(Wrong::FreeSharedInShutdown) {
        free_shared();
    }
}

fn indicate() {
    let adapter = handle(&tiny().adapter);
    // SAFETY: all fields may be zero.
    let mut indication: NDIS_STATUS_INDICATION = unsafe { std::mem::zeroed() };
    indication.SourceHandle = adapter;
    indication.StatusCode = 0x4001_0006;
    // SAFETY: the indication is good.
    unsafe { NdisMIndicateStatusEx(adapter, &raw mut indication) };
}

/// Allocates at run time; the completion brings the memory, or null.
pub(super) fn allocate_async() -> i32 {
    allocate_async_bytes(8192)
}

/// The same for so many bytes; more than fit stay with the driver that asked.
pub(super) fn allocate_async_bytes(length: u32) -> i32 {
    free_shared();
    tiny().async_shared.set(usize::MAX);
    // SAFETY: the handle is live.
    unsafe { NdisMAllocateSharedMemoryAsyncEx(handle(&tiny().dma), length, 1, ptr::null_mut()) }
}
