//! MSI-X messages and their DPCs: each is one look at the event queues of its vector.

use core::{ffi::c_void, ptr::null_mut};

use wdk_sys::{_PROCESSOR_NUMBER as PROCESSOR_NUMBER, ntddk};

use super::{
    Adapter,
    failure::{Failure, Step},
    resources::Resources,
};
use crate::{
    ether::{Ether, scale::Processor},
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
        NDIS_RECEIVE_THROTTLE_PARAMETERS,
    },
};

/// Events that one DPC handles before it gives way to others (rule INT-09).
const BUDGET: u32 = 128;
/// `MoreNblsPending` of the throttle parameters.
const MORE_NBLS_PENDING: u32 = 1;
/// Frames of a queue that one DPC indicates, if NDIS sets no narrower limit.
const MOST_FRAMES: u32 = 256;

/// The adapter's registration for interrupts, and its context: all that a message needs.
#[derive(Debug)]
pub(super) struct Interrupts {
    handle: AtomicPtr<c_void>,
    /// NDIS's table of messages, which lives as long as the registration.
    table: AtomicPtr<IO_INTERRUPT_MESSAGE_INFO>,
    /// Whose event queues messages are about, once it is up.
    device: Once<Ref<Device>>,
    /// Whose frames they are about.
    ether: Once<Ref<Ether>>,
}

impl Interrupts {
    /// Registers. Messages may come before this returns: all that their handlers touch is the registration (rule INIT-05).
    pub(super) fn register(adapter: &Ref<Adapter>, passive: Passive<'_>) -> Result<(), Failure> {
        let this = Ref::try_new(Self {
            handle: AtomicPtr::new(null_mut()),
            table: AtomicPtr::new(null_mut()),
            device: Once::new(),
            ether: Once::new(),
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

    /// Messages that the adapter got.
    pub(super) fn count(&self) -> u32 {
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

    /// From here on messages are about these frames, too.
    pub(super) fn serve_frames(&self, ether: Ref<Ether>) {
        // A registration has one adapter.
        let _ = self.ether.set(ether);
    }

    /// Events were handed on outside of a DPC; what they say of frames is left to DPCs. `<= DISPATCH_LEVEL`.
    pub(super) fn look_at_frames(&self) {
        if let Some(ether) = self.ether.get() {
            ether.each_signal(|message| self.queue_dpc(message));
        }
    }

    /// A message came, or its queues were not empty at the last look. NDIS may limit the frames that are indicated, and then calls again
    /// if there are more (rule RECV-08).
    fn on_message(&self, message: u32, throttle: Option<&mut NDIS_RECEIVE_THROTTLE_PARAMETERS>) {
        let Some(device) = self.device.get() else { return };
        let most = throttle
            .as_ref()
            .map_or(MOST_FRAMES, |throttle| throttle.MaxNblsToIndicate)
            .min(MOST_FRAMES);
        let events = device.on_message(message, BUDGET);
        let frames = self
            .ether
            .get()
            .is_some_and(|ether| ether.serve(message, most, |processor| self.sends_away(message, processor)));
        match throttle {
            Some(throttle) if frames && throttle.MaxNblsToIndicate < MOST_FRAMES => {
                throttle.BitField4 |= MORE_NBLS_PENDING;
            }
            _ if events || frames => self.queue_dpc(message),
            _ => {}
        }
    }

    /// Ends them: after this no handler runs (rule HALT-02).
    pub(super) fn deregister(&self, _: Passive<'_>) {
        // SAFETY: registered by `register`; the token proves PASSIVE_LEVEL.
        unsafe { ndis::NdisMDeregisterInterruptEx(self.handle.load(Ordering::Acquire)) }
    }

    /// Has the DPC of `message` run on that processor, if it is another one (rule RSS-12). Whether it is.
    fn sends_away(&self, message: u32, processor: Processor) -> bool {
        let here = current_processor();
        let away = (here.Group, here.Number) != (processor.group, processor.number);
        if away {
            self.queue_dpc_on(message, processor.set());
        }
        away
    }

    /// Has the DPC of `message` run (again), on this processor.
    fn queue_dpc(&self, message: u32) {
        let here = current_processor();
        let set = Processors {
            group: here.Group,
            mask: 1 << (here.Number % 64),
        };
        self.queue_dpc_on(message, set);
    }

    fn queue_dpc_on(&self, message: u32, processors: Processors) {
        let mut target = GROUP_AFFINITY {
            Mask: processors.mask as usize,
            Group: processors.group,
            Reserved: [0; 3],
        };
        let handle = self.handle.load(Ordering::Acquire);
        // SAFETY: a live registration: it is deregistered after the last DPC and the device are gone.
        unsafe { ndis::NdisMQueueDpcEx(handle, message, &raw mut target, null_mut()) };
    }
}

fn current_processor() -> PROCESSOR_NUMBER {
    let mut processor = PROCESSOR_NUMBER {
        Group: 0,
        Number: 0,
        Reserved: 0,
    };
    // SAFETY: room for the number.
    unsafe { ntddk::KeGetCurrentProcessorNumberEx(&raw mut processor) };
    processor
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
    throttle: *mut c_void,
    _: *mut c_void,
) {
    // SAFETY: the context of the registration, which is kept until it is deregistered.
    let interrupts = unsafe { &*context.cast::<Interrupts>() };
    // SAFETY: NULL, or NDIS's parameters, alive during the call.
    let throttle = unsafe { throttle.cast::<NDIS_RECEIVE_THROTTLE_PARAMETERS>().as_mut() };
    interrupts.on_message(message, throttle);
}
