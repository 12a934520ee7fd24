//! MSI-X messages and their DPCs: each is one look at the event queues of its vector.

use core::{ffi::c_void, ptr::null_mut};

use wdk_sys::{_PROCESSOR_NUMBER as PROCESSOR_NUMBER, ntddk};

use super::{
    Adapter,
    failure::{Failure, Step},
    resources::Resources,
};
use crate::{
    hw::{Device, Messages, Processors},
    nt::{
        NoMemory, Once, Passive, Ref, Status,
        log::LogCode,
        sync::{AtomicPtr, Ordering},
    },
    sys::ndis::{
        self, GROUP_AFFINITY, IO_INTERRUPT_MESSAGE_INFO, IO_INTERRUPT_MESSAGE_INFO_ENTRY as Entry,
        NDIS_CONNECT_MESSAGE_BASED, NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
        NDIS_MINIPORT_INTERRUPT_REVISION_1, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
    },
};

/// Events that one DPC handles before it gives way to others (rule INT-09).
const BUDGET: u32 = 128;

/// The adapter's registration for interrupts, and its context: all that a message needs.
#[derive(Debug)]
pub(super) struct Interrupts {
    handle: AtomicPtr<c_void>,
    /// NDIS's table of messages, which lives as long as the registration.
    table: AtomicPtr<IO_INTERRUPT_MESSAGE_INFO>,
    /// Whose event queues messages are about, once it is up.
    device: Once<Ref<Device>>,
}

impl Interrupts {
    /// Registers. Messages may come before this returns: all that their handlers touch is the registration (rule INIT-05).
    pub(super) fn register(adapter: &Ref<Adapter>, passive: Passive<'_>) -> Result<(), Failure> {
        let this = Ref::try_new(Self {
            handle: AtomicPtr::new(null_mut()),
            table: AtomicPtr::new(null_mut()),
            device: Once::new(),
        })
        .map_err(|e| Failure::from((Step::Interrupts, e)))?;
        let mut characteristics = characteristics();
        // SAFETY: complete characteristics; the context is kept until it is deregistered.
        let status = unsafe {
            ndis::NdisMRegisterInterruptEx(
                adapter.ndis.as_raw(),
                Ref::as_ptr(&this).cast_mut().cast(),
                &raw mut characteristics,
                this.handle.as_ptr(),
            )
        };
        let refused = |status| Failure::coded(Step::Interrupts, LogCode::InterruptConnect, status);
        Status(status).ok().map_err(refused)?;
        this.table
            .store(characteristics.MessageInfoTable, Ordering::Release);
        if characteristics.InterruptType != NDIS_CONNECT_MESSAGE_BASED || this.count() == 0 {
            // The device has no other interrupts (connectx interface, section 1).
            this.deregister(passive);
            return Err(refused(Status::NOT_SUPPORTED));
        }
        adapter.interrupts.set(this);
        Ok(())
    }

    fn count(&self) -> u32 {
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: NULL, or the table, which is complete.
        unsafe { table.as_ref() }.map_or(0, |table| table.MessageCount)
    }

    /// Messages that the adapter got, 1 at least, and the processors that they come to. The system's table has no groups: the bus's
    /// list of `resources` has.
    pub(super) fn messages(&self, resources: Resources<'_>) -> Result<Ref<Messages>, NoMemory> {
        let table = self.table.load(Ordering::Acquire).cast_const();
        Messages::try_new(self.count(), |message| {
            // SAFETY: there are messages, so there is a table.
            let first = unsafe { &raw const (*table).MessageInfo }.cast::<Entry>();
            // SAFETY: it has an entry for each message.
            let entry = unsafe { first.add(message as usize) };
            // SAFETY: as above.
            let entry = unsafe { entry.read() };
            Processors {
                group: resources.group(message, entry.Vector, entry.Irql),
                mask: entry.TargetProcessorSet as u64,
            }
        })
    }

    /// From here on messages are about this device.
    pub(super) fn serve(&self, device: Ref<Device>) {
        // A registration has one device.
        let _ = self.device.set(device);
    }

    /// A message came, or its queues were not empty at the last look.
    fn on_message(&self, message: u32) {
        let more = self
            .device
            .get()
            .is_some_and(|device| device.on_message(message, BUDGET));
        if more {
            self.queue_dpc(message);
        }
    }

    /// Ends them: after this no handler runs (rule HALT-02).
    pub(super) fn deregister(&self, _: Passive<'_>) {
        // SAFETY: registered by `register`; the token proves PASSIVE_LEVEL.
        unsafe { ndis::NdisMDeregisterInterruptEx(self.handle.load(Ordering::Acquire)) }
    }

    /// Has the DPC of `message` run (again), on this processor.
    fn queue_dpc(&self, message: u32) {
        let mut processor = PROCESSOR_NUMBER {
            Group: 0,
            Number: 0,
            Reserved: 0,
        };
        // SAFETY: room for the number.
        unsafe { ntddk::KeGetCurrentProcessorNumberEx(&raw mut processor) };
        let mut target = GROUP_AFFINITY {
            Mask: 1 << (processor.Number % 64),
            Group: processor.Group,
            Reserved: [0; 3],
        };
        let handle = self.handle.load(Ordering::Acquire);
        // SAFETY: a live registration: it is deregistered after the last DPC and the device are gone.
        unsafe { ndis::NdisMQueueDpcEx(handle, message, &raw mut target, null_mut()) };
    }
}

const fn characteristics() -> NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS {
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT as u8,
            Revision: NDIS_MINIPORT_INTERRUPT_REVISION_1 as u8,
            Size: size_of::<NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS>() as u16,
        },
        InterruptHandler: Some(line_interrupt),
        InterruptDpcHandler: Some(line_dpc),
        DisableInterruptHandler: None,
        EnableInterruptHandler: None,
        MsiSupported: 1,
        MsiSyncWithAllMessages: 0,
        MessageInterruptHandler: Some(message_interrupt),
        MessageInterruptDpcHandler: Some(message_dpc),
        DisableMessageInterruptHandler: None,
        EnableMessageInterruptHandler: None,
        InterruptType: 0,
        MessageInfoTable: null_mut(),
    }
}

/// The device has no line interrupt: not ours (rules INT-01, INT-02).
unsafe extern "win64" fn line_interrupt(_: *mut c_void, queue_dpc: *mut u8, _: *mut u32) -> u8 {
    // SAFETY: NDIS's place for the answer.
    unsafe { queue_dpc.write(0) };
    0
}

unsafe extern "win64" fn line_dpc(_: *mut c_void, _: *mut c_void, _: *mut c_void, _: *mut c_void) {}

/// A message is always ours; its DPC does the rest (rule INT-02).
unsafe extern "win64" fn message_interrupt(
    _: *mut c_void,
    _: u32,
    queue_dpc: *mut u8,
    targets: *mut u32,
) -> u8 {
    // SAFETY: NDIS's place for the answer.
    unsafe { queue_dpc.write(1) };
    // SAFETY: NDIS's place for the answer; 0: the DPC runs on this processor.
    unsafe { targets.write(0) };
    1
}

unsafe extern "win64" fn message_dpc(
    context: *mut c_void,
    message: u32,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) {
    // SAFETY: the context of the registration, which is kept until it is deregistered.
    let interrupts = unsafe { &*context.cast::<Interrupts>() };
    interrupts.on_message(message);
}
